"""Runs: ownership and damage of one in progress, its release, and the provenance of its code."""

import hashlib
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.scanning.census import CENSUS
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.pipeline import SCAN
from presswatch_spark.scanning.runs import provenance as module
from presswatch_spark.scanning.runs.provenance import (
    commit,
    packages,
    packages_digest,
    provenance,
    spark_version,
)
from presswatch_spark.scanning.runs.result_parts import RunPart
from presswatch_spark.scanning.runs.run_work import WHILE_RUNNING, Kind, key_of
from presswatch_spark.scanning.runs.unfinished import (
    RunNote,
    Wave,
    clear,
    own_run,
    read_note,
    read_waves,
    write_wave,
)
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import DIGESTS, SCHEMAS, ShardLog
from presswatch_spark.tables.seals import ROW_COUNT_COLUMNS
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.documents import commands, text_of
from tests.world.proofs import cases, each_time
from tests.world.tables import flipped, publish, publish_log, row_of

KEY = key_of("plan", "corpus")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore.create(str(tmp_path / "tables"))


@pytest.mark.parametrize("kind", [SCAN, CENSUS], ids=["scan", "census"])
def test_a_kind_of_run_has_a_log_and_counts_the_rows_of_its_tables_there(kind: Kind) -> None:
    assert set(kind.columns) == {*kind.tables, kind.log}
    assert not any("run_id" in columns.names for columns in kind.columns.values())
    log, terms = kind.columns[kind.log].names, kind.terms
    assert {terms.documents, terms.text_bytes, terms.matches} < set(log)
    assert {ROW_COUNT_COLUMNS[table] for table in kind.tables} < set(log)
    assert {DIGESTS[table] for table in kind.tables if table in DIGESTS} <= set(SCHEMAS[kind.by].names)
    published = SCHEMAS[kind.log].names
    assert [name for name in log if name not in published] == WHILE_RUNNING.names


def test_a_run_is_named_by_its_start_and_its_key_and_found_again_by_the_same_command(
    store: TableStore,
) -> None:
    with own_run(store, KEY, NOON) as first:
        assert (first.run_id, first.resumed) == (f"20261124T120000Z-{KEY[:6]}", False)
        with pytest.raises(OutputError, match="another process"), own_run(store, KEY, NOON):
            pass
        with own_run(store, key_of("plan", "other"), NOON) as other:
            assert (other.run_id != first.run_id, other.folder != first.folder) == (True, True)
    with own_run(store, KEY, datetime.now(UTC)) as second:
        assert (second.run_id, second.started_at, second.resumed) == (first.run_id, NOON, True)


def test_a_run_is_the_newest_even_if_the_clock_was_set_back(store: TableStore, tmp_path: Path) -> None:
    for run_id in ("20261124T120059Z-abcdef", "c1"):
        publish(tmp_path / "tables", run_id, [])
    before = NOON - timedelta(days=400)
    with own_run(store, KEY, before) as run:
        assert (run.run_id, run.started_at) == (f"20261124T120100Z-{KEY[:6]}", before)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"shards": 3, "counts": {}}', '{"shards": [0], "counts": {"x": 1}}']
)
def test_a_damaged_wave_is_told_and_does_not_count(tmp_path: Path, text: str) -> None:
    (tmp_path / "waves").mkdir()
    (tmp_path / "waves" / "000000-a.json").write_text(text)
    folder, told = Folder.of(str(tmp_path), StorageOptions()), list[str]()
    assert list(read_waves(folder, RunNote("", NOON), on_damage=told.append)) == []
    assert told == ["waves/000000-a.json"]


@pytest.mark.slow
@pytest.mark.parametrize("step", each_time([3], [3, 1]))
def test_any_flipped_bit_of_a_marker_is_noticed(store: TableStore, step: int) -> None:
    with own_run(store, KEY, NOON) as run:
        write_wave(run.folder, Wave("000000-a", (0, 1), ShardTotals(shards=2), ()))
    whole = run.folder.read("waves/000000-a.json")[0]
    for place in range(0, 8 * len(whole), step):
        run.folder.path.joinpath("waves", "000000-a.json").write_bytes(flipped(whole, place))
        assert list(read_waves(run.folder, RunNote(run.run_id, NOON))) == []
    run.folder.write("waves/000000-a.json", flipped(whole, 99))
    with own_run(store, KEY, NOON) as again:
        assert again.waves == ()
        assert len(again.damaged) == 1
        assert "000000-a.json: the marker of a wave is damaged; it is scanned again" in again.damaged[0]


def test_the_same_command_starts_a_new_run_once_the_first_is_published(store: TableStore) -> None:
    for expected in ("120000", "120001", "120002"):
        with own_run(store, KEY, NOON) as run:
            assert run.run_id == f"20261124T{expected}Z-{KEY[:6]}"
            publish_log(store, run.run_id)
            clear(run)
    assert list((store.root.path / "_runs").iterdir()) == []


def test_a_run_begun_in_the_second_of_another_one_has_a_later_id(store: TableStore) -> None:
    for key in ("f" * 64, "0" * 64, "8" * 64):
        with own_run(store, key, NOON) as run:
            assert run.started_at == NOON
            publish_log(store, run.run_id)
            assert store.published()[-1] == run.run_id
            clear(run)


def test_a_run_that_was_published_but_not_cleared_is_not_taken_up_again(store: TableStore) -> None:
    with own_run(store, KEY, NOON) as run:
        run.folder.write("waves/000000-old.json", b"{}")
        publish_log(store, run.run_id)
    with own_run(store, KEY, NOON) as other:
        assert other.run_id != run.run_id
        assert other.folder.names() == ["run.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"run_id": "20261124T1200',
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"run_id": 7, "started_at": "2026-11-24T12:00:00+00:00"}',
        b'{"run_id": "../../x", "started_at": "2026-11-24T12:00:00+00:00"}',
        b'{"run_id": "20261124T120000Z-aaaaaa", "started_at": null}',
        b'{"run_id": "20261124T120000Z-aaaaaa", "started_at": "today"}',
        b'{"run_id": "20261124T120000Z-aaaaaa", "started_at": "2026-11-24T12:00:00"}',
    ],
)
def test_a_run_whose_note_is_damaged_says_so_and_starts_over(store: TableStore, content: bytes) -> None:
    with own_run(store, KEY, NOON) as run:
        pass
    run.folder.write("run.json", content)
    run.folder.write("waves/000000-a.json", b"{}")
    with own_run(store, KEY, NOON) as again:
        (said,) = again.damaged
        assert said.startswith(str(run.folder.at("run.json")))
        assert said.endswith("the run starts over")
        assert (again.resumed, again.waves, again.folder.names()) == (False, (), ["run.json"])


def test_any_flipped_bit_of_a_note_is_noticed(store: TableStore) -> None:
    with own_run(store, KEY, NOON) as run:
        pass
    whole = run.folder.read("run.json")[0]
    for place in range(0, 8 * len(whole), 3):
        run.folder.path.joinpath("run.json").write_bytes(flipped(whole, place))
        with pytest.raises(OutputError, match=r"run\.json: .*repeat the command that began it"):
            read_note(run.folder)


def test_parts_of_a_wave_are_kept_whichever_attempts_found_them(store: TableStore) -> None:
    names = [f"{attempt}/a-matches.parquet" for attempt in ("000000-a", "000001-b", "000002-c")]
    with own_run(store, KEY, NOON) as run:
        for name in names:
            run.parts.write(name, b"")
        parts = tuple(RunPart("matches", name, 0, 0, "") for name in names[:2])
        write_wave(run.folder, Wave("000000-a-lost", (0, 1), ShardTotals(shards=2), parts))
    with own_run(store, KEY, NOON) as again:
        assert [wave.parts for wave in again.waves] == [parts]
        assert again.parts.names() == names[:2]


def test_the_lock_dies_with_its_process(store: TableStore) -> None:
    code = (
        "import sys; from datetime import UTC, datetime;"
        "from presswatch_spark.scanning.runs.unfinished import own_run;"
        "from presswatch_spark.tables.store import TableStore;"
        f"run = own_run(TableStore.open({str(store.root)!r}), {KEY!r}, datetime.now(UTC)); run.__enter__();"
        "print('owned', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "owned\n"
        with pytest.raises(OutputError, match="another process"), own_run(store, KEY, NOON):
            pass
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    with own_run(store, KEY, NOON) as run:
        assert run.resumed


CRAWL, LATER = "CC-MAIN-2024-51", "CC-MAIN-2025-05"
Shard = tuple[str | None, list[str], int]


@cases(
    ("shards", "told", "release"),
    [
        ([(CRAWL, [CRAWL], 5), (CRAWL, [], 5)], None, CRAWL),
        ([(CRAWL, [CRAWL], 5), (None, [], 0)], None, CRAWL),
        ([(CRAWL, [CRAWL], 5), (LATER, [LATER], 5)], None, None),
        ([(CRAWL, [CRAWL], 5), (None, [], 5)], None, None),
        ([(None, [CRAWL], 5)], None, None),
        ([(None, ["c4-fr"], 5), (None, [], 5)], "c4-fr", "c4-fr"),
        ([(None, ["c4-fr", CRAWL], 5)], "c4-fr", None),
        ([(None, [], 5)], "c4-fr", "c4-fr"),
        ([(None, [], 0)], "c4-fr", "c4-fr"),
        ([(None, [], 0)], None, None),
    ],
)
def test_a_run_has_a_release_only_if_each_shard_that_was_read_is_of_it(
    shards: list[Shard], told: str | None, release: str | None
) -> None:
    """A shard names a release, its rows have some, and it has so many documents."""
    rows = [
        {**row_of(ShardLog, release=named, documents=documents), "releases": of_rows}
        for named, of_rows, documents in shards
    ]
    log = pa.Table.from_pylist(rows, pa.schema([*ShardLog.schema, *WHILE_RUNNING]))
    assert SCAN.row(log, {"release": told})["release"] == release


LOCK = (ROOT / "locks" / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.skipif(
    f"pyspark=={version('pyspark')} " not in LOCK,
    reason="`make test-spark` has another Spark than the lock",
)
def test_the_packages_are_the_pins_of_the_lock_and_the_documented_command_gives_their_digest() -> None:
    elsewhere = r"(?! ; .*== '(?:win32|emscripten)')"
    pins = re.findall(rf"^([a-z0-9.-]+==[^ ;]++){elsewhere}", LOCK, re.MULTILINE)
    assert list(packages()) == sorted(pins)
    shown = next(words for words in commands(text_of("how-to/check-a-table")) if words[0] == "grep")
    assert "locks/requirements.lock" in shown
    page = text_of("how-to/check-a-table")
    (line,) = re.findall(r"^grep .*sha256sum$", page, re.MULTILINE)
    printed = subprocess.run(["sh", "-c", line], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.split()[0] == packages_digest(packages())


def test_a_working_copy_knows_its_commit_and_says_if_files_differ_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "presswatch_spark" / "scanning" / "runs" / "provenance.py"
    code.parent.mkdir(parents=True)
    code.write_text("")
    monkeypatch.setattr(module, "__file__", str(code))
    for name in ("conf", "jobs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")

    def git(*words: str) -> str:
        named = ["git", "-c", "user.name=n", "-c", "user.email=e@e.example", "-C", str(tmp_path), *words]
        return subprocess.run(named, check=True, capture_output=True, text=True).stdout.strip()

    def known() -> str | None:
        commit.cache_clear()
        return commit()

    git("init", "--quiet")
    assert known() is None
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    head = git("rev-parse", "HEAD")
    assert known() == head
    (tmp_path / "elsewhere.txt").write_text("no code")
    assert known() == head
    code.write_text("changed = True")
    assert known() == f"{head}+"
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    assert known() is None
    commit.cache_clear()


def test_an_unknown_command_and_operator_are_null_and_packages_have_a_digest_over_a_line_each() -> None:
    assert packages_digest(["a==1", "b==2"]) == hashlib.sha256(b"a==1\nb==2\n").hexdigest()
    facts = provenance(None, None)
    assert (facts["command"], facts["operator"]) == (None, None)
    assert all(facts[name] for name in ("packages_digest", "python_version", "host"))
    # Spark's version is that of the module that this process has loaded.
    import_module("pyspark")
    assert spark_version() == version("pyspark")
