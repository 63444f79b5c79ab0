"""Publishing: what the waves of a run found becomes rows of the tables, all of them or none.

Each table is written whole by Spark next to the waves, then moved in by rename; the row of `runs` comes last:
only what has one is published. A publication that was killed is done again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

from presswatch_spark.errors import OutputError
from presswatch_spark.matching.digests import GROUP_DIGITS
from presswatch_spark.matching.digests import table_digest as digest_of
from presswatch_spark.output.markers import Wave
from presswatch_spark.output.runs import Run, clear
from presswatch_spark.output.tables import SCHEMAS, TableStore
from presswatch_spark.output.waves import FOUND
from presswatch_spark.progress import Counts
from presswatch_spark.spark import spark_path, spark_schema
from presswatch_spark.spark_errors import spark_errors

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILE_BYTES = 256 << 20

MATCH_ORDER = ("shard_uri", "record_offset", "row_index", "article_id", "title_id", "row_sha256")
SIGNAL_ORDER = ("shard_uri", "record_offset", "signal", "agent", "row_sha256")
KINDS = {"match": "matches", "signal": "rights_signals", "log": "scan_log"}
"""The tables by their columns in what the waves found."""


def publish(
    spark: SparkSession, store: TableStore, run: Run, waves: Sequence[Wave], facts: Mapping[str, object]
) -> dict[str, object]:
    """Publish `run` and clear its folder; return its row of `runs`.

    Args:
        facts: the columns of `runs` that plan, corpus and settings decide; None where the shards decide.
    """
    staging = run.folder / "tables"
    shutil.rmtree(staging, ignore_errors=True)
    paths = [run.folder / "waves" / wave.attempt for wave in waves]
    counted = reduce(add, (wave.counts for wave in waves), Counts())
    with spark_errors(staging):
        found = spark.read.schema(spark_schema(FOUND)).parquet(*map(spark_path, paths))
        matches, signals, log = (_table(found, kind, run) for kind in KINDS)
        files = max(
            1, sum(part.stat().st_size for path in paths for part in path.glob("*.parquet")) // FILE_BYTES
        )
        # Jobs that do not need each other: of small ones most is waiting. Most runs have no signals at all.
        with ThreadPoolExecutor(6, "publish") as pool:
            totals, digest = pool.submit(_totals, found), pool.submit(table_digest, matches)
            told = pool.submit(table_digest, signals) if counted.signals else pool.submit(digest_of, ())
            written = [
                pool.submit(_write, matches, staging / "matches", files, MATCH_ORDER),
                pool.submit(_write, log, staging / "scan_log", 1, ("shard_uri",)),
            ]
            if counted.signals:
                written.append(pool.submit(_write, signals, staging / "rights_signals", files, SIGNAL_ORDER))
        digests = {"table_digest": digest.result(), "signals_digest": told.result()}
        row = {**facts, **totals.result(), **digests, **_known(facts)}
        row |= {"run_id": run.run_id, "started_at": run.started_at}
        for job in written:
            job.result()
        _check(row, counted, run)
        row["finished_at"] = datetime.now(UTC)
        _write(_one_row(spark, row), staging / "runs", 1, ("run_id",))
    for table in (*(table for table in KINDS.values() if (staging / table).exists()), "runs"):
        store.adopt(table, run.run_id, staging / table)
    clear(run)
    return row


def table_digest(matches: DataFrame) -> str:
    """Digest over the rows' `row_sha256` in any order; equal to `matching.rows.table_digest`."""
    from pyspark.sql import functions as f

    digests = f.concat_ws("", f.array_sort(f.collect_list("row_sha256")))
    prefix = f.substring("row_sha256", 1, GROUP_DIGITS).alias("prefix")
    groups = matches.groupBy(prefix).agg(f.sha2(digests, 256).alias("digest"))
    row = groups.agg(f.array_sort(f.collect_list(f.concat("prefix", "digest"))).alias("all")).first()
    ordered = row["all"] if row else []
    return hashlib.sha256("".join(ordered).encode()).hexdigest()


def _table(found: DataFrame, column: str, run: Run) -> DataFrame:
    """The rows of one table out of what the waves found."""
    from pyspark.sql import functions as f

    names = SCHEMAS[KINDS[column]].names
    rows = found.where(f.col(column).isNotNull()).select(f.lit(run.run_id).alias("run_id"), f"{column}.*")
    return rows.select(*names)


def _totals(found: DataFrame) -> dict[str, object]:
    """The columns of `runs` that the other two tables decide, in one pass over what the waves found."""
    from pyspark.sql import functions as f

    log, match = f.col("log"), f.col("match")
    sums = found.agg(
        *(
            f.count_if(log["status"] == status).alias(f"shards_{status}")
            for status in ("complete", "partial", "failed")
        ),
        *(
            f.coalesce(f.sum(log[name]), f.lit(0)).alias(name)
            for name in ("documents", "documents_skipped", "text_bytes")
        ),
        f.count(match).alias("matches"),
        f.count(f.col("signal")).alias("signals"),
        f.collect_set(log["format"]).alias("formats"),
        f.collect_set(log["release"]).alias("named"),
        f.collect_set(match["release"]).alias("releases"),
    ).first()
    totals = sums.asDict() if sums else {}
    formats, releases = totals.pop("formats"), list({*totals.pop("releases"), *totals.pop("named")})
    return totals | {
        "dataset": formats[0] if len(formats) == 1 else None,
        "release": releases[0] if len(releases) == 1 else None,
    }


def _check(row: Mapping[str, object], counted: Counts, run: Run) -> None:
    """Compare what the waves hold with what was planned, and with what they counted when they were done."""
    shards = sum(int(str(row[f"shards_{status}"])) for status in ("complete", "partial", "failed"))
    got = (shards, row["matches"], row["signals"])
    expected = (row["shards_planned"], counted.matches, counted.signals)
    if got != expected:
        raise OutputError(
            "waves hold {} shards, {} matches and {} signals, expected {}, {} and {}".format(*got, *expected),
            where=str(run.folder),
            remedy="remove that folder and give the same command again: the run starts over",
        )


def _known(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value is not None}


def _one_row(spark: SparkSession, row: Mapping[str, object]) -> DataFrame:
    """The row of `runs` as a table, of literals: rows from Python would take a worker to read."""
    from pyspark.sql import functions as f

    types = spark_schema(SCHEMAS["runs"])
    return spark.range(1).select(
        *(f.lit(row[field.name]).cast(field.dataType).alias(field.name) for field in types)
    )


def _write(table: DataFrame, folder: Path, files: int, order: Sequence[str]) -> None:
    """Write `table` as about `files` Parquet files, sorted."""
    ranges = table.repartitionByRange(files, *order[:3]) if files > 1 else table.coalesce(1)
    ranges.sortWithinPartitions(*order).write.parquet(f"file://{folder}")
