"""The census, top to bottom: plan → read what can match of every index file → decide exactly → publish.

No shard of the release is read: an index says which URLs were captured, and where each record is. This page
is the driver; `file` takes the census of a file, `ccindex` knows what an index looks like.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from presswatch_spark import __version__
from presswatch_spark.ccindex.columns import partitions
from presswatch_spark.ccindex.wanted import Wanted
from presswatch_spark.census.file import FileCensus
from presswatch_spark.census.parts import FileOutcome, Kind, part_of, read_outcome, read_part
from presswatch_spark.corpus.spread import spread
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.urls import page_url
from presswatch_spark.monitoring.census import CensusObserver
from presswatch_spark.monitoring.events import EventLog
from presswatch_spark.output.failures import check_budget
from presswatch_spark.output.files import SortedFiles
from presswatch_spark.output.frames import frame
from presswatch_spark.output.markers import FOUND_FOLDER
from presswatch_spark.output.runs import Run, claim, clear, key_of
from presswatch_spark.output.sorting import FILE_BYTES, table_digest
from presswatch_spark.output.tables import TableStore
from presswatch_spark.releases.model import kinds_of
from presswatch_spark.releases.shards import shards_of
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.spark.errors import WorkerDiedError, spark_errors
from presswatch_spark.spark.interrupts import interruptible
from presswatch_spark.spark.session import TASK_FAILURES, session
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.lists import is_list
from presswatch_spark.storage.objects import ObjectInfo, canonical, list_objects, printable
from presswatch_spark.storage.shards import ShardPlan, is_shard_name, plan
from presswatch_spark.tables import CAPTURES, CENSUS_LOG

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STATUSES = ("complete", "partial", "failed")
READERS = 8
CRAWL_LIKE = re.compile(r"cc-(?:main|news)[^/.]*$", re.IGNORECASE)
# A URL whose host and first folder are as they are written, whatever follows.
PLAIN_URL = re.compile(
    r"(?P<place>https?://(?:www\.)?(?P<host>[a-z0-9.-]+)/(?!amp\b)[A-Za-z0-9_-]+)"
    r"(?:(?=/)(?:(?!/\.)[^%\\?#\s])*)?(?:[?#].*)?"
)


@dataclass(frozen=True, slots=True)
class CensusSummary:
    """A published census.

    `row` is its row of `censuses`, `log` its rows of `census_log`. `kinds` counts the captures of each kind,
    `titles` are all titles of the corpus, each with its publisher.
    """

    row: Mapping[str, Any]
    log: tuple[Mapping[str, Any], ...]
    kinds: Mapping[Kind, int]
    titles: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Work:
    """What a census is to do."""

    files: ShardPlan
    corpus: Corpus
    uri: str
    config: ScanConfig

    def census_of_file(self, folder: Folder) -> FileCensus:
        return FileCensus(
            corpus=self.uri,
            corpus_digest=self.corpus.manifest.digest,
            wanted=wanted_of(self.corpus),
            folder=folder,
            attempts=self.config.run.shard_attempts,
            storage=self.config.storage,
            release=self.config.read.release,
        )


def census(
    releases: Sequence[str],
    *,
    corpus: str,
    out: str,
    config: ScanConfig,
    base: str | None = None,
    spark: SparkSession | None = None,
    tell: Callable[[str], None] = lambda _: None,
    events: EventLog | None = None,
) -> CensusSummary:
    """Take the census of the members' pages in the indexes of `releases`, and publish it in `out`.

    Args:
        releases: files, folders, globs, addresses or lists of an index; or the id of a crawl.
        corpus: folder or URI of the corpus.
        base: what the lines of a `*.paths.gz` list are relative to; of a crawl, a mirror of where it lives.
        spark: session to use; default: one by `config.run`.
        tell: is told what is about to be read.
        events: where to log what happens.

    Raises:
        InputError: `releases` lead to no file, or name a crawl that is not known or has no such index.
        CorpusError: the corpus is missing, of another version, or its files are not as its manifest says.
        OutputError: `out` is not ours, owned by another process, or full.
        PlatformError: too many files were lost to storage or dying workers; nothing is published.
    """
    files = index_files(releases, base, config)
    tell(f"index files to read: {len(files):,}")
    opened = Corpus.open(corpus, check=True, storage=config.storage)
    store, work = TableStore.create(out, config.storage), _Work(files, opened, canonical(corpus), config)
    facts = ("census", files.digest, opened.manifest.digest, config.read.release or "", __version__)
    with claim(store, key_of(*facts), datetime.now(UTC), config.run.lease_seconds) as run:
        spark = spark or session("presswatch census", master=config.run.master, cores=config.run.cores)
        observer = CensusObserver(events)
        return interruptible(spark, partial(_execute, work, run, store, spark, observer))


def index_files(releases: Sequence[str], base: str | None, config: ScanConfig) -> ShardPlan:
    """The files of the indexes of `releases`: of a crawl's id those that its list names, else of the path."""
    return ShardPlan.of(chain.from_iterable(_files_of(release, base, config) for release in releases))


def _files_of(release: str, base: str | None, config: ScanConfig) -> ShardPlan:
    path = release
    # What is named like a crawl and is no path was mistyped: the nearest names are told.
    if kinds_of(release) or (CRAWL_LIKE.match(release) and not Path(release).exists()):
        found = shards_of(release, "index", base, config.datasets, config.storage)
        path, base = found.path, found.base
    files = plan([path], config.storage, base)
    if is_list(printable(canonical(path))):
        # The list of a CDXJ index names what lies beside its shards, too: where keys lie, how it was made.
        shards = [info for info in files if is_shard_name(info.uri.rpartition("/")[2])]
        return ShardPlan(tuple(shards)) if shards else files
    return files


def wanted_of(corpus: Corpus) -> Wanted:
    """What to look for: the sites of all titles, and where articles have URLs elsewhere."""
    paths = {host: {site.path for site in found} for host, found in corpus.sites.sites.items()}
    whole = {host for host, below in paths.items() if "/" in below}
    seen: set[str] = set()
    for url in corpus.all_urls():
        plain = PLAIN_URL.fullmatch(url)
        # Of most articles the host alone says that they are looked for already.
        if plain and (plain["host"] in whole or plain["place"] in seen):
            continue
        page = page_url(url)
        if page is None:
            continue
        if plain and page.site == plain["host"]:
            # A page in an AMP cache is another's: what its URL begins with says nothing of the next one.
            seen.add(plain["place"])
        labels = page.site.split(".")
        if whole.isdisjoint(".".join(labels[k:]) for k in range(len(labels))):
            paths.setdefault(page.site, set()).add(page.path)
    return Wanted.of(paths)


def _execute(
    work: _Work, run: Run, store: TableStore, spark: SparkSession, observer: CensusObserver
) -> CensusSummary:
    began, found = time.monotonic(), run.folder / FOUND_FOLDER
    with observer:
        todo = _todo(work, found)
        observer.start(
            run.run_id,
            len(work.files),
            len(work.files) - len(todo),
            release=work.config.read.release,
            corpus_digest=work.corpus.manifest.digest,
            plan_digest=work.files.digest,
            tool_version=__version__,
            resumed=run.resumed,
        )
        if todo:
            _spread(todo, work.census_of_file(found), spark, observer)
        outcomes, row = _publish(work, run, store, found, spark)
        log = tuple({"run_id": run.run_id, **outcome.log} for outcome in outcomes)
        observer.published(row, log)
    titles = work.corpus.registry.publisher_of
    return CensusSummary(row, log, _kinds(outcomes), titles, time.monotonic() - began)


def _todo(work: _Work, found: Folder) -> list[tuple[int, ObjectInfo]]:
    """The files to read, with their positions: what an earlier process read whole stays as it is."""
    names = set(found.names())
    there = [position for position in range(len(work.files)) if part_of(position) in names]
    with ThreadPoolExecutor(READERS, "found") as pool:
        outcomes = zip(there, pool.map(partial(read_outcome, found), there), strict=True)
        done = {place for place, outcome in outcomes if outcome and outcome.log["status"] == "complete"}
    return [(place, info) for place, info in enumerate(work.files) if place not in done]


def _spread(
    todo: Sequence[tuple[int, ObjectInfo]],
    census_of: FileCensus,
    spark: SparkSession,
    observer: CensusObserver,
) -> None:
    """Take the census of files in tasks; where workers die, half by half, down to the file that kills."""
    try:
        spread(spark, str(census_of.folder), census_of, todo)
        return
    except WorkerDiedError:
        alone = [printable(info.uri) for _, info in todo] if len(todo) == 1 else []
        observer.worker_died(alone, TASK_FAILURES)
        if len(todo) == 1:
            census_of.lost(todo[0], TASK_FAILURES)
            return
    middle = len(todo) // 2
    _spread(todo[:middle], census_of, spark, observer)
    _spread(todo[middle:], census_of, spark, observer)


def _publish(
    work: _Work, run: Run, store: TableStore, found: Folder, spark: SparkSession
) -> tuple[list[FileOutcome], dict[str, Any]]:
    """Bring together what all files gave, in the order of plan and index; the outcomes, and the new row."""
    staging = run.staged
    outcomes, releases = list[FileOutcome](), set(_named_by_paths(work.files))

    def captures(positions: Iterable[int]) -> Iterator[pa.RecordBatch]:
        for position in positions:
            # The part once more, and not what its task returned: a task that was taken for dead may have
            # written since, and the log tells of the captures that are published.
            outcome, rows = read_part(found, position)
            outcomes.append(outcome)
            releases.update(rows["release"].unique().to_pylist())
            yield from rows.to_batches()

    with disk_errors(str(staging)):
        staging.remove()
        files = SortedFiles("captures", run.run_id, staging)
        names = [files.write_all(captures(span)) for span in _spans(found, len(work.files))]
        lines = [outcome.log for outcome in outcomes]
        check_budget(lines, len(lines), work.config.run.wave_failures, "files of the index")
        uris = [staging.at(name) for name in names]
        with spark_errors(str(staging)):
            digest = table_digest(frame(spark, staging, uris, CAPTURES, ["row_sha256"]))
        log = pa.Table.from_pylist([{**line} for line in lines], CENSUS_LOG.remove(0))
        logged = SortedFiles("census_log", run.run_id, staging).write_all(log.to_batches())
    for table, written in (("captures", uris), ("census_log", [staging.at(logged)])):
        run.lock.confirm()
        store.adopt(table, run.run_id, written)
    row = _row(work, run, lines) | {"table_digest": digest}
    if not releases:
        releases.add(work.config.read.release)
    row["release"] = releases.pop() if len(releases) == 1 else None
    run.lock.confirm()
    store.publish("censuses", row)
    clear(run)
    return outcomes, row


def _named_by_paths(files: Iterable[ObjectInfo]) -> Iterator[str | None]:
    """Releases that the paths of index files name: an index without a capture is one of its release, too."""
    return (named["release"] for info in files if "release" in (named := partitions(printable(info.uri))))


def _spans(found: Folder, files: int) -> Iterator[list[int]]:
    """The positions of all files of a plan, cut where the captures before make a file of the table."""
    sizes = {info.uri: info.size or 0 for info in list_objects(found.uri, found.storage)}
    span, size = list[int](), 0
    for position in range(files):
        span.append(position)
        size += sizes.get(found.at(part_of(position)), 0)
        if size >= FILE_BYTES:
            yield span
            span, size = [], 0
    if span:
        yield span


def _row(work: _Work, run: Run, log: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The row of `censuses`, but for what the captures say."""
    states = Counter(line["status"] for line in log)
    counted = ("rows", "captures", "bytes_expected", "bytes_read")
    return {
        "run_id": run.run_id,
        "started_at": run.started_at,
        "finished_at": datetime.now(UTC),
        "corpus_digest": work.corpus.manifest.digest,
        "tool_version": __version__,
        "shards_planned": len(work.files),
        **{f"shards_{status}": states[status] for status in STATUSES},
        **{name: sum(line[name] or 0 for line in log) for name in counted},
    }


def _kinds(outcomes: Sequence[FileOutcome]) -> Counter[Kind]:
    total: Counter[Kind] = Counter()
    for outcome in outcomes:
        total.update(outcome.kinds)
    return total
