"""Damaged twins of a file: what bad disks, transfers and tools do to bytes, drawn from a seed."""

import json
import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import zstandard

from presswatch_spark.core.locators import Locator
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning.runs.run_work import failure_of, guarded
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.storage.objects import stat

INSERTED_BYTES = 100
LONGEST_DELETION = 400


def damages(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` damaged copies of `data`, each with words that say what was done and where.

    In turns: one flipped bit; one deletion of 1 byte or of up to `LONGEST_DELETION`; one insertion of
    `INSERTED_BYTES`, of noise or of bytes copied from elsewhere in `data`.
    """
    draw = random.Random(seed)
    for number in range(count):
        yield (_flipped, _shortened, _lengthened)[number % 3](data, draw)


def every_flip(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every copy of `data` with one flipped bit, in the order of the bits."""
    for bit in range(8 * len(data)):
        yield _flip(data, bit)


def _flipped(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    return _flip(data, draw.randrange(8 * len(data)))


def _flip(data: bytes, bit: int) -> tuple[str, bytes]:
    place, mask = bit // 8, 1 << bit % 8
    damaged = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
    return f"bit {bit % 8} of byte {place} flipped", damaged


def _shortened(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    size = draw.choice((1, draw.randint(2, LONGEST_DELETION)))
    place = draw.randrange(len(data))
    return f"{size} bytes deleted at byte {place}", data[:place] + data[place + size :]


def _lengthened(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    place, source = draw.randrange(len(data) + 1), draw.randrange(len(data))
    copied = draw.random() < 0.5 and len(data) >= source + INSERTED_BYTES
    more = data[source : source + INSERTED_BYTES] if copied else draw.randbytes(INSERTED_BYTES)
    what = (
        f"bytes {source} to {source + INSERTED_BYTES} copied"
        if copied
        else f"{INSERTED_BYTES} bytes of noise"
    )
    return f"{what} in at byte {place}", data[:place] + more + data[place:]


Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A page as it was read. `damage`: what its rows would say in `record_damage`."""

    url: str
    text: bytes
    damage: str | None


def pages_of(path: Path, format: str) -> tuple[list[Found], ShardAttempt]:
    """Return the pages that a scan reads of a shard, and its attempt with the status."""
    options, found = ReadOptions(), list[tuple[str, bytes, Locator]]()
    reading = ShardAttempt(stat(str(path), options.storage))

    def read() -> None:
        source = format_for(format, reading.shard, options)
        for batch in source.read(reading.shard, options, reading.report):
            found.extend((batch.url_of(i), batch.text_of(i), batch.locate(i)) for i in range(len(batch)))

    guarded(read, reading, str(path))
    unverified = "checksum" if reading.report.unverified else None
    return [
        Found(url, text, at.damage or (None if at.record_encoding == "gzip" else unverified))
        for url, text, at in found
    ], reading


# Of a shard's path, the pages written into it, and what was read of it.
Excuse = Callable[[Path, Sequence[Pair], Sequence[Found]], bool]


def verdict(path: Path, pages: Sequence[Pair], format: str, excuse: Excuse | None = None) -> str:
    """Return the status of a shard, or the fault in the pages that were read of it.

    `complete`, `partial` or `failed`, and what must never be: `less` (complete with fewer documents), `false`
    (a text beside the URL of another page, and nothing in its row says that this is in doubt), `fault` (a
    failure that is not the content's). `letters`: what looks `false`, and is nothing but other letters in
    texts as far as `excuse` finds in the shard.
    """
    found, reading = pages_of(path, format)
    said = reading.status
    if said == "complete" and len(found) < len(pages):
        return "less"
    if said != "complete" and failure_of(reading) != "content":
        return "fault"
    # Then all rows of the shard say in `record_damage` that their text and URL may be of different pages.
    if reading.report.unverified:
        return said
    if any(is_false(each.url, each.text.decode("utf-8", "replace"), pages) for each in found):
        return "letters" if excuse and excuse(path, pages, found) else "false"
    return said


def is_false(url: str, text: str, pages: Sequence[Pair]) -> bool:
    """Return True if a text has the URL of another page than its own.

    A text is that of the page with which it shares most of its words, be it damaged in some letters. A URL
    that is of no page is damaged in its own letters, or none.
    """
    owners = {page_url for page_url, page_text in pages if page_text == text}
    if not owners:
        words = set(text.split())
        shared = {page_url: len(words.intersection(page_text.split())) for page_url, page_text in pages}
        most = max(shared.values())
        owners = {page_url for page_url, count in shared.items() if count == most} if most else set()
    return url in {page_url for page_url, _ in pages} and bool(owners) and url not in owners


def verdicts(
    damaged: Iterable[tuple[str, bytes]],
    pages: Sequence[Pair],
    path: Path,
    format: str = "auto",
    shard: Path | None = None,
    is_whole: Callable[[bytes], bool] = lambda data: False,
    excuse: Excuse | None = None,
) -> tuple[Counter[str], list[str]]:
    """Count the verdicts on `shard` for damaged twins of `path`, which is the shard or a part of it.

    Also tells what was done to those that must not be.

    They are read in a process of their own; one that it dies of counts as `abort`. `is_whole`: whether a twin
    is no damaged file but a whole one of other documents; `less` and `false` then count as `excused`.
    """
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(1, context)
    for what, data in damaged:
        path.write_bytes(data)
        try:
            said = pool.submit(verdict, shard or path, pages, format, excuse).result()
        except BrokenProcessPool:
            said, pool = "abort", ProcessPoolExecutor(1, context)
        if said in ("less", "false") and is_whole(data):
            said = "excused"
        counts[said] += 1
        if said in ("less", "false", "fault", "abort"):
            wrong.append(f"{said}: {what}")
    pool.shutdown()
    return counts, wrong


# A text has another's words if it has so many bytes in a row of it.
WINDOW_BYTES = 40


@dataclass(frozen=True)
class Undamaged:
    """A whole shard: its format, its bytes, and a path where its harmed twins may be written."""

    format: str
    data: bytes
    path: Path

    def read(self, data: bytes) -> tuple[list[Found], bool]:
        """The pages of a twin, and whether the shard would be complete."""
        self.path.write_bytes(data)
        found, reading = pages_of(self.path, self.format)
        return found, reading.status == "complete"

    @cached_property
    def pages(self) -> list[Found]:
        """Its pages, as they are read when nothing is wrong."""
        found, complete = self.read(self.data)
        assert complete
        assert {page.damage for page in found} == {None}
        return found

    @cached_property
    def owners(self) -> Mapping[bytes, str]:
        """The URL of the page for each window that only one page has."""
        seen: dict[bytes, set[str]] = {}
        for page in self.pages:
            for window in _windows(page.text):
                seen.setdefault(window, set()).add(page.url)
        return {window: urls.pop() for window, urls in seen.items() if len(urls) == 1}


def harm_of(whole: Undamaged, what: str, data: bytes) -> str | None:
    """Return in words what the harmed twin `data` must not do; None if it does nothing of that.

    Letters of a page's own URL or text may change unseen where nothing has their checksum. A deletion that
    begins in one header and ends at the same place of the next makes one record of both; nothing tells. Nor
    does it of ARC, which has no digests, if it is just as long as a record.
    """
    found, complete = whole.read(data)
    urls, texts = {page.url for page in whole.pages}, {page.text for page in whole.pages}
    fits = whole.format == "arc" or {page.text for page in found} < texts
    fused = "deleted" in what and len(found) == len(whole.pages) - 1 and fits
    if complete and len(found) < len(whole.pages) and not fused:
        return f"{what}: complete with {len(found)} of {len(whole.pages)} pages"
    for page in found:
        words_of = {whole.owners[window] for window in _windows(page.text) if window in whole.owners}
        if page.url in urls and words_of - {page.url} and page.damage is None and not fused:
            return f"{what}: {page.url} has text of {sorted(words_of - {page.url})}"
    return None


def _windows(text: bytes) -> set[bytes]:
    return {text[i : i + WINDOW_BYTES] for i in range(len(text) - WINDOW_BYTES + 1)}


def could_be_written(data: bytes, whole: bytes) -> bool:
    """Return True if every line of `data` is a row with just the fields of the rows of `whole`.

    Both may be plain, or zstd frames without a checksum. A line must be valid UTF-8 and strict JSON, have no
    field twice, and values of the same kinds. Such a file is a whole one, of other rows.
    """
    try:
        form = _form(_row(_inflated(whole).partition(b"\n")[0]))
        return all(_form(_row(line)) == form for line in _inflated(data).removesuffix(b"\n").split(b"\n"))
    except (ValueError, zstandard.ZstdError):
        return False


def _inflated(data: bytes) -> bytes:
    if not data.startswith(zstandard.FRAME_HEADER):
        return data
    frame = zstandard.ZstdDecompressor().decompressobj()
    inflated = frame.decompress(data)
    if not frame.eof or frame.unused_data:
        raise zstandard.ZstdError("more or less than a frame")
    return inflated


def _row(line: bytes) -> Any:
    return json.loads(line.decode(), object_pairs_hook=_object, parse_constant=_refuse)


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in fields}) < len(fields):
        raise ValueError("a field twice")
    return dict(fields)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _form(value: Any) -> object:
    """The names and kinds of a value and of all in it."""
    if isinstance(value, dict):
        return {name: _form(below) for name, below in value.items()}
    return [_form(below) for below in value] if isinstance(value, list) else type(value)
