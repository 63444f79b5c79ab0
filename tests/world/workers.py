"""The process that Spark forks the tests' workers from. It has imported what their made-up shards need, too.

Tests kill workers by the dozen, and each worker that follows would do all of it anew.
"""

from presswatch_spark.scanning.daemon import NEEDED, serve
from presswatch_spark.storage.s3 import aws_session

if __name__ == "__main__":
    aws_session(region="us-east-1").client("s3")
    serve(*NEEDED, "tests.spark.fakes")
