"""The folder of published tables, on disk or on S3.

    TABLES/_presswatch.json                     says that the folder is ours, and of which layout
    TABLES/matches/<run_id>-00000.parquet …     likewise rights_signals/, if there are any, scan_log/,
                                                metrics/ and runs/; of a census captures/,
                                                census_log/ and censuses/
    TABLES/_runs/…                              what unfinished runs have done so far

Files of a run are moved in from there, `runs` or `censuses` last: that one file makes a run published. They
lie flat, not in `run_id=…` folders, because pyarrow and pandas refuse folders that repeat a column of their
files.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from presswatch_spark.errors import OutputError, StorageError
from presswatch_spark.storage.arrow_files import file_system, read_parquet
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import MissingError, StorageOptions, printable
from presswatch_spark.storage.uris import scheme_of
from presswatch_spark.tables import (
    CAPTURES,
    CENSUS_LOG,
    CENSUSES,
    MATCHES,
    METRICS,
    RIGHTS_SIGNALS,
    RUNS,
    SCAN_LOG,
)
from presswatch_spark.watch.claims import FOLDER as CLAIMS_FOLDER

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LAYOUT = 1
MARKER = "_presswatch.json"
SCHEMAS: Mapping[str, pa.Schema] = {
    "matches": MATCHES,
    "rights_signals": RIGHTS_SIGNALS,
    "scan_log": SCAN_LOG,
    "metrics": METRICS,
    "runs": RUNS,
    "captures": CAPTURES,
    "census_log": CENSUS_LOG,
    "censuses": CENSUSES,
}
# The tables whose row publishes what a run wrote into the others; `runs` does so where nothing is said.
PUBLISHERS = ("runs", "censuses")
PUBLISHED_BY = dict.fromkeys(("captures", "census_log", "censuses"), "censuses")
WILDCARDS = "[]{}*?\\"


@dataclass(frozen=True, slots=True)
class TableStore:
    """Tables under `root`, which this host and all workers reach by that name; from `create` or `open`."""

    root: Folder

    @classmethod
    def create(cls, path: str, storage: StorageOptions | None = None) -> TableStore:
        """The tables at `path`, made there if it is missing or empty.

        Raises:
            OutputError: the folder holds something else, is of another layout, has a name that Spark cannot
                read, or cannot be written.
            StorageError: S3 refuses.
        """
        root = _writable(path, storage or StorageOptions())
        with disk_errors(str(root)):
            try:
                root.read(MARKER)
            except MissingError:
                if _holds_others(root):
                    raise OutputError(
                        "the output folder holds files that are not ours",
                        where=str(root),
                        remedy="name an empty or a new folder",
                    ) from None
                facts = {"layout": LAYOUT, "tables": sorted(SCHEMAS)}
                root.write(MARKER, json.dumps(facts).encode())
        return cls.open(path, storage)

    @classmethod
    def open(cls, path: str, storage: StorageOptions | None = None) -> TableStore:
        """The tables at `path`; raises `OutputError` if there are none, or of another layout."""
        store = cls(Folder.of(path, storage or StorageOptions()))
        try:
            layout = json.loads(store.root.read(MARKER)[0])["layout"]
        except (MissingError, ValueError, LookupError, TypeError) as error:
            raise OutputError(
                f"this is not a folder of our tables: {MARKER} is missing or unreadable",
                where=str(store.root),
                remedy="name the folder given as --out to a scan",
            ) from error
        if layout != LAYOUT:
            raise OutputError(
                f"the tables have layout {layout}, and this version writes {LAYOUT}",
                where=str(store.root),
                remedy="use the version that wrote them, or another folder",
            )
        return store

    def published(self, by: str = "runs") -> list[str]:
        """Ids of the published runs, or `by` `censuses` of the censuses, oldest first."""
        return sorted({run_of(name) for name in _files_in(self.root / by)})

    def is_published(self, run_id: str) -> bool:
        """Whether a run or census of that id is published."""
        return any(run_id in self.published(by) for by in PUBLISHERS)

    def files(self, table: str, *run_ids: str) -> list[str]:
        """URIs of the files of published runs in a table: of those named, or of all."""
        published = self.published(PUBLISHED_BY.get(table, "runs"))
        wanted = {run_id for run_id in published if not run_ids or run_id in run_ids}
        folder = self.root / table
        return [folder.at(name) for name in _files_in(folder) if run_of(name) in wanted]

    def dataset(self, files: Sequence[str], schema: pa.Schema) -> Any:
        """Files of a table as a `pyarrow.dataset.Dataset`; columns that they lack are null."""
        system = file_system(self.root.uri, self.root.storage)
        return ds.dataset(list(files), schema=schema, format="parquet", filesystem=system)

    def read(self, table: str, *run_ids: str, columns: list[str] | None = None) -> pa.Table:
        """Rows of published runs, those named or all, in the schema of `presswatch_spark.tables`."""
        files, schema = self.files(table, *run_ids), SCHEMAS[table]
        names = columns or schema.names
        if not self.root.is_local:
            return read_parquet(files, schema, names, self.root.storage)
        return (
            self.dataset(files, schema).to_table(columns=names)
            if files
            else schema.empty_table().select(names)
        )

    def frame(
        self, spark: SparkSession, table: str, *run_ids: str, columns: Sequence[str] | None = None
    ) -> DataFrame:
        """The same rows as a Spark DataFrame; of tables on S3, name the columns that are needed."""
        from presswatch_spark.output.frames import frame

        if self.root.is_local:
            _require_readable(self.root.path)
        return frame(spark, self.root, self.files(table, *run_ids), SCHEMAS[table], columns)

    def adopt(self, table: str, run_id: str, written: Sequence[str]) -> None:
        """Move Parquet files, given by URI, into the table in this order, over what a killed try left.

        What is not over-written is removed last: who comes too late finds nothing to move, and fails before.
        """
        folder = self.root / table
        names = [f"{run_id}-{number:05}.parquet" for number in range(len(written))]
        with disk_errors(str(folder)):
            for uri, name in zip(written, names, strict=True):
                folder.take(uri, name)
            left = [name for name in _files_in(folder) if run_of(name) == run_id and name not in names]
            folder.delete(left)

    def publish(self, by: str, row: Mapping[str, Any]) -> None:
        """Put the row down that publishes a run.

        Raises:
            ConflictError: another process has published it.
        """
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([dict(row)], SCHEMAS[by]), sink, compression="zstd")
        folder, name, data = self.root / by, f"{row['run_id']}-00000.parquet", sink.getvalue()
        with disk_errors(str(folder)):
            try:
                folder.write(name, data, absent=True)
            except StorageError:
                # It may have arrived and only the reply not, and a run that is published has not failed.
                if not _holds(folder, name, data):
                    raise


def run_of(name: str) -> str:
    """The run that a file of a table is of, by its name."""
    return name.rpartition("-")[0]


def _holds(folder: Folder, name: str, data: bytes) -> bool:
    with suppress(StorageError):
        return folder.read(name)[0] == data
    return False


def _files_in(folder: Folder) -> list[str]:
    return [name for name in folder.names() if name.endswith(".parquet") and "/" not in name]


def _holds_others(root: Folder) -> bool:
    """Whether there is anything in a folder but a marker that another process writes this moment, and claims.

    Whoever watches for releases claims one before its scan makes the tables.
    """
    ours = (".lock", CLAIMS_FOLDER)
    return any(MARKER not in name and name.partition("/")[0] not in ours for name in root.entries())


def _require_readable(root: Path) -> None:
    """Raise `OutputError` for a path that Spark would not find again.

    Hadoop looks for a path with wildcards, escaped or not, name by name, and takes a name with a colon for a
    URI then. (Spark's option to look for nothing reads every file as many times as there are files.)
    """
    real = str(root.resolve())
    if ":" in real and any(character in WILDCARDS for character in real):
        raise OutputError(
            f"Spark cannot read a folder whose path holds both a colon and one of {' '.join(WILDCARDS)}",
            where=real,
            remedy="name a folder without them",
        )


def _writable(path: str, storage: StorageOptions) -> Folder:
    if scheme_of(path) in ("http", "https"):
        raise OutputError(
            f"tables cannot be written to {scheme_of(path)}:// storage",
            where=printable(path),
            remedy="name a folder on S3, or on a disk that all workers share",
        )
    root = Folder.of(path, storage)
    if root.is_local:
        _require_readable(root.path)
    return root
