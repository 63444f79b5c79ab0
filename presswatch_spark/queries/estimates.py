"""Estimates of releases, from the published tables of samples."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.sampling.extrapolation import COLUMNS, LOG_COLUMNS, SampleEstimate, estimate
from presswatch_spark.tables.schemas.scan_tables import MATCHES
from presswatch_spark.tables.store import TableStore

NAMES = ("record_id", "document_url")
"""What tells documents apart whose place in the shard is not known."""


def estimate_of(store: TableStore, run_id: str, by: str | None = None) -> SampleEstimate:
    """Estimate what the release holds of which the published run read a sample; see `estimate`."""
    (run,) = store.read("runs", run_id).to_pylist()
    log = store.read("scan_log", run_id, columns=LOG_COLUMNS).to_pylist()
    return estimate(run, log, slim_matches(store, run_id), by)


def slim_matches(store: TableStore, run_id: str) -> pa.Table:
    """Return the rows of `matches` that estimates count, in some 50 bytes each: texts stand there once."""
    fields = [MATCHES.field(name) for name in COLUMNS]
    schema = pa.schema(
        [
            pa.field(field.name, pa.dictionary(pa.int32(), pa.string()) if _is_text(field) else field.type)
            for field in fields
        ]
    )
    return pa.Table.from_batches(_slim(store, run_id, schema), schema).unify_dictionaries()


def _slim(store: TableStore, run_id: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    from presswatch_spark.tables.bounded import bounded_batches

    for batch in bounded_batches(store.open_table("matches", run_id), schema.names):
        placed = pc.or_(pc.is_valid(batch["record_offset"]), pc.is_valid(batch["row_index"]))
        columns = {name: batch[name] for name in schema.names}
        for name in NAMES:
            columns[name] = pc.if_else(placed, pa.scalar(None, pa.string()), batch[name])
        encoded = [
            column.dictionary_encode() if pa.types.is_string(column.type) else column
            for column in columns.values()
        ]
        yield pa.RecordBatch.from_arrays(encoded, schema=schema)


def _is_text(field: pa.Field) -> bool:
    return bool(pa.types.is_string(field.type))
