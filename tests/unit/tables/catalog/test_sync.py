"""An Iceberg catalog has the published rows, all of them once and no others, whatever happens meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.core.errors import ConfigError, OutputError, StorageError
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.catalog import sync as syncing
from presswatch_spark.tables.catalog.sync import open_catalog, sync
from presswatch_spark.tables.declarations import PUBLISHED_BY, SCHEMAS
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.world import catalogs
from tests.world.commands import outcome, presswatch
from tests.world.proofs import each_time
from tests.world.tables import flip_a_bit

OF_RUNS = {table for table, by in PUBLISHED_BY.items() if by == "runs"}


class KilledError(BaseException):
    """Nothing catches it: what it interrupts ends where it is."""


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    return catalogs.sqlite(tmp_path)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TableStore:
    catalogs.know_few(monkeypatch)
    return small(tmp_path)


def small(folder: Path, **given: Any) -> TableStore:
    store = TableStore.create(str(folder / "tables"))
    catalogs.publish(store, "r1", **given)
    return store


def changes(store: TableStore, catalog: Any) -> dict[str, tuple[int, int]]:
    """Sync; files that were added and taken out, of each table that changed."""
    found = {each.table: (each.added, each.taken_out) for each in sync(store, catalog, catalogs.NAMESPACE)}
    catalogs.require_same(catalog, store)
    return {table: change for table, change in found.items() if any(change)}


def files_of(store: TableStore) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in store.root.path.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> tuple[TableStore, Any]:
    """Every table, and a catalog that has them; tests only read both."""
    folder = tmp_path_factory.mktemp("synced")
    store, catalog = catalogs.publish_everything(str(folder / "tables")), catalogs.sqlite(folder)
    before = files_of(store)
    found = {change.table: change for change in sync(store, catalog, catalogs.NAMESPACE)}
    assert set(found) == set(SCHEMAS)
    assert all(change.added == change.files > 0 for change in found.values())
    assert files_of(store) == before
    return store, catalog


class TestAllTables:
    def test_they_have_the_published_rows_and_a_second_sync_changes_nothing(self, synced: Any) -> None:
        before = catalogs.places(synced[1])
        assert changes(*synced) == {}
        assert catalogs.places(synced[1]) == before

    def test_their_columns_have_our_types_and_meanings(self, synced: Any) -> None:
        for table, schema in SCHEMAS.items():
            opened = synced[1].load_table((catalogs.NAMESPACE, table))
            # Arrow from Iceberg has large texts and lists, whose elements have another name.
            assert opened.scan().to_arrow().select(schema.names).cast(schema).schema.types == schema.types
            for column in schema:
                meaning = column.metadata[b"meaning"].decode()
                doc = opened.schema().find_field(column.name).doc
                assert doc == meaning or (doc[-1] == "…" and meaning.startswith(doc[:-1]))
                assert len(doc.encode()) <= 255

    def test_duckdb_finds_the_same_rows_in_the_files_that_the_catalog_names(self, synced: Any) -> None:
        store, catalog = synced
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            for table, schema in SCHEMAS.items():
                tasks = catalog.load_table((catalogs.NAMESPACE, table)).scan().plan_files()
                files = [task.file.file_path.removeprefix("file://") for task in tasks]
                found = connection.read_parquet(files, union_by_name=True).to_arrow_table()
                rows = found.select(schema.names).cast(schema.remove_metadata()).to_pylist()
                assert sorted(map(repr, rows)) == sorted(map(repr, store.read(table).to_pylist()))

    def test_a_filter_opens_the_files_of_its_run_alone(self, synced: Any) -> None:
        for table, wanted in (("matches", "r2"), ("captures", "c1"), ("runs", "r1")):
            assert catalogs.files_in(synced[1], table, f"run_id == '{wanted}'") == [f"{wanted}-00000.parquet"]
            assert catalogs.files_in(synced[1], table, "run_id == 'r9'") == []


class TestChanges:
    @pytest.fixture(autouse=True)
    def _few_tables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        catalogs.know_few(monkeypatch)

    def test_a_new_run_a_row_written_again_and_claims_made_again_come_there_and_unpublished_files_do_not(
        self, store: TableStore, catalog: Any
    ) -> None:
        catalogs.derive(store, "claims")
        whole = store.root.path / "matches" / "r1-00000.parquet"
        (whole.parent / "r9-00000.parquet").write_bytes(whole.read_bytes())
        changes(store, catalog)
        assert catalogs.files_in(catalog, "matches") == ["r1-00000.parquet"]
        before = catalogs.places(catalog)
        catalogs.publish(store, "r3")
        changed = changes(store, catalog)
        assert changed == dict.fromkeys(OF_RUNS & set(before), (1, 0))
        assert set(changed) > {"matches", "runs"}
        assert {table for table, place in catalogs.places(catalog).items() if place != before[table]} == set(
            changed
        )

        # A row that is written again counts though it takes as many bytes.
        path = store.root.path / "runs" / "r1-00000.parquet"
        (row,), size = store.read("runs", "r1").to_pylist(), path.stat().st_size
        store.replace("runs", row | {"documents": row["documents"] + 1})
        assert path.stat().st_size == size
        (claims,) = catalogs.files_in(catalog, "claims")
        catalogs.derive(store, "claims", rows=6)
        changes(store, catalog)
        assert catalogs.files_in(catalog, "runs", f"documents == {row['documents'] + 1}") == [
            "r1-00000.parquet"
        ]
        assert catalogs.files_in(catalog, "claims") != [claims]
        assert claims in catalogs.files_in(catalog, "claims_before")

    def test_empty_ones_exist(self, tmp_path: Path, catalog: Any) -> None:
        changes(small(tmp_path, rows=0), catalog)
        assert catalogs.files_in(catalog, "matches") == []

    def test_what_is_forgotten_is_gone_from_its_history(self, store: TableStore, catalog: Any) -> None:
        catalogs.publish(store, "r2")
        changes(store, catalog)
        name = store.read("matches", columns=["publisher_id"])["publisher_id"][0].as_py()
        forget(str(store.root), Subject("publisher", name))
        changed = changes(store, catalog)
        # Files keep their names when rows go out of them, and so do the runs' own rows.
        assert (changed["matches"], changed["runs"]) == ((2, 2), (2, 2))
        assert changed["tombstones"][0] == 1
        for snapshot in (opened := catalog.load_table((catalogs.NAMESPACE, "matches"))).snapshots():
            past = opened.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
            assert name not in past["publisher_id"].to_pylist()
        assert changes(store, catalog) == {}

    def test_columns_that_older_files_lack_are_null_and_new_columns_come_to_old_tables(
        self, tmp_path: Path, catalog: Any
    ) -> None:
        new = ("headline", "document_credits", "page_based_on")
        names = tuple(name for schema in SCHEMAS.values() for name in schema.names if name not in new)
        store = small(tmp_path, names=names)
        with knowing_no(*new):
            sync(store, catalog, catalogs.NAMESPACE)
            assert "headline" not in catalog.load_table((catalogs.NAMESPACE, "matches")).schema().column_names
        catalogs.publish(store, "r2")
        changes(store, catalog)
        opened = catalog.load_table((catalogs.NAMESPACE, "matches"))
        headlines = opened.scan(row_filter="run_id == 'r1'").to_arrow()["headline"]
        assert headlines.null_count == len(headlines) > 0

    def test_a_file_of_a_newer_version_is_refused(self, store: TableStore, catalog: Any) -> None:
        with knowing_no("headline"), pytest.raises(OutputError, match=r"headline.*use the version"):
            sync(store, catalog, catalogs.NAMESPACE)

    @pytest.mark.parametrize("table", each_time(["matches"], ["matches", "runs"]))
    def test_damaged_files_are_refused_and_tables_of_others_are_left_alone(
        self, store: TableStore, tmp_path: Path, catalog: Any, table: str
    ) -> None:
        changes(store, catalog)
        before = catalogs.places(catalog)
        with pytest.raises(OutputError, match=r"of the tables in .*tables.*another --namespace"):
            sync(small(tmp_path / "second"), catalog, catalogs.NAMESPACE)
        assert catalogs.places(catalog) == before
        catalog.create_namespace("theirs")
        catalog.create_table(("theirs", "matches"), pa.schema([("a", pa.string())]))
        with pytest.raises(OutputError, match=r"a table theirs\.matches, which is not ours"):
            sync(store, catalog, "theirs")
        catalogs.publish(store, "r2")
        flip_a_bit(store.root.path / table / "r2-00000.parquet", Random(5))
        with pytest.raises(DamagedTablesError, match="run r2"):
            sync(store, catalog, catalogs.NAMESPACE)
        assert catalogs.places(catalog) == before

    @pytest.mark.full
    def test_a_folder_with_spaces_and_accents_is_read_and_one_that_no_uri_can_name_is_refused(
        self, tmp_path: Path, catalog: Any
    ) -> None:
        changes(small(tmp_path / "été 100%"), catalog)
        with pytest.raises(OutputError, match="contains one of"):
            sync(small(tmp_path / "no#5"), catalog, catalogs.NAMESPACE)


@contextmanager
def knowing_no(*names: str) -> Iterator[None]:
    """Let syncs in the block know tables without some columns."""
    columns = syncing.iceberg_columns

    def some_columns(table: str) -> pa.Schema:
        return pa.schema([each for each in columns(table) if each.name not in names])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(syncing, "iceberg_columns", some_columns)
        yield


class TestKillsAndRaces:
    @pytest.mark.parametrize(
        ("commits", "done"), each_time([(5, False)], product((0, 1, 2, 5), (True, False)))
    )
    def test_the_sync_after_one_that_was_killed_does_the_rest(
        self, store: TableStore, tmp_path: Path, commits: int, done: bool
    ) -> None:
        # Its SQL takes a second to import, which all processes would do that collect tests.
        from pyiceberg.catalog.sql import SqlCatalog

        left, commit = [commits], SqlCatalog.commit_table

        def killed(self: Any, *asked: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                return commit(self, *asked)
            if done:
                commit(self, *asked)
            raise KilledError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqlCatalog, "commit_table", killed)
            with pytest.raises(KilledError):
                sync(store, catalogs.sqlite(tmp_path), catalogs.NAMESPACE)
        changes(store, catalogs.sqlite(tmp_path))

    def test_one_killed_before_it_forgot_the_past_is_finished(self, store: TableStore, catalog: Any) -> None:
        catalogs.derive(store, "claims")
        sync(store, catalog, catalogs.NAMESPACE)
        catalogs.derive(store, "claims")

        def killed(table: Any) -> None:
            if table.name()[-1] == "claims":
                raise KilledError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(syncing, "_expire", killed)
            with pytest.raises(KilledError):
                sync(store, catalog, catalogs.NAMESPACE)
        sync(store, catalog, catalogs.NAMESPACE)
        opened = catalog.load_table((catalogs.NAMESPACE, "claims"))
        there = {path.name for path in (store.root.path / "claims").iterdir()}
        for snapshot in opened.snapshots():
            tasks = opened.scan(snapshot_id=snapshot.snapshot_id).plan_files()
            assert {task.file.file_path.rpartition("/")[2] for task in tasks} <= there

    @pytest.mark.parametrize("meanwhile", each_time(["_make"], ["_make", "_difference"]))
    def test_two_at_once_name_each_file_once(
        self,
        store: TableStore,
        tmp_path: Path,
        catalog: Any,
        monkeypatch: pytest.MonkeyPatch,
        meanwhile: str,
    ) -> None:
        other, real, others = catalogs.sqlite(tmp_path), getattr(syncing, meanwhile), [1, 2, 3]

        def overtaken(*asked: Any) -> Any:
            found = real(*asked) if meanwhile == "_difference" else None
            if others and others.pop() == 2:
                sync(store, other, catalogs.NAMESPACE)
            return found or real(*asked)

        monkeypatch.setattr(syncing, meanwhile, overtaken)
        sync(store, catalog, catalogs.NAMESPACE)
        catalogs.require_same(catalogs.sqlite(tmp_path), store)

    def test_a_run_that_is_published_meanwhile_is_brought_there_too(
        self, store: TableStore, catalog: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = syncing._commit

        def publishing(*asked: Any) -> None:
            if not store.is_published("r2"):
                catalogs.publish(store, "r2")
            real(*asked)

        monkeypatch.setattr(syncing, "_commit", publishing)
        changes(store, catalog)
        assert store.published() == ["r1", "r2"]


class TestCommand:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("s3.secret-access-key", "x"),
            ("token", "x"),
            ("credential", "a:b"),
            ("uri", "postgresql://me:hush@host/catalog"),
        ],
    )
    def test_secrets_on_the_command_line_are_refused_and_not_repeated(self, key: str, value: str) -> None:
        with pytest.raises(ConfigError, match="a secret does not belong") as refusal:
            open_catalog("sql", {key: value}, StorageOptions())
        assert value not in str(refusal.value)
        assert "PYICEBERG_CATALOG__PRESSWATCH__" in str(refusal.value)

    def test_settings_that_are_missing_or_lead_nowhere_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="--property"):
            open_catalog("sql", {}, StorageOptions())
        with pytest.raises(StorageError, match="the catalog refuses"):
            open_catalog("sql", {"uri": f"sqlite:///{tmp_path}/no/such/folder.db"}, StorageOptions())

    @pytest.fixture
    def command(self, store: TableStore) -> list[str]:
        return ["catalog", "sync", str(store.root), "--namespace", catalogs.NAMESPACE]

    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
        """Set a variable that pyiceberg reads, which it does once: when it is imported."""
        from pyiceberg.utils.config import Config

        def give(name: str, value: str) -> None:
            monkeypatch.setenv(f"PYICEBERG_CATALOG__PRESSWATCH__{name}", value)
            monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())

        return give

    @pytest.mark.full
    def test_it_says_what_it_did_with_settings_of_the_command_line_and_the_environment(
        self,
        command: list[str],
        store: TableStore,
        tmp_path: Path,
        given: Callable[[str, str], None],
    ) -> None:
        catalogs.sqlite(tmp_path)
        uri, warehouse = f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse"
        command += ["--catalog", "sql"]
        named = ["--property", f"uri={uri}", "--property", f"warehouse={warehouse}"]
        assert f"{len(OF_RUNS & set(catalogs.FEW))} files added, 0 taken out" in presswatch(*command, *named)
        misused = outcome("", *command, *named, "--property", "warehouse")
        assert (misused.code, "KEY=VALUE" in misused.err) == (2, True)
        given("URI", uri)
        given("WAREHOUSE", warehouse)
        assert "0 files added, 0 taken out" in presswatch(*command)
        catalogs.require_same(catalogs.sqlite(tmp_path), store)

    @pytest.mark.full
    def test_a_rest_catalog_takes_a_token_from_the_environment_and_a_namespace_with_levels(
        self,
        command: list[str],
        store: TableStore,
        tmp_path: Path,
        given: Callable[[str, str], None],
    ) -> None:
        from tests.world.rest_catalog import rest_catalog

        catalogs.derive(store, "claims")
        with rest_catalog(catalogs.sqlite(tmp_path), token="hush") as url:
            command += ["--catalog", "rest", "--property", f"uri={url}"]
            refused = outcome("", *command)
            assert (refused.code, "no token" in refused.err) == (1, True)
            given("TOKEN", "hush")
            added = outcome("", *command)
            catalogs.publish(store, "r3")
            catalogs.derive(store, "claims", rows=4)
            again = presswatch(*command)
            catalog = open_catalog("rest", {"uri": url}, StorageOptions())
            sync(store, catalog, "law.press")
            assert not any(change.added for change in sync(store, catalog, "law.press"))
        assert (" 0 taken out" in added.out, " 1 taken out" in again) == (True, True)
        assert "hush" not in added.out + added.err
        catalogs.require_same(catalogs.sqlite(tmp_path), store)
        assert len(catalogs.sqlite(tmp_path).load_table("law.press.runs").scan().to_arrow()) == 2
        # Glue has no levels.
        properties = {"glue.endpoint": "http://127.0.0.1:9", "client.region": "eu-west-3"}
        with pytest.raises(ConfigError, match=r"refuses this namespace: .*hierarchical"):
            sync(store, open_catalog("glue", properties, StorageOptions()), "law.press")
