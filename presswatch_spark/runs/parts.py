"""Parts: what a task found, as Parquet files of one table each, without run ids.

    parts/<attempt>/<token>-matches.parquet     likewise -rights_signals and -scan_log

A part appears whole or not at all, under a name that no other try of its task has. Only those count that the
marker of a wave names, with their SHA-256: what killed or doubled tasks leave is never read, nor is a part of
which a bit has changed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.errors import OutputError
from presswatch_spark.formats.table.opening import ARROW_ERRORS
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import MissingError
from presswatch_spark.tables.seals import whole_object
from presswatch_spark.tables.store import SCHEMAS

GROUP_ROWS, GROUP_BYTES = 1 << 15, 64 << 20

TABLES = ("matches", "rights_signals", "scan_log")
COLUMNS: Mapping[str, pa.Schema] = {
    table: pa.schema(
        [pa.field(column.name, column.type) for column in SCHEMAS[table] if column.name != "run_id"]
    )
    for table in TABLES
}
"""The columns of parts: no run id yet, and every field nullable, as Spark has them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part by its name in the folder of parts, its size in bytes, the releases that its rows name, and the
    SHA-256 (hex) of the file.
    """

    table: str
    name: str
    rows: int
    bytes: int
    releases: tuple[str, ...]
    sha256: str


def part_of(told: Mapping[str, Any]) -> Part:
    """A part as a task or a marker tells of it."""
    return Part(**{**told, "releases": tuple(told["releases"])})


@dataclass(slots=True)
class _Open:
    """A part that is being written: rows wait until they make a row group."""

    table: str
    name: str
    path: Path
    writer: Any
    rows: int = 0
    waiting: list[pa.RecordBatch] = field(default_factory=list)
    releases: set[str] = field(default_factory=set)

    def add(self, batch: pa.RecordBatch) -> None:
        schema = COLUMNS[self.table]
        self.waiting.append(pa.RecordBatch.from_arrays([batch[name] for name in schema.names], schema=schema))
        self.rows += len(batch)
        self.releases.update(set(pc.unique(batch["release"]).to_pylist()) - {None})
        rows, size = sum(map(len, self.waiting)), sum(batch.nbytes for batch in self.waiting)
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            self.pack()

    def pack(self) -> None:
        if self.waiting:
            self.writer.write_table(pa.Table.from_batches(self.waiting))
            self.waiting = []

    def closed(self) -> Part:
        self.pack()
        self.writer.close()
        size, releases = os.path.getsize(self.path), tuple(sorted(self.releases))
        return Part(self.table, self.name, self.rows, size, releases, file_sha256(self.path))


class PartFiles:
    """Writes the parts of one try of a task; from `part_files`. `parts` are told once it has ended well."""

    def __init__(self, folder: Folder, stem: str, drafts: ExitStack) -> None:
        self.parts: list[Part] = []
        self._folder, self._stem, self._drafts = folder, stem, drafts
        self._open: dict[str, _Open] = {}

    def add(self, table: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Write rows of a table: batches that have the columns of `COLUMNS`, and may have more."""
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
        writer = pq.ParquetWriter(path, COLUMNS[table], compression="zstd", write_page_checksum=True)
        self._drafts.callback(writer.close)
        return _Open(table, name, path, writer)


@contextmanager
def part_files(folder: Folder, attempt: str) -> Iterator[PartFiles]:
    """Parts of an attempt at a wave; they appear in `folder` when the block ends well."""
    with ExitStack() as drafts:
        files = PartFiles(folder, f"{attempt}/{secrets.token_hex(6)}", drafts)
        yield files
        files.close()


def damage_of(parts: Folder, part: Part) -> str | None:
    """What is wrong with a part, as a message says it; None if it is, bit for bit, what was written."""
    try:
        _bytes_of(parts, part)
    except ChangedError as error:
        return str(error)
    return None


def read_part(parts: Folder, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a part, or those columns of them, in the columns of `COLUMNS`.

    Raises:
        OutputError: it is missing, or not as it was written.
    """
    try:
        with pq.ParquetFile(pa.BufferReader(_bytes_of(parts, part))) as file:
            return file.read(columns=columns, use_threads=False)
    except ChangedError as error:
        found = str(error)
    except ARROW_ERRORS:
        found = "cannot be read"
    raise OutputError(
        f"what a wave found {found}",
        where=parts.at(part.name),
        remedy="give the same command again: its shards are scanned again",
    )


class ChangedError(ValueError):
    """A file is not what was written; the message says how."""


def _bytes_of(parts: Folder, part: Part) -> bytes:
    try:
        data = whole_object(parts.at(part.name), parts.storage)
    except MissingError:
        raise ChangedError("is missing") from None
    if len(data) != part.bytes:
        raise ChangedError(f"has {len(data):,} bytes, and {part.bytes:,} were written")
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise ChangedError("does not have the SHA-256 of what was written")
    return data
