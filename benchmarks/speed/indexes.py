"""Corpora with an index of any size: the real shingles of their articles, and random hashes up to the number.

Texts for 10^8 shingles would take hours to make and to build. A random 64-bit number costs a sieve what the
hash of a shingle costs, and meets no word of a page. The arrays are made by the product's own builders,
bucket by bucket, and mapped from disk as in production.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.building.build_index import index_bucket, join_buckets
from presswatch_spark.corpus.building.workspace import Keys, write_buckets, write_run
from presswatch_spark.corpus.manifest import write_manifest
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.shingle_index import ShingleIndex

RUN_KEYS = 8 << 20
BYTES_A_SHINGLE = 8 + 4 + 4 + 4 + 1.5
_NO_LIMIT = 1 << 40
_ARTICLE_SHIFT = np.uint64(32)


def memory_needed(shingles: int) -> int:
    """Bytes of an index: hashes, postings, filter and directory."""
    return int(shingles * BYTES_A_SHINGLE)


def memory_available() -> int:
    """Bytes that this machine can give now, files' pages that it can drop included."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def padded(source: Path, out: Path, shingles: int) -> Path:
    """Make a corpus at `out` like the one at `source`, with an index of exactly `shingles` postings.

    Real postings come first; those of later articles are left out where there are too many.
    """
    corpus, config = Corpus.open(str(source), check=False), CorpusConfig()
    shutil.copytree(source, out, ignore=shutil.ignore_patterns(layout.INDEX_FOLDER, layout.MANIFEST))
    scratch = out.with_name(f"{out.name}-scratch")
    runs = []
    for number, (keys, values) in enumerate(_postings(corpus, shingles)):
        runs.append(scratch / f"run-{number:05}")
        write_run(runs[-1], keys, values)
    without_limit = replace(config, max_articles_per_shingle=_NO_LIMIT)
    folders = write_buckets(None, scratch, runs, partial(index_bucket, shingles, without_limit, out))
    join_buckets(folders, out / layout.INDEX_FOLDER)
    shutil.rmtree(scratch)
    write_manifest(out, corpus.manifest.parameters, replace(corpus.manifest.counts, shingles=shingles))
    return out


def _postings(corpus: Corpus, shingles: int) -> Iterator[tuple[Keys, Keys]]:
    """Hashes and values of the postings, in runs."""
    index = corpus.index
    owners = np.asarray(index.articles)
    real = np.argsort(owners, kind="stable")[:shingles]
    yield np.asarray(index.hashes)[real], owners[real].astype(np.uint64) << _ARTICLE_SHIFT
    rng = np.random.default_rng(shingles)
    for first in range(len(real), shingles, RUN_KEYS):
        n = min(RUN_KEYS, shingles - first)
        keys = rng.integers(0, 1 << 64, n, np.uint64, endpoint=False)
        yield keys, rng.integers(0, len(corpus), n, np.uint64) << _ARTICLE_SHIFT


def warm(folder: Path) -> int:
    """Read an index once, so that its pages are in memory; returns its size in bytes."""
    index = ShingleIndex.open(folder / layout.INDEX_FOLDER)
    arrays = (index.hashes, index.articles, index.filter, index.directory)
    for array in arrays:
        np.add.reduce(array.view(np.uint8)[::4096], dtype=np.int64)
    return sum(array.nbytes for array in arrays)
