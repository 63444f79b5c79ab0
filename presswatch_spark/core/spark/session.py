"""The only module that builds a Spark session, and that knows differences of versions, from Spark 3.5 on."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pyarrow as pa

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.processes import SAFE_PATH_VARIABLE, tidy_environment
from presswatch_spark.core.spark.interrupts import bear_interrupts, quiet_counts, quiet_py4j
from presswatch_spark.core.spark.java import LIGHT_JVM, java_home, log_options
from presswatch_spark.core.spark.worker import nothing

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

TASK_FAILURES = 4
JAVA_SECONDS = 120
DAEMON = "spark.python.daemon.module"

_java_home = lru_cache(maxsize=1)(java_home)

SETTINGS = {
    "spark.ui.showConsoleProgress": "false",
    # By default, the driver keeps a thousand finished jobs and stages, and 100,000 tasks, in memory.
    "spark.ui.retainedJobs": "100",
    "spark.ui.retainedStages": "100",
    "spark.ui.retainedTasks": "2000",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.speculation": "false",
    "spark.python.worker.reuse": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1000",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Spark compares the checksums of Parquet pages only with this setting.
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    # `shard=007` is a name, not the number 7.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}


def session(
    app_name: str,
    *,
    master: str | None = None,
    cores: int | None = None,
    conf: Mapping[str, str] | None = None,
    workers: bool = True,
) -> SparkSession:
    """Return the Spark session of this process: that of spark-submit, the one already running, or a new one.

    `master`: default `local[cores,4]`, where a task may be tried four times; `cores`: of a local session,
    default all. `conf` overrides our settings. `workers`: start a Python worker at once, which queries of
    tables on disk do not need. `PresswatchError`: no Java, or one with which Spark does not start.
    """
    from presswatch_spark.core.spark.errors import spark_errors

    spark_context(app_name, master=master, cores=cores, conf=conf, workers=workers)
    with spark_errors(tempfile.gettempdir()):
        # With a session whose JVM has died, even this fails.
        return sql_session(SETTINGS | dict(conf or {}))


def sql_session(settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return the session of this process's context, an existing or a new one, with these settings."""
    from pyspark.sql import SparkSession

    return SparkSession.Builder().config(map=dict(settings or {})).getOrCreate()


def spark_context(
    app_name: str,
    *,
    master: str | None = None,
    cores: int | None = None,
    conf: Mapping[str, str] | None = None,
    workers: bool = True,
) -> SparkContext:
    """Return the context of this process's session, as `session` does, without SQL."""
    from pyspark import SparkConf, SparkContext

    from presswatch_spark.core.spark.errors import spark_errors

    settings = dict(SETTINGS) | {f"spark.executorEnv.{SAFE_PATH_VARIABLE}": "1"}
    tidy_environment()
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # no spark-submit around us: the JVM is ours to start
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ["JAVA_HOME"] = _java_home()
        master = master or f"local[{cores or '*'}]"
        if local := re.fullmatch(r"local(?:\[([^,]+)\])?", master):
            # Without the second number, a local master tries each task only once.
            master = f"local[{local[1] or 1},{TASK_FAILURES}]"
        settings |= {"spark.master": master, "spark.task.maxFailures": str(TASK_FAILURES)}
        settings["spark.ui.enabled"] = "false"
        settings |= _on_this_host() if master.startswith("local") else {}
        if not master.startswith("local["):
            # Workers keep compiled kernels in their own working folder: the package's may be read-only.
            settings["spark.executorEnv.NUMBA_CACHE_DIR"] = os.environ.get("NUMBA_CACHE_DIR", "numba-cache")
    quiet_py4j()
    with _java_in_time(), spark_errors(tempfile.gettempdir()):
        asked = SparkConf().setAppName(app_name).setAll(list((settings | dict(conf or {})).items()))
        new = SparkContext._active_spark_context is None
        context = SparkContext.getOrCreate(asked)
        if new:
            bear_interrupts(context)
            quiet_counts(context)
            if workers and DAEMON in settings:
                _begin_workers(context)
    if new:
        atexit.register(_stop, context)
    return context


def _begin_workers(context: SparkContext) -> None:
    # Start the first Python worker while Java is still starting.
    def begin() -> None:
        # If this fails, the first real task reports the error.
        with suppress(Exception):
            context.parallelize([0], 1).foreachPartition(nothing)

    threading.Thread(target=begin, name="workers", daemon=True).start()


def cores_now(context: SparkContext) -> int:
    """Return the cores of all present executors; for a local session, its own."""
    each = _cores_of_executor(context)
    if each is None:
        return int(context.defaultParallelism)
    # The status includes the driver.
    return (int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1) * each


def cores_of_machine(context: SparkContext) -> int:
    """Return the cores of one executor; for a local session, its own."""
    return _cores_of_executor(context) or int(context.defaultParallelism)


def _cores_of_executor(context: SparkContext) -> int | None:
    # Read the configuration only if needed: PySpark reads a hundred settings from Java to return one.
    local = re.match(r"local(\[|$)", str(context.master))
    each = None if local else context.getConf().get("spark.executor.cores")
    return None if each is None else int(each)


@contextmanager
def _java_in_time() -> Iterator[None]:
    """Kill a JVM that does not report its port within `JAVA_SECONDS`; PySpark would wait for ever.

    If the temporary folder is full, the JVM can neither report its port nor end. Nor does it end if PySpark
    leaves before the report: therefore a first Ctrl-C waits until then. Only the main thread has this limit,
    since only it receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    pressed = threading.Event()

    def interrupted(_: int, frame: FrameType | None) -> None:
        if pressed.is_set() or _launching(frame) is None:
            raise KeyboardInterrupt
        pressed.set()

    def late(_: int, frame: FrameType | None) -> None:
        # Only the start of the JVM has this limit; other waits (for a full cluster) may take longer.
        if (launching := _launching(frame)) is not None:
            # Kill the JVM: it never ends once PySpark has removed the folder to which it would write its
            # port. Only the frame of PySpark has the process.
            java = launching.f_locals.get("proc")
            if isinstance(java, subprocess.Popen):
                java.kill()
                java.wait()
            raise PresswatchError(
                f"Java did not start within {JAVA_SECONDS} seconds",
                where=tempfile.gettempdir(),
                remedy="check whether its disk is full, and run the same command again",
            )

    before = signal.signal(signal.SIGALRM, late)
    on_ctrl_c = signal.signal(signal.SIGINT, interrupted)
    signal.setitimer(signal.ITIMER_REAL, JAVA_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if signal.getsignal(signal.SIGINT) is interrupted:
            signal.signal(signal.SIGINT, on_ctrl_c)
    if pressed.is_set():
        raise KeyboardInterrupt


def _launching(frame: FrameType | None) -> FrameType | None:
    # Return the frame of PySpark that waits for the JVM to start.
    while frame and frame.f_code.co_name != "launch_gateway":
        frame = frame.f_back
    return frame


def _stop(context: SparkContext) -> None:
    """Stop Spark before this process ends: workers print tracebacks if their JVM ends first."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]

    # The process is ending: another Ctrl-C would only print a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, Py4JError):
        context.stop()


def spark_schema(schema: pa.Schema) -> StructType:
    """Return the Spark schema of an Arrow schema, every column nullable."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(pa.schema([pa.field(column.name, column.type) for column in schema]))


def arrow_schema(frame: DataFrame) -> pa.Schema:
    """Return the Arrow schema of a query's rows."""
    if hasattr(frame, "toArrow"):
        return frame.limit(0).toArrow().schema
    from pyspark.sql.pandas.types import to_arrow_schema  # Spark 3.5

    return to_arrow_schema(frame.schema)


def spark_path(path: Path) -> str:
    """Return a path for Spark's readers: on disk whatever the default file system, and with globs escaped."""
    return "file://" + re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path.resolve()))


def _on_this_host() -> dict[str, str]:
    import pyspark

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    # For workers: huge pages under buffers that live for one batch cost the system more time than they save.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    newer = tuple(int(part) for part in pyspark.__version__.split(".")[:2]) >= (4, 2)
    options = f"{log_options()} {LIGHT_JVM}"
    return {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": options,
        "spark.executor.extraJavaOptions": options,
        "spark.python.unix.domain.socket.enabled": str(newer).lower(),
        DAEMON: "presswatch_spark.scanning.daemon",
        # Tasks of SQL set this, and only tasks with the same environment share workers.
        "spark.executorEnv.SPARK_SIMPLIFIED_TRACEBACK": "1",
    }
