"""An index that is read as files: no server of it is needed to say where the captures of a page are.

Two kinds are read. Of the older one, `cluster.idx` names the block of lines in which a key stands: it is
searched by ranges, and one block is inflated. Of the columnar one, statistics say which row groups can hold a
key, and only these are read. Pages are looked up together, so each range is asked for once.
"""

import re
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from presswatch_spark.ccindex.index_file import IndexReport, read_index
from presswatch_spark.ccindex.keys import Key, key_of
from presswatch_spark.ccindex.wanted import Wanted
from presswatch_spark.errors import PresswatchError
from presswatch_spark.formats.table.columns import as_time
from presswatch_spark.judgement.urls import host_of
from presswatch_spark.removal import states
from presswatch_spark.removal.answers import ProbeFinding, columns_of, part_of
from presswatch_spark.removal.index import Captures
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, ask, printable, stat
from presswatch_spark.storage.shards import plan
from presswatch_spark.storage.threads import AskingThreads

Row = dict[str, Any]
Page = tuple[str, str]
"""Release and URL of a page; the release is empty if it is not known."""

CLUSTER = "cluster.idx"
TABLE = "cc-index/table/"
LISTS = (".parquet", ".paths", ".paths.gz")
PROBED_BYTES, WINDOW_BYTES = 4 << 10, 64 << 10
"""How much of `cluster.idx` is read to see where a place is, and how much to be read through at last."""
BLOCK_BYTES, INFLATED_BYTES = 16 << 20, 64 << 20
"""A block of lines, stored and inflated, is no longer; Common Crawl's are of some 200 KB."""
AT_ONCE = 8
UNSURE = "the index has nothing under this key, and may have written the page's URL in another way"
_BLOCKS = re.compile(r"[^/]*cdx-[0-9]+\.gz")


@dataclass(frozen=True, slots=True)
class Said:
    """What an index says of a page: columns of `probes` about its answer, and captures, or why none came."""

    about: Row
    captures: Captures | ProbeFinding


def is_files(endpoint: str) -> bool:
    """Whether an address is that of index files, and not of a server."""
    return endpoint.endswith((f"/{CLUSTER}", *LISTS)) or TABLE in endpoint


def look_up(endpoint: str, pages: Iterable[Page], storage: StorageOptions) -> dict[Page, Said]:
    """Return what the index files at an address say of pages; `{release}` stands for the release.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    by_address, found = dict[str, dict[str, Page]](), dict[Page, Said]()
    for release, url in pages:
        address = endpoint.replace("{release}", release)
        by_address.setdefault(address, {})[url] = release, url
    for address, wanted in by_address.items():
        keys = {url: key for url in wanted if (key := key_of(url)) is not None}
        read = _in_clusters if address.endswith(CLUSTER) else _in_tables
        said = read(address, keys, storage)
        for url, page in wanted.items():
            nothing = Said(
                _about(address), ProbeFinding(states.STRANGE, "this is no URL that an index can have")
            )
            found[page] = _sure(said.get(url, nothing), keys.get(url))
    return found


def _sure(said: Said, key: Key | None) -> Said:
    """Return what an index says; that it has no capture only if it is sure under which key it would stand."""
    if isinstance(said.captures, ProbeFinding) or said.captures or (key and key.is_sure):
        return said
    return Said(said.about, ProbeFinding(states.STRANGE, UNSURE))


def _about(uri: str, more: str = "") -> Row:
    asked = {"asked_at": datetime.now(UTC), "request": f"READ {printable(uri)}{more}"}
    return {**asked, "file_uri": printable(uri)}


# The older index: `cluster.idx`, and blocks of lines.

Block = tuple[str, int, int]
"""The URI of a file, and first byte and length of a block of lines in it."""


@dataclass(slots=True)
class _Clusters:
    """A search in `cluster.idx`; it keeps what it saw, so keys that are near each other cost one request.

    `seen`: keys of lines, by rising offset, each with the offset of its line.
    """

    uri: str
    storage: StorageOptions
    size: int = 0
    seen: list[tuple[str, int]] = field(default_factory=list)
    _window: tuple[int, int, list[str]] = (0, 0, [])

    def blocks_of(self, surt: str) -> list[Block] | Said:
        """Return the blocks that may hold a key; what the index said if it cannot be searched."""
        if not self.size:
            begun = self._read(0, PROBED_BYTES)
            if isinstance(begun, Said):
                return begun
        low, high = self._around(surt)
        if self._window[0] <= low and high <= self._window[1]:
            return self._chosen(surt, self._window[2])
        while high - low > WINDOW_BYTES:
            middle = (low + high) // 2
            if isinstance(said := self._read(middle, middle + PROBED_BYTES), Said):
                return said
            narrowed = self._around(surt)
            if narrowed == (low, high):
                break
            low, high = narrowed
        if high - low > BLOCK_BYTES:
            return Said(_about(self.uri), ProbeFinding(states.STRANGE, "the index cannot be searched"))
        data = self._read(low, high)
        if isinstance(data, Said):
            return data
        self._window = low, high, data.decode("utf-8", "replace").split("\n")
        return self._chosen(surt, self._window[2])

    def _around(self, surt: str) -> tuple[int, int]:
        """Return the offsets of lines known to stand before a key and behind it."""
        place = bisect_left(self.seen, (surt, -1))
        low = self.seen[place - 1][1] if place else 0
        behind = bisect_left(self.seen, (f"{surt}\x01", -1))
        return low, self.seen[behind][1] if behind < len(self.seen) else self.size

    def _read(self, start: int, end: int) -> bytes | Said:
        """Read a part, from the beginning of a line on, and note which line that is."""
        answer = ask(self.uri, start, end, self.storage)
        part = part_of(answer, self.uri, start, end)
        if isinstance(part, ProbeFinding) or part.size is None or not part.data:
            about = columns_of(answer, f"GET {printable(self.uri)} bytes={start}-{end - 1}", self.uri)
            return Said(about, _failure(part, answer.status))
        self.size, skipped = part.size, 0
        if start:
            skipped = part.data.find(b"\n") + 1
        line = part.data[skipped:].split(b"\n", 1)
        if (start == 0 or skipped) and len(line) > 1 and (surt := _surt(line[0].decode("utf-8", "replace"))):
            known = surt, start + skipped
            place = bisect_left(self.seen, known)
            if self.seen[place : place + 1] != [known]:
                self.seen.insert(place, known)
        return part.data

    def _chosen(self, surt: str, lines: Sequence[str]) -> list[Block]:
        """Return the blocks of the last line before a key, and of all lines that begin with it."""
        chosen, before = list[Block](), None
        for line in lines:
            block = self._block(line)
            if block is None:
                continue
            key = _surt(line)
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


def _surt(line: str) -> str:
    """Return the key of a line of `cluster.idx` or of a block: a time follows it."""
    return line.partition("\t")[0].partition(" ")[0]


def _failure(part: Any, status: int | None) -> ProbeFinding:
    if isinstance(part, ProbeFinding) and part.outcome in states.FAILURES:
        return part
    return ProbeFinding(states.REFUSED, f"the index could not be read: status {status}")


def _in_clusters(address: str, keys: Mapping[str, Key], storage: StorageOptions) -> dict[str, Said]:
    clusters, found = _Clusters(address, storage), dict[str, Said]()
    of_block, blocks_of = dict[Block, None](), dict[str, list[Block]]()
    for url in sorted(keys, key=lambda url: keys[url].surt):
        blocks = clusters.blocks_of(keys[url].surt)
        if isinstance(blocks, Said):
            return dict.fromkeys(keys, blocks)
        blocks_of[url] = blocks
        of_block |= dict.fromkeys(blocks)
    wanted = {key.surt for key in keys.values()}

    def read(block: Block) -> tuple[Block, dict[str, Said]]:
        return block, _read_block(block, wanted, storage)

    with AskingThreads(AT_ONCE, "index") as pool:
        said_in = dict(pool.map(read, of_block))
    for url, blocks in blocks_of.items():
        surt = keys[url].surt
        found[url] = _joined(address, [said_in[block].get(surt) or said_in[block][""] for block in blocks])
    return found


def _joined(address: str, said: Sequence[Said]) -> Said:
    """Return what several blocks say of a key together; a failure of one is that of all."""
    shown, captures = Said(_about(address), []), list[Mapping[str, Any]]()
    for each in said:
        if isinstance(each.captures, ProbeFinding):
            return each
        if not captures:
            shown = each
        captures += each.captures
    return Said(shown.about, captures)


def _read_block(block: Block, wanted: Iterable[str], storage: StorageOptions) -> dict[str, Said]:
    """Return what a block of lines says of each wanted key; under an empty one, of those that it lacks."""
    uri, start, length = block
    answer = ask(uri, start, start + length, storage)
    part = part_of(answer, uri, start, start + length)
    about = columns_of(answer, f"GET {printable(uri)} bytes={start}-{start + length - 1}", uri)
    if isinstance(part, ProbeFinding):
        return {"": Said(about, _failure(part, answer.status))}
    found = dict[str, list[Mapping[str, Any]]]()
    try:
        inflater = zlib.decompressobj(31)
        text = inflater.decompress(part.data, INFLATED_BYTES)
        if not inflater.eof:
            raise ValueError
        names = set(wanted)
        for line in text.decode("utf-8", "replace").split("\n"):
            if (surt := _surt(line)) in names:
                found.setdefault(surt, []).append(_capture(line))
    except (ValueError, zlib.error):
        return {"": Said(about, ProbeFinding(states.STRANGE, "the block of the index cannot be read"))}
    return {"": Said(about, []), **{surt: Said(about, captures) for surt, captures in found.items()}}


def _capture(line: str) -> Mapping[str, Any]:
    head, brace, rest = line.partition(" {")
    fields = parse_json(f"{{{rest}") if brace else None
    if not isinstance(fields, dict):
        raise ValueError
    return {**fields, "timestamp": head.rpartition(" ")[2]}


# The columnar index.


def _in_tables(address: str, keys: Mapping[str, Key], storage: StorageOptions) -> dict[str, Said]:
    try:
        files = list(plan([address], storage))
    except BlockedError:
        raise
    except PresswatchError as error:
        return dict.fromkeys(keys, Said(_about(address), ProbeFinding(states.FAILED, error.what)))
    of_surt = dict[str, list[str]]()
    for url, key in keys.items():
        of_surt.setdefault(key.surt, []).append(url)
    found, failure = dict[str, list[tuple[Row, Row]]](), None
    with AskingThreads(AT_ONCE, "index") as pool:
        for rows in pool.map(_TableReader(keys, storage), files):
            if isinstance(rows, ProbeFinding):
                failure = failure or rows
                continue
            for about, capture, surt in rows:
                for url in of_surt[surt]:
                    found.setdefault(url, []).append((about, capture))
    nothing = Said(_about(address, f": {len(files):,} files"), failure or [])
    return {
        url: Said(found[url][0][0], [capture for _, capture in found[url]]) if url in found else nothing
        for url in keys
    }


@dataclass(frozen=True, slots=True)
class _TableReader:
    """Reads the rows of some keys out of a file of the columnar index."""

    keys: Mapping[str, Key]
    storage: StorageOptions

    def __call__(self, file: ObjectInfo) -> list[tuple[Row, Row, str]] | ProbeFinding:
        """Return what to note of each row, the row as a capture, and its key; or why it could not be read."""
        wanted, report = _wanted(self.keys), IndexReport()
        surts = {key.surt for key in self.keys.values()}
        try:
            described = stat(file.uri, self.storage) if file.size is None else file
            rows = list(self._rows(described, wanted, report, surts))
        except BlockedError:
            raise
        except PresswatchError as error:
            return ProbeFinding(states.FAILED, error.what)
        if report.defects_total:
            return ProbeFinding(states.FAILED, report.complaints[0])
        return rows

    def _rows(
        self, file: ObjectInfo, wanted: Wanted, report: IndexReport, surts: set[str]
    ) -> Iterator[tuple[Row, Row, str]]:
        for place, row in read_index(file, wanted, self.storage, report):
            key, captured_at = key_of(str(row.get("url") or "")), as_time(row.get("captured_at"))
            if key is None or key.surt not in surts or captured_at is None:
                continue
            capture = {
                "timestamp": captured_at.strftime("%Y%m%d%H%M%S"),
                "filename": row.get("warc_filename"),
                "offset": row.get("record_offset"),
                "length": row.get("record_length"),
            }
            yield _about(file.uri, f" row {place}"), capture, key.surt


def _wanted(keys: Mapping[str, Key]) -> Wanted:
    """Say which rows of an index can be those of keys: no host below another, and no page beside them."""
    hosts = frozenset(host for url in keys if (host := host_of(url)))
    ranges = tuple(sorted({(key.surt, f"{key.surt}\x01") for key in keys.values()}))
    return Wanted(hosts | {host.removeprefix("www.") for host in hosts}, ranges, None)
