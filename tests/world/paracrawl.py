"""ParaCrawl's pairs of sentences (`url`, `url`, `text`, `text`, `…`, parted by tabs) as a format of its own.

It is written as a newcomer would add it: this file would lie in `presswatch_spark/reading/`, and `PARACRAWL`
would be a name more in `registry.FORMATS`. `docs/how-to/add-a-dataset.md` goes through it.
"""

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.reading.inflate import inflated, lines
from presswatch_spark.reading.rows.row_values import BatchBuilder
from presswatch_spark.reading.source import ANYTHING, Format, Head, ReadOptions
from presswatch_spark.storage.objects import ObjectInfo

# Of a pair, the side that the collection is named for first is read: its page and its sentence.
FEWEST_FIELDS, URL, TEXT = 4, 0, 2
_PAIR = re.compile(rb"https?://[^\t\n]+\thttps?://[^\t\n]+\t[^\t\n]*\t")


def read_pairs(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield the source side of every pair; a line with too few fields is a defect."""
    builder = BatchBuilder[int](report, lambda line: Locator(row_index=line))
    with options.open(shard) as stream:
        for index, line in lines(inflated(stream, report), report, options.max_document_bytes):
            fields = line.rstrip(b"\r").split(b"\t")
            if options.rows is not None and index not in options.rows:
                continue
            if len(fields) < FEWEST_FIELDS:
                report.add_defect(f"line has fewer than {FEWEST_FIELDS} fields, not read", index, "line")
            elif fields[TEXT]:
                builder.add(fields[TEXT], fields[URL], index, len(line))
            else:
                report.add_skipped("no text")
            yield from builder.taken(options.batch_bytes)
    yield from builder.taken()
    if not (report.documents or report.documents_skipped or report.defects_total):
        report.add_defect("the shard is empty", 0)


def _specimen(folder: Path, text: str) -> Iterable[Path]:
    path = folder / "rehearsal.tsv.gz"
    fields = ("https://rehearsal.invalid/fr", "https://rehearsal.invalid/en", " ".join(text.split()), "-")
    path.write_bytes(gzip.compress(("\t".join(fields) + "\n").encode()))
    yield path


def _recognises(head: Head) -> bool:
    return head.kind == "text" and _PAIR.match(head.data) is not None


PARACRAWL = Format(
    name="paracrawl",
    title="ParaCrawl",
    summary="ParaCrawl's pairs of sentences as tab-separated text: the source side",
    description="ParaCrawl",
    read=read_pairs,
    recognises=_recognises,
    kinds=ANYTHING,
    suffixes={".tsv": frozenset({"unknown"}), ".tsv.gz": frozenset({"unknown"})},
    # It was not measured; a line of JSON takes longer.
    rates={"": "c4_json"},
    specimen=_specimen,
)
