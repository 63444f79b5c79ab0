"""What a census is to do: the files of an index, and what is looked for in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from presswatch_spark.ccindex.wanted import Wanted
from presswatch_spark.censuses.file import FileCensus
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.releases.release import kinds_of
from presswatch_spark.releases.release_shards import shards_of
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.shards import ShardPlan, plan

CRAWL_LIKE = re.compile(r"cc-(?:main|news)[^/.]*$", re.IGNORECASE)
# A URL whose host and first folder are as they are written, whatever follows.
PLAIN_URL = re.compile(
    r"(?P<place>https?://(?:www\.)?(?P<host>[a-z0-9.-]+)/(?!amp\b)[A-Za-z0-9_-]+)"
    r"(?:(?=/)(?:(?!/\.)[^%\\?#\s])*)?(?:[?#].*)?"
)


@dataclass(frozen=True, slots=True)
class Work:
    """Files to read, the corpus and its canonical URI, and the settings."""

    files: ShardPlan
    corpus: Corpus
    uri: str
    config: ScanConfig

    def census_of_file(self, folder: Folder) -> FileCensus:
        """What takes the census of one file, and writes what it found into `folder`."""
        return FileCensus(
            corpus=self.uri,
            corpus_digest=self.corpus.manifest.digest,
            wanted=wanted_of(self.corpus),
            folder=folder,
            attempts=self.config.run.shard_attempts,
            storage=self.config.storage,
            seconds=self.config.run.shard_seconds,
            release=self.config.read.release,
        )


def index_files(releases: Sequence[str], base: str | None, config: ScanConfig) -> ShardPlan:
    """The files of the indexes of `releases`: of a crawl's id those that its list names, else of the path."""
    plans = [_files_of(release, base, config) for release in releases]
    left_out = sorted({uri for each in plans for uri in each.left_out})
    return replace(ShardPlan.of(chain.from_iterable(plans)), left_out=tuple(left_out))


def _files_of(release: str, base: str | None, config: ScanConfig) -> ShardPlan:
    path = release
    # What is named like a crawl and is no path was mistyped: the nearest names are told.
    if kinds_of(release) or (CRAWL_LIKE.match(release) and not Path(release).exists()):
        found = shards_of(release, "index", base, config.datasets, config.storage)
        path, base = found.path, found.base
    return plan([path], config.storage, base)


def wanted_of(corpus: Corpus) -> Wanted:
    """What to look for: the sites of all titles, and where articles have URLs elsewhere."""
    paths = {host: {site.path for site in found} for host, found in corpus.sites.sites.items()}
    whole = {host for host, below in paths.items() if "/" in below}
    seen: set[str] = set()
    for url in corpus.all_urls():
        plain = PLAIN_URL.fullmatch(url)
        # Of most articles the host alone says that they are looked for already.
        if plain and (plain["host"] in whole or plain["place"] in seen):
            continue
        page = page_url(url)
        if page is None:
            continue
        if plain and page.site == plain["host"]:
            # A page in an AMP cache is another's: what its URL begins with says nothing of the next one.
            seen.add(plain["place"])
        labels = page.site.split(".")
        if whole.isdisjoint(".".join(labels[k:]) for k in range(len(labels))):
            paths.setdefault(page.site, set()).add(page.path)
    return Wanted.of(paths)
