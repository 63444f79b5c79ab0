"""Good manners toward a web site, over all processes of this machine: turns, pauses, and when to stop.

A site that names a time is asked again after it (`RateLimit`, `Retry-After`). One that refuses without a time
(403, 429) is left alone for a while by everybody; then one request is sent for all. If that is refused, too,
and so is an object that the site gave before, nothing more is asked: it is the site, and not the object. Of a
site that never gave anything, two objects tell.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.asked_waits import asked_wait, used_up_for
from presswatch_spark.storage.contract import StorageOptions
from presswatch_spark.storage.shared_state import FURTHEST_SECONDS, Facts, paused_hosts, state_of
from presswatch_spark.storage.throttling import (
    TELL_SECONDS,
    clock_time,
    tell_if_silent,
)
from presswatch_spark.storage.time_limits import count_waiting
from presswatch_spark.storage.uris import host_of, printable, scheme_of

REFUSALS = frozenset({401, 403, 429})
# With one of these, an answer says why this one object is refused; so does 401. No other object is meant.
REASONS = ("X-Error-Code", "X-Error-Message")
# Objects refused in a row before a site that is known to refuse single ones is suspected as a whole.
SINGLE_REFUSALS = 2
# A site that names a time so often, and never answers, is not asked again.
WAITS_MAX = 20
# How long others wait for the one who asks for all after a pause.
PROBE_SECONDS = 90.0
LOOK_SECONDS = 0.25
MEANING = (
    "it may have blocked this address for asking too much, want credentials, not serve this region, or the"
    " path may be wrong: look at it in a browser, wait an hour, and go on with --max-connections 2 or"
    " --requests-per-second 1"
)


class BlockedError(StorageError):
    """A site refuses everything, or asks to wait for too long: nothing more is asked of it."""


class Verdict(Enum):
    """What to do about a reply: take it, ask again in turn, or ask for the host's canary to tell."""

    TAKE = auto()
    AGAIN = auto()
    CANARY = auto()


class Host:
    """A site, to which this process sends one request after another. `name`: with its port."""

    def __init__(self, name: str, options: StorageOptions, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self._options = options
        self._state = state_of(name)
        self._state.asked = True
        self._clock = clock

    @property
    def canary(self) -> str:
        """An object that it gave before; the empty text if there is none."""
        return self._state.look().canary

    def await_turn(self, uri: str) -> None:
        """Wait until the host may be asked.

        Raises:
            BlockedError: it is not to be asked any more.
        """
        began = time.monotonic()
        while (wait := self._before_turn(uri)) > 0:
            tell_if_silent(self._clock())
            time.sleep(min(wait, LOOK_SECONDS * random.uniform(0.8, 1.2)))
        count_waiting(time.monotonic() - began)

    def keep_pace(self) -> None:
        """Wait until the next request is due, as `requests_per_second` asks."""
        began, pace = time.monotonic(), self._options.requests_per_second
        while pace is not None and (early := self._early(pace)) > 0:
            time.sleep(early)
        count_waiting(time.monotonic() - began)

    def takes_turn(self, uri: str) -> float | None:
        """When the request is sent, now that there is a line for it; None if its turn has passed meanwhile.

        Raises as `await_turn`.
        """
        # The time first: whoever pauses in between must find this request to be older than the pause.
        now = self._clock()
        return None if self._before_turn(uri) > 0 else now

    def judge(
        self, uri: str, status: int, headers: Mapping[str, str], sent_at: float, *, alone: bool = False
    ) -> Verdict:
        """Take note of a reply to a request.

        Args:
            sent_at: what `takes_turn` gave.
            alone: the object may be refused for itself: nobody pauses for its sake.

        Raises:
            BlockedError: the host is not asked any more.
        """
        named = asked_wait(headers, limited=status == 429) if status in REFUSALS or status == 503 else None
        if named:
            self._wait_as_asked(named, status, uri)
            return Verdict.AGAIN
        if status in REFUSALS and not (alone and status != 429):
            return self._refused(uri, status, headers, sent_at)
        if status < 500 and status not in REFUSALS:
            self._answered(uri, status, headers, sent_at)
        return Verdict.TAKE

    def judge_canary(self, uri: str, status: int) -> None:
        """Take note of what the host says to its canary, after it refused `uri` once more.

        Raises:
            BlockedError: it refuses that, too.
        """
        with self._state.change() as facts:
            if status in REFUSALS:
                self._stop_refused(facts, status)
            else:
                facts.calm()
                facts.forbidden.append(_hashed(uri))
        if facts.stopped:
            raise _blocked(facts, uri)

    def _before_turn(self, uri: str) -> float:
        """Seconds to wait before looking again; 0: it is our turn."""
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
        """Seconds until the next request is due; 0 if it is, and then the one after it is due later."""
        with self._state.change() as facts:
            now = self._clock()
            early = facts.next_at - now
            if 0 < early <= 1 / pace:
                return early
            facts.next_at = now + 1 / pace
            return 0.0

    def _wait_as_asked(self, seconds: float, status: int, uri: str) -> None:
        longest = self._options.longest_wait
        with self._state.change() as facts:
            now = self._clock()
            facts.waits += 1
            _lets_others_probe(facts)
            asked = f"it answered {status} and asked to wait for {seconds:,.0f} s"
            if seconds > longest:
                self._stop(facts, f"{asked}; {longest:,g} s are granted")
            elif facts.waits > WAITS_MAX:
                self._stop(facts, f"{asked}, and did so {facts.waits:,} times in a row")
            else:
                # Not everybody at the same moment.
                until = now + seconds + random.uniform(0.0, min(1.0, seconds / 10))
                if until > facts.until or facts.until - now > FURTHEST_SECONDS:
                    facts.pause(now, until, asked)
        if facts.stopped:
            raise _blocked(facts, uri)

    def _refused(self, uri: str, status: int, headers: Mapping[str, str], sent_at: float) -> Verdict:
        """Note a refusal without a time."""
        with self._state.change() as facts:
            verdict = self._judged(facts, _hashed(uri), status, headers, sent_at)
        if facts.stopped:
            raise _blocked(facts, uri)
        return verdict

    def _judged(
        self, facts: Facts, refused: str, status: int, headers: Mapping[str, str], sent_at: float
    ) -> Verdict:
        limited, now, pause = status == 429, self._clock(), self._options.refusal_pause
        if facts.stopped:
            return Verdict.TAKE
        _lets_others_probe(facts)
        if refused in facts.forbidden and not limited:
            return Verdict.TAKE
        if refused not in facts.refused:
            facts.refused.append(refused)
        if not facts.paused_at:
            explained = status == 401 or any(name in headers for name in REASONS)
            if (explained or facts.forbidden) and not limited and len(facts.refused) < SINGLE_REFUSALS:
                return Verdict.TAKE
            facts.paused_at = now
            why = f"it answered {status}, so nothing is asked for {pause:,g} s"
            facts.pause(now, now + pause * random.uniform(1.0, 1.1), why)
            return Verdict.AGAIN
        if sent_at <= facts.paused_at:
            return Verdict.AGAIN
        if facts.canary and not limited:
            facts.probe, facts.probe_at = _asker(), now
            return Verdict.CANARY
        if limited or len(facts.refused) > 1:
            self._stop_refused(facts, status)
        else:
            # Nothing else is known of the site. The next object decides.
            facts.forbidden.append(refused)
        return Verdict.TAKE

    def _answered(self, uri: str, status: int, headers: Mapping[str, str], sent_at: float) -> None:
        facts, used_up = self._state.look(), used_up_for(headers)
        used_up = used_up if used_up <= self._options.longest_wait else 0.0
        # What was asked before the pause says nothing of the time after.
        calms = (facts.refused or facts.waits) and not (facts.paused_at and sent_at <= facts.paused_at)
        # The query of an address may be a signature, which is kept nowhere.
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

    def _stop_refused(self, facts: Facts, status: int) -> None:
        since, pause = clock_time(facts.paused_at), self._options.refusal_pause
        denied = "too many requests" if status == 429 else "access denied"
        self._stop(facts, f"{denied} ({status}) at {since}, and again after a pause of {pause:,g} s")

    def _stop(self, facts: Facts, why: str) -> None:
        facts.stopped = True
        facts.pause(self._clock(), self._clock() + max(self._options.longest_wait, TELL_SECONDS), why)


def will_ask(uris: Iterable[str]) -> None:
    """Note that processes of this run will ask the hosts of these objects: who drives it tells of them."""
    sites = {"/".join(uri.split("/", 3)[:3]) for uri in uris if scheme_of(uri) in ("http", "https")}
    for site in sites:
        state_of(host_of(site)).asked = True


def ask_anew() -> None:
    """Let a new command ask hosts that stopped an earlier one, and be told anew who makes it wait."""
    for state, facts in paused_hosts():
        if facts.stopped or facts.told_at:
            with state.change() as changed:
                changed.told_at = 0.0
                if changed.stopped:
                    changed.stopped, changed.until = False, 0.0
                    changed.calm()


def _asker() -> str:
    return f"{os.getpid()}:{threading.get_ident()}"


def _probes(facts: Facts, now: float) -> bool:
    """Whether this thread asks for all, after a pause."""
    mine = _asker()
    if facts.probe not in ("", mine) and abs(now - facts.probe_at) < PROBE_SECONDS:
        return False
    facts.probe, facts.probe_at = mine, now
    return True


def _lets_others_probe(facts: Facts) -> None:
    """This thread has its reply. One that was sent before the pause came late, and says nothing for all."""
    if facts.probe == _asker():
        facts.probe = ""


def _blocked(facts: Facts, uri: str) -> BlockedError:
    return BlockedError(f"the site is asked nothing more: {facts.why}", where=printable(uri), remedy=MEANING)


def _hashed(uri: str) -> str:
    return hashlib.sha256(printable(uri).encode()).hexdigest()[:16]
