"""The articles that are looked for: files of them, and corpora that the product builds of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.speed.prose import sentences
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.storage.objects import StorageOptions

WORDS = 500
# Only the first so many articles are copied by pages, so that every corpus holds them.
COPIED = 50
ARTICLES_PER_FILE = 5_000
if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMBERS = """\
publishers:
  - {id: publisher, name: Publisher, titles: [{id: title-0, name: Title, domains: [title-0.example]}]}
"""


@lru_cache(COPIED)
def body(number: int) -> str:
    """Text of an article: 500 words, give or take a sentence."""
    rng = random.Random(f"article {number}")
    lines, words = [], 0
    for sentence in sentences(rng, 30):
        lines.append(sentence)
        words += len(sentence.replace("’", " ").split())
        if words >= WORDS:
            break
    return "\n".join(lines)


def write_articles(folder: Path, count: int) -> list[Path]:
    """Write `count` articles as JSONL files of 5,000, on all cores; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    firsts = range(0, count, ARTICLES_PER_FILE)
    work = [
        (folder / f"articles-{first:09}.jsonl", first, min(first + ARTICLES_PER_FILE, count))
        for first in firsts
    ]
    with multiprocessing.get_context("spawn").Pool(min(len(work), os.cpu_count() or 1)) as pool:
        pool.starmap(write_file, work, chunksize=1)
    return [path for path, _, _ in work]


def build(folder: Path, count: int) -> Path:
    """Build a corpus of `count` articles below `folder`, on two cores, and return where it is."""
    files = write_articles(folder / "articles", count)
    build_from(folder, files)
    return folder / "corpus"


def build_from(folder: Path, files: list[Path], spark: SparkSession | None = None) -> None:
    """Build `folder`/corpus from files of articles; with a session of two cores where none is given."""
    members = folder / "members.yaml"
    members.write_text(MEMBERS, "utf-8")
    paths = [str(path) for path in files]
    build_corpus(spark, str(members), paths, str(folder / "corpus"), CorpusConfig(cores=2), StorageOptions())


def write_file(path: Path, first: int, after: int) -> None:
    """Write articles `first` to `after`, that one left out, as JSONL."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(first, after):
            row = {
                "article_id": f"{number:09}",
                "title_id": "title-0",
                "url": f"https://title-0.example/{number}",
                "headline": "",
                "body": body(number),
                "published_at": None,
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
