"""Parts of unpublished runs: Parquet files of rows that a task wrote, known by name, size and SHA-256."""

import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import OutputError
from presswatch_spark.storage.arrow_files import ARROW_ERRORS
from presswatch_spark.storage.disk import Folder, file_sha256
from presswatch_spark.storage.objects import MissingError

GROUP_ROWS, GROUP_BYTES = 1 << 15, 64 << 20
PARTS_PER_TASK, MOST_PARTS = 8, 500


@dataclass(frozen=True, slots=True)
class RunPart:
    """A part: its name in the folder of parts, and the SHA-256 (hex) of its file."""

    table: str
    name: str
    rows: int
    bytes: int
    sha256: str


class PartFiles:
    """Writes the parts of one try of a task; made by `part_files`. `parts` is complete after its block.

    Rows are kept until they fill a row group.
    """

    def __init__(
        self, folder: Folder, stem: str, columns: Mapping[str, pa.Schema], drafts: ExitStack
    ) -> None:
        self.parts: list[RunPart] = []
        self._folder, self._stem, self._columns, self._drafts = folder, stem, columns, drafts
        self._waiting = dict[str, list[pa.RecordBatch]]()
        self._rows = Counter[str]()
        self._open = dict[str, tuple[str, Path, pq.ParquetWriter]]()

    def add(self, table: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Write rows of a table; the batches may have further columns."""
        for batch in batches:
            schema, waiting = self._columns[table], self._waiting.setdefault(table, [])
            arrays = [batch[name] for name in schema.names]
            waiting.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
            rows, size = sum(map(len, waiting)), sum(each.nbytes for each in waiting)
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                self._write_group(table)

    def close(self) -> None:
        """Write the rows that it still keeps."""
        for table, waiting in self._waiting.items():
            if waiting:
                self._write_group(table)
        for table, (name, path, writer) in self._open.items():
            writer.close()
            size = os.path.getsize(path)
            self.parts.append(RunPart(table, name, self._rows[table], size, file_sha256(path)))

    def _write_group(self, table: str) -> None:
        if table not in self._open:
            name, schema = f"{self._stem}-{table}.parquet", self._columns[table]
            path = self._drafts.enter_context(self._folder.new_file(name))
            writer = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
            self._drafts.callback(writer.close)
            self._open[table] = name, path, writer
        rows = pa.Table.from_batches(self._waiting[table])
        self._open[table][-1].write_table(rows)
        self._rows[table] += len(rows)
        self._waiting[table].clear()


@contextmanager
def part_files(folder: Folder, attempt: str, columns: Mapping[str, pa.Schema]) -> Iterator[PartFiles]:
    """Write parts of an attempt at a wave; they appear in `folder` when the block ends without error."""
    with ExitStack() as drafts:
        files = PartFiles(folder, f"{attempt}/{secrets.token_hex(6)}", columns, drafts)
        yield files
        files.close()


def are_few(folder: Folder, parts: Sequence[RunPart], most_bytes: int) -> bool:
    """Return whether one process should read these parts: on S3, each takes it about 0.1 s."""
    return sum(part.bytes for part in parts) <= most_bytes and (folder.is_local or len(parts) <= MOST_PARTS)


def in_groups(parts: Sequence[RunPart]) -> list[Sequence[RunPart]]:
    """Deal parts into groups, each for one Spark task to read."""
    groups = -(-len(parts) // PARTS_PER_TASK)
    return [parts[first::groups] for first in range(groups)]


def damage_of(parts: Folder, part: RunPart) -> str:
    """Return the damage of a part; empty if each bit is as written."""
    return _bytes_of(parts, part)[1]


def read_part(parts: Folder, part: RunPart, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a part; raises `OutputError` if it is missing or damaged."""
    data, damage = _bytes_of(parts, part)
    if not damage:
        try:
            with pq.ParquetFile(pa.BufferReader(data)) as file:
                return file.read(columns=columns, use_threads=False)
        except ARROW_ERRORS:
            damage = "cannot be read"
    raise OutputError(
        f"the result of a wave {damage}",
        where=parts.at(part.name),
        remedy="run the same command again: its shards are scanned again",
    )


def _bytes_of(parts: Folder, part: RunPart) -> tuple[bytes, str]:
    try:
        data = parts.read(part.name)[0]
    except MissingError:
        return b"", "is missing"
    if len(data) != part.bytes:
        return data, f"has {len(data):,} bytes, and {part.bytes:,} were written"
    is_same = hashlib.sha256(data).hexdigest() == part.sha256
    return data, "" if is_same else "does not have the SHA-256 of what was written"
