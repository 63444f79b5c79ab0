"""The older index, searched by key: a line of `cluster.idx` names a block of lines, and the first key in it.

    fr,journal)/une 20240716153155	cdx-00012.gz	1048576	203344	4711

The file is searched by ranges, and only blocks that can have a key are inflated. Keys that are near each
other cost one request.
"""

import re
import zlib
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from presswatch_spark.ccindex.cdxj import row_of_line
from presswatch_spark.ccindex.keys import Key
from presswatch_spark.ccindex.lookup import (
    ASKED_AT_ONCE,
    IndexAnswer,
    IndexedCapture,
    capture_of_row,
    wanted_pages,
)
from presswatch_spark.errors import CorruptError, PresswatchError, StorageError
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import RawResponse, StorageOptions, ask, printable, stat
from presswatch_spark.storage.threads import AskingThreads

CLUSTER = "cluster.idx"
PROBED_BYTES, WINDOW_BYTES = 4 << 10, 64 << 10
"""How much of `cluster.idx` is read to see where a place is, and how much to be read through at last."""
BLOCK_BYTES, INFLATED_BYTES = 16 << 20, 64 << 20
"""A block of lines, stored and inflated, is no longer; Common Crawl's are of about 200 KB."""
_GZIP_WINDOW = 31
_BLOCKS = re.compile(r"[^/]*cdx-[0-9]+\.gz")

Block = tuple[str, int, int]
"""The URI of a file, and first byte and length of a block of lines in it."""


def look_up_in_clusters(uri: str, keys: Mapping[str, Key], storage: StorageOptions) -> dict[str, IndexAnswer]:
    """Return what an index has of URLs, by the address of its `cluster.idx`.

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
    with AskingThreads(ASKED_AT_ONCE, "index") as pool:
        read = dict(pool.map(lambda block: (block, _read_block(block, keys, storage)), blocks))
    return {
        url: _together(url, [read[block] for block in blocks_of[url]], IndexAnswer(request, uri))
        for url in keys
    }


def _together(url: str, blocks: Sequence[IndexAnswer], nothing: IndexAnswer) -> IndexAnswer:
    """Return what several blocks have of a URL; an error of one is that of all."""
    answer, captures = blocks[0] if blocks else nothing, list[IndexedCapture]()
    for each in blocks:
        if each.error is not None:
            return each
        found = [capture for capture in each.captures if capture.url == url]
        answer = each if found and not captures else answer
        captures += found
    return IndexAnswer(answer.request, answer.uri, captures, response=answer.response)


def _read_block(block: Block, urls: Collection[str], storage: StorageOptions) -> IndexAnswer:
    """Return the captures of URLs in a block of lines."""
    uri, start, length = block
    request = f"GET {printable(uri)} bytes={start}-{start + length - 1}"
    response = ask(uri, start, start + length, storage)
    try:
        return IndexAnswer(request, uri, _captures_in(response, block, urls), response=response)
    except (StorageError, CorruptError) as error:
        return IndexAnswer(request, uri, error=error, response=response)


def _captures_in(response: RawResponse, block: Block, urls: Collection[str]) -> list[IndexedCapture]:
    uri, start, length = block
    wanted, where = wanted_pages(urls), printable(uri)
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = inflater.decompress(_bytes_of(response, uri, start, start + length), INFLATED_BYTES)
    except zlib.error:
        text = b""
    rows = [row_of_line(line, wanted) for line in text.split(b"\n") if line]
    if not inflater.eof or any(row is None for row in rows):
        raise CorruptError("the block of the index cannot be read", where=where)
    found = (capture_of_row(row) for row in rows if row and row.get("url") in urls)
    return [capture for capture in found if capture is not None]


def _bytes_of(response: RawResponse, uri: str, start: int, end: int) -> bytes:
    """Return bytes [start, end) of a file, or fewer at its end; raise `StorageError` if they did not come."""
    if response.status not in (200, 206) or response.failure or response.start > start:
        why = response.failure or f"status {response.status}"
        raise StorageError(f"the index could not be read: {why}", where=printable(uri))
    return response.body[start - response.start : end - response.start]


@dataclass(slots=True)
class _ClusterSearch:
    """A search in `cluster.idx`; it keeps what it saw, so keys that are near each other cost one request.

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
        """Return the offsets of lines known to precede and to follow a key."""
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
        """Return the blocks of the last line before a key, and of all lines that begin with it."""
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
    """Return the key of a line: a time follows it."""
    return line.partition("\t")[0].partition(" ")[0]
