"""Which source reads what, by content; and messages that say what was found instead."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.demo import shards
from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.sources.base import ReadOptions
from presswatch_spark.sources.detect import SOURCES, source_for
from presswatch_spark.sources.heads import keys_of
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.reading import pages, read


def named(path: Path, format: str = "auto", **options: dict[str, str]) -> str:
    return source_for(format, stat(str(path), StorageOptions()), ReadOptions(**options)).name  # type: ignore[arg-type]


def saved(tmp_path: Path, content: bytes, name: str = "misleading.txt.bin") -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def test_a_misleading_name_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    shards.write_wet(path, pages(2))
    assert named(saved(tmp_path, path.read_bytes(), "a.parquet")) == "wet"
    shards.write_c4_json(path, pages(2))
    assert named(saved(tmp_path, path.read_bytes(), "a.warc.wet.gz")) == "c4"
    shards.write_oscar_2301(path, pages(2))
    assert named(saved(tmp_path, path.read_bytes(), "c4-train.json")) == "oscar"
    shards.write_c4_parquet(path, pages(2))
    assert named(saved(tmp_path, path.read_bytes(), "a.jsonl")) == "c4"
    shards.write_oscar_parquet(path, pages(2))
    assert named(saved(tmp_path, path.read_bytes(), "b.jsonl")) == "oscar"
    shards.write_rows_parquet(path, pages(2))
    assert named(saved(tmp_path, path.read_bytes(), "c.jsonl")) == "rows"


def test_a_first_line_longer_than_the_head_is_still_recognised(tmp_path: Path) -> None:
    row = {"text": "mot " * 100_000, "timestamp": "2019-04-25T12:57:54Z", "url": "https://exemple.fr/"}
    assert named(saved(tmp_path, gzip.compress(json.dumps(row).encode()))) == "c4"


def test_a_first_line_that_is_damaged_hides_nothing(tmp_path: Path) -> None:
    row = json.dumps({"text": "t", "timestamp": "2019-04-25T12:57:54Z", "url": "u"}).encode()
    assert named(saved(tmp_path, b'{"text": "dam\n' + row + b"\n")) == "c4"


def test_long_keys_nested_deeply_do_not_make_names_without_bound() -> None:
    key = b'{"%s": ' % (b"k" * 1000)
    head = b'{"text": "t", "x": ' + key * 900 + b"1" + b"}" * 901
    assert {"text", "x", "x." + "k" * 1000} == keys_of(head)


def test_rows_with_columns_besides_those_of_c4_are_not_called_c4(tmp_path: Path) -> None:
    row = {"text": "t", "timestamp": "2019-04-25T12:57:54Z", "url": "u", "source": "OSCAR-2301"}
    assert named(saved(tmp_path, json.dumps(row).encode())) == "rows"


def test_a_mapping_makes_any_columns_readable(tmp_path: Path) -> None:
    path = saved(tmp_path, b'{"corps": {"texte": "t"}}')
    with pytest.raises(InputError, match=r"there are: corps, corps\.texte"):
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


FOREIGN = [
    (response("metadata"), "WAT", "WET or WARC files of the same crawl"),
    (b"fr,exemple)/a 20240101000000 {}\n", "a CDX index", "presswatch census"),
    (b" CDX N b a m s k r M S V g\n", "a CDX index", "presswatch census"),
    (b"<!DOCTYPE html><html>404</html>", "HTML", "get it again"),
    (b"crawl-data/CC-MAIN-2024-22/segments/1/wet/CC-MAIN-1.warc.wet.gz\n", "a list of paths", "paths.gz"),
    (b"bonjour tout le monde\n" * 9, "text", ""),
]


@pytest.mark.parametrize(("content", "kind", "remedy"), FOREIGN, ids=range(len(FOREIGN)))
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_not_read_is_called_by_its_name(
    tmp_path: Path, content: bytes, kind: str, remedy: str, packed: bool
) -> None:
    path = saved(tmp_path, gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=rf"\b{kind}\b") as caught:
        named(path)
    assert caught.value.where == str(path)
    assert remedy in caught.value.remedy
    with pytest.raises(CorruptError, match=rf"was to be read as wet, but it is {kind}"):
        named(path, "wet")


def test_a_format_that_the_content_contradicts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    shards.write_wet(path, pages(2))
    for format in ("c4", "oscar", "rows"):
        with pytest.raises(CorruptError, match=f"as {format}, but it is WET"):
            named(path, format)
    shards.write_c4_json(path, pages(2))
    assert named(path, "rows") == "rows"
    with pytest.raises(CorruptError, match="as wet, but it is JSONL"):
        named(path, "wet")
    shards.write_c4_parquet(path, pages(2))
    with pytest.raises(CorruptError, match="as wet, but it is Parquet"):
        named(path, "wet")


@pytest.mark.parametrize("format", ["auto", *SOURCES])
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
