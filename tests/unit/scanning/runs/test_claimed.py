"""Runs in progress: who owns one, what an earlier process left of it, and what is damaged there."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.scanning.censuses.run import CENSUS
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.pipeline import SCAN
from presswatch_spark.scanning.runs.markers import Note, RunPart, Wave, read_note, read_waves, write_wave
from presswatch_spark.scanning.runs.unfinished import claim, clear
from presswatch_spark.scanning.runs.work import Kind, key_of
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import DIGESTS, SCHEMAS
from presswatch_spark.tables.seals import COUNTED
from presswatch_spark.tables.store import TableStore
from tests.world.tables import flipped, publish_log

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
    assert {COUNTED[table] for table in kind.tables} < set(log)
    assert {DIGESTS[table] for table in kind.tables if table in DIGESTS} <= set(SCHEMAS[kind.by].names)
    published = SCHEMAS[kind.log].names
    assert [name for name in log if name not in published] == [field.name for field in kind.unpublished]


class TestClaim:
    def test_a_run_is_named_by_its_start_and_its_key(self, store: TableStore) -> None:
        with claim(store, KEY, NOON) as run:
            assert run.run_id == f"20261124T120000Z-{KEY[:6]}"
            assert not run.resumed

    @pytest.mark.parametrize(
        "text", ["", "{}", '{"shards": 3, "counts": {}}', '{"shards": [0], "counts": {"x": 1}}']
    )
    def test_a_damaged_wave_is_told_and_does_not_count(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "waves").mkdir()
        (tmp_path / "waves" / "000000-a.json").write_text(text)
        folder, told = Folder.of(str(tmp_path), StorageOptions()), list[str]()
        assert list(read_waves(folder, Note("", NOON), on_damage=told.append)) == []
        assert told == ["waves/000000-a.json"]

    @pytest.mark.slow
    def test_any_flipped_bit_of_a_marker_is_noticed(self, store: TableStore) -> None:
        with claim(store, KEY, NOON) as run:
            write_wave(run.folder, Wave("000000-a", (0, 1), ShardTotals(shards=2), ()))
        whole = run.folder.read("waves/000000-a.json")[0]
        for place in range(8 * len(whole)):
            run.folder.path.joinpath("waves", "000000-a.json").write_bytes(flipped(whole, place))
            assert list(read_waves(run.folder, Note(run.run_id, NOON))) == []
        run.folder.write("waves/000000-a.json", flipped(whole, 99))
        with claim(store, KEY, NOON) as again:
            assert again.waves == ()
            assert len(again.damaged) == 1
            assert "000000-a.json: the marker of a wave is damaged; it is scanned again" in again.damaged[0]

    def test_the_same_command_finds_its_unfinished_run(self, store: TableStore) -> None:
        with claim(store, KEY, NOON) as first:
            pass
        with claim(store, KEY, datetime.now(UTC)) as second:
            assert (second.run_id, second.started_at, second.resumed) == (first.run_id, NOON, True)

    def test_another_plan_is_another_run_and_lives_beside_it(self, store: TableStore) -> None:
        with claim(store, KEY, NOON) as one, claim(store, key_of("plan", "other"), NOON) as other:
            assert one.run_id != other.run_id
            assert one.folder != other.folder

    def test_the_same_command_starts_a_new_run_once_the_first_is_published(self, store: TableStore) -> None:
        for expected in ("120000", "120001", "120002"):
            with claim(store, KEY, NOON) as run:
                assert run.run_id == f"20261124T{expected}Z-{KEY[:6]}"
                publish_log(store, run.run_id)
                clear(run)

    def test_a_run_begun_in_the_second_of_another_one_has_a_later_id(self, store: TableStore) -> None:
        for key in ("f" * 64, "0" * 64, "8" * 64):
            with claim(store, key, NOON) as run:
                assert run.started_at == NOON
                publish_log(store, run.run_id)
                assert store.published()[-1] == run.run_id
                clear(run)

    def test_a_run_that_was_published_but_not_cleared_is_not_taken_up_again(self, store: TableStore) -> None:
        with claim(store, KEY, NOON) as run:
            run.folder.write("waves/000000-old.json", b"{}")
            publish_log(store, run.run_id)
        with claim(store, KEY, NOON) as other:
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
    def test_a_run_whose_note_is_damaged_says_so_and_starts_over(
        self, store: TableStore, content: bytes
    ) -> None:
        with claim(store, KEY, NOON) as run:
            pass
        run.folder.write("run.json", content)
        run.folder.write("waves/000000-a.json", b"{}")
        with claim(store, KEY, NOON) as again:
            (said,) = again.damaged
            assert said.startswith(str(run.folder.at("run.json")))
            assert said.endswith("the run starts over")
            assert (again.resumed, again.waves, again.folder.names()) == (False, (), ["run.json"])

    def test_any_flipped_bit_of_a_note_is_noticed(self, store: TableStore) -> None:
        with claim(store, KEY, NOON) as run:
            pass
        whole = run.folder.read("run.json")[0]
        for place in range(0, 8 * len(whole), 3):
            run.folder.path.joinpath("run.json").write_bytes(flipped(whole, place))
            with pytest.raises(OutputError, match=r"run\.json: .*give the command that began it again"):
                read_note(run.folder)

    def test_parts_of_a_wave_are_kept_whichever_attempts_found_them(self, store: TableStore) -> None:
        names = [f"{attempt}/a-matches.parquet" for attempt in ("000000-a", "000001-b", "000002-c")]
        with claim(store, KEY, NOON) as run:
            for name in names:
                run.parts.write(name, b"")
            parts = tuple(RunPart("matches", name, 0, 0, "") for name in names[:2])
            write_wave(run.folder, Wave("000000-a-lost", (0, 1), ShardTotals(shards=2), parts))
        with claim(store, KEY, NOON) as again:
            assert [wave.parts for wave in again.waves] == [parts]
            assert again.parts.names() == names[:2]

    def test_a_live_process_keeps_others_out(self, store: TableStore) -> None:
        with (
            claim(store, KEY, NOON),
            pytest.raises(OutputError, match="another process"),
            claim(store, KEY, NOON),
        ):
            pass

    def test_clearing_a_run_leaves_nothing(self, store: TableStore) -> None:
        with claim(store, KEY, NOON) as run:
            clear(run)
        assert list((store.root.path / "_runs").iterdir()) == []

    def test_the_lock_dies_with_its_process(self, store: TableStore) -> None:
        code = (
            "import sys; from datetime import UTC, datetime;"
            "from presswatch_spark.scanning.runs.unfinished import claim;"
            "from presswatch_spark.tables.store import TableStore;"
            f"run = claim(TableStore.open({str(store.root)!r}), {KEY!r}, datetime.now(UTC)); run.__enter__();"
            "print('owned', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "owned\n"
            with pytest.raises(OutputError, match="another process"), claim(store, KEY, NOON):
                pass
            owner.send_signal(signal.SIGKILL)
            owner.wait()
        with claim(store, KEY, NOON) as run:
            assert run.resumed
