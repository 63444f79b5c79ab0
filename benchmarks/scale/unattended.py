"""A long scan that nobody looks after: its driver and workers are killed, requests fail, a host throttles.

Whoever watches only gives the same command again. The tables must be those of an undisturbed run, memory must
not grow, and the time left that progress shows must come true. The shards are `DISTINCT` files of 1 to 15 MB,
5 MB on average, served under many names: their pages have the same URLs under each.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.many import short_body
from benchmarks.scale.material import Sizes, write_pages
from benchmarks.speed import articles
from benchmarks.speed.processes import DAEMON, PeakMemory, below
from presswatch_spark.tables.store import TableStore
from tests.world.servers import FINE, Fault, Server, running

DISTINCT, MEAN_PAGES, MATCHING = 40, 1_400, 0.01
SITE, ARTICLES_A_FILE = "https://title-0.example", 62_500
SECONDS, SECONDS_AN_ARTICLE, SECONDS_A_SHARD = 120, 0.0002, 0.2
FAILING = 0.05
FAULTS = (
    Fault(status=500),
    Fault(status=503, code="SlowDown"),
    Fault(cut_after=300_000, reset=True),
    Fault(cut_after=300_000),
)
THROTTLED_SHARE, REQUESTS_A_SECOND = 0.05, 1
WAVES, DRIVER_KILLS, WORKER_KILLS, MOST_TRIES = 16, 5, 12, 10
ROLES = ("driver", "java", "worker")
SECONDS_BETWEEN_LOOKS = 0.5
JOB = """
import sys
from presswatch_spark.cli.job import run_job
from presswatch_spark.scanning.monitoring import progress
progress.SECONDS_BETWEEN_LINES = 2.0
sys.exit(run_job(["scan", *sys.argv[1:]]))
"""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "NO_PROXY": "127.0.0.1"}


@dataclass
class Host(Server):
    """A server with a share of requests that fail, and a limit of those that it answers in a second.

    `met` counts requests by what they met: a status, `cut`, `fine`.
    """

    failing: float = 0.0
    limit: float = float("inf")
    met: Counter[str] = field(default_factory=Counter)
    rng: random.Random = field(default_factory=lambda: random.Random("host"))
    answered: deque[float] = field(default_factory=deque)

    def fault_for(self, method: str, path: str) -> Fault:
        """The trouble of the next request."""
        with self.guard:
            now = time.monotonic()
            while self.answered and self.answered[0] < now - 1:
                self.answered.popleft()
            fault = self.rng.choice(FAULTS) if self.rng.random() < self.failing else FINE
            if len(self.answered) >= self.limit:
                fault = Fault(status=429, retry_after="1")
            if not fault.status:
                self.answered.append(now)
            self.met["fine" if fault is FINE else str(fault.status or "cut")] += 1
        return fault


# --- the job


@dataclass
class Course:
    """Events of a run with their times, memory over time (`PeakMemory.history`), kills, exit codes."""

    began: float = field(default_factory=time.time)
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    memory: list[tuple[float, int, int, int]] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    codes: list[int] = field(default_factory=list)

    @property
    def ended(self) -> float:
        """The time of publication."""
        return next(at for at, event in self.events if event["event"] == "run_published")


def run_to_the_end(
    arguments: Sequence[str], environment: dict[str, str], folder: Path, pace: float
) -> Course:
    """Give the command until it is done; `pace`: mean seconds from start to kill of a driver, or no kills."""
    log = folder / "events.jsonl"
    course, rng = Course(), random.Random("kills")
    while not course.codes or course.codes[-1] != 0:
        assert len(course.codes) < MOST_TRIES, log.read_text("utf-8", "replace")[-2_000:]
        is_struck = pace and len(course.codes) < DRIVER_KILLS
        left = rng.uniform(0.2, 1.8) * pace if is_struck else float("inf")
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", JOB, *arguments],
                env=os.environ | environment | CREDENTIALS,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        began, chance = time.monotonic(), WORKER_KILLS / DRIVER_KILLS / pace if pace else 0.0
        with PeakMemory(folder, process.pid, SECONDS_BETWEEN_LOOKS) as peak:
            while process.poll() is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                if rng.random() < SECONDS_BETWEEN_LOOKS * chance:
                    course.kills["worker"] += _kill_a_worker(process.pid, rng)
                if time.monotonic() - began > left:
                    process.kill()
        course.codes.append(process.wait())
        course.kills["driver"] += course.codes[-1] == -signal.SIGKILL
        course.memory += peak.history
        course.events += _events(log)
    return course


def _kill_a_worker(driver: int, rng: random.Random) -> int:
    processes = sorted(process for process in below(driver) if DAEMON in _command(process))
    # The first one forks the others.
    if workers := processes[1:]:
        with suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
    return len(workers[:1])


def _command(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def _events(log: Path) -> list[tuple[float, dict[str, Any]]]:
    found = []
    for line in log.read_text("utf-8", "replace").splitlines():
        # The last line of a killed driver may be a part of one; Java's lines are none.
        with suppress(ValueError, LookupError, TypeError):
            event = json.loads(line)
            found.append((datetime.fromisoformat(event["time"]).timestamp(), event))
    return found


# --- what is measured


def measure(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Scan undisturbed and disturbed; digests, memory over time, and how true the time left was."""
    shards, count = sizes.unattended
    minutes = (SECONDS + SECONDS_AN_ARTICLE * count + SECONDS_A_SHARD * shards) / 60
    print(f"this takes about {minutes:.0f} minutes on two idle cores", file=sys.stderr, flush=True)
    corpus = _corpus(folder / "unattended-press", count)
    made = _made(folder / "unattended-shards")
    rng = random.Random("shards")
    files = {f"/release/shard-{number:06}.warc.wet.gz": rng.choice(made) for number in range(shards)}
    slow = set(rng.sample(sorted(files), max(1, round(shards * THROTTLED_SHARE))))
    bucket = Host({path: data for path, data in files.items() if path not in slow})
    site = Host({path: files[path] for path in slow})
    with running(bucket), running(site):
        listed = [*(f"s3:/{path}" for path in bucket.objects), *(f"{site.url}{path}" for path in slow)]
        (folder / "shards.paths").write_text("\n".join(listed), "utf-8")
        arguments = [
            str(folder / "shards.paths"), "--format", "wet", "--corpus", str(corpus), "--cores", "2",
            "--log-format", "json", "--wave-shards", str(max(1, shards // WAVES)),
        ]  # fmt: skip
        environment = {"PRESSWATCH_STORAGE__ENDPOINT": bucket.url}

        calm, row = _course(folder, "undisturbed", arguments, environment, 0.0)
        seconds = calm.ended - calm.began
        bucket.failing, site.limit = FAILING, REQUESTS_A_SECOND
        bucket.met, site.met = Counter(), Counter()
        rough, again = _course(folder, "disturbed", arguments, environment, seconds / DRIVER_KILLS)
    return {
        "shards": shards,
        "distinct_shards": DISTINCT,
        "stored_megabytes": round(sum(map(len, files.values())) / 1e6),
        "text_megabytes": round(row["text_bytes"] / 1e6),
        "articles": count,
        "matches": row["matches"],
        "table_digest": row["table_digest"],
        "same_digest": row["table_digest"] == again["table_digest"],
        "shard_delays": _delays(folder / "disturbed"),
        "requests": {"bucket": dict(bucket.met), "site": dict(site.met)},
        "undisturbed": _figures(calm),
        "disturbed": _figures(rough) | {"kills": dict(rough.kills), "exit_codes": rough.codes},
    }


def _corpus(folder: Path, count: int) -> Path:
    """A corpus of the articles that pages copy, and of others, which are cheap to write."""
    files = articles.write_articles(folder, articles.COPIED)
    for first in range(articles.COPIED, count, ARTICLES_A_FILE):
        files.append(folder / f"others-{first:09}.jsonl")
        with files[-1].open("w", encoding="utf-8") as file:
            for number in range(first, min(first + ARTICLES_A_FILE, count)):
                row = {"article_id": f"{number:09}", "title_id": "title-0", "url": f"{SITE}/{number}"}
                file.write(json.dumps(row | {"body": short_body(number, articles.WORDS)}) + "\n")
    articles.build_from(folder, files)
    for path in files:
        path.unlink()
    return folder / "corpus"


def _course(
    folder: Path, name: str, arguments: list[str], environment: dict[str, str], pace: float
) -> tuple[Course, dict[str, Any]]:
    out = folder / name
    course = run_to_the_end([*arguments, "--out", str(out)], environment, folder, pace)
    (row,) = TableStore.open(str(out)).read("runs").to_pylist()
    return course, row


def _delays(tables: Path) -> list[float]:
    """Seconds that shards took longer than their bytes take at the median pace: a thousand quantiles."""
    log = TableStore.open(str(tables)).read("scan_log", columns=["seconds", "text_bytes"])
    seconds, sizes = (log[name].to_numpy() for name in log.column_names)
    delays = np.maximum(0, seconds - np.median(seconds / sizes) * sizes)
    return [round(float(each), 3) for each in np.quantile(delays, np.linspace(0, 1, 1_000))]


def _made(folder: Path) -> list[bytes]:
    """`DISTINCT` shards."""
    folder.mkdir()
    rng = random.Random("pages")
    pages = (min(3_000, round(rng.lognormvariate(0, 0.5) * MEAN_PAGES)) for _ in range(DISTINCT))
    return [
        write_pages(folder / f"{number:02}.warc.wet.gz", count, MATCHING, f"unattended {number}").read_bytes()
        for number, count in enumerate(pages)
    ]


def _figures(course: Course) -> dict[str, Any]:
    """Figures of a run.

    Errors of the predicted end, by the share of the time that was over, as shares of the time of all
    processes: no estimate foresees what later kills cost. MB of memory: most, in the second quarter, in the
    last one.
    """
    began, seconds = course.began, course.ended - course.began
    processes = _progress(course)
    errors = [
        (
            round((at - began) / seconds, 3),
            round((at + event["seconds_left"] - course.ended + _lost_after(processes, number)) / seconds, 3),
        )
        for number, process in enumerate(processes)
        for at, event in process
        if event["seconds_left"] is not None
    ]
    late = [abs(error) for share, error in errors if share >= 0.5]
    # While a driver starts, there are no workers, and no Java.
    samples = {who: [each[n] / 1e6 for each in course.memory if each[n]] for n, who in enumerate(ROLES, 1)}
    return {
        "seconds": round(course.ended - course.began),
        "largest_eta_error": max(late),
        "median_eta_error": statistics.median(late),
        "eta_errors": errors[:: max(1, len(errors) // 40)],
        "megabytes": {
            who: [
                round(figure)
                for figure in (
                    max(sizes),
                    statistics.median(sizes[len(sizes) // 4 : len(sizes) // 2]),
                    statistics.median(sizes[-len(sizes) // 4 :]),
                )
            ]
            for who, sizes in samples.items()
        },
    }


def _progress(course: Course) -> list[list[tuple[float, dict[str, Any]]]]:
    """Reports of progress, of each process that made one."""
    processes = list[list[tuple[float, dict[str, Any]]]]()
    for at, event in course.events:
        if event["event"] == "run_started":
            processes.append([])
        elif event["event"] == "progress":
            processes[-1].append((at, event))
    return [process for process in processes if process]


def _lost_after(processes: Sequence[Sequence[tuple[float, dict[str, Any]]]], number: int) -> float:
    """Seconds that kills cost from this process on: each time, until a later one had read as many shards."""
    lost = 0.0
    while number + 1 < len(processes):
        killed, last = processes[number][-1]
        number, again = next(
            (later, at)
            for later in range(number + 1, len(processes))
            for at, event in processes[later]
            if event["shards"] >= last["shards"]
        )
        lost += again - killed
    return lost
