"""OSCAR: 22.01 and 23.01 as JSONL or Parquet, and 21.09 as text with metadata in a second file.

In 22.01 and 23.01 the files that hold the documents are called `fr_meta_part_1.jsonl.gz`; in 21.09 files of
that name hold only metadata. So content and neighbours decide what such a file is, never its name alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from types import MappingProxyType

from presswatch_spark.errors import CorruptError
from presswatch_spark.formats.heads import is_text, keys_of
from presswatch_spark.formats.oscar_text import is_named_like_text, read_text, siblings_of
from presswatch_spark.formats.row_source import TabularSource
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.columns import Columns
from presswatch_spark.model import DocumentBatch, ReadReport
from presswatch_spark.storage.objects import ObjectInfo

METADATA_KEYS = frozenset({"headers", "offset", "nb_sentences"})


def _headers(name: str) -> tuple[str, ...]:
    return tuple(f"{around}{name}" for around in ("warc_headers.", "meta.warc_headers.", "meta.headers."))


_ROWS = TabularSource(
    name="oscar",
    columns=Columns(
        MappingProxyType(
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
        )
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


class OscarSource:
    """Reads every version of OSCAR that has URLs."""

    name = "oscar"

    def recognises(self, uri: str, head: bytes) -> bool:
        """Whether the keys are OSCAR's, or a text file is named like one of 21.09."""
        keys = keys_of(head)
        return _ROWS.fits(keys) or (not keys and is_named_like_text(uri) and is_text(head))

    def fits(self, names: frozenset[str]) -> bool:
        """Whether a Parquet file with columns `names` is OSCAR."""
        return _ROWS.fits(names)

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the documents; see `Source.read`."""
        if not siblings_of(shard.uri):
            return _ROWS.read(shard, options, report)
        if options.columns:
            report.add_note("columns are mapped, and OSCAR 21.09 has none: the mapping was not used")
        return read_text(shard, options, report)


def companions(planned: Collection[str]) -> frozenset[str]:
    """Those of `planned` URIs that are the 21.09 metadata of another, and so are no shards by themselves."""
    return frozenset(beside for uri in planned for beside in siblings_of(uri)).intersection(planned)


def refuse_metadata(uri: str, keys: frozenset[str]) -> None:
    """Raise `CorruptError` if `keys` are those of 21.09 metadata: the shard is the text file beside it."""
    if keys >= METADATA_KEYS:
        raise CorruptError(
            "this is the metadata of an OSCAR 21.09 text file, and holds no text",
            where=uri,
            remedy="give the .txt file beside it; its metadata is found by name",
        )
