"""A row group, decoded by pyarrow and compared with what the footer says of it.

pyarrow decodes what it finds. Where a value of one column is lost, all values after it move up, and stand
beside the rows of others. So the columns that decide this are decoded once before, and counted, where the
footer has something to compare them with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.sources.table.arrow_text import WrongTypeError, text_column
from presswatch_spark.sources.table.footer import BYTE_ARRAY, Chunk
from presswatch_spark.sources.table.opening import Opened, column_at
from presswatch_spark.sources.table.pages import CODED

# A batch that takes too much memory is decoded again in pieces of a sixteenth.
_SMALLER = 16


class DamagedError(ValueError):
    """What was decoded is not what the footer says; the message says in what, without text of the file."""


@dataclass(slots=True)
class _Count:
    """Nulls and bytes of a column, so far; `distinct`: its values, each once; None if nobody asks."""

    rows: int = 0
    nulls: int = 0
    text_bytes: int = 0
    distinct: list[pa.Array[Any]] | None = None


class GroupReader:
    """Reads the columns `names` (dotted) of row group `group`."""

    def __init__(self, opened: Opened, group: int, names: Collection[str]) -> None:
        described = opened.footer.groups[group]
        self.rows = described.rows
        self.chunks = tuple(chunk for chunk in described.chunks if _is_below(chunk, names))
        self._opened, self._group, self._names = opened, group, sorted(set(names))
        opened.file.expect(self.chunks)

    @property
    def size(self) -> int:
        """Bytes of the columns in the file."""
        return sum(chunk.size for chunk in self.chunks)

    def rows_for(self, batch_bytes: int) -> int:
        """How many rows take about so many bytes, as far as the footer tells."""
        size = sum(max(chunk.unpacked_bytes, chunk.text_bytes or 0) for chunk in self.chunks)
        return max(1, min(self.rows, batch_bytes * self.rows // max(1, size)))

    def rehearse(self, paired: Collection[str], rows_at_once: int) -> frozenset[str]:
        """Decode what may put values beside the rows of others, and give nothing; `DamagedError` if it does.

        Those are columns with nulls, and of the `paired` ones the rows that are places in a dictionary.
        Returns those of them whose dictionary has values that no row uses: a place in it may be damaged.
        """
        again = [chunk for chunk in self.chunks if self._is_rehearsed(chunk, paired)]
        self._opened.file.expect(self.chunks, again)
        unused = []
        for chunk in again:
            count = _Count(distinct=[])
            for batch in self._decoded([chunk.leaf.path], rows_at_once):
                self._count(batch, chunk, count)
                pages = self._opened.file.pages.get(chunk.start)
                if not chunk.nulls and pages and count.rows >= pages.coded:
                    break
            if chunk.nulls or count.rows >= self.rows:
                self._compare(chunk, count)
            if self._has_unused(chunk, count):
                unused.append(chunk.leaf.path)
        return frozenset(unused).intersection(paired)

    def batches(self, rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order; `DamagedError` where they are not what the footer says."""
        counts = [(chunk, _Count()) for chunk in self.chunks if not chunk.leaf.repetitions]
        rows = 0
        for batch in self._decoded(self._names, rows_at_once):
            for chunk, count in counts:
                self._count(batch, chunk, count)
            rows += len(batch)
            yield batch
        if rows != self.rows:
            raise DamagedError(f"{self.rows:,} rows were expected, and {rows:,} are there")
        for chunk, count in counts:
            self._compare(chunk, count)

    def _is_rehearsed(self, chunk: Chunk, paired: Collection[str]) -> bool:
        if chunk.leaf.repetitions or not self.rows:
            return False
        return bool(chunk.nulls) or (chunk.leaf.path in paired and bool(CODED & chunk.encodings))

    def _decoded(self, names: list[str], rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """The rows of some columns; in smaller and smaller batches, where they take too much memory."""
        done = 0
        while True:
            first = 0
            try:
                # One thread: what fails for want of memory then fails here, and tasks have a core each.
                for batch in self._opened.parquet.iter_batches(
                    rows_at_once, [self._group], names, use_threads=False
                ):
                    first += len(batch)
                    if first > done:
                        fresh = batch.slice(len(batch) - (first - done))
                        done = first
                        yield fresh
                return
            except MemoryError:
                if rows_at_once == 1:
                    raise
                rows_at_once = max(1, rows_at_once // _SMALLER)

    def _count(self, batch: pa.RecordBatch, chunk: Chunk, count: _Count) -> None:
        column = column_at(batch, chunk.leaf.path)
        count.nulls += column.null_count
        if chunk.nulls is not None and count.nulls > chunk.nulls:
            raise DamagedError("a column has more nulls than the footer says")
        if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes is not None:
            count.text_bytes += _bytes_of(column)
        pages = self._opened.file.pages.get(chunk.start)
        # Arrow's own dictionaries may hold more than the rows.
        if count.distinct is not None and pages and pages.coded and not pa.types.is_dictionary(column.type):
            coded = column.slice(0, max(0, pages.coded - count.rows))
            count.distinct.append(pc.unique(coded).drop_null())
        count.rows += len(column)

    def _compare(self, chunk: Chunk, count: _Count) -> None:
        if count.rows != self.rows:
            raise DamagedError("a column has another number of rows than the footer says")
        if chunk.nulls not in (None, count.nulls):
            raise DamagedError("a column has another number of nulls than the footer says")
        if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes not in (None, count.text_bytes):
            raise DamagedError("the texts of a column have another length than the footer says")

    def _has_unused(self, chunk: Chunk, count: _Count) -> bool:
        """Whether a dictionary has values that stand in no row: writers put in it what is in the rows."""
        if not count.distinct:
            return False
        pages = self._opened.file.pages[chunk.start]
        return len(pc.unique(pa.chunked_array(count.distinct))) < (pages.dictionary or 0)


def _is_below(chunk: Chunk, names: Collection[str]) -> bool:
    return any(chunk.leaf.path == name or chunk.leaf.path.startswith(f"{name}.") for name in names)


def _bytes_of(column: pa.Array[Any]) -> int:
    try:
        texts = text_column(column, "")
    except WrongTypeError:
        return 0
    return int((texts.ends - texts.starts).sum())
