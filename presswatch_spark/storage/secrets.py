"""Texts of secrets in AWS Secrets Manager, which each host reads itself."""

from functools import lru_cache

from presswatch_spark.core.errors import StorageError
from presswatch_spark.storage.json_documents import parse_json


@lru_cache(maxsize=4)
def secret_text(arn: str, profile: str | None, name: str) -> str:
    """Return the text of a secret: of a JSON object, that under `name` or ""; of bytes, their digits.

    Raises `StorageError` with the code of the service.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from presswatch_spark.storage.s3 import aws_session

    try:
        # arn:aws:secretsmanager:REGION:…:secret:NAME
        region = arn.split(":")[3:4]
        client = aws_session(profile).client("secretsmanager", *region)
        found = client.get_secret_value(SecretId=arn)
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        may_pass = code in ("ThrottlingException", "InternalServiceError", "EndpointConnectionError")
        allow = "allow secretsmanager:GetSecretValue on it to the role of the job"
        raise StorageError(
            f"the secret cannot be read ({code})", where=arn, remedy="try again later" if may_pass else allow
        ) from None
    text = str(found.get("SecretString") or found.get("SecretBinary", b"").hex())
    try:
        held = parse_json(text)
    except ValueError:
        return text
    return str(held.get(name, "")) if isinstance(held, dict) else text
