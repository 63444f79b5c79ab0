"""The census of CDXJ shards: the rows of real lines, and what is said of lines and files that are broken."""

import gzip
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.scanning.crawl_index.index_file import is_cdxj
from presswatch_spark.storage.objects import ObjectInfo
from tests.world.censuses import FAST, MEMBERS, census_corpus, take
from tests.world.servers import Fault, web

LINE = (
    'fr,gazette)/une 20240716153155 {"url": "https://www.gazette.fr/une", "mime": "text/html",'
    ' "status": "200", "digest": "D5K3FUWDRAOMMTJC2CTWV7L2ABFIJ5BP", "length": "9754",'
    ' "offset": "111440525", "filename":'
    ' "crawl-data/CC-MAIN-2024-30/segments/1.37/crawldiagnostics/x.warc.gz", "languages": "fra,eng"}\n'
)
OTHER = 'fr,gazettes)/une 20240716153155 {"url": "https://www.gazettes.fr/une"}\n'


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    members = MEMBERS.replace("[gazette.fr]", "[gazette.fr, missiondefrance.fr]")
    return census_corpus(tmp_path_factory.mktemp("corpus"), members)


def taken(corpus: Path, folder: Path, content: bytes, name: str = "cdx-00000.gz") -> Any:
    (folder / name).write_bytes(content)
    outcome, rows = take(corpus, folder / name)
    return outcome.log, rows


def members_of(text: str, lines_each: int = 2) -> bytes:
    """Gzip members of some lines each, as ZipNum has them."""
    lines = text.splitlines(keepends=True)
    return b"".join(
        gzip.compress("".join(lines[n : n + lines_each]).encode()) for n in range(0, len(lines), lines_each)
    )


def test_lines_about_the_file_milliseconds_and_spaces_in_a_key_harm_nothing(
    corpus: Path, tmp_path: Path
) -> None:
    about = '!OpenWayback-CDXJ 1.0\n!meta {"sorted": true}\n'
    odd = LINE.replace("20240716153155", "20240716153155512").replace("gazette)/une", "gazette)/à la une")
    log, (row,) = taken(corpus, tmp_path, (about + odd + OTHER).encode(), "some.cdxj")
    assert (log["status"], log["rows"]) == ("complete", 2)
    assert row["captured_at"] == datetime(2024, 7, 16, 15, 31, 55, tzinfo=UTC)
    # Behind the first line, it is no line of an index.
    log, _ = taken(corpus, tmp_path, (LINE + about).encode(), "other.cdxj")
    assert (log["status"], log["rows"]) == ("partial", 3)


@pytest.mark.parametrize("name", ["cdx-00187.gz", "head.cdxj"])
def test_real_lines_become_captures(corpus: Path, tmp_path: Path, real_data: Path, name: str) -> None:
    text = (real_data / "common_crawl" / "index" / "cdx-00187.head.cdxj").read_text()
    log, rows = taken(corpus, tmp_path, members_of(text) if name.endswith("gz") else text.encode(), name)
    assert log["status"] == "complete"
    lines = [line.split(" ", 2) for line in text.splitlines()]
    assert len(rows) == log["rows"] == len(lines) > 3
    for row, (_, time, fields) in zip(rows, lines, strict=True):
        theirs = json.loads(fields)
        assert row["url"] == theirs["url"]
        assert row["captured_at"] == datetime.strptime(time, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        assert (row["record_offset"], row["record_length"]) == (int(theirs["offset"]), int(theirs["length"]))
        assert (row["warc_filename"], row["payload_digest"]) == (theirs["filename"], theirs["digest"])
        assert (row["mime_declared"], row["mime_detected"]) == (theirs["mime"], theirs["mime-detected"])
        assert (row["charset"], row["languages"]) == (theirs["charset"], theirs["languages"].split(","))
        assert (row["release"], row["subset"], row["http_status"]) == ("CC-MAIN-2024-30", "warc", 200)


def test_only_members_are_taken_and_the_place_is_the_line(corpus: Path, tmp_path: Path) -> None:
    log, rows = taken(corpus, tmp_path, members_of(OTHER + LINE + OTHER))
    assert (log["status"], log["rows"], log["bytes_read"]) == ("complete", 3, log["bytes_expected"])
    assert [(row["row_index"], row["title_id"], row["subset"]) for row in rows] == [
        (1, "gazette", "crawldiagnostics")
    ]


@pytest.mark.parametrize("name", ["crawl-001/2008/05/09/7/1.arc.gz", "common-crawl/parse-output/1.arc.gz"])
def test_captures_of_crawls_whose_files_name_none_are_of_the_collection_that_the_shard_lies_in(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "cc-index" / "collections" / "CC-MAIN-2008-2009" / "indexes"
    folder.mkdir(parents=True)
    of_path = "crawl-data/CC-MAIN-2024-30/segments/1.37/crawldiagnostics/x.warc.gz"
    text = LINE + LINE.replace(of_path, name)
    (folder / "cdx-00000.gz").write_bytes(members_of(text))
    _, rows = take(corpus, folder / "cdx-00000.gz")
    assert [row["release"] for row in rows] == ["CC-MAIN-2024-30", "CC-MAIN-2008-2009"]


def test_a_shard_that_was_cut_is_partial(corpus: Path, tmp_path: Path) -> None:
    whole = members_of(LINE * 6)
    log, rows = taken(corpus, tmp_path, whole[:-30])
    assert log["status"] == "partial"
    assert 0 < len(rows) < 6


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "fr,gazette)/ 2024",
        "fr,gazette)/ 2024 {",
        'fr,gazette)/ 2024 {"a": 1}',
        "fr,gazette)/ 2024 {]}",
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_others_count(
    corpus: Path, tmp_path: Path, line: str
) -> None:
    log, rows = taken(corpus, tmp_path, members_of(f"{LINE}{line}\n{LINE}"))
    assert (log["status"], len(rows)) == ("partial", 2)
    assert log["error"] == "line is not that of an index (line 1)"


@pytest.mark.parametrize("field", ['"text/html"', "https://www.gazette.fr/une", '"fra,eng"'])
def test_half_a_character_costs_neither_its_line_nor_another(
    corpus: Path, tmp_path: Path, field: str
) -> None:
    hostile = LINE.replace(field, field.rstrip('"') + "\\ud800" + '"' * field.endswith('"'))
    log, rows = taken(corpus, tmp_path, members_of(LINE + hostile + LINE))
    assert (log["status"], log["captures"]) == ("complete", 3)
    assert json.dumps(rows[1], default=str, ensure_ascii=False).count("\N{REPLACEMENT CHARACTER}") == 1


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), b"\x1f\x8b\x08broken"])
def test_a_shard_without_a_line_has_failed(corpus: Path, tmp_path: Path, content: bytes) -> None:
    log, rows = taken(corpus, tmp_path, content)
    assert (log["status"], rows) == ("failed", [])
    assert log["error"]


def test_the_try_that_read_most_counts_and_a_broken_transfer_is_retried(corpus: Path, tmp_path: Path) -> None:
    lines = (LINE.replace("9754", secrets.token_hex(200)) for _ in range(2_000))
    content = members_of("".join(lines), 20)
    with web(objects={"/cdx-00000.gz": content}) as server:
        info = ObjectInfo(f"{server.url}/cdx-00000.gz?key=secret", len(content))
        once = replace(FAST, max_attempts=1)
        server.faults.extend([Fault(cut_after=300_000), Fault(cut_after=100_000)])
        partial = take(corpus, info, once, attempts=2)
        server.faults.append(Fault(cut_after=300_000))
        whole = take(corpus, info, once, attempts=2)
    assert (partial[0].log["status"], partial[0].log["attempts"]) == ("partial", 2)
    assert 1_000 < len(partial[1]) < 2_000
    assert (whole[0].log["status"], len(whole[1]), whole[0].log["attempts"]) == ("complete", 2_000, 2)
    assert "secret" not in str((partial, whole))


def test_shards_are_known_by_their_names() -> None:
    assert all(map(is_cdxj, ("s3://b/indexes/cdx-00000.gz", "/x/a.cdxj", "a.cdxj.gz")))
    assert not any(map(is_cdxj, ("/cdx-1/part-00000.c000.gz.parquet", "a.parquet", "cdx-00000.parquet")))
