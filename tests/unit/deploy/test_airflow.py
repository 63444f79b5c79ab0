"""The DAG of docs/airflow: its command is one of ours, and Airflow loads and runs it as it is meant."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

from presswatch_spark.cli.commands.campaign import watch
from presswatch_spark.cli.commands.scan import scan
from presswatch_spark.cli.commands.submit import submit
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "airflow"
DAG = FOLDER / "presswatch_dag.py"
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "python"


def command() -> list[str]:
    """The command of the DAG, without Airflow."""
    tree = ast.parse(DAG.read_text(encoding="utf-8"))
    (value,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WATCH"
    )
    return list(ast.literal_eval(value))


def test_the_dag_compiles_and_its_command_is_one_of_ours() -> None:
    compile(DAG.read_text(encoding="utf-8"), str(DAG), "exec")
    program, name, *words = command()
    assert (program, name) == ("presswatch", "submit")
    submitted = submit.make_context("submit", words).params
    assert (submitted["again"], submitted["no_wait"]) == (True, False)
    job, *options = submitted["words"]
    assert job == "watch"
    watched = watch.make_context("watch", options).params
    assert (watched["only_newest"], watched["probe"], watched["every"]) == (True, True, None)
    scanned = scan.make_context("scan", list(watched["scan_options"])).params
    assert scanned["dataset"] == "wet"
    assert not scanned["paths"]


@pytest.mark.full
def test_airflow_loads_it_and_the_exit_code_of_the_job_is_the_end_of_the_task(tmp_path: Path) -> None:
    assert AIRFLOW.exists(), "make airflow"
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    done = subprocess.run(
        [str(AIRFLOW), str(ROOT / "tests" / "world" / "airflow_dag.py"), str(FOLDER)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    ends = facts.pop("ends")
    assert facts == {
        "errors": {},
        "dag": "presswatch_releases",
        "catchup": False,
        "max_active_runs": 1,
        "task": "BashOperator",
        "retries": 5,
    }
    assert {code: is_success for code, (is_success, _) in ends.items()} == {"0": True, "1": False, "3": False}
    assert all(words == command()[1:] for _, words in ends.values())
