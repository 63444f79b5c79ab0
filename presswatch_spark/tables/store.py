"""The folder of published tables, on disk or on S3. It contains::

    TABLES/_presswatch.json                     marks the folder as ours, with its layout
    TABLES/matches/<run_id>-00000.parquet …     likewise the other tables: see `tables.declarations`
    TABLES/matches/merged-….parquet             rows of several runs: see `tables.rewriting`
    TABLES/_runs/…                              results of unfinished runs

Files of a run are moved in from `_runs`, that of `runs` (or `censuses`, or `derivations`) last: it publishes
the run and describes the other files. A row group of a merged file has rows of one run, and counts if the
row of that run lists the file. Files are not in `run_id=…` folders, since pyarrow and pandas refuse
folders that repeat a column of their files.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from operator import methodcaller
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.errors import InputError, OutputError, StorageError
from presswatch_spark.core.terminal import did_you_mean, printable
from presswatch_spark.storage.arrow_files import opened_parquet, read_parquet
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, ObjectInfo, StorageOptions, shown_uri, stat
from presswatch_spark.storage.uris import scheme_of
from presswatch_spark.tables import WATCH_FOLDER, seals
from presswatch_spark.tables.declarations import (
    DIGESTS,
    HISTORY_TABLES,
    PUBLISHED_BY,
    PUBLISHING_TABLES,
    SCHEMAS,
)
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.seals import DamagedTablesError, Row, Written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


LAYOUT = 1
MARKER = "_presswatch.json"
RUNS_FOLDER = "_runs"
ID_TIME = "%Y%m%dT%H%M%SZ"
"""The time at the beginning of a run's id."""
_ID_TIME = re.compile(r"\d{8}T\d{6}Z")
RunsByFile = Mapping[str, Sequence[str]]
"""URIs of files of a table, each with the runs whose rows in it count."""
MERGED = "merged"
"""The beginning of the names of merged files, in the place of a run's id."""
GROUPS_AHEAD, FOOTERS_AHEAD = 3, 8
"""Row groups, and footers of files, that are read ahead: more would take several gigabytes for wide rows."""


@dataclass(frozen=True, slots=True)
class TableStore:
    """Tables below `root`, a folder that this host and all workers reach by that name."""

    root: Folder

    @classmethod
    def create(cls, path: str, storage: StorageOptions | None = None) -> TableStore:
        """Open the tables at `path`; create them in a missing or empty folder; else `OutputError`."""
        if scheme_of(path) in ("http", "https", "hf"):
            raise OutputError(
                f"tables cannot be written to {scheme_of(path)}:// storage",
                where=shown_uri(path),
                remedy="choose a folder on S3, or on a disk that all workers share",
            )
        root = Folder.of(path, storage or StorageOptions())
        with disk_errors(str(root)):
            try:
                root.read(MARKER)
            except MissingError:
                # A watch puts its lock there before its first scan, and another process may write the marker.
                ours = (".lock", WATCH_FOLDER)
                if any(MARKER not in name and name.partition("/")[0] not in ours for name in root.entries()):
                    raise OutputError(
                        "the output folder contains other files, and no tables of scans",
                        where=str(root),
                        remedy="choose an empty or a new folder",
                    ) from None
                facts = {"layout": LAYOUT, "tables": sorted(SCHEMAS)}
                root.write(MARKER, seals.sealed_json(facts))
        return cls.open(path, storage)

    @classmethod
    def open(cls, path: str, storage: StorageOptions | None = None) -> TableStore:
        """Open the tables at `path`; raises `OutputError` if there are none, or of another layout."""
        store = cls(Folder.of(path, storage or StorageOptions()))
        try:
            data = store.root.read(MARKER)[0]
            facts = parse_json(data)
            # Folders of earlier versions have a marker without a seal.
            if not set(facts) <= {"layout", "tables"}:
                facts = seals.unsealed_json(data)
            layout = int(facts["layout"])
        except (MissingError, ValueError, LookupError, TypeError) as error:
            raise OutputError(
                f"this is not a folder of tables: {MARKER} is missing or damaged",
                where=str(store.root),
                remedy="pass the folder that was --out of a scan, or restore that file from a copy",
            ) from error
        if layout != LAYOUT:
            raise OutputError(
                f"the tables have layout {layout}, and this version writes {LAYOUT}",
                where=str(store.root),
                remedy="use the version that wrote them, or another folder",
            )
        return store

    def published(self, by: str = "runs") -> list[str]:
        """Return the ids in a publisher's table (runs, or by `by` censuses and others), oldest first."""
        return list(self._row_files(by))

    def is_published(self, run_id: str) -> bool:
        """Return whether a run, census or derived table of that id is published."""
        return any(run_id in self.published(by) for by in PUBLISHING_TABLES)

    def rows(self, by: str = "runs") -> list[dict[str, Any]]:
        """Return the rows of a publisher, oldest first, without damaged ones; see `damage`."""
        found = list[dict[str, Any]]()
        for run_id, info in self._row_files(by).items():
            with suppress(DamagedTablesError):
                row = seals.row_of(info, run_id, self.root.storage)
                found.append({name: row.get(name) for name in SCHEMAS[by].names})
        return found

    def made(self, table: str) -> list[str]:
        """Return the ids of a derived table's makings, oldest first; the last one is current."""
        rows = self._rows(PUBLISHED_BY[table], ())
        return [run_id for run_id, (_, row) in rows.items() if row["table"] == table]

    def unpublished(self) -> dict[str, list[str]]:
        """Return files that no row publishes, by their run, which is being published or was killed."""
        # List files before rows: a run that is published in between then counts as published.
        there = [uri for table in SCHEMAS if table not in PUBLISHING_TABLES for uri in self.present(table)]
        known = {MERGED, *(run_id for by in PUBLISHING_TABLES for run_id in self.published(by))}
        found = defaultdict[str, list[str]](list)
        for uri in there:
            found[run_of(uri)].append(uri)
        return {run_id: found[run_id] for run_id in found.keys() - known}

    def present(self, table: str) -> list[str]:
        """Return the URIs of all files in the folder of a table, published or not."""
        return [info.uri for files in self._there(table).values() for info in files.values()]

    def files(self, table: str, *run_ids: str, check: bool = True, read: bool = True) -> RunsByFile:
        """Return the files of published runs in a table: of the runs named, or of all.

        For a table in `HISTORY_TABLES`, "all" is the last one. With `check`, raises `DamagedTablesError` if
        files differ from their run's row; without `read`, only names and sizes are compared.
        """
        if table in HISTORY_TABLES and not run_ids:
            run_ids = tuple(self.made(table)[-1:])
            if not run_ids:
                return {}
        rows = self._rows(PUBLISHED_BY[table], run_ids)
        if table in PUBLISHING_TABLES:
            return {info.uri: [run_id] for run_id, (info, _) in rows.items()}
        there = self._there(table)
        described = [(row, _files_of(row, table, there)) for _, row in rows.values()]
        try:
            if check:
                seals.check_files(self.root / table, table, described, read=read)
        except (DamagedTablesError, MissingError):
            if rows == self._rows(PUBLISHED_BY[table], run_ids):
                raise
            # The files were merged or rewritten meanwhile.
            return self.files(table, *run_ids, check=check, read=read)
        found = defaultdict[str, list[str]](list)
        for row, infos in described:
            for info in infos.values():
                found[info.uri].append(row["run_id"])
        return found

    def check(self, run_id: str) -> None:
        """Compare the digests of a run's tables with its row; raises `DamagedTablesError`."""
        row = self.read("runs", run_id).to_pylist()[0]
        for table in (table for table, by in PUBLISHED_BY.items() if by == "runs" != table):
            rows, digest = self.open_table(table, run_id), row.get(DIGESTS.get(table, ""))
            if digest is not None:
                digests = rows.to_table(columns=["row_sha256"])["row_sha256"].to_pylist()
                if (found := table_digest(digests)) != digest:
                    other = f"digest {digest}, and its {len(digests):,} rows have {found}"
                    raise seals.differs(row, table, (self.root / table).uri, other)

    def damage(self) -> Iterator[OutputError]:
        """Yield the damage of published runs that can be found without reading their tables."""
        for by in PUBLISHING_TABLES:
            tables = [table for table in SCHEMAS if PUBLISHED_BY[table] == by]
            with suppress(OutputError):
                for table in tables:
                    self.files(table, *self.published(by), read=False)
                continue
            for run_id in self.published(by):
                try:
                    for table in tables:
                        self.files(table, run_id, read=False)
                except OutputError as error:
                    yield error

    def _row_files(self, by: str) -> dict[str, ObjectInfo]:
        there = self._there(by)
        return {run_id: next(iter(there[run_id].values())) for run_id in sorted(there)}

    def _rows(self, by: str, run_ids: Sequence[str]) -> dict[str, tuple[ObjectInfo, Row]]:
        files = self._row_files(by)
        wanted = [run_id for run_id in files if not run_ids or run_id in run_ids]
        with ThreadPoolExecutor(8, "runs") as pool:
            rows = pool.map(lambda run_id: seals.row_of(files[run_id], run_id, self.root.storage), wanted)
            return {run_id: (files[run_id], row) for run_id, row in zip(wanted, rows, strict=True)}

    def _there(self, table: str) -> defaultdict[str, dict[str, ObjectInfo]]:
        files = defaultdict[str, dict[str, ObjectInfo]](dict)
        for name, info in (self.root / table).described().items():
            if name.endswith(".parquet") and "/" not in name:
                files[run_of(name)][name] = info
        return files

    def open_table(self, table: str, *run_ids: str) -> Any:
        """Open rows of published runs, those named or all, as a `pyarrow.dataset.Dataset`; see `files`.

        A filter by `run_id` skips files of other runs.
        """
        files = self.files(table, *run_ids)
        # Rows of a derived table have the id of the run that found them, not of the one that published them.
        is_known = PUBLISHED_BY[table] != "derivations"
        is_of = [pc.scalar(True) if is_merged(uri) else pc.field("run_id") == run_of(uri) for uri in files]
        return self.open_files(files, SCHEMAS[table], is_of if is_known else None)

    def open_files(self, files: RunsByFile, schema: pa.Schema, known: Sequence[Any] | None = None) -> Any:
        """Open files of a table as `opened_parquet` does; its `count_rows` would count other runs' rows."""
        opened = opened_parquet(self.root, files, schema, known)
        if not any(map(is_merged, files)):
            return opened
        parts = [
            part.subset(pc.field("run_id").isin(runs)) if is_merged(uri) else part
            for part, (uri, runs) in zip(opened.get_fragments(), files.items(), strict=True)
        ]
        return type(opened)(parts, schema, opened.format, opened.filesystem)

    def values(
        self, table: str, columns: Sequence[str], *run_ids: str, wanted: Any = None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield columns of rows of the runs named or of all; few are in memory. `wanted`: a filter."""
        for batch in bounded_batches(self.open_table(table, *run_ids), columns, wanted):
            yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)

    def read(self, table: str, *run_ids: str, columns: list[str] | None = None) -> pa.Table:
        """Read rows of published runs, those named or all, in the schema of the table."""
        files, schema = self.files(table, *run_ids), SCHEMAS[table]
        if self.root.is_local or any(map(is_merged, files)):
            return self.open_files(files, schema).to_table(columns=columns)
        return read_parquet(files, schema, columns or schema.names, self.root.storage)

    def frame(
        self, spark: SparkSession, table: str, *run_ids: str, columns: Sequence[str] | None = None
    ) -> DataFrame:
        """Return the same rows as a Spark DataFrame; name `columns`, since none are pruned on S3.

        On disk, Spark reads the files itself; on S3, Python tasks do, which need no jars.
        """
        from pyspark.sql import functions as f

        from presswatch_spark.core.spark.session import spark_path, spark_schema
        from presswatch_spark.tables.sorted_files import batches_of

        files, schema = self.files(table, *run_ids), SCHEMAS[table]
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        if not files:
            return spark.createDataFrame([], spark_schema(wanted))
        if not self.root.is_local:
            return batches_of(spark, [*files.items()], partial(_rows_of, self, wanted), wanted)
        frame = spark.read.schema(spark_schema(schema)).parquet(*(spark_path(Path(uri)) for uri in files))
        if counted := [f"{Path(uri).name} {run}" for uri in filter(is_merged, files) for run in files[uri]]:
            name = f.col("_metadata.file_name")
            is_counted = f.concat_ws(" ", name, "run_id").isin(counted)
            frame = frame.where(~name.startswith(MERGED) | is_counted)
        return frame.select(*wanted.names)

    def adopt(self, table: str, run_id: str, written: Sequence[str]) -> list[str]:
        """Move Parquet files, given by URI, into the table in this order, and return their names.

        Other files of the run are removed last: a process that was overtaken finds no files to move, and so
        fails before it removes any.
        """
        folder = self.root / table
        names = [f"{run_id}-{number:05}.parquet" for number in range(len(written))]
        with disk_errors(str(folder)):
            for uri, name in zip(written, names, strict=True):
                folder.take(uri, name)
            folder.delete([name for name in self._there(table)[run_id] if name not in names])
        return names

    def publish_tables(
        self,
        by: str,
        row: Row,
        staged: Folder,
        tables: Mapping[str, Sequence[Written]],
        confirm: Callable[[], None],
    ) -> Row:
        """Move files of tables in, then write the row of `by` that publishes and describes them; return it.

        Files of a killed attempt are removed. `confirm` raises if another process has taken the run over.
        Raises `ConflictError` if that process has published it.
        """
        files = list[dict[str, Any]]()
        for table, written in tables.items():
            confirm()
            folder = self.root / table
            names = self.adopt(table, row["run_id"], [staged.at(file.name) for file in written])
            for name, file in zip(names, written, strict=True):
                etag = None if folder.is_local else stat(folder.at(name), folder.storage).etag
                facts = {"rows": file.rows, "bytes": file.bytes, "sha256": file.sha256, "etag": etag}
                files.append({"table": table, "name": name, **facts})
        confirm()
        published = {**row, "files": files, "finished_at": datetime.now(UTC)}
        self.publish(by, published)
        return published

    def publish(self, by: str, row: Mapping[str, Any]) -> None:
        """Write the row that publishes a run; raises `ConflictError` if another process has."""
        folder, name, data = self._row_file(by, row)
        with disk_errors(str(folder)):
            try:
                folder.write(name, data, absent=True)
            except StorageError:
                # Only the reply may be lost: if the row is there, the run is published.
                with suppress(StorageError):
                    if folder.read(name)[0] == data:
                        return
                raise

    def replace(self, by: str, row: Mapping[str, Any]) -> None:
        """Replace the row that publishes a run."""
        folder, name, data = self._row_file(by, row)
        folder.write(name, data)

    def _row_file(self, by: str, row: Row) -> tuple[Folder, str, bytes]:
        schema = SCHEMAS[by].remove_metadata()
        data = seals.sealed_parquet([pa.RecordBatch.from_pylist([dict(row)], schema)], schema)
        return self.root / by, f"{row['run_id']}-00000.parquet", data


def _rows_of(
    store: TableStore, schema: pa.Schema, file: tuple[str, Sequence[str]]
) -> Iterator[pa.RecordBatch]:
    yield from store.open_files(dict([file]), schema).to_batches(batch_size=10_000)


def _files_of(
    row: Row, table: str, there: Mapping[str, Mapping[str, ObjectInfo]]
) -> Mapping[str, ObjectInfo]:
    """Return the files of a run in a table by name; once they are merged, its own files no longer count."""
    listed = (file["name"] for file in row.get("files") or () if file["table"] == table)
    if merged := set(filter(is_merged, listed)):
        return {name: info for name, info in there[MERGED].items() if name in merged}
    return there[row["run_id"]]


def later_time(now: datetime, run_ids: Iterable[str]) -> str:
    """Return the time for a new id: `now` in UTC, or a second after the newest of `run_ids`.

    The newest run must have the last id even if the clock was set back, since readings count by their ids.
    """
    newest = max((time for each in run_ids if _ID_TIME.fullmatch(time := each.partition("-")[0])), default="")
    if f"{now:{ID_TIME}}" > newest:
        return f"{now:{ID_TIME}}"
    return f"{datetime.strptime(newest, ID_TIME) + timedelta(seconds=1):{ID_TIME}}"


def run_of(uri: str) -> str:
    """Return the run of a file of a table, or `MERGED`, by its name."""
    return uri.rpartition("/")[2].rpartition("-")[0]


def is_merged(uri: str) -> bool:
    """Return whether a file has rows of several runs."""
    return run_of(uri) == MERGED


def column_batches(
    store: TableStore,
    table: str,
    runs: Sequence[str],
    columns: Sequence[str],
    batch_rows: int = 10_000,
) -> Iterator[pa.RecordBatch]:
    """Yield columns of published rows, in order, null in files that lack them; few rows are in memory."""
    schema = pa.schema([SCHEMAS[table].field(name).remove_metadata().with_nullable(True) for name in columns])
    files = store.files(table, *runs) if runs else {}
    yield from bounded_batches(store.open_files(files, schema), columns, rows=batch_rows)


def runs_publishing(table: str, runs: Sequence[str]) -> Sequence[str]:
    """Return `runs` if runs publish the rows of this table; else nothing, which means all rows."""
    return runs if PUBLISHED_BY[table] == "runs" else ()


def chosen_runs(store: TableStore, run_id: str | None, by: str = "runs") -> list[str]:
    """Return the runs that a user named: all for None, the newest for `latest`; `InputError` if none."""
    published = store.published(by)
    if run_id is None:
        return published
    found = published[-1:] if run_id == "latest" else [run_id] if run_id in published else []
    if not found:
        if by == "runs" and run_id in store.published("censuses"):
            remedy = "`presswatch sql` reads its rows, in the table captures"
            raise InputError(f"{run_id} is a census and no scan", where=str(store.root), remedy=remedy)
        what = f"run {run_id} is not published" if run_id != "latest" else "no run is published"
        newest = f"; the newest is {published[-1]}" if published else ""
        raise InputError(
            printable(f"{what}{did_you_mean(run_id, published) or newest}"),
            where=str(store.root),
            remedy="`presswatch runs` lists published and unfinished runs",
        )
    return found


def bounded_batches(
    dataset: Any, columns: Sequence[str] | None = None, filter: Any = None, rows: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet dataset, in their order; only a few row groups are in memory.

    `filter`: an Arrow expression; row groups that it rules out are not read. `rows`: the most of a batch.
    """
    wanted = None if columns is None else list(columns)
    split = methodcaller("split_by_row_group", filter, schema=dataset.schema)
    read = methodcaller("to_table", schema=dataset.schema, columns=wanted, filter=filter, use_threads=False)
    groups = chain.from_iterable(_ahead(split, dataset.get_fragments(filter), FOOTERS_AHEAD))
    for table in _ahead(read, groups, GROUPS_AHEAD):
        yield from table.to_batches(rows)


def _ahead(function: Callable[[Any], Any], items: Iterable[Any], count: int) -> Iterator[Any]:
    waiting = deque[Future[Any]]()
    with ThreadPoolExecutor(count, "tables") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def bounded_dataset(dataset: Any) -> Any:
    """Return the same files as a dataset for DuckDB, which gives columns and a filter, and gets few rows."""
    # Imported here: it loads pandas, which opened datasets do anyway.
    import pyarrow.dataset as ds

    class BoundedDataset(ds.FileSystemDataset):  # type: ignore[misc]
        def scanner(self, **options: Any) -> SimpleNamespace:
            columns, filter, schema = options.get("columns"), options.get("filter"), self.schema
            if columns is not None:
                schema = pa.schema([schema.field(name) for name in columns])

            def to_reader() -> pa.RecordBatchReader:
                return pa.RecordBatchReader.from_batches(schema, bounded_batches(self, columns, filter))

            return SimpleNamespace(to_reader=to_reader)

    fragments = list(dataset.get_fragments())
    return BoundedDataset(fragments, dataset.schema, dataset.format, filesystem=dataset.filesystem)
