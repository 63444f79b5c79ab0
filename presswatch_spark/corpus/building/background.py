"""The background: a sample of the web, which shows what words of articles stand on unrelated sites too.

Known texts are laid beside it. A shingle of one is known, however few domains have it.

For each shingle of the index, the domains that have it in the sample are counted. A page proves nothing of
the texts that it copies. So the shingles of an article do not count on a page that holds a large share of it,
unless the page is older. Pages on members' own sites do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.arrays import Array
from presswatch_spark.corpus.article_files import ArticleFiles
from presswatch_spark.corpus.building.article_runs import Files, grouped
from presswatch_spark.corpus.building.key_runs import Keys, groups, write_run
from presswatch_spark.corpus.building.spread import join_runs, spread
from presswatch_spark.corpus.building.workspace import BuildWorkspace
from presswatch_spark.corpus.known_shingles import shingles_of
from presswatch_spark.corpus.layout import DOMAINS, HASHES
from presswatch_spark.errors import CorruptError
from presswatch_spark.formats import registry
from presswatch_spark.formats.registry import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.judgement.publication import captured_before
from presswatch_spark.judgement.sites import SiteIndex
from presswatch_spark.judgement.suffixes import registered_domain
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.model import DocumentBatch, ReadReport
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.sieve.shingle_index import ShingleIndex
from presswatch_spark.sieve.sieve import Hits, Sieve
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable
from presswatch_spark.text.shingles import indexed_positions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_DOMAINS = np.iinfo(np.uint16).max
_TASKS_PER_CORE = 4
# Stands for a domain where a shingle is of a known text. The keys of domains are hashes.
KNOWN_TEXT = np.uint64(0)


@dataclass(frozen=True, slots=True)
class Background:
    """The counts of a background, as `Counts` has them."""

    background_documents: int
    background_shingles: int
    known_texts: int
    known_shingles: int


def read_background(
    spark: SparkSession,
    work: BuildWorkspace,
    sample: Sequence[ObjectInfo],
    known: Sequence[ObjectInfo],
    config: CorpusConfig,
    storage: StorageOptions,
) -> Background:
    """Write the shingles of the index that the sample or the files of known texts have; count them."""
    runs = [work.scratch / f"background-run-{number:05d}" for number in range(len(sample))]
    task = partial(scan_background, work.corpus, config, storage)
    counts = spread(spark, work.scratch, task, zip(sample, runs, strict=True))
    groups_of_files = list(grouped(known, _TASKS_PER_CORE * spark.sparkContext.defaultParallelism))
    known_runs = [work.scratch / f"known-run-{group.number:05d}" for group in groups_of_files]
    scan = partial(scan_known_texts, work.corpus, storage)
    texts = spread(spark, work.scratch, scan, zip(groups_of_files, known_runs, strict=True))
    keys = sum(pairs for _, pairs in [*counts, *texts])
    all_runs = [*runs, *known_runs]
    shingles = join_runs(spark, work, all_runs, keys, domain_counts, layout.BACKGROUND_FOLDER)
    domains = arrays.load(work.corpus / layout.BACKGROUND_FOLDER / DOMAINS)
    of_known_texts = int(np.count_nonzero(domains == MOST_DOMAINS))
    return Background(
        background_documents=sum(documents for documents, _ in counts),
        background_shingles=shingles - of_known_texts,
        known_texts=sum(found for found, _ in texts),
        known_shingles=of_known_texts,
    )


class BackgroundScan:
    """Scans shards for the shingles of a corpus folder; its index and sites are built."""

    def __init__(self, folder: Path, config: CorpusConfig) -> None:
        self._articles = ArticleFiles(folder)
        self._sites = SiteIndex.open(folder / layout.SITES_FOLDER)
        self._sieve = Sieve(ShingleIndex.open(folder / layout.INDEX_FOLDER))
        self._config = config

    def pairs(self, shard: ObjectInfo, storage: StorageOptions) -> tuple[Keys, Keys, int]:
        """Return the distinct pairs of a shingle and a domain, uint64[k] each, and the documents read.

        Raises `CorruptError` for a shard that cannot be read to its end.
        """
        options, report = ReadOptions(storage=storage), ReadReport()
        format = format_for(registry.AUTO, shard, options)
        pairs = [np.empty((0, 2), np.uint64)]
        for batch in format.read(shard, options, report):
            pairs.extend(self._of_batch(batch))
        if report.defects_total:
            raise CorruptError(
                f"the background shard cannot be read to its end: {report.defects[0]}",
                where=printable(shard.uri),
                remedy="get it again, or leave it out: a background is a sample",
            )
        distinct = np.unique(np.concatenate(pairs), axis=0)
        return distinct[:, 0].copy(), distinct[:, 1].copy(), report.documents

    def _of_batch(self, batch: DocumentBatch) -> Iterator[npt.NDArray[np.uint64]]:
        hits = self._sieve.hits(batch)
        if not len(hits.documents):
            return
        members = self._sites.matches(batch, self._articles.urls)
        bounds = groups(hits.documents.astype(np.uint64))
        for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            document = int(hits.documents[first])
            if document not in members:
                captured_at = batch.locate(document).captured_at
                hashes = self._unrelated(hits, slice(first, last), captured_at)
                domain = np.full(len(hashes), _domain_key(batch, document))
                yield np.column_stack((hashes, domain))

    def _unrelated(self, hits: Hits, some: slice, captured_at: datetime | None) -> Keys:
        """Return the shingles of one document's hits without those of the articles that it copies."""
        articles, hashes = hits.articles[some], hits.hashes[some]
        met, counts = np.unique(articles, return_counts=True)
        copied = [
            article
            for article, count in zip(met.tolist(), counts.tolist(), strict=True)
            if self._is_copied(article, count, captured_at)
        ]
        return np.setdiff1d(hashes, hashes[np.isin(articles, copied)])

    def _is_copied(self, ordinal: int, shingles: int, captured_at: datetime | None) -> bool:
        """Whether a page with so many of an article's shingles has them from the article."""
        batch, row = self._articles.row(ordinal)
        words, published_at = (batch.column(name)[row].as_py() for name in ("words", "published_at"))
        all_shingles = len(indexed_positions(words, self._config.shingle_stride))
        large = shingles >= self._config.background_copy_share * all_shingles
        return large and not captured_before(captured_at, published_at)


def scan_background(
    folder: Path, config: CorpusConfig, storage: StorageOptions, item: tuple[ObjectInfo, Path]
) -> tuple[int, int]:
    """Scan a shard of the background; return its documents and pairs, which go into a run."""
    shard, run = item
    hashes, domains, documents = BackgroundScan(folder, config).pairs(shard, storage)
    write_run(run, hashes, domains)
    return documents, len(hashes)


def scan_known_texts(folder: Path, storage: StorageOptions, item: tuple[Files, Path]) -> tuple[int, int]:
    """Scan files of known texts; return the texts, and the index's shingles in them, which go into a run."""
    files, run = item
    indexed = ShingleIndex.open(folder / layout.INDEX_FOLDER).hashes
    shingles, texts = shingles_of(files.infos, storage)
    places = np.searchsorted(indexed, shingles)
    there = places < len(indexed)
    there[there] = indexed[places[there]] == shingles[there]
    found = shingles[there]
    write_run(run, found, np.full(len(found), KNOWN_TEXT))
    return texts, len(found)


def domain_counts(hashes: Keys, domains: Keys) -> Mapping[str, Array]:
    """Return distinct shingles, and how many domains have each; one of a known text has `MOST_DOMAINS`."""
    pairs = np.unique(np.column_stack((hashes, domains)), axis=0)
    distinct, counts = np.unique(pairs[:, 0], return_counts=True)
    # A sample counts one less than the most, so that known texts can be told by it.
    numbers = np.minimum(counts, MOST_DOMAINS - 1).astype(np.uint16)
    numbers[np.isin(distinct, pairs[pairs[:, 1] == KNOWN_TEXT, 0])] = MOST_DOMAINS
    return {HASHES: distinct, DOMAINS: numbers}


def _domain_key(batch: DocumentBatch, i: int) -> np.uint64:
    """Return the key of a document's domain, or of its text if no URL can be read."""
    page = page_url(batch.url_of(i))
    name = registered_domain(page.site).encode() if page else batch.text_of(i)
    return np.uint64(int.from_bytes(blake2b(name, digest_size=8).digest(), "little"))
