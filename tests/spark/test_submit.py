"""`scripts/submit.sh`: a job under spark-submit says what the command says, and Spark next to nothing."""

from __future__ import annotations

import os
import subprocess

from tests.conftest import ROOT

SUBMIT = str(ROOT / "scripts" / "submit.sh")


def submit(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([SUBMIT, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_sparks_chatter_does_not_hide_what_a_job_says() -> None:
    done = submit("local", "jobs/scan.py", "--help")
    assert done.returncode == 0, done.stderr
    assert "--corpus DIR" in done.stdout
    # A Java that has the module which Spark's launcher asks for says so before any log setting counts.
    assert [line for line in done.stderr.splitlines() if "jdk.incubator.vector" not in line] == []


def test_a_profile_or_job_that_is_not_there_is_misuse() -> None:
    assert submit("mars", "jobs/scan.py").returncode == 2
    assert submit("local", "jobs/absent.py").returncode == 2
