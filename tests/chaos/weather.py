"""Bad weather for an S3 server: spells of trouble of one kind each, drawn by a seed, as requests come in."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from tests.world.servers import FINE, Fault, Server

EXPIRED = Fault(status=400, code="ExpiredToken")
"""What S3 answers to credentials whose time is over: every request fails, and no retry helps."""

SPELLS: Mapping[str, Callable[[random.Random], Fault]] = {
    "calm": lambda rng: FINE,
    "throttled": lambda rng: Fault(status=503, code="SlowDown") if rng.random() < 0.4 else FINE,
    "slow": lambda rng: Fault(pieces=5),
    "resets": lambda rng: Fault(cut_after=rng.randrange(3_000), reset=True) if rng.random() < 0.4 else FINE,
    "early ends": lambda rng: Fault(cut_after=rng.randrange(3_000)) if rng.random() < 0.4 else FINE,
    "expired": lambda rng: EXPIRED,
}
REQUESTS_A_SPELL = range(10, 80)
THROTTLED_REQUESTS = range(4, 16)
"""Fewer: a client of boto's slows down to one request in two seconds for as long as it is throttled."""


@dataclass
class Weather:
    """Decides, request by request, what a server does wrong; as long as `stormy`.

    `met` counts the requests of each kind of spell, so that a report can say what a run has been through.
    """

    rng: random.Random
    stormy: bool = True
    met: dict[str, int] = field(default_factory=dict)
    _kind: str = "calm"
    _left: int = 20
    _lock: Lock = field(default_factory=Lock)

    def renew_credentials(self) -> None:
        """End a spell of expired ones, as whoever gives a command again that was refused does."""
        with self._lock:
            if self._kind == "expired":
                self._left = 0

    def fault(self, method: str) -> Fault:
        """What happens to the next request."""
        with self._lock:
            if not self.stormy:
                return FINE
            if not self._left:
                self._kind = self.rng.choice(list(SPELLS))
                lengths = THROTTLED_REQUESTS if self._kind == "throttled" else REQUESTS_A_SPELL
                self._left = self.rng.choice(lengths)
            self._left -= 1
            self.met[self._kind] = self.met.get(self._kind, 0) + 1
            fault = SPELLS[self._kind](self.rng)
        # Other requests than for an object's bytes fail whole, or not at all.
        return fault if method == "GET" or fault.status else FINE


@dataclass
class StormyServer(Server):
    """A server whose every reply the weather decides on."""

    weather: Weather = field(default_factory=lambda: Weather(random.Random(0), stormy=False))

    def fault_for(self, method: str, path: str) -> Fault:
        """What goes wrong with a request, of whatever method."""
        return self.weather.fault(method)
