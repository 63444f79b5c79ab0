"""A whole release on many cores, simulated event by event from costs that are measured here.

A shard takes the measured mean for its bytes, and a delay drawn from those of the scan that `unattended`
disturbs. Spot nodes are lost at random, and their tasks run again. The model is checked against real runs on
this machine.
"""

from __future__ import annotations

import gc
import heapq
import random
import time
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.jobs import CORES, job
from benchmarks.scale.material import DISTINCT, Sizes, named, write_copies, write_pages
from benchmarks.speed import articles
from benchmarks.speed.processes import apart
from presswatch_spark.core.spark.session import spark_context
from presswatch_spark.core.spark.worker import nothing
from presswatch_spark.scanning.costs import PriceList, core_hours
from presswatch_spark.scanning.runs import engine
from presswatch_spark.scanning.runs.result_parts import MOST_PARTS, PARTS_PER_TASK
from presswatch_spark.scanning.runs.waves import FULL_SHARD_BYTES, tasks_for
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.store import TableStore

SHARDS, MATCH_BYTES, SHARDS_PER_TASK = 90_000, 141, 4
CALIBRATED = ((40, 2, 4), (40, 40, 4), (200, 200, 4), (200, 20, 4), (200, 200, 1))
"""Runs: shards, those of a wave, those of a task at most."""
CHECKED = ((100, 256, 4), (400, 256, 4))
ROWS_FROM_SHARDS = (10, 16)


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, measured: of a run; of a wave and of a shard in the driver; of a task on its core, and of its
    launch, one at a time; at publication, of a row, on one core per file, and of the start of Spark's SQL."""

    fixed: float = 0.0
    wave: float = 0.0
    shard: float = 0.0
    task: float = 0.0
    launch: float = 0.0
    row: float = 0.0
    sorting: float = 0.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Cores, and what is assumed of the rest: `request` are the seconds of one to the tables on S3.

    `losses_an_hour`: of a spot node of `node_cores`, which is there again `replaced_after` seconds later.
    `requests`: shards that their host answers in a second.
    """

    cores: int
    request: float = 0.1
    requests: float = 5_500.0
    losses_an_hour: float = 0.05
    node_cores: int = 16
    replaced_after: float = 180.0

    def losses(self) -> list[list[float]]:
        """The seconds at which each node is lost; the last ones are in a century."""
        rng = random.Random("nodes")
        lost = list[list[float]]()
        for _ in range(ceil(self.cores / self.node_cores)):
            at, times = 0.0, list[float]()
            while self.losses_an_hour and at < 1e5:
                times.append(at := at + rng.expovariate(self.losses_an_hour / 3600))
            lost.append([*times, 3e9])
        return lost


def simulated(
    times: Sequence[float],
    rows: int,
    cluster: Cluster,
    costs: Costs,
    size: int = FULL_SHARD_BYTES,
    wave_shards: int = 256,
    per_task: int = SHARDS_PER_TASK,
) -> tuple[float, Counter[str]]:
    """Seconds of a run over shards of these times and size, and core-seconds by what they were spent on."""
    spent, now, parts, losses = Counter[str](), costs.fixed, 0, cluster.losses()
    for first in range(0, len(times), wave_shards):
        wave = times[first : first + wave_shards]
        count = tasks_for([ObjectInfo("", size)] * len(wave), per_task, cluster.cores)
        tasks = [
            (sum(wave[n::count]) + costs.task + cluster.request, len(wave[n::count])) for n in range(count)
        ]
        ended = _wave(now, tasks, cluster, costs.launch, losses, spent)
        # The part of the log, the lock, and the marker.
        driver = costs.wave + costs.shard * len(wave) + 3 * cluster.request
        spent["driver between waves"] += driver * cluster.cores
        now, parts = ended + driver, parts + count
    published = _publication(min(parts, rows), rows, cluster, costs)
    spent["publication"] += published * cluster.cores
    return now + published, spent


def _wave(
    began: float,
    tasks: Sequence[tuple[float, int]],
    cluster: Cluster,
    launch: float,
    losses: Sequence[Sequence[float]],
    spent: Counter[str],
) -> float:
    """Run tasks (seconds, shards) from a queue on free cores; the time at which the last one ends."""
    waiting, again = deque(tasks), list[tuple[float, float, int]]()
    free = [(began, core) for core in range(cluster.cores)]
    before, ended, launched, answered = spent.total(), began, began, began
    while waiting or again:
        now, core = heapq.heappop(free)
        lost = losses[core // cluster.node_cores]
        gone = bisect_right(lost, now)
        if gone and now < lost[gone - 1] + cluster.replaced_after:
            heapq.heappush(free, (lost[gone - 1] + cluster.replaced_after, core))
            continue
        if waiting and not (again and again[0][0] <= now):
            seconds, shards = waiting.popleft()
        else:
            ready, seconds, shards = heapq.heappop(again)
            now = max(now, ready)
        launched = max(launched, now) + launch
        start = max(launched, answered)
        answered = start + shards / cluster.requests
        spent["driver launching tasks"] += launched - now
        spent["limit of requests"] += start - launched
        end = min(start + seconds, max(start, lost[gone]))
        if end < start + seconds:
            heapq.heappush(again, (end, seconds, shards))
        spent["shards" if end == start + seconds else "lost nodes"] += end - start
        ended = max(ended, end)
        heapq.heappush(free, (end, core))
    spent["ends of waves"] += (ended - began) * cluster.cores - (spent.total() - before)
    return ended


def _publication(parts: int, rows: int, cluster: Cluster, costs: Costs) -> float:
    """Seconds from the last wave to the end: parts are checked, read again, sorted and written."""
    size, is_few = rows * MATCH_BYTES, parts <= MOST_PARTS
    here = parts * cluster.request / engine.READERS
    spread = ceil(parts / PARTS_PER_TASK / cluster.cores) * PARTS_PER_TASK * cluster.request
    checked = here if is_few and size <= engine.CHECKED_HERE_BYTES else spread
    if is_few and size <= engine.SORTED_HERE_BYTES:
        return checked + here + rows * costs.row
    files = min(cluster.cores, max(1, size // engine.FILE_BYTES))
    return checked + 2 * spread + costs.sorting + rows / files * costs.row


# --- what is measured


def measure(folder: Path, corpus: Path, sizes: Sizes, delays: Sequence[float]) -> dict[str, Any]:
    """Measure costs, check the model, and simulate; `delays`: seconds by which shards took longer."""
    made = [
        write_pages(folder / f"simulated-{n}.warc.wet.gz", sizes.shard_pages, 0.01, f"small {n}")
        for n in range(DISTINCT)
    ]
    here, runs = Cluster(CORES, 0.0, 1e9, 0.0), [_run(folder, corpus, made, *each) for each in CALIBRATED]
    facts = np.array([[1, run["waves"], run["shards"], run["tasks"] / CORES] for run in runs])
    rest = [
        run["seconds"] - simulated(run["times"], 0, here, Costs(), run["size"], *each[1:])[0]
        for run, each in zip(runs, CALIBRATED, strict=True)
    ]
    local = Costs(*np.linalg.lstsq(facts, np.array(rest))[0].clip(0).tolist())
    processor = np.array([run["driver_processor_seconds"] for run in runs])
    in_driver = np.linalg.lstsq(facts[:, :3], processor)[0].clip(0).tolist()
    checks, times = [], [seconds for run in runs for seconds in run["times"]]
    for count, *each in CHECKED:
        drawn = random.Random(count).choices(times, k=count)
        predicted, _ = simulated(drawn, 0, here, local, runs[0]["size"], *each)
        seconds = _run(folder, corpus, made, count, *each)["seconds"]
        checks.append({"shards": count, "predicted_seconds": round(predicted, 2), "seconds": seconds})
    row, sorting = _publishing(folder, corpus, sizes)
    costs = replace(local, shard=in_driver[2], launch=apart(_launch), row=row, sorting=sorting)
    return {
        "costs": {name: round(value, 6) for name, value in asdict(costs).items()},
        "checks": checks,
        "assumed": asdict(Cluster(0)),
        "runs": [_release(*each, costs, delays) for each in SCENARIOS],
    }


def _run(
    folder: Path, corpus: Path, made: Sequence[Path], count: int, wave: int, per_task: int
) -> dict[str, Any]:
    name = f"simulated-{count}-{wave}-{per_task}"
    out, size = folder / f"{name}-tables", made[0].stat().st_size
    run = job(corpus, named(made, folder / name, count), out, wave, per_task)
    waves = [min(wave, count - first) for first in range(0, count, wave)]
    tasks = sum(tasks_for([ObjectInfo("", size)] * each, per_task, CORES) for each in waves)
    seconds = TableStore.open(str(out)).read("scan_log", columns=["seconds"])["seconds"].to_pylist()
    return run | {"times": seconds, "waves": len(waves), "tasks": tasks, "size": size}


def _frozen(numbers: Iterable[int]) -> None:
    nothing(numbers)
    # As in a scan: Spark collects garbage after each task.
    gc.freeze()


def _launch(tasks: int = 2_000) -> float:
    """Seconds of a task that does nothing, on all cores: its launch by the driver takes no longer."""
    context = spark_context("launch", cores=CORES)
    for count in (100, tasks):
        began = time.perf_counter()
        context.parallelize(range(count), count).foreachPartition(_frozen)
    return (time.perf_counter() - began) / tasks


def _publishing(folder: Path, corpus: Path, sizes: Sizes) -> tuple[float, float]:
    """Seconds of a row, and of the rest, from two numbers of rows that Spark sorts into one file."""
    shard = write_copies(folder / "rows.warc.wet.gz", sizes.whole_shard_pages, articles.body(0), "whole")
    few, many = (
        job(corpus, named([shard], folder / f"rows-{count}", count), folder / f"rows-tables-{count}")
        for count in ROWS_FROM_SHARDS
    )
    grown = many["publication_seconds"] - few["publication_seconds"]
    row = max(0.0, grown / (many["matches"] - few["matches"]))
    return row, max(0.0, few["publication_seconds"] - row * few["matches"])


def _release(
    kind: str, cores: int, wave: int, rows: int, requests: float, costs: Costs, delays: Sequence[float]
) -> dict[str, Any]:
    prices = PriceList.read()
    like, rate = prices.known(kind, False) or (None, 0.0)
    assert like
    mean = core_hours(like.text_bytes / like.shards, rate, prices.spark_share) * 3600
    times = [mean + delay for delay in random.Random("times").choices(delays, k=SHARDS)]
    seconds, spent = simulated(times, rows, Cluster(cores, requests=requests), costs, wave_shards=wave)
    return {
        "format": kind,
        "cores": cores,
        "wave_shards": wave,
        "rows": rows,
        "requests_a_second": requests,
        "minutes": round(seconds / 60, 1),
        "core_hours": round(seconds * cores / 3600, 1),
        "spent_core_hours": {reason: round(each / 3600, 2) for reason, each in spent.most_common()},
    }


FEW, MANY, LIMIT = 200_000, 20_000_000, 5_500.0
SCENARIOS = [
    *(("wet", 64, wave, FEW, LIMIT) for wave in (256, 1_024)),
    *(("wet", 256, wave, FEW, LIMIT) for wave in (256, 4_096)),
    *(("wet", 1_000, wave, FEW, LIMIT) for wave in (256, 4_096, 16_384)),
    ("wet", 1_000, 16_384, MANY, LIMIT),
    ("wet", 1_000, 16_384, FEW, 100.0),
    *(("warc", 1_000, wave, FEW, LIMIT) for wave in (256, 4_096, 16_384)),
]
"""Format, cores, shards of a wave, rows, shards that their host answers in a second."""
