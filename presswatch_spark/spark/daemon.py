"""The process that Spark forks Python workers from: it has imported what they need, once for all of them.

Spark starts it as `python -m presswatch_spark.spark.daemon pyspark.worker`, on this host only. It puts a zip
of PySpark's sources on the path, before PySpark as it is installed. A zip keeps no compiled code: what comes
from it is compiled again by every process.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

NEEDED = ("presswatch_spark.pipeline", "presswatch_spark.runs.wave_task", "pyspark.worker")
"""What each worker would else import for itself."""
ZIPPED = Path("python", "lib", "pyspark.zip")
"""Where PySpark as it is installed has its sources in a zip."""


def serve(*modules: str) -> None:
    """Import modules, then fork a worker whenever Spark asks for one, until Spark ends."""
    sys.path[:] = without_own_zip(sys.path)
    from pyspark.daemon import manager

    for name in modules:
        import_module(name)
    manager()


def without_own_zip(paths: Iterable[str]) -> list[str]:
    """Leave out the zip of a PySpark that another one of the paths has as a package: both are the same."""
    paths = list(paths)
    installed = (path for path in paths if Path(path, "pyspark", "daemon.py").exists())
    zips = {str(Path(path, "pyspark", ZIPPED)) for path in installed}
    return [path for path in paths if path not in zips]


if __name__ == "__main__":
    serve(*NEEDED)
