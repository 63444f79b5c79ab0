"""Which hosts make processes of this machine wait, and who is to say so: one of them, once a minute.

Nobody is told of a host that another command asks, and this one does not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from presswatch_spark.storage.shared_state import FURTHEST_SECONDS, Facts, paused_hosts

TELL_SECONDS = 60.0
# Whoever only waits tells what nobody else has told: who follows the run may be on another machine.
SILENCE_SECONDS = 75.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A host that makes us wait. `until`: seconds since 1970; `why` as a message says it."""

    host: str
    until: float
    why: str

    def __str__(self) -> str:
        return f"waiting for {self.host} until {clock_time(self.until)}: {self.why}"


def hosts_to_tell_of(
    now: float | None = None, *, patient: bool = False, told: dict[str, float] | None = None
) -> Iterator[Waiting]:
    """Yield the hosts that this process or its run asks, and that make processes of this machine wait.

    Each is given once a minute, whoever asks for them.

    They are to tell. `patient`: only those of which nobody has told for longer than that. `told`: when
    whoever asks told of which host; what others told, whose lines may stand on another terminal, then does
    not count.
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


def clock_time(seconds: float) -> str:
    """A time as messages say it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"


def _to_tell(facts: Facts, now: float, patient: bool, told: dict[str, float] | None = None) -> bool:
    waits = not facts.stopped and 0 < facts.until - now <= FURTHEST_SECONDS
    last = facts.told_at if told is None else told.get(facts.host, 0.0)
    last = max(last, facts.since) if patient else last
    return waits and abs(now - last) >= (SILENCE_SECONDS if patient else TELL_SECONDS)


def tell_if_silent(now: float) -> None:
    """Say on stderr which hosts make us wait, if nobody has for longer than a minute."""
    for waiting in hosts_to_tell_of(now, patient=True):
        with suppress(OSError):
            sys.stderr.write(f"{waiting}\n")
