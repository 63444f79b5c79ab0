"""Tables made by hand: runs published with just the rows that a test needs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.settings import config
from presswatch_spark.query.sql import QueryResult, answer_of
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.tables.declarations import (
    PUBLISHED_BY,
    PUBLISHING_TABLES,
    SCHEMAS,
    Match,
    MemberCapture,
    PublishedCensus,
    PublishedRun,
    ShardLog,
    columns_without_run,
)
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.row_types import TableRow
from presswatch_spark.tables.seals import sealed_parquet
from presswatch_spark.tables.store import TableStore

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
BLANKS = {pa.string(): "", pa.int32(): 0, pa.int64(): 0, pa.uint64(): 0, pa.float64(): 0.0, pa.bool_(): False}


def row_of(table: type[TableRow], /, **values: Any) -> dict[str, Any]:
    """A row of a table: the values given, null where null is allowed, and a blank elsewhere."""
    return {field.name: _blank(field) for field in table.schema} | values


def summary_of(row: Mapping[str, Any], *log: Mapping[str, Any]) -> RunSummary:
    """A published scan: its row of `runs`, and lines of its log, null where they have no value."""
    lines = pa.Table.from_pylist([*log], columns_without_run("scan_log"))
    return RunSummary(row, lines, resumed=False, seconds=12.3)


def match(article_id: str | None, url: str | None, **values: Any) -> dict[str, Any]:
    """A row of `matches`: an extract of 20 words, of title `t` and publisher `p`, on somebody's site."""
    standard = {"title_id": "t", "publisher_id": "p", "grade": "extract", "copied_words": 20}
    standard |= {"own_site": False}
    return row_of(Match, article_id=article_id, document_url=url, **(standard | values))


def named_rows(answer: QueryResult) -> list[dict[str, Any]]:
    """The rows of an answer, by the names of its columns."""
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def run_query(
    tables: str, query: str, engine: str = "auto", storage: config.StorageOptions | None = None
) -> QueryResult:
    return answer_of(TableStore.open(tables, storage), query, engine)


def asked(tables: Path, query: str, engine: str = "duckdb") -> list[dict[str, Any]]:
    return named_rows(run_query(str(tables), query, engine=engine))


def publish(tables: Path, run_id: str, matches: list[dict[str, Any]], /, **facts: Any) -> None:
    """Publish a run of three complete shards; `facts` are columns of `runs`."""
    store = TableStore.create(str(tables))
    settings = config.row_settings(
        config.ScanConfig(read=config.ReadRules(release=facts.get("release"))), config.MinHashRules()
    )
    standard = {"shards_planned": 3, "shards_complete": 3, "dataset": "wet", "config": settings}
    standard |= {"documents": 9, "matches": len(matches)}
    standard |= {"table_digest": table_digest(row["row_sha256"] for row in matches)}
    write(store, "matches", run_id, [{**row, "run_id": run_id} for row in matches], Match.schema)
    row = row_of(PublishedRun, run_id=run_id, **(standard | facts))
    write(store, "runs", run_id, [row], PublishedRun.schema)


def publish_census(tables: Path, run_id: str, captures: list[dict[str, Any]], /, **facts: Any) -> TableStore:
    """Publish a census of these captures; `facts` are columns of `censuses`."""
    store = TableStore.create(str(tables))
    write(store, "captures", run_id, [row | {"run_id": run_id} for row in captures], MemberCapture.schema)
    census = row_of(PublishedCensus, run_id=run_id, **facts)
    write(store, "censuses", run_id, [census], PublishedCensus.schema)
    return store


def write(store: TableStore, table: str, run_id: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write the one file of a run in a table, and tell the run's row of it, if there is one."""
    path = store.root.path / table / f"{run_id}-00000.parquet"
    path.parent.mkdir(exist_ok=True)
    if table in PUBLISHING_TABLES:
        publish_row(store, table, rows[0])
        return
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    for by in PUBLISHING_TABLES:
        if (row := store.root.path / by / path.name).exists():
            publish_row(store, by, pq.ParquetFile(row).read().to_pylist()[0])


def publish_row(
    store: TableStore, by: str, row: dict[str, Any], etags: Mapping[str, str | None] | None = None
) -> None:
    """Write the row of a run, with the files that are there of it, and the ETags that they have, by name."""
    tables = [table for table in SCHEMAS if table not in PUBLISHING_TABLES and PUBLISHED_BY[table] == by]
    files = [
        {
            "table": table, "name": path.name, "rows": pq.read_metadata(path).num_rows,
            "bytes": path.stat().st_size, "sha256": file_sha256(path), "etag": (etags or {}).get(path.name),
        }
        for table in tables
        for path in sorted((store.root.path / table).glob(f"{row['run_id']}-*.parquet"))
    ]  # fmt: skip
    schema = SCHEMAS[by].remove_metadata()
    data = sealed_parquet([pa.RecordBatch.from_pylist([{**row, "files": files}], schema)], schema)
    (store.root.path / by).mkdir(exist_ok=True)
    (store.root.path / by / f"{row['run_id']}-00000.parquet").write_bytes(data)


def publish_log(
    store: TableStore, run_id: str, tables: tuple[str, ...] = ("matches", "scan_log", "runs")
) -> None:
    """Move one row of `scan_log`, and empty files for the rest, into the tables."""
    row = row_of(ShardLog, run_id=run_id, shard_uri="a", status="complete", attempts=1, seconds=0.5)
    for table in tables:
        if table == "runs":
            publish_row(store, table, row_of(PublishedRun, run_id=run_id))
            continue
        written = store.root.path / "staged" / table
        written.mkdir(parents=True, exist_ok=True)
        rows = [row] if table == "scan_log" else []
        pq.write_table(pa.Table.from_pylist(rows, ShardLog.schema), written / "part-0.parquet")
        store.adopt(table, run_id, [str(written / "part-0.parquet")])


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    return bytes(changed)


def flip_a_bit(path: Path, random: Random) -> None:
    data = path.read_bytes()
    path.write_bytes(flipped(data, random.randrange(8 * len(data))))


def _blank(field: pa.Field) -> Any:
    if field.nullable:
        return None
    return [] if pa.types.is_list(field.type) else BLANKS.get(field.type, NOON)
