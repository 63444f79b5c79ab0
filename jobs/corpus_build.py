"""spark-submit entry: `presswatch corpus build` with the same arguments."""

import sys

from presswatch_spark.cli.job import run_job

if __name__ == "__main__":
    sys.exit(run_job(["corpus", "build", *sys.argv[1:]]))
