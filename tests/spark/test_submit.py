"""`scripts/submit.sh` here: a job under spark-submit says what the command says, Spark next to nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

from presswatch_spark.core.spark.java import LIGHT_JVM
from tests.conftest import ROOT

SUBMIT = str(ROOT / "scripts" / "submit.sh")


def submit(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable} | variables
    return subprocess.run([SUBMIT, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_sparks_chatter_does_not_hide_what_a_job_says_and_the_exit_code_is_the_jobs() -> None:
    done = submit("--on", "local", "verify-rows", "absent", SPARK_SUBMIT_OPTS=LIGHT_JVM)
    assert done.returncode == 1
    assert done.stderr == ""
    # Under spark-submit, both streams of a driver are one.
    assert re.fullmatch("error: .*/absent: .*\n", done.stdout)


def test_neither_a_path_for_cd_nor_a_python_by_its_name_leads_astray(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "python-of-mine").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "python-of-mine").chmod(0o755)
    environment = os.environ | {
        "CDPATH": str(tmp_path),
        "PATH": os.pathsep.join((str(tmp_path), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
    }
    for python in (sys.executable, "python-of-mine"):
        done = subprocess.run(
            ["scripts/submit.sh", "--help"],
            cwd=ROOT,
            env=environment | {"PYSPARK_PYTHON": python},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "JOB" in done.stdout, done.stderr


def test_what_is_not_understood_is_misuse() -> None:
    assert submit().returncode == 2
    done = submit("scan", "--profile", "local", "--corpus", "corpus", "--out", "tables", "shards/")
    assert done.returncode == 2
    assert "before the job: --on local" in done.stderr


def test_a_missing_python_is_named_with_what_makes_it() -> None:
    done = submit("--help", PYSPARK_PYTHON="/absent/python")
    assert done.returncode == 1
    assert done.stderr == "error: no Python at /absent/python (run make setup)\n"
