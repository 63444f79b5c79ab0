"""The whole job: Spark on one and on two cores, and the same scan of the same shards in plain processes."""

from __future__ import annotations

import io
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from functools import partial
from pathlib import Path

from benchmarks.speed.material import Material
from benchmarks.speed.processes import new_process
from benchmarks.speed.wet import scan_of
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.core.spark.session import session
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import ScanPlan, scan

CORES = 2
ROUNDS = 2


def measure(material: Material) -> dict[str, object]:
    """Seconds and MB a second over the same shards; all ways take turns, and each is warm when it is timed.

    The part of Spark's time that does not grow with the shards (planning, publishing) is what is left when
    the time for a third of the shards is taken for a third of the growing part.
    """
    corpus = material.padded(material.middle)
    shards = linked(material.wet, material.folder / "job-shards", material.sizes.job_copies)
    processes = [new_process() for _ in range(2 + CORES)]
    few = shards[: max(CORES, len(shards) // 3)]
    ways = _ways(material.folder, corpus, processes)
    turns = {"spark_1": shards, "spark_2": shards, "spark_2_few": few, "plain_1": few, "plain_2": shards}
    try:
        seconds: dict[str, list[float]] = {name: [] for name in turns}
        for _ in range(ROUNDS):
            for name, some in turns.items():
                way = ways[name.removesuffix("_few")]
                # Spark ends a worker that has had no task for a minute, and the turns of others take longer.
                way(shards[:CORES])
                seconds[name].append(way(some))
    finally:
        for process in processes:
            process.submit(_stop).result()
            process.shutdown()
    text = sum(_text_bytes(path) for path in material.wet) * material.sizes.job_copies
    return _figures(
        {name: statistics.median(took) for name, took in seconds.items()}, text, len(shards), len(few)
    )


def linked(shards: Sequence[Path], folder: Path, copies: int) -> list[Path]:
    """Every shard under `copies` names, the same bytes on the disk."""
    folder.mkdir()
    names = [(path, folder / f"copy-{copy:03}-{path.name}") for copy in range(copies) for path in shards]
    for path, name in names:
        os.link(path, name)
    return [name for _, name in names]


def _ways(
    folder: Path, corpus: Path, processes: list[ProcessPoolExecutor]
) -> dict[str, Callable[[Sequence[Path]], float]]:
    one, two, *plain = processes
    return {
        "spark_1": lambda shards: one.submit(spark_scan, folder, corpus, shards, 1).result(),
        "spark_2": lambda shards: two.submit(spark_scan, folder, corpus, shards, CORES).result(),
        "plain_1": partial(plain_scans, plain[:1], corpus),
        "plain_2": partial(plain_scans, plain, corpus),
    }


def spark_scan(folder: Path, corpus: Path, shards: Sequence[Path], cores: int) -> float:
    """Seconds of a scan with this process's session, published tables included."""
    spark = session("job", cores=cores)
    began = time.perf_counter()
    config = ScanConfig(run=RunRules(cores=cores))
    planned = ScanPlan.of([str(path) for path in shards], "wet", str(corpus), config)
    out, progress = str(folder / f"job-tables-{time.time_ns()}"), Progress(io.StringIO(), live=False)
    summary = scan(planned, out, spark=spark, progress=progress)
    assert not summary.incomplete
    return time.perf_counter() - began


def _stop() -> None:
    """End the session of this process, if it has one: its workers complain if it just goes."""
    from pyspark.sql import SparkSession

    if spark := SparkSession.getActiveSession():
        spark.stop()


def plain_scans(processes: Sequence[ProcessPoolExecutor], corpus: Path, shards: Sequence[Path]) -> float:
    """Seconds of the same scan of the shards, dealt to plain processes that keep the rows."""
    began = time.perf_counter()
    share = [
        process.submit(_scan_all, corpus, shards[first :: len(processes)])
        for first, process in enumerate(processes)
    ]
    wait(share)
    assert sum(work.result() for work in share) >= 0
    return time.perf_counter() - began


def _scan_all(corpus: Path, shards: Sequence[Path]) -> int:
    way = scan_of(corpus, "wet")
    return sum(1 for path in shards if way(path))


def _text_bytes(path: Path) -> int:
    from benchmarks.speed.reading import ours
    from presswatch_spark.reading.warc_format import WET

    return ours(WET, path)


def _figures(seconds: dict[str, float], text: int, shards: int, few: int) -> dict[str, object]:
    growing = (seconds["spark_2"] - seconds["spark_2_few"]) / (shards - few) * shards if shards > few else 0.0
    return {
        "shards": shards,
        "text_megabytes": round(text / 1e6),
        "seconds": {name: round(took, 2) for name, took in seconds.items()},
        "mb_per_second": {
            name: round(text / took / 1e6, 1)
            for name, took in seconds.items()
            if name in ("spark_1", "spark_2", "plain_2")
        },
        "two_cores_to_one": round(seconds["spark_1"] / seconds["spark_2"], 2),
        "two_plain_processes_to_one": round(seconds["plain_1"] * shards / few / seconds["plain_2"], 2),
        "overhead_over_plain": round(seconds["spark_2"] / seconds["plain_2"] - 1, 3),
        "fixed_seconds": round(max(0.0, seconds["spark_2"] - growing), 2),
        "overhead_without_fixed": round(growing / seconds["plain_2"] - 1, 3),
    }
