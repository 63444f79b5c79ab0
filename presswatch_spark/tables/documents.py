"""Numbers in the place of texts and of documents, without hashes.

A document is a record of a shard, wherever it is captured again; without known place, its URL identifies it.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.signedinteger[Any]]

PLACE = ("shard_uri", "record_offset", "row_index")
URL = "document_url"
LARGEST = 1 << 63


def without_place(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Mark the rows whose document has no known place in its shard."""
    _, *places = (rows[name] for name in PLACE)
    if not all(column.null_count for column in places):
        return np.zeros(len(rows), np.bool_)
    offset, index = map(numbers_of, places)
    return (offset < 0) & (index < 0)


def distinct(first: Numbers, *others: Numbers) -> tuple[Numbers, ...]:
    """Return the different tuples of numbers from -1 on, column by column, in their order.

    One number stands for a tuple if 64 bits suffice: sorting tuples takes more memory than they do.
    """
    columns = (first, *others)
    widths = [int(column.max(initial=0)) + 2 for column in columns]
    if math.prod(widths) > LARGEST:
        order = np.lexsort(columns[::-1])
        is_new = np.ones(len(first), np.bool_)
        is_new[1:] = np.logical_or.reduce([_changes(column[order]) for column in columns])
        return tuple(column[order[is_new]] for column in columns)
    keys = first.astype(np.int64)
    keys += 1
    for column, width in zip(others, widths[1:], strict=True):
        keys *= width
        keys += column
        keys += 1
    keys.sort(kind="stable")
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = _changes(keys)
    keys = keys[is_first]
    found = list[Numbers]()
    for width in widths[:0:-1]:
        keys, numbers = np.divmod(keys, width)
        found.append(numbers - 1)
    return (keys - 1, *found[::-1])


def _changes(values: Numbers) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = values[1:] != values[:-1]
    return found


def codes_of(texts: pa.Array) -> Numbers:
    """Return the codes of texts; -1 for null."""
    found: Numbers = _filled(texts.indices).to_numpy()
    return found


def numbers_of(column: pa.ChunkedArray) -> Numbers:
    """Return whole numbers; -1 for null."""
    if column.null_count == len(column):
        return np.full(len(column), -1)
    found: Numbers = _filled(column).to_numpy().astype(np.int64, copy=False)
    return found


def _filled(column: Any) -> Any:
    return column.fill_null(-1) if column.null_count else column
