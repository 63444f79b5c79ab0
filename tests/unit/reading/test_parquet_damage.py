"""Damaged Parquet, by any writer: all rows, or a shard that is partial or failed; never fewer in silence."""

import mmap
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import CorruptError, PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.rows.parquet import (
    GroupReader,
    drawn_bounded,
    memory_bounded,
    open_parquet,
)
from presswatch_spark.reading.rows.parquet_footer import RowGroup, _gaps, _is_harmless, _Range, read_footer
from presswatch_spark.reading.rows.parquet_pages import ParquetDamageError
from presswatch_spark.reading.rows.whole_rows import NamedColumns, whole_rows
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.world.damage import Found, damages, every_flip, verdicts
from tests.world.proofs import cases, each_time
from tests.world.prose import prose
from tests.world.shards import complaints, read

# No two texts have the same length: by its length a text shows whose place it stands in.
PAGES = [(f"https://site{i}.example/{i * 7}", f"Le texte {i} parle du {word} et de la ville. " * 2)
         for i, word in enumerate(("vin", "pain", "sucre", "beurre", "fromage", "saucisson"))]  # fmt: skip
WRITERS: dict[str, dict[str, Any]] = {
    "snappy": {"compression": "snappy"},
    "plain": {"compression": "none", "use_dictionary": False},
    "second pages": {"compression": "none", "data_page_version": "2.0"},
    "checksums": {"compression": "zstd", "data_page_version": "2.0", "write_page_checksum": True},
    "checksums of first pages": {"compression": "none", "write_page_checksum": True},
    "some dictionaries": {"data_page_version": "2.0", "use_dictionary": ["timestamp"]},
    "deltas": {
        "compression": "none",
        "data_page_version": "2.0",
        "use_dictionary": False,
        "column_encoding": {"url": "DELTA_BYTE_ARRAY", "text": "DELTA_LENGTH_BYTE_ARRAY"},
    },
    "no statistics": {"compression": "none", "use_dictionary": False, "write_statistics": False},
}
# Of these a text may be made of another's letters, by so few of all flipped bits.
SNAPPY = frozenset({"snappy", "some dictionaries"})
MOST_LETTERS = 4


def written(path: Path, writer: str, pages: list[tuple[str | None, str]] | None = None) -> bytes:
    """Six rows in two row groups."""
    rows = pages or PAGES
    columns = {
        "url": [url for url, _ in rows],
        "text": [text for _, text in rows],
        "timestamp": ["2024-01-01T00:00:00Z"] * len(rows),
    }
    pq.write_table(pa.table(columns), path, row_group_size=3, **WRITERS[writer])
    return path.read_bytes()


def only_letters_differ(path: Path, pages: Sequence[tuple[str, str]], found: Sequence[Found]) -> bool:
    """Return True if a bare reader has every URL whole and in its row, with a text that fits there.

    Such a text has its own length, and is no other page's. Snappy says of letters where they stood before:
    one flipped bit, and they are those of another text.
    """
    try:
        table = pq.read_table(path, columns=["url", "text"])
    except (pa.ArrowException, OSError):
        return False
    urls = table.column("url").cast(pa.binary()).to_pylist()
    texts = table.column("text").cast(pa.binary()).to_pylist()
    written = [(url.encode(), text.encode()) for url, text in pages]
    others = {text for _, text in written}
    return (
        list(zip(urls, texts, strict=True)) == [(each.url.encode(), each.text) for each in found]
        and urls == [url for url, _ in written]
        and all(
            len(text) == len(own) and (text == own or text not in others)
            for text, (_, own) in zip(texts, written, strict=True)
        )
    )


@cases("writer", WRITERS)
def test_whole_files_of_all_writers_are_read_whole(tmp_path: Path, writer: str) -> None:
    written(tmp_path / "c4.parquet", writer)
    found, report = read(tmp_path / "c4.parquet")
    assert [(document.url, document.text.decode()) for document in found] == PAGES
    assert report.defects_total == 0


FULL = pytest.mark.full
CASES = [
    ("flips of some", "checksums"),
    pytest.param("flips of some", "snappy", marks=FULL),
    *(pytest.param(damage, writer, marks=FULL) for writer in WRITERS for damage in ("flips of all", "any")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "writer"), CASES)
def test_no_damage_gives_less_in_silence_or_a_false_url(tmp_path: Path, damage: str, writer: str) -> None:
    path = tmp_path / "c4.parquet"
    data = written(path, writer)
    if damage == "flips of some":
        counts, wrong = verdicts(islice(every_flip(data), 7, None, 131), PAGES, path)
        assert (wrong, len(counts)) == ([], 3)
        return
    twins, count = (damages(data, 2000, 13), 2000) if damage == "any" else (every_flip(data), 8 * len(data))
    counts, wrong = verdicts(twins, PAGES, path, excuse=only_letters_differ)
    assert (wrong, counts.total()) == ([], count)
    assert counts["letters"] <= (MOST_LETTERS if writer in SNAPPY else 0)


def test_the_judge_excuses_other_letters_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "c4.parquet"

    def is_excused(pages: list[tuple[str | None, str]]) -> bool:
        written(path, "plain", pages)
        return only_letters_differ(
            path, PAGES, [Found(url or "", text.encode(), None) for url, text in pages]
        )

    (url, text), (other_url, other_text), *rest = PAGES
    mixed = other_text[: len(text)]
    assert is_excused([(url, mixed), *PAGES[1:]])
    assert not is_excused([(url, mixed + "."), *PAGES[1:]])
    assert not is_excused([(url, other_text), (other_url, text), *rest])
    assert not is_excused([(other_url, mixed), (url, other_text), *rest])
    assert not is_excused([(url, mixed), *rest])
    assert not only_letters_differ(path, PAGES, [Found(url, text.encode(), None) for url, text in PAGES])
    path.write_bytes(b"PAR1")
    assert not only_letters_differ(path, PAGES, [])


def test_a_url_that_moves_up_past_a_null_is_not_put_beside_another_text(tmp_path: Path) -> None:
    path = tmp_path / "c4.parquet"
    data = written(path, "plain", [(None, "a un"), *PAGES[1:3]])
    # Definition levels 0, 1, 1 packed into bits: the null moves to the end, its URL stays first.
    place = data.index(b"\x03\x06" + len(PAGES[1][0]).to_bytes(4, "little"))
    for levels in (0b011, 0b101, 0b111, 0b010):
        path.write_bytes(data[: place + 1] + bytes([levels]) + data[place + 2 :])
        found, _ = read(path)
        assert found == [] or levels in (0b011, 0b101)
    path.write_bytes(data)
    assert [document.url for document in read(path)[0]] == ["", *(url for url, _ in PAGES[1:3])]


def test_texts_that_a_damaged_length_moves_are_not_put_beside_urls(tmp_path: Path) -> None:
    path = tmp_path / "c4.parquet"
    data = written(path, "deltas")
    chunk = read_footer(path.open("rb")).groups[0].chunks[1]
    # 80, the first length, twice as a varint; then 2, by which the others grow at least.
    place = data.index(b"\xa0\x01\x04", chunk.start)
    for shorter in (b"\x80\x01\x04", b"\xa0\x01\x00"):
        path.write_bytes(data[:place] + shorter + data[place + 3 :])
        found, report = read(path)
        assert [(document.url, document.text.decode()) for document in found] == PAGES[3:]
        assert "row group cannot be read" in complaints(report)


def test_a_damaged_place_in_a_dictionary_takes_the_urls_not_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "c4.parquet"
    pages = [(f"https://site{i}.example/{i}", text) for i, (_, text) in enumerate(PAGES)]
    data = written(path, "second pages", [*pages])
    chunk = read_footer(path.open("rb")).groups[0].chunks[0]
    at = data.rindex(b"\x03\x24", 0, chunk.end)  # Places 0, 1, 2 in two bits each.
    path.write_bytes(data[: at + 1] + bytes([0x14]) + data[at + 2 :])
    found, report = read(path)
    assert [document.text.decode() for document in found] == [text for _, text in PAGES]
    assert [document.url for document in found] == ["", "", ""] + [url for url, _ in pages[3:]]
    assert "read without URLs" in complaints(report)


def test_urls_of_a_dictionary_that_is_longer_than_its_rows_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "c4.parquet"
    known = [*(f"https://elsewhere.example/{i}" for i in range(100)), *(url for url, _ in PAGES)]
    urls = pa.DictionaryArray.from_arrays(pa.array(range(100, 100 + len(PAGES)), pa.int32()), known)
    columns = {"url": urls, "text": [text for _, text in PAGES], "timestamp": [""] * len(PAGES)}
    pq.write_table(pa.table(columns), path)
    found, report = read(path)
    assert [(document.url, document.text.decode()) for document in found] == [("", text) for _, text in PAGES]
    assert "read without URLs" in complaints(report)


def huge(path: Path, kind: pa.DataType, rows: int) -> None:
    """A small file whose rows all hold one text of 4 MB."""
    text = pa.array(["a " * (2 << 20)])
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), text).cast(kind)
    pq.write_table(pa.table({"text": texts, "url": [f"u{i}" for i in range(rows)]}), path, compression="zstd")


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int32(), pa.string()), pa.large_string()])
def test_a_text_that_all_rows_share_takes_little_memory(tmp_path: Path, kind: pa.DataType) -> None:
    path, report, options = tmp_path / "rows.parquet", ReadReport(), ReadOptions()
    huge(path, kind, 30)
    assert path.stat().st_size < 20_000
    shard, rows = stat(str(path), options.storage), 0
    with memory_bounded(100 << 20):
        for batch in format_for("rows", shard, options).read(shard, options, report):
            assert int(batch.texts.sizes.sum()) <= 16 << 20
            rows += len(batch)
    assert (rows, report.defects_total) == (30, 0)


HELD = """
import sys

import pyarrow as pa

from presswatch_spark.reading.rows.parquet import DECODED_BYTES, memory_bounded

held = [pa.allocate_buffer(8 << 20) for _ in range(int(sys.argv[1]))]
with memory_bounded(DECODED_BYTES):
    more = [pa.allocate_buffer(8 << 20) for _ in range(30)], bytearray(200 << 20)
"""


@pytest.mark.slow
@pytest.mark.parametrize("held", each_time([95], [0, 95]))
def test_address_space_that_arrow_reserves_for_later_is_not_counted(held: int) -> None:
    """Its allocator reserves 1 GiB for the first buffer, and another for the hundredth of these."""
    words = [sys.executable, "-c", HELD, str(held)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_batch_that_takes_too_much_memory_is_decoded_in_smaller_ones(tmp_path: Path) -> None:
    huge(tmp_path / "rows.parquet", pa.string(), 40)
    reader = GroupReader(open_parquet((tmp_path / "rows.parquet").open("rb"), "x"), 0, ["text", "url"])
    urls: list[str] = []
    for batch in drawn_bounded(reader.batches(40), 100 << 20):
        urls += batch.column("url").to_pylist()
    assert urls == [f"u{i}" for i in range(40)]


def test_a_footer_of_many_values_is_refused_without_much_memory(tmp_path: Path) -> None:
    # A list of 2^31 structs, in eight bytes.
    footer = b"\x15\x02\x19\xfc\xff\xff\xff\xff\x07\x00"
    path = tmp_path / "c4.parquet"
    path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(CorruptError, match="a list is longer than the metadata"):
        read(path, "c4")


@pytest.mark.parametrize("name", ["url", "text"])
def test_a_column_whose_name_differs_from_the_schema_or_stands_twice_is_an_error(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "c4.parquet"
    data = written(path, "plain")
    place = data.index(bytes([0x18, len(name)]) + name.encode()) + 2
    path.write_bytes(data[:place] + b"v" + data[place + 1 :])
    with pytest.raises(CorruptError, match="name or type of a column differs from the schema"):
        read(path)
    url, text = (pa.array(list(each)) for each in zip(*PAGES, strict=True))
    pq.write_table(pa.Table.from_arrays([url, text, text], ["url", "text", name]), path)
    with pytest.raises(CorruptError, match=f"more than one column is called {name}"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"WARC/1.0\r\n" * 9, b"\x1f\x8b\x08" + bytes(30)])
def test_content_of_another_format_is_not_called_a_cut_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.parquet"
    path.write_bytes(content)
    with (
        path.open("rb") as file,
        pytest.raises(CorruptError, match="x: the content is not Parquet") as raised,
    ):
        open_parquet(file, "x")
    assert "cut" not in str(raised.value)


def test_a_column_that_is_read_from_other_bytes_than_were_checked_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "c4.parquet"
    written(path, "plain")
    with path.open("rb") as file:
        parquet = open_parquet(file, "x")
        first, *others = parquet.footer.groups[0].chunks
        group = RowGroup(3, (replace(first, size=first.size + 1), *others))
        footer = replace(parquet.footer, groups=(group, *parquet.footer.groups[1:]))
        reader = GroupReader(replace(parquet, footer=footer), 0, ["url"])
        with pytest.raises(ParquetDamageError, match="other bytes"):
            list(reader.batches(3))


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
            waiting, outer = pool.submit(other), limit()
            assert outer != before
            with memory_bounded(2 * MORE):
                assert limit() == outer, "a block within has the bound of the outer one"
            assert limit() == outer
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


def taken() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


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
    codec = codec.replace("uncompressed", "none")
    pq.write_table(rows, path, compression=codec, use_dictionary=False, write_statistics=False)


def by_duckdb(rows: pa.Table, path: Path, codec: str, version: str = "V1") -> None:
    with duckdb.connect() as connection:
        connection.register("these", rows)
        connection.execute(
            f"copy these to '{path}' (format parquet, compression {codec}, parquet_version {version})"
        )


def by_polars(rows: pa.Table, path: Path, codec: str) -> None:
    polars = pytest.importorskip("polars")
    polars.from_arrow(rows).write_parquet(path, compression=codec)


def by_fastparquet(rows: pa.Table, path: Path, codec: str) -> None:
    fastparquet = pytest.importorskip("fastparquet")
    fastparquet.write(str(path), rows.to_pandas(), compression=codec.upper())


def by_parquet_rs(rows: pa.Table, path: Path, codec: str) -> None:
    arro3 = pytest.importorskip("arro3.io")
    codec = codec.replace("zstd", "zstd(3)")
    arro3.write_parquet(rows, str(path), compression=codec, max_row_group_size=400)


PROGRAMS: dict[str, Write] = {
    "pyarrow": by_pyarrow,
    "duckdb": by_duckdb,
    "duckdb v2": partial(by_duckdb, version="V2"),
    "polars": by_polars,
    "fastparquet": by_fastparquet,
    "parquet-rs": by_parquet_rs,
}
CODECS = ("uncompressed", "snappy", "zstd")


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
        *((writer, "uncompressed", 400, 16) for writer in ("pyarrow", "duckdb", "duckdb v2")),
        *(
            pytest.param(writer, codec, 1_000, 60, marks=pytest.mark.full)
            for writer in PROGRAMS
            for codec in CODECS
        ),
    ],
)
def test_a_zeroed_or_swapped_block_never_leaves_fewer_texts_in_a_complete_shard(
    tmp_path: Path, writer: str, codec: str, rows: int, count: int
) -> None:
    path, written = tmp_path / "x.parquet", table(rows)
    PROGRAMS[writer](written, path, codec)
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
        [(writer, shape) for writer in PROGRAMS for shape in SHAPES],
    ),
)
def test_untouched_files_of_all_writers_and_shapes_are_complete(
    tmp_path: Path, writer: str, shape: str
) -> None:
    rows = SHAPES[shape]()
    if (writer, shape) == ("fastparquet", "nested"):
        pytest.skip("fastparquet writes no nested columns")
    for codec in CODECS:
        PROGRAMS[writer](rows, tmp_path / "x.parquet", codec)
        found, report = read(tmp_path / "x.parquet", "rows")
        assert report.defects_total == 0, complaints(report)
        assert [each.text.decode() for each in found] == [text for text in rows["text"].to_pylist() if text]


def zero_within_a_text(path: Path) -> None:
    """Write five long texts, and zeros over 900 bytes of the fourth."""
    texts = long_texts(5)
    by_duckdb(table(5, text=pa.array(texts)), path, "uncompressed")
    data = bytearray(path.read_bytes())
    at = data.index(texts[3].encode()) + 9_000
    data[at : at + 900] = bytes(900)
    path.write_bytes(data)


def test_a_zeroed_block_within_one_long_text_is_a_defect_and_single_zeros_are_none(tmp_path: Path) -> None:
    zero_within_a_text(tmp_path / "x.parquet")
    found, report = read(tmp_path / "x.parquet", "rows")
    assert len(found) == 5
    assert complaints(report) == "900 zero bytes in a row: a block of the file was lost (row 3)"
    hostile = pa.array([("\0" + "a" * 511) * 4_000] * 3)
    pq.write_table(table(3, text=hostile), tmp_path / "x.parquet")
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
    assert "the footer does not account for" in complaints(report)
    assert report.defects[0].offset is not None


def test_articles_with_lost_blocks_or_rows_that_no_footer_names_stop_the_build(tmp_path: Path) -> None:
    def articles(path: Path) -> list[object]:
        columns = NamedColumns({"body": "text"}, frozenset({"body"}))
        return list(whole_rows(stat(str(path), StorageOptions()), columns, StorageOptions()))

    path, other = tmp_path / "x.parquet", tmp_path / "other.parquet"
    pq.write_table(table(300), path)
    pq.write_table(table(300).slice(0, 0), other)
    path.write_bytes(path.read_bytes()[: -len(footer_of(path))] + footer_of(other))
    with pytest.raises(CorruptError, match="the footer does not account for"):
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
            assert read_footer(file).complaints == ()
    path.write_bytes(data[: -len(footer)] + b"x" + footer)
    with path.open("rb") as file:
        ((finding, offset),) = read_footer(file).complaints
    assert ("for 1 bytes" in finding, offset) == (True, len(data) - len(footer))


def test_a_text_column_of_nulls_beside_a_column_with_values_is_a_defect(tmp_path: Path) -> None:
    rows = table(50)
    nulls = rows.set_column(1, "text", pa.nulls(50, pa.string())).append_column("corps", rows["text"])
    pq.write_table(nulls, tmp_path / "x.parquet")
    found, report = read(tmp_path / "x.parquet", "rows")
    assert found == []
    assert "no row has a text in column text, where other columns have values (corps" in complaints(report)
    assert "--columns text=THEIRS" in complaints(report)
