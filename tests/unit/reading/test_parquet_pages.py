"""Contents of Parquet pages: levels, places in dictionaries, lengths of texts, and checksums."""

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.reading.rows.parquet_footer import number, read_footer, read_struct
from presswatch_spark.reading.rows.parquet_pages import (
    ParquetDamageError,
    check_lengths,
    check_plain,
    nulls_of,
    numbers_of,
    pages_of,
)
from tests.world.proofs import cases


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


@cases("width", [0, 1, 2, 7, 8, 9, 16, 17, 31, 32])
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


@cases("levels", [run(1, 999, 1), run(1, 1001, 1), run(1, 1000, 1) + b"\0", run(2, 1000, 1), b""])
def test_levels_of_another_number_of_values_or_higher_than_any_are_refused(levels: bytes) -> None:
    with pytest.raises(ParquetDamageError):
        nulls_of(memoryview(levels), 1, 1000)


ENCODINGS = ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]


def page(path: Path, texts: list[str], encoding: str) -> bytes:
    """Return the page that pyarrow writes of texts, without its header."""
    table = pa.table({"text": texts}, pa.schema([pa.field("text", pa.string(), nullable=False)]))
    settings: dict[str, Any] = {"use_dictionary": False, "column_encoding": encoding}
    pq.write_table(table, path, compression="none", data_page_size=1 << 30, **settings)
    with path.open("rb") as file:
        chunk = read_footer(file).groups[0].chunks[0]
        file.seek(chunk.start)
        data = file.read(chunk.size)
    header, at = read_struct(data)
    assert at + number(header, 3) == len(data)
    return data[at:]


def texts_of(count: int) -> list[str]:
    draw = random.Random(count)
    return ["le pain " * draw.choice((0, 1, 3, 400)) + "x" * draw.randrange(40) for _ in range(count)]


@cases("encoding", ENCODINGS)
@cases("count", [1, 2, 32, 33, 128, 129, 130, 1000])
def test_sound_lengths_of_any_number_of_texts_fill_their_page(
    tmp_path: Path, encoding: str, count: int
) -> None:
    content = page(tmp_path / "x.parquet", texts_of(count), encoding)
    check_lengths(memoryview(content), count, with_prefixes=encoding == "DELTA_BYTE_ARRAY")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lengths_that_leave_a_byte_over_or_want_one_more_are_refused(tmp_path: Path, encoding: str) -> None:
    content = page(tmp_path / "x.parquet", texts_of(300), encoding)
    harmed = ((other, 300) for other in (content + b"x", content[:-1], content[: len(content) // 2], b""))
    for other, values in (*harmed, (content, 299), (content, 301)):
        with pytest.raises(ParquetDamageError):
            check_lengths(memoryview(other), values, with_prefixes=encoding == "DELTA_BYTE_ARRAY")


def test_blocks_that_are_longer_than_a_short_page_are_sound() -> None:
    # As DuckDB writes them: blocks of 2,048 numbers in 8 parts.
    none, one = bytes.fromhex("8010 08 00 00"), bytes.fromhex("8010 08 01 02")
    check_lengths(memoryview(none), 0, with_prefixes=False)
    check_lengths(memoryview(none + none), 0, with_prefixes=True)
    check_lengths(memoryview(one + b"a"), 1, with_prefixes=False)
    with pytest.raises(ParquetDamageError):
        check_lengths(memoryview(one), 1, with_prefixes=False)


def test_a_first_length_that_is_damaged_is_refused(tmp_path: Path) -> None:
    content = bytearray(page(tmp_path / "x.parquet", ["vin " * 20] * 40, ENCODINGS[0]))
    place = content.index(b"\xa0\x01")  # 80, twice as a varint.
    content[place] ^= 32
    with pytest.raises(ParquetDamageError, match="do not match its bytes"):
        check_lengths(memoryview(content), 40, with_prefixes=False)


def test_noise_is_refused_as_lengths() -> None:
    draw = random.Random(3)
    for _ in range(3000):
        with pytest.raises(ParquetDamageError):
            check_lengths(memoryview(draw.randbytes(draw.randrange(200))), 50, with_prefixes=False)


@cases("version", ["1.0", "2.0"])
@cases("codec", ["none", "snappy", "lz4"])
def test_lengths_must_fill_their_page_where_no_bytes_of_texts_are_counted(
    tmp_path: Path, version: str, codec: str
) -> None:
    path = tmp_path / "x.parquet"
    texts = pa.table({"text": [f"{'vin ' * 20}{'x' * n}" for n in range(6)] + [None]})
    settings: dict[str, Any] = {"use_dictionary": False, "column_encoding": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(texts, path, compression=codec, data_page_version=version, **settings)
    with path.open("rb") as file:
        chunk = replace(read_footer(file).groups[0].chunks[0], text_bytes=None)
        file.seek(chunk.start)
        data = file.read(chunk.size)
    assert pages_of(memoryview(data), chunk).values == len(texts)
    place = data.index(b"\xa0\x01")  # 80, the first length, twice as a varint.
    shorter = data[:place] + b"\x80\x01" + data[place + 2 :]
    with pytest.raises(ParquetDamageError, match="do not match its bytes"):
        pages_of(memoryview(shorter), chunk)


def test_a_dictionary_may_have_a_checksum_where_data_pages_have_none(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data_page_version": "2.0", "write_page_checksum": True}
    pq.write_table(pa.table({"url": ["u", "u", "v"]}), tmp_path / "x.parquet", compression="zstd", **settings)
    with (tmp_path / "x.parquet").open("rb") as file:
        chunk = read_footer(file).groups[0].chunks[0]
        file.seek(chunk.start)
        column = memoryview(file.read(chunk.size))
    dictionary, at = read_struct(column)
    second = at + number(dictionary, 3)
    # Fields of a page's header: 4, the checksum, is a number; what follows it says how far on it is.
    header = bytes(column[second : read_struct(column, second)[1]])
    without = re.sub(rb"\x15[\x80-\xff]{0,4}[\x00-\x7f]\x4c", lambda _: b"\x5c", header, count=1)
    assert 4 not in read_struct(without)[0]
    assert 4 in dictionary
    older = bytes(column[:second]) + without + bytes(column[second + len(header) :])
    assert pages_of(memoryview(older), chunk).values == chunk.values


def test_texts_fill_a_page_but_for_the_eight_zeros_of_fastparquet() -> None:
    content = b"\x03\0\0\0vin\x04\0\0\0pain"
    for padding in (b"", bytes(8)):
        check_plain(memoryview(content + padding), 2)
    for wrong in (content + bytes(7), content + b"x", content[:-1], bytes(len(content))):
        with pytest.raises(ParquetDamageError):
            check_plain(memoryview(wrong), 2)
