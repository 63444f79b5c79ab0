"""WARC: the pages themselves, one `response` record each, as the crawler got them; and `resource` records.

Common Crawl writes a `request` before each response and a `metadata` record after it, which names the
languages that were identified. Other kinds of records (`revisit`: the page did not change) are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from presswatch_spark.errors import PresswatchError
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc.blocks import Block, record_locator
from presswatch_spark.formats.warc.evidence import block_is_declared
from presswatch_spark.formats.warc.fields import first_content_type, header_fields
from presswatch_spark.formats.warc.languages import identified
from presswatch_spark.formats.warc.pages import PageBatches, Stored
from presswatch_spark.formats.warc.shard_records import (
    Format,
    Records,
    RecordShards,
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
NO_GATE = warc.gate_of(frozenset())
_TEXTS = warc.table_of(warc.CONVERSION, warc.GATED)
_OF_PAGES = warc.table_of(warc.RESPONSE, warc.RESOURCE, warc.METADATA)


class WarcSource(RecordShards):
    """Reads WARC shards."""

    name = "warc"

    def recognises(self, uri: str, head: bytes) -> bool:
        """Whether the first record after the warcinfo is one that comes with a page."""
        return first_content_type(head) in ("response", "request", "resource", "revisit")

    def read_part(
        self, stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
    ) -> Iterator[DocumentBatch]:
        """Yield the pages of `stream`, a part of `shard` that begins with a record."""

        def refused(kinds: Offsets) -> str | None:
            texts = _TEXTS[kinds].any()
            return "holds extracted text (`conversion` records)" if texts else None

        found = read_blocks(stream, shard, options, report, Format("WARC", NO_GATE, refused))
        yield from PageBatches(options, report).of(_responses(found, report))


def _responses(blocks: Iterator[Records], report: ReadReport) -> Iterator[Stored]:
    """Yield the responses, each once it is known whether the record after it names its languages."""
    waiting: Stored | None = None
    try:
        for found in blocks:
            for row in _with_pages(found, report):
                if row[warc.KIND] == warc.METADATA:
                    if waiting is None:
                        continue
                    if waiting.url != _url_of(found.block, row):
                        _compare_urls(waiting, found.block, row, report)
                        continue
                    waiting.languages = identified(_body_of(found.block, row).tobytes())
                    yield waiting
                    waiting = None
                    continue
                if waiting is not None:
                    yield waiting
                waiting = _stored(found, row, report)
    except PresswatchError:
        if waiting is not None:
            yield waiting
        raise
    if waiting is not None:
        yield waiting


def _compare_urls(page: Stored, block: Block, row: Offsets, report: ReadReport) -> None:
    """Take its URL from a page if the metadata about it give another page's: one of the two is damaged.

    Metadata may have a name of their own instead, such as `urn:…`.
    """
    if page.verified() or not _url_of(block, row).lower().startswith((b"http://", b"https://")):
        return
    header = header_fields(block.data[row[warc.START] : row[warc.BODY]].tobytes())
    located = page.pointer()
    about = (header.get("warc-concurrent-to"), header.get("warc-refers-to"))
    if located.record_id is not None and located.record_id in about and page.url:
        report.add_defect(OTHER_URL, *page.place())
        page.url = b""
        page.pointer = lambda: replace(located, damage="header")


def _with_pages(found: Records, report: ReadReport) -> Offsets:
    """The records that hold what a server sent, and those that may say more of it; others are counted.

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


def _note_untyped(block: Block, rows: Offsets, report: ReadReport) -> None:
    """Count records of no type that there is.

    Of what is in no gzip member of its own, damage may have made it: a defect.
    """
    member = np.isin(rows[:, warc.START], block.runs) & (block.encoding == "gzip")
    report.add_skipped("record of another kind", int(np.count_nonzero(member)))
    note_defects(block, rows[~member], report, lambda row: UNTYPED)


def _url_of(block: Block, row: Offsets) -> bytes:
    return block.data[row[warc.URI] : row[warc.URI_END]].tobytes()


def _body_of(block: Block, row: Offsets) -> memoryview:
    return block.data[row[warc.BODY] : row[warc.BODY_END]].data


def _stored(found: Records, row: Offsets, report: ReadReport) -> Stored:
    block, release = found.block, found.release
    header = block.data[row[warc.START] : row[warc.BODY]].tobytes()
    lowered = header.lower()
    named = _CONTENT_TYPE.search(lowered)
    media = named[1].decode("latin-1") if named else ""
    body = _body_of(block, row)
    if b"\nwarc-segment-number:" in lowered:
        report.add_defect(SEGMENTED, *block.place(int(row[warc.START])))
    # Of a response whose type is given in the wrong place, the block tells.
    mistyped = row[warc.KIND] == warc.RESPONSE and (not media or bytes(body[:5]) == b"HTTP/")
    return Stored(
        url=_url_of(block, row),
        block=body,
        pointer=lambda: record_locator(block, row, release),
        place=lambda: block.place(int(row[warc.START])),
        resource=None if media.startswith("application/http") or mistyped else media,
        cut=b"\nwarc-truncated:" in lowered,
        verified=lambda: block.is_member(int(row[warc.START]), int(row[warc.END])),
        proven=lambda: block_is_declared(header_fields(header), body) is True,
    )
