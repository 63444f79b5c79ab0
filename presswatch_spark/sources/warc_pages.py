"""WARC: the pages themselves, one `response` record each, as the crawler got them; and `resource` records.

Common Crawl writes a `request` before each response and a `metadata` record after it, which names the
languages that were identified. Other kinds of records (`revisit`: the page did not change) are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from presswatch_spark.errors import PresswatchError
from presswatch_spark.sources.base import DocumentBatch, Offsets, ReadOptions, ReadReport
from presswatch_spark.sources.warc import headers as warc
from presswatch_spark.sources.warc.blocks import Block, record_locator
from presswatch_spark.sources.warc.fields import first_content_type, header_fields
from presswatch_spark.sources.warc.languages import identified
from presswatch_spark.sources.warc.pages import PageBatches, Stored
from presswatch_spark.sources.warc.reading import READABLE, Format, Records, RecordShards, read_blocks
from presswatch_spark.storage.objects import ObjectInfo, Stream

_CONTENT_TYPE = re.compile(rb"\ncontent-type:[ \t]*([^\r\n]*)")
SEGMENTED = "record is a first segment; those that continue it were not read"
NO_GATE = warc.gate_of(frozenset())


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
            texts = np.isin(kinds, (warc.CONVERSION, warc.GATED)).any()
            return "holds extracted text (`conversion` records)" if texts else None

        found = read_blocks(stream, shard, options, report, Format("WARC", NO_GATE, refused))
        yield from PageBatches(options, report).of(_responses(found, report))


def _responses(blocks: Iterator[Records], report: ReadReport) -> Iterator[Stored]:
    """Yield the responses, each once it is known whether the record after it names its languages."""
    waiting: Stored | None = None
    try:
        for found in blocks:
            for row in found.rows[np.isin(found.rows[:, warc.STATUS], READABLE)]:
                kind = int(row[warc.KIND])
                if kind in (warc.WARCINFO, warc.REQUEST):
                    continue
                if kind == warc.METADATA:
                    if waiting is None or waiting.url != _url_of(found.block, row):
                        continue
                    waiting.languages = identified(_body_of(found.block, row).tobytes())
                    yield waiting
                    waiting = None
                    continue
                if waiting is not None:
                    yield waiting
                waiting = _stored(found, row, report) if _is_response(found.block, row, report) else None
    except PresswatchError:
        if waiting is not None:
            yield waiting
        raise
    if waiting is not None:
        yield waiting


def _is_response(block: Block, row: Offsets, report: ReadReport) -> bool:
    """Whether a record holds what a server sent; other kinds are counted."""
    if row[warc.KIND] == warc.RESPONSE:
        return True
    header = block.data[row[warc.START] : row[warc.BODY]].tobytes()
    type = header_fields(header).get("warc-type", "").lower()
    if type != "resource":
        report.add_skipped(f"{type} record" if type in _KINDS else "record of another kind")
    return type == "resource"


_KINDS = frozenset(("revisit", "continuation"))


def _url_of(block: Block, row: Offsets) -> bytes:
    return block.data[row[warc.URI] : row[warc.URI_END]].tobytes()


def _body_of(block: Block, row: Offsets) -> memoryview:
    return block.data[row[warc.BODY] : row[warc.BODY_END]].data


def _stored(found: Records, row: Offsets, report: ReadReport) -> Stored:
    block, release = found.block, found.release
    lowered = block.data[row[warc.START] : row[warc.BODY]].tobytes().lower()
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
    )
