"""The only place that builds a Spark session. Keeps to the API of Spark 4.0, runs on the newest."""

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
from presswatch_spark.core.processes import SAFE, tidy_environment
from presswatch_spark.core.spark.interrupts import bear_interrupts, quiet_counts, quiet_py4j
from presswatch_spark.core.spark.java import LIGHT_JVM, java_home, log_options
from presswatch_spark.core.spark.worker import nothing

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

TASK_FAILURES = 4
JAVA_SECONDS = 120
DAEMON = "spark.python.daemon.module"

_java_home = lru_cache(maxsize=1)(java_home)

SETTINGS = {
    "spark.ui.showConsoleProgress": "false",
    # Of jobs that are over, the driver keeps a thousand of each kind by default, and 100,000 tasks.
    "spark.ui.retainedJobs": "100",
    "spark.ui.retainedStages": "100",
    "spark.ui.retainedTasks": "2000",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.speculation": "false",
    "spark.python.worker.reuse": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1000",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Pages of our tables carry checksums, and Spark compares them only if it is told to.
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
    default all. `conf` overrides our settings. `workers`: a worker is begun at once; queries of tables on
    disk need none. `PresswatchError`: no Java, or one with which Spark does not start.
    """
    from presswatch_spark.core.spark.errors import spark_errors

    spark_context(app_name, master=master, cores=cores, conf=conf, workers=workers)
    with spark_errors(tempfile.gettempdir()):
        # With a session whose JVM has died, even this fails.
        return sql_session(SETTINGS | dict(conf or {}))


def sql_session(settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return the session over this process's context: the one there is or a new one, with these settings."""
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

    settings = dict(SETTINGS) | {f"spark.executorEnv.{SAFE}": "1"}
    tidy_environment()
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # no spark-submit around us: the JVM is ours to start
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ["JAVA_HOME"] = _java_home()
        master = master or f"local[{cores or '*'}]"
        if local := re.fullmatch(r"local(?:\[([^,]+)\])?", master):
            # Without that, a local master gives each task one try.
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
    # The first Python worker begins while Java goes on starting.
    def begin() -> None:
        # A task that matters reports any error.
        with suppress(Exception):
            context.parallelize([0], 1).foreachPartition(nothing)

    threading.Thread(target=begin, name="workers", daemon=True).start()


def cores_now(context: SparkContext) -> int:
    """Count the cores of the present executors; of a local session, its own."""
    each = _cores_of_executor(context)
    if each is None:
        return int(context.defaultParallelism)
    # The driver is among them.
    return (int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1) * each


def cores_of_machine(context: SparkContext) -> int:
    """Return the cores of an executor; of a local session, its own."""
    return _cores_of_executor(context) or int(context.defaultParallelism)


def _cores_of_executor(context: SparkContext) -> int | None:
    # Last: PySpark reads a hundred settings from Java to return one.
    local = re.match(r"local(\[|$)", str(context.master))
    each = None if local else context.getConf().get("spark.executor.cores")
    return None if each is None else int(each)


@contextmanager
def _java_in_time() -> Iterator[None]:
    """Give the JVM up that has not said in time where it listens; PySpark would wait for ever.

    A JVM that finds the temporary folder full cannot say it, and does not end either. Nor does one that is
    left before it has said it: until then, a first Ctrl-C waits. Where the main thread does not wait for the
    JVM, nothing is given up.
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
        # Whatever else takes long (a cluster that is full) may take it.
        if (launching := _launching(frame)) is not None:
            # PySpark takes away the folder that it would write to, and then it never ends. Only PySpark's own
            # frame has its process yet.
            java = launching.f_locals.get("proc")
            if isinstance(java, subprocess.Popen):
                java.kill()
                java.wait()
            raise PresswatchError(
                f"Java did not start within {JAVA_SECONDS} seconds",
                where=tempfile.gettempdir(),
                remedy="see whether this folder is full, and give the same command again",
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
    # The frame of PySpark that waits for the JVM to start.
    while frame and frame.f_code.co_name != "launch_gateway":
        frame = frame.f_back
    return frame


def _stop(context: SparkContext) -> None:
    """Stop Spark in its own order: workers print tracebacks if their JVM ends first."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]

    with suppress(OSError, Py4JError):
        context.stop()


def spark_schema(schema: pa.Schema) -> StructType:
    """Return the Spark schema of an Arrow schema, every column nullable."""
    from pyspark.sql.pandas.types import from_arrow_schema

    # Without metadata.
    return from_arrow_schema(pa.schema([pa.field(column.name, column.type) for column in schema]))


def spark_path(path: Path) -> str:
    """Write a path for Spark's readers: on disk whatever the default file system, never taken for a glob."""
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
        # As tasks of SQL have it: workers are shared by what has the same environment.
        "spark.executorEnv.SPARK_SIMPLIFIED_TRACEBACK": "1",
    }
