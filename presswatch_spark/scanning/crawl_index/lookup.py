"""Looks up the captures of URLs in an index: a CDX server, or files of the columnar or the CDXJ index.

A server answers `?url=…&output=json` with a line of JSON for each capture. Of files, only parts that can
contain one of the URLs are read, by range: the CDXJ index has a `cluster.idx`, sorted by key. Each of its
lines is about a block of lines: the block's first key, file, offset, length, and number.

    fr,journal)/une 20240716153155	cdx-00012.gz	1048576	203344	4711
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any
from urllib.parse import quote, urlsplit

from presswatch_spark.core.errors import CorruptError, PresswatchError, StorageError
from presswatch_spark.core.threads import AskingThreads
from presswatch_spark.core.times import record_time
from presswatch_spark.matching.judgement.urls import host_of
from presswatch_spark.reading.inflate import Member, first_member
from presswatch_spark.reading.rows.columns import LARGEST_OFFSET, as_number, as_text
from presswatch_spark.reading.rows.lenient_json import parse
from presswatch_spark.scanning.crawl_index.index_file import (
    IndexReport,
    is_cdxj,
    read_cdxj,
    read_index,
    row_of_line,
)
from presswatch_spark.scanning.crawl_index.wanted import Key, Wanted, key_of
from presswatch_spark.scanning.releases.datasets import crawls_at
from presswatch_spark.scanning.releases.release import CRAWL
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.http import unpacked_body
from presswatch_spark.storage.objects import (
    ObjectInfo,
    RawResponse,
    StorageOptions,
    ask,
    canonical,
    read_range,
    shown_uri,
    stat,
)
from presswatch_spark.storage.shards import plan
from presswatch_spark.storage.uris import is_web

RELEASE = "{release}"
"""Placeholder for the release in the address of an index."""
_CLUSTER = "/cluster.idx"
_LATER = "check its address, and run again later"
_DAMAGED = "download the index again, or check its address"
_FILES = re.compile(r"(?:\.parquet|\.paths|\.gz|\.cdxj|/cluster\.idx|/)$|cc-index/table/")
ANSWER_BYTES, ASKED_AT_ONCE = 4 << 20, 8
WINDOW_BYTES, LONGEST_LINE = 64 << 10, 1 << 20
"""Size of the parts in which `cluster.idx` is read, and greatest length of its lines."""
BLOCK_BYTES, INFLATED_BYTES = 16 << 20, 64 << 20
"""Greatest size of a block of lines, stored and inflated; Common Crawl's have about 200 KB."""
_BLOCKS = re.compile(r"[^/]*cdx-[0-9]+\.gz")
_OF_SERVER = ("url", "timestamp", "filename", "offset", "length", "digest")
_OF_FILE = ("url", "captured_at", "warc_filename", "record_offset", "record_length", "payload_digest")
Block = tuple[str, int, int]
"""A block of lines: the URI of its file, its first byte and its length there."""


@dataclass(frozen=True, slots=True)
class IndexedCapture:
    """A capture as an index lists it. `filename`: key of its WARC file below the release's bucket or site."""

    url: str
    captured_at: datetime | None
    filename: str
    offset: int
    length: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """The answer of an index for a URL: captures, or the `error` because of which they are unknown.

    `response`: the raw response to `request`, if a single response decided. `is_sure`: an answer without
    captures proves that the index has none. In files, a capture may have a key that we do not expect.
    """

    request: str
    uri: str
    captures: Sequence[IndexedCapture] = ()
    error: PresswatchError | None = None
    response: RawResponse | None = None
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Index:
    """An index of captures: a CDX server, a `cluster.idx`, or files by a path for `storage.shards.plan`.

    `address` may contain `{release}`. `base`: the base of relative lines in a list of files.
    """

    address: str
    storage: StorageOptions
    base: str | None = None

    @property
    def is_files(self) -> bool:
        """Return whether the address looks like that of files or folders of an index."""
        return _FILES.search(self.address) is not None

    @property
    def is_server(self) -> bool:
        """Return whether the address is any other address of a web site: a CDX server."""
        return is_web(self.address) and not self.is_files

    def releases_of(self, release: str | None, captured_at: datetime | None) -> tuple[str, ...]:
        """Return the releases to look in: the named crawl, or those of a time; `""` without a placeholder."""
        if RELEASE not in self.address:
            return ("",)
        if release and CRAWL.fullmatch(release):
            return (release,)
        return crawls_at(captured_at) if captured_at else ()

    def captures(self, urls: Collection[str], release: str = "") -> Iterator[IndexedCapture]:
        """Yield all captures of exactly these URLs in a release.

        `StorageError`: the index does not answer, or refuses. `CorruptError`: its answer is no list of
        captures, or a part of it cannot be read. `InputError`: the address leads to no index.
        """
        for url, answer in self.answers(urls, release):
            if answer.error is not None:
                raise answer.error
            yield from (each for each in answer.captures if each.url == url)

    def answers(self, urls: Collection[str], release: str = "") -> Iterator[tuple[str, IndexAnswer]]:
        """Yield each URL with its answer; a server finds any spelling of it. Raises only `BlockedError`."""
        address = self.address.replace(RELEASE, release)
        if self.is_server:
            with AskingThreads(ASKED_AT_ONCE, "index") as pool:
                yield from pool.map(lambda url: (url, _asked(address, url, self.storage)), urls)
            return
        keys = {url: key for url in urls if host_of(url) and (key := key_of(url)) is not None}
        nothing, found = IndexAnswer(f"READ {shown_uri(address)}", address), dict[str, IndexAnswer]()
        try:
            if keys and address.endswith(_CLUSTER):
                found = _in_clusters(address, keys, self.storage)
            elif keys:
                files = plan([address], self.storage, self.base).shards
                wanted, listed = _wanted_pages(keys), dict[str, list[IndexedCapture]]()
                with AskingThreads(ASKED_AT_ONCE, "index") as pool:
                    read = pool.map(lambda file: _captures_in(file, keys, wanted, self.storage), files)
                    for capture in chain.from_iterable(read):
                        listed.setdefault(capture.url, []).append(capture)
                found = {url: replace(nothing, captures=captures) for url, captures in listed.items()}
        except BlockedError:
            raise
        except PresswatchError as error:
            found = dict.fromkeys(urls, replace(nothing, error=error))
        for url in urls:
            is_sure = url in keys and keys[url].is_sure
            yield url, replace(found.get(url, nothing), is_sure=is_sure)


def _asked(address: str, url: str, storage: StorageOptions) -> IndexAnswer:
    query = f"{canonical(address)}?url={quote(url, safe='')}&output=json"
    response = ask(query, 0, ANSWER_BYTES, storage)
    try:
        captures = list(_listed(response, address))
    except PresswatchError as error:
        return IndexAnswer(f"GET {query}", query, error=error, response=response)
    return IndexAnswer(f"GET {query}", query, captures, response=response)


def _listed(answer: RawResponse, endpoint: str) -> Iterator[IndexedCapture]:
    """Yield the captures that a server lists.

    `StorageError`: no answer, or a refusal. `CorruptError`: the answer is no list of captures with places.
    """
    where = shown_uri(endpoint)
    if answer.status is None or answer.failure:
        raise StorageError(f"the index does not answer: {answer.failure}", where=where, remedy=_LATER)
    body = unpacked_body(answer, ANSWER_BYTES)
    text = body.decode("utf-8", "replace")
    if answer.status == 404:
        # A 404 of the index itself has this message; a 404 for a wrong address has not.
        message: object = text
        with suppress(ValueError):
            found = parse(text.encode())
            message = found.get("message", found.get("error", "")) if isinstance(found, dict) else ""
        if str(message).startswith("No Captures found"):
            return
    if answer.status not in (200, 206):
        remedy = "lower --requests-per-second, or pass the files of an index"
        raise StorageError(f"the index refuses with status {answer.status}", where=where, remedy=remedy)
    if len(body) >= ANSWER_BYTES:
        raise CorruptError("the index's answer is too long to read", where=where, remedy=_LATER)
    # A URL may contain line ends of Unicode.
    for line in filter(str.strip, text.split("\n")):
        found = None
        with suppress(ValueError):
            found = parse(line.encode())
        if not isinstance(found, dict) or "timestamp" not in found:
            raise CorruptError("the answer is not a list of captures", where=where, remedy=_LATER)
        found["timestamp"] = str(found["timestamp"])
        capture = _capture_of(*map(found.get, _OF_SERVER))
        if capture is None:
            raise CorruptError("the index lists a capture without its place", where=where, remedy=_LATER)
        yield capture


def _captures_in(
    file: ObjectInfo, urls: Collection[str], wanted: Wanted, storage: StorageOptions
) -> list[IndexedCapture]:
    info = file if file.size is not None else stat(file.uri, storage)
    report = IndexReport()
    read = read_cdxj if is_cdxj(shown_uri(info.uri)) else read_index
    rows = (row for _, row in read(info, wanted, storage, report) if row.get("url") in urls)
    found = [capture for row in rows if (capture := _capture_of(*map(row.get, _OF_FILE)))]
    if report.defects_total:
        what = f"a part of the index cannot be read: {'; '.join(report.complaints)}"
        raise CorruptError(what, where=shown_uri(info.uri))
    return found


def _wanted_pages(urls: Collection[str]) -> Wanted:
    places = dict[str, set[str]]()
    for url in urls:
        # Use the path as the index writes it: a normal form may drop parts of it.
        places.setdefault(host_of(url) or "", set()).add(urlsplit(url).path or "/")
    return Wanted.of(places)


def _capture_of(
    url: Any, at: Any, filename: Any, offset: Any, length: Any, digest: Any
) -> IndexedCapture | None:
    name, begin = as_text(filename), as_number(offset, LARGEST_OFFSET)
    size = as_number(length, LARGEST_OFFSET)
    if not isinstance(url, str) or not name or begin is None or not size or ".." in name.split("/"):
        return None
    return IndexedCapture(url, record_time(at), name, begin, size, as_text(digest))


def _in_clusters(uri: str, keys: Mapping[str, Key], storage: StorageOptions) -> dict[str, IndexAnswer]:
    lines = _ClusterLines(uri, storage, stat(uri, storage).size or 0)
    blocks_of = {url: lines.blocks_of(key.surt) for url, key in keys.items()}
    blocks = list(dict.fromkeys(block for blocks in blocks_of.values() for block in blocks))
    wanted = _wanted_pages(keys)
    with AskingThreads(ASKED_AT_ONCE, "index") as pool:
        read = dict(pool.map(lambda block: (block, _read_block(block, keys, wanted, storage)), blocks))

    answers = dict[str, IndexAnswer]()
    for url in keys:
        answer, captures = IndexAnswer(f"READ {shown_uri(uri)}", uri), list[IndexedCapture]()
        for number, part in enumerate(read[block] for block in blocks_of[url]):
            found = [capture for capture in part.captures if capture.url == url]
            answer = part if not number or part.error or (found and not captures) else answer
            captures += found
            # The error of one block makes the whole answer unknown.
            if part.error:
                break
        answers[url] = replace(answer, captures=captures)
    return answers


def _read_block(block: Block, urls: Collection[str], wanted: Wanted, storage: StorageOptions) -> IndexAnswer:
    uri, start, length = block
    where = shown_uri(uri)
    request = f"GET {where} bytes={start}-{start + length - 1}"
    response = ask(uri, start, start + length, storage)
    try:
        if response.status not in (200, 206) or response.failure or response.start > start:
            why = response.failure or f"status {response.status}"
            raise StorageError(f"the index could not be read: {why}", where=where, remedy=_LATER)
        data = response.body[start - response.start :][:length]
        inflated = first_member(data, INFLATED_BYTES) or Member(b"", None)
        rows = [row_of_line(line, wanted) for line in inflated.data.split(b"\n") if line]
        if inflated.end is None or None in rows:
            raise CorruptError("the block of the index cannot be read", where=where, remedy=_DAMAGED)
    except (StorageError, CorruptError) as error:
        return IndexAnswer(request, uri, error=error, response=response)
    found = (_capture_of(*map(row.get, _OF_FILE)) for row in rows if row and row.get("url") in urls)
    return IndexAnswer(request, uri, [capture for capture in found if capture], response=response)


@dataclass(frozen=True, slots=True)
class _ClusterLines:
    uri: str
    storage: StorageOptions
    size: int
    windows: dict[int, bytes] = field(default_factory=dict)

    def blocks_of(self, surt: str) -> list[Block]:
        """Return the blocks that may contain a key: those that begin with it, and the one before these."""
        after = bisect_left(range(self.size), surt, key=self._key_after)
        found, start = list[Block](), max(0, after - 1)
        while start < self.size:
            line = self._line_at(start)
            start += len(line) + 1
            key, columns = _key(line), line.decode("utf-8", "replace").split("\t")
            if key > surt:
                break
            if len(columns) < 4 or not _BLOCKS.fullmatch(columns[1]) or not "".join(columns[2:4]).isdecimal():
                raise CorruptError("a line describes no block", where=shown_uri(self.uri), remedy=_DAMAGED)
            if 0 < int(columns[3]) <= BLOCK_BYTES:
                found.append(
                    (f"{self.uri.rpartition('/')[0]}/{columns[1]}", int(columns[2]), int(columns[3]))
                )
        return found

    def _key_after(self, offset: int) -> str:
        start = offset + len(self._line_at(offset - 1)) if offset else 0
        return _key(self._line_at(start)) if start < self.size else chr(0x10FFFF)

    def _line_at(self, start: int) -> bytes:
        data, at = b"", start
        while b"\n" not in data and at < self.size:
            number = at // WINDOW_BYTES
            if number not in self.windows:
                first = number * WINDOW_BYTES
                self.windows[number] = read_range(self.uri, first, WINDOW_BYTES, self.storage)
            part = self.windows[number][at % WINDOW_BYTES :]
            data, at = data + part, at + len(part)
            if not part or len(data) > LONGEST_LINE + WINDOW_BYTES:
                raise CorruptError("the index cannot be searched", where=shown_uri(self.uri), remedy=_DAMAGED)
        return data.partition(b"\n")[0]


def _key(line: bytes) -> str:
    # A line begins with key, space and time.
    return line.partition(b"\t")[0].partition(b" ")[0].decode("utf-8", "replace")
