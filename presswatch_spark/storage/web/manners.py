"""Good manners toward a web site, over all processes of this machine: turns, pauses, and when to stop.

A site that names a time is asked again after it (`RateLimit`, `Retry-After`). If it refuses without a time
(403, 429), everybody leaves it alone for a while; then one request is sent for all. If it refuses that too,
and an object that it gave before, nothing more is asked: the site refuses us, and not the object. Of a site
that never gave anything, two refused objects are enough.

One process tells the user once a minute which hosts make us wait; it tells of no host that only another
command asks.
"""

import hashlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.asking import check_wanted, rest
from presswatch_spark.storage.contract import StorageOptions
from presswatch_spark.storage.time_limits import count_waiting
from presswatch_spark.storage.uris import host_of, printable, scheme_of
from presswatch_spark.storage.web.shared_hosts import FURTHEST_SECONDS, HostState, paused_hosts, state_of
from presswatch_spark.storage.web.wait_headers import asked_wait, used_up_for

REFUSALS = frozenset({401, 403, 429})
# What we wait at least for a site that answers 429 and names a time which has come.
SHORTEST_WAIT = 1.0
# With one of these, or with 401, an answer says why it refuses this one object. No other object is meant.
REASONS = ("X-Error-Code", "X-Error-Message")
# Objects refused in a row before a site that is known to refuse single ones is suspected as a whole.
SINGLE_REFUSALS = 2
# A site that names a time so often in a row is not asked again.
WAITS_MAX = 20
# How long others wait for the one that asks for all after a pause.
PROBE_SECONDS = 90.0
LOOK_SECONDS = 0.25
MEANING = (
    "it may have blocked this address for asking too much, want credentials, not serve this region, or the"
    " path may be wrong: look at it in a browser, wait an hour, and go on with --max-connections 2 or"
    " --requests-per-second 1"
)
TELL_SECONDS = 60.0
# A process that only waits tells what nobody else told: the run's driver may be on another machine.
SILENCE_SECONDS = 75.0


class BlockedError(StorageError):
    """A site refuses everything, or asks to wait for too long: nothing more is asked of it."""


class HostDecision(Enum):
    """What to do about a reply: take it, ask again in turn, or ask for the host's canary."""

    TAKE = auto()
    AGAIN = auto()
    CANARY = auto()


class Host:
    """A site to which this process sends one request after another. `name` includes the port."""

    def __init__(self, name: str, options: StorageOptions, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self._options = options
        self._state = state_of(name)
        self._state.asked = True
        self._clock = clock

    @property
    def canary(self) -> str:
        """Return an object that it gave before; the empty text if there is none."""
        return self._state.look().canary

    def await_turn(self, uri: str) -> None:
        """Wait until the host may be asked; `BlockedError` if it must not be asked any more."""
        check_wanted()
        began = time.monotonic()
        while (wait := self._before_turn(uri)) > 0:
            for waiting in hosts_to_tell_of(self._clock(), patient=True):
                with suppress(OSError):
                    sys.stderr.write(f"{waiting}\n")
            rest(min(wait, LOOK_SECONDS * random.uniform(0.8, 1.2)))
        count_waiting(time.monotonic() - began)

    def keep_pace(self) -> None:
        """Wait until the next request is due, as `requests_per_second` asks."""
        began, pace = time.monotonic(), self._options.requests_per_second
        while pace is not None and (early := self._early(pace)) > 0:
            rest(early)
        count_waiting(time.monotonic() - began)

    def takes_turn(self, uri: str) -> float | None:
        """Return the time of sending; None if its turn has passed meanwhile. Raises as `await_turn`."""
        # Take the time first: if somebody pauses now, this request must be older than the pause.
        now = self._clock()
        return None if self._before_turn(uri) > 0 else now

    def judge(
        self, uri: str, status: int, headers: Mapping[str, str], sent_at: float, *, alone: bool = False
    ) -> HostDecision:
        """Take note of a reply to a request.

        Args:
            sent_at: what `takes_turn` returned.
            alone: the object may be refused for itself, so nobody pauses for its sake.

        Raises:
            BlockedError: the host must not be asked any more.
        """
        named = asked_wait(headers, limited=status == 429) if status in REFUSALS or status == 503 else None
        # A date in whole seconds may have come by now: then the site grants the next request.
        if named or (named is not None and status == 429):
            self._wait_as_asked(named or SHORTEST_WAIT, status, uri)
            return HostDecision.AGAIN
        if status in REFUSALS and not (alone and status != 429):
            with self._change(uri) as facts:
                return self._refused(facts, _hashed(uri), status, headers, sent_at)
        if status < 500 and status not in REFUSALS:
            self._answered(uri, status, headers, sent_at)
        return HostDecision.TAKE

    def judge_canary(self, uri: str, status: int) -> None:
        """Note the answer for the canary, asked when `uri` was refused; `BlockedError` if it is, too."""
        with self._change(uri) as facts:
            if status in REFUSALS:
                self._stop_refused(facts, status)
            else:
                facts.calm()
                facts.forbidden.append(_hashed(uri))

    @contextmanager
    def _change(self, uri: str) -> Iterator[HostState]:
        """Change the facts; raise `BlockedError` about `uri` if the host must not be asked after that."""
        with self._state.change() as facts:
            yield facts
        if facts.stopped:
            raise _blocked(facts, uri)

    def _before_turn(self, uri: str) -> float:
        """Return the seconds to wait before the next look; 0 if it is our turn."""
        facts, now = self._state.look(), self._clock()
        if 0 < facts.until - now <= FURTHEST_SECONDS:
            if facts.stopped:
                raise _blocked(facts, uri)
            return facts.until - now
        if not facts.paused_at:
            return 0.0
        with self._state.change() as facts:
            if now - facts.paused_at > FURTHEST_SECONDS:
                facts.calm()
            return 0.0 if not facts.paused_at or _probes(facts, now) else LOOK_SECONDS

    def _early(self, pace: float) -> float:
        """Return the seconds until the next request is due; if 0, the one after it is due later."""
        with self._state.change() as facts:
            now = self._clock()
            early = facts.next_at - now
            if 0 < early <= 1 / pace:
                return early
            facts.next_at = now + 1 / pace
            return 0.0

    def _wait_as_asked(self, seconds: float, status: int, uri: str) -> None:
        longest = self._options.longest_wait
        with self._change(uri) as facts:
            now = self._clock()
            facts.waits += 1
            _lets_others_probe(facts)
            asked = f"it answered {status} and asked to wait for {seconds:,.0f} s"
            if seconds > longest:
                self._stop(facts, f"{asked}; {longest:,g} s are granted")
            elif facts.waits > WAITS_MAX:
                self._stop(facts, f"{asked}, and did so {facts.waits:,} times in a row")
            else:
                # Not everybody may come back at the same moment.
                until = now + seconds + random.uniform(0.0, min(1.0, seconds / 10))
                if until > facts.until or facts.until - now > FURTHEST_SECONDS:
                    facts.pause(now, until, asked)

    def _refused(
        self, facts: HostState, refused: str, status: int, headers: Mapping[str, str], sent_at: float
    ) -> HostDecision:
        """Take note of a refusal that names no time; `refused` is the hash of the object."""
        limited, now, pause = status == 429, self._clock(), self._options.refusal_pause
        if facts.stopped:
            return HostDecision.TAKE
        _lets_others_probe(facts)
        if refused in facts.forbidden and not limited:
            return HostDecision.TAKE
        if refused not in facts.refused:
            facts.refused.append(refused)
        if not facts.paused_at:
            explained = status == 401 or any(name in headers for name in REASONS)
            if (explained or facts.forbidden) and not limited and len(facts.refused) < SINGLE_REFUSALS:
                return HostDecision.TAKE
            facts.paused_at = now
            why = f"it answered {status}, so nothing is asked for {pause:,g} s"
            facts.pause(now, now + pause * random.uniform(1.0, 1.1), why)
            return HostDecision.AGAIN
        if sent_at <= facts.paused_at:
            return HostDecision.AGAIN
        if facts.canary and not limited:
            facts.probe, facts.probe_at = _asker(), now
            return HostDecision.CANARY
        if limited or len(facts.refused) > 1:
            self._stop_refused(facts, status)
        else:
            # Nothing else is known of the site: the next object decides.
            facts.forbidden.append(refused)
        return HostDecision.TAKE

    def _answered(self, uri: str, status: int, headers: Mapping[str, str], sent_at: float) -> None:
        facts, used_up = self._state.look(), used_up_for(headers)
        used_up = used_up if used_up <= self._options.longest_wait else 0.0
        # A request from before the pause says nothing of the time after it.
        calms = (facts.refused or facts.waits) and not (facts.paused_at and sent_at <= facts.paused_at)
        # The query of an address may be a signature, which we never store.
        canary = uri if status in (200, 206) and not facts.canary and "?" not in uri else ""
        if not (used_up or calms or canary or facts.stopped or not facts.answered):
            return
        with self._state.change() as facts:
            now = self._clock()
            facts.answered, facts.canary = True, facts.canary or canary
            facts.stopped &= facts.until > now
            if calms:
                facts.calm()
            if used_up and not facts.stopped:
                until = max(facts.until, now + used_up)
                facts.pause(now, until, f"its limit is used up for {used_up:,.0f} s")

    def _stop_refused(self, facts: HostState, status: int) -> None:
        since, pause = _clock_time(facts.paused_at), self._options.refusal_pause
        denied = "too many requests" if status == 429 else "access denied"
        self._stop(facts, f"{denied} ({status}) at {since}, and again after a pause of {pause:,g} s")

    def _stop(self, facts: HostState, why: str) -> None:
        facts.stopped = True
        facts.pause(self._clock(), self._clock() + max(self._options.longest_wait, TELL_SECONDS), why)


def will_ask(uris: Iterable[str]) -> None:
    """Note that this run asks the hosts of these objects: its driver tells the user if they make it wait."""
    sites = {"/".join(uri.split("/", 3)[:3]) for uri in uris if scheme_of(uri) in ("http", "https")}
    for site in sites:
        state_of(host_of(site)).asked = True


def ask_anew() -> None:
    """Ask hosts again that stopped an earlier command, and tell the user anew which make us wait."""
    for state, facts in paused_hosts():
        if facts.stopped or facts.told_at:
            with state.change() as changed:
                changed.told_at = 0.0
                if changed.stopped:
                    changed.stopped, changed.until = False, 0.0
                    changed.calm()


def _asker() -> str:
    return f"{os.getpid()}:{threading.get_ident()}"


def _probes(facts: HostState, now: float) -> bool:
    """Return whether this thread asks for all after a pause."""
    mine = _asker()
    if facts.probe not in ("", mine) and abs(now - facts.probe_at) < PROBE_SECONDS:
        return False
    facts.probe, facts.probe_at = mine, now
    return True


def _lets_others_probe(facts: HostState) -> None:
    """Let another thread ask for all: this one has its reply, which may be from before the pause."""
    if facts.probe == _asker():
        facts.probe = ""


def _blocked(facts: HostState, uri: str) -> BlockedError:
    return BlockedError(f"the site is asked nothing more: {facts.why}", where=printable(uri), remedy=MEANING)


def _hashed(uri: str) -> str:
    return hashlib.sha256(printable(uri).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A host that makes us wait. `until` is in seconds since 1970, `why` as a message says it."""

    host: str
    until: float
    why: str

    def __str__(self) -> str:
        return f"waiting for {self.host} until {_clock_time(self.until)}: {self.why}"


def hosts_to_tell_of(
    now: float | None = None, *, patient: bool = False, told: dict[str, float] | None = None
) -> Iterator[Waiting]:
    """Yield the hosts that make this process or its run wait, each once a minute; the caller tells the user.

    Args:
        patient: only those that nobody has told of for longer.
        told: when the caller told of each host. What others told does not count then: their lines may stand
            on another terminal.
    """
    now = time.time() if now is None else now
    for state, facts in paused_hosts():
        if state.asked and _to_tell(facts, now, patient, told):
            with state.change() as changed:
                due = _to_tell(changed, now, patient, told)
                changed.told_at = now if due else changed.told_at
            if due:
                if told is not None:
                    told[changed.host] = now
                yield Waiting(changed.host, changed.until, changed.why)


_SILENCE_TOLD: dict[str, float] = {}


def tell_silence(uri: str, attempt: int, options: StorageOptions) -> None:
    """Tell the user of a host that accepted a request and sent nothing in time; once a minute per host."""
    host, now = host_of(uri) if scheme_of(uri) in ("http", "https") else scheme_of(uri), time.monotonic()
    if now - _SILENCE_TOLD.get(host, -TELL_SECONDS) < TELL_SECONDS:
        return
    _SILENCE_TOLD[host] = now
    with suppress(OSError, ValueError):
        sys.stderr.write(
            f"{host} sent nothing for {options.read_timeout:g} s: {printable(uri)}"
            f" (attempt {attempt} of {options.max_attempts})\n"
        )


def _clock_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"


def _to_tell(facts: HostState, now: float, patient: bool, told: dict[str, float] | None = None) -> bool:
    waits = not facts.stopped and 0 < facts.until - now <= FURTHEST_SECONDS
    last = facts.told_at if told is None else told.get(facts.host, 0.0)
    last = max(last, facts.since) if patient else last
    return waits and abs(now - last) >= (SILENCE_SECONDS if patient else TELL_SECONDS)
