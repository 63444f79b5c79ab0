"""spark-submit entry: `presswatch corpus build` with the same arguments."""

import sys

from presswatch_spark.cli import run

if __name__ == "__main__":
    sys.exit(run(["corpus", "build", *sys.argv[1:]]))
