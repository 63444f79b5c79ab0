"""WARC: the pages themselves, one `response` record each, as the crawler got them; and `resource` records.

Common Crawl writes a `request` before each response and a `metadata` record after it, which names the
languages that were identified. Other kinds of records (`revisit`: the page did not change) are counted.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from presswatch_spark.errors import PresswatchError
from presswatch_spark.formats import specimens
from presswatch_spark.formats.descriptor import ANYTHING, Format, whole
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc.blocks import InflatedBlock, record_locator
from presswatch_spark.formats.warc.fields import begins_with_record, block_is_declared, header_fields
from presswatch_spark.formats.warc.gates import identified, warc_gate
from presswatch_spark.formats.warc.pages import PageBatches, Stored
from presswatch_spark.formats.warc.shard_records import (
    WARC_SUFFIXES,
    Expected,
    Records,
    are_readable,
    note_defects,
    read_blocks,
)
from presswatch_spark.model import DocumentBatch, Offsets, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream

_CONTENT_TYPE = re.compile(rb"\ncontent-type:[ \t]*([^\r\n]*)")
OTHER_URL = "record's URL is not that of the metadata about it; it was read without"
UNTYPED = "record is of no type that there is, and was not read"
SEGMENTED = "record is a first segment; those that continue it were not read"
_TEXTS = warc.table_of(warc.CONVERSION, warc.GATED)
_OF_PAGES = warc.table_of(warc.RESPONSE, warc.RESOURCE, warc.METADATA)


def read_part(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the pages of `stream`, a part of `shard` that begins with a record."""

    def refused(kinds: Offsets) -> str | None:
        texts = _TEXTS[kinds].any()
        return "holds extracted text (`conversion` records)" if texts else None

    expected = Expected("WARC", warc.gate_of(frozenset()), refused, warc_gate(options))
    found = read_blocks(stream, shard, options, report, expected)
    yield from PageBatches(options, report).of(_responses(found, report))


def _responses(blocks: Iterator[Records], report: ReadReport) -> Iterator[Stored]:
    """Yield the responses, each once it is known whether the record after it names its languages."""
    waiting: Stored | None = None
    try:
        for found in blocks:
            for row in _with_pages(found, report):
                if row[warc.KIND] != warc.METADATA:
                    if waiting is not None:
                        yield waiting
                    waiting = _stored(found, row, report)
                elif waiting is not None and waiting.url != found.block.url_of(row):
                    _compare_urls(waiting, found.block, row, report)
                elif waiting is not None:
                    waiting.languages = identified(found.block.body_of(row).tobytes())
                    yield waiting
                    waiting = None
    except PresswatchError:
        if waiting is not None:
            yield waiting
        raise
    if waiting is not None:
        yield waiting


def _compare_urls(page: Stored, block: InflatedBlock, row: Offsets, report: ReadReport) -> None:
    """Take its URL from a page if the metadata about it give another page's: one of the two is damaged.

    Metadata may have a name of their own instead, such as `urn:…`.
    """
    if page.verified() or not block.url_of(row).lower().startswith((b"http://", b"https://")):
        return
    header = header_fields(block.header_of(row))
    located = page.pointer()
    about = (header.get("warc-concurrent-to"), header.get("warc-refers-to"))
    if located.record_id is not None and located.record_id in about and page.url:
        report.add_defect(OTHER_URL, *page.place())
        page.url = b""
        page.pointer = lambda: replace(located, damage="header")


def _with_pages(found: Records, report: ReadReport) -> Offsets:
    """Return the records that hold what a server sent, or may say more of it; count the others.

    No Python object is made of those that hold nothing: a small file may have millions.
    """
    rows = found.rows[are_readable(found.rows)]
    kinds, empty = rows[:, warc.KIND], rows[:, warc.BODY_END] == rows[:, warc.BODY]
    counted = {
        "empty response": empty & (kinds == warc.RESPONSE),
        "no text": empty & (kinds == warc.RESOURCE),
        "revisit record": kinds == warc.REVISIT,
        "continuation record": kinds == warc.CONTINUATION,
    }
    for why, which in counted.items():
        report.add_skipped(why, int(np.count_nonzero(which)))
    if (other := kinds == warc.OTHER).any():
        _note_untyped(found.block, rows[other], report)
    pages: Offsets = rows[~empty & _OF_PAGES[kinds]]
    return pages


def _note_untyped(block: InflatedBlock, rows: Offsets, report: ReadReport) -> None:
    """Count records of no type that there is.

    Outside of a gzip member of its own, damage may have made such a record: that is a defect.
    """
    member = np.isin(rows[:, warc.START], block.runs) & (block.encoding == "gzip")
    report.add_skipped("record of another kind", int(np.count_nonzero(member)))
    note_defects(block, rows[~member], report, lambda row: UNTYPED)


def _stored(found: Records, row: Offsets, report: ReadReport) -> Stored:
    block, release = found.block, found.release
    header = block.header_of(row)
    lowered = header.lower()
    named = _CONTENT_TYPE.search(lowered)
    media = named[1].decode("latin-1") if named else ""
    body = block.body_of(row)
    if b"\nwarc-segment-number:" in lowered:
        report.add_defect(SEGMENTED, *block.place_of(row))
    # A response may give its type in the wrong place; then its block shows it.
    mistyped = row[warc.KIND] == warc.RESPONSE and (not media or bytes(body[:5]) == b"HTTP/")
    return Stored(
        url=block.url_of(row),
        block=body,
        pointer=lambda: record_locator(block, row, release),
        place=lambda: block.place_of(row),
        resource=None if media.startswith("application/http") or mistyped else media,
        cut=b"\nwarc-truncated:" in lowered,
        verified=lambda: block.is_member(row),
        proven=lambda: block_is_declared(header_fields(header), body) is True,
    )


WARC = Format(
    name="warc",
    title="WARC",
    summary="WARC files of Common Crawl and others: the pages themselves, whatever their charset and codings;"
    " text files, and with `--pdf` PDF",
    read=whole(read_part),
    read_part=read_part,
    begins=begins_with_record,
    # Of a warcinfo alone the name decides.
    recognises=lambda head: (
        head.kind == "WARC" or (head.kind == "warcinfo" and head.uri.lower().endswith(WARC_SUFFIXES))
    ),
    # Archives that hold both are common: what is ARC is read as that.
    kinds=frozenset({"WARC", "warcinfo", "ARC"}) | ANYTHING,
    suffixes=dict.fromkeys(WARC_SUFFIXES, frozenset({"text", "unknown"})),
    rates={"": "warc"},
    specimen=specimens.warc,
    responses=True,
    is_warc=True,
    elsewhere=frozenset({"languages"}),
)
