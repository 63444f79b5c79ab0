"""Follows a submitted job: waits for its end, and reads the driver's log, which EMR stores some time after.

boto3's own waiter gives up after half an hour, and EMR Serverless has none.
"""

import gzip
import re
import time
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import BinaryIO, cast

from presswatch_spark.deploy.emr import JobState, Service
from presswatch_spark.deploy.profiles import WaitRules
from presswatch_spark.storage.objects import (
    MissingError,
    StorageOptions,
    list_objects,
    open_stream,
)

GROWTH = 1.5
LOOK_SECONDS = 10.0
LINES = 1000
APPLICATION = re.compile(r"\bapplication_\d+_\d+\b")
# YARN's name for the first container of an application, which is the driver's.
DRIVER = "_000001/"


def wait(service: Service, run: str, rules: WaitRules, tell: Callable[[str], None]) -> JobState:
    """Look at a job until it has ended, and return its last state.

    Args:
        tell: gets a line whenever the job's state changes.
    """
    began, pause, word = time.monotonic(), rules.first_seconds, ""
    while True:
        state = service.state(run)
        if state.word != word:
            word, elapsed = state.word, timedelta(seconds=int(time.monotonic() - began))
            tell(f"{service.asked.job} {run}: {word}, after {elapsed}")
        if state.ended:
            return state
        time.sleep(pause)
        pause = min(rules.longest_seconds, pause * GROWTH)


def driver_log(service: Service, run: str, options: StorageOptions, rules: WaitRules) -> dict[str, list[str]]:
    """Return the last thousand lines of the driver's `stdout` and `stderr`; empty if none came in time."""
    deadline = time.monotonic() + rules.log_seconds
    while True:
        streams, is_drivers = _log_in(service.log_folders(run), options)
        left = deadline - time.monotonic()
        if is_drivers or left <= 0:
            return streams
        time.sleep(min(left, LOOK_SECONDS, rules.first_seconds))


def _log_in(folders: tuple[str, ...], options: StorageOptions) -> tuple[dict[str, list[str]], bool]:
    """Return the log as far as it is there, and whether it is the driver's own.

    A step's log is spark-submit's. It names the application; the first container of that is the driver's.
    """
    if not folders:
        return {}, True
    streams = _streams(folders[0], options)
    if len(folders) == 1 or not streams:
        return streams, bool(streams)
    named = [name for lines in streams.values() for line in lines for name in APPLICATION.findall(line)]
    if not named:
        return streams, "stderr" in streams
    driver = _streams(f"{folders[1]}{named[-1]}/", options, DRIVER)
    return driver or streams, bool(driver)


def _streams(folder: str, options: StorageOptions, part: str = "") -> dict[str, list[str]]:
    streams = {}
    with suppress(MissingError):
        for found in list_objects(folder, options):
            name = found.uri.rpartition("/")[2]
            if part not in found.uri or name not in ("stdout.gz", "stderr.gz"):
                continue
            with open_stream(found, options) as stream:
                try:
                    with gzip.open(cast(BinaryIO, stream), "rt", encoding="utf-8", errors="replace") as lines:
                        last = [line.rstrip("\n") for line in deque(lines, LINES)]
                except (OSError, EOFError, zlib.error):
                    last = [f"({found.uri} is not whole)"]
            streams[name.removesuffix(".gz")] = last
    return streams
