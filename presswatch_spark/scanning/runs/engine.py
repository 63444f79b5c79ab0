"""The engine of runs: reads, wave by wave, the shards that no earlier process has read; publishes the run.

It serves scans of documents and censuses of captures alike. It checks the parts of waves again before it
publishes them: if a part is damaged, the shards of its wave are read again, and no others.

Publication makes the parts rows of the tables, all of them or none. Each table is sorted (by Spark if large),
written whole next to the waves, and moved to its place. The row of `runs` or `censuses` comes last: without
it, a run is not published, and a killed publication is repeated.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

import pyarrow as pa
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from presswatch_spark.core.errors import OutputError, PresswatchError
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.core.spark.errors import spark_errors
from presswatch_spark.core.spark.interrupts import interruptible
from presswatch_spark.core.spark.session import cores_now, cores_of_machine, spark_context, sql_session
from presswatch_spark.core.spark.worker import collected, task
from presswatch_spark.core.terminal import counted
from presswatch_spark.scanning.costs import Meter
from presswatch_spark.scanning.monitoring.metrics import RunFacts, Totals, metric_rows
from presswatch_spark.scanning.monitoring.progress import Observer, ShardTotals
from presswatch_spark.scanning.runs.result_parts import RunPart, are_few, damage_of, in_groups, read_part
from presswatch_spark.scanning.runs.run_work import Guard, Kind, Row, RunSummary, Work
from presswatch_spark.scanning.runs.unfinished import (
    OwnedRun,
    Wave,
    clear,
    forget_wave,
    older_runs,
    own_run,
    remove_leftovers,
)
from presswatch_spark.scanning.runs.waves import WaveReader, earlier_passes, spread
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.host_limits import Workers
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.uris import scheme_of
from presswatch_spark.tables.column_values import SHARD_STATUSES
from presswatch_spark.tables.declarations import DIGESTS, SCHEMAS, columns_without_run
from presswatch_spark.tables.digests import GROUP_DIGITS
from presswatch_spark.tables.digests import table_digest as digest_of
from presswatch_spark.tables.seals import ROW_COUNT_COLUMNS, Written
from presswatch_spark.tables.sorted_files import ORDERS, SortedFiles, batches_of, written_by_spark
from presswatch_spark.tables.store import TableStore

MOST_ROUNDS = 3
"""How many times one process reads the shards of damaged parts again."""


def carry_out(
    work: Work, out: str, config: ScanConfig, observer: Observer, spark: SparkSession | None = None
) -> RunSummary:
    """Do the work, or the rest that an earlier process left, and publish it in `out`.

    Raises:
        OutputError: `out` is no folder of tables, owned by another process, or full. Finished waves are kept.
        PlatformError: too many shards were lost to storage or dying workers.
        PresswatchError: the guard of the work stopped the run, or Spark failed.
    """
    rules, store = config.run, TableStore.create(out, config.storage)
    with own_run(store, work.key, datetime.now(UTC), rules.lease_seconds, work.kind.by) as run:
        for line in older_runs(store) if not run.resumed else ():
            observer.say("older_run", line)
        if work.beginning and not run.resumed:
            try:
                work.beginning()
            except BaseException:
                clear(run)
                raise
        name = f"presswatch {work.kind.terms.run}"
        with work.preparing():
            if spark is None:
                conf = {"spark.ui.enabled": "true"} if rules.spark_ui else None
                context = spark_context(name, master=rules.master, cores=rules.cores, conf=conf)
            else:
                context = spark.sparkContext
            if rules.spark_ui:
                observer.say("spark_ui", f"Spark's pages: {context.uiWebUrl}")
        return interruptible(context, partial(execute, work, run, store, rules, context, observer))


def execute(
    work: Work, run: OwnedRun, store: TableStore, rules: RunRules, context: SparkContext, observer: Observer
) -> RunSummary:
    """Read in waves the shards that no earlier process of this run has read, and publish the run."""
    began, shards = time.monotonic(), work.shards.shards
    lend_hub(context, shards)
    guard, meter = work.guard, Meter(partial(cores_now, context))
    with observer.following(), spark_errors(str(run.folder)):
        say = partial(observer.say, "damage_found")
        for line in run.damaged:
            say(line)
        waves, lost = without_damage(context, run, run.waves, say)
        read = work.read
        if passes := work.passes:
            read = passes.reader(passes.at(run.folder, passes.count - 1))
        workers = Workers.of((shard.uri for shard in shards), cores_of_machine(context), store.root.storage)
        reader = WaveReader(context, run, work.kind, read, rules, observer, workers, meter, _positions(lost))
        _start(work, run, store, len(shards), waves, observer)
        if passes:
            done = _positions(waves)
            left = {place: shards[place] for place in spread(shards) if place not in done}
            waves += earlier_passes(reader, passes, left, lambda more: guard(_counts([*waves, *more])))
        waves = _read_rest(shards, waves, reader, guard)
        metrics = metric_rows(observer.metrics("published")) if work.kind.has_metrics else ()
        row, log = publish(store, run, work, waves, metrics)
        observer.published(row)
        # The run is published, so a failure to clean up is no failure of the run.
        with suppress(PresswatchError, OSError):
            remove_leftovers(store)
    return RunSummary(row, log, run.resumed, time.monotonic() - began)


def _read_rest(
    shards: Sequence[ObjectInfo], waves: list[Wave], reader: WaveReader, guard: Guard
) -> list[Wave]:
    observer = reader.observer
    for _ in range(MOST_ROUNDS):
        done = _positions(waves)
        for wave in reader.waves_of(position for position in spread(shards) if position not in done):
            guard(_counts(waves))
            observer.wave_started(len(wave))
            waves += reader({position: shards[position] for position in wave})
        guard(_counts(waves))
        waves, lost = without_damage(reader.context, reader.run, waves, partial(observer.say, "damage_found"))
        if not lost:
            return waves
        reader.again.update(_positions(lost))
        for damaged in lost:
            observer.wave_lost(damaged.counts, damaged.totals)
    raise OutputError(
        f"the results of waves were damaged {MOST_ROUNDS} times before they could be published",
        where=str(reader.run.folder),
        remedy=f"check this disk, or write the {reader.kind.terms.run} to a folder on another",
    )


def _positions(waves: Iterable[Wave]) -> set[int]:
    return {position for wave in waves for position in wave.shards}


def _counts(waves: Iterable[Wave]) -> ShardTotals:
    return sum((wave.counts for wave in waves), ShardTotals())


def _start(
    work: Work, run: OwnedRun, store: TableStore, planned: int, waves: Sequence[Wave], observer: Observer
) -> None:
    names = ("dataset", "release", "sample", "corpus_digest", "config_digest", "tool_version")
    asked = {name: value for name, value in {**work.facts, **work.asked}.items() if name in names}
    labels = {name: str(asked.get(name) or "") for name in ("dataset", "release", "sample")}
    last_success = max((row["finished_at"] for row in store.rows(work.kind.by)), default=None)
    labels = {"run_id": run.run_id, **labels}
    facts = RunFacts(labels, planned, run.started_at, last_success, work.kind.terms)
    totals: Totals = sum((wave.totals for wave in waves), Counter())
    asked |= {"plan_digest": work.shards.digest, "resumed": run.resumed}
    observer.start(facts, asked, _counts(waves), totals)


CHECKED_HERE_BYTES = 256 << 20
"""Most bytes of parts that the driver checks itself; Spark tasks check more."""
READERS = 8


def without_damage(
    context: SparkContext, run: OwnedRun, waves: Sequence[Wave], tell: Callable[[str], None]
) -> tuple[list[Wave], list[Wave]]:
    """Return the waves with undamaged parts, and the others, whose markers are removed."""
    parts = [part for wave in waves for part in wave.parts]
    if are_few(run.parts, parts, CHECKED_HERE_BYTES):
        with ThreadPoolExecutor(READERS, "check") as pool:
            damage = pool.map(partial(damage_of, run.parts), parts)
            damaged = {part.name: what for part, what in zip(parts, damage, strict=True) if what}
    else:
        groups = in_groups(parts)
        with spark_errors(run.parts.uri):
            damaged = dict(collected(context, len(groups), partial(_checked, run.parts, groups)))
    lost = [wave for wave in waves if any(part.name in damaged for part in wave.parts)]
    for wave in lost:
        again = (
            f"{counted(len(wave.shards), 'shard')} {'is' if len(wave.shards) == 1 else 'are'} scanned again"
        )
        for part in wave.parts:
            if part.name in damaged:
                tell(f"{run.parts.at(part.name)}: the result of a wave {damaged[part.name]}; its {again}")
        run.lock.confirm()
        forget_wave(run.folder, wave)
    return [wave for wave in waves if wave not in lost], lost


def _checked(
    folder: Folder, groups: Sequence[Sequence[RunPart]], numbers: Iterable[int]
) -> Iterator[tuple[str, str]]:
    with task():
        for part in chain.from_iterable(groups[number] for number in numbers):
            if damage := damage_of(folder, part):
                yield part.name, damage


def lend_hub(context: SparkContext, shards: Iterable[ObjectInfo]) -> None:
    """If shards are on a hub, give its address and this process's token to workers that start from now on.

    They are environment variables, so that no plan, setting or page of Spark shows them. Workers on Spark's
    own host inherit the environment from before the start of Java.
    """
    if not any(scheme_of(shard.uri) == "hf" for shard in shards):
        return
    # Imported here because few runs need the clients of the web.
    from presswatch_spark.storage.hub import ENDPOINT_VARIABLE, TOKEN_VARIABLE

    inherited = context._jvm.java.lang.System.getenv() if context._jvm else {}
    for name in (TOKEN_VARIABLE, ENDPOINT_VARIABLE):
        if os.environ.get(name) and os.environ[name] != inherited.get(name):
            context.environment[name] = os.environ[name]


# --- publication

SORTED_HERE_BYTES = 32 << 20
"""Most bytes of parts that one process sorts: about 180,000 matches, several times as large in memory."""
FILE_BYTES = 256 << 20
"""Least bytes of a file, if there are so many; a file may have up to twice as many."""
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
    counts |= {ROW_COUNT_COLUMNS[table]: number for table, number in rows.items()}
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
    expected = [row["shards_planned"], counts.matches, counts.signals]
    found = [sum(row[f"shards_{status}"] for status in SHARD_STATUSES), *rows.values()]
    # Beyond these, `counts` may have a separate count of signals.
    if found != expected[: len(found)]:
        raise OutputError(
            f"waves contain {found} of {', '.join(('shards', *rows))}, not {expected[: len(found)]}",
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
