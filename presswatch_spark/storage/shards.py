"""Plans which shards a run reads, from paths, globs and lists. A plan is a value.

A list has a key a line: `*.paths.gz` as Common Crawl publishes them, `*.txt` as others do.

Files beside shards (papers, checksums, markers, lists) are recognised by their names.
"""

import glob
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Self, cast

from presswatch_spark.errors import CorruptError, InputError, PresswatchError, StorageError
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import (
    READ_BYTES,
    MissingError,
    ObjectInfo,
    StorageOptions,
    canonical,
    list_objects,
    open_stream,
    pinned,
    printable,
    stat,
)
from presswatch_spark.storage.uris import (
    MAIN,
    HubAddress,
    bucket_and_key,
    first_hidden,
    is_hidden,
    join,
    root_of,
    scheme_of,
)
from presswatch_spark.terminal import counted

LIST_SUFFIXES = (".paths", ".paths.gz")
LIST_BYTES_MAX = 64 << 20
# A text may be a list, or a shard of OSCAR 21.09: its content decides.
TEXT_SUFFIXES = (".txt", ".txt.gz")
_OSCAR_NAME = re.compile(r"(?:.*/)?[a-z]{2,3}(?:_dedup)?(?:_part_\d+)?\.txt(?:\.gz)?")
_NAMES_A_SHARD = re.compile(
    r"\S+\.(?:gz|zst|bz2|xz|parquet|jsonl?|ndjson|warc|wet|arc|txt)(?:\?\S*)?", re.IGNORECASE
)
_TEXT_HEAD_BYTES = 64 << 10
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
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

    A folder or S3 prefix means all shards below it. A glob works on disk, S3 and hubs: `*` and `?` stay
    within a name, `**` spans folders, and a folder that matches means all files below it. A list is named
    `*.paths` or `*.paths.gz`; a `*.txt` or `*.txt.gz` is one if its lines name files. See `listed`. The
    shards of a list have no size here: a release lists 100,000.

    Files below folders and in lists that are no shards by their names are left out: hidden ones (`.x`, `_x`),
    lists, those that `is_shard_name` refuses, and folders of our own tables and cases. A file that is named
    outright is always planned, and so is an empty one.

    Args:
        base: the folder, bucket or site of relative keys in lists.

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
    finder = _ShardFinder(options, base)
    found, failures = list[ObjectInfo](), list[StorageError]()
    for path in paths:
        try:
            found += finder.shards(finder.pinned(canonical(path)))
        except MissingError as error:
            raise InputError(
                error.what, where=error.where, remedy=error.remedy or "check the path"
            ) from error
        except StorageError as error:
            if scheme_of(path) not in ("http", "https") or is_list(printable(path)):
                raise
            # One bad answer of a web server concerns one shard, which fails when it is read.
            failures.append(error)
            found.append(ObjectInfo(canonical(path)))
    if len(failures) == len(paths):
        raise failures[0]
    shards = ShardPlan.of(replace(info, uri=finder.pinned(info.uri)) for info in found)
    planned = {shard.uri for shard in shards}
    return replace(shards, left_out=tuple(sorted(set(finder.left_out) - planned)))


@dataclass(frozen=True, slots=True)
class _ShardFinder:
    """Finds the shards of the paths of one plan.

    `left_out`: files that are no shards. `commits`: those of datasets on hubs, so that all paths read the
    same one.
    """

    options: StorageOptions
    base: str | None
    left_out: list[str] = field(default_factory=list)
    commits: dict[str, str | None] = field(default_factory=dict)

    def pinned(self, uri: str) -> str:
        """Return a canonical URI with the commit of its revision, which is asked for once."""
        if scheme_of(uri) != "hf":
            return uri
        address = HubAddress.of(uri)
        key = f"{address.dataset}@{address.revision or MAIN}"
        if key not in self.commits:
            self.commits[key] = HubAddress.of(pinned(address.root, self.options)).revision
        return str(replace(address, revision=self.commits[key]))

    def shards(self, uri: str) -> list[ObjectInfo]:
        """Return the shards of a path."""
        is_of_web = scheme_of(uri) in ("http", "https")
        # Reading a list on the web shows whether it is there.
        named = ObjectInfo(uri) if is_of_web and is_list(printable(uri)) else self._named(uri)
        found = [named] if named else self._found_below(uri)
        if is_list(printable(uri)):
            listed_there = self._listed_in(found)
            # If the list names nothing else, that is what was asked for.
            return self._shards_by_name(listed_there) or listed_there
        kept = [named] if named else self._shards_by_name(found)
        lists = [info for info in kept if self._is_text_list(info, is_named=named is not None)]
        kept = [info for info in kept if info not in lists]
        if lists and printable(uri).lower().endswith(TEXT_SUFFIXES):
            return kept + self._shards_by_name(self._listed_in(lists))
        # A list found in a folder is left out, whatever its name: the shards of it may be in the same folder.
        self.left_out.extend(info.uri for info in lists)
        if not kept:
            what = "the glob matches" if has_wildcard(uri) else "the folder holds"
            rest = f"; files left out by their name: {len(found)}" if found else ""
            raise InputError(
                f"{what} no shards{rest}", where=uri, remedy="name the shards, or the folder they are in"
            )
        return kept

    def _named(self, uri: str) -> ObjectInfo | None:
        scheme = scheme_of(uri)
        if (
            uri.endswith("/")
            or (scheme == "file" and os.path.isdir(uri))
            or (scheme == "s3" and not bucket_and_key(uri)[1])
            # A hub counts requests for files, and no file of a dataset has such a name.
            or (scheme == "hf" and ("*" in uri or "?" in uri))
        ):
            return None
        try:
            return stat(uri, self.options)
        except MissingError:
            if scheme in ("http", "https"):
                raise
            return None

    def _found_below(self, uri: str) -> list[ObjectInfo]:
        """Return the files of a folder, prefix or glob, without the folders that our commands wrote.

        Their Parquet files would be read as shards: results as if they were pages of a dataset.
        """
        below, hidden = globbed if has_wildcard(uri) else list_objects, list[str]()
        found = list(below(uri, self.options, hidden))
        own = {folder for folder, _, name in (each.rpartition("/") for each in hidden) if name in OWN_MARKERS}
        if scheme_of(uri) == "file" and has_wildcard(uri):
            # A glob shows no markers: look for them in all folders around the files that were found.
            root, folders = root_of_glob(uri), set[str]()
            for info in found:
                folder = os.path.dirname(info.uri)
                while len(folder) >= len(root) and folder not in folders:
                    folders.add(folder)
                    folder = os.path.dirname(folder)
            own |= {
                each
                for each in folders
                if any(os.path.lexists(os.path.join(each, name)) for name in OWN_MARKERS)
            }
        if uri.rstrip("/") in own:
            raise InputError(
                "this folder was written by presswatch, and contains results and no shards",
                where=uri,
                remedy="name the shards, or the folder they are in",
            )
        self.left_out.extend(each for each in hidden if each.rpartition("/")[0] not in own)
        self.left_out.extend(sorted(own))
        inside = tuple(f"{folder}/" for folder in own)
        return [info for info in found if not info.uri.startswith(inside)]

    def _shards_by_name(self, found: Iterable[ObjectInfo]) -> list[ObjectInfo]:
        kept = list[ObjectInfo]()
        for info in found:
            if is_shard_name(printable(info.uri).rpartition("/")[2]):
                kept.append(info)
            else:
                self.left_out.append(info.uri)
        return kept

    def _listed_in(self, lists: Iterable[ObjectInfo]) -> list[ObjectInfo]:
        return [shard for info in lists for shard in listed(info.uri, self.options, self.base)]

    def _is_text_list(self, info: ObjectInfo, *, is_named: bool) -> bool:
        """Return whether a text is a list: each line of its beginning names a shard by a path or URI.

        A text named like OSCAR's is read for that only if the user named it or it is on this disk: elsewhere
        a look is a request. A text that cannot be read is no list: it fails as a shard.
        """
        name = printable(info.uri)
        is_cheap = is_named or scheme_of(info.uri) == "file" or not _OSCAR_NAME.fullmatch(name)
        if not (is_cheap and name.lower().endswith(TEXT_SUFFIXES)):
            return False
        try:
            with open_stream(info, self.options) as stream:
                head = _head(stream.read(_TEXT_HEAD_BYTES), _TEXT_HEAD_BYTES)
        except PresswatchError:
            return False
        lines = head.splitlines(keepends=True)
        if len(head) == _TEXT_HEAD_BYTES:
            del lines[-1]
        names = [line.strip().decode("utf-8", "replace") for line in lines if line.strip()]
        return bool(names) and all(map(_NAMES_A_SHARD.fullmatch, names))


def has_wildcard(uri: str) -> bool:
    """Return whether `uri` contains one of `*`, `?`, `[`."""
    return _WILDCARD.search(uri) is not None


def root_of_glob(pattern: str) -> str:
    """Return the folder, with its slash, above the first name of `pattern` that contains a wildcard."""
    found = _WILDCARD.search(pattern)
    return pattern[: pattern.rindex("/", 0, found.start() if found else None) + 1]


def globbed(pattern: str, options: StorageOptions, hidden: list[str]) -> Iterator[ObjectInfo]:
    """Yield the objects that a canonical `pattern` matches, and those below a folder that it matches.

    `*` and `?` stay within a name, `**` spans folders, `[ab]` and `[!ab]` are one character. Hidden names do
    not match; they are added to `hidden`, as in `list_objects`.
    """
    root = root_of_glob(pattern)
    if scheme_of(pattern) != "file":
        matches, unseen = glob_of(pattern).fullmatch, list[str]()
        yield from (info for info in list_objects(root, options, unseen) if matches(info.uri))
        hidden.extend(each for each in unseen if matches(each) or each.rpartition("/")[2] in OWN_MARKERS)
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
    """Return a canonical `pattern`, as `globbed` reads it, as a regular expression."""

    def regex(token: str) -> str:
        if token in _MEANING:
            return _MEANING[token]
        if len(token) == 1:
            return re.escape(token)
        letters = re.escape(token[1:-1].removeprefix("!")).replace(r"\-", "-")
        return f"[{'^/' if token[1] == '!' else ''}{letters}]"

    return re.compile("".join(map(regex, _TOKEN.findall(pattern))) + "(?:/.*)?", re.DOTALL)


def is_shard_name(name: str) -> bool:
    """Return whether a file found in a folder may be a shard: it is no paper, checksum, list or hidden file.

    A half-fetched file (`x.wet.gz.part`) may be one: it fails when it is read, and is not forgotten.
    """
    name = name.lower()
    stem, suffix = os.path.splitext(name)
    is_paper = stem in PAPERS and suffix in PAPER_SUFFIXES
    return not (
        is_paper or name in DESCRIPTIONS or name.endswith(NO_SHARD_SUFFIXES) or name.startswith((".", "_"))
    )


def left_out_line(uris: Collection[str]) -> str | None:
    """Return the line that names the files left out beside shards, each name once; None if none are."""
    if not uris:
        return None
    names = sorted({printable(uri).rstrip("/").rpartition("/")[2] for uri in uris})
    more = f" and {counted(len(names) - NAMED, 'name')} more" if len(names) > NAMED else ""
    files = f"{counted(len(uris), 'file')} beside the shards, by name"
    return f"left out {files}: {', '.join(names[:NAMED])}{more}; to read one, name it by its own path"


def is_list(name: str) -> bool:
    """Return whether a name is that of a list: `*.paths` or `*.paths.gz`."""
    return name.lower().endswith(LIST_SUFFIXES)


def _head(stored: bytes, size: int) -> bytes:
    """Return the first bytes of a text that may be compressed; none if that is damaged."""
    if not stored.startswith(_GZIP_MAGIC):
        return stored[:size]
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(stored, size)
    except zlib.error:
        return b""


def listed(uri: str, options: StorageOptions, base: str | None = None) -> list[ObjectInfo]:
    """Return the shards of the list at canonical `uri`, in its order, without a look whether they exist.

    An entry with a scheme is a URI; any other is a key under `base`: a site, a bucket or a folder.
    Without a base it is a key of the site or bucket that has the list. In a list on disk it is a path under
    the root of a mirror: the nearest folder above the list that has the first part of the first key
    (`crawl-data`).

    Raises:
        InputError: there is no such folder, so a base must be given; or it is no list.
        CorruptError: the list is cut short or damaged.
    """
    keys = [line.strip() for line in _text(uri, options).splitlines() if line.strip()]
    if not keys:
        raise InputError("the list of shards is empty", where=printable(uri))
    if scheme_of(uri) != "file":
        _refuse_local(uri, keys, options)
    relative = next((key for key in keys if "://" not in key), None)
    root = canonical(base) if base else "" if relative is None else _default_base(uri, relative)
    return [ObjectInfo(join(root, key) if "://" not in key else canonical(key)) for key in keys]


def _refuse_local(uri: str, keys: list[str], options: StorageOptions) -> None:
    """Raise `InputError` for a list from the network that names files or addresses of this machine.

    Addresses of its network count, too, unless the list itself comes from that host.
    """
    from presswatch_spark.storage.addresses import is_private, name_of

    checked = {name_of(uri)}
    for number, key in enumerate(keys, 1):
        if scheme_of(key) in ("http", "https") and (host := name_of(canonical(key))) not in checked:
            checked.add(host)
            if is_private(key, options):
                raise InputError(
                    "a list from elsewhere names an address of this machine or of its network",
                    where=f"{printable(uri)}, entry {number}",
                    remedy="fetch the list and name the copy, or name that host in storage.private_hosts",
                )
        if key.lower().startswith("file:") or ".." in key.split("/"):
            raise InputError(
                "a list from elsewhere names a file of this machine, or leads out of its base",
                where=f"{printable(uri)}, entry {number}",
                remedy="fetch the list, look at it, and name the copy",
            )


def _default_base(uri: str, key: str) -> str:
    if scheme_of(uri) != "file":
        return root_of(uri)
    if key.startswith("/"):
        return "/"
    folder = os.path.dirname(uri)
    first, deeper, _ = key.partition("/")
    while deeper and not os.path.isdir(os.path.join(folder, first)):
        if folder == os.path.dirname(folder):
            raise InputError(
                f"the list names keys under {first}/, and no folder above the list holds that",
                where=uri,
                remedy="give --base: https://data.commoncrawl.org/, s3://commoncrawl/ or a mirror",
            )
        folder = os.path.dirname(folder)
    return folder


def _text(uri: str, options: StorageOptions) -> str:
    """Return the text of a list, which may be compressed."""
    where = printable(uri)
    with open_stream(ObjectInfo(uri), options) as stream:
        head = stream.read(READ_BYTES)
        if _head(head, 64).startswith(b"WARC/"):
            raise InputError(
                "holds WARC records, but its name is that of a list of shards",
                where=where,
                remedy="give it a name that ends in .warc.gz or .wet.gz, or name the list instead",
            )
        stream.push_back(head)
        is_packed = head.startswith(_GZIP_MAGIC)
        file = gzip.GzipFile(fileobj=cast(BinaryIO, stream)) if is_packed else stream
        text = bytearray()
        try:
            while data := file.read(READ_BYTES):
                text += data
                if len(text) > LIST_BYTES_MAX:
                    raise InputError(
                        f"is longer than {LIST_BYTES_MAX:,} bytes, so no list of shards", where=where
                    )
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorruptError(
                "the list of shards is cut short or damaged", where=where, remedy="fetch the list again"
            ) from error
    if b"\0" in text:
        raise InputError("is not a list of shards but binary", where=where)
    return text.decode("utf-8", "surrogateescape")
