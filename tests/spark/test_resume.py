"""Runs that are killed, searched in passes or damaged, and resumed: the digest of undisturbed ones."""

import fcntl
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

import presswatch_spark as pw
from presswatch_spark.core.errors import BudgetError, OutputError, PresswatchError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import SCAN
from presswatch_spark.scanning.runs import engine
from presswatch_spark.scanning.runs.run_work import Outcome, PlatformError, ReadOne, RunSummary
from presswatch_spark.scanning.runs.unfinished import unfinished_runs, write_note
from presswatch_spark.scanning.shard.attempts import KEPT, Pass, Passes
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.tables.declarations import PUBLISHED_BY, PUBLISHING_TABLES, SCHEMAS
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark import fakes
from tests.spark.conftest import SHARDS
from tests.spark.press import Press, Scanned, Scanner
from tests.world.commands import presswatch
from tests.world.processes import ended, kill_at, raising, ran, reaches, start
from tests.world.tables import flip_a_bit, run_query

WAVE = 2
WAVES = "_runs/*/waves/*.json"
Job = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def digest(found: Scanned) -> object:
    """Of a run never stopped."""
    return found.row["table_digest"]


@pytest.fixture
def words(press: Press, corpus: Path, tmp_path: Path) -> list[str]:
    """The arguments of a scan into `tmp_path / "out"`."""
    return [str(press.shards), "--format", "wet", "--corpus", str(corpus), "--out", str(tmp_path / "out")]


@pytest.fixture
def job(words: list[str]) -> Job:
    command = [sys.executable, str(ROOT / "jobs" / "scan.py"), *words]
    return lambda *flags: start([*command, *(flags or ("--wave-shards", str(WAVE)))])


def digests(out: Path) -> list[object]:
    return TableStore.open(str(out)).read("runs")["table_digest"].to_pylist()


@pytest.mark.full  # A scan with a sealed corpus is killed each time: see test_sealed_scan.
@pytest.mark.parametrize("seed", range(1, 21))
def test_a_driver_killed_at_a_random_moment_and_given_again_finds_the_same(
    job: Job, words: list[str], tmp_path: Path, digest: object, seed: int
) -> None:
    out, moment = tmp_path / "out", random.Random(seed)
    running = job()
    # Some waves are done, another is under way.
    killed = reaches(running, out, WAVES, moment.randrange(SHARDS // WAVE))
    killed = killed and not ended(running, moment.random())
    if killed:
        running.kill()
    running.communicate()
    assert running.returncode == (-signal.SIGKILL if killed else 0)
    # The last moments of a job are those after it has published.
    assert killed or TableStore.open(str(out)).published()
    presswatch("scan", *words, "--wave-shards", str(WAVE))
    assert digests(out)[-1] == digest
    assert list((out / "_runs").iterdir()) == []


def test_a_published_scan_is_not_repeated_unless_again_or_a_later_run_of_it_is_unfinished(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, out, shards = io.StringIO(), str(tmp_path / "out"), sorted(press.shards.iterdir())[:3]

    def scan(*paths: Path, **given: Any) -> pw.Run:
        progress, paths = Progress(said, live=False), paths or shards
        return pw.scan(
            [*map(str, paths)], corpus=str(corpus), out=out, spark=spark, progress=progress, **given
        )

    first = scan()
    assert "scans once more" not in said.getvalue()
    same = scan(settings={"run.wave_shards": 7})
    assert (same.run_id, same.row, same.is_complete) == (first.run_id, first.row, True)
    assert f"run {first.run_id} of the same shards" in said.getvalue()
    stricter = scan(settings={"grade.min_run_words": 12})
    part = scan(shards[0])
    second = scan(again=True)
    assert len({run.run_id for run in (first, stricter, part, second)}) == 4
    assert scan().run_id == second.run_id
    with monkeypatch.context() as patch:
        patch.setattr(engine, "publish", raising(OutputError("the disk is full")))
        with pytest.raises(OutputError):
            scan(again=True)
    ((folder, note),) = ((run.folder, run.note) for run in unfinished_runs(TableStore.open(out)))
    assert scan().run_id == note.run_id
    older = replace(note, run_id="20240601T080000Z-0a0b0c", tool_version="0.0.1")
    write_note(folder, older, None)
    assert "not finished" not in said.getvalue()
    scan(settings={"grade.min_run_words": 13})
    assert f"{older.run_id}, begun" in said.getvalue()
    assert "run its command again with version 0.0.1; to drop it: rm -r" in said.getvalue()


@pytest.mark.full
def test_the_line_for_cron_scans_once_at_a_time_logs_events_and_prints_only_failures(
    press: Press, corpus: Path, tmp_path: Path
) -> None:
    guide = (ROOT / "docs/how-to/run-again.md").read_text("utf-8")
    (line,) = re.findall(r"^17 4 \* \* \* (.+)$", guide, re.MULTILINE)
    links = {".venv/bin/presswatch": Path(sys.prefix, "bin/presswatch"), "corpus": corpus}
    for name, target in links.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(target)

    def run() -> str:
        command = ["/bin/sh", "-c", line.replace("/srv/presswatch", str(tmp_path))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert not done.stderr
        return done.stdout

    assert run() == "presswatch scan: exit code 1\n"
    (tmp_path / "shards").symlink_to(press.shards)
    with (tmp_path / "scan.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run() == "presswatch scan: exit code 75\n"
    assert not (tmp_path / "tables").exists()
    assert (run(), run()) == ("", "")
    lines = (tmp_path / "scan.log").read_text("utf-8").splitlines()
    events = [json.loads(each)["event"] for each in lines if each.startswith("{")]
    assert [events.count(name) for name in ("command_failed", "run_published", "already_published")] == [
        1,
        1,
        1,
    ]
    assert len(digests(tmp_path / "tables")) == 1


@pytest.mark.full
def test_ctrl_c_ends_with_a_message_publishes_nothing_and_the_same_command_resumes(
    job: Job, words: list[str], tmp_path: Path, digest: object
) -> None:
    out = tmp_path / "out"
    running = job()
    assert reaches(running, out, WAVES, 1)
    os.killpg(running.pid, signal.SIGINT)
    _, complaints = running.communicate()
    assert running.returncode == 1
    assert "py4j" not in complaints
    assert "error: stopped" in complaints
    assert TableStore.open(str(out)).published() == []
    assert "resumed" in presswatch("scan", *words, "--wave-shards", "5")
    assert digests(out) == [digest]


@pytest.mark.full
def test_two_runs_at_the_same_time_in_one_folder_do_not_disturb_each_other(
    job: Job, words: list[str], tmp_path: Path, digest: object
) -> None:
    other = job("--cores", "1", "--min-run-words", "40", "--wave-shards", "1")
    assert reaches(other, tmp_path / "out", WAVES, 1)
    presswatch("scan", *words, "--shards-per-task", "1", "--wave-shards", "100")
    _, complaints = other.communicate()
    assert other.returncode == 0, complaints
    both = digests(tmp_path / "out")
    assert len(set(both)) == 2
    assert digest in both


# Whole runs in passes: the digest of one pass, also when the run is killed between two or workers die.


PASS_WAVE = 6


def memory_for(corpus: Path, passes: int) -> float:
    """The memory, in GB, with which the index of a corpus is searched in so many passes."""
    return manifest_of(str(corpus), StorageOptions()).searched_bytes / (passes - 0.5) / 1e9


def in_passes(scan: Scanner, press: Press, passes: int, **rules: Any) -> Scanned:
    memory = {"index_memory": memory_for(scan.corpus, passes)} if passes > 1 else {}
    return scan(press.shards, wave_shards=PASS_WAVE, **(memory | rules))


@pytest.mark.parametrize("passes", [2, pytest.param(5, marks=pytest.mark.full)])
def test_a_run_in_passes_publishes_the_digest_of_one_pass_and_says_why_there_are_so_many(
    scan: Scanner, press: Press, found: Scanned, passes: int
) -> None:
    done = in_passes(scan, press, passes)
    assert fakes.found_by(done.summary) == fakes.found_by(found.summary)
    assert (done.row["passes"], done.summary.notes) == (passes, ()), "every candidate came from the passes"
    assert f"{passes} passes: the index has" in done.said
    assert f"pass {passes - 1} of {passes}: {PASS_WAVE} shards more are read" in done.said
    assert list((done.out / "_runs").iterdir()) == []
    # What the passes cost is in the metrics; passes before the last are no waves.
    values = {row["name"]: row["value"] for row in done.rows("metrics")}
    waves, earlier = -(-SHARDS // PASS_WAVE), passes - 1
    expected = {"waves_total": waves, "shards_planned": SHARDS}
    expected |= {"pass_waves_total": earlier * waves, "pass_shards_total": earlier * SHARDS}
    assert values.items() >= {f"presswatch_{name}": value for name, value in expected.items()}.items()


def test_an_index_that_fits_is_searched_in_one_pass(scan: Scanner, press: Press, found: Scanned) -> None:
    done = in_passes(scan, press, 1, index_memory=memory_for(scan.corpus, 1) * 0.51)
    assert fakes.found_by(done.summary) == fakes.found_by(found.summary)
    assert "pass" not in done.said


@pytest.mark.full
def test_a_run_killed_between_passes_goes_on_where_it_was(
    press: Press, corpus: Path, tmp_path: Path, found: Scanned
) -> None:
    out = tmp_path / "out"
    words = [str(press.shards), "--format", "wet", "--corpus", str(corpus), "--out", str(out)]
    words += ["--wave-shards", str(PASS_WAVE), "--index-memory", f"{memory_for(corpus, 3):.9f}"]
    command = [sys.executable, str(ROOT / "jobs" / "scan.py"), *words]
    kill_at(command, out, "_runs/*/candidates/2-of-3/*.parquet", PASS_WAVE)
    kept = list(out.glob("_runs/*/candidates/2-of-3/*.parquet"))
    listed = ran(sys.executable, "-m", "presswatch_spark", "runs", out)
    begun = re.search(r"with 0 shards done and (.*), is not finished", listed.stderr)
    assert begun, listed.stderr
    assert begun[1].startswith(f"{SHARDS} shards in pass 1 of 3, ")
    assert begun[1].endswith(" in pass 2 of 3")
    done = ran(*command)
    assert f"table digest {found.row['table_digest']}" in done.stdout
    assert "pass 1 of 3:" not in done.stderr, "the first pass is not done again"
    again = sum(map(int, re.findall(r"pass 2 of 3: (\d+) shards? more", done.stderr)))
    assert 0 < again <= SHARDS - PASS_WAVE
    assert again >= SHARDS - len(kept) - PASS_WAVE


def test_the_estimate_and_the_budget_count_every_pass(scan: Scanner, press: Press) -> None:
    price = "c7a.xlarge on demand"
    assert "in 3 passes" in in_passes(scan, press, 3, price=price, budget=1.0).said
    with pytest.raises(BudgetError, match="and the budget is"):
        in_passes(replace(scan, folder=scan.folder / "none"), press, 3, price=price, budget=1e-12)


def fake_passes(folder: Path, trouble: Mapping[str, fakes.Trouble]) -> Passes:
    """Two passes over made-up shards, some of which give trouble in the first pass."""

    def reader(part: Pass) -> ReadOne:
        read = {f"shard-{n:03}": fakes.counted(folder) for n in range(12)}
        first = fakes.scan_with(read | {name: fakes.counted(folder, each) for name, each in trouble.items()})

        def sift(shard: ObjectInfo) -> Outcome:
            return Outcome(first(shard).log, {KEPT: []})

        return fakes.scan_with({}) if part.number else sift

    return Passes(2, "two passes", reader)


def test_a_shard_that_kills_workers_in_an_earlier_pass_is_left_to_the_last(
    fake: fakes.Fake, undisturbed: RunSummary
) -> None:
    rules = RunRules(wave_shards=12, shards_per_task=6)
    summary, said = fake.told(rules=rules, passes=fake_passes(fake.scans, {"shard-007": fakes.die}))
    assert fakes.found_by(summary) == fakes.found_by(undisturbed)
    times = fake.times()
    assert times.keys() == {f"shard-{n:03}" for n in range(12)}, "all were read"
    assert times["shard-007"] == 2, "the second try notes the shard, and the third leaves it out"
    assert "a Python worker died at shard-007" in said
    assert "12 shards more are read; 1 could not be read" in said


def test_a_run_whose_shards_cannot_be_read_in_an_earlier_pass_stops_there(fake: fakes.Fake) -> None:
    lost = dict.fromkeys((f"shard-{n:03}" for n in range(6)), fakes.lose_connection)
    with pytest.raises(PlatformError, match="6 of 12 shards of a wave could not be read") as stopped:
        fake.run(rules=RunRules(wave_shards=12), passes=fake_passes(fake.scans, lost))
    assert stopped.value.where == "shard-000"


# Bits that flip in what runs wrote: parts cost their wave, and published tables are not read as if whole.


FAKE_SHARDS = [shard.uri for shard in fakes.fake_shards(12)]
DECLARED = dict.fromkeys(FAKE_SHARDS, fakes.declare)
RULES = RunRules(wave_shards=3, shards_per_task=2)


@pytest.fixture(scope="module")
def whole(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunSummary]:
    """Published tables, and their run."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, fakes.run_fake(spark, out, trouble=DECLARED)


@pytest.fixture(scope="module")
def stopped(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a run that was stopped after three of its four waves."""
    out = tmp_path_factory.mktemp("stopped") / "out"
    with pytest.raises(PresswatchError, match="the package is not on this host"):
        fakes.run_fake(spark, out, trouble=DECLARED, broken="shard-010", rules=RULES)
    return out


def parts_of(out: Path, table: str) -> list[Path]:
    attempts = {marker.stem for marker in out.glob("_runs/*/waves/*.json")}
    parts = sorted(out.glob(f"_runs/*/parts/*/*-{table}.parquet"))
    return [part for part in parts if part.parent.name in attempts]


def resume(fake: fakes.Fake) -> tuple[RunSummary, str]:
    """Give the same command again; the run, and what it said."""
    return fake.told(trouble=dict.fromkeys(FAKE_SHARDS, fake.counted(fakes.declare)), rules=RULES)


def test_a_run_is_resumed_without_the_waves_whose_parts_or_markers_are_damaged(
    fake: fakes.Fake, stopped: Path, whole: tuple[Path, RunSummary]
) -> None:
    out = shutil.copytree(stopped, fake.out)
    first, second = sorted(out.glob("_runs/*/waves/*.json"))[:2]
    (part,) = out.glob(f"_runs/*/parts/{first.stem}/*-scan_log.parquet")
    flip_a_bit(part, Random(1))
    flip_a_bit(second, Random(2))
    summary, said = resume(fake)
    assert summary.resumed
    assert fakes.found_by(summary) == fakes.found_by(whole[1])
    assert f"{part}: the result of a wave does not have the SHA-256 of what was written" in said
    assert f"{second}: the marker of a wave is damaged; it is scanned again" in said
    # The six of the two waves, and the three that had not been scanned.
    assert set(fake.times()) == {*FAKE_SHARDS[:6], *FAKE_SHARDS[9:]}
    assert fake.metrics()["presswatch_shards_rescanned_total"] == 3
    assert fake.metrics()["presswatch_documents_total"] == summary.row["documents"]


@pytest.mark.parametrize("checked_here", [0, 1 << 30])
def test_parts_that_rot_while_a_run_is_at_work_are_found_before_it_is_published(
    fake: fakes.Fake, whole: tuple[Path, RunSummary], monkeypatch: pytest.MonkeyPatch, checked_here: int
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
    assert fakes.found_by(summary) == fakes.found_by(whole[1])
    assert f"{damaged[0]}: the result of a wave does not have" in said
    assert f"{damaged[1]}: the result of a wave is missing" in said
    assert sum(fake.times().values()) == 12 + 6


def test_a_disk_that_damages_all_that_is_written_ends_the_run_with_what_to_do(
    fake: fakes.Fake, monkeypatch: pytest.MonkeyPatch
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
    fake: fakes.Fake, stopped: Path, whole: tuple[Path, RunSummary], table: str, seed: int
) -> None:
    out, random = shutil.copytree(stopped, fake.out), Random(f"{table} {seed}")
    part = random.choice(parts_of(out, table))
    flip_a_bit(part, random)
    summary, said = resume(fake)
    assert f"{part}: the result of a wave does not have the SHA-256" in said
    assert fakes.found_by(summary) == fakes.found_by(whole[1])


@pytest.fixture
def published(fake: fakes.Fake, whole: tuple[Path, RunSummary]) -> fakes.Fake:
    return replace(fake, out=shutil.copytree(whole[0], fake.out))


OF_SCANS = [table for table in SCHEMAS if PUBLISHED_BY[table] == "runs"]


@pytest.mark.parametrize("table", OF_SCANS)
def test_a_published_file_with_a_flipped_bit_is_read_by_nobody(published: fakes.Fake, table: str) -> None:
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


def added(path: Path) -> None:
    path.with_name(path.name.replace("00000", "00001")).write_bytes(path.read_bytes())


@pytest.mark.parametrize("table", [table for table in OF_SCANS if table not in PUBLISHING_TABLES])
def test_a_table_whose_files_are_others_is_not_read_as_if_whole(published: fakes.Fake, table: str) -> None:
    (path,) = (published.out / table).glob("*.parquet")
    data = path.read_bytes()
    for change in (
        lambda: path.write_bytes(data[:-1]),
        lambda: path.write_bytes(bytes(len(data))),
        path.unlink,
        lambda: path.write_bytes(data) and added(path),
    ):
        change()
        with pytest.raises(DamagedTablesError, match=f"table {table} of run .* is not as it was published"):
            published.rows(table)
        assert all(published.rows(each) for each in OF_SCANS if each != table)


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_query_reads_no_table_that_is_not_as_it_was_published(published: fakes.Fake, engine: str) -> None:
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
    assert list(answer.rows) == [(len(FAKE_SHARDS),)]
