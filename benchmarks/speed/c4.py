"""C4: our sources and the sieve, against the plainest use of the fastest parsers and the sieve in turn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from benchmarks.speed import reading
from benchmarks.speed.material import Material
from benchmarks.speed.rounds import Way, in_turns
from benchmarks.speed.wet import scan_of
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.row_formats import C4


def measure(material: Material) -> dict[str, object]:
    """Rates for Parquet and for JSONL, each in ratios to its parser with the sieve behind it."""
    middle = material.padded(material.middle)
    sieve = Sieve(Corpus.open(str(middle), check=False).index)
    # A rate of one core: pyarrow would decode columns side by side.
    threads = pa.cpu_count()
    pa.set_cpu_count(1)
    try:
        return {
            "parquet": _measured(
                material, material.c4_parquet, sieve, middle, "pyarrow", reading.pyarrow_text
            ),
            "jsonl": _measured(material, material.c4_json, sieve, middle, "orjson", reading.orjson_text),
        }
    finally:
        pa.set_cpu_count(threads)


def _measured(
    material: Material, shards: list[Path], sieve: Sieve, corpus: Path, peer: str, parse: Callable[..., int]
) -> dict[str, object]:
    read = partial(reading.ours, C4)
    base = f"{peer} + sieve"
    ways: dict[str, Way[Path]] = {
        peer: parse,
        base: partial(parse, sieve=sieve),
        "read": read,
        "read + sieve": partial(read, sieve=sieve),
        "whole scan": scan_of(corpus, "c4"),
    }
    texts = [read(path) for path in shards]
    assert texts == [parse(path) for path in shards]
    turns = in_turns(ways, shards, texts, material.sizes.rounds)
    return {
        "text_megabytes": round(sum(texts) / 1e6),
        "stored_megabytes": round(sum(path.stat().st_size for path in shards) / 1e6),
        "base": base,
        "ways": turns.table(base),
    }
