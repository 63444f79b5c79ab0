"""Rewrites files of published runs: merges small ones, or leaves out rows (`claims.forget`).

Rows that stay, their order and digests do not change. The next command finishes what a killed one began:

1. New files are written to `_runs/rewriting`, then a plan: the files that they replace, and their runs.
2. The plan is carried out, in steps that can be repeated: new files are moved into the tables, the rows of
   their runs are replaced, old files deleted, the tombstone of a removal published, and the plan deleted.

A new file with a new name counts for a run as soon as the run's row lists it; until then, old files count. If
a new file has the name of an old one, its runs cannot be read until their rows are replaced.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import accumulate, chain, groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import OutputError
from presswatch_spark.storage.arrow_files import file_system
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.locks_and_leases import Lock, locked
from presswatch_spark.storage.objects import MissingError, stat
from presswatch_spark.tables.declarations import DIGESTS, PUBLISHED_BY, PUBLISHING_TABLES, SCHEMAS
from presswatch_spark.tables.seals import ROW_COUNT_COLUMNS, sealed_json, unsealed_json
from presswatch_spark.tables.sorted_files import GROUP_ROWS, SortedFiles, grouped
from presswatch_spark.tables.store import MERGED, RUNS_FOLDER, RunsByFile, TableStore, bounded_batches

FILE_BYTES, RUN_BYTES = 256 << 20, 1 << 19
"""Most bytes of a merged file, and those that each run takes in addition: row groups of its own."""
SMALL_BYTES = FILE_BYTES // 4
"""Runs with fewer bytes in a table are merged."""
PARTITIONS = ["dataset", "release"]
"""Columns by which tables that have both are partitioned; of others, readers use the extremes of columns."""
FOLDER, PLAN = "rewriting", "plan.json"
Plan = Mapping[str, Any]
"""JSON: `files` (see `new_file`) and `tombstone` (null if no row is removed)."""


def compact(store: TableStore) -> tuple[int, int]:
    """Merge small files of runs, sealed scans and censuses; return the numbers of files and merged files.

    Raises `OutputError` if another process rewrites files here, and `DamagedTablesError` if a file is not as
    it was published. If an earlier merge or removal here was killed, it is finished first.
    """
    with rewriting(store) as (work, finished):
        merged = [*finished["files"]] if finished and not finished["tombstone"] else []
        for table, by in PUBLISHED_BY.items():
            if table in PUBLISHING_TABLES or by == "derivations":
                continue
            for runs in _mergeable_runs(store, table):
                name = f"{MERGED}-{secrets.token_hex(6)}.parquet"
                file = work.new_file(table, store.files(table, *runs), name)
                work.carry_out({"files": [file], "tombstone": None})
                merged.append(file)
    return sum(len(file["replaced"]) for file in merged), len(merged)


def _mergeable_runs(store: TableStore, table: str) -> Iterator[list[str]]:
    """Yield runs whose files in a table become one: small, with the same columns, dataset and release."""
    runs = defaultdict[tuple[str, ...], list[str]](list)
    alike = defaultdict[tuple[str | None, ...], dict[tuple[str, ...], int]](dict)
    for row in store.read(PUBLISHED_BY[table]).to_pylist():
        # Rows of older versions list no files.
        files = [file for file in row["files"] or () if file["table"] == table]
        names, size = tuple(file["name"] for file in files), sum(file["bytes"] for file in files)
        if not files or size >= SMALL_BYTES:
            continue
        if names not in runs:
            uri = (store.root / table).at(names[0])
            columns = pq.read_schema(uri, filesystem=file_system(uri, store.root.storage)).names
            partition = [row[name] for name in PARTITIONS] if set(PARTITIONS) <= set(columns) else []
            # A newer version may have written columns that are unknown here.
            if set(columns) <= set(SCHEMAS[table].names):
                alike[*partition, *columns][names] = size
        runs[names].append(row["run_id"])
    for sizes in alike.values():
        waiting = [*sizes]
        while waiting:
            totals = accumulate(sizes[names] + len(runs[names]) * RUN_BYTES for names in waiting)
            fitting = max(1, sum(total <= FILE_BYTES for total in totals))
            merge, waiting = waiting[:fitting], waiting[fitting:]
            if sum(map(len, merge)) > 1:
                yield [run_id for names in merge for run_id in runs[names]]


@contextmanager
def rewriting(store: TableStore) -> Iterator[tuple[Rewriting, Plan | None]]:
    """Give the right to rewrite files, and the plan of a killed command, which is carried out first.

    Raises `OutputError` if another process has that right, or if the plan is damaged.
    """
    runs = store.root / RUNS_FOLDER
    with locked(runs, FOLDER) as lock, disk_errors(str(store.root)):
        work = Rewriting(store, runs / FOLDER, lock)
        finished = work.finish()
        work.folder.remove()
        yield work, finished


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The right to rewrite files. `folder`: the place of new files and of the plan."""

    store: TableStore
    folder: Folder
    lock: Lock

    def new_file(
        self,
        table: str,
        files: RunsByFile,
        name: str,
        keep: Callable[[pa.RecordBatch], pa.RecordBatch] = lambda batch: batch,
    ) -> dict[str, Any]:
        """Write files with the same columns as one, and return it for a plan; few rows are in memory.

        `keep` returns the rows of a batch that stay. A row group has rows of one run.
        """
        system = file_system(self.folder.uri, self.folder.storage)
        footers = [pq.read_metadata(uri, filesystem=system) for uri in files]
        schema = footers[0].schema.to_arrow_schema()
        usual = sum(each.num_rows for each in footers) // max(1, sum(each.num_row_groups for each in footers))
        batches = bounded_batches(self.store.open_files(files, schema), rows=GROUP_ROWS)
        # Files of some derived tables do not name their only run.
        named = "run_id" in schema.names
        by_run = groupby(filter(len, map(keep, batches)), lambda each: each["run_id"][0] if named else None)
        groups = chain.from_iterable(grouped(of_run) for _, of_run in by_run)
        first = next(groups, schema.empty_table())
        written = SortedFiles(table, "", self.folder, tuple(schema.names)).write(first, groups, usual)
        runs = sorted({run_id for runs in files.values() for run_id in runs})
        replaced = [uri.rpartition("/")[2] for uri in files]
        facts = {"table": table, "staged": written.name, "runs": runs, "replaced": replaced}
        return asdict(written) | facts | {"name": name}

    def carry_out(self, plan: Plan) -> None:
        """Replace files and rows of runs, and publish the tombstone."""
        self.lock.confirm()
        self.folder.write(PLAN, sealed_json(plan))
        self.finish()

    def finish(self) -> Plan | None:
        """Carry out the plan that is there, perhaps in part already, and return it."""
        try:
            plan = unsealed_json(self.folder.read(PLAN)[0])
        except MissingError:
            return None
        except ValueError as error:
            raise OutputError(
                "the plan of an unfinished removal or merge is damaged",
                where=str(self.folder),
                remedy="restore the tables from a copy, and delete this folder",
            ) from error
        for file in plan["files"]:
            folder = self.store.root / file["table"]
            self.lock.confirm()
            # A missing file was moved before the command was killed.
            with suppress(MissingError, FileNotFoundError):
                folder.take(self.folder.at(file["staged"]), file["name"])
            for run_id in file["runs"]:
                self.lock.confirm()
                self._replace_row(run_id, file, plan["tombstone"])
        for file in plan["files"]:
            # Compare the new file with these rows before the old ones are deleted.
            self.store.files(file["table"], *file["runs"])
            self.lock.confirm()
            old = [name for name in file["replaced"] if name != file["name"]]
            (self.store.root / file["table"]).delete(old)
        if (tombstone := plan["tombstone"]) and not self.store.is_published(tombstone["run_id"]):
            self.store.publish("tombstones", {**tombstone, "files": [], "finished_at": datetime.now(UTC)})
        self.folder.remove()
        return plan

    def _replace_row(self, run_id: str, file: Mapping[str, Any], tombstone: Mapping[str, Any] | None) -> None:
        table, by = file["table"], PUBLISHED_BY[file["table"]]
        folder = self.store.root / table
        there = stat(folder.at(file["name"]), folder.storage)
        (row,) = self.store.read(by, run_id).to_pylist()
        for change in tombstone["removed"] if tombstone else ():
            if (change["run_id"], change["table"]) == (run_id, table):
                counted, digest = ROW_COUNT_COLUMNS.get(table, "rows"), DIGESTS.get(table)
                facts = {counted: "rows_after", digest: "digest_after"}
                row |= {name: change[fact] for name, fact in facts.items() if name in row}
        # Rows of older versions list no files.
        if row["files"] is not None:
            gone = {(table, name) for name in (*file["replaced"], file["name"])}
            kept = [each for each in row["files"] if (each["table"], each["name"]) not in gone]
            facts = {name: file[name] for name in ("table", "name", "rows", "bytes", "sha256")}
            row["files"] = [*kept, facts | {"etag": None if folder.is_local else there.etag}]
        self.store.replace(by, row)
