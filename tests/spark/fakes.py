"""Runs whose shards are made up: as many matches as their size says, and trouble where their name says so."""

import hashlib
import io
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import CorruptError, StorageError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.scanning.monitoring.progress import Observer, Progress
from presswatch_spark.scanning.pipeline import SCAN
from presswatch_spark.scanning.runs.engine import execute
from presswatch_spark.scanning.runs.run_work import Outcome, RunSummary, Work, key_of, outcome_of
from presswatch_spark.scanning.runs.unfinished import own_run
from presswatch_spark.scanning.shard.attempts import Passes, ShardAttempt
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.tables.declarations import CorpusArticle, Match, RightsSignal, columns_without_run
from presswatch_spark.tables.store import TableStore
from tests.world.tables import row_of

Trouble = Callable[[ShardAttempt], None]
FACTS: Mapping[str, object] = {
    "dataset": "wet",
    **dict.fromkeys(("release", "sample", "sample_seed", "sample_strata", "shards_listed")),
    "corpus_digest": "corpus",
    "corpus_articles": 40,
    "config_digest": "config",
    "config": "{}",
    "tool_version": "0",
    "minhash_scheme": "affine32",
    "minhash_seed": 1,
    "minhash_permutations": 128,
}


def fake_shards(count: int) -> list[ObjectInfo]:
    """Shards of one to three matches each."""
    return [ObjectInfo(f"shard-{number:03}", size=1 + number % 3) for number in range(count)]


def read_fake(reading: ShardAttempt) -> None:
    """Fill in what a shard of that size gives."""
    size = reading.shard.size or 0
    reading.format = "wet"
    reading.report.documents = 10
    reading.report.text_bytes = 1000
    reading.report.bytes_read = size
    reading.tables["matches"].append(
        pa.RecordBatch.from_pylist([match(reading.shard.uri, row) for row in range(size)], Match.schema)
    )


def scan_with(trouble: Mapping[str, Trouble], broken: str | None = None) -> Callable[[ObjectInfo], Outcome]:
    """A scan that meets `trouble` at the end of some shards, and cannot even begin `broken`."""

    def read(reading: ShardAttempt) -> None:
        read_fake(reading)
        trouble.get(reading.shard.uri, lambda _: None)(reading)

    def scan(shard: ObjectInfo) -> Outcome:
        if shard.uri == broken:
            raise ModuleNotFoundError("the package is not on this host")
        return outcome_of(ShardAttempt, read, shard, RunRules())

    return scan


def die(reading: ShardAttempt) -> None:
    """Kill this Python worker, as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def lose_connection(reading: ShardAttempt) -> None:
    raise StorageError("connection reset", where=reading.shard.uri)


def declare(reading: ShardAttempt) -> None:
    """Give as many signals as matches, the last first."""
    for number in reversed(range(reading.shard.size or 0)):
        uri = reading.shard.uri
        digest = hashlib.sha256(f"signal {uri} {number}".encode()).hexdigest()
        row = row_of(RightsSignal, shard_uri=uri, record_offset=number, signal="ai_txt", row_sha256=digest)
        reading.tables["rights_signals"].add(RightsSignal(**row))


def once(flag: Path, trouble: Trouble) -> Trouble:
    """Trouble that is over after the first time."""

    def first_time_only(reading: ShardAttempt) -> None:
        if not flag.exists():
            flag.touch()
            trouble(reading)

    return first_time_only


def counted(folder: Path, trouble: Trouble = lambda _: None) -> Trouble:
    def counted_first(reading: ShardAttempt) -> None:
        with (folder / reading.shard.uri).open("a") as file:
            file.write("scanned\n")
        trouble(reading)

    return counted_first


def times_scanned(folder: Path) -> dict[str, int]:
    """How often each shard was scanned, by its name."""
    return {path.name: len(path.read_text().splitlines()) for path in folder.iterdir()}


def be_cut(reading: ShardAttempt) -> None:
    """Be damaged, as a shard that was stored cut."""
    raise CorruptError("the gzip member is cut", where=reading.shard.uri)


def fake_articles(count: int = 40, digest: str = "corpus") -> list[pa.RecordBatch]:
    """Rows of `corpus_articles`, in two batches."""
    rows = [
        row_of(CorpusArticle, article_id=f"a{number:05}", corpus_digest=digest) for number in range(count)
    ]
    columns = columns_without_run("corpus_articles")
    return [pa.RecordBatch.from_pylist(some, columns) for some in (rows[:7], rows[7:])]


SPAN = ("document_start", "document_end", "article_start", "article_end", "words", "passage")


def match(shard_uri: str, row: int) -> dict[str, Any]:
    """A row of `matches`, whole enough to be written."""
    facts = {
        "dataset": "wet",
        "title_id": "title",
        "publisher_id": "publisher",
        "url_match": "none",
        "grade": "extract",
        "longest_run_words": 12,
        "copied_words": 12,
        "spans": [dict.fromkeys(SPAN, 1)],
        "own_site": False,
        "shard_uri": shard_uri,
        "row_index": row,
        "text_sha256": "0" * 64,
        "languages": ["fra"],
        "row_sha256": hashlib.sha256(f"{shard_uri} {row}".encode()).hexdigest(),
    }
    return {name: facts.get(name) for name in Match.schema.names}


def run_fake(
    spark: SparkSession,
    out: Path | str,
    *,
    shards: int = 12,
    trouble: Mapping[str, Trouble] | None = None,
    broken: str | None = None,
    rules: RunRules | None = None,
    facts: Mapping[str, object] | None = None,
    observer: Observer | None = None,
    storage: StorageOptions | None = None,
    passes: Passes | None = None,
) -> RunSummary:
    plan = ShardPlan.of(fake_shards(shards))
    scan = scan_with(trouble or {}, broken)
    known = {**FACTS, **(facts or {})}
    articles = partial(fake_articles, digest=str(known["corpus_digest"]))
    named = (str(known[name]) for name in ("dataset", "corpus_digest", "config_digest", "tool_version"))
    work = Work(SCAN, plan, key_of(plan.digest, *named), scan, known, corpus=articles, passes=passes)
    rules = rules or RunRules(wave_shards=5, shards_per_task=2)
    store = TableStore.create(str(out), storage)
    with own_run(store, work.key, datetime.now(UTC), rules.lease_seconds) as run:
        return execute(
            work,
            run,
            store,
            rules,
            spark.sparkContext,
            observer or Observer(Progress(io.StringIO(), live=False)),
        )


FOUND = (
    "table_digest", "signals_digest", "config_digest", "matches", "signals", "documents", "words",
    "text_bytes", "shards_planned", "shards_complete",
)  # fmt: skip


def found_by(summary: RunSummary) -> dict[str, object]:
    """What a run found; the same for two runs over the same shards."""
    return {name: summary.row[name] for name in FOUND}


@dataclass(frozen=True)
class Fake:
    """Runs over made-up shards into `out`; `scans` is a folder for `counted`."""

    spark: SparkSession
    out: Path
    scans: Path

    def run(self, **given: Any) -> RunSummary:
        """Run, or give the same command again."""
        return run_fake(self.spark, self.out, **given)

    def told(self, **given: Any) -> tuple[RunSummary, str]:
        """Run; the summary, and what was said meanwhile."""
        stream = io.StringIO()
        summary = self.run(observer=Observer(Progress(stream, live=False)), **given)
        return summary, stream.getvalue()

    @property
    def store(self) -> TableStore:
        return TableStore.open(str(self.out))

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.store.read(table).to_pylist()

    def metrics(self) -> dict[str, float]:
        """Values of published metrics by their names with labels."""
        return {f"{row['name']} {row['labels']}".strip(): row["value"] for row in self.rows("metrics")}

    def counted(self, trouble: Trouble = lambda _: None) -> Trouble:
        return counted(self.scans, trouble)

    def times(self) -> dict[str, int]:
        """How often each shard of `counted` trouble was scanned."""
        return times_scanned(self.scans)
