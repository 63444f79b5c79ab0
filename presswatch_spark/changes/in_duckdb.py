"""Changes by DuckDB, bucket by bucket: all rows of some articles meet in memory, whatever the runs' size.

DuckDB gets what decides, and numbers of rows. The sightings, which are most of the bytes, stay in Arrow, and
are taken by their numbers when files are written.
"""

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.compare import SIDES, ChangeTotals, Inputs, articles_of
from presswatch_spark.changes.rows import COMPARED_AND_SEEN, IDENTITY, KEYS, USED, compared, keys_of
from presswatch_spark.changes.states import ARTICLES, STORED, steps
from presswatch_spark.errors import OutputError
from presswatch_spark.queries.in_duckdb import duckdb_session, first_line
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.tables.declarations import columns_without_run
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import GROUP_ROWS, SortedFiles
from presswatch_spark.tables.store import column_batches

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WORKERS = 2
"""Buckets that are in memory at once."""
BUCKET_ROWS, MOST_BUCKETS = 75_000, 200
"""Rows of a bucket, if no article has more; and how many there are at most: each has four open files."""
_OWN = pa.schema([("title_id", pa.string()), ("document", pa.string())])


class Buckets:
    """Rows of one schema in files of `folder`, one for each bucket that has rows.

    A bucket has the rows of some keys, chosen by a hash: the same in every stream of so many buckets.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema, count: int) -> None:
        self._folder, self._name, self._schema, self._count = folder, name, schema, count
        self._open = ExitStack()
        self._writers = dict[int, pa.RecordBatchStreamWriter]()

    def deal(self, batch: pa.RecordBatch, keys: pa.Array) -> None:
        """Write each row to the bucket of its key, a string."""
        named = keys.dictionary_encode()
        hashes = [zlib.crc32(key.encode()) % self._count for key in named.dictionary.to_pylist()]
        places = np.array(hashes, np.int64)[named.indices.to_numpy()]
        order = np.argsort(places, kind="stable")
        dealt, places = batch.take(pa.array(order)), places[order]
        begins = np.flatnonzero(np.diff(places, prepend=-1))
        with disk_errors(str(self._folder)):
            for first, after in pairwise([*begins, len(order)]):
                number = int(places[first])
                if number not in self._writers:
                    file = self._open.enter_context(pa.OSFile(str(self._path(number)), "wb"))
                    writer = self._open.enter_context(pa.ipc.new_stream(file, self._schema))
                    self._writers[number] = writer
                self._writers[number].write_batch(dealt.slice(first, after - first))

    def deal_all(
        self, batches: Iterable[pa.RecordBatch], keys: Callable[[pa.RecordBatch], pa.Array]
    ) -> "Buckets":
        """Write all batches, and end the files."""
        try:
            for batch in batches:
                self.deal(batch, keys(batch))
        finally:
            self.close()
        return self

    def close(self) -> None:
        """End the files: rows can be read from then on."""
        with disk_errors(str(self._folder)):
            self._open.close()

    def read(self, number: int) -> pa.Table:
        """Return the rows of a bucket, once: they stay mapped, and their file is removed."""
        if number not in self._writers:
            return self._schema.empty_table()
        path = self._path(number)
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as rows:
            path.unlink()
            return rows.read_all()

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number:05}.arrow"


def write(
    inputs: Inputs, files: SortedFiles, memory: str, cores: int | None, totals: ChangeTotals
) -> list[Written]:
    """Write the changes of two runs as files, one for each bucket, and add them to `totals`.

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
            written = []
            with ThreadPoolExecutor(WORKERS, "buckets") as pool:
                buckets = pool.map(
                    lambda number: _written(session, inputs, dealt, number, files), range(count)
                )
                for file, of_bucket in filter(None, buckets):
                    written.append(file)
                    totals.add(of_bucket)
        except duckdb.Error as error:
            raise OutputError(
                f"DuckDB cannot compare the rows: {first_line(error)}",
                where=str(folder),
                remedy=f"make room there, name another disk with TMPDIR, or give more than --memory {memory}",
            ) from error
    pa.default_memory_pool().release_unused()
    return written or [files.write_all([])]


def _dealt(inputs: Inputs, folder: Path, count: int) -> dict[str, Buckets]:
    try:
        with ThreadPoolExecutor(len(SIDES), "dealing") as pool:
            sides = list(pool.map(lambda side: _dealt_side(inputs, side, folder, count), SIDES))
        earlier = column_batches(inputs.store, "matches", inputs.earlier, IDENTITY) if inputs.earlier else ()
        keys = Buckets(folder, "earlier", KEYS, count).deal_all(map(keys_of, earlier), _key_of)
    except (pa.ArrowException, OSError) as error:
        raise OutputError(
            f"the rows of matches cannot be read: {first_line(error)}",
            where=str(inputs.store.root),
            remedy="give the same command again; if a file has changed meanwhile, restore it from a copy",
        ) from error
    return {**sides[0], **sides[1], "earlier": keys}


def _key_of(batch: pa.RecordBatch) -> pa.Array:
    return pc.if_else(pc.equal(batch["article"], ""), batch["document"], batch["article"])


def _dealt_side(inputs: Inputs, side: str, folder: Path, count: int) -> dict[str, Buckets]:
    """Deal the rows of one of both runs; documents on a title's site meet rows that only name their site."""
    rows = Buckets(folder, f"{side}_rows", COMPARED_AND_SEEN, count)
    own = Buckets(folder, f"{side}_own", _OWN, count)
    articles = Buckets(folder, f"{side}_articles", ARTICLES, count)
    try:
        for batch in column_batches(inputs.store, "matches", [inputs.run_of(side)], USED):
            found = compared(batch, inputs.doubts[side])
            rows.deal(found, _key_of(found))
            is_own = pc.and_(pc.not_equal(found["article"], ""), pc.fill_null(found["own_site"], False))
            there = found.filter(is_own).select(_OWN.names)
            own.deal(there, there["document"])
    finally:
        rows.close()
        own.close()
    digest = inputs.corpora[side]
    known = () if digest is None else articles_of(inputs.store, digest)
    articles.deal_all(known, lambda batch: batch["article_id"])
    return {f"{side}_rows": rows, f"{side}_own": own, f"{side}_articles": articles}


def _written(
    session: "DuckDBPyConnection",
    inputs: Inputs,
    dealt: Mapping[str, Buckets],
    number: int,
    files: SortedFiles,
) -> tuple[Written, ChangeTotals] | None:
    tables, seen = {name: bucket.read(number) for name, bucket in dealt.items()}, dict[str, pa.Array]()
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
    written = files.write_all(_table_rows(changes, seen, (inputs.before, inputs.after)))
    return written, ChangeTotals.of(changes)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece; `OutputError` if its texts are more than Arrow addresses, 2 GB."""
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
