"""Shards, corpus and tables, all on S3, by the command line: scanned, killed, gone on with, and read."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo import shards
from presswatch_spark.storage.objects import StorageOptions, stat
from presswatch_spark.tables.declarations import ShardLog
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.s3.uploads import upload
from tests.world.commands import presswatch
from tests.world.corpora import article, corpus_of
from tests.world.histories import AFTER, BEFORE, altered_release
from tests.world.proofs import each_time
from tests.world.prose import articles, pages
from tests.world.scanned import two_scans
from tests.world.servers import Server
from tests.world.tables import flipped, match, publish, publish_row, row_of, write

SEED, SHARDS = 20261125, 8
OUT = "s3://shards/tables"
POLL_SECONDS = 0.02


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards and a corpus."""
    folder, sources = tmp_path_factory.mktemp("press"), list(articles(20, SEED))
    (folder / "crawl").mkdir()
    for number in range(SHARDS):
        shards.write_wet(folder / "crawl" / f"{number}.warc.wet.gz", list(pages(40, SEED + number, sources)))
    rows = [article(number, body=source.body) for number, source in enumerate(sources)]
    corpus_of(folder, rows)
    return folder


def scan(base: str, out: str, *flags: str) -> list[str]:
    """The words of a scan of shards and corpus below `base`, shard by shard."""
    return ["scan", f"{base}/crawl", "--corpus", f"{base}/corpus", "--out", out, "--wave-shards", "1", *flags]


def markers(client: Any) -> list[str]:
    found = client.list_objects_v2(Bucket="shards", Prefix="tables/_runs/").get("Contents", ())
    return [each["Key"] for each in found if "/waves/" in each["Key"]]


@pytest.mark.full
def test_a_scan_that_is_all_on_s3_and_killed_goes_on_and_finds_what_one_on_disk_finds(
    spark: SparkSession,
    press: Path,
    client: Any,
    bucket: str,
    endpoint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upload(client, "shards", press / "crawl", "crawl")
    upload(client, "shards", press / "corpus", "corpus")
    given = {"PRESSWATCH_RUN__LEASE_SECONDS": "2", "PRESSWATCH_CACHE_DIR": str(tmp_path / "cache")}
    words = scan(f"s3://{bucket}", OUT, "--endpoint", endpoint)
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | given
    command = [sys.executable, "-m", "presswatch_spark", *words, "--cores", "2"]
    job = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while len(markers(client)) < 2:
        assert job.poll() is None, job.communicate()
        time.sleep(POLL_SECONDS)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    kept = len(markers(client))
    assert 2 <= kept < SHARDS
    assert cli.run(["runs", OUT, "--endpoint", endpoint]) == 0
    assert f"with {kept} shards done, is not finished" in capsys.readouterr().err
    assert ", resumed: " in presswatch(*words, **given)
    presswatch(*scan(str(press), str(tmp_path / "out")))
    stores = TableStore.open(OUT, StorageOptions(endpoint=endpoint)), TableStore.open(str(tmp_path / "out"))
    (on_s3,), (on_disk,) = (store.read("runs").to_pylist() for store in stores)
    names = ("table_digest", "matches", "documents", "shards_planned", "shards_complete", "config_digest")
    assert [on_s3[name] for name in names] == [on_disk[name] for name in names]
    assert on_s3["matches"] > SHARDS
    assert [name for name in stores[0].root.entries() if name.startswith("_runs/")] == []


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of every format, and the tables of two scans of them."""
    folder = tmp_path_factory.mktemp("release")
    two_scans(folder)
    return folder


READINGS = {
    "runs": ["runs", "--json"],
    "runs as a table": ["runs"],
    "matches": ["matches", "--json"],
    "matches of an article": ["matches", "--json", "--article", "a00001", "--run", "latest"],
    "sql": ["sql", "select grade, count(*) n, max(size(spans)) from matches group by 1 order by 1", "--json"],
    "sql of several tables": ["sql", "select count(*) from matches m join runs r using (run_id)"],
    "sql of all columns": ["sql", "select * from matches order by row_sha256, run_id, shard_uri", "--json"],
    "sql of a run": [
        "sql",
        "select m.grade, size(m.spans) n from (select * from matches where run_id like '2026%') m"
        " where m.run_id = '20261125T000000Z-abcdef' order by 1, 2",
        "--json",
    ],
    "sql of the newest run": [
        "sql",
        "select title_id, count(*) from matches where run_id = (select max(run_id) from runs)"
        " group by 1 order by 1",
    ],
    "sql of a run that is not there": ["sql", "select count(*) from matches where run_id = 'x'"],
    "sql of no table": ["sql", "describe matches"],
    "rights": ["rights", "--json"],
    "verify-rows": ["verify-rows", "--sample", "40", "--seed", "1", "--json"],
}


SOME_READINGS = ("matches of an article", "sql of several tables", "verify-rows")


@pytest.mark.parametrize("reading", each_time(SOME_READINGS, READINGS))
def test_every_reading_command_says_of_tables_on_s3_what_it_says_of_those_on_disk(
    reading: str,
    spark: SparkSession,
    release: Path,
    client: Any,
    bucket: str,
    endpoint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upload(client, "shards", release / "tables", "tables")
    name, *more = READINGS[reading]
    assert cli.run([name, str(release / "tables"), *more]) == 0
    on_disk = capsys.readouterr().out
    assert cli.run([name, OUT, *more, "--endpoint", endpoint]) == 0
    assert capsys.readouterr().out == on_disk
    assert on_disk or name == "rights"


def test_a_query_reads_of_tables_on_s3_what_it_needs_and_no_more(
    spark: SparkSession,
    client: Any,
    bucket: str,
    faulty: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    strewn = ("row_sha256", "text_sha256", "payload_digest")
    for run_id in ("r1", "r2"):
        rows = [match("a", None, **{name: token_hex(32) for name in strewn}) for _ in range(8_000)]
        publish(tmp_path / "tables", run_id, rows)
    upload(client, "shards", tmp_path / "tables", "tables")
    publish_there(client, tmp_path / "tables", faulty.url)
    query = "select title_id, count(*) from matches where run_id = 'r1' group by 1"
    faulty.requests.clear()
    assert cli.run(["sql", OUT, query, "--endpoint", faulty.url]) == 0
    assert "8000" in capsys.readouterr().out
    ranges = [
        (path.rpartition("/")[2], *map(int, asked.removeprefix("bytes=").split("-")))
        for method, path, asked in faulty.requests
        if method == "GET" and "/matches/" in path
    ]
    assert {name for name, *_ in ranges} == {"r1-00000.parquet"}
    read = sum(end - start + 1 for _, start, end in ranges)
    assert read < 0.15 * (tmp_path / "tables" / "matches" / "r1-00000.parquet").stat().st_size


def publish_there(client: Any, tables: Path, endpoint: str) -> None:
    """Publish anew the runs of tables that were uploaded, as if they had been written there: with ETags."""
    store, options = TableStore.open(str(tables)), StorageOptions(endpoint=endpoint)
    for row in store.read("runs").to_pylist():
        names = [file["name"] for file in row["files"]]
        etags = {name: stat(f"{OUT}/matches/{name}", options).etag for name in names}
        assert all(etags.values())
        publish_row(store, "runs", row, etags)
    upload(client, "shards", tables / "runs", "tables/runs")


def test_a_row_of_a_table_on_s3_is_fetched(
    release: Path, client: Any, bucket: str, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    upload(client, "shards", release / "tables", "tables")
    row = TableStore.open(str(release / "tables")).read("matches").to_pylist()[0]
    assert cli.run(["fetch", OUT, "--row", row["row_sha256"], "--endpoint", endpoint]) == 0
    assert row["document_url"] in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=pytest.mark.full)])
def test_runs_on_s3_are_compared(
    client: Any,
    bucket: str,
    endpoint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    engine: str,
) -> None:
    if engine == "spark":
        request.getfixturevalue("spark")
    expected = altered_release(tmp_path / "tables")
    upload(client, "shards", tmp_path / "tables", "tables")
    there, runs = ["--endpoint", endpoint], ["--before", BEFORE, "--after", AFTER]
    ways = {
        "disk": [str(tmp_path / "tables"), "--engine", "duckdb"],
        "s3": [OUT, "--engine", engine, *there],
    }
    digests = set[str]()
    for name, words in ways.items():
        assert cli.run(["compare", *words, *runs, "--out", str(tmp_path / name)]) == 0
        digests.update(re.findall("table digest ([0-9a-f]{64})", capsys.readouterr().out))
        rows = pq.read_table(tmp_path / name / "changes").to_pylist()
        found = {f"{row['article_id']} {row['document_url']}": (row["state"], row["doubt"]) for row in rows}
        assert found == expected
    assert len(digests) == 1


DERIVED_BY = {
    "changes": ["compare", "--before", "20261125T000000Z-abcdef", "--after", "latest"],
    "reservations": ["rights"],
}


@pytest.mark.parametrize("table", DERIVED_BY)
def test_a_table_that_is_derived_onto_s3_is_the_one_on_disk_sealed_and_read_by_every_reader(
    spark: SparkSession,
    client: Any,
    bucket: str,
    endpoint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    table: str,
) -> None:
    words, there, options = DERIVED_BY[table], f"s3://{bucket}/derived", StorageOptions(endpoint=endpoint)
    tables = tmp_path / "tables"
    publish(tables, "20261125T000000Z-abcdef", [match("a", "https://x.example/1")])
    at = {"captured_at": datetime(2026, 11, 1, tzinfo=UTC), "dataset": "warc", "http_status": 200}
    own = [match("a", f"https://t.example/{n}", own_site=True, row_sha256=f"{n}", **at) for n in range(3)]
    publish(tables, "20261126T000000Z-abcdef", own)
    for out, more in ((str(tmp_path / "out"), []), (there, ["--endpoint", endpoint])):
        assert cli.run([*words, str(tables), "--out", out, *more]) == 0
        assert f"written to {out}/{table}" in capsys.readouterr().out
        assert cli.run([*words, str(tables), "--out", out, *more]) == 1
        assert f"there is a table {table} already" in capsys.readouterr().err
    here, store = TableStore.open(str(tmp_path / "out")), TableStore.open(there, options)
    assert store.read(table).equals(here.read(table))
    assert len(store.read(table)) > 0
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket, Prefix="derived")["Contents"]]
    folders = [key.split("/")[1] for key in keys]
    assert sorted(folders) == sorted(["_presswatch.json", "derivations", table])
    query = f"select count(*) as counted from {table}"
    assert cli.run(["sql", there, query, "--endpoint", endpoint, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"counted": len(here.read(table))}
    (key,) = (key for key in keys if f"/{table}/" in key)
    data = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    client.put_object(Bucket=bucket, Key=key, Body=flipped(data, 4 * len(data)))
    with pytest.raises(DamagedTablesError, match=f"table {table} of run"):
        store.read(table)


def test_a_sample_on_s3_is_estimated(
    client: Any, bucket: str, endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = {"sample": 0.1, "sample_seed": 0, "sample_strata": '{"en":200}', "shards_listed": 200}
    publish(tmp_path / "tables", "r", [], **facts)
    log = [
        row_of(ShardLog, run_id="r", shard_uri=f"/en/{n}.gz", status="complete", documents=7)
        for n in range(20)
    ]
    write(TableStore.open(str(tmp_path / "tables")), "scan_log", "r", log, ShardLog.schema)
    upload(client, "shards", tmp_path / "tables", "tables")
    assert cli.run(["estimate", OUT, "--endpoint", endpoint]) == 0
    on_s3 = capsys.readouterr().out
    assert cli.run(["estimate", str(tmp_path / "tables")]) == 0
    assert capsys.readouterr().out == on_s3
    assert "documents  " in on_s3
    assert "1,400" in on_s3


def test_tables_that_are_not_there_are_named(
    bucket: str, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["runs", f"s3://{bucket}/nothing", "--endpoint", endpoint]) == 1
    assert "s3://shards/nothing: this is not a folder of our tables" in capsys.readouterr().err
