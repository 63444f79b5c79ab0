"""What a damaged shard gives, judged against the pages that were written into it."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from presswatch_spark.formats.registry import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.runs.work import failure_of, guarded
from presswatch_spark.shard.attempts import ShardAttempt
from presswatch_spark.storage.objects import stat

Pair = tuple[str, str]
# Of a shard's path, the pages written into it, and what was read of it.
Excuse = Callable[[Path, Sequence[Pair], Sequence[tuple[str, bytes]]], bool]
# Damage to letters may make as many others of them.
LETTERS = 8


def verdict(path: Path, pages: Sequence[Pair], format: str, excuse: Excuse | None = None) -> str:
    """What a scan would say of a shard, and what is wrong with what it read, in a few words.

    `complete`, `partial` or `failed`, and what must never be: `less` (complete with fewer documents), `false`
    (a text beside the URL of another page, and nothing in its row says that this is in doubt), `fault` (a
    failure that is not the content's). `letters`: what looks `false`, and is nothing but other letters in
    texts as far as `excuse` finds in the shard.
    """
    options = ReadOptions()
    reading = ShardAttempt(stat(str(path), options.storage))
    found: list[tuple[str, bytes]] = []
    guarded(partial(_read, reading, found, format, options), reading, str(path))
    said = reading.status
    if said == "complete" and len(found) < len(pages):
        return "less"
    if said != "complete" and failure_of(reading) != "content":
        return "fault"
    # Then all rows of the shard say in `record_damage` that their text and URL may be of different pages.
    if reading.report.unverified:
        return said
    if any(is_false(url, text.decode("utf-8", "replace"), pages) for url, text in found):
        return "letters" if excuse and excuse(path, pages, found) else "false"
    return said


def _read(reading: ShardAttempt, found: list[tuple[str, bytes]], format: str, options: ReadOptions) -> None:
    source = format_for(format, reading.shard, options)
    for batch in source.read(reading.shard, options, reading.report):
        for i in range(len(batch)):
            batch.locate(i)
            found.append((batch.url_of(i), batch.text_of(i)))


def is_false(url: str, text: str, pages: Sequence[Pair]) -> bool:
    """Whether a text stands beside the URL of another page than its own.

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
