"""Tables made by hand: runs published with just the rows that a test needs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.output.tables import TableStore
from presswatch_spark.settings.config import MinHashRules, ReadRules, ScanConfig, row_settings
from presswatch_spark.tables import MATCHES, RUNS

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
BLANKS = {pa.string(): "", pa.int32(): 0, pa.int64(): 0, pa.float64(): 0.0, pa.bool_(): False}


def row_of(schema: pa.Schema, **values: Any) -> dict[str, Any]:
    """A row of a schema: the values given, null where null is allowed, and a blank elsewhere."""
    return {field.name: _blank(field) for field in schema} | values


def match(article_id: str | None, url: str | None, **values: Any) -> dict[str, Any]:
    """A row of `matches`: an extract of 20 words, of title `t` and publisher `p`, on somebody's site."""
    standard = {"title_id": "t", "publisher_id": "p", "grade": "extract", "copied_words": 20}
    standard |= {"own_site": False}
    return row_of(MATCHES, article_id=article_id, document_url=url, **(standard | values))


def publish(tables: Path, run_id: str, matches: list[dict[str, Any]], /, **facts: Any) -> None:
    """Publish a run of three complete shards; `facts` are columns of `runs`."""
    store = TableStore.create(str(tables))
    settings = row_settings(ScanConfig(read=ReadRules(release=facts.get("release"))), MinHashRules())
    standard = {"shards_planned": 3, "shards_complete": 3, "dataset": "wet", "config": settings}
    standard |= {"documents": 9}
    write(store, "matches", run_id, [{**row, "run_id": run_id} for row in matches], MATCHES)
    write(store, "runs", run_id, [row_of(RUNS, run_id=run_id, **(standard | facts))], RUNS)


def write(store: TableStore, table: str, run_id: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write the one file of a run in a table."""
    (store.root.path / table).mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), store.root.path / table / f"{run_id}-00000.parquet")


def _blank(field: pa.Field) -> Any:
    if field.nullable:
        return None
    return [] if pa.types.is_list(field.type) else BLANKS.get(field.type, NOON)
