"""A budget refuses a scan, or stops it after a wave; given more, the scan goes on and loses nothing."""

from pathlib import Path

import pytest
import yaml

from presswatch_spark.core.errors import BudgetError
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark.conftest import SHARDS
from tests.spark.press import Press, Scanner

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


def test_a_scan_above_its_budget_leaves_nothing_behind(scan: Scanner, press: Press, prices: str) -> None:
    with pytest.raises(BudgetError, match=r"would cost \$.* on gold .*nothing was begun"):
        scan(press.shards, wave_shards=WAVE, price="gold", prices=prices, budget=1.0)
    assert not (scan.folder / "out").exists()


def test_a_scan_stops_at_its_budget_and_resumes_with_more(scan: Scanner, press: Press, prices: str) -> None:
    whole = scan(press.shards, out="whole", wave_shards=WAVE)
    assert f"estimate: {SHARDS:,} shards, " in whole.said
    assert f"estimate by the {WAVE:,} shards that were read: " in whole.said
    assert "$" not in whole.said
    priced = {"wave_shards": WAVE, "price": "gold", "prices": prices}
    stop = rf"budget is \$30,000\.00; {WAVE} of {SHARDS} shards are done, and nothing is published"
    # What the first process spent is not forgotten by the second.
    for _ in range(2):
        with pytest.raises(BudgetError, match=stop):
            scan(press.shards, budget=BETWEEN, **priced)
        assert TableStore.open(str(scan.folder / "out")).published() == []
    done = scan(press.shards, budget=1e12, **priced)
    assert done.summary.resumed
    names = ("table_digest", "shards_complete")
    assert [done.row[name] for name in names] == [whole.row["table_digest"], SHARDS]
