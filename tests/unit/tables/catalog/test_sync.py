"""An Iceberg catalog has the published rows, all of them once and no others, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.utils.config import Config

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.cli.main import run
from presswatch_spark.core.errors import ConfigError, OutputError, StorageError
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.catalog import sync as syncing
from presswatch_spark.tables.catalog.sync import CatalogChange, open_catalog, sync
from presswatch_spark.tables.declarations import PUBLISHED_BY, SCHEMAS
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.world.catalogs import (
    FEW,
    NAMESPACE,
    derive,
    files_in,
    know_few,
    places,
    publish,
    publish_everything,
    require_same,
    rows_in,
    sqlite,
)
from tests.world.proofs import each_time
from tests.world.rest_catalog import rest_catalog
from tests.world.tables import flip_a_bit

OF_RUNS = {table for table, by in PUBLISHED_BY.items() if by == "runs"}


class KilledError(BaseException):
    """Nothing catches it: what it interrupts ends where it is."""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every table, written once."""
    return publish_everything(str(tmp_path_factory.mktemp("everything") / "tables")).root.path


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    return sqlite(tmp_path)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    know_few(monkeypatch)


@pytest.fixture
def store(few: None, tmp_path: Path) -> TableStore:
    """Tables of one run, of few kinds."""
    return small(tmp_path)


def small(tmp_path: Path) -> TableStore:
    """Tables of one run."""
    store = TableStore.create(str(tmp_path / "tables"))
    publish(store, "r1")
    return store


@dataclass(frozen=True)
class Synced:
    """Every table, and a catalog that has them; tests only read both."""

    store: TableStore
    catalog: Any
    changes: dict[str, CatalogChange]
    before: dict[Path, bytes]


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def synced(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """Every table brought to a catalog once."""
    store, catalog = TableStore.open(str(everything)), sqlite(tmp_path_factory.mktemp("synced"))
    before = files_below(everything)
    changes = {change.table: change for change in sync(store, catalog, NAMESPACE)}
    return Synced(store, catalog, changes, before)


def test_every_table_of_the_catalog_has_the_published_rows(synced: Synced) -> None:
    assert set(synced.changes) == set(SCHEMAS)
    assert all(change.added == change.files > 0 for change in synced.changes.values())
    require_same(synced.catalog, synced.store)
    assert files_below(synced.store.root.path) == synced.before


def test_the_columns_of_the_catalog_have_our_types_and_say_what_they_mean(synced: Synced) -> None:
    catalog = synced.catalog
    for table, schema in SCHEMAS.items():
        opened = catalog.load_table((NAMESPACE, table))
        # Arrow from Iceberg has large texts and lists, whose elements have another name.
        found = opened.scan().to_arrow().select(schema.names).cast(schema).schema
        assert found.types == schema.types
        for column in schema:
            meaning, doc = column.metadata[b"meaning"].decode(), opened.schema().find_field(column.name).doc
            assert doc == meaning or (doc[-1] == "…" and meaning.startswith(doc[:-1]))
            assert len(doc.encode()) <= 255


def test_duckdb_finds_the_same_rows_in_the_files_that_the_catalog_names(synced: Synced) -> None:
    store, catalog = synced.store, synced.catalog
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for table, schema in SCHEMAS.items():
            tasks = catalog.load_table((NAMESPACE, table)).scan().plan_files()
            files = [task.file.file_path.removeprefix("file://") for task in tasks]
            found = connection.read_parquet(files, union_by_name=True).to_arrow_table()
            rows = found.select(schema.names).cast(schema.remove_metadata())
            assert sorted(map(repr, rows.to_pylist())) == sorted(map(repr, store.read(table).to_pylist()))


def test_a_second_sync_changes_nothing(synced: Synced) -> None:
    before = places(synced.catalog)
    again = sync(synced.store, synced.catalog, NAMESPACE)
    assert {(change.added, change.taken_out) for change in again} == {(0, 0)}
    assert places(synced.catalog) == before


def test_a_new_run_adds_its_files_alone(store: TableStore, catalog: Any) -> None:
    derive(store, "claims")
    sync(store, catalog, NAMESPACE)
    before = places(catalog)
    publish(store, "r3")
    changed = {change.table: change for change in sync(store, catalog, NAMESPACE) if change.added}
    assert set(changed) == OF_RUNS & set(before) > {"matches", "runs"}
    assert {(change.added, change.taken_out) for change in changed.values()} == {(1, 0)}
    assert {table for table, place in places(catalog).items() if place != before[table]} == set(changed)
    require_same(catalog, store)


def test_a_filter_opens_the_files_of_its_run_alone(synced: Synced) -> None:
    catalog = synced.catalog
    for table, wanted in (("matches", "r2"), ("captures", "c1"), ("runs", "r1")):
        assert files_in(catalog, table, f"run_id == '{wanted}'") == [f"{wanted}-00000.parquet"]
        assert files_in(catalog, table, "run_id == 'r9'") == []


def test_unpublished_files_are_not_seen(store: TableStore, catalog: Any) -> None:
    whole = store.root.path / "matches" / "r1-00000.parquet"
    (whole.parent / "r9-00000.parquet").write_bytes(whole.read_bytes())
    sync(store, catalog, NAMESPACE)
    assert files_in(catalog, "matches") == ["r1-00000.parquet"]


@pytest.mark.usefixtures("few")
def test_a_table_without_rows_is_there_too(tmp_path: Path, catalog: Any) -> None:
    store = TableStore.create(str(tmp_path / "tables"))
    publish(store, "r1", rows=0)
    sync(store, catalog, NAMESPACE)
    require_same(catalog, store)
    assert files_in(catalog, "matches") == []


@pytest.mark.parametrize("table", each_time(["matches"], ["matches", "runs"]))
def test_a_damaged_file_is_refused_before_anything_changes(
    store: TableStore, catalog: Any, table: str
) -> None:
    sync(store, catalog, NAMESPACE)
    before = places(catalog)
    publish(store, "r2")
    flip_a_bit(store.root.path / table / "r2-00000.parquet", Random(5))
    with pytest.raises(DamagedTablesError, match="run r2"):
        sync(store, catalog, NAMESPACE)
    assert places(catalog) == before


def test_what_is_forgotten_is_gone_from_the_catalog_and_from_its_history(
    store: TableStore, catalog: Any
) -> None:
    publish(store, "r2")
    sync(store, catalog, NAMESPACE)
    name = store.read("matches", columns=["publisher_id"])["publisher_id"][0].as_py()
    forget(str(store.root), Subject("publisher", name))
    changes = {change.table: change for change in sync(store, catalog, NAMESPACE)}
    # Files keep their names when rows go out of them, and so do the runs' own rows.
    for table in ("matches", "runs"):
        assert (changes[table].added, changes[table].taken_out) == (2, 2)
    assert changes["tombstones"].added == 1
    require_same(catalog, store)
    for snapshot in (opened := catalog.load_table((NAMESPACE, "matches"))).snapshots():
        past = opened.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
        assert name not in past["publisher_id"].to_pylist()
    assert {(change.added, change.taken_out) for change in sync(store, catalog, NAMESPACE)} == {(0, 0)}


def test_a_row_of_a_run_that_is_written_anew_in_as_many_bytes_is_noticed(
    store: TableStore, catalog: Any
) -> None:
    sync(store, catalog, NAMESPACE)
    path = store.root.path / "runs" / "r1-00000.parquet"
    (row,), size = store.read("runs", "r1").to_pylist(), path.stat().st_size
    store.replace("runs", row | {"documents": row["documents"] + 1})
    assert path.stat().st_size == size
    sync(store, catalog, NAMESPACE)
    assert files_in(catalog, "runs", f"documents == {row['documents'] + 1}") == ["r1-00000.parquet"]
    require_same(catalog, store)


def test_claims_that_are_made_anew_move_in_the_catalog_as_well(store: TableStore, catalog: Any) -> None:
    derive(store, "claims")
    sync(store, catalog, NAMESPACE)
    (before,) = files_in(catalog, "claims")
    derive(store, "claims", rows=6)
    sync(store, catalog, NAMESPACE)
    (after,) = files_in(catalog, "claims")
    assert after != before
    assert before in files_in(catalog, "claims_before")
    require_same(catalog, store)


@pytest.mark.parametrize(("commits", "done"), each_time([(5, False)], product((0, 1, 2, 5), (True, False))))
def test_the_sync_after_one_that_was_killed_does_the_rest(
    store: TableStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commits: int, done: bool
) -> None:
    # Its SQL takes a second to import, which all processes would do that collect tests.
    from pyiceberg.catalog.sql import SqlCatalog

    left = [commits]
    commit = SqlCatalog.commit_table

    def killed(self: Any, *asked: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            return commit(self, *asked)
        if done:
            commit(self, *asked)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(SqlCatalog, "commit_table", killed)
        with pytest.raises(KilledError):
            sync(store, sqlite(tmp_path), NAMESPACE)
    catalog = sqlite(tmp_path)
    sync(store, catalog, NAMESPACE)
    require_same(catalog, store)


def test_a_sync_that_was_killed_before_it_forgot_the_past_is_finished(
    store: TableStore, catalog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    derive(store, "claims")
    sync(store, catalog, NAMESPACE)
    derive(store, "claims")

    def killed(table: Any) -> None:
        if table.name()[-1] == "claims":
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(syncing, "_expire", killed)
        with pytest.raises(KilledError):
            sync(store, catalog, NAMESPACE)
    sync(store, catalog, NAMESPACE)
    opened = catalog.load_table((NAMESPACE, "claims"))
    there = [path.name for path in (store.root.path / "claims").iterdir()]
    for snapshot in opened.snapshots():
        tasks = opened.scan(snapshot_id=snapshot.snapshot_id).plan_files()
        assert {task.file.file_path.rpartition("/")[2] for task in tasks} <= set(there)


@pytest.mark.parametrize("meanwhile", each_time(["_make"], ["_make", "_difference"]))
def test_two_syncs_at_once_name_each_file_once(
    store: TableStore, tmp_path: Path, catalog: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    other = sqlite(tmp_path)
    real, others = getattr(syncing, meanwhile), [1, 2, 3]

    def overtaken(*asked: Any) -> Any:
        found = real(*asked) if meanwhile == "_difference" else None
        if others and others.pop() == 2:
            sync(store, other, NAMESPACE)
        return found or real(*asked)

    monkeypatch.setattr(syncing, meanwhile, overtaken)
    sync(store, catalog, NAMESPACE)
    require_same(sqlite(tmp_path), store)


def test_a_run_that_is_published_meanwhile_is_brought_there_too(
    store: TableStore, catalog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = syncing._commit

    def publishing(*asked: Any) -> None:
        if not store.is_published("r2"):
            publish(store, "r2")
        real(*asked)

    monkeypatch.setattr(syncing, "_commit", publishing)
    sync(store, catalog, NAMESPACE)
    assert store.published() == ["r1", "r2"]
    require_same(catalog, store)


@pytest.mark.usefixtures("few")
def test_columns_that_older_files_lack_are_null_and_new_columns_come_to_old_tables(
    tmp_path: Path, catalog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TableStore.create(str(tmp_path / "tables"))
    new = ("headline", "document_credits", "page_based_on")
    publish(
        store,
        "r1",
        names=tuple(name for schema in SCHEMAS.values() for name in schema.names if name not in new),
    )
    columns = syncing.iceberg_columns
    with monkeypatch.context() as patch:
        patch.setattr(
            syncing,
            "iceberg_columns",
            lambda table: pa.schema([each for each in columns(table) if each.name not in new]),
        )
        sync(store, catalog, NAMESPACE)
        assert "headline" not in catalog.load_table((NAMESPACE, "matches")).schema().column_names
    publish(store, "r2")
    sync(store, catalog, NAMESPACE)
    require_same(catalog, store)
    headlines = (
        catalog.load_table((NAMESPACE, "matches")).scan(row_filter="run_id == 'r1'").to_arrow()["headline"]
    )
    assert headlines.null_count == len(headlines) > 0


def test_a_file_of_a_newer_version_is_refused(
    store: TableStore, catalog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = syncing.iceberg_columns
    monkeypatch.setattr(
        syncing,
        "iceberg_columns",
        lambda table: pa.schema([each for each in columns(table) if each.name != "headline"]),
    )
    with pytest.raises(OutputError, match=r"headline.*use the version"):
        sync(store, catalog, NAMESPACE)


@pytest.mark.usefixtures("few")
def test_tables_of_other_folders_and_of_others_are_left_alone(tmp_path: Path, catalog: Any) -> None:
    first = small(tmp_path)
    sync(first, catalog, NAMESPACE)
    before = places(catalog)
    second = small(tmp_path / "second")
    with pytest.raises(OutputError, match=r"of the tables in .*tables.*another --namespace"):
        sync(second, catalog, NAMESPACE)
    assert places(catalog) == before
    catalog.create_namespace("theirs")
    catalog.create_table(("theirs", "matches"), pa.schema([("a", pa.string())]))
    with pytest.raises(OutputError, match=r"a table theirs\.matches, which is not ours"):
        sync(first, catalog, "theirs")


@pytest.mark.usefixtures("few")
@pytest.mark.full
def test_a_folder_with_spaces_and_accents_is_read_and_one_that_no_uri_can_name_is_refused(
    tmp_path: Path, catalog: Any
) -> None:
    store = small(tmp_path / "été 100%")
    sync(store, catalog, NAMESPACE)
    require_same(catalog, store)
    with pytest.raises(OutputError, match="holds one of"):
        sync(small(tmp_path / "no#5"), catalog, NAMESPACE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("s3.secret-access-key", "x"),
        ("token", "x"),
        ("credential", "a:b"),
        ("uri", "postgresql://me:hush@host/catalog"),
    ],
)
def test_secrets_on_the_command_line_are_refused_and_not_repeated(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match="a secret does not belong") as refusal:
        open_catalog("sql", {key: value}, StorageOptions())
    assert value not in str(refusal.value)
    assert "PYICEBERG_CATALOG__PRESSWATCH__" in str(refusal.value)


def test_settings_that_are_missing_or_lead_nowhere_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--property"):
        open_catalog("sql", {}, StorageOptions())
    with pytest.raises(StorageError, match="the catalog refuses"):
        open_catalog("sql", {"uri": f"sqlite:///{tmp_path}/no/such/folder.db"}, StorageOptions())


@pytest.mark.full
def test_the_command_says_what_it_did(
    store: TableStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sqlite(tmp_path)
    command = ["catalog", "sync", str(store.root), "--catalog", "sql", "--namespace", NAMESPACE]
    command += ["--property", f"uri=sqlite:///{tmp_path}/catalog.db"]
    command += ["--property", f"warehouse=file://{tmp_path}/warehouse"]
    assert run(command) == 0
    assert f"{len(OF_RUNS & set(FEW))} files added, 0 taken out" in capsys.readouterr().out
    assert run(command) == 0
    assert "0 files added, 0 taken out" in capsys.readouterr().out
    assert rows_in(sqlite(tmp_path), "runs")
    assert run([*command, "--property", "warehouse"]) == 1
    assert "KEY=VALUE" in capsys.readouterr().err


@pytest.mark.full
def test_settings_come_from_the_environment_as_pyiceberg_reads_them(
    store: TableStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite(tmp_path)
    settings = {"URI": f"sqlite:///{tmp_path}/catalog.db", "WAREHOUSE": f"file://{tmp_path}/warehouse"}
    for name, value in settings.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__PRESSWATCH__{name}", value)
    _read_the_environment(monkeypatch)
    command = ["catalog", "sync", str(store.root), "--catalog", "sql", "--namespace", NAMESPACE]
    assert run(command) == 0, capsys.readouterr().err
    require_same(sqlite(tmp_path), store)


@pytest.mark.full
def test_a_namespace_with_dots_has_levels_and_is_refused_in_a_line_where_there_are_none(
    store: TableStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = StorageOptions()
    sqlite(tmp_path)
    with rest_catalog(sqlite(tmp_path), token="hush") as url:
        monkeypatch.setenv("PYICEBERG_CATALOG__PRESSWATCH__TOKEN", "hush")
        _read_the_environment(monkeypatch)
        catalog = open_catalog("rest", {"uri": url}, storage)
        sync(store, catalog, "law.press")
        assert not any(change.added for change in sync(store, catalog, "law.press"))
    assert len(sqlite(tmp_path).load_table("law.press.runs").scan().to_arrow()) == 1
    properties = {"glue.endpoint": "http://127.0.0.1:9", "client.region": "eu-west-3"}
    with pytest.raises(ConfigError, match=r"no such namespace: .*hierarchical"):
        sync(store, open_catalog("glue", properties, storage), "law.press")


def _read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pyiceberg read the environment, which it does once: when it is imported."""
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())


@pytest.mark.full
def test_a_rest_catalog_is_brought_there_as_well_with_a_token_from_the_environment(
    store: TableStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    derive(store, "claims")
    with rest_catalog(sqlite(tmp_path), token="hush") as url:
        command = ["catalog", "sync", str(store.root)]
        command += ["--catalog", "rest", "--namespace", NAMESPACE, "--property", f"uri={url}"]
        assert run(command) == 1
        assert "no token" in capsys.readouterr().err
        monkeypatch.setenv("PYICEBERG_CATALOG__PRESSWATCH__TOKEN", "hush")
        _read_the_environment(monkeypatch)
        assert run(command) == 0
        added = capsys.readouterr()
        publish(store, "r3")
        derive(store, "claims", rows=4)
        assert run(command) == 0
        again = capsys.readouterr()
    assert " 0 taken out" in added.out
    assert " 1 taken out" in again.out
    assert "hush" not in added.out + added.err
    require_same(sqlite(tmp_path), store)
