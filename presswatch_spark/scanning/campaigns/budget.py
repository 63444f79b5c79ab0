"""The budget of a campaign in dollars, and the cost of its rest, by runs, sizes or list prices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from presswatch_spark.core.errors import BudgetError, ConfigError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.scanning.campaigns.progress import ItemProgress
from presswatch_spark.scanning.costs import (
    Machine,
    PriceList,
    core_hours,
    dollars_text,
    kind_of,
)

HIGHER = "give a higher budget: the campaign goes on where it is"


@dataclass(frozen=True, slots=True)
class Budget:
    """The highest cost of a campaign, in dollars on a machine; None for no limit."""

    machine: Machine | None
    dollars: float | None = None

    @classmethod
    def of(cls, dollars: float | None, config: ScanConfig) -> Budget:
        """Return a budget; `ConfigError` if it is no number above 0, or the settings name no price."""
        name = config.run.price
        machine = PriceList.read(config.run.prices).machine(name) if name else None
        if dollars is not None and not (math.isfinite(dollars) and dollars > 0):
            raise ConfigError(f"a budget is a number above 0, not {dollars:g}", where="command line")
        if dollars is not None and machine is None:
            raise ConfigError(
                "a budget needs the price of a machine",
                remedy="name one with --price among the options of the scans: presswatch campaign open",
            )
        return cls(machine, dollars)

    def left(self, spent_hours: float) -> float | None:
        """Return the dollars left after Spark's core-hours, None for no limit; `BudgetError` if none are."""
        if self.dollars is None or self.machine is None:
            return None
        spent = self.machine.spark_dollars(spent_hours)
        if spent >= self.dollars:
            cost, budget = dollars_text(spent), dollars_text(self.dollars)
            raise BudgetError(f"the campaign has cost {cost}, and its budget is {budget}", remedy=HIGHER)
        return self.dollars - spent


def estimated(
    items: Sequence[ItemProgress], config: ScanConfig, machine: Machine | None
) -> tuple[float, int]:
    """Estimate the rest of a campaign: core-hours, and the number of items of unknown size.

    An item that runs have read costs per shard what it has cost so far. Another one costs what
    items of its format have cost here, else what the price list has for a release of its format.
    """
    prices, unknown, total = PriceList.read(config.run.prices), 0, 0.0
    spent = dict[str, list[float]]()
    for each in items:
        if each.is_done and each.core_hours:
            once = each.core_hours / each.shard_reads * each.shards
            spent.setdefault(each.item.format, []).append(machine.core_hours(once) if machine else once)
    means = {format: sum(hours) / len(hours) for format, hours in spent.items()}
    for each in items:
        if each.is_done:
            continue
        item, gate = each.item, bool(config.read.languages) and not each.item.note
        kind = kind_of("", item.format) if item.path is None else None
        like, rate = (prices.like(kind), prices.rate(kind, gate)) if kind is not None else (None, None)
        if each.shard_reads and each.core_hours:
            hours = each.core_hours / each.shard_reads * each.left
            total += machine.core_hours(hours) if machine else hours
        elif item.format in means:
            total += means[item.format]
        elif like is not None and rate is not None:
            total += core_hours(like.text_bytes, rate, prices.spark_share)
        else:
            unknown += 1
    return total, unknown
