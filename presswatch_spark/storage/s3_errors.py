"""What S3 and boto3 say, as errors a user can act on."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectionError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidConfigError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.contract import DeniedError, MissingError, NoBucketError, StorageOptions
from presswatch_spark.storage.uris import bucket_and_key

_MISSING = {
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object",
    "404": "there is no such object or bucket",
    "NotFound": "there is no such object or bucket",
}
_DENIED = {"403", "AccessDenied", "AllAccessDisabled", "Forbidden", "AccountProblem"}
_BAD_KEY = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "401", "InvalidToken", "AuthFailure"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
PROCESS_PROVIDER = "custom-process"
"""How botocore calls the `credential_process` of a profile."""

_PUBLIC_SITE = "Common Crawl's bucket wants credentials, its site https://data.commoncrawl.org/ does not"


def explained(error: ClientError | BotoCoreError, uri: str, options: StorageOptions) -> StorageError:
    """Turn an error of botocore into ours; nothing of a credential is quoted."""
    if isinstance(error, ClientError):
        return from_reply(str(error.response.get("Error", {}).get("Code", "")), uri, options)
    what, remedy = _from_client(error, options)
    return StorageError(what, where=uri, remedy=remedy)


def from_reply(code: str, uri: str, options: StorageOptions) -> StorageError:
    """Turn the code of a reply of S3 into an error of ours."""
    if code in _MISSING:
        kind = NoBucketError if code == "NoSuchBucket" else MissingError
        return kind(_MISSING[code], where=uri, remedy="check bucket, key and --endpoint")
    if code in _DENIED:
        return DeniedError("access denied", where=uri, remedy=_access_remedy(uri, options))
    if code in _BAD_KEY:
        return StorageError("the credentials are not valid here", where=uri, remedy="give another --profile")
    if code in _EXPIRED:
        return StorageError("the credentials have expired", where=uri, remedy="log in again")
    return StorageError(f"S3 answered {code or 'without a reason'}", where=uri, remedy="run again later")


def _access_remedy(uri: str, options: StorageOptions) -> str:
    if not options.unsigned:
        return "give a --profile that may read it, or --unsigned for a public bucket"
    if bucket_and_key(uri)[0] == "commoncrawl":
        return _PUBLIC_SITE
    return "leave out --unsigned and give a --profile that may read it"


def _from_client(error: BotoCoreError, options: StorageOptions) -> tuple[str, str]:
    if isinstance(error, NoCredentialsError):
        return "no credentials were found", "give --profile, or --unsigned for a public bucket"
    if isinstance(error, PartialCredentialsError):
        return "the credentials are incomplete", "set key and secret, or give --profile"
    if isinstance(error, ProfileNotFound):
        return f"there is no AWS profile named {options.profile!r}", "give a --profile of ~/.aws/config"
    if isinstance(error, CredentialRetrievalError) and error.kwargs.get("provider") == PROCESS_PROVIDER:
        return (
            "the credential_process of the AWS profile failed, or printed no credentials",
            "run its command from ~/.aws/config by hand: it has to print JSON with Version 1 and the keys",
        )
    if isinstance(
        error, (SSOError, UnauthorizedSSOTokenError, TokenRetrievalError, CredentialRetrievalError)
    ):
        return "the credentials could not be fetched or have expired", "log in again (aws sso login)"
    if isinstance(error, (ConfigParseError, InvalidConfigError)):
        return "the AWS configuration files cannot be read", "check ~/.aws/config and ~/.aws/credentials"
    if isinstance(error, ParamValidationError):
        return "is not the name of an object", "write s3://BUCKET/KEY"
    if isinstance(error, SSLError):
        return "the certificate of the endpoint is not trusted", "give --ca-bundle, or set AWS_CA_BUNDLE"
    if isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
        return "the endpoint cannot be reached", "check --endpoint, --region and the network"
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return f"the connection failed ({type(error).__name__})", "run again later"
    return f"the S3 client failed ({type(error).__name__})", "check --endpoint, --region and ~/.aws/config"
