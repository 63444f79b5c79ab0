"""What cannot be run here at its full size, on scaled-down twins: passes, refused candidates, long plans."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.scale.material import Sizes, write_pages
from benchmarks.speed import articles
from benchmarks.speed.prose import sentences
from benchmarks.speed.reading import ours
from benchmarks.speed.rounds import in_turns
from benchmarks.speed.verification import batch_of
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.matching.shingle_index import hash_ranges
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc_format import WET
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from presswatch_spark.storage.shards import ShardPlan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PASSES = 4
ROUNDS = 5
# Shared by every article of its corpus, so that a page with it is a candidate for them all.
SHORT_LINE = "Cet article est réservé à nos abonnés fidèles"
LONG_LINE = "Cet article est réservé à nos abonnés fidèles, il vous reste la moitié à lire ici"
FURNISHED = 1_000


def passes(folder: Path, corpus: Path, sizes: Sizes) -> dict[str, Any]:
    """An index searched by ranges of hashes: the pairs of all passes are those of the whole index."""
    index = Corpus.open(str(corpus), check=False).index
    shard = write_pages(folder / "passes.warc.wet.gz", sizes.rate_pages, 0.05, "passes")
    whole, parts = Sieve(index), [Sieve(index, hashes=hashes) for hashes in hash_ranges(PASSES)]
    pairs = candidate_pairs(shard, whole)
    joined = set().union(*(candidate_pairs(shard, part) for part in parts))
    ways = {
        "whole": lambda path: ours(WET, path, whole),
        "one": lambda path: ours(WET, path, parts[0]),
        "read": lambda path: ours(WET, path),
    }
    text = ours(WET, shard)
    turns = in_turns(ways, [shard], [text], ROUNDS)
    return {
        "passes": PASSES,
        "pairs": len(pairs),
        "same_pairs": pairs == joined,
        "shingles": len(index.hashes),
        "filter_megabytes": round(index.filter.nbytes / 1e6, 1),
        "whole_mb_per_second": round(turns.rate("whole"), 1),
        "one_pass_mb_per_second": round(turns.rate("one"), 1),
        "read_mb_per_second": round(turns.rate("read"), 1),
        "cost_of_all_passes": round(PASSES * turns.ratio("whole", "one"), 2),
    }


def candidate_pairs(shard: Path, sieve: Sieve) -> set[tuple[int, int]]:
    """Pairs of a document's number in the shard and an article."""
    pairs, before = set[tuple[int, int]](), 0
    for batch in WET.read(stat(str(shard), StorageOptions()), ReadOptions(), ReadReport()):
        found = sieve.candidates(batch)
        pairs |= set(zip((found.documents + before).tolist(), found.articles.tolist(), strict=True))
        before += len(batch)
    return pairs


def furniture(folder: Path, sizes: Sizes, spark: SparkSession | None = None) -> dict[str, Any]:
    """What a candidate costs that shares a line of page furniture only: pages that name every article.

    A line of eight words is looked at and refused; a longer one is a row, of confidence D.
    """
    short, long = (
        _corpus_with(folder / name, line, spark)
        for name, line in (("short", SHORT_LINE), ("long", LONG_LINE))
    )
    return {
        "refused": _furnished(short, SHORT_LINE, sizes.candidates),
        "verified": _furnished(long, LONG_LINE, sizes.candidates // 10),
    }


def _furnished(corpus: Corpus, line: str, count: int) -> dict[str, Any]:
    matcher = Matcher(corpus, ScanConfig())
    pages = count // FURNISHED
    pool = sentences(random.Random("furniture"), 40 * pages)
    texts = ["\n".join([*pool[40 * n : 40 * n + 40], line]).encode() for n in range(pages)]
    some, batch = batch_of(texts[:1]), batch_of(texts)
    list(matcher.rows(some, matcher.candidates(some), Origin("wet", None, "shard")))  # loads the kernels
    began = time.process_time()
    candidates = matcher.candidates(batch)
    sieved = time.process_time()
    rows = [row.confidence for row in matcher.rows(batch, candidates, Origin("wet", None, "shard"))]
    done = time.process_time()
    assert set(rows) <= {"D"}
    return {
        "candidates": len(candidates),
        "rows": len(rows),
        "sieve_microseconds": round((sieved - began) / len(candidates) * 1e6, 2),
        "further_microseconds": round((done - sieved) / len(candidates) * 1e6, 2),
        "bytes_a_candidate": candidates.documents.itemsize + candidates.articles.itemsize,
    }


def _corpus_with(folder: Path, line: str, spark: SparkSession | None) -> Corpus:
    folder.mkdir()
    plain = folder / "articles.jsonl"
    articles.write_file(plain, 0, FURNISHED)
    rows = [json.loads(row) for row in plain.read_text("utf-8").splitlines()]
    furnished = (json.dumps(row | {"body": f"{row['body']}\n{line}"}) + "\n" for row in rows)
    plain.write_text("".join(furnished), "utf-8")
    articles.build_from(folder, [plain], spark)
    return Corpus.open(str(folder / "corpus"))


def plans(sizes: Sizes) -> dict[str, Any]:
    """The driver's plan of a whole release: bytes a shard, and seconds to make and to name it."""
    name = "https://data.commoncrawl.org/crawl-data/CC-MAIN-2026-34/segments/1700000000000.00/wet/CC-MAIN-{:020}-{:05}.warc.wet.gz"
    tracemalloc.start()
    began = time.perf_counter()
    plan = ShardPlan.of(ObjectInfo(name.format(number, number)) for number in range(sizes.planned))
    digest = plan.digest
    seconds = time.perf_counter() - began
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(digest) == 64
    return {"shards": len(plan), "bytes_a_shard": round(size / len(plan)), "seconds": round(seconds, 1)}
