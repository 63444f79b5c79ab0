"""Rows of JSON Lines: what is read, what is lost is named, and what damage may have made has no URL."""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.shards import write_c4_json, write_c4_parquet
from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.reading.row_formats import TRIED
from presswatch_spark.reading.rows.jsonl import JsonRows
from presswatch_spark.reading.rows.row_values import DOCUMENTS_AT_ONCE
from presswatch_spark.reading.source import ReadOptions
from tests.world.damage import could_be_written, damages, verdicts
from tests.world.proofs import cases, each_time
from tests.world.shards import Document, SmallPage, complaints, pages, read, texts

AT = "2019-04-25T12:57:54Z"
Pack = Callable[[bytes], bytes]


def row(n: int, **more: object) -> bytes:
    """A row of C4 with a text and a URL of its own; a field that is None is left out."""
    fields = {"text": f"texte {n}", "timestamp": AT, "url": f"https://exemple.fr/{n}", **more}
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def of_text(text: object, **more: object) -> bytes:
    return json.dumps({"text": text, "timestamp": AT, "url": "https://exemple.fr/", **more}).encode()


def bare_zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=False).compress(data)


def checked_zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


UNCHECKED, CHECKED = [bytes, bare_zstd], [gzip.compress, checked_zstd]


def read_lines(
    folder: Path,
    *lines: bytes,
    pack: Pack = bytes,
    end: bytes = b"\n",
    format: str = "rows",
    **options: Any,
) -> tuple[list[Document], ReadReport]:
    (folder / "shard").write_bytes(pack(b"\n".join(lines) + end))
    return read(folder / "shard", format, ReadOptions(**options))


@cases("name", ["c4-train.json.gz", "c4-train.json", "c4-train.json.zst", "c4.parquet"])
def test_rows_come_in_order_with_url_time_and_index(tmp_path: Path, name: str) -> None:
    write = write_c4_parquet if name.endswith("parquet") else write_c4_json
    write(tmp_path / name, pages(50))
    for batch_bytes in (1, 1000, 1 << 22):
        found, report = read(tmp_path / name, "auto", ReadOptions(batch_bytes=batch_bytes))
        assert [(document.text.decode(), document.url) for document in found] == [
            (page.text, page.url) for page in pages(50)
        ]
        assert [document.locator.row_index for document in found] == list(range(50))
        assert report.defects_total == report.documents_skipped == 0
        assert report.bytes_read == (tmp_path / name).stat().st_size


def test_blank_lines_count_and_a_byte_order_mark_does_not(tmp_path: Path) -> None:
    lines = (b"\xef\xbb\xbf" + row(0), b"", b"  \r", row(3) + b"\r")
    found, report = read_lines(tmp_path, *lines, format="c4")
    assert [(document.text, document.locator.row_index) for document in found] == [
        (b"texte 0", 0),
        (b"texte 3", 3),
    ]
    assert found[0].locator.captured_at == datetime(2019, 4, 25, 12, 57, 54, tzinfo=UTC)
    assert report.defects_total == report.documents_skipped == 0


def test_a_line_that_cannot_be_parsed_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    found, report = read_lines(tmp_path, row(0), b'{"text": "deux', b"[1]", b'"x"', row(4), format="c4")
    assert texts(found) == ["texte 0", "texte 4"]
    assert [(each.offset, each.unit) for each in report.defects] == [(1, "line"), (2, "line"), (3, "line")]


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (rb'{"text": "a\ud800b"}', b"a\xed\xa0\x80b"),
        (rb'{"text": "a\ud83d\ude00b", "x": NaN}', "a😀b".encode()),
        (rb'{"text": "a\u0000b"}', b"a\0b"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", b"a"),
        (b'{"text": "a", "n": -Infinity}', b"a"),
    ],
    ids=["lone surrogate", "NaN", "NUL", "huge integer", "infinity"],
)
def test_what_a_strict_parser_refuses_is_read_all_the_same(
    tmp_path: Path, stored: bytes, text: bytes
) -> None:
    found, report = read_lines(tmp_path, of_text("avant"), stored, of_text("suite"), format="c4")
    assert [document.text for document in found] == [b"avant", text, b"suite"]
    assert report.defects_total == 0


def test_a_row_like_those_before_it_is_read_as_any_other(tmp_path: Path) -> None:
    fused = b'{"text": "a", "url": "https://a.fr/", "timestamp": "", "text": "b", "url": "https://b.fr/"}'
    stored = [
        *(row(n) for n in range(3)),
        of_text('dit "url": "url" et "text": \\" 😀\n\u2028', url='https://exemple.fr/"'),
        of_text("", url=None),
        *(of_text("un", url=7), of_text(8), of_text("deux", language="fr")),
        *(of_text("trois", language=["en"], x={"y": [1]}), of_text("quatre")),
        *(b'{"text": "cinq", "url": "u", "timestamp": 2019}', of_text("six")),
    ]  # fmt: skip
    one, other = [
        read_lines(tmp_path, *lines, of_text("sept"), pack=pack, format="c4")
        for lines, pack in (([*stored, fused], gzip.compress), ([*stored, b""], bytes))
    ]
    (packed, packed_report), (plain, report) = one, other
    rows = [(each.text, each.url, each.locator.captured_at, each.locator.languages) for each in packed]
    assert rows == [(each.text, each.url, each.locator.captured_at, each.locator.languages) for each in plain]
    assert [languages for *_, languages in rows[5:7]] == [("fr",), ("en",)]
    assert packed_report.skipped == report.skipped
    assert packed_report.defects_total == report.defects_total + 1
    assert "two fields of one name, not read (line 12)" in complaints(packed_report)


def nested(levels: int) -> bytes:
    return b'{"text": "profond", "x": ' + b'{"x": ' * levels + b"1" + b"}" * (levels + 1)


@pytest.mark.parametrize("format", ["auto", "c4"])
def test_a_row_is_read_if_it_is_nested_as_deeply_as_can_be_parsed_and_else_named(
    tmp_path: Path, format: str
) -> None:
    for levels in (990, 1010, 1022):
        found, report = read_lines(tmp_path, nested(levels), of_text("suite"), format=format)
        assert (texts(found), report.defects_total) == (["profond", "suite"], 0)
    # Closed, not closed, and for the lenient parser.
    for deep in (
        nested(200_000),
        b'{"text": "a", "x": ' + b"[" * 200_000,
        b'{"n": NaN, ' + nested(200_000)[1:],
    ):
        found, report = read_lines(tmp_path, deep, of_text("suite"), deep, of_text("fin"), format=format)
        assert texts(found) == ["suite", "fin"]
        assert [str(defect) for defect in report.defects] == [
            f"line is nested too deeply to be read (line {number})" for number in (0, 2)
        ]


def test_rows_without_text_are_skipped_and_values_of_a_wrong_type_are_named(tmp_path: Path) -> None:
    values = (of_text(None), b'{"url": "x"}', of_text(""), of_text(7), of_text(["a"]), of_text("fin"))
    found, report = read_lines(
        tmp_path, *values, of_text("un", url=7), of_text("deux", url=None), format="c4"
    )
    assert [(document.text, document.url) for document in found] == [
        (b"fin", "https://exemple.fr/"),
        (b"un", ""),
        (b"deux", ""),
    ]
    assert report.documents_skipped == 2
    assert "row lacks the text column" in complaints(report)
    assert "text is a number, not a string; not read (line 3)" in complaints(report)
    assert "text is a list, not a string; not read (line 4)" in complaints(report)
    assert report.defects_total == 4


def test_a_file_without_a_text_column_does_not_look_like_one_without_copies(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match=r"no row has a text column \(text\); there are: body, url"):
        read_lines(tmp_path, b'{"body": "a", "url": "b"}', format="c4")


@pytest.mark.full
def test_a_line_of_500_mb_is_read(tmp_path: Path) -> None:
    stored = of_text("avant"), of_text("mot " * (125 << 20)), of_text("suite")
    found, report = read_lines(tmp_path, *stored, max_document_bytes=1 << 30)
    assert [len(document.text) for document in found] == [5, 500 << 20, 5]
    assert report.defects_total == 0


def test_damage_in_the_middle_of_gzip_is_named_and_all_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c4-bad.json.gz"
    write_c4_json(path, pages(200))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50
    path.write_bytes(data)
    found, report = read(path)
    assert 90 < len(found) < 110
    assert texts(found) == [page.text for page in pages(len(found))]
    assert report.defects_total >= 1


@pytest.mark.real_data
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_real_rows_are_read(real_data: Path, suffix: str) -> None:
    path = real_data / "rows" / "c4" / f"c4-train.00000-of-01024.rows-1-3-5.json{suffix}"
    found, report = read(path)
    stored = gzip.decompress(path.read_bytes()) if suffix else path.read_bytes()
    rows = [json.loads(each) for each in stored.splitlines()]
    assert [(document.text.decode(), document.url) for document in found] == [
        (r["text"], r["url"]) for r in rows
    ]
    assert [rows[document.locator.row_index or 0]["text"].encode() for document in found] == [
        document.text for document in found
    ]
    assert report.defects_total == 0


# --- Rows that no checksum vouches for ---


def known(found: list[Document]) -> list[int]:
    """The numbers of the rows with URL; each has its own, and the others say that they are in doubt."""
    for document in found:
        assert document.url in ("", document.text.decode().replace("texte ", "https://exemple.fr/"))
        assert document.locator.damage == (None if document.url else "row")
    return [int(document.text.split()[-1]) for document in found if document.url]


@cases("pack", UNCHECKED)
@cases("broken", [b"un{", b"[1]", b'{"url": "a", "url": "b"}', b'{"a": 1, "a": 2}'])
def test_rows_beside_a_broken_line_get_no_url(tmp_path: Path, broken: bytes, pack: Pack) -> None:
    lines = [*map(row, range(3)), broken, b"", *map(row, range(3, 6))]
    found, report = read_lines(tmp_path, *lines, pack=pack)
    assert (len(found), known(found)) == (6, [0, 1, 4, 5])
    # Of what is packed, any row may be harmed: all say so.
    assert (report.defects_total, report.unverified) == (1, pack is bare_zstd)


@pytest.mark.parametrize("fields", [1, 50])
def test_a_field_of_any_name_that_stands_twice_breaks_a_row(tmp_path: Path, fields: int) -> None:
    more = b"".join(rb'"\ud800 %d": 1, ' % n for n in range(fields))
    twice = b"{" + more + b'"a": 1, ' + row(2)[1:-1] + b', "a": 2}'
    found, report = read_lines(tmp_path, row(0), b"{" + more + row(1)[1:], row(2), twice, row(4), row(5))
    assert known(found) == [0, 1, 5]
    assert "two fields of one name, not read (line 3)" in complaints(report)
    # Its name may be written with a backslash, and a text may show such fields.
    fused = b'{"text": "a", "url": "https://a.fr/", "te\\"xt": 1, "url": "https://b.fr/"}'
    found, report = read_lines(tmp_path, row(0), fused, of_text('dit "url": "url"'), pack=gzip.compress)
    assert (texts(found), report.defects_total) == (["texte 0", 'dit "url": "url"'], 1)
    assert "two fields of one name" in complaints(report)


@pytest.mark.parametrize("pack", CHECKED)
def test_a_broken_line_that_was_written_so_costs_no_other_row_its_url(tmp_path: Path, pack: Pack) -> None:
    found, report = read_lines(tmp_path, row(0), b"un{", row(1), row(2, timestamp=None), pack=pack)
    assert known(found) == [0, 1, 2]
    assert (report.defects_total, report.unverified) == (1, False)


def test_a_line_longer_than_allowed_is_named_and_a_row_before_it_gets_no_url(tmp_path: Path) -> None:
    lines = [row(0), row(1), row(2, x="x" * 999), row(3), row(4)]
    found, report = read_lines(tmp_path, *lines, max_document_bytes=500)
    assert (known(found), [document.locator.row_index for document in found]) == ([0, 4], [0, 1, 3, 4])
    assert "line longer than 500 bytes" in complaints(report)


@pytest.mark.parametrize("pack", UNCHECKED)
def test_a_shard_that_was_cut_keeps_the_url_of_its_last_whole_row(tmp_path: Path, pack: Pack) -> None:
    found, report = read_lines(tmp_path, row(0), row(1), row(2)[:30], pack=pack, end=b"")
    assert (known(found), report.defects_total, report.unverified) == ([0, 1], 1, False)


def test_a_row_that_is_no_utf8_keeps_its_text_and_its_url_if_it_was_written_so(tmp_path: Path) -> None:
    odd = row(9, text="a?b").replace(b"?", b"\xff")
    found, report = read_lines(tmp_path, row(0), row(1), odd, row(3), row(4))
    doubted = found.pop(2)
    assert (doubted.text, doubted.url, doubted.locator.damage) == ("a\ufffdb".encode(), "", "row")
    assert known(found) == [0, 4]
    assert "line is not valid UTF-8; read without URL (line 2)" in complaints(report)
    found, report = read_lines(tmp_path, row(0), odd, pack=gzip.compress)
    assert (found[1].text, found[1].url) == ("a\ufffdb".encode(), "https://exemple.fr/9")
    assert report.defects_total == 0
    assert "not valid UTF-8" in report.notes[0]


@cases("format", ["rows", "c4"])
@cases("lacking", [0, 1, 5, 9])
def test_a_row_without_a_field_that_all_others_have_is_in_doubt(
    tmp_path: Path, lacking: int, format: str
) -> None:
    lines = [row(n, timestamp=None if n == lacking else AT) for n in range(10)]
    found, report = read_lines(tmp_path, *lines, format=format)
    assert len(found) == 10
    assert known(found) == [n for n in range(10) if abs(n - lacking) > 1]
    told = "1 row without the field timestamp, which nearly all have; read without URL; the first (line"
    assert complaints(report) == f"{told} {lacking})"


def test_a_row_without_text_is_told_if_all_others_have_one(tmp_path: Path) -> None:
    lines = [row(n).replace(b"text", b"tezt") if n == 4 else row(n) for n in range(10)]
    found, report = read_lines(tmp_path, *lines)
    assert len(found) == 9
    assert "1 row without the field text" in complaints(report)


def test_a_field_that_some_rows_lack_is_optional_after_a_few(tmp_path: Path) -> None:
    lacking = range(10, 100, 10)
    found, report = read_lines(
        tmp_path, *(row(n, timestamp=None if n in lacking else AT) for n in range(100))
    )
    # What a writer leaves out shows only when it is left out again.
    assert known(found) == [n for n in range(100) if all(abs(n - first) > 1 for first in lacking[:3])]
    assert report.defects_total == 0
    assert "without URL" in report.notes[0]


@cases("value", ['{"url": 1', None, 7, []])
def test_a_field_that_holds_no_fields_says_nothing_of_those_in_it(tmp_path: Path, value: object) -> None:
    metas = [{"url": "https://exemple.fr/", "date": "2019-04-25"}] * 10
    lines = [json.dumps({"text": f"texte {n}", "meta": value if n == 4 else metas[n]}) for n in range(10)]
    found, report = read_lines(tmp_path, *map(str.encode, lines))
    assert [document.url for document in found] == [
        "" if n == 4 else "https://exemple.fr/" for n in range(10)
    ]
    assert report.defects_total == 0


def test_a_row_that_is_read_alone_is_as_a_scan_reads_it(tmp_path: Path) -> None:
    lines = [row(0, timestamp=None), *map(row, range(1, 4)), b"un{", b"", *map(row, range(6, 9))]
    lines += [
        row(9, timestamp=None),
        row(10),
        b"",
        row(12, x="x" * 999),
        *map(row, range(13, 19)),
        row(19)[:20],
    ]
    for pack in (*UNCHECKED, *CHECKED):
        scanned, _ = read_lines(tmp_path, *lines, pack=pack, end=b"", max_document_bytes=500)
        by_row = {document.locator.row_index: document for document in scanned}
        assert len({document.url for document in scanned}) > 6
        for index in range(25):
            alone = ReadOptions(max_document_bytes=500, rows=frozenset({index}))
            found, report = read(tmp_path / "shard", "rows", alone)
            assert found == ([by_row[index]] if index in by_row else [])
            # The long line is told wherever it is passed; of others nothing is.
            assert {defect.offset for defect in report.defects} <= {index, 12}


@cases("pack", [*UNCHECKED, *CHECKED])
@cases("strange", [row(1, text="x" * 600), b"un{", b"\xff"])
def test_what_is_wrong_with_a_line_is_told_to_none_but_who_asks_for_it(
    tmp_path: Path, pack: Pack, strange: bytes
) -> None:
    for index in range(4):
        how = {"max_document_bytes": 500, "rows": frozenset({index})}
        _, report = read_lines(tmp_path, row(0), strange, row(2), row(3), pack=pack, end=b"", **how)
        assert report.defects_total == (index == 1), index


PAGES = [
    SmallPage(f"https://exemple.fr/{i * 37}", f"Page {i}.\n" + page.text) for i, page in enumerate(pages(12))
]


def write_bare(path: Path, some: list[SmallPage]) -> None:
    """Write C4 as JSON Lines in a zstd frame that no checksum ends."""
    write_c4_json(path.with_suffix(""), some)
    path.write_bytes(bare_zstd(path.with_suffix("").read_bytes()))


FORMS: dict[str, tuple[str, Callable[..., object]]] = {
    "c4.json.gz": ("c4", write_c4_json),
    "c4.json": ("c4", write_c4_json),
    "fr_meta_part_1.jsonl": ("oscar", shards.write_oscar_2301),
    "fr_meta_part_1.jsonl.gz": ("oscar", shards.write_oscar_2301),
    "fr_meta_part_1.jsonl.zst": ("oscar", shards.write_oscar_2301),
    "rows.jsonl": ("rows", write_c4_json),
    "rows.jsonl.zst": ("rows", write_c4_json),
    "rows.bare.zst": ("rows", write_bare),
    "fr_part_1.txt": ("oscar", shards.write_oscar_2109),
    "fr_part_1.txt.gz": ("oscar", shards.write_oscar_2109),
    "fr_part_1.txt.zst": ("oscar", shards.write_oscar_2109),
}
CASES = [(name, "shard") for name in FORMS] + [(name, "metadata") for name in FORMS if ".txt" in name]
# Of JSON lines one with checksums and one without; of each other format one.
SOME = [
    ("c4.json.gz", "shard"),
    ("rows.jsonl", "shard"),
    ("fr_meta_part_1.jsonl.zst", "shard"),
    ("fr_part_1.txt.gz", "metadata"),
]
# Nothing vouches for these but the rows themselves: of 2,000 twins so many are whole files of other rows.
UNVOUCHED = (".json", ".jsonl", ".bare.zst")
EXCUSED = {("c4.json", "shard"): 101, ("rows.jsonl", "shard"): 101, ("rows.bare.zst", "shard"): 6}


@pytest.mark.parametrize(
    ("case", "count", "seed"),
    [
        *((case, 60, 13) for case in SOME),
        *(pytest.param(case, 60, 13, marks=pytest.mark.full) for case in CASES if case not in SOME),
        *(pytest.param(case, 2000, 31, marks=pytest.mark.full) for case in CASES),
    ],
    ids=str,
)
def test_damage_gives_less_only_if_it_is_told(
    tmp_path: Path, case: tuple[str, str], count: int, seed: int
) -> None:
    (name, part), (format, write) = case, FORMS[case[0]]
    shard = damaged = tmp_path / name
    write(shard, PAGES)
    if part == "metadata":
        damaged = next(path for path in tmp_path.iterdir() if path.name != name)
    whole = damaged.read_bytes()

    def is_whole(data: bytes) -> bool:
        return damaged.name.endswith(UNVOUCHED) and could_be_written(data, whole)

    pairs = [(page.url, page.text) for page in PAGES]
    counts, wrong = verdicts(damages(whole, count, seed), pairs, damaged, format, shard, is_whole)
    assert (wrong, counts.total()) == ([], count)
    assert count < 2000 or counts["excused"] == EXCUSED.get(case, 0)


# --- What is held at once is bounded, whatever else the rows carry ---

ROWS, MEGABYTE = 60, 1 << 20


def batches(lines: Iterator[bytes]) -> Iterator[DocumentBatch]:
    rows = JsonRows(TRIED, ReadOptions(batch_bytes=4 * MEGABYTE), ReadReport())
    return rows.read((line + b"\n" for line in lines), "here")


def traced_peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


UNUSED: dict[str, dict[str, object]] = {
    "a column": {"raw_html": "x" * MEGABYTE},
    "a nested field": {"metadata": {"language": "fr", "html": "x" * MEGABYTE}},
    "many small objects": {"metadata": {"url": None, "parts": [{}] * (MEGABYTE // 32)}},
    "the id": {"id": "x" * MEGABYTE},
}


@pytest.mark.slow
@pytest.mark.parametrize("unused", each_time([UNUSED["a nested field"]], UNUSED.values()), ids=UNUSED)
def test_large_fields_beside_a_small_text_are_not_collected(unused: dict[str, object]) -> None:
    lines = [row(number, **unused) for number in range(2)]
    one_row = traced_peak(lambda: json.loads(lines[0]) and None)
    found = list[int]()
    peak = traced_peak(lambda: found.extend(map(len, batches(lines[n % 2] for n in range(ROWS)))))
    assert sum(found) == ROWS
    assert peak < 4 * MEGABYTE + 6 * (one_row + MEGABYTE)


def test_many_small_rows_are_several_batches_and_none_is_empty() -> None:
    sizes = [len(batch) for batch in batches(row(n) for n in range(2 * DOCUMENTS_AT_ONCE + 1))]
    assert sizes == [DOCUMENTS_AT_ONCE, DOCUMENTS_AT_ONCE, 1]
    without_text = json.dumps({"text": "", "raw_html": "x" * 5 * MEGABYTE}).encode()
    assert [len(batch) for batch in batches(iter([without_text, row(0), without_text, row(1)]))] == [2]


def test_a_locator_still_knows_what_stands_beside_large_fields() -> None:
    meta = {"warc_record_id": "<urn:1>", "html": "x" * 99, "language": ["fr", 7], "url": "https://a.fr/"}
    (batch,) = batches(iter([row(0, metadata=meta, dump="CC-MAIN-2024-22", date="2024-05-18")]))
    place = batch.locate(0)
    assert (place.record_id, place.languages, place.release) == ("<urn:1>", ("fr",), "CC-MAIN-2024-22")
    assert place.captured_at is not None


@pytest.mark.full
def test_large_headers_of_oscar_2109_are_not_collected(tmp_path: Path) -> None:
    meta = shards.write_oscar_2109(tmp_path / "fr_part_1.txt", pages(40))
    entries = [json.loads(line) for line in meta.read_text().splitlines()]
    for entry in entries:
        entry["headers"]["html"] = entry["html"] = "x" * MEGABYTE
    meta.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    found = list[Document]()
    assert traced_peak(lambda: found.extend(read(tmp_path / "fr_part_1.txt", "oscar")[0])) < 50 * MEGABYTE
    assert len(found) == 40
