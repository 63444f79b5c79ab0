"""`scripts/submit.sh` here: a job under spark-submit says what the command says, Spark next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SUBMIT = str(ROOT / "scripts" / "submit.sh")


def submit(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable} | variables
    return subprocess.run([SUBMIT, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_sparks_chatter_does_not_hide_what_a_job_says() -> None:
    done = submit("scan", "--profile", "local", "--help")
    assert done.returncode == 0, done.stderr
    assert "--corpus DIR" in done.stdout
    assert done.stderr == ""


def test_the_exit_code_is_the_jobs() -> None:
    assert submit("scan", "--profile", "local", "--no-such-option").returncode == 2
    done = submit("scan", "--profile", "local", "--corpus", "absent", "--out", "absent/out", "absent.gz")
    assert done.returncode == 1
    assert "error: " in done.stdout + done.stderr


def test_a_dry_run_shows_the_command_and_starts_nothing() -> None:
    done = submit("scan", "--profile", "local", "--dry-run", "--profile", "aws", "x", SPARK_MASTER="local[1]")
    command = json.loads(done.stdout)["command"]
    assert command[0].endswith("/bin/spark-submit")
    assert command[1:3] == ["--master", "local[1]"]
    # The second --profile is the job's own.
    assert command[-4:] == [str(ROOT / "jobs" / "scan.py"), "--profile", "aws", "x"]


def test_a_profile_or_job_that_is_not_there_is_named_with_those_that_are() -> None:
    done = submit("scan", "--profile", "mars")
    assert done.returncode == 1
    assert "there is no profile mars (name one of emr-ec2, emr-serverless, local" in done.stderr
    done = submit("absent", "--profile", "local")
    assert done.returncode == 1
    assert "there is no job absent (name one of census, corpus_build, scan" in done.stderr


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
    assert submit("scan").returncode == 2
    assert submit("scan", "--profile", "local", "--no-wait").returncode == 2
