"""New releases of Common Crawl, scanned by presswatch: a DAG for Airflow 3. Put it into your DAG folder.

One task submits `presswatch watch` to EMR, where it looks for new releases and scans them, and waits for its
end. Whatever Airflow does with the task (a retry, a second scheduler, a run that was left behind by a
timeout), each release is scanned once: a second submission finds the job that runs, and the published runs
decide what is new, not Airflow. The task ends with the exit code of the job.

Fill in what stands in capitals. The worker needs credentials of the submitter (docs/how-to/operations.md),
and `presswatch` on its path, from a checkout after `make setup` and `make archive`: jobs come with it.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

WATCH = [
    "presswatch",
    "submit",
    "--on",
    "/etc/presswatch/emr-serverless.yaml",
    "--again",
    "watch",
    "--only-newest",
    "--probe",
    "--",
    "--format",
    "wet",
    "--base",
    "s3://commoncrawl/",
    "--corpus",
    "s3://BUCKET/corpus",
    "--out",
    "s3://BUCKET/tables",
]

with DAG(
    "presswatch_releases",
    description="Scan each new release of Common Crawl, once",
    # Crawls appear about once a month, on no fixed day.
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # What was missed is seen by the next look: it looks at what there is, not at a day.
    catchup=False,
    max_active_runs=1,
    tags=["presswatch"],
):
    BashOperator(
        task_id="watch",
        bash_command=shlex.join(WATCH),
        # Longer than the longest run of the profile: it is EMR that ends a run, not Airflow.
        execution_timeout=timedelta(days=7),
        # For workers that die, and for services that do not answer for a while.
        retries=5,
        retry_delay=timedelta(minutes=5),
        retry_exponential_backoff=2.0,
    )
