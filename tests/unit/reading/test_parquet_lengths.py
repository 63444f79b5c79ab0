"""Lengths of texts that stand before all texts of a Parquet page."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.reading.rows.parquet_footer import number, read_footer, read_struct
from presswatch_spark.reading.rows.parquet_pages import ParquetPageError, check_lengths

ENCODINGS = ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]


def page(path: Path, texts: list[str], encoding: str) -> bytes:
    """What pyarrow writes of texts into one page, without its header."""
    table = pa.table({"text": texts}, pa.schema([pa.field("text", pa.string(), nullable=False)]))
    pq.write_table(
        table,
        path,
        compression="none",
        use_dictionary=False,
        column_encoding=encoding,
        data_page_size=1 << 30,
    )
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


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("count", [1, 2, 32, 33, 128, 129, 130, 1000])
def test_sound_lengths_of_any_number_of_texts_fill_their_page(
    tmp_path: Path, encoding: str, count: int
) -> None:
    content = page(tmp_path / "x.parquet", texts_of(count), encoding)
    check_lengths(memoryview(content), count, with_prefixes=encoding == "DELTA_BYTE_ARRAY")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lengths_that_leave_a_byte_over_or_want_one_more_are_refused(tmp_path: Path, encoding: str) -> None:
    content = page(tmp_path / "x.parquet", texts_of(300), encoding)
    for other in (content + b"x", content[:-1], content[: len(content) // 2], b""):
        with pytest.raises(ParquetPageError):
            check_lengths(memoryview(other), 300, with_prefixes=encoding == "DELTA_BYTE_ARRAY")
    for values in (299, 301):
        with pytest.raises(ParquetPageError):
            check_lengths(memoryview(content), values, with_prefixes=encoding == "DELTA_BYTE_ARRAY")


def test_blocks_that_are_longer_than_a_short_page_are_sound() -> None:
    # As DuckDB writes them: blocks of 2,048 numbers in 8 parts.
    none, one = bytes.fromhex("8010 08 00 00"), bytes.fromhex("8010 08 01 02")
    check_lengths(memoryview(none), 0, with_prefixes=False)
    check_lengths(memoryview(none + none), 0, with_prefixes=True)
    check_lengths(memoryview(one + b"a"), 1, with_prefixes=False)
    with pytest.raises(ParquetPageError):
        check_lengths(memoryview(one), 1, with_prefixes=False)


def test_a_first_length_that_is_damaged_is_refused(tmp_path: Path) -> None:
    content = bytearray(page(tmp_path / "x.parquet", ["vin " * 20] * 40, ENCODINGS[0]))
    place = content.index(b"\xa0\x01")  # 80, twice as a varint.
    content[place] ^= 32
    with pytest.raises(ParquetPageError, match="other lengths"):
        check_lengths(memoryview(content), 40, with_prefixes=False)


def test_noise_is_refused_as_lengths() -> None:
    draw = random.Random(3)
    for _ in range(3000):
        with pytest.raises(ParquetPageError):
            check_lengths(memoryview(draw.randbytes(draw.randrange(200))), 50, with_prefixes=False)
