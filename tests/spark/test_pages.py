"""`scan --pages-of` and `--captures`: the pages of texts and of a census, published as every run is."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo import shards
from presswatch_spark.tables.declarations import MemberCapture, PublishedCensus
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.documents import commands, text_of
from tests.world.prose import pages
from tests.world.scanned import SEED, members, press, press_corpus
from tests.world.servers import Reply, web
from tests.world.tables import row_of, write

CRAWL, CENSUS = "CC-MAIN-2024-51", "20261101T000000Z-abcdef"
FILES = 3


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    """Three WARC files with their WET files, and rows of `captures` of all their responses."""
    folder, captures = tmp_path_factory.mktemp("crawl"), list[dict[str, object]]()
    press_corpus(folder / "press")
    for number in range(FILES):
        found = [replace(page, language="fra") for page in pages(12, SEED + number, press(), share=0.6)]
        names = {kind: f"crawl-data/{CRAWL}/segments/1/{kind}/{number}" for kind in ("warc", "wet")}
        warc, wet = (folder / f"{names['warc']}.warc.gz", folder / f"{names['wet']}.warc.wet.gz")
        for path in (warc, wet):
            path.parent.mkdir(parents=True, exist_ok=True)
        shards.write_warc(warc, map(shards.web_page, found))
        shards.write_wet(wet, found)
        data, at = warc.read_bytes(), shards.FIRST_CAPTURE
        for start, end in members(data):
            header = gzip.decompress(data[start:end]).partition(b"\r\n\r\n")[0].decode("latin-1")
            fields = dict(line.split(": ", 1) for line in header.splitlines()[1:])
            if fields["WARC-Type"] == "response":
                row = {"url": fields["WARC-Target-URI"], "captured_at": at, "languages": []}
                row |= {"warc_filename": f"{names['warc']}.warc.gz", "record_offset": start}
                row |= {"record_length": end - start, "row_sha256": f"{number}{start:063x}"}
                captures.append(row_of(MemberCapture, run_id=CENSUS, **row))
                at += timedelta(seconds=1)
    return folder, captures


def scan(folder: Path, out: Path, *more: str) -> int:
    return cli.run(["scan", *more, "--corpus", str(folder / "press" / "corpus"), "--out", str(out)])


def census(tables: Path, captures: list[dict[str, object]]) -> None:
    store = TableStore.create(str(tables))
    write(store, "captures", CENSUS, captures, MemberCapture.schema)
    write(store, "censuses", CENSUS, [row_of(PublishedCensus, run_id=CENSUS)], PublishedCensus.schema)


def test_the_pages_of_texts_have_the_rows_of_a_scan_of_the_whole_files(
    spark: SparkSession,
    crawl: tuple[Path, list[dict[str, object]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, captures = crawl
    tables, whole = tmp_path / "tables", tmp_path / "whole"
    (tmp_path / "corpus").symlink_to(folder / "press" / "corpus")
    monkeypatch.chdir(tmp_path)
    of_texts, _ = commands(text_of("how-to/pages"))
    assert scan(folder, tables, str(folder / "crawl-data" / CRAWL / "segments/1/wet")) == 0
    with web() as site:
        for row in captures:
            line = {"url": row["url"], "timestamp": f"{row['captured_at']:%Y%m%d%H%M%S}"}
            line |= {"filename": row["warc_filename"], "offset": row["record_offset"]}
            line |= {"length": row["record_length"]}
            address = f"/{CRAWL}-index?url={quote(str(row['url']), safe='')}&output=json"
            before = site.queries.get(address, Reply(200, {}, b"")).body
            site.queries[address] = Reply(200, {}, before + json.dumps(line).encode() + b"\n")
        words = [word.replace("https://index.commoncrawl.org", site.url) for word in of_texts]
        assert cli.run(words[1:]) == 0
    assert scan(folder, whole, str(folder / "crawl-data" / CRAWL / "segments/1/warc")) == 0
    store = TableStore.open(str(tables))
    texts, found = store.published()
    asked = {(row["document_url"], row["captured_at"]) for row in store.read("matches", texts).to_pylist()}
    expected = [
        row["row_sha256"]
        for row in TableStore.open(str(whole)).read("matches").to_pylist()
        if (row["document_url"], row["captured_at"]) in asked
    ]
    (run,) = store.read("runs", found).to_pylist()
    assert run["table_digest"] == table_digest(expected)
    assert (run["dataset"], run["release"], run["shards_planned"]) == ("warc", CRAWL, FILES)
    assert run["records_planned"] == len(asked)
    capsys.readouterr()
    # What such a run did not read is not gone, and its files were not looked through.
    assert (
        cli.run(["compare", "--before", texts, "--after", found, "--out", str(tmp_path / "c"), str(tables)])
        == 1
    )
    assert "some records of its shards alone" in capsys.readouterr().err
    for engine in ("duckdb", "spark"):
        assert (
            cli.run(["sql", "--engine", engine, str(tables), "select distinct dataset from shards_read"]) == 0
        )
        assert "warc" not in capsys.readouterr().out.split()


@pytest.mark.full
def test_the_captures_of_a_census_go_on_after_a_kill_and_name_what_moved(
    spark: SparkSession,
    crawl: tuple[Path, list[dict[str, object]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, captures = crawl
    tables, whole = tmp_path / "tables", tmp_path / "whole"
    moved = {
        **captures[0],
        "record_offset": int(str(captures[0]["record_offset"])) + 1,
        "row_sha256": "b" * 64,
    }
    census(tables, [moved, *captures[1:]])
    command = [
        "scan",
        "--captures",
        str(tables),
        "--base",
        str(folder),
        "--wave-shards",
        "1",
        "--out",
        str(tables),
    ]
    command += ["--corpus", str(folder / "press" / "corpus")]
    with subprocess.Popen(
        [sys.executable, "-m", "presswatch_spark", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as first:
        while not list(tables.glob("_runs/*/waves/*.json")) and first.poll() is None:
            time.sleep(0.01)
        assert first.poll() is None
        os.killpg(first.pid, signal.SIGKILL)
    code = cli.run(command)
    out, err = capsys.readouterr()
    assert code == 3, err
    assert ", resumed" in out
    assert f"row {'b' * 64}: " in err
    assert scan(folder, whole, str(folder / "crawl-data" / CRAWL / "segments/1/warc")) == 0
    store = TableStore.open(str(tables))
    (run,) = store.read("runs").to_pylist()
    places = {(row["warc_filename"], row["record_offset"]) for row in captures[1:]}
    expected = [
        row["row_sha256"]
        for row in TableStore.open(str(whole)).read("matches").to_pylist()
        if (str(Path(row["shard_uri"]).relative_to(folder)), row["record_offset"]) in places
    ]
    assert run["table_digest"] == table_digest(expected)
    assert (run["shards_complete"], run["shards_partial"]) == (FILES - 1, 1)
    assert run["records_planned"] == len(captures)


def test_the_guide_reads_the_captures_of_a_census(
    spark: SparkSession,
    crawl: tuple[Path, list[dict[str, object]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, captures = crawl
    census(tmp_path / "census-tables", captures)
    (tmp_path / "corpus").symlink_to(folder / "press" / "corpus")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSWATCH_DATASETS__COMMON_CRAWL__BASE", str(folder))
    _, of_census = commands(text_of("how-to/pages"))
    assert cli.run(of_census[1:]) == 0
    (run,) = TableStore.open("tables").read("runs").to_pylist()
    assert (run["records_planned"], run["shards_complete"]) == (len(captures), FILES)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--pages-of", "t", "--captures", "t"],
        ["--pages-of", "t", "x.warc.gz"],
        ["--captures", "t", "--release", "CC-MAIN-2024-22"],
        ["--captures", "t", "--index", "i"],
        ["--pages-of", "t", "--format", "wet"],
        ["--index", "i", "x.warc.gz"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["scan", *arguments, "--corpus", "c", "--out", "o"]) == 2
    capsys.readouterr()


def test_pages_of_texts_want_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["scan", "--pages-of", "t", "--corpus", "c", "--out", str(tmp_path / "o")]) == 1
    assert "--index https://index.commoncrawl.org/{release}-index" in capsys.readouterr().err
