"""The census, top to bottom: plan → read what can match of every index file → decide exactly → publish.

No shard of the release is read: an index says which URLs were captured, and where each record is. This page
is the driver; `work` says what is to be done, `file` takes the census of a file, `publish` makes tables of
what all gave. `ccindex` knows what an index looks like.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from presswatch_spark.censuses.file import FileCensus
from presswatch_spark.censuses.parts import FileOutcome, Kind, part_of, read_outcome
from presswatch_spark.censuses.publish import publish
from presswatch_spark.censuses.work import Work, index_files
from presswatch_spark.corpus.building.spread import spread
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.monitoring.census import CensusObserver
from presswatch_spark.monitoring.events import EventLog
from presswatch_spark.runs.claimed import Run, claim, key_of
from presswatch_spark.runs.markers import FOUND_FOLDER
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.spark.errors import WorkerDiedError
from presswatch_spark.spark.interrupts import interruptible
from presswatch_spark.spark.session import TASK_FAILURES, session
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import ObjectInfo, canonical, printable
from presswatch_spark.storage.shards import left_out_line
from presswatch_spark.storage.web.manners import will_ask
from presswatch_spark.tables.store import TableStore
from presswatch_spark.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READERS = 8
MOST_ROUNDS = 3
"""How many times files are read again by one process whose parts are damaged."""

Files = list[tuple[int, ObjectInfo]]


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
    if line := left_out_line(files.left_out):
        tell(line)
    tell(f"index files to read: {len(files):,}")
    opened = Corpus.open(corpus, check=True, storage=config.storage)
    store, work = TableStore.create(out, config.storage), Work(files, opened, canonical(corpus), config)
    facts = ("census", files.digest, opened.manifest.digest, config.read.release or "", __version__)
    with claim(store, key_of(*facts), datetime.now(UTC), config.run.lease_seconds) as run:
        spark = spark or session("presswatch census", master=config.run.master, cores=config.run.cores)
        observer = CensusObserver(events)
        return interruptible(spark, partial(_execute, work, run, store, spark, observer, tell))


def _execute(
    work: Work,
    run: Run,
    store: TableStore,
    spark: SparkSession,
    observer: CensusObserver,
    tell: Callable[[str], None],
) -> CensusSummary:
    began, found = time.monotonic(), run.folder / FOUND_FOLDER
    will_ask(info.uri for info in work.files)
    with observer:
        for line in run.damaged:
            tell(line)
        todo, damaged = _todo(work, found)
        _tell_damage(damaged, found, tell)
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
        for _ in range(MOST_ROUNDS):
            if not todo:
                break
            _spread(todo, work.census_of_file(found), spark, observer)
            # What was read whole before may be damaged by now.
            _, todo = _todo(work, found)
            _tell_damage(todo, found, tell)
        outcomes, row = publish(work, run, store, found, spark)
        log = tuple({"run_id": run.run_id, **outcome.log} for outcome in outcomes)
        observer.published(row, log)
    titles = work.corpus.registry.publisher_of
    return CensusSummary(row, log, _kinds(outcomes), titles, time.monotonic() - began)


def _todo(work: Work, found: Folder) -> tuple[Files, Files]:
    """The files to read, with their positions, and those of them whose parts are there and damaged.

    What an earlier process read whole stays as it is.
    """
    names = set(found.names())
    there = [position for position in range(len(work.files)) if part_of(position) in names]
    with ThreadPoolExecutor(READERS, "found") as pool:
        outcomes = dict(zip(there, pool.map(partial(read_outcome, found), there), strict=True))
    done = {place for place, outcome in outcomes.items() if outcome and outcome.log["status"] == "complete"}
    files = list(enumerate(work.files))
    return (
        [(place, info) for place, info in files if place not in done],
        [(place, info) for place, info in files if outcomes.get(place, True) is None],
    )


def _tell_damage(damaged: Files, found: Folder, tell: Callable[[str], None]) -> None:
    for place, _ in damaged:
        tell(f"{found.at(part_of(place))}: what was found is damaged; that file of the index is read again")


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


def _kinds(outcomes: Sequence[FileOutcome]) -> Counter[Kind]:
    total: Counter[Kind] = Counter()
    for outcome in outcomes:
        total.update(outcome.kinds)
    return total
