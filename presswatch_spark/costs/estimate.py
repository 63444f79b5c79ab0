"""Estimates what a scan costs, in core-hours and dollars, from bytes, measured rates and list prices.

The guard of a run and the speed bench both use it. Rates, prices and the sizes of releases stand in
`conf/prices.yaml`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from presswatch_spark.ccindex.columns import WITHOUT_PAGES, in_filename
from presswatch_spark.errors import ConfigError
from presswatch_spark.formats import registry
from presswatch_spark.settings.load import shipped
from presswatch_spark.storage.objects import ObjectInfo


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the price list: vCPUs, whole cores, and dollars an hour with all fees.

    What Spark calls cores are vCPUs. Rates are those of whole cores. `network_gbit` is what its network
    sustains, in Gbit/s; None if nobody states it.
    """

    name: str
    vcpus: float
    cores: float
    usd_per_hour: float
    network_gbit: float | None = None

    @property
    def network_mb_a_core(self) -> float | None:
        """Return the MB a second that the network sustains for each whole core; None if that is not known."""
        return None if self.network_gbit is None else self.network_gbit * 125 / self.cores

    def dollars(self, core_hours: float) -> float:
        """Return what core-hours cost if all cores are at work."""
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

    `spark_share` is the speed of a core under Spark as a share of a plain process's. `measured` says where
    the rates are from.
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
        return cls(
            machines=tuple(
                Machine(
                    str(one["name"]),
                    float(one["vcpus"]),
                    float(one["cores"]),
                    float(one["usd_per_hour"]) + float(one["service_usd_per_hour"]),
                    None if one.get("network_gbit") is None else float(one["network_gbit"]),
                )
                for one in prices["machines"]
            ),
            releases=tuple(
                ReleaseSize(
                    str(one["name"]),
                    str(one["format"]),
                    bool(one.get("gate")),
                    int(one["shards"]),
                    float(one["stored_bytes"]),
                    float(one["text_bytes"]),
                )
                for one in table["releases"]
            ),
            rates={
                (one["format"], bool(one.get("gate"))): float(one["mb_per_second"])
                for one in rates["formats"]
            },
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
    """What a scan of some shards will take. Bytes are stored bytes.

    `guessed` counts shards of unknown size, by the release whose mean size is used. `unknown` counts shards
    that are left out of the estimate, since too little is known of them. `passes`: how often each is read;
    the bytes are those of one pass.
    """

    shards: int
    stored_bytes: float
    core_hours: float
    guessed: Mapping[str, int]
    unknown: int
    passes: int = 1

    @property
    def stored_mb_a_core(self) -> float | None:
        """Return the MB of stored bytes that a core takes in a second; None if nothing is known."""
        read = self.stored_bytes * self.passes
        return read / 1e6 / (self.core_hours * 3600) if self.core_hours else None


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
