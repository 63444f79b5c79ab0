"""Checks of this machine before a scan: programs, memory, disk, caches, clock, network, access to storage.

A check is a function of `Asked`, in `CHECKS`, that only reads. All run at the same time; `SECONDS` later,
points without a result are reported as such.
"""

import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from presswatch_spark.storage.http_exchanges import clock_ahead
from presswatch_spark.storage.hub import HubStore, token_of
from presswatch_spark.storage.objects import ask, list_objects, stat
from presswatch_spark.storage.s3 import ENDPOINT_VARIABLES, aws_session, explained
from presswatch_spark.storage.uris import scheme_of

SECONDS = 14
DRIVER_GB, WORKER_GB, DISK_GB, CLOCK_SECONDS = 0.9, 0.35, 2.0, 60
"""Memory of driver with Java, and of a worker (docs/explanation/speed.md); free disk; error of the clock."""
Finding = tuple[str, bool | None, str, str]
"""A point, whether it is right (None: unknown), the finding, and the remedy of a fault."""


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


def examine(asked: Asked) -> Iterator[tuple[str, str, str]]:
    """Yield point, outcome, and finding with remedy, of every check."""
    _, found = asked.language, dict[str, Finding]()

    def look(check: Callable[[Asked], Iterator[Finding]]) -> None:
        # Other checks continue after an error; the points of this one have no result.
        with suppress(Exception):
            try:
                found.update((finding[0], finding) for finding in check(asked))
            except PresswatchError as error:
                point = check.__name__.strip("_")
                found[point] = point, False, str(error), ""

    threads = [Thread(target=look, args=[check], daemon=True) for check in CHECKS]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = _("no result after {n} s", n=SECONDS)
    for point in POINTS:
        _point, is_right, finding, remedy = found.get(point, (point, None, late, ""))
        outcome = UNKNOWN if is_right is None else OK if is_right else FAULT
        yield point, outcome, finding if is_right or not remedy else f"{finding} – {remedy}"


def _machine(asked: Asked) -> Iterator[Finding]:
    _, cores = asked.language, asked.config.run.cores or os.cpu_count() or 1
    yield "python", True, f"Python {platform.python_version()}, presswatch {__version__}", ""
    yield "spark", True, f"Spark {metadata.version('pyspark')}", ""

    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        size = min(size, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    needed = DRIVER_GB + cores * WORKER_GB
    numbers = {"has": _.number(size / 1e9, 1), "n": cores, "needs": _.number(needed, 1)}
    finding = _("{has} GB; on {n} cores, {needs} GB and the corpus's index are used", **numbers)
    yield "memory", size / 1e9 >= needed, finding, _("use fewer cores (--cores)")

    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 1e9
    finding = _("{free} GB free in {folder}", free=_.number(free, 1), folder=folder)
    yield "disk", free >= DISK_GB, finding, _("free {n} GB, or set TMPDIR", n=_.number(DISK_GB))

    kernels = cache_folder()
    state = N_("the first scan compiles them, in {folder}")
    if any(kernels.glob("*.ready")):
        state = N_("compiled, in {folder}")
    finding = _(state, folder=kernels)
    yield "kernels", is_ours(kernels.parent), finding, _("set NUMBA_CACHE_DIR to a private folder")


def _java(asked: Asked) -> Iterator[Finding]:
    _, command = asked.language, install_command("jre")
    try:
        java = java_at(Path(java_home(), "bin", "java"))
        yield "java", bool(java), f"Java {java.version}, {java.home}" if java else "", ""
    except PresswatchError:
        remedy = _("install Java {oldest}, or: {command}", oldest=OLDEST, command=command)
        yield "java", False, _("no suitable Java was found; scans need one"), remedy


def _network(asked: Asked) -> Iterator[Finding]:
    _, storage, unknown = asked.language, asked.config.storage, list[str]()
    named = storage.endpoint or next(filter(None, map(os.environ.get, ENDPOINT_VARIABLES)), None)
    s3 = named or f"https://s3.{storage.region or 'us-east-1'}.amazonaws.com/"
    hosts = {"hf": HubStore(storage).endpoint, "s3": s3}
    schemes = set(map(scheme_of, asked.places))
    needed = [url for scheme, url in hosts.items() if scheme in schemes]
    urls = needed or [asked.config.datasets.common_crawl.index, *hosts.values()]
    for host in map(name_of, urls):
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            unknown.append(host)
    names = ", ".join(unknown or map(name_of, urls))
    yield "dns", not unknown, names, _("unknown: check network and name servers")
    replies = {url: ask(url, 0, 1, asked.storage) for url in urls}
    silent = [url for url, reply in replies.items() if reply.status is None]
    remedy = _("no answer: check network, proxy and --endpoint")
    yield "endpoint", not silent, ", ".join(silent or urls), remedy
    for url, reply in replies.items():
        if (ahead := clock_ahead(reply.header("date") or "", reply.sent_at)) is not None:
            error = round(abs(ahead))
            finding = _("{n} s from the clock of {url}", n=error, url=url)
            yield "clock", error < CLOCK_SECONDS, finding, _("set it: timedatectl set-ntp true")
            return
    answered = [url for url in urls if url not in silent]
    finding = _("{url} gives no date", url=answered[0]) if answered else _("no server answered")
    yield "clock", None, finding, ""


def _credentials(asked: Asked) -> Iterator[Finding]:
    _, storage = asked.language, asked.storage
    try:
        found = None if storage.unsigned else aws_session(storage.profile).get_credentials()
    except BotoCoreError as error:
        raise explained(error, "AWS") from error
    are_needed = not storage.unsigned and any(scheme_of(place) == "s3" for place in asked.places)
    finding = _("of AWS, from {source}", source=found.method) if found else _("none of AWS")
    remedy = _("pass --profile, or --unsigned for a public bucket")
    yield "credentials", bool(found) or not are_needed, finding, remedy


def _token(asked: Asked) -> Iterator[Finding]:
    _, hub = asked.language, HubStore(asked.storage).endpoint
    if (token := token_of(asked.storage)) is None:
        yield "token", True, _("none; public datasets of {hub} need none", hub=hub), ""
        return
    web, bearer = HttpStore(asked.storage), {"Authorization": f"Bearer {token}"}
    status = web.ask(f"{hub}/api/whoami-v2", 0, 1, bearer, follow=False).status
    is_known = None if status is None else status in (200, 206)
    finding = _("{url} answers ({status})", url=hub, status=status or "–")
    yield "token", is_known, finding, _("make a new token")


def _place(asked: Asked) -> Iterator[Finding]:
    _ = asked.language
    for place in asked.places:
        if place.endswith("/"):
            next(list_objects(place, asked.storage), None)
        else:
            stat(place, asked.storage)
    yield "place", True, ", ".join(asked.places) or _("no place to read was passed"), ""


CHECKS = (_machine, _java, _network, _credentials, _token, _place)
POINTS = (
    *("python", "java", "spark", "memory", "disk", "kernels", "clock", "dns", "endpoint", "credentials"),
    *("token", "place"),
)
"""Points of all checks, in the order of the report."""
