"""EMR on EC2 and EMR Serverless: what both can do with a submission."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.requests import Request
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.errors import ConfigError

CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


@dataclass(frozen=True, slots=True)
class State:
    """Where a job stands, by the service's word; `reason` is what it says of a failure."""

    word: str
    ended: bool
    succeeded: bool
    reason: str = ""


class Service(Protocol):
    """One way to run a submission."""

    @property
    def asked(self) -> Submission:
        """What it is to run."""
        ...

    @property
    def knows_tokens(self) -> bool:
        """Whether starting an attempt that runs already gives that one, and no second."""
        ...

    def check(self) -> None:
        """Make sure that the hosts are there and what the profile says; ConfigError if not."""
        ...

    def request(self, attempt: int) -> Request:
        """What starts an attempt."""
        ...

    def find(self, attempt: int) -> str | None:
        """Id of an attempt that was started, as far as the service can tell by its name."""
        ...

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Start an attempt; its id.

        Where tokens are not known, `confirm` is called before each request, and raises if it is too late.
        """
        ...

    def state(self, run: str) -> State:
        """Where it stands."""
        ...

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """What to look at: a word for it, and its address, or a command that gives one."""
        ...

    def cancel_commands(self, run: str) -> tuple[str, ...]:
        """What to type to end it, one after the other."""
        ...

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Where its logs lie: what the service says of it, e.g. `stderr.gz`."""
        ...


def check_release(profile: Profile, found: str, where: str) -> None:
    """Refuse hosts of another release than the profile's: the archive is for one Python and one Spark."""
    if found != profile.release:
        raise ConfigError(
            f"it has the release {found}, and the profile says {profile.release}",
            where=where,
            remedy="name another, or set `release`, if its Spark is 4.0 or newer, and `archive.python`",
        )


def emr_console(region: str, page: str) -> str:
    """Address of a page of EMR's console."""
    return f"https://{region}.{_console(region)}/emr/home?region={region}#/{page}"


def s3_console(region: str, folder: str) -> str:
    """Address of an S3 folder in the console."""
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    return f"https://{region}.{_console(region)}/s3/buckets/{bucket}?region={region}&prefix={prefix}"


def _console(region: str) -> str:
    own = (host for start, host in CONSOLES.items() if region.startswith(start))
    return next(own, "console.aws.amazon.com")
