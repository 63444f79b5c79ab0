"""Attempts at a shard: matches, signals, and its entry in the log; and passes over an index in parts.

An index that does not fit into memory is searched in passes, one range of hashes after the other. All passes
but the last keep their candidates in `<run>/candidates/1-of-3/<name>.parquet`; the last one joins them with
its own. A batch of documents is identified by its content. If an earlier pass kept no candidates of a batch,
the last one looks it up in the whole index.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from isal.isal_zlib import crc32

from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.core.terminal import printable
from presswatch_spark.matching.shingle_index import HashRange, hash_ranges
from presswatch_spark.matching.sieve import Candidates, joined
from presswatch_spark.scanning.runs.run_work import Attempt, ReadOne
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import MissingError, shown_uri
from presswatch_spark.tables.declarations import Match, columns_without_run
from presswatch_spark.tables.seals import UNREADABLE, opened_sealed

SPANS_AT_ONCE = 50_000

Stage = Literal["read", "sieve", "verify", "signals"]


OF_REPORT = ("release", "text_bytes", "documents", "documents_skipped", "members_passed", "bytes_passed")
"""Columns of `scan_log` with the name of their figure in a `ReadReport`."""


@dataclass(slots=True)
class ShardAttempt(Attempt):
    """One attempt at a shard, filled while it lasts.

    `seconds`: elapsed, by stage. `read`: storage, inflating, parsing; `verify`: attribution up to rows.
    """

    schemas: ClassVar = {name: columns_without_run(name) for name in ("matches", "rights_signals")}
    format: str | None = None
    words: int = 0
    candidates: int = 0
    without_url: int = 0
    audited: int = 0
    audited_matching: int = 0
    spans: int = 0
    seconds: dict[Stage, float] = field(default_factory=dict)
    sha256: str | None = None

    @contextmanager
    def during(self, stage: Stage) -> Iterator[None]:
        """Count the time of the block."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    def drawn(self, batches: Iterator[DocumentBatch]) -> Iterator[DocumentBatch]:
        """Yield batches, and count the time to read each, without the time of its use."""
        while True:
            with self.during("read"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def add(self, row: Any) -> None:
        """Add a row that the finder of the scan yields, here one of `matches`."""
        self.tables["matches"].add(row)
        self.spans += len(row.spans)
        if self.spans >= SPANS_AT_ONCE:
            self.tables["matches"].pack()
            self.spans = 0

    def drop(self) -> None:
        """Drop everything that was found, so that nothing of the shard counts."""
        for rows in self.tables.values():
            rows.clear()
        self.words = self.candidates = self.without_url = self.spans = 0
        self.audited = self.audited_matching = 0
        self.report.documents = self.report.documents_skipped = self.report.text_bytes = 0
        self.report.skipped.clear()

    def doubt(self, judge: Callable[[Match], Match]) -> None:
        """Mark the rows of records in bytes that failed a checksum; `judge` grades them again."""
        self.pack()
        run_id = Match.schema.field("run_id")
        for k, batch in enumerate(self.tables["matches"]):
            unpublished = batch.add_column(0, run_id, pa.array([""] * len(batch)))
            # A record in its own gzip member passed the checksum of that member.
            rows = [
                row
                if row.record_encoding == "gzip" or row.record_damage is not None
                else judge(row.with_columns(record_damage="checksum"))
                for row in Match.from_batches([unpublished])
            ]
            self.tables["matches"][k] = Match.to_batch(rows, columns_without_run("matches"))

    @property
    def status(self) -> str:
        """Return `complete` only if nothing was lost and every byte of the object was read."""
        if not self.report.defects_total and not self._bytes_missing:
            return "complete"
        read = self.report.documents or self.report.documents_skipped or self.tables["rights_signals"]
        return "partial" if read else "failed"

    @property
    def reached(self) -> tuple[int, ...]:
        """Return the number of documents, then of signals: a shard may contain only files of sites."""
        return self.report.documents, sum(map(len, self.tables["rights_signals"]))

    @property
    def defects(self) -> list[str]:
        """Return complaints about losses, also about missing bytes."""
        defects = self.report.complaints
        if not defects and self._bytes_missing:
            defects.append(f"read {self.report.bytes_read:,} of {self.shard.size:,} bytes")
        return defects

    @property
    def columns(self) -> dict[str, object]:
        """Return the columns of `scan_log` that a census lacks, and `releases`."""
        report = self.report
        grades = Counter(chain.from_iterable(batch["grade"].to_pylist() for batch in self.tables["matches"]))
        releases = set(chain.from_iterable(batch["release"].to_pylist() for batch in self.tables["matches"]))
        return {
            **{name: getattr(report, name) for name in OF_REPORT},
            "format": self.format,
            "note": printable("; ".join(report.notes)) or None,
            "words": self.words,
            "documents_without_url": self.without_url,
            "skipped": [{"why": why, "documents": n} for why, n in sorted(report.skipped.items())],
            "unread": [{"what": what, "pages": n} for what, n in sorted(report.unread.items())],
            "gate_audited": self.audited,
            "gate_matching": self.audited_matching,
            "candidates": self.candidates,
            "matches": sum(map(len, self.tables["matches"])),
            "grades": [{"grade": grade, "matches": n} for grade, n in sorted(grades.items())],
            "signals": sum(map(len, self.tables["rights_signals"])),
            "sha256": self.sha256,
            "sha256_declared": self.shard.sha256,
            "stages": [{"stage": stage, "seconds": n} for stage, n in sorted(self.seconds.items())],
            "releases": sorted(filter(None, releases)),
        }

    @property
    def _bytes_missing(self) -> bool:
        return self.shard.size is not None and self.report.bytes_read != self.shard.size


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
    """One of `count` passes over the shards of a run, `number` from 0; `folder`: candidates of all passes."""

    number: int
    count: int
    folder: Folder

    @property
    def hashes(self) -> HashRange:
        """Return the range of hashes that it looks up."""
        return hash_ranges(self.count)[self.number]

    @property
    def kept(self) -> Folder:
        """Return the folder of its candidates."""
        return self.folder / f"{self.number + 1}-of-{self.count}"

    def earlier(self, uri: str) -> list[Found]:
        """Return the candidates of a shard that earlier passes kept, in a mapping for each."""
        passes = (Pass(number, self.count, self.folder) for number in range(self.number))
        return [read_kept(each.kept, uri) for each in passes]


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes of a run: their number, the reason in one line, and the reader of shards in each."""

    count: int
    why: str
    reader: Callable[[Pass], ReadOne]

    def at(self, run: Folder, number: int) -> Pass:
        """Return a pass, from 0, of the run in a folder."""
        return Pass(number, self.count, run / KEPT)


@dataclass(slots=True)
class Sifting(ShardAttempt):
    """One attempt at a shard in a pass that only keeps candidates."""

    schemas: ClassVar = {**ShardAttempt.schemas, KEPT: KEPT_COLUMNS}

    def keep(self, batch: DocumentBatch, candidates: Candidates) -> None:
        """Keep the candidates of a batch, in a row of `KEPT_COLUMNS`."""
        values = (*key_of_batch(batch, candidates.words), candidates.documents, candidates.articles)
        row = dict(zip(KEPT_COLUMNS.names, values, strict=True))
        self.tables[KEPT].add(row)


def with_earlier(
    own: Candidates, matcher: Matcher, batch: DocumentBatch, earlier: Sequence[Found], report: ReadReport
) -> Candidates:
    """Return the candidates of the last pass, with those that earlier passes kept of the batch.

    If an earlier pass kept nothing of the batch, note that, and search the whole index.
    """
    key = key_of_batch(batch, own.words)
    if all(key in found for found in earlier):
        return joined([own, *(found[key] for found in earlier)])
    report.add_note(UNKEPT)
    return matcher.candidates_of_all_hashes(batch)


def key_of_batch(batch: DocumentBatch, words: int) -> BatchKey:
    """Return the key of a batch with `words` words; other batches of its shard have other keys."""
    text = 0
    # Digest only the documents: the rest of the buffer may differ when the shard is read again.
    for i in range(len(batch)):
        text = crc32(batch.texts[i], text)
    lengths = crc32(np.asarray(batch.texts.sizes, np.int64))
    return text, lengths, len(batch), words


def name_of_kept(uri: str, ending: str = "parquet") -> str:
    """Return the name of the file with the candidates of a shard."""
    return f"{hashlib.sha256(shown_uri(uri).encode()).hexdigest()[:32]}.{ending}"


def read_kept(folder: Folder, uri: str) -> Found:
    """Return a shard's candidates from a pass, by batch; none if the file is missing or damaged."""
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
