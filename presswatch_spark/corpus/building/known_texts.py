"""Reads the background, a sample of the web, and known texts: laws, speeches, old books, wires.

They show the words of articles that others have, too. For each shingle of the index, the domains that have
it are counted; a known text counts like all domains. A copy of an article proves nothing about the article's
words: the shingles of an article do not count on a page that has a large share of it, unless the page is
older. Pages on members' own sites do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.building import workspace
from presswatch_spark.corpus.layout import DOMAINS, HASHES
from presswatch_spark.corpus.store import ArticleFiles
from presswatch_spark.matching.judgement.grading import captured_before
from presswatch_spark.matching.judgement.public_suffixes import registered_domain
from presswatch_spark.matching.judgement.sites import SiteIndex
from presswatch_spark.matching.judgement.urls import page_url
from presswatch_spark.matching.shingle_index import ShingleIndex
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.inflate import inflated
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.rows.whole_rows import require_whole
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.text.word_kernels import Hashes
from presswatch_spark.reading.text.words import are_among, indexed_positions, shingle_hashes, word_hashes
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream, shown_uri

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_DOMAINS = np.iinfo(np.uint16).max
# The key that marks a shingle of a known text. The keys of domains are hashes.
KNOWN_TEXT = np.uint64(0)
TEXT_SUFFIXES = (".txt", ".txt.gz", ".txt.zst")


def read_background(
    spark: SparkSession,
    work: workspace.BuildWorkspace,
    sample: Sequence[ObjectInfo],
    known: Sequence[ObjectInfo],
    config: CorpusConfig,
    storage: StorageOptions,
) -> dict[str, int]:
    """Write the shingles of the index that the sample or the files of known texts have.

    Returns counts, as fields of `CorpusCounts`.
    """
    runs = work.runs("sample", len(sample))
    task = partial(_scan_shard, work.corpus, config, storage)
    documents = workspace.spread(spark, work.scratch, task, zip(sample, runs, strict=True))
    groups_of_files = workspace.grouped(known, spark)
    known_runs = work.runs("known", len(groups_of_files))
    scan = partial(_scan_known_texts, work.corpus, storage)
    texts = workspace.spread(spark, work.scratch, scan, zip(groups_of_files, known_runs, strict=True))
    shingles = workspace.join_runs(spark, work, layout.BACKGROUND_FOLDER, [*runs, *known_runs], domain_counts)
    domains = layout.load(work.corpus / layout.BACKGROUND_FOLDER / DOMAINS)
    of_known_texts = int(np.count_nonzero(domains == MOST_DOMAINS))
    return {
        "background_documents": sum(documents),
        "background_shingles": shingles - of_known_texts,
        "known_texts": sum(texts),
        "known_shingles": of_known_texts,
    }


def _scan_shard(
    folder: Path, config: CorpusConfig, storage: StorageOptions, item: tuple[ObjectInfo, Path]
) -> int:
    """Write the run of the distinct pairs of a shingle and a domain; return the number of documents."""
    shard, run = item
    articles, sites = ArticleFiles(folder), SiteIndex.open(folder / layout.SITES_FOLDER)
    sieve = Sieve(ShingleIndex.open(folder / layout.INDEX_FOLDER))
    options, report = ReadOptions(storage=storage), ReadReport()
    pairs = [np.empty((0, 2), np.uint64)]
    for batch in format_for(known_formats.AUTO, shard, options).read(shard, options, report):
        hits = sieve.hits(batch)
        members = sites.matches(batch, articles.urls) if len(hits.documents) else {}
        bounds = workspace.groups(hits.documents.astype(np.uint64))
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
    remedy = "download it again, or leave it out: a background is a sample"
    require_whole(report, shown_uri(shard.uri), "the background shard", remedy)
    distinct = np.unique(np.concatenate(pairs), axis=0)
    workspace.write_run(run, distinct[:, 0].copy(), distinct[:, 1].copy())
    return report.documents


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


def _scan_known_texts(folder: Path, storage: StorageOptions, item: tuple[workspace.Files, Path]) -> int:
    """Write the run of the index's shingles in files of known texts; return the number of texts."""
    (_, files), run = item
    indexed = ShingleIndex.open(folder / layout.INDEX_FOLDER).hashes
    shingles, texts = shingles_of(files, storage)
    found = shingles[are_among(shingles, indexed)]
    workspace.write_run(run, found, np.full(len(found), KNOWN_TEXT))
    return texts


def shingles_of(files: Iterable[ObjectInfo], storage: StorageOptions) -> tuple[Hashes, int]:
    """Return the hashes of all 8-word shingles of the files' texts, sorted, each once, and count the texts.

    A file named `*.txt`, `*.txt.gz` or `*.txt.zst` is one text in UTF-8. Any other is read like a shard.
    Raises `CorruptError` if a file cannot be read to its end, or a text file is not UTF-8.
    """
    parts, texts = [np.empty(0, np.uint64)], 0
    for file in files:
        report = ReadReport()
        if shown_uri(file.uri).lower().endswith(TEXT_SUFFIXES):
            with open_stream(file, storage) as stream:
                text = b"".join(inflated(stream, report))
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                raise CorruptError(
                    f"byte 0x{text[error.start]:02x} at {error.start:,} is not UTF-8",
                    where=shown_uri(file.uri),
                    remedy="save the text as UTF-8: words with accents would be cut otherwise",
                ) from error
            parts.append(shingle_hashes(word_hashes(text)))
            texts += 1
        else:
            options = ReadOptions(storage=storage)
            for batch in format_for(known_formats.AUTO, file, options).read(file, options, report):
                parts += [shingle_hashes(word_hashes(batch.text_of(i))) for i in range(len(batch))]
                texts += len(batch)
        require_whole(report, shown_uri(file.uri), "the known text", "download it again")
    return np.unique(np.concatenate(parts)), texts


def domain_counts(hashes: workspace.Keys, domains: workspace.Keys) -> Mapping[str, layout.Array]:
    """Return distinct shingles, each with its number of domains; `MOST_DOMAINS` marks known texts."""
    pairs = np.unique(np.column_stack((hashes, domains)), axis=0)
    distinct, counts = np.unique(pairs[:, 0], return_counts=True)
    # Counts of the sample stay below `MOST_DOMAINS`, which marks known texts.
    numbers = np.minimum(counts, MOST_DOMAINS - 1).astype(np.uint16)
    numbers[np.isin(distinct, pairs[pairs[:, 1] == KNOWN_TEXT, 0])] = MOST_DOMAINS
    return {HASHES: distinct, DOMAINS: numbers}
