"""Changes by DuckDB, bucket by bucket: all rows of some articles meet in memory, whatever the runs hold.

Rows are dealt to buckets of about `BUCKET_ROWS`, by ranges of article ids, in scratch files. Of each bucket
DuckDB sees what decides, and numbers of rows: pairs and digests of texts are numbers, too. The sightings,
which are most of the bytes, stay in Arrow and are taken by their numbers when files are written, while
DuckDB works on the next bucket.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.buckets import Cuts, Stream, dealt
from presswatch_spark.changes.inputs import SIDES, Inputs, articles_of
from presswatch_spark.changes.rows import (
    COMPARED,
    IDENTITY,
    KEYS,
    PAIR,
    USED,
    compared_columns,
    key_batches,
)
from presswatch_spark.changes.states import ARTICLES, STORED, steps
from presswatch_spark.errors import OutputError
from presswatch_spark.queries.duckdb_session import duckdb_session, first_line
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.reading import column_batches
from presswatch_spark.tables.schemas.derived_tables import SIGHTING
from presswatch_spark.tables.sorted_files import GROUP_ROWS, ORDERS, SortedFiles

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BUCKET_ROWS = 100_000
BATCH_ROWS = 1 << 15
SAMPLED_ROWS = 200_000
WAITING = 2
"""Buckets that may wait for their files to be written."""
CODED = ("grade", "confidence", "dataset", "release", "shard_uri", "record_encoding")
"""Columns of few values: they are read and kept as codes."""

_CODE = pa.dictionary(pa.int32(), pa.string())
_OWN = pa.schema([("title_id", pa.string()), ("document", pa.string())])
_PAIR, _NUMBERED = "pair", ("text_sha256", "article_sha256")


def _kept_schema() -> pa.Schema:
    """Return the columns of a row in a bucket: what decides, and what only the sighting has."""
    others = (column for column in SIGHTING if column.name not in COMPARED.names)
    return pa.schema(
        [*COMPARED, *(column.with_type(_CODE) if column.name in CODED else column for column in others)]
    )


KEPT = _kept_schema()
SIGHTING_NAMES = [column.name for column in SIGHTING]


def write(inputs: Inputs, files: SortedFiles, memory: str, cores: int | None) -> list[Written]:
    """Write the changes of two runs as files, one or more for each bucket.

    Args:
        memory: what DuckDB may take, such as `500MB`, before it goes on on disk.
        cores: threads of DuckDB; None: one for each core.

    Raises:
        ConfigError: DuckDB knows no such size of memory.
        OutputError: there is no room, or rows cannot be read.
    """
    import duckdb

    written = list[Future[Written]]()
    with _reused_memory(), scratch_folder() as folder, ThreadPoolExecutor(1, "files") as pool:
        buckets = _Buckets.of(inputs, folder)
        with duckdb_session(memory, cores) as session:
            waiting = deque[Future[Written]]()
            try:
                _prepare(session)
                for number in range(len(buckets.cuts)):
                    found, sides = _changes(session, inputs, buckets, number)
                    if len(found):
                        waiting.append(pool.submit(files.write_all, _rows(found, sides)))
                        written.append(waiting[-1])
                    while len(waiting) >= WAITING:
                        waiting.popleft().result()
            except duckdb.Error as error:
                raise OutputError(
                    f"DuckDB cannot compare the rows: {first_line(error)}",
                    where=str(folder),
                    remedy="make room there, name another disk with TMPDIR, or give more than"
                    f" --memory {memory}",
                ) from error
    return [each.result() for each in written] or [files.write_all([])]


def _prepare(session: "DuckDBPyConnection") -> None:
    """Define what Spark has under other names."""
    session.execute("create macro sha2(x, bits) as sha256(x)")


@contextmanager
def _reused_memory() -> Iterator[None]:
    """Let Arrow take memory from C's allocator, for all threads of this process.

    Batch after batch needs as much as the one before. Arrow's own allocator asked the system for new pages
    more often, which took some tenths of the system time.
    """
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _changes(
    session: "DuckDBPyConnection", inputs: Inputs, buckets: "_Buckets", number: int
) -> tuple[pa.Table, list[pa.RecordBatch]]:
    """Return the changes of a bucket in order, their sightings as row numbers, and the rows of both runs."""
    tables = {name: stream.read(number) for name, stream in buckets.streams.items()}
    # In one piece: rows are taken from it by their numbers.
    sides = [_whole(tables[f"{side}_rows"].select(SIGHTING_NAMES)) for side in SIDES]
    for name in ("before_rows", "after_rows"):
        rows = tables[name]
        tables[name] = rows.select(COMPARED.names).append_column("sighting", pa.array(np.arange(len(rows))))
    _number(tables, PAIR, _PAIR)
    for name in _NUMBERED:
        _number(tables, (name,), name)
    for name, rows in tables.items():
        session.register(name, rows)
    try:
        for name, query in steps(inputs.question, (_PAIR,)).items():
            kind = "temp table" if name in STORED else "temp view"
            session.execute(f"create or replace {kind} {name} as {query}")
        found = session.sql("select * exclude (article, document) from changes").to_arrow_reader(GROUP_ROWS)
        # DuckDB would sort whole rows.
        rows = found.read_all()
        order = [(name, "ascending", "at_start") for name in ORDERS["changes"]]
        return rows.take(pc.sort_indices(rows, order)), sides
    finally:
        for name in STORED:
            session.execute(f"drop table if exists {name}")
        for name in tables:
            session.unregister(name)


def _number(tables: dict[str, pa.Table], columns: Sequence[str], name: str) -> None:
    """Give the tables that have these columns one of numbers, equal where these are alike; null is null.

    Numbers are joined in a fraction of the time that strings take.
    """
    having = [key for key, rows in tables.items() if set(columns) <= set(rows.column_names)]
    numbers = pa.nulls(sum(len(tables[key]) for key in having), pa.int64()).fill_null(0)
    for column in columns:
        chunks = [chunk for key in having for chunk in tables[key][column].chunks]
        coded = pa.chunked_array(chunks, pa.string()).combine_chunks().dictionary_encode()
        both = pc.add(pc.multiply(numbers, len(coded.dictionary)), coded.indices.cast(pa.int64()))
        # The numbers of what is there: products of them never grow beyond 64 bits.
        numbers = both.dictionary_encode().indices.cast(pa.int64())
    first = 0
    for key in having:
        rows = tables[key]
        part = numbers.slice(first, len(rows))
        first += len(rows)
        place = rows.schema.get_field_index(name)
        tables[key] = rows.append_column(name, part) if place < 0 else rows.set_column(place, name, part)


def _whole(rows: pa.Table) -> pa.RecordBatch:
    batches = rows.unify_dictionaries().combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], rows.schema)


def _rows(found: pa.Table, sides: Sequence[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches of `changes`, with sightings in the place of their numbers."""
    for batch in found.to_batches(GROUP_ROWS):
        for side, rows in zip(SIDES, sides, strict=True):
            place = batch.schema.get_field_index(side)
            batch = batch.set_column(place, side, _sightings(batch[side], rows))
        yield batch


def _sightings(numbers: pa.Array, rows: pa.RecordBatch) -> pa.Array:
    """Return the rows of these numbers as structs; null for null."""
    columns = [rows[column.name].take(numbers).cast(column.type) for column in SIGHTING]
    return pa.StructArray.from_arrays(columns, fields=list(SIGHTING), mask=pc.is_null(numbers))


@dataclass(frozen=True, slots=True)
class _Buckets:
    """All that is compared, by bucket: the inputs of `states.steps` by their names."""

    cuts: Cuts
    streams: dict[str, Stream]

    @classmethod
    def of(cls, inputs: Inputs, folder: Path) -> "_Buckets":
        """Deal the rows of all runs, and the articles of their corpora where these differ."""
        cuts = Cuts.of(_sample(inputs), inputs.rows, BUCKET_ROWS)
        streams = dict[str, Stream]()
        with ThreadPoolExecutor(len(SIDES), "dealing") as pool:
            for side in pool.map(lambda side: _dealt_side(inputs, side, folder, cuts), SIDES):
                streams |= side
        earlier = key_batches(_read(inputs, inputs.earlier, IDENTITY)) if inputs.earlier else ()
        streams["earlier"] = dealt(Stream(folder, "earlier", KEYS), earlier, cuts.of_pairs)
        return cls(cuts, streams)


def _dealt_side(inputs: Inputs, side: str, folder: Path, cuts: Cuts) -> dict[str, Stream]:
    """Deal what one of both runs brings."""
    own = Stream(folder, f"{side}_own", _OWN)
    rows = dealt(
        Stream(folder, f"{side}_rows", KEPT), _own_aside(_kept(inputs, side), own, cuts), cuts.of_pairs
    )
    own.close()
    articles = dealt(
        Stream(folder, f"{side}_articles", ARTICLES),
        _articles(inputs, side),
        lambda batch: cuts.of_articles(batch["article_id"]),
    )
    return {stream.name: stream for stream in (own, rows, articles)}


def _sample(inputs: Inputs) -> pa.Array:
    """Return the articles of rows here and there; of rows without article, an empty one."""
    every = max(1, inputs.rows // SAMPLED_ROWS)
    batches = _read(inputs, (inputs.before, inputs.after, *inputs.earlier), ("article_id",))
    chosen = (
        batch["article_id"].take(pa.array(np.arange(0, len(batch), every))).dictionary_decode()
        for batch in batches
    )
    return pc.fill_null(pa.concat_arrays([pa.array([], pa.string()), *chosen]), "")


def _kept(inputs: Inputs, side: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a run in the schema `KEPT`."""
    doubts = inputs.doubts[side]
    for batch in _read(inputs, [inputs.run_of(side)], USED):
        found = compared_columns(batch, doubts)
        columns = [found[name] if name in found else batch[name] for name in KEPT.names]
        yield pa.RecordBatch.from_arrays(columns, schema=KEPT)


def _own_aside(batches: Iterable[pa.RecordBatch], own: Stream, cuts: Cuts) -> Iterator[pa.RecordBatch]:
    """Yield all batches, and deal documents on their title's site to where rows without article are."""
    for batch in batches:
        on_site = pc.and_(pc.not_equal(batch["article"], ""), pc.fill_null(batch["own_site"], False))
        there = batch.select(_OWN.names).filter(on_site)
        if len(there):
            own.deal(there, cuts.of_documents(there["document"]))
        yield batch


def _articles(inputs: Inputs, side: str) -> Iterator[pa.RecordBatch]:
    digest = inputs.corpora[side]
    if digest is not None:
        yield from articles_of(inputs.store, digest)


def _read(inputs: Inputs, runs: Sequence[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of the rows of runs; those of few values as codes."""
    coded = {*CODED, "article_id", "article_sha256"}.intersection(columns)
    with _readable(inputs):
        yield from column_batches(inputs.store, "matches", runs, columns, coded, BATCH_ROWS)


@contextmanager
def _readable(inputs: Inputs) -> Iterator[None]:
    """Raise what goes wrong when rows are read as ours."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise OutputError(
            f"the rows of matches cannot be read: {first_line(error)}",
            where=str(inputs.store.root),
            remedy="give the same command again; if a file has changed meanwhile, restore it from a copy",
        ) from error
