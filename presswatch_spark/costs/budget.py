"""The cost of a run: estimated before it begins, watched while it goes on, and held below a budget."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from presswatch_spark.costs.estimate import Estimate, Machine, PriceList, estimate
from presswatch_spark.errors import BudgetError, ConfigError
from presswatch_spark.monitoring.progress import ShardTotals
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.terminal import counted

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run will cost by its estimate.

    `machine` is None if no price is named. `budget` is in dollars, at most.
    """

    estimate: Estimate
    prices: PriceList
    machine: Machine | None
    budget: float | None

    @classmethod
    def of(cls, shards: ShardPlan, dataset: str, config: ScanConfig, passes: int = 1) -> Self:
        """Estimate what scanning shards costs, if each is read so many times.

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
        if passes > 1:
            # A pass that gives no rows skips what matches cost, which is little beside reading.
            expected = replace(expected, core_hours=passes * expected.core_hours, passes=passes)
        return cls(expected, prices, machine, rules.budget)

    def core_hours(self, spark_seconds: float) -> float:
        """Return seconds of Spark's cores as core-hours; without a price, such a core counts as whole."""
        hours = spark_seconds / HOUR
        return hours if self.machine is None else self.machine.core_hours(hours)

    @property
    def slower(self) -> float | None:
        """Return by how much the machine's network is slower than its cores; None if that is not known.

        It is what the cores would take from storage, over what the network sustains: above 1, it is short.
        """
        wanted = self.estimate.stored_mb_a_core
        sustained = self.machine and self.machine.network_mb_a_core
        return wanted / sustained if wanted and sustained else None

    def line(self) -> str:
        """Return the estimate in one line, with what it is based on."""
        expected = self.estimate
        parts = [counted(expected.shards, "shard")]
        if expected.unknown < expected.shards:
            size = expected.stored_bytes
            stored = f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
            parts += [f"{stored} stored", core_hours_text(expected.core_hours)]
            if self.machine:
                dollars = self.machine.dollars(expected.core_hours)
                parts.append(f"{dollars_text(dollars)} on {self.machine.name}")
            parts[-1] += f" (rates measured {self.prices.measured})"
            if expected.passes > 1:
                parts[-1] += f" in {expected.passes} passes"
        if (slower := self.slower) is not None and slower > 1:
            parts.append(f"up to {slower:.1f} times as much if that machine's network sets the pace")
        for release, count in expected.guessed.items():
            parts.append(f"{count:,} of unknown size, taken to be as those of {release} are")
        if expected.unknown:
            parts.append(f"{expected.unknown:,} whose format or size is not known, left out")
        return "estimate: " + ", ".join(parts)

    def require_within_budget(self) -> None:
        """Raise `BudgetError` if the run will cost more than its budget."""
        if self.machine is None or self.budget is None:
            return
        if (dollars := self.machine.dollars(self.estimate.core_hours)) > self.budget:
            raise BudgetError(
                f"the scan would cost {dollars_text(dollars)} on {self.machine.name}"
                f" ({counted(self.estimate.shards, 'shard')}, {core_hours_text(self.estimate.core_hours)}),"
                f" and the budget is {dollars_text(self.budget)}; nothing was begun",
                remedy="give a higher --budget, or scan fewer shards, as with --sample",
            )


class CostGuard:
    """Stops a run at its budget, and forecasts its cost once; called before the first wave and after each.

    The cost so far is the time of this process times the cores of its executors, idle ones too. The cost of
    waves that earlier processes of the run finished is added. A wave counts the cores at its beginning or at
    its end, whichever are more.

    Args:
        bill: the run's estimate, machine and budget.
        planned: shards of the run.
        cores: returns how many cores the cluster has now, as Spark counts them.
        say: writes a line of news.
    """

    def __init__(
        self, bill: Bill, planned: int, cores: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        self._bill, self._planned, self._cores, self._say = bill, planned, cores, say
        self._before: ShardTotals | None = None
        self._spent = self._spent_before_shards = self._asked = 0.0
        self._had = 0
        self._has_forecast = False

    def __call__(self, done: ShardTotals, seconds: float) -> None:
        """Count the cost up to now: `done` by all processes of the run, `seconds` of this one.

        Raises `BudgetError` if it has reached the budget, and shards are left.
        """
        had, self._had = self._had, self._cores()
        # Executors come while a wave goes on, and leave at its end.
        self._spent += (seconds - self._asked) * max(had, self._had)
        self._asked = seconds
        if self._before is None:
            self._before = done
        here = done.shards - self._before.shards
        if not here:
            # What passes before the last cost is not paid once more for the shards that are left.
            self._spent_before_shards = self._spent
        core_hours = self._bill.core_hours(self._spent + self._before.core_seconds)
        left = self._planned - done.shards
        spent = self._bill.core_hours(self._spent - self._spent_before_shards)
        whole = core_hours + spent / here * left if here else None
        if whole is not None and done.shards < self._planned and not self._has_forecast:
            self._has_forecast = True
            self._say(self._forecast(here, whole))
        self._stop_at_budget(done, core_hours, whole)

    def _forecast(self, shards: int, core_hours: float) -> str:
        """Say what the whole run will cost, judged by its first shards."""
        bill = self._bill
        dollars = f", {dollars_text(bill.machine.dollars(core_hours))}" if bill.machine else ""
        line = (
            f"estimate by the {counted(shards, 'shard')} that {'was' if shards == 1 else 'were'} read:"
            f" {core_hours_text(core_hours)}{dollars} in all"
        )
        if bill.machine and bill.budget is not None and bill.machine.dollars(core_hours) > bill.budget:
            line += f"; more than the budget of {dollars_text(bill.budget)}, where the scan will stop"
        return line

    def _stop_at_budget(self, done: ShardTotals, core_hours: float, whole: float | None) -> None:
        bill = self._bill
        if bill.machine is None or bill.budget is None or done.shards >= self._planned:
            return
        dollars = bill.machine.dollars(core_hours)
        if dollars < bill.budget:
            return
        needed = (
            "" if whole is None else f", and takes some {dollars_text(bill.machine.dollars(whole))} in all"
        )
        raise BudgetError(
            f"the scan has cost {dollars_text(dollars)} on {bill.machine.name}"
            f" ({core_hours_text(core_hours)}), and its budget is {dollars_text(bill.budget)};"
            f" {done.shards:,} of {self._planned:,} shards are done, and nothing is published",
            remedy=f"give the same command with a higher --budget: the scan goes on where it is{needed}",
        )


def dollars_text(dollars: float) -> str:
    """Return dollars as a person reads them; small amounts are not rounded to zero."""
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else "less than $0.01"


def core_hours_text(hours: float) -> str:
    """Return core-hours as a person reads them; small amounts are not rounded to zero."""
    return f"{hours:,.1f} core-hours" if hours >= 0.1 else "less than 0.1 core-hours"
