"""Costs of a scan: estimated from bytes, rates and prices (`conf/prices.yaml`), and held below a budget."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import yaml

from presswatch_spark.core.errors import BudgetError, ConfigError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import counted
from presswatch_spark.reading import registry
from presswatch_spark.scanning.ccindex.columns import WITHOUT_PAGES, in_filename
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the price list: vCPUs, whole cores, and dollars an hour with all fees.

    Spark's cores are vCPUs; rates are of whole cores.
    """

    name: str
    vcpus: float
    cores: float
    usd_per_hour: float

    def dollars(self, core_hours: float) -> float:
        """Return the price of core-hours when all cores are busy."""
        return core_hours / self.cores * self.usd_per_hour

    def core_hours(self, spark_hours: float) -> float:
        """Return hours of cores as Spark counts them in hours of whole cores."""
        return spark_hours / self.vcpus * self.cores

    def spark_dollars(self, spark_hours: float) -> float:
        """Return dollars for hours of cores as Spark counts them, at work or idle."""
        return self.dollars(self.core_hours(spark_hours))


@dataclass(frozen=True, slots=True)
class ReleaseSize:
    """A release as its publisher states it: shards, bytes stored, and bytes of text (of WARC: of pages)."""

    name: str
    format: str
    gate: bool
    shards: int
    stored_bytes: float
    text_bytes: float


@dataclass(frozen=True, slots=True)
class PriceList:
    """Machines, releases, and the MB of text that a core scans a second, by format and language gate.

    `spark_share`: a core's speed under Spark as a share of a plain process's. `measured`: origin of the
    rates.
    """

    machines: tuple[Machine, ...]
    releases: tuple[ReleaseSize, ...]
    rates: Mapping[tuple[str, bool], float]
    spark_share: float
    measured: str
    noted: str
    region: str
    where: str

    @classmethod
    def read(cls, path: str | None = None) -> Self:
        """Read the list at `path`, or ours; raises `ConfigError` if it cannot be read, or lacks something."""
        file = Path(path) if path else shipped("prices.yaml")
        try:
            return cls._of(yaml.safe_load(file.read_text("utf-8")), str(file))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"the price list cannot be read: {error}", where=str(file)) from error
        except (LookupError, TypeError, ValueError) as error:
            raise ConfigError(
                f"the price list is not as it should be: {type(error).__name__} {error}",
                where=str(file),
                remedy="write it as conf/prices.yaml is",
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
        )

    def machine(self, name: str) -> Machine:
        """Return the machine of that name, or the only one whose name has all words of `name`, in any case.

        Raises:
            ConfigError: no machine has them, or several have; the message lists the machines.
        """
        words = name.casefold().split()
        fits = [machine for machine in self.machines if machine.name == name] or [
            machine for machine in self.machines if all(word in machine.name.casefold() for word in words)
        ]
        if len(fits) == 1:
            return fits[0]
        if same := [machine for machine in fits if machine.name.casefold() == " ".join(words)]:
            return same[0]
        known = "; ".join(machine.name for machine in fits or self.machines)
        if fits and words:
            what, remedy = f"{name} stands in the names of several machines", f"name one of them: {known}"
        else:
            what, remedy = f"no machine is called {name}", f"there are: {known}"
        raise ConfigError(what, where=self.where, remedy=remedy)

    def rate(self, kind: str, gate: bool) -> float | None:
        """Return MB of text a second and core; a gate that was not measured costs no speed."""
        return self.rates.get((kind, gate), self.rates.get((kind, False)))

    def like(self, kind: str) -> ReleaseSize | None:
        """Return the first release of a format; shards of unknown size are taken to be like its shards."""
        return next((release for release in self.releases if release.format == kind), None)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate of a scan of some shards. Bytes are stored bytes of one of the `passes`.

    `guessed`: shards of unknown size, by the release whose mean size is used. `unknown`: shards that are left
    out, since too little is known of them.
    """

    shards: int
    stored_bytes: float
    core_hours: float
    guessed: Mapping[str, int]
    unknown: int
    passes: int = 1


def core_hours(text_bytes: float, mb_per_second: float, spark_share: float) -> float:
    """Return hours of one core: bytes of text / (rate of a whole scan on one core * Spark's share)."""
    return text_bytes / (mb_per_second * spark_share * 1e6) / 3600


def estimate(shards: Iterable[ObjectInfo], dataset: str, gate: bool, prices: PriceList) -> Estimate:
    """Estimate a scan of shards as `dataset`, with a language gate or without."""
    count, unknown = 0, 0
    stored, hours = 0.0, 0.0
    guessed = Counter[str]()
    for shard in shards:
        count += 1
        kind = kind_of(shard.uri, dataset)
        like, rate = (prices.like(kind), prices.rate(kind, gate)) if kind else (None, None)
        # Beside those of pages a release has files of robots.txt and of errors, which are far smaller.
        other = shard.size is None and in_filename(shard.uri).get("subset") in WITHOUT_PAGES
        if like is None or rate is None or other:
            unknown += 1
            continue
        if shard.size is None:
            guessed[like.name] += 1
        size = like.stored_bytes / like.shards if shard.size is None else float(shard.size)
        stored += size
        hours += core_hours(size * like.text_bytes / like.stored_bytes, rate, prices.spark_share)
    return Estimate(count, stored, hours, dict(guessed), unknown)


def kind_of(uri: str, dataset: str) -> str | None:
    """The format in `conf/prices.yaml` that a shard costs as much as; None if its name does not tell."""
    name = uri.partition("?")[0] if "://" in uri else uri
    format = registry.named_like(name) if dataset == registry.AUTO else registry.find(dataset)
    return format.rate(name) if format else None


@dataclass(frozen=True, slots=True)
class Bill:
    """The expected costs of a run. `machine`: None if no price is named. `budget`: in dollars, at most."""

    estimate: Estimate
    prices: PriceList
    machine: Machine | None
    budget: float | None

    @classmethod
    def of(cls, shards: ShardPlan, dataset: str, config: ScanConfig, passes: int = 1) -> Self:
        """Estimate the cost of scanning shards, each so many times.

        Raises:
            ConfigError: `run.price` names no machine, the list cannot be read, or a budget lacks a price.
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
        hours = spark_seconds / 3600
        return hours if self.machine is None else self.machine.core_hours(hours)

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

    The cost is the time of this process times the cores of its executors, idle ones too, and that of waves
    that earlier processes finished. A wave counts the cores at its beginning or at its end, whichever are
    more. `cores`: counts the cluster's cores, as Spark does. `say`: writes a line of news.
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
        """Count the cost up to now: `done` by all processes, `seconds` of this one.

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
        machine, budget = self._bill.machine, self._bill.budget
        in_all = machine.dollars(whole) if machine and whole is not None else 0.0
        if whole is not None and left > 0 and not self._has_forecast:
            self._has_forecast = True
            line = (
                f"estimate by the {counted(here, 'shard')} that {'was' if here == 1 else 'were'} read:"
                f" {core_hours_text(whole)}{f', {dollars_text(in_all)}' if machine else ''} in all"
            )
            if machine and budget is not None and in_all > budget:
                line += f"; more than the budget of {dollars_text(budget)}, where the scan will stop"
            self._say(line)
        if machine is None or budget is None or left <= 0 or machine.dollars(core_hours) < budget:
            return
        needed = "" if whole is None else f", and takes some {dollars_text(in_all)} in all"
        raise BudgetError(
            f"the scan has cost {dollars_text(machine.dollars(core_hours))} on {machine.name}"
            f" ({core_hours_text(core_hours)}), and its budget is {dollars_text(budget)};"
            f" {done.shards:,} of {self._planned:,} shards are done, and nothing is published",
            remedy=f"give the same command with a higher --budget: the scan goes on where it is{needed}",
        )


def dollars_text(dollars: float) -> str:
    """Return dollars as a person reads them; small amounts are not rounded to zero."""
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else "less than $0.01"


def core_hours_text(hours: float) -> str:
    """Return core-hours as a person reads them; small amounts are not rounded to zero."""
    return f"{hours:,.1f} core-hours" if hours >= 0.1 else "less than 0.1 core-hours"
