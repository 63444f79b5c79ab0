"""Changes by DuckDB, bucket by bucket: all rows of some articles are in memory at once.

DuckDB gets the deciding columns and numbers of rows. The sightings, which are most of the bytes, stay in
Arrow, and are taken by their numbers when files are written.
"""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.compare import SIDES, Inputs, articles_of
from presswatch_spark.changes.states import (
    ARTICLES,
    COMPARED_AND_SEEN,
    IDENTITY,
    KEYS,
    STORED,
    USED,
    compared,
    keys_of,
    steps,
)
from presswatch_spark.errors import OutputError
from presswatch_spark.queries.in_duckdb import duckdb_session, no_room, unreadable
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.tables.declarations import columns_without_run
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import GROUP_ROWS, SortedFiles
from presswatch_spark.tables.store import column_batches

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WORKERS = 2
"""Buckets in memory at once."""
BUCKET_ROWS, MOST_BUCKETS = 75_000, 200
"""Rows of a bucket, unless an article has more; and the most buckets: each has four open files."""
_OWN = pa.schema([("title_id", pa.string()), ("document", pa.string())])
_OF_SIDE = {"rows": COMPARED_AND_SEEN, "own": _OWN, "articles": ARTICLES}
_SCHEMAS = {f"{side}_{name}": schema for side in SIDES for name, schema in _OF_SIDE.items()}
_SCHEMAS["earlier"] = KEYS


class Buckets:
    """Rows of several names and schemas in files of `folder`, one for each name and bucket that has rows.

    A bucket has the rows of some keys, chosen by a hash: the same for every name.
    """

    def __init__(self, folder: Path, schemas: Mapping[str, pa.Schema], count: int) -> None:
        self._folder, self._schemas, self._count = folder, schemas, count
        self._open = ExitStack()
        self._writers = dict[Path, pa.RecordBatchStreamWriter]()

    def deal(self, name: str, batch: pa.RecordBatch, keys: pa.Array) -> None:
        """Write each row to the bucket of its key, a string."""
        named = keys.dictionary_encode()
        hashes = [zlib.crc32(key.encode()) % self._count for key in named.dictionary.to_pylist()]
        places = np.array(hashes, np.int64)[named.indices.to_numpy()]
        order = np.argsort(places, kind="stable")
        dealt, places = batch.take(pa.array(order)), places[order]
        begins = np.flatnonzero(np.diff(places, prepend=-1))
        with disk_errors(str(self._folder)):
            for first, after in pairwise([*begins, len(order)]):
                path = self._path(name, int(places[first]))
                if path not in self._writers:
                    file = self._open.enter_context(pa.OSFile(str(path), "wb"))
                    writer = self._open.enter_context(pa.ipc.new_stream(file, self._schemas[name]))
                    self._writers[path] = writer
                self._writers[path].write_batch(dealt.slice(first, after - first))

    def close(self) -> None:
        """End the files, which can be read from then on."""
        with disk_errors(str(self._folder)):
            self._open.close()

    def read(self, name: str, number: int) -> pa.Table:
        """Return the rows of a bucket, once: they stay mapped, and their file is removed."""
        path = self._path(name, number)
        if path not in self._writers:
            return self._schemas[name].empty_table()
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as rows:
            path.unlink()
            return rows.read_all()

    def _path(self, name: str, number: int) -> Path:
        return self._folder / f"{name}-{number:05}.arrow"


def write(inputs: Inputs, files: SortedFiles, memory: str, cores: int | None) -> list[Written]:
    """Write the changes of two runs as files, one for each bucket.

    Args:
        memory: the memory that DuckDB may take, such as `500MB`, before it uses the disk.
        cores: how many cores the workers have; None: all.

    Raises:
        ConfigError: DuckDB knows no such size of memory.
        OutputError: there is no room, or rows cannot be read.
    """
    import duckdb

    # A worker is a thread of DuckDB itself. With one more for each core, they would wait for each other.
    threads = max(1, (cores or os.cpu_count() or 1) // WORKERS)
    count = min(max(1, -(-inputs.rows // BUCKET_ROWS)), MOST_BUCKETS)
    with scratch_folder() as folder, duckdb_session(memory, threads) as session:
        try:
            # Spark's name for it.
            session.execute("create macro sha2(x, bits) as sha256(x)")
            dealt = _dealt(inputs, folder, count)
            with ThreadPoolExecutor(WORKERS, "buckets") as pool:
                write_bucket = partial(_written, session, inputs, dealt, files)
                written = list(filter(None, pool.map(write_bucket, range(count))))
        except duckdb.Error as error:
            raise no_room("compare the rows", error, memory) from error
    pa.default_memory_pool().release_unused()
    return written or [files.write_all([])]


def _dealt(inputs: Inputs, folder: Path, count: int) -> Buckets:
    dealt, store = Buckets(folder, _SCHEMAS, count), inputs.store

    def key_of(batch: pa.RecordBatch) -> pa.Array:
        return pc.if_else(pc.equal(batch["article"], ""), batch["document"], batch["article"])

    def deal_side(side: str) -> None:
        for batch in column_batches(store, "matches", [inputs.run_of(side)], USED):
            found = compared(batch, inputs.doubts[side])
            dealt.deal(f"{side}_rows", found, key_of(found))
            # Documents on a title's site meet rows that only name their site.
            is_own = pc.and_(pc.not_equal(found["article"], ""), pc.fill_null(found["own_site"], False))
            there = found.filter(is_own).select(_OWN.names)
            dealt.deal(f"{side}_own", there, there["document"])
        digest = inputs.corpora[side]
        for batch in articles_of(store, digest) if digest else ():
            dealt.deal(f"{side}_articles", batch, batch["article_id"])

    try:
        with closing(dealt):
            with ThreadPoolExecutor(len(SIDES), "dealing") as pool:
                list(pool.map(deal_side, SIDES))
            for batch in column_batches(store, "matches", inputs.earlier, IDENTITY):
                keys = keys_of(batch)
                dealt.deal("earlier", keys, key_of(keys))
    except (pa.ArrowException, OSError) as error:
        raise unreadable(store, error) from error
    return dealt


def _written(
    session: "DuckDBPyConnection",
    inputs: Inputs,
    dealt: Buckets,
    files: SortedFiles,
    number: int,
) -> Written | None:
    tables, seen = {name: dealt.read(name, number) for name in _SCHEMAS}, dict[str, pa.Array]()
    for side in SIDES:
        rows = tables[f"{side}_rows"]
        seen[side] = _whole(rows["sighting"])
        numbers = pa.array(np.arange(len(rows)))
        tables[f"{side}_rows"] = rows.set_column(rows.schema.get_field_index("sighting"), "sighting", numbers)
    # Other connections do not see what one registers or makes for a while.
    with session.cursor() as connection:
        for name, rows in tables.items():
            connection.register(name, rows)
        for name, query in steps(inputs.question).items():
            kind = "temp table" if name in STORED else "temp view"
            connection.execute(f"create or replace {kind} {name} as {query}")
        changes = connection.sql("select * from changes").to_arrow_reader(GROUP_ROWS).read_all()
    if not len(changes):
        return None
    return files.write_all(_table_rows(changes, seen, (inputs.before, inputs.after)))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    # Arrow addresses 2 GB of texts in one piece.
    try:
        return column.combine_chunks()
    except pa.ArrowInvalid as error:
        raise OutputError(
            f"{len(column):,} rows of few articles are more than DuckDB is given at once",
            where="matches",
            remedy="give the same command with --engine spark",
        ) from error


def _table_rows(
    changes: pa.Table, seen: Mapping[str, pa.Array], runs: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    urls = (
        pc.struct_field(seen[side], "document_url").take(_whole(changes[side])) for side in reversed(SIDES)
    )
    articles = pc.if_else(pc.equal(changes["article"], ""), None, changes["article"])
    changes = changes.append_column("article_id", articles)
    changes = changes.append_column("document_url", pc.coalesce(*urls))
    keys = ("article_id", "document_url", "change_sha256")
    order = pc.sort_indices(changes, [(name, "ascending", "at_start") for name in keys])
    schema = columns_without_run("changes")
    for first in range(0, len(order), GROUP_ROWS):
        group = changes.take(order.slice(first, GROUP_ROWS))
        columns = {name: _whole(group[name]) for name in group.column_names}
        for side, run in zip(SIDES, runs, strict=True):
            columns[side] = seen[side].take(columns[side])
            columns[f"copied_words_{side}"] = pc.struct_field(columns[side], "copied_words")
            columns[f"{side}_run_id"] = pa.repeat(run, len(group))
        yield pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
