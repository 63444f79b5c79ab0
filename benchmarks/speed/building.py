"""Building a corpus: articles a second on two cores, and the memory that it takes."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from benchmarks.speed.articles import WORDS, build_from, write_articles
from benchmarks.speed.material import Material
from benchmarks.speed.processes import PeakMemory, apart
from presswatch_spark.corpus.store import Corpus

MINIMUM = 2_000


def measure(material: Material) -> dict[str, object]:
    """Seconds for the articles asked for, and the rate with the session's start taken out."""
    folder = material.folder / "building"
    count = material.sizes.build_articles
    files = write_articles(folder / "articles", count)
    figures = apart(timed_build, folder, files)
    manifest = Corpus.open(str(folder / "corpus"), check=False).manifest
    size = sum(entry.size for entry in manifest.files.values())
    shutil.rmtree(folder)
    return {
        "articles": count,
        "words_an_article": round(manifest.counts.words / count) if count else WORDS,
        "shingles": manifest.counts.shingles,
        "corpus_megabytes": round(size / 1e6),
        **figures,
    }


def timed_build(folder: Path, files: list[Path]) -> dict[str, object]:
    """Build twice: a little, which starts Spark and loads the kernels, and then all."""
    from presswatch_spark.core.spark.session import session

    spark = session("build", cores=2)
    first = folder / "first"
    first.mkdir()
    small = first / "few.jsonl"
    with files[0].open("rb") as source, small.open("wb") as target:
        target.writelines(line for line, _ in zip(source, range(MINIMUM), strict=False))
    build_from(first, [small])
    with PeakMemory() as peak:
        began = time.perf_counter()
        build_from(folder, files)
        seconds = time.perf_counter() - began
    articles = len(Corpus.open(str(folder / "corpus"), check=False))
    spark.stop()
    return {
        "seconds": round(seconds, 1),
        "articles_per_second": round(articles / seconds),
        "worker": peak.worker.megabytes(),
        "driver": peak.driver.megabytes(),
        "java": peak.java.megabytes(),
        "all_proportional_megabytes": round(peak.all_proportional / 1e6),
    }
