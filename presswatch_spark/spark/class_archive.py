"""Spark's classes as the JVM has them in memory, kept in a file: a JVM that finds it starts in half the time.

Loading and checking its classes is most of what Spark does before the first task. Java can write them down at
its end (class data sharing, JEP 350), and map them at the next start. The file is good for one Java and one
Spark; a JVM for which it is not goes on without it. One that is damaged would kill the JVM, so its SHA-256 is
compared first (.2 s of the 3 that it saves).

`python -m presswatch_spark.spark.class_archive` makes it, unless it is there.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from presswatch_spark.errors import PresswatchError
from presswatch_spark.spark.java import java_at, java_home, jvm_options
from presswatch_spark.storage.disk import file_sha256

SECONDS = 300
QUIET = "-Xlog:cds*=off"
JAVAS_OWN = Path("lib", "server", "classes.jsa")
# A session like those of scans, with as much of Spark as they use.
REHEARSAL = """
import sys
from presswatch_spark.spark.session import session

spark = session("presswatch classes", cores=1, conf={"spark.driver.extraJavaOptions": sys.argv[1]})
frame = spark.range(8).mapInArrow(lambda batches: batches, "id long").repartition(2).sort("id")
frame.write.parquet(sys.argv[2])
read = spark.read.parquet(sys.argv[2])
read.createOrReplaceTempView("t")
spark.sql("select id % 2 k, count(*) n from t group by 1 order by 2").collect()
spark.sparkContext.parallelize([1, 2], 2).map(abs).collect()
spark.stop()
"""


def archive_options(java: Path) -> str:
    """What to tell the JVM of `java`, a JAVA_HOME; nothing if there is no whole archive for it."""
    archive = _archive_of(java)
    # Spark parts options at blanks that stand in no quotation marks.
    can_be_told = '"' not in str(archive) and _is_whole(archive)
    return f'"-XX:SharedArchiveFile={archive}" -Xshare:auto {QUIET}' if can_be_told else ""


def make_archive(options: str, tell: Callable[[str], None]) -> bool:
    """Make the archive for the Java that sessions run on, if there is none; whether there is one.

    Args:
        options: what else the JVM of a session is told.
        tell: is told before the work begins.
    """
    java = Path(java_home())
    archive = _archive_of(java)
    if _is_whole(archive):
        return True
    if not os.access(archive.parent, os.W_OK):
        return False
    tell("keeping Spark's classes for later starts, once (about 15 s)")
    _keep_javas_own(java / "bin" / "java")
    # A disk may be full, and sessions go on without.
    with suppress(OSError), tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        draft = Path(folder, archive.name)
        told = f'{options} "-XX:ArchiveClassesAtExit={draft}" {QUIET}'
        # The JVM writes at its end, and has our pipe as its own until then.
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, "-P", "-c", REHEARSAL, told, str(Path(folder, "table"))],
                capture_output=True,
                check=False,
                timeout=SECONDS,
            )
        if draft.is_file():
            seal = Path(folder, "seal")
            seal.write_text(file_sha256(draft))
            os.replace(draft, archive)
            os.replace(seal, archive.with_suffix(".sha256"))
    return _is_whole(archive)


def _keep_javas_own(java: Path) -> None:
    """Have a JRE of this environment keep Java's own classes, on which ours build.

    Those of systems come with them; the wheel of a JRE, which is ours to add to, does not.
    """
    found = java_at(java)
    if found and found.home.is_relative_to(sys.prefix) and not (found.home / JAVAS_OWN).exists():
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run([java, "-Xshare:dump"], capture_output=True, check=False, timeout=SECONDS)


def _is_whole(archive: Path) -> bool:
    try:
        return archive.with_suffix(".sha256").read_bytes() == file_sha256(archive).encode()
    except OSError:
        return False


def _archive_of(java: Path) -> Path:
    """Where the archive of this Java and this Spark is: beside the wrapper of Java that sessions use."""
    found = importlib.util.find_spec("pyspark")
    version = None
    # A Spark that was unpacked is no package, and found by its path.
    with suppress(metadata.PackageNotFoundError):
        version = metadata.version("pyspark")
    spark = (found and found.origin, version, os.environ.get("SPARK_HOME"))
    return java / f"classes-{hashlib.sha256(repr(spark).encode()).hexdigest()[:12]}.jsa"


if __name__ == "__main__":
    try:
        if not make_archive(jvm_options(), print):
            print("Spark's classes could not be kept: sessions start without", file=sys.stderr)  # noqa: T201
    except PresswatchError as error:
        sys.exit(str(error))
