"""Publishing: what the waves of a run found becomes rows of the tables, all of them or none.

Each table is written whole next to the waves, then moved in; the row of `runs` comes last: only what has one
is published. A publication that was killed is done again. What one process can hold is sorted by it; Spark
sorts what is large. Parts are read and files are written by our own tasks, on disk and on S3 alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.errors import OutputError
from presswatch_spark.monitoring.progress import Counts
from presswatch_spark.runs.claimed import Run, clear
from presswatch_spark.runs.markers import Wave
from presswatch_spark.runs.parts import COLUMNS, Part, read_part
from presswatch_spark.runs.sorting import Sorted, sorted_by_spark, sorted_here
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.tables.digests import table_digest as digest_of
from presswatch_spark.tables.schemas import METRICS
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SORTED_HERE_BYTES = 32 << 20
"""Bytes of parts that one process sorts: some 180,000 matches; in memory they are several times as large."""
READERS = 8


@dataclass(frozen=True, slots=True)
class Published:
    """A published run: its row of `runs`, and its log by shard, which nobody need read from the tables."""

    row: Mapping[str, object]
    log: pa.Table


@dataclass(frozen=True, slots=True)
class _Found:
    """The parts of a run by table, and its log."""

    run: Run
    parts: Mapping[str, Sequence[Part]]
    log: pa.Table

    @classmethod
    def of(cls, run: Run, waves: Sequence[Wave]) -> _Found:
        """What the waves of `run` found."""
        parts = {
            table: [part for wave in waves for part in wave.parts if part.table == table] for table in COLUMNS
        }
        with ThreadPoolExecutor(READERS, "log") as pool:
            log = list(pool.map(lambda part: read_part(run.parts, part), parts["scan_log"]))
        return cls(run, parts, pa.concat_tables([COLUMNS["scan_log"].empty_table(), *log]))

    def rows(self, table: str) -> int:
        """How many rows a table gets."""
        return sum(part.rows for part in self.parts[table])

    def totals(self) -> dict[str, object]:
        """The columns of `runs` that the other tables decide."""
        statuses, formats = self.log["status"].to_pylist(), _told(self.log["format"])
        named = {release for part in self.parts["matches"] for release in part.releases}
        releases = sorted(named | set(_told(self.log["release"])))
        return {
            **{f"shards_{status}": statuses.count(status) for status in ("complete", "partial", "failed")},
            **{
                name: pc.sum(self.log[name]).as_py() or 0
                for name in ("documents", "documents_skipped", "text_bytes")
            },
            "matches": self.rows("matches"),
            "signals": self.rows("rights_signals"),
            "dataset": formats[0] if len(formats) == 1 else None,
            "release": releases[0] if len(releases) == 1 else None,
        }


def publish(
    spark: SparkSession,
    store: TableStore,
    run: Run,
    waves: Sequence[Wave],
    facts: Mapping[str, object],
    metrics: Sequence[Mapping[str, object]] = (),
) -> Published:
    """Publish `run` and clear its folder.

    Args:
        facts: the columns of `runs` that plan, corpus and settings decide; None where the shards decide.
        metrics: the run's rows of `metrics`, without its id.

    Raises:
        OutputError: the waves do not hold what they counted, the disk is full, or another process has taken
            the run over.
        ConflictError: another process has published it.
    """
    found, staging = _Found.of(run, waves), run.staged
    row = {**facts, **found.totals(), **_known(facts), "run_id": run.run_id, "started_at": run.started_at}
    _check(row, reduce(add, (wave.counts for wave in waves), Counts()), run)
    with disk_errors(str(staging)):
        staging.remove()
        tables = {
            table: _written(spark, found, table, SortedFiles(table, run.run_id, staging)) for table in COLUMNS
        }
        for table, written in tables.items():
            _check_written(written, found.rows(table), staging.at(table))
        measured = pa.Table.from_pylist(list(metrics), METRICS).drop_columns("run_id")
        tables["metrics"] = sorted_here([measured], SortedFiles("metrics", run.run_id, staging))
    row |= {"table_digest": tables["matches"].digest, "signals_digest": tables["rights_signals"].digest}
    files = list[dict[str, object]]()
    for table, written in tables.items():
        run.lock.confirm()
        # Even if there is nothing to move: files that a killed try left of the run would count as its own.
        store.adopt(table, run.run_id, [staging.at(file.name) for file in written.files])
        files += store.adopted(table, run.run_id, written.files)
    run.lock.confirm()
    store.publish("runs", row := {**row, "files": files, "finished_at": datetime.now(UTC)})
    clear(run)
    return Published(row, found.log.sort_by("shard_uri"))


def _written(spark: SparkSession, found: _Found, table: str, files: SortedFiles) -> Sorted:
    """Write a table; most runs have no signals, and then no file of them."""
    parts = found.parts[table]
    if table == "scan_log":
        return sorted_here([found.log], files)
    if table == "rights_signals" and not parts:
        return Sorted((), 0, digest_of(()))
    if sum(part.bytes for part in parts) <= SORTED_HERE_BYTES:
        with ThreadPoolExecutor(READERS, "parts") as pool:
            rows = list(pool.map(lambda part: read_part(found.run.parts, part), parts))
        return sorted_here([COLUMNS[table].empty_table(), *rows], files)
    return sorted_by_spark(spark, found.run.parts, parts, files)


def _told(column: pa.ChunkedArray) -> list[str]:
    return [value for value in column.unique().to_pylist() if value is not None]


def _check(row: Mapping[str, object], counted: Counts, run: Run) -> None:
    """Compare what the waves hold with what was planned, and with what they counted when they were done."""
    shards = sum(int(str(row[f"shards_{status}"])) for status in ("complete", "partial", "failed"))
    got = (shards, row["matches"], row["signals"])
    expected = (row["shards_planned"], counted.matches, counted.signals)
    if got != expected:
        raise OutputError(
            "waves hold {} shards, {} matches and {} signals, expected {}, {} and {}".format(*got, *expected),
            where=str(run.folder),
            remedy="remove that folder and give the same command again: the run starts over",
        )


def _check_written(written: Sorted, found: int, where: str) -> None:
    """What was sorted is what was found, row for row."""
    if written.rows != found:
        raise OutputError(
            f"the table was written with {written.rows:,} rows, and {found:,} were found",
            where=where,
            remedy="give the same command again: it is published anew",
        )


def _known(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value is not None}
