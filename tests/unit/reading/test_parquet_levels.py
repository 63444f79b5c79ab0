"""Levels and places of Parquet pages: runs of one number, and numbers packed into bits."""

from __future__ import annotations

import random

import pytest

from presswatch_spark.reading.rows.parquet_pages import ParquetPageError, nulls_of, numbers_of


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def run(number: int, count: int, width: int) -> bytes:
    return varint(count << 1) + number.to_bytes((width + 7) // 8, "little")


def packed(numbers: list[int], width: int) -> bytes:
    assert len(numbers) % 8 == 0
    bits = sum(number << place * width for place, number in enumerate(numbers))
    return varint(len(numbers) // 8 << 1 | 1) + bits.to_bytes(len(numbers) * width // 8, "little")


@pytest.mark.parametrize("width", [0, 1, 2, 7, 8, 9, 16, 17, 31, 32])
def test_runs_and_packed_numbers_in_any_order_are_read_as_they_were_written(width: int) -> None:
    draw = random.Random(width)
    for _ in range(40):
        data, numbers = b"", list[int]()
        for _ in range(draw.randrange(6)):
            some = [draw.randrange(1 << width) for _ in range(8 * draw.randint(1, 9))]
            is_packed = draw.random() < 0.6
            data += packed(some, width) if is_packed else run(some[0], len(some), width)
            numbers += some if is_packed else some[:1] * len(some)
        found, end = numbers_of(memoryview(data + b"more"), width, len(numbers))
        assert (found.tolist(), end) == (numbers, len(data))


def test_numbers_that_fill_the_last_group_of_eight_are_none() -> None:
    found, _ = numbers_of(memoryview(packed([*range(8), 5, 6, 0, 0, 0, 0, 0, 0], 3)), 3, 10)
    assert found.tolist() == [*range(8), 5, 6]


def test_one_run_of_the_highest_level_has_no_nulls() -> None:
    assert nulls_of(memoryview(run(2, 1000, 2)), 2, 1000) == 0
    assert nulls_of(memoryview(run(1, 1000, 2)), 2, 1000) == 1000
    assert nulls_of(memoryview(run(2, 990, 2) + run(0, 10, 2)), 2, 1000) == 10


@pytest.mark.parametrize(
    "levels", [run(1, 999, 1), run(1, 1001, 1), run(1, 1000, 1) + b"\0", run(2, 1000, 1), b""]
)
def test_levels_of_another_number_of_values_or_higher_than_any_are_refused(levels: bytes) -> None:
    with pytest.raises(ParquetPageError):
        nulls_of(memoryview(levels), 1, 1000)
