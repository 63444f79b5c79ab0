"""What one attempt at a shard gave so far, how far it got, and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.model import ReadReport
from presswatch_spark.shard.stages import Stages
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.schemas import MATCHES, RIGHTS_SIGNALS

ERROR_CHARACTERS = 2_000
ROWS_AT_ONCE, SPANS_AT_ONCE = 512, 50_000

MATCH_COLUMNS, SIGNAL_COLUMNS = (
    pa.schema([column for column in table if column.name != "run_id"]) for table in (MATCHES, RIGHTS_SIGNALS)
)


@dataclass(slots=True)
class Reading:
    """One attempt at a shard, filled while it goes on."""

    shard: ObjectInfo
    format: str | None = None
    report: ReadReport = field(default_factory=ReadReport)
    candidates: int = 0
    without_url: int = 0
    matches: list[pa.RecordBatch] = field(default_factory=list)
    signals: list[pa.RecordBatch] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    signal_rows: list[Row] = field(default_factory=list)
    spans: int = 0
    grades: Counter[str] = field(default_factory=Counter)
    stages: Stages = field(default_factory=Stages)
    killed: bool = False

    def add(self, row: Row) -> None:
        """Take a row of `matches`."""
        self.rows.append(row)
        self.spans += len(row["spans"])
        if len(self.rows) >= ROWS_AT_ONCE or self.spans >= SPANS_AT_ONCE:
            self.pack()

    def add_signal(self, row: Row) -> None:
        """Take a row of `rights_signals`."""
        self.signal_rows.append(row)
        if len(self.signal_rows) >= ROWS_AT_ONCE:
            self.pack()

    def drop(self) -> None:
        """Let go of all that was found: nothing of the shard counts."""
        self.matches.clear()
        self.signals.clear()
        self.rows.clear()
        self.signal_rows.clear()
        self.grades.clear()
        self.candidates = self.without_url = self.spans = 0
        self.report.documents = self.report.documents_skipped = self.report.text_bytes = 0
        self.report.skipped.clear()

    def pack(self) -> None:
        """Make Arrow batches of the rows taken so far: they hold them in a fraction of the memory."""
        if self.rows:
            self.matches.append(pa.RecordBatch.from_pylist(self.rows, MATCH_COLUMNS))
            # Not before: what cannot be stored is no match of the shard.
            self.grades.update(row["grade"] for row in self.rows)
            self.rows, self.spans = [], 0
        if self.signal_rows:
            self.signals.append(pa.RecordBatch.from_pylist(self.signal_rows, SIGNAL_COLUMNS))
            self.signal_rows = []

    def doubt(self, judge: Callable[[Row], str]) -> None:
        """Mark the rows whose records share what failed its checksum; `judge` gives their confidence anew."""
        self.pack()
        self.matches = [_doubted(batch, judge) for batch in self.matches]

    @property
    def status(self) -> str:
        """`complete` only if nothing was lost and every byte of the object was read."""
        if not self.report.defects_total and not self._bytes_missing:
            return "complete"
        read = self.report.documents or self.report.documents_skipped or self.signals
        return "partial" if read else "failed"

    @property
    def reached(self) -> tuple[int, ...]:
        """How far it got: documents, then signals, since a shard may hold files of sites alone."""
        return self.report.documents, sum(map(len, self.signals))

    @property
    def error(self) -> str | None:
        """What was not read; None if nothing."""
        told = self.report.complaints
        if not told and self._bytes_missing:
            told.append(f"read {self.report.bytes_read:,} of {self.shard.size:,} bytes")
        return storable("; ".join(told)[:ERROR_CHARACTERS]) or None

    @property
    def _bytes_missing(self) -> bool:
        return self.shard.size is not None and self.report.bytes_read != self.shard.size


def _doubted(batch: pa.RecordBatch, judge: Callable[[Row], str]) -> pa.RecordBatch:
    rows = batch.to_pylist()
    for row in rows:
        # A gzip member of its own was verified.
        if row["record_encoding"] != "gzip" and row["record_damage"] is None:
            row["record_damage"] = "checksum"
            row["confidence"] = judge(row)
            row["row_sha256"] = row_digest(row)
    return pa.RecordBatch.from_pylist(rows, MATCH_COLUMNS)


def storable(text: str) -> str:
    """`text` for tables and terminals: names of files and columns may hold surrogates or escapes."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
