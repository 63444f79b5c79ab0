"""What a check says before a job is submitted: one finding a point, and none is left out.

What could not be looked at is a finding of its own kind, and never "ok".
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import ClientError

from presswatch_spark.deploy.services import ServiceError
from presswatch_spark.errors import PresswatchError
from presswatch_spark.storage.objects import DeniedError

NO_ANSWER = frozenset(
    (
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
        *("NotImplemented", "501", "NoSuchResourceException"),
    )
)
"""What AWS says to those who may not ask, and of what a service does not know, such as a quota."""


class Word(StrEnum):
    """How a point of a check stands."""

    OK = "ok"
    FAULT = "fault"
    UNKNOWN = "could not be checked"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check says of one point; `remedy` is what to do about it, if anything is."""

    point: str
    word: Word
    said: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """Return the finding in words, with its remedy."""
        return f"{self.said}; {self.remedy}" if self.remedy else self.said


def ok(point: str, said: str) -> CheckResult:
    """Return that a point was looked at and is right."""
    return CheckResult(point, Word.OK, said)


def fault(point: str, said: str, remedy: str) -> CheckResult:
    """Return that the job would fail, or would not do what was asked; and what to do."""
    return CheckResult(point, Word.FAULT, said, remedy)


def unknown(point: str, said: str, remedy: str = "") -> CheckResult:
    """Return that nobody knows whether a point is right."""
    return CheckResult(point, Word.UNKNOWN, said, remedy)


def looked(
    point: str, look: Callable[[], Iterable[CheckResult]], *, needed: bool = False
) -> Iterator[CheckResult]:
    """Yield what a look finds; an error of the look is a finding, and ends this point only.

    Args:
        needed: the submission has to look, too: what it could not see would stop it.
    """
    try:
        yield from look()
    except PresswatchError as error:
        what = f"{error.where}: {error.what}" if error.where else error.what
        if is_no_answer(error) and not needed:
            yield unknown(point, what, error.remedy)
        else:
            yield fault(point, what, error.remedy)


def is_no_answer(error: PresswatchError) -> bool:
    """Say whether an error leaves open what was asked: the service is silent, or does not tell us."""
    if isinstance(error, ServiceError) and not isinstance(error.__cause__, ClientError):
        return True
    return isinstance(error, DeniedError) or code_of(error) in NO_ANSWER


def code_of(error: PresswatchError) -> str:
    """Return the code that AWS gave an error; "" if it is not AWS's."""
    cause = error.__cause__
    return str(cause.response["Error"].get("Code", "")) if isinstance(cause, ClientError) else ""
