"""Small shards by the thousand: a few made-up ones under many names, and ones in which every page copies."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchmarks.speed.articles import body
from benchmarks.speed.prose import sentences
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import write_wet

PAGE_SENTENCES = 52
DISTINCT = 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How far up the bench goes; every list is one of growing sizes.

    `shards` of `shard_pages` pages each; `corpora` in articles; `matching` in shares of pages that copy;
    `skew` in pages that copy one article, `skew_pages` to a shard; `candidates` refused by the screen;
    `tiny` shards of one page each; `unattended` shards and articles.
    """

    shards: tuple[int, ...] = (100, 400, 1600)
    shard_pages: int = 60
    corpora: tuple[int, ...] = (10**3, 10**4, 10**5)
    matching: tuple[float, ...] = (0.0, 0.01, 0.1)
    rate_pages: int = 6_000
    skew: tuple[int, ...] = (2_000, 200_000)
    skew_pages: int = 100
    whole_shard_pages: int = 20_000
    candidates: int = 300_000
    planned: int = 100_000
    tiny: tuple[int, ...] = (1_000, 2_500, 5_000)
    unattended: tuple[int, int] = (2_000, 10**6)


def write_pages(path: Path, pages: int, share: float, seed: str) -> Path:
    """A WET shard of so many pages of 7.6 KB, a `share` of which copy one of fifty articles."""
    rng = random.Random(seed)
    write_wet(path, _pages(rng, pages, share))
    return path


def _pages(rng: random.Random, count: int, share: float) -> Iterator[Page]:
    pool = sentence_pool()
    for number in range(count):
        first = rng.randrange(len(pool) - PAGE_SENTENCES)
        lines = pool[first : first + PAGE_SENTENCES]
        if rng.random() < share:
            # The article takes the place of as much of the page: the pages of all shares are of one length.
            lines[10:32] = [body(rng.randrange(50))]
        yield Page(f"https://site-{rng.randrange(9_999)}.example/{number}", "\n".join(lines))


@lru_cache(1)
def sentence_pool() -> list[str]:
    """Sentences that pages are made of."""
    return sentences(random.Random("pool"), 40_000)


def write_copies(path: Path, pages: int, text: str, seed: str) -> Path:
    """A WET shard in which every page has a sentence of its own around an excerpt of the same text."""
    rng, lines, pool = random.Random(seed), text.split("\n"), sentence_pool()
    # Pages start and stop at different sentences of the excerpt, as quotes do.
    write_wet(path, (_copy(rng, number, lines, pool) for number in range(pages)))
    return path


def _copy(rng: random.Random, number: int, lines: Sequence[str], pool: Sequence[str]) -> Page:
    first = rng.randrange(len(lines) - 4)
    quoted = lines[first : first + 4]
    url = f"https://forum-{rng.randrange(9_999)}.example/{number}"
    return Page(url, "\n".join([rng.choice(pool), *quoted, rng.choice(pool)]))


def named(shards: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """`count` names for the shards, one after the other: links, so that the disk holds each once."""
    folder.mkdir(parents=True)
    names = []
    for number in range(count):
        names.append(folder / f"shard-{number:06}.warc.wet.gz")
        os.link(shards[number % len(shards)], names[-1])
    return names
