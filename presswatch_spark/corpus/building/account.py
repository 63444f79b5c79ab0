"""The account of what a corpus leaves out: the tables `refused` and `suppressed`, gathered from pieces.

Tasks write pieces as Arrow files; the build joins them, in an order that only the input decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.corpus.article_files import read_arrow, write_arrow
from presswatch_spark.corpus.building.intake import Refusal
from presswatch_spark.tables.schemas.corpus_tables import REFUSED

_ROWS_HELD = 50_000
_GROUP_ROWS = 65_536


class RefusalWriter:
    """Gathers refusals and writes them, in their order, as `folder/name-00000.arrow` and so on."""

    def __init__(self, folder: Path, name: str) -> None:
        self.paths: list[str] = []
        self._folder = folder
        self._name = name
        self._rows: list[Refusal] = []

    def add(self, refusals: Iterable[Refusal]) -> None:
        """Take refusals."""
        for refusal in refusals:
            self._rows.append(refusal)
            if len(self._rows) == _ROWS_HELD:
                self.flush()

    def flush(self) -> None:
        """Write what was gathered since the last piece."""
        if not self._rows:
            return
        columns = [[getattr(refusal, name) for refusal in self._rows] for name in REFUSED.names]
        path = self._folder / f"{self._name}-{len(self.paths):05d}.arrow"
        write_arrow(path, pa.table(columns, REFUSED))
        self.paths.append(str(path))
        self._rows = []


def reasons(pieces: Iterable[str]) -> dict[str, int]:
    """How many rows were refused, by reason."""
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(read_arrow(piece)["reason"].to_pylist())
    return dict(sorted(counts.items()))


def first_refusal(pieces: Sequence[str]) -> str:
    """Why the first refused row was refused, and where it is."""
    row = read_arrow(pieces[0]).slice(0, 1).to_pylist()[0]
    return f"{row['detail']} (row {row['row_index']} of {row['source']})"


def write_table(path: Path, schema: pa.Schema, pieces: Sequence[str]) -> None:
    """Join pieces into one Parquet file, whose row groups do not depend on how the rows lay in the pieces."""
    held, rows = [schema.empty_table()], 0
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in pieces:
            held.append(read_arrow(piece).cast(schema))
            rows += len(held[-1])
            while rows >= _GROUP_ROWS:
                table = pa.concat_tables(held)
                writer.write_table(table.slice(0, _GROUP_ROWS).combine_chunks())
                held, rows = [table.slice(_GROUP_ROWS)], rows - _GROUP_ROWS
        writer.write_table(pa.concat_tables(held).combine_chunks())
