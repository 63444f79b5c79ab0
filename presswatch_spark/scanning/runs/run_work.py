"""The work of a run as a value, attempts at its shards, and the failures that stop it.

A scan and a census each make a `Work`, which `runs.engine` carries out. A wave is a number of shards that are
read together. A run stops if too many shards of a wave are lost to storage or dying workers, since the others
would fail, too, or if a site refuses all requests.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.errors import CorpusError, PresswatchError, StorageError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.core.terminal import counted, printable
from presswatch_spark.core.threads import LateError, time_limit
from presswatch_spark.scanning.monitoring.metrics import TERMS, Terms
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import ObjectInfo, shown_uri
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.tables.declarations import columns_without_run
from presswatch_spark.tables.row_types import TableRow

if TYPE_CHECKING:
    from presswatch_spark.scanning.shard.attempts import Passes

ERROR_CHARACTERS, ROWS_AT_ONCE = 2_000, 512
ALL_DIED = "every Python worker that tried it died: killed, out of memory, or crashed"


Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a shard: its row of the log, and batches of rows by table, all without run id."""

    log: Mapping[str, Any]
    tables: Mapping[str, Sequence[pa.RecordBatch]]


class PackedRows(list[pa.RecordBatch]):
    """Arrow batches of rows that are added one by one; as batches, they need a fraction of the memory."""

    def __init__(self, schema: pa.Schema) -> None:
        super().__init__()
        self._schema, self._rows = schema, list[Row]()

    def add(self, row: TableRow | Row) -> None:
        """Add a row; `ROWS_AT_ONCE` of them make a batch."""
        self._rows.append(vars(row) if isinstance(row, TableRow) else row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self.pack()

    def pack(self) -> None:
        """Convert the rows that are not in a batch yet."""
        if self._rows:
            self.append(pa.RecordBatch.from_pylist(self._rows, self._schema))
            self._rows = []

    def clear(self) -> None:
        """Drop all rows."""
        super().clear()
        self._rows = []


@dataclass(slots=True)
class Attempt(ABC):
    """One attempt to read a shard, filled meanwhile; subclasses define its results.

    `schemas`: of its rows by table, some of which may be for its own process. `tables`: the rows.
    """

    schemas: ClassVar[Mapping[str, pa.Schema]]
    shard: ObjectInfo
    report: ReadReport = field(default_factory=ReadReport)
    killed: bool = False
    tables: dict[str, PackedRows] = field(init=False)

    def __post_init__(self) -> None:
        self.tables = {name: PackedRows(schema) for name, schema in self.schemas.items()}

    @property
    @abstractmethod
    def status(self) -> str:
        """Return `complete` only if nothing was lost, else `partial` or `failed`."""

    @property
    @abstractmethod
    def reached(self) -> tuple[int, ...]:
        """Return how far the attempt got, for comparison with other attempts."""

    @property
    @abstractmethod
    def columns(self) -> dict[str, object]:
        """Return the columns of the log that only this kind of run has."""

    def pack(self) -> None:
        """Convert all rows so far into Arrow batches."""
        for rows in self.tables.values():
            rows.pack()

    @property
    def defects(self) -> list[str]:
        """Return complaints about parts that were not read."""
        return self.report.complaints

    def outcome(self, tries: int, began: datetime, seconds: float) -> Outcome:
        """Return its outcome; `tries`, `began`, `seconds`: number, start and time of all attempts."""
        log = {
            "shard_uri": shown_uri(self.shard.uri),
            "status": self.status,
            # Names of files and columns may contain surrogates and control characters.
            "error": printable("; ".join(self.defects)[:ERROR_CHARACTERS]) or None,
            "failure": failure_of(self),
            "bytes_expected": self.shard.size,
            "bytes_read": self.report.bytes_read,
            "etag": self.shard.etag,
            "attempts": tries,
            "started_at": began,
            "seconds": seconds,
            "host": None if self.killed else socket.gethostname(),
        }
        return Outcome(log | self.columns, self.tables)


AttemptT = TypeVar("AttemptT", bound=Attempt)


def outcome_of(
    begin: Callable[[ObjectInfo], AttemptT],
    read: Callable[[AttemptT], None],
    shard: ObjectInfo,
    rules: RunRules,
) -> Outcome:
    """Read a shard, several times if storage fails; return the outcome of the furthest attempt.

    An error of `read` becomes a defect of the attempt. After one that took too long, or a refusal, none
    follows.
    """
    began, started = datetime.now(UTC), time.monotonic()
    best, tries, again = begin(shard), 0, True
    while again and tries < rules.shard_attempts:
        attempt = begin(shard)
        with time_limit(rules.shard_seconds):
            guarded(partial(read, attempt), attempt, shard.uri)
        again = attempt.report.interrupted and not attempt.report.blocked
        tries += 1
        if attempt.reached >= best.reached:
            best = attempt
    return best.outcome(tries, began, time.monotonic() - started)


def guarded(read: Callable[[], None], attempt: Attempt, uri: str) -> None:
    """Note the error that `read` raises (a shard is a boundary); `interrupted`: another attempt may help."""
    try:
        try:
            read()
        finally:
            attempt.pack()
    except CorpusError:
        # The error is not the shard's: all others would meet it, too.
        raise
    except LateError as error:
        attempt.report.add_defect(error.what, attempt.report.bytes_read)
        attempt.report.late = True
    except Exception as error:  # noqa: BLE001
        attempt.report.add_defect(reason_of(error, uri))
        attempt.report.interrupted |= isinstance(error, StorageError | OSError)
        attempt.report.blocked |= isinstance(error, BlockedError)
        attempt.report.faulty |= not isinstance(error, PresswatchError | OSError)


def failure_of(attempt: Attempt) -> str | None:
    """Return the cause of an incomplete reading, for the column `failure`; None if it was complete."""
    report = attempt.report
    causes = {
        "worker": attempt.killed,
        "host": report.blocked,
        "time": report.late,
        "storage": report.interrupted,
        "fault": report.faulty,
    }
    found = (cause for cause, is_it in causes.items() if is_it)
    return None if attempt.status == "complete" else next(found, "content")


def reason_of(error: Exception, uri: str) -> str:
    """Describe an exception without text of the web; only presswatch's own errors have none."""
    if isinstance(error, PresswatchError):
        # The log has a column for the shard's URI.
        return str(error).removeprefix(f"{shown_uri(uri)}: ")
    place = traceback.extract_tb(error.__traceback__)[-1]
    cause = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return (
        f"{type(error).__name__}{cause} in {'/'.join(Path(place.filename).parts[-2:])}, line {place.lineno}"
    )


WHILE_RUNNING = pa.schema([("releases", pa.list_(pa.string())), ("host", pa.string())])
"""Columns of the log while a run is in progress: the releases that rows of the shard name, and its host."""


ReadOne = Callable[[ObjectInfo], Outcome]
"""Reads one shard. Faults of the shard are in the log; only a fault that affects all shards is raised."""

Guard = Callable[[ShardTotals], None]
"""Stops a run by raising an error. It is called before the first wave and after each, with the counts of all
processes of the run. Finished waves are kept."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of run: scan or census.

    `by`: the table whose row publishes such a run. `log`: the table of its log, with a row per shard.
    `tables`: the other tables of its rows. `row`: makes the columns of the run's row that depend on the log,
    from the log and the facts of the run. `counted`: name of a wave's shards in the message that too many are
    lost.
    """

    by: str
    log: str
    tables: tuple[str, ...]
    attempt: Callable[[ObjectInfo], Attempt]
    row: Callable[[pa.Table, Row], dict[str, Any]]
    counted: str = "shards of a wave"
    has_metrics: bool = True

    def lost(self, shard: ObjectInfo, tries: int) -> Outcome:
        """Return the outcome of a shard that killed every worker, after `tries` attempts."""
        attempt = self.attempt(shard)
        attempt.report.add_defect(ALL_DIED)
        attempt.killed = True
        return attempt.outcome(tries, datetime.now(UTC), 0.0)

    @property
    def terms(self) -> Terms:
        """Return the terms for this kind of run."""
        return TERMS[self.by]

    @property
    def columns(self) -> Mapping[str, pa.Schema]:
        """Return the columns of its part files by table: nullable, without run id."""
        log = pa.schema([*columns_without_run(self.log), *WHILE_RUNNING])
        return {**{table: columns_without_run(table) for table in self.tables}, self.log: log}


@dataclass(frozen=True, slots=True)
class Work:
    """The task of a run, with everything on which its rows depend.

    `shards`: the plan, in which a shard's position identifies it. `key`: equal for equal plan, corpus,
    settings and version. `read`: reads one shard, on any worker. `facts`: known columns of the run's row.
    `asked`: other facts for the first event. `preparing`: a context in which Spark starts, once the run is
    owned. `beginning`: called for a new run; if it raises, nothing of it remains. `corpus`: rows of
    `corpus_articles`.
    """

    kind: Kind
    shards: ShardPlan
    key: str
    read: ReadOne
    facts: Row
    asked: Row = field(default_factory=dict)
    preparing: Callable[[], AbstractContextManager[object]] = nullcontext
    guard: Guard = lambda counts: None
    corpus: Callable[[], Iterable[pa.RecordBatch]] | None = None
    passes: Passes | None = None
    beginning: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A published run: its row, and its log, with one row per shard and the columns of a run in progress.

    `seconds`: the time of this process. `resumed`: an earlier process began the run.
    """

    row: Row
    log: pa.Table
    resumed: bool
    seconds: float

    @property
    def run_id(self) -> str:
        """Return the id of the run."""
        return str(self.row["run_id"])

    @property
    def incomplete(self) -> tuple[tuple[str, str, str], ...]:
        """Return (shard_uri, status, error) of each shard that was not read to its end."""
        # Filter before making Python rows: 100,000 rows would take more memory than the rest of the driver.
        lost = self.log.select(["shard_uri", "status", "error"]).filter(pc.field("status") != "complete")
        return tuple(tuple(line.values()) for line in lost.to_pylist())

    @property
    def notes(self) -> tuple[str, ...]:
        """Return findings in shards that lose no rows, each once, with its shards."""
        noted = self.log.filter(pc.field("note").is_valid()).group_by("note")
        by_note = noted.aggregate([("shard_uri", "list")]).sort_by("note").to_pylist()
        return tuple(f"{row['note']} ({_first_and_more(row['shard_uri_list'])})" for row in by_note)

    @property
    def without_url(self) -> int:
        """Return the number of documents of unknown URL."""
        return pc.sum(self.log["documents_without_url"]).as_py() or 0

    @property
    def without_url_in(self) -> str:
        """Return the shards of these documents."""
        unknown = self.log.filter(pc.field("documents_without_url") > 0)
        return _first_and_more(unknown["shard_uri"].to_pylist())


def _first_and_more(shards: Sequence[str]) -> str:
    if len(shards) < 2:
        return "".join(shards)
    return f"{min(shards)}, and {counted(len(shards) - 1, 'more shard')}"


def key_of(*parts: str) -> str:
    """Return the key of a run: SHA-256 (hex) over everything on which its rows depend."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# Shards that may be lost in any run: if a user names a few files and some are missing, the log says so.
LEAST_ALLOWED = 5

PLATFORM = {
    "storage": "check credentials, region, network and the list of shards",
    "host": "see what that site requires",
    "worker": "raise the memory of workers, or leave that shard out",
}
"""Failures (see `scan_log.failure`) whose cause is outside of the shard, each with its remedy."""


class PlatformError(PresswatchError):
    """Too many shards of a wave could not be read, for reasons outside of them."""


def failures_allowed(shards: int, share: float) -> int:
    """Return the number of shards of a wave that may be lost; `share`: from 0 to 1."""
    return max(LEAST_ALLOWED, int(shards * share))


def is_hopeless(lost: Collection[Row], shards: int, share: float) -> bool:
    """Return whether another attempt would fail, too: a site refuses all, or no byte of a wave was read."""
    if any(row["failure"] == "host" for row in lost):
        return True
    nothing = all(row["failure"] == "storage" and not row["bytes_read"] for row in lost)
    return nothing and len(lost) == shards > failures_allowed(shards, share)


def check_budget(log: Collection[Row], shards: int, share: float, of: str = "shards of a wave") -> None:
    """Raise `PlatformError` if a wave lost too many of its shards, or a site refuses all requests.

    `log`: rows of `scan_log` or `census_log`, at least those of lost shards. `of`: name of the shards in the
    message, which has the most frequent reason and a shard with it.
    """
    lost = [row for row in log if row["failure"] in PLATFORM]
    refused = [row for row in lost if row["failure"] == "host"]
    allowed = failures_allowed(shards, share)
    if len(lost) <= allowed and not refused:
        return
    limit = f", {allowed:,} may be" if len(lost) > allowed else ""
    ((error, count),) = Counter(str(row["error"]) for row in refused or lost).most_common(1)
    example = next(row for row in lost if str(row["error"]) == error)
    raise PlatformError(
        f"{len(lost):,} of {shards:,} {of} could not be read{limit}; {count:,} of them: {error}",
        where=str(example["shard_uri"]),
        remedy="nothing was published and what was read is kept;"
        f" {PLATFORM[example['failure']]}, then run the same command again",
    )
