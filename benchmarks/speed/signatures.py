"""From text to MinHash signatures, splitting and shingling included: ours, and those of peers.

The sieve makes no signatures: it is measured over the same texts, and compared with no peer.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.material import Material
from benchmarks.speed.shards import CRAWL_SENTENCES, pages
from benchmarks.speed.verification import batch_of
from presswatch_spark.core.settings.config import MinHashRules
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.matching.verify.minhash import signature
from presswatch_spark.reading.text.words import words_of

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
NAMES = {"datasketch": "datasketch-lsh-0.5", "rensa": "rensa-0.5"}
ROUNDS = 5


def measure(material: Material) -> dict[str, object]:
    """MB of text a second, on one core; and how many times the peers' that is."""
    texts = [
        page.text.encode()
        for page in pages(0, material.sizes.signature_megabytes * 1_000_000, CRAWL_SENTENCES)
    ]
    sieve = Sieve(Corpus.open(str(material.padded(material.middle)), check=False).index)
    rules, size = MinHashRules(), sum(map(len, texts))
    ways: dict[str, Callable[[], float]] = {
        "our signatures": lambda: _timed(lambda: [signature(words_of(text), rules) for text in texts]),
        "our sieve": lambda: _timed(lambda: sieve.candidates(batch_of(texts))),
    }
    file = material.folder / "signature-texts.jsonl"
    file.write_text(
        "".join(json.dumps({"id": str(i), "text": text.decode()}) + "\n" for i, text in enumerate(texts))
    )
    versions = dict[str, str]()
    for name, known_as in NAMES.items() if PEERS.exists() else ():
        versions[name] = str(_peer(known_as, file)["version"])
        ways[name] = lambda known_as=known_as: float(str(_peer(known_as, file)["seconds"]))  # type: ignore[misc]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, way in ways.items():
            seconds[name].append(way())
    rates = {name: size / statistics.median(took[1:]) / 1e6 for name, took in seconds.items()}
    return {
        "text_megabytes": round(size / 1e6, 1),
        "documents": len(texts),
        "peers": versions or "not installed: make peers",
        "mb_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "times_the_peer": {
            f"our signatures to {peer}": round(_ratio(seconds[peer], seconds["our signatures"]), 1)
            for peer in versions
        },
    }


def _ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(theirs[1:], ours[1:], strict=True))


def _timed(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def _peer(name: str, documents: Path) -> dict[str, object]:
    command = [str(PEERS), "-m", "benchmarks.peers", name, "--signatures-only", "--documents", str(documents)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    line: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return line
