"""Which source reads a shard: by its content, and by its name only where the content cannot be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.formats.arc_format import ArcSource
from presswatch_spark.formats.c4 import C4
from presswatch_spark.formats.heads import holds_objects_only, keys_of, kind_of
from presswatch_spark.formats.inflate.inflated import inflated_window
from presswatch_spark.formats.inflate.window import Window
from presswatch_spark.formats.oscar import METADATA_KEYS, OscarSource, refuse_metadata
from presswatch_spark.formats.oscar_text import has_metadata_beside, is_named_like_text, siblings_of
from presswatch_spark.formats.row_datasets import ROWS
from presswatch_spark.formats.source import ReadOptions, RecordSource, Source
from presswatch_spark.formats.table.columns import leads_into, listed
from presswatch_spark.formats.table.json_text import BYTE_ORDER_MARK
from presswatch_spark.formats.table.opening import dotted_names, opened
from presswatch_spark.formats.warc_format import WarcSource
from presswatch_spark.formats.wet import WetSource
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import ObjectInfo, random_access

HEAD_BYTES = 64 << 10
HEAD_CHUNK_BYTES = 256 << 10
LONG_LINE_BYTES = 16 << 20

_OSCAR = OscarSource()
RECORD_SOURCES: Mapping[str, RecordSource] = MappingProxyType(
    {"wet": WetSource(), "warc": WarcSource(), "arc": ArcSource()}
)
"""Those whose documents are records that can be read alone."""
SOURCES: Mapping[str, Source] = MappingProxyType({**RECORD_SOURCES, "c4": C4, "oscar": _OSCAR, "rows": ROWS})

# What each format's content may be called by `kind_of`. What may be anything is left to the source, which
# says what it cannot read, and can resume behind damage.
_ANYTHING = ("text", "unknown", "empty")
_KINDS = MappingProxyType(
    {
        "wet": ("WET", "warcinfo", *_ANYTHING),
        "warc": ("WARC", "warcinfo", "ARC", *_ANYTHING),
        "arc": ("ARC", *_ANYTHING),
        "c4": ("JSONL", "Parquet", *_ANYTHING),
        "oscar": ("JSONL", "Parquet", *_ANYTHING),
        "rows": ("JSONL", "Parquet", *_ANYTHING),
    }
)
_NAMES = (
    ("wet", re.compile(r"(?i)\.wet(\.gz)?$")),
    ("warc", re.compile(r"(?i)\.warc(\.gz)?$")),
    ("arc", re.compile(r"(?i)\.arc(\.gz)?$")),
    ("rows", re.compile(r"(?i)\.jsonl?(\.gz|\.zst)?$")),
)
_REMEDIES = MappingProxyType(
    {
        "WAT": "WAT files hold metadata only: give the WET or WARC files of the same crawl",
        "a CDX index": "give the files that it points into; `presswatch census` reads CDXJ",
        "HTML": "an error page was probably saved in place of the file: get it again",
        "an error message in XML": "the storage's refusal was saved in place of the file: check its name and "
        "your access, and get it again",
        "a WACZ file": "unpack it, and give the WARC files in its folder archive/: "
        "unzip -j FILE.wacz 'archive/*' -d FOLDER",
        "a ZIP archive": "unpack it, and give the files that were in it",
        "a 7z archive": "unpack it, and give the files that were in it",
        "a tar archive": "unpack it, and give the files that were in it",
        "packed with xz": "unpack it, or pack it with gzip or zstd",
        "packed with bzip2": "unpack it, or pack it with gzip or zstd",
        "a list of paths": "name it *.paths.gz to have the files that it lists read",
    }
)


def source_for(format: str, shard: ObjectInfo, options: ReadOptions) -> Source:
    """Return the source that reads `shard`; `format` is `auto` or a key of `SOURCES`; `warc` reads ARC too.

    `InputError` if the content is of no kind that is read; `CorruptError` if it is of another than `format`
    says.
    """
    try:
        return _source_for(format, shard, options)
    except PresswatchError:
        options.opener.close()
        raise


def _source_for(format: str, shard: ObjectInfo, options: ReadOptions) -> Source:
    head = head_of(shard, options)
    may_be_text = format == "oscar" or (format == "auto" and is_named_like_text(shard.uri))
    if may_be_text and has_metadata_beside(shard.uri, options):
        # Its lines are those of web pages, which may look like anything.
        return _OSCAR
    kind = kind_of(head)
    if kind == "Parquet":
        # It is read by ranges, for which the size has to be known.
        shard = options.opener.described(shard)
        options.opener.let_go()
    if format == "auto":
        return _recognised(shard, options, head, kind)
    if kind not in _KINDS[format]:
        raise CorruptError(
            f"the shard was to be read as {format}, but it is {kind}",
            where=shard.uri,
            remedy=_REMEDIES.get(kind, "choose another --format, or auto"),
        )
    if kind == "JSONL" and not (format == "oscar" and siblings_of(shard.uri)):
        refuse_metadata(shard.uri, keys_of(head))
    return SOURCES["arc" if kind == "ARC" else format]


def has_columns(source: Source) -> bool:
    """Whether a mapping of columns means anything to a source: records of a crawl have none."""
    return source.name not in RECORD_SOURCES


def named_like(uri: str) -> str | None:
    """The format that a shard's name speaks of, without a look at it; None if it speaks of none."""
    if uri.endswith(".parquet"):
        return "rows"
    return next((name for name, pattern in _NAMES if pattern.search(uri)), None)


def holds_metadata(shard: ObjectInfo, options: ReadOptions) -> bool:
    """Whether a file named like metadata of OSCAR 21.09 is that; of one that cannot be read nobody knows."""
    try:
        return keys_of(head_of(shard, options)) >= METADATA_KEYS
    except PresswatchError:
        return False
    finally:
        options.opener.close()


def head_of(shard: ObjectInfo, options: ReadOptions) -> bytes:
    """The first 64 KiB of the shard, inflated; more if its first line is JSON and longer."""
    with options.opener.look(shard, options.storage) as stream:
        window = Window(stream, ReadReport(), HEAD_CHUNK_BYTES)
        if window.refill(0) is None:
            return b""
        parts, size = [], 0
        for data in inflated_window(window, ReadReport()):
            parts.append(data)
            size += len(data)
            line_ends = (
                not parts[0].removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{")
                or b"\n" in data
                or size >= LONG_LINE_BYTES
            )
            if size >= HEAD_BYTES and line_ends:
                break
        head = b"".join(parts)
    return head if b"\n" not in head[:HEAD_BYTES] else head[:HEAD_BYTES]


def _recognised(shard: ObjectInfo, options: ReadOptions, head: bytes, kind: str) -> Source:
    if kind in ("WET", "WARC", "ARC"):
        return SOURCES[kind.lower()]
    named = next((name for name, pattern in _NAMES if pattern.search(shard.uri)), None)
    if kind == "warcinfo":
        return SOURCES["warc" if named == "warc" else "wet"]
    if kind == "JSONL" and is_named_like_text(shard.uri) and not holds_objects_only(head):
        return _OSCAR
    if kind in ("Parquet", "JSONL"):
        return _by_columns(shard, options, head, kind)
    if _OSCAR.recognises(shard.uri, head):
        return _OSCAR
    if kind == "empty" or (kind == "unknown" and named) or (kind == "text" and named in RECORD_SOURCES):
        return SOURCES[named or "rows"]
    raise InputError(
        f"the content of the shard is {kind}, not a format that is read",
        where=shard.uri,
        remedy=_REMEDIES.get(kind, f"give shards of {', '.join(SOURCES)}"),
    )


def _by_columns(shard: ObjectInfo, options: ReadOptions, head: bytes, kind: str) -> Source:
    names = keys_of(head) if kind == "JSONL" else _parquet_names(shard, options)
    refuse_metadata(shard.uri, names)
    for source in (C4, _OSCAR, ROWS):
        if source.fits(names):
            return source
    if leads_into(options.columns.get("text", ""), names):
        return ROWS
    raise InputError(
        f"no column is known to hold text; there are: {listed(names)}",
        where=shard.uri,
        remedy="map the columns: at least text, and url if there is one",
    )


def _parquet_names(shard: ObjectInfo, options: ReadOptions) -> frozenset[str]:
    with random_access(shard, options.storage) as file:
        return dotted_names(opened(file, shard.uri).schema)
