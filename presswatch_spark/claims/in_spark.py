"""Claims by Spark: rows of an article meet in one task, which sorts and judges them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from presswatch_spark.claims.inputs import INPUT, ORDER, USED, Knowledge
from presswatch_spark.claims.judge import Judge
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.session import session, spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.tables.declarations import Claim
from presswatch_spark.tables.frames import written_by_spark
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore

ROWS_A_TASK = 200_000


def write(
    store: TableStore, runs: Sequence[str], knowledge: Knowledge, files: SortedFiles, rows: int
) -> Sequence[Written]:
    """Judge the rows of published runs and write them, a file for each task.

    Args:
        rows: how many there are; they decide how many tasks there are.

    Raises:
        PresswatchError: Spark cannot be started, or a task failed.
    """
    from pyspark.sql import functions as f

    config = knowledge.config.run
    spark = session("presswatch claims", master=config.master, cores=config.cores)
    with spark_errors(files.folder.uri):
        matches = store.frame(spark, "matches", *runs, columns=USED)
        spans = {"starts": "spans.article_start", "ends": "spans.article_end"}
        columns = [*(f.col(path).alias(name) for name, path in spans.items())]
        read = f.col("document_credits").isNotNull().alias("credits_read")
        plain = [name for name in INPUT.names if name not in (*spans, "credits_read")]
        chosen = matches.select(*plain, read, *columns)
        # Rows without article are judged each by itself, and may be more than one task can take.
        meeting = f.coalesce(f.col("article_id"), f.col("row_sha256"))
        tasks = max(1, -(-rows // ROWS_A_TASK), spark.sparkContext.defaultParallelism)
        dealt = chosen.repartition(tasks, meeting).sortWithinPartitions(*ORDER)
        claims = dealt.mapInArrow(JudgeTask(knowledge), spark_schema(Claim.schema))
        return written_by_spark(claims, files)


@dataclass(frozen=True, slots=True)
class JudgeTask:
    """Judges the rows of a Spark task, for `mapInArrow`."""

    knowledge: Knowledge

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the claims of sorted rows of `inputs.INPUT`."""
        with task():
            yield from Judge(self.knowledge).claims(batches)
