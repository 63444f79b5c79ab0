"""Finds candidates of a sealed corpus, and reads their pages again for verification.

A sealed corpus (`corpus.sealed`) has hashes of articles' shingles, sites and URLs that only the holder of its
key can calculate; a joined one has a part for each corpus. A candidate is a document with one of the hashes:
a pointer to a record, and the opaque number of an article; no text, URL or id. Each document for which a scan
with the open corpus writes a row is a candidate: both search the same shingles, sites and URLs.

Pages are read again from their shards, or from an extract: a folder with a file of JSON lines, packed with
gzip, for each shard with pages of candidates. A line has the documents of a page, with their pointers. The
file `scan` has the key of the run.
"""

import gzip
import hashlib
import io
import json
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from presswatch_spark.core.errors import CorruptError, OutputError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, PageMetadata, ReadReport, TextColumn
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.sealed import SITE, KeyedSites, KeySource, SealedCorpus, SealKey
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.matching.shingle_index import ALL_HASHES, HashRange
from presswatch_spark.matching.sieve import Candidates, Sieve
from presswatch_spark.reading.warc.by_range import RecordPlan, RecordShard
from presswatch_spark.scanning.releases.release import kinds_of
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.scanning.shard.attempts import ShardAttempt, name_of_kept
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    StorageOptions,
    read_object,
    stat,
    write_object,
)
from presswatch_spark.tables.declarations import Match, columns_without_run
from presswatch_spark.tables.digests import row_digest

CANDIDATES = "candidates"
PLACE = ("record_offset", "record_length", "record_encoding", "row_index")
SCAN_FILE = "scan"
PAGES, UNVERIFIED = "pages", b'{"unverified": true}\n'
PAGE_LINES = pa.schema([("line", pa.large_binary())])
TIMES = ("captured_at", "published_at")
OF_SEALED_SCAN = (
    "shard_uri", "format", "release", "note", "bytes_expected", "bytes_read", "etag", "sha256",
    "sha256_declared", "text_bytes", "words", "documents", "documents_without_url", "documents_skipped",
    "skipped", "unread", "members_passed", "bytes_passed",
)  # fmt: skip
"""Columns of the log that the verification takes over from the sealed scan, which read the whole shard."""
FEWER = "only {:,} of {:,} candidates were found again: pages, or the corpus, are not those of the scan"
CHANGED = "the shard is not the one that was scanned: its {} differs"
KEPT_BYTES = 16 << 20
LINE_BYTES = 256 << 20
"""The longest line of an extract: a page of 16 MiB takes at most a quarter of it."""
UNREADABLE = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RecursionError)

Place = tuple[int | None, int | None]
"""Offset and row of a page in its shard."""


@dataclass(slots=True)
class CandidateAttempt(ShardAttempt):
    """One attempt at a shard in a scan with a sealed corpus; `candidates` counts its rows."""

    schemas: ClassVar = {
        **ShardAttempt.schemas,
        CANDIDATES: columns_without_run(CANDIDATES),
        PAGES: PAGE_LINES,
    }

    def add(self, row: Any) -> None:
        """Add a row of `candidates`, or of `PAGE_LINES`."""
        self.tables[PAGES if "line" in row else CANDIDATES].add(row)
        self.candidates += "line" not in row

    def doubt(self, judge: Callable[[Match], Match]) -> None:
        """Note in the extract that the bytes of the shard failed a checksum."""
        self.tables[PAGES].add({"line": UNVERIFIED})


class CandidateFinder:
    """Finds candidates, and with `has_extract` also lines of pages; each thread needs its own.

    `release`: that of the settings.
    """

    wants = None

    def __init__(
        self, corpus: SealedCorpus, key: SealKey, release: str | None = None, *, has_extract: bool = False
    ) -> None:
        self._sieve, self._sites = Sieve(corpus.index(key)), KeyedSites(corpus, key)
        self._release, self._has_extract, self._parts = release, has_extract, corpus.manifest.parts
        self._firsts = [0, *accumulate(part.articles for part in self._parts[:-1])]

    def candidates(self, batch: DocumentBatch) -> Candidates:
        """Return the pairs (document, article) that share a shingle; articles by number in the corpus."""
        return self._sieve.candidates(batch)

    def rows(self, batch: DocumentBatch, found: Candidates, origin: Origin) -> Iterator[dict[str, Any]]:
        """Yield rows of `candidates` without run id: a page's pairs, and its members' sites without a pair.

        Documents embedded in a page count as the page.
        """
        pages = defaultdict[int, dict[int, tuple[int, int]]](dict)
        documents, firsts = np.unique(found.documents, return_index=True)
        for i, articles in zip(documents.tolist(), np.split(found.articles, firsts[1:]), strict=False):
            page = pages[batch.main_of(i)]
            counts = self._sieve.extents(batch.texts[i], articles).tolist()
            for article, (hits, extent) in zip(articles.tolist(), counts, strict=True):
                before, longest = page.get(article, (0, 0))
                page[article] = before + hits, max(longest, extent)
        sites = self._sites.matches(batch)
        for main in sorted(pages.keys() | sites.keys()):
            page, owners = pages[main], sites.get(main, set())
            # A URL is that of an article. A site has many, so its owner is a part: `SITE` plus its place.
            numbers = sorted({owner for owner in owners if owner < SITE} | page.keys())
            pairs = [(bisect_right(self._firsts, number) - 1, number) for number in numbers]
            of_sites = {owner - SITE for owner in owners if owner >= SITE} - {part for part, _ in pairs}
            locator = batch.locate(main)
            named = locator.release or origin.release
            # A shard may state any text as its release.
            is_known = named == self._release or kinds_of(named or "")
            facts = {
                "dataset": origin.dataset,
                "release": named if is_known else None,
                "shard_uri": origin.shard_uri,
                **{name: getattr(locator, name) for name in PLACE},
            }
            for part, number in [*pairs, *((part, None) for part in sorted(of_sites))]:
                hits, extent = (0, 0) if number is None else page.get(number, (0, 0))
                row = {
                    **facts,
                    "corpus_fingerprint": self._parts[part].fingerprint,
                    "article": None if number is None else number - self._firsts[part],
                    "hits": hits,
                    "extent_words": extent,
                }
                yield {**row, "row_sha256": row_digest(row)}
            if self._has_extract:
                yield line_of(batch, main, origin.shard_uri)


Finder = Matcher | CandidateFinder


@lru_cache(maxsize=1)
def finder_of(
    path: str, digest: str, config: ScanConfig, hashes: HashRange = ALL_HASHES, key: KeySource | None = None,
    *, has_extract: bool = False,
) -> Finder:  # fmt: skip
    """Open the corpus of a scan, once for a process; a sealed one if a `key` is given.

    `hashes`: as for `Matcher`. `has_extract`: as for `CandidateFinder`.
    """
    # glibc returns freed memory to the system beyond twice the largest block freed before; then each batch
    # pays again for its buffers, with a page fault per 4 KB. Freeing this unused block raises the limit.
    np.empty(KEPT_BYTES, np.uint8)
    if key is None:
        return Matcher(Corpus.same(path, digest, config.storage), config, hashes)
    corpus = SealedCorpus.same(path, digest, config.storage)
    return CandidateFinder(corpus, key.read(config.storage), config.read.release, has_extract=has_extract)


# --- the pages, read again


@dataclass(frozen=True, slots=True)
class CandidateShard(RecordShard):
    """A shard of a sealed scan, whose row of the log is `log`, with the places of its candidates.

    `uri`, `etag`: of the shard as it is read, which may be a mirror's. `records`: the candidates, if ranges
    have them. `hits`: candidates with hits. `extract`: the folder that is read in place of the shard.
    """

    places: frozenset[Place] = frozenset()
    hits: int = 0
    log: Mapping[str, Any] = field(default_factory=dict, compare=False)
    extract: str | None = None

    def change(self, storage: StorageOptions) -> str | None:
        """Return the difference between the shard and the one that was scanned; None if none is known."""
        now = stat(self.uri, storage)
        facts = {"size": (self.log["bytes_expected"], now.size), "ETag": (self.etag, now.etag)}
        changes = (name for name, both in facts.items() if None not in both and both[0] != both[1])
        return next(map(CHANGED.format, changes), None)

    def pages(self, batches: Iterator[DocumentBatch], report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the pages of candidates, each alone; a place without a page is a defect."""
        left = set(self.places)
        for batch in batches:
            for main in batch.main_documents.tolist():
                # To locate a document may take a digest of its record.
                if not left:
                    break
                locator = batch.locate(main)
                if (place := (locator.record_offset, locator.row_index)) in left:
                    left.discard(place)
                    yield batch.single(main)
        for offset, row in sorted(left, key=str):
            where = (offset, "byte") if row is None else (row, "row")
            report.add_defect("the candidate's page is not there", *where)

    def extracted(self, storage: StorageOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the pages in the extract, if it has any; `CorruptError` if it is damaged."""
        try:
            stored = read_object(file_of(str(self.extract), self.log["shard_uri"]), storage)[0]
            file = gzip.GzipFile(fileobj=io.BytesIO(stored))
            while line := file.readline(LINE_BYTES):
                facts = json.loads(line)
                if facts.get("unverified"):
                    report.unverified = True
                    continue
                report.documents += 1
                yield _page_of(facts)
        except MissingError:
            return
        except UNREADABLE as error:
            raise CorruptError("the extract is damaged") from error

    def logged(self, outcome: Outcome) -> Outcome:
        """Return the outcome of the verification with the facts of the sealed scan."""
        log = {**outcome.log, **{name: self.log[name] for name in OF_SEALED_SCAN}}
        if log["status"] == "complete":
            log |= {name: self.log[name] for name in ("status", "error", "failure")}
        return Outcome(log, outcome.tables)


@dataclass(frozen=True, slots=True)
class CandidatePlan(RecordPlan):
    """The shards of a sealed scan; every one is a `CandidateShard`.

    `source`: names the sealed scan, the part of its corpus, and the extract. `facts`: columns of `runs`.
    """

    source: tuple[str | None, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) over the source and the shards."""
        uris = [shard.uri for shard in self.shards]
        return hashlib.sha256(json.dumps([self.source, uris]).encode()).hexdigest()


# --- the extract


def line_of(batch: DocumentBatch, main: int, uri: str) -> dict[str, bytes]:
    """Return the line of an extract with the page of a main document, as a row of `PAGE_LINES`."""
    page = batch.single(main)
    facts: dict[str, Any] = {"shard_uri": uri}
    facts["documents"] = [
        {
            "text": b64encode(page.text_of(i)).decode(),
            "url": b64encode(page.urls[i].tobytes()).decode(),
            "locator": asdict(page.locate(i)),
            "strings": list(page.strings(i)) if page.strings and i else [],
        }
        for i in range(len(page))
    ]
    content = page.main_text(0) if page.main_text else None
    metadata = page.page_metadata(0) if page.page_metadata else None
    facts["main_text"] = None if content is None else b64encode(content).decode()
    facts["page_metadata"] = metadata and asdict(metadata)
    facts["hidden_from"] = page.hidden_from(0) if page.hidden_from else None
    return {"line": json.dumps(facts, default=datetime.isoformat).encode() + b"\n"}


def _page_of(facts: Mapping[str, Any]) -> DocumentBatch:
    documents, content = facts["documents"], facts["main_text"]
    locators = [Locator(**_typed(each["locator"])) for each in documents]
    metadata = PageMetadata(**_typed(facts["page_metadata"])) if facts["page_metadata"] else None
    texts, urls = (
        TextColumn.joined([b64decode(each[name]) for each in documents]) for name in ("text", "url")
    )
    return DocumentBatch(
        texts,
        urls,
        locate=locators.__getitem__,
        main_text=None if content is None else lambda i: b64decode(content),
        page_metadata=lambda i: metadata,
        mains=np.zeros(len(documents), np.int64),
        hidden_from=lambda i: None if i else facts["hidden_from"],
        strings=lambda i: documents[i]["strings"],
    )


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values from JSON in the types of `Locator` and `PageMetadata`."""
    times = {name: datetime.fromisoformat(values[name]) for name in TIMES if values.get(name)}
    languages = {"languages": tuple(values["languages"])} if "languages" in values else {}
    return {**values, **times, **languages}


def keep_pages(outcome: Outcome, extract: str | None, shard: ObjectInfo, storage: StorageOptions) -> Outcome:
    """Write the lines of a shard, if it has any, to the extract; return the outcome without them."""
    lines = [line.as_py() for batch in outcome.tables[PAGES] for line in batch["line"]]
    if extract and lines:
        data = gzip.compress(b"".join(lines), mtime=0)
        write_object(file_of(extract, shard.uri), data, storage, private=True)
    return Outcome(outcome.log, {table: rows for table, rows in outcome.tables.items() if table != PAGES})


def begin_extract(extract: str, key: str, storage: StorageOptions) -> None:
    """Begin or resume the extract of the run with a key; `OutputError` if the folder has other files."""
    folder = Folder.of(extract, storage)
    try:
        is_other = folder.read(SCAN_FILE)[0] != key.encode()
    except MissingError:
        is_other = any(folder.entries())
    if is_other:
        remedy = "name a new folder: whoever gets it may read all its pages"
        raise OutputError(
            "the folder has something else than this scan's pages", where=extract, remedy=remedy
        )
    with disk_errors(extract):
        write_object(folder.at(SCAN_FILE), key.encode(), storage, private=True)


def file_of(extract: str, shard_uri: str) -> str:
    """Return the address of the file of an extract with the pages of a shard."""
    return f"{extract.rstrip('/')}/{name_of_kept(shard_uri, 'jsonl.gz')}"
