"""Short articles by the million: what it takes to build a corpus of them, and to scan for them in passes.

    python -m benchmarks.scale.many --articles 1000000 --passes 1,2,5 --folder DIR

Writes the articles, the corpus, shards and tables below DIR, and a line of JSON for the build and each scan.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.material import PAGE_SENTENCES, sentence_pool
from benchmarks.speed.processes import PeakMemory, Watcher, apart, below, memory_of
from benchmarks.speed.prose import vocabulary
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.demo.generate import Page
from presswatch_spark.demo.shards import write_wet
from presswatch_spark.monitoring.progress import Progress
from presswatch_spark.pipeline import scan
from presswatch_spark.settings.config import CorpusConfig, MinHashRules, RunRules, ScanConfig
from presswatch_spark.spark.session import session
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore

WORDS = 40
BLOCK = 10_000
TITLES = 300
# The fewest that a corpus may have: articles this short would else be mostly signature.
PERMUTATIONS = 16
SHARD_PAGES, COPYING = 3_000, 0.02


def write_many(folder: Path, count: int, blocks_a_file: int = 25) -> list[Path]:
    """Write `count` articles as files of packed JSONL; return the files. Texts are drawn by the block."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for first in range(0, count, BLOCK * blocks_a_file):
        paths.append(folder / f"articles-{first:09}.jsonl.gz")
        with gzip.open(paths[-1], "wt", compresslevel=1, encoding="utf-8") as file:
            for number in range(first, min(first + BLOCK * blocks_a_file, count)):
                title = f"title-{number % TITLES}"
                row = {"article_id": f"{number:09}", "title_id": title, "body": short_body(number)}
                file.write(json.dumps(row | {"url": f"https://{title}.example/{number}"}) + "\n")
    return paths


def short_body(number: int) -> str:
    """Text of an article: `WORDS` words, the same for the same number."""
    return _block(number // BLOCK)[number % BLOCK]


@lru_cache(4)
def _block(block: int) -> Sequence[str]:
    words = np.array([word for word in vocabulary()[0] if word.endswith(" ")], dtype=object)
    drawn = np.random.default_rng(block).integers(0, len(words), (BLOCK, WORDS))
    return ["".join(words[row]).rstrip() for row in drawn]


def members() -> str:
    """A members file of `TITLES` titles, each of a publisher of its own."""
    return "publishers:\n" + "".join(_publishers())


def _publishers() -> Iterator[str]:
    for title in range(TITLES):
        yield (
            f"  - {{id: publisher-{title}, name: Publisher {title}, titles: "
            f"[{{id: title-{title}, name: Title {title}, domains: [title-{title}.example]}}]}}\n"
        )


def build_many(folder: Path, count: int, cores: int) -> dict[str, Any]:
    """Build a corpus of `count` short articles below `folder`; seconds, disk, and memory of everyone."""
    files = write_many(folder / "articles", count)
    (folder / "members.yaml").write_text(members(), "utf-8")
    return apart(_build, folder, [str(path) for path in files], cores)


def _build(folder: Path, files: list[str], cores: int) -> dict[str, Any]:
    config = CorpusConfig(cores=cores, minhash=MinHashRules(permutations=PERMUTATIONS))
    out = folder / "corpus"
    began = time.perf_counter()
    spark = session("many", cores=cores)
    with PeakMemory(out) as peak:
        manifest = build_corpus(
            spark, str(folder / "members.yaml"), files, str(out), config, StorageOptions()
        )
    seconds, used = time.perf_counter() - began, _core_seconds()
    spark.stop()
    return {
        "articles": manifest.counts.articles,
        "words_an_article": WORDS,
        "shingles": manifest.counts.shingles,
        "seconds": round(seconds),
        "core_seconds": round(used),
        "input_megabytes": round(sum(Path(file).stat().st_size for file in files) / 1e6),
        "index_megabytes": round(_size(manifest.files, "index/")),
        "corpus_megabytes": round(_size(manifest.files, "")),
        "worker_private_megabytes": round(peak.worker.private / 1e6),
        "driver_private_megabytes": round(peak.driver.private / 1e6),
        "java_private_megabytes": round(peak.java.private / 1e6),
        "all_megabytes": round(peak.all_proportional / 1e6),
    }


def _size(files: Any, below: str) -> float:
    return float(sum(entry.size for name, entry in files.items() if name.startswith(below)) / 1e6)


def write_shards(folder: Path, shards: int, articles: int) -> list[Path]:
    """Write WET shards of 3,000 pages of 7.6 KB; one page in fifty holds a whole article."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"many-{number:03}.warc.wet.gz" for number in range(shards)]
    for number, path in enumerate(paths):
        write_wet(path, _pages(random.Random(f"many {number}"), articles))
    return paths


def _pages(rng: random.Random, articles: int) -> Iterator[Page]:
    pool = sentence_pool()
    # Articles of one block are drawn at once, so a shard copies from few blocks.
    blocks = [rng.randrange(-(-articles // BLOCK)) for _ in range(4)]
    for number in range(SHARD_PAGES):
        first = rng.randrange(len(pool) - PAGE_SENTENCES)
        lines = pool[first : first + PAGE_SENTENCES]
        if rng.random() < COPYING:
            copied = rng.choice(blocks) * BLOCK + rng.randrange(BLOCK)
            lines[10:12] = [short_body(min(copied, articles - 1))]
        yield Page(f"https://site-{rng.randrange(9_999)}.example/{number}", "\n".join(lines))


def scan_many(corpus: Path, shards: Sequence[Path], out: Path, passes: int, cores: int) -> dict[str, Any]:
    """Scan shards in so many passes, in a process of its own; rows, time, and memory of workers."""
    return apart(_scan, corpus, [str(path) for path in shards], out, passes, cores)


def _scan(corpus: Path, shards: list[str], out: Path, passes: int, cores: int) -> dict[str, Any]:
    searched = manifest_of(str(corpus), StorageOptions()).searched_bytes
    memory = None if passes == 1 else searched / (passes - 0.001) / 1e9
    config = ScanConfig(run=RunRules(cores=cores, index_memory=memory))
    spark = session("many", cores=cores)
    before, began = _core_seconds(), time.perf_counter()
    with PeakMapped(corpus / "index") as mapped, PeakMemory(corpus) as peak:
        summary = scan(
            shards, dataset="wet", corpus=str(corpus), out=str(out), config=config, spark=spark,
            progress=Progress(io.StringIO(), live=False),
        )  # fmt: skip
    seconds = time.perf_counter() - began
    log = TableStore.open(str(out)).read("scan_log", summary.run_id)
    spark.stop()
    return {
        "passes": passes,
        "searched_megabytes": round(searched / 1e6),
        "given_megabytes": round((memory or searched / 1e9) * 1e3),
        "shards": len(shards),
        "documents": int(str(summary.row["documents"])),
        "text_megabytes": round(int(str(summary.row["text_bytes"])) / 1e6, 1),
        "matches": int(str(summary.row["matches"])),
        "candidates": sum(log["candidates"].to_pylist()),
        "table_digest": str(summary.row["table_digest"]),
        "notes": list(summary.notes),
        "seconds": round(seconds, 1),
        "core_seconds": round(_core_seconds() - before, 1),
        "worker_index_megabytes": round(mapped.most / 1e6),
        "worker_private_megabytes": round(peak.worker.private / 1e6),
        "driver_private_megabytes": round(peak.driver.private / 1e6),
    }


def _core_seconds() -> float:
    """Processor seconds of this process and of all below it that are alive."""
    ticks = 0
    for process in [os.getpid(), *below(os.getpid())]:
        with suppress(OSError, IndexError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class PeakMapped(Watcher):
    """Watches, in its block, how much of the files below a folder any one process below this one has mapped.

    Only pages that the process has touched count: what its lookups need of the files.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(0.5)
        self.most = 0
        self._folder = folder

    def _look(self) -> None:
        for process in below(os.getpid()):
            with suppress(OSError):
                self.most = max(self.most, memory_of(process, self._folder).resident)


def main() -> None:
    """Build a corpus, and scan shards in each number of passes; all must publish the same digest."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.scale.many",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--articles", type=int, default=10**6)
    parser.add_argument("--passes", default="1,2,5", help="numbers of passes, with commas")
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    print(json.dumps(build_many(asked.folder, asked.articles, asked.cores)), flush=True)
    shards = write_shards(asked.folder / "shards", asked.shards, asked.articles)
    digests = set()
    for passes in map(int, asked.passes.split(",")):
        out = asked.folder / f"tables-{passes}"
        found = scan_many(asked.folder / "corpus", shards, out, passes, asked.cores)
        print(json.dumps(found), flush=True)
        digests.add(found["table_digest"])
    assert len(digests) == 1, "passes change the rows"


if __name__ == "__main__":
    main()
