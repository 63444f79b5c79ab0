"""The DAG of docs/airflow in a real Airflow, over real scans on this machine: `make airflow`."""

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.commands import presswatch
from tests.world.crawls import make_history

DAG = ROOT / "docs" / "airflow" / "presswatch_dag.py"
BIN = ROOT / ".venv-airflow" / "bin"
FAILS_ONCE_A_RELEASE = """\
#!/bin/sh
# The last word of a submission is its release.
for last; do :; done
if [ "$1" = submit ]; then
  echo "$last" >> {folder}/submitted
  mkdir "{folder}/failed-$last" 2>/dev/null && exit 1
fi
exec {presswatch} "$@"
"""
pytestmark = pytest.mark.full


def test_releases_are_retried_stop_at_the_budget_and_are_scanned_once(tmp_path: Path) -> None:
    assert BIN.exists(), "make airflow"
    history = make_history(tmp_path, 3, 2)
    newest, middle, _ = history.crawls
    tables, mirror = str(tmp_path / "tables"), str(history.mirror)
    words = ("--format", "wet", "--base", mirror, "--corpus", str(history.newer), "--out", tables)
    # A sample does not make a release done, and its cost counts.
    presswatch(
        "scan", "--release", newest, *words, "--sample", "0.5", "--price", "3.5 GB x86", "--cores", "1"
    )
    spent = _cost(tables)
    assert spent > 0

    names = {"2026-34": middle.removeprefix("CC-MAIN-"), "/etc/presswatch/emr-serverless.yaml": "local"}
    names |= {"s3://BUCKET/tables": tables, "s3://BUCKET/corpus": str(history.newer)}
    names |= {
        "s3://commoncrawl/": mirror,
        "minutes=5": "seconds=1",
        "10.0, 120.0": f"0.01, {spent + 0.010001}",
    }
    assert _ended(tmp_path, names, mirror) == {("failed", 2), ("success", 2)}
    (done,) = _scanned(tables)
    (stopped,) = {newest, middle} - {done}
    assert (tmp_path / "submitted").read_text().split() == [middle, newest, done]

    names["10.0, 120.0"] = "0.01, 1.0"
    assert _ended(tmp_path, names, mirror) == {("success", 1)}
    assert _scanned(tables) == [done, stopped]


def _ended(folder: Path, names: dict[str, str], mirror: str) -> set[tuple[str, int]]:
    """Run the DAG with other names; states and numbers of tries of its scans."""
    text = DAG.read_text("utf-8")
    for name, other in names.items():
        assert name in text
        text = text.replace(name, other)
    (folder / "dags").mkdir(exist_ok=True)
    (folder / "dags" / "dag.py").write_text(text, "utf-8")
    program = folder / "bin" / "presswatch"
    program.parent.mkdir(exist_ok=True)
    real = ROOT / ".venv" / "bin" / "presswatch"
    program.write_text(FAILS_ONCE_A_RELEASE.format(folder=folder, presswatch=real), "utf-8")
    program.chmod(0o755)
    home = folder / "airflow"
    environment = {
        "PATH": os.pathsep.join([str(program.parent), str(BIN), os.environ["PATH"]]),
        "HOME": str(folder),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "PRESSWATCH_DATASETS__COMMON_CRAWL__INDEX": f"{mirror}/collinfo.json",
    }
    for command in (["db", "migrate"], ["dags", "test", "presswatch_releases"]):
        done = subprocess.run(
            ["airflow", *command], env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
    with sqlite3.connect(home / "airflow.db") as database:
        (last,) = database.execute("select max(run_id) from dag_run").fetchone()
        ended = database.execute(
            "select state, try_number from task_instance where task_id = 'scan' and run_id = ?", (last,)
        ).fetchall()
        results = database.execute(
            "select value from xcom where task_id = 'scan' and key = 'return_value' and run_id = ?", (last,)
        ).fetchall()
    assert len(results) == sum(state == "success" for state, _ in ended), done.stdout[-3_000:]
    assert all("presswatch_cost_dollars" in value for (value,) in results)
    assert (done.returncode == 0) == all(state == "success" for state, _ in ended), done.stdout[-3_000:]
    return set(ended)


def _cost(tables: str) -> float:
    query = "select sum(value) as cost from metrics where name = 'presswatch_cost_dollars'"
    return float(json.loads(presswatch("sql", tables, query, "--json"))["cost"])


def _scanned(tables: str) -> list[str]:
    """The releases of whole scans, in order of publication."""
    runs = sorted(TableStore.open(tables).read("runs").to_pylist(), key=lambda run: run["finished_at"])
    return [run["asked_for"] for run in runs if run["sample"] is None]
