"""Compiles and caches the kernels once: else each process of the tests compiles them for itself.

python -m tests.world.kernels
"""

import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

from presswatch_spark.core.compiled import ALL, ready_file


def main() -> None:
    if ready_file(ALL).exists():
        return
    # Each `make test` looks whether there is anything to do, which takes none of these.
    from presswatch_spark.core.settings.config import ScanConfig
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.scanning.shard.compile_kernels import Rehearsal, compiled_beside
    from tests.world.scanned import press_corpus

    claims = get_context("spawn").Process(target=compile_judgements)
    claims.start()
    with tempfile.TemporaryDirectory() as folder:
        corpus = press_corpus(Path(folder))
        digest = Corpus.open(str(corpus)).manifest.digest
        rehearsal = Rehearsal(None, str(corpus), digest, ScanConfig())
        with compiled_beside(rehearsal, lambda _, line: sys.stdout.write(f"{line}\n")):
            claims.join()


def compile_judgements() -> None:
    """Judge two pages that hold the same words of an article."""
    import numpy as np

    from presswatch_spark.claims.other_sources import NOWHERE, Limits, Spans, explained

    pages, words = 2, 24
    zeros = np.zeros(pages, np.int64)
    spans = Spans(np.arange(pages + 1), zeros, zeros + words)
    sums, known = np.zeros((words + 1, 3), np.int32), np.zeros(words, np.bool_)
    limits = Limits(passage_words=11, rest_share=0.1, holder_share=0.5, least_run=11)
    explained(spans, zeros + NOWHERE, zeros, known, sums, limits)


if __name__ == "__main__":
    main()
