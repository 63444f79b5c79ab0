"""How cost grows: with shards, with the corpus, with matches, and with one article that is everywhere."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.scale.jobs import job
from benchmarks.scale.material import DISTINCT, Sizes, named, write_copies, write_pages
from benchmarks.speed import articles
from benchmarks.speed.rounds import in_turns
from benchmarks.speed.wet import scan_of
from presswatch_spark.corpus.store import Corpus

ROUNDS = 5
WAVES = 10


def by_shards(folder: Path, corpus: Path, sizes: Sizes) -> dict[str, Any]:
    """The job over more and more small shards; seconds and memory a shard, and seconds a wave."""
    made = [
        write_pages(folder / f"small-{number}.warc.wet.gz", sizes.shard_pages, 0.01, f"small {number}")
        for number in range(DISTINCT)
    ]
    names = {count: named(made, folder / f"shards-{count}", count) for count in sizes.shards}
    few = sizes.shards[0]
    # In waves first: whatever the first run of all pays for, it does not pass for the cost of a wave.
    many = job(corpus, names[few], folder / "tables-waves", wave_shards=-(-few // WAVES))
    runs = [job(corpus, shards, folder / f"tables-{count}") for count, shards in names.items()]
    first, last = runs[0], runs[-1]
    each = (last["seconds"] - first["seconds"]) / (last["shards"] - first["shards"])
    return {
        "runs": runs,
        "seconds_a_shard": round(each, 4),
        "fixed_seconds": round(first["seconds"] - first["shards"] * each, 2),
        "driver_kilobytes_a_shard": _kilobytes_a_shard(runs, "driver"),
        "java_kilobytes_a_shard": _kilobytes_a_shard(runs, "java"),
        "in_waves": {"waves": WAVES, **many},
        "seconds_a_wave": round(max(0.0, many["seconds"] - first["seconds"]) / (WAVES - 1), 2),
    }


def by_tiny_shards(folder: Path, corpus: Path, sizes: Sizes) -> dict[str, Any]:
    """Shards of a few KB, so many that what is held for each would show: memory of driver and JVM."""
    made = [write_pages(folder / f"tiny-{n}.warc.wet.gz", 1, 0.5, f"tiny {n}") for n in range(DISTINCT)]
    runs = []
    for count in sizes.tiny:
        names = named(made, folder / f"tiny-shards-{count}", count)
        runs.append(job(corpus, names, folder / f"tiny-tables-{count}"))
    return {
        "shard_bytes": round(sum(path.stat().st_size for path in made) / len(made)),
        "runs": runs,
        "driver_kilobytes_a_shard": _kilobytes_a_shard(runs, "driver"),
        "java_kilobytes_a_shard": _kilobytes_a_shard(runs, "java"),
    }


def _kilobytes_a_shard(runs: list[dict[str, Any]], who: str) -> float:
    """Between the two largest runs: smaller ones still fill what every run fills once."""
    some, more = runs[-2:]
    grown = more[f"{who}_private_megabytes"] - some[f"{who}_private_megabytes"]
    return round(max(0.0, grown * 1000 / (more["shards"] - some["shards"])), 1)


def by_corpus(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """The whole scan of the same shard against larger and larger corpora, in turns, on one core."""
    shard = write_pages(folder / "rate.warc.wet.gz", sizes.rate_pages, 0.01, "rate")
    corpora = {count: articles.build(folder / f"press-{count}", count) for count in sizes.corpora}
    ways = {f"{count:,}": scan_of(corpus, "wet") for count, corpus in corpora.items()}
    text = _text(scan_of(next(iter(corpora.values())), "wet")(shard))
    turns = in_turns(ways, [shard], [text], ROUNDS)
    rows = []
    for count, corpus in corpora.items():
        manifest = Corpus.open(str(corpus), check=False).manifest
        index = sum(entry.size for name, entry in manifest.files.items() if name.startswith("index/"))
        rows.append(
            {
                "articles": count,
                "shingles": manifest.counts.shingles,
                "index_megabytes": round(index / 1e6, 1),
                "corpus_megabytes": round(sum(entry.size for entry in manifest.files.values()) / 1e6, 1),
                "mb_per_second": round(turns.rate(f"{count:,}"), 1),
                "ratio": round(turns.ratio(f"{count:,}", f"{sizes.corpora[0]:,}"), 3),
            }
        )
    return {"text_megabytes": round(text / 1e6, 1), "corpora": rows}


def by_matches(folder: Path, corpus: Path, sizes: Sizes) -> dict[str, Any]:
    """The whole scan of shards of which more and more pages copy; microseconds a match between the ends."""
    scan, shards, documents = scan_of(corpus, "wet"), [], sizes.rate_pages
    for share in sizes.matching:
        shards.append(write_pages(folder / f"share-{share}.warc.wet.gz", documents, share, "share"))
    outcomes: list[Any] = [scan(shard) for shard in shards]
    ways = {
        f"{share:.0%}": (lambda _, shard=shard: scan(shard))
        for share, shard in zip(sizes.matching, shards, strict=True)
    }
    turns = in_turns(ways, [shards[0]], [_text(outcomes[0])], ROUNDS)
    names = list(ways)
    matches = [int(str(outcome.log["matches"])) for outcome in outcomes]
    took = [statistics.median(turns.cpu[name]) for name in names]
    return {
        "documents": documents,
        "shares": [
            {
                "share": share,
                "matches": found,
                "seconds": round(seconds, 3),
                "ratio": round(turns.ratio(name, names[0]), 3),
            }
            for share, name, found, seconds in zip(sizes.matching, names, matches, took, strict=True)
        ],
        "microseconds_a_match": round((took[-1] - took[0]) / (matches[-1] - matches[0]) * 1e6, 1),
    }


def by_skew(folder: Path, corpus: Path, sizes: Sizes) -> dict[str, Any]:
    """One article on more and more pages; and a shard of real size of which every page copies it."""
    text = articles.body(0)
    made = [
        write_copies(folder / f"skew-{number}.warc.wet.gz", sizes.skew_pages, text, f"skew {number}")
        for number in range(DISTINCT)
    ]
    runs = []
    for pages in sizes.skew:
        shards = named(made, folder / f"skew-shards-{pages}", pages // sizes.skew_pages)
        runs.append(job(corpus, shards, folder / f"skew-tables-{pages}"))
        assert runs[-1]["matches"] >= pages
    whole = write_copies(folder / "whole.warc.wet.gz", sizes.whole_shard_pages, text, "whole")
    began = time.perf_counter()
    one = job(corpus, named([whole], folder / "whole-shards", 2), folder / "whole-tables")
    return {"runs": runs, "whole_shard": {**one, "all_seconds": round(time.perf_counter() - began, 1)}}


def _text(outcome: Any) -> int:
    return int(str(outcome.log["text_bytes"]))
