"""Memory that decoders may take, bounded by the system: a file of 2 KB may ask for gigabytes."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

Item = TypeVar("Item")


@contextmanager
def memory_bounded(more_bytes: int) -> Iterator[None]:
    """In the block, let this process take no more than so many bytes of address space beyond what it has.

    What asks for more gets a `MemoryError`. The bound is the whole process's, so it also counts what other
    threads take meanwhile; where the system tells nothing of processes there is none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _address_space() + more_bytes
    below = [wanted, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (min(below), hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def drawn_bounded(items: Iterable[Item], more_bytes: int) -> Iterator[Item]:
    """Yield `items`, each drawn under that bound; what is done with them is not bounded."""
    iterator = iter(items)
    while True:
        with memory_bounded(more_bytes):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def _address_space() -> int:
    """Bytes of address space of this process; without Linux's files so many that no bound follows.

    Asked twice a batch: a file object would take most of the time.
    """
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 1 << 62
    try:
        return int(os.read(file, 128).split()[0]) * resource.getpagesize()
    finally:
        os.close(file)
