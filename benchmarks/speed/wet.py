"""WET: from bare inflate to the whole scan of a shard, in ratios to FastWARC iterating."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.speed import reading
from benchmarks.speed.material import Material
from benchmarks.speed.rounds import Way, in_turns
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.warc_format import WET
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.storage.objects import ObjectInfo

FRENCH = ("fra",)
BASE = "fastwarc"


def measure(material: Material) -> dict[str, object]:
    """Rates of all ways over the same shards, by index size, with and without the language gate."""
    source = WET
    read = partial(reading.ours, source)
    ways: dict[str, Way[Path]] = {
        "inflate": reading.inflate,
        BASE: reading.fastwarc,
        "warcio": reading.warcio,
        "read": read,
        "read, gate": partial(read, languages=FRENCH),
    }
    for shingles in material.shingles:
        sieve = Sieve(Corpus.open(str(material.padded(shingles)), check=False).index)
        ways[f"read + sieve, {shingles:.0e}"] = partial(read, sieve=sieve)
        ways[f"read + sieve, {shingles:.0e}, gate"] = partial(read, sieve=sieve, languages=FRENCH)
    middle = material.padded(material.middle)
    ways[f"whole scan, {material.middle:.0e}"] = scan_of(middle, "wet")
    ways[f"whole scan, {material.middle:.0e}, gate"] = scan_of(middle, "wet", FRENCH)
    texts = [read(path) for path in material.wet]
    turns = in_turns(ways, material.wet, texts, material.sizes.rounds)
    return {
        "text_megabytes": round(sum(texts) / 1e6),
        "stored_megabytes": round(sum(path.stat().st_size for path in material.wet) / 1e6),
        "shards": len(texts),
        "base": BASE,
        "index_megabytes": {f"{n:.0e}": round(_size(material.padded(n)) / 1e6) for n in material.shingles},
        "index_sizes_left_out": [f"{n:.0e}" for n in material.sizes.shingles if n not in material.shingles],
        "ways": turns.table(BASE),
    }


def scan_of(corpus: Path, dataset: str, languages: tuple[str, ...] = ()) -> Way[Path]:
    """What a Spark task does with a shard: read, sieve, attribute, URLs, verify, grade, rows."""
    digest = Corpus.open(str(corpus), check=False).manifest.digest
    scan = ShardScan(dataset, str(corpus), digest, ScanConfig(read=ReadRules(languages=languages)))

    def way(path: Path) -> object:
        outcome = scan(ObjectInfo(str(path)))
        assert outcome.log["status"] == "complete", outcome.log["error"]
        return outcome

    return way


def _size(corpus: Path) -> int:
    return sum(path.stat().st_size for path in (corpus / "index").iterdir())
