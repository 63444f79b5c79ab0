"""The census, top to bottom: plan → read the rows of every index file that can match → decide → publish.

A census reads no shard of the release: an index lists all captured URLs and the place of each record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.times import record_time
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.store import Corpus, urls_of
from presswatch_spark.matching.judgement.urls import hosts_above, page_url
from presswatch_spark.reading.rows.columns import as_languages, as_number, as_text
from presswatch_spark.scanning.crawl_index.index_file import (
    IndexReport,
    IndexRow,
    is_cdxj,
    read_cdxj,
    read_index,
)
from presswatch_spark.scanning.crawl_index.wanted import Wanted
from presswatch_spark.scanning.monitoring.progress import EventLog, Observer, Progress
from presswatch_spark.scanning.releases.datasets import shards_of
from presswatch_spark.scanning.releases.release import in_filename, kinds_of, partitions
from presswatch_spark.scanning.runs.run_work import (
    Attempt,
    Kind,
    Outcome,
    Row,
    RunSummary,
    Work,
    key_of,
    outcome_of,
)
from presswatch_spark.storage.objects import ObjectInfo, canonical, shown_uri, stat
from presswatch_spark.storage.shards import ShardPlan, left_out_line, plan
from presswatch_spark.tables.declarations import columns_without_run
from presswatch_spark.tables.digests import row_digest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

INT32_MAX, INT64_MAX = (1 << 31) - 1, (1 << 63) - 1
CRAWL_LIKE = re.compile(r"cc-(?:main|news)[^/.]*$", re.IGNORECASE)


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
) -> RunSummary:
    """Take the census of the members' pages in the indexes of `releases`, and publish it in `out`.

    Raises:
        InputError: as in `api.census`.
        CorpusError: the corpus is missing, of another version, or its files differ from its manifest.
        OutputError: `out` is no folder of tables, owned by another process, or full. Finished waves are kept.
        PlatformError: too many files were lost to storage or dying workers; nothing is published.
    """
    from presswatch_spark.scanning.runs.engine import carry_out

    files = index_files(releases, base, config)
    observer = Observer(progress or Progress(), events, config.run.metrics_file)
    if line := left_out_line(files.left_out):
        observer.say("left_out", line)
    observer.say("planned", f"index files to read: {len(files):,}")
    opened = Corpus.open(corpus, check=True, storage=config.storage)
    digest, release = opened.manifest.digest, config.read.release
    work = Work(
        CENSUS,
        files,
        key_of("census", files.digest, digest, release or "", __version__),
        FileCensus(canonical(corpus), digest, wanted_of(opened), config),
        facts={"corpus_digest": digest, "tool_version": __version__, "release_named": release},
        asked={"dataset": "index", "release": release},
    )
    return carry_out(work, out, config, observer, spark)


@dataclass(slots=True)
class FileReading(Attempt):
    """One attempt at a file, filled during its reading."""

    schemas: ClassVar = {"captures": columns_without_run("captures")}
    report: IndexReport = field(default_factory=IndexReport)

    @property
    def reached(self) -> tuple[int, ...]:
        """Return how far the attempt got, for comparison with others; for a CDXJ shard, by lines."""
        return (self.report.row_groups_done, self.report.rows)

    @property
    def status(self) -> str:
        """Return `complete` only if nothing that can match was lost."""
        if not self.report.defects_total:
            return "complete"
        return "partial" if self.report.row_groups_done else "failed"

    @property
    def columns(self) -> dict[str, object]:
        """Return the columns of `census_log` that a scan lacks, and `releases`."""
        report, captures = self.report, self.tables["captures"]
        releases = set(chain.from_iterable(batch["release"].to_pylist() for batch in captures))
        return {
            "row_groups": report.row_groups,
            "row_groups_read": report.row_groups_read,
            "rows": report.rows,
            "captures": sum(map(len, captures)),
            "columns_missing": list(report.missing),
            "releases": sorted(releases, key=str),
        }


@dataclass(frozen=True, slots=True)
class FileCensus:
    """Takes the census of files for a corpus; Spark sends a copy to every worker."""

    corpus: str
    corpus_digest: str
    wanted: Wanted
    config: ScanConfig

    def __call__(self, file: ObjectInfo) -> Outcome:
        """Take the census of one file; raises only if the corpus cannot be used."""
        corpus = _corpus(self.corpus, self.corpus_digest, self.config.storage)
        return outcome_of(FileReading, partial(self._read, corpus), file, self.config.run)

    def _read(self, corpus: Corpus, reading: FileReading) -> None:
        storage, release = self.config.storage, self.config.read.release
        if reading.shard.size is None:
            reading.shard = stat(reading.shard.uri, storage)
        uri = shown_uri(reading.shard.uri)
        named = {**({"release": release} if release else {}), **partitions(uri)}
        read = read_cdxj if is_cdxj(uri) else read_index
        for place, row in read(reading.shard, self.wanted, storage, reading.report):
            match = corpus.sites.match(str(row["url"]), corpus.urls) if row["url"] is not None else None
            if match is None:
                continue
            article = corpus.article(match.articles[0]) if match.articles else None
            owned: IndexRow = {
                "title_id": match.title_id or (article and article.title_id),
                "publisher_id": match.publisher_id or (article and article.publisher_id),
                "article_id": article and article.article_id,
                "url_match": "article" if article else "title",
            }
            filename = as_text(row.get("warc_filename"))
            by_filename = in_filename(filename)
            capture: IndexRow = {
                **owned,
                "url": row["url"],
                "captured_at": record_time(row.get("captured_at")),
                "http_status": as_number(row.get("http_status"), INT32_MAX),
                "languages": list(as_languages(row.get("languages"))),
                "warc_filename": filename,
                "record_offset": as_number(row.get("record_offset"), INT64_MAX),
                "record_length": as_number(row.get("record_length"), INT64_MAX),
                "shard_uri": uri,
                "row_index": place,
            }
            for name in ("mime_declared", "mime_detected", "charset", "truncated", "payload_digest"):
                capture[name] = as_text(row.get(name))
            for name in ("release", "subset"):
                capture[name] = as_text(row.get(name)) or by_filename.get(name) or named.get(name)
            reading.tables["captures"].add({**capture, "row_sha256": row_digest(capture)})


_corpus = lru_cache(maxsize=1)(Corpus.same)


def _columns_of_run(log: pa.Table, facts: Row) -> dict[str, Any]:
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
    _columns_of_run,
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
    for url in chain.from_iterable(urls_of(*row) for row in corpus.each("url", "alternate_urls")):
        page = page_url(url)
        if page and whole.isdisjoint(hosts_above(page.site)):
            # `Wanted` uses only the first name of a path.
            paths.setdefault(page.site, set()).add("/".join(page.path.split("/")[:2]))
    return Wanted.of(paths)
