"""The options for reading shards (`ReadOptions`), and the descriptor of a format (`Format`).

Code that needs a fact about a format reads its descriptor, and never compares names.
"""

import gzip
import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.languages import language_of, languages_read
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.storage.objects import MissingError, ObjectInfo, StorageOptions, Stream, stat
from presswatch_spark.storage.streams import ByteStream, Opener


@dataclass(slots=True)
class RangeStream:
    """Bytes of a shard that were read by range, as a stream; `position`: offset of the next byte."""

    data: bytes
    position: int

    def read(self, n: int, /) -> bytes:
        """Return the next up to `n` bytes."""
        first, self.data = self.data[:n], self.data[n:]
        self.position += len(first)
        return first


def every_url(url: str) -> bool:
    """Return True: as `ReadOptions.wants`, it keeps the whole response of every URL."""
    return True


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options for reading shards.

    `languages`: codes in any spelling; documents in identified languages, but in none of these, are skipped.
    Empty: no gate.
    `columns`: for row datasets, our names (`rows.columns.ROLES`) to the file's, dotted for nested fields.
    `max_document_bytes`: a longer document is a defect, and not read.
    `release`: of shards that name none; known errata depend on it.
    `rows`: for JSONL and Parquet, the indices of the rows to read; None: all.
    `pdf`: for WARC, True to read the text of PDF files.
    `embedded_text`: for WARC and ARC, True to read text in scripts, attributes, feeds and JSON, too.
    `wants`: for WARC, True for a URL whose whole response is needed (`DocumentBatch.captures`).
    `audit`: for WET and WARC, the share (0 to 1) of the documents left out by `languages` that is read to see
    what the gate costs (`DocumentBatch.is_audit`).
    `opener`: opens shards; reading continues with the request by which the beginning was examined.
    """

    languages: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)
    max_document_bytes: int = 16 << 20
    release: str | None = None
    batch_bytes: int = 4 << 20
    rows: frozenset[int] | None = None
    pdf: bool = False
    embedded_text: bool = True
    wants: Callable[[str], bool] | None = None
    audit: float = 0.0
    storage: StorageOptions = field(default_factory=StorageOptions)
    opener: Opener = field(default_factory=Opener, compare=False)

    def skips_languages(self, identified: Iterable[str]) -> bool:
        """Return True if documents with these identified languages are left out."""
        if not self.languages:
            return False
        found = set(map(language_of, identified))
        return bool(found) and found.isdisjoint(languages_read(self.languages))

    def open(self, shard: ObjectInfo) -> ByteStream:
        """Open a shard from its first byte on; raise if it differs from `shard`."""
        return self.opener.open(shard, self.storage)


ReadShard = Callable[[ObjectInfo, ReadOptions, ReadReport], Iterator[DocumentBatch]]
"""Yields every readable document of a shard, in order, and notes every loss in the report.

It raises `StorageError` or `CorruptError` only when nothing more can be read; yielded documents stay valid.
"""
ReadPart = Callable[[Stream, ObjectInfo, ReadOptions, ReadReport], Iterator[DocumentBatch]]
"""The same for a stream: a part of a shard that begins with a record."""

# Kinds of content that may be of any format: the format's reader notes the parts that it cannot read.
ANYTHING = frozenset({"text", "unknown", "empty"})


@dataclass(frozen=True, slots=True)
class Head:
    """The facts about a shard that are known before it is read.

    `data`: its first inflated bytes. `kind`: see `registry.kind_of`. `columns`: dotted names of columns of
    Parquet or fields of JSON Lines. `mapping`: the user's, see `ReadOptions`.
    """

    uri: str
    data: bytes
    kind: str
    columns: frozenset[str] = frozenset()
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format that shards are read in.

    `name`: in `--format`, pointers and the column `dataset`; `title`: in messages; `summary`: its content, in
    a line; `description`: for people who do not know formats, and `archive`: the same for crawls of others
    than Common Crawl; both are marked for translation.
    `read`: reads a shard. `read_part`: reads a range of bytes, if documents are records that can be read
    separately; `begins(data)`: True if bytes begin with such a record.
    `recognises`: True for shards of this format by their content. `kinds`: kinds of content (see
    `registry.kind_of`) for which the user may give this format. `suffixes`: of names of shards (lower case),
    each with the kinds of content that are then taken for a damaged shard.
    `rates`: the rates of `conf/prices.yaml`, by suffixes of the shard's name (`""`: any name).
    `specimen(folder, text)`: writes small shards with one document, which need all kernels of the format.
    `has_columns`: columns can be mapped. `responses`: documents are HTTP responses, with their headers.
    `is_warc`: records can be exported as WARC. `by_release`: records have errata of their release.
    `facts_elsewhere`: facts about a document that are in another record than its own. `made_from(uri)`:
    format and address of the shard that a shard was made from, by its name; None if unknown.
    `companions_of(uri)`: addresses to try of a companion file, which is read with the shard;
    `is_typical(uri)`: with it, the shard is of this format.
    """

    name: str
    title: str
    summary: str
    description: str
    read: ReadShard
    recognises: Callable[[Head], bool]
    kinds: frozenset[str]
    rates: Mapping[str, str]
    specimen: Callable[[Path, str], Iterable[Path]]
    archive: str = ""
    read_part: ReadPart | None = None
    begins: Callable[[bytes], bool] = lambda data: False
    suffixes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    has_columns: bool = False
    responses: bool = False
    is_warc: bool = False
    by_release: bool = False
    facts_elsewhere: frozenset[str] = frozenset()
    made_from: Callable[[str], tuple[str, str] | None] = lambda uri: None
    companions_of: Callable[[str], tuple[str, ...]] = lambda uri: ()
    is_typical: Callable[[str], bool] = lambda uri: False

    def rate(self, uri: str) -> str | None:
        """Return the rate of `conf/prices.yaml` for a shard; None if its name does not determine it."""
        return next((rate for suffix, rate in self.rates.items() if uri.lower().endswith(suffix)), None)


def whole(read_part: ReadPart) -> ReadShard:
    """Return a reader of whole shards that reads each as one part."""

    def read(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        with options.open(shard) as stream:
            yield from read_part(stream, shard, options, report)

    return read


def first_existing(uris: Iterable[str], storage: StorageOptions) -> ObjectInfo | None:
    """Return the first of some objects that exists, None if none does."""
    for uri in uris:
        with suppress(MissingError):
            return stat(uri, storage)
    return None


# Small shards of each format, with one document each, which are read to compile the kernels.
_URL = "https://rehearsal.invalid/page"
_DATE = "2024-05-18T01:58:10Z"


def wet_specimen(folder: Path, text: str) -> Iterable[Path]:
    """Write a WET file."""
    info = _record("warcinfo", "application/warc-fields", b"isPartOf: rehearsal\r\n")
    page = _record("conversion", "text/plain", text.encode())
    yield _packed(folder / "rehearsal.warc.wet.gz", info, page)


def warc_specimen(folder: Path, text: str) -> Iterable[Path]:
    """Write a WARC file."""
    body = f"<html><head><title>-</title></head><body><p>{html.escape(text)}</p></body></html>".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    page = _record("response", "application/http; msgtype=response", head.encode() + body)
    yield _packed(folder / "rehearsal.warc.gz", page)


def row_specimens(folder: Path, text: str) -> Iterable[Path]:
    """Write rows as JSONL and as Parquet, in the columns of C4."""
    row = {"text": text, "timestamp": _DATE, "url": _URL}
    yield _packed(folder / "rehearsal.json.gz", f"{json.dumps(row)}\n".encode())
    pq.write_table(pa.Table.from_pylist([row]), folder / "rehearsal.parquet")
    yield folder / "rehearsal.parquet"


def _record(kind: str, media_type: str, block: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {_URL}\r\nWARC-Date: {_DATE}\r\n"
        f"WARC-Record-ID: <urn:uuid:{kind}>\r\nContent-Type: {media_type}\r\nContent-Length: {len(block)}\r\n"
    )
    return head.encode() + b"\r\n" + block + b"\r\n\r\n"


def _packed(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"".join(map(gzip.compress, records)))
    return path
