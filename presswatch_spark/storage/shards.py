"""Plans the shards of a run, from paths, globs and lists (`*.paths`)."""

import glob
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import BinaryIO, Self, cast

from presswatch_spark.core.errors import CorruptError, InputError, StorageError
from presswatch_spark.core.terminal import counted
from presswatch_spark.storage.host_limits import forget_hosts
from presswatch_spark.storage.objects import (
    READ_BYTES,
    MissingError,
    ObjectInfo,
    StorageOptions,
    canonical,
    list_objects,
    open_stream,
    shown_uri,
    stat,
    store_of,
)
from presswatch_spark.storage.uris import (
    MAIN,
    HubAddress,
    bucket_and_key,
    first_hidden,
    is_hidden,
    is_web,
    join,
    root_of,
    scheme_of,
)

LIST_SUFFIXES = (".paths", ".paths.gz")
LIST_BYTES_MAX = 64 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_WILDCARD = re.compile(r"[*?[]")
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^]]*\]|.", re.DOTALL)
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
OWN_FOLDERS = {
    "_presswatch.json": "tables",
    "_presswatch_case.json": "removal case",
    "seal.json": "evidence bag",
    "index/hashes.npy": "corpus",
}
"""Kinds of folders that this project writes, and that contain no shards, by the file that marks each."""
_OWN = re.compile(f"(.*)/({'|'.join(map(re.escape, OWN_FOLDERS))})", re.DOTALL)
_NO_SHARD = re.compile(
    # Hidden files; papers; descriptions of a dataset; index pages from mirrors of web folders.
    r"[._].*"
    r"|(?:readme|licen[cs]es?|copying|notice|changelog|authors|contributing|citation|datasheet|terms|version"
    r"|(?:check|md5|sha1|sha256|sha512)sums?)(?:\.(?:md|rst|txt|html))?"
    r"|(?:dataset_infos?|dataset_dict|state|croissant|metadata|manifest|index|config)\.json|index\.html?"
    # Checksums, documents, programs, lists, and `cluster.idx` of a CDXJ index.
    r"|.*\.(?:crc|md5|sha1|sha256|sha512|md5sum|sha256sum|asc|sig|md|rst|pdf|py|ya?ml|cff|bib|idx|paths(?:\.gz)?)",
    re.DOTALL,
)
# Text files, except for shards of OSCAR 21.09.
_TEXT = re.compile(r"(?![a-z]{2,3}(?:_dedup)?(?:_part_\d+)?\.txt).*\.txt(?:\.gz)?", re.DOTALL)
NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Shards sorted by URI, each once; `left_out`: URIs found with them that are no shards."""

    shards: tuple[ObjectInfo, ...]
    left_out: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, shards: Iterable[ObjectInfo]) -> Self:
        """Sort shards and drop duplicates; an entry with a known size is preferred."""
        unique: dict[str, ObjectInfo] = {}
        for shard in shards:
            if shard.uri not in unique or unique[shard.uri].size is None:
                unique[shard.uri] = shard
        return cls(tuple(unique[uri] for uri in sorted(unique)))

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) over URI, size and ETag of all shards: equal plans read equal bytes."""
        digest = hashlib.sha256()
        for shard in self.shards:
            digest.update(json.dumps([shard.uri, shard.size, shard.etag]).encode() + b"\n")
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.shards)

    def __iter__(self) -> Iterator[ObjectInfo]:
        return iter(self.shards)


def plan(
    paths: Sequence[str], options: StorageOptions, base: str | None = None, *, texts: bool = False
) -> ShardPlan:
    """Find the shards that paths name: files, folders, globs, `s3://`, `https://`, `hf://`, lists of shards.

    A folder or S3 prefix means all shards below it. A glob works on disk, S3 and hubs, see `globbed`. A list
    is named `*.paths` or `*.paths.gz`, see `listed`; `base` is the folder, bucket or site of its relative
    keys. Left out of folders and lists: hidden files (`.x`, `_x`), names that `is_shard_name` refuses, and
    `OWN_FOLDERS`. A file that a path names itself is always planned. `texts`: files
    named `*.txt` and `*.txt.gz` are shards, too.

    Raises `InputError` if there is nothing at a path, and `StorageError` if storage does not answer. If one
    web address of several fails, its shard is planned all the same, and fails when it is read.
    """
    if not paths:
        raise InputError(
            "no path was given", remedy="pass files, folders, globs, a list, s3://, https:// or hf:// URIs"
        )
    # A plan begins a new run: a site that stopped an earlier run may be requested again.
    forget_hosts()
    finder = _ShardFinder(options, base, texts)
    found, failures = list[ObjectInfo](), list[StorageError]()
    for path in paths:
        try:
            found += finder.shards(finder.pinned(canonical(path)))
        except MissingError as error:
            raise InputError(
                error.what, where=error.where, remedy=error.remedy or "check the path"
            ) from error
        except StorageError as error:
            if not is_web(path) or is_list(shown_uri(path)):
                raise
            failures.append(error)
            found.append(ObjectInfo(canonical(path)))
    if len(failures) == len(paths):
        raise failures[0]
    shards = ShardPlan.of(replace(info, uri=finder.pinned(info.uri)) for info in found)
    planned = {shard.uri for shard in shards}
    return replace(shards, left_out=tuple(sorted(set(finder.left_out) - planned)))


@dataclass(frozen=True, slots=True)
class _ShardFinder:
    options: StorageOptions
    base: str | None
    texts: bool
    left_out: list[str] = field(default_factory=list)
    commits: dict[str, str | None] = field(default_factory=dict)

    def pinned(self, uri: str) -> str:
        """Return a canonical URI with the commit in place of its revision; requests it from the hub once."""
        if scheme_of(uri) != "hf":
            return uri
        address = HubAddress.of(uri)
        key = f"{address.dataset}@{address.revision or MAIN}"
        if key not in self.commits:
            store = store_of(uri, self.options)
            self.commits[key] = HubAddress.of(store.pinned(address.root)).revision
        return str(replace(address, revision=self.commits[key]))

    def shards(self, uri: str) -> list[ObjectInfo]:
        is_a_list = is_list(shown_uri(uri))
        # A list on the web is read anyway: save the request for its description.
        named = ObjectInfo(uri) if is_a_list and is_web(uri) else self._named(uri)
        found = [named] if named else self._found_below(uri)
        if is_a_list:
            listed_there = [shard for info in found for shard in listed(info.uri, self.options, self.base)]
            # If no name in the list looks like a shard's, take all of them.
            return self._shards_by_name(listed_there) or listed_there
        kept = found if named else self._shards_by_name(found)
        if not kept:
            what = "the glob matches" if _is_glob(uri) else "the folder contains"
            rest = f"; files left out by their name: {len(found)}" if found else ""
            raise InputError(
                f"{what} no files to read{rest}", where=uri, remedy="pass the files, or their folder"
            )
        return kept

    def _named(self, uri: str) -> ObjectInfo | None:
        scheme = scheme_of(uri)
        if (
            uri.endswith("/")
            or (scheme == "file" and os.path.isdir(uri))
            or (scheme == "s3" and not bucket_and_key(uri)[1])
            # A hub limits requests, and no file of a dataset has such a name: save one.
            or (scheme == "hf" and ("*" in uri or "?" in uri))
        ):
            return None
        try:
            return stat(uri, self.options)
        except MissingError:
            if is_web(uri):
                raise
            return None

    def _found_below(self, uri: str) -> list[ObjectInfo]:
        is_glob, hidden = _is_glob(uri), list[str]()
        found = list((globbed if is_glob else list_objects)(uri, self.options, hidden))
        marked = map(_OWN.fullmatch, chain(hidden, (info.uri for info in found)))
        own = {mark[1]: OWN_FOLDERS[mark[2]] for mark in marked if mark}
        if is_glob and scheme_of(uri) == "file":
            # A glob need not match markers: look for them in all folders above the files that were found.
            root, folders = _root_of_glob(uri), set[str]()
            for info in found:
                folder = os.path.dirname(info.uri)
                while len(folder) >= len(root) and folder not in folders:
                    folders.add(folder)
                    folder = os.path.dirname(folder)
            for name, kind in OWN_FOLDERS.items():
                own |= {each: kind for each in folders if os.path.lexists(f"{each}/{name}")}
        if own_kind := own.get(uri.rstrip("/")):
            raise InputError(
                f"presswatch wrote this folder ({own_kind}): it contains no shards",
                where=uri,
                remedy="pass the shards, or the folder that contains them",
            )
        inside = tuple(f"{folder}/" for folder in own)
        self.left_out.extend(each for each in (*hidden, *own) if not each.startswith(inside))
        return [info for info in found if not info.uri.startswith(inside)]

    def _shards_by_name(self, found: Iterable[ObjectInfo]) -> list[ObjectInfo]:
        kept = list[ObjectInfo]()
        for info in found:
            if is_shard_name(shown_uri(info.uri).rpartition("/")[2], texts=self.texts):
                kept.append(info)
            else:
                self.left_out.append(info.uri)
        return kept


def _is_glob(uri: str) -> bool:
    return _WILDCARD.search(uri) is not None and not os.path.isdir(uri)


def _root_of_glob(pattern: str) -> str:
    """Return the folder (with its slash) above the first name in `pattern` that has a wildcard."""
    found = _WILDCARD.search(pattern)
    return pattern[: pattern.rindex("/", 0, found.start() if found else None) + 1]


def globbed(pattern: str, options: StorageOptions, hidden: list[str]) -> Iterator[ObjectInfo]:
    """Yield the objects that a canonical `pattern` matches, and those below a folder that it matches.

    `*` and `?` match within a name, `**` also across folders, `[ab]` and `[!ab]` one character. Hidden names
    do not match; they are added to `hidden`, as in `list_objects`.
    """
    root = _root_of_glob(pattern)
    if scheme_of(pattern) != "file":
        matches, unseen = glob_of(pattern).fullmatch, list[str]()
        for info in list_objects(root, options, unseen):
            if matches(info.uri):
                yield info
            elif _OWN.fullmatch(info.uri):
                hidden.append(info.uri)
        hidden.extend(each for each in unseen if matches(each) or _OWN.fullmatch(each))
        return
    for path in glob.iglob(pattern, recursive=True):
        relative = path[len(root) :].rstrip("/")
        if is_hidden(relative):
            if first := first_hidden(relative):
                hidden.append(root + first)
        elif os.path.isdir(path):
            yield from list_objects(path, options, hidden)
        else:
            try:
                yield stat(path, options)
            except MissingError:
                yield ObjectInfo(path)


def glob_of(pattern: str) -> re.Pattern[str]:
    """Convert a canonical `pattern` of `globbed` into a regular expression."""
    regex = ""
    for token in _TOKEN.findall(pattern):
        if token in _MEANING:
            regex += _MEANING[token]
        elif len(token) == 1:
            regex += re.escape(token)
        else:
            letters = re.escape(token[1:-1].removeprefix("!")).replace(r"\-", "-")
            regex += f"[{'^/' if token[1] == '!' else ''}{letters}]"
    return re.compile(regex + "(?:/.*)?", re.DOTALL)


def is_shard_name(name: str, *, texts: bool = False) -> bool:
    """Return whether a name may be a shard's: not a paper, checksum, list, text (but for `texts`) or hidden.

    Names of incomplete downloads are accepted, so that reading them fails instead of ignoring them.
    """
    lowered = name.lower()
    return not _NO_SHARD.fullmatch(lowered) and (texts or not _TEXT.fullmatch(lowered))


def left_out_line(uris: Collection[str]) -> str | None:
    """Return a line that names the files left out beside shards, each name once; None without any."""
    if not uris:
        return None
    names = sorted({shown_uri(uri).rstrip("/").rpartition("/")[2] for uri in uris})
    more = f" and {counted(len(names) - NAMES_SHOWN, 'name')} more" if len(names) > NAMES_SHOWN else ""
    files = f"{counted(len(uris), 'file')} by their name"
    return f"left out {files}: {', '.join(names[:NAMES_SHOWN])}{more}; to read one, pass its own path"


def is_list(name: str) -> bool:
    """Return whether a name is that of a list: `*.paths` or `*.paths.gz`."""
    return name.lower().endswith(LIST_SUFFIXES)


def listed(uri: str, options: StorageOptions, base: str | None = None) -> list[ObjectInfo]:
    """Return the shards of the list at canonical `uri`, in its order; their existence is not checked.

    An entry without a scheme is a key under `base`: a site, a bucket or a folder. Without `base`, keys are
    relative to the site or bucket of the list; on disk, to the nearest folder above the list that contains
    the first name of a key (`crawl-data`). `InputError`: there is no such folder, or this is no list.
    `CorruptError`: the list is cut short.
    """
    text = _list_text(uri, options)
    # Not `splitlines`: a name may contain separators of Unicode.
    keys = [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]
    if not keys:
        raise InputError("the list of shards is empty", where=shown_uri(uri), remedy="pass another list")
    if scheme_of(uri) != "file":
        _refuse_local(uri, keys, options)
    relative = next((key for key in keys if "://" not in key), None)
    if base or relative is None:
        root = canonical(base) if base else ""
    elif scheme_of(uri) != "file":
        root = root_of(uri)
    elif relative.startswith("/"):
        root = "/"
    else:
        root, (first, deeper, _) = os.path.dirname(uri), relative.partition("/")
        while deeper and not os.path.isdir(os.path.join(root, first)):
            if root == os.path.dirname(root):
                raise InputError(
                    f"the list contains keys under {first}/, which no folder above the list contains",
                    where=uri,
                    remedy="pass --base: https://data.commoncrawl.org/, s3://commoncrawl/ or a mirror",
                )
            root = os.path.dirname(root)
    return [ObjectInfo(join(root, key) if "://" not in key else canonical(key)) for key in keys]


def _refuse_local(uri: str, keys: list[str], options: StorageOptions) -> None:
    """Raise `InputError` for a list from the network that names files or addresses of this machine."""
    from presswatch_spark.storage.addresses import is_private, name_of

    checked = {name_of(uri)}
    for number, key in enumerate(keys, 1):
        what = ""
        if is_web(key) and (host := name_of(canonical(key))) not in checked:
            checked.add(host)
            if is_private(key, options):
                what = "a list from another host contains an address of this machine or of its network"
        if key.lower().startswith("file:") or ".." in key.split("/"):
            what = "a list from another host contains a file of this machine, or leads out of its base"
        if what:
            remedy = "download and check the list, and pass the copy; or set storage.private_hosts"
            raise InputError(what, where=f"{shown_uri(uri)}, entry {number}", remedy=remedy)


def _list_text(uri: str, options: StorageOptions) -> str:
    where, text = shown_uri(uri), bytearray()
    with open_stream(ObjectInfo(uri), options) as stream:
        head = stream.read(READ_BYTES)
        stream.push_back(head)
        is_packed = head.startswith(_GZIP_MAGIC)
        file = gzip.GzipFile(fileobj=cast(BinaryIO, stream)) if is_packed else stream
        try:
            while data := file.read(READ_BYTES):
                text += data
                if len(text) > LIST_BYTES_MAX:
                    what = f"is longer than {LIST_BYTES_MAX:,} bytes, so no list of shards"
                    raise InputError(what, where=where)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            what, remedy = "the list of shards is truncated or damaged", "download the list again"
            raise CorruptError(what, where=where, remedy=remedy) from error
    if b"\0" in text or text.startswith(b"WARC/"):
        remedy = "a file of WARC records is named *.warc.gz or *.wet.gz"
        raise InputError("the file is binary, not a list of shards", where=where, remedy=remedy)
    return text.decode("utf-8", "surrogateescape")
