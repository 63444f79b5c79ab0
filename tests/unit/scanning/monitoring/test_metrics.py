"""Metrics: what the log of shards adds up to, as rows of a table and as Prometheus reads them."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from presswatch_spark.scanning.monitoring.metrics import (
    CENSUS,
    FAMILIES,
    SCAN,
    Metrics,
    RunFacts,
    Terms,
    totals_of,
)
from presswatch_spark.tables.declarations import Metric, ShardLog
from tests.world.exposition import parsed
from tests.world.tables import row_of

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FACTS = RunFacts({"run_id": "r1", "dataset": "wet", "release": 'a "name"\\'}, 10, NOON)


def shard(status: str = "complete", failure: str | None = None, **values: Any) -> dict[str, Any]:
    return row_of(ShardLog, status=status, failure=failure, attempts=1, **values)


LOG = [
    shard(documents=5, text_bytes=900, bytes_read=300, seconds=1.5, candidates=4,
          grades=[{"grade": "extract", "matches": 2}, {"grade": "full_copy", "matches": 1}],
          stages=[{"stage": "read", "seconds": 1.0}, {"stage": "sieve", "seconds": 0.25}]),
    shard(documents=1, text_bytes=90, bytes_read=30, seconds=0.5, documents_skipped=7, signals=3,
          grades=[{"grade": "extract", "matches": 1}], stages=[{"stage": "read", "seconds": 0.5}]),
    shard("partial", "content") | {"attempts": 2},
    shard("failed", "storage") | {"attempts": 3},
]  # fmt: skip


def series(row: dict[str, Any]) -> str:
    """A row of the table as Prometheus names it."""
    return f"{row['name']}{{{row['labels']}}}" if row["labels"] else str(row["name"])


def text_of(log: list[dict[str, Any]], state: str = "running", facts: RunFacts = FACTS) -> dict[str, float]:
    return parsed(Metrics.of(facts, totals_of(log), state, NOON + timedelta(seconds=90)).text())


EXPECTED = {
    'shards_total{status="complete"}': 2, 'shards_total{status="partial"}': 1,
    'shards_total{status="failed"}': 1, 'shard_failures_total{cause="storage"}': 1,
    'shard_failures_total{cause="worker"}': 0, "shard_retries_total": 3, "documents_total": 6,
    "documents_skipped_total": 7, "text_bytes_total": 990, "read_bytes_total": 330, "candidates_total": 4,
    "shard_seconds_total": 2.0, 'stage_seconds_total{stage="read"}': 1.5,
    'stage_seconds_total{stage="verify"}': 0, 'matches_total{grade="extract"}': 3,
    'matches_total{grade="full_copy"}': 1, "signals_total": 3, "shards_planned": 10,
    "run_age_seconds": 90, "run_start_timestamp_seconds": NOON.timestamp(),
    'run_state{state="running"}': 1, 'run_state{state="stopped"}': 0,
    'run_info{run_id="r1",dataset="wet",release="a \\"name\\"\\\\"}': 1,
}  # fmt: skip


def test_every_metric_says_what_the_log_adds_up_to() -> None:
    found = text_of(LOG)
    assert {name: found[f"presswatch_{name}"] for name in EXPECTED} == EXPECTED
    old = shard() | dict.fromkeys(("failure", "grades", "stages", "signals"))
    assert text_of([old])['presswatch_shards_total{status="complete"}'] == 1, "a row of an older run"
    assert sum((totals_of([row]) for row in LOG), Counter()) == +totals_of(LOG)


@pytest.mark.parametrize(("terms", "other"), [(SCAN, "census"), (CENSUS, "scan")])
def test_a_run_that_has_done_nothing_shows_zeros_so_that_rates_have_a_beginning(
    terms: Terms, other: str
) -> None:
    values = text_of([], facts=replace(FACTS, terms=terms))
    of = {name: family.run for name, family in FAMILIES.items() if family.kind == "counter"}
    for name in (name for name, runs in of.items() if runs == other):
        assert not [series for series in values if series.startswith(f"presswatch_{name}")]
    for name in (name for name, runs in of.items() if runs != other):
        found = [value for series, value in values.items() if series.startswith(f"presswatch_{name}")]
        assert found
        assert set(found) == {0.0}


def test_the_last_success_is_that_of_an_earlier_run_until_this_one_is_published() -> None:
    series, before = "presswatch_last_success_timestamp_seconds", NOON - timedelta(days=30)
    facts = RunFacts(FACTS.labels, 10, NOON, before)
    assert text_of(LOG, "running", facts)[series] == before.timestamp()
    assert text_of(LOG, "stopped", facts)[series] == before.timestamp()
    assert text_of(LOG, "published", facts)[series] == NOON.timestamp() + 90
    assert series not in text_of(LOG, "running")


def test_the_table_holds_the_same_numbers_with_their_units() -> None:
    metrics = Metrics.of(FACTS, totals_of(LOG), "published", NOON)
    rows = metrics.rows()
    table = pa.Table.from_pylist([{"run_id": "r1", **row} for row in rows], Metric.schema)
    assert table.num_rows == len(rows)
    assert {series(row): row["value"] for row in rows} == parsed(metrics.text())
    units = {row["name"]: row["unit"] for row in rows}
    assert units["presswatch_text_bytes_total"] == "bytes"
    assert units["presswatch_stage_seconds_total"] == "seconds"
