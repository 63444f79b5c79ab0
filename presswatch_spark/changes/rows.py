"""Rows of `matches` as they are compared: the pair that each is of, and what the comparison needs to know."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.absence import Doubts
from presswatch_spark.judgement.urls import normalise_url
from presswatch_spark.tables.declarations import Sighting
from presswatch_spark.tables.row_types import struct_of
from presswatch_spark.verify.verification import SPANS_AT_LEAST

GAP_CHARACTERS = 8
"""Ranges of an article that lie no further apart are one: most such gaps are punctuation."""

PAIR = ("publisher_id", "title_id", "article", "document")
"""What a pair is known by; `article` is empty for rows of a site alone."""
IDENTITY = ("publisher_id", "title_id", "article_id", "document_url", "text_sha256")
"""Columns of `matches` that tell a row's pair."""
SIGHTING_NAMES = tuple(field.name for field in struct_of(Sighting))
USED = tuple(dict.fromkeys((*IDENTITY, "article_sha256", "spans", *SIGHTING_NAMES)))
"""Columns of `matches` that are compared, or kept as a sighting."""

KEYS = pa.schema([(name, pa.string()) for name in PAIR])
COMPARED = pa.schema(
    [
        *KEYS,
        pa.field("known_url", pa.bool_()),
        pa.field("copied_words", pa.int32()),
        pa.field("longest_run_words", pa.int32()),
        pa.field("own_site", pa.bool_()),
        pa.field("text_sha256", pa.string()),
        pa.field("article_sha256", pa.string()),
        pa.field("row_sha256", pa.string()),
        pa.field("ranges", pa.list_(pa.int64())),
        pa.field("many", pa.bool_()),
        pa.field("doubt", pa.string()),
    ]
)
"""Rows as they are compared.

`known_url`: `document` is a URL, and no digest of a text. `ranges`: from and to of each range of the article
that is copied. `many`: there may have been more spans than are kept. `doubt`: why the other run may have
missed such a row.
"""
COMPARED_AND_SEEN = pa.schema([*COMPARED, pa.field("sighting", pa.struct(list(struct_of(Sighting))))])


def compared(batch: pa.RecordBatch, doubts: Doubts) -> pa.RecordBatch:
    """Turn a batch with the columns of `USED` into one of `COMPARED_AND_SEEN`."""
    spans, shards = batch["spans"], batch["shard_uri"].dictionary_encode()
    reasons = pa.array(map(doubts.of, shards.dictionary.to_pylist()), pa.string())
    columns = _pair_columns(batch) | {
        "ranges": ranges_of(spans),
        "many": pc.fill_null(pc.greater_equal(pc.list_value_length(spans), SPANS_AT_LEAST), False),
        "doubt": reasons.take(shards.indices),
        "sighting": pa.StructArray.from_arrays(
            [batch[field.name].cast(field.type) for field in struct_of(Sighting)],
            fields=list(struct_of(Sighting)),
        ),
    }
    arrays = [columns[f.name] if f.name in columns else batch[f.name].cast(f.type) for f in COMPARED_AND_SEEN]
    return pa.RecordBatch.from_arrays(arrays, schema=COMPARED_AND_SEEN)


def keys_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Turn a batch with the columns of `IDENTITY` into one of `KEYS`."""
    columns = _pair_columns(batch)
    return pa.RecordBatch.from_arrays([columns[name] for name in KEYS.names], schema=KEYS)


def _pair_columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    urls = batch["document_url"].dictionary_encode()
    normal = [url and normalise_url(url) for url in urls.dictionary.to_pylist()]
    forms = pa.array(normal, pa.string()).take(urls.indices)
    return {
        "publisher_id": batch["publisher_id"],
        "title_id": batch["title_id"],
        "article": pc.fill_null(batch["article_id"], ""),
        # A new scheme or tracking parameter must not look like removal. Without a URL the text's digest
        # tells documents apart: what stands in the place of a URL ("n/a") may stand there in many rows.
        "document": pc.coalesce(forms, batch["text_sha256"]) if forms.null_count else forms,
        "known_url": pc.is_valid(forms),
    }


def ranges_of(spans: pa.Array) -> pa.Array:
    """Return the characters of the article that each row's spans cover: from, to, from, to …, as int64 lists.

    Ranges are in order, and joined where no more than `GAP_CHARACTERS` lie between them.
    """
    lengths = pc.fill_null(pc.list_value_length(spans), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = spans.flatten()
    starts, ends = (
        pc.struct_field(values, name).to_numpy(zero_copy_only=False)
        for name in ("article_start", "article_end")
    )
    rows = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((starts, rows))
    starts, ends = starts[order], ends[order]
    # The furthest end of each span and those before it in its row. Rows follow each other: with a stride
    # beyond all ends, the greatest so far is one of the same row.
    stride = int(ends.max(initial=0)) + 1
    reached = np.maximum.accumulate(rows * stride + ends) - rows * stride
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]) | (starts[1:] > reached[:-1] + GAP_CHARACTERS)
    cuts = np.column_stack((starts[first], reached[np.roll(first, -1)])).astype(np.int64)
    counts = np.bincount(rows[first], minlength=len(lengths))
    offsets = np.concatenate(([0], 2 * np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(cuts.ravel()))
