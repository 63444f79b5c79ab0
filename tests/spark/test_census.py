"""The census from end to end: `presswatch census` over an index with what is wrong in the world."""

import io
import json
import random
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.scanning.census import census
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.scanning.runs.unfinished import UnfinishedRun, unfinished_runs
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.sorted_files import BLOOM_COLUMNS
from presswatch_spark.tables.store import TableStore
from tests.world.censuses import Counting, Deadly, census_corpus, times_read
from tests.world.commands import Outcome, outcome
from tests.world.index_files import file_of, row_of, write_file
from tests.world.tables import flip_a_bit


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Path:
    return census_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Two partitions of a small index, and a third with pages of the members."""
    folder = tmp_path / "index"
    rng = random.Random(3)
    for partition, subset in product(range(2), ("warc", "crawldiagnostics", "robotstxt")):
        rows = [row_of(rng, f"site-{number:03}.org", subset) for number in range(500)]
        write_file(file_of(folder, partition, subset), rows, 5)
    for subset in ("warc", "robotstxt"):
        rows = [row_of(rng, "gazette.fr", subset) for _ in range(30)]
        rows.append(row_of(rng, "gazette.fr", subset, "https://gazette.fr/une/pont", "gazette.fr"))
        write_file(file_of(folder, 2, subset), rows, 3)
    return folder


SMALL_WAVES = ScanConfig(run=RunRules(wave_shards=2))


@dataclass(frozen=True)
class Taking:
    """Censuses of one index with one corpus, into folders below `folder`."""

    spark: SparkSession
    corpus: Path
    index: Path
    folder: Path

    def __call__(
        self,
        *paths: Path | str,
        out: str = "out",
        config: ScanConfig | None = None,
        said: io.StringIO | None = None,
    ) -> RunSummary:
        return census(
            [str(path) for path in paths or (self.index,)],
            corpus=str(self.corpus), out=str(self.folder / out),
            config=config or ScanConfig(), spark=self.spark, progress=said and Progress(said, live=False),
        )  # fmt: skip

    def command(self, *more: str, paths: Any = ()) -> Outcome:
        given = ("--corpus", self.corpus, "--out", self.folder / "out", *more)
        return outcome("census --release", *(paths or (self.index,)), *given)

    @property
    def store(self) -> TableStore:
        return TableStore.open(str(self.folder / "out"))

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.store.read(table).to_pylist()


@pytest.fixture
def take(spark: SparkSession, corpus: Path, index: Path, tmp_path: Path) -> Taking:
    return Taking(spark, corpus, index, tmp_path)


class TestCensus:
    def test_it_is_published_with_digest_log_and_counts(self, take: Taking) -> None:
        summary = take()
        (row,), captures, log = (take.rows(table) for table in ("censuses", "captures", "census_log"))
        assert (len(captures), row["captures"], row["release"]) == (62, 62, "CC-MAIN-2026-34")
        assert row["table_digest"] == table_digest(line["row_sha256"] for line in captures)
        assert (row["shards_planned"], row["shards_complete"], len(log)) == (8, 8, 8)
        assert row["rows"] == sum(line["rows"] for line in log) == 3_062
        assert row["bytes_expected"] == sum(file.stat().st_size for file in take.index.rglob("*.parquet"))
        assert {line["run_id"] for line in (*captures, *log, row)} == {row["run_id"]}
        assert {line["article_id"] for line in captures} == {None, "pont"}
        assert summary.row["captures"] == 62
        group = pq.ParquetFile(next((take.folder / "out" / "captures").iterdir())).metadata.row_group(0)
        columns = [group.column(n) for n in range(group.num_columns)]
        bloomed = {each.path_in_schema for each in columns if each.bloom_filter_offset}
        assert bloomed == set(BLOOM_COLUMNS["captures"])
        # It is no scan, and nothing of it is left unfinished.
        assert (take.store.published(), take.store.published("censuses")) == ([], [row["run_id"]])
        assert list(unfinished_runs(take.store)) == []
        # Another census of the same, by whatever order of its files, has the same digest.
        again = take(*sorted(take.index.rglob("*.parquet"), reverse=True)).row
        assert again["table_digest"] == row["table_digest"]
        assert again["run_id"] != row["run_id"]
        assert len(take.store.read("captures", row["run_id"])) == 62

    def test_what_a_killed_census_left_is_not_in_the_next(
        self, take: Taking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(
                "presswatch_spark.scanning.runs.engine.clear", lambda run: (_ for _ in ()).throw(KeyError)
            )
            patched.setattr(TableStore, "publish", lambda *_: None)
            with pytest.raises(KeyError):
                take()
        assert take.store.published("censuses") == []
        (unfinished,) = unfinished_runs(take.store)
        assert take().row["run_id"] == unfinished.note.run_id
        assert len(take.rows("captures")) == 62

    def test_one_that_was_stopped_reads_again_only_what_no_marker_names_or_what_is_damaged(
        self, take: Taking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole, files = take(out="whole"), sorted(map(str, take.index.rglob("*.parquet")))
        monkeypatch.setattr("presswatch_spark.scanning.census.FileCensus", Counting)
        with monkeypatch.context() as patched:
            patched.setattr("presswatch_spark.scanning.runs.engine.publish", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                take(config=SMALL_WAVES)
        (unfinished,) = unfinished_runs(take.store)
        assert isinstance(unfinished, UnfinishedRun)
        assert unfinished.counts.shards == 8
        assert "with 8 index files done, is not finished" in unfinished.message()
        first, second, *_ = sorted(unfinished.folder.path.glob("waves/*.json"))
        first.unlink()
        flip_a_bit(next(unfinished.folder.path.glob(f"parts/{second.stem}/*-census_log.parquet")), Random(1))
        summary = take(config=SMALL_WAVES, said=(said := io.StringIO()))
        assert list(times_read(take.index).values()) == [2, 2, 2, 2, 1, 1, 1, 1]
        assert summary.resumed
        assert "census_log.parquet: the result of a wave does not have the SHA-256" in said.getvalue()
        assert "8/8 index files · 3,062 rows · " in said.getvalue()
        assert summary.row["run_id"] == unfinished.note.run_id
        assert summary.row["table_digest"] == whole.row["table_digest"]
        assert summary.row["captures"] == whole.row["captures"]
        assert summary.log["shard_uri"].to_pylist() == files
        assert list(unfinished_runs(take.store)) == []

    def test_a_file_that_kills_its_workers_has_failed_and_the_others_are_read(
        self, take: Taking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("presswatch_spark.scanning.census.FileCensus", Deadly)
        named = ((0, "warc"), (2, "robotstxt"), (2, "warc"))
        summary = take(*(file_of(take.index, n, subset) for n, subset in named))
        (failed,) = (line for line in summary.log.to_pylist() if line["status"] != "complete")
        assert failed["shard_uri"] == str(file_of(take.index, 2, "robotstxt"))
        assert str(failed["error"]).startswith("every Python worker that tried it died")
        assert {*summary.log["failure"].to_pylist()} == {None, "worker"}
        assert (summary.row["captures"], summary.row["shards_failed"]) == (31, 1)

    def test_an_index_without_members_gives_an_empty_table_and_files_of_several_releases_name_none(
        self, take: Taking
    ) -> None:
        summary = take(file_of(take.index, 0, "warc"))
        assert (summary.row["captures"], summary.row["shards_complete"]) == (0, 1)
        # That nothing of the members is in a release is said of that release.
        assert summary.row["release"] == "CC-MAIN-2026-34"
        assert take.rows("captures") == []
        other = take.folder / "crawl=CC-MAIN-2025-01" / "subset=warc" / "part-0.parquet"
        write_file(other, [row_of(random.Random(1), "example.org", "warc")], 1)
        summary = take(other, file_of(take.index, 2, "warc"), out="several")
        assert (summary.row["captures"], summary.row["release"]) == (31, None)
        (take.folder / "nothing").mkdir()
        with pytest.raises(InputError):
            take(take.folder / "nothing")


class TestCommand:
    def test_it_reports_what_was_found_and_how_much_was_read(self, take: Taking) -> None:
        paths = [file_of(take.index, 2, subset) for subset in ("warc", "robotstxt")]
        done = take.command(paths=paths)
        assert done.code == 0
        summary = " of CC-MAIN-2026-34: 62 captures of 1 of 4 titles, in 62 rows of 2 index files"
        size = sum(path.stat().st_size for path in paths)
        for said in (summary, f"of {size / 1e6:,.1f} MB (", "robotstxt 31, warc 31", "absent"):
            assert said in done.out
        assert "not in this index" not in done.out
        assert "incomplete" not in done.out

    def test_what_could_not_be_read_exits_3_and_is_named(self, take: Taking) -> None:
        cut, broken = file_of(take.index, 0, "warc"), file_of(take.index, 2, "warc")
        cut.write_bytes(cut.read_bytes()[:-20])
        meta = pq.ParquetFile(broken).metadata
        chunk = meta.row_group(1).column(1)
        content = bytearray(broken.read_bytes())
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
        broken.write_bytes(content)
        done = take.command()
        assert done.code == 3
        assert "error: 2 of 8 shards could not be read to the end" in done.err
        assert "incomplete: 2 of 8 index files were not read to the end; what was not found may" in done.out
        assert f"failed: {cut}: the Parquet footer cannot be read" in done.err
        assert f"partial: {broken}: row group cannot be read" in done.err
        assert "Traceback" not in done.err
        (row,) = take.rows("censuses")
        assert [row[f"shards_{state}"] for state in ("complete", "partial", "failed")] == [6, 1, 1]
        assert row["captures"] == 62 - meta.row_group(1).num_rows

    def test_collectors_of_logs_get_events_and_nothing_else(self, take: Taking) -> None:
        cut = file_of(take.index, 0, "warc")
        cut.write_bytes(cut.read_bytes()[:-20])
        done = take.command("--log-format", "json")
        assert done.code == 3
        events = [json.loads(line) for line in done.err.splitlines()]
        (row,) = take.rows("censuses")
        assert [event["event"] for event in events if event["event"] != "progress"] == [
            *("planned", "run_started", "wave_started", "shard_failed", "wave_finished", "run_published"),
        ]
        told = {event["event"]: event for event in events}
        assert told["planned"]["told"] == "index files to read: 8"
        started = {"shards_planned": 8, "resumed": False, "dataset": "index"}
        assert told["run_started"].items() >= started.items()
        assert told["progress"]["shards"] == 8
        assert told["shard_failed"].items() >= {"level": "error", "shard_uri": str(cut)}.items()
        assert "the Parquet footer cannot be read" in told["shard_failed"]["error"]
        assert {told[event]["captures"] for event in ("wave_finished", "run_published", "progress")} == {62}
        assert told["run_published"]["shards_failed"] == 1
        assert {event["run_id"] for event in events[1:]} == {row["run_id"]}
        done = take.command("--log-format", "json", paths=[take.folder / "no"])
        (failed,) = map(json.loads, done.err.splitlines())
        assert (done.code, failed["event"], failed["error_class"]) == (1, "command_failed", "InputError")

    def test_a_missing_option_is_named(self) -> None:
        for missing in (needed := {"--release", "--corpus", "--out"}):
            done = outcome("census", *(word for name in needed - {missing} for word in (name, "x")))
            assert (missing, done.code, missing in done.err) == (missing, 2, True)
