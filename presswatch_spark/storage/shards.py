"""Plans: which shards a run reads, as a value that can be compared, cut down, saved and taken up again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from presswatch_spark.errors import InputError
from presswatch_spark.storage.globs import globbed, has_wildcard
from presswatch_spark.storage.hosts import ask_anew
from presswatch_spark.storage.lists import holds_list, is_list, listed, may_hold_list
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    StorageOptions,
    canonical,
    list_objects,
    printable,
    stat,
)
from presswatch_spark.storage.shard_names import is_shard_name
from presswatch_spark.storage.uris import bucket_and_key, scheme_of


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Shards in the order of their URIs, each once. Build one with `plan` or `ShardPlan.of`.

    `left_out`: URIs of what was found beside them and is no shard by its name; equal plans may differ in it.
    """

    shards: tuple[ObjectInfo, ...]
    left_out: tuple[str, ...] = field(default=(), compare=False)

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
        return replace(self, shards=self.shards[:n])

    def to_json(self) -> str:
        """Return the plan as one JSON array of [uri, size, etag]."""
        return json.dumps([[shard.uri, shard.size, shard.etag] for shard in self.shards])

    @classmethod
    def from_json(cls, text: str) -> ShardPlan:
        """Return the plan that `to_json` wrote."""
        return cls.of(ObjectInfo(uri, size, etag) for uri, size, etag in json.loads(text))


def plan(paths: Sequence[str], options: StorageOptions, base: str | None = None) -> ShardPlan:
    """Find the shards that paths name: files, folders, globs, `s3://`, `https://`, lists of shards.

    A list is named `*.paths` or `*.paths.gz`; a `*.txt` or `*.txt.gz` is one if all its lines name files.

    A folder or S3 prefix stands for all shards below it. A glob works on disk and on S3: `*` and `?` stay
    within a name, `**` spans folders, and a folder that matches stands for what is below it. Found this way
    or in a list, files that are no shards by their name are left out, and named in `left_out`: hidden ones
    (`.x`, `_x`), lists, and those `is_shard_name` refuses. A file or object named outright is always planned,
    and so is an empty one. Lists are explained at
    `presswatch_spark.storage.lists.listed`; what they name gets no size here, for a release lists 100,000
    shards.

    Raises `InputError` for a path that leads to nothing, and `StorageError` where storage does not answer.
    """
    if not paths:
        raise InputError(
            "no shard is named", remedy="name files, folders, globs, s3:// or https:// URIs or a list"
        )
    # What begins with a plan is a new run: sites that stopped an earlier one are asked again.
    ask_anew()
    left_out = list[str]()
    shards = ShardPlan.of(chain.from_iterable(_shards(path, options, base, left_out) for path in paths))
    planned = {shard.uri for shard in shards}
    return replace(shards, left_out=tuple(sorted(set(left_out) - planned)))


def _shards(
    path: str, options: StorageOptions, base: str | None, left_out: list[str]
) -> Iterable[ObjectInfo]:
    try:
        return _found(canonical(path), options, base, left_out)
    except MissingError as error:
        raise InputError(error.what, where=error.where, remedy=error.remedy or "check the path") from error


def _found(uri: str, options: StorageOptions, base: str | None, left_out: list[str]) -> Iterable[ObjectInfo]:
    # Whether a list on the web is there, reading it tells.
    asked = is_list(printable(uri)) and scheme_of(uri) in {"http", "https"}
    named = ObjectInfo(uri) if asked else _named(uri, options)
    found = [named] if named else list(_below(uri, options, left_out))
    if is_list(printable(uri)):
        named_in = list(chain.from_iterable(listed(info.uri, options, base) for info in found))
        # A list of nothing else: then that is what was asked for.
        return list(_without_papers(named_in, left_out)) or named_in
    kept = list(_without_papers(found, left_out, named))
    lists = [info for info in kept if may_hold_list(info.uri, named is info) and holds_list(info, options)]
    kept = [info for info in kept if info not in lists]
    if lists and may_hold_list(uri, named=True):
        named_in = list(chain.from_iterable(listed(info.uri, options, base) for info in lists))
        return [*kept, *_without_papers(named_in, left_out)]
    # Found in a folder, a list is left out whatever it is called: what it lists may lie beside it.
    left_out.extend(info.uri for info in lists)
    if not kept:
        what = "the glob matches" if has_wildcard(uri) else "the folder holds"
        rest = f"; files left out by their name: {len(found)}" if found else ""
        raise InputError(
            f"{what} no shards{rest}", where=uri, remedy="name the shards, or the folder they are in"
        )
    return kept


def _without_papers(
    found: Iterable[ObjectInfo], left_out: list[str], named: ObjectInfo | None = None
) -> Iterator[ObjectInfo]:
    """Those that may be shards by their names, and the one that was named outright."""
    for info in found:
        if info is named or is_shard_name(printable(info.uri).rpartition("/")[2]):
            yield info
        else:
            left_out.append(info.uri)


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


def _below(uri: str, options: StorageOptions, hidden: list[str]) -> Iterator[ObjectInfo]:
    return globbed(uri, options, hidden) if has_wildcard(uri) else list_objects(uri, options, hidden)
