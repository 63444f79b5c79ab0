"""Measure `presswatch compare` over many rows: the whole command, beside a bare join by DuckDB.

    python -m benchmarks.compare                          two runs of 2 million rows, then two of 5 million
    python -m benchmarks.compare --rows 100000                              a quick look

Data is made up, the same every time, and not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks import publish
from benchmarks.compare.material import AFTER, BEFORE, write_tables
from benchmarks.speed.processes import apart

ROWS = (2_000_000, 5_000_000)
JOIN = """
import duckdb, sys
one, two = ("read_parquet('" + sys.argv[1] + "/matches/" + run + "-*.parquet')" for run in sys.argv[2:])
same = " and ".join(f"b.{name} = a.{name}" for name in ("title_id", "article_id", "document_url"))
counts = "count(*), count(b.run_id), count(a.run_id)"
print(duckdb.sql(f"select {counts} from {one} b full join {two} a on {same}").fetchall())
"""


def main() -> None:
    """Make the data, measure the commands, and write the figures."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS, help="rows of each of the two runs")
    parser.add_argument("--engines", nargs="*", default=["duckdb"], help="duckdb, spark")
    parser.add_argument("--times", type=int, default=1, help="how often each is measured; the median counts")
    parser.add_argument("--folder", help="where to make the data; default: the system's temporary folder")
    publish.add_options(parser, "compare.json")
    asked = parser.parse_args()
    found: dict[str, Any] = {"cores": os.cpu_count(), "tries": []}
    for rows in asked.rows:
        with tempfile.TemporaryDirectory(prefix="presswatch-compare-", dir=asked.folder) as folder:
            tables = Path(folder) / "tables"
            apart(write_tables, tables, rows)
            found["tries"] += [
                {"rows": 2 * rows, **one} for one in _tries(tables, Path(folder), asked.engines, asked.times)
            ]
            publish.destination(asked).write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _tries(tables: Path, folder: Path, engines: list[str], times: int) -> list[dict[str, Any]]:
    """Measure the bare join and the command by each engine, in turns; return the medians of seconds."""
    runs = ["--before", BEFORE, "--after", AFTER]
    command = [sys.executable, "-m", "presswatch_spark", "compare", *runs]
    commands = {"join": [sys.executable, "-c", JOIN, str(tables), BEFORE, AFTER]} | {
        engine: [*command, "--engine", engine, "--out", str(folder / engine), str(tables)]
        for engine in engines
    }
    tries: dict[str, list[dict[str, Any]]] = {what: [] for what in commands}
    for _ in range(times):
        for what, words in commands.items():
            tries[what].append(measured(words))
            shutil.rmtree(folder / what, ignore_errors=True)
    return [
        {
            "what": what,
            **sorted(found, key=itemgetter("seconds"))[times // 2],
            "seconds_of_all": [one["seconds"] for one in found],
        }
        for what, found in tries.items()
    ]


def measured(command: list[str]) -> dict[str, Any]:
    """Run a command; return its seconds, those of processors, and the most memory of one of its processes.

    Raises:
        CalledProcessError: it failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    found = {
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "megabytes": round(usage.ru_maxrss * 1024 / 1e6),
    }
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
