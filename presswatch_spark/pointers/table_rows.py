"""Rows of `matches` as their files hold them: drawn at random, or found by their digest, as are those of
`rights_signals`.

A file of an earlier version has fewer columns; its rows' digests are over those, so they are read with those.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.errors import CorruptError, InputError, OutputError
from presswatch_spark.formats.table.opening import ARROW_ERRORS
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.storage.arrow_files import file_system
from presswatch_spark.tables.reading import chosen_runs
from presswatch_spark.tables.schemas import SCHEMAS
from presswatch_spark.tables.schemas.census_tables import CAPTURES
from presswatch_spark.tables.store import TableStore

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
    "captures": tuple(CAPTURES.names),
}  # fmt: skip


def drawn_rows(store: TableStore, run_id: str | None, count: int, seed: int) -> tuple[list[Row], int]:
    """`count` rows of a published run (`latest`: the newest), or of all runs, and how many there are.

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
    """Yield what is wrong with the tables of a published run, or of all, once everything of them is read."""
    for each in chosen_runs(store, run_id):
        try:
            store.check(each)
        except OutputError as error:
            yield error


def row_by_digest(store: TableStore, prefix: str) -> tuple[str, Row]:
    """The row whose `row_sha256` begins with `prefix`, with its table; of several runs, from the newest.

    Raises:
        InputError: there is no such row, or several.
        CorruptError: a file of a table cannot be read.
    """
    wanted = prefix.lower()
    if not 0 < len(wanted) <= DIGEST_DIGITS or set(wanted) - set("0123456789abcdef"):
        raise InputError(
            f"{prefix!r} begins no SHA-256", remedy="give the first digits of a row's row_sha256"
        )
    found: dict[str, tuple[str, Row]] = {}
    for table in POINTING:
        for file in store.files(table):
            rows = _read(file, partial(_rows_that, wanted, store, table))
            found |= {row["row_sha256"]: (table, row) for row in rows}
    if len(found) != 1:
        how_many = f"{len(found):,} rows have" if found else "no row has"
        raise InputError(
            f"{how_many} a row_sha256 that begins with {wanted}",
            where=str(store.root),
            remedy="give more of its digits" if found else "`presswatch matches --json` lists them",
        )
    return found.popitem()[1]


def _rows_that(begin: str, store: TableStore, table: str, path: str) -> list[Row]:
    """Rows whose digest begins so; of a file without one, only the digests are read."""
    opened = _table(store, path, table)
    digests = opened.to_table(columns=["row_sha256"])["row_sha256"]
    places = pc.indices_nonzero(pc.starts_with(digests, begin))
    rows: list[Row] = opened.take(places).to_pylist() if len(places) else []
    return rows


def _files(store: TableStore, run_id: str | None) -> list[str]:
    if not store.published():
        raise InputError("no run is published here", where=str(store.root))
    # As they are: which rows are not as they were is what is to be found out.
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
