"""Costs of a scan: the estimate from bytes, rates and prices (`conf/prices.yaml`), and the stop at a budget.

Spark reads shards in waves, and in several passes if `passes` is above 1; only the last pass writes rows.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from presswatch_spark.core.errors import BudgetError, ConfigError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import counted
from presswatch_spark.reading import known_formats
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.releases.release import WITHOUT_PAGES, in_filename
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.storage.uris import scheme_of


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the price list: vCPUs, physical cores, and dollars per hour with all fees.

    Spark counts vCPUs as cores; the measured rates are per physical core. See `UNPRICED`.
    """

    name: str
    vcpus: float
    cores: float
    usd_per_hour: float

    def dollars(self, core_hours: float) -> float:
        """Return the price of core-hours when all cores are busy."""
        return core_hours / self.cores * self.usd_per_hour

    def core_hours(self, spark_hours: float) -> float:
        """Convert hours of Spark's cores (vCPUs) into hours of physical cores."""
        return spark_hours / self.vcpus * self.cores

    def spark_dollars(self, spark_hours: float) -> float:
        """Return dollars for hours of Spark's cores (vCPUs), busy or idle."""
        return self.dollars(self.core_hours(spark_hours))

    def cost_text(self, core_hours: float) -> str:
        """Return core-hours as text, with dollars if the machine has a price."""
        return hours_text(core_hours) + (f", {dollars_text(self.dollars(core_hours))}" if self.name else "")


UNPRICED = Machine("", 1, 1, 0)
"""Stands for the machine if none is named: its hours are those of Spark's cores, and no dollars are shown."""


@dataclass(frozen=True, slots=True)
class ReleaseSize:
    """The size of a release by its publisher: shards, stored bytes, bytes of text (for WARC: of pages).

    `gate`: its scan reads only pages of some languages; the sizes are those of all pages.
    """

    name: str
    format: str
    gate: bool
    shards: int
    stored_bytes: float
    text_bytes: float


@dataclass(frozen=True, slots=True)
class PriceList:
    """Machines, releases, and the MB of text that a core scans per second, by format and language gate.

    `spark_share`: speed of a core under Spark, as a share of its speed in a plain process. `measured`: when
    and where the rates were measured.
    """

    machines: tuple[Machine, ...]
    releases: tuple[ReleaseSize, ...]
    rates: Mapping[tuple[str, bool], float]
    spark_share: float
    measured: str
    noted: str
    region: str
    where: str
    usd_per_1000_requests: float

    @classmethod
    def read(cls, path: str | None = None) -> Self:
        """Read the list at `path` or the shipped one; raises `ConfigError` if it is damaged or incomplete."""
        file = Path(path) if path else shipped("prices.yaml")
        try:
            return cls._of(yaml.safe_load(file.read_text("utf-8")), str(file))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"the price list cannot be read: {error}", where=str(file)) from error
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise ConfigError(
                f"the price list is not valid: {type(error).__name__} {error}",
                where=str(file),
                remedy="write it like conf/prices.yaml",
            ) from error

    @classmethod
    def _of(cls, table: Mapping[str, Any], where: str) -> Self:
        prices, rates = table["prices"], table["rates"]
        machines, releases = list[Machine](), list[ReleaseSize]()
        for one in prices["machines"]:
            vcpus, cores, dollars, fees = (
                float(one[name]) for name in ("vcpus", "cores", "usd_per_hour", "service_usd_per_hour")
            )
            machines.append(Machine(str(one["name"]), vcpus, cores, dollars + fees))
        for one in table["releases"]:
            stored, text = float(one["stored_bytes"]), float(one["text_bytes"])
            of = str(one["name"]), str(one["format"]), bool(one.get("gate")), int(one["shards"])
            releases.append(ReleaseSize(*of, stored, text))
        speeds = {
            (one["format"], bool(one.get("gate"))): float(one["mb_per_second"]) for one in rates["formats"]
        }
        return cls(
            machines=tuple(machines),
            releases=tuple(releases),
            rates=speeds,
            spark_share=float(rates["spark_share"]),
            measured=str(rates["measured"]),
            noted=str(prices["noted"]),
            region=str(prices["region"]),
            where=where,
            usd_per_1000_requests=float(prices.get("s3_usd_per_1000_requests", 0)),
        )

    def machine(self, name: str | None) -> Machine:
        """Return the machine of that name, or the only one whose name has all words of `name`, in any case.

        Without a name, return `UNPRICED`. Raises `ConfigError`, which lists machines, if none or several fit.
        """
        if name is None:
            return UNPRICED
        words = name.casefold().split()
        fits = [machine for machine in self.machines if machine.name == name] or [
            machine for machine in self.machines if all(word in machine.name.casefold() for word in words)
        ]
        if len(fits) == 1:
            return fits[0]
        if same := [machine for machine in fits if machine.name.casefold() == " ".join(words)]:
            return same[0]
        known = "; ".join(machine.name for machine in fits or self.machines)
        what = f"several machines match {name}" if fits and words else f"no machine matches {name}"
        raise ConfigError(what, where=self.where, remedy=f"choose one of {known}")

    def known(self, kind: str | None, gate: bool) -> tuple[ReleaseSize, float] | None:
        """Return the first release of a format, and MB of text per second and core; None if one is unknown.

        Shards of unknown size are assumed to have the mean size of that release. Without a rate for the gate,
        the rate without one counts.
        """
        like = next((release for release in self.releases if release.format == kind), None)
        rate = self.rates.get((kind or "", gate), self.rates.get((kind or "", False)))
        return None if like is None or rate is None else (like, rate)


def core_hours(text_bytes: float, mb_per_second: float, spark_share: float) -> float:
    """Return hours of one core: bytes of text / (rate of a whole scan on one core * Spark's share)."""
    return text_bytes / (mb_per_second * spark_share * 1e6) / 3600


def kind_of(uri: str, dataset: str) -> str | None:
    """Return the format whose rate in `conf/prices.yaml` applies to a shard; None if its name shows none."""
    name = uri.partition("?")[0] if "://" in uri else uri
    format = known_formats.expected(dataset, name)
    return format.rate(name) if format else None


@dataclass(frozen=True, slots=True)
class Bill:
    """The expected costs of a scan that reads all shards in each of `passes`.

    `stored_bytes`: of one pass. `guessed`: number of shards of unknown size, by the release whose mean size
    is used. `unknown`: number of shards that are left out, since their format or size is unknown. `budget`:
    the limit in dollars; with one, the machine has a price.
    """

    prices: PriceList
    machine: Machine
    budget: float | None
    shards: int
    passes: int
    stored_bytes: float
    core_hours: float
    guessed: Mapping[str, int]
    unknown: int

    @classmethod
    def of(cls, shards: ShardPlan, dataset: str, config: ScanConfig, passes: int = 1) -> Self:
        """Estimate the cost of scanning shards as `dataset`, in a number of passes.

        `ConfigError`: `run.price` names no machine, the list cannot be read, or a budget lacks a price.
        """
        rules, gate = config.run, bool(config.read.languages)
        prices = PriceList.read(rules.prices)
        if rules.budget is not None and rules.price is None:
            names = "; ".join(machine.name for machine in prices.machines)
            raise ConfigError(
                "a budget in dollars needs the price of a machine",
                remedy=f"pass one of {prices.where} with --price: {names}",
            )
        stored, hours, unknown, guessed = 0.0, 0.0, 0, Counter[str]()
        for shard in shards:
            known = prices.known(kind_of(shard.uri, dataset), gate)
            # Files of robots.txt and of errors are far smaller than the release's files of pages, and links
            # without a size are dangling.
            other = shard.size is None and (
                in_filename(shard.uri).get("subset") in WITHOUT_PAGES or os.path.islink(shard.uri)
            )
            if known is None or other:
                unknown += 1
                continue
            like, rate = known
            if shard.size is None:
                guessed[like.name] += 1
            size = like.stored_bytes / like.shards if shard.size is None else float(shard.size)
            stored += size
            hours += core_hours(size * like.text_bytes / like.stored_bytes, rate, prices.spark_share)
        # Earlier passes match nothing. That saves little: reading costs far more than matching.
        hours *= passes
        machine = prices.machine(rules.price)
        return cls(prices, machine, rules.budget, len(shards), passes, stored, hours, guessed, unknown)

    def line(self) -> str:
        """Return the estimate in one line, with what it is based on."""
        parts = [counted(self.shards, "shard")]
        if self.unknown < self.shards:
            size = self.stored_bytes
            stored = f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
            parts += [f"{stored} stored", self.machine.cost_text(self.core_hours)]
            if self.machine.name:
                parts[-1] += f" on {self.machine.name}"
            parts[-1] += f" (rates measured {self.prices.measured})"
            if self.passes > 1:
                parts[-1] += f" in {self.passes} passes"
        for release, count in self.guessed.items():
            parts.append(f"{count:,} of unknown size, assumed to be like those of {release}")
        if self.unknown:
            parts.append(f"without {self.unknown:,} whose format or size is not known")
        return "estimate: " + ", ".join(parts)

    def time_and_requests(self, shards: ShardPlan, cores: int) -> str:
        """Return the least time on so many cores, and the least number of requests with their price on S3."""
        hours = hours_text(self.core_hours / cores, "hours")
        line = f"time: {hours} if {counted(cores, 'core')} of this kind scan"
        if remote := self.passes * sum(scheme_of(shard.uri) != "file" for shard in shards):
            dollars = dollars_text(remote / 1000 * self.prices.usd_per_1000_requests)
            line += f"; at least {counted(remote, 'request')} ({dollars} for the owner of a bucket on S3)"
        return line

    def require_within_budget(self) -> None:
        """Raise `BudgetError` if the run will cost more than its budget."""
        dollars = self.machine.dollars(self.core_hours)
        if self.budget is not None and dollars > self.budget:
            raise BudgetError(
                f"the scan would cost {dollars_text(dollars)} on {self.machine.name}"
                f" ({counted(self.shards, 'shard')}, {hours_text(self.core_hours)}),"
                f" and the budget is {dollars_text(self.budget)}; nothing was begun",
                remedy="raise --budget, or scan fewer shards, for example with --sample",
            )


class Meter:
    """Counts the time of the cluster's cores, idle or not; `cores` counts them."""

    def __init__(self, cores: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._cores, self._clock = cores, clock
        self._last_time, self._last_cores = clock(), cores()

    def core_seconds(self) -> float:
        """Return the seconds since the last call, times the cores at that call or now, whichever are more.

        Executors join during a wave and leave at its end.
        """
        before, self._last_time = self._last_time, self._clock()
        cores_before, self._last_cores = self._last_cores, self._cores()
        return (self._last_time - before) * max(cores_before, self._last_cores)


class CostGuard:
    """Stops a run at its budget, and forecasts its cost once; called before the first wave and after each.

    The cost is the time of all waves times the cores of the executors, busy or idle. `say` writes a message.
    """

    def __init__(self, bill: Bill, say: Callable[[str], None]) -> None:
        self._bill, self._say = bill, say
        self._before: ShardTotals | None = None
        self._has_forecast = False

    def __call__(self, done: ShardTotals) -> None:
        """Raise `BudgetError` if the cost has reached the budget, and shards are left.

        `done`: counts of all processes.
        """
        if self._before is None or done.shards == self._before.shards:
            # Only the last pass finishes shards. The cost of earlier passes does not grow with shards left.
            self._before = done
        here = done - self._before
        machine, budget = self._bill.machine, self._bill.budget
        core_hours = machine.core_hours(done.core_seconds / 3600)
        left, needed = self._bill.shards - done.shards, ""
        if here.shards and left > 0:
            whole = core_hours + machine.core_hours(here.core_seconds / 3600) / here.shards * left
            needed = f", and costs about {dollars_text(machine.dollars(whole))} in all"
            if not self._has_forecast:
                self._has_forecast = True
                was = "was" if here.shards == 1 else "were"
                read = f"the {counted(here.shards, 'shard')} that {was} read"
                line = f"estimate by {read}: {machine.cost_text(whole)} in all"
                if budget is not None and machine.dollars(whole) > budget:
                    line += f"; more than the budget of {dollars_text(budget)}, where the scan will stop"
                self._say(line)
        if budget is None or left <= 0 or machine.dollars(core_hours) < budget:
            return
        raise BudgetError(
            f"the scan has cost {dollars_text(machine.dollars(core_hours))} on {machine.name}"
            f" ({hours_text(core_hours)}), and its budget is {dollars_text(budget)};"
            f" {done.shards:,} of {self._bill.shards:,} shards are done, and nothing is published",
            remedy=f"run the same command with a higher --budget: the scan resumes where it stopped{needed}",
        )


def dollars_text(dollars: float) -> str:
    """Return dollars as text; small amounts are not rounded to zero."""
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else "less than $0.01"


def hours_text(hours: float, unit: str = "core-hours") -> str:
    """Return hours of a unit as text; small amounts are not rounded to zero."""
    return f"{hours:,.1f} {unit}" if hours >= 0.1 else f"less than 0.1 {unit}"
