"""Reads the background: a sample of the web, which shows the words of articles that other sites have, too.

For each shingle of the index, the domains that have it are counted; a known text counts like all domains. A
copy of an article proves nothing about the article's words: the shingles of an article do not count on a page
that has a large share of it, unless the page is older. Pages on members' own sites do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import ReadReport
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.building.intake import Files, grouped
from presswatch_spark.corpus.building.workspace import (
    TASKS_PER_CORE,
    BuildWorkspace,
    Keys,
    groups,
    join_runs,
    spread,
    write_run,
)
from presswatch_spark.corpus.known_shingles import shingles_of
from presswatch_spark.corpus.layout import DOMAINS, HASHES
from presswatch_spark.corpus.store import ArticleFiles
from presswatch_spark.matching.judgement.grading import captured_before
from presswatch_spark.matching.judgement.sites import SiteIndex
from presswatch_spark.matching.judgement.urls import page_url, registered_domain
from presswatch_spark.matching.shingle_index import ShingleIndex
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading import registry
from presswatch_spark.reading.registry import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.text.words import are_among, indexed_positions
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_DOMAINS = np.iinfo(np.uint16).max
# The key that marks a shingle of a known text. The keys of domains are hashes.
KNOWN_TEXT = np.uint64(0)


def read_background(
    spark: SparkSession,
    work: BuildWorkspace,
    sample: Sequence[ObjectInfo],
    known: Sequence[ObjectInfo],
    config: CorpusConfig,
    storage: StorageOptions,
) -> dict[str, int]:
    """Write the shingles of the index that the sample or the files of known texts have.

    Returns counts, as fields of `CorpusCounts`.
    """
    runs = [work.scratch / f"background-run-{number:05d}" for number in range(len(sample))]
    task = partial(_scan_shard, work.corpus, config, storage)
    counts = spread(spark, work.scratch, task, zip(sample, runs, strict=True))
    groups_of_files = list(grouped(known, TASKS_PER_CORE * spark.sparkContext.defaultParallelism))
    known_runs = [work.scratch / f"known-run-{first:05d}" for first, _ in groups_of_files]
    scan = partial(_scan_known_texts, work.corpus, storage)
    texts = spread(spark, work.scratch, scan, zip(groups_of_files, known_runs, strict=True))
    keys = sum(pairs for _, pairs in [*counts, *texts])
    all_runs = [*runs, *known_runs]
    shingles = join_runs(spark, work, all_runs, keys, domain_counts, layout.BACKGROUND_FOLDER)
    domains = arrays.load(work.corpus / layout.BACKGROUND_FOLDER / DOMAINS)
    of_known_texts = int(np.count_nonzero(domains == MOST_DOMAINS))
    return {
        "background_documents": sum(documents for documents, _ in counts),
        "background_shingles": shingles - of_known_texts,
        "known_texts": sum(found for found, _ in texts),
        "known_shingles": of_known_texts,
    }


def _scan_shard(
    folder: Path, config: CorpusConfig, storage: StorageOptions, item: tuple[ObjectInfo, Path]
) -> tuple[int, int]:
    """Write the run of the distinct pairs of a shingle and a domain; return documents and pairs."""
    shard, run = item
    articles, sites = ArticleFiles(folder), SiteIndex.open(folder / layout.SITES_FOLDER)
    sieve = Sieve(ShingleIndex.open(folder / layout.INDEX_FOLDER))
    options, report = ReadOptions(storage=storage), ReadReport()
    pairs = [np.empty((0, 2), np.uint64)]
    for batch in format_for(registry.AUTO, shard, options).read(shard, options, report):
        hits = sieve.hits(batch)
        members = sites.matches(batch, articles.urls) if len(hits.documents) else {}
        bounds = groups(hits.documents.astype(np.uint64))
        for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            document = int(hits.documents[first])
            if document not in members:
                met, hashes = hits.articles[first:last], hits.hashes[first:last]
                captured_at = batch.locate(document).captured_at
                copied = _copied(met, captured_at, articles, config)
                own = np.setdiff1d(hashes, hashes[np.isin(met, copied)])
                page = page_url(batch.url_of(document))
                name = registered_domain(page.site).encode() if page else batch.text_of(document)
                domain = np.uint64(int.from_bytes(blake2b(name, digest_size=8).digest(), "little"))
                pairs.append(np.column_stack((own, np.full(len(own), domain))))
    if report.defects_total:
        raise CorruptError(
            f"the background shard cannot be read to its end: {report.defects[0]}",
            where=printable(shard.uri),
            remedy="download it again, or leave it out: a background is a sample",
        )
    distinct = np.unique(np.concatenate(pairs), axis=0)
    write_run(run, distinct[:, 0].copy(), distinct[:, 1].copy())
    return report.documents, len(distinct)


def _copied(
    met: npt.NDArray[np.uint32], captured_at: datetime | None, articles: ArticleFiles, config: CorpusConfig
) -> list[int]:
    """Return the articles that a page copies in large part; `met` has the article of each of its shingles."""
    ordinals, counts = np.unique(met, return_counts=True)
    copied = []
    for ordinal, shingles in zip(ordinals.tolist(), counts.tolist(), strict=True):
        words, published_at = articles.values(ordinal, "words", "published_at")
        all_shingles = len(indexed_positions(words, config.shingle_stride))
        is_large = shingles >= config.background_copy_share * all_shingles
        if is_large and not captured_before(captured_at, published_at):
            copied.append(ordinal)
    return copied


def _scan_known_texts(folder: Path, storage: StorageOptions, item: tuple[Files, Path]) -> tuple[int, int]:
    """Write the run of the index's shingles in files of known texts; return texts and shingles."""
    (_, files), run = item
    indexed = ShingleIndex.open(folder / layout.INDEX_FOLDER).hashes
    shingles, texts = shingles_of(files, storage)
    found = shingles[are_among(shingles, indexed)]
    write_run(run, found, np.full(len(found), KNOWN_TEXT))
    return texts, len(found)


def domain_counts(hashes: Keys, domains: Keys) -> Mapping[str, arrays.Array]:
    """Return distinct shingles, each with its number of domains; `MOST_DOMAINS` marks known texts."""
    pairs = np.unique(np.column_stack((hashes, domains)), axis=0)
    distinct, counts = np.unique(pairs[:, 0], return_counts=True)
    # Counts of the sample stay below `MOST_DOMAINS`, which marks known texts.
    numbers = np.minimum(counts, MOST_DOMAINS - 1).astype(np.uint16)
    numbers[np.isin(distinct, pairs[pairs[:, 1] == KNOWN_TEXT, 0])] = MOST_DOMAINS
    return {HASHES: distinct, DOMAINS: numbers}
