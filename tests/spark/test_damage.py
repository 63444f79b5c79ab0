"""Bits that flip in what runs wrote: parts cost their wave, and published tables are not read as if whole."""

import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import OutputError, PresswatchError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.query.sql import run_query
from presswatch_spark.scanning.pipeline import SCAN, RunSummary
from presswatch_spark.scanning.runs import engine
from presswatch_spark.tables.declarations import PUBLISHED_BY, PUBLISHERS, SCHEMAS
from presswatch_spark.tables.seals import DamagedTablesError
from tests.spark.fakes import Fake, declare, fake_shards, found, run_fake
from tests.world.tables import flip_a_bit

SHARDS = [shard.uri for shard in fake_shards(12)]
DECLARED = dict.fromkeys(SHARDS, declare)
RULES = RunRules(wave_shards=3, shards_per_task=2)


@pytest.fixture(scope="module")
def whole(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunSummary]:
    """Published tables, and their run."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, run_fake(spark, out, trouble=DECLARED)


@pytest.fixture(scope="module")
def stopped(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a run that was stopped after three of its four waves."""
    out = tmp_path_factory.mktemp("stopped") / "out"
    with pytest.raises(PresswatchError, match="the package is not on this host"):
        run_fake(spark, out, trouble=DECLARED, broken="shard-010", rules=RULES)
    return out


def parts_of(out: Path, table: str) -> list[Path]:
    attempts = {marker.stem for marker in out.glob("_runs/*/waves/*.json")}
    parts = sorted(out.glob(f"_runs/*/parts/*/*-{table}.parquet"))
    return [part for part in parts if part.parent.name in attempts]


def resume(fake: Fake) -> tuple[RunSummary, str]:
    """Give the same command again; the run, and what it said."""
    return fake.told(trouble=dict.fromkeys(SHARDS, fake.counted(declare)), rules=RULES)


def test_a_run_is_resumed_without_the_waves_whose_parts_or_markers_are_damaged(
    fake: Fake, stopped: Path, whole: tuple[Path, RunSummary]
) -> None:
    out = shutil.copytree(stopped, fake.out)
    first, second = sorted(out.glob("_runs/*/waves/*.json"))[:2]
    (part,) = out.glob(f"_runs/*/parts/{first.stem}/*-scan_log.parquet")
    flip_a_bit(part, Random(1))
    flip_a_bit(second, Random(2))
    summary, said = resume(fake)
    assert summary.resumed
    assert found(summary) == found(whole[1])
    assert f"{part}: the result of a wave does not have the SHA-256 of what was written" in said
    assert f"{second}: the marker of a wave is damaged; it is scanned again" in said
    # The six of the two waves, and the three that had not been scanned.
    assert set(fake.times()) == {*SHARDS[:6], *SHARDS[9:]}
    assert fake.metrics()["presswatch_shards_rescanned_total"] == 3
    assert fake.metrics()["presswatch_documents_total"] == summary.row["documents"]


@pytest.mark.parametrize("checked_here", [0, 1 << 30])
def test_parts_that_rot_while_a_run_is_at_work_are_found_before_it_is_published(
    fake: Fake, whole: tuple[Path, RunSummary], monkeypatch: pytest.MonkeyPatch, checked_here: int
) -> None:
    check, damaged = engine.without_damage, list[Path]()

    def rot_once(*given: object) -> object:
        parts = parts_of(fake.out, "matches")
        if parts and not damaged:
            flip_a_bit(parts[0], Random(3))
            parts[-1].unlink()
            damaged.extend((parts[0], parts[-1]))
        return check(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "CHECKED_HERE_BYTES", checked_here)
    monkeypatch.setattr(engine, "without_damage", rot_once)
    summary, said = resume(fake)
    assert found(summary) == found(whole[1])
    assert f"{damaged[0]}: the result of a wave does not have" in said
    assert f"{damaged[1]}: the result of a wave is missing" in said
    assert sum(fake.times().values()) == 12 + 6


def test_a_disk_that_damages_all_that_is_written_ends_the_run_with_what_to_do(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, random = engine.without_damage, Random(4)

    def rot(*given: object) -> object:
        for part in parts_of(fake.out, "matches"):
            flip_a_bit(part, random)
        return check(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "without_damage", rot)
    with pytest.raises(OutputError, match=r"were damaged 3 times .*check this disk"):
        fake.run(trouble=DECLARED)
    assert fake.store.published() == []


@pytest.mark.full
@pytest.mark.parametrize("table", SCAN.columns)
@pytest.mark.parametrize("seed", range(10))
def test_of_thirty_parts_with_a_flipped_bit_each_all_thirty_are_noticed(
    fake: Fake, stopped: Path, whole: tuple[Path, RunSummary], table: str, seed: int
) -> None:
    out, random = shutil.copytree(stopped, fake.out), Random(f"{table} {seed}")
    part = random.choice(parts_of(out, table))
    flip_a_bit(part, random)
    summary, said = resume(fake)
    assert f"{part}: the result of a wave does not have the SHA-256" in said
    assert found(summary) == found(whole[1])


@pytest.fixture
def published(fake: Fake, whole: tuple[Path, RunSummary]) -> Fake:
    return replace(fake, out=shutil.copytree(whole[0], fake.out))


OF_SCANS = [table for table in SCHEMAS if PUBLISHED_BY[table] == "runs"]


@pytest.mark.parametrize("table", OF_SCANS)
def test_a_published_file_with_a_flipped_bit_is_read_by_nobody(published: Fake, table: str) -> None:
    (path,) = (published.out / table).glob("*.parquet")
    store, data, random = published.store, path.read_bytes(), Random(table)
    assert len(store.read(table))
    for _ in range(20):
        flip_a_bit(path, random)
        with pytest.raises(DamagedTablesError, match=r"(of|publishes) run 2.*(have changed|is damaged)"):
            store.read(table)
        with pytest.raises(DamagedTablesError):
            store.frame(published.spark, table)
        path.write_bytes(data)
    assert len(store.read(table))


@pytest.mark.parametrize("table", [table for table in OF_SCANS if table not in PUBLISHERS])
@pytest.mark.parametrize("change", ["gone", "cut", "another", "added"])
def test_a_table_whose_files_are_others_is_not_read_as_if_whole(
    published: Fake, table: str, change: str
) -> None:
    (path,) = (published.out / table).glob("*.parquet")
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
    with pytest.raises(DamagedTablesError, match=f"table {table} of run .* is not as it was published"):
        published.rows(table)
    assert all(published.rows(each) for each in OF_SCANS if each != table)


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_query_reads_no_table_that_is_not_as_it_was_published(published: Fake, engine: str) -> None:
    for path in (published.out / "matches").glob("*.parquet"):
        path.unlink()
    for query in (
        "select count(*) from MATCHES",
        "select * from runs join (select * from matches) using (run_id)",
        "select rows from by_title",
    ):
        with pytest.raises(DamagedTablesError, match=r"table matches of run .* it is missing"):
            run_query(str(published.out), query, engine=engine)
    answer = run_query(str(published.out), "select count(*) from scan_log", engine=engine)
    assert list(answer.rows) == [(len(SHARDS),)]
