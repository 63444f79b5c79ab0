"""Builds a corpus, in these steps: take in, cut, build parts, link, index, count, write the manifest.

Spark distributes the work and transports only small reports. Texts and keys go through sorted runs on disk,
which all executors must see. A task's output depends only on its item: if it runs twice, it writes the same
bytes, and neither cores nor partitions can change the corpus. The driver takes about 5 bytes per article.
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

from presswatch_spark.core.compiled import is_cached
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.times import check_formats
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.building import build_index, intake, workspace
from presswatch_spark.corpus.building.known_texts import read_background
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, write_manifest
from presswatch_spark.corpus.members import Registry, load_registry
from presswatch_spark.matching.judgement.sites import SiteIndex, TitleSites, url_keys
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, shown_uri
from presswatch_spark.storage.shards import ShardPlan, left_out_line, plan
from presswatch_spark.storage.uris import below_common_folder, scheme_of
from presswatch_spark.tables.declarations import RefusedArticle, SuppressedShingle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Settings of how articles are read: their effect is in the files, so they are no part of the digest.
_NOT_CONTENT = ("master", "cores", "columns", "date_formats", "body_format", "encoding")
# In the first build of each version, the workers compile the kernels.
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

    Arguments and errors are those of `presswatch_spark.api.build_corpus`; `say` is its `tell`.
    """
    registry = load_registry(members)
    intake.article_columns(config.columns)
    check_formats(config.date_formats, "date_formats")
    files = plan(articles, storage)
    sample = plan(background, storage) if background else ShardPlan(())
    texts = plan(known, storage, texts=True) if known else ShardPlan(())
    if line := left_out_line([*files.left_out, *sample.left_out, *texts.left_out]):
        say(line)

    with new_folder(out, storage, layout.MANIFEST) as folder:
        from presswatch_spark.core.spark.session import session

        work = workspace.BuildWorkspace(folder)
        work.scratch.mkdir()
        started = spark or session("presswatch corpus build", master=config.master, cores=config.cores)
        shutil.copyfile(members, work.corpus / layout.MEMBERS)
        made = _Build(started, work, registry, config, storage, say)
        manifest = made.run(files.shards, sample.shards, texts.shards)
        if scheme_of(out) == "s3":
            say(f"copying to {shown_uri(out)}")
    return manifest


@dataclass(frozen=True, slots=True)
class _Build:
    spark: SparkSession
    work: workspace.BuildWorkspace
    registry: Registry
    config: CorpusConfig
    storage: StorageOptions
    say: Say

    def run(
        self, files: Sequence[ObjectInfo], sample: Sequence[ObjectInfo], known: Sequence[ObjectInfo]
    ) -> Manifest:
        """Build from article files, shards of a background sample, and files of known texts."""
        work, corpus, config, say = self.work, self.work.corpus, self.config, self.say
        say(f"taking in {counted(len(files), 'article file')}")
        # The digest of a corpus does not depend on where its files were.
        sources = below_common_folder([info.uri for info in files])
        cuts, refused, placeholders = self._take_in(files, sources)
        compiling = "" if is_cached(build_index.postings_of) else COMPILING
        say(f"hashing {counted(cuts.articles, 'article')}{compiling}")
        reports = self._build_parts(cuts, sources)
        refused += [piece for report in reports for piece in report.refused]
        say("looking for articles with the same text")
        clusters = self._link(cuts)
        say(f"indexing {sum(report.postings for report in reports):,} shingles")
        postings, suppressed = self._index(reports)
        words = sum(report.words for report in reports)
        bits = partial(build_index.word_bits, words)
        workspace.join_runs(
            self.spark, work, layout.VOCABULARY_FOLDER, work.runs(workspace.WORDS, cuts.parts), bits
        )
        workspace.join_runs(
            self.spark, work, layout.SITES_FOLDER, work.runs(workspace.URLS, cuts.parts), url_keys
        )
        sites = frozenset[str]().union(*(report.sites for report in reports))
        SiteIndex.build(corpus / layout.SITES_FOLDER, self.registry.titles.values(), sites)
        if sample:
            say(f"reading {counted(len(sample), 'shard')} of the background")
        if known:
            say(f"reading {counted(len(known), 'file')} of known texts")
        background = read_background(self.spark, work, sample, known, config, self.storage)

        say("writing the tables and the manifest")
        intake.write_table(corpus / layout.REFUSED_TABLE, RefusedArticle.schema, refused)
        counts = CorpusCounts(
            articles=cuts.articles,
            words=words,
            refused=intake.reasons(refused),
            clusters=len(np.unique(clusters[clusters != layout.ALONE])),
            clustered_articles=int(np.count_nonzero(clusters != layout.ALONE)),
            shingles=postings,
            suppressed=suppressed,
            **background,
            titles=intake.counts_by_title(self.registry.titles, corpus, cuts.parts, refused, placeholders),
        )
        parameters = {name: value for name, value in asdict(config).items() if name not in _NOT_CONTENT}
        return write_manifest(corpus, parameters, counts)

    def _take_in(
        self, files: Sequence[ObjectInfo], sources: Sequence[str]
    ) -> tuple[intake.Cuts, list[str], Counter[str]]:
        titles = TitleSites.of(self.registry.titles.values())
        task = partial(intake.take_in, self.work, sources, titles, self.config, self.storage)
        taken = workspace.spread(self.spark, self.work.scratch, task, workspace.grouped(files, self.spark))
        cuts = intake.cut([run for some in taken for run in some.runs])
        refused = [piece for some in taken for piece in some.refused]
        if not cuts.articles:
            why = ", ".join(f"{count:,} {reason}" for reason, count in intake.reasons(refused).items())
            example = ""
            if why:
                row = layout.read_arrow(refused[0]).slice(0, 1).to_pylist()[0]
                example = f"; {row['detail']} (row {row['row_index']} of {row['source']})"
            raise InputError(
                f"no article was accepted: {why or 'the files contain no rows'}{example}",
                remedy="check the column mapping (--columns), and that title_id names titles of the members"
                " file",
            )
        return cuts, refused, sum((Counter(some.placeholders) for some in taken), Counter())

    def _build_parts(self, cuts: intake.Cuts, sources: Sequence[str]) -> list[build_index.PartReport]:
        work = self.work
        (work.corpus / layout.ARTICLES_FOLDER).mkdir()
        publisher_of = self.registry.publisher_of
        publishers = {name: place for place, name in enumerate(sorted(set(publisher_of.values())))}
        titles = enumerate(sorted(publisher_of.items()))
        owners = {title: (place, publishers[publisher]) for place, (title, publisher) in titles}
        task = partial(build_index.build_part, work, cuts, sources, owners, self.config)
        reports = workspace.spread(self.spark, work.scratch, task, range(cuts.parts))
        for name in build_index.ARRAYS:
            layout.join(work.corpus / name, [work.piece(name, part) for part in range(cuts.parts)])
        for run in cuts.runs:
            Path(run).unlink()
        return reports

    def _link(self, cuts: intake.Cuts) -> build_index.Clusters:
        work, runs = self.work, self.work.runs(workspace.BANDS, cuts.parts)
        make = partial(
            build_index.edges_of_bucket, work.corpus / layout.SIGNATURES, self.config.cluster_jaccard
        )
        folders = workspace.write_buckets(self.spark, work.scratch / "edges", runs, make)
        edges = (layout.load(folder / build_index.EDGES_FILE) for folder in folders)
        clusters = build_index.clusters_of(cuts.articles, edges)
        layout.save(work.corpus / layout.CLUSTERS, clusters)
        # All articles of a cluster are agency copy if one of them is.
        credited = np.array(layout.load(work.corpus / layout.AGENCY))
        in_cluster, has_credit = clusters != layout.ALONE, np.zeros(len(clusters), np.bool_)
        has_credit[clusters[credited & in_cluster]] = True
        credited |= in_cluster & has_credit[clusters]
        layout.save(work.corpus / layout.AGENCY, credited)
        return clusters

    def _index(self, reports: Sequence[build_index.PartReport]) -> tuple[int, int]:
        """Write index and `suppressed` table; return the postings indexed and the shingles suppressed."""
        work, postings = self.work, sum(report.postings for report in reports)
        runs = work.runs(workspace.POSTINGS, len(reports))
        make = partial(build_index.index_bucket, postings, self.config, work.corpus)
        folders = workspace.write_buckets(self.spark, work.scratch / layout.INDEX_FOLDER, runs, make)
        common = [str(folder / build_index.SUPPRESSED_FILE) for folder in folders]
        suppressed = work.corpus / layout.SUPPRESSED_TABLE
        rows = intake.write_table(suppressed, SuppressedShingle.schema, common)
        return build_index.join_buckets(folders, work.corpus / layout.INDEX_FOLDER), rows
