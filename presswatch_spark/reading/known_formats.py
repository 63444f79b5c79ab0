"""All formats that are read, and the choice of a shard's format. A new format needs an entry in `FORMATS`.

The content of a shard decides; its name counts only if the content cannot be read.
"""

import re

from presswatch_spark.core.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.arc_format import ARC
from presswatch_spark.reading.http.message import is_text
from presswatch_spark.reading.inflate import Window, inflated_window
from presswatch_spark.reading.row_formats import C4, OSCAR, ROWS
from presswatch_spark.reading.rows.columns import keys_of, listed
from presswatch_spark.reading.rows.lenient_json import BYTE_ORDER_MARK
from presswatch_spark.reading.rows.parquet import dotted_names, open_parquet
from presswatch_spark.reading.rows.parquet_footer import MAGIC
from presswatch_spark.reading.source import Format, Head, ReadOptions, first_existing
from presswatch_spark.reading.warc.blocks import begins_with_record, first_record_type
from presswatch_spark.reading.warc_format import WARC, WET
from presswatch_spark.storage.objects import ObjectInfo, random_access

AUTO = "auto"
"""In place of a format's name: choose the format of each shard by its content."""
FORMATS: tuple[Format, ...] = (WET, WARC, ARC, OSCAR, C4, ROWS)
"""In the order in which they are tried; `ROWS` accepts the rows that the others do not recognise."""
DEFAULT = ROWS
"""The format of an empty shard whose name does not show it."""
HEAD_BYTES = 64 << 10
HEAD_CHUNK_BYTES = 256 << 10
LONG_LINE_BYTES = 16 << 20
# Content that is not read: a pattern of its beginning, its kind in messages, a remedy. First match counts.
_FOREIGN = tuple(
    (re.compile(pattern, re.DOTALL), kind, remedy)
    for pattern, kind, remedy in (
        (
            rb"(?i)(\xef\xbb\xbf)?\s*(<!--.{0,4096}?-->\s*)?(<!doctype html|<html|<head|<body|<title)",
            "HTML",
            "an error page was probably saved instead of the file: download it again",
        ),
        (
            rb"(?i)(\xef\xbb\xbf)?\s*<(\?xml.{0,4096}?<error[ >]|error>)",
            "an error message in XML",
            "the storage's refusal was saved instead of the file: check its name and your access, and"
            " download it again",
        ),
        (
            rb"PK(\x03\x04|\x05\x06)|7z\xbc\xaf\x27\x1c|.{257}ustar",
            "an archive (ZIP, WACZ, 7z or tar)",
            "unpack it, and pass the files that were in it",
        ),
        (
            rb"\xfd7zXZ\0|BZh[1-9]1AY&SY",
            "packed with xz or bzip2",
            "unpack it, or pack it with gzip or zstd",
        ),
        # CDX with its line of field letters; CDX and CDXJ without; the index of a zipped one.
        (
            rb" CDX( [A-Za-z])+|\S{1,4096} [0-9]{14}[ \t]",
            "a CDX index",
            "pass the files that it points into; only `presswatch census` reads CDXJ",
        ),
        (
            rb"[\w./:\-]+\.(warc|wet|wat|parquet|json)(\.gz)?\r?(\n|$)",
            "a list of paths",
            "rename it to *.paths.gz, so that the files that it lists are read",
        ),
    )
)
_REMEDIES = {kind: remedy for _, kind, remedy in _FOREIGN} | {
    "WAT": "WAT files contain metadata only: use the WET or WARC files of the same crawl"
}
# Metadata records of a WAT; those that a crawler writes to WARC files are `application/warc-fields`.
_OF_WAT = b"\ncontent-type: application/json"


def names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(format.name for format in FORMATS)


def find(name: str | None) -> Format | None:
    """Return the format of that name, None if there is none."""
    return next((format for format in FORMATS if format.name == name), None)


def made_from(name: str | None, uri: str) -> tuple[str, str] | None:
    """Return format and address of the shard that one of a format was made from; None if unknown."""
    format = find(name)
    return format.made_from(uri) if format else None


def named(name: str) -> Format:
    """Return the format of that name; `InputError` if there is none."""
    if (format := find(name)) is None:
        raise InputError(f"there is no format {name}", remedy=f"choose one of {', '.join(names())}")
    return format


def named_like(uri: str) -> Format | None:
    """Return the format that a shard's name suggests, None if it suggests none."""
    return next((format for format in FORMATS if uri.lower().endswith(tuple(format.suffixes))), None)


def expected(name: str, uri: str) -> Format | None:
    """Return the format of that name or, for `auto`, the one that the shard's name suggests; else None."""
    return named_like(uri) if name == AUTO else find(name)


def format_for(name: str, shard: ObjectInfo, options: ReadOptions) -> Format:
    """Return the format that `shard` is read in; `name`: the user's, or `auto`. For `warc`, ARC is accepted.

    `InputError`: there is no such format, or the content is of no kind that is read. `CorruptError`: the
    content is of another kind than the named format, or cannot be read.
    """
    try:
        chosen = None if name == AUTO else named(name)
        data = head_of(shard, options)
        for format in [chosen] if chosen else FORMATS:
            beside = format.companions_of(shard.uri) if chosen or format.is_typical(shard.uri) else ()
            if first_existing(beside, options.storage):
                # A companion file decides, since lines of plain text may look like another format.
                return format
        kind = kind_of(data)
        if kind == "Parquet":
            # Parquet is read by ranges, for which the size must be known.
            shard = options.opener.described(shard)
            options.opener.let_go()
        columns = keys_of(data) if kind == "JSONL" else frozenset[str]()
        if chosen is None:
            if kind == "Parquet":
                with random_access(shard, options.storage) as file:
                    columns = dotted_names(open_parquet(file, shard.uri).schema)
            return _recognised(Head(shard.uri, data, kind, columns, options.columns))
        if kind not in chosen.kinds:
            raise CorruptError(
                f"the shard was to be read as {chosen.name}, but it is {kind}",
                where=shard.uri,
                remedy=_REMEDIES.get(kind, "choose another --format, or auto"),
            )
        return next((other for other in FORMATS if other.title == kind), chosen)
    except PresswatchError:
        options.opener.close()
        raise


def head_of(shard: ObjectInfo, options: ReadOptions) -> bytes:
    """Return the first 64 KiB of the shard, inflated; more if its first line is JSON and longer."""
    with options.opener.look(shard, options.storage) as stream:
        window = Window(stream, ReadReport(), HEAD_CHUNK_BYTES)
        if window.refill(0) is None:
            return b""
        parts, size = [], 0
        for data in inflated_window(window):
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


def _recognised(head: Head) -> Format:
    found = next((format for format in FORMATS if format.recognises(head)), None)
    if found:
        return found
    if head.columns or head.kind == "Parquet":
        raise InputError(
            f"no column is known to contain text; the columns are: {listed(head.columns)}",
            where=head.uri,
            remedy="map the columns: at least text, and url if there is one",
        )
    named = named_like(head.uri)
    if head.kind == "empty":
        return named or DEFAULT
    suffixes = named.suffixes if named else {}
    if named and any(head.uri.lower().endswith(end) and head.kind in suffixes[end] for end in suffixes):
        # The content is of a kind that a damaged file of this format may look like.
        return named
    raise InputError(
        f"the content of the shard is {head.kind}, not a supported format",
        where=head.uri,
        remedy=_REMEDIES.get(head.kind, f"pass shards in one of the formats {', '.join(names())}"),
    )


def companions_among(uris: set[str], format: str) -> set[str]:
    """Return those of `uris` that are no shards, by their names, but read together with a shard."""
    found = set[str]()
    for each in FORMATS:
        if format in (AUTO, each.name):
            texts = (uri for uri in uris if format != AUTO or each.is_typical(uri))
            found.update(beside for uri in texts for beside in each.companions_of(uri))
    return found & uris


def kind_of(head: bytes) -> str:
    """Return the kind of content that begins with `head`, as in messages; `unknown` if none matches."""
    if not head:
        return "empty"
    if begins_with_record(head):
        record = first_record_type(head) or "warcinfo"
        if record == "metadata":
            return "WAT" if _OF_WAT in head.lower() else "WARC"
        return {"conversion": "WET", "warcinfo": "warcinfo"}.get(record, "WARC")
    if head.startswith(MAGIC):
        return "Parquet"
    if head.startswith(b"filedesc:"):
        return "ARC"
    if keys_of(head):
        return "JSONL"
    foreign = next((kind for pattern, kind, _ in _FOREIGN if pattern.match(head)), None)
    return foreign or ("text" if is_text(head) else "unknown")
