"""Bits that flip in what runs wrote: parts cost their wave, and published tables are not read as if whole."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import OutputError, PresswatchError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.query.sql import run_query
from presswatch_spark.scanning.monitoring.progress import Observer, Progress
from presswatch_spark.scanning.pipeline import SCAN, RunSummary
from presswatch_spark.scanning.runs import engine
from presswatch_spark.tables.declarations import PUBLISHED_BY, PUBLISHERS, SCHEMAS
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.spark.fakes import counted, declare, fake_shards, run_fake, times_scanned
from tests.world.tables import flip_a_bit

SHARDS = [shard.uri for shard in fake_shards(12)]
DECLARED = dict.fromkeys(SHARDS, declare)
DIGESTS = ("table_digest", "signals_digest", "matches", "signals", "documents")
RULES = RunRules(wave_shards=3, shards_per_task=2)


@pytest.fixture(scope="module")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    return run_fake(spark, tmp_path_factory.mktemp("whole") / "out", trouble=DECLARED)


@pytest.fixture(scope="module")
def stopped(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a run that was stopped after three of its four waves."""
    out = tmp_path_factory.mktemp("stopped") / "out"
    with pytest.raises(PresswatchError, match="the package is not on this host"):
        run_fake(spark, out, trouble=DECLARED, broken="shard-010", rules=RULES)
    return out


def parts_of(out: Path, table: str) -> list[Path]:
    """The parts that markers name."""
    attempts = {marker.stem for marker in out.glob("_runs/*/waves/*.json")}
    parts = sorted(out.glob(f"_runs/*/parts/*/*-{table}.parquet"))
    return [part for part in parts if part.parent.name in attempts]


def resume(spark: SparkSession, out: Path, scans: Path) -> tuple[RunSummary, str]:
    """Give the same command again; the run, and what it said."""
    scans.mkdir(exist_ok=True)
    said = io.StringIO()
    trouble = {uri: counted(scans, declare) for uri in SHARDS}
    summary = run_fake(
        spark, out, trouble=trouble, rules=RULES, observer=Observer(Progress(said, live=False))
    )
    return summary, said.getvalue()


def same(one: RunSummary, other: RunSummary) -> bool:
    return [one.row[name] for name in DIGESTS] == [other.row[name] for name in DIGESTS]


def test_a_run_goes_on_without_the_waves_whose_parts_or_markers_are_damaged(
    spark: SparkSession, stopped: Path, tmp_path: Path, undisturbed: RunSummary
) -> None:
    out = shutil.copytree(stopped, tmp_path / "out")
    first, second = sorted(out.glob("_runs/*/waves/*.json"))[:2]
    (part,) = out.glob(f"_runs/*/parts/{first.stem}/*-scan_log.parquet")
    flip_a_bit(part, Random(1))
    flip_a_bit(second, Random(2))
    summary, said = resume(spark, out, tmp_path / "scans")
    assert summary.resumed
    assert same(summary, undisturbed)
    assert f"{part}: what a wave found does not have the SHA-256 of what was written" in said
    assert f"{second}: the marker of a wave is damaged; it is scanned again" in said
    # The six of the two waves, and the three that had not been scanned.
    assert set(times_scanned(tmp_path / "scans")) == {*SHARDS[:6], *SHARDS[9:]}
    rows = TableStore.open(str(out)).read("metrics").to_pylist()
    values = {row["name"]: row["value"] for row in rows if not row["labels"]}
    assert values["presswatch_shards_rescanned_total"] == 3
    assert values["presswatch_documents_total"] == summary.row["documents"]


@pytest.mark.parametrize("checked_here", [0, 1 << 30])
def test_parts_that_rot_while_a_run_is_at_work_are_found_before_it_is_published(
    spark: SparkSession,
    tmp_path: Path,
    undisturbed: RunSummary,
    monkeypatch: pytest.MonkeyPatch,
    checked_here: int,
) -> None:
    check, damaged = engine.without_damage, list[Path]()

    def rot_once(*given: object) -> object:
        found = parts_of(tmp_path / "out", "matches")
        if found and not damaged:
            flip_a_bit(found[0], Random(3))
            found[-1].unlink()
            damaged.extend((found[0], found[-1]))
        return check(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "CHECKED_HERE_BYTES", checked_here)
    monkeypatch.setattr(engine, "without_damage", rot_once)
    summary, said = resume(spark, tmp_path / "out", tmp_path / "scans")
    assert same(summary, undisturbed)
    assert f"{damaged[0]}: what a wave found does not have" in said
    assert f"{damaged[1]}: what a wave found is missing" in said
    assert sum(times_scanned(tmp_path / "scans").values()) == 12 + 6


def test_a_disk_that_damages_all_that_is_written_ends_the_run_with_what_to_do(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, random = engine.without_damage, Random(4)

    def rot(*given: object) -> object:
        for part in parts_of(tmp_path / "out", "matches"):
            flip_a_bit(part, random)
        return check(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "without_damage", rot)
    with pytest.raises(OutputError, match=r"was damaged 3 times .*see whether this disk fails"):
        run_fake(spark, tmp_path / "out", trouble=DECLARED)
    assert TableStore.open(str(tmp_path / "out")).published() == []


@pytest.mark.full
@pytest.mark.parametrize("table", SCAN.columns)
@pytest.mark.parametrize("seed", range(10))
def test_of_thirty_parts_with_a_flipped_bit_each_all_thirty_are_noticed(
    spark: SparkSession, stopped: Path, tmp_path: Path, undisturbed: RunSummary, table: str, seed: int
) -> None:
    out, random = shutil.copytree(stopped, tmp_path / "out"), Random(f"{table} {seed}")
    part = random.choice(parts_of(out, table))
    flip_a_bit(part, random)
    summary, said = resume(spark, out, tmp_path / "scans")
    assert f"{part}: what a wave found does not have the SHA-256" in said
    assert same(summary, undisturbed)


@pytest.fixture(scope="module")
def published(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "out"
    run_fake(spark, out, trouble=DECLARED)
    return out


@pytest.fixture
def tables(published: Path, tmp_path: Path) -> Path:
    return shutil.copytree(published, tmp_path / "out")


OF_SCANS = [table for table in SCHEMAS if PUBLISHED_BY[table] == "runs"]


@pytest.mark.parametrize("table", OF_SCANS)
def test_a_published_file_with_a_flipped_bit_is_read_by_nobody(
    spark: SparkSession, tables: Path, table: str
) -> None:
    (path,) = (tables / table).glob("*.parquet")
    store, whole, random = TableStore.open(str(tables)), path.read_bytes(), Random(table)
    assert len(store.read(table))
    for _ in range(20):
        flip_a_bit(path, random)
        with pytest.raises(DamagedTablesError, match=r"(of|publishes) run 2.*(have changed|is damaged)"):
            store.read(table)
        with pytest.raises(DamagedTablesError):
            store.frame(spark, table)
        path.write_bytes(whole)
    assert len(store.read(table))


@pytest.mark.parametrize("table", [table for table in OF_SCANS if table not in PUBLISHERS])
@pytest.mark.parametrize("change", ["gone", "cut", "another", "added"])
def test_a_table_whose_files_are_others_is_not_read_as_if_whole(
    tables: Path, published: Path, table: str, change: str
) -> None:
    (path,) = (tables / table).glob("*.parquet")
    data = path.read_bytes()
    match change:
        case "gone":
            path.unlink()
        case "cut":
            path.write_bytes(data[:-1])
        case "another":
            path.write_bytes(bytes(len(data)))
        case "added":
            path.with_name(path.name.replace("00000", "00001")).write_bytes(data)
    store = TableStore.open(str(tables))
    with pytest.raises(DamagedTablesError, match=f"table {table} of run .* is not as it was published"):
        store.read(table)
    others = [each for each in OF_SCANS if each != table]
    assert all(len(store.read(each)) for each in others)


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_query_reads_no_table_that_is_not_as_it_was_published(
    spark: SparkSession, tables: Path, engine: str
) -> None:
    for path in (tables / "matches").glob("*.parquet"):
        path.unlink()
    for query in (
        "select count(*) from MATCHES",
        "select * from runs join (select * from matches) using (run_id)",
        "select rows from by_title",
    ):
        with pytest.raises(DamagedTablesError, match=r"table matches of run .* it is missing"):
            run_query(str(tables), query, engine=engine)
    assert list(run_query(str(tables), "select count(*) from scan_log", engine=engine).rows) == [
        (len(SHARDS),)
    ]
