"""Reads lists of shards, a key a line: `*.paths.gz` as Common Crawl publishes them, `*.txt` as others do."""

import gzip
import os
import re
import zlib
from typing import BinaryIO, cast

from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, canonical, open_stream, printable
from presswatch_spark.storage.streams import READ_BYTES
from presswatch_spark.storage.uris import join, root_of, scheme_of

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


def is_list(name: str) -> bool:
    """Return whether a name is that of a list: `*.paths` or `*.paths.gz`."""
    return name.lower().endswith(LIST_SUFFIXES)


def may_hold_list(uri: str, named: bool) -> bool:
    """Return whether a text may be a list though it is not named like one.

    A text named like OSCAR's may be one only if the user named it or it is on this disk: a look is a request.
    """
    name = printable(uri)
    cheap = named or scheme_of(uri) == "file" or not _OSCAR_NAME.fullmatch(name)
    return cheap and name.lower().endswith(TEXT_SUFFIXES)


def holds_list(info: ObjectInfo, options: StorageOptions) -> bool:
    """Return whether every line of a text names a shard, by a path or URI that ends as shards do.

    All of it is read only if its head is like that. What cannot be read is no list: it fails as a shard.
    """
    try:
        with open_stream(info, options) as stream:
            head = _head(stream.read(_TEXT_HEAD_BYTES), _TEXT_HEAD_BYTES)
        lines = head.splitlines(keepends=True)
        whole = lines if len(head) < _TEXT_HEAD_BYTES else lines[:-1]
        if not _all_name_shards(whole):
            return False
        return _all_name_shards(_text(info.uri, options).encode("utf-8", "surrogateescape").splitlines())
    except PresswatchError:
        return False


def _all_name_shards(lines: list[bytes]) -> bool:
    keys = [line.strip().decode("utf-8", "replace") for line in lines if line.strip()]
    return bool(keys) and all(map(_NAMES_A_SHARD.fullmatch, keys))


def _head(stored: bytes, size: int) -> bytes:
    """Return the first bytes of a text that may be compressed; none if that is damaged."""
    if not stored.startswith(_GZIP_MAGIC):
        return stored[:size]
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(stored, size)
    except zlib.error:
        return b""


def listed(uri: str, options: StorageOptions, base: str | None = None) -> list[ObjectInfo]:
    """Return what the list at canonical `uri` names, in its order, without a look whether it exists.

    An entry with a scheme stands for itself; any other is a key under `base`: a site, a bucket or a folder.
    Without a base it is a key of the site or bucket that holds the list. In a list on disk it is a path under
    the root of a mirror: the nearest folder above the list that holds the first part of the first key
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
    relative = [key for key in keys if "://" not in key]
    root = canonical(base) if base else _default_base(uri, relative[0]) if relative else ""
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
    parts, size = list[bytes](), 0
    with open_stream(ObjectInfo(uri), options) as stream:
        head = stream.read(READ_BYTES)
        if _head(head, 64).startswith(b"WARC/"):
            raise InputError(
                "holds WARC records, but its name is that of a list of shards",
                where=printable(uri),
                remedy="give it a name that ends in .warc.gz or .wet.gz, or name the list instead",
            )
        stream.push_back(head)
        is_packed = head.startswith(_GZIP_MAGIC)
        file = gzip.GzipFile(fileobj=cast(BinaryIO, stream)) if is_packed else stream
        try:
            while data := file.read(READ_BYTES):
                parts.append(data)
                size += len(data)
                if size > LIST_BYTES_MAX:
                    what = f"is longer than {LIST_BYTES_MAX:,} bytes, so no list of shards"
                    raise InputError(what, where=printable(uri))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorruptError(
                "the list of shards is cut short or damaged",
                where=printable(uri),
                remedy="fetch the list again",
            ) from error
    text = b"".join(parts)
    if b"\0" in text:
        raise InputError("is not a list of shards but binary", where=printable(uri))
    return text.decode("utf-8", "surrogateescape")
