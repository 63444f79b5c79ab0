"""Many shards, few rows of each: most of the time is waiting for storage, so some are asked at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.pointers.documents import Outcome, records_at
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.storage.uris import scheme_of

SHARDS_AT_ONCE = 8
# What is read ahead is held: of more ranges into one shard, one after the other is.
RANGES_AHEAD = 16

Outcomes = Iterable[tuple[Pointer, Outcome]]


def shards_ahead(work: Iterable[tuple[Sequence[Pointer], ReadOptions]]) -> Iterator[Outcomes]:
    """What `records_at` yields of each shard of `work`, in its order; `SHARDS_AT_ONCE` are read at once.

    Shards on disk, and those that must be read in order, are read when it is their turn.
    """
    with ThreadPoolExecutor(SHARDS_AT_ONCE, "ranges") as pool:
        pending: deque[Callable[[], Outcomes]] = deque()
        for pointers, options in work:
            read = partial(records_at, pointers, options)
            few = len(pointers) <= RANGES_AHEAD and all(pointer.by_range for pointer in pointers)
            if few and scheme_of(pointers[0].uri) != "file":
                pending.append(pool.submit(_all_of, read).result)
            else:
                pending.append(read)
            if len(pending) >= SHARDS_AT_ONCE:
                yield pending.popleft()()
        while pending:
            yield pending.popleft()()


def _all_of(read: Callable[[], Outcomes]) -> Outcomes:
    return list(read())
