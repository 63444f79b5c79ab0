"""Estimates of releases, from the published tables of samples."""

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.sampling.extrapolation import COLUMNS, LOG_COLUMNS, SampleEstimate, estimate
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore, column_batches

NAMES = ("record_id", "document_url")
"""Columns that identify documents without known place in the shard."""
BATCH_ROWS = 1 << 15


def estimate_of(store: TableStore, run_id: str, by: str | None = None) -> SampleEstimate:
    """Estimate the totals of a release from a published run of a sample; see `estimate`."""
    (run,) = store.read("runs", run_id).to_pylist()
    log = store.read("scan_log", run_id, columns=LOG_COLUMNS).to_pylist()
    # Of the rows that count, about 50 bytes each: each text is stored once.
    texts = [name for name in COLUMNS if _is_text(Match.schema.field(name))]
    batches = column_batches(store, "matches", [run_id], COLUMNS, texts, BATCH_ROWS)
    rows = pa.Table.from_batches(map(_slim, batches), _SLIM).unify_dictionaries()
    # What Arrow keeps of what it read, for more of the same, is more than the rows are.
    pa.default_memory_pool().release_unused()
    return estimate(run, log, rows, by)


def _slim(batch: pa.RecordBatch) -> pa.RecordBatch:
    unplaced = pc.and_(pc.is_null(batch["record_offset"]), pc.is_null(batch["row_index"]))
    columns = {name: batch[name] for name in batch.schema.names}
    for name in NAMES:
        if unplaced.true_count:
            texts = pc.if_else(unplaced, columns[name].cast(pa.string()), pa.scalar(None, pa.string()))
            columns[name] = texts.dictionary_encode()
        else:
            columns[name] = pa.nulls(len(batch), _CODE)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=_SLIM)


def _is_text(field: pa.Field) -> bool:
    return bool(pa.types.is_string(field.type))


_CODE = pa.dictionary(pa.int32(), pa.string())
_SLIM = pa.schema(
    [
        pa.field(name, _CODE if _is_text(Match.schema.field(name)) else Match.schema.field(name).type)
        for name in COLUMNS
    ]
)
