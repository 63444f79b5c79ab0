"""Limits of requests to a host: connections, pace, pauses, and when to stop. Each process has its share.

If a host refuses a request (403, 429) and names no time to wait, this process pauses once. A second 429, or
several refused objects in a row (403: two, 401: five), stop the host: this process sends it no more requests.
If a host names a time (`HttpReply.named_wait` reads it), this process asks it again after that time.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from presswatch_spark.core.errors import UnreachableError
from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.core.threads import check_wanted, rest, uncounted
from presswatch_spark.storage.uris import host_of, is_web, scheme_of, shown_uri

if TYPE_CHECKING:
    from presswatch_spark.storage.http import HttpReply

CONNECTIONS = 8
"""Connections to one web site from all processes of a machine, unless `max_connections` is set."""
REFUSED_MAX = {401: 5, 403: 2}
"""Refused objects in a row, by status, that stop a site. A 403 may mean that it blocks this IP address."""
REASON_HEADERS = ("X-Error-Code", "X-Error-Message")
"""Headers in which a hub says why it refuses an object."""
WAITS_MAX = 20
SHORTEST_WAIT = 1.0
"""Wait if a site answers 429 and names a time that has already passed."""
LOOK_SECONDS = 0.25
REPORT_SECONDS = 60.0
BLOCKED_REMEDY = (
    "it may have blocked this address for too many requests, require credentials, or not serve this region, "
    "or the path may be wrong: open it in a browser, wait an hour, and continue with --max-connections 2 or"
    " --requests-per-second 1"
)


class BlockedError(UnreachableError):
    """A site refuses everything, or asks for too long a wait: this process sends it no more requests."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A host that makes this process wait. `until` is in seconds since 1970."""

    host: str
    until: float
    why: str

    def __str__(self) -> str:
        until = f"{datetime.fromtimestamp(self.until, UTC):%H:%M:%S} UTC"
        return f"waiting for {self.host} until {until}: {self.why}"


class Slot:
    """The right to one connection, until it is released."""

    def __init__(self, host: HostLimits | None = None) -> None:
        self.thread, self._host = threading.current_thread(), host

    def release(self) -> None:
        """Give the connection to another thread; a second call does nothing."""
        host, self._host = self._host, None
        if host is not None:
            # The garbage collector may call this method, even while `slot` runs.
            host.slots.discard(self)
            with host.freed:
                host.freed.notify()


class HostLimits:
    """State of one host in this process. `name` includes the port."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self._clock = name, clock
        self._guard = threading.Lock()
        self.slots, self.freed = set[Slot](), threading.Condition()
        self._until, self._why, self._is_stopped = 0.0, "", False
        self._reported_at, self._next_at = 0.0, 0.0
        # The last pause without a time from the host; the statuses (403; 429 since a success) that led to
        # one.
        self._paused_at, self._paused_for = 0.0, set[int]()
        self._refused, self._waits = set[str](), 0

    def await_turn(self, uri: str) -> float:
        """Wait until a request may be sent, or raise `BlockedError`; return the time of sending."""
        check_wanted()
        with uncounted():
            while (left := self._until - (now := self._clock())) > 0:
                if self._is_stopped:
                    raise self._blocked(uri)
                if left > 1 and now - self._reported_at >= REPORT_SECONDS:
                    self._reported_at = now
                    _report(Waiting(self.name, time.time() + left, self._why))
                rest(min(left, LOOK_SECONDS))
        return now

    def keep_pace(self, options: StorageOptions) -> None:
        """Wait until `requests_per_second` allows the next request."""
        if options.requests_per_second is None:
            return
        pause = _WORKERS.number / options.requests_per_second
        with uncounted():
            while True:
                with self._guard:
                    early = self._next_at - (now := self._clock())
                    if not 0 < early <= pause:
                        self._next_at = now + pause
                        break
                rest(early)

    def slot(self, options: StorageOptions) -> Slot:
        """Wait for a connection. A thread that has one does not wait, or two could wait for each other."""
        number = max(1, (options.max_connections or CONNECTIONS) // _WORKERS.number)
        thread = threading.current_thread()
        with uncounted(), self.freed:
            check_wanted()
            while len(self.slots) >= number and all(slot.thread is not thread for slot in list(self.slots)):
                self.freed.wait(LOOK_SECONDS)
                check_wanted()
            slot = Slot(self)
            self.slots.add(slot)
        return slot

    def must_repeat(self, reply: HttpReply, options: StorageOptions, *, single_object: bool) -> bool:
        """Return whether a request must be sent again. Requests for a `single_object` cause no pause."""
        status = reply.status
        wait = reply.named_wait if status in (403, 429, 503) else None
        is_single = status != 429 and (single_object or any(name in reply.headers for name in REASON_HEADERS))
        with self._guard:
            # If the named date, in whole seconds, has passed by now, the site grants the next request.
            if wait or (status == 429 and wait == 0):
                seconds = wait or SHORTEST_WAIT
                self._waits += reply.turn_at >= self._until
                asked = f"it answered {status} and asked to wait for {seconds:,.0f} s"
                if seconds > options.longest_wait:
                    raise self._stop(reply.uri, f"{asked}; {options.longest_wait:,g} s are allowed", options)
                if self._waits > WAITS_MAX:
                    often = f"{asked}, and did so {self._waits:,} times in a row"
                    raise self._stop(reply.uri, often, options)
                self._pause(seconds, asked)
                return True
            if status in (401, 403, 429) and not is_single:
                if status != 401 and reply.turn_at <= self._paused_at:
                    return True
                pause = options.refusal_pause
                if status != 401 and status not in self._paused_for:
                    self._paused_at = self._clock()
                    self._paused_for.add(status)
                    self._pause(pause, f"it answered {status}, so no requests are sent for {pause:,g} s")
                    return True
                self._refused.add(shown_uri(reply.uri))
                if status == 429:
                    why = f"too many requests (429), and again after a pause of {pause:,g} s"
                    raise self._stop(reply.uri, why, options)
                if len(self._refused) >= (most := REFUSED_MAX[status]):
                    why = f"access denied ({status}) for {most} objects in a row"
                    raise self._stop(reply.uri, why, options)
                return False
            # The reply to a request from before the pause does not show that the pause helped.
            if status < 500 and status not in (401, 403) and reply.turn_at > self._paused_at:
                self._paused_for.discard(429)
                self._refused, self._waits = set(), 0
            return False

    def _pause(self, seconds: float, why: str) -> None:
        # Random, so that not all threads and processes come back at the same moment.
        until = self._clock() + seconds + random.uniform(0.0, min(1.0, seconds / 10))
        if until > self._until:
            self._until, self._why = until, why

    def _stop(self, uri: str, why: str, options: StorageOptions) -> BlockedError:
        self._is_stopped, self._why = True, why
        self._until = self._clock() + max(options.longest_wait, REPORT_SECONDS)
        return self._blocked(uri)

    def _blocked(self, uri: str) -> BlockedError:
        what = f"no more requests are sent to the site: {self._why}"
        return BlockedError(what, where=shown_uri(uri), remedy=BLOCKED_REMEDY)


_HOSTS: dict[str, HostLimits] = {}
# A forked child has no connections of its parent, and a lock copied in its locked state is never released.
os.register_at_fork(after_in_child=_HOSTS.clear)


def limits_of(host: str) -> HostLimits:
    """Return the state of a host in this process; `host` includes the port."""
    return _HOSTS.get(host) or _HOSTS.setdefault(host, HostLimits(host))


def forget_hosts() -> None:
    """Forget the state of all hosts, so that a new run asks hosts again that stopped an earlier run."""
    _HOSTS.clear()


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers of a run on one machine: their number, and each one's share of the limits."""

    run: str = ""
    number: int = 1
    cores: int = 1

    @classmethod
    def of(cls, uris: Iterable[str], cores: int, options: StorageOptions) -> Self:
        """Return the workers that read these objects; for web sites, at most one per allowed connection."""
        is_limited = any(scheme_of(uri) in ("http", "https", "hf") for uri in uris)
        number = min(cores, options.max_connections or CONNECTIONS) if is_limited else cores
        return cls(secrets.token_hex(8), number, cores)

    def tasks(self, wanted: int, cores: int) -> int:
        """Return how many of the wanted tasks a job may have; `cores`: of all machines."""
        return wanted if self.number == self.cores else min(wanted, max(1, cores * self.number // self.cores))

    def join(self) -> None:
        """Make this process one of the workers, and forget the state of hosts from another run."""
        global _WORKERS
        if self.run != _WORKERS.run:
            forget_hosts()
        _WORKERS = self


_WORKERS = Workers()
_REPORTERS: list[Callable[[Waiting], None]] = []


@contextmanager
def waits_reported(report: Callable[[Waiting], None]) -> Iterator[None]:
    """Report each host that makes this process wait, once a minute: by the innermost block, or on stderr."""
    _REPORTERS.append(report)
    try:
        yield
    finally:
        _REPORTERS.remove(report)


def _report(waiting: Waiting) -> None:
    with suppress(OSError, ValueError):
        if _REPORTERS:
            _REPORTERS[-1](waiting)
        else:
            sys.stderr.write(f"{waiting}\n")


_SILENCE_REPORTED: dict[str, float] = {}


def report_silence(uri: str, attempt: int, options: StorageOptions) -> None:
    """Report a host that accepted a request but sent nothing in time, once a minute per host."""
    host, now = host_of(uri) if is_web(uri) else scheme_of(uri), time.monotonic()
    if now - _SILENCE_REPORTED.get(host, -REPORT_SECONDS) < REPORT_SECONDS:
        return
    _SILENCE_REPORTED[host] = now
    tries = f"attempt {attempt} of {options.max_attempts}"
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{host} sent nothing for {options.read_timeout:g} s: {shown_uri(uri)} ({tries})\n")
