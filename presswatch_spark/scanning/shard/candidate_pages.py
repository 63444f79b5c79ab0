"""The pages of candidates, read again for verification: from their shards, or from an extract.

An extract is one file of JSON lines, packed with gzip. The first line names, for each shard, its bytes in the
file, counted from the end; they are a gzip member with a line per page: its pointer and its documents.
"""

import gzip
import hashlib
import io
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import DocumentBatch, Locator, PageMetadata, ReadReport, TextColumn
from presswatch_spark.reading.warc.by_range import RecordPlan, RecordShard
from presswatch_spark.scanning.runs.work import Outcome, PackedRows
from presswatch_spark.scanning.shard.attempts import name_of_kept
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.objects import (
    ObjectInfo,
    StorageOptions,
    canonical,
    printable,
    random_access,
    read_range,
    stat,
    write_object,
)

PARTS = ".parts"
PAGES, UNVERIFIED = "pages", b'{"unverified": true}\n'
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
ExtractPart = tuple[str, int, int]
"""URI of an extract, and the range of a shard's pages in it."""


@dataclass(frozen=True, slots=True)
class CandidateShard(RecordShard):
    """A shard of a sealed scan, whose row of the log is `log`, with the places of its candidates.

    `uri`, `etag`: of the shard as it is read, which may be a mirror's. `records`: the candidates, if ranges
    have them. `hits`: candidates with hits. `part`: of an extract, which is read in place of the shard.
    """

    places: frozenset[Place] = frozenset()
    hits: int = 0
    log: Mapping[str, Any] = field(default_factory=dict, compare=False)
    part: ExtractPart | None = None

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
        """Yield the pages in the extract; `CorruptError` if it is damaged."""
        stored = io.BytesIO(read_range(*self.part, storage) if self.part else b"")
        try:
            file = gzip.GzipFile(fileobj=stored)
            while line := file.readline(LINE_BYTES):
                facts = json.loads(line)
                if facts.get("unverified"):
                    report.unverified = True
                    continue
                report.documents += 1
                yield _page_of(facts)
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


def rows_of_extract() -> PackedRows:
    """Return the empty lines of an extract."""
    return PackedRows(partial(pa.RecordBatch.from_pylist, schema=pa.schema([("line", pa.large_binary())])))


def line_of(batch: DocumentBatch, main: int, uri: str) -> dict[str, bytes]:
    """Return the line of an extract with the page of a main document, as a row of `rows_of_extract`."""
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
    """Write the lines of a shard next to the extract; return the outcome without them."""
    lines = [line.as_py() for batch in outcome.tables[PAGES] for line in batch["line"]]
    data = gzip.compress(b"".join(lines), mtime=0) if lines else b""
    write_object(Folder.of(extract + PARTS, storage).at(_name_of(shard.uri)), data, storage, private=True)
    return Outcome(outcome.log, {table: rows for table, rows in outcome.tables.items() if table != PAGES})


def join_pages(extract: str, uris: Sequence[str], storage: StorageOptions) -> None:
    """Write the extract of shards from their parts, and remove these; a shard without pages has none."""
    parts, (parent, _, name) = Folder.of(extract + PARTS, storage), canonical(extract).rpartition("/")
    sizes = {part: info.size or 0 for part, info in parts.described().items()}
    there = [uri for uri in uris if sizes.get(_name_of(uri))]
    left, places = sum(sizes[_name_of(uri)] for uri in there), dict[str, tuple[int, int]]()
    for uri in there:
        places[printable(uri)] = left, sizes[_name_of(uri)]
        left -= sizes[_name_of(uri)]
    new_file = Folder.of(parent, storage).new_file(name, private=True)
    with disk_errors(extract), new_file as draft, draft.open("wb") as file:
        file.write(gzip.compress(json.dumps({"shards": places}).encode() + b"\n", mtime=0))
        for uri in there:
            file.write(parts.read(_name_of(uri))[0])
    parts.remove()


def parts_of(extract: str, storage: StorageOptions) -> dict[str, ExtractPart]:
    """Return the parts of an extract by shard; `CorruptError` if it is none, `MissingError` without one."""
    size = stat(extract, storage).size or 0
    try:
        with random_access(ObjectInfo(extract), storage) as file:
            places = json.loads(gzip.GzipFile(fileobj=file).readline(LINE_BYTES))["shards"]
        return {uri: (extract, size - int(left), int(length)) for uri, (left, length) in places.items()}
    except UNREADABLE as error:
        raise CorruptError(DAMAGED, where=printable(extract)) from error


_name_of = partial(name_of_kept, ending="jsonl.gz")
