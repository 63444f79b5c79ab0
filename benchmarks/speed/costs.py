"""Core-hours and dollars for whole releases: rates as measured, sizes and prices from conf/prices.yaml."""

from __future__ import annotations

from typing import Any

from presswatch_spark.costs.estimate import PriceList, core_hours


def measure(parts: dict[str, Any]) -> dict[str, object]:
    """What each release takes whose rate was measured; `presswatch_spark.costs.estimate` reckons."""
    prices = PriceList.read()
    kept = spark_share(parts)
    rates = whole_scan_rates(parts)
    rows = []
    for release in prices.releases:
        rate = rates.get((release.format, release.gate))
        if rate:
            hours = core_hours(release.text_bytes, rate, kept)
            rows.append(
                {
                    "name": release.name,
                    "mb_per_second": rate,
                    "core_hours": round(hours, 1),
                    "dollars": {
                        machine.name: round(machine.dollars(hours), 2) for machine in prices.machines
                    },
                }
            )
    return {"noted": prices.noted, "region": prices.region, "spark_share": kept, "releases": rows}


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
