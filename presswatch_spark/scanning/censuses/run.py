"""The census, top to bottom: plan → read the rows of every index file that can match → decide → publish.

A census reads no shard of the release: an index lists all captured URLs and the place of each record.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.store import Corpus, urls_of
from presswatch_spark.matching.judgement.urls import hosts_above, page_url
from presswatch_spark.scanning.ccindex.columns import partitions
from presswatch_spark.scanning.ccindex.wanted import Wanted
from presswatch_spark.scanning.censuses.file import FileCensus, FileReading
from presswatch_spark.scanning.monitoring.progress import EventLog, Observer, Progress
from presswatch_spark.scanning.releases.release import kinds_of
from presswatch_spark.scanning.releases.release_shards import shards_of
from presswatch_spark.scanning.runs.engine import carry_out
from presswatch_spark.scanning.runs.work import Finished, Kind, Row, Work, key_of
from presswatch_spark.storage.objects import canonical
from presswatch_spark.storage.shards import ShardPlan, left_out_line, plan

CRAWL_LIKE = re.compile(r"cc-(?:main|news)[^/.]*$", re.IGNORECASE)
# A URL whose host and first folder are in canonical spelling, whatever follows.
PLAIN_URL = re.compile(
    r"(?P<place>https?://(?:www\.)?(?P<host>[a-z0-9.-]+)/(?!amp\b)[A-Za-z0-9_-]+)"
    r"(?:(?=/)(?:(?!/\.)[^%\\?#\s])*)?(?:[?#].*)?"
)


@dataclass(frozen=True, slots=True)
class CensusSummary:
    """A published census: its row of `censuses`, and its rows of `census_log`.

    `titles`: all titles of the corpus, each with its publisher. `resumed`: an earlier process began it.
    """

    row: Mapping[str, Any]
    log: tuple[Mapping[str, Any], ...]
    titles: Mapping[str, str]
    seconds: float
    resumed: bool = False

    @classmethod
    def of(cls, run: Finished, corpus: Corpus) -> Self:
        """Summarise a published census, from its row and its log."""
        lines = run.log.drop_columns(["releases"]).to_pylist()
        logged = tuple({"run_id": run.row["run_id"], **line} for line in lines)
        return cls(run.row, logged, corpus.registry.publisher_of, run.seconds, run.resumed)


def census(
    releases: Sequence[str],
    *,
    corpus: str,
    out: str,
    config: ScanConfig,
    base: str | None = None,
    spark: SparkSession | None = None,
    progress: Progress | None = None,
    events: EventLog | None = None,
) -> CensusSummary:
    """Take the census of the members' pages in the indexes of `releases`, and publish it in `out`.

    Raises:
        InputError: as in `api.census`.
        CorpusError: the corpus is missing, of another version, or its files differ from its manifest.
        OutputError: `out` is no folder of tables, owned by another process, or full. Finished waves are kept.
        PlatformError: too many files were lost to storage or dying workers; nothing is published.
    """
    files = index_files(releases, base, config)
    observer = Observer(progress or Progress(events=events), events, config.run.metrics_file)
    if line := left_out_line(files.left_out):
        observer.say("left_out", line)
    observer.say("planned", f"index files to read: {len(files):,}")
    opened = Corpus.open(corpus, check=True, storage=config.storage)
    digest, release = opened.manifest.digest, config.read.release
    census_of_file = FileCensus(
        corpus=canonical(corpus),
        corpus_digest=digest,
        wanted=wanted_of(opened),
        attempts=config.run.shard_attempts,
        storage=config.storage,
        release=release,
        seconds=config.run.shard_seconds,
    )
    work = Work(
        CENSUS,
        files,
        key_of("census", files.digest, digest, release or "", __version__),
        census_of_file,
        facts={"corpus_digest": digest, "tool_version": __version__, "release_named": release},
        asked={"dataset": "index", "release": release},
    )
    return CensusSummary.of(carry_out(work, out, config, observer, spark), opened)


def _logged(log: pa.Table, facts: Row) -> dict[str, Any]:
    summed = ("rows", "bytes_expected", "bytes_read")
    # The path of an index names its release even if the index has no capture.
    by_path = (partitions(uri).get("release") for uri in log["shard_uri"].to_pylist())
    releases = {release for release in by_path if release}
    releases.update(chain.from_iterable(log["releases"].to_pylist()))
    if not releases:
        releases.add(facts["release_named"])
    return {
        **{name: pc.sum(log[name]).as_py() or 0 for name in summed},
        "release": releases.pop() if len(releases) == 1 else None,
    }


CENSUS = Kind(
    "censuses",
    "census_log",
    ("captures",),
    FileReading,
    _logged,
    counted="files of the index",
    has_metrics=False,
)
"""A census as a kind of run: its tables, and the function that makes its row."""


def index_files(releases: Sequence[str], base: str | None, config: ScanConfig) -> ShardPlan:
    """Plan the index files of `releases`: those in the list of a crawl, or those of a path."""
    plans = list[ShardPlan]()
    for release in releases:
        path, below = release, base
        # A name like that of a crawl, if no such path exists, is a typing error: suggest the nearest names.
        if kinds_of(release) or (CRAWL_LIKE.match(release) and not Path(release).exists()):
            listed = shards_of(release, "index", base, config.datasets, config.storage)
            path, below = listed.path, listed.base
        plans.append(plan([path], config.storage, below))
    left_out = sorted({uri for each in plans for uri in each.left_out})
    return replace(ShardPlan.of(chain.from_iterable(plans)), left_out=tuple(left_out))


def wanted_of(corpus: Corpus) -> Wanted:
    """Return the places of pages to look for: sites of all titles, and other places of articles' URLs."""
    paths = {host: {site.path for site in sites} for host, sites in corpus.sites.sites.items()}
    whole = {host for host, below in paths.items() if "/" in below}
    seen: set[str] = set()
    all_urls = chain.from_iterable(urls_of(*row) for row in corpus.each("url", "alternate_urls"))
    for url in all_urls:
        plain = PLAIN_URL.fullmatch(url)
        # For most articles, the host alone shows that the census looks for them already.
        if plain and (plain["host"] in whole or plain["place"] in seen):
            continue
        page = page_url(url)
        if page is None:
            continue
        if plain and page.site == plain["host"]:
            # Not for pages in an AMP cache: URLs of other sites may have the same start there.
            seen.add(plain["place"])
        if whole.isdisjoint(hosts_above(page.site)):
            paths.setdefault(page.site, set()).add(page.path)
    return Wanted.of(paths)
