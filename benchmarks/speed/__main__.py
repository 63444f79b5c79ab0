"""Measure the speed of the scan, in ratios of one run; write JSON, with `--update` also
docs/explanation/speed.md.

    python -m benchmarks.speed                      all parts, on 1 GB of text of each kind
    python -m benchmarks.speed --only wet,verify    some of them; the others keep what was measured before
    python -m benchmarks.speed --megabytes 60       a quick look

Shards and corpora are made up, the same for the same arguments, and not kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import publish
from benchmarks.speed import (
    building,
    c4,
    cold,
    costs,
    job,
    memory,
    report,
    result,
    signatures,
    verification,
    warc,
    wet,
)
from benchmarks.speed.material import Material, Sizes

PARTS: dict[str, Callable[[Material], dict[str, object]]] = {
    "cold": cold.measure,
    "wet": wet.measure,
    "c4": c4.measure,
    "warc": warc.measure,
    "signatures": signatures.measure,
    "verify": verification.measure,
    "memory": memory.measure,
    "job": job.measure,
    "build": building.measure,
}


def main() -> None:
    """Measure the parts that were asked for, one after the other, and write what is known after each."""
    asked = _arguments()
    sizes = Sizes(
        megabytes=asked.megabytes,
        shards=asked.shards,
        rounds=asked.rounds,
        articles=asked.articles,
        shingles=tuple(asked.shingles),
        pairs=asked.pairs,
        build_articles=asked.build_articles,
        job_copies=asked.job_copies,
    )
    path = publish.destination(asked)
    found = result.read(path)
    with tempfile.TemporaryDirectory(prefix="presswatch-speed-", dir=asked.folder) as folder:
        material = Material(Path(folder), sizes)
        for name in asked.only:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            began = time.monotonic()
            figures: dict[str, Any] = PARTS[name](material)
            result.add(found, name, figures, sizes, time.monotonic() - began)
            result.add(found, "costs", costs.measure(found["parts"]), sizes, 0)
            result.write(found, path)
    print(report.markdown(found))
    if asked.update:
        publish.write_pages()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = Sizes()
    parser.add_argument(
        "--only", type=_parts, default=list(PARTS), help=f"parts, with commas: {','.join(PARTS)}"
    )
    parser.add_argument("--megabytes", type=int, default=sizes.megabytes, help="text in the shards of a kind")
    parser.add_argument("--shards", type=int, default=sizes.shards, help="shards of a kind")
    parser.add_argument("--rounds", type=int, default=sizes.rounds, help="turns, a shard each")
    parser.add_argument("--articles", type=int, default=sizes.articles, help="articles of the corpus")
    parser.add_argument(
        "--shingles", type=_numbers, default=sizes.shingles, help="sizes of index, with commas"
    )
    parser.add_argument("--pairs", type=int, default=sizes.pairs, help="pairs to verify, of each kind")
    parser.add_argument("--build-articles", type=int, default=sizes.build_articles, help="articles to index")
    parser.add_argument(
        "--job-copies", type=int, default=sizes.job_copies, help="the job reads every shard so often"
    )
    parser.add_argument("--folder", help="where to make the data; default: the system's temporary folder")
    publish.add_options(parser, "speed.json")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no part {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(float(number)) for number in text.split(","))


if __name__ == "__main__":
    main()
