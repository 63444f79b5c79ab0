"""The process that Spark forks the tests' workers from. It has imported what their made-up shards need, too.

Tests kill workers by the dozen, and each worker that follows would import all of it anew.
"""

from presswatch_spark.spark.daemon import NEEDED, serve

if __name__ == "__main__":
    serve(*NEEDED, "boto3", "tests.spark.fakes")
