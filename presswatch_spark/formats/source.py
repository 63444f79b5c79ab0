"""A source of documents: how its shards are read (`ReadOptions`), and the facts about its format (`Format`).

Code that needs to know a fact about a format reads the descriptor, and never compares names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from presswatch_spark.languages import language_of, languages_read
from presswatch_spark.model import DocumentBatch, ReadReport
from presswatch_spark.storage.objects import MissingError, ObjectInfo, StorageOptions, Stream, stat
from presswatch_spark.storage.streams import ByteStream, Opener


@dataclass(slots=True)
class RangeStream:
    """Bytes of a shard that were read by range, as a stream. `position`: offset of the next byte in it."""

    data: bytes
    position: int

    def read(self, n: int, /) -> bytes:
        """Return the next up to `n` bytes."""
        first, self.data = self.data[:n], self.data[n:]
        self.position += len(first)
        return first


def every_url(url: str) -> bool:
    """Return True: as `wants` of `ReadOptions`, it asks for every response."""
    return True


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How shards are read.

    `languages`: codes of languages, spelled in any way (see `language_codes`); a document whose identified
    languages share none is skipped, a document without identification is read. Empty means no gate.
    `columns`: for row datasets, the mapping of our names (`table.columns.ROLES`) to the file's, dotted for
    nested fields.
    `max_document_bytes`: a longer document is a defect, not read.
    `release`: the release that the shards belong to, for those that name none; it has errata.
    `rows`: for JSONL and Parquet, the indices of the rows to read, and no others; None: all.
    `pdf`: for WARC, whether the text of PDF files is read too.
    `wants`: for WARC, whether the whole response of a URL is asked for (`DocumentBatch.captures`).
    `audit`: for WET and WARC, the share (0 to 1) of the documents left out by `languages` that is read to see
    what that costs (`DocumentBatch.is_audit`).
    `opener`: opens shards; one that was looked into goes on where it was, by the same request.
    """

    languages: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)
    max_document_bytes: int = 16 << 20
    release: str | None = None
    batch_bytes: int = 4 << 20
    rows: frozenset[int] | None = None
    pdf: bool = False
    wants: Callable[[str], bool] | None = None
    audit: float = 0.0
    storage: StorageOptions = field(default_factory=StorageOptions)
    opener: Opener = field(default_factory=Opener, compare=False)

    def gates(self, identified: Iterable[str]) -> bool:
        """Return True if documents with these identified languages are left out."""
        if not self.languages:
            return False
        found = set(map(language_of, identified))
        return bool(found) and found.isdisjoint(languages_read(self.languages))

    def open(self, shard: ObjectInfo) -> ByteStream:
        """Open a shard from its first byte on; raise if it is not as `shard` says."""
        return self.opener.open(shard, self.storage)


ReadShard = Callable[[ObjectInfo, ReadOptions, ReadReport], Iterator[DocumentBatch]]
"""Yields every document of a shard that can be read, in order, and notes every loss in the report.

It raises `StorageError` or `CorruptError` only when nothing more can be read; what it yielded before stands.
"""
ReadPart = Callable[[Stream, ObjectInfo, ReadOptions, ReadReport], Iterator[DocumentBatch]]
"""Does the same of a stream: a part of a shard that begins with a record."""

# Content that anything may be. The source says what it cannot read, and can resume behind damage.
ANYTHING = frozenset({"text", "unknown", "empty"})


@dataclass(frozen=True, slots=True)
class Head:
    """The facts about a shard that are known before it is read.

    `data`: its first inflated bytes. `kind`: see `registry.kind_of`. `columns`: dotted names of the columns
    of Parquet, or of the fields of JSON Lines; else empty. `mapping`: the user's, see `ReadOptions`.
    """

    uri: str
    data: bytes
    kind: str
    columns: frozenset[str] = frozenset()
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Companions:
    """Files that are read beside the shards of a format, and are no shards themselves.

    `beside(uri)`: where the companion of a shard may be, likeliest first; nothing if the shard is not named
    like one that has a companion. `is_typical(uri)`: whether the shard is of this format if its companion
    exists, whatever it looks like. `marks`: fields that show a companion; it is refused as a shard, with the
    message `refusal` and the advice `remedy`.
    """

    beside: Callable[[str], tuple[str, ...]]
    is_typical: Callable[[str], bool]
    marks: frozenset[str]
    refusal: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format that shards are read in.

    `name`: as `--format`, pointers and the column `dataset` have it; `title`: as messages say it; `summary`:
    what is read, in a line; `description`: what people who do not know formats are told, and `archive`: the
    same where the crawl is not Common Crawl's, each marked for the catalogue.
    `read`: the source. `read_part`: the same for a range of bytes, if documents are records that can be read
    alone; `begins`: whether such a record begins some bytes.
    `recognises`: whether a shard is of this format by its content. `kinds`: those (see `registry.kind_of`)
    that a shard may be of which the user names this format for. `suffixes`: how names of shards end (lower
    case), each with the kinds of content that are then taken for damage.
    `rates`: which rate of `conf/prices.yaml` reading costs, by how the shard's name ends (`""`: any name).
    `specimen(folder, text)`: writes small shards with one document, of this text, for the rehearsal; they
    need the same kernels as shards of the format.
    `has_columns`: whether a mapping of columns means anything. `responses`: documents are HTTP responses,
    with their headers. `is_warc`: records are given out as WARC. `by_release`: records are read as the errata
    of their release say. `elsewhere`: facts of a document that stand in another record than its own.
    `made_from(uri)`: the format and address of the shard whose captures a shard was made from, by its name;
    None if that does not say.
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
    elsewhere: frozenset[str] = frozenset()
    made_from: Callable[[str], tuple[str, str] | None] = lambda uri: None
    companions: Companions | None = None

    def is_named(self, uri: str) -> bool:
        """Return True if the name of a shard ends as names of this format do."""
        return uri.lower().endswith(tuple(self.suffixes))

    def rate(self, uri: str) -> str | None:
        """Return the rate of `conf/prices.yaml` that a shard costs; None if its name does not say."""
        return next((rate for suffix, rate in self.rates.items() if uri.lower().endswith(suffix)), None)


def whole(read_part: ReadPart) -> ReadShard:
    """Return the reader of whole shards, which are read as any part that begins with a record."""

    def read(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        with options.open(shard) as stream:
            yield from read_part(stream, shard, options, report)

    return read


def first_existing(uris: Iterable[str], storage: StorageOptions) -> ObjectInfo | None:
    """Return the first of some objects that exists, None if none does."""
    for uri in uris:
        try:
            return stat(uri, storage)
        except MissingError:
            continue
    return None
