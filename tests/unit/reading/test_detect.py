"""The format of a shard by its content, and messages that name what was found instead."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.known_formats import format_for, keys_of
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.world.proofs import cases
from tests.world.shards import SmallPage, pages, read, write_oscar_parquet, write_rows_parquet


def named(path: Path, format: str = "auto", **options: dict[str, str]) -> str:
    return format_for(format, stat(str(path), StorageOptions()), ReadOptions(**options)).name  # type: ignore[arg-type]


def saved(tmp_path: Path, content: bytes, name: str = "misleading.txt.bin") -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@cases(
    ("write", "name", "format"),
    [
        (shards.write_wet, "a.parquet", "wet"),
        (shards.write_c4_json, "a.warc.wet.gz", "c4"),
        (shards.write_oscar_2301, "c4-train.json", "oscar"),
        (shards.write_c4_parquet, "a.jsonl", "c4"),
        (write_oscar_parquet, "b.jsonl", "oscar"),
        (write_rows_parquet, "c.jsonl", "rows"),
    ],
)
def test_a_misleading_name_changes_nothing(
    tmp_path: Path, write: Callable[..., object], name: str, format: str
) -> None:
    write(tmp_path / "a.gz", pages(2))
    assert named(saved(tmp_path, (tmp_path / "a.gz").read_bytes(), name)) == format


def row_of(**fields: str) -> bytes:
    row = {"text": "t", "timestamp": "2019-04-25T12:57:54Z", "url": "u", **fields}
    return f"{json.dumps(row)}\n".encode()


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (gzip.compress(row_of(text="mot " * 100_000)), "c4"),
        (b'{"text": "dam\n' + row_of(), "c4"),
        (b"\xef\xbb\xbf\n" + row_of() + b"zext: \n" + row_of() + b"\n" + row_of()[:20], "c4"),
        (row_of(source="OSCAR-2301"), "rows"),
    ],
    ids=["longer than what is looked at", "a damaged first line", "some damaged lines", "more columns"],
)
def test_rows_are_recognised_by_their_columns(tmp_path: Path, content: bytes, format: str) -> None:
    assert named(saved(tmp_path, content)) == format


def test_long_keys_nested_deeply_do_not_make_names_without_bound() -> None:
    key = b'{"%s": ' % (b"k" * 1000)
    head = b'{"text": "t", "x": ' + key * 900 + b"1" + b"}" * 901
    assert {"text", "x", "x." + "k" * 1000} == keys_of(head)


def test_a_mapping_makes_any_columns_readable(tmp_path: Path) -> None:
    path = saved(tmp_path, b'{"corps": {"texte": "t"}}')
    with pytest.raises(InputError, match=r"the columns are: corps, corps\.texte"):
        named(path)
    assert named(path, columns={"text": "corps.texte"}) == "rows"
    pq.write_table(pa.table({"corps": ["t"]}), path)
    assert named(path, columns={"text": "corps"}) == "rows"


INFO = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 4\r\n\r\na: b\r\n\r\n"


def response(kind: str, media: str = "application/json") -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Type: {media}\r\nContent-Length: 2"
    return INFO + f"{head}\r\n\r\nab\r\n\r\n".encode()


def test_metadata_of_a_crawler_does_not_make_a_warc_a_wat(tmp_path: Path) -> None:
    path = saved(tmp_path, response("metadata", "application/warc-fields"))
    assert named(path) == named(path, "warc") == "warc"


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_file_without_records_the_name_or_the_user_says_what_it_is(tmp_path: Path, packed: bool) -> None:
    content = gzip.compress(INFO) if packed else INFO
    assert named(saved(tmp_path, content, "a.warc.gz")) == "warc"
    assert named(saved(tmp_path, content, "a.warc.wet.gz")) == "wet"
    for format in ("wet", "warc"):
        assert named(saved(tmp_path, content), format) == format
        found, report = read(tmp_path / "a.warc.gz", format)
        assert (found, report.defects_total) == ([], 0)


@cases(
    ("write", "format", "is_named"),
    [
        *((shards.write_wet, format, "WET") for format in ("c4", "oscar", "rows")),
        (shards.write_c4_json, "wet", "JSONL"),
        (shards.write_c4_parquet, "wet", "Parquet"),
    ],
)
def test_a_format_that_the_content_contradicts_is_refused(
    tmp_path: Path, write: Callable[..., object], format: str, is_named: str
) -> None:
    write(tmp_path / "shard", pages(2))
    with pytest.raises(CorruptError, match=f"as {format}, but it is {is_named}"):
        named(tmp_path / "shard", format)
    shards.write_c4_json(tmp_path / "shard", pages(2))
    assert named(tmp_path / "shard", "rows") == "rows"


@cases("format", ["auto", *known_formats.names()])
def test_an_empty_file_is_left_to_its_source_to_name(tmp_path: Path, format: str) -> None:
    assert named(saved(tmp_path, b"", "a.wet.gz"), format) in ("wet", format)


@pytest.mark.real_data
def test_no_real_file_is_taken_for_what_it_is_not(real_data: Path) -> None:
    kinds = {".warc.wet": "wet", ".warc.wat": "", ".warc.paths": "", ".warc": "warc", ".arc": "arc"}
    for path in sorted((real_data / "common_crawl").rglob("*.*")) + sorted(
        (real_data / "warc_edge_cases").rglob("*.*")
    ):
        try:
            found = named(path)
        except PresswatchError:
            found = ""
        # Its lines end with CR CR LF, so that its type is not seen.
        if path.name != "missing-status-text.warc":
            expected = next((kind for part, kind in kinds.items() if part in path.name), "")
            assert found == expected, path


LINE = '{"text": "une ligne", "url": "https://elle-se-nomme.example/"}'
ODD = ["WARC/1.0", "PAR1", "<html lang=fr>", '{"headers": 1, "offset": 0, "nb_sentences": 1}', LINE]


@cases("format", ["auto", "oscar"])
@cases("name", ["fr_part_1.txt", "fr_part_1.txt.gz"])
@cases("line", ODD)
def test_a_text_shard_with_its_metadata_may_begin_with_anything(
    tmp_path: Path, format: str, name: str, line: str
) -> None:
    for lines in ([line], [line, "Une page.", "Deux lignes."]):
        written = [SmallPage("https://exemple.fr/piege", "\n".join(lines)), *pages(3)]
        shards.write_oscar_2109(tmp_path / name, written)
        found, report = read(tmp_path / name, format)
        assert ([each.url for each in found], report.defects_total) == ([page.url for page in written], 0)


@pytest.mark.parametrize("lines", [[LINE], [LINE] * 9 + ["la suite"]], ids=["one line", "ten lines"])
def test_without_metadata_a_page_of_a_text_shard_still_names_no_url(tmp_path: Path, lines: list[str]) -> None:
    written = [SmallPage("https://exemple.fr/piege", "\n".join(lines)), *pages(3)]
    shards.write_oscar_2109(tmp_path / "fr_part_1.txt", written).unlink()
    for format in ("auto", "oscar"):
        found, report = read(tmp_path / "fr_part_1.txt", format)
        assert ([each.url for each in found], report.defects_total) == ([""] * 4, 1)


@pytest.mark.parametrize("format", ["c4", "rows"])
def test_a_format_that_is_named_is_believed(tmp_path: Path, format: str) -> None:
    rows = b'{"text": "t", "url": "https://exemple.fr/"}\n' * 2
    found, report = read(saved(tmp_path, b"une ligne\n" * 9 + rows), format)
    assert [document.url for document in found] == ["", "https://exemple.fr/"]
    assert report.defects_total == 9


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 100)
    return content.getvalue()


XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
WRONG = [
    (response("metadata"), r"is WAT.*WET or WARC files of the same crawl"),
    (b"fr,exemple)/a 20240101000000 {}\n", r"is a CDX index.*presswatch census"),
    (b" CDX N b a m s k r M S V g\n", r"is a CDX index.*presswatch census"),
    (b"crawl-data/CC-MAIN-2024-22/segments/1/wet/CC-MAIN-1.warc.wet.gz\n", r"is a list of paths.*paths\.gz"),
    (zipped("archive/data.warc.gz", "datapackage.json"), r"is an archive.*WACZ.*unpack it"),
    (zipped("a.warc", "b.warc"), r"is an archive.*unpack it"),
    (b"\n<!-- cdn -->\n<!DOCTYPE html>\n<title>503</title>", r"is HTML.*error page.*download it again"),
    (b"\xef\xbb\xbf<html><body>Not found", r"is HTML.*error page.*download it again"),
    (XML, r"is an error message in XML.*your access"),
    (b"<Error><Code>NoSuchKey</Code></Error>", r"is an error message in XML.*your access"),
    (bz2.compress(b"x"), r"is packed with.*bzip2.*gzip"),
    (lzma.compress(b"x"), r"is packed with xz.*gzip"),
]


@cases("packed", [bytes, gzip.compress])
@cases("format", ["auto", *known_formats.names()])
@cases(("content", "message"), WRONG)
def test_what_is_no_shard_is_named_with_what_to_do(
    tmp_path: Path, content: bytes, message: str, format: str, packed: Callable[[bytes], bytes]
) -> None:
    path = saved(tmp_path, packed(content), "CC-MAIN-1.warc.wet.gz")
    with pytest.raises((CorruptError, InputError), match=message) as caught:
        named(path, format)
    assert caught.value.where == str(path)


def test_text_is_no_shard_and_holds_no_records(tmp_path: Path) -> None:
    path = saved(tmp_path, b"bonjour tout le monde\n" * 9)
    with pytest.raises(InputError, match="is text, not a supported format"):
        named(path)
    with pytest.raises(CorruptError, match="WARC records, so it is not WET"):
        read(path, "wet")
