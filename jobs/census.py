"""`spark-submit jobs/census.py …`: takes the arguments of `presswatch census` and ends with its exit code."""

from __future__ import annotations

import sys

from presswatch_spark.cli.job import run_job

if __name__ == "__main__":
    sys.exit(run_job(["census", *sys.argv[1:]]))
