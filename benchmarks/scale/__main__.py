"""Measure how cost and memory grow; write JSON, with `--update` also
docs/explanation/scale.md.

    python -m benchmarks.scale                        all parts
    python -m benchmarks.scale --only shards,skew     some of them; the others keep what was measured before
    python -m benchmarks.scale --small                a quick look

Data is made up, the same every time, and not kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import publish
from benchmarks.scale import growth, limits, report, simulation, unattended
from benchmarks.scale.jobs import job
from benchmarks.scale.material import Sizes, write_pages
from benchmarks.speed import articles, result

SMALL = Sizes(
    shards=(8, 16, 32),
    corpora=(200, 1000),
    rate_pages=600,
    skew=(400, 2_000),
    whole_shard_pages=1_000,
    candidates=20_000,
    planned=10_000,
    tiny=(16, 32, 64),
    unattended=(40, 1_000),
)


class Bench:
    """The parts, below one folder, with a corpus that most of them share."""

    def __init__(self, folder: Path, sizes: Sizes, found: dict[str, Any]) -> None:
        self.folder, self.sizes = folder, sizes
        self.parts: dict[str, Callable[[], dict[str, Any]]] = {
            "shards": lambda: growth.by_shards(folder, self.corpus, sizes),
            "corpus": lambda: growth.by_corpus(folder, sizes),
            "matches": lambda: growth.by_matches(folder, self.corpus, sizes),
            "skew": lambda: growth.by_skew(folder, self.corpus, sizes),
            "passes": lambda: limits.passes(folder, self.corpus, sizes),
            "furniture": lambda: limits.furniture(folder, sizes),
            "plans": lambda: limits.plans(sizes),
            "tiny": lambda: growth.by_tiny_shards(folder, self.corpus, sizes),
            "unattended": lambda: unattended.measure(folder, sizes),
            "simulation": lambda: simulation.measure(
                folder, self.corpus, sizes, found["unattended"]["shard_delays"]
            ),
        }

    @cached_property
    def corpus(self) -> Path:
        """A corpus of the second smallest size, scanned for once: compiling kernels takes memory for good."""
        corpus = articles.build(self.folder / "press", self.sizes.corpora[1])
        job(
            corpus,
            [write_pages(self.folder / "rehearsal.warc.wet.gz", 50, 0.2, "rehearsal")],
            self.folder / "rehearsal",
        )
        return corpus


def main() -> None:
    """Measure the parts that were asked for, and write what is known after each."""
    names = list(Bench(Path(), SMALL, {}).parts)
    parser = argparse.ArgumentParser(
        prog="benchmarks.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(names), help=f"parts, with commas: {','.join(names)}")
    parser.add_argument("--small", action="store_true", help="tiny sizes, for a look at the bench itself")
    parser.add_argument("--folder", help="where to make the data; default: the system's temporary folder")
    publish.add_options(parser, "scale.json")
    asked = parser.parse_args()
    if unknown := set(asked.only.split(",")) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    sizes, path = SMALL if asked.small else Sizes(), publish.destination(asked)
    found = result.read(path)
    with tempfile.TemporaryDirectory(prefix="presswatch-scale-", dir=asked.folder) as folder:
        bench = Bench(Path(folder), sizes, found["parts"])
        for name in asked.only.split(","):
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            began = time.monotonic()
            result.add(found, name, bench.parts[name](), sizes, time.monotonic() - began)
            result.write(found, path)
    print(report.markdown(found))
    if asked.update:
        publish.write_pages()


if __name__ == "__main__":
    main()
