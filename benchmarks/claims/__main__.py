"""Measure `presswatch claims` over many rows: time and memory on two cores, by both engines, twice.

    python -m benchmarks.claims                                    5 million rows of 20,000 articles
    python -m benchmarks.claims --rows 200000 --articles 2000        a quick look

Data is made up, the same every time, and not kept. It fails if engines, or two tries, give other claims.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import publish
from benchmarks.claims.material import write_tables
from benchmarks.claims.tries import CORES, measured
from benchmarks.speed import articles
from benchmarks.speed.processes import apart

RUNS, SEED = 3, 20261127
TRIES = ("duckdb", "duckdb", "spark")


def main() -> None:
    """Make the data, measure each try in a process of its own, and write the figures."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.claims", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--memory", default="2GB", help="what DuckDB may take")
    parser.add_argument("--folder", help="where to make the data; default: the system's temporary folder")
    publish.add_options(parser, "claims.json")
    asked = parser.parse_args()
    found: dict[str, Any] = {"rows": asked.rows, "articles": asked.articles, "cores": CORES, "tries": []}
    with tempfile.TemporaryDirectory(prefix="presswatch-claims-", dir=asked.folder) as folder:
        tables = str(Path(folder) / "tables")
        corpus = str(apart(articles.build, Path(folder) / "press", asked.articles))
        apart(write_tables, Path(tables), Path(corpus), asked.rows, RUNS, SEED)
        for number, engine in enumerate(TRIES):
            out = str(Path(folder) / f"claims-{number}")
            one = apart(measured, tables, corpus, out, engine, asked.memory)
            print(json.dumps(one), file=sys.stderr, flush=True)
            found["tries"].append(one)
            # Each takes minutes: what was measured is kept, whatever becomes of the next.
            publish.destination(asked).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if len({one["table_digest"] for one in found["tries"]}) > 1:
        sys.exit("error: the tries gave different claims")


if __name__ == "__main__":
    main()
