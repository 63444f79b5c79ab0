"""Translates Spark's exceptions to errors of ours: the cause in one line, and a remedy."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JError, Py4JNetworkError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from presswatch_spark.core.errors import PresswatchError, disk_full

FULL_DISK_SIGNS = ("No space left on device", "Disk quota exceeded")
CANCELLED_SIGNS = ("cancelled", "SparkContext was shut down")
DEAD_WORKER_SIGNS = (
    "Python worker exited unexpectedly",
    "ExecutorLostFailure",
    "Connection reset",
    # The task's workers died on every executor, and none may try it again.
    "cannot run anywhere due to node and executor",
)
GIST_CHARACTERS = 500


class WorkerDiedError(PresswatchError):
    """A job failed because its Python workers, or their hosts, kept dying."""


@contextmanager
def spark_errors(path: str | Path) -> Iterator[None]:
    """Translate Spark's exceptions while it writes to `path`.

    `OutputError`: the disk is full. `WorkerDiedError`: Python workers kept dying. Else `PresswatchError`.
    """
    try:
        yield
    except (Py4JError, PySparkException, ConnectionError) as error:
        text = str(error)
        if _holds(text, FULL_DISK_SIGNS):
            raise disk_full(path) from error
        if _holds(text, DEAD_WORKER_SIGNS) and not _holds(text, CANCELLED_SIGNS):
            raise WorkerDiedError(gist(text), where=str(path)) from error
        what, step = "Spark could not finish its work", "fix this"
        if isinstance(error, Py4JNetworkError | ConnectionError):
            what, step = "Spark's Java process ended", "check whether this machine ran out of memory,"
        raise PresswatchError(
            f"{what}: {gist(text)}",
            where=str(path),
            remedy=f"{step} and run the same command again: the run resumes",
        ) from error


def _holds(text: str, signs: Iterable[str]) -> bool:
    return any(sign in text for sign in signs)


def gist(text: str) -> str:
    """Return the line of a Spark error that names the cause: the last one before the Java stack."""
    lines = [line.strip(" :") for line in text.partition("\n\tat ")[0].splitlines() if line.strip()]
    return lines[-1][:GIST_CHARACTERS] if lines else "no reason given"
