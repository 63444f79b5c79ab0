"""WARC: the pages themselves, one `response` record each, as the crawler got them; and `resource` records.

Common Crawl writes a `request` before each response and a `metadata` record after it, which names the
languages that were identified. Other kinds of records (`revisit`: the page did not change) are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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

        batches = PageBatches(options, report)
        reading = _Reading(report, batches)
        try:
            for found in read_blocks(stream, shard, options, report, Format("WARC", NO_GATE, refused)):
                for row in found.rows[np.isin(found.rows[:, warc.STATUS], READABLE)]:
                    reading.take(found, row)
                if batches.full:
                    yield batches.take()
        except PresswatchError:
            reading.close()
            if batches.held:
                yield batches.take()
            raise
        reading.close()
        if batches.held:
            yield batches.take()


@dataclass(slots=True)
class _Reading:
    """The records of a shard in order. A response waits for the record that names its languages."""

    report: ReadReport
    batches: PageBatches
    _waiting: Stored | None = None

    def take(self, found: Records, row: Offsets) -> None:
        """Take the next record."""
        kind = int(row[warc.KIND])
        if kind in (warc.WARCINFO, warc.REQUEST):
            return
        if kind == warc.METADATA:
            self._take_languages(found.block, row)
            return
        self.close()
        if kind == warc.RESPONSE:
            self._waiting = _stored(found, row)
            return
        header = found.block.data[row[warc.START] : row[warc.BODY]].tobytes()
        type = header_fields(header).get("warc-type", "").lower()
        if type == "resource":
            self._waiting = _stored(found, row)
        else:
            self.report.add_skipped(f"{type} record" if type in _KINDS else "record of another kind")

    def close(self) -> None:
        """No more is to come of the response that waits."""
        if self._waiting is not None:
            self.batches.add(self._waiting)
        self._waiting = None

    def _take_languages(self, block: Block, row: Offsets) -> None:
        """Take what a metadata record says of the response before it, if it names its URL."""
        url = block.data[row[warc.URI] : row[warc.URI_END]].tobytes()
        if self._waiting is not None and self._waiting.url == url:
            body = block.data[row[warc.BODY] : row[warc.BODY_END]].tobytes()
            self._waiting.languages = identified(body)
            self.close()


_KINDS = frozenset(("revisit", "continuation"))


def _stored(found: Records, row: Offsets) -> Stored:
    block, release = found.block, found.release
    lowered = block.data[row[warc.START] : row[warc.BODY]].tobytes().lower()
    named = _CONTENT_TYPE.search(lowered)
    media = named[1].decode("latin-1") if named else ""
    http = media.startswith("application/http")
    return Stored(
        url=block.data[row[warc.URI] : row[warc.URI_END]].tobytes(),
        block=block.data[row[warc.BODY] : row[warc.BODY_END]].data,
        pointer=lambda: record_locator(block, row, release),
        place=lambda: block.place(int(row[warc.START])),
        resource=None if http or (row[warc.KIND] == warc.RESPONSE and not media) else media,
        cut=b"\nwarc-truncated:" in lowered,
    )
