"""Objects for Arrow's readers: a file system whose paths are our URIs, read by checked ranges."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow.fs import FileInfo, FileSystem, FileSystemHandler, FileType, LocalFileSystem, PyFileSystem

from presswatch_spark.storage.model import StorageOptions
from presswatch_spark.storage.objects import ObjectInfo, open_stream, random_access, stat
from presswatch_spark.storage.uris import scheme_of


def file_system(uri: str, options: StorageOptions) -> FileSystem:
    """What opens `uri`, and others like it, for `pyarrow.dataset` and `pyarrow.parquet`."""
    return LocalFileSystem() if scheme_of(uri) == "file" else _remote(options)


@lru_cache(maxsize=16)
def _remote(options: StorageOptions) -> FileSystem:
    return PyFileSystem(_Objects(options))


class _Objects(FileSystemHandler):  # type: ignore[misc]
    """Reads what it is given names of. pyarrow's own S3 knows neither our retries nor our profiles."""

    def __init__(self, options: StorageOptions) -> None:
        self._options = options

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Objects) and self._options == other._options

    def __hash__(self) -> int:
        return hash(self._options)

    def get_type_name(self) -> str:
        """How Arrow calls it."""
        return "presswatch"

    def normalize_path(self, path: str) -> str:
        """URIs are canonical already."""
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[FileInfo]:
        """Describe objects."""
        found = [stat(path, self._options) for path in paths]
        return [FileInfo(info.uri, FileType.File, size=info.size) for info in found]

    def open_input_file(self, path: str) -> Any:
        """Open an object for reading by ranges; one whose ranges are asked for one by one."""
        file: BinaryIO = random_access(stat(path, self._options), self._options)
        return pa.PythonFile(file, mode="r")

    def open_input_stream(self, path: str) -> Any:
        """Open an object for reading in order."""
        return pa.PythonFile(open_stream(ObjectInfo(path), self._options), mode="r")

    def _refuse(self, *_: object) -> Any:
        raise NotImplementedError("for reading objects by their names only")

    get_file_info_selector = create_dir = delete_dir = delete_dir_contents = _refuse
    delete_root_dir_contents = delete_file = move = copy_file = _refuse
    open_output_stream = open_append_stream = _refuse
