"""WARC: the pages themselves, one `response` record each, as the crawler got them; and `resource` records.

Common Crawl writes a `request` before each response and a `metadata` record after it, which names the
languages that were identified. Other kinds of records (`revisit`: the page did not change) are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from presswatch_spark.inflate.window import Stream
from presswatch_spark.sources.base import DocumentBatch, Offsets, ReadOptions, ReadReport
from presswatch_spark.sources.warc import headers as warc
from presswatch_spark.sources.warc.blocks import Block, record_locator
from presswatch_spark.sources.warc.fields import first_content_type, header_fields
from presswatch_spark.sources.warc.languages import identified
from presswatch_spark.sources.warc.pages import PageBatches, Stored
from presswatch_spark.sources.warc.reading import READABLE, Format, Records, read_blocks
from presswatch_spark.storage.objects import ObjectInfo, open_stream

NO_GATE = warc.gate_of(frozenset())


class WarcSource:
    """Reads WARC shards."""

    name = "warc"

    def recognises(self, uri: str, head: bytes) -> bool:
        """Whether the first record after the warcinfo is one that comes with a page."""
        return first_content_type(head) in ("response", "request", "resource", "revisit")

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the pages; see `Source.read`."""
        with open_stream(shard, options.storage) as stream:
            yield from self.read_part(stream, shard, options, report)

    def read_part(
        self, stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
    ) -> Iterator[DocumentBatch]:
        """Yield the pages of `stream`, a part of `shard` that begins with a record."""

        def refused(kinds: Offsets) -> str | None:
            texts = np.isin(kinds, (warc.CONVERSION, warc.GATED)).any()
            return "holds extracted text (`conversion` records)" if texts else None

        reading = _Reading(report, PageBatches(options, report))
        for found in read_blocks(stream, shard, options, report, Format("WARC", NO_GATE, refused)):
            for row in found.rows[np.isin(found.rows[:, warc.STATUS], READABLE)]:
                reading.take(found, row)
            if reading.batches.size >= options.batch_bytes:
                yield reading.batches.take()
        reading.close()
        if reading.batches.size:
            yield reading.batches.take()


@dataclass(slots=True)
class _Reading:
    """The records of a shard in order. A response waits for the record that names its languages."""

    report: ReadReport
    batches: PageBatches
    _waiting: Stored | None = None
    _fields: Mapping[str, str] | None = None

    def take(self, found: Records, row: Offsets) -> None:
        """Take the next record."""
        kind = row[warc.KIND]
        if kind in (warc.WARCINFO, warc.REQUEST):
            return
        fields = header_fields(found.block.data[row[warc.START] : row[warc.BODY]].tobytes())
        if kind == warc.METADATA:
            self._take_languages(fields, found.block, row)
            return
        self.close()
        type = fields.get("warc-type", "").lower()
        if type in ("response", "resource"):
            self._waiting, self._fields = _stored(found, row, fields, type), fields
        else:
            self.report.add_skipped(f"{type} record" if type in _KINDS else "record of another kind")

    def close(self) -> None:
        """No more is to come of the response that waits."""
        if self._waiting is not None:
            self.batches.add(self._waiting)
        self._waiting = self._fields = None

    def _take_languages(self, fields: Mapping[str, str], block: Block, row: Offsets) -> None:
        """Take what a metadata record says of the response that waits, if it is its own."""
        if self._waiting is None or self._fields is None or not _belong(fields, self._fields):
            return
        body = block.data[row[warc.BODY] : row[warc.BODY_END]].tobytes()
        languages = identified(header_fields(b"\n" + body).get("languages-cld2"))
        self._waiting = replace(self._waiting, languages=languages)
        self.close()


_KINDS = frozenset(("revisit", "conversion", "continuation", "metadata"))


def _belong(metadata: Mapping[str, str], response: Mapping[str, str]) -> bool:
    """Whether a metadata record is about a response: it names its id, or no id and the same URL."""
    named = metadata.get("warc-concurrent-to") or metadata.get("warc-refers-to")
    same_url = metadata.get("warc-target-uri") == response.get("warc-target-uri")
    return same_url if named is None else same_url or named == response.get("warc-record-id")


def _stored(found: Records, row: Offsets, fields: Mapping[str, str], type: str) -> Stored:
    block = found.block
    media = fields.get("content-type", "")
    http = media.lower().startswith("application/http")
    return Stored(
        url=block.data[row[warc.URI] : row[warc.URI_END]].tobytes(),
        block=block.data[row[warc.BODY] : row[warc.BODY_END]].data,
        pointer=lambda: record_locator(block, row, found.release),
        place=block.place(int(row[warc.START])),
        resource=None if http or (type == "response" and not media) else media,
        cut="warc-truncated" in fields,
    )
