"""New releases of Common Crawl, scanned by presswatch: a DAG for Airflow 3. Put it into your DAG folder.

One task asks `presswatch watch` what is new. It starts the scan of a release on EMR and, until that has
ended, is asked again every ten minutes, without a slot of a worker in between: with `--poll`, the watch ends
with 75 as long as a scan is under way. Whatever Airflow does with the task (a retry, a second scheduler, a
run that was left behind by a timeout), each release is scanned once: claims beside the tables decide, not
Airflow.

Fill in what stands in capitals. The worker needs credentials of the submitter (docs/how-to/operations.md),
and `presswatch` on its path, from a checkout after `make setup` and `make archive`: jobs come with it.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.sensors.bash import BashSensor
from airflow.sdk import DAG

WATCH = [
    "presswatch",
    "watch",
    "--only-newest",
    "--poll",
    "--on",
    "/etc/presswatch/emr-serverless.yaml",
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

UNDER_WAY = 75

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
    BashSensor(
        task_id="watch",
        bash_command=shlex.join(WATCH),
        retry_exit_code=UNDER_WAY,
        mode="reschedule",
        poke_interval=timedelta(minutes=10),
        # Longer than the longest run of the profile: it is EMR that ends a run, not Airflow.
        timeout=timedelta(days=7),
        # For workers that die. A watch that says that something failed is not asked again by itself.
        retries=5,
        retry_delay=timedelta(minutes=5),
        retry_exponential_backoff=2.0,
    )
