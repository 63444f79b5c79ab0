"""OSCAR: 22.01 and 23.01 as JSONL or Parquet, and 21.09 as text with metadata in a second file.

In 22.01 and 23.01 the files that hold the documents are called `fr_meta_part_1.jsonl.gz`; in 21.09 files of
that name hold only metadata. So content and neighbours decide what such a file is, never its name alone.
"""

from collections.abc import Iterator

from presswatch_spark.formats import specimens
from presswatch_spark.formats.descriptor import Companions, Format, Head
from presswatch_spark.formats.heads import holds_objects_only, is_text
from presswatch_spark.formats.oscar_text import is_named_like_text, metadata_of, read_text
from presswatch_spark.formats.row_datasets import JSON_RATE, KINDS, RowSource
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.columns import ColumnNames
from presswatch_spark.model import DocumentBatch, ReadReport
from presswatch_spark.storage.objects import ObjectInfo


def _headers(name: str) -> tuple[str, ...]:
    return tuple(f"{around}{name}" for around in ("warc_headers.", "meta.warc_headers.", "meta.headers."))


_ROWS = RowSource(
    columns=ColumnNames(
        {
            "text": ("content", "text"),
            "url": _headers("warc-target-uri"),
            "record_id": _headers("warc-record-id"),
            "captured_at": _headers("warc-date"),
            "payload_digest": _headers("warc-block-digest"),
            "languages": (
                *_headers("warc-identified-content-language"),
                "metadata.identification.label",
                "meta.identification.label",
            ),
        }
    ),
    text_is_sure=True,
    marks=tuple(
        frozenset({text, headers})
        for text, headers in (
            ("content", "warc_headers"),
            ("text", "meta.warc_headers"),
            ("text", "meta.headers"),
        )
    ),
)


def read_oscar(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield the documents of any version that has URLs; see `descriptor.ReadShard`."""
    if not metadata_of(shard.uri):
        return _ROWS.read(shard, options, report)
    if options.columns:
        report.add_note("columns are mapped, and OSCAR 21.09 has none: the mapping was not used")
    return read_text(shard, options, report)


def _recognises(head: Head) -> bool:
    """Whether the columns are OSCAR's, or a text file is named like one of 21.09.

    Lines of web pages may look like JSON, too, but not all of them.
    """
    if head.kind == "JSONL":
        is_old = not holds_objects_only(head.data)
    else:
        is_old = head.kind != "Parquet" and is_text(head.data)
    return _ROWS.recognises(head) or (is_old and is_named_like_text(head.uri))


OSCAR = Format(
    name="oscar",
    title="OSCAR",
    summary="OSCAR 21.09 (text beside metadata), 22.01 and 23.01 (JSONL, plain, `.gz`, `.zst`), and as"
    " Parquet",
    read=read_oscar,
    recognises=_recognises,
    kinds=KINDS,
    rates={"": JSON_RATE},
    specimen=specimens.oscar,
    is_rehearsed=False,
    has_columns=True,
    companions=Companions(
        beside=metadata_of,
        is_typical=is_named_like_text,
        marks=frozenset({"headers", "offset", "nb_sentences"}),
        refusal="this is the metadata of an OSCAR 21.09 text file, and holds no text",
        remedy="give the .txt file beside it; its metadata is found by name",
    ),
)
