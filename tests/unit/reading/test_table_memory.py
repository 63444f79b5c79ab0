"""The memory of decoders is bounded for the process; threads take turns."""

from __future__ import annotations

import mmap
import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

from presswatch_spark.reading.rows.parquet import memory_bounded

MORE = 256 << 20


def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_AS)[0]


def test_threads_take_turns_and_the_limit_of_before_is_back() -> None:
    before, order = limit(), list[str]()

    def other() -> None:
        with memory_bounded(MORE):
            order.append("other")

    with ThreadPoolExecutor(1) as pool:
        with memory_bounded(MORE):
            waiting = pool.submit(other)
            assert limit() != before
            order.append("this")
        waiting.result()
    assert order == ["this", "other"]
    assert limit() == before


def test_a_limit_that_the_process_had_is_kept() -> None:
    soft, hard = taken() + MORE // 2, resource.getrlimit(resource.RLIMIT_AS)[1]
    before = limit()
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    with memory_bounded(MORE):
        assert limit() <= soft
    assert limit() == soft
    resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def test_a_decoder_is_refused_what_is_too_much() -> None:
    with memory_bounded(MORE), pytest.raises(OSError, match="memory"):
        mmap.mmap(-1, 2 * MORE)
    mmap.mmap(-1, 2 * MORE).close()


def test_a_block_within_a_block_has_the_bound_of_the_outer_one() -> None:
    with memory_bounded(MORE):
        outer = limit()
        with memory_bounded(2 * MORE):
            assert limit() == outer
        assert limit() == outer


def taken() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
