"""WARC: from FastWARC reading every page to the whole scan of a shard, in ratios to it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.speed import reading
from benchmarks.speed.material import Material
from benchmarks.speed.rounds import Way, in_turns
from benchmarks.speed.wet import FRENCH, scan_of
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.warc_format import WARC

BASE = "fastwarc, bodies read"


def measure(material: Material) -> dict[str, object]:
    """Rates of all ways over the same shards, in MB of pages (bodies as stored)."""
    middle = material.padded(material.middle)
    sieve = Sieve(Corpus.open(str(middle), check=False).index)
    read = partial(reading.ours, WARC)
    ways: dict[str, Way[Path]] = {
        "inflate": reading.inflate,
        BASE: reading.fastwarc_pages,
        "warcio, bodies read": reading.warcio_pages,
        "read": read,
        "read + sieve": partial(read, sieve=sieve),
        "read + sieve, gate": partial(read, sieve=sieve, languages=FRENCH),
        "whole scan": scan_of(middle, "warc"),
        "whole scan, gate": scan_of(middle, "warc", FRENCH),
        "fastwarc + resiliparse + sieve": partial(reading.fastwarc_text, sieve=sieve),
        "warcio + resiliparse + sieve": partial(reading.warcio_text, sieve=sieve),
    }
    pages = [reading.fastwarc_pages(path) for path in material.warc]
    turns = in_turns(ways, material.warc, pages, material.sizes.rounds)
    return {
        "page_megabytes": round(sum(pages) / 1e6),
        "text_megabytes": round(sum(read(path) for path in material.warc) / 1e6),
        "stored_megabytes": round(sum(path.stat().st_size for path in material.warc) / 1e6),
        "shards": len(pages),
        "base": BASE,
        "ways": turns.table(BASE),
    }
