"""Runs a job on this machine, through the spark-submit that came with pyspark."""

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from presswatch_spark.child import SAFE, without_blanks
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.submission import job_file
from presswatch_spark.spark.class_archive import archive_options
from presswatch_spark.spark.java import java_home, log_options


def local_command(
    job: str, arguments: Sequence[str], profile: Profile, root: Path, env: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return what to run, and the variables to add to the environment.

    Raises:
        ConfigError: there is no such job in `root`.
        PresswatchError: no Java.
    """
    entry = job_file(job, root)
    spec = importlib.util.find_spec("pyspark")
    home = str(Path(str(spec and spec.origin)).parent)
    java = java_home()
    # A default, so that a caller's own spark.driver.extraJavaOptions stay free.
    options = f"{log_options()} {archive_options(Path(java))}".strip()
    settings = {"spark.driver.defaultJavaOptions": options, **profile.spark}
    command = [f"{home}/bin/spark-submit", "--master", env.get("SPARK_MASTER") or profile.local.master]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    variables = {
        "JAVA_HOME": java,
        "SPARK_HOME": home,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        # The job's file lies beside the package, not in it.
        "PYTHONPATH": without_blanks(os.pathsep.join([str(root), env.get("PYTHONPATH", "")])),
        SAFE: "1",
        **profile.environment,
    }
    return [*command, str(entry), *arguments], variables
