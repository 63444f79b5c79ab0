"""Passes: an index that memory does not hold is searched one range of hashes after the other.

Each pass reads all shards, and looks up the shingles of its range alone. All but the last keep the candidates
that they find, a file a shard, below the folder of the run:

    <run>/candidates/1-of-3/<name>.parquet     what the first of three passes found in a shard

The last pass joins them with its own, and does all else as a scan in one pass does. A batch of documents goes
by its content, not by its place. What no earlier pass kept, or kept of other bytes, is looked up in the whole
index: that takes longer, and the rows are the same.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from isal.isal_zlib import crc32

from presswatch_spark.model import DocumentBatch
from presswatch_spark.shard.matcher import Matcher
from presswatch_spark.shard.outcome import ShardAttempt
from presswatch_spark.sieve.shingle_index import HashRange, hash_ranges
from presswatch_spark.sieve.sieve import Candidates, joined
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import MissingError, printable
from presswatch_spark.tables.seals import UNREADABLE, opened_sealed

KEPT = "candidates"
KEPT_COLUMNS = pa.schema(
    [
        ("text_crc", pa.uint32()),
        ("lengths_crc", pa.uint32()),
        ("documents", pa.int64()),
        ("words", pa.int64()),
        ("candidate_documents", pa.list_(pa.int32())),
        ("candidate_articles", pa.list_(pa.uint32())),
    ]
)
UNKEPT = "an earlier pass kept no candidates of some of it: these were looked up in the whole index"

BatchKey = tuple[int, int, int, int]
Found = Mapping[BatchKey, Candidates]


@dataclass(frozen=True, slots=True)
class Pass:
    """One of `count` passes over the shards of a run, `number` from 0; `folder` is that of its candidates."""

    number: int
    count: int
    folder: Folder

    @property
    def hashes(self) -> HashRange:
        """The hashes that it looks up."""
        return hash_ranges(self.count)[self.number]

    @property
    def is_last(self) -> bool:
        """True if it is the one that gives rows."""
        return self.number == self.count - 1

    @property
    def kept(self) -> Folder:
        """Where it keeps candidates."""
        return self.folder / f"{self.number + 1}-of-{self.count}"

    def earlier(self, uri: str) -> list[Found]:
        """Return the candidates of a shard that each earlier pass kept."""
        passes = (Pass(number, self.count, self.folder) for number in range(self.number))
        return [read_kept(each.kept, uri) for each in passes]


@dataclass(slots=True)
class Sifting(ShardAttempt):
    """One attempt at a shard in a pass that only keeps candidates."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, batch: DocumentBatch, candidates: Candidates) -> None:
        """Keep the candidates of a batch."""
        names = KEPT_COLUMNS.names
        found = (candidates.documents, candidates.articles)
        self.kept.append(dict(zip(names, (*key_of_batch(batch, candidates.words), *found), strict=True)))

    @property
    def tables(self) -> Mapping[str, Sequence[pa.RecordBatch]]:
        """The batches of documents, a row each."""
        columns = {name: [row[name] for row in self.kept] for name in KEPT_COLUMNS.names}
        return {KEPT: [pa.RecordBatch.from_pydict(columns, KEPT_COLUMNS)]}


class JoinedPasses:
    """Finds the candidates of one shard in the last pass: its own, and those that earlier passes kept.

    `unkept` counts documents of which an earlier pass kept nothing.
    """

    def __init__(self, matcher: Matcher, earlier: Sequence[Found]) -> None:
        self.unkept = 0
        self._matcher, self._earlier = matcher, earlier

    def __call__(self, batch: DocumentBatch) -> Candidates:
        """Return every pair of a document and an article that share an indexed shingle."""
        own = self._matcher.candidates(batch)
        key = key_of_batch(batch, own.words)
        if all(key in found for found in self._earlier):
            return joined([own, *(found[key] for found in self._earlier)])
        self.unkept += len(batch)
        return self._matcher.candidates_of_all_hashes(batch)


def key_of_batch(batch: DocumentBatch, words: int) -> BatchKey:
    """Return the key that distinguishes a batch of so many words from others of the same shard."""
    text = 0
    # A buffer may hold more than the documents, which need not be the same when it is read again.
    for start, end in zip(batch.text_starts.tolist(), batch.text_ends.tolist(), strict=True):
        text = crc32(batch.text[start:end], text)
    lengths = crc32(np.asarray(batch.text_ends - batch.text_starts, np.int64))
    return text, lengths, len(batch), words


def name_of_kept(uri: str) -> str:
    """Return the name of the file with the candidates of a shard."""
    return f"{hashlib.sha256(printable(uri).encode()).hexdigest()[:32]}.parquet"


def read_kept(folder: Folder, uri: str) -> Found:
    """Return the candidates that a pass kept of a shard, by batch; none if its file is missing or damaged."""
    try:
        with opened_sealed(folder.read(name_of_kept(uri))[0]) as file:
            table = file.read(use_threads=False)
        keys = zip(*(table[name].to_pylist() for name in KEPT_COLUMNS.names[:4]), strict=True)
        lists = zip(table["candidate_documents"], table["candidate_articles"], strict=True)
        return {
            key: Candidates(documents.values.to_numpy(), articles.values.to_numpy(), key[-1])
            for key, (documents, articles) in zip(keys, lists, strict=True)
        }
    except (MissingError, *UNREADABLE):
        return {}
