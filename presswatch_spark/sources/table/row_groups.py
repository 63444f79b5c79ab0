"""A row group, decoded by pyarrow and compared with what the footer says of it.

pyarrow decodes what it finds. Where a value of one column is lost, all values after it move up, and stand
beside the rows of others. So the columns that decide this are decoded once before, and counted, where the
footer has something to compare them with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.sources.table.arrow_text import WrongTypeError, text_column
from presswatch_spark.sources.table.footer import BYTE_ARRAY, Chunk
from presswatch_spark.sources.table.opening import Opened, column_at

# A batch that takes too much memory is decoded again in pieces of a sixteenth.
_SMALLER = 16


class DamagedError(ValueError):
    """What was decoded is not what the footer says; the message says in what, without text of the file."""


@dataclass(slots=True)
class _Count:
    """Nulls and bytes of a column, so far; `distinct`: its first values, each once, `None` if not wanted."""

    rows: int = 0
    nulls: int = 0
    text_bytes: int = 0
    distinct: list[pa.Array[Any]] = field(default_factory=list)


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
        """Decode the columns that may put values into others' rows, and those `paired`, and give nothing.

        Returns those of `paired` whose dictionary has values that no row uses: a place in it may be damaged.
        """
        names = {name for name in self._names if name in paired or self._may_shift(name)}
        chunks = [chunk for chunk in self.chunks if _is_below(chunk, names)]
        self._opened.file.expect(self.chunks, again=chunks)
        counts = {chunk.start: _Count() for chunk in chunks if not chunk.leaf.repetitions}
        for batch in self._decoded(sorted(names), rows_at_once) if chunks else ():
            self._count(batch, counts, chunks, distinct=True)
        self._compare(counts, chunks)
        return frozenset(name for name in paired if self._has_unused(name, counts))

    def batches(self, rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order; `DamagedError` where they are not what the footer says."""
        counts = {chunk.start: _Count() for chunk in self.chunks if not chunk.leaf.repetitions}
        rows = 0
        for batch in self._decoded(self._names, rows_at_once):
            self._count(batch, counts, self.chunks)
            rows += len(batch)
            yield batch
        if rows != self.rows:
            raise DamagedError(f"{self.rows:,} rows were expected, and {rows:,} are there")
        self._compare(counts, self.chunks)

    def _may_shift(self, name: str) -> bool:
        chunks = [chunk for chunk in self.chunks if _is_below(chunk, [name])]
        return any(chunk.nulls for chunk in chunks if not chunk.leaf.repetitions)

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

    def _count(
        self,
        batch: pa.RecordBatch,
        counts: dict[int, _Count],
        chunks: Collection[Chunk],
        *,
        distinct: bool = False,
    ) -> None:
        for chunk in chunks:
            count = counts.get(chunk.start)
            if count is None:
                continue
            column = column_at(batch, chunk.leaf.path)
            count.nulls += column.null_count
            if chunk.nulls is not None and count.nulls > chunk.nulls:
                raise DamagedError("a column has more nulls than the footer says")
            if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes is not None:
                count.text_bytes += _bytes_of(column)
            pages = self._opened.file.pages.get(chunk.start)
            if (
                distinct
                and pages
                and pages.dictionary is not None
                and not pa.types.is_dictionary(column.type)
            ):
                coded = column.slice(0, max(0, pages.coded - count.rows))
                count.distinct.append(pc.unique(coded).drop_null())
            count.rows += len(column)

    def _compare(self, counts: dict[int, _Count], chunks: Collection[Chunk]) -> None:
        for chunk in chunks:
            count = counts.get(chunk.start)
            if count is None:
                continue
            if count.rows != self.rows:
                raise DamagedError("a column has another number of rows than the footer says")
            if chunk.nulls not in (None, count.nulls):
                raise DamagedError("a column has another number of nulls than the footer says")
            if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes not in (None, count.text_bytes):
                raise DamagedError("the texts of a column have another length than the footer says")

    def _has_unused(self, name: str, counts: dict[int, _Count]) -> bool:
        """Whether a column of texts has a dictionary with values that stand in no row.

        Those that write a dictionary write what is in the rows: a place that is damaged leaves a value over.
        Arrow's own dictionaries may hold more.
        """
        for chunk in self.chunks:
            if chunk.leaf.path == name and (parts := counts[chunk.start].distinct):
                pages = self._opened.file.pages[chunk.start]
                used = len(pc.unique(pa.chunked_array(parts)))
                return pages.dictionary is not None and used < pages.dictionary
        return False


def _is_below(chunk: Chunk, names: Collection[str]) -> bool:
    return any(chunk.leaf.path == name or chunk.leaf.path.startswith(f"{name}.") for name in names)


def _bytes_of(column: pa.Array[Any]) -> int:
    try:
        texts = text_column(column, "")
    except WrongTypeError:
        return 0
    return int((texts.ends - texts.starts).sum())
