"""Whole jobs under Spark, with the memory of everyone: the small twin of what runs on a cluster."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import PeakMemory, apart
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.core.spark.session import session
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import scan

CORES = 2


def job(corpus: Path, shards: list[Path], out: Path, wave_shards: int = 256) -> dict[str, Any]:
    """Scan shards with a session of its own, in a process of its own; seconds, rows and memory."""
    return apart(_job, str(corpus), [str(path) for path in shards], str(out), wave_shards)


def _job(corpus: str, shards: list[str], out: str, wave_shards: int) -> dict[str, Any]:
    spark = session("scale", cores=CORES)
    config = ScanConfig(run=RunRules(cores=CORES, wave_shards=wave_shards))

    def run(paths: list[str], folder: str) -> Any:
        progress = Progress(io.StringIO(), live=False)
        return scan(
            paths, dataset="wet", corpus=corpus, out=folder, config=config, spark=spark, progress=progress
        )

    run(shards[:CORES], f"{out}-first")  # the session, the workers and the kernels are there before it counts
    with PeakMemory(Path(corpus)) as peak:
        began = time.perf_counter()
        summary = run(shards, out)
        seconds = time.perf_counter() - began
    spark.stop()
    assert not summary.incomplete
    rows = int(str(summary.row["matches"]))
    table = sum(path.stat().st_size for path in Path(out).glob("matches/*.parquet"))
    return {
        "shards": len(shards),
        "seconds": round(seconds, 2),
        "documents": int(str(summary.row["documents"])),
        "text_megabytes": round(int(str(summary.row["text_bytes"])) / 1e6, 1),
        "matches": rows,
        "bytes_a_match": round(table / rows) if rows else 0,
        "worker_private_megabytes": round(peak.worker.private / 1e6),
        "driver_private_megabytes": round(peak.driver.private / 1e6),
        "java_private_megabytes": round(peak.java.private / 1e6),
    }
