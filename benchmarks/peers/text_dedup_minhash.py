"""text-dedup, its MinHash command on one data set of articles and documents; its dump gives the clusters."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from datasets import Dataset

from benchmarks.peers.base import Pair, Peer, across
from benchmarks.peers.texts import Texts


def pairs(articles: Texts, documents: Texts, folder: Path) -> Iterable[Pair]:
    """Run the command with its defaults and take every article and document of one cluster for a pair."""
    rows = {"id": [*articles.ids, *documents.ids], "text": [*articles.texts, *documents.texts]}
    Dataset.from_dict(rows).save_to_disk(str(folder / "in"))
    command = [sys.executable, "-m", "text_dedup.minhash", "--local", "--debug", "--column", "text"]
    command += ["--idx_column", "id", "--path", str(folder / "in"), "--output", str(folder / "out")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"text-dedup failed: {done.stderr[-2000:]}")
    with (folder / "out" / "uf.pkl").open("rb") as file:
        # Its own dump, written a moment ago by its own process: ids united by cluster.
        united = pickle.load(file)
    clusters: dict[str, list[str]] = defaultdict(list)
    for name in list(united.parent):
        clusters[united.find(name)].append(name)
    return across(clusters.values(), articles, documents)


PEER = Peer(
    "text-dedup", {"threshold": 0.7, "num_perm": 250, "shingles": "its own, 5 words", "processes": 2}, pairs
)
