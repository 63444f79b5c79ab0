"""The census from end to end: `presswatch census` over an index with what is wrong in the world."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from benchmarks.census.indices import Index, write_index
from presswatch_spark.cli import main as cli
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.censuses.run import CensusSummary, census
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.runs.unfinished import UnfinishedRun, unfinished_runs
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.sorted_files import SOUGHT
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.censuses import Counting, Deadly, census_corpus, times_read
from tests.world.index_files import file_of, row_of, write_file
from tests.world.tables import flip_a_bit


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Path:
    return census_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Two partitions of a small index, and a third with pages of the members."""
    folder = tmp_path / "index"
    write_index(folder, Index(rows=3_000, partitions=2, row_groups=5))
    rng = random.Random(3)
    for subset in ("warc", "robotstxt"):
        rows = [row_of(rng, "gazette.fr", subset) for _ in range(30)]
        rows.append(row_of(rng, "gazette.fr", subset, "https://gazette.fr/une/pont", "gazette.fr"))
        write_file(file_of(folder, 2, subset), rows, 3)
    return folder


SMALL_WAVES = ScanConfig(run=RunRules(wave_shards=2))
POLL_SECONDS = 0.02


def taken(
    index: Path,
    corpus: Path,
    out: Path,
    spark: SparkSession,
    config: ScanConfig | None = None,
    progress: Progress | None = None,
) -> CensusSummary:
    return census(
        [str(index)], corpus=str(corpus), out=str(out), config=config or ScanConfig(), spark=spark,
        progress=progress,
    )  # fmt: skip


class TestCensus:
    def test_it_is_published_with_digest_log_and_counts(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path
    ) -> None:
        summary = taken(index, corpus, tmp_path / "out", spark)
        store = TableStore.open(str(tmp_path / "out"))
        (row,) = store.read("censuses").to_pylist()
        captures, log = store.read("captures").to_pylist(), store.read("census_log").to_pylist()
        assert (len(captures), row["captures"], row["release"]) == (62, 62, "CC-MAIN-2026-34")
        assert row["table_digest"] == table_digest(line["row_sha256"] for line in captures)
        assert (row["shards_planned"], row["shards_complete"], len(log)) == (8, 8, 8)
        assert row["rows"] == sum(line["rows"] for line in log) == 3_062
        assert row["bytes_expected"] == sum(file.stat().st_size for file in index.rglob("*.parquet"))
        assert {line["run_id"] for line in (*captures, *log, row)} == {row["run_id"]}
        assert {line["article_id"] for line in captures} == {None, "pont"}
        assert summary.row["captures"] == 62
        group = pq.ParquetFile(next((tmp_path / "out" / "captures").iterdir())).metadata.row_group(0)
        columns = [group.column(n) for n in range(group.num_columns)]
        assert {each.path_in_schema for each in columns if each.bloom_filter_offset} == set(
            SOUGHT["captures"]
        )
        # It is no scan, and nothing of it is left unfinished.
        assert (store.published(), store.published("censuses")) == ([], [row["run_id"]])
        assert list(unfinished_runs(store)) == []

    def test_another_census_of_the_same_has_the_same_digest(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        first, second = (taken(index, corpus, out, spark).row for _ in range(2))
        assert first["table_digest"] == second["table_digest"]
        assert first["run_id"] != second["run_id"]
        assert len(TableStore.open(str(out)).read("captures", first["run_id"])) == 62
        files = [str(file) for file in sorted(index.rglob("*.parquet"), reverse=True)]
        again = census(files, corpus=str(corpus), out=str(out), config=ScanConfig(), spark=spark)
        assert again.row["table_digest"] == first["table_digest"]

    def test_what_a_killed_census_left_is_not_in_the_next(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        with monkeypatch.context() as patched:
            patched.setattr(
                "presswatch_spark.scanning.runs.publish.clear", lambda run: (_ for _ in ()).throw(KeyError)
            )
            patched.setattr(TableStore, "publish", lambda *_: None)
            with pytest.raises(KeyError):
                taken(index, corpus, out, spark)
        store = TableStore.open(str(out))
        assert store.published("censuses") == []
        (unfinished,) = unfinished_runs(store)
        summary = taken(index, corpus, out, spark)
        assert summary.row["run_id"] == unfinished.begun.run_id
        assert len(store.read("captures")) == 62

    def test_one_that_was_stopped_reads_again_only_what_no_marker_names_or_what_is_damaged(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = taken(index, corpus, tmp_path / "whole", spark)
        out, files = tmp_path / "out", sorted(map(str, index.rglob("*.parquet")))
        monkeypatch.setattr("presswatch_spark.scanning.censuses.run.FileCensus", Counting)
        with monkeypatch.context() as patched:
            patched.setattr("presswatch_spark.scanning.runs.engine.publish", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                taken(index, corpus, out, spark, SMALL_WAVES)
        (unfinished,) = unfinished_runs(TableStore.open(str(out)))
        assert isinstance(unfinished, UnfinishedRun)
        assert unfinished.counts.shards == 8
        assert "with 8 index files done, is not finished" in unfinished.note()
        first, second, *_ = sorted(unfinished.folder.path.glob("waves/*.json"))
        first.unlink()
        flip_a_bit(next(unfinished.folder.path.glob(f"parts/{second.stem}/*-census_log.parquet")), Random(1))
        stream = io.StringIO()
        summary = taken(index, corpus, out, spark, SMALL_WAVES, Progress(stream, live=False))
        assert list(times_read(index).values()) == [2, 2, 2, 2, 1, 1, 1, 1]
        assert summary.resumed
        assert "census_log.parquet: what a wave found does not have the SHA-256" in stream.getvalue()
        assert "8/8 index files · 3,062 rows · " in stream.getvalue()
        assert summary.row["run_id"] == unfinished.begun.run_id
        assert summary.row["table_digest"] == whole.row["table_digest"]
        assert (summary.row["captures"], summary.titles) == (whole.row["captures"], whole.titles)
        assert [line["shard_uri"] for line in summary.log] == files
        assert list(unfinished_runs(TableStore.open(str(out)))) == []

    @pytest.mark.full
    def test_one_that_was_killed_goes_on_and_reads_no_file_twice_that_was_whole(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole, out = taken(index, corpus, tmp_path / "whole", spark), tmp_path / "out"
        words = ["census", "--release", str(index), "--corpus", str(corpus), "--out", str(out)]
        given = {"PYTHONPATH": str(ROOT), "PRESSWATCH_RUN__WAVE_SHARDS": "1"}
        command = [sys.executable, "-m", "presswatch_spark", *words, "--cores", "2"]
        with subprocess.Popen(command, env=os.environ | given, stderr=subprocess.DEVNULL) as job:
            while len(list(out.glob("_runs/*/waves/*.json"))) < 2:
                assert job.poll() is None
                time.sleep(POLL_SECONDS)
            job.send_signal(signal.SIGKILL)
        done = {
            place
            for marker in out.glob("_runs/*/waves/*.json")
            for place in json.loads(marker.read_text())["shards"]
        }
        assert 2 <= len(done) < 8
        monkeypatch.setattr("presswatch_spark.scanning.censuses.run.FileCensus", Counting)
        summary = taken(index, corpus, out, spark)
        files = sorted(map(str, index.rglob("*.parquet")))
        assert times_read(index) == {file: 1 for place, file in enumerate(files) if place not in done}
        assert summary.resumed
        names = ("table_digest", "captures", "rows", "release", "shards_complete")
        assert [summary.row[name] for name in names] == [whole.row[name] for name in names]

    def test_a_file_that_kills_its_workers_has_failed_and_the_others_are_read(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("presswatch_spark.scanning.censuses.run.FileCensus", Deadly)
        files = [str(file_of(index, n, subset)) for n, subset in ((0, "warc"), (2, "robotstxt"), (2, "warc"))]
        summary = census(
            files, corpus=str(corpus), out=str(tmp_path / "out"), config=ScanConfig(), spark=spark
        )
        failed = [line["shard_uri"] for line in summary.log if line["status"] != "complete"]
        assert failed == [str(file_of(index, 2, "robotstxt"))]
        (error,) = (line["error"] for line in summary.log if line["error"])
        assert error.startswith("every Python worker that tried it died")
        assert {line["failure"] for line in summary.log} == {None, "worker"}
        assert (summary.row["captures"], summary.row["shards_failed"]) == (31, 1)

    def test_an_index_that_holds_no_member_gives_an_empty_table(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path
    ) -> None:
        other = file_of(index, 0, "warc")
        summary = taken(other, corpus, tmp_path / "out", spark)
        assert (summary.row["captures"], summary.row["shards_complete"]) == (0, 1)
        # That nothing of the members is in a release is said of that release.
        assert summary.row["release"] == "CC-MAIN-2026-34"
        assert set(summary.titles) == set(Corpus.open(str(corpus)).registry.titles)
        assert len(TableStore.open(str(tmp_path / "out")).read("captures")) == 0

    def test_files_of_several_releases_make_a_census_of_none_in_particular(
        self, spark: SparkSession, corpus: Path, index: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "crawl=CC-MAIN-2025-01" / "subset=warc" / "part-0.parquet"
        write_file(other, [row_of(random.Random(1), "example.org", "warc")], 1)
        files = [str(other), str(file_of(index, 2, "warc"))]
        summary = census(
            files, corpus=str(corpus), out=str(tmp_path / "out"), config=ScanConfig(), spark=spark
        )
        assert (summary.row["captures"], summary.row["release"]) == (31, None)

    def test_a_folder_without_files_is_told(self, spark: SparkSession, corpus: Path, tmp_path: Path) -> None:
        (tmp_path / "nothing").mkdir()
        with pytest.raises(InputError):
            taken(tmp_path / "nothing", corpus, tmp_path / "out", spark)


class TestCommand:
    def test_it_says_what_was_found_and_how_much_was_read(
        self,
        spark: SparkSession,
        corpus: Path,
        index: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        paths = [str(file_of(index, 2, subset)) for subset in ("warc", "robotstxt")]
        words = ["census", "--release", *paths, "--corpus", str(corpus), "--out", str(tmp_path / "out")]
        assert cli.run(words) == 0
        said = capsys.readouterr().out
        assert " of CC-MAIN-2026-34: 62 captures of 1 of 4 titles, in 62 rows of 2 index files" in said
        assert "not in this index" not in said
        assert "incomplete" not in said
        size = sum(Path(path).stat().st_size for path in paths)
        assert f"of {size / 1e6:,.1f} MB (" in said
        assert "robotstxt 31, warc 31" in said
        assert "absent" in said

    def test_what_could_not_be_read_exits_3_and_is_named(
        self,
        spark: SparkSession,
        corpus: Path,
        index: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        cut, broken = file_of(index, 0, "warc"), file_of(index, 2, "warc")
        cut.write_bytes(cut.read_bytes()[:-20])
        meta = pq.ParquetFile(broken).metadata
        chunk = meta.row_group(1).column(1)
        content = bytearray(broken.read_bytes())
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
        broken.write_bytes(content)
        out = tmp_path / "out"
        words = ["census", "--release", str(index), "--corpus", str(corpus), "--out", str(out)]
        assert cli.run(words) == 3
        said = capsys.readouterr()
        assert "error: 2 of 8 shards were not read to their end" in said.err
        assert "incomplete: 2 of 8 index files were not read whole; what was not found may stand" in said.out
        assert f"failed: {cut}: the Parquet footer cannot be read" in said.err
        assert f"partial: {broken}: row group cannot be read" in said.err
        assert "Traceback" not in said.err
        (row,) = TableStore.open(str(out)).read("censuses").to_pylist()
        assert [row[f"shards_{state}"] for state in ("complete", "partial", "failed")] == [6, 1, 1]
        lost = meta.row_group(1).num_rows
        assert row["captures"] == 62 - lost

    def test_collectors_of_logs_are_told_as_events_and_of_nothing_else(
        self,
        spark: SparkSession,
        corpus: Path,
        index: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        cut = file_of(index, 0, "warc")
        cut.write_bytes(cut.read_bytes()[:-20])
        words = ["census", "--release", str(index), "--corpus", str(corpus), "--out", str(tmp_path / "out")]
        assert cli.run([*words, "--log-format", "json"]) == 3
        events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        (row,) = TableStore.open(str(tmp_path / "out")).read("censuses").to_pylist()
        assert [event["event"] for event in events if event["event"] != "progress"] == [
            *("planned", "run_started", "wave_started", "shard_failed", "wave_finished", "run_published"),
        ]
        told = {event["event"]: event for event in events}
        assert told["planned"]["told"] == "index files to read: 8"
        assert [told["run_started"][name] for name in ("shards_planned", "resumed")] == [8, False]
        assert (told["run_started"]["dataset"], told["progress"]["shards"]) == ("index", 8)
        assert (told["shard_failed"]["level"], told["shard_failed"]["shard_uri"]) == ("error", str(cut))
        assert "the Parquet footer cannot be read" in told["shard_failed"]["error"]
        for event in ("wave_finished", "run_published", "progress"):
            assert told[event]["captures"] == 62
        assert told["run_published"]["shards_failed"] == 1
        assert {event["run_id"] for event in events[1:]} == {row["run_id"]}

    def test_a_failure_is_told_as_an_event_too(
        self, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["census", "--release", str(tmp_path / "no"), "--corpus", str(corpus), "--out", "x"]
        assert cli.run([*words, "--log-format", "json"]) == 1
        (told,) = map(json.loads, capsys.readouterr().err.splitlines())
        assert (told["event"], told["error_class"]) == ("command_failed", "InputError")

    @pytest.mark.parametrize("missing", ["--release", "--corpus", "--out"])
    def test_what_it_needs_it_asks_for(self, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
        words = [
            word for name in ("--release", "--corpus", "--out") if name != missing for word in (name, "x")
        ]
        assert cli.run(["census", *words]) == 2
        assert missing in capsys.readouterr().err
