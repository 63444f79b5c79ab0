"""Compare ten joined sealed corpora with one of the same articles: the cost of a pass, and that of opening.

    python -m benchmarks.scale.members 100000       articles of each member

Postings are random numbers, and those of some documents, since encrypted hashes are like random numbers.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, TextColumn
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.layout import INDEX_FOLDER, SITES_FOLDER
from presswatch_spark.corpus.manifest import CorpusCounts, write_manifest
from presswatch_spark.corpus.sealed import ARTICLES, HASHES, HOSTS, PLACES, SealedCorpus, SealKey, join
from presswatch_spark.matching.keyed_hashes import encrypt
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.text.words import shingle_hashes, word_hashes
from presswatch_spark.storage.objects import StorageOptions

MEMBERS, SHINGLES, DOCUMENTS, COPIED, ROUNDS = 10, 100, 3_000, 0.05, 15
Numbers = npt.NDArray[np.unsignedinteger]


def sealed(folder: Path, name: str, hashes: Numbers, numbers: Numbers, key: SealKey) -> Path:
    """Write a sealed corpus with these postings, which are sorted by hash."""
    made, articles = folder / name, int(numbers.max()) + 1
    for part in (INDEX_FOLDER, SITES_FOLDER):
        (made / part).mkdir(parents=True)
    layout.save(made / HASHES, hashes)
    layout.save(made / ARTICLES, numbers.astype(np.uint32))
    layout.save(made / HOSTS, np.empty(0, np.uint64))
    layout.save(made / PLACES, np.empty((2, 0), np.uint64))
    parts = [{"fingerprint": key.corpus(name), "articles": articles}]
    parameters = {"kind": "sealed", "shingle_stride": 4, "filter_bits_per_key": 16, "site_depth": 0}
    counts = CorpusCounts(articles, articles * SHINGLES * 4, len(hashes), 0)
    write_manifest(made, {**parameters, "parts": parts, "key_fingerprint": key.fingerprint}, counts)
    return made


def measured(folder: Path, articles: int) -> dict[str, object]:
    """Return the figures for members with so many articles each."""
    rng, key = np.random.default_rng(3), SealKey(np.random.default_rng(4).bytes(32))
    words = [f"mot{number}" for number in range(20_000)]
    drawn = np.minimum(rng.zipf(1.3, (DOCUMENTS, 800)), len(words)) - 1
    texts = [" ".join(map(words.__getitem__, row)).encode() for row in drawn.tolist()]
    copied = [shingle_hashes(word_hashes(text))[::4] for text in texts[: int(COPIED * DOCUMENTS)]]
    known, paths, every = encrypt(np.concatenate(copied), key.shingles), list[str](), list[Numbers]()
    for number in range(MEMBERS):
        hashes = rng.integers(0, 1 << 64, articles * SHINGLES, np.uint64)
        hashes[: len(known) // MEMBERS] = known[number::MEMBERS][: len(known) // MEMBERS]
        hashes.sort()
        numbers = rng.integers(0, articles, len(hashes), np.uint32)
        numbers[0] = articles - 1
        paths.append(str(sealed(folder, f"member-{number}", hashes, numbers, key)))
        every.append(hashes)
    hashes = np.concatenate(every)
    hashes.sort()
    numbers = rng.integers(0, articles * MEMBERS, len(hashes), np.uint32)
    sealed(folder, "one", hashes, numbers, key)
    del hashes, numbers, every
    began = time.monotonic()
    join(paths, str(folder / "joined"), StorageOptions())
    figures: dict[str, object] = {"articles": articles * MEMBERS, "join_seconds": time.monotonic() - began}
    batch = DocumentBatch(TextColumn.joined(texts), TextColumn.empty(len(texts)), lambda i: Locator())
    sieves, opening, rounds = list[Sieve](), list[float](), list[list[float]]()
    for name in ("one", "joined"):
        began = time.process_time()
        sieves.append(Sieve(SealedCorpus.open(str(folder / name), check=False).index(key)))
        opening.append(time.process_time() - began)
    pairs = [len(sieve.candidates(batch)) for sieve in sieves]
    for _ in range(ROUNDS):
        rounds.append([])
        for sieve in sieves:
            began = time.process_time()
            sieve.candidates(batch)
            rounds[-1].append(time.process_time() - began)
    one, joined = np.array(rounds).T
    return figures | {
        "least_cost": joined.min() / one.min(),
        "median_cost": np.median(joined / one),
        "pairs": pairs,
        "open_seconds": opening,
        "megabytes_per_second": sum(map(len, texts)) / 1e6 / joined.min(),
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("articles", nargs="+", type=int)
    for articles in parser.parse_args().articles:
        with tempfile.TemporaryDirectory() as place:
            print(json.dumps(measured(Path(place), articles)), flush=True)
