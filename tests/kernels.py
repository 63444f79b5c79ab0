"""Compiles and caches the kernels once: else each process of the tests compiles them for itself.

python -m tests.kernels
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats import registry
from presswatch_spark.pipeline import ShardScan
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.objects import ObjectInfo
from tests.scanned import press_corpus


def main() -> None:
    """Build a corpus, and rehearse what a scan does to a shard of each format."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = press_corpus(Path(folder))
        digest = Corpus.open(str(corpus)).manifest.digest
        for name in registry.names():
            ShardScan(name, str(corpus), digest, ScanConfig()).rehearse(ObjectInfo(f"rehearsal.{name}"))


if __name__ == "__main__":
    main()
