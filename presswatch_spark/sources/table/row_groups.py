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
from presswatch_spark.sources.table.pages import CODED, Pages

# A batch that takes too much memory is decoded again in pieces of a sixteenth.
_SMALLER = 16
# Batches that wait until it is sure that their rows are whole; where it takes more, columns are decoded twice.
_BATCHES_HELD = 8


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
        self.unsure: set[str] = set()
        opened.file.expect(self.chunks)

    @property
    def size(self) -> int:
        """Bytes of the columns in the file."""
        return sum(chunk.size for chunk in self.chunks)

    def rows_for(self, batch_bytes: int) -> int:
        """How many rows take about so many bytes, as far as the footer tells."""
        size = sum(max(chunk.unpacked_bytes, chunk.text_bytes or 0) for chunk in self.chunks)
        return max(1, min(self.rows, batch_bytes * self.rows // max(1, size)))

    def batches(self, rows_at_once: int, paired: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order; `DamagedError` where they are not what the footer says.

        No row is given before what may put values of the `paired` columns beside the rows of others is
        checked: columns with nulls, and places in dictionaries. `unsure` names those of them whose
        dictionary has values that no row uses: a place in it may be damaged.
        """
        watched = self._watched(paired) if paired else []
        wait = max((reach for _, reach in watched), default=0)
        if wait > _BATCHES_HELD * rows_at_once:
            self._rehearse(watched, rows_at_once)
            watched, wait = [], 0
        counts = self._counts(self.chunks, watched)
        rows, held = 0, list[pa.RecordBatch]()
        for batch in self._decoded(self._names, rows_at_once):
            self._count(batch, counts)
            rows += len(batch)
            held.append(batch)
            if rows >= min(wait, self.rows):
                self._judge(watched, counts)
                watched, wait = [], 0
                yield from held
                held = []
        if rows != self.rows:
            raise DamagedError(f"{self.rows:,} rows were expected, and {rows:,} are there")
        self._judge([(chunk, self.rows) for chunk in self.chunks], counts)

    def _watched(self, paired: Collection[str]) -> list[tuple[Chunk, int]]:
        """Columns that may shift, and how many of their rows tell whether they do."""
        coded = [chunk for chunk in self.chunks if chunk.leaf.path in paired and CODED & chunk.encodings]
        flat = [
            chunk for chunk in self.chunks if (chunk.nulls or chunk in coded) and not chunk.leaf.repetitions
        ]
        self._opened.file.expect(self.chunks, again=coded)
        found = [(chunk, self.rows if chunk.nulls else self._pages(chunk).coded) for chunk in flat]
        return [(chunk, reach) for chunk, reach in found if chunk not in coded or not self._is_summed(chunk)]

    def _pages(self, chunk: Chunk) -> Pages:
        """What the pages of a column say, which is read now and held."""
        pages = self._opened.file.pages
        if chunk.start not in pages and chunk.values:
            self._opened.file.seek(chunk.start)
            self._opened.file.read(chunk.size)
        return pages.get(chunk.start) or Pages()

    def _is_summed(self, chunk: Chunk) -> bool:
        """Whether all pages of a column have checksums, so that no damage to their values stays unseen."""
        pages = self._pages(chunk)
        return 0 < pages.pages == pages.with_checksum

    def _rehearse(self, watched: list[tuple[Chunk, int]], rows_at_once: int) -> None:
        """Decode columns up to where they are judged, one by one, and give nothing."""
        for chunk, reach in watched:
            counts = self._counts([chunk], [(chunk, reach)])
            rows = 0
            for batch in self._decoded([chunk.leaf.path], min(rows_at_once, max(1, reach))):
                self._count(batch, counts)
                rows += len(batch)
                if rows >= reach < self.rows:
                    break
            self._judge([(chunk, reach)], counts)

    def _counts(self, chunks: Collection[Chunk], watched: list[tuple[Chunk, int]]) -> dict[Chunk, _Count]:
        """A count for each column without lists; for those watched with the distinct values it begins with."""
        coded = {chunk for chunk, _ in watched if self._opened.file.pages.get(chunk.start, Pages()).coded}
        return {
            chunk: _Count(distinct=[] if chunk in coded else None)
            for chunk in chunks
            if not chunk.leaf.repetitions
        }

    def _judge(self, watched: list[tuple[Chunk, int]], counts: dict[Chunk, _Count]) -> None:
        """Compare what was counted up to where it can be, and note whose dictionary is not sure."""
        for chunk, reach in watched:
            if count := counts.get(chunk):
                if reach >= self.rows:
                    _compare(chunk, count, self.rows)
                used = len(pc.unique(pa.chunked_array(count.distinct))) if count.distinct else None
                if used is not None and used < (self._opened.file.pages[chunk.start].dictionary or 0):
                    self.unsure.add(chunk.leaf.path)
                count.distinct = None

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

    def _count(self, batch: pa.RecordBatch, counts: dict[Chunk, _Count]) -> None:
        for chunk, count in counts.items():
            column = column_at(batch, chunk.leaf.path)
            count.nulls += column.null_count
            if chunk.nulls is not None and count.nulls > chunk.nulls:
                raise DamagedError("a column has more nulls than the footer says")
            if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes is not None:
                count.text_bytes += _bytes_of(column)
            # Arrow's own dictionaries may hold more than the rows.
            if count.distinct is not None and not pa.types.is_dictionary(column.type):
                coded = column.slice(0, max(0, self._opened.file.pages[chunk.start].coded - count.rows))
                count.distinct.append(pc.unique(coded).drop_null())
            count.rows += len(column)


def _compare(chunk: Chunk, count: _Count, rows: int) -> None:
    if count.rows != rows:
        raise DamagedError("a column has another number of rows than the footer says")
    if chunk.nulls not in (None, count.nulls):
        raise DamagedError("a column has another number of nulls than the footer says")
    if chunk.leaf.kind == BYTE_ARRAY and chunk.text_bytes not in (None, count.text_bytes):
        raise DamagedError("the texts of a column have another length than the footer says")


def _is_below(chunk: Chunk, names: Collection[str]) -> bool:
    return any(chunk.leaf.path == name or chunk.leaf.path.startswith(f"{name}.") for name in names)


def _bytes_of(column: pa.Array[Any]) -> int:
    try:
        texts = text_column(column, "")
    except WrongTypeError:
        return 0
    return int((texts.ends - texts.starts).sum())
