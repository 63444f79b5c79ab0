"""One file of an index, from its footer to its captures and its row of the log; no failure gets past it."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial

import pyarrow as pa

from presswatch_spark.ccindex.cdxj import is_cdxj, read_cdxj
from presswatch_spark.ccindex.columns import in_filename, partitions
from presswatch_spark.ccindex.index_file import IndexReport, Row, read_index
from presswatch_spark.ccindex.wanted import Wanted
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats.table.values import as_languages, as_number, as_text, as_time
from presswatch_spark.runs.attempts import ALL_DIED, failure_of, furthest, shard_error
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable, stat
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.schemas import columns_without_run

# What the index says of a capture may be anything: of a file, no more kinds than these are told apart.
KINDS_MAX = 100_000
ROWS_AT_ONCE = 512
INT32_MAX, INT64_MAX = (1 << 31) - 1, (1 << 63) - 1


@dataclass(frozen=True, slots=True, order=True)
class CaptureKind:
    """What the summary of a census tells captures apart by; `language` is the first that was identified."""

    publisher_id: str
    title_id: str
    url_match: str
    subset: str
    status: int
    language: str


_KIND = [(name, pa.string()) for name in ("publisher_id", "title_id", "url_match", "subset")]
_KIND += [("status", pa.int32()), ("language", pa.string()), ("captures", pa.int64())]
KINDS = pa.field("kinds", pa.list_(pa.struct(_KIND)))
"""A column of the log while a census is in progress: how many captures of each kind the file gave."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What a file gave: its row of `census_log`, and batches of `captures`, an `Outcome`."""

    log: Mapping[str, object]
    tables: Mapping[str, Sequence[pa.RecordBatch]]


@dataclass(slots=True)
class _Attempt:
    """One attempt at a file, filled while it goes on."""

    info: ObjectInfo
    report: IndexReport = field(default_factory=IndexReport)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    kinds: Counter[CaptureKind] = field(default_factory=Counter)
    releases: set[object] = field(default_factory=set)
    killed: bool = False

    def add(self, row: Row) -> None:
        """Take a row of `captures`."""
        kind = _kind_of(row)
        if kind not in self.kinds and len(self.kinds) >= KINDS_MAX:
            kind = replace(kind, subset="", status=0, language="")
        self.rows.append(row)
        self.kinds[kind] += 1
        self.releases.add(row["release"])
        if len(self.rows) >= ROWS_AT_ONCE:
            self.pack()

    def pack(self) -> None:
        """Make an Arrow batch of the rows taken so far."""
        if self.rows:
            self.batches.append(pa.RecordBatch.from_pylist(self.rows, columns_without_run("captures")))
            self.rows = []

    @property
    def reached(self) -> tuple[int, ...]:
        """How far it got, for comparison with others: of a CDXJ shard, the lines tell."""
        return (self.report.row_groups_done, self.report.rows)

    @property
    def status(self) -> str:
        """`complete` only if nothing that can match was lost."""
        if not self.report.defects_total:
            return "complete"
        return "partial" if self.report.row_groups_done else "failed"


@dataclass(frozen=True, slots=True)
class FileCensus:
    """Takes the census of files for a corpus; a value that goes to every worker."""

    corpus: str
    corpus_digest: str
    wanted: Wanted
    attempts: int
    storage: StorageOptions
    release: str | None = None
    seconds: float | None = None

    def __call__(self, info: ObjectInfo) -> FileOutcome:
        """Take the census of one file; only a corpus that cannot be used raises."""
        corpus = _corpus(self.corpus, self.corpus_digest, self.storage)
        began, started = datetime.now(UTC), time.monotonic()
        best, tries = furthest(
            partial(_Attempt, info), partial(self._read, corpus), info.uri, self.attempts, self.seconds
        )
        log = _log(best, tries, began, time.monotonic() - started)
        return FileOutcome(log, {"captures": best.batches})

    def _read(self, corpus: Corpus, attempt: _Attempt) -> None:
        if attempt.info.size is None:
            attempt.info = stat(attempt.info.uri, self.storage)
        uri = printable(attempt.info.uri)
        named = {**({"release": self.release} if self.release else {}), **partitions(uri)}
        read = read_cdxj if is_cdxj(uri) else read_index
        for place, row in read(attempt.info, self.wanted, self.storage, attempt.report):
            if owned := _owned(corpus, row):
                attempt.add(_capture(row, owned, named, uri, place))


def lost_file(info: ObjectInfo, attempts: int) -> FileOutcome:
    """Return the outcome of a file that killed every worker that tried it."""
    attempt = _Attempt(info, killed=True)
    attempt.report.add_defect(ALL_DIED)
    return FileOutcome(_log(attempt, attempts, datetime.now(UTC), 0.0), {})


_corpus = lru_cache(maxsize=1)(Corpus.same)


def _owned(corpus: Corpus, row: Row) -> Row | None:
    """Say whose the URL of a row is, exactly; None if it is nobody's."""
    match = corpus.sites.match(str(row["url"]), corpus.urls) if row["url"] is not None else None
    if match is None:
        return None
    article = corpus.article(match.articles[0]) if match.articles else None
    return {
        "title_id": match.title_id or (article and article.title_id),
        "publisher_id": match.publisher_id or (article and article.publisher_id),
        "article_id": article and article.article_id,
        "url_match": "article" if article else "title",
    }


def _capture(row: Row, owned: Row, named: Mapping[str, str], uri: str, place: int) -> Row:
    """Make a row of `captures` of a row of the index; a value that is not what it should be is null."""
    filename = as_text(row.get("warc_filename"))
    by_filename = in_filename(filename)
    capture: Row = {
        **owned,
        "url": row["url"],
        "captured_at": as_time(row.get("captured_at")),
        "http_status": as_number(row.get("http_status"), INT32_MAX),
        "languages": list(as_languages(row.get("languages"))),
        "warc_filename": filename,
        "record_offset": as_number(row.get("record_offset"), INT64_MAX),
        "record_length": as_number(row.get("record_length"), INT64_MAX),
        "shard_uri": uri,
        "row_index": place,
    }
    for name in ("mime_declared", "mime_detected", "charset", "truncated", "payload_digest"):
        capture[name] = as_text(row.get(name))
    for name in ("release", "subset"):
        capture[name] = as_text(row.get(name)) or by_filename.get(name) or named.get(name)
    return {**capture, "row_sha256": row_digest(capture)}


def _kind_of(row: Row) -> CaptureKind:
    languages = row["languages"]
    return CaptureKind(
        publisher_id=str(row["publisher_id"]),
        title_id=str(row["title_id"]),
        url_match=str(row["url_match"]),
        subset=str(row["subset"] or ""),
        status=int(str(row["http_status"] or 0)),
        language=str(languages[0]) if isinstance(languages, list) and languages else "",
    )


def _log(attempt: _Attempt, tries: int, began: datetime, seconds: float) -> dict[str, object]:
    report, info = attempt.report, attempt.info
    return {
        "shard_uri": printable(info.uri),
        "status": attempt.status,
        "error": shard_error(report.complaints),
        "failure": failure_of(attempt),
        "bytes_expected": info.size,
        "bytes_read": report.bytes_read,
        "row_groups": report.row_groups,
        "row_groups_read": report.row_groups_read,
        "rows": report.rows,
        "captures": sum(attempt.kinds.values()),
        "columns_missing": list(report.missing),
        "etag": info.etag,
        "attempts": tries,
        "started_at": began,
        "seconds": seconds,
        "releases": sorted(attempt.releases, key=str),
        "kinds": [{**asdict(kind), "captures": count} for kind, count in attempt.kinds.items()],
    }
