"""Plans of runs that read some records of WARC files: the pages of a census, or the sources of WET records.

A plan also has records with unknown places; in the log, their shard is then not complete, with the reason.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from presswatch_spark.core.errors import InputError
from presswatch_spark.matching.judgement.urls import host_of
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.warc.by_range import RecordPlan, RecordShard, WantedRecord
from presswatch_spark.scanning.crawl_index.lookup import Index, IndexedCapture
from presswatch_spark.storage.objects import canonical
from presswatch_spark.storage.uris import join, names_in_common
from presswatch_spark.tables.store import TableStore

_OF_CAPTURE = (
    "url", "captured_at", "payload_digest", "warc_filename", "record_offset", "record_length", "shard_uri",
    "row_sha256",
)  # fmt: skip
_OF_MATCH = ("dataset", "release", "document_url", "captured_at", "shard_uri", "row_sha256")
NO_FILE = "the index lists no record of a WARC file"
NOT_LISTED = "the index lists no capture of its page in this file at this time"
NO_PAGE_TO_LOOK_UP = "it contains no page and time to search an index for"

Page = tuple[str, datetime]


def plan_of_captures(store: TableStore, base: str) -> RecordPlan:
    """Plan the records of all captures in published censuses; names of files are relative to `base`.

    Raises `InputError` if no census is published or none has a capture, `OutputError` if a table was changed.
    """
    if not store.published("censuses"):
        raise InputError("no census is published here", where=str(store.root), remedy="run a census")
    wanted = _WantedRecords()
    root = canonical(base)
    for url, at, digest, name, offset, length, shard, row in store.values("captures", _OF_CAPTURE):
        if not name or ".." in name.split("/") or offset is None or not length:
            wanted.add(shard, _unplaced(url, at, row, NO_FILE))
        else:
            wanted.add(join(root, name), WantedRecord(offset, length, url, at, row, digest))
    return wanted.plan(store, "capture")


def plan_of_matches(store: TableStore, index: Index, base: str | None) -> RecordPlan:
    """Plan the WARC records, listed by an index, from which WET records with matches were made.

    Names of files are relative to `base`; None: to the place of the WET files. Raises as `plan_of_captures`.
    """
    if not store.published():
        raise InputError("no run is published here", where=str(store.root), remedy="scan first")
    wanted, rows, asked = _WantedRecords(), dict[Page, dict[str, str]](), dict[str, set[Page]]()
    for dataset, release, url, at, shard, row in store.values("matches", _OF_MATCH):
        # The WARC file from which the WET shard was made.
        _, uri = known_formats.made_from(dataset, shard) or ("", "")
        if not uri:
            continue
        releases = index.releases_of(release, at) if url and at and host_of(url) else ()
        if not releases:
            wanted.add(uri, _unplaced(url or "", at, row, NO_PAGE_TO_LOOK_UP))
            continue
        page = url, at.replace(microsecond=0)
        rows.setdefault(page, {})[uri] = row
        for release in releases:
            asked.setdefault(release, set()).add(page)
    listed = defaultdict[Page, list[IndexedCapture]](list)
    # A row that names no crawl is looked up in several crawls, since one of them lists it.
    for release, pages in sorted(asked.items()):
        for capture in index.captures(sorted({url for url, _ in pages}), release):
            at = capture.captured_at and capture.captured_at.replace(microsecond=0)
            if at is not None and (capture.url, at) in pages:
                listed[capture.url, at].append(capture)
    for page, files in rows.items():
        for uri, digest in files.items():
            # Several folders have files of one name, since redirects have folders of their own.
            most = max((names_in_common(capture.filename, uri) for capture in listed[page]), default=0)
            if not most:
                wanted.add(uri, _unplaced(*page, digest, NOT_LISTED))
                continue
            for capture in listed[page]:
                if names_in_common(capture.filename, uri) == most:
                    where = join(canonical(base), capture.filename) if base else uri
                    record = WantedRecord(capture.offset, capture.length, *page, digest, capture.digest)
                    wanted.add(where, record)
    return wanted.plan(store, "match in WET")


def _unplaced(url: str, at: datetime | None, row: str, why: str) -> WantedRecord:
    return WantedRecord(None, 0, url, at, row, why=why)


@dataclass(slots=True)
class _WantedRecords:
    """Wanted records by file, each once. If two statements about one place differ, both are read."""

    files: dict[str, dict[tuple[Any, ...], WantedRecord]] = field(default_factory=dict)

    def add(self, uri: str, record: WantedRecord) -> None:
        asked = record.offset, record.url, record.captured_at
        key = asked if record.offset is None else (*asked, record.length, record.digest)
        self.files.setdefault(uri, {}).setdefault(key, record)

    def plan(self, store: TableStore, what: str) -> RecordPlan:
        if not self.files:
            raise InputError(f"there is no {what}, so there is no page to read", where=str(store.root))

        def order(record: WantedRecord) -> tuple[Any, ...]:
            return record.offset is None, record.offset or 0, record.url, record.row

        shards = (
            RecordShard(
                uri,
                sum(length for _, length in {(record.offset, record.length) for record in records.values()}),
                records=tuple(sorted(records.values(), key=order)),
            )
            for uri, records in self.files.items()
        )
        return RecordPlan.of(shards)
