"""Decodes row groups with pyarrow, and compares them with what the footer says.

pyarrow decodes whatever is there. If a column loses a value, all values after it move up, and stand beside
the rows of others. So the columns with nulls are decoded once before and counted, if the footer has something
to compare them with.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa

from presswatch_spark.formats.table.arrow_text import bytes_of
from presswatch_spark.formats.table.footer import BYTE_ARRAY, Chunk
from presswatch_spark.formats.table.opening import OpenedParquet
from presswatch_spark.formats.table.pages import CODED
from presswatch_spark.formats.table.row_values import column_at

# A batch that takes too much memory is decoded again in pieces of a sixteenth.
_SMALLER = 16
# Batches that wait until columns are counted; of larger row groups those columns are decoded twice.
_BATCHES_HELD = 8


class DamagedError(ValueError):
    """What was decoded is not what the footer says; the message quotes no text of the file."""


@dataclass(slots=True)
class _Count:
    rows: int = 0
    nulls: int = 0
    text_bytes: int = 0


class GroupReader:
    """Reads the columns `names` (dotted) of row group `group`."""

    def __init__(self, opened: OpenedParquet, group: int, names: Collection[str]) -> None:
        described = opened.footer.groups[group]
        self.rows = described.rows
        below = tuple(f"{name}." for name in names)
        self.chunks = tuple(each for each in described.chunks if f"{each.leaf.path}.".startswith(below))
        self._opened, self._group, self._names = opened, group, sorted(set(names))
        self.unsure: set[str] = set()
        opened.file.expect(self.chunks)

    @property
    def size(self) -> int:
        """Bytes of the columns in the file."""
        return sum(chunk.size for chunk in self.chunks)

    def rows_for(self, batch_bytes: int) -> int:
        """Return how many rows take about so many bytes, by the footer."""
        size = sum(max(chunk.unpacked_bytes, chunk.text_bytes or 0) for chunk in self.chunks)
        return max(1, min(self.rows, batch_bytes * self.rows // max(1, size)))

    def batches(self, rows_at_once: int, paired: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order; `DamagedError` if they are not what the footer says.

        With `paired` columns no row is yielded before columns with nulls are counted to their end. `unsure`
        then names those whose dictionary has values that no row uses: a place in it may be damaged.
        """
        coded = [chunk for chunk in self.chunks if chunk.leaf.path in paired and CODED & chunk.encodings]
        flat = [chunk for chunk in self.chunks if not chunk.leaf.repetitions]
        shifting = [chunk for chunk in flat if chunk.nulls and paired]
        self._opened.file.expect(self.chunks, coded, shifting)
        is_held = bool(shifting) and self.rows <= _BATCHES_HELD * rows_at_once
        if shifting and not is_held:
            self._rehearse(shifting, rows_at_once)
        counts, rows, held = [(chunk, _Count()) for chunk in flat], 0, list[pa.RecordBatch]()
        for batch in self._decoded(self._names, rows_at_once):
            self._count(batch, counts)
            rows += len(batch)
            seen = self._opened.file.pages
            self.unsure |= {
                each.leaf.path for each in coded if each.start in seen and seen[each.start].unused
            }
            if is_held:
                held.append(batch)
            else:
                yield batch
        if rows != self.rows:
            raise DamagedError(f"{self.rows:,} rows were expected, and {rows:,} are there")
        if not self._opened.file.is_checked:
            raise DamagedError("a column was read from other bytes than those that the footer names")
        self._compare(counts)
        yield from held

    def _rehearse(self, chunks: Collection[Chunk], rows_at_once: int) -> None:
        """Decode columns one by one, and compare their counts."""
        for chunk in chunks:
            counts = [(chunk, _Count())]
            for batch in self._decoded([chunk.leaf.path], rows_at_once):
                self._count(batch, counts)
            self._compare(counts)

    def _decoded(self, names: list[str], rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some columns; in smaller batches if they take too much memory."""
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

    def _count(self, batch: pa.RecordBatch, counts: list[tuple[Chunk, _Count]]) -> None:
        for chunk, count in counts:
            column = column_at(batch, chunk.leaf.path)
            count.nulls += column.null_count
            if chunk.nulls is not None and count.nulls > chunk.nulls:
                raise DamagedError("a column has more nulls than the footer says")
            if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes is not None:
                count.text_bytes += bytes_of(column)
            count.rows += len(column)

    def _compare(self, counts: list[tuple[Chunk, _Count]]) -> None:
        for chunk, count in counts:
            if count.rows != self.rows:
                raise DamagedError("a column has another number of rows than the footer says")
            if chunk.nulls not in (None, count.nulls):
                raise DamagedError("a column has another number of nulls than the footer says")
            if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes not in (None, count.text_bytes):
                raise DamagedError("the texts of a column have another length than the footer says")
