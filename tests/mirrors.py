"""Small crawls on disk, laid out like the real ones."""

from __future__ import annotations

import gzip
from pathlib import Path

from presswatch_spark.demo import shards
from tests.prose import articles, pages

ARTICLES = 20


def write_crawl(root: Path, crawl: str, count: int, seed: int) -> None:
    """WET shards of pages that copy `articles(ARTICLES, seed)`, below `root`, and the list of them."""
    folder = root / "crawl-data" / crawl
    (folder / "segments" / "1.1" / "wet").mkdir(parents=True)
    sources = list(articles(ARTICLES, seed))
    keys = [f"crawl-data/{crawl}/segments/1.1/wet/CC-{n:05}.warc.wet.gz" for n in range(count)]
    for number, key in enumerate(keys):
        shards.write_wet(root / key, list(pages(40, seed + number, sources)), release=crawl)
    (folder / "wet.paths.gz").write_bytes(gzip.compress("".join(f"{key}\n" for key in keys).encode()))
