"""Core-hours and dollars for whole releases: measured rates, sizes and prices from conf/prices.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PRICES = Path(__file__).resolve().parents[2] / "conf" / "prices.yaml"


def measure(parts: dict[str, Any], prices: Path = PRICES) -> dict[str, object]:
    """What each release takes whose rate was measured.

    core-hours = bytes of text (of WARC: of pages) / (rate of the whole scan of a shard on one core × Spark's
    share of it).
    """
    table = yaml.safe_load(prices.read_text("utf-8"))
    kept = spark_share(parts)
    rates = whole_scan_rates(parts)
    rows = []
    for release in table["releases"]:
        rate = rates.get((release["format"], bool(release.get("gate"))))
        if rate:
            hours = float(release["text_bytes"]) / (rate * kept * 1e6) / 3600
            dollars = {
                machine["name"]: round(
                    hours / machine["cores"] * (machine["usd_per_hour"] + machine["service_usd_per_hour"]), 2
                )
                for machine in table["prices"]["machines"]
            }
            rows.append(
                {
                    "name": release["name"],
                    "mb_per_second": rate,
                    "core_hours": round(hours, 1),
                    "dollars": dollars,
                }
            )
    return {
        "noted": table["prices"]["noted"],
        "region": table["prices"]["region"],
        "spark_share": kept,
        "releases": rows,
    }


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
