"""Tables of what all files of an index gave: brought together, counted, published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from presswatch_spark.ccindex.columns import partitions
from presswatch_spark.censuses.parts import FileOutcome, part_of, read_part
from presswatch_spark.censuses.work import Work
from presswatch_spark.runs.claimed import Run, clear
from presswatch_spark.runs.failures import check_budget
from presswatch_spark.runs.sorting import FILE_BYTES, table_digest
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import ObjectInfo, list_objects, printable
from presswatch_spark.tables.frames import frame
from presswatch_spark.tables.schemas import CAPTURES, CENSUS_LOG
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore
from presswatch_spark.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STATUSES = ("complete", "partial", "failed")


def publish(
    work: Work, run: Run, store: TableStore, found: Folder, spark: SparkSession
) -> tuple[list[FileOutcome], dict[str, Any]]:
    """Bring together what all files gave, in the order of plan and index; the outcomes, and the new row.

    Raises:
        OutputError: the tables cannot be written, or a part is not as it was.
        PlatformError: too many files were lost to storage or dying workers; nothing is published.
    """
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
        written = [files.write_all(captures(span)) for span in _spans(found, len(work.files))]
        lines = [outcome.log for outcome in outcomes]
        check_budget(lines, len(lines), work.config.run.wave_failures, "files of the index")
        uris = [staging.at(file.name) for file in written]
        with spark_errors(str(staging)):
            digest = table_digest(frame(spark, staging, uris, CAPTURES, ["row_sha256"]))
        log = pa.Table.from_pylist([{**line} for line in lines], CENSUS_LOG.remove(0))
        logged = SortedFiles("census_log", run.run_id, staging).write_all(log.to_batches())
    told = list[dict[str, Any]]()
    for table, moved in (("captures", written), ("census_log", [logged])):
        run.lock.confirm()
        store.adopt(table, run.run_id, [staging.at(file.name) for file in moved])
        told += store.adopted(table, run.run_id, moved)
    row = _row(work, run, lines) | {"table_digest": digest, "files": told}
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


def _row(work: Work, run: Run, log: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
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
