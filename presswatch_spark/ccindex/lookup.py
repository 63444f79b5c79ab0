"""Where the captures of URLs are, by an index: a CDX server, or files of the columnar or the older index.

A server of the CDX API answers `?url=…&output=json` with a line of JSON for each capture. Files are read by
range, and only those row groups of them that can have one of the URLs. The older index is also searched by
key: a line of `cluster.idx` names a block of lines, and the first key in it.

    fr,journal)/une 20240716153155	cdx-00012.gz	1048576	203344	4711

The file is searched by ranges, and only blocks that can have a key are inflated. Keys that are near each
other cost one request.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from presswatch_spark.ccindex.cdxj import is_cdxj, read_cdxj, row_of_line, to_second
from presswatch_spark.ccindex.index_file import IndexReport, read_index
from presswatch_spark.ccindex.wanted import Key, Wanted
from presswatch_spark.errors import CorruptError, InputError, PresswatchError, StorageError
from presswatch_spark.formats.inflate import Member, first_member
from presswatch_spark.formats.table.columns import LARGEST_OFFSET, as_number, as_text, as_time
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

CLUSTER = "cluster.idx"
PROBED_BYTES, WINDOW_BYTES = 4 << 10, 64 << 10
"""How much of `cluster.idx` is read to see where a place is, and how much to be read through at last."""
BLOCK_BYTES, INFLATED_BYTES = 16 << 20, 64 << 20
"""A block of lines, stored and inflated, is no longer; Common Crawl's are of about 200 KB."""
_BLOCKS = re.compile(r"[^/]*cdx-[0-9]+\.gz")
Block = tuple[str, int, int]
"""The URI of a file, and first byte and length of a block of lines in it."""
ANSWER_BYTES = 4 << 20
ASKED_AT_ONCE = 8
RELEASE = "{release}"
"""Stands in the address of an index for the release."""
_FILES = re.compile(r"(?:\.parquet|\.gz|\.cdxj|/cluster\.idx|/)$")
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
    """The answer of an index for a URL: captures, or the `error` why they are unknown.

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

    `address` may hold `{release}`. `base`: the base of relative lines in a list of files.
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
    if answer.status == 404:
        # The index's own 404 reports that; a missing page has other words.
        message: object = text
        with suppress(ValueError):
            found = parse(text.encode())
            message = found.get("message", found.get("error", "")) if isinstance(found, dict) else ""
        if str(message).startswith("No Captures found"):
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


def look_up_on_server(
    endpoint: str, urls: Collection[str], storage: StorageOptions
) -> dict[str, IndexAnswer]:
    """Return the answers of a CDX server for URLs: under any spelling of them that it takes for the same.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    answers = dict[str, IndexAnswer]()
    for url, response in _asked(endpoint, urls, storage):
        address = _query(endpoint, url)
        request = f"GET {address}"
        try:
            listed = list(_listed(response, endpoint))
            if None in listed:
                raise CorruptError("the index lists a capture without its place", where=printable(endpoint))
        except PresswatchError as error:
            answers[url] = IndexAnswer(request, address, error=error, response=response)
        else:
            captures = [each for each in listed if each]
            answers[url] = IndexAnswer(request, address, captures, response=response)
    return answers


def look_up_in_files(address: str, urls: Collection[str], storage: StorageOptions) -> dict[str, IndexAnswer]:
    """Return the answers of files of an index for URLs, by their address, as `storage.shards.plan` takes it.

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
    """Return the keys and domains by which files of an index have rows of these URLs.

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
    name, begin, size = (
        as_text(filename),
        as_number(offset, LARGEST_OFFSET),
        as_number(length, LARGEST_OFFSET),
    )
    if not isinstance(url, str) or not name or begin is None or not size or ".." in name.split("/"):
        return None
    return IndexedCapture(url, as_time(at), name, begin, size, as_text(digest))


def look_up_in_clusters(uri: str, keys: Mapping[str, Key], storage: StorageOptions) -> dict[str, IndexAnswer]:
    """Return the answers of an index for URLs, by the address of its `cluster.idx`.

    Args:
        keys: the key of each URL.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    if not keys:
        return {}
    request = f"READ {printable(uri)}"
    try:
        search = _ClusterSearch(uri, storage, stat(uri, storage).size or 0)
        ordered = sorted(keys, key=lambda url: keys[url].surt)
        blocks_of = {url: search.blocks_of(keys[url].surt) for url in ordered}
    except BlockedError:
        raise
    except PresswatchError as error:
        return dict.fromkeys(keys, IndexAnswer(request, uri, error=error))
    blocks = list(dict.fromkeys(block for blocks in blocks_of.values() for block in blocks))
    wanted = wanted_pages(keys)
    with AskingThreads(ASKED_AT_ONCE, "index") as pool:
        read = dict(pool.map(lambda block: (block, _read_block(block, keys, wanted, storage)), blocks))

    answers = dict[str, IndexAnswer]()
    for url in keys:
        parts = [read[block] for block in blocks_of[url]]
        answer, captures = parts[0] if parts else IndexAnswer(request, uri), list[IndexedCapture]()
        for part in parts:
            found = [capture for capture in part.captures if capture.url == url]
            answer = part if found and not captures else answer
            captures += found
        # An error of one block is that of all.
        failed = (part for part in parts if part.error is not None)
        whole = IndexAnswer(answer.request, answer.uri, captures, response=answer.response)
        answers[url] = next(failed, whole)
    return answers


def _read_block(block: Block, urls: Collection[str], wanted: Wanted, storage: StorageOptions) -> IndexAnswer:
    uri, start, length = block
    where = printable(uri)
    request = f"GET {where} bytes={start}-{start + length - 1}"
    response = ask(uri, start, start + length, storage)
    try:
        member = first_member(_bytes_of(response, uri, start, start + length), INFLATED_BYTES)
        inflated = member or Member(b"", None)
        rows = [row_of_line(line, wanted) for line in inflated.data.split(b"\n") if line]
        if inflated.end is None or any(row is None for row in rows):
            raise CorruptError("the block of the index cannot be read", where=where)
    except (StorageError, CorruptError) as error:
        return IndexAnswer(request, uri, error=error, response=response)
    found = (capture_of_row(row) for row in rows if row and row.get("url") in urls)
    return IndexAnswer(request, uri, [capture for capture in found if capture], response=response)


def _bytes_of(response: RawResponse, uri: str, start: int, end: int) -> bytes:
    """Return bytes [start, end) of a file, or fewer at its end; raise `StorageError` if they did not come."""
    if response.status not in (200, 206) or response.failure or response.start > start:
        why = response.failure or f"status {response.status}"
        raise StorageError(f"the index could not be read: {why}", where=printable(uri))
    return response.body[start - response.start : end - response.start]


@dataclass(slots=True)
class _ClusterSearch:
    """A search in `cluster.idx`; it keeps the lines it saw: keys near each other cost one request.

    `seen`: keys of lines, by rising offset, each with the offset of its line.
    """

    uri: str
    storage: StorageOptions
    size: int
    seen: list[tuple[str, int]] = field(default_factory=list)
    _window: tuple[int, int, list[str]] = (0, 0, [])

    def blocks_of(self, surt: str) -> list[Block]:
        """Return the blocks that may hold a key."""
        if not self.seen:
            self._read(0, PROBED_BYTES)
        low, high = self._around(surt)
        if self._window[0] <= low and high <= self._window[1]:
            return self._chosen(surt, self._window[2])
        while high - low > WINDOW_BYTES:
            middle = (low + high) // 2
            self._read(middle, middle + PROBED_BYTES)
            narrowed = self._around(surt)
            if narrowed == (low, high):
                break
            low, high = narrowed
        if high - low > BLOCK_BYTES:
            raise CorruptError("the index cannot be searched", where=printable(self.uri))
        data = self._read(low, high)
        self._window = low, high, data.decode("utf-8", "replace").split("\n")
        return self._chosen(surt, self._window[2])

    def _around(self, surt: str) -> tuple[int, int]:
        place = bisect_left(self.seen, (surt, -1))
        low = self.seen[place - 1][1] if place else 0
        following = bisect_left(self.seen, (f"{surt}\x01", -1))
        return low, self.seen[following][1] if following < len(self.seen) else self.size

    def _read(self, start: int, end: int) -> bytes:
        """Read a part, from the beginning of a line on, and note which line that is."""
        data = _bytes_of(ask(self.uri, start, end, self.storage), self.uri, start, end)
        skipped = data.find(b"\n") + 1 if start else 0
        line = data[skipped:].split(b"\n", 1)
        if (start == 0 or skipped) and len(line) > 1 and (surt := _key(line[0].decode("utf-8", "replace"))):
            known = surt, start + skipped
            place = bisect_left(self.seen, known)
            if self.seen[place : place + 1] != [known]:
                self.seen.insert(place, known)
        return data

    def _chosen(self, surt: str, lines: Sequence[str]) -> list[Block]:
        chosen, before = list[Block](), None
        for line in lines:
            block = self._block(line)
            if block is None:
                continue
            key = _key(line)
            if key < surt:
                before = block
            elif key == surt:
                chosen.append(block)
            else:
                break
        return [*([before] if before else []), *chosen]

    def _block(self, line: str) -> Block | None:
        columns = line.split("\t")
        if len(columns) < 4 or not _BLOCKS.fullmatch(columns[1]) or not all(map(str.isdecimal, columns[2:4])):
            return None
        length = int(columns[3])
        folder = self.uri.rpartition("/")[0]
        return (f"{folder}/{columns[1]}", int(columns[2]), length) if 0 < length <= BLOCK_BYTES else None


def _key(line: str) -> str:
    # A time follows it.
    return line.partition("\t")[0].partition(" ")[0]
