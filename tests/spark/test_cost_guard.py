"""A budget refuses a scan, or stops it after a wave; given more, the scan goes on and loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import BudgetError
from presswatch_spark.scanning.pipeline import RunSummary
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark.conftest import SHARDS
from tests.spark.press import Press, scanned

WAVE = 4
A_FORTUNE = 1e9
"""Dollars an hour: the smallest scan costs thousands by its estimate, and millions by the clock."""
BETWEEN = 3e4


@pytest.fixture
def prices(tmp_path: Path) -> str:
    table = yaml.safe_load((ROOT / "conf" / "prices.yaml").read_text(encoding="utf-8"))
    machine = {"name": "gold", "vcpus": 1, "cores": 1, "usd_per_hour": A_FORTUNE, "service_usd_per_hour": 0}
    table["prices"]["machines"] = [machine]
    path = tmp_path / "prices.yaml"
    path.write_text(yaml.safe_dump(table))
    return str(path)


def run(spark: SparkSession, press: Press, corpus: Path, out: Path, **rules: Any) -> tuple[RunSummary, str]:
    return scanned(spark, press, corpus, out, wave_shards=WAVE, **rules)


def test_a_scan_above_its_budget_leaves_nothing_behind(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path, prices: str
) -> None:
    with pytest.raises(BudgetError, match=r"would cost \$.* on gold .*nothing was begun"):
        run(spark, press, corpus, tmp_path / "out", price="gold", prices=prices, budget=1.0)
    assert not (tmp_path / "out").exists()


def test_a_scan_stops_at_its_budget_and_goes_on_with_more(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path, prices: str
) -> None:
    whole, said = run(spark, press, corpus, tmp_path / "whole")
    assert f"estimate: {SHARDS:,} shards, " in said
    assert f"estimate by the {WAVE:,} shards that were read: " in said
    assert "$" not in said
    out = tmp_path / "out"
    stop = rf"budget is \$30,000\.00; {WAVE} of {SHARDS} shards are done, and nothing is published"
    with pytest.raises(BudgetError, match=stop):
        run(spark, press, corpus, out, price="gold", prices=prices, budget=BETWEEN)
    assert TableStore.open(str(out)).published() == []
    # What the first process spent is not forgotten.
    with pytest.raises(BudgetError, match=rf"; {WAVE} of {SHARDS} shards are done"):
        run(spark, press, corpus, out, price="gold", prices=prices, budget=BETWEEN)
    summary, _ = run(spark, press, corpus, out, price="gold", prices=prices, budget=1e12)
    assert summary.resumed
    assert summary.row["table_digest"] == whole.row["table_digest"]
    assert summary.row["shards_complete"] == SHARDS
