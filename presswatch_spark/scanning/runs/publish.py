"""Publication: the parts of a run's waves become rows of the tables, all of them or none.

Each table is sorted (by Spark if large), written whole next to the waves, and moved to its place. The row of
`runs` or `censuses` comes last: without it, a run is not published, and a killed publication is repeated.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.spark.errors import spark_errors
from presswatch_spark.core.spark.session import sql_session
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.runs.markers import RunPart, Wave, are_few, in_groups, read_part
from presswatch_spark.scanning.runs.unfinished import OwnedRun, clear
from presswatch_spark.scanning.runs.work import Kind, Row, Work
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.tables.declarations import DIGESTS, SCHEMAS, columns_without_run
from presswatch_spark.tables.digests import GROUP_DIGITS
from presswatch_spark.tables.digests import table_digest as digest_of
from presswatch_spark.tables.literals import SHARD_STATUSES
from presswatch_spark.tables.seals import COUNTED, Written
from presswatch_spark.tables.sorted_files import ORDERS, SortedFiles, batches_of, written_by_spark
from presswatch_spark.tables.store import TableStore

SORTED_HERE_BYTES = 32 << 20
"""Most bytes of parts that one process sorts: about 180,000 matches, several times as large in memory."""
FILE_BYTES = 256 << 20
"""Least bytes of a file, if there are so many; a file may have up to twice as many."""
READERS = 8
CORPUS = "corpus_articles"
ROWS_AT_ONCE = 1000


Sorted = tuple[tuple[Written, ...], str]
"""A written table: its files in order, and its digest ("" for a log)."""


def publish(
    store: TableStore,
    run: OwnedRun,
    work: Work,
    waves: Sequence[Wave],
    metrics: Sequence[Mapping[str, object]] = (),
) -> tuple[Mapping[str, Any], pa.Table]:
    """Publish `run` and clear its folder; return its row, and its log by shard, as in `RunSummary`.

    `metrics`: the run's rows of `metrics`, without its id.

    Raises:
        OutputError: the waves lack rows that they counted, the disk is full, or another process has the run.
        ConflictError: another process has published the run.
    """
    kind, facts = work.kind, {**work.facts, "shards_planned": len(work.shards)}
    parts = {
        table: [part for wave in waves for part in wave.parts if part.table == table]
        for table in kind.columns
    }
    rows = {table: sum(part.rows for part in parts[table]) for table in kind.tables}
    log = _read(run.parts, parts[kind.log], kind.columns[kind.log])
    row = _row(kind, log, rows, facts) | {"run_id": run.run_id, "started_at": run.started_at}
    _check(row, rows, sum((wave.counts for wave in waves), ShardTotals()), run)
    with disk_errors(str(run.staged)):
        run.staged.remove()
        tables = {table: _written(run, kind, parts[table], log, table) for table in kind.columns}
        for table, found in rows.items():
            if (written := sum(file.rows for file in tables[table][0])) != found:
                raise OutputError(
                    f"the table was written with {written:,} rows, and {found:,} were found",
                    where=run.staged.at(table),
                    remedy="run the same command again: it is published again",
                )
        if metrics:
            measured = pa.Table.from_pylist(list(metrics), columns_without_run("metrics"))
            tables["metrics"] = sorted_here(measured, SortedFiles("metrics", run.run_id, run.staged))
        files = {table: written for table, (written, _) in tables.items()}
        if work.corpus:
            is_there = any(
                published["corpus_digest"] == row["corpus_digest"]
                and any(file["table"] == CORPUS for file in published["files"] or ())
                for published in store.rows("runs")
            )
            # Even without rows, since this removes what a killed try left.
            brought = SortedFiles(CORPUS, run.run_id, run.staged)
            files[CORPUS] = () if is_there else brought.write_files(work.corpus())
    row |= {DIGESTS[table]: tables[table][1] for table in kind.tables if table in DIGESTS}
    whole = {name: row.get(name) for name in SCHEMAS[kind.by].names}
    published = store.publish_tables(kind.by, whole, run.staged, files, run.lock.confirm)
    clear(run)
    return published, log.sort_by("shard_uri")


def _read(folder: Folder, parts: Sequence[RunPart], columns: pa.Schema) -> pa.Table:
    with ThreadPoolExecutor(READERS, "parts") as pool:
        return pa.concat_tables([columns.empty_table(), *pool.map(partial(read_part, folder), parts)])


def _row(kind: Kind, log: pa.Table, rows: Mapping[str, int], facts: Row) -> dict[str, Any]:
    statuses = log["status"].to_pylist()
    counts = {f"shards_{status}": statuses.count(status) for status in SHARD_STATUSES}
    counts |= {COUNTED[table]: number for table, number in rows.items()}
    known = {name: value for name, value in facts.items() if value is not None}
    return {**facts, **counts, **kind.row(log, facts), **known}


def _written(run: OwnedRun, kind: Kind, parts: Sequence[RunPart], log: pa.Table, table: str) -> Sorted:
    files = SortedFiles(table, run.run_id, run.staged)
    if table == kind.log:
        return sorted_here(log.select(columns_without_run(table).names), files)
    if table == "rights_signals" and not parts:  # most runs have none, and need no empty file
        return (), digest_of(())
    if are_few(run.parts, parts, SORTED_HERE_BYTES):
        return sorted_here(_read(run.parts, parts, kind.columns[table]), files)
    return sorted_by_spark(sql_session(), run.parts, parts, files)


def _check(row: Row, rows: Mapping[str, int], counts: ShardTotals, run: OwnedRun) -> None:
    counted = [row["shards_planned"], counts.matches, counts.signals]
    found = [sum(row[f"shards_{status}"] for status in SHARD_STATUSES), *rows.values()]
    # Beyond these, `counts` may have a separate count of signals.
    if found != counted[: len(found)]:
        raise OutputError(
            f"waves contain {found} of {', '.join(('shards', *rows))}; expected were {counted[: len(found)]}",
            where=str(run.folder),
            remedy="remove that folder and run the same command again: the run starts over",
        )


def sorted_here(rows: pa.Table, files: SortedFiles) -> Sorted:
    """Sort rows in this process and write them as one file, even if there are none."""
    order = ORDERS[files.table]
    table = rows.sort_by([(name, "ascending", "at_start") for name in order])
    written = files.write_all(table.to_batches())
    digest = digest_of(table["row_sha256"].to_pylist()) if "row_sha256" in order else ""
    return (written,), digest


def sorted_by_spark(
    spark: SparkSession, folder: Folder, parts: Sequence[RunPart], files: SortedFiles
) -> Sorted:
    """Have Spark sort rows into files of about `FILE_BYTES`; its tasks call this module's functions."""
    order = ORDERS[files.table]
    count = max(1, sum(part.bytes for part in parts) // FILE_BYTES)
    groups, schema = in_groups(parts), columns_without_run(parts[0].table)
    rows = batches_of(spark, groups, partial(_rows_of, folder, None), schema)
    wanted = pa.schema([schema.field("row_sha256")])
    digests = batches_of(spark, groups, partial(_rows_of, folder, wanted.names), wanted)
    ranges = rows.repartitionByRange(count, *order[:3])
    # Two independent jobs, at the same time.
    with spark_errors(files.folder.uri), ThreadPoolExecutor(2, "publish") as pool:
        digest = pool.submit(table_digest, digests)
        written = pool.submit(written_by_spark, ranges.sortWithinPartitions(*order), files).result()
        return written, digest.result()


def table_digest(rows: DataFrame) -> str:
    """Compute the digest over the rows' `row_sha256`, in any order, as `tables.digests.table_digest` does."""
    from pyspark.sql import functions as f

    digests = f.concat_ws("", f.array_sort(f.collect_list("row_sha256")))
    prefix = f.substring("row_sha256", 1, GROUP_DIGITS).alias("prefix")
    groups = rows.groupBy(prefix).agg(f.sha2(digests, 256).alias("digest"))
    row = groups.agg(f.array_sort(f.collect_list(f.concat("prefix", "digest"))).alias("all")).first()
    ordered = row["all"] if row else []
    return hashlib.sha256("".join(ordered).encode()).hexdigest()


def _rows_of(
    folder: Folder, columns: Sequence[str] | None, parts: Iterable[RunPart]
) -> Iterator[pa.RecordBatch]:
    for part in parts:
        yield from read_part(folder, part, columns).to_batches(ROWS_AT_ONCE)
