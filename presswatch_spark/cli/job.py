"""Runs the command line of `presswatch` for `jobs/*.py`, on a cluster.

EMR reports only COMPLETED or FAILED. Therefore the job writes its exit code to `PRESSWATCH_RESULT_URI`, where
the submitter reads it. First, the job copies the submitter's option files from S3 to its disk.
"""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from presswatch_spark.cli.main import run
from presswatch_spark.cli.replies import FAILED
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.version import __version__
from presswatch_spark.deploy.submission import FILE_OPTIONS
from presswatch_spark.storage.disk import fetch_file
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.objects import StorageOptions, write_object

IN_YARN = frozenset({"CONTAINER_ID", "PYSPARK_GATEWAY_PORT"})
"""Variables of a driver that runs in a container of YARN, under spark-submit."""


def run_job(arguments: Sequence[str]) -> int:
    """Run one command of `presswatch`, write its exit code for the submitter, and return it."""
    try:
        if os.environ.keys() >= IN_YARN:
            from presswatch_spark.core.spark.session import session

            # A job without Spark (a watch that finds nothing new) fails in YARN after 100 s or at its end.
            session(f"presswatch {arguments[0]}")
        with scratch_folder() as folder:
            local, option = list[str](), ""
            for number, argument in enumerate(arguments):
                name, equals, address = argument.partition("=")
                if option in FILE_OPTIONS:
                    name, equals, address = "", "", argument
                if (option in FILE_OPTIONS or name in FILE_OPTIONS) and address.startswith("s3://"):
                    file = str(folder / str(number) / address.rpartition("/")[2])
                    fetch_file(address, file, StorageOptions())
                    local.append(f"{name}{equals}{file}")
                else:
                    local.append(argument)
                option = argument
            code = run(local)
    except PresswatchError as error:
        sys.stderr.write(f"error: {error}\n")
        code = FAILED
    sys.stdout.flush()
    if uri := os.environ.get("PRESSWATCH_RESULT_URI"):
        finished_at = datetime.now(UTC).isoformat()
        outcome = {"exit_code": code, "tool_version": __version__, "finished_at": finished_at}
        try:
            write_object(uri, json.dumps(outcome).encode() + b"\n", StorageOptions())
        except PresswatchError as error:
            sys.stderr.write(f"warning: the exit code {code} could not be left for the submitter: {error}\n")
    return code
