"""Seals a corpus, and joins sealed corpora, so that one pass searches the articles of several members.

Indexes are written by bucket, as in a build: memory has one bucket at a time.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from presswatch_spark.core.errors import ConfigError, CorpusError
from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.building.index import ARTICLE_SHIFT, IndexWriter, join_buckets, postings_of
from presswatch_spark.corpus.building.workspace import Keys, read_bucket, write_run
from presswatch_spark.corpus.layout import (
    ARTICLES_PER_BATCH,
    ARTICLES_PER_PART,
    INDEX_FOLDER,
    MANIFEST,
    SITES_FOLDER,
)
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, manifest_with
from presswatch_spark.corpus.sealing.key import SealKey
from presswatch_spark.corpus.sealing.store import Numbers, SealedCorpus, article_numbers
from presswatch_spark.corpus.store import Corpus, urls_of
from presswatch_spark.matching.judgement.keyed_sites import SITE, KeyedSites
from presswatch_spark.matching.judgement.urls import SERVICE_HOSTS, page_url
from presswatch_spark.matching.shingle_index import bucket_of
from presswatch_spark.reading.text.words import words_of_each
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions

OF_INDEX = ("shingle_stride", "filter_bits_per_key")
"""Parameters of a corpus that those of its sealed form have as well."""


def seal(corpus: Corpus, key: SealKey, out: str, storage: StorageOptions) -> Manifest:
    """Seal a corpus into `out`, a new folder on disk or S3; the same corpus and key give the same bytes.

    Without the key, it shows only counts, and which articles share shingles. `OutputError` if `out` is not
    empty or cannot be written.
    """
    given, counts = corpus.manifest.parameters, corpus.manifest.counts
    with new_folder(out, storage, MANIFEST) as folder:
        numbers, runs = article_numbers(corpus, key), list[Path]()
        for first in range(0, len(corpus), ARTICLES_PER_PART):
            runs.append(folder / "scratch" / f"run-{first:09d}")
            write_run(runs[-1], *_postings(corpus, key, first, numbers))
        postings = sum(len(arrays.load(run / "keys.npy")) for run in runs)
        writer = IndexWriter(postings, given["filter_bits_per_key"], given["max_articles_per_shingle"])

        def slice_of(bucket: int) -> tuple[Keys, Keys]:
            hashes, values = read_bucket(runs, bucket, writer.bits)
            indexed, _, _ = writer.indexed(hashes, values)
            return hashes[indexed], values[indexed] >> ARTICLE_SHIFT

        shingles = _write_index(folder, writer, slice_of)
        parameters = {
            **{name: given[name] for name in OF_INDEX},
            "key_fingerprint": key.fingerprint,
            "parts": [{"fingerprint": key.corpus(corpus.manifest.digest), "articles": len(corpus)}],
            "site_depth": _write_sites(corpus, key, folder / SITES_FOLDER, numbers),
        }
        kept = CorpusCounts(len(corpus), counts.words, shingles, counts.suppressed)
        return _finished(folder, parameters, kept)


def _postings(corpus: Corpus, key: SealKey, first: int, numbers: Numbers) -> tuple[Keys, Keys]:
    """Return hashes and values of the postings of a part of the articles, from an ordinal on."""
    found, stride = list[tuple[Keys, Keys]](), corpus.manifest.parameters["shingle_stride"]
    for ordinal in range(first, min(first + ARTICLES_PER_PART, len(corpus)), ARTICLES_PER_BATCH):
        batch, _ = corpus.row(ordinal)
        words, bounds = words_of_each(*arrays.texts_of(batch["body"]), key.hashes)
        found.append(postings_of(np.uint64(ordinal), words, bounds, stride, key.hashes))
    hashes, values = (np.concatenate(each) for each in zip(*found, strict=True))
    owners = numbers[values >> ARTICLE_SHIFT].astype(np.uint64)
    return hashes, owners << ARTICLE_SHIFT | values.astype(np.uint32)


def _write_index(folder: Path, writer: IndexWriter, slice_of: Callable[[int], tuple[Keys, Keys]]) -> int:
    """Write the index from its buckets' hashes and articles; return its postings. Removes scratch files."""
    postings, scratch = 0, folder / "scratch"
    folders = [scratch / f"bucket-{bucket:05d}" for bucket in range(1 << writer.bits)]
    for bucket, place in enumerate(folders):
        place.mkdir(parents=True)
        hashes, articles = slice_of(bucket)
        writer.write((bucket, place), hashes, articles)
        postings += len(hashes)
    join_buckets(folders, folder / INDEX_FOLDER)
    shutil.rmtree(scratch)
    return postings


def _write_sites(corpus: Corpus, key: SealKey, folder: Path, numbers: Numbers) -> int:
    """Write the hashes of hosts, sites and URLs; return the names in the longest path of a site."""
    names = {*SERVICE_HOSTS, *corpus.sites.sites}
    sites = [host + site.path for host, each in corpus.sites.sites.items() for site in each]
    places = [(key.sites.place_hash(site), SITE) for site in sites]
    for number, row in zip(numbers.tolist(), corpus.each("url", "alternate_urls"), strict=True):
        for page in filter(None, map(page_url, urls_of(*row))):
            names.add(page.site)
            places.append((key.sites.place_hash(page.text), number))
    KeyedSites.write(folder, map(key.sites.host_hash, names), np.array(places, np.uint64).reshape(-1, 2))
    return max((site.count("/") - 1 for site in sites), default=0)


def _finished(folder: Path, parameters: dict[str, object], counts: CorpusCounts) -> Manifest:
    manifest = manifest_with(folder, {"kind": "sealed", **parameters}, counts)
    manifest.write(folder)
    return manifest


def join(paths: Sequence[str], out: str, storage: StorageOptions) -> Manifest:
    """Join sealed corpora of one key into `out`, in any order; this needs no key.

    Raises `ConfigError` for corpora of several keys or settings, `CorpusError` if a corpus is there twice,
    and the errors of `SealedCorpus.open` and `new_folder`.
    """
    opened = [SealedCorpus.open(path, storage=storage) for path in paths]
    alike = _alike(opened[0].manifest)
    for path, corpus in zip(paths, opened, strict=True):
        if (found := _alike(corpus.manifest)) != alike:
            raise ConfigError(
                f"the corpora have other keys or settings: {found} here, and {alike} in {paths[0]}",
                where=path,
                remedy="build them with the same settings, and seal them with one key",
            )
    opened.sort(key=lambda corpus: corpus.manifest.parts[0].fingerprint)
    counts = [corpus.manifest.counts for corpus in opened]
    parts = [part for corpus in opened for part in corpus.manifest.parameters["parts"]]
    if len({part["fingerprint"] for part in parts}) < len(parts):
        raise CorpusError("a corpus is joined twice", where=", ".join(paths), remedy="name each corpus once")
    articles = np.cumsum([0, *map(len, opened)]).astype(np.uint32)
    shingles = sum(each.shingles for each in counts)
    writer = IndexWriter(shingles, opened[0].manifest.parameters["filter_bits_per_key"], 0)

    def slice_of(bucket: int) -> tuple[Keys, Keys]:
        slices = [bucket_of(corpus.index.hashes, bucket, writer.bits) for corpus in opened]
        pairs = list(zip(opened, slices, strict=True))
        hashes = np.concatenate([corpus.index.hashes[each] for corpus, each in pairs])
        numbers = [corpus.index.articles[each] for corpus, each in pairs]
        order = np.argsort(hashes, kind="stable")
        return hashes[order], np.concatenate(list(map(np.add, numbers, articles)))[order]

    with new_folder(out, storage, MANIFEST) as folder:
        _write_index(folder, writer, slice_of)
        first_parts = np.cumsum([0, *(len(corpus.manifest.parts) for corpus in opened)])
        offsets = zip(first_parts.tolist(), articles, strict=True)
        KeyedSites.join([corpus.folder / SITES_FOLDER for corpus in opened], offsets, folder / SITES_FOLDER)
        depth = max(corpus.manifest.parameters["site_depth"] for corpus in opened)
        words, suppressed = sum(each.words for each in counts), sum(each.suppressed for each in counts)
        summed = CorpusCounts(int(articles[-1]), words, shingles, suppressed)
        return _finished(folder, {**alike, "parts": parts, "site_depth": depth}, summed)


def _alike(manifest: Manifest) -> dict[str, object]:
    return {name: manifest.parameters[name] for name in (*OF_INDEX, "key_fingerprint")}
