"""What a file is, told by its first inflated bytes."""

from __future__ import annotations

import re

from presswatch_spark.sources.table.columns import dotted_keys
from presswatch_spark.sources.table.json_text import BYTE_ORDER_MARK, parse
from presswatch_spark.sources.warc.fields import begins_with_record, first_content_type

# In JSON, a quote inside a string is escaped: what looks like a key in a line that is cut is one.
_KEY = re.compile(rb'[{,]\s*"([A-Za-z0-9_.\-]+)"\s*:')
_HTML = re.compile(rb"(?i)\s*(<!doctype html|<html|<head|<\?xml)")
# CDX with its line of field letters; CDX and CDXJ without; the index of a zipped one.
_CDX = re.compile(rb" CDX( [A-Za-z])+|\S{1,4096} [0-9]{14}[ \t]")
_PATHS = re.compile(rb"[\w./:\-]+\.(warc|wet|wat|parquet|json)(\.gz)?\r?(\n|$)")
# Other metadata, which a crawler may write first, is `application/warc-fields`.
_OF_WAT = b"\ncontent-type: application/json"


def keys_of(head: bytes) -> frozenset[str]:
    """Names of the first JSON object's fields, nested ones by dots too; empty if no line of `head` is an
    object. Fields below a very long dotted name are left out (see `dotted_keys`).

    Of an object that `head` cuts, every name is given without what is around it.
    """
    lines = [line for line in head.removeprefix(BYTE_ORDER_MARK).split(b"\n") if line.strip()]
    for line in lines:
        try:
            row = parse(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            return frozenset(dotted_keys(row))
    if lines and lines[0].lstrip().startswith(b"{"):
        return frozenset(name.decode() for name in _KEY.findall(lines[0]))
    return frozenset()


def kind_of(head: bytes) -> str:
    """Name what begins with `head` (inflated bytes), as a message says it; `unknown` if nothing fits."""
    if not head:
        return "empty"
    if begins_with_record(head):
        record = first_content_type(head) or "warcinfo"
        if record == "metadata":
            return "WAT" if _OF_WAT in head.lower() else "WARC"
        return {"conversion": "WET", "warcinfo": "warcinfo"}.get(record, "WARC")
    if head.startswith(b"PAR1"):
        return "Parquet"
    if head.startswith(b"filedesc:"):
        return "ARC"
    if keys_of(head):
        return "JSONL"
    if _HTML.match(head):
        return "HTML"
    if _CDX.match(head):
        return "a CDX index"
    return "a list of paths" if _PATHS.match(head) else "text" if is_text(head) else "unknown"


def is_text(head: bytes) -> bool:
    """Whether `head` is UTF-8 without NUL, but for a character cut at its end."""
    try:
        head[:-3].decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 7 and b"\0" not in head
    return b"\0" not in head
