"""How fast a scan reads WET, in ratios of one run: bare FastWARC, our reader, reader + sieve, and Spark.

    python benchmarks/scan_rate.py [--shards 64] [--megabytes 100] [--articles 8000]

The shards are generated, the same for the same arguments, and not kept. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from fastwarc.warc import ArchiveIterator

from presswatch_spark.config import CorpusConfig, RunRules, ScanConfig
from presswatch_spark.corpus.build import build_corpus
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.demo.generate import Page
from presswatch_spark.demo.prose import SYLLABLES
from presswatch_spark.demo.shards import write_wet
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.pipeline import scan
from presswatch_spark.progress import Progress
from presswatch_spark.sources.base import ReadOptions, ReadReport
from presswatch_spark.sources.wet import WetSource
from presswatch_spark.spark import session
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat

MEMBERS = """
publishers:
  - {id: publisher, name: Publisher, titles: [{id: title-0, name: Title, domains: [title-0.example]}]}
"""
ROUNDS = 5
SENTENCES = 40_000
# Pages of 2 to 160 sentences: about 8 KB in the mean, as in a real WET file.
PAGE_SENTENCES = (2, 5, 10, 20, 40, 80, 160)
ONE_IN = 100
SMALL_WORDS = (
    "de", "la", "le", "les", "et", "à", "en", "un", "une", "du", "des", "que", "qui", "dans", "pour", "il",
    "elle", "est", "a", "pas", "sur", "se", "plus", "par", "avec", "été", "ce", "où", "très", "même",
)  # fmt: skip
VOCABULARY = 20_000
ARTICLE_SENTENCES = 21
COPIED = 50


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--articles", type=int, default=8_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build(folder, asked.articles)
        (folder / "shards").mkdir()
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            work = [(folder, number, asked.megabytes * 1_000_000) for number in range(asked.shards)]
            pool.starmap(write_shard, work)
        print(json.dumps(measure(folder), indent=2))


def build(folder: Path, n: int) -> None:
    """A corpus of `n` articles."""
    (folder / "members.yaml").write_text(MEMBERS)
    with (folder / "articles.jsonl").open("w") as file:
        for number in range(n):
            row = {"article_id": f"{number}", "title_id": "title-0", "body": article(number)}
            row |= {"url": f"https://title-0.example/{number}", "headline": "", "published_at": None}
            file.write(json.dumps(row) + "\n")
    paths = str(folder / "members.yaml"), [str(folder / "articles.jsonl")], str(folder / "corpus")
    build_corpus(None, *paths, CorpusConfig(cores=2), StorageOptions())


def write_shard(folder: Path, number: int, size: int) -> None:
    """Write a shard of `size` bytes of text; one page in a hundred holds a passage of an article."""
    write_wet(folder / "shards" / f"CC-{number:05}.warc.wet.gz", pages(number, size))


def pages(number: int, size: int) -> Iterator[Page]:
    """Pages of sentences drawn from a pool of their own, until there are `size` bytes."""
    rng = random.Random(f"shard {number}")
    pool = [sentence(rng) for _ in range(SENTENCES)]
    written = 0
    while written < size:
        lines = rng.choices(pool, k=rng.choice(PAGE_SENTENCES))
        if rng.randrange(ONE_IN) == 0:
            lines.insert(len(lines) // 2, article(rng.randrange(COPIED)))
        text = "\n".join(lines)
        written += len(text.encode())
        yield Page(f"https://site-{rng.randrange(9_999)}.example/page/{written}", text)


def article(number: int) -> str:
    """Text of an article: some 500 words."""
    rng = random.Random(f"article {number}")
    return "\n".join(sentence(rng) for _ in range(ARTICLE_SENTENCES))


@cache
def vocabulary() -> list[str]:
    """Words of one to four syllables."""
    rng = random.Random("vocabulary")
    return ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(VOCABULARY)]


def sentence(rng: random.Random) -> str:
    """Half small words, half words of the vocabulary, in no order: no stock phrases, no false candidates."""
    words = [
        rng.choice(SMALL_WORDS if rng.random() < 0.5 else vocabulary()) for _ in range(rng.randint(8, 40))
    ]
    return f"{' '.join(words).capitalize()}."


def measure(folder: Path) -> dict[str, object]:
    """All rates, in MB of text a second."""
    first = stat(str(folder / "shards" / "CC-00000.warc.wet.gz"), StorageOptions())
    corpus = Corpus.open(str(folder / "corpus"))
    sieve = Sieve(corpus.index)
    text_bytes = read(first, sieve, corpus)  # compiles
    ways: dict[str, Callable[[], object]] = {
        "fastwarc_iterate": lambda: iterate(Path(first.uri)),
        "read": lambda: read(first, None, None),
        "read_sieve_attribute": lambda: read(first, sieve, corpus),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    ratios = [
        f / r for f, r in zip(seconds["fastwarc_iterate"], seconds["read_sieve_attribute"], strict=True)
    ]
    rates = {name: round(text_bytes / statistics.median(took) / 1e6, 1) for name, took in seconds.items()}
    spark_figures = measure_spark(folder)
    twice = 2 * rates["read_sieve_attribute"]
    return {
        "shingles": len(corpus.index.hashes),
        "text_megabytes_a_shard": round(text_bytes / 1e6, 1),
        "megabytes_a_second": rates,
        "read_sieve_attribute_to_fastwarc": round(statistics.median(ratios), 3),
        **spark_figures,
        "spark_to_twice_one_process": round(float(str(spark_figures["spark_megabytes_a_second"])) / twice, 3),
    }


def iterate(path: Path) -> int:
    """FastWARC alone."""
    with path.open("rb") as file:
        return sum(1 for _ in ArchiveIterator(file, parse_http=False))


def read(shard: ObjectInfo, sieve: Sieve | None, corpus: Corpus | None) -> int:
    """Our reader, with sieve, attribution and URL match if given; returns the bytes of text."""
    report = ReadReport()
    for batch in WetSource().read(shard, ReadOptions(), report):
        if sieve and corpus:
            sieve.candidates(batch)
            corpus.sites.matches(batch, corpus.urls)
    assert not report.defects
    return report.text_bytes


def measure_spark(folder: Path) -> dict[str, object]:
    """The whole job on two cores, after a first small run: session and kernels are there."""
    spark = session("benchmark", cores=2)
    shards = sorted((folder / "shards").iterdir())
    # A real WET file holds some four times the text, and by default a task takes four.
    config = ScanConfig(run=RunRules(shards_per_task=16))
    progress = Progress(io.StringIO(), live=False)
    timings = []
    with Memory() as memory:
        for name, paths in (("first", shards[:2]), ("all", shards)):
            began = time.perf_counter()
            summary = scan(
                [str(path) for path in paths],
                dataset="wet",
                corpus=str(folder / "corpus"),
                out=str(folder / name),
                config=config,
                spark=spark,
                progress=progress,
            )
            timings.append(time.perf_counter() - began)
    spark.stop()
    return {
        "spark_shards": len(shards),
        "spark_matches": summary.row["matches"],
        "spark_first_run_seconds": round(timings[0], 1),
        "spark_seconds": round(timings[1], 1),
        "spark_megabytes_a_second": round(int(str(summary.row["text_bytes"])) / timings[1] / 1e6, 1),
        "worker_private_megabytes": round(memory.private / 1e6),
        "worker_resident_megabytes": round(memory.resident / 1e6),
    }


class Memory:
    """Watches the largest Python worker below this process."""

    def __init__(self) -> None:
        self.private = self.resident = 0
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Memory:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._stop.wait(1):
            for process in workers_below(os.getpid()):
                try:
                    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
                except OSError:
                    continue
                sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
                self.private = max(self.private, sizes["Private_Clean"] + sizes["Private_Dirty"])
                self.resident = max(self.resident, sizes["Rss"])


def workers_below(root: int) -> list[int]:
    """Processes below `root` that run PySpark's daemon or its workers."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, below = [], {root}
    for _ in range(8):
        below |= {process for process, parent in parents.items() if parent in below}
    for process in below - {root}:
        try:
            if b"pyspark.daemon" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0"):
                found.append(process)
        except OSError:
            continue
    return found


if __name__ == "__main__":
    main()
