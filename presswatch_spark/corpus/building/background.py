"""The background: a sample of the web, from which the corpus learns what stands on unrelated sites.

Of each shingle of the index that the sample holds, the domains are counted. A page proves nothing of the
texts that it copies: shingles of an article are not counted where the page holds a large share of the
article, unless it is older. Nor are pages on members' own sites.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.article_files import ArticleFiles
from presswatch_spark.corpus.building.index_parts import load_index
from presswatch_spark.corpus.building.key_runs import Keys, groups, read_bucket, write_run
from presswatch_spark.corpus.layout import DOMAINS, HASHES
from presswatch_spark.errors import CorruptError
from presswatch_spark.formats import registry
from presswatch_spark.formats.detection import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.judgement.confidence import captured_before
from presswatch_spark.judgement.sites import SiteIndex
from presswatch_spark.judgement.suffixes import registered_domain
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.model import DocumentBatch, ReadReport
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.sieve.sieve import Hits, Sieve
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable
from presswatch_spark.text.shingles import indexed_positions

MOST_DOMAINS = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True)
class Sighted:
    """What a shard of the background gave: its documents, and how many pairs (shingle, domain)."""

    documents: int
    pairs: int


class BackgroundScan:
    """Scans shards for shingles of a corpus folder whose index and sites are built."""

    def __init__(self, folder: Path, config: CorpusConfig) -> None:
        self._articles = ArticleFiles(folder)
        self._sites = SiteIndex.open(folder / layout.SITES_FOLDER)
        self._sieve = Sieve(load_index(folder / layout.INDEX_FOLDER))
        self._config = config

    def pairs(self, shard: ObjectInfo, storage: StorageOptions) -> tuple[Keys, Keys, int]:
        """Distinct pairs of a shingle and a domain that has it, uint64[k] each; documents read.

        Raises:
            CorruptError: the shard could not be read to its end.
        """
        options, report = ReadOptions(storage=storage), ReadReport()
        format = format_for(registry.AUTO, shard, options)
        found = [np.empty((0, 2), np.uint64)]
        for batch in format.read(shard, options, report):
            found.extend(self._of_batch(batch))
        if report.defects_total:
            raise CorruptError(
                f"the background shard cannot be read to its end: {report.defects[0]}",
                where=printable(shard.uri),
                remedy="get it again, or leave it out: a background is a sample",
            )
        distinct = np.unique(np.concatenate(found), axis=0)
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
        """Shingles of one document's hits that no article which it copies has."""
        articles, hashes = hits.articles[some], hits.hashes[some]
        met, counts = np.unique(articles, return_counts=True)
        copied = [
            article
            for article, count in zip(met.tolist(), counts.tolist(), strict=True)
            if self._is_copied(article, count, captured_at)
        ]
        return np.setdiff1d(hashes, hashes[np.isin(articles, copied)])

    def _is_copied(self, ordinal: int, shingles: int, captured_at: datetime | None) -> bool:
        """Whether a page that holds so many of an article's shingles has them from the article."""
        batch, row = self._articles.row(ordinal)
        words, published_at = (batch.column(name)[row].as_py() for name in ("words", "published_at"))
        all_shingles = len(indexed_positions(words, self._config.shingle_stride))
        large = shingles >= self._config.background_copy_share * all_shingles
        return large and not captured_before(captured_at, published_at)


def scan_background(
    folder: Path, config: CorpusConfig, storage: StorageOptions, item: tuple[ObjectInfo, Path]
) -> Sighted:
    """Scan one shard of the background; its pairs become a run at the path of `item`."""
    shard, run = item
    hashes, domains, documents = BackgroundScan(folder, config).pairs(shard, storage)
    write_run(run, hashes, domains)
    return Sighted(documents, len(hashes))


def background_bucket(runs: Sequence[Path], bucket: int, bits: int, folder: Path) -> None:
    """Write the shingles of one bucket, by hash, and how many domains have them, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes, domains = read_bucket(runs, bucket, bits)
    pairs = np.unique(np.column_stack((hashes, domains)), axis=0)
    distinct, counts = np.unique(pairs[:, 0], return_counts=True)
    arrays.save(folder / HASHES, distinct)
    arrays.save(folder / DOMAINS, np.minimum(counts, MOST_DOMAINS).astype(np.uint16))


def _domain_key(batch: DocumentBatch, i: int) -> np.uint64:
    """Names the domain of a document; of one without a readable URL, its text."""
    page = page_url(batch.url_of(i))
    name = registered_domain(page.site).encode() if page else batch.text_of(i)
    return np.uint64(int.from_bytes(blake2b(name, digest_size=8).digest(), "little"))
