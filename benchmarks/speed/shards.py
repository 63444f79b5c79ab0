"""The shards that are measured on: WET, C4 as published and C4 as Parquet, of made-up pages.

Same arguments, same bytes. Pages are as long as in the real releases; one in a hundred holds an article.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.articles import COPIED, body
from benchmarks.speed.prose import sentences
from benchmarks.speed.webpages import response
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import write_c4_json, write_c4_parquet, write_warc, write_wet

POOL = 40_000
ONE_IN = 100
FRENCH = 0.05
# Lengths of pages in sentences: 7.6 KB in the mean in a crawl, 2.2 KB in C4 English.
CRAWL_SENTENCES = (3, 6, 12, 25, 50, 90, 180)
C4_SENTENCES = (3, 5, 8, 12, 16, 24, 37)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of shards: the suffix of its files, how long its pages are, and who writes them."""

    name: str
    suffix: str
    page_sentences: tuple[int, ...]


WET = Kind("wet", ".warc.wet.gz", CRAWL_SENTENCES)
C4_JSON = Kind("c4_json", ".json.gz", C4_SENTENCES)
C4_PARQUET = Kind("c4_parquet", ".parquet", C4_SENTENCES)
WARC = Kind("warc", ".warc.gz", CRAWL_SENTENCES)


def write_pages(path: Path, texts: Iterable[Page]) -> None:
    """Write a WARC shard of web pages that have these texts."""
    write_warc(path, (response(page, number) for number, page in enumerate(texts)))


_WRITERS: Mapping[str, Callable[[Path, Iterable[Page]], None]] = {
    "wet": write_wet,
    "c4_json": write_c4_json,
    "c4_parquet": write_c4_parquet,
    "warc": write_pages,
}


def make_shards(folder: Path, kind: Kind, count: int, text_bytes: int) -> list[Path]:
    """Write `count` shards of about `text_bytes` of text each into `folder`, on all cores; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"shard-{number:05}{kind.suffix}" for number in range(count)]
    work = [(path, kind, number, text_bytes) for number, path in enumerate(paths)]
    with multiprocessing.get_context("spawn").Pool(min(count, os.cpu_count() or 1)) as pool:
        pool.starmap(write_shard, work, chunksize=1)
    return paths


def write_shard(path: Path, kind: Kind, number: int, text_bytes: int) -> None:
    """Write the `number`th shard of a kind."""
    _WRITERS[kind.name](path, pages(number, text_bytes, kind.page_sentences))


def pages(number: int, text_bytes: int, lengths: Sequence[int]) -> Iterator[Page]:
    """Pages for one shard, until there are so many bytes of text; one in twenty is said to be French."""
    rng = random.Random(f"shard {number}")
    pool = sentences(rng, min(POOL, max(500, text_bytes // 100)))
    written = 0
    while written < text_bytes:
        length = rng.choice(lengths)
        first = rng.randrange(len(pool) - length)
        lines = pool[first : first + length]
        if rng.randrange(ONE_IN) == 0:
            lines.insert(length // 2, body(rng.randrange(COPIED)))
        text = "\n".join(lines)
        written += len(text.encode())
        language = "fra" if rng.random() < FRENCH else "eng"
        yield Page(f"https://site-{rng.randrange(9_999)}.example/page/{written}", text, language)
