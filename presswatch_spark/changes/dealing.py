"""All that is compared, dealt to buckets of scratch files: all rows of an article meet in one of them.

A bucket has about `BUCKET_ROWS`, whatever the runs hold. It is a range of article ids, or documents whose
rows have no article.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.changes.buckets import Cuts, Numbers, Stream, dealt
from presswatch_spark.changes.inputs import SIDES, Inputs, articles_of
from presswatch_spark.changes.packing import PACKED, OtherTextError, packed
from presswatch_spark.changes.rows import (
    IDENTITY,
    KEYS,
    SIGHTING_NAMES,
    USED,
    judged_columns,
    key_batches,
    pair_columns,
    plain,
)
from presswatch_spark.changes.states import ARTICLES
from presswatch_spark.errors import OutputError
from presswatch_spark.queries.duckdb_session import first_line
from presswatch_spark.tables.reading import column_batches
from presswatch_spark.tables.schemas.scan_tables import MATCHES

BUCKET_ROWS = 150_000
BATCH_ROWS = 1 << 15
SAMPLED_ROWS = 200_000
CODED = frozenset(
    ("publisher_id", "title_id", "grade", "confidence", "dataset", "release", "shard_uri", "record_encoding")
)
"""Columns of few values: they are read and kept as codes."""
DIGESTS = frozenset(("text_sha256", "article_sha256", "row_sha256"))
"""Columns that are kept as packed digests, if they hold nothing else."""

_CODE = pa.dictionary(pa.int32(), pa.string())
_OWN = pa.schema([("title_id", pa.string()), ("document", pa.string())])
_JUDGED = pa.schema([("ranges", pa.list_(pa.int64())), ("many", pa.bool_()), ("doubt", _CODE)])


def _kept_schema(packing: bool) -> pa.Schema:
    """Return the columns of a row in a bucket: what decides, and what its sighting has."""
    types = dict.fromkeys(CODED, _CODE) | (dict.fromkeys(DIGESTS, PACKED) if packing else {})
    names = ("publisher_id", "title_id", "article_id", "article_sha256", *SIGHTING_NAMES)
    return pa.schema([*((name, types.get(name, MATCHES.field(name).type)) for name in names), *_JUDGED])


KEPT, UNPACKED = _kept_schema(packing=True), _kept_schema(packing=False)


@dataclass(frozen=True, slots=True)
class Dealt:
    """All that is compared, by bucket, as streams by their names.

    `before_rows` and `after_rows` are both `KEPT`, or both `UNPACKED`; the others are inputs of
    `states.steps`.
    """

    cuts: Cuts
    streams: dict[str, Stream]

    @classmethod
    def of(cls, inputs: Inputs, folder: Path) -> "Dealt":
        """Deal the rows of all runs, and the articles of their corpora where these differ."""
        cuts = Cuts.of(_sample(inputs), inputs.rows, BUCKET_ROWS)
        try:
            streams = _dealt_sides(inputs, folder, cuts, KEPT)
        except OtherTextError:
            # A scan writes no such rows. They are compared as they are.
            streams = _dealt_sides(inputs, folder, cuts, UNPACKED)
        earlier = key_batches(_read(inputs, inputs.earlier, IDENTITY)) if inputs.earlier else ()
        streams["earlier"] = dealt(
            Stream(folder, "earlier", KEYS),
            earlier,
            lambda batch: cuts.of_pairs(batch["article"], batch["document"].take),
        )
        return cls(cuts, streams)


def _dealt_sides(inputs: Inputs, folder: Path, cuts: Cuts, kept: pa.Schema) -> dict[str, Stream]:
    """Deal what both runs bring, beside each other; their rows in the schema `kept`."""
    streams = dict[str, Stream]()
    with ThreadPoolExecutor(len(SIDES), "dealing") as pool:
        for side in pool.map(lambda side: _dealt_side(inputs, side, folder, cuts, kept), SIDES):
            streams |= side
    return streams


def _dealt_side(inputs: Inputs, side: str, folder: Path, cuts: Cuts, kept: pa.Schema) -> dict[str, Stream]:
    """Deal what one of both runs brings, its rows in the schema `kept`."""
    own, rows = Stream(folder, f"{side}_own", _OWN), Stream(folder, f"{side}_rows", kept)
    articles = Stream(folder, f"{side}_articles", ARTICLES)

    def place(batch: pa.RecordBatch) -> Numbers:
        return cuts.of_pairs(batch["article_id"], lambda rows: _documents(batch.take(rows)))

    try:
        dealt(rows, _own_aside(_rows_of_run(inputs, side, kept), own, cuts), place)
    finally:
        own.close()
    dealt(articles, _articles(inputs, side), lambda batch: cuts.of_articles(batch["article_id"]))
    return {stream.name: stream for stream in (own, rows, articles)}


def _documents(batch: pa.RecordBatch) -> pa.Array:
    return pair_columns(batch)["document"]


def _sample(inputs: Inputs) -> pa.Array:
    """Return the articles of rows here and there; of rows without article, an empty one."""
    share, random = min(1, SAMPLED_ROWS / max(1, inputs.rows)), np.random.default_rng(0)
    batches = _read(inputs, (inputs.before, inputs.after, *inputs.earlier), ("article_id",))
    chosen = (
        # Rows at equal distances may all be of a few articles.
        plain(batch["article_id"].take(pa.array(np.flatnonzero(random.random(len(batch)) < share))))
        for batch in batches
    )
    return pc.fill_null(pa.concat_arrays([pa.array([], pa.string()), *chosen]), "")


def _rows_of_run(inputs: Inputs, side: str, kept: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a run in the schema `kept`."""
    for batch in _read(inputs, [inputs.run_of(side)], USED):
        judged = judged_columns(batch, inputs.doubts[side])
        columns = [
            judged[field.name] if field.name in judged else _kept(batch[field.name], field.type)
            for field in kept
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=kept)


def _kept(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return packed(column) if kind == PACKED else column.cast(kind)


def _own_aside(batches: Iterable[pa.RecordBatch], own: Stream, cuts: Cuts) -> Iterator[pa.RecordBatch]:
    """Yield all batches, and deal documents on their title's site to where rows without article are."""
    for batch in batches:
        of_article = pc.not_equal(batch["article_id"], "")
        there = batch.filter(pc.and_(pc.fill_null(of_article, False), pc.fill_null(batch["own_site"], False)))
        if len(there):
            columns = [plain(there["title_id"]), _documents(there)]
            found = pa.RecordBatch.from_arrays(columns, schema=_OWN)
            own.deal(found, cuts.of_documents(found["document"]))
        yield batch


def _articles(inputs: Inputs, side: str) -> Iterator[pa.RecordBatch]:
    digest = inputs.corpora[side]
    if digest is not None:
        yield from articles_of(inputs.store, digest)


def _read(inputs: Inputs, runs: Sequence[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of the rows of runs; those of few values as codes."""
    with _readable(inputs):
        yield from column_batches(inputs.store, "matches", runs, columns, CODED & set(columns), BATCH_ROWS)


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
