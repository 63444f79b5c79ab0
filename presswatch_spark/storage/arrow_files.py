"""A file system for Arrow's readers; its paths are URIs of `storage`, read by checked ranges."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileInfo, FileSystem, FileSystemHandler, FileType, LocalFileSystem, PyFileSystem

from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream, random_access, stat
from presswatch_spark.storage.uris import scheme_of

ARROW_ERRORS = (pa.ArrowException, OSError)
"""Errors of Arrow for data that it cannot read."""


def file_system(uri: str, options: StorageOptions) -> FileSystem:
    """Return the file system for URIs like `uri`, for `pyarrow.dataset` and `pyarrow.parquet`."""
    return LocalFileSystem() if scheme_of(uri) == "file" else PyFileSystem(_Objects(options))


def opened_parquet(
    folder: Folder, files: Iterable[str], schema: pa.Schema, known: Sequence[Any] | None = None
) -> Any:
    """Open Parquet files below `folder` as a `pyarrow.dataset.Dataset`; columns that they lack are null.

    `files`: their URIs. `known`: an Arrow expression for each file, true of all its rows.
    """
    # Imported here: it loads pandas, which takes as long as all other imports of Arrow in a scan.
    import pyarrow.dataset as ds

    system = file_system(folder.uri, folder.storage)
    scan = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    parquet = ds.ParquetFileFormat(default_fragment_scan_options=scan)
    return ds.FileSystemDataset.from_paths(
        list(files), schema=schema, format=parquet, filesystem=system, partitions=known
    )


def read_parquet(
    uris: Iterable[str], schema: pa.Schema, columns: Sequence[str], options: StorageOptions
) -> pa.Table:
    """Read columns in the types of `schema`, null if an object lacks them, in this thread alone."""
    wanted = pa.schema([schema.field(name) for name in columns])
    tables = [wanted.empty_table()]
    for uri in uris:
        with pq.ParquetFile(random_access(stat(uri, options), options), pre_buffer=False) as file:
            there = set(file.schema_arrow.names)
            table = file.read([name for name in wanted.names if name in there], use_threads=False)
            rows = file.metadata.num_rows
        cells = [
            table[column.name].cast(column.type) if column.name in there else pa.nulls(rows, column.type)
            for column in wanted
        ]
        tables.append(pa.table(cells, schema=wanted))
    return pa.concat_tables(tables)


@dataclass(frozen=True)
class _Objects(FileSystemHandler):  # type: ignore[misc]
    """Reads objects by their URIs. The S3 of pyarrow would ignore the retries and profiles of `storage`."""

    options: StorageOptions

    def get_type_name(self) -> str:
        return "presswatch"

    def normalize_path(self, path: str) -> str:
        return path  # URIs are canonical already

    def get_file_info(self, paths: Sequence[str]) -> list[FileInfo]:
        found = (stat(path, self.options) for path in paths)
        return [FileInfo(info.uri, FileType.File, size=info.size) for info in found]

    def open_input_file(self, path: str) -> Any:
        # No reading ahead: Arrow requests all ranges of a row group at once, and joins neighbours.
        file: BinaryIO = random_access(stat(path, self.options), self.options, read_ahead=0)
        return pa.PythonFile(file, mode="r")

    def open_input_stream(self, path: str) -> Any:
        return pa.PythonFile(open_stream(ObjectInfo(path), self.options), mode="r")

    def _refuse(self, *_: object) -> Any:
        raise NotImplementedError("for reading objects by their names only")

    get_file_info_selector = create_dir = delete_dir = delete_dir_contents = _refuse
    delete_root_dir_contents = delete_file = move = copy_file = _refuse
    open_output_stream = open_append_stream = _refuse
