"""Where the captures of URLs are, by an index: a CDX server, or files of the columnar or the older index.

A server of the CDX API answers `?url=…&output=json` with a line of JSON for each capture. Files are read by
range, and only those row groups of them that can have one of the URLs.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from presswatch_spark.ccindex.cdxj import is_cdxj, read_cdxj, to_second
from presswatch_spark.ccindex.index_file import IndexReport, read_index
from presswatch_spark.ccindex.wanted import Wanted
from presswatch_spark.errors import CorruptError, InputError, PresswatchError, StorageError
from presswatch_spark.formats.table.columns import as_number, as_text, as_time
from presswatch_spark.formats.table.json_text import parse
from presswatch_spark.judgement.urls import host_of
from presswatch_spark.releases.products import crawls_at
from presswatch_spark.releases.release import CRAWL
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.http import unpacked_body
from presswatch_spark.storage.objects import (
    ObjectInfo,
    RawResponse,
    StorageOptions,
    ask,
    canonical,
    printable,
    stat,
)
from presswatch_spark.storage.shards import is_list, plan
from presswatch_spark.storage.threads import AskingThreads
from presswatch_spark.storage.uris import scheme_of

ANSWER_BYTES = 4 << 20
ASKED_AT_ONCE = 8
RELEASE = "{release}"
"""Stands in the address of an index for the release."""
_FILES = re.compile(r"(?:\.parquet|\.gz|\.cdxj|/)$")
_LARGEST = (1 << 53) - 1
_OF_SERVER = ("url", "timestamp", "filename", "offset", "length", "digest")
_OF_FILE = ("url", "captured_at", "warc_filename", "record_offset", "record_length", "payload_digest")


@dataclass(frozen=True, slots=True)
class IndexedCapture:
    """A capture as an index lists it. `filename`: of its WARC file, below the release's bucket or site."""

    url: str
    captured_at: datetime | None
    filename: str
    offset: int
    length: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """What an index has of a URL: captures, or the `error` why they are unknown.

    `response`: the raw response to `request`, if a single one decided.
    """

    request: str
    uri: str
    captures: Sequence[IndexedCapture] = ()
    error: PresswatchError | None = None
    response: RawResponse | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """An index of captures at an address: of a CDX server, or of files as `storage.shards.plan` takes them.

    `address` may hold `{release}`. `base`: what the lines of a list of files are relative to.
    """

    address: str
    storage: StorageOptions
    base: str | None = None

    @property
    def is_server(self) -> bool:
        """Whether it is a CDX server: a site's address that does not end as files and folders do."""
        is_site = scheme_of(self.address) in ("http", "https")
        return is_site and not is_list(self.address) and not _FILES.search(self.address)

    def releases_of(self, release: str | None, captured_at: datetime | None) -> tuple[str, ...]:
        """Return the releases to be asked for a capture; an empty name if the address holds none.

        They are the crawl that is named, or those that were made at that time.
        """
        if RELEASE not in self.address:
            return ("",)
        if release and CRAWL.fullmatch(release):
            return (release,)
        return crawls_at(captured_at) if captured_at else ()

    def captures(self, urls: Collection[str], release: str = "") -> Iterator[IndexedCapture]:
        """Yield all captures of URLs in a release.

        Raises:
            StorageError: the index cannot be asked, or refuses.
            CorruptError: it says something else than captures, or a part of it cannot be read.
            InputError: the address leads to no index.
        """
        address = self.address.replace(RELEASE, release)
        if not self.is_server:
            yield from _read(plan([address], self.storage, self.base).shards, urls, self.storage)
            return
        for url, response in _asked(address, urls, self.storage):
            yield from (each for each in _listed(response, address) if each and each.url == url)


def _asked(
    endpoint: str, urls: Collection[str], storage: StorageOptions
) -> Iterator[tuple[str, RawResponse]]:
    """Ask a server for the captures of each URL."""
    with AskingThreads(ASKED_AT_ONCE, "index") as pool:
        yield from pool.map(lambda url: (url, ask(_query(endpoint, url), 0, ANSWER_BYTES, storage)), urls)


def _query(endpoint: str, url: str) -> str:
    return f"{canonical(endpoint)}?url={quote(url, safe='')}&output=json"


def _listed(answer: RawResponse, endpoint: str) -> Iterator[IndexedCapture | None]:
    """Yield the captures that a server lists; None for one without a place.

    Raises:
        StorageError: there is no answer, or a refusal.
        CorruptError: the answer is no list of captures.
    """
    where = printable(endpoint)
    if answer.status is None or answer.failure:
        raise StorageError(f"the index gives no answer: {answer.failure}", where=where)
    body = unpacked_body(answer, ANSWER_BYTES)
    text = body.decode("utf-8", "replace")
    if answer.status == 404 and _is_none(text):
        return
    if answer.status not in (200, 206):
        raise StorageError(
            f"the index refuses with status {answer.status}",
            where=where,
            remedy="ask less often (--requests-per-second), or name the files of an index",
        )
    if len(body) >= ANSWER_BYTES:
        raise CorruptError("the index's answer is too long to be read whole", where=where)
    for line in filter(str.strip, text.splitlines()):
        try:
            found = parse(line.encode())
        except ValueError:
            found = None
        if not isinstance(found, dict) or "timestamp" not in found:
            raise CorruptError("this is no list of captures, so no index answers there", where=where)
        found["timestamp"] = to_second(str(found["timestamp"]))
        yield _capture_of(*(found.get(name) for name in _OF_SERVER))


def _is_none(text: str) -> bool:
    """Return whether a 404 is the index's own: it reports that, and a missing page has other words."""
    try:
        found = parse(text.encode())
    except ValueError:
        return text.startswith("No Captures found")
    message = found.get("message", found.get("error", "")) if isinstance(found, dict) else ""
    return str(message).startswith("No Captures found")


def look_up_on_server(
    endpoint: str, urls: Collection[str], storage: StorageOptions
) -> dict[str, IndexAnswer]:
    """Return what a CDX server lists for URLs: under any spelling of them that it takes for the same.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    return {url: _answer_of(response, url, endpoint) for url, response in _asked(endpoint, urls, storage)}


def _answer_of(response: RawResponse, url: str, endpoint: str) -> IndexAnswer:
    address = _query(endpoint, url)
    request = f"GET {address}"
    try:
        listed = list(_listed(response, endpoint))
        if None in listed:
            raise CorruptError("the index lists a capture without its place", where=printable(endpoint))
    except PresswatchError as error:
        return IndexAnswer(request, address, error=error, response=response)
    return IndexAnswer(request, address, [each for each in listed if each], response=response)


def look_up_in_files(address: str, urls: Collection[str], storage: StorageOptions) -> dict[str, IndexAnswer]:
    """Return what files of an index have of URLs, by their address, as `storage.shards.plan` takes it.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    request, captures = f"READ {printable(address)}", dict[str, list[IndexedCapture]]()
    if not urls:
        return {}
    try:
        for capture in _read(plan([address], storage).shards, urls, storage):
            captures.setdefault(capture.url, []).append(capture)
    except BlockedError:
        raise
    except PresswatchError as error:
        return dict.fromkeys(urls, IndexAnswer(request, address, error=error))
    return {url: IndexAnswer(request, address, captures.get(url, ())) for url in urls}


def _read(
    files: Sequence[ObjectInfo], urls: Collection[str], storage: StorageOptions
) -> Iterator[IndexedCapture]:
    wanted, asked = wanted_pages(urls), frozenset(urls)

    def captures_in(file: ObjectInfo) -> list[IndexedCapture]:
        info = file if file.size is not None else stat(file.uri, storage)
        report = IndexReport()
        read = read_cdxj if is_cdxj(printable(info.uri)) else read_index
        rows = (row for _, row in read(info, wanted, storage, report) if row.get("url") in asked)
        found = [capture for row in rows if (capture := capture_of_row(row))]
        if report.defects_total:
            what = f"a part of the index cannot be read: {'; '.join(report.complaints)}"
            raise CorruptError(what, where=printable(info.uri))
        return found

    with AskingThreads(ASKED_AT_ONCE, "index") as pool:
        for found in pool.map(captures_in, files):
            yield from found


def wanted_pages(urls: Collection[str]) -> Wanted:
    """Say what to look for in files of an index, so that rows of these URLs are found.

    `InputError` for a URL without a host: no index has it.
    """
    places = dict[str, set[str]]()
    for url in urls:
        host = host_of(url)
        if host is None:
            raise InputError("names no page of a site, so no index has it", where=printable(url))
        # As the index writes it: a normal form may leave parts of a path out.
        places.setdefault(host, set()).add(urlsplit(url).path or "/")
    return Wanted.of(places)


def capture_of_row(row: Mapping[str, object]) -> IndexedCapture | None:
    """Return the capture of a row of an index by our names; None if it has no place."""
    return _capture_of(*(row.get(name) for name in _OF_FILE))


def _capture_of(
    url: Any, at: Any, filename: Any, offset: Any, length: Any, digest: Any
) -> IndexedCapture | None:
    """Return the capture that the values of a row tell; None if they tell no place."""
    name, begin, size = as_text(filename), as_number(offset, _LARGEST), as_number(length, _LARGEST)
    if not isinstance(url, str) or not name or begin is None or not size or ".." in name.split("/"):
        return None
    return IndexedCapture(url, as_time(at), name, begin, size, as_text(digest))
