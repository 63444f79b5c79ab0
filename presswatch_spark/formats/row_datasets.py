"""C4; and any other dataset of rows, by a mapping of columns or by the names that public datasets use.

`TRIED` has the names by role, best first. They cover FineWeb and FinePDFs (`dump`, `id`), mC4, CulturaX,
CCNet, RedPajama (`raw_content`; `meta` as a string of JSON), HPLT (`u`, `ts`), Dolma and OLMo (`metadata.…`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from presswatch_spark.formats import source
from presswatch_spark.formats.inflate import Window, inflated_window
from presswatch_spark.formats.source import ANYTHING, Format, Head, ReadOptions
from presswatch_spark.formats.table import parquet
from presswatch_spark.formats.table.columns import ColumnNames, leads_into
from presswatch_spark.formats.table.jsonl import read_jsonl
from presswatch_spark.formats.table.parquet_footer import MAGIC
from presswatch_spark.model import DocumentBatch, ReadReport
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.translation import N_

ROW_KINDS = frozenset({"JSONL", "Parquet"})
KINDS = ROW_KINDS | ANYTHING
_JSON_SUFFIXES = tuple(f".{name}{packed}" for name in ("json", "jsonl") for packed in ("", ".gz", ".zst"))
# Without its first bytes, nothing of a Parquet file can be read.
SUFFIXES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_JSON_SUFFIXES, frozenset({"unknown"})),
    ".parquet": frozenset[str](),
}
JSON_RATE = "c4_json"
RATES: Mapping[str, str] = {**dict.fromkeys(_JSON_SUFFIXES, JSON_RATE), ".parquet": "c4_parquet"}


@dataclass(frozen=True, slots=True)
class RowSource:
    """Reads JSONL (plain, gzip, zstd) and Parquet, distinguished by content.

    `marks`: sets of (dotted) column names, each of which shows the dataset; if `exact`, without any other
    column. `text_is_sure`: a row of JSON without the column of text is damaged.
    """

    columns: ColumnNames
    marks: tuple[frozenset[str], ...]
    exact: bool = False
    text_is_sure: bool = False

    def recognises(self, head: Head) -> bool:
        """Return True if a file holds rows with the columns of this dataset."""
        names = head.columns
        fits = names in self.marks if self.exact else any(marks <= names for marks in self.marks)
        return head.kind in ROW_KINDS and fits

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the rows that have text; see `source.ReadShard`."""
        columns = self.columns.with_mapping(options.columns)
        with options.open(shard) as stream:
            magic = stream.read(len(MAGIC))
            stream.push_back(magic)
            if magic != MAGIC:
                window = Window(stream, report)
                if window.refill(0) is None:
                    report.add_defect("the shard is empty", 0)
                    return
                yield from read_jsonl(
                    inflated_window(window, report), columns, options, report, shard.uri, self.text_is_sure
                )
                return
        report.bytes_read = 0
        yield from parquet.read_parquet(shard, columns, options, report)


TRIED: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "raw_content", "content", "body", "document", "page_content"),
    "url": ("url", "uri", "metadata.url", "meta.url", "source_url", "metadata.source_url", "metadata.uri",
            "warc_headers.warc-target-uri", "meta.warc_headers.warc-target-uri", "target_uri", "u"),
    "record_id": ("record_id", "warc_record_id", "metadata.warc_record_id", "warc_headers.warc-record-id",
                  "doc_id", "id"),
    "captured_at": ("date", "timestamp", "date_download", "crawl_date", "metadata.date_download",
                    "metadata.timestamp", "warc_date", "warc_headers.warc-date", "ts", "created",
                    "metadata.date", "meta.date_download", "meta.timestamp", "meta.date"),
    "payload_digest": ("payload_digest", "digest", "metadata.digest", "content_digest",
                       "warc_headers.warc-block-digest", "meta.digest"),
    "languages": ("languages", "language", "lang", "metadata.language", "meta.language",
                  "warc_headers.warc-identified-content-language"),
    "release": ("dump", "crawl", "snapshot", "cc_dump", "metadata.dump", "metadata.cc_segment",
                "cc_segment", "file_path"),
    "http_status": ("http_status", "fetch_status"),
    # What is named like no web archive is not taken, and an offset goes with an archive alone.
    "upstream_uri": ("warc_filename", "metadata.warc_filename", "file_path", "metadata.file_path",
                     "cc_segment", "metadata.cc_segment", "f"),
    "upstream_offset": ("warc_record_offset", "metadata.warc_record_offset", "offset", "metadata.offset",
                        "o"),
}  # fmt: skip

_C4 = RowSource(
    columns=ColumnNames(
        {
            "text": ("text",),
            "url": ("url",),
            "captured_at": ("timestamp", "date"),
            "languages": ("language",),
        }
    ),
    marks=(frozenset({"text", "url", "timestamp"}),),
    exact=True,
    text_is_sure=True,
)
C4 = Format(
    name="c4",
    title="C4",
    description=N_("C4 format"),
    summary="C4 and mC4 as published (`json.gz`), and as Parquet",
    read=_C4.read,
    recognises=_C4.recognises,
    kinds=KINDS,
    rates=RATES,
    specimen=source.row_specimens,
    has_columns=True,
)

_ROWS = RowSource(columns=ColumnNames(TRIED), marks=tuple(frozenset({name}) for name in TRIED["text"]))


def _recognises(head: Head) -> bool:
    is_mapped = head.kind in ROW_KINDS and leads_into(head.mapping.get("text", ""), head.columns)
    return _ROWS.recognises(head) or is_mapped


ROWS = Format(
    name="rows",
    title="rows",
    description=N_("another dataset of rows"),
    summary="any JSONL or Parquet with a text column; see below",
    read=_ROWS.read,
    recognises=_recognises,
    kinds=KINDS,
    suffixes=SUFFIXES,
    rates=RATES,
    specimen=source.row_specimens,
    has_columns=True,
)
