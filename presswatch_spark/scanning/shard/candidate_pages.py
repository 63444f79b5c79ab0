"""The pages of candidates, read again for verification: from their shards, or from an extract.

An extract is a folder with a file of JSON lines, packed with gzip, for each shard with pages of candidates. A
line has the documents of a page, with their pointers. The file `scan` has the key of the run.
"""

import gzip
import hashlib
import io
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from presswatch_spark.core.errors import CorruptError, OutputError
from presswatch_spark.core.model import DocumentBatch, Locator, PageMetadata, ReadReport, TextColumn
from presswatch_spark.reading.warc.by_range import RecordPlan, RecordShard
from presswatch_spark.scanning.runs.work import Outcome
from presswatch_spark.scanning.shard.attempts import name_of_kept
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    StorageOptions,
    read_object,
    stat,
    write_object,
)

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
DAMAGED = "the extract is damaged"
LINE_BYTES = 256 << 20
"""The longest line of an extract: a page of 16 MiB takes at most a quarter of it."""
UNREADABLE = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RecursionError)

Place = tuple[int | None, int | None]
"""Offset and row of a page in its shard."""


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
        for name, before, after in (
            ("size", self.log["bytes_expected"], now.size),
            ("ETag", self.etag, now.etag),
        ):
            if before is not None and after is not None and before != after:
                return CHANGED.format(name)
        return None

    def pages(self, batches: Iterator[DocumentBatch], report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the pages of candidates, each alone; a place without a page is a defect."""
        left = set(self.places)
        for batch in batches:
            yield from map(batch.single, mains_at(batch, left))
        for offset, row in sorted(left, key=str):
            place = (offset, "byte") if row is None else (row, "row")
            report.add_defect("the candidate's page is not there", *place)

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
            raise CorruptError(DAMAGED) from error

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


def mains_at(batch: DocumentBatch, places: set[Place]) -> Iterator[int]:
    """Yield the main documents of pages at some places, which are removed from these."""
    for main in batch.main_documents.tolist():
        # To locate a document may take a digest of its record.
        if not places:
            return
        locator = batch.locate(main)
        if (place := (locator.record_offset, locator.row_index)) in places:
            places.discard(place)
            yield main


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


def keep_pages(outcome: Outcome, extract: str, shard: ObjectInfo, storage: StorageOptions) -> Outcome:
    """Write the lines of a shard, if it has any, to the extract; return the outcome without them."""
    if lines := [line.as_py() for batch in outcome.tables[PAGES] for line in batch["line"]]:
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
