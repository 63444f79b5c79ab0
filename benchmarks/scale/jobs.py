"""Whole jobs under Spark, with the memory of everyone: the small twin of what runs on a cluster."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import PeakMemory, apart
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.core.spark.session import session
from presswatch_spark.scanning.monitoring.progress import EventLog, Level, Progress
from presswatch_spark.scanning.pipeline import ScanPlan, scan

CORES = 2


def job(
    corpus: Path, shards: list[Path], out: Path, wave_shards: int = 256, shards_per_task: int = 4
) -> dict[str, Any]:
    """Scan shards with a session of its own, in a process of its own; seconds, rows and memory."""
    return apart(_job, str(corpus), [str(path) for path in shards], str(out), wave_shards, shards_per_task)


def _job(corpus: str, shards: list[str], out: str, wave_shards: int, shards_per_task: int) -> dict[str, Any]:
    spark = session("scale", cores=CORES)
    rules = RunRules(cores=CORES, wave_shards=wave_shards, shards_per_task=shards_per_task)
    times = dict[str, float]()

    class Times(EventLog):
        def tell(self, event: str, level: Level = "info", /, **facts: object) -> None:
            times[event] = time.perf_counter()

    def run(paths: list[str], folder: str) -> Any:
        return scan(
            ScanPlan.of(paths, "wet", corpus, ScanConfig(run=rules)), folder, spark=spark,
            progress=Progress(io.StringIO(), live=False), events=Times(),
        )  # fmt: skip

    run(shards[:CORES], f"{out}-first")  # the session, the workers and the kernels are there before it counts
    with PeakMemory(Path(corpus)) as peak:
        began, driver = time.perf_counter(), time.process_time()
        summary = run(shards, out)
        seconds, driver = time.perf_counter() - began, time.process_time() - driver
    spark.stop()
    assert not summary.incomplete
    rows = int(str(summary.row["matches"]))
    table = sum(path.stat().st_size for path in Path(out).glob("matches/*.parquet"))
    return {
        "shards": len(shards),
        "seconds": round(seconds, 2),
        "driver_processor_seconds": round(driver - peak.processor_seconds, 2),
        "publication_seconds": round(times["run_published"] - times["wave_finished"], 2),
        "documents": int(str(summary.row["documents"])),
        "text_megabytes": round(int(str(summary.row["text_bytes"])) / 1e6, 1),
        "matches": rows,
        "bytes_a_match": round(table / rows) if rows else 0,
        "worker_private_megabytes": round(peak.worker.private / 1e6),
        "driver_private_megabytes": round(peak.driver.private / 1e6),
        "java_private_megabytes": round(peak.java.private / 1e6),
    }
