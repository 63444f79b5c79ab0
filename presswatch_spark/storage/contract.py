"""The contract of storage: its options, what it returns, its errors, and what each kind must do.

Import these names from `presswatch_spark.storage.objects`; this module exists so that all kinds can.
"""

import random
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol

from presswatch_spark.errors import StorageError
from presswatch_spark.settings.config import StorageOptions as StorageOptions
from presswatch_spark.storage.asking import rest

PAUSE_MAX_SECONDS = 20.0
CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object as storage describes it. `size` is in bytes, None if storage does not say.

    `etag` tells one content of the object from another. It is the ETag without quotes, or HTTP's
    `Last-Modified` if a server gives none. On local disk it is the time of the last change (`mtime-`, in
    nanoseconds). `sha256`: the SHA-256 (hex) that the publisher declares of the object.
    """

    uri: str
    size: int | None = None
    etag: str | None = None
    sha256: str | None = None


class MissingError(StorageError):
    """There is no such object, bucket, file or folder."""


class NoBucketError(MissingError):
    """There is no such bucket, so nothing can be written to it either."""


class ConflictError(StorageError):
    """The object is not as the writer expected it to be."""


class DeniedError(StorageError):
    """Storage would not say whether there is such an object: access to it is denied."""


class Reader(Protocol):
    """The bytes of a reply, or of a file."""

    def read(self, n: int, /) -> bytes:
        """Return up to `n` bytes, `b""` at the end."""

    def close(self) -> None:
        """Let go of the connection or file."""


@dataclass(frozen=True, slots=True)
class RangeReply:
    """A reply: bytes of the object from `start` on, and what the reply says of the whole object.

    `start` is 0 if a server knows no ranges. `delimited`: the end of the body can be told from a lost
    connection. `sha256`: as in `ObjectInfo`.
    """

    reader: Reader
    start: int
    total: int | None
    etag: str | None = None
    delimited: bool = True
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What storage answered when it was asked for bytes of an object: word by word, and never an exception.

    `uri`: what answered, after redirects. `sent_at`: when it was asked, in seconds since 1970. `status`:
    HTTP's; of a file on disk the one that a server would give; None without an answer. `headers`: as they
    came, in their order. `start`: the offset of the first byte of `body`; 0 if the server knows no ranges.
    `code`: the word of S3 or a hub for a refusal. `failure`: why there is no answer, or not all of it.
    `ours`: that is the fault of our settings or credentials.
    """

    uri: str
    sent_at: float
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    start: int = 0
    body: bytes = b""
    code: str = ""
    failure: str = ""
    ours: bool = False

    def header(self, name: str) -> str | None:
        """Return the first value of a header; None if there is none."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)


class Store(Protocol):
    """One kind of storage. URIs are canonical (`presswatch_spark.storage.uris.canonical`)."""

    resumable: ClassVar[bool]
    """Whether a body that ended early may go on when it is opened again."""
    interruptions: ClassVar[tuple[type[Exception], ...]]
    """What reading a body raises when the connection fails, and not the object."""
    silences: ClassVar[tuple[type[Exception], ...]]
    """Those of them that mean that nothing came for `read_timeout` seconds."""

    @property
    def options(self) -> StorageOptions:
        """Return how this storage is reached."""

    def stat(self, uri: str) -> ObjectInfo:
        """Describe the object; `MissingError` if there is none."""

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the objects under the folder, whose URI ends in `/`; `MissingError` if there are none."""

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Open bytes [start, end) of the object; the body is empty if it has none there."""

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Ask for bytes [start, end) of the object, and say what came of it.

        Raises:
            BlockedError: the site is to be asked nothing more.
        """

    def put(self, local_path: str, uri: str) -> None:
        """Write a local file as the object, whole or not at all."""

    def read(self, uri: str) -> tuple[bytes, str]:
        """Return a small object and the ETag that `write` compares; `MissingError` if there is none."""

    def write(self, uri: str, data: bytes, absent: bool, etag: str | None, *, private: bool = False) -> str:
        """Write an object whole and return its ETag; `ConflictError` if what is there is not as asked.

        `private`: a new file on disk is its owner's alone. Who may read objects elsewhere, their store rules.
        """

    def delete(self, uri: str) -> None:
        """Remove the object, if there is one."""

    def draft(self, uri: str, *, private: bool = False) -> AbstractContextManager[str]:
        """Give the path of a local file, for this block alone, in which the object can be made.

        `private`: as in `write`. It is removed at the end of the block, or by a later process if this one is
        killed.
        """

    def put_draft(self, draft: str, uri: str) -> None:
        """Write that file as the object, whole or not at all; the file may be gone after that."""

    def move(self, source: str, target: str) -> None:
        """Give an object of this storage another name, in place of the object that has it."""

    def remove(self, uri: str) -> None:
        """Remove all objects under the folder, whose URI ends in `/`, if there are any."""


def changed(uri: str, offset: int) -> StorageError:
    """Return the error of an object that is no longer the one that was described."""
    return StorageError(
        "the object changed since it was listed", where=f"{uri} @ {offset}", remedy="plan and run again"
    )


def conflict(uri: str) -> ConflictError:
    """Return the error of an object that somebody else wrote, or removed."""
    return ConflictError(
        "another process wrote or removed this object meanwhile",
        where=uri,
        remedy="see who else is at work there",
    )


def pause(options: StorageOptions, failures: int) -> None:
    """Wait after the given number of failures in a row (from 1): exponential, with jitter, bounded."""
    backoff = min(PAUSE_MAX_SECONDS, options.backoff_base * 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)
    rest(backoff)


class Stream(Protocol):
    """What readers need of a `ByteStream`."""

    @property
    def position(self) -> int:
        """Return the offset of the next byte in the object."""

    def read(self, n: int, /) -> bytes:
        """Return between 1 and `n` bytes; `b""` only at the true end."""
