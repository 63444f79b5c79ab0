"""Parquet without checksums, by other writers: untouched files are complete, and lost blocks are reported."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import CorruptError, PresswatchError
from presswatch_spark.reading.rows.parquet_footer import _gaps, _is_harmless, _Range, read_footer
from presswatch_spark.reading.rows.whole_rows import NamedColumns, whole_rows
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.world.proofs import each_time
from tests.world.prose import prose
from tests.world.shards import complaints, read

BLOCK = 4096
Write = Callable[[pa.Table, Path, str], None]


def table(rows: int = 1_000, **more: pa.Array) -> pa.Table:
    """Texts of different lengths, a URL each, and columns that hold the same value in all rows."""
    draw = random.Random(rows)
    columns = {
        "url": [f"https://site{i % 37}.example/page/{i * 7}" for i in range(rows)],
        "text": [prose(draw, draw.randrange(20, 160)) for _ in range(rows)],
        "language": ["fra"] * rows,
    }
    return pa.table(columns | more)


def by_pyarrow(rows: pa.Table, path: Path, codec: str) -> None:
    pq.write_table(rows, path, compression=codec, use_dictionary=False, write_statistics=False)


def by_duckdb(rows: pa.Table, path: Path, codec: str, version: str = "V1") -> None:
    with duckdb.connect() as connection:
        connection.register("these", rows)
        codec = {"none": "uncompressed"}.get(codec, codec)
        connection.execute(
            f"copy these to '{path}' (format parquet, compression {codec}, parquet_version {version})"
        )


def by_polars(rows: pa.Table, path: Path, codec: str) -> None:
    polars = pytest.importorskip("polars")
    polars.from_arrow(rows).write_parquet(path, compression={"none": "uncompressed"}.get(codec, codec))


def by_fastparquet(rows: pa.Table, path: Path, codec: str) -> None:
    fastparquet = pytest.importorskip("fastparquet")
    fastparquet.write(
        str(path), rows.to_pandas(), compression={"none": "UNCOMPRESSED"}.get(codec, codec.upper())
    )


def by_parquet_rs(rows: pa.Table, path: Path, codec: str) -> None:
    arro3 = pytest.importorskip("arro3.io")
    codec = {"none": "uncompressed", "zstd": "zstd(3)"}.get(codec, codec)
    arro3.write_parquet(rows, str(path), compression=codec, max_row_group_size=400)


WRITERS: dict[str, Write] = {
    "pyarrow": by_pyarrow,
    "duckdb": by_duckdb,
    "duckdb v2": partial(by_duckdb, version="V2"),
    "polars": by_polars,
    "fastparquet": by_fastparquet,
    "parquet-rs": by_parquet_rs,
}
CODECS = ("none", "snappy", "zstd")


def lost_blocks(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield copies of `data` in which a block is zeroed, or two blocks are swapped, in turns."""
    draw = random.Random(seed)
    places = range(0, len(data), BLOCK)
    for number in range(count):
        damaged, (here, there) = bytearray(data), sorted(draw.sample(places, 2))
        if number % 2:
            first, second = data[here : here + BLOCK], data[there : there + BLOCK]
            damaged[there : there + BLOCK], damaged[here : here + BLOCK] = first, second
            yield f"blocks at {here} and {there} swapped", bytes(damaged)
        else:
            damaged[here : here + BLOCK] = bytes(len(data[here : here + BLOCK]))
            yield f"block at {here} zeroed", bytes(damaged)


def is_silently_short(path: Path, rows: pa.Table) -> bool:
    """Return True if a shard is complete with less text than its rows have."""
    try:
        found, report = read(path, "rows")
    except PresswatchError:
        return False
    expected = [len(text.encode()) for text in rows["text"].to_pylist() if text]
    lengths = [len(document.text) - document.text.count(b"\0") for document in found]
    return not report.defects_total and lengths != expected


@pytest.mark.parametrize(
    ("writer", "codec", "rows", "count"),
    [
        *((writer, "none", 400, 16) for writer in ("pyarrow", "duckdb", "duckdb v2")),
        *(
            pytest.param(writer, codec, 1_000, 60, marks=pytest.mark.full)
            for writer in WRITERS
            for codec in CODECS
        ),
    ],
)
def test_a_zeroed_or_swapped_block_never_leaves_fewer_texts_in_a_complete_shard(
    tmp_path: Path, writer: str, codec: str, rows: int, count: int
) -> None:
    path, written = tmp_path / "x.parquet", table(rows)
    WRITERS[writer](written, path, codec)
    for what, damaged in lost_blocks(path.read_bytes(), count, seed=3):
        path.write_bytes(damaged)
        assert not is_silently_short(path, written), what


def long_texts(count: int) -> list[str]:
    return [prose(random.Random(i), 3_000) for i in range(count)]


SHAPES: dict[str, Callable[[], pa.Table]] = {
    "plain": table,
    "one row": lambda: table(1),
    "no row": lambda: table(1).slice(0, 0),
    "a column of nulls": lambda: table(more=pa.nulls(1_000, pa.string())),
    "some nulls": lambda: table(
        text=pa.array([None if i % 7 == 3 else f"Le texte {i}" for i in range(1_000)])
    ),
    "some empty": lambda: table(text=pa.array(["" if i % 5 == 1 else f"Le texte {i}" for i in range(1_000)])),
    "repeated": lambda: table(text=pa.array([f"Le texte {i % 20} est connu" for i in range(1_000)])),
    "nested": lambda: table(meta=pa.array([{"tags": ["a", "b"][: i % 3], "n": i} for i in range(1_000)])),
    "long texts": lambda: table(30, text=pa.array(long_texts(30))),
}


@pytest.mark.parametrize(
    ("writer", "shape"),
    each_time(
        [("duckdb", "some nulls"), ("duckdb v2", "repeated"), ("pyarrow", "no row"), ("duckdb", "nested")],
        [(writer, shape) for writer in WRITERS for shape in SHAPES],
    ),
)
def test_untouched_files_of_all_writers_and_shapes_are_complete(
    tmp_path: Path, writer: str, shape: str
) -> None:
    rows = SHAPES[shape]()
    if (writer, shape) == ("fastparquet", "nested"):
        pytest.skip("fastparquet writes no nested columns")
    for codec in CODECS:
        WRITERS[writer](rows, tmp_path / "x.parquet", codec)
        found, report = read(tmp_path / "x.parquet", "rows")
        assert report.defects_total == 0, complaints(report)
        assert [each.text.decode() for each in found] == [text for text in rows["text"].to_pylist() if text]


def zero_within_a_text(path: Path) -> None:
    """Write five long texts, and zeros over 900 bytes of the fourth."""
    texts = long_texts(5)
    by_duckdb(table(5, text=pa.array(texts)), path, "none")
    data = bytearray(path.read_bytes())
    at = data.index(texts[3].encode()) + 9_000
    data[at : at + 900] = bytes(900)
    path.write_bytes(data)


def test_a_zeroed_block_within_one_long_text_is_a_defect_of_its_row(tmp_path: Path) -> None:
    zero_within_a_text(tmp_path / "x.parquet")
    found, report = read(tmp_path / "x.parquet", "rows")
    assert len(found) == 5
    assert complaints(report) == "900 zero bytes in a row: a block of the file was lost (row 3)"


def test_single_zero_bytes_of_hostile_texts_are_no_lost_blocks_and_take_no_time(tmp_path: Path) -> None:
    texts = pa.array([("\0" + "a" * 511) * 4_000] * 3)
    pq.write_table(table(3, text=texts), tmp_path / "x.parquet")
    found, report = read(tmp_path / "x.parquet", "rows")
    assert (len(found), report.defects_total) == (3, 0)


def footer_of(path: Path) -> bytes:
    data = path.read_bytes()
    return data[-8 - int.from_bytes(data[-8:-4], "little") :]


@pytest.mark.parametrize("kept", [0, 1])
def test_rows_before_a_footer_that_does_not_name_them_make_the_shard_partial(
    tmp_path: Path, kept: int
) -> None:
    path, other = tmp_path / "x.parquet", tmp_path / "other.parquet"
    pq.write_table(table(300), path, row_group_size=100)
    whole = path.read_bytes()
    pq.write_table(table(300).slice(0, 100 * kept), other, row_group_size=100)
    path.write_bytes(whole[: -len(footer_of(path))] + footer_of(other))
    found, report = read(path, "rows")
    assert len(found) <= 100 * kept
    assert "the footer accounts for nothing in" in complaints(report)
    assert report.defects[0].offset is not None


def test_articles_with_lost_blocks_or_rows_that_no_footer_names_stop_the_build(tmp_path: Path) -> None:
    def articles(path: Path) -> list[object]:
        columns = NamedColumns({"body": "text"}, frozenset({"body"}))
        return list(whole_rows(stat(str(path), StorageOptions()), columns, StorageOptions()))

    path, other = tmp_path / "x.parquet", tmp_path / "other.parquet"
    pq.write_table(table(300), path)
    pq.write_table(table(300).slice(0, 0), other)
    path.write_bytes(path.read_bytes()[: -len(footer_of(path))] + footer_of(other))
    with pytest.raises(CorruptError, match="the footer accounts for nothing in"):
        articles(path)
    zero_within_a_text(path)
    with pytest.raises(CorruptError, match="900 zero bytes in a row: a block of the file was lost"):
        articles(path)


def test_rows_are_no_copy_of_a_columns_metadata(tmp_path: Path) -> None:
    """Some writers put such a copy after each column; a footer may be of fewer rows than lie before it."""
    metadata = b"\x15\x0c\x19\x05\x19\x18\x01a\x25\x02\x00"
    few, rows = [_Range(4, 50, is_column=True, is_followed=True)], _Range(60, 100, is_column=True)
    assert list(_gaps([*few, rows], 100, 500)) == []
    assert list(_gaps(few, 60, 500)) == [(50, 60)]
    for gap, is_harmless in ((metadata, True), (b"PAIN" * 8, False), (metadata + b"x", False)):
        (tmp_path / "x").write_bytes(gap)
        with (tmp_path / "x").open("rb") as file:
            assert _is_harmless(file, 0, len(gap)) == is_harmless


def test_a_former_footer_and_padding_before_a_row_group_hold_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(table(300), path, row_group_size=100)
    data, footer = path.read_bytes(), footer_of(path)
    for between in (bytes(5_000), footer):
        path.write_bytes(data[: -len(footer)] + between + footer)
        with path.open("rb") as file:
            assert read_footer(file).gaps == ()
    path.write_bytes(data[: -len(footer)] + b"x" + footer)
    with path.open("rb") as file:
        assert read_footer(file).gaps == ((len(data) - len(footer), len(data) - len(footer) + 1),)


def test_a_text_column_of_nulls_beside_a_column_with_values_is_a_defect(tmp_path: Path) -> None:
    rows = table(50)
    nulls = rows.set_column(1, "text", pa.nulls(50, pa.string())).append_column("corps", rows["text"])
    pq.write_table(nulls, tmp_path / "x.parquet")
    found, report = read(tmp_path / "x.parquet", "rows")
    assert found == []
    assert "no row has a text in column text, where other columns have values (corps" in complaints(report)
    assert "--columns text=THEIRS" in complaints(report)
