"""What decoders may take is bounded for the process; threads begin and end in any order."""

from __future__ import annotations

import mmap
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import permutations
from threading import Event

import pytest

from presswatch_spark.formats.table.parquet import memory_bounded

MORE = 256 << 20


def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_AS)[0]


class Block:
    """A bounded block in a thread, open until it is told to end."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._open, self._end = Event(), Event()
        self._done = pool.submit(self._run)
        self._open.wait()

    def _run(self) -> None:
        with memory_bounded(MORE):
            self._open.set()
            self._end.wait()

    def end(self) -> None:
        self._end.set()
        self._done.result()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_limit_of_before_is_back_when_all_threads_are_out(order: tuple[int, ...]) -> None:
    before = limit()
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        blocks = [Block(pool) for _ in order]
        for block in blocks:
            stack.callback(block.end)
        for number in order:
            assert limit() != before
            blocks[number].end()
    assert limit() == before


def test_a_limit_that_the_process_had_is_kept() -> None:
    soft, hard = taken() + MORE // 2, resource.getrlimit(resource.RLIMIT_AS)[1]
    before = limit()
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    with memory_bounded(MORE):
        assert limit() <= soft
    assert limit() == soft
    resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def test_a_decoder_is_refused_what_is_too_much_while_others_come_and_go() -> None:
    with ThreadPoolExecutor(4) as pool, memory_bounded(MORE):
        held: list[mmap.mmap] = []
        with suppress(OSError):
            for _ in range(40):
                held.append(mmap.mmap(-1, MORE // 8))
                Block(pool).end()
        assert len(held) * MORE // 8 <= 3 * MORE
        for each in held:
            each.close()


def test_a_block_within_a_block_has_the_bound_of_the_outer_one() -> None:
    with memory_bounded(MORE):
        outer = limit()
        with memory_bounded(2 * MORE):
            assert limit() == outer
        assert limit() == outer


def taken() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
