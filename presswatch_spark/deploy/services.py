"""What the services of EMR share: states, addresses, clients of AWS, and their errors as ours."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.errors import ConfigError, PresswatchError
from presswatch_spark.show import printable
from presswatch_spark.storage.aws import aws_session

CONSOLE = "console.aws.amazon.com"
CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
ATTEMPTS = 10
# The words of all services: none means another thing elsewhere.
SUCCEEDED = frozenset({"SUCCESS", "COMPLETED"})
FAILED = frozenset({"FAILED", "CANCELLED", "INTERRUPTED"})


@dataclass(frozen=True, slots=True)
class JobState:
    """Where a job stands, in the service's word; `reason` is why it failed."""

    word: str
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the job has done its work."""
        return self.word in SUCCEEDED

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.succeeded or self.word in FAILED


def check_release(profile: Profile, found: str, where: str) -> None:
    """Raise `ConfigError` for hosts of another release: the archive is for one Python and one Spark."""
    if found != profile.release:
        raise ConfigError(
            f"it has the release {found}, and the profile says {profile.release}",
            where=where,
            remedy="name another, or set `release`, if its Spark is 4.0 or newer, and `archive.python`",
        )


def emr_console(region: str, page: str) -> str:
    """Return the address of a page of EMR's console."""
    return f"https://{region}.{_console(region)}/emr/home?region={region}#/{page}"


def s3_console(region: str, folder: str) -> str:
    """Return the address of an S3 folder in the console."""
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    return f"https://{region}.{_console(region)}/s3/buckets/{bucket}?region={region}&prefix={prefix}"


def _console(region: str) -> str:
    return next((host for start, host in CONSOLES.items() if region.startswith(start)), CONSOLE)


class ServiceError(PresswatchError):
    """A service of AWS refused a request, or could not be reached."""


def client(
    service: str, region: str | None, attempts: int = ATTEMPTS, *, credentials: str | None = None
) -> Any:
    """Return a client that tries a request up to `attempts` times.

    Args:
        credentials: the name of an AWS profile; without one, the usual chain decides.

    Raises:
        ServiceError: there is no profile of that name.
    """
    with reaching(service, f"AWS profile {credentials}" if credentials else service):
        return _client(service, region, attempts, os.environ.get("AWS_ENDPOINT_URL"), credentials)


def aws_options(region: str | None, credentials: str | None) -> str:
    """Return the options that give `aws` these credentials, if any are named, and the region."""
    return f"--profile {shlex.quote(credentials)} --region {region}" if credentials else f"--region {region}"


@lru_cache(maxsize=8)
def _client(
    service: str, region: str | None, attempts: int, endpoint: str | None, credentials: str | None
) -> Any:
    # Reading the models of a service takes longer than most requests. boto3 reads the endpoint by itself.
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=30
    )
    return aws_session(credentials, region).client(service, config=config)


@contextmanager
def reaching(service: str, what: str) -> Iterator[None]:
    """Turn an error of botocore into a `ServiceError` about `what`."""
    try:
        yield
    except ClientError as error:
        code, message = (str(error.response["Error"].get(name, "")) for name in ("Code", "Message"))
        raise ServiceError(
            printable(f"{service} refused {error.operation_name}: {code}: {message}"),
            where=what,
            remedy="check the id, the region, and the permissions of your credentials",
        ) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise ServiceError(
            printable(f"{service} could not be asked: {error}"),
            where=what,
            remedy="check credentials, region and network, and give the same command again",
        ) from error
