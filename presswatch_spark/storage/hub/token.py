"""The token that a hub knows its user by. It is read where it is sent, and nothing else holds it.

It comes from the file or the secret that the settings name, or from `HF_TOKEN`. Settings, plans and messages
hold the name of that place alone. So each worker reads the token itself.
"""

import os
import re
from functools import lru_cache

from presswatch_spark.errors import ConfigError, StorageError
from presswatch_spark.settings.config import StorageOptions
from presswatch_spark.storage.json_documents import parse_json

VARIABLE = "HF_TOKEN"
_TOKEN = re.compile(r"[!-~]{1,1024}")
_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d+:secret:.+")


def token_of(options: StorageOptions) -> str | None:
    """Return the token for the hub; None if there is none.

    Raises:
        ConfigError: the file or the secret that the settings name holds no token.
        StorageError: the secret cannot be read.
    """
    if options.hf_token_file:
        return _checked(_in_file(options.hf_token_file), options.hf_token_file)
    if options.hf_token_secret:
        return _checked(_in_secret(options.hf_token_secret, options.profile), options.hf_token_secret)
    named = os.environ.get(VARIABLE, "").strip()
    return _checked(named, VARIABLE) if named else None


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise ConfigError("holds no token of a hub", where=where, remedy="write the token there, alone")
    return token


def _in_file(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(4096)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(
            f"the token cannot be read: {why}", where=path, remedy="check --hf-token-file"
        ) from None


@lru_cache(maxsize=4)
def _in_secret(arn: str, profile: str | None) -> str:
    """Return the text of a secret in AWS Secrets Manager: the token, or JSON with it under `HF_TOKEN`."""
    from botocore.exceptions import BotoCoreError, ClientError

    from presswatch_spark.storage.aws import aws_session

    found = _ARN.fullmatch(arn)
    if not found:
        # It may be the token itself.
        raise ConfigError(
            "is not the ARN of a secret",
            where="storage.hf_token_secret",
            remedy="write arn:aws:secretsmanager:REGION:…:secret:NAME",
        )
    try:
        client = aws_session(profile).client("secretsmanager", region_name=found["region"])
        text = str(client.get_secret_value(SecretId=arn).get("SecretString", ""))
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise StorageError(
            f"the secret cannot be read ({code})",
            where=arn,
            remedy="let the role of the job do secretsmanager:GetSecretValue there",
        ) from None
    try:
        held = parse_json(text)
    except ValueError:
        return text
    return str(held.get(VARIABLE, "")) if isinstance(held, dict) else text
