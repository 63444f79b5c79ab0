"""One shard, from its bytes to its rows and its line in the log; no failure of a shard gets past here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial

import pyarrow as pa

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats import registry
from presswatch_spark.formats.detection import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.columns import MissingColumnError
from presswatch_spark.judgement.grading import confidence
from presswatch_spark.judgement.match_rows import Origin
from presswatch_spark.model import DocumentBatch
from presswatch_spark.rights.signal_rows import Members, signal_rows
from presswatch_spark.settings.config import ReadRules, ScanConfig
from presswatch_spark.shard.attempt import Reading, storable
from presswatch_spark.shard.attempts import ALL_DIED, failure_of, furthest
from presswatch_spark.shard.matcher import Matcher, Rules
from presswatch_spark.shard.rehearsal import rehearsal_shards
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.storage.time_limits import check_time

MAPPING_UNUSED = "columns are mapped, and {} has none: the mapping was not used"


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """What a shard gave: its row of `scan_log`, batches of `matches` and of `rights_signals`.

    None of them has a run id.
    """

    log: Mapping[str, object]
    matches: tuple[pa.RecordBatch, ...] = ()
    signals: tuple[pa.RecordBatch, ...] = ()


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
        rules = self.config.run
        return outcome_of(shard, rules.shard_attempts, partial(self._read, matcher), rules.shard_seconds)

    def rehearse(self, like: ObjectInfo) -> list[ShardOutcome]:
        """Do a little of everything once: the kernels are compiled and cached before workers need them.

        Nothing is read of the shard that is named: what it holds may end the process that reads it. Shards
        of our own are read, of the format that it has by name, or that was asked for; what they gave.
        """
        matcher = matcher_for(self.corpus, self.corpus_digest, self.config)
        matcher.rehearse()
        by_name = self.dataset == registry.AUTO
        format = registry.named_like(like.uri) if by_name else registry.named(self.dataset)
        ours = replace(self, config=replace(self.config, read=ReadRules()))
        outcomes = list[ShardOutcome]()
        # Where there is no room for them, workers compile.
        with suppress(OSError), scratch_folder() as folder:
            for shard in rehearsal_shards(folder, format, matcher.corpus.article(0).body):
                outcomes.append(outcome_of(shard, 1, partial(ours._read, matcher)))
        return outcomes

    def _read(self, matcher: Matcher, reading: Reading) -> None:
        """Read → sieve → attribute → verify → grade → rows."""
        rules, members = self.config.read, Members(matcher.corpus)
        options = ReadOptions(
            languages=frozenset(rules.languages),
            columns=rules.columns,
            release=rules.release,
            pdf=rules.pdf,
            max_document_bytes=rules.max_document_bytes,
            wants=members.wants,
            storage=self.config.storage,
        )
        format = format_for(self.dataset, reading.shard, options)
        # A list says no sizes. The reply to the one request for a shard does.
        reading.shard = options.opener.described(reading.shard)
        reading.format = format.name
        if options.columns and not format.has_columns:
            reading.report.add_note(MAPPING_UNUSED.format(format.name))
        origin = Origin(format.name, rules.release, printable(reading.shard.uri))
        try:
            self._match(matcher, reading, format.read(reading.shard, options, reading.report), origin)
        except MissingColumnError:
            # That no row has a column is known at the end only, when rows without it have been taken.
            reading.drop()
            raise
        finally:
            if reading.report.unverified:
                reading.doubt(partial(confidence, rules=self.config.confidence))

    def _match(
        self, matcher: Matcher, reading: Reading, read: Iterator[DocumentBatch], origin: Origin
    ) -> None:
        """Sieve → attribute → verify → grade → rows, of one batch after the other."""
        stages, members = reading.stages, Members(matcher.corpus)
        for batch in stages.drawn("read", read):
            check_time()
            with stages.during("sieve"):
                candidates = matcher.candidates(batch)
                reading.without_url += matcher.without_url(batch)
            reading.candidates += len(candidates)
            with stages.during("verify"):
                for row in matcher.rows(batch, candidates, origin):
                    reading.add(row)
                    check_time()
            with stages.during("signals"):
                for capture in batch.captures:
                    for row in signal_rows(capture, members, origin.shard_uri, origin.release):
                        reading.add_signal(row)


def matcher_for(corpus: str, digest: str, config: ScanConfig) -> Matcher:
    """The matcher of this process for a corpus and its rules, opened once.

    Raises:
        CorpusError: the corpus is not here, or not the one with that digest.
    """
    return _matcher(corpus, digest, config.storage, Rules.of(config))


@lru_cache(maxsize=1)
def _matcher(path: str, digest: str, storage: StorageOptions, rules: Rules) -> Matcher:
    return Matcher(Corpus.same(path, digest, storage), rules)


def outcome_of(
    shard: ObjectInfo, attempts: int, read: Callable[[Reading], None], seconds: float | None = None
) -> ShardOutcome:
    """Read a shard, as `furthest` does. `read` fills the `Reading` it is given."""
    began, started = datetime.now(UTC), time.monotonic()
    best, tries = furthest(partial(Reading, shard), read, shard.uri, attempts, seconds)
    log = _log(best, tries, began, time.monotonic() - started)
    return ShardOutcome(log, tuple(best.matches), tuple(best.signals))


def lost_shard(shard: ObjectInfo, attempts: int) -> ShardOutcome:
    """The outcome of a shard that killed every worker that tried it."""
    reading = Reading(shard)
    reading.report.add_defect(ALL_DIED)
    reading.killed = True
    return ShardOutcome(_log(reading, attempts, datetime.now(UTC), 0.0))


def _log(reading: Reading, attempts: int, began: datetime, seconds: float) -> dict[str, object]:
    report, shard = reading.report, reading.shard
    return {
        "shard_uri": printable(shard.uri),
        "status": reading.status,
        "error": reading.error,
        "failure": failure_of(reading),
        "format": reading.format,
        "release": reading.report.release,
        "note": storable("; ".join(report.notes)) or None,
        "bytes_expected": shard.size,
        "bytes_read": report.bytes_read,
        "text_bytes": report.text_bytes,
        "documents": report.documents,
        "documents_without_url": reading.without_url,
        "documents_skipped": report.documents_skipped,
        "skipped": [{"why": why, "documents": n} for why, n in sorted(report.skipped.items())],
        "unread": [{"what": what, "pages": n} for what, n in sorted(report.unread.items())],
        "candidates": reading.candidates,
        "matches": sum(map(len, reading.matches)),
        "grades": [{"grade": grade, "matches": n} for grade, n in sorted(reading.grades.items())],
        "signals": sum(map(len, reading.signals)),
        "etag": shard.etag,
        "attempts": attempts,
        "started_at": began,
        "seconds": seconds,
        "stages": reading.stages.rows(),
    }
