"""Columns of many rows at once: rows that are alike are worked out once; digests of claims."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

Counts = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]

_MOST = 1 << 62
# No text of a list holds it: they are codes.
_BETWEEN = "\x1f"


NOT_DIGESTED = frozenset(("run_id", "claim_sha256"))
"""Columns that may differ between claims of the same facts: another run may scan the same bytes."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Kinds of n rows that are alike: `first` int64[k], a row of each kind; `kind_of` int64[n], below k."""

    first: Counts
    kind_of: Counts

    def spread(self, values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        """Return an array of n values, from the k values of the rows in `first`."""
        return pa.array(values, kind).take(pa.array(self.kind_of))


def whole(column: Any) -> pa.Array:
    """Return a column as one Arrow array: chunks, a list or numbers."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    return column if isinstance(column, pa.Array) else pa.array(column)


def alike(*columns: Any) -> Alike:
    """Find rows with the same values in all of some columns: Arrow arrays, numpy arrays or lists."""
    keys, kinds = np.zeros(1, np.int64), 1
    for column in map(whole, columns):
        texts = pc.binary_join(column, _BETWEEN) if pa.types.is_list(column.type) else column
        found = texts.dictionary_encode(null_encoding="encode")
        # Equal values have the same code, from 0.
        codes, count = found.indices.to_numpy().astype(np.int64), max(1, len(found.dictionary))
        if kinds * count >= _MOST:
            distinct, keys = np.unique(keys, return_inverse=True)
            kinds = len(distinct)
        keys, kinds = keys * count + codes, kinds * count
    _, first, kind_of = np.unique(keys, return_index=True, return_inverse=True)
    return Alike(first, kind_of)


def values_of(column: Any, places: Counts) -> list[Any]:
    """Return the values of a column at some places."""
    found: list[Any] = whole(column).take(pa.array(places)).to_pylist()
    return found


def marks_of(column: pa.Array, is_so: Callable[[Any], bool]) -> Marks:
    """Return the answer of `is_so` for each value: bool[n]; each distinct value is asked once."""
    distinct = column.dictionary_encode(null_encoding="encode")
    answers = np.array([is_so(value) for value in distinct.dictionary.to_pylist()], np.bool_)
    marks: Marks = answers[distinct.indices.to_numpy()]
    return marks


def claim_digests(columns: Mapping[str, Any]) -> list[str]:
    """Return the SHA-256 (hex) of each row's canonical form, as `row_digest` has it.

    Args:
        columns: lists or Arrow arrays of one length, by name, without floats; `NOT_DIGESTED` is left out.
    """
    names = sorted(set(columns) - NOT_DIGESTED)
    keys = [(b"," if place else b"{") + orjson.dumps(name) + b":" for place, name in enumerate(names)]
    texts = [_texts(key, whole(columns[name])) for key, name in zip(keys, names, strict=True)]
    rows = pc.binary_join_element_wise(*texts, b"}", b"")
    return [hashlib.sha256(row).hexdigest() for row in rows.to_pylist()]


def _texts(key: bytes, column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        same = alike(column)
        values, places = column.take(pa.array(same.first)), pa.array(same.kind_of)
    else:
        distinct = column.dictionary_encode(null_encoding="encode")
        values, places = distinct.dictionary, distinct.indices
    if pa.types.is_timestamp(values.type):
        values = pc.strftime(values.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
    return pa.array([key + orjson.dumps(value) for value in values.to_pylist()], pa.binary()).take(places)
