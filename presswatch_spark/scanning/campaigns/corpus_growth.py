"""The growth of a corpus: the articles that only its newer version has, as a corpus of their own.

If a corpus only grew, its old articles need no second scan: `claims` judges all rows with the newer version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from presswatch_spark.core.errors import CorpusError, InputError
from presswatch_spark.core.settings.config import CorpusConfig, MinHashRules, ScanConfig
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.manifest import Manifest
from presswatch_spark.corpus.store import Corpus, manifest_of
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import scratch_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAMED = 3
ArticleFields = Mapping[str, object]
"""The columns of an article of a corpus, which are compared and written as JSON."""


def require_growth(older: Corpus, newer: Corpus) -> int:
    """Return how many articles `newer` has that `older` lacks.

    Raises `InputError` if settings differ or an article is missing or has changed, as an id names one text.
    """
    if older.manifest.parameters != newer.manifest.parameters:
        raise InputError(
            "the corpora were built with different settings",
            where=str(newer.folder),
            remedy="build the new one with the settings of the one before, or open another campaign",
        )
    vanished, changed, added = list[str](), list[str](), 0
    for article_id, before, after in _side_by_side(older, newer):
        if after is None:
            vanished.append(article_id)
        elif before is None:
            added += 1
        elif before != after:
            changed.append(article_id)
    for ids, what, remedy in (
        (vanished, "are not in the new corpus", "keep them: the members file states when a mandate ended"),
        (changed, "are others in the new corpus", "give new articles new ids"),
    ):
        if ids:
            names = ", ".join(ids[:NAMED]) + (" …" if len(ids) > NAMED else "")
            said = f"a corpus of a campaign only grows, and {len(ids):,} of its articles {what}: {names}"
            raise InputError(said, where=str(newer.folder), remedy=remedy)
    return added


def build_growth(
    older: Corpus, newer: Corpus, out: Folder, config: ScanConfig, spark: SparkSession | None = None
) -> Manifest:
    """Build the corpus of the articles that `newer` has and `older` lacks, unless `out` already has it.

    The build has the settings of `newer`. Raises `CorpusError` if it refused an article.
    """
    try:
        return manifest_of(out.uri, config.storage)
    except CorpusError:
        # The rest of a build that was killed during its copying.
        out.remove()
    values = dict(newer.manifest.parameters)
    minhash = MinHashRules(**values.pop("minhash"))
    values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    settings = CorpusConfig(**values, minhash=minhash, master=config.run.master, cores=config.run.cores)
    with scratch_folder() as scratch:
        file, wanted = scratch / "articles.jsonl", 0
        with file.open("w", encoding="utf-8") as lines:
            for _, before, after in _side_by_side(older, newer):
                if before is None and after is not None:
                    wanted += 1
                    row = {
                        name: value for name, value in after.items() if name != "words" and value is not None
                    }
                    lines.write(json.dumps(row, default=datetime.isoformat, ensure_ascii=False) + "\n")
        members = str(newer.folder / layout.MEMBERS)
        manifest = build_corpus(spark, members, [str(file)], out.uri, settings, config.storage)
    if manifest.counts.articles != wanted:
        raise CorpusError(
            f"of {wanted:,} new articles, the build accepted {manifest.counts.articles:,}",
            where=str(out),
            remedy="check its table refused.parquet, and build the new corpus again",
        )
    return manifest


def _side_by_side(
    older: Corpus, newer: Corpus
) -> Iterator[tuple[str, ArticleFields | None, ArticleFields | None]]:

    def rows(corpus: Corpus, side: str) -> Iterator[tuple[str, str, ArticleFields]]:
        for batch in corpus.batches():
            for row in batch.to_pylist():
                yield row["article_id"], side, row

    by_id = itemgetter(0)
    both = merge(rows(older, "before"), rows(newer, "after"), key=by_id)
    for article_id, sides in groupby(both, by_id):
        found = {side: row for _, side, row in sides}
        yield article_id, found.get("before"), found.get("after")
