"""Changes by Spark, for what is beyond one host: the rows of a pair are in one task, which writes a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from presswatch_spark.changes.compare import SIDES, TABLE, Inputs
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
    text,
)
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.session import session, spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.tables.declarations import Change
from presswatch_spark.tables.frames import written_by_spark
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import ORDERS, SortedFiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS_A_TASK = 200_000


def write(
    inputs: Inputs, files: SortedFiles, master: str | None = None, cores: int | None = None
) -> Sequence[Written]:
    """Write the changes of two runs as files, one for each task; raises `PresswatchError` if Spark fails."""
    spark = session("presswatch compare", master=master, cores=cores)
    with spark_errors(files.folder.uri):
        frames = _inputs(spark, inputs)
        for name, frame in frames.items():
            frame.createOrReplaceTempView(name)
        for name, query in steps(inputs.question).items():
            found = spark.sql(query)
            if name in STORED:
                frames[name] = found.persist()
            found.createOrReplaceTempView(name)
        # Rows without article are told apart by their documents: there may be more than one task can take.
        shown = f"""
            select {text(inputs.before)} as before_run_id, {text(inputs.after)} as after_run_id,
                nullif(article, '') as article_id,
                coalesce(after.document_url, before.document_url) as document_url,
                before.copied_words as copied_words_before, after.copied_words as copied_words_after, *
            from changes"""
        meeting = "coalesce(article_id, document)"
        tasks = max(1, -(-inputs.rows // ROWS_A_TASK), spark.sparkContext.defaultParallelism)
        changes = spark.sql(f"select *, {meeting} as meeting from ({shown})").repartition(tasks, "meeting")
        columns = [name for name in Change.schema.names if name != "run_id"]
        written = written_by_spark(changes.select(*columns).sortWithinPartitions(*ORDERS["changes"]), files)
        for frame in frames.values():
            frame.unpersist()
    return written


def _inputs(spark: SparkSession, inputs: Inputs) -> dict[str, DataFrame]:
    store = inputs.store
    frames: dict[str, DataFrame] = {}
    for side in SIDES:
        matches = store.frame(spark, "matches", inputs.run_of(side), columns=USED)
        turned = partial(_in_task, partial(compared, doubts=inputs.doubts[side]))
        rows = matches.mapInArrow(turned, spark_schema(COMPARED_AND_SEEN)).persist()
        frames[f"{side}_rows"] = rows
        frames[f"{side}_own"] = rows.where("article <> '' and own_site").select("title_id", "document")
        frames[f"{side}_articles"] = _articles(spark, inputs, side)
    if inputs.earlier:
        earlier = store.frame(spark, "matches", *inputs.earlier, columns=IDENTITY)
        frames["earlier"] = earlier.mapInArrow(partial(_in_task, keys_of), spark_schema(KEYS))
    else:
        frames["earlier"] = spark.createDataFrame([], spark_schema(KEYS))
    return frames


def _articles(spark: SparkSession, inputs: Inputs, side: str) -> DataFrame:
    digest = inputs.corpora[side]
    if digest is None:
        return spark.createDataFrame([], spark_schema(ARTICLES))
    from pyspark.sql import functions as f

    columns = [*ARTICLES.names, "corpus_digest"]
    rows = inputs.store.frame(spark, TABLE, columns=columns)
    return rows.where(f.col("corpus_digest") == digest).select(*ARTICLES.names)


def _in_task(
    function: Callable[[pa.RecordBatch], pa.RecordBatch], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    with task():
        yield from map(function, batches)
