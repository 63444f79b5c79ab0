"""`spark-submit jobs/claims.py …`: `presswatch claims`, with its arguments and its exit code."""

from __future__ import annotations

import sys

from presswatch_spark.cli.job import run_job

if __name__ == "__main__":
    sys.exit(run_job(["claims", *sys.argv[1:]]))
