"""Scans shards that it is asked for, with the product of the tree that `PYTHONPATH` names; for `trees`.

Reads a line `FORMAT PATH` at a time from stdin, and prints a line of JSON for each scan: processor seconds,
documents, matches. It is run as a file, and uses what older trees have, too.
"""

import json
import sys
import time
from dataclasses import replace

import pyarrow as pa

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.pipeline import ShardScan
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.objects import StorageOptions, stat


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
        began = time.process_time()
        log = scan(shard).log
        seconds = time.process_time() - began
        if log["status"] != "complete":
            sys.exit(f"{path}: {log['status']}, {log['error']}")
        print(json.dumps([seconds, log["documents"], log["matches"]]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
