"""Core-hours and dollars for whole releases: rates as measured, sizes and prices from conf/prices.yaml."""

from __future__ import annotations

import re
from typing import Any

from presswatch_spark.scanning.campaigns.plan import LANGUAGES_SINCE
from presswatch_spark.scanning.costs import PriceList, core_hours
from presswatch_spark.scanning.releases.crawls import shipped
from presswatch_spark.scanning.releases.release import CRAWL, CRAWL_FORMS

Hours = dict[tuple[str, bool], float]


def measure(parts: dict[str, Any]) -> dict[str, object]:
    """What each release takes whose rate was measured; `presswatch_spark.scanning.costs` reckons."""
    prices = PriceList.read()
    kept = spark_share(parts)
    rates = whole_scan_rates(parts)
    rows, of_one = [], Hours()

    def add(name: str, rate: float | None, hours: float) -> None:
        dollars = {machine.name: round(machine.dollars(hours), 2) for machine in prices.machines}
        rows.append({"name": name, "mb_per_second": rate, "core_hours": round(hours, 1), "dollars": dollars})

    for release in prices.releases:
        kind = release.format, release.gate
        if rate := rates.get(kind):
            hours = core_hours(release.text_bytes, rate, kept)
            of_one[kind] = hours
            add(release.name, rate, hours)
    for name, hours in _all_crawls(of_one).items():
        add(name, None, hours)
    return {"noted": prices.noted, "region": prices.region, "spark_share": kept, "releases": rows}


def _all_crawls(hours: Hours) -> dict[str, float]:
    """Return the core-hours of all crawls since 2013, by form and gate, from those of one crawl.

    Each is taken to be as large as the one. Crawls that name no languages are scanned whole.
    """
    crawls = [found for one in shipped().crawls if (found := re.fullmatch(CRAWL, one.name))]
    named = sum((int(found[1]), int(found[2])) >= LANGUAGES_SINCE for found in crawls)
    reckoned = {}
    for form in CRAWL_FORMS:
        whole, gated = hours.get((form, False)), hours.get((form, True))
        if whole:
            reckoned[f"Common Crawl {form.upper()}, all {len(crawls)} crawls since 2013"] = (
                len(crawls) * whole
            )
        if whole and gated:
            of_old = (len(crawls) - named) * whole
            name = f"Common Crawl {form.upper()}, the same, French only in the {named} that name languages"
            reckoned[name] = named * gated + of_old
    return reckoned


def spark_share(parts: dict[str, Any]) -> float:
    """How fast a core is under Spark, in a long run, to a plain process; 1 where that was not measured."""
    job = parts.get("job")
    return round(1 / (1 + max(0.0, float(job["overhead_without_fixed"]))), 3) if job else 1.0


def whole_scan_rates(parts: dict[str, Any]) -> dict[tuple[str, bool], float]:
    """MB a second and core of the whole scan of a shard, by format and whether the language gate is shut."""
    rates = {}
    for part in ("wet", "warc"):
        for name, way in parts.get(part, {}).get("ways", {}).items():
            if name.startswith("whole scan"):
                rates[part, name.endswith("gate")] = way["mb_per_second"]
    for part, kind in (("jsonl", "c4_json"), ("parquet", "c4_parquet")):
        if found := parts.get("c4", {}).get(part):
            rates[kind, False] = found["ways"]["whole scan"]["mb_per_second"]
    return rates
