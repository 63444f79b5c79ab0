"""Two runs side by side: which copies are gone, still there or new, and where nothing can be said.

Absence is only said where it is known. `gone` needs an after run that read every shard to its end. It must
have the corpus, the settings and the kind of dataset of the before run, and as many shards of the copy's
subset of the release. What else was not found again is `unknown`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from presswatch_spark.ccindex.columns import WITHOUT_PAGES, in_filename
from presswatch_spark.show import counted
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.session import session
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.frames import written_by_spark
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.reading import chosen_runs
from presswatch_spark.tables.schemas.derived_tables import COMPARISON, SIGHTING
from presswatch_spark.tables.sorted_files import ORDERS, SortedFiles
from presswatch_spark.tables.store import TableStore

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

STATUSES = ("gone", "still_there", "new", "unknown")
FEWER = "the {} run read fewer shards than the {} run"
NAMELESS = "the URL of the document is not known: with another text it may still be there"

KEYS = ("publisher_id", "title_id", "article_id", "document_url", "text_sha256", "shard_uri", "row_sha256")
USED = tuple(dict.fromkeys((*KEYS, *(field.name for field in SIGHTING))))
"""Columns of `matches` that are compared."""

Shard = tuple[str | None, str]
"""The subset of its release, as far as its path says, and its name: a mirror has other places."""


@dataclass(frozen=True, slots=True)
class ComparisonSummary:
    """Rows of each status, and why absence could not be said (None if it could).

    `doubt_of_new`: why what is `new` may have been there before all the same.
    """

    counts: Mapping[str, int]
    doubt: str | None
    doubt_of_new: str | None
    folder: Folder


def compare(
    tables: str, before: str, after: str, out: str, storage: StorageOptions | None = None
) -> ComparisonSummary:
    """Write the table `comparison` of two published runs (`latest`: the newest) to `out`.

    A pair is an article (or, for `url_only`, a title) and a document's normalised URL. A document without a
    known URL is known by its text, and is never `gone`. Of several rows of a pair, the one with the most
    copied words stands for it.

    Raises:
        InputError: a run is not published.
        OutputError: `out` already holds a comparison, or something else, or cannot be written.
    """
    store = TableStore.open(tables, storage)
    (before,), (after,) = chosen_runs(store, before), chosen_runs(store, after)
    doubts = _doubts(store, before, after)

    def write(files: SortedFiles) -> Sequence[Written]:
        spark = session("presswatch compare", workers=False)
        pairs = [store.frame(spark, "matches", run_id, columns=USED) for run_id in (before, after)]
        with spark_errors(files.folder.uri):
            rows = _with_status(joined_runs(*pairs), before, after, doubts).coalesce(1)
            return written_by_spark(rows.sortWithinPartitions(*ORDERS["comparison"]), files)

    written = publish_derived(out, "comparison", (before, after), write, storage)
    statuses = Counter(written.read("comparison", columns=["status"])["status"].to_pylist())
    doubt = "; ".join(sorted(set(doubts.values()))) or None
    of_new = _doubt_between(store, after, before, ("after", "before"))
    counts = {status: statuses[status] for status in STATUSES}
    return ComparisonSummary(counts, doubt, of_new, written.root / "comparison")


def doubt_of(
    found: Mapping[str, Any],
    other: Mapping[str, Any],
    not_planned: int = 0,
    names: tuple[str, str] = ("before", "after"),
) -> str | None:
    """Say why a copy that one run found and the other did not may be there all the same; None if it is not.

    Both are rows of `runs`, with their `names`: what the after run did not find is gone, what the before run
    did not find is new. `not_planned` counts shards of the one run that have no namesake in the other. In
    another release all names change; in the same one, a shard that is not read again says nothing.
    """
    first, second = names
    unread = other["shards_planned"] - other["shards_complete"]
    if unread:
        planned = other["shards_planned"]
        return f"the {second} run did not read {unread:,} of {planned:,} shards to their end"
    if other["shards_planned"] == 0:
        return f"the {second} run has no shards"
    if other["documents"] == 0:
        return f"the {second} run read no document"
    if found["release"] == other["release"] and not_planned:
        return f"the {second} run did not read {counted(not_planned, 'shard')} that the {first} run read"
    if other.get("sample") is not None and found["release"] != other["release"]:
        return f"the {second} run read a sample of its release"
    if other["shards_planned"] < found["shards_planned"]:
        return FEWER.format(second, first)
    if found["tool_version"] != other["tool_version"]:
        return "the runs were made by different versions"
    if found["corpus_digest"] != other["corpus_digest"]:
        return "the runs had different corpora"
    if found["dataset"] != other["dataset"]:
        return "the runs read different kinds of datasets"
    if _settings(found) != _settings(other):
        return "the runs had different settings"
    return None


def doubt_of_subset(subset: str | None, before: Iterable[Shard], after: Collection[Shard]) -> str | None:
    """Say the same of copies that were found in shards of one subset; the subset None: their paths name none.

    A release has files of robots.txt and of errors beside those of pages, of the same names. Only shards of
    the subset itself can show that a copy is gone, or the very shards again, wherever a mirror has them.
    """
    shards = [shard for shard in before if shard[0] == subset]
    if not _not_again(shards, after):
        return None
    subsets = [found for found, _ in after]
    if subset is None:
        only = " and ".join(sorted({found for found in subsets if found}))
        return f"the after run read only {only}" if WITHOUT_PAGES.issuperset(subsets) else None
    if subset not in subsets:
        return f"the after run read no shards that are of the subset {subset} by their path"
    fewer = FEWER.format("after", "before")
    return f"{fewer}, of the subset {subset}" if subsets.count(subset) < len(shards) else None


def joined_runs(before: DataFrame, after: DataFrame) -> DataFrame:
    """Join the pairs of two runs, with their strongest sightings as `before` and `after`.

    `subsets` of a release that the before run found the pair in; an empty name: the path names none.
    """
    keys = ["publisher_id", "title_id", "article_id", "document"]
    left, right = _pairs(before, keys).alias("l"), _pairs(after, keys).alias("r")
    from pyspark.sql import functions as f

    same = [f.col(f"l.{key}").eqNullSafe(f.col(f"r.{key}")) for key in keys]
    merged = [f.coalesce(f.col(f"l.{key}"), f.col(f"r.{key}")).alias(key) for key in keys]
    return left.join(right, same, "full").select(
        *merged,
        f.col("l.sighting").alias("before"),
        f.col("r.sighting").alias("after"),
        f.col("l.subsets").alias("subsets"),
    )


def _pairs(matches: DataFrame, keys: list[str]) -> DataFrame:
    """One row a pair, with its strongest sighting and the subsets of all."""
    from pyspark.sql import functions as f

    fields = [f.col(field.name) for field in SIGHTING]
    strongest = f.max_by(f.struct(*fields), f.struct("copied_words", "longest_run_words", "row_sha256"))
    subset = f.udf(lambda uri: _subset(uri) or "", "string")
    subsets = f.collect_set(subset("shard_uri")).alias("subsets")
    pairs = matches.withColumn("document", _document_key()).groupBy(*keys)
    return pairs.agg(strongest.alias("sighting"), subsets)


def _document_key() -> Column:
    """The document's normalised URL: a new scheme or tracking parameter must not look like removal.

    Without one the text's digest: what stands in the place of a URL ("n/a") may stand there in many rows.
    """
    from pyspark.sql import functions as f

    from presswatch_spark.judgement.urls import normalise_url

    normalised = f.udf(lambda url: None if url is None else normalise_url(url), "string")
    return f.coalesce(normalised("document_url"), "text_sha256")


def _with_status(joined: DataFrame, before: str, after: str, doubts: Mapping[str | None, str]) -> DataFrame:
    from pyspark.sql import functions as f

    in_doubt = (
        f.when(f.array_contains("subsets", subset or ""), f.lit(reason)) for subset, reason in doubts.items()
    )
    nameless = f.when(f.col("document") == f.col("before.text_sha256"), f.lit(NAMELESS))
    doubt = f.coalesce(*in_doubt, nameless)

    found_before, found_after = f.col("before").isNotNull(), f.col("after").isNotNull()
    status = (
        f.when(found_before & found_after, "still_there")
        .when(found_after, "new")
        .when(doubt.isNotNull(), "unknown")
        .otherwise("gone")
    )
    return joined.select(
        f.lit(before).alias("before_run_id"),
        f.lit(after).alias("after_run_id"),
        status.alias("status"),
        f.when(status == "unknown", doubt).alias("doubt"),
        "publisher_id",
        "title_id",
        "article_id",
        f.coalesce("after.document_url", "before.document_url").alias("document_url"),
        "before",
        "after",
    ).select(*COMPARISON.names)


def _doubts(store: TableStore, before: str, after: str) -> dict[str | None, str]:
    """Say why absence cannot be said, by the subset of a release that a copy was found in."""
    first, second = _shards(store, before), _shards(store, after)
    whole = _doubt_between(store, before, after, ("before", "after"))
    found = store.read("matches", before, columns=["shard_uri"])["shard_uri"].unique().to_pylist()
    subsets = {subset for subset, _ in first} | {_subset(uri) for uri in found}
    reasons = {subset: whole or doubt_of_subset(subset, first, second) for subset in subsets}
    return {subset: reason for subset, reason in reasons.items() if reason}


def _doubt_between(store: TableStore, found: str, other: str, names: tuple[str, str]) -> str | None:
    """Say why what the one run found and the other did not may be there all the same, in any subset."""
    (one,), (two,) = (store.read("runs", run_id).to_pylist() for run_id in (found, other))
    not_planned = len(_not_again(_shards(store, found), _shards(store, other)))
    doubt = doubt_of(one, two, not_planned, names)
    if doubt or one["release"] != two["release"]:
        return doubt
    # Nobody knows whether the very shards of these names were read again.
    uris = _shard_uris(store, found)
    nameless = len(uris) - len(set(uris))
    have = f"{counted(nameless, 'shard')} of the {names[0]} run {'has' if nameless == 1 else 'have'}"
    return f"{have} the name of another, but for what follows `?`" if nameless else None


def _shards(store: TableStore, run_id: str) -> list[Shard]:
    return [(_subset(uri), uri.rpartition("/")[2]) for uri in _shard_uris(store, run_id)]


def _shard_uris(store: TableStore, run_id: str) -> list[str]:
    uris: list[str] = store.read("scan_log", run_id, columns=["shard_uri"])["shard_uri"].to_pylist()
    return uris


def _subset(shard_uri: str) -> str | None:
    return in_filename(shard_uri).get("subset")


def _not_again(before: Iterable[Shard], after: Iterable[Shard]) -> list[Shard]:
    """Return the shards that were not read again: no shard of their name and subset is in `after`.

    Of several of one name, as many as there are more of them before than after.
    """
    again = defaultdict[str, Counter[str | None]](Counter)
    for subset, name in after:
        again[name][subset] += 1
    left = list[Shard]()
    for (subset, name), count in Counter(before).items():
        there = again[name]
        found = there.total() if subset is None else there[subset] + there[None]
        left += [(subset, name)] * (count - found)
    return left


def _settings(run: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(run["config"])
    # It differs from one release to the next without making a copy easier or harder to find.
    settings.get("read", {}).pop("release", None)
    return settings
