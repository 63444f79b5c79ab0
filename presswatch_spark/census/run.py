"""The census, top to bottom: plan → read what can match of every index file → decide exactly → publish.

No shard of the release is read: an index says which URLs were captured, and where each record is. This page
is the driver; `file` takes the census of a file, `ccindex` knows what an index looks like.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark import __version__
from presswatch_spark.ccindex.wanted import Wanted
from presswatch_spark.census.file import FileCensus
from presswatch_spark.census.parts import FileOutcome, Kind, part_of, read_outcome
from presswatch_spark.corpus.spread import spread
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import OutputError
from presswatch_spark.matching.urls import page_url
from presswatch_spark.output.markers import FOUND_FOLDER
from presswatch_spark.output.runs import Run, claim, clear, key_of
from presswatch_spark.output.sorting import table_digest
from presswatch_spark.output.tables import TableStore
from presswatch_spark.releases.model import kinds_of
from presswatch_spark.releases.shards import shards_of
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.spark.errors import WorkerDiedError, spark_errors
from presswatch_spark.spark.session import TASK_FAILURES, interruptible, session, spark_path, spark_schema
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.objects import ObjectInfo, canonical, printable
from presswatch_spark.storage.shards import ShardPlan, plan
from presswatch_spark.storage.uris import scheme_of
from presswatch_spark.tables import CAPTURES, CENSUS_LOG

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STATUSES = ("complete", "partial", "failed")
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

    def census_of_file(self, folder: Path) -> FileCensus:
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
) -> CensusSummary:
    """Take the census of the members' pages in the indexes of `releases`, and publish it in `out`.

    Args:
        releases: files, folders, globs, addresses or lists of an index; or the id of a crawl.
        corpus: folder or URI of the corpus.
        base: what the lines of a `*.paths.gz` list are relative to; of a crawl, a mirror of where it lives.
        spark: session to use; default: one by `config.run`.
        tell: is told what is about to be read.

    Raises:
        InputError: `releases` lead to no file, or name a crawl that is not known or has no such index.
        CorpusError: the corpus is missing, of another version, or its files are not as its manifest says.
        OutputError: `out` is not ours, owned by another process, or full.
    """
    files = index_files(releases, base, config)
    tell(f"index files to read: {len(files):,}")
    opened = Corpus.open(corpus, check=True, storage=config.storage)
    store, work = _on_disk(out), _Work(files, opened, canonical(corpus), config)
    facts = ("census", files.digest, opened.manifest.digest, config.read.release or "", __version__)
    with claim(store, key_of(*facts), datetime.now(UTC)) as run:
        spark = spark or session("presswatch census", master=config.run.master, cores=config.run.cores)
        return interruptible(spark, partial(_execute, work, run, store, spark))


def _on_disk(out: str) -> TableStore:
    if scheme_of(out) != "file":
        raise OutputError(
            f"a census cannot be written to {scheme_of(out)}:// storage",
            where=printable(out),
            remedy="name a folder on a disk that all workers share, and copy it from there",
        )
    return TableStore.create(out)


def index_files(releases: Sequence[str], base: str | None, config: ScanConfig) -> ShardPlan:
    """The files of the indexes of `releases`: of a crawl's id those that its list names, else of the path."""
    return ShardPlan.of(chain.from_iterable(_files_of(release, base, config) for release in releases))


def _files_of(release: str, base: str | None, config: ScanConfig) -> ShardPlan:
    path = release
    # What is named like a crawl and is no path was mistyped: the nearest names are told.
    if kinds_of(release) or (CRAWL_LIKE.match(release) and not Path(release).exists()):
        found = shards_of(release, "index", base, config.datasets, config.storage)
        path, base = found.path, found.base
    return plan([path], config.storage, base)


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


def _execute(work: _Work, run: Run, store: TableStore, spark: SparkSession) -> CensusSummary:
    folder = run.folder.path
    began, found, staging = time.monotonic(), folder / FOUND_FOLDER, folder / "tables"
    with disk_errors(folder):
        shutil.rmtree(staging, ignore_errors=True)
        found.mkdir(exist_ok=True)
        for table in ("captures", "census_log"):
            (staging / table).mkdir(parents=True)
    outcomes = _outcomes(work, found, spark)
    with disk_errors(staging):
        releases = _write_captures(run, found, len(outcomes), staging / "captures" / "0.parquet")
        with spark_errors(staging):
            captures = spark.read.schema(spark_schema(CAPTURES)).parquet(spark_path(staging / "captures"))
            digest = table_digest(captures)
        log = tuple({"run_id": run.run_id, **outcome.log} for outcome in outcomes)
        row = _row(work, run, log) | {"table_digest": digest}
        row["release"] = releases.pop() if len(releases) == 1 else None
        pq.write_table(pa.Table.from_pylist(list(log), CENSUS_LOG), staging / "census_log" / "0.parquet")
    for table in ("captures", "census_log"):
        store.adopt(table, run.run_id, [str(staging / table / "0.parquet")])
    store.publish("censuses", row)
    clear(run)
    titles = work.corpus.registry.publisher_of
    return CensusSummary(row, log, _kinds(outcomes), titles, time.monotonic() - began)


def _outcomes(work: _Work, found: Path, spark: SparkSession) -> list[FileOutcome]:
    """What each file gave, in the order of the plan; what an earlier process read whole stays as it is."""
    kept = {position: read_outcome(part_of(found, position)) for position in range(len(work.files))}
    done = {
        place: outcome for place, outcome in kept.items() if outcome and outcome.log["status"] == "complete"
    }
    todo = [(place, info) for place, info in enumerate(work.files) if place not in done]
    taken = _taken(todo, work.census_of_file(found), spark) if todo else {}
    return [outcome for _, outcome in sorted({**done, **taken}.items())]


def _taken(
    todo: Sequence[tuple[int, ObjectInfo]], census_of: FileCensus, spark: SparkSession
) -> dict[int, FileOutcome]:
    """What files gave, by their position; where workers die, half by half, down to the file that kills."""
    try:
        return dict(zip(dict(todo), spread(spark, census_of.folder, census_of, todo), strict=True))
    except WorkerDiedError:
        if len(todo) == 1:
            return {todo[0][0]: census_of.lost(todo[0], TASK_FAILURES)}
    middle = len(todo) // 2
    return _taken(todo[:middle], census_of, spark) | _taken(todo[middle:], census_of, spark)


def _write_captures(run: Run, found: Path, files: int, path: Path) -> set[str | None]:
    """Bring the captures of all files together, in the order of plan and index; returns their releases."""
    releases: set[str | None] = set()
    with pq.ParquetWriter(path, CAPTURES, compression="zstd") as writer:
        for position in range(files):
            rows = pq.read_table(part_of(found, position), partitioning=None)
            ids = pa.array([run.run_id] * len(rows), pa.string())
            releases.update(rows["release"].unique().to_pylist())
            writer.write_table(rows.add_column(0, CAPTURES.field("run_id"), ids).cast(CAPTURES))
    return releases


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
