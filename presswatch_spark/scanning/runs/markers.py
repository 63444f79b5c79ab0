"""Markers of a run in progress, and the parts (Parquet files of rows) that its tasks wrote.

    <run>/run.json                 run id, first start, epoch, and the waves of earlier epochs that count
    <run>/waves/<attempt>.json     the shards of the attempt (positions in the plan), its counts and parts
    <run>/parts/<attempt>/<token>-matches.parquet      likewise -rights_signals and -scan_log, without run ids

A process that takes up the run begins an epoch and names in `run.json` the waves that it found, so that
markers which an older process writes later do not count. The shards of a damaged marker count as not scanned;
without `run.json` a run starts over. A part counts only if a marker names it with its SHA-256.
"""

import hashlib
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.version import __version__
from presswatch_spark.scanning.monitoring.metrics import TERMS, MetricSample, Totals
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.storage.arrow_files import ARROW_ERRORS
from presswatch_spark.storage.disk import Folder, disk_errors, file_sha256
from presswatch_spark.storage.objects import MissingError
from presswatch_spark.tables.seals import UNREADABLE, sealed_json, unsealed_json

GROUP_ROWS, GROUP_BYTES = 1 << 15, 64 << 20
PARTS_PER_TASK, MOST_PARTS = 8, 500


WAVES_FOLDER, PARTS_FOLDER = "waves", "parts"
NOTE = "run.json"
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)


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


@dataclass(frozen=True, slots=True)
class Note:
    """The contents of `run.json`; `waves`: attempts of earlier epochs that count; `by`: as in `own_run`."""

    run_id: str
    started_at: datetime
    epoch: int = 1
    waves: tuple[str, ...] = ()
    by: str = "runs"
    tool_version: str = __version__


@dataclass(frozen=True, slots=True)
class Wave:
    """A finished wave: its attempt, the positions of its shards in the plan, and their results.

    `epoch`: the epoch of the process that read it. `totals`: its counts and more, as metrics.
    """

    attempt: str
    shards: tuple[int, ...]
    counts: ShardTotals
    parts: tuple[RunPart, ...]
    epoch: int = 1
    totals: Totals = field(default_factory=Counter)


def write_note(folder: Folder, note: Note, etag: str | None) -> None:
    """Write the note of a run, which replaces the one with this ETag; None: there was none.

    Raises `ConflictError` if another process took up the run meanwhile.
    """
    # If two processes wrote equal bytes, each would believe that it is the writer.
    writer = secrets.token_hex(8)
    facts = {**asdict(note), "started_at": note.started_at.isoformat(), "writer": writer}
    with disk_errors(folder.at(NOTE)):
        folder.write(NOTE, sealed_json(facts), absent=etag is None, etag=etag)


def read_note(folder: Folder) -> tuple[Note, str] | None:
    """Read the note of the run in `folder`, and its ETag; None if there is none, `OutputError` if damaged."""
    try:
        data, etag = folder.read(NOTE)
    except MissingError:
        return None
    try:
        facts = {"tool_version": "", **unsealed_json(data)}
        del facts["writer"]
        started_at, waves = datetime.fromisoformat(facts["started_at"]), tuple(facts["waves"])
        note = Note(**{**facts, "started_at": started_at, "waves": waves})
        # The id becomes part of file names; the start goes into a column of times with a zone.
        if not _RUN_ID.fullmatch(note.run_id) or note.started_at.tzinfo is None or note.by not in TERMS:
            raise ValueError
    except UNREADABLE as error:
        raise OutputError(
            "the notes of an unfinished run are damaged, or from an earlier version",
            where=folder.at(NOTE),
            remedy="repeat the command that began it: the run starts over",
        ) from error
    return note, etag


def write_wave(folder: Folder, wave: Wave) -> None:
    """Write the marker of a finished wave into a run's folder: from now on the wave counts."""
    with disk_errors(folder.at(WAVES_FOLDER)):
        name = f"{WAVES_FOLDER}/{wave.attempt}.json"
        totals = [[*sample, value] for sample, value in sorted(wave.totals.items())]
        facts = asdict(replace(wave, totals=Counter())) | {"totals": totals}
        folder.write(name, sealed_json(facts), absent=True)


def read_waves(
    folder: Folder,
    note: Note,
    names: Iterable[str] | None = None,
    on_damage: Callable[[str], None] = lambda name: None,
) -> Iterator[Wave]:
    """Yield the finished waves of a run that count.

    `names`: the files of the folder, if known. `on_damage` gets the name of each damaged marker.
    """
    for name in sorted(folder.names() if names is None else names):
        kind, _, attempt = name.removesuffix(".json").partition("/")
        if kind != WAVES_FOLDER or not name.endswith(".json"):
            continue
        data, _ = folder.read(name)
        try:
            facts = unsealed_json(data)
            parts = tuple(RunPart(**part) for part in facts["parts"])
            totals = Counter({MetricSample(*sample): total for *sample, total in facts["totals"]})
            counts = ShardTotals(**facts["counts"])
            wave = Wave(attempt, tuple(facts["shards"]), counts, parts, facts["epoch"], totals)
        except UNREADABLE:
            on_damage(name)
            continue
        if wave.epoch == note.epoch or attempt in note.waves:
            yield wave


def forget_wave(folder: Folder, wave: Wave) -> None:
    """Remove the marker of a wave, so that its shards count as not scanned."""
    with disk_errors(folder.at(WAVES_FOLDER)):
        folder.delete([f"{WAVES_FOLDER}/{wave.attempt}.json"])
