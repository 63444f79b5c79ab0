"""Holding a claim: while its holder works, a thread renews it, so that others see that it lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from types import TracebackType

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.objects import ConflictError
from presswatch_spark.watch.claims import Claim, Claims, Held, State, renewed

Clock = Callable[[], datetime]
RENEWALS = 4
"""How often a claim is renewed in the time after which others may take it over."""


class Holding:
    """A claim in this process's hands, until the block ends.

    Raises `ConflictError` from `submitted` and `finished` if someone took the claim over, because this
    process had been silent for too long.
    """

    def __init__(self, claims: Claims, held: Held, lease: timedelta, clock: Clock) -> None:
        self._claims, self._held, self._clock = claims, held, clock
        self._lock, self._over = Lock(), Event()
        self._thread = Thread(target=self._renew, args=(lease / RENEWALS,), daemon=True)

    @property
    def claim(self) -> Claim:
        """The claim as it was last written."""
        return self._held.claim

    def __enter__(self) -> Holding:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def renew(self) -> None:
        """Write that the holder lives; `ConflictError` if it no longer is the holder."""
        self._change()

    def submitted(self, place: Mapping[str, str]) -> None:
        """Write where the submission can be looked for."""
        self._change(state=State.SUBMITTED, place=dict(place))

    def finished(self, exit_code: int) -> None:
        """Write how the scan ended."""
        self._over.set()
        self._change(state=State.FINISHED, exit_code=exit_code)

    def _change(self, **changes: object) -> None:
        with self._lock:
            claim = renewed(self._held.claim, self._clock(), **changes)
            self._held = self._claims.change(self._held, claim)

    def _renew(self, pause: timedelta) -> None:
        while not self._over.wait(pause.total_seconds()):
            # Storage that fails for a moment is asked again at the next turn, before the lease is over.
            with suppress(StorageError):
                try:
                    self.renew()
                except ConflictError:
                    return
