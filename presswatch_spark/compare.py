"""Two runs side by side: which copies are gone, still there or new, and of which nothing can be said.

Absence is only said where it is known: `gone` needs an after run that read every shard to its end, with the
corpus, the settings and the kind of dataset of the before run. What else was not found again is `unknown`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presswatch_spark.errors import OutputError
from presswatch_spark.match_rows import chosen_runs
from presswatch_spark.output.tables import TableStore
from presswatch_spark.spark import session
from presswatch_spark.spark_errors import spark_errors
from presswatch_spark.tables import COMPARISON, SIGHTING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

STATUSES = ("gone", "still_there", "new", "unknown")
# What differs from one release to the next without making a copy easier or harder to find.
HARMLESS = ("release",)


@dataclass(frozen=True, slots=True)
class ComparisonSummary:
    """Rows of each status, and why absence could not be said (None if it could)."""

    counts: Mapping[str, int]
    doubt: str | None
    folder: Path


def compare(tables: str, before: str, after: str, out: str) -> ComparisonSummary:
    """Write the table `comparison` of two published runs (`latest`: the newest) to `out`.

    A pair is an article (or, for `url_only`, a title) and a document's normalised URL; a document without
    URL is known by its text. Of several rows of a pair, the one with the most copied words stands for it.

    Raises:
        InputError: a run is not published.
        OutputError: `out` already holds a comparison, or cannot be written.
    """
    store, folder = TableStore.open(tables), Path(out).absolute() / "comparison"
    (before,), (after,) = chosen_runs(store, before), chosen_runs(store, after)
    unread = _shards(store, before) - _shards(store, after)
    doubt = doubt_of(_run(store, before), _run(store, after), len(unread))
    if (folder / "_SUCCESS").exists():
        raise OutputError("there is a comparison already", where=str(folder), remedy="name another --out")
    spark = session("presswatch compare")
    joined = joined_runs(store.frame(spark, "matches", before), store.frame(spark, "matches", after))
    with spark_errors(folder):
        rows = _with_status(joined, before, after, doubt)
        rows.coalesce(1).sortWithinPartitions("article_id", "document_url").write.mode("overwrite").parquet(
            folder.as_uri()
        )
        written = spark.read.parquet(folder.as_uri()).groupBy("status").count().collect()
    counts = {row["status"]: int(row["count"]) for row in written}
    return ComparisonSummary({status: counts.get(status, 0) for status in STATUSES}, doubt, folder)


def doubt_of(before: Mapping[str, Any], after: Mapping[str, Any], not_planned: int = 0) -> str | None:
    """Why a copy that the after run did not find may be there all the same; None if it is gone.

    Both are rows of `runs`; `not_planned` counts shards of the before run that have no namesake in the after
    run: in another release all names change, in the same one a shard that is not read again says nothing.
    """
    unread = after["shards_planned"] - after["shards_complete"]
    if unread:
        planned = after["shards_planned"]
        return f"the after run did not read {unread:,} of {planned:,} shards to their end"
    if after["shards_planned"] == 0:
        return "the after run has no shards"
    if before["release"] == after["release"] and not_planned:
        return f"the after run did not read {not_planned:,} shards that the before run read"
    if after.get("sample") is not None and before["release"] != after["release"]:
        return "the after run read a sample of its release"
    if after["shards_planned"] < before["shards_planned"]:
        return "the after run read fewer shards than the before run"
    if before["tool_version"] != after["tool_version"]:
        return "the runs were made by different versions"
    if before["corpus_digest"] != after["corpus_digest"]:
        return "the runs had different corpora"
    if before["dataset"] != after["dataset"]:
        return "the runs read different kinds of datasets"
    if _settings(before) != _settings(after):
        return "the runs had different settings"
    return None


def joined_runs(before: DataFrame, after: DataFrame) -> DataFrame:
    """Full join of the pairs of two runs, with their strongest sightings as `before` and `after`."""
    keys = ["publisher_id", "title_id", "article_id", "document"]
    left, right = _pairs(before, keys).alias("l"), _pairs(after, keys).alias("r")
    from pyspark.sql import functions as f

    same = [f.col(f"l.{key}").eqNullSafe(f.col(f"r.{key}")) for key in keys]
    merged = [f.coalesce(f.col(f"l.{key}"), f.col(f"r.{key}")).alias(key) for key in keys]
    return left.join(right, same, "full").select(
        *merged, f.col("l.sighting").alias("before"), f.col("r.sighting").alias("after")
    )


def _pairs(matches: DataFrame, keys: list[str]) -> DataFrame:
    """One row a pair, with its strongest sighting."""
    from pyspark.sql import functions as f

    fields = [f.col(field.name) for field in SIGHTING]
    strongest = f.max_by(f.struct(*fields), f.struct("copied_words", "longest_run_words", "row_sha256"))
    return matches.withColumn("document", _document_key()).groupBy(*keys).agg(strongest.alias("sighting"))


def _document_key() -> Column:
    """The document's normalised URL: a new scheme or tracking parameter must not look like removal."""
    from pyspark.sql import functions as f

    from presswatch_spark.matching.urls import normalise_url

    normalised = f.udf(lambda url: None if url is None else normalise_url(url), "string")
    return f.coalesce(normalised("document_url"), "document_url", "text_sha256")


def _with_status(joined: DataFrame, before: str, after: str, doubt: str | None) -> DataFrame:
    from pyspark.sql import functions as f

    found_before, found_after = f.col("before").isNotNull(), f.col("after").isNotNull()
    status = (
        f.when(found_before & found_after, "still_there")
        .when(found_after, "new")
        .otherwise("unknown" if doubt else "gone")
    )
    return joined.select(
        f.lit(before).alias("before_run_id"),
        f.lit(after).alias("after_run_id"),
        status.alias("status"),
        f.when(status == "unknown", f.lit(doubt)).cast("string").alias("doubt"),
        "publisher_id",
        "title_id",
        "article_id",
        f.coalesce("after.document_url", "before.document_url").alias("document_url"),
        "before",
        "after",
    ).select(*COMPARISON.names)


def _run(store: TableStore, run_id: str) -> dict[str, Any]:
    (row,) = store.read("runs", run_id).to_pylist()
    return dict(row)


def _shards(store: TableStore, run_id: str) -> set[str]:
    """Names of a run's shards: a mirror has other places, but the same names."""
    log = store.read("scan_log", run_id, columns=["shard_uri"])["shard_uri"].to_pylist()
    return {uri.rpartition("/")[2] for uri in log}


def _settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide what is found."""
    settings: dict[str, Any] = json.loads(run["config"])
    read = {name: value for name, value in settings.get("read", {}).items() if name not in HARMLESS}
    return settings | {"read": read}
