"""The budget of a campaign in dollars, and the cost of what is left, by runs, sizes or list prices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from presswatch_spark.campaigns.plan import Item
from presswatch_spark.campaigns.progress import ItemProgress
from presswatch_spark.costs.budget import core_hours_text, dollars_text
from presswatch_spark.costs.estimate import Machine, PriceList, core_hours, estimate, kind_of
from presswatch_spark.errors import ConfigError
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.shards import ShardPlan


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign may cost in dollars on a machine; None for no limit. `said` is how it was given."""

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
        """Return the dollars that are left after core-hours as Spark counts them; None for no limit."""
        if self.dollars is None or self.machine is None:
            return None
        return self.dollars - self.machine.spark_dollars(spent_hours)


def estimated(
    standings: Sequence[ItemProgress],
    config: ScanConfig,
    machine: Machine | None,
    lists: Mapping[str, ShardPlan] | None = None,
) -> tuple[float, int]:
    """Return the core-hours that what is left will take, and of how many items nothing is known.

    A shard of an item that runs have read is taken to cost what its shards cost there. An item without runs
    is reckoned by the sizes that its list says, one of `lists`. Others are taken to cost what those of their
    format have cost here; else what a release of their format costs by the price list. New articles cost the
    same: the bytes are.
    """
    prices, unknown, total = PriceList.read(config.run.prices), 0, 0.0
    means = dict(_means(standings, machine))
    for standing in standings:
        if standing.is_done:
            continue
        hours = _own_hours(standing, machine)
        if hours is None:
            hours = _hours_by_size(standing.item, config, prices, (lists or {}).get(standing.item.name))
        if hours is None:
            hours = means.get(standing.item.format) or _listed_hours(standing.item, config, prices)
        if hours is None:
            unknown += 1
        else:
            total += hours
    return total, unknown


def _own_hours(standing: ItemProgress, machine: Machine | None) -> float | None:
    """Return the core-hours that the rest of an item takes at the pace of its runs; None if it has none."""
    if not (standing.shard_reads and standing.core_hours):
        return None
    hours = standing.core_hours / standing.shard_reads * standing.left
    return machine.core_hours(hours) if machine else hours


def _hours_by_size(
    item: Item, config: ScanConfig, prices: PriceList, listed: ShardPlan | None
) -> float | None:
    """Return the core-hours of shards by their sizes; None where one of them is not known."""
    if listed is None or listed.size is None:
        return None
    found = estimate(listed, item.format, bool(config.read.languages) and not item.note, prices)
    return None if found.unknown else found.core_hours


def _means(standings: Sequence[ItemProgress], machine: Machine | None) -> Iterator[tuple[str, float]]:
    """Yield, by format, what reading all shards of an item once has cost on average."""
    spent: dict[str, list[float]] = {}
    for standing in standings:
        if standing.is_done and standing.core_hours:
            once = standing.core_hours / standing.shard_reads * standing.shards
            spent.setdefault(standing.item.format, []).append(once)
    for format, hours in spent.items():
        mean = sum(hours) / len(hours)
        yield format, machine.core_hours(mean) if machine else mean


def _listed_hours(item: Item, config: ScanConfig, prices: PriceList) -> float | None:
    """Return the core-hours of a release like an item, by the price list; None where nothing is known."""
    if item.path is not None or (kind := kind_of("", item.format)) is None:
        return None
    like, rate = prices.like(kind), prices.rate(kind, bool(config.read.languages) and not item.note)
    if like is None or rate is None:
        return None
    return core_hours(like.text_bytes, rate, prices.spark_share)
