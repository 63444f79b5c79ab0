"""Folders for tables and runs, on disk and on S3, with one set of operations for both."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from presswatch_spark.errors import OutputError
from presswatch_spark.storage.contract import MissingError, StorageOptions
from presswatch_spark.storage.objects import (
    ObjectInfo,
    canonical,
    delete_object,
    list_objects,
    printable,
    read_object,
    store_of,
    write_object,
)
from presswatch_spark.storage.uris import scheme_of


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its canonical URI, without a slash at its end. Nothing need be there yet."""

    uri: str
    storage: StorageOptions

    @classmethod
    def of(cls, path: str, storage: StorageOptions) -> Self:
        """Return the folder at a path or URI; `InputError` if it is neither."""
        uri = canonical(path)
        return cls(uri if scheme_of(uri) == "file" else uri.rstrip("/"), storage)

    @property
    def is_local(self) -> bool:
        """Return whether it is on a disk."""
        return scheme_of(self.uri) == "file"

    @property
    def path(self) -> Path:
        """Return its path; `OutputError` if it is not on a disk."""
        if not self.is_local:
            raise OutputError(
                "this can be done on a disk only", where=str(self), remedy="name a local folder"
            )
        return Path(self.uri)

    def __str__(self) -> str:
        return printable(self.uri)

    def __truediv__(self, name: str) -> Self:
        return replace(self, uri=self.at(name))

    def at(self, name: str) -> str:
        """Return the URI of the object of this name."""
        return f"{self.uri.rstrip('/')}/{name}"

    def names(self) -> list[str]:
        """Return the sorted names of all visible objects in and below it; none if it is not there."""
        return list(self.described())

    def described(self) -> dict[str, ObjectInfo]:
        """Return the same objects by name, as storage describes them."""
        base = len(self.at(""))
        with suppress(MissingError):
            return {info.uri[base:]: info for info in list_objects(self.uri, self.storage)}
        return {}

    def entries(self) -> Iterator[str]:
        """Yield the names of all in it, hidden or not, in no order; on S3 of all below as well."""
        if self.is_local:
            with suppress(FileNotFoundError):
                yield from os.listdir(self.uri)
            return
        with suppress(MissingError):
            for info in store_of(self.uri, self.storage).list(self.at("")):
                yield info.uri[len(self.at("")) :]

    def read(self, name: str) -> tuple[bytes, str]:
        """Return a small object and its ETag; `MissingError` if it is not there."""
        return read_object(self.at(name), self.storage)

    def write(self, name: str, data: bytes, *, absent: bool = False, etag: str | None = None) -> str:
        """Write a small object as `write_object` does, and return its ETag."""
        return write_object(self.at(name), data, self.storage, absent=absent, etag=etag)

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects, if they are there."""
        for name in names:
            delete_object(self.at(name), self.storage)

    def remove(self) -> None:
        """Remove the folder with all that is in it, hidden or not."""
        store_of(self.uri, self.storage).remove(self.at(""))

    def take(self, source: str, name: str) -> None:
        """Move an object of the same storage here, in place of the object that has this name."""
        store_of(self.uri, self.storage).move(source, self.at(name))

    @contextmanager
    def new_file(self, name: str, *, private: bool = False) -> Iterator[Path]:
        """Give a local file to write; when the block ends well, it is put under `name`, whole or not at all.

        On disk it is written beside its place, so nothing is copied. `private`: it is its owner's alone.
        """
        store = store_of(self.uri, self.storage)
        with store.draft(self.at(name), private=private) as draft:
            yield Path(draft)
            store.put_draft(draft, self.at(name))
