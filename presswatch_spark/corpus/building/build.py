"""Building a corpus, top to bottom: take in, cut, build parts, link, index, account, seal.

Spark spreads the work and carries small reports only. Texts and keys go through sorted runs on disk, which
all executors must see. A task's output depends on its item alone: run twice, it writes the same bytes, and
neither cores nor partitions can change the corpus. The driver holds some 5 bytes an article.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.article_files import ArticleFiles, article_urls
from presswatch_spark.corpus.building.account import counts_by_title, first_refusal, reasons, write_table
from presswatch_spark.corpus.building.article_runs import Cuts, cut, grouped, take_in
from presswatch_spark.corpus.building.background import Background, read_background
from presswatch_spark.corpus.building.clusters import Clusters, banding, clusters_of, edges_of_bucket
from presswatch_spark.corpus.building.index_parts import (
    SUPPRESSED_FILE,
    IndexPlan,
    build_bucket,
    join_buckets,
    knows_kernels,
)
from presswatch_spark.corpus.building.intake import article_columns
from presswatch_spark.corpus.building.key_runs import bucket_bits, write_run
from presswatch_spark.corpus.building.owners import Owners, owner_numbers, share_credits
from presswatch_spark.corpus.building.parts import PartReport, build_part
from presswatch_spark.corpus.building.spread import join_runs, spread
from presswatch_spark.corpus.building.vocabulary import write_vocabulary
from presswatch_spark.corpus.building.workspace import BANDS, POSTINGS, URLS, BuildWorkspace, workspace
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, describe
from presswatch_spark.corpus.registry import Registry, load_registry
from presswatch_spark.corpus.store import require_free, upload
from presswatch_spark.errors import InputError
from presswatch_spark.judgement.sites import SiteIndex, TitleSites, UrlKeys, url_keys
from presswatch_spark.moments import check_formats
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.storage.shards import ShardPlan, left_out_line, plan
from presswatch_spark.storage.uris import canonical, scheme_of
from presswatch_spark.tables.declarations import RefusedArticle, SuppressedShingle
from presswatch_spark.terminal import counted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TASKS_PER_CORE = 4
# The first build of each version has its workers compile.
COMPILING = ", after compiling kernels, once (about 10 s)"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SideFiles:
    """The files beside the articles: shards of a background, and files of known texts."""

    sample: Sequence[ObjectInfo]
    known: Sequence[ObjectInfo]


def build_corpus(
    spark: SparkSession | None,
    members: str,
    articles: Sequence[str],
    out: str,
    config: CorpusConfig,
    storage: StorageOptions,
    say: Say = lambda stage: None,
    background: Sequence[str] = (),
    known: Sequence[str] = (),
) -> Manifest:
    """Build a corpus from a members file and article paths into `out`, and return its manifest.

    Arguments and errors are those of `presswatch_spark.face.build_corpus`; `say` is its `tell`. A corpus on
    S3 is built in a temporary folder, then copied.
    """
    registry = load_registry(members)
    article_columns(config.columns)
    check_formats(config.date_formats, "date_formats")
    files = plan(articles, storage)
    sample = plan(background, storage) if background else ShardPlan(())
    texts = plan(known, storage) if known else ShardPlan(())
    if line := left_out_line([*files.left_out, *sample.left_out, *texts.left_out]):
        say(line)
    beside = SideFiles(sample.shards, texts.shards)
    build = partial(_build, spark, members, registry, files, beside, config, storage, say)
    uri = canonical(out)
    if scheme_of(uri) == "file":
        return build(Path(uri))
    require_free(uri, storage)
    with scratch_folder() as folder:
        manifest = build(folder / "corpus")
        say(f"copying to {printable(uri)}")
        upload(folder / "corpus", uri, manifest, storage)
    return manifest


def _build(
    spark: SparkSession | None,
    members: str,
    registry: Registry,
    files: ShardPlan,
    beside: SideFiles,
    config: CorpusConfig,
    storage: StorageOptions,
    say: Say,
    out: Path,
) -> Manifest:
    from presswatch_spark.spark.session import session

    with workspace(out) as work:
        spark = spark or session("presswatch corpus build", master=config.master, cores=config.cores)
        shutil.copyfile(members, work.corpus / layout.MEMBERS)
        say(f"taking in {counted(len(files), 'article file')}")
        cuts, refused, placeholders = _take_in(spark, work, registry, files, config, storage)
        say(f"hashing {counted(cuts.articles, 'article')}{'' if knows_kernels() else COMPILING}")
        reports = _build_parts(spark, work, cuts, files, owner_numbers(registry), config)
        refused += [piece for report in reports for piece in report.refused]
        say("looking for articles with the same text")
        clusters = _link(spark, work, cuts, config)
        say(f"indexing {sum(report.postings for report in reports):,} shingles")
        postings, suppressed = _index(spark, work, reports, config)
        words = [report.words for report in reports]
        write_vocabulary(spark, work, words, [report.distinct_words for report in reports])
        _write_sites(spark, work, registry, cuts.parts)
        background = _read_beside(spark, work, beside, config, storage, say)
        say("writing the tables and the manifest")
        write_table(work.corpus / layout.REFUSED_TABLE, RefusedArticle.schema, refused)
        counts = CorpusCounts(
            articles=cuts.articles,
            words=sum(report.words for report in reports),
            refused=reasons(refused),
            clusters=len(np.unique(clusters[clusters != layout.ALONE])),
            clustered_articles=int(np.count_nonzero(clusters != layout.ALONE)),
            shingles=postings,
            suppressed=suppressed,
            **asdict(background),
            titles=counts_by_title(registry.titles, work.corpus, cuts.parts, refused, placeholders),
        )
        manifest = describe(work.corpus, config, counts)
        manifest.write(work.corpus)
    return manifest


def _take_in(
    spark: SparkSession,
    work: BuildWorkspace,
    registry: Registry,
    files: ShardPlan,
    config: CorpusConfig,
    storage: StorageOptions,
) -> tuple[Cuts, list[str], Counter[str]]:
    """Return where runs are cut, pieces of refused rows, and rows by title whose date stands for none."""
    groups = grouped(files.shards, _TASKS_PER_CORE * spark.sparkContext.defaultParallelism)
    task = partial(take_in, work, TitleSites.of(registry.titles.values()), config, storage)
    taken = spread(spark, work.scratch, task, groups)
    cuts = cut([run for some in taken for run in some.runs])
    refused = [piece for some in taken for piece in some.refused]
    if not cuts.articles:
        why = ", ".join(f"{count:,} {reason}" for reason, count in reasons(refused).items())
        example = f"; {first_refusal(refused)}" if why else ""
        raise InputError(
            f"no article could be taken: {why or 'the files hold no rows'}{example}",
            remedy="check the column mapping (--columns), and that title_id names titles of the members file",
        )
    return cuts, refused, sum((Counter(some.placeholders) for some in taken), Counter())


def _read_beside(
    spark: SparkSession,
    work: BuildWorkspace,
    beside: SideFiles,
    config: CorpusConfig,
    storage: StorageOptions,
    say: Say,
) -> Background:
    if beside.sample:
        say(f"reading {counted(len(beside.sample), 'shard')} of the background")
    if beside.known:
        say(f"reading {counted(len(beside.known), 'file')} of known texts")
    return read_background(spark, work, beside.sample, beside.known, config, storage)


def _build_parts(
    spark: SparkSession,
    work: BuildWorkspace,
    cuts: Cuts,
    files: ShardPlan,
    owners: Owners,
    config: CorpusConfig,
) -> list[PartReport]:
    (work.corpus / layout.ARTICLES_FOLDER).mkdir()
    arrays.reserve(work.corpus / layout.SIGNATURES, np.uint32, (cuts.articles, config.minhash.permutations))
    for name, kind in ((layout.TITLES, np.uint32), (layout.PUBLISHERS, np.uint32), (layout.AGENCY, np.bool_)):
        arrays.reserve(work.corpus / name, kind, (cuts.articles,))
    sources = [printable(info.uri) for info in files]
    task = partial(build_part, work, cuts, sources, owners, config)
    reports = spread(spark, work.scratch, task, range(cuts.parts))
    for run in cuts.runs:
        Path(run).unlink()
    return reports


def _link(spark: SparkSession, work: BuildWorkspace, cuts: Cuts, config: CorpusConfig) -> Clusters:
    bands, _ = banding(config.cluster_jaccard, config.minhash.permutations)
    bits = bucket_bits(bands * cuts.articles)
    runs = [work.run(BANDS, part) for part in range(cuts.parts)]
    paths = spread(spark, work.scratch, partial(_link_bucket, work, runs, bits, config), range(1 << bits))
    clusters = clusters_of(cuts.articles, (arrays.load(path) for path in paths))
    arrays.save(work.corpus / layout.CLUSTERS, clusters)
    share_credits(work.corpus, clusters)
    shutil.rmtree(work.scratch / BANDS)
    return clusters


def _link_bucket(
    work: BuildWorkspace, runs: Sequence[Path], bits: int, config: CorpusConfig, bucket: int
) -> Path:
    path = work.scratch / f"edges-{bucket:05d}.npy"
    signatures = arrays.load(work.corpus / layout.SIGNATURES)
    arrays.save(path, edges_of_bucket(runs, bucket, bits, signatures, config))
    return path


def _index(
    spark: SparkSession, work: BuildWorkspace, reports: Sequence[PartReport], config: CorpusConfig
) -> tuple[int, int]:
    """Write the index and the `suppressed` table; return the postings indexed and the shingles suppressed."""
    runs = [work.run(POSTINGS, part) for part in range(len(reports))]
    cutting = IndexPlan.of(runs, sum(report.postings for report in reports), config)
    task = partial(_index_bucket, cutting, work.corpus, config.max_articles_per_shingle)
    folders = [work.scratch / f"bucket-{bucket:05d}" for bucket in cutting.buckets]
    counts = spread(spark, work.scratch, task, enumerate(folders))
    shutil.rmtree(work.scratch / POSTINGS)
    join_buckets(folders, work.corpus / layout.INDEX_FOLDER)
    common = [str(folder / SUPPRESSED_FILE) for folder in folders]
    write_table(work.corpus / layout.SUPPRESSED_TABLE, SuppressedShingle.schema, common)
    return sum(indexed for indexed, _ in counts), sum(suppressed for _, suppressed in counts)


def _index_bucket(cutting: IndexPlan, corpus: Path, limit: int, item: tuple[int, Path]) -> tuple[int, int]:
    bucket, folder = item
    return build_bucket(cutting, bucket, folder, ArticleFiles(corpus), limit)


def _write_sites(spark: SparkSession, work: BuildWorkspace, registry: Registry, parts: int) -> None:
    keyed = spread(spark, work.scratch, partial(_key_part, work), range(parts))
    runs = [work.run(URLS, part) for part in range(parts)]
    join_runs(spark, work, runs, sum(keys for _, keys in keyed), url_keys, layout.SITES_FOLDER)
    names = frozenset[str]().union(*(sites for sites, _ in keyed))
    SiteIndex.build(work.corpus / layout.SITES_FOLDER, registry.titles.values(), names)


def _key_part(work: BuildWorkspace, part: int) -> tuple[frozenset[str], int]:
    """Write the run of the keys of the URLs of one part; return their sites and their number."""
    keys = UrlKeys.of(article_urls(work.corpus / layout.part_name(part), part))
    write_run(work.run(URLS, part), keys.hashes, keys.ordinals.astype(np.uint64))
    return keys.sites, len(keys.hashes)
