"""Plans: which shards a run reads, as a value that can be compared, cut down, saved and taken up again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from presswatch_spark.errors import InputError
from presswatch_spark.storage.globs import globbed, has_wildcard
from presswatch_spark.storage.lists import LIST_SUFFIXES, is_list, listed
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    StorageOptions,
    canonical,
    list_objects,
    printable,
    stat,
)
from presswatch_spark.storage.uris import bucket_and_key, scheme_of

# What lies beside shards in the folders that datasets are published in: papers and checksums.
PAPERS = (
    "readme",
    "license",
    "licence",
    "notice",
    "changelog",
    "checksums",
    "md5sums",
    "sha1sums",
    "sha256sums",
)
PAPER_SUFFIXES = ("", ".md", ".rst", ".txt")
NO_SHARD_SUFFIXES = (
    *(".crc", ".md5", ".sha1", ".sha256", ".sha512", ".asc", ".sig"),
    *(".md", ".rst", ".pdf", ".py", ".yaml", ".yml"),
    # Where the keys of a CDXJ index lie in its shards.
    ".idx",
    *LIST_SUFFIXES,
)


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Shards in the order of their URIs, each once. Build one with `plan` or `ShardPlan.of`."""

    shards: tuple[ObjectInfo, ...]

    @classmethod
    def of(cls, shards: Iterable[ObjectInfo]) -> ShardPlan:
        """Sort shards and drop repeats; of a repeated URI the entry whose size is known stays."""
        unique: dict[str, ObjectInfo] = {}
        for shard in shards:
            if shard.uri not in unique or unique[shard.uri].size is None:
                unique[shard.uri] = shard
        return cls(tuple(unique[uri] for uri in sorted(unique)))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over URI, size and ETag of every shard: equal plans read the same bytes."""
        digest = hashlib.sha256()
        for shard in self.shards:
            digest.update(json.dumps([shard.uri, shard.size, shard.etag]).encode() + b"\n")
        return digest.hexdigest()

    @property
    def size(self) -> int | None:
        """Bytes of all shards; None if one is not known before it is read."""
        sizes = [shard.size for shard in self.shards]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def __len__(self) -> int:
        return len(self.shards)

    def __iter__(self) -> Iterator[ObjectInfo]:
        return iter(self.shards)

    def head(self, n: int) -> ShardPlan:
        """Return the first `n` shards."""
        return ShardPlan(self.shards[:n])

    def to_json(self) -> str:
        """Return the plan as one JSON array of [uri, size, etag]."""
        return json.dumps([[shard.uri, shard.size, shard.etag] for shard in self.shards])

    @classmethod
    def from_json(cls, text: str) -> ShardPlan:
        """Return the plan that `to_json` wrote."""
        return cls.of(ObjectInfo(uri, size, etag) for uri, size, etag in json.loads(text))


def plan(paths: Sequence[str], options: StorageOptions, base: str | None = None) -> ShardPlan:
    """Find the shards that paths name: files, folders, globs, `s3://`, `https://`, lists (`*.paths.gz`).

    A folder or S3 prefix stands for all shards below it. A glob works on disk and on S3: `*` and `?` stay
    within a name, `**` spans folders, and a folder that matches stands for what is below it. Found this way,
    files that are no shards by their name are left out: hidden ones (`.x`, `_x`) and those `is_shard_name`
    refuses. A file or object named outright is always planned, and so is an empty one. Lists are explained at
    `presswatch_spark.storage.lists.listed`; what they name gets no size here, for a release lists 100,000
    shards.

    Raises `InputError` for a path that leads to nothing, and `StorageError` where storage does not answer.
    """
    if not paths:
        raise InputError(
            "no shard is named", remedy="name files, folders, globs, s3:// or https:// URIs or a list"
        )
    return ShardPlan.of(chain.from_iterable(_shards(path, options, base) for path in paths))


def is_shard_name(name: str) -> bool:
    """Whether a file found in a folder may be a shard: it is no paper, no checksum, no list of shards.

    A half-fetched file (`x.wet.gz.part`) may be one: it fails when it is read, and is not forgotten.
    """
    name = name.lower()
    stem, suffix = os.path.splitext(name)
    return not name.endswith(NO_SHARD_SUFFIXES) and not (stem in PAPERS and suffix in PAPER_SUFFIXES)


def _shards(path: str, options: StorageOptions, base: str | None) -> Iterable[ObjectInfo]:
    try:
        return _found(canonical(path), options, base)
    except MissingError as error:
        raise InputError(error.what, where=error.where, remedy=error.remedy or "check the path") from error


def _found(uri: str, options: StorageOptions, base: str | None) -> Iterable[ObjectInfo]:
    # Whether a list on the web is there, reading it tells.
    asked = is_list(printable(uri)) and scheme_of(uri) in {"http", "https"}
    named = ObjectInfo(uri) if asked else _named(uri, options)
    found = [named] if named else list(_below(uri, options))
    if is_list(printable(uri)):
        return list(chain.from_iterable(listed(info.uri, options, base) for info in found))
    kept = [info for info in found if info is named or is_shard_name(info.uri.rpartition("/")[2])]
    if not kept:
        what = "the glob matches" if has_wildcard(uri) else "the folder holds"
        rest = f"; files left out by their name: {len(found)}" if found else ""
        raise InputError(
            f"{what} no shards{rest}", where=uri, remedy="name the shards, or the folder they are in"
        )
    return kept


def _named(uri: str, options: StorageOptions) -> ObjectInfo | None:
    """Return the object that has this very name, if there is one."""
    scheme = scheme_of(uri)
    if (
        uri.endswith("/")
        or (scheme == "file" and os.path.isdir(uri))
        or (scheme == "s3" and not bucket_and_key(uri)[1])
    ):
        return None
    try:
        return stat(uri, options)
    except MissingError:
        if scheme in {"http", "https"}:
            raise
        return None


def _below(uri: str, options: StorageOptions) -> Iterator[ObjectInfo]:
    return globbed(uri, options) if has_wildcard(uri) else list_objects(uri, options)
