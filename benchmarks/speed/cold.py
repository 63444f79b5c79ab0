"""Cold start: from the command to the first shard moving; the first time on a machine, and later."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.speed.material import Material
from benchmarks.speed.shards import WET, make_shards

LATER_RUNS = 3
SHARD_BYTES = 200_000


def measure(material: Material) -> dict[str, object]:
    """Seconds until the first shard is begun, and until the command is done, over two small shards."""
    shards = make_shards(material.folder / "cold", WET, 2, SHARD_BYTES)
    kernels = material.folder / "kernels"
    kernels.mkdir(mode=0o700)
    runs = [_run(material, shards, kernels, number) for number in range(1 + LATER_RUNS)]
    moving, done = zip(*runs, strict=True)
    return {
        "first_run": {"first_shard_seconds": moving[0], "done_seconds": done[0]},
        "later_runs": {
            "first_shard_seconds": statistics.median(moving[1:]),
            "done_seconds": statistics.median(done[1:]),
        },
    }


def _run(material: Material, shards: list[Path], kernels: Path, number: int) -> tuple[float, float]:
    out = material.folder / f"cold-tables-{number}"
    command = [sys.executable, "-m", "presswatch_spark", "scan", "--format", "wet", "--cores", "2"]
    command += ["--corpus", str(material.corpus), "--out", str(out), *map(str, shards)]
    began = time.time()
    subprocess.run(
        command, env={**os.environ, "NUMBA_CACHE_DIR": str(kernels)}, check=True, capture_output=True
    )
    seconds = time.time() - began
    log = pq.read_table(out / "scan_log", columns=["started_at"])["started_at"].to_pylist()
    return round(min(log).timestamp() - began, 1), round(seconds, 1)
