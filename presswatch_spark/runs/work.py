"""What a run has to do, as a value: a scan and a census each make one, and `runs.engine` carries it out."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from presswatch_spark.monitoring.metrics import TERMS, Terms
from presswatch_spark.monitoring.progress import ShardTotals
from presswatch_spark.runs.attempts import ALL_DIED, Attempt, Outcome
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.declarations import columns_without_run

Row = Mapping[str, Any]

RELEASES = pa.field("releases", pa.list_(pa.string()))
"""A column of the log while a run is in progress: the releases that rows of the shard name, and null."""


ReadOne = Callable[[ObjectInfo], Outcome]
"""Reads one shard. What is wrong with the shard stands in the log; only what fails all of them raises."""

CorpusRows = Callable[[], Iterable[pa.RecordBatch]]

Guard = Callable[[ShardTotals, float], None]
"""Stops a run by raising. It is asked before the first wave and after each, with the counts of all processes
of the run and the seconds of this one. What is done stays done."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of run: scan or census.

    Attributes:
        by: the table whose row publishes such a run.
        log: the table of its log, a row a shard.
        tables: the other tables that shards give rows to.
        attempt: what an attempt at a shard fills.
        row: the columns of the run's row that its log decides. It gets the log, and the facts of the run.
        unpublished: columns of the log that only a run in progress has.
        counted: what the shards of a wave are called where too many of them are lost.
        has_metrics: whether the metrics are published, too.
    """

    by: str
    log: str
    tables: tuple[str, ...]
    attempt: Callable[[ObjectInfo], Attempt]
    row: Callable[[pa.Table, Row], dict[str, Any]]
    unpublished: tuple[pa.Field, ...] = (RELEASES,)
    counted: str = "shards of a wave"
    has_metrics: bool = True

    def lost(self, shard: ObjectInfo, tries: int) -> Outcome:
        """Return the outcome of a shard that killed every worker, after so many tries."""
        attempt = self.attempt(shard)
        attempt.report.add_defect(ALL_DIED)
        attempt.killed = True
        return attempt.outcome(tries, datetime.now(UTC), 0.0)

    @property
    def terms(self) -> Terms:
        """What it calls things."""
        return TERMS[self.by]

    @property
    def columns(self) -> Mapping[str, pa.Schema]:
        """The columns of its parts, by table: nullable, without run id."""
        log = pa.schema([*columns_without_run(self.log), *self.unpublished])
        return {**{table: columns_without_run(table) for table in self.tables}, self.log: log}


@dataclass(frozen=True, slots=True)
class Passes:
    """How a run reads its shards several times: all passes but the last keep what the last one needs.

    Attributes:
        count: how many there are, the last with them.
        why: says so, and why, in one line.
        read: makes, of the run's folder and the number of a pass (from 0), what reads one shard in it.
        kept: the folder of a pass, by the run's folder and its number; a file of each shard lies there.
        name: names that file, by the URI of the shard.
        schema: of those files; `table`: how outcomes call it.
    """

    count: int
    why: str
    read: Callable[[Folder, int], ReadOne]
    kept: Callable[[Folder, int], Folder]
    name: Callable[[str], str]
    table: str
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class Work:
    """What one run has to do, and what decides its rows.

    Attributes:
        shards: the plan; a shard goes by its position in it.
        plan_digest: digest of the plan.
        key: the same for the same plan, corpus, settings and version.
        read: reads one shard; goes to every worker.
        facts: columns of the run's row that are known beforehand.
        asked: what the first event says of the run beside that.
        preparing: makes a block in which Spark starts, once the run is owned; all is ready at its end.
        guard: makes the guard of the run; is given what says how many cores there are.
        beginning: called when a new run begins, once it is owned. If it raises, nothing of the run is left.
        corpus: yields the rows of `corpus_articles`; asked unless the tables have them. None: nobody knows.
        passes: how shards are read several times. None: once, by `read`.
    """

    kind: Kind
    shards: Iterable[ObjectInfo]
    plan_digest: str
    key: str
    read: ReadOne
    facts: Row
    asked: Row = field(default_factory=dict)
    preparing: Callable[[], AbstractContextManager[object]] = nullcontext
    guard: Callable[[Callable[[], int]], Guard] | None = None
    corpus: CorpusRows | None = None
    passes: Passes | None = None
    beginning: Callable[[], None] | None = None


def key_of(*parts: str) -> str:
    """Make the key of a run: SHA-256 (hex) over what decides its rows."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
