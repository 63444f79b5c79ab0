"""Rows drawn from the tables, or found by their digest, and held against their shards.

Each row is checked for being still what a scan would find there. A file of an earlier version has fewer
columns; its rows' digests are over those, so its rows are read with those.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.errors import CorruptError, InputError, OutputError
from presswatch_spark.formats import registry
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.pointers.checks import (
    ArticleTexts,
    Failure,
    Record,
    Row,
    damaged,
    difference,
    edited,
    other_words,
)
from presswatch_spark.pointers.documents import Outcome, shards_ahead
from presswatch_spark.pointers.figures import RowRecomputation
from presswatch_spark.pointers.pointer import Mirror, Pointer, mirrored, pointer_of
from presswatch_spark.storage.arrow_files import ARROW_ERRORS, file_system
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import SCHEMAS, MemberCapture
from presswatch_spark.tables.reading import chosen_runs
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A row, its pointer, and why it does not verify, or None. `record`: the document that was compared."""

    row: Row
    pointer: Pointer
    failure: Failure | None
    record: Record | None = None


def reading_of(store: TableStore, run_id: str) -> dict[str, Any]:
    """Return how a run read its shards, as fields of `ReadOptions`; `OutputError` if its row does not say."""
    try:
        (run,) = store.read("runs", run_id).to_pylist()
        return reading_in(run["config"])
    except (ValueError, LookupError, TypeError) as error:
        raise OutputError(
            f"the settings of run {run_id} cannot be read",
            where=str(store.root),
            remedy="restore its row in runs",
        ) from error


def reading_in(config: str) -> dict[str, Any]:
    """Return the same out of the settings of a run, which are JSON; `ValueError` and the like if it fails."""
    read: Mapping[str, Any] = json.loads(config)["read"]
    return {"columns": dict(read["columns"]), "max_document_bytes": int(read["max_document_bytes"])}


@dataclass(slots=True)
class Audit:
    """Checks rows of `store`, whose shards are found by `mirrors`; with a `corpus`, their words as well.

    `readings`: how runs read their shards, where no tables are asked: fields of `ReadOptions` by run.
    `figures`: computes the figures of rows again; without it, they are not compared.
    """

    store: TableStore | None
    storage: StorageOptions = field(default_factory=StorageOptions)
    mirrors: Sequence[Mirror] = ()
    corpus: ArticleTexts | None = None
    readings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: RowRecomputation | None = None
    _options: dict[str, ReadOptions] = field(default_factory=dict)

    def verdicts(self, rows: Sequence[Row]) -> Iterator[RowCheck]:
        """Check rows, each shard in turn; `OutputError` if the settings of a run cannot be read."""
        shards: dict[tuple[str, str, str, str | None], dict[Pointer, list[Row]]] = {}
        for row in rows:
            pointer = pointer_of(row, mirrored(row["shard_uri"] or "", self.mirrors))
            if failure := edited(row):
                # Such a row perhaps points to a place that never was in a shard.
                yield RowCheck(row, pointer, failure)
                continue
            # Rows of one shard of another format may name many releases.
            format = registry.find(row["dataset"])
            release = row["release"] if format and format.by_release else None
            key = (pointer.uri, row["dataset"], row["run_id"], release)
            shards.setdefault(key, {}).setdefault(pointer, []).append(row)
        # A range does not hold the record that names the release, and with it its errata.
        work = [
            (list(pointers), replace(self.options_of(run_id), release=release))
            for (_, _, run_id, release), pointers in shards.items()
        ]
        for pointers, outcomes in zip(shards.values(), shards_ahead(work), strict=True):
            for pointer, outcome in outcomes:
                for row in pointers[pointer]:
                    yield self._verdict(row, pointer, outcome)

    def options_of(self, run_id: str) -> ReadOptions:
        """Return how the run read its shards, but for gates: its rows had passed them."""
        if run_id in self._options:
            return self._options[run_id]
        reading = self.readings.get(run_id)
        if reading is None and self.store is None:
            raise InputError(f"nothing says how run {run_id} read its shards")
        if reading is None and self.store is not None:
            reading = reading_of(self.store, run_id)
        options = ReadOptions(**(reading or {}), pdf=True, storage=self.storage)
        self._options[run_id] = options
        return options

    def _verdict(self, row: Row, pointer: Pointer, outcome: Outcome) -> RowCheck:
        if isinstance(outcome, Failure):
            # The damage in a row explains why its record cannot be read alone.
            return RowCheck(row, pointer, damaged(row) or outcome)
        failure = difference(row, outcome) or damaged(row, outcome.facts)
        if failure is None and self.corpus is not None:
            failure = other_words(row, outcome.text, self.corpus)
        if failure is None and self.figures is not None:
            failure = self.figures.difference(row, outcome.batch)
        # A batch shares the buffers of all documents around this one.
        return RowCheck(row, pointer, failure, replace(outcome, batch=None))


DIGEST_DIGITS = 64
POINTING = ("matches", "rights_signals", "captures")
"""Tables whose rows point at records."""
USED = {
    "matches": (
        "run_id", "dataset", "document_url", "article_id", "article_sha256", "longest_run_words", "spans",
        "shard_uri", "record_id", "record_offset", "record_length", "record_encoding", "row_index",
        "payload_digest", "text_sha256", "captured_at", "http_status", "languages", "row_sha256",
    ),
    "rights_signals": (
        "run_id", "document_url", "signal", "source", "value", "verdict", "agent", "path", "content_sha256",
        "shard_uri", "record_id", "record_offset", "record_length", "record_encoding", "captured_at",
        "http_status", "row_sha256",
    ),
    "captures": tuple(MemberCapture.schema.names),
}  # fmt: skip


def drawn_rows(store: TableStore, run_id: str | None, count: int, seed: int) -> tuple[list[Row], int]:
    """Draw `count` rows of a published run (`latest`: the newest), or of all runs; also count all rows.

    The same seed draws the same rows of the same tables; all of them if there are no more than `count`.

    Raises:
        InputError: no such run is published, or none at all.
        CorruptError: a file of the table cannot be read.
    """
    files = _files(store, run_id)
    sizes = [_read(file, lambda path: _metadata(store, path).num_rows) for file in files]
    total = sum(sizes)
    drawn = sorted(Random(seed).sample(range(total), min(count, total)))
    rows, first = list[Row](), 0
    for file, size in zip(files, sizes, strict=True):
        places = [place - first for place in drawn if first <= place < first + size]
        first += size
        if places:
            rows += _read(file, lambda path, places=places: _table(store, path).take(places).to_pylist())
    return rows, total


def damage_of(store: TableStore, run_id: str | None) -> Iterator[OutputError]:
    """Read all tables of a published run, or of all runs, and yield what is wrong with them."""
    for each in chosen_runs(store, run_id):
        try:
            store.check(each)
        except OutputError as error:
            yield error


def row_by_digest(store: TableStore, prefix: str) -> tuple[str, Row]:
    """Find the row whose `row_sha256` begins with `prefix`, and its table; if runs share it, in the newest.

    Raises:
        InputError: there is no such row, or several.
        CorruptError: a file of a table cannot be read.
    """
    wanted = prefix.lower()
    if not 0 < len(wanted) <= DIGEST_DIGITS or set(wanted) - set("0123456789abcdef"):
        raise InputError(
            f"{prefix!r} begins no SHA-256", remedy="give the first digits of a row's row_sha256"
        )
    begins, by_digest = partial(pc.starts_with, pattern=wanted), dict[str, tuple[str, Row]]()
    for table in POINTING:
        for file in store.files(table):
            rows = _read(file, partial(_rows_with, begins, store, table))
            by_digest |= {row["row_sha256"]: (table, row) for row in rows}
    if len(by_digest) != 1:
        how_many = f"{len(by_digest):,} rows have" if by_digest else "no row has"
        raise InputError(
            f"{how_many} a row_sha256 that begins with {wanted}",
            where=str(store.root),
            remedy="give more of its digits" if by_digest else "`presswatch matches --json` lists them",
        )
    return by_digest.popitem()[1]


def rows_by_digest(store: TableStore, digests: Collection[str]) -> Iterator[Row]:
    """Yield the rows of `matches` with these digests, each with the columns of its file; of all runs.

    Raises:
        CorruptError: a file of the table cannot be read.
        DamagedTablesError: the table is not as it was published.
    """
    is_wanted = partial(pc.is_in, value_set=pa.array(sorted(digests)))
    for file in store.files("matches"):
        yield from _read(file, partial(_rows_with, is_wanted, store, "matches"))


def _rows_with(
    is_wanted: Callable[[pa.Array], pa.Array], store: TableStore, table: str, path: str
) -> list[Row]:
    """Read the rows with wanted digests; of a file without one, only the digests are read."""
    opened = _table(store, path, table)
    places = pc.indices_nonzero(is_wanted(opened.to_table(columns=["row_sha256"])["row_sha256"]))
    rows: list[Row] = opened.take(places).to_pylist() if len(places) else []
    return rows


def _files(store: TableStore, run_id: str | None) -> list[str]:
    if not store.published():
        raise InputError("no run is published here", where=str(store.root))
    # Unchecked: the audit itself finds out which rows are not as they were.
    return store.files("matches", *chosen_runs(store, run_id), check=False)


def _metadata(store: TableStore, path: str) -> Any:
    return pq.read_metadata(path, filesystem=file_system(path, store.root.storage))


def _table(store: TableStore, path: str, table: str = "matches") -> Any:
    names = set(_metadata(store, path).schema.to_arrow_schema().names)
    if lost := [name for name in USED[table] if name not in names]:
        raise CorruptError(f"the file of the table has no column {', '.join(lost)}", where=path)
    schema = pa.schema([column for column in SCHEMAS[table] if column.name in names])
    return store.dataset([path], schema)


def _read(path: str, read: Any) -> Any:
    try:
        return read(path)
    except ARROW_ERRORS as error:
        raise CorruptError(
            "the file of the table cannot be read", where=path, remedy="restore it, or scan again"
        ) from error
