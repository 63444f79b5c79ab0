"""The budget of a campaign in dollars, and the cost of its rest, by runs, sizes or list prices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from presswatch_spark.campaigns.progress import ItemProgress
from presswatch_spark.costs import (
    Machine,
    PriceList,
    core_hours,
    core_hours_text,
    dollars_text,
    estimate,
    kind_of,
)
from presswatch_spark.errors import BudgetError, ConfigError
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.shards import ShardPlan

HIGHER = "give a higher budget: the campaign goes on where it is"


@dataclass(frozen=True, slots=True)
class Budget:
    """The highest cost of a campaign, in dollars on a machine; None for no limit. `said`: as it was given."""

    machine: Machine | None
    dollars: float | None = None
    said: str = ""

    @classmethod
    def of(cls, dollars: float | None, hours: float | None, config: ScanConfig) -> Budget:
        """Return a budget that was given in dollars or in core-hours.

        Raises:
            ConfigError: there is one, and no price; or it is no number above 0.
        """
        name = config.run.price
        machine = PriceList.read(config.run.prices).machine(name) if name else None
        given = dollars if hours is None else hours
        if given is None:
            return cls(machine)
        if not (math.isfinite(given) and given > 0):
            raise ConfigError(f"a budget is a number above 0, not {given:g}", where="command line")
        if machine is None:
            raise ConfigError(
                "a budget needs the price of a machine",
                remedy="name one with --price among the options of the scans: presswatch campaign open",
            )
        if hours is not None:
            return cls(machine, machine.dollars(hours), core_hours_text(hours))
        return cls(machine, dollars, dollars_text(dollars or 0.0))

    def left(self, spent_hours: float) -> float | None:
        """Return the dollars that are left after core-hours as Spark counts them; None for no limit.

        Raises:
            BudgetError: nothing is left.
        """
        if self.dollars is None or self.machine is None:
            return None
        spent = self.machine.spark_dollars(spent_hours)
        if spent >= self.dollars:
            cost = dollars_text(spent)
            raise BudgetError(f"the campaign has cost {cost}, and its budget is {self.said}", remedy=HIGHER)
        return self.dollars - spent


def estimated(
    items: Sequence[ItemProgress],
    config: ScanConfig,
    machine: Machine | None,
    lists: Mapping[str, ShardPlan] | None = None,
) -> tuple[float, int]:
    """Estimate the rest of a campaign: core-hours, and the number of items of unknown size.

    An item that runs have read costs per shard what it has cost so far. Another one costs what its sizes in
    `lists` give, else what items of its format have cost here, else what a release of its format costs by the
    price list. New articles cost the same: the bytes are the same.
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
        listed = (lists or {}).get(item.name)
        sized = estimate(listed, item.format, gate, prices) if listed and listed.size is not None else None
        kind = kind_of("", item.format) if item.path is None else None
        like, rate = (prices.like(kind), prices.rate(kind, gate)) if kind is not None else (None, None)
        if each.shard_reads and each.core_hours:
            hours = each.core_hours / each.shard_reads * each.left
            total += machine.core_hours(hours) if machine else hours
        elif sized is not None and not sized.unknown:
            total += sized.core_hours
        elif item.format in means:
            total += means[item.format]
        elif like is not None and rate is not None:
            total += core_hours(like.text_bytes, rate, prices.spark_share)
        else:
            unknown += 1
    return total, unknown
