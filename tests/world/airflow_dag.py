"""What Airflow makes of the DAG, as JSON: run with the Python of `.venv-airflow`, and the DAG's folder.

`ends` tells for each exit code of `presswatch`, which this script puts onto the path, if the task succeeds.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import AirflowException


def ended(task: Any, code: int) -> tuple[bool, list[str]]:
    """Whether the task succeeds if `presswatch` ends with `code`, and the arguments that it was given."""
    with tempfile.TemporaryDirectory() as folder:
        program, seen = Path(folder) / "presswatch", Path(folder) / "seen"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\nexit {code}\n')
        program.chmod(0o755)
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
        try:
            task.execute({})
            is_success = True
        except AirflowException:
            is_success = False
        finally:
            os.environ["PATH"] = before
        return is_success, seen.read_text().splitlines()


def main() -> None:
    bag = DagBag(sys.argv[1])
    (dag,) = bag.dags.values()
    (task,) = dag.tasks
    facts = {
        "errors": bag.import_errors,
        "dag": dag.dag_id,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "task": type(task).__name__,
        "retries": task.retries,
        "ends": {str(code): ended(task, code) for code in (0, 1, 3)},
    }
    sys.stdout.write(f"{json.dumps(facts, default=str)}\n")


if __name__ == "__main__":
    main()
