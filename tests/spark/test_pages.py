"""`scan --pages-of` and `--captures`: the pages of texts and of a census, published as every run is."""

import sys
from dataclasses import replace
from datetime import timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli.demo import shards
from presswatch_spark.tables.declarations import MemberCapture
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.store import TableStore
from tests.world.commands import Outcome, outcome, presswatch
from tests.world.documents import commands, text_of
from tests.world.index_files import listed, lists
from tests.world.processes import kill_at
from tests.world.prose import pages
from tests.world.scanned import SEED, press, press_corpus, records_of
from tests.world.servers import web
from tests.world.tables import publish_census, row_of

CRAWL, CENSUS = "CC-MAIN-2024-51", "20261101T000000Z-abcdef"
FILES = 3


Crawl = tuple[Path, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    """Three WARC files with their WET files, and rows of `captures` of all their responses."""
    folder, captures = tmp_path_factory.mktemp("crawl"), list[dict[str, Any]]()
    press_corpus(folder / "press")
    for number in range(FILES):
        found = [replace(page, language="fra") for page in pages(12, SEED + number, press(), share=0.6)]
        names = {kind: f"crawl-data/{CRAWL}/segments/1/{kind}/{number}" for kind in ("warc", "wet")}
        warc, wet = (folder / f"{names['warc']}.warc.gz", folder / f"{names['wet']}.warc.wet.gz")
        for path in (warc, wet):
            path.parent.mkdir(parents=True, exist_ok=True)
        shards.write_warc(warc, map(shards.web_page, found))
        shards.write_wet(wet, found)
        at = shards.FIRST_CAPTURE
        for fields, start, length in records_of(warc.read_bytes()):
            if fields["WARC-Type"] == "response":
                row = {"url": fields["WARC-Target-URI"], "captured_at": at, "languages": []}
                row |= {"warc_filename": f"{names['warc']}.warc.gz", "record_offset": start}
                row |= {"record_length": length, "row_sha256": f"{number}{start:063x}"}
                captures.append(row_of(MemberCapture, **row))
                at += timedelta(seconds=1)
    return folder, captures


@pytest.fixture
def at_home(crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the corpus, as the guide takes it for granted."""
    (tmp_path / "corpus").symlink_to(crawl[0] / "press" / "corpus")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scan(folder: Path, out: Path, *more: object) -> Outcome:
    return outcome("scan", *more, "--corpus", folder / "press" / "corpus", "--out", out)


def matches_of_whole_files(crawl: Crawl, out: Path) -> list[dict[str, Any]]:
    """The matches of a scan of the whole WARC files."""
    assert scan(crawl[0], out, crawl[0] / "crawl-data" / CRAWL / "segments/1/warc").code == 0
    return TableStore.open(str(out)).read("matches").to_pylist()


def test_the_pages_of_texts_have_the_rows_of_a_scan_of_the_whole_files(
    spark: SparkSession, crawl: Crawl, at_home: Path
) -> None:
    folder, captures = crawl
    tables = at_home / "tables"
    of_texts, _ = commands(text_of("how-to/pages"))
    assert scan(folder, tables, folder / "crawl-data" / CRAWL / "segments/1/wet").code == 0
    with web() as site:
        for url in {row["url"] for row in captures}:
            place = itemgetter("url", "captured_at", "warc_filename", "record_offset", "record_length")
            lists(site, CRAWL, url, *(listed(*place(row)) for row in captures if row["url"] == url))
        presswatch(*(word.replace("https://index.commoncrawl.org", site.url) for word in of_texts[1:]))
    store = TableStore.open(str(tables))
    texts, found = store.published()
    asked = {(row["document_url"], row["captured_at"]) for row in store.read("matches", texts).to_pylist()}
    whole = matches_of_whole_files(crawl, at_home / "whole")
    expected = [row["row_sha256"] for row in whole if (row["document_url"], row["captured_at"]) in asked]
    (run,) = store.read("runs", found).to_pylist()
    assert run.items() >= {
        "table_digest": table_digest(expected), "dataset": "warc", "release": CRAWL,
        "shards_planned": FILES, "records_planned": len(asked),
    }.items()  # fmt: skip
    # What such a run did not read is not gone, and its files were not looked through.
    done = outcome("compare --before", texts, "--after", found, "--out", at_home / "c", tables)
    assert (done.code, "read only some records of its shards" in done.err) == (1, True)
    for engine in ("duckdb", "spark"):
        query = "select distinct dataset from shards_read"
        assert "warc" not in presswatch("sql", "--engine", engine, str(tables), query).split()


@pytest.mark.full
def test_the_captures_of_a_census_are_resumed_after_a_kill_and_name_what_moved(
    spark: SparkSession, crawl: Crawl, tmp_path: Path
) -> None:
    folder, captures = crawl
    tables = tmp_path / "tables"
    offset = int(str(captures[0]["record_offset"])) + 1
    moved = {**captures[0], "record_offset": offset, "row_sha256": "b" * 64}
    publish_census(tables, CENSUS, [moved, *captures[1:]])
    given = ["--captures", str(tables), "--base", str(folder), "--wave-shards", "1", "--out", str(tables)]
    given += ["--corpus", str(folder / "press" / "corpus")]
    kill_at([sys.executable, "-m", "presswatch_spark", "scan", *given], tables, "_runs/*/waves/*.json", 1)
    done = outcome("scan", *given)
    assert done.code == 3, done.err
    assert ", resumed" in done.out
    assert f"row {'b' * 64}: " in done.err
    (run,) = TableStore.open(str(tables)).read("runs").to_pylist()
    places = {(row["warc_filename"], row["record_offset"]) for row in captures[1:]}
    expected = [
        row["row_sha256"]
        for row in matches_of_whole_files(crawl, tmp_path / "whole")
        if (str(Path(row["shard_uri"]).relative_to(folder)), row["record_offset"]) in places
    ]
    assert run["table_digest"] == table_digest(expected)
    assert (run["shards_complete"], run["shards_partial"]) == (FILES - 1, 1)
    assert run["records_planned"] == len(captures)


def test_the_guide_reads_the_captures_of_a_census(spark: SparkSession, crawl: Crawl, at_home: Path) -> None:
    folder, captures = crawl
    publish_census(at_home / "census-tables", CENSUS, captures)
    _, of_census = commands(text_of("how-to/pages"))
    presswatch(*of_census[1:], PRESSWATCH_DATASETS__COMMON_CRAWL__BASE=str(folder))
    (run,) = TableStore.open("tables").read("runs").to_pylist()
    assert (run["records_planned"], run["shards_complete"]) == (len(captures), FILES)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("--pages-of t --captures t", 2, "exactly one of"),
        ("--pages-of t x.warc.gz", 2, "exactly one of"),
        ("--captures t --release CC-MAIN-2024-22", 2, "exactly one of"),
        ("--captures t --index i", 2, "--index requires --pages-of"),
        ("--pages-of t --format wet", 2, "--format"),
        ("--index i x.warc.gz", 2, "--index requires --pages-of"),
        ("--pages-of t", 1, "--index https://index.commoncrawl.org/{release}-index"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: str, code: int, said: str, tmp_path: Path) -> None:
    done = outcome(f"scan {arguments} --corpus c --out", tmp_path / "o")
    assert (done.code, said in done.err) == (code, True), done.err
