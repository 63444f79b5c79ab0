"""WET: the text that Common Crawl extracted, one WARC `conversion` record a page, a gzip member each."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from presswatch_spark.formats import specimens
from presswatch_spark.formats.source import ANYTHING, Format, ReadOptions, whole
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc.blocks import record_locator
from presswatch_spark.formats.warc.fields import begins_with_record
from presswatch_spark.formats.warc.gates import AuditDraw, WetGate
from presswatch_spark.formats.warc_format import (
    WARC_SUFFIXES,
    Expected,
    Records,
    WarcReading,
    are_readable,
    note_defects,
)
from presswatch_spark.languages import spellings_of
from presswatch_spark.model import DocumentBatch, Offsets, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream
from presswatch_spark.translation import N_

_FOLDERS, _ENDINGS = ("/wet", "/warc"), (".warc.wet.gz", ".warc.gz")
STRANGE = "record is no conversion and was not read"
_EXPECTED = warc.table_of(warc.CONVERSION, warc.GATED, warc.WARCINFO)


def read_part(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the conversion records of `stream`, a part of `shard` that begins with a record."""

    def refused(kinds: Offsets) -> str | None:
        pages = report.documents == 0 and warc.RESPONSE in kinds and warc.CONVERSION not in kinds
        return "holds WARC `response` records" if pages else None

    gate = WetGate(options) if options.languages else None
    expected = Expected("WET", warc.gate_of(spellings_of(options.languages)), refused, gate)
    draw = AuditDraw(options.audit)
    for found in WarcReading(shard, options, report, expected).read(stream):
        # No WET holds such records: their header is damaged, or the file is of another format.
        strange = ~_EXPECTED[found.rows[:, warc.KIND]] & are_readable(found.rows)
        note_defects(found.block, found.rows[strange], report, lambda row: STRANGE)
        if len(batch := _batch(found, report)):
            yield batch
        if options.audit and len(audit := _audit(found, draw)):
            yield audit


def warc_shard_of(uri: str) -> tuple[str, str] | None:
    """Return the WARC shard that a WET shard of Common Crawl was made from; see `Format.made_from`."""
    folder, _, name = uri.rpartition("/")
    if not (folder.endswith(_FOLDERS[0]) and name.endswith(_ENDINGS[0])):
        return None
    folder = folder.removesuffix(_FOLDERS[0]) + _FOLDERS[1]
    return "warc", f"{folder}/{name.removesuffix(_ENDINGS[0])}{_ENDINGS[1]}"


def _batch(found: Records, report: ReadReport) -> DocumentBatch:
    """Return the batch of the readable conversions that pass the gate and have text."""
    rows = found.rows
    kind, readable = rows[:, warc.KIND], are_readable(rows)
    has_text = rows[:, warc.BODY_END] > rows[:, warc.BODY]
    gated = readable & (kind == warc.GATED)
    empty = readable & (kind == warc.CONVERSION) & ~has_text
    report.add_skipped("language", int(np.count_nonzero(gated)))
    report.add_skipped("no text", int(np.count_nonzero(empty)))
    rows = rows[readable & (kind == warc.CONVERSION) & has_text]
    report.documents += len(rows)
    report.text_bytes += int((rows[:, warc.BODY_END] - rows[:, warc.BODY]).sum())
    return _documents(found, rows)


def _audit(found: Records, draw: AuditDraw) -> DocumentBatch:
    """Return the batch of those that the gate leaves out and that are drawn for an audit."""
    gated = found.rows[are_readable(found.rows) & (found.rows[:, warc.KIND] == warc.GATED)]
    drawn = [draw.holds(found.block.header_of(row)) for row in gated]
    return replace(_documents(found, gated[np.array(drawn, np.bool_)]), is_audit=True)


def _documents(found: Records, rows: Offsets) -> DocumentBatch:
    block = found.block
    starts, ends = rows[:, warc.BODY].copy(), rows[:, warc.BODY_END].copy()
    return DocumentBatch(
        text=block.data,
        text_starts=starts,
        text_ends=ends,
        urls=block.data,
        url_starts=rows[:, warc.URI].copy(),
        url_ends=rows[:, warc.URI_END].copy(),
        locate=lambda i: record_locator(block, rows[i], found.release),
    )


WET = Format(
    name="wet",
    title="WET",
    description=N_("Common Crawl, texts"),
    archive=N_("texts of the web (WET)"),
    summary="Common Crawl's WET files of all years, gzip by record or not, or plain",
    read=whole(read_part),
    read_part=read_part,
    begins=begins_with_record,
    # Of a warcinfo alone the name decides.
    recognises=lambda head: (
        head.kind == "WET" or (head.kind == "warcinfo" and not head.uri.lower().endswith(WARC_SUFFIXES))
    ),
    kinds=frozenset({"WET", "warcinfo"}) | ANYTHING,
    suffixes=dict.fromkeys((".wet", ".wet.gz"), frozenset({"text", "unknown"})),
    rates={"": "wet"},
    specimen=specimens.wet,
    is_warc=True,
    by_release=True,
    made_from=warc_shard_of,
)
