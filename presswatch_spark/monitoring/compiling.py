"""Says that kernels are being compiled: the first scan of each version takes some 20 seconds for that.

numba tells of each function as it compiles it, and of none that it finds in its cache.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import IO, Any, Self

from numba.core import event

from presswatch_spark.monitoring.progress import SECONDS_BETWEEN_LOOKS, Ticker

COMPILES = "numba:compile"
BEGUN, ENDED = b"<", b">"
# What a first scan takes on two cores of a machine of today, and how many functions it compiles.
ABOUT_SECONDS, FUNCTIONS = 20, 190
NEWS = f"compiling kernels, once (about {ABOUT_SECONDS} s)"


class Compiling(Ticker):
    """Says, while its block lasts, that kernels are compiled; nothing if they are not, or within a second.

    On a terminal, one line counts down; elsewhere it is written once.
    """

    _began: float | None = None
    _compiled = 0
    _said = False
    _left = ABOUT_SECONDS

    def begun(self) -> None:
        """A function is about to be compiled."""
        if self._began is None:
            self._began = self._clock()

    def ended(self) -> None:
        """A function has been compiled."""
        self._compiled += 1

    def follow(self, pipe: IO[bytes]) -> None:
        """Take in what another process tells of its compiling (see `telling`), until it ends."""
        while news := pipe.read(1):
            self.begun() if news == BEGUN else self.ended()

    def tick(self) -> None:
        """Say what there is to say now."""
        if self._began is None or self._clock() - self._began < SECONDS_BETWEEN_LOOKS:
            return
        if self._live:
            self._count_down()
        elif not self._said and self._events:
            self._events.tell("compiling", about_seconds=ABOUT_SECONDS)
        elif not self._said:
            self._write(f"{NEWS}\n")
        self._said = True

    def _count_down(self) -> None:
        """Write the seconds that are left if they are fewer than before: on a busy machine they may rise."""
        left = round(self.seconds_left())
        if left < self._left or not self._said:
            self._left = min(left, self._left)
            self._write(f"\r{NEWS}: {self._left} s left\x1b[K")

    def seconds_left(self) -> float:
        """How long it may take still: by the clock at first, then by what is done of all there is to do."""
        spent = self._clock() - (self._clock() if self._began is None else self._began)
        done = min(self._compiled / FUNCTIONS, 0.99)
        by_pace = spent * (1 - done) / done if done else ABOUT_SECONDS
        return max((1 - done) * max(ABOUT_SECONDS - spent, 0) + done * by_pace, 1)

    def __enter__(self) -> Self:
        # numba's listeners live on its compiling thread: ours only notes the time and counts.
        self._hook = ExitStack()
        self._hook.enter_context(event.install_listener(COMPILES, _Listener(self.begun, self.ended)))
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        self._hook.close()
        super().__exit__()
        if self._said and self._live:
            self._write("\r\x1b[K")


@contextmanager
def telling(pipe: IO[bytes]) -> Iterator[None]:
    """Tell a `Compiling` at the other end of a pipe of each function that the block compiles."""

    def tell(news: bytes) -> None:
        with suppress(BrokenPipeError):
            pipe.write(news)
            pipe.flush()

    with event.install_listener(COMPILES, _Listener(partial(tell, BEGUN), partial(tell, ENDED))):
        yield


class _Listener(event.Listener):  # type: ignore[misc]
    """Calls `begun` and `ended` with each function that is compiled."""

    def __init__(self, begun: Callable[[], None], ended: Callable[[], None]) -> None:
        self._begun, self._ended = begun, ended

    def on_start(self, event: Any) -> None:
        self._begun()

    def on_end(self, event: Any) -> None:
        self._ended()
