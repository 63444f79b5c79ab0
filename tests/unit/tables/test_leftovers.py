"""Files of killed commands: the next successful command removes them, and no file of a live one."""

from __future__ import annotations

from pathlib import Path

import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.scanning.runs.markers import Note, write_note
from presswatch_spark.scanning.runs.unfinished import remove_leftovers
from presswatch_spark.storage.locks import locked
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Change, Derivation, Match
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.store import TableStore
from tests.world.tables import NOON, match, publish, row_of, write

LOCAL = StorageOptions()
KILLED = "20240601T120000Z-abcdef"


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    publish(tmp_path, "r1", [match("a", "https://a.example/")])
    return TableStore.open(str(tmp_path))


def staged(store: TableStore, table: str) -> Path:
    path = store.root.path / "_runs" / table / "left-00000.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"rows")
    return path


def test_what_a_compare_killed_after_publishing_left_is_removed(store: TableStore) -> None:
    made = row_of(Derivation, run_id="d1", table="changes")
    write(store, "derivations", "d1", [made], Derivation.schema)
    write(store, "changes", "d1", [row_of(Change, run_id="d1")], Change.schema)
    left = staged(store, "changes")
    with pytest.raises(OutputError, match="there is a table changes already"):
        publish_derived(str(store.root), "changes", ["r1"], lambda files: ())
    assert not left.parent.exists()
    assert len(store.files("changes")) == 1


def test_unpublished_files_of_a_derived_table_do_not_survive_the_next_one(store: TableStore) -> None:
    write(store, "changes", KILLED, [row_of(Change)], Change.schema)
    publish_derived(str(store.root), "reservations", ["r1"], lambda files: ())
    assert store.present("changes") == []


def test_files_of_a_run_that_was_killed_and_dropped_are_removed_unless_a_note_is_damaged(
    store: TableStore,
) -> None:
    write(store, "matches", KILLED, [match("b", None)], Match.schema)
    note = store.root / "_runs" / "0123456789abcdef"
    note.write("run.json", b"{")
    assert (remove_leftovers(store), len(store.present("matches"))) == ([], 2)
    note.remove()
    assert [Path(uri).name for uri in remove_leftovers(store)] == [f"{KILLED}-00000.parquet"]
    assert len(store.present("matches")) == 1


def test_files_of_unfinished_runs_and_of_live_processes_are_left_alone(store: TableStore) -> None:
    runs = store.root / "_runs"
    write_note(runs / "0123456789abcdef", Note(KILLED, NOON), None)
    write(store, "matches", KILLED, [match("b", None)], Match.schema)
    left = staged(store, "claims")
    with locked(runs, "claims.lock", 60):
        assert remove_leftovers(store) == []
    assert len(store.present("matches")) == 2
    assert left.exists()
