"""Plans which shards a run reads, from paths, globs and lists. A plan is a value.

Files beside shards (papers, checksums, markers, lists) are told from them by their names.
"""

import glob
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Self

from presswatch_spark.errors import InputError, StorageError
from presswatch_spark.show import counted
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    StorageOptions,
    canonical,
    list_objects,
    pinned,
    printable,
    stat,
)
from presswatch_spark.storage.shard_lists import LIST_SUFFIXES, holds_list, is_list, listed, may_hold_list
from presswatch_spark.storage.uris import MAIN, HubAddress, bucket_and_key, first_hidden, is_hidden, scheme_of

_WILDCARD = re.compile(r"[*?[]")
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^]]*\]|.", re.DOTALL)
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
# Files that mark a folder of tables and a case of removal.
OWN_MARKERS = ("_presswatch.json", "_presswatch_case.json")
# Names before a suffix of papers.
PAPERS = frozenset((
    "readme", "license", "licence", "licenses", "copying", "notice", "changelog", "authors", "contributing",
    "citation", "datasheet", "terms", "version",
    "checksum", "checksums", "md5sum", "md5sums", "sha1sum", "sha1sums", "sha256sum", "sha256sums",
    "sha512sums",
))  # fmt: skip
PAPER_SUFFIXES = ("", ".md", ".rst", ".txt", ".html")
# Files that describe a dataset, and those that mirrors of web folders leave.
DESCRIPTIONS = frozenset((
    "dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "croissant.json",
    "metadata.json", "manifest.json", "index.json", "config.json", "index.html", "index.htm", "robots.txt",
))  # fmt: skip
NO_SHARD_SUFFIXES = (
    *(".crc", ".md5", ".sha1", ".sha256", ".sha512", ".md5sum", ".sha256sum", ".asc", ".sig"),
    *(".md", ".rst", ".pdf", ".py", ".yaml", ".yml", ".cff", ".bib"),
    # Says where the keys of a CDXJ index lie in its shards.
    ".idx",
    *LIST_SUFFIXES,
)
NAMED = 8


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Shards in the order of their URIs, each once. Build one with `plan` or `ShardPlan.of`.

    `left_out`: URIs of files beside them that are no shards by their names; equal plans may differ in it.
    """

    shards: tuple[ObjectInfo, ...]
    left_out: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, shards: Iterable[ObjectInfo]) -> Self:
        """Sort shards and drop repeats; the entry whose size is known stays."""
        unique: dict[str, ObjectInfo] = {}
        for shard in shards:
            if shard.uri not in unique or unique[shard.uri].size is None:
                unique[shard.uri] = shard
        return cls(tuple(unique[uri] for uri in sorted(unique)))

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) over URI, size and ETag of each shard: equal plans read equal bytes."""
        digest = hashlib.sha256()
        for shard in self.shards:
            digest.update(json.dumps([shard.uri, shard.size, shard.etag]).encode() + b"\n")
        return digest.hexdigest()

    @property
    def size(self) -> int | None:
        """Return the bytes of all shards together; None if a size is not known before its shard is read."""
        sizes = [shard.size for shard in self.shards]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def __len__(self) -> int:
        return len(self.shards)

    def __iter__(self) -> Iterator[ObjectInfo]:
        return iter(self.shards)


def plan(paths: Sequence[str], options: StorageOptions, base: str | None = None) -> ShardPlan:
    """Find the shards that paths name: files, folders, globs, `s3://`, `https://`, `hf://`, lists of shards.

    A folder or S3 prefix stands for all shards below it. A glob works on disk, S3 and hubs: `*` and `?` stay
    within a name, `**` spans folders, and a folder that matches stands for what is below it. A list is named
    `*.paths` or `*.paths.gz`; a `*.txt` or `*.txt.gz` is one if all its lines name files. See
    `presswatch_spark.storage.shard_lists.listed`. What a list names has no size here: a release lists 100,000
    shards.

    Of what is found this way, files that are no shards by their names are left out, and stand in `left_out`.
    These are hidden ones (`.x`, `_x`), lists, those that `is_shard_name` refuses, and folders of our own
    tables and cases. A file that is named
    outright is always planned, and so is an empty one.

    Args:
        base: what keys in lists are relative to.

    Raises:
        InputError: a path leads to nothing.
        StorageError: storage does not answer. If one web address of several fails, its shard is planned, and
            fails when it is read.
    """
    if not paths:
        raise InputError(
            "no shard is named", remedy="name files, folders, globs, s3://, https:// or hf:// URIs or a list"
        )
    # A plan begins a new run: sites that stopped an earlier one are asked again.
    ask_anew()
    left_out, pins = list[str](), _Pins(options)
    found, failures = list[ObjectInfo](), list[StorageError]()
    for path in paths:
        try:
            found += _shards(path, options, base, left_out, pins)
        except StorageError as error:
            if scheme_of(path) not in ("http", "https") or is_list(printable(path)):
                raise
            # One bad answer of a web server concerns one shard, which fails when it is read.
            failures.append(error)
            found.append(ObjectInfo(canonical(path)))
    if len(failures) == len(paths):
        raise failures[0]
    shards = ShardPlan.of(replace(info, uri=pins.of(info.uri)) for info in found)
    planned = {shard.uri for shard in shards}
    return replace(shards, left_out=tuple(sorted(set(left_out) - planned)))


@dataclass(frozen=True, slots=True)
class _Pins:
    """The commits of datasets on hubs: all paths of a plan read one commit of a revision."""

    options: StorageOptions
    commits: dict[str, str | None] = field(default_factory=dict)

    def of(self, uri: str) -> str:
        """Return a canonical URI with the commit of its revision, which is asked for once."""
        if scheme_of(uri) != "hf":
            return uri
        address = HubAddress.of(uri)
        key = f"{address.dataset}@{address.revision or MAIN}"
        if key not in self.commits:
            self.commits[key] = HubAddress.of(pinned(address.root, self.options)).revision
        return str(replace(address, revision=self.commits[key]))


def _shards(
    path: str, options: StorageOptions, base: str | None, left_out: list[str], pins: _Pins
) -> Iterable[ObjectInfo]:
    try:
        return _shards_at(pins.of(canonical(path)), options, base, left_out)
    except MissingError as error:
        raise InputError(error.what, where=error.where, remedy=error.remedy or "check the path") from error


def _shards_at(
    uri: str, options: StorageOptions, base: str | None, left_out: list[str]
) -> Iterable[ObjectInfo]:
    # Reading a list on the web tells whether it is there.
    asked = is_list(printable(uri)) and scheme_of(uri) in {"http", "https"}
    named = ObjectInfo(uri) if asked else _named(uri, options)
    found = [named] if named else _found_below(uri, options, left_out)
    if is_list(printable(uri)):
        named_in = list(chain.from_iterable(listed(info.uri, options, base) for info in found))
        # If the list names nothing else, that is what was asked for.
        return list(_without_papers(named_in, left_out)) or named_in
    kept = list(_without_papers(found, left_out, named))
    lists = [info for info in kept if may_hold_list(info.uri, named is info) and holds_list(info, options)]
    kept = [info for info in kept if info not in lists]
    if lists and may_hold_list(uri, named=True):
        named_in = list(chain.from_iterable(listed(info.uri, options, base) for info in lists))
        return [*kept, *_without_papers(named_in, left_out)]
    # A list found in a folder is left out, whatever its name: what it lists may lie beside it.
    left_out.extend(info.uri for info in lists)
    if not kept:
        what = "the glob matches" if has_wildcard(uri) else "the folder holds"
        rest = f"; files left out by their name: {len(found)}" if found else ""
        raise InputError(
            f"{what} no shards{rest}", where=uri, remedy="name the shards, or the folder they are in"
        )
    return kept


def _found_below(uri: str, options: StorageOptions, left_out: list[str]) -> list[ObjectInfo]:
    """Return what a folder, prefix or glob stands for, without the folders that our commands wrote.

    Their Parquet files would be read as shards: results as if they were pages of a dataset.
    """
    below, hidden = globbed if has_wildcard(uri) else list_objects, list[str]()
    found = list(below(uri, options, hidden))
    own = {folder for folder, _, name in (each.rpartition("/") for each in hidden) if name in OWN_MARKERS}
    if scheme_of(uri) == "file" and has_wildcard(uri):
        own |= _marked_folders(root_of_glob(uri), found)
    if uri.rstrip("/") in own:
        raise InputError(
            "this folder was written by presswatch, and contains results and no shards",
            where=uri,
            remedy="name the shards, or the folder they are in",
        )
    left_out += [each for each in hidden if each.rpartition("/")[0] not in own]
    left_out += sorted(own)
    inside = tuple(f"{folder}/" for folder in own)
    return [info for info in found if not info.uri.startswith(inside)]


def _marked_folders(root: str, found: Iterable[ObjectInfo]) -> set[str]:
    """Return the folders on disk, below `root` and around a file found, that our commands wrote."""
    folders = set[str]()
    for info in found:
        folder = os.path.dirname(info.uri)
        while len(folder) >= len(root) and folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    return {
        folder
        for folder in folders
        if any(os.path.lexists(os.path.join(folder, name)) for name in OWN_MARKERS)
    }


def _without_papers(
    found: Iterable[ObjectInfo], left_out: list[str], named: ObjectInfo | None = None
) -> Iterator[ObjectInfo]:
    """Yield those that may be shards by their names, and the one that was named outright."""
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
        # A hub counts questions for files, and no file of a dataset has such a name.
        or (scheme == "hf" and ("*" in uri or "?" in uri))
    ):
        return None
    try:
        return stat(uri, options)
    except MissingError:
        if scheme in {"http", "https"}:
            raise
        return None


def has_wildcard(uri: str) -> bool:
    """Return whether `uri` holds one of `*`, `?`, `[`."""
    return _WILDCARD.search(uri) is not None


def root_of_glob(pattern: str) -> str:
    """Return the folder, with its slash, above the first name of `pattern` that holds a wildcard."""
    found = _WILDCARD.search(pattern)
    return pattern[: pattern.rindex("/", 0, found.start() if found else None) + 1]


def globbed(pattern: str, options: StorageOptions, hidden: list[str] | None = None) -> Iterator[ObjectInfo]:
    """Yield the objects that a canonical `pattern` matches, and those below a folder that it matches.

    `*` and `?` stay within a name, `**` spans folders, `[ab]` and `[!ab]` are one character. Hidden names do
    not match; they are added to `hidden`, as in `list_objects`.
    """
    if scheme_of(pattern) == "file":
        yield from _on_disk(pattern, options, hidden)
        return
    pattern = pinned(pattern, options)
    matches = glob_of(pattern).fullmatch
    unseen = list[str]()
    yield from (info for info in list_objects(root_of_glob(pattern), options, unseen) if matches(info.uri))
    if hidden is not None:
        hidden.extend(each for each in unseen if matches(each) or each.rpartition("/")[2] in OWN_MARKERS)


def glob_of(pattern: str) -> re.Pattern[str]:
    """Return what a canonical `pattern` matches, as `globbed` reads it, as a regular expression."""
    return re.compile("".join(map(_regex, _TOKEN.findall(pattern))) + "(?:/.*)?", re.DOTALL)


def _regex(token: str) -> str:
    if token in _MEANING:
        return _MEANING[token]
    if len(token) == 1:
        return re.escape(token)
    letters = re.escape(token[1:-1].removeprefix("!")).replace(r"\-", "-")
    return f"[{'^/' if token[1] == '!' else ''}{letters}]"


def _on_disk(pattern: str, options: StorageOptions, hidden: list[str] | None) -> Iterator[ObjectInfo]:
    root = root_of_glob(pattern)
    for path in glob.iglob(pattern, recursive=True):
        relative = path[len(root) :].rstrip("/")
        if is_hidden(relative):
            if hidden is not None and (first := first_hidden(relative)):
                hidden.append(root + first)
            continue
        if os.path.isdir(path):
            yield from list_objects(path, options, hidden)
            continue
        try:
            yield stat(path, options)
        except MissingError:
            yield ObjectInfo(path)


def is_shard_name(name: str) -> bool:
    """Return whether a file found in a folder may be a shard: it is no paper, checksum, list or hidden file.

    A half-fetched file (`x.wet.gz.part`) may be one: so it fails when it is read, and is not forgotten.
    """
    name = name.lower()
    stem, suffix = os.path.splitext(name)
    paper = stem in PAPERS and suffix in PAPER_SUFFIXES
    beside = paper or name in DESCRIPTIONS or name.endswith(NO_SHARD_SUFFIXES)
    return not (beside or name.startswith((".", "_")))


def left_out_line(uris: Collection[str]) -> str | None:
    """Return the line that says which files beside shards are not read, each name once; None if none are."""
    if not uris:
        return None
    names = sorted({printable(uri).rstrip("/").rpartition("/")[2] for uri in uris})
    more = f" and {counted(len(names) - NAMED, 'name')} more" if len(names) > NAMED else ""
    files = f"{counted(len(uris), 'file')} beside the shards, by name"
    return f"left out {files}: {', '.join(names[:NAMED])}{more}; to read one, name it by its own path"
