"""Parts: what a task gave, as Parquet files of one table each, without run ids.

    parts/<attempt>/<token>-matches.parquet     likewise -rights_signals and -scan_log

A part appears whole or not at all, under a name that no other try of its task has. Only those count that the
marker of a wave names, with their SHA-256. What killed or doubled tasks leave is never read, nor is a part
with a changed bit.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.errors import OutputError
from presswatch_spark.storage.arrow_files import ARROW_ERRORS
from presswatch_spark.storage.disk import Folder, file_sha256
from presswatch_spark.storage.objects import MissingError
from presswatch_spark.tables.seals import whole_object

GROUP_ROWS, GROUP_BYTES = 1 << 15, 64 << 20
PARTS_PER_TASK = 8


@dataclass(frozen=True, slots=True)
class RunPart:
    """A part, by its name in the folder of parts; `sha256` (hex) is that of the file."""

    table: str
    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class _Open:
    """A part that is being written: rows wait until they make a row group."""

    table: str
    name: str
    path: Path
    writer: Any
    schema: pa.Schema
    rows: int = 0
    waiting: list[pa.RecordBatch] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        arrays = [batch[name] for name in self.schema.names]
        self.waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self.schema))
        self.rows += len(batch)
        rows, size = sum(map(len, self.waiting)), sum(batch.nbytes for batch in self.waiting)
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            self.pack()

    def pack(self) -> None:
        if self.waiting:
            self.writer.write_table(pa.Table.from_batches(self.waiting))
            self.waiting = []

    def closed(self) -> RunPart:
        self.pack()
        self.writer.close()
        return RunPart(self.table, self.name, self.rows, os.path.getsize(self.path), file_sha256(self.path))


class PartFiles:
    """Writes the parts of one try of a task; from `part_files`. `parts` are known once it has ended well."""

    def __init__(
        self, folder: Folder, stem: str, columns: Mapping[str, pa.Schema], drafts: ExitStack
    ) -> None:
        self.parts: list[RunPart] = []
        self._folder, self._stem, self._columns, self._drafts = folder, stem, columns, drafts
        self._open: dict[str, _Open] = {}

    def add(self, table: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Write rows of a table: batches that have its columns, and may have more."""
        for batch in batches:
            if table not in self._open:
                self._open[table] = self._begun(table)
            self._open[table].add(batch)

    def close(self) -> None:
        """Write what is waiting."""
        self.parts = [part.closed() for part in self._open.values()]

    def _begun(self, table: str) -> _Open:
        name = f"{self._stem}-{table}.parquet"
        path = self._drafts.enter_context(self._folder.new_file(name))
        schema = self._columns[table]
        writer = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
        self._drafts.callback(writer.close)
        return _Open(table, name, path, writer, schema)


@contextmanager
def part_files(folder: Folder, attempt: str, columns: Mapping[str, pa.Schema]) -> Iterator[PartFiles]:
    """Write parts of an attempt at a wave; they appear in `folder` when the block ends well.

    Args:
        columns: of each table, as in `Kind.columns`.
    """
    with ExitStack() as drafts:
        files = PartFiles(folder, f"{attempt}/{secrets.token_hex(6)}", columns, drafts)
        yield files
        files.close()


def in_groups(parts: Sequence[RunPart]) -> list[Sequence[RunPart]]:
    """Deal parts into groups that a Spark task reads."""
    groups = -(-len(parts) // PARTS_PER_TASK)
    return [parts[first::groups] for first in range(groups)]


def damage_of(parts: Folder, part: RunPart) -> str | None:
    """Say what is wrong with a part; None if it is, bit for bit, what was written."""
    try:
        _bytes_of(parts, part)
    except ChangedError as error:
        return str(error)
    return None


def read_part(parts: Folder, part: RunPart, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a part, or those columns of them.

    Raises:
        OutputError: it is missing, or not as it was written.
    """
    try:
        with pq.ParquetFile(pa.BufferReader(_bytes_of(parts, part))) as file:
            return file.read(columns=columns, use_threads=False)
    except ChangedError as error:
        damage = str(error)
    except ARROW_ERRORS:
        damage = "cannot be read"
    raise OutputError(
        f"what a wave found {damage}",
        where=parts.at(part.name),
        remedy="give the same command again: its shards are scanned again",
    )


class ChangedError(ValueError):
    """A file is not what was written; the message says how."""


def _bytes_of(parts: Folder, part: RunPart) -> bytes:
    try:
        data = whole_object(parts.at(part.name), parts.storage)
    except MissingError:
        raise ChangedError("is missing") from None
    if len(data) != part.bytes:
        raise ChangedError(f"has {len(data):,} bytes, and {part.bytes:,} were written")
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise ChangedError("does not have the SHA-256 of what was written")
    return data
