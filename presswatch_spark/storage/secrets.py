"""Texts of secrets in AWS Secrets Manager, which each host reads itself."""

from functools import lru_cache

from presswatch_spark.core.errors import StorageError
from presswatch_spark.storage.json_documents import parse_json


@lru_cache(maxsize=4)
def secret_text(arn: str, profile: str | None, name: str) -> str:
    """Return the text of a secret, or, if it is a JSON object, the text under `name` ("" if it has none)."""
    from botocore.exceptions import BotoCoreError, ClientError

    from presswatch_spark.storage.s3 import aws_session

    try:
        # arn:aws:secretsmanager:REGION:…:secret:NAME
        client = aws_session(profile).client("secretsmanager", region_name=arn.split(":")[3])
        text = str(client.get_secret_value(SecretId=arn).get("SecretString", ""))
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise StorageError(
            f"the secret cannot be read ({code})",
            where=arn,
            remedy="allow secretsmanager:GetSecretValue on it to the role of the job",
        ) from None
    try:
        held = parse_json(text)
    except ValueError:
        return text
    return str(held.get(name, "")) if isinstance(held, dict) else text
