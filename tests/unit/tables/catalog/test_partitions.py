"""Readers of a catalog open only the files of a dataset and release, in catalogs new and old."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from presswatch_spark.query.views import VIEWS
from presswatch_spark.tables.catalog import sync as syncing
from presswatch_spark.tables.catalog.sync import iceberg_columns, sync
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.catalogs import NAMESPACE, files_in, know_few, require_same, sqlite
from tests.world.tables import asked, match, publish

CRAWLS = [("wet", "CC-MAIN-2025-05"), ("warc", "CC-MAIN-2025-05"), ("wet", "CC-MAIN-2025-08"), ("c4", None)]
WANTED = "dataset = 'wet' and release = 'CC-MAIN-2025-05'"
PARTITIONED = ["dataset", "release"]


@pytest.fixture(autouse=True)
def _few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    know_few(monkeypatch, {"matches": (), "runs": ()})


def run(tables: Path, number: int, *crawls: tuple[str, str | None]) -> str:
    run_id = f"20260101T{number:06}Z-aaaaaa"
    rows = [
        match(
            "a", f"https://x.example/{place}", row_sha256=f"{number}-{place}", dataset=dataset,
            release=release, shard_uri="s",
        )
        for place, (dataset, release) in enumerate(crawls)
    ]  # fmt: skip
    publish(tables, run_id, rows)
    return run_id


def partitions(catalog: Any) -> list[str]:
    return [field.name for field in catalog.load_table((NAMESPACE, "matches")).spec().fields]


def require_pruned(catalog: Any, store: TableStore, files: int) -> list[str]:
    """A filter opens so many files, and finds the same rows as a query of the tables."""
    table = catalog.load_table((NAMESPACE, "matches"))
    for where in (WANTED, "release is null", "dataset = 'oscar'"):
        found = table.scan(row_filter=where).to_arrow()["row_sha256"].to_pylist()
        rows = asked(store.root.path, f"select row_sha256 from matches where {where}")
        assert sorted(found) == sorted(row["row_sha256"] for row in rows), where
    assert files_in(catalog, "matches", "dataset = 'oscar'") == []
    planned = [task.file.file_path for task in table.scan(row_filter=WANTED).plan_files()]
    assert len(planned) == files
    return planned


def test_a_filter_by_dataset_and_release_opens_their_files_only(tmp_path: Path) -> None:
    for number in range(8):
        run(tmp_path / "tables", number, CRAWLS[number % 4])
    store, catalog = TableStore.open(str(tmp_path / "tables")), sqlite(tmp_path)
    sync(store, catalog, NAMESPACE)
    require_same(catalog, store)
    assert partitions(catalog) == PARTITIONED
    planned = require_pruned(catalog, store, 2)
    # DuckDB reads what the catalog has planned: without a catalog, it opens all eight.
    for files, count in ((planned, 2), ([f"{tmp_path}/tables/matches/*.parquet"], 8)):
        names = [name.removeprefix("file://") for name in files]
        query = f"select count(*) from read_parquet({names}) where {WANTED}"
        with duckdb.connect() as connection:
            assert connection.sql(query).fetchall() == [(2,)]
            ((_, plan),) = connection.sql(f"explain analyze {query}").fetchall()
        assert re.search(rf"Total Files Read: {count}\b", plan), plan


def test_a_file_with_several_releases_is_not_in_a_partition_and_is_read_if_it_may_have_rows(
    tmp_path: Path,
) -> None:
    tables = tmp_path / "tables"
    run(tables, 0, CRAWLS[0])
    store, catalog = TableStore.open(str(tables)), sqlite(tmp_path)
    sync(store, catalog, NAMESPACE)
    run(tables, 1, CRAWLS[0], CRAWLS[2])
    # Its only known release is that of the first file: nulls count as a value.
    run(tables, 2, CRAWLS[0], ("wet", None))
    sync(store, catalog, NAMESPACE)
    assert partitions(catalog) == []
    run(tables, 3, CRAWLS[1])
    sync(store, catalog, NAMESPACE)
    assert partitions(catalog) == PARTITIONED
    require_same(catalog, store)
    require_pruned(catalog, store, 3)


def test_a_catalog_with_a_partition_per_run_of_an_earlier_version_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_run(catalog: Any, name: tuple[str, ...], folder: str) -> None:
        properties = {**syncing.PROPERTIES, syncing.FOLDER_PROPERTY: folder}
        with catalog.create_table_transaction(
            name, iceberg_columns(name[-1]), properties=properties
        ) as creation:
            by_name = creation.table_metadata.schema().name_mapping.model_dump_json()
            creation.set_properties({"schema.name-mapping.default": by_name})
            if name[-1] not in ("claims", "claims_before"):
                with creation.update_spec() as spec:
                    spec.add_identity("run_id")

    tables = tmp_path / "tables"
    for number in range(3):
        run(tables, number, CRAWLS[number])
    store, catalog = TableStore.open(str(tables)), sqlite(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(syncing, "_make", by_run)
        patch.setattr(syncing, "_partition", lambda *_: None)
        sync(store, catalog, NAMESPACE)
    assert partitions(catalog) == ["run_id"]
    require_pruned(catalog, store, 1)
    run_id = run(tables, 3, CRAWLS[0])
    sync(store, catalog, NAMESPACE)
    assert partitions(catalog) == PARTITIONED
    require_same(catalog, store)
    require_pruned(catalog, store, 2)
    assert files_in(catalog, "matches", f"run_id = '{run_id}'") == [f"{run_id}-00000.parquet"]
    # What an earlier version wrote is taken out like the rest.
    (tables / "runs" / f"{store.published()[0]}-00000.parquet").unlink()
    sync(store, catalog, NAMESPACE)
    require_same(catalog, store)


def test_the_guides_view_of_current_rows_is_sql_of_trino_and_athena_and_gives_the_same_rows(
    tmp_path: Path,
) -> None:
    sqlglot = pytest.importorskip("sqlglot")
    guide = (ROOT / "docs/how-to/catalog.md").read_text("utf-8")
    assert "VIEWS['all_matches']" in guide
    for dialect in ("trino", "athena", "spark"):
        (text,) = sqlglot.transpile(
            f"create view press.all_matches as {VIEWS['all_matches']}", read="spark", write=dialect
        )
        sqlglot.parse_one(text, read=dialect)
    for number in range(4):
        run(tmp_path, number, CRAWLS[number % 2])
    (text,) = sqlglot.transpile(VIEWS["all_matches"], read="spark", write="duckdb")
    with duckdb.connect() as connection:
        connection.execute("create macro arrays_overlap(one, other) as list_has_any(one, other)")
        for table in ("matches", "runs"):
            connection.execute(f"create view {table} as from read_parquet('{tmp_path}/{table}/*.parquet')")
        for table in ("scan_log", "corpus_articles"):
            connection.register(table, TableStore.open(str(tmp_path)).read(table))
        found = connection.sql(f"select row_sha256, is_current from ({text}) order by 1").fetchall()
    expected = asked(tmp_path, "select row_sha256, is_current from all_matches order by 1")
    assert found == [tuple(row.values()) for row in expected]
