"""One try: claims made in a process of their own, with the memory of everyone."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import PeakMemory, below
from presswatch_spark.claims.make import KnowledgePaths, make_claims, read_knowledge
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.tables.store import TableStore

CORES = 2


def measured(tables: str, corpus: str, out: str, engine: str, memory: str) -> dict[str, Any]:
    """Make claims in this process; seconds, digest, letters and the memory of all processes.

    On a machine that others use too, `processor_seconds` say more than `seconds`: those of all processes.
    """
    config = ScanConfig(run=RunRules(cores=CORES))
    sources = KnowledgePaths(corpus, as_of=date(2026, 11, 27))
    with PeakMemory(Path(corpus)) as peak:
        began = time.perf_counter()
        store = TableStore.open(tables, config.storage)
        knowledge = read_knowledge(store, sources, config)
        summary = make_claims(store, knowledge, out, engine=engine, memory=memory)
        seconds, busy = time.perf_counter() - began, _processor_seconds()
    cells = {" ".join(cell): numbers["rows"] for cell, numbers in summary.counts.cells.items()}
    return {
        "engine": engine,
        "seconds": round(seconds, 1),
        "processor_seconds": round(busy, 1),
        "rows_a_second": round(summary.rows / seconds),
        "all_processes_megabytes": round(peak.all_proportional / 1e6),
        "this_process_private_megabytes": round(peak.driver.private / 1e6),
        "table_digest": summary.table_digest,
        "rows": cells,
    }


def _processor_seconds() -> float:
    """Return what this process, those below it, and those of them that have ended, took of processors."""
    ticks = 0
    for process in [os.getpid(), *below(os.getpid())]:
        try:
            # The name may hold spaces; what follows it begins with the third field.
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # utime, stime, cutime and cstime: those of proc(5) with the numbers 14 to 17.
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
