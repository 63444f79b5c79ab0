"""What Airflow makes of the DAG, as JSON: run with the Python of `.venv-airflow`, and the DAG's folder.

`pokes` are what the task says for each exit code of a `presswatch` that this script puts onto the path.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException


def poked(task: Any, code: int) -> tuple[object, list[str]]:
    """What the task says if `presswatch` ends with `code`, and the arguments that it was given."""
    with tempfile.TemporaryDirectory() as folder:
        program, seen = Path(folder) / "presswatch", Path(folder) / "seen"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\nexit {code}\n')
        program.chmod(0o755)
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
        try:
            said: object = bool(task.poke({}))
        except AirflowFailException:
            said = "failed"
        finally:
            os.environ["PATH"] = before
        return said, seen.read_text().splitlines()


def main() -> None:
    bag = DagBag(sys.argv[1])
    (dag,) = bag.dags.values()
    (task,) = dag.tasks
    pokes = {str(code): poked(task, code) for code in (0, 1, 3, 75)}
    facts = {
        "errors": bag.import_errors,
        "dag": dag.dag_id,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "task": type(task).__name__,
        "mode": task.mode,
        "retries": task.retries,
        "pokes": pokes,
    }
    sys.stdout.write(f"{json.dumps(facts, default=str)}\n")


if __name__ == "__main__":
    main()
