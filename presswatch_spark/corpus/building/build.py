"""Building a corpus, top to bottom: take in, cut, build parts, link, index, account, seal.

Spark spreads the work and carries small reports only. Texts and keys go through sorted runs on disk, which
all executors must see. A task's output depends on its item alone: run twice, it writes the same bytes, and
neither cores nor partitions can change the corpus. The driver takes about 5 bytes an article.
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

from presswatch_spark.compiled import is_cached
from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.building.account import counts_by_title, first_refusal, reasons, write_table
from presswatch_spark.corpus.building.background import read_background
from presswatch_spark.corpus.building.clusters import Clusters, banding, clusters_of, edges_of_bucket
from presswatch_spark.corpus.building.index import (
    SUPPRESSED_FILE,
    IndexPlan,
    bucket_bits,
    build_bucket,
    join_buckets,
    join_runs,
    postings_of,
    write_run,
    write_vocabulary,
)
from presswatch_spark.corpus.building.intake import Cuts, article_columns, cut, grouped, take_in
from presswatch_spark.corpus.building.parts import PartReport, build_part, owner_numbers, share_credits
from presswatch_spark.corpus.building.workspace import (
    BANDS,
    POSTINGS,
    TASKS_PER_CORE,
    URLS,
    BuildWorkspace,
    spread,
    workspace,
)
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, describe
from presswatch_spark.corpus.registry import Registry, load_registry
from presswatch_spark.corpus.store import ArticleFiles, article_urls, require_free, upload
from presswatch_spark.errors import InputError
from presswatch_spark.judgement.sites import SiteIndex, TitleSites, UrlKeys, url_keys
from presswatch_spark.moments import check_formats
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable
from presswatch_spark.storage.shards import ShardPlan, left_out_line, plan
from presswatch_spark.storage.uris import canonical, scheme_of
from presswatch_spark.tables.declarations import RefusedArticle, SuppressedShingle
from presswatch_spark.terminal import counted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The first build of each version has its workers compile.
COMPILING = ", after compiling kernels, once (about 10 s)"

Say = Callable[[str], None]


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

    def build(folder: Path) -> Manifest:
        from presswatch_spark.spark.session import session

        with workspace(folder) as work:
            started = spark or session("presswatch corpus build", master=config.master, cores=config.cores)
            shutil.copyfile(members, work.corpus / layout.MEMBERS)
            return _Build(started, work, registry, config, storage, say).run(
                files.shards, sample.shards, texts.shards
            )

    uri = canonical(out)
    if scheme_of(uri) == "file":
        return build(Path(uri))
    require_free(uri, storage)
    with scratch_folder() as scratch:
        manifest = build(scratch / "corpus")
        say(f"copying to {printable(uri)}")
        upload(scratch / "corpus", uri, manifest, storage)
    return manifest


@dataclass(frozen=True, slots=True)
class _Build:
    spark: SparkSession
    work: BuildWorkspace
    registry: Registry
    config: CorpusConfig
    storage: StorageOptions
    say: Say

    def run(
        self, files: Sequence[ObjectInfo], sample: Sequence[ObjectInfo], known: Sequence[ObjectInfo]
    ) -> Manifest:
        """Build from article files, shards of a background sample, and files of known texts."""
        spark, work, config, say = self.spark, self.work, self.config, self.say
        say(f"taking in {counted(len(files), 'article file')}")
        cuts, refused, placeholders = self._take_in(files)
        compiling = "" if is_cached(postings_of) else COMPILING
        say(f"hashing {counted(cuts.articles, 'article')}{compiling}")
        reports = self._build_parts(cuts, [printable(info.uri) for info in files])
        refused += [piece for report in reports for piece in report.refused]
        say("looking for articles with the same text")
        clusters = self._link(cuts)
        say(f"indexing {sum(report.postings for report in reports):,} shingles")
        postings, suppressed = self._index(reports)
        words = [report.words for report in reports]
        write_vocabulary(spark, work, words, [report.distinct_words for report in reports])
        self._write_sites(cuts.parts)
        if sample:
            say(f"reading {counted(len(sample), 'shard')} of the background")
        if known:
            say(f"reading {counted(len(known), 'file')} of known texts")
        background = read_background(spark, work, sample, known, config, self.storage)

        say("writing the tables and the manifest")
        write_table(work.corpus / layout.REFUSED_TABLE, RefusedArticle.schema, refused)
        counts = CorpusCounts(
            articles=cuts.articles,
            words=sum(words),
            refused=reasons(refused),
            clusters=len(np.unique(clusters[clusters != layout.ALONE])),
            clustered_articles=int(np.count_nonzero(clusters != layout.ALONE)),
            shingles=postings,
            suppressed=suppressed,
            **asdict(background),
            titles=counts_by_title(self.registry.titles, work.corpus, cuts.parts, refused, placeholders),
        )
        manifest = describe(work.corpus, config, counts)
        manifest.write(work.corpus)
        return manifest

    def _take_in(self, files: Sequence[ObjectInfo]) -> tuple[Cuts, list[str], Counter[str]]:
        groups = grouped(files, TASKS_PER_CORE * self.spark.sparkContext.defaultParallelism)
        titles = TitleSites.of(self.registry.titles.values())
        task = partial(take_in, self.work, titles, self.config, self.storage)
        taken = spread(self.spark, self.work.scratch, task, groups)
        cuts = cut([run for some in taken for run in some.runs])
        refused = [piece for some in taken for piece in some.refused]
        if not cuts.articles:
            why = ", ".join(f"{count:,} {reason}" for reason, count in reasons(refused).items())
            example = f"; {first_refusal(refused)}" if why else ""
            raise InputError(
                f"no article could be taken: {why or 'the files hold no rows'}{example}",
                remedy="check the column mapping (--columns), and that title_id names titles of the members"
                " file",
            )
        return cuts, refused, sum((Counter(some.placeholders) for some in taken), Counter())

    def _build_parts(self, cuts: Cuts, sources: Sequence[str]) -> list[PartReport]:
        corpus, config = self.work.corpus, self.config
        (corpus / layout.ARTICLES_FOLDER).mkdir()
        arrays.reserve(corpus / layout.SIGNATURES, np.uint32, (cuts.articles, config.minhash.permutations))
        arrays.reserve(corpus / layout.TITLES, np.uint32, (cuts.articles,))
        arrays.reserve(corpus / layout.PUBLISHERS, np.uint32, (cuts.articles,))
        arrays.reserve(corpus / layout.AGENCY, np.bool_, (cuts.articles,))
        task = partial(build_part, self.work, cuts, sources, owner_numbers(self.registry), config)
        reports = spread(self.spark, self.work.scratch, task, range(cuts.parts))
        for run in cuts.runs:
            Path(run).unlink()
        return reports

    def _link(self, cuts: Cuts) -> Clusters:
        work, least = self.work, self.config.cluster_jaccard
        bands, _ = banding(least, self.config.minhash.permutations)
        bits = bucket_bits(bands * cuts.articles)
        task = partial(_link_bucket, work, cuts.parts, bits, least)
        paths = spread(self.spark, work.scratch, task, range(1 << bits))
        clusters = clusters_of(cuts.articles, (arrays.load(path) for path in paths))
        arrays.save(work.corpus / layout.CLUSTERS, clusters)
        share_credits(work.corpus, clusters)
        shutil.rmtree(work.scratch / BANDS)
        return clusters

    def _index(self, reports: Sequence[PartReport]) -> tuple[int, int]:
        """Write index and `suppressed` table; return the postings indexed and the shingles suppressed."""
        work, config = self.work, self.config
        runs = [work.run(POSTINGS, part) for part in range(len(reports))]
        cutting = IndexPlan.of(runs, sum(report.postings for report in reports), config)
        task = partial(_index_bucket, cutting, work.corpus, config.max_articles_per_shingle)
        folders = [work.scratch / f"bucket-{bucket:05d}" for bucket in range(1 << cutting.bits)]
        counts = spread(self.spark, work.scratch, task, enumerate(folders))
        shutil.rmtree(work.scratch / POSTINGS)
        join_buckets(folders, work.corpus / layout.INDEX_FOLDER)
        common = [str(folder / SUPPRESSED_FILE) for folder in folders]
        write_table(work.corpus / layout.SUPPRESSED_TABLE, SuppressedShingle.schema, common)
        return sum(indexed for indexed, _ in counts), sum(suppressed for _, suppressed in counts)

    def _write_sites(self, parts: int) -> None:
        work = self.work
        keyed = spread(self.spark, work.scratch, partial(_key_part, work), range(parts))
        runs = [work.run(URLS, part) for part in range(parts)]
        join_runs(self.spark, work, runs, sum(keys for _, keys in keyed), url_keys, layout.SITES_FOLDER)
        names = frozenset[str]().union(*(sites for sites, _ in keyed))
        SiteIndex.build(work.corpus / layout.SITES_FOLDER, self.registry.titles.values(), names)


def _link_bucket(work: BuildWorkspace, parts: int, bits: int, least: float, bucket: int) -> Path:
    runs = [work.run(BANDS, part) for part in range(parts)]
    path = work.scratch / f"edges-{bucket:05d}.npy"
    signatures = arrays.load(work.corpus / layout.SIGNATURES)
    arrays.save(path, edges_of_bucket(runs, bucket, bits, signatures, least))
    return path


def _index_bucket(cutting: IndexPlan, corpus: Path, limit: int, item: tuple[int, Path]) -> tuple[int, int]:
    return build_bucket(cutting, *item, ArticleFiles(corpus), limit)


def _key_part(work: BuildWorkspace, part: int) -> tuple[frozenset[str], int]:
    keys = UrlKeys.of(article_urls(work.corpus / layout.part_name(part), part))
    write_run(work.run(URLS, part), keys.hashes, keys.ordinals.astype(np.uint64))
    return keys.sites, len(keys.hashes)
