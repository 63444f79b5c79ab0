"""The cost of a run: told before it begins, watched while it goes on, and held below a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from presswatch_spark.costs.estimate import Estimate, Machine, PriceList, estimate
from presswatch_spark.errors import BudgetError, ConfigError
from presswatch_spark.monitoring.progress import Counts
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.show import counted
from presswatch_spark.storage.shards import ShardPlan

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run will cost by its estimate; on which machine, None if no price is named; dollars at most."""

    estimate: Estimate
    prices: PriceList
    machine: Machine | None
    budget: float | None

    @classmethod
    def of(cls, shards: ShardPlan, dataset: str, config: ScanConfig) -> Self:
        """Reckon the bill of scanning shards.

        Raises:
            ConfigError: no machine has the name of `run.price`, the price list cannot be read, or there is a
                budget and no price.
        """
        rules = config.run
        prices = PriceList.read(rules.prices)
        if rules.budget is not None and rules.price is None:
            names = "; ".join(machine.name for machine in prices.machines)
            raise ConfigError(
                "a budget in dollars needs the price of a machine",
                remedy=f"name one with --price, out of {prices.where}: {names}",
            )
        machine = None if rules.price is None else prices.machine(rules.price)
        expected = estimate(shards, dataset, bool(config.read.languages), prices)
        return cls(expected, prices, machine, rules.budget)

    @property
    def dollars(self) -> float | None:
        """What the run will cost; None if no price is named."""
        return None if self.machine is None else self.machine.dollars(self.estimate.core_hours)

    def core_hours(self, spark_seconds: float) -> float:
        """Core-hours of so many seconds of Spark's cores, which without a price are taken for whole ones."""
        hours = spark_seconds / HOUR
        return hours if self.machine is None else self.machine.core_hours(hours)

    def line(self) -> str:
        """The estimate in one line, with what it rests on."""
        expected = self.estimate
        parts = [counted(expected.shards, "shard")]
        if expected.unknown < expected.shards:
            parts += [f"{bytes_told(expected.stored_bytes)} stored", core_hours_told(expected.core_hours)]
            if self.machine and self.dollars is not None:
                parts.append(f"{dollars_told(self.dollars)} on {self.machine.name}")
            parts[-1] += f" (rates measured {self.prices.measured})"
        for release, count in expected.guessed.items():
            parts.append(f"{count:,} of unknown size, taken to be as those of {release} are")
        if expected.unknown:
            parts.append(f"{expected.unknown:,} whose format or size is not known, left out")
        return "estimate: " + ", ".join(parts)

    def require_within_budget(self) -> None:
        """Raise `BudgetError` if the run will cost more than its budget."""
        if self.machine and self.dollars is not None and self.budget is not None:
            if self.dollars <= self.budget:
                return
            raise BudgetError(
                f"the scan would cost some {dollars_told(self.dollars)} on {self.machine.name}"
                f" ({counted(self.estimate.shards, 'shard')}, {core_hours_told(self.estimate.core_hours)}),"
                f" and the budget is {dollars_told(self.budget)}; nothing was begun",
                remedy="give a higher --budget, or scan fewer shards, as with --sample",
            )


class CostGuard:
    """Asked before the first wave of a run and after each: tells what it costs, and stops it at its budget.

    The cost so far is the time of this process times the cores of its executors, idle ones too, and that of
    the waves that earlier processes of the run finished. Of a wave those count that are there at its
    beginning or at its end, whichever are more.

    Args:
        bill: the run's.
        planned: its shards.
        cores: how many the cluster has now, as Spark counts them.
        say: where a line of news goes.
    """

    def __init__(
        self, bill: Bill, planned: int, cores: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        self._bill, self._planned, self._cores, self._say = bill, planned, cores, say
        self._before: Counts | None = None
        self._spent = self._asked = 0.0
        self._had = 0
        self._told = False

    def __call__(self, done: Counts, seconds: float) -> None:
        """Count the cost up to now: `done` by all processes of the run, `seconds` of this one.

        Raises:
            BudgetError: it has reached the budget, and shards are left.
        """
        had, self._had = self._had, self._cores()
        # Executors come while a wave goes on, and leave at its end.
        self._spent += (seconds - self._asked) * max(had, self._had)
        self._asked = seconds
        if self._before is None:
            self._before = done
        here = done.shards - self._before.shards
        core_hours = self._bill.core_hours(self._spent + self._before.core_seconds)
        left = self._planned - done.shards
        whole = core_hours + self._bill.core_hours(self._spent) / here * left if here else None
        if whole is not None and done.shards < self._planned and not self._told:
            self._told = True
            self._say(self._forecast(here, whole))
        self._stop_at_budget(done, core_hours, whole)

    def _forecast(self, shards: int, core_hours: float) -> str:
        """What all of the run will cost, as its first shards took."""
        bill = self._bill
        dollars = f", {dollars_told(bill.machine.dollars(core_hours))}" if bill.machine else ""
        told = (
            f"estimate by the {counted(shards, 'shard')} that {'was' if shards == 1 else 'were'} read:"
            f" {core_hours_told(core_hours)}{dollars} in all"
        )
        if bill.machine and bill.budget is not None and bill.machine.dollars(core_hours) > bill.budget:
            told += f"; more than the budget of {dollars_told(bill.budget)}, where the scan will stop"
        return told

    def _stop_at_budget(self, done: Counts, core_hours: float, whole: float | None) -> None:
        bill = self._bill
        if bill.machine is None or bill.budget is None or done.shards >= self._planned:
            return
        dollars = bill.machine.dollars(core_hours)
        if dollars < bill.budget:
            return
        needed = (
            "" if whole is None else f", and takes some {dollars_told(bill.machine.dollars(whole))} in all"
        )
        raise BudgetError(
            f"the scan has cost {dollars_told(dollars)} on {bill.machine.name}"
            f" ({core_hours_told(core_hours)}), and its budget is {dollars_told(bill.budget)};"
            f" {done.shards:,} of {self._planned:,} shards are done, and nothing is published",
            remedy=f"give the same command with a higher --budget: the scan goes on where it is{needed}",
        )


def dollars_told(dollars: float) -> str:
    """`dollars` for people, never rounded to nothing."""
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else "less than $0.01"


def bytes_told(size: float) -> str:
    """A size for people: GB, or MB of what is small."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def core_hours_told(hours: float) -> str:
    """Core-hours for people, never rounded to nothing."""
    return f"{hours:,.1f} core-hours" if hours >= 0.1 else "less than 0.1 core-hours"
