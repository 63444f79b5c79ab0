"""Where articles stand: their URLs, keyed part by part, and the titles' sites, in one index."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.article_files import article_urls
from presswatch_spark.corpus.building.spread import spread
from presswatch_spark.corpus.building.workspace import Workspace
from presswatch_spark.corpus.registry import load_registry
from presswatch_spark.judgement.sites import SiteIndex, UrlKeys

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def write_sites(spark: SparkSession, work: Workspace, parts: int) -> None:
    """Write the index of sites of a corpus whose articles are written."""
    sites = spread(spark, work.scratch, partial(_key_part, work), range(parts))
    found = (
        UrlKeys(names, arrays.load(_file(work, part, "hashes")), arrays.load(_file(work, part, "ordinals")))
        for part, names in enumerate(sites)
    )
    folder = work.corpus / layout.SITES_FOLDER
    folder.mkdir()
    SiteIndex.build(folder, load_registry(work.corpus / layout.MEMBERS).titles.values(), found)


def _key_part(work: Workspace, part: int) -> frozenset[str]:
    """Write the keys of the URLs of one part; returns their sites."""
    keys = UrlKeys.of(article_urls(work.corpus, part))
    arrays.save(_file(work, part, "hashes"), keys.hashes)
    arrays.save(_file(work, part, "ordinals"), keys.ordinals)
    return keys.sites


def _file(work: Workspace, part: int, kind: str) -> Path:
    return work.scratch / f"url-{kind}-{part:05d}.npy"
