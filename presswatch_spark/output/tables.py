"""The folder of published tables.

    TABLES/_presswatch.json                     says that the folder is ours, and of which layout
    TABLES/matches/<run_id>-00000.parquet …     likewise scan_log/ and runs/; of a census captures/,
                                                census_log/ and censuses/
    TABLES/_runs/…                              what unfinished runs have done so far

Files of a run are moved in by rename, `runs` or `censuses` last: that one file makes a run published. They
lie flat, not in `run_id=…` folders, because pyarrow and pandas refuse folders that repeat a column of their
files.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from presswatch_spark.errors import OutputError
from presswatch_spark.storage.uris import canonical, printable, scheme_of
from presswatch_spark.tables import CAPTURES, CENSUS_LOG, CENSUSES, MATCHES, RUNS, SCAN_LOG

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LAYOUT = 1
MARKER = "_presswatch.json"
SCHEMAS: Mapping[str, pa.Schema] = {
    "matches": MATCHES,
    "scan_log": SCAN_LOG,
    "runs": RUNS,
    "captures": CAPTURES,
    "census_log": CENSUS_LOG,
    "censuses": CENSUSES,
}
# The tables whose row publishes what a run wrote into the others; `runs` does so where nothing is said.
PUBLISHERS = ("runs", "censuses")
PUBLISHED_BY = dict.fromkeys(("captures", "census_log", "censuses"), "censuses")
WILDCARDS = "[]{}*?\\"
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class TableStore:
    """Tables under `root`, on a disk that this host and all workers share; from `create` or `open`."""

    root: Path

    @classmethod
    def create(cls, path: str) -> TableStore:
        """The tables at `path`, made there if it is missing or empty.

        Raises:
            OutputError: the folder holds something else, is of another layout, has a name that Spark cannot
                read, or cannot be written.
        """
        store = cls(_local(path))
        _require_readable(store.root)
        with disk_errors(store.root):
            store.root.mkdir(parents=True, exist_ok=True)
            if not (store.root / MARKER).exists():
                if any(not entry.name.startswith(MARKER) for entry in store.root.iterdir()):
                    raise OutputError(
                        "the output folder holds files that are not ours",
                        where=str(store.root),
                        remedy="name an empty or a new folder",
                    )
                write_json(store.root / MARKER, {"layout": LAYOUT, "tables": sorted(SCHEMAS)})
        return cls.open(path)

    @classmethod
    def open(cls, path: str) -> TableStore:
        """The tables at `path`; raises `OutputError` if there are none, or of another layout."""
        store = cls(_local(path))
        try:
            layout = json.loads((store.root / MARKER).read_bytes())["layout"]
        except (OSError, ValueError, LookupError, TypeError) as error:
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
        return sorted({file.stem.rpartition("-")[0] for file in (self.root / by).glob("*.parquet")})

    def is_published(self, run_id: str) -> bool:
        """Whether a run or census of that id is published."""
        return any(run_id in self.published(by) for by in PUBLISHERS)

    def files(self, table: str, *run_ids: str) -> list[Path]:
        """The files of published runs in a table: of those named, or of all."""
        published = self.published(PUBLISHED_BY.get(table, "runs"))
        wanted = [run_id for run_id in published if not run_ids or run_id in run_ids]
        return [file for run_id in wanted for file in self._of(table, run_id)]

    def read(self, table: str, *run_ids: str, columns: list[str] | None = None) -> pa.Table:
        """Rows of published runs, those named or all, in the schema of `presswatch_spark.tables`."""
        files = [str(file) for file in self.files(table, *run_ids)]
        schema = SCHEMAS[table]
        if not files:
            return schema.empty_table().select(columns or schema.names)
        return ds.dataset(files, schema=schema, format="parquet").to_table(columns=columns)

    def frame(self, spark: SparkSession, table: str, *run_ids: str) -> DataFrame:
        """The same rows as a Spark DataFrame."""
        from presswatch_spark.spark import spark_path, spark_schema

        _require_readable(self.root)
        files = [spark_path(file) for file in self.files(table, *run_ids)]
        schema = spark_schema(SCHEMAS[table])
        return spark.read.schema(schema).parquet(*files) if files else spark.createDataFrame([], schema)

    def adopt(self, table: str, run_id: str, written: Path) -> None:
        """Move Parquet files that Spark wrote to `written` into the table, over what a killed try left."""
        folder = self.root / table
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
            for remnant in self._of(table, run_id):
                remnant.unlink()
            for number, part in enumerate(sorted(written.glob("*.parquet"))):
                sync(part)
                part.rename(folder / f"{run_id}-{number:05}.parquet")
            sync(folder)

    def _of(self, table: str, run_id: str) -> list[Path]:
        return sorted((self.root / table).glob(f"{run_id}-*.parquet"))


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path`, whole and on the disk, or not at all; raises `OutputError`."""
    with disk_errors(path):
        handle, draft = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says of a write under `path` into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise (disk_full(path) if error.errno in FULL_DISK else not_writable(path, error)) from error


def disk_full(path: Path) -> OutputError:
    """The error of a disk that has no room left."""
    return OutputError(
        "the disk is full",
        where=str(path),
        remedy="make room and give the same command again: the run goes on",
    )


def not_writable(path: Path, error: OSError) -> OutputError:
    """The error of a folder that refuses us."""
    return OutputError(
        f"the output cannot be written: {error.strerror or error}",
        where=str(path),
        remedy="check the path and its permissions",
    )


def _require_readable(root: Path) -> None:
    """Raise `OutputError` for a path that Spark would write to and then not find again.

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


def _local(path: str) -> Path:
    if scheme_of(path) != "file":
        raise OutputError(
            f"tables cannot be written to {scheme_of(path)}:// storage",
            where=printable(path),
            remedy="name a folder on a disk that all workers share, and copy it from there",
        )
    return Path(canonical(path))
