"""What a campaign may cost, in dollars on a machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from presswatch_spark.costs.budget import core_hours_text, dollars_text
from presswatch_spark.costs.estimate import Machine, PriceList
from presswatch_spark.errors import ConfigError
from presswatch_spark.settings.config import ScanConfig


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
