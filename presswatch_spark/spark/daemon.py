"""The process that Spark forks Python workers from: it has imported what they need, once for all of them.

Spark starts it as `python -m presswatch_spark.spark.daemon pyspark.worker`, on this host only.
"""

from importlib import import_module

from pyspark.daemon import manager

NEEDED = "presswatch_spark.pipeline"

if __name__ == "__main__":
    import_module(NEEDED)
    manager()
