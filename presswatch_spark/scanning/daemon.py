"""The process from which Spark forks Python workers; it loads their modules once for all of them.

Spark starts it, on this host only, as `python -m presswatch_spark.scanning.daemon pyspark.worker`. Spark puts
a zip of PySpark's sources on the path, whose modules every process would compile again.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from presswatch_spark.core.compiled import load_numba
from presswatch_spark.reading.text.word_kernels import load_table

NEEDED = ("presswatch_spark.scanning.pipeline", "presswatch_spark.scanning.runs.waves", "pyspark.worker")
ZIPPED = Path("python", "lib", "pyspark.zip")
"""The zip of an installed PySpark's sources."""


def serve(*modules: str) -> None:
    """Load modules and kernels, then fork a worker at each request of Spark, until Spark ends."""
    sys.path[:] = without_own_zip(sys.path)
    from pyspark.daemon import manager

    for name in modules:
        import_module(name)
    load_numba()
    load_table()
    manager()


def without_own_zip(paths: Iterable[str]) -> list[str]:
    """Return the paths without the zip of PySpark if another path has the same PySpark as a package."""
    paths = list(paths)
    installed = (path for path in paths if Path(path, "pyspark", "daemon.py").exists())
    zips = {str(Path(path, "pyspark", ZIPPED)) for path in installed}
    return [path for path in paths if path not in zips]


if __name__ == "__main__":
    serve(*NEEDED)
