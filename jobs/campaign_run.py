"""spark-submit entry: `presswatch campaign run` with the same arguments."""

import sys

from presswatch_spark.cli.job import run_job

if __name__ == "__main__":
    sys.exit(run_job(["campaign", "run", *sys.argv[1:]]))
