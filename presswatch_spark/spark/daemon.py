"""The process that Spark forks Python workers from: it has imported what they need, once for all of them.

Spark starts it as `python -m presswatch_spark.spark.daemon pyspark.worker`, on this host only.
"""

from importlib import import_module

from pyspark.daemon import manager

NEEDED = ("presswatch_spark.pipeline", "presswatch_spark.runs.wave_task", "pyspark.worker")
"""What each worker would else import for itself."""


def serve(*modules: str) -> None:
    """Import modules, then fork a worker whenever Spark asks for one, until Spark ends."""
    for name in modules:
        import_module(name)
    manager()


if __name__ == "__main__":
    serve(*NEEDED)
