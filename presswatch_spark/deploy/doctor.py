"""Checks of this machine before a scan: programs, memory, disk, caches, clock, network, access to storage.

A check is a function of `Asked`, in `CHECKS`, that only reads. All run at the same time; `SECONDS` later,
those without a result are reported as such.
"""

import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from threading import Thread

from botocore.exceptions import BotoCoreError

from presswatch_spark.core.compiled import cache_folder
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.extras import install_command
from presswatch_spark.core.processes import is_ours
from presswatch_spark.core.settings.config import ScanConfig, StorageOptions
from presswatch_spark.core.spark.java import OLDEST, java_at, java_home
from presswatch_spark.core.translation import N_, Translator
from presswatch_spark.core.version import __version__
from presswatch_spark.deploy.check import FAULT, OK, UNKNOWN
from presswatch_spark.storage.addresses import name_of
from presswatch_spark.storage.http import HttpStore
from presswatch_spark.storage.hub import HubStore, token_of
from presswatch_spark.storage.objects import ask, list_objects, stat
from presswatch_spark.storage.s3 import ENDPOINT_VARIABLES, aws_session, explained
from presswatch_spark.storage.uris import scheme_of

SECONDS = 14
DRIVER_GB, WORKER_GB, DISK_GB, CLOCK_SECONDS = 0.9, 0.35, 2.0, 60
"""Memory of driver with Java, and of a worker (docs/explanation/speed.md); free disk; error of the clock."""
Finding = tuple[bool | None, str, str]
"""Whether the point is right (None: unknown), the finding, and the remedy of a fault."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The settings to check, places that scans will read, and the language of findings."""

    config: ScanConfig
    places: Sequence[str]
    language: Translator

    @property
    def storage(self) -> StorageOptions:
        """Return the settings of storage, with short waits."""
        storage = replace(self.config.storage, max_attempts=1, longest_wait=0, refusal_pause=0)
        return replace(storage, connect_timeout=4, read_timeout=4)

    @property
    def endpoints(self) -> list[str]:
        """Return an address of Common Crawl, of the hub and of S3."""
        storage = self.config.storage
        named = storage.endpoint or next(filter(None, map(os.environ.get, ENDPOINT_VARIABLES)), None)
        s3 = named or f"https://s3.{storage.region or 'us-east-1'}.amazonaws.com/"
        return [self.config.datasets.common_crawl.index, HubStore(storage).endpoint, s3]


def examine(asked: Asked) -> Iterator[tuple[str, str, str]]:
    """Yield point, outcome, and finding with remedy, of every check."""
    _, found = asked.language, dict[str, Finding]()

    def look(point: str) -> None:
        try:
            found[point] = CHECKS[point](asked)
        except PresswatchError as error:
            found[point] = False, ": ".join(filter(None, (error.where, error.what))), error.remedy
        except Exception as error:  # noqa: BLE001 other checks continue
            found[point] = None, type(error).__name__, ""

    threads = {point: Thread(target=look, args=[point], daemon=True) for point in CHECKS}
    for thread in threads.values():
        thread.start()
    end = time.monotonic() + SECONDS
    for point, thread in threads.items():
        thread.join(max(0.0, end - time.monotonic()))
        is_right, finding, remedy = found.get(point, (None, _("no result after {n} s", n=SECONDS), ""))
        outcome = UNKNOWN if is_right is None else OK if is_right else FAULT
        yield point, outcome, finding if is_right or not remedy else f"{finding} – {remedy}"


def _python(_: Asked) -> Finding:
    return True, f"Python {platform.python_version()}, presswatch {__version__}", ""


def _java(asked: Asked) -> Finding:
    _ = asked.language
    try:
        java = java_at(Path(java_home(), "bin", "java"))
        return bool(java), f"Java {java.version}, {java.home}" if java else "", ""
    except PresswatchError:
        remedy = _("install Java {oldest}, or: {command}", oldest=OLDEST, command=install_command("jre"))
        return False, _("no suitable Java was found; scans need one"), remedy


def _spark(_: Asked) -> Finding:
    version = metadata.version("pyspark")
    return int(version.partition(".")[0]) >= 4, f"Spark {version}", "pip install 'pyspark>=4'"


def _memory(asked: Asked) -> Finding:
    _, cores = asked.language, asked.config.run.cores or os.cpu_count() or 1
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        size = min(size, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    needed = DRIVER_GB + cores * WORKER_GB
    has, needs = _.number(size / 1e9, 1), _.number(needed, 1)
    finding = _(
        "{has} GB; on {n} cores, {needs} GB and the corpus's index are used", has=has, n=cores, needs=needs
    )
    return size / 1e9 >= needed, finding, _("use fewer cores (--cores)")


def _disk(asked: Asked) -> Finding:
    _, folder = asked.language, tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 1e9
    finding = _("{free} GB free in {folder}", free=_.number(free, 1), folder=folder)
    return free >= DISK_GB, finding, _("free {n} GB, or set TMPDIR", n=_.number(DISK_GB))


def _kernels(asked: Asked) -> Finding:
    _, folder = asked.language, cache_folder()
    texts = N_("the first scan compiles them, in {folder}"), N_("compiled, in {folder}")
    finding = _(texts[any(folder.glob("*.ready"))], folder=folder)
    return is_ours(folder.parent), finding, _("set NUMBA_CACHE_DIR to a private folder")


def _clock(asked: Asked) -> Finding:
    _, url = asked.language, asked.endpoints[0]
    reply = ask(url, 0, 1, asked.storage)
    date = reply.header("date")
    if not date:
        return None, _("{url} does not answer", url=url), ""
    error = round(abs(parsedate_to_datetime(date).timestamp() - reply.sent_at))
    finding = _("{n} s from the clock of {url}", n=error, url=url)
    return error < CLOCK_SECONDS, finding, _("set it: timedatectl set-ntp true")


def _dns(asked: Asked) -> Finding:
    _, unknown, hosts = asked.language, list[str](), [*map(name_of, asked.endpoints)]
    for host in hosts:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            unknown.append(host)
    remedy = _("unknown: check network and name servers")
    return not unknown, ", ".join(unknown or hosts), remedy


def _endpoint(asked: Asked) -> Finding:
    _, urls = asked.language, asked.endpoints
    silent = [url for url in urls if ask(url, 0, 1, asked.storage).status is None]
    return not silent, ", ".join(silent or urls), _("no answer: check network, proxy and --endpoint")


def _credentials(asked: Asked) -> Finding:
    _, storage = asked.language, asked.storage
    try:
        found = None if storage.unsigned else aws_session(storage.profile).get_credentials()
    except BotoCoreError as error:
        raise explained(error, "AWS") from error
    are_needed = not storage.unsigned and any(scheme_of(place) == "s3" for place in asked.places)
    finding = _("of AWS, from {source}", source=found.method) if found else _("none of AWS")
    return bool(found) or not are_needed, finding, _("pass --profile, or --unsigned for a public bucket")


def _token(asked: Asked) -> Finding:
    _, hub = asked.language, HubStore(asked.storage).endpoint
    if (token := token_of(asked.storage)) is None:
        return True, _("none; public datasets of {hub} need none", hub=hub), ""
    web, bearer = HttpStore(asked.storage), {"Authorization": f"Bearer {token}"}
    status = web.ask(f"{hub}/api/whoami-v2", 0, 1, bearer, follow=False).status
    if status is None:
        return None, _("{url} does not answer", url=hub), ""
    return status in (200, 206), _("{url} answers ({status})", url=hub, status=status), _("make a new token")


def _place(asked: Asked) -> Finding:
    _ = asked.language
    for place in asked.places:
        if place.endswith("/"):
            next(list_objects(place, asked.storage), None)
        else:
            stat(place, asked.storage)
    return True, ", ".join(asked.places) or _("no place to read was passed"), ""


CHECKS = {
    check.__name__.removeprefix("_"): check
    for check in (
        *(_python, _java, _spark, _memory, _disk, _kernels, _clock, _dns, _endpoint, _credentials, _token),
        _place,
    )
}
"""Checks by their points, in the order of the report."""
