"""Columns of many rows: rows grouped by equal values, and answers found once for each distinct value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Counts = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]

_MOST = 1 << 62
# Lists contain codes only, and no code contains this character.
_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class RowGroups:
    """k groups of n rows: `first` int64[k], one row of each group; `group_of` int64[n], each row's group."""

    first: Counts
    group_of: Counts

    def expand(self, values: Sequence[Any], data_type: pa.DataType) -> pa.Array:
        """Return an array of n values, given the k values of the rows in `first`."""
        return pa.array(values, data_type).take(pa.array(self.group_of))


def as_array(column: Any) -> pa.Array:
    """Return a column (chunks, a list or numbers) as one Arrow array."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    return column if isinstance(column, pa.Array) else pa.array(column)


def group_rows(*columns: Any) -> RowGroups:
    """Group the rows with the same values in all given columns (Arrow arrays, numpy arrays or lists)."""
    keys, groups = np.zeros(1, np.int64), 1
    for column in map(as_array, columns):
        texts = pc.binary_join(column, _BETWEEN) if pa.types.is_list(column.type) else column
        found = texts.dictionary_encode(null_encoding="encode")
        # Equal values have the same code, from 0.
        codes, count = found.indices.to_numpy().astype(np.int64), max(1, len(found.dictionary))
        if groups * count >= _MOST:
            distinct, keys = np.unique(keys, return_inverse=True)
            groups = len(distinct)
        keys, groups = keys * count + codes, groups * count
    _, first, group_of = np.unique(keys, return_index=True, return_inverse=True)
    return RowGroups(first, group_of)


def values_of(column: Any, places: Counts) -> list[Any]:
    """Return the values of a column at some places."""
    found: list[Any] = as_array(column).take(pa.array(places)).to_pylist()
    return found


def marks_of(column: pa.Array, is_so: Callable[[Any], bool]) -> Marks:
    """Return the answer of `is_so` for each value: bool[n]. It is called once per distinct value."""
    distinct = column.dictionary_encode(null_encoding="encode")
    answers = np.array([is_so(value) for value in distinct.dictionary.to_pylist()], np.bool_)
    marks: Marks = answers[distinct.indices.to_numpy()]
    return marks
