"""The census of an index on S3 and HTTPS: the same captures as from disk, by ranges that hold little else."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.scanning.censuses.run import CensusSummary, census
from presswatch_spark.scanning.runs.unfinished import UnfinishedRun, unfinished_runs
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.store import TableStore
from tests.world.censuses import FAST, census_corpus, some_rows, take
from tests.world.index_files import row_of, write_file
from tests.world.servers import FINE, Fault, Server, web

KEY = "cc-index/crawl=CC-MAIN-2026-34/subset=warc/part-00000.parquet"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return census_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index file that is larger than what is read of its end at once, by rows nobody asks for."""
    path = tmp_path_factory.mktemp("index") / "crawl=CC-MAIN-2026-34" / "subset=warc" / "part-00000.parquet"
    other = [
        row | {"url_surtkey": f"zz,{row['url_surtkey']}", "url": f"https://x.zz/{number}/{row['url']}"}
        for number in range(40)
        for row in some_rows(number)
    ]
    write_file(path, [*some_rows(), *other], 200)
    return path


def digests(rows: list[dict[str, Any]]) -> list[str]:
    return [row["row_sha256"] for row in rows]


def asked(server: Server) -> int:
    """Bytes of all ranges that were asked for."""
    bounds = (range_.removeprefix("bytes=").split("-") for range_ in server.gets())
    return sum(int(last) + 1 - int(first) for first, last in bounds)


def test_over_http_only_what_is_needed_is_asked_for(corpus: Path, file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    with web(objects={f"/{KEY}": content}) as server:
        outcome, rows = take(corpus, ObjectInfo(f"{server.url}/{KEY}"))
        read = asked(server)
    assert digests(rows) == digests(take(corpus, file)[1])
    assert rows
    assert outcome.log["status"] == "complete"
    assert outcome.log["bytes_expected"] == len(content)
    assert outcome.log["bytes_read"] == read < len(content) / 2


def test_from_s3_the_same_comes(
    corpus: Path, file: Path, tmp_path: Path, client: Any, bucket: str, endpoint: str
) -> None:
    client.upload_file(str(file), bucket, KEY)
    outcome, rows = take(corpus, ObjectInfo(f"s3://{bucket}/{KEY}"), replace(FAST, endpoint=endpoint))
    assert digests(rows) == digests(take(corpus, file)[1])
    assert outcome.log["status"] == "complete"


def test_replies_that_break_off_are_asked_for_again(corpus: Path, file: Path, tmp_path: Path) -> None:
    with web(objects={f"/{KEY}": file.read_bytes()}) as server:
        server.faults.extend([Fault(cut_after=1000), Fault(status=503), Fault(cut_after=10, reset=True)] * 2)
        outcome, rows = take(corpus, ObjectInfo(f"{server.url}/{KEY}"))
    assert digests(rows) == digests(take(corpus, file)[1])
    assert outcome.log["status"] == "complete"


def test_a_server_that_stops_answering_is_named_as_the_cause(
    corpus: Path, file: Path, tmp_path: Path
) -> None:
    with web(objects={f"/{KEY}": file.read_bytes()}) as server:
        server.faults.extend([Fault()] * 2)
        server.always = Fault(status=500)
        outcome, _ = take(corpus, ObjectInfo(f"{server.url}/{KEY}"), replace(FAST, max_attempts=2))
    assert outcome.log["status"] in ("partial", "failed")
    assert "the server answered 500" in str(outcome.log["error"])
    assert outcome.log["failure"] == "storage"


@pytest.mark.full
def test_a_site_that_refuses_its_files_is_no_census_and_the_same_command_takes_it_later(
    spark: SparkSession,
    corpus: Path,
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0")
    out, content = str(tmp_path / "out"), file.read_bytes()
    objects = {f"/crawl=CC-MAIN-2026-34/subset=warc/part-{n}.parquet": content for n in range(7)}
    with web(objects=objects) as server:
        names = [f"{server.url}{path}" for path in objects]
        words = ["census", "--release", *names, "--corpus", str(corpus), "--out", out]
        server.always = Fault(status=403)
        assert cli.run(words) == 1
        said = capsys.readouterr()
        assert "7 of 7 files of the index could not be read, 5 may be" in said.err
        assert "the site is asked nothing more: access denied (403)" in said.err
        assert "captures of" not in said.out
        store = TableStore.open(out)
        assert (store.published("censuses"), len(store.files("captures"))) == ([], 0)
        server.always = FINE
        assert cli.run(words) == 0
    (row,) = store.read("censuses").to_pylist()
    assert (row["shards_complete"], row["captures"]) == (7, len(store.read("captures")))
    assert row["captures"] > 0


class TestTablesOnS3:
    """A census whose tables, and all that it leaves on the way, lie on S3."""

    OUT = "s3://shards/tables"

    @pytest.fixture
    def index(self, file: Path, tmp_path: Path) -> Path:
        """A folder of three files, of which the last has nothing of the members."""
        folder = tmp_path / "index" / "crawl=CC-MAIN-2026-34" / "subset=warc"
        folder.mkdir(parents=True)
        for number in range(2):
            (folder / f"part-{number}.parquet").write_bytes(file.read_bytes())
        write_file(folder / "part-2.parquet", [row_of(random.Random(1), "example.org", "warc")], 1)
        return folder.parent.parent

    def taken(self, index: Path, corpus: Path, out: str, endpoint: str, spark: SparkSession) -> CensusSummary:
        config = ScanConfig(storage=replace(FAST, endpoint=endpoint), run=RunRules(wave_shards=1))
        return census([str(index)], corpus=str(corpus), out=out, config=config, spark=spark)

    @pytest.mark.full
    def test_it_has_the_rows_and_digest_of_one_on_disk_and_reading_commands_read_it(
        self,
        spark: SparkSession,
        corpus: Path,
        index: Path,
        tmp_path: Path,
        client: Any,
        bucket: str,
        endpoint: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        here = self.taken(index, corpus, str(tmp_path / "out"), endpoint, spark)
        # Spark sorts the captures, and writes several files.
        monkeypatch.setattr("presswatch_spark.scanning.runs.publish.SORTED_HERE_BYTES", 0)
        monkeypatch.setattr("presswatch_spark.scanning.runs.publish.FILE_BYTES", 10_000)
        there = self.taken(index, corpus, self.OUT, endpoint, spark)
        names = ("table_digest", "captures", "rows", "bytes_read", "release", "shards_complete")
        assert [there.row[name] for name in names] == [here.row[name] for name in names]
        store = TableStore.open(self.OUT, replace(FAST, endpoint=endpoint))
        on_disk = TableStore.open(str(tmp_path / "out")).read("captures").drop_columns("run_id")
        assert store.read("captures").drop_columns("run_id").equals(on_disk)
        assert len(store.files("captures")) > 1
        assert len(store.read("census_log")) == 3
        keys = [found["Key"] for found in client.list_objects_v2(Bucket=bucket)["Contents"]]
        assert [key for key in keys if "/parts/" in key or "/tables-" in key] == []
        query = "select count(*) as counted from captures where url_match = 'article'"
        assert cli.run(["sql", self.OUT, query, "--endpoint", endpoint]) == 0
        articles = pc.sum(pc.equal(store.read("captures")["url_match"], "article")).as_py()
        assert f"\n{articles}" in capsys.readouterr().out.replace(" ", "")

    @pytest.mark.full
    def test_one_that_was_stopped_goes_on_and_what_a_doubled_task_wrote_does_not_count(
        self,
        spark: SparkSession,
        corpus: Path,
        index: Path,
        client: Any,
        bucket: str,
        endpoint: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        whole = self.taken(index, corpus, self.OUT + "-whole", endpoint, spark)
        with monkeypatch.context() as patched:
            patched.setattr("presswatch_spark.scanning.runs.engine.publish", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                self.taken(index, corpus, self.OUT, endpoint, spark)
        store = TableStore.open(self.OUT, replace(FAST, endpoint=endpoint))
        (unfinished,) = unfinished_runs(store)
        assert isinstance(unfinished, UnfinishedRun)
        assert (unfinished.counts.shards, unfinished.under_way) == (3, False)
        keys = [unfinished.folder.at(name).removeprefix("s3://shards/") for name in unfinished.folder.names()]
        first, second = (key for key in keys if key.endswith("-captures.parquet"))
        client.delete_object(Bucket=bucket, Key=first)
        late = second.replace("-captures", "0-captures")
        client.copy_object(Bucket=bucket, Key=late, CopySource={"Bucket": bucket, "Key": second})
        summary = self.taken(index, corpus, self.OUT, endpoint, spark)
        assert (summary.row["run_id"], summary.resumed) == (unfinished.begun.run_id, True)
        assert [line["captures"] for line in summary.log] == [line["captures"] for line in whole.log]
        assert summary.row["table_digest"] == whole.row["table_digest"]
        assert len(store.read("captures")) == summary.row["captures"]


def test_a_missing_file_has_failed(corpus: Path, tmp_path: Path) -> None:
    with web() as server:
        outcome, rows = take(corpus, ObjectInfo(f"{server.url}/{KEY}"))
    assert (outcome.log["status"], outcome.log["error"]) == (
        "failed",
        "there is no such object (check the address)",
    )
    assert rows == []
