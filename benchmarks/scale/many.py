"""Short articles by the million: what it takes to build a corpus of them, and to scan for them in passes.

    python -m benchmarks.scale.many --articles 1000000 --passes 1,2,5 --folder DIR
    python -m benchmarks.scale.many --articles 1000000 --words 200 --passes 1,1@1700,3@1700 --folder DIR

Writes the articles, the corpus, shards and tables below DIR, and a line of JSON for the build and each scan.
Of `3@1700`, 1,700 MB are all that driver, JVM and workers of a scan in three passes may have of memory, pages
of files with them: the kernel enforces it, by a control group (version 1, which only root may make; where
there is version 2, start the whole by `systemd-run --scope -p MemoryMax=…`).
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.material import PAGE_SENTENCES, sentence_pool
from benchmarks.speed.processes import PeakMemory, Watcher, apart, below, memory_of
from benchmarks.speed.prose import vocabulary
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import write_wet
from presswatch_spark.core.settings.config import CorpusConfig, MinHashRules, RunRules, ScanConfig
from presswatch_spark.core.spark.session import session
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import ScanPlan, scan
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore

WORDS = 40
BLOCK = 10_000
TITLES = 300
# The fewest that a corpus may have: articles this short would else be mostly signature.
PERMUTATIONS = 16
SHARD_PAGES, COPYING = 3_000, 0.02
MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


def write_many(folder: Path, count: int, words: int = WORDS, blocks_a_file: int = 25) -> list[Path]:
    """Write `count` articles of so many words as files of packed JSONL; return the files.

    Texts are drawn by the block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for first in range(0, count, BLOCK * blocks_a_file):
        paths.append(folder / f"articles-{first:09}.jsonl.gz")
        with gzip.open(paths[-1], "wt", compresslevel=1, encoding="utf-8") as file:
            for number in range(first, min(first + BLOCK * blocks_a_file, count)):
                title = f"title-{number % TITLES}"
                row = {"article_id": f"{number:09}", "title_id": title, "body": short_body(number, words)}
                file.write(json.dumps(row | {"url": f"https://{title}.example/{number}"}) + "\n")
    return paths


def short_body(number: int, words: int = WORDS) -> str:
    """Text of an article of so many words, the same for the same number."""
    return _block(number // BLOCK, words)[number % BLOCK]


@lru_cache(4)
def _block(block: int, words: int) -> Sequence[str]:
    known = np.array([word for word in vocabulary()[0] if word.endswith(" ")], dtype=object)
    drawn = np.random.default_rng(block).integers(0, len(known), (BLOCK, words))
    return ["".join(known[row]).rstrip() for row in drawn]


def members() -> str:
    """A members file of `TITLES` titles, each of a publisher of its own."""
    return "publishers:\n" + "".join(_publishers())


def _publishers() -> Iterator[str]:
    for title in range(TITLES):
        yield (
            f"  - {{id: publisher-{title}, name: Publisher {title}, titles: "
            f"[{{id: title-{title}, name: Title {title}, domains: [title-{title}.example]}}]}}\n"
        )


def build_many(folder: Path, count: int, cores: int, words: int = WORDS) -> dict[str, Any]:
    """Build a corpus of `count` short articles below `folder`; seconds, disk, and memory of everyone."""
    files = write_many(folder / "articles", count, words)
    (folder / "members.yaml").write_text(members(), "utf-8")
    return {"words_an_article": words} | apart(_build, folder, [str(path) for path in files], cores)


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


def write_shards(folder: Path, shards: int, articles: int, words: int = WORDS) -> list[Path]:
    """Write WET shards of 3,000 pages of 7.6 KB; one page in fifty holds a whole article."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"many-{number:03}.warc.wet.gz" for number in range(shards)]
    for number, path in enumerate(paths):
        write_wet(path, _pages(random.Random(f"many {number}"), articles, words))
    return paths


def _pages(rng: random.Random, articles: int, words: int) -> Iterator[Page]:
    pool = sentence_pool()
    # Articles of one block are drawn at once, so a shard copies from few blocks.
    blocks = [rng.randrange(-(-articles // BLOCK)) for _ in range(4)]
    for number in range(SHARD_PAGES):
        first = rng.randrange(len(pool) - PAGE_SENTENCES)
        lines = pool[first : first + PAGE_SENTENCES]
        if rng.random() < COPYING:
            copied = rng.choice(blocks) * BLOCK + rng.randrange(BLOCK)
            lines[10:12] = [short_body(min(copied, articles - 1), words)]
        yield Page(f"https://site-{rng.randrange(9_999)}.example/{number}", "\n".join(lines))


@dataclass(frozen=True, slots=True)
class Way:
    """How shards are scanned: in so many passes, and in so much memory."""

    passes: int
    megabytes: int | None = None

    @classmethod
    def of(cls, text: str) -> Way:
        """Read `3` or `3@1700`."""
        passes, _, limit = text.partition("@")
        return cls(int(passes), int(limit) if limit else None)


def scan_many(
    corpus: Path, shards: Sequence[Path], out: Path, passes: int, cores: int, megabytes: int | None = None
) -> dict[str, Any]:
    """Scan shards in so many passes, in a process of its own; rows, time, and memory of workers.

    `megabytes`: all the memory that it may have.
    """
    paths = [str(path) for path in shards]
    if megabytes is None:
        return apart(_scan, corpus, paths, out, passes, cores)
    # What is in memory already counts for nobody of the group.
    drop_from_memory(corpus)
    with MemoryLimit(megabytes) as limit:
        return apart(_scan, corpus, paths, out, passes, cores, limit)


def _scan(
    corpus: Path,
    shards: list[str],
    out: Path,
    passes: int,
    cores: int,
    limit: MemoryLimit | None = None,
    source: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Scan; `source` is where the corpus is read from, if not from its folder."""
    os.environ.update(variables or {})
    if limit:
        limit.join()
    searched = manifest_of(str(corpus), StorageOptions()).searched_bytes
    memory = None if passes == 1 else searched / (passes - 0.001) / 1e9
    config = ScanConfig(run=RunRules(cores=cores, index_memory=memory))
    spark = session("many", cores=cores)
    before, began = _core_seconds(), time.perf_counter()
    with PeakMapped(corpus / "index") as mapped, PeakMemory(corpus) as peak:
        summary = scan(
            ScanPlan.of(shards, "wet", source or str(corpus), config), str(out), spark=spark,
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
        **(limit.used() if limit else {}),
    }


class MemoryLimit:
    """A control group, in its block, whose processes have so many megabytes of memory together."""

    def __init__(self, megabytes: int) -> None:
        self._bytes = megabytes * 10**6
        self._folder = MEMORY_GROUPS / f"presswatch-many-{os.getpid()}"

    def __enter__(self) -> MemoryLimit:
        self._folder.mkdir()
        self._write("memory.limit_in_bytes", self._bytes)
        return self

    def __exit__(self, *_: object) -> None:
        for _ in range(600):
            with suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.1)  # until the JVM has ended

    def join(self) -> None:
        """Put this process in the group, with all that it starts from now on."""
        self._write("cgroup.procs", os.getpid())

    def used(self) -> dict[str, int]:
        """The limit, the most that was used of it, how often that was all, and what had to be read anew."""
        stat = dict(line.split() for line in self._read("memory.stat").splitlines())
        return {
            "limit_megabytes": self._bytes // 10**6,
            "most_megabytes": int(self._read("memory.max_usage_in_bytes")) // 10**6,
            "times_at_the_limit": int(self._read("memory.failcnt")),
            "faults_that_waited_for_the_disk": int(stat["total_pgmajfault"]),
        }

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()

    def _write(self, name: str, value: int) -> None:
        (self._folder / name).write_text(str(value))


def drop_from_memory(folder: Path) -> None:
    """Drop the pages of a folder's files from memory, as far as nobody has them mapped."""
    os.sync()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


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
    parser.add_argument("--words", type=int, default=WORDS, help="words of an article")
    parser.add_argument(
        "--passes", default="1,2,5", help="numbers of passes, with commas; 3@1700: in 1,700 MB"
    )
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    corpus = asked.folder / "corpus"
    if not corpus.exists():
        print(json.dumps(build_many(asked.folder, asked.articles, asked.cores, asked.words)), flush=True)
    shards = write_shards(asked.folder / "shards", asked.shards, asked.articles, asked.words)
    digests = set()
    for number, item in enumerate(asked.passes.split(",")):
        way, out = Way.of(item), asked.folder / f"tables-{number}"
        shutil.rmtree(out, ignore_errors=True)
        found = scan_many(corpus, shards, out, way.passes, asked.cores, way.megabytes)
        print(json.dumps(found), flush=True)
        digests.add(found["table_digest"])
    assert len(digests) == 1, "passes change the rows"


if __name__ == "__main__":
    main()
