"""Seals a corpus, and joins sealed corpora, so that one pass searches the articles of several members."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from presswatch_spark.core.errors import ConfigError, CorpusError
from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.building.workspace import POSTINGS, BuildWorkspace, join_runs, write_run
from presswatch_spark.corpus.layout import INDEX_FOLDER, MANIFEST, SITES_FOLDER
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, write_manifest
from presswatch_spark.corpus.sealed import (
    ARTICLES,
    HASHES,
    HOSTS,
    PLACES,
    SITE,
    Numbers,
    SealedCorpus,
    SealKey,
    article_numbers,
)
from presswatch_spark.corpus.store import Corpus, urls_of
from presswatch_spark.matching.cipher import encrypt
from presswatch_spark.matching.judgement.urls import page_url
from presswatch_spark.reading.text.kernels import Hashes
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions

OF_INDEX = ("shingle_stride", "filter_bits_per_key")
"""Parameters of a corpus that those of its sealed form have as well."""
COUNTS = ("articles", "words", "shingles", "suppressed")
POSTINGS_AT_ONCE = 1 << 22


def seal(corpus: Corpus, key: SealKey, out: str, storage: StorageOptions) -> Manifest:
    """Seal a corpus into `out`, a new folder on disk or S3; the same corpus and key give the same bytes.

    Without the key, it shows only counts, and which articles share shingles. `OutputError` if `out` is not
    empty or cannot be written.
    """
    given, counts, index = corpus.manifest.parameters, corpus.manifest.counts, corpus.index
    numbers, hosts = article_numbers(corpus, key), corpus.sites.hosts
    sites = [host + site.path for host, each in corpus.sites.sites.items() for site in each]
    places = [(key.place(site), SITE) for site in sites]
    for number, row in zip(numbers.tolist(), corpus.each("url", "alternate_urls"), strict=True):
        pages = filter(None, map(page_url, urls_of(*row)))
        places += ((key.place(page.text), number) for page in pages)
    parameters = {
        **{name: given[name] for name in OF_INDEX},
        "key_fingerprint": key.fingerprint,
        "parts": [{"fingerprint": key.corpus(corpus.manifest.digest), "articles": len(corpus)}],
        "site_depth": max((site.count("/") - 1 for site in sites), default=0),
    }
    cut = _cut(index.hashes, index.articles)
    postings = ((encrypt(hashes, key.shingles), numbers[articles]) for hashes, articles in cut)
    known, owned = encrypt(hosts[hosts != 0], key.hosts), np.array(places, np.uint64).reshape(-1, 2).T
    with new_folder(out, storage, MANIFEST) as folder:
        return _write(folder, postings, known, owned, parameters, [counts])


def _cut(hashes: Hashes, articles: Numbers) -> Iterator[tuple[Hashes, Numbers]]:
    for first in range(0, len(hashes), POSTINGS_AT_ONCE):
        last = first + POSTINGS_AT_ONCE
        yield hashes[first:last], articles[first:last]


def _write(
    folder: Path,
    postings: Iterable[tuple[Hashes, Numbers]],
    hosts: Hashes,
    places: Hashes,
    parameters: Mapping[str, object],
    counts: Sequence[CorpusCounts],
) -> Manifest:
    """Write a sealed corpus: postings (hashes, numbers of articles) come in parts, all else in any order."""
    summed = CorpusCounts(*(sum(getattr(each, name) for each in counts) for name in COUNTS))
    work, runs = BuildWorkspace(folder), list[Path]()
    for hashes, articles in postings:
        runs.append(work.run(POSTINGS, len(runs)))
        write_run(runs[-1], hashes, articles.astype(np.uint64))
    join_runs(None, work, runs, summed.shingles, _index_arrays, INDEX_FOLDER)
    (folder / SITES_FOLDER).mkdir()
    arrays.save(folder / HOSTS, np.unique(hosts))
    arrays.save(folder / PLACES, np.unique(places, axis=1))
    return write_manifest(folder, {"kind": "sealed", **parameters}, summed)


def _index_arrays(hashes: Hashes, numbers: Hashes) -> dict[str, arrays.Array]:
    return {Path(HASHES).name: hashes, Path(ARTICLES).name: numbers.astype(np.uint32)}


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
    parts = [part for corpus in opened for part in corpus.manifest.parameters["parts"]]
    if len({part["fingerprint"] for part in parts}) < len(parts):
        raise CorpusError("a corpus is joined twice", where=", ".join(paths), remedy="name each corpus once")
    firsts = np.cumsum([0, *map(len, opened)]).tolist()
    first_parts = np.cumsum([0, *(len(corpus.manifest.parts) for corpus in opened)]).tolist()
    postings = (
        (hashes, numbers + np.uint32(first))
        for corpus, first in zip(opened, firsts, strict=False)
        for hashes, numbers in _cut(corpus.hashes, corpus.articles)
    )
    places = list[Hashes]()
    for corpus, first, first_part in zip(opened, firsts, first_parts, strict=False):
        hashes, owners = corpus.places
        moved = np.where(owners < SITE, np.uint64(first), np.uint64(first_part))
        places.append(np.stack((hashes, owners + moved)))
    hosts = np.concatenate([corpus.hosts for corpus in opened])
    depth = max(corpus.manifest.parameters["site_depth"] for corpus in opened)
    parameters = {**alike, "parts": parts, "site_depth": depth}
    counts = [corpus.manifest.counts for corpus in opened]
    with new_folder(out, storage, MANIFEST) as folder:
        return _write(folder, postings, hosts, np.concatenate(places, axis=1), parameters, counts)


def _alike(manifest: Manifest) -> dict[str, object]:
    return {name: manifest.parameters[name] for name in (*OF_INDEX, "key_fingerprint")}
