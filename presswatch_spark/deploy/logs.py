"""The driver's log, from where EMR puts it some time after a job has ended."""

from __future__ import annotations

import gzip
import re
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from presswatch_spark.deploy.profiles import WaitRules
from presswatch_spark.deploy.services import Service
from presswatch_spark.storage.objects import MissingError, StorageOptions, fetch_file, list_objects

LOOK_SECONDS = 10.0
LINES = 1000
APPLICATION = re.compile(r"\bapplication_\d+_\d+\b")
# YARN's name for the first container of an application, which is the driver's.
DRIVER = "_000001/"


def driver_log(service: Service, run: str, options: StorageOptions, rules: WaitRules) -> dict[str, list[str]]:
    """The last thousand lines of the driver's `stdout` and `stderr`; empty if no log came in time."""
    deadline = time.monotonic() + rules.log_seconds
    while True:
        streams, whole = _found(service.log_folders(run), options)
        left = deadline - time.monotonic()
        if whole or left <= 0:
            return streams
        time.sleep(min(left, LOOK_SECONDS, rules.first_seconds))


def _found(folders: tuple[str, ...], options: StorageOptions) -> tuple[dict[str, list[str]], bool]:
    """What there is of the log, and whether that is the driver's own.

    A step's log is spark-submit's. It names the application whose first container was the driver.
    """
    if not folders:
        return {}, True
    streams = _streams(_listed(folders[0], options), options)
    if len(folders) == 1 or not streams:
        return streams, bool(streams)
    named = [name for lines in streams.values() for line in lines for name in APPLICATION.findall(line)]
    if not named:
        return streams, "stderr" in streams
    inside = [uri for uri in _listed(f"{folders[1]}{named[-1]}/", options) if DRIVER in uri]
    driver = _streams(inside, options)
    return driver or streams, bool(driver)


def _listed(folder: str, options: StorageOptions) -> Iterator[str]:
    with suppress(MissingError):
        yield from (found.uri for found in list_objects(folder, options))


def _streams(uris: Iterable[str], options: StorageOptions) -> dict[str, list[str]]:
    """The last lines of each `stdout.gz` and `stderr.gz`; of several attempts of a driver, the last one's."""
    streams = {}
    for uri in sorted(uris):
        name = uri.rpartition("/")[2]
        if name in ("stdout.gz", "stderr.gz"):
            streams[name.removesuffix(".gz")] = _last_lines(uri, options)
    return streams


def _last_lines(uri: str, options: StorageOptions) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="presswatch-log-") as folder:
        file = Path(folder, "log.gz")
        fetch_file(uri, str(file), options)
        try:
            with gzip.open(file, "rt", encoding="utf-8", errors="replace") as lines:
                return [line.rstrip("\n") for line in deque(lines, LINES)]
        except (OSError, EOFError, zlib.error):
            return [f"({uri} is not whole)"]
