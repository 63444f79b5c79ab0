"""What `jobs/*.py` run: the command line of `presswatch`, for drivers that nobody stands beside.

A submitted job ends as COMPLETED or FAILED, and no more is said of it; so its exit code is written to the
object that `PRESSWATCH_RESULT_URI` names, where whoever submitted it reads it. Files that were options on the
submitter's disk lie in S3 and are brought here first.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from presswatch_spark.cli.exits import FAILED
from presswatch_spark.cli.main import run
from presswatch_spark.deploy.submission import FILE_OPTIONS
from presswatch_spark.errors import PresswatchError
from presswatch_spark.storage.objects import StorageOptions, fetch_file, write_object
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.version import __version__

IN_YARN = frozenset({"CONTAINER_ID", "PYSPARK_GATEWAY_PORT"})
"""Variables of a driver that runs in a container of YARN, under spark-submit."""


def run_job(arguments: Sequence[str]) -> int:
    """Run one command of `presswatch` and return its exit code, after leaving it where it is asked for."""
    try:
        _begin(arguments[0])
        with scratch_folder() as folder:
            code = run([*brought(arguments, folder)])
    except PresswatchError as error:
        sys.stderr.write(f"error: {error}\n")
        code = FAILED
    sys.stdout.flush()
    if uri := os.environ.get("PRESSWATCH_RESULT_URI"):
        _leave(uri, code)
    return code


def _begin(name: str) -> None:
    """Start Spark before anything else, where YARN waits for it.

    An application that has no Spark after 100 seconds, or none until its end, has failed for YARN, whatever
    it does and says; and a watch that finds nothing new needs none.
    """
    if os.environ.keys() >= IN_YARN:
        from presswatch_spark.spark.session import session

        session(f"presswatch {name}")


def brought(arguments: Sequence[str], folder: Path) -> Iterable[str]:
    """The arguments, with each file in S3 that a `FILE_OPTIONS` names copied to `folder`."""
    option = ""
    for number, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if option in FILE_OPTIONS and argument.startswith("s3://"):
            yield _copied(argument, folder / str(number))
        elif name in FILE_OPTIONS and equals and value.startswith("s3://"):
            yield f"{name}={_copied(value, folder / str(number))}"
        else:
            yield argument
        option = argument


def _copied(uri: str, folder: Path) -> str:
    file = folder / uri.rpartition("/")[2]
    fetch_file(uri, str(file), StorageOptions())
    return str(file)


def _leave(uri: str, code: int) -> None:
    """Write the outcome. That it cannot be written is said, and does not change it."""
    outcome = {"exit_code": code, "tool_version": __version__, "finished_at": datetime.now(UTC).isoformat()}
    try:
        write_object(uri, json.dumps(outcome).encode() + b"\n", StorageOptions())
    except PresswatchError as error:
        sys.stderr.write(f"warning: the exit code {code} could not be left for the submitter: {error}\n")
