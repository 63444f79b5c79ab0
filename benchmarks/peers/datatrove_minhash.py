"""datatrove, the first three MinHash stages of its example pipeline, on one set of articles and documents."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupSignature,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.utils.typeshelper import Languages

from benchmarks.peers.base import Pair, Peer, across
from benchmarks.peers.texts import Texts

CORES = 2


def pairs(articles: Texts, documents: Texts, folder: Path) -> Iterable[Pair]:
    """Run the stages with their defaults, French words being spaCy's, and read the clusters they write."""
    names = [*articles.ids, *documents.ids]
    texts = [*articles.texts, *documents.texts]
    (folder / "in").mkdir()
    for part in range(CORES):
        with (folder / "in" / f"{part}.jsonl").open("w", encoding="utf-8") as file:
            for name, text in zip(names[part::CORES], texts[part::CORES], strict=True):
                file.write(json.dumps({"id": name, "text": text}) + "\n")
    config = MinhashConfig()
    signatures = MinhashDedupSignature(str(folder / "signatures"), config, Languages.french)
    buckets = MinhashDedupBuckets(str(folder / "signatures"), str(folder / "buckets"), config=config)
    clusters = MinhashDedupCluster(
        str(folder / "buckets"), str(folder / "clusters"), config, save_cluster_id=True
    )
    run([JsonlReader(str(folder / "in")), signatures], CORES, folder / "logs1")
    run([buckets], config.num_buckets, folder / "logs2")
    run([clusters], 1, folder / "logs3")
    found: dict[int, list[str]] = defaultdict(list)
    for path in (folder / "clusters").glob("*.clusters"):
        for row, cluster in struct.iter_unpack("<II", path.read_bytes()):
            found[cluster].append(names[int(path.stem) + CORES * row])
    return across(found.values(), articles, documents)


def run(steps: list[PipelineStep], tasks: int, logs: Path) -> None:
    """Run a stage on two cores."""
    LocalPipelineExecutor(steps, tasks=tasks, workers=min(tasks, CORES), logging_dir=str(logs)).run()


PEER = Peer(
    "datatrove",
    {"n_grams": 5, "num_buckets": 14, "hashes_per_bucket": 8, "shingles": "its own, spaCy", "processes": 2},
    pairs,
)
