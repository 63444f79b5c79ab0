"""What lies around the articles: owners, agency credits, the vocabulary, and the background."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.building import background, vocabulary
from presswatch_spark.corpus.building.clusters import ALONE, Clusters
from presswatch_spark.corpus.building.key_runs import bucket_bits
from presswatch_spark.corpus.building.parts import WORDS, Owners, PartReport, run_folder
from presswatch_spark.corpus.building.spread import spread
from presswatch_spark.corpus.building.workspace import Workspace
from presswatch_spark.corpus.registry import Registry
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class BucketWriter(Protocol):
    """Writes one of `2**bits` buckets of sorted runs into a folder, an array a file."""

    def __call__(self, runs: Sequence[Path], bucket: int, bits: int, folder: Path) -> None: ...  # noqa: D102


def owner_numbers(registry: Registry) -> Owners:
    """By title id, its place among all titles' ids, and that of its publisher's id among all publishers'."""
    publishers = sorted(set(registry.publisher_of.values()))
    places = {name: place for place, name in enumerate(publishers)}
    return {
        title: (place, places[registry.publisher_of[title]])
        for place, title in enumerate(sorted(registry.publisher_of))
    }


def reserve_owners(folder: Path, articles: int) -> None:
    """Make the arrays that the parts fill."""
    arrays.reserve(folder / layout.TITLES, np.uint32, (articles,))
    arrays.reserve(folder / layout.PUBLISHERS, np.uint32, (articles,))
    arrays.reserve(folder / layout.AGENCY, np.bool_, (articles,))


def share_credits(folder: Path, clusters: Clusters) -> None:
    """Let an agency credit hold for all articles of its cluster."""
    credited = np.array(arrays.load(folder / layout.AGENCY))
    roots = np.unique(clusters[credited & (clusters != ALONE)])
    arrays.save(folder / layout.AGENCY, credited | np.isin(clusters, roots))


def write_vocabulary(spark: SparkSession, work: Workspace, reports: Sequence[PartReport]) -> None:
    """Join the words that the parts counted."""
    runs = [run_folder(work, WORDS, part) for part in range(len(reports))]
    write = partial(vocabulary.vocabulary_bucket, total=sum(report.words for report in reports))
    keys = sum(report.distinct_words for report in reports)
    kinds = {layout.HASHES: np.uint64, layout.BITS: np.uint8}
    _join(spark, work, runs, keys, write, layout.VOCABULARY_FOLDER, kinds)


def read_background(
    spark: SparkSession,
    work: Workspace,
    sample: Sequence[ObjectInfo],
    config: CorpusConfig,
    storage: StorageOptions,
) -> tuple[int, int]:
    """Write which shingles of the index the sample has; returns its documents, and how many shingles."""
    runs = [work.scratch / f"background-run-{number:05d}" for number in range(len(sample))]
    task = partial(background.scan_background, work.corpus, config, storage)
    sighted = spread(spark, work.scratch, task, zip(sample, runs, strict=True))
    kinds = {layout.HASHES: np.uint64, layout.DOMAINS: np.uint16}
    keys = sum(shard.pairs for shard in sighted)
    out = layout.BACKGROUND_FOLDER
    known = _join(spark, work, runs, keys, background.background_bucket, out, kinds)
    return sum(shard.documents for shard in sighted), known


def _join(
    spark: SparkSession,
    work: Workspace,
    runs: Sequence[Path],
    keys: int,
    write: BucketWriter,
    out: str,
    kinds: Mapping[str, npt.DTypeLike],
) -> int:
    """Merge sorted runs of so many keys, bucket by bucket, into arrays under `out`; returns their length."""
    bits = bucket_bits(keys)
    folders = [work.scratch / f"{out}-{bucket:05d}" for bucket in range(1 << bits)]
    spread(spark, work.scratch, partial(_write_bucket, write, runs, bits), enumerate(folders))
    (work.corpus / out).mkdir()
    for name, dtype in kinds.items():
        arrays.join(work.corpus / out / name, dtype, [folder / name for folder in folders])
    for run in runs:
        shutil.rmtree(run)
    return len(arrays.load(work.corpus / out / name))


def _write_bucket(write: BucketWriter, runs: Sequence[Path], bits: int, item: tuple[int, Path]) -> None:
    bucket, folder = item
    write(runs, bucket, bits, folder)
