"""What a scan costs: the estimate before it, the cost while it goes on, and the budget that stops it."""

import json
import re
from collections.abc import Iterable
from contextlib import nullcontext
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
import yaml

from presswatch_spark.core.errors import BudgetError, ConfigError
from presswatch_spark.core.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.scanning.costs import Bill, CostGuard, Meter, PriceList, kind_of
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from tests.conftest import ROOT
from tests.world.proofs import cases

PRICES = PriceList.read()
PRICES_TEXT = (ROOT / "conf" / "prices.yaml").read_text("utf-8")
CHEAP = "c7a.xlarge on demand"
SERVERLESS = "EMR Serverless, x86, 3.5 GB a vCPU"
WET = "Common Crawl WET, one crawl"
GB = 10**9


def shards(count: int, size: int | None = None, name: str = "{}.warc.wet.gz") -> ShardPlan:
    return ShardPlan.of(ObjectInfo(f"s3://b/{name.format(number)}", size) for number in range(count))


def bill(count: int, size: int | None = GB, languages: tuple[str, ...] = (), **rules: object) -> Bill:
    return estimate(shards(count, size), "wet", languages, **rules)


def estimate(
    plan: Iterable[ObjectInfo], dataset: str, languages: tuple[str, ...] = (), **rules: object
) -> Bill:
    config = ScanConfig(run=RunRules(**rules), read=ReadRules(languages=languages))  # type: ignore[arg-type]
    return Bill.of(ShardPlan.of(plan), dataset, config)


class TestReckoning:
    def test_rates_and_a_whole_crawl_are_as_the_bench_measured_them_last(self) -> None:
        results = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text("utf-8"))
        measured = results["parts"]["costs"]
        rows = {row["name"]: row for row in measured["releases"]}
        sizes = {release.name: release for release in PRICES.releases}
        assert PRICES.spark_share == measured["spark_share"]
        rates = {
            (sizes[name].format, sizes[name].gate): rows[name]["mb_per_second"]
            for name in rows.keys() & sizes
        }
        assert PRICES.rates == rates
        # A hundredth of the crawl.
        expected = bill(1_000, None)
        assert 100 * expected.core_hours == pytest.approx(rows[WET]["core_hours"], abs=0.05)
        dollars = PRICES.machine(CHEAP).dollars(100 * expected.core_hours)
        assert dollars == pytest.approx(rows[WET]["dollars"][CHEAP], abs=0.005)
        assert dict(expected.guessed) == {WET: 1_000}

    def test_known_sizes_count_and_unknown_ones_are_the_mean_of_their_release(self) -> None:
        mixed = [ObjectInfo("/a.wet.gz", 10 * GB), ObjectInfo("/b.wet.gz")]
        expected = estimate(mixed, "auto")
        assert expected.stored_bytes == 10 * GB + 6.42e12 / 100_000
        assert dict(expected.guessed) == {WET: 1}

    def test_a_gate_is_faster_where_it_was_measured(self) -> None:
        whole, french = (bill(1, languages=gate).core_hours for gate in ((), ("fra",)))
        assert french == pytest.approx(whole * PRICES.rates["wet", False] / PRICES.rates["wet", True])
        plan = shards(1, GB, "{}.json.gz")
        assert estimate(plan, "c4", ("fra",)) == estimate(plan, "c4")

    @cases(
        ("uri", "dataset", "kind"),
        [
            ("s3://b/x.warc.wet.gz", "auto", "wet"),
            ("s3://b/x.warc.gz", "auto", "warc"),
            ("/old/x.arc.gz", "auto", "warc"),
            ("https://h/c4-train.00000.json.gz?sig=.parquet", "auto", "c4_json"),
            ("/part.0.PARQUET", "rows", "c4_parquet"),
            ("/fr_part_1.jsonl.zst", "oscar", "c4_json"),
            ("/whatever", "wet", "wet"),
            ("/whatever", "auto", None),
            ("/x.wet.gz", "rows", None),
        ],
    )
    def test_a_shard_is_known_by_what_it_is_said_to_be_or_by_its_name(
        self, uri: str, dataset: str, kind: str | None
    ) -> None:
        assert kind_of(uri, dataset) == kind

    def test_what_nothing_is_known_of_is_counted_and_left_out_as_are_sizes_of_robots_txt(self) -> None:
        expected = estimate([ObjectInfo("/x", GB), ObjectInfo("/y.wet.gz", GB)], "auto")
        assert (expected.shards, expected.unknown, expected.stored_bytes) == (2, 1, GB)
        uri = "s3://commoncrawl/crawl-data/CC-MAIN-2024-22/segments/1.2/robotstxt/x.warc.gz"
        unlisted, listed = (estimate([ObjectInfo(uri, size)], "warc") for size in (None, GB))
        assert (unlisted.unknown, unlisted.core_hours) == (1, 0)
        assert (listed.unknown, listed.stored_bytes) == (0, GB)

    def test_a_price_list_of_ones_own(self, tmp_path: Path) -> None:
        table = yaml.safe_load((ROOT / "conf" / "prices.yaml").read_text("utf-8"))
        table["prices"]["machines"] = [
            {"name": "ours", "vcpus": 8, "cores": 4, "usd_per_hour": 1, "service_usd_per_hour": 1}
        ]
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(table))
        theirs = bill(40, price="ours", prices=str(tmp_path / "own.yaml"))
        hours = theirs.core_hours
        assert theirs.machine.dollars(hours) == pytest.approx(hours / 2)

    def test_what_spark_calls_a_core_is_a_vcpu(self) -> None:
        serverless = PRICES.machine(SERVERLESS)
        assert serverless.spark_dollars(16) == pytest.approx(1.16558 + 0.01998)
        assert serverless.core_hours(16) == pytest.approx(8)
        assert PRICES.machine(CHEAP).spark_dollars(10) == pytest.approx(10 / 4 * 0.20528)

    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            (SERVERLESS, SERVERLESS),
            ("serverless", SERVERLESS),
            ("EMR SERVERLESS, x86", SERVERLESS),
            (CHEAP, CHEAP),
            (CHEAP.upper(), CHEAP),
            ("under emr", "c7a.xlarge on demand, under EMR"),
            ("c7a EMR", "c7a.xlarge on demand, under EMR"),
        ],
    )
    def test_a_machine_is_named_by_any_part_that_no_other_has(self, said: str, meant: str) -> None:
        assert PRICES.machine(said).name == meant

    @pytest.mark.parametrize(
        ("said", "told", "listed"),
        [
            ("c7a", "several machines match c7a", 2),
            ("EMR", "several machines match EMR", 2),
            ("m8g.large", "no machine matches m8g.large", 3),
            (" ", "no machine matches  ", 3),
        ],
    )
    def test_what_fits_several_machines_or_none_is_told_with_those_there_are(
        self, said: str, told: str, listed: int
    ) -> None:
        with pytest.raises(ConfigError, match=told) as raised:
            PRICES.machine(said)
        assert str(raised.value).rpartition(": ")[2].count(";") == listed - 1

    def test_the_worker_of_emr_serverless_is_that_of_its_profile(self) -> None:
        profile = yaml.safe_load((ROOT / "conf" / "profiles" / "emr-serverless.yaml").read_text("utf-8"))
        executor, disk = profile["executor"], profile["serverless"]["disk_gb"] - 20
        memory = executor["jvm_gb"] + executor["python_gb"]
        machine = PRICES.machine(SERVERLESS)
        assert machine.vcpus == executor["cores"]
        hour = executor["cores"] * 0.052624 + memory * 0.0057785 + disk * 0.000111
        assert machine.usd_per_hour == pytest.approx(hour, abs=1e-5)

    @pytest.mark.parametrize(
        "text", ["a: [", "prices: {}", "- 1", "\xff", PRICES_TEXT.replace("vcpus: ", f"vcpus: 1{'0' * 400}")]
    )
    def test_a_price_list_that_is_none_is_told(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "own.yaml").write_bytes(text.encode("latin-1", "replace"))
        with pytest.raises(ConfigError, match=r"own\.yaml: the price list"):
            PriceList.read(str(tmp_path / "own.yaml"))


class TestBefore:
    @pytest.mark.parametrize(
        ("before", "line"),
        [
            (
                bill(1000, None, price=CHEAP),
                "estimate: 1,000 shards, 64.2 GB stored, 0.3 core-hours, $0.01 on c7a.xlarge on demand"
                f" (rates measured {PRICES.measured}), 1,000 of unknown size, assumed to be like those of"
                f" {WET}",
            ),
            (
                Bill.of(shards(2, GB, "{}"), "auto", ScanConfig()),
                "estimate: 2 shards, without 2 whose format or size is not known",
            ),
        ],
        ids=["a price", "unknown shards"],
    )
    def test_the_estimate_says_what_it_rests_on(self, before: Bill, line: str) -> None:
        assert before.line() == line

    def test_without_a_price_no_dollars_are_named(self) -> None:
        line = bill(1000).line()
        assert ("core-hours" in line, "$" in line) == (True, False)

    def test_a_scan_above_its_budget_does_not_begin(self) -> None:
        for within in ({"budget": 0.24}, {}, {"budget": 0.21, "languages": ("fra",)}):
            bill(1000, price=CHEAP, **within).require_within_budget()  # type: ignore[arg-type]
        told = (
            r"would cost \$0\.23 on c7a\.xlarge on demand \(1,000 shards, 4\.5 core-hours\), and the"
            r" budget is \$0\.22; nothing was begun \(raise --budget, or scan fewer shards"
        )
        with pytest.raises(BudgetError, match=told):
            bill(1000, price=CHEAP, budget=0.22).require_within_budget()

    def test_a_budget_without_a_price_and_a_price_that_is_none_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"with --price: c7a\.xlarge on demand"):
            bill(1, budget=5.0)
        with pytest.raises(ConfigError, match=r"no machine matches x1.*choose one of c7a\.xlarge"):
            bill(1, price="x1")


MORE = "; more than the budget of ${}, where the scan will stop"


class TestWhile:
    """Four cores that cost $0.20528 an hour: the budget of $0.10 is reached after 1,753.7 seconds."""

    @pytest.mark.parametrize(
        ("rules", "cores", "course", "told", "stopped"),
        [
            # The first wave tells what the scan will cost; it stops where it has cost its budget.
            (
                {"price": CHEAP, "budget": 0.10}, [4],
                [(0, 0.0), (10, 180.0), (20, 360.0), (60, 1750.0), (80, 1760.0)],
                "the 10 shards that were read: 2.0 core-hours, $0.10 in all" + MORE.format("0.10"),
                "the scan has cost $0.10 on c7a.xlarge on demand (2.0 core-hours), and its budget is $0.10;"
                " 80 of 100 shards are done, and nothing is published (run the same command with a higher "
                "--budget: the scan resumes where it stopped, and costs about $0.13 in all)",
            ),
            # Without a price it tells core-hours, and never stops.
            ({}, [4], [(0, 0.0), (50, 1e6)], "the 50 shards that were read: 2,222.2 core-hours in all", ""),
            # What is done is published, whatever it cost.
            ({"price": CHEAP, "budget": 0.10}, [4], [(0, 0.0), (100, 1e6)], "", ""),
            # An hour of EMR Serverless costs what its vCPUs do.
            (
                {"price": SERVERLESS, "budget": 0.25}, [4], [(0, 0.0), (50, 3600.0)],
                "the 50 shards that were read: 4.0 core-hours, $0.59 in all" + MORE.format("0.25"),
                "the scan has cost $0.30 on EMR",
            ),
            # Cores that leave at the end of a wave have been paid for; those that join count from then on.
            ({"price": CHEAP, "budget": 0.20}, [4, 1], [(0, 0.0), (10, 3600.0)], None, "cost $0.21"),
            ({"price": CHEAP, "budget": 0.10}, [2, 2, 100], [(0, 0.0), (10, 3000.0), (20, 3100.0)], None,
             "the scan has cost"),
        ],
        ids=["price", "no price", "done", "serverless", "cores leave", "cores join"],
    )  # fmt: skip
    def test_a_scan_tells_what_it_will_cost_and_stops_at_its_budget(
        self, rules: dict[str, Any], cores: list[int], course: list[tuple[int, float]], told: str | None,
        stopped: str,
    ) -> None:  # fmt: skip
        said, left = list[str](), chain(cores[:1], cores, repeat(cores[-1]))
        times = iter([0.0, *(at for _, at in course)])
        meter = Meter(lambda: next(left), lambda: next(times))
        guard, done = CostGuard(bill(100, **rules), said.append), ShardTotals()
        for shards, _ in course[:-1]:
            done = ShardTotals(shards=shards, core_seconds=done.core_seconds + meter.core_seconds())
            guard(done)
        spent = done.core_seconds + meter.core_seconds()
        with pytest.raises(BudgetError, match=re.escape(stopped)) if stopped else nullcontext():
            guard(ShardTotals(shards=course[-1][0], core_seconds=spent))
        if told is not None:
            assert said == ([f"estimate by {told}"] if told else [])

    def test_what_earlier_processes_of_the_run_spent_counts(self) -> None:
        guard = CostGuard(bill(100, price=CHEAP, budget=0.10), [].append)
        with pytest.raises(BudgetError, match="60 of 100 shards are done"):
            guard(ShardTotals(shards=60, core_seconds=7200.0))
