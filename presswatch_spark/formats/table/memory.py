"""What a decoder may take of memory: a file of 2 KB may ask for gigabytes, so the system bounds it."""

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import Lock, get_ident
from typing import TypeVar

import pyarrow as pa

Item = TypeVar("Item")

# For a footer, or for the rows of one batch, decoded: values that repeat are stored once, and may be long.
# Arrow's allocator reserves 1 GiB of address space at a time. Less is allowed here, so no reservation fits:
# one that did would leave nothing for Python, and a small file would be refused.
DECODED_BYTES = 768 << 20


@contextmanager
def memory_bounded(more_bytes: int) -> Iterator[None]:
    """Let this process take no more than so many bytes of address space, in the block.

    More is a `MemoryError`. The bound is the process's: it counts what other threads take meanwhile, and
    blocks of several threads share the sum of theirs. A block within a block of the same thread is bounded by
    the outer one. Without Linux's `/proc` there is none.
    """
    _reserve_for_arrow()
    with _BOUND.block(more_bytes):
        yield


class _Bound:
    """The process's limit of address space while any thread is in a bounded block, and what it was before.

    Each block that put back what it found would leave the limit of another, if that one ends later.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._blocks: dict[int, tuple[int, int]] = {}
        self._before = self._limit = resource.RLIM_INFINITY
        os.register_at_fork(
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._left_by_fork
        )

    @contextmanager
    def block(self, more_bytes: int) -> Iterator[None]:
        thread = get_ident()
        if thread in self._blocks:
            yield
            return
        with self._lock:
            if not self._blocks:
                self._before, self._limit = resource.getrlimit(resource.RLIMIT_AS)[0], 0
            self._blocks[thread] = _address_space(), more_bytes
            # From the oldest block on: counted from now, a file that takes without end is never refused
            # while others begin. It is not lowered before all end: what they took is theirs to keep.
            begun = min(taken for taken, _ in self._blocks.values())
            self._limit = max(self._limit, begun + sum(more for _, more in self._blocks.values()))
            self._set(self._limit)
        try:
            yield
        finally:
            with self._lock:
                # A fork within the block has put the limit back.
                if self._blocks.pop(thread, None) and not self._blocks:
                    self._set(self._before)

    def _set(self, limit: int) -> None:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        bounds = [each for each in (limit, self._before, hard) if each != resource.RLIM_INFINITY]
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (min(bounds, default=resource.RLIM_INFINITY), hard))

    def _left_by_fork(self) -> None:
        """The child has none of the threads, but for the one that forked."""
        if self._blocks:
            self._blocks.clear()
            self._set(self._before)
        self._lock.release()


_BOUND = _Bound()


@lru_cache(1)
def _reserve_for_arrow() -> None:
    """Have Arrow's allocator reserve address space once, before a bound refuses it that."""
    pa.allocate_buffer(1)


def drawn_bounded(items: Iterable[Item], more_bytes: int) -> Iterator[Item]:
    """Yield `items`, each drawn under that bound; what the caller does with them is not bounded."""
    iterator = iter(items)
    while True:
        with memory_bounded(more_bytes):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def _address_space() -> int:
    """Return the bytes of address space of this process; without `/proc`, more than any bound.

    It is called twice a batch: a file object would take most of the time.
    """
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 1 << 62
    try:
        return int(os.read(file, 128).split()[0]) * resource.getpagesize()
    finally:
        os.close(file)
