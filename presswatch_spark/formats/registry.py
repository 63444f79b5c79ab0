"""All formats that are read, and which one a shard is of. A new one is a source with its descriptor.

The content of a shard decides, and its name only where the content cannot be read. Files that are read with
others are no shards.
"""

import re
from collections.abc import Mapping

from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.formats.arc import ARC
from presswatch_spark.formats.http.message import is_text
from presswatch_spark.formats.inflate import Window, inflated_window
from presswatch_spark.formats.oscar import OSCAR
from presswatch_spark.formats.row_datasets import C4, ROWS
from presswatch_spark.formats.source import Format, Head, ReadOptions, first_existing
from presswatch_spark.formats.table.columns import keys_of, listed
from presswatch_spark.formats.table.json_text import BYTE_ORDER_MARK
from presswatch_spark.formats.table.parquet import dotted_names, open_parquet
from presswatch_spark.formats.table.parquet_footer import MAGIC
from presswatch_spark.formats.warc.fields import begins_with_record, first_content_type
from presswatch_spark.formats.warc_format import WARC
from presswatch_spark.formats.wet import WET
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import ObjectInfo, random_access

AUTO = "auto"
"""In the place of a format's name: each shard by its content."""

FORMATS: tuple[Format, ...] = (WET, WARC, ARC, OSCAR, C4, ROWS)
"""In the order in which a shard is held against them; `ROWS` takes whatever rows the others leave."""

DEFAULT = ROWS
"""What an empty shard is read as whose name tells nothing."""
HEAD_BYTES = 64 << 10
HEAD_CHUNK_BYTES = 256 << 10
LONG_LINE_BYTES = 16 << 20
_REMEDIES: Mapping[str, str] = {
    "WAT": "WAT files hold metadata only: give the WET or WARC files of the same crawl",
    "a CDX index": "give the files that it points into; `presswatch census` reads CDXJ",
    "HTML": "an error page was probably saved in place of the file: get it again",
    "an error message in XML": "the storage's refusal was saved in place of the file: check its name and "
    "your access, and get it again",
    "a WACZ file": "unpack it, and give the WARC files in its folder archive/: "
    "unzip -j FILE.wacz 'archive/*' -d FOLDER",
    **dict.fromkeys(
        ("a ZIP archive", "a 7z archive", "a tar archive"), "unpack it, and give the files that were in it"
    ),
    **dict.fromkeys(("packed with xz", "packed with bzip2"), "unpack it, or pack it with gzip or zstd"),
    "a list of paths": "name it *.paths.gz to have the files that it lists read",
}


_HTML = re.compile(
    rb"(?i)(\xef\xbb\xbf)?\s*(<!--.{0,4096}?-->\s*)?(<!doctype html|<html|<head|<body|<title)", re.DOTALL
)
_XML = re.compile(rb"(?i)(\xef\xbb\xbf)?\s*<(\?xml|error>)")
_XML_ERROR = re.compile(rb"<(Error|error|ERROR)[ >]")
_ARCHIVES = (
    (re.compile(rb"PK(\x03\x04|\x05\x06)"), "a ZIP archive"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7z archive"),
    (re.compile(rb"(?s).{257}ustar"), "a tar archive"),
    (re.compile(rb"\xfd7zXZ\0"), "packed with xz"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "packed with bzip2"),
)
_OF_WACZ = re.compile(rb"(?s)PK\x03\x04.{26}(datapackage(-digest)?\.json|archive/|indexes/|pages/)")
# CDX with its line of field letters; CDX and CDXJ without; the index of a zipped one.
_CDX = re.compile(rb" CDX( [A-Za-z])+|\S{1,4096} [0-9]{14}[ \t]")
_PATHS = re.compile(rb"[\w./:\-]+\.(warc|wet|wat|parquet|json)(\.gz)?\r?(\n|$)")
# Other metadata, which a crawler may write first, is `application/warc-fields`.
_OF_WAT = b"\ncontent-type: application/json"


def names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(format.name for format in FORMATS)


def find(name: str | None) -> Format | None:
    """Return the format of that name, None if there is none."""
    return next((format for format in FORMATS if format.name == name), None)


def named(name: str) -> Format:
    """Return the format of that name; `InputError` if there is none."""
    if (format := find(name)) is None:
        raise InputError(f"there is no format {name}", remedy=f"there are: {', '.join(names())}")
    return format


def named_like(uri: str) -> Format | None:
    """Return the format that a shard's name speaks of, without a look at it; None if it speaks of none."""
    return next((format for format in FORMATS if format.is_named(uri)), None)


def format_for(name: str, shard: ObjectInfo, options: ReadOptions) -> Format:
    """Return the format that `shard` is read in; `name`: of a format that the user says, or `auto`.

    What is of another format that the one named may stand for (ARC for WARC) is read in that.

    Raises:
        InputError: there is no such format, or the content is of no kind that is read.
        CorruptError: the content is of another kind than the user says, or cannot be read.
    """
    try:
        chosen = None if name == AUTO else named(name)
        data = head_of(shard, options)
        for format in [chosen] if chosen else FORMATS:
            companions = format.companions
            may_have = companions and (chosen or companions.is_typical(shard.uri))
            if companions and may_have and first_existing(companions.beside(shard.uri), options.storage):
                # Its lines may look like anything.
                return format
        kind = kind_of(data)
        if kind == "Parquet":
            # It is read by ranges, for which the size has to be known.
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
        _refuse_companion(shard.uri, columns, chosen)
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


def _recognised(head: Head) -> Format:
    found = next((format for format in FORMATS if format.recognises(head)), None)
    _refuse_companion(head.uri, head.columns, found)
    if found:
        return found
    if head.columns or head.kind == "Parquet":
        raise InputError(
            f"no column is known to hold text; there are: {listed(head.columns)}",
            where=head.uri,
            remedy="map the columns: at least text, and url if there is one",
        )
    named = named_like(head.uri)
    if head.kind == "empty":
        return named or DEFAULT
    suffixes = named.suffixes if named else {}
    if named and any(head.uri.lower().endswith(end) and head.kind in suffixes[end] for end in suffixes):
        # Its content is what damage makes of such a file.
        return named
    raise InputError(
        f"the content of the shard is {head.kind}, not a format that is read",
        where=head.uri,
        remedy=_REMEDIES.get(head.kind, f"give shards of {', '.join(names())}"),
    )


def _refuse_companion(uri: str, columns: frozenset[str], format: Format | None) -> None:
    """Raise `CorruptError` if columns show a companion: the shard is the file beside it.

    A shard that its format expects to have a companion of its own is none.
    """
    if format and format.companions and format.companions.beside(uri):
        return
    for companions in (each.companions for each in FORMATS):
        if companions and companions.marks <= columns:
            raise CorruptError(companions.refusal, where=uri, remedy=companions.remedy)


def companions_among(uris: set[str], format: str) -> set[str]:
    """Return those of `uris` that are read with another of them, and so are no shards; their names decide.

    If such a file holds documents, the other one's metadata cannot be read, which is a defect.
    """
    found = set[str]()
    for companions in (each.companions for each in FORMATS if format in (AUTO, each.name)):
        if companions:
            texts = (uri for uri in uris if format != AUTO or companions.is_typical(uri))
            found.update(beside for uri in texts for beside in companions.beside(uri))
    return found & uris


def kind_of(head: bytes) -> str:
    """Return the kind of content that `head` begins, as a message says it; `unknown` if nothing fits."""
    if not head:
        return "empty"
    if begins_with_record(head):
        record = first_content_type(head) or "warcinfo"
        if record == "metadata":
            return "WAT" if _OF_WAT in head.lower() else "WARC"
        return {"conversion": "WET", "warcinfo": "warcinfo"}.get(record, "WARC")
    if head.startswith(MAGIC):
        return "Parquet"
    if head.startswith(b"filedesc:"):
        return "ARC"
    if keys_of(head):
        return "JSONL"
    if _HTML.match(head):
        return "HTML"
    if _XML.match(head):
        return "an error message in XML" if _XML_ERROR.search(head[:4096]) else "XML"
    if head.startswith(b"PK\x03\x04") and _OF_WACZ.search(head):
        return "a WACZ file"
    if archive := next((name for mark, name in _ARCHIVES if mark.match(head)), None):
        return archive
    if _CDX.match(head):
        return "a CDX index"
    return "a list of paths" if _PATHS.match(head) else "text" if is_text(head) else "unknown"
