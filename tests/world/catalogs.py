"""Folders with every table, written as scans write them, and what an Iceberg catalog says of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.catalog import sync as syncing
from presswatch_spark.tables.catalog.sync import open_catalog
from presswatch_spark.tables.declarations import (
    DERIVED,
    HISTORY_TABLES,
    PUBLISHED_BY,
    PUBLISHING_TABLES,
    SCHEMAS,
)
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore
from tests.world.tables import NOON

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

NAMESPACE = "press"
_CLAIM = ("run_id", "article_id", "row_sha256", "reasons")
FEW: Mapping[str, tuple[str, ...]] = {
    "matches": (
        "run_id", "dataset", "release", "publisher_id", "headline", "document_credits", "page_based_on",
        "spans", "row_sha256",
    ),
    "scan_log": ("run_id", "shard_uri", "status"), "runs": (), "claims": _CLAIM, "claims_before": _CLAIM,
    "tombstones": (),
}  # fmt: skip
"""Tables of each kind (of runs, of the publisher itself, made anew, what was before, without rows), and a
few columns, or with () all: pyiceberg takes long for each."""


def know_few(monkeypatch: pytest.MonkeyPatch, few: Mapping[str, tuple[str, ...]] = FEW) -> None:
    """Let syncs and what looks at them know of few tables: the rules are the same for all."""
    schemas = {
        table: pa.schema([column for column in SCHEMAS[table] if not names or column.name in names])
        for table, names in few.items()
    }
    for module in (syncing, sys.modules[__name__]):
        monkeypatch.setattr(module, "SCHEMAS", schemas)


def value(kind: pa.DataType, name: str, number: int) -> Any:
    """Some value of a type, not null at any depth."""
    if pa.types.is_list(kind):
        return [value(kind.value_type, name, number + each) for each in range(2)]
    if pa.types.is_struct(kind):
        return {field.name: value(field.type, field.name, number) for field in kind}
    if pa.types.is_timestamp(kind):
        return NOON + timedelta(microseconds=number)
    if pa.types.is_boolean(kind):
        return number % 2 == 0
    if pa.types.is_string(kind):
        return f"{name} d’été {number}"
    return number / 4 if pa.types.is_floating(kind) else number


def filled(table: str, number: int) -> dict[str, Any]:
    return {column.name: value(column.type, column.name, number) for column in SCHEMAS[table]}


def blank(table: str, number: int) -> dict[str, Any]:
    return {
        name: cell for name, cell in filled(table, number).items() if not SCHEMAS[table].field(name).nullable
    }


def batch(table: str, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    own = table in DERIVED
    columns = [column for column in SCHEMAS[table] if own or column.name != "run_id"]
    return pa.RecordBatch.from_pylist(list(rows), pa.schema([pa.field(c.name, c.type) for c in columns]))


def publish(
    store: TableStore, run_id: str, by: str = "runs", rows: int = 3, names: tuple[str, ...] | None = None
) -> None:
    """Publish a run, or a census, with rows in all its tables; `names`: these columns alone."""
    staged, written = store.root / "_staged", {}
    for table in SCHEMAS:
        if PUBLISHED_BY[table] == by and table not in PUBLISHING_TABLES:
            made = [*(filled(table, n) for n in range(rows)), blank(table, rows)] if rows else []
            known = tuple(name for name in SCHEMAS[table].names if names is None or name in names)
            files = SortedFiles(table, run_id, staged, known)
            written[table] = [files.write_all([batch(table, made)] if made else [])]
    store.publish_tables(by, {**filled(by, 7), "run_id": run_id}, staged, written, lambda: None)


def derive(store: TableStore, table: str, rows: int = 3) -> None:
    """Publish a derived table, whose rows are of many runs."""
    made = [filled(table, n) for n in range(rows)]
    publish_derived(
        store.root.uri,
        table,
        ["r1"],
        lambda files: [replace(files, names=tuple(SCHEMAS[table].names)).write_all([batch(table, made)])],
        store.root.storage,
    )


def publish_everything(path: str, storage: StorageOptions | None = None) -> TableStore:
    """Make a folder with rows in all tables known: two runs, one of each other kind, claims twice."""
    store = TableStore.create(path, storage)
    publish(store, "r1")
    publish(store, "r2", rows=5)
    for run_id, by in (("c1", "censuses"), ("s1", "sealed_scans")):
        if by in SCHEMAS:
            publish(store, run_id, by)
    for table in (*(set(DERIVED) - set(HISTORY_TABLES.values())), *HISTORY_TABLES):
        if table in SCHEMAS:
            derive(store, table)
    store.publish("tombstones", {**filled("tombstones", 1), "run_id": "t1", "files": []})
    return store


def sqlite(folder: Path) -> Catalog:
    """A catalog in SQLite, with its warehouse beside it."""
    (folder / "warehouse").mkdir(parents=True, exist_ok=True)
    properties = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/warehouse"}
    return open_catalog("sql", properties, StorageOptions())


def rows_in(catalog: Catalog, table: str) -> list[str]:
    """The rows that the catalog's table has, in the columns of ours, as sorted lines."""
    found = catalog.load_table((NAMESPACE, table)).scan().to_arrow()
    return sorted(map(repr, found.select(SCHEMAS[table].names).to_pylist()))


def lines(rows: pa.Table) -> list[str]:
    """Rows of ours as pyiceberg gives them: of lists of structs, it takes null for empty."""
    structs = [column.name for column in rows.schema if pa.types.is_list(column.type)]
    structs = [name for name in structs if pa.types.is_struct(rows.schema.field(name).type.value_type)]
    return sorted(repr(row | {name: row[name] or [] for name in structs}) for row in rows.to_pylist())


def require_same(catalog: Catalog, store: TableStore) -> None:
    """Every table of the catalog has the rows that are published, and each file once."""
    for table in SCHEMAS:
        assert rows_in(catalog, table) == lines(store.read(table, columns=SCHEMAS[table].names)), table
        paths = files_in(catalog, table)
        assert len(paths) == len(set(paths)), table


def files_in(catalog: Catalog, table: str, where: str | None = None) -> list[str]:
    """Names of the files that a table names; `where`: of those that a reader with this filter opens."""
    opened = catalog.load_table((NAMESPACE, table))
    scan = opened.scan(row_filter=where) if where else opened.scan()
    return sorted(task.file.file_path.rpartition("/")[2] for task in scan.plan_files())


def places(catalog: Catalog) -> dict[str, str]:
    """Where the metadata of each table lies; each commit moves it."""
    return {table: catalog.load_table((NAMESPACE, table)).metadata_location for table in SCHEMAS}
