"""Tells documents apart, exactly: numbers stand for the names of shards and for URLs, and no hash does.

A document is a record of a shard, wherever it is captured again. Where its place is not known, its URL stands
for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.signedinteger[Any]]

PLACE = ("shard_uri", "record_offset", "row_index")
URL = "document_url"
LARGEST = 1 << 63


@dataclass(slots=True)
class Documents:
    """Documents of rows, of which some may be the same: where they stand, or their URLs."""

    shards: list[pa.Array] = field(default_factory=list)
    offsets: list[Numbers] = field(default_factory=list)
    indices: list[Numbers | None] = field(default_factory=list)
    unplaced_shards: list[pa.Array] = field(default_factory=list)
    urls: list[pa.Array] = field(default_factory=list)

    def add(self, other: "Documents") -> None:
        """Add other documents."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))

    def add_rows(self, rows: pa.Table) -> None:
        """Add the documents of rows; those `without_place` must have their URLs."""
        if not len(rows):
            return
        shards = _coded(rows["shard_uri"])
        offsets, indices = numbers_of(rows["record_offset"]), numbers_of(rows["row_index"])
        unplaced = without_place(rows)
        # Rows of one document follow each other.
        first = ~unplaced
        first[1:] &= _changes(codes_of(shards)) | _changes(offsets) | _changes(indices)
        self.shards.append(_chosen(shards, first))
        self.offsets.append(offsets if first.all() else offsets[first])
        self.indices.append(indices[first] if rows["row_index"].null_count < len(rows) else None)
        if unplaced.any():
            self.unplaced_shards.append(_chosen(shards, unplaced))
            self.urls.append(_chosen(_one(rows[URL]), unplaced).fill_null(""))

    def count(self) -> int:
        """Return how many different ones there are."""
        placed, unplaced = self._placed(), self._unplaced()
        return (_distinct(placed) if self.shards else 0) + (_distinct(unplaced) if self.urls else 0)

    def _placed(self) -> Numbers:
        keys = _paired(_shared_codes(self.shards), self.offsets)
        if any(part is not None for part in self.indices):
            indices = zip(self.indices, self.offsets, strict=True)
            known = [np.full(len(like), -1) if part is None else part for part, like in indices]
            keys = _paired([keys], known)
        return keys

    def _unplaced(self) -> Numbers:
        urls = [each.dictionary_encode() for each in self.urls]
        return _paired(_shared_codes(self.unplaced_shards), _shared_codes(urls))


def without_place(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Say of which rows nobody knows where in its shard the document is."""
    _, *places = (rows[name] for name in PLACE)
    if not all(column.null_count for column in places):
        return np.zeros(len(rows), np.bool_)
    offset, index = map(numbers_of, places)
    return (offset < 0) & (index < 0)


def distinct(first: Numbers, *others: Numbers) -> tuple[Numbers, ...]:
    """Return the different tuples of numbers from -1 on, column by column, in their order.

    Rows that are nearly in that order take the least time. One number stands for a tuple if 64 bits hold it:
    sorting tuples takes more memory than they do.
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
    keys = _without_repeats(keys)
    found = list[Numbers]()
    for width in widths[:0:-1]:
        keys, numbers = np.divmod(keys, width)
        found.append(numbers - 1)
    return (keys - 1, *found[::-1])


def _paired(first: Sequence[Numbers], second: Sequence[Numbers]) -> Numbers:
    """Return a number for each pair of numbers from -1 on: the same for the same pair, and for no other."""
    keys, width = _joined(first), _largest(second) + 2
    if (int(keys.max(initial=0)) + 1) * width > LARGEST:
        keys, ranks = (np.unique(each, return_inverse=True)[1] for each in (keys, _joined(second)))
        second, width = [ranks], _largest([ranks]) + 2
    # In place: memory that is touched for the first time takes longer than the sums.
    keys *= width
    keys += 1
    after = 0
    for part in second:
        before, after = after, after + len(part)
        keys[before:after] += part
    return keys


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _largest(parts: Sequence[Numbers]) -> int:
    return max((int(part.max(initial=0)) for part in parts), default=0)


def _distinct(keys: Numbers) -> int:
    """Count different numbers. Those of a file are nearly sorted, which a stable sort is quick with."""
    keys.sort(kind="stable")
    return int(np.count_nonzero(_changes(keys))) + bool(len(keys))


def _without_repeats(ordered: Numbers) -> Numbers:
    """Return numbers without those that are the same as the one before."""
    firsts = np.ones(len(ordered), np.bool_)
    firsts[1:] = _changes(ordered)
    found: Numbers = ordered[firsts]
    return found


def _changes(values: Numbers) -> npt.NDArray[np.bool_]:
    """Say of each number but the first whether it differs from the one before."""
    found: npt.NDArray[np.bool_] = values[1:] != values[:-1]
    return found


def _shared_codes(parts: Sequence[pa.Array]) -> list[Numbers]:
    """Return the codes of texts in all parts, the same for the same text."""
    if not parts:
        return []
    return [codes_of(part) for part in pa.chunked_array(parts).unify_dictionaries().chunks]


def codes_of(texts: pa.Array) -> Numbers:
    """Return the codes of texts; -1 for null."""
    found: Numbers = _filled(texts.indices).to_numpy()
    return found


def _chosen(column: pa.Array, rows: npt.NDArray[np.bool_]) -> pa.Array:
    """Return some rows of a column."""
    return column if rows.all() else column.filter(pa.array(rows))


def _coded(column: pa.ChunkedArray) -> pa.Array:
    """Return texts as one array with a dictionary."""
    if pa.types.is_dictionary(column.type):
        return _one(column.unify_dictionaries())
    return _one(column).dictionary_encode()


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def numbers_of(column: pa.ChunkedArray) -> Numbers:
    """Return whole numbers; -1 for null."""
    if column.null_count == len(column):
        return np.full(len(column), -1)
    found: Numbers = _filled(column).to_numpy().astype(np.int64, copy=False)
    return found


def _filled(column: Any) -> Any:
    return column.fill_null(-1) if column.null_count else column
