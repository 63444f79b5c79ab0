"""Compiles and caches the kernels once: else each process of the tests compiles them for itself.

python -m tests.kernels
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from presswatch_spark.compiled import ALL, ready_file
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.monitoring.compiling import Compiling
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.shard.kernels import Rehearsal, compiled_beside
from tests.scanned import press_corpus

# Code after which `compiled` holds the name of each function that numba compiles in the process.
COUNTED = """
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, event): compiled.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event): pass
event.register("numba:compile", Listener())
"""


def main() -> None:
    """Build a corpus, and compile what scans of all formats need."""
    if ready_file(ALL).exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        corpus = press_corpus(Path(folder))
        digest = Corpus.open(str(corpus)).manifest.digest
        with compiled_beside(Rehearsal(None, str(corpus), digest, ScanConfig()), Compiling()):
            pass


if __name__ == "__main__":
    main()
