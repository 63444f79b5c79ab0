"""Says what a file is by its first inflated bytes."""

import re

from presswatch_spark.formats.table.columns import dotted_keys
from presswatch_spark.formats.table.json_text import BYTE_ORDER_MARK, parse_object
from presswatch_spark.formats.table.parquet_footer import MAGIC
from presswatch_spark.formats.warc.fields import begins_with_record, first_content_type

# In JSON, a quote inside a string is escaped: what looks like a key in a line that is cut is one.
_KEY = re.compile(rb'[{,]\s*"([A-Za-z0-9_.\-]+)"\s*:')
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


def keys_of(head: bytes) -> frozenset[str]:
    """Return the names of the first JSON object's fields, nested ones by dots; none if not JSON Lines.

    JSON Lines have more than half of their lines begin as objects do: any web page may hold one such line.
    Fields below a very long dotted name are left out (see `dotted_keys`). If `head` cuts the object, names
    come alone, without those around them.
    """
    lines = _lines_of(head)
    if 2 * sum(map(_begins_an_object, lines)) <= len(lines):
        return frozenset()
    row = next((row for row in map(parse_object, lines) if row is not None), None)
    if row is not None:
        return frozenset(dotted_keys(row))
    cut = lines[0] if _begins_an_object(lines[0]) else b""
    return frozenset(name.decode() for name in _KEY.findall(cut))


def holds_objects_only(head: bytes) -> bool:
    """Whether every line of `head` is a JSON object; the last one may be cut."""
    *lines, last = _lines_of(head) or [b""]
    return _begins_an_object(last) and all(parse_object(line) is not None for line in lines)


def _lines_of(head: bytes) -> list[bytes]:
    return [line for line in head.removeprefix(BYTE_ORDER_MARK).split(b"\n") if line.strip()]


def _begins_an_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{")


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


def is_text(head: bytes) -> bool:
    """Whether `head` is UTF-8 without NUL; a character may be cut at its end."""
    try:
        head[:-3].decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 7 and b"\0" not in head
    return b"\0" not in head
