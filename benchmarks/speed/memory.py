"""Memory of workers, and whether an index is in memory once a host, however many processes look into it."""

from __future__ import annotations

import io
import os
from pathlib import Path

from benchmarks.speed.material import Material
from benchmarks.speed.processes import Memory, PeakMemory, apart, memory_of, new_process
from benchmarks.speed.wet import scan_of
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.core.spark.session import session
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import ScanPlan, scan

MOST_SHINGLES = 10**8
PROCESSES = 2


def measure(material: Material) -> dict[str, object]:
    """Peak memory of PySpark's workers and of the driver, and the index as two processes have it mapped."""
    shingles = max(count for count in material.shingles if count <= MOST_SHINGLES)
    corpus, shards = material.padded(shingles), [str(path) for path in material.wet]
    out = str(material.folder / "memory-tables")
    return {
        "shingles": shingles,
        "spark": apart(spark_memory, str(corpus), shards, out),
        "shared": shared_index(corpus, material.wet[0]),
    }


def spark_memory(corpus: str, shards: list[str], out: str) -> dict[str, object]:
    """The most that a worker, the driver and the JVM had while two cores scanned the shards."""
    spark = session("memory", cores=PROCESSES)
    config = ScanConfig(run=RunRules(cores=PROCESSES))
    with PeakMemory(Path(corpus)) as peak:
        progress = Progress(io.StringIO(), live=False)
        scan(ScanPlan.of(shards, "wet", corpus, config), out, spark=spark, progress=progress)
    spark.stop()
    return {
        "worker": peak.worker.megabytes(),
        "driver": peak.driver.megabytes(),
        "java": peak.java.megabytes(),
        "all_proportional_megabytes": round(peak.all_proportional / 1e6),
    }


def shared_index(corpus: Path, shard: Path) -> dict[str, object]:
    """Two processes that have scanned a shard each: what they map of the index, one by one and together."""
    processes = [new_process() for _ in range(PROCESSES)]
    try:
        working = [process.submit(_scan_and_tell, str(corpus), str(shard)) for process in processes]
        numbers = [work.result() for work in working]
        mapped = [memory_of(number, corpus / "index") for number in numbers]
        private = [memory_of(number).private for number in numbers]
    finally:
        for process in processes:
            process.shutdown()
    together = sum(mapped, Memory())
    return {
        "processes": PROCESSES,
        "index_megabytes": round(sum(path.stat().st_size for path in (corpus / "index").iterdir()) / 1e6),
        "mapped_by_each": mapped[0].megabytes(),
        "mapped_by_all": together.megabytes(),
        "private_megabytes": max(round(size / 1e6) for size in private),
    }


def _scan_and_tell(corpus: str, shard: str) -> int:
    """Scan a shard, keep everything, and say which process this is."""
    scan_of(Path(corpus), "wet")(Path(shard))
    return os.getpid()
