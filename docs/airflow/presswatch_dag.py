"""New releases of Common Crawl, scanned by presswatch: a DAG for Airflow 3. Put it into your DAG folder.

Each new release is a task, the oldest first, one at a time. A task may be repeated at any time: `submit`
finds the job that it started, running or ended, and starts a failed one again, which resumes its run. A
release does not begin if its limit exceeds what is left of the limit for all runs; after raising
`ALL_DOLLARS`, the next look starts it. The result of a task (XCom) is the metrics of its run.

Fill in the capitals. The folder of tables must exist: a sample makes it. The worker needs credentials of the
submitter (docs/how-to/operations.md), and `presswatch` on its path, from a checkout after `make setup` and
`make archive`: jobs come with it.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

SINCE = "CC-MAIN-2026-34"
TABLES = "s3://BUCKET/tables"
RELEASE_DOLLARS, ALL_DOLLARS = 10.0, 120.0
SCAN = [
    "presswatch",
    "submit",
    "--on",
    "/etc/presswatch/emr-serverless.yaml",
    "scan",
    "--format",
    "wet",
    "--base",
    "s3://commoncrawl/",
    "--corpus",
    "s3://BUCKET/corpus",
    "--out",
    TABLES,
    "--price",
    "EMR Serverless, x86, 3.5 GB a vCPU",
    "--budget",
    str(RELEASE_DOLLARS),
]
SOME_SHARDS_MISSING = 3


def rows_of(*words: str) -> list[dict[str, Any]]:
    """Return what a command of presswatch prints as JSON; raises if it fails."""
    done = subprocess.run(["presswatch", *words, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@dag(
    "presswatch_releases",
    description="Scan each new release of Common Crawl, once",
    # Crawls appear about once a month, on no fixed day.
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # A look finds what earlier looks missed.
    catchup=False,
    max_active_runs=1,
    # For workers that die, and for services that do not answer for a while.
    default_args={"retries": 5, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": 2.0},
    tags=["presswatch"],
)
def presswatch_releases() -> None:
    """Look for new releases, and scan each."""

    @task
    def new_releases() -> list[str]:
        query = "select asked_for from runs where sample is null"
        published = {row["asked_for"] for row in rows_of("sql", TABLES, query)}
        crawls = {row["release"] for row in rows_of("releases") if row["release"].startswith("CC-MAIN-")}
        return sorted(crawl for crawl in crawls - published if crawl >= SINCE)

    # The profile ends a job, not Airflow: seven days are longer than its longest run.
    @task(max_active_tis_per_dag=1, execution_timeout=timedelta(days=7))
    def scan(release: str) -> dict[str, float]:
        ((spent,),) = (
            row.values()
            for row in rows_of(
                "sql", TABLES, "select sum(value) from metrics where name = 'presswatch_cost_dollars'"
            )
        )
        if (spent or 0.0) + RELEASE_DOLLARS > ALL_DOLLARS:
            raise AirflowFailException(f"{spent:.2f} of {ALL_DOLLARS:.2f} dollars are spent")
        code = subprocess.run([*SCAN, "--release", release], check=False).returncode
        if code == SOME_SHARDS_MISSING:
            raise AirflowFailException("published, but some shards are missing: see scan_log")
        if code:
            raise AirflowException(f"exit code {code}")
        query = (
            "select name, value from metrics join runs using (run_id)"
            f" where asked_for = '{release}' and sample is null and labels = ''"
        )
        return {row["name"]: row["value"] for row in rows_of("sql", TABLES, query)}

    scan.expand(release=new_releases())


presswatch_releases()
