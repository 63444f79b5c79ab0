"""One shard, from its bytes to its rows and its line in the log; no failure of a shard gets past here."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow as pa

from presswatch_spark.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import PresswatchError, StorageError
from presswatch_spark.matching.matcher import Matcher, Rules
from presswatch_spark.matching.rows import Origin, Row
from presswatch_spark.sources.base import ReadOptions, ReadReport
from presswatch_spark.sources.detect import source_for
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable, stat
from presswatch_spark.tables import MATCHES

ERROR_CHARACTERS = 2_000
ALL_DIED = "every Python worker that tried it died: killed, out of memory, or crashed"
ROWS_AT_ONCE, SPANS_AT_ONCE = 512, 50_000
# The driver rehearses on small documents only: its memory must not depend on what a shard begins with.
REHEARSAL_BYTES, MAX_BYTES = 1 << 20, 1 << 62

MATCH_COLUMNS = pa.schema([column for column in MATCHES if column.name != "run_id"])


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """What a shard gave: its row of `scan_log` (without run id) and batches of `matches` (without run id)."""

    log: Mapping[str, object]
    matches: tuple[pa.RecordBatch, ...] = ()


@dataclass(slots=True)
class Reading:
    """One attempt at a shard, filled while it goes on."""

    shard: ObjectInfo
    format: str | None = None
    report: ReadReport = field(default_factory=ReadReport)
    candidates: int = 0
    matches: list[pa.RecordBatch] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    spans: int = 0

    def add(self, row: Row) -> None:
        """Take a row of `matches`."""
        self.rows.append(row)
        self.spans += len(row["spans"])
        if len(self.rows) >= ROWS_AT_ONCE or self.spans >= SPANS_AT_ONCE:
            self.pack()

    def pack(self) -> None:
        """Make an Arrow batch of the rows taken so far: it holds them in a fraction of the memory."""
        if self.rows:
            self.matches.append(pa.RecordBatch.from_pylist(self.rows, MATCH_COLUMNS))
            self.rows, self.spans = [], 0

    @property
    def reached(self) -> tuple[int, ...]:
        """How far it got, for comparison with others."""
        return (self.report.documents,)

    @property
    def status(self) -> str:
        """`complete` only if nothing was lost and every byte of the object was read."""
        if not self.report.defects_total and not self._bytes_missing:
            return "complete"
        return "partial" if self.report.documents or self.report.documents_skipped else "failed"

    @property
    def error(self) -> str | None:
        """What was not read; None if nothing."""
        told = self.report.told
        if not told and self._bytes_missing:
            told.append(f"read {self.report.bytes_read:,} of {self.shard.size:,} bytes")
        return storable("; ".join(told)[:ERROR_CHARACTERS]) or None

    @property
    def _bytes_missing(self) -> bool:
        return self.shard.size is not None and self.report.bytes_read != self.shard.size


@dataclass(frozen=True, slots=True)
class ShardScan:
    """Scans shards of `dataset` (a format, or `auto`) for a corpus; a value that goes to every worker."""

    dataset: str
    corpus: str
    corpus_digest: str
    config: ScanConfig

    def __call__(self, shard: ObjectInfo) -> ShardOutcome:
        """Scan one shard; only a corpus that cannot be used raises."""
        matcher = matcher_for(self.corpus, self.corpus_digest, self.config)
        return outcome_of(shard, self.config.run.shard_attempts, partial(self._read, matcher))

    def rehearse(self, shard: ObjectInfo) -> None:
        """Do a little of everything once: the kernels are compiled and cached before workers need them."""
        matcher = matcher_for(self.corpus, self.corpus_digest, self.config)
        reading = Reading(shard)
        guarded(partial(self._read, matcher, reading, batches=1), reading, shard.uri)
        matcher.rehearse()

    def _read(self, matcher: Matcher, reading: Reading, batches: int | None = None) -> None:
        """Read → sieve → attribute → verify → grade → rows; of the whole shard, or of its first `batches`."""
        rules = self.config.read
        options = ReadOptions(
            languages=frozenset(rules.languages),
            columns=rules.columns,
            release=rules.release,
            pdf=rules.pdf,
            max_document_bytes=min(rules.max_document_bytes, REHEARSAL_BYTES if batches else MAX_BYTES),
            storage=self.config.storage,
        )
        if reading.shard.size is None:
            reading.shard = stat(reading.shard.uri, options.storage)
        source = source_for(self.dataset, reading.shard, options)
        reading.format = source.name
        origin = Origin(source.name, rules.release, printable(reading.shard.uri))
        for batch in islice(source.read(reading.shard, options, reading.report), batches):
            candidates = matcher.candidates(batch)
            reading.candidates += len(candidates)
            for row in matcher.rows(batch, candidates, origin):
                reading.add(row)


def matcher_for(corpus: str, digest: str, config: ScanConfig) -> Matcher:
    """The matcher of this process for a corpus and its rules, opened once.

    Raises:
        CorpusError: the corpus is not here, or not the one with that digest.
    """
    return _matcher(corpus, digest, config.storage, Rules.of(config))


@lru_cache(maxsize=1)
def _matcher(path: str, digest: str, storage: StorageOptions, rules: Rules) -> Matcher:
    return Matcher(Corpus.same(path, digest, storage), rules)


def outcome_of(shard: ObjectInfo, attempts: int, read: Callable[[Reading], None]) -> ShardOutcome:
    """Read a shard, as `furthest` does. `read` fills the `Reading` it is given."""
    began, started = datetime.now(UTC), time.monotonic()
    best, tries = furthest(partial(Reading, shard), read, shard.uri, attempts)
    return ShardOutcome(_log(best, tries, began, time.monotonic() - started), tuple(best.matches))


def lost_shard(shard: ObjectInfo, attempts: int) -> ShardOutcome:
    """The outcome of a shard that killed every worker that tried it."""
    reading = Reading(shard)
    reading.report.add_defect(ALL_DIED)
    return ShardOutcome(_log(reading, attempts, datetime.now(UTC), 0.0))


class Attempt(Protocol):
    """One attempt at a file: what was found so far, and what went wrong."""

    @property
    def report(self) -> ReadReport: ...  # noqa: D102
    @property
    def reached(self) -> tuple[int, ...]: ...  # noqa: D102
    def pack(self) -> None: ...  # noqa: D102


AttemptT = TypeVar("AttemptT", bound=Attempt)


def furthest(
    begin: Callable[[], AttemptT], read: Callable[[AttemptT], None], uri: str, attempts: int
) -> tuple[AttemptT, int]:
    """Read a file, up to `attempts` times if storage fails: the attempt that got furthest, and the tries.

    Whatever `read` raises becomes a defect of the attempt that it fills.
    """
    best, tries, again = begin(), 0, True
    while again and tries < attempts:
        attempt = begin()
        again = not guarded(partial(read, attempt), attempt, uri) or attempt.report.interrupted
        tries += 1
        if attempt.reached >= best.reached:
            best = attempt
    return best, tries


def guarded(read: Callable[[], None], attempt: Attempt, uri: str) -> bool:
    """The boundary of a file: note what `read` raises. Returns whether there is no point in trying again."""
    try:
        try:
            read()
        finally:
            attempt.pack()
    except Exception as error:  # noqa: BLE001
        attempt.report.add_defect(reason_of(error, uri))
        return not isinstance(error, StorageError | OSError)
    return True


def reason_of(error: Exception, uri: str) -> str:
    """What an exception says, without what it may quote: only our own errors are sure to hold no web text.

    The log names the shard already, so its `uri` is left out.
    """
    if isinstance(error, PresswatchError):
        return str(error).removeprefix(f"{printable(uri)}: ")
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{said} in {'/'.join(Path(place.filename).parts[-2:])}, line {place.lineno}"


def storable(text: str) -> str:
    """`text` for tables and terminals: names of files and columns may hold surrogates or escapes."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _log(reading: Reading, attempts: int, began: datetime, seconds: float) -> dict[str, object]:
    report, shard = reading.report, reading.shard
    return {
        "shard_uri": printable(shard.uri),
        "status": reading.status,
        "error": reading.error,
        "format": reading.format,
        "release": reading.report.release,
        "note": storable("; ".join(report.notes)) or None,
        "bytes_expected": shard.size,
        "bytes_read": report.bytes_read,
        "text_bytes": report.text_bytes,
        "documents": report.documents,
        "documents_skipped": report.documents_skipped,
        "skipped": [{"why": why, "documents": n} for why, n in sorted(report.skipped.items())],
        "candidates": reading.candidates,
        "matches": sum(map(len, reading.matches)),
        "etag": shard.etag,
        "attempts": attempts,
        "started_at": began,
        "seconds": seconds,
    }
