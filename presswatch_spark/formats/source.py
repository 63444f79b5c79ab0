"""What a source needs to know beyond the shard that it reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from presswatch_spark.languages import language_of, languages_read
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
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
        """Whether a document is left out, whose languages were identified as these."""
        if not self.languages:
            return False
        found = set(map(language_of, identified))
        return bool(found) and found.isdisjoint(languages_read(self.languages))

    def open(self, shard: ObjectInfo) -> ByteStream:
        """Open a shard from its first byte on; raise if it is not as `shard` says."""
        return self.opener.open(shard, self.storage)
