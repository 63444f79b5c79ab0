"""The table `changes` of two published runs: its inputs, its making by DuckDB or Spark, and its totals.

DuckDB works bucket by bucket: all rows of some articles are in memory at once. It gets only the columns that
decide, and row numbers. The other columns (`sighting`), most of the bytes, stay in Arrow; they are looked up
by row number when files are written. Spark, for inputs beyond one host, brings a pair's rows into one task.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.spark.session import session, spark_schema
from presswatch_spark.core.spark.worker import task
from presswatch_spark.query.changes import states
from presswatch_spark.query.changes.states import SIDES, TABLE, Inputs
from presswatch_spark.query.duckdb_engine import duckdb_session, no_room, unreadable
from presswatch_spark.query.sql import chosen_engine
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.tables.declarations import Change, columns_without_run
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.digests import digest_of_packed, packed
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import (
    GROUP_ROWS,
    ORDERS,
    SortedFiles,
    tasks_for,
    written_by_spark,
    written_columns,
)
from presswatch_spark.tables.store import TableStore, chosen_runs, column_batches

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WORKERS = 2
"""Buckets in memory at once."""
BUCKET_ROWS, MOST_BUCKETS = 75_000, 200
"""Rows of a bucket, unless an article has more; and the most buckets, as each has several open files."""
_OWN = pa.schema([("title_id", pa.string()), ("document", pa.string())])
_OF_SIDE = {"rows": states.COMPARED, "own": _OWN, "articles": states.ARTICLES}
_SCHEMAS = {f"{side}_{name}": schema for side in SIDES for name, schema in _OF_SIDE.items()}
_SCHEMAS["earlier"] = states.KEYS


class Buckets:
    """Rows of several named tables, partitioned into files by a hash of their keys.

    A bucket contains the rows of all tables with some keys.
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
        """Finish the files; after that, they can be read."""
        with disk_errors(str(self._folder)):
            self._open.close()

    def read(self, name: str, number: int) -> pa.Table:
        """Return the rows of a bucket, once: they stay memory-mapped, and their file is removed."""
        path = self._path(name, number)
        if path not in self._writers:
            return self._schemas[name].empty_table()
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as rows:
            path.unlink()
            return rows.read_all()

    def _path(self, name: str, number: int) -> Path:
        return self._folder / f"{name}-{number:05}.arrow"


def _by_duckdb(inputs: Inputs, files: SortedFiles, memory: str, cores: int | None) -> list[Written]:
    import duckdb

    # Each worker runs a query in DuckDB: share the cores among the workers.
    threads = max(1, (cores or os.cpu_count() or 1) // WORKERS)
    count = min(max(1, -(-inputs.rows // BUCKET_ROWS)), MOST_BUCKETS)
    with scratch_folder() as folder, duckdb_session(memory, threads) as session:
        try:
            # Spark's name of the function; queries are shared.
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
        for batch in column_batches(store, "matches", [inputs.runs[side]], states.USED):
            found = states.compared(batch, inputs.doubts[side])
            dealt.deal(f"{side}_rows", found, key_of(found))
            # Documents with an article on a title's own site are also compared with rows that only name it.
            is_own = pc.and_(pc.not_equal(found["article"], ""), pc.fill_null(found["own_site"], False))
            there = found.filter(is_own).select(_OWN.names)
            dealt.deal(f"{side}_own", there, there["document"])
        digest = inputs.corpora[side]
        for batch in states.articles_of(store, digest) if digest else ():
            dealt.deal(f"{side}_articles", batch, batch["article_id"])

    try:
        with closing(dealt):
            with ThreadPoolExecutor(len(SIDES), "dealing") as pool:
                list(pool.map(deal_side, SIDES))
            for batch in column_batches(store, "matches", inputs.earlier, states.IDENTITY):
                keys = states.keys_of(batch)
                dealt.deal("earlier", keys, key_of(keys))
    except (pa.ArrowException, OSError) as error:
        raise unreadable(store, error) from error
    return dealt


def _written(
    session: DuckDBPyConnection,
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
    # Registered and temporary tables belong to one connection: each worker has its own.
    with session.cursor() as connection:
        for name, rows in tables.items():
            connection.register(name, rows)
        for name, query in states.steps(inputs).items():
            kind = "temp table" if name in states.STORED else "temp view"
            connection.execute(f"create or replace {kind} {name} as {query}")
        changes = connection.sql("select * from changes").to_arrow_table()
    if not len(changes):
        return None
    return files.write_all(_table_rows(changes, seen, inputs.runs))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    # An Arrow array of texts has at most 2 GB.
    try:
        return column.combine_chunks()
    except pa.ArrowInvalid as error:
        raise OutputError(
            f"{len(column):,} rows of a few articles are too many for DuckDB",
            where="matches",
            remedy="run the same command with --engine spark",
        ) from error


def _table_rows(
    changes: pa.Table, seen: Mapping[str, pa.Array], runs: Mapping[str, str]
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
        for side, run in runs.items():
            columns[side] = seen[side].take(columns[side])
            columns[f"copied_words_{side}"] = pc.struct_field(columns[side], "copied_words")
            columns[f"{side}_run_id"] = pa.repeat(run, len(group))
        yield pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _by_spark(inputs: Inputs, files: SortedFiles, master: str | None, cores: int | None) -> Sequence[Written]:
    from pyspark.sql import functions as f

    # This import loads PySpark, which DuckDB does not need.
    from presswatch_spark.core.spark.errors import spark_errors

    spark, store = session("presswatch compare", master=master, cores=cores), inputs.store
    with spark_errors(files.folder.uri):
        schemas = {name: spark_schema(schema) for name, schema in _SCHEMAS.items()}
        frames = {name: spark.createDataFrame([], schema) for name, schema in schemas.items()}
        for side in SIDES:
            matches = store.frame(spark, "matches", inputs.runs[side], columns=states.USED)
            turned = partial(_in_task, partial(states.compared, doubts=inputs.doubts[side]))
            rows = matches.mapInArrow(turned, schemas[f"{side}_rows"]).persist()
            frames[f"{side}_rows"] = rows
            frames[f"{side}_own"] = rows.where("article <> '' and own_site").select("title_id", "document")
            if digest := inputs.corpora[side]:
                articles = store.frame(spark, TABLE, columns=[*states.ARTICLES.names, "corpus_digest"])
                chosen = articles.where(f.col("corpus_digest") == digest)
                frames[f"{side}_articles"] = chosen.select(*states.ARTICLES.names)
        if inputs.earlier:
            earlier = store.frame(spark, "matches", *inputs.earlier, columns=states.IDENTITY)
            frames["earlier"] = earlier.mapInArrow(partial(_in_task, states.keys_of), schemas["earlier"])
        for name, frame in frames.items():
            frame.createOrReplaceTempView(name)
        for name, query in states.steps(inputs).items():
            found = spark.sql(query)
            if name in states.STORED:
                frames[name] = found.persist()
            found.createOrReplaceTempView(name)
        # Rows without an article are spread by their documents: one task could not take all of them.
        shown = f"""
            select {", ".join(f"{states.text(run)} as {side}_run_id" for side, run in inputs.runs.items())},
                nullif(article, '') as article_id,
                coalesce(after.document_url, before.document_url) as document_url,
                before.copied_words as copied_words_before, after.copied_words as copied_words_after, *
            from changes"""
        meeting = "coalesce(article_id, document)"
        tasks = tasks_for(inputs.rows, spark)
        changes = spark.sql(f"select *, {meeting} as meeting from ({shown})").repartition(tasks, "meeting")
        columns = [name for name in Change.schema.names if name != "run_id"]
        written = written_by_spark(changes.select(*columns).sortWithinPartitions(*ORDERS["changes"]), files)
        for frame in frames.values():
            frame.unpersist()
    return written


def _in_task(
    function: Callable[[pa.RecordBatch], pa.RecordBatch], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    with task():
        yield from map(function, batches)


@dataclass(frozen=True, slots=True)
class ChangesSummary:
    """A published table `changes`, with counts of pairs by state, and by state and doubt (`doubts`)."""

    tables: TableStore
    counts: Mapping[str, int]
    doubts: Mapping[tuple[str, str], int]
    table_digest: str
    engine: str

    @property
    def folder(self) -> Folder:
        """Return the folder of the table."""
        return self.tables.root / "changes"


def compare(
    tables: str,
    before: str,
    after: str,
    out: str,
    config: ScanConfig | None = None,
    *,
    engine: str = "auto",
    memory: str = "500MB",
) -> ChangesSummary:
    """Write the table `changes` of two published runs (`latest`: the newest) to `out`.

    `engine`: one of `sql.ENGINES`; DuckDB uses the disk beyond `memory`. Raises `InputError` if a run is not
    published, and `OutputError` if `out` has such a table, or cannot be written.
    """
    config = config or ScanConfig()
    store = TableStore.open(tables, config.storage)
    (before,), (after,) = chosen_runs(store, before), chosen_runs(store, after)
    engines, about = list[str](), dict[str, object]()
    pairs, digests = Counter[tuple[str, str | None]](), list[bytes]()

    def write(files: SortedFiles) -> Sequence[Written]:
        inputs = Inputs.of(store, before, after)
        engines.append(chosen_engine(engine, inputs.rows))
        if engines[0] == "spark":
            written = _by_spark(inputs, files, config.run.master, config.run.cores)
        else:
            written = _by_duckdb(inputs, files, memory, config.run.cores)
        for rows in written_columns(files, written, ("state", "doubt", "change_sha256")):
            digests.append(packed(rows["change_sha256"]))
            pairs.update(zip(rows["state"].to_pylist(), rows["doubt"].to_pylist(), strict=True))
        about["table_digest"] = digest_of_packed(digests)
        return written

    published = publish_derived(out, "changes", (before, after), write, config.storage, about)
    counts = dict.fromkeys(states.STATES, 0)
    for (state, _), count in pairs.items():
        counts[state] += count
    doubts = {(state, doubt): count for (state, doubt), count in pairs.items() if doubt is not None}
    return ChangesSummary(published, counts, doubts, str(about["table_digest"]), engines[0])
