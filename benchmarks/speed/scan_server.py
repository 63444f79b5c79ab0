"""Scans shards that it is asked for, with the product of the tree that `PYTHONPATH` names; for `trees`.

Reads a line `FORMAT PATH` at a time from stdin, and prints a line of JSON for each scan: processor seconds
(on Linux, those of the parsers' process too), documents, matches. It is run as a
file, and uses what older trees have, too.
"""

import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.storage.objects import StorageOptions, stat

try:
    from presswatch_spark.core.settings.config import ScanConfig
    from presswatch_spark.scanning.pipeline import ShardScan
except ModuleNotFoundError:  # a tree from before the packages of today
    from presswatch_spark.pipeline import ShardScan  # type: ignore[import-not-found, no-redef]
    from presswatch_spark.settings.config import ScanConfig  # type: ignore[import-not-found, no-redef]


def main(corpus: str, options: list[str]) -> None:
    """Scan what stdin asks for, until it ends."""
    # As a Spark task does, on one core.
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    config = ScanConfig()
    if "--shard-digest" in options:
        config = replace(config, run=replace(config.run, shard_digest=True))
    digest = Corpus.open(corpus, check=False).manifest.digest
    print("ready", flush=True)
    for line in sys.stdin:
        format_name, path = line.rstrip("\n").split(" ", 1)
        scan, shard = ShardScan(format_name, corpus, digest, config), stat(path, StorageOptions())
        began = _processor_seconds()
        log = scan(shard).log
        seconds = _processor_seconds() - began
        if log["status"] != "complete":
            sys.exit(f"{path}: {log['status']}, {log['error']}")
        print(json.dumps([seconds, log["documents"], log["matches"]]), flush=True)


def _processor_seconds() -> float:
    """Return the processor seconds of this process and its children, ended or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat_file.read_text().rpartition(")")[2].split()
        except OSError:  # It has just ended.
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    running = ticks / os.sysconf("SC_CLK_TCK")
    return time.process_time() + ended.ru_utime + ended.ru_stime + running


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
