"""What EMR on EC2 and EMR Serverless both do with a submission; clients of AWS, and their errors as ours."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.requests import Request
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.errors import ConfigError, PresswatchError
from presswatch_spark.show import printable

CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class State:
    """Where a job stands, in the service's word; `reason` is why it failed."""

    word: str
    ended: bool
    succeeded: bool
    reason: str = ""


class Service(Protocol):
    """One way to run a submission."""

    @property
    def asked(self) -> Submission:
        """Return what it is to run."""
        ...

    @property
    def knows_tokens(self) -> bool:
        """Return whether a second start of an attempt gives the one that runs."""
        ...

    def check(self) -> None:
        """Make sure that the hosts are there, as the profile says; `ConfigError` if not."""
        ...

    def request(self, attempt: int) -> Request:
        """Return what starts an attempt."""
        ...

    def find(self, attempt: int) -> str | None:
        """Return the id of an attempt that was started, if the service can tell by its name."""
        ...

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Start an attempt, and return its id.

        A service without tokens calls `confirm` before each request, which raises if it is too late.
        """
        ...

    def state(self, run: str) -> State:
        """Return where it stands."""
        ...

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield what to look at: a word for it, and its address or a command that gives one."""
        ...

    def cancel_commands(self, run: str) -> tuple[str, ...]:
        """Return the commands that end it, in their order."""
        ...

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the folders of its logs."""
        ...


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
    own = (host for start, host in CONSOLES.items() if region.startswith(start))
    return next(own, "console.aws.amazon.com")


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


def named(credentials: str | None) -> str:
    """Return the option that gives `aws` these credentials, with a space behind it; or nothing."""
    return f"--profile {shlex.quote(credentials)} " if credentials else ""


@lru_cache(maxsize=8)
def _client(
    service: str, region: str | None, attempts: int, endpoint: str | None, credentials: str | None
) -> Any:
    # Reading the models of a service takes longer than most requests. boto3 reads the endpoint by itself.
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=30
    )
    return boto3.session.Session(region_name=region, profile_name=credentials).client(service, config=config)


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
    except BotoCoreError as error:
        raise ServiceError(
            printable(f"{service} could not be asked: {error}"),
            where=what,
            remedy="check credentials, region and network, and give the same command again",
        ) from error
