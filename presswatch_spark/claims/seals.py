"""Digests of claims, as `tables.digests.row_digest` makes them of matches, for many rows at once."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.distinct import alike, whole

NOT_DIGESTED = frozenset(("run_id", "claim_sha256"))
"""Columns that may differ between claims of the same facts: the same bytes scanned again are another run."""


def claim_digests(columns: Mapping[str, Any]) -> list[str]:
    """Return the SHA-256 (hex) of each row's canonical form, without the columns of `NOT_DIGESTED`.

    The form is that of `row_digest`; columns must hold no floats.

    Args:
        columns: lists or Arrow arrays of one length, by name.
    """
    names = sorted(set(columns) - NOT_DIGESTED)
    keys = [(b"," if place else b"{") + orjson.dumps(name) + b":" for place, name in enumerate(names)]
    texts = [_texts(key, whole(columns[name])) for key, name in zip(keys, names, strict=True)]
    rows = pc.binary_join_element_wise(*texts, b"}", b"")
    return [hashlib.sha256(row).hexdigest() for row in rows.to_pylist()]


def _texts(key: bytes, column: pa.Array) -> pa.Array:
    """Return `key` and the JSON of each value of a column, as binary."""
    if pa.types.is_list(column.type):
        same = alike(column)
        values, places = column.take(pa.array(same.first)), pa.array(same.kind_of)
    else:
        distinct = column.dictionary_encode(null_encoding="encode")
        values, places = distinct.dictionary, distinct.indices
    if pa.types.is_timestamp(values.type):
        values = pc.strftime(values.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
    return pa.array([key + orjson.dumps(value) for value in values.to_pylist()], pa.binary()).take(places)
