"""One file of an index, from its footer to its captures and its row of the log, which also gets failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import pyarrow as pa

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading.rows.columns import as_languages, as_number, as_text, as_time
from presswatch_spark.scanning.ccindex.columns import in_filename, partitions
from presswatch_spark.scanning.ccindex.index_file import IndexReport, Row, is_cdxj, read_cdxj, read_index
from presswatch_spark.scanning.ccindex.wanted import Wanted
from presswatch_spark.scanning.runs.work import Attempt, Outcome, outcome_of
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable, stat
from presswatch_spark.tables.declarations import columns_without_run
from presswatch_spark.tables.digests import row_digest

ROWS_AT_ONCE = 512
INT32_MAX, INT64_MAX = (1 << 31) - 1, (1 << 63) - 1


@dataclass(slots=True)
class FileReading(Attempt):
    """One attempt at a file, filled during its reading."""

    report: IndexReport = field(default_factory=IndexReport)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    captures: int = 0
    releases: set[object] = field(default_factory=set)

    def add(self, row: Row) -> None:
        """Add a row of `captures`."""
        self.rows.append(row)
        self.captures += 1
        self.releases.add(row["release"])
        if len(self.rows) >= ROWS_AT_ONCE:
            self.pack()

    def pack(self) -> None:
        """Make an Arrow batch of the rows added so far."""
        if self.rows:
            self.batches.append(pa.RecordBatch.from_pylist(self.rows, columns_without_run("captures")))
            self.rows = []

    @property
    def reached(self) -> tuple[int, ...]:
        """Return how far the attempt got, for comparison with others; for a CDXJ shard, by lines."""
        return (self.report.row_groups_done, self.report.rows)

    @property
    def status(self) -> str:
        """Return `complete` only if nothing that can match was lost."""
        if not self.report.defects_total:
            return "complete"
        return "partial" if self.report.row_groups_done else "failed"

    @property
    def tables(self) -> Mapping[str, Sequence[pa.RecordBatch]]:
        """Return the batches of `captures`."""
        return {"captures": self.batches}

    @property
    def columns(self) -> dict[str, object]:
        """Return the columns of `census_log` that a scan lacks, and `releases`."""
        report = self.report
        return {
            "row_groups": report.row_groups,
            "row_groups_read": report.row_groups_read,
            "rows": report.rows,
            "captures": self.captures,
            "columns_missing": list(report.missing),
            "releases": sorted(self.releases, key=str),
        }


@dataclass(frozen=True, slots=True)
class FileCensus:
    """Takes the census of files for a corpus; Spark sends a copy to every worker."""

    corpus: str
    corpus_digest: str
    wanted: Wanted
    attempts: int
    storage: StorageOptions
    release: str | None = None
    seconds: float | None = None

    def __call__(self, file: ObjectInfo) -> Outcome:
        """Take the census of one file; raises only if the corpus cannot be used."""
        corpus = _corpus(self.corpus, self.corpus_digest, self.storage)
        return outcome_of(FileReading, partial(self._read, corpus), file, self.attempts, self.seconds)

    def _read(self, corpus: Corpus, reading: FileReading) -> None:
        if reading.shard.size is None:
            reading.shard = stat(reading.shard.uri, self.storage)
        uri = printable(reading.shard.uri)
        named = {**({"release": self.release} if self.release else {}), **partitions(uri)}
        read = read_cdxj if is_cdxj(uri) else read_index
        for place, row in read(reading.shard, self.wanted, self.storage, reading.report):
            match = corpus.sites.match(str(row["url"]), corpus.urls) if row["url"] is not None else None
            if match is None:
                continue
            article = corpus.article(match.articles[0]) if match.articles else None
            owned: Row = {
                "title_id": match.title_id or (article and article.title_id),
                "publisher_id": match.publisher_id or (article and article.publisher_id),
                "article_id": article and article.article_id,
                "url_match": "article" if article else "title",
            }
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
            reading.add({**capture, "row_sha256": row_digest(capture)})


_corpus = lru_cache(maxsize=1)(Corpus.same)
