"""What a scan costs: the estimate before it, the cost while it goes on, and the budget that stops it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.speed import costs as bench
from presswatch_spark.core.errors import BudgetError, ConfigError
from presswatch_spark.core.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.scanning.costs import Bill, CostGuard, PriceList, estimate, kind_of
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from tests.conftest import ROOT

PRICES = PriceList.read()
CHEAP = "c7a.xlarge on demand"
SERVERLESS = "EMR Serverless, x86, 3.5 GB a vCPU"
WET = "Common Crawl WET, one crawl"
GB = 10**9


def shards(count: int, size: int | None = None, name: str = "{}.warc.wet.gz") -> ShardPlan:
    return ShardPlan.of(ObjectInfo(f"s3://b/{name.format(number)}", size) for number in range(count))


def bill(count: int, size: int | None = GB, languages: tuple[str, ...] = (), **rules: object) -> Bill:
    config = ScanConfig(run=RunRules(**rules), read=ReadRules(languages=languages))  # type: ignore[arg-type]
    return Bill.of(shards(count, size), "wet", config)


class TestReckoning:
    def test_a_whole_crawl_costs_what_the_bench_says_of_it(self) -> None:
        measured = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text("utf-8"))["parts"]
        rows = {row["name"]: row for row in measured["costs"]["releases"]}
        expected = estimate(shards(100_000), "wet", False, PRICES)
        assert expected.core_hours == pytest.approx(rows[WET]["core_hours"], abs=0.05)
        dollars = PRICES.machine(CHEAP).dollars(expected.core_hours)
        assert dollars == pytest.approx(rows[WET]["dollars"][CHEAP], abs=0.005)
        assert dict(expected.guessed) == {WET: 100_000}

    def test_the_rates_are_those_that_the_bench_measured_last(self) -> None:
        measured = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text("utf-8"))["parts"]
        assert PRICES.rates == bench.whole_scan_rates(measured)
        assert PRICES.spark_share == bench.spark_share(measured)

    def test_known_sizes_count_and_unknown_ones_are_the_mean_of_their_release(self) -> None:
        mixed = [ObjectInfo("/a.wet.gz", 10 * GB), ObjectInfo("/b.wet.gz")]
        expected = estimate(mixed, "auto", False, PRICES)
        assert expected.stored_bytes == 10 * GB + 6.42e12 / 100_000
        assert dict(expected.guessed) == {WET: 1}

    def test_a_gate_is_faster_where_it_was_measured(self) -> None:
        whole, french = (estimate(shards(1, GB), "wet", gate, PRICES).core_hours for gate in (False, True))
        assert french == pytest.approx(whole * PRICES.rates["wet", False] / PRICES.rates["wet", True])
        plan = shards(1, GB, "{}.json.gz")
        assert estimate(plan, "c4", True, PRICES) == estimate(plan, "c4", False, PRICES)

    @pytest.mark.parametrize(
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

    def test_what_nothing_is_known_of_is_counted_and_left_out(self) -> None:
        expected = estimate([ObjectInfo("/x", GB), ObjectInfo("/y.wet.gz", GB)], "auto", False, PRICES)
        assert (expected.shards, expected.unknown, expected.stored_bytes) == (2, 1, GB)

    def test_files_of_robots_txt_are_not_taken_to_be_as_large_as_those_of_pages(self) -> None:
        uri = "s3://commoncrawl/crawl-data/CC-MAIN-2024-22/segments/1.2/robotstxt/x.warc.gz"
        unlisted, listed = (estimate([ObjectInfo(uri, size)], "warc", False, PRICES) for size in (None, GB))
        assert (unlisted.unknown, unlisted.core_hours) == (1, 0)
        assert (listed.unknown, listed.stored_bytes) == (0, GB)

    def test_a_price_list_of_ones_own(self, tmp_path: Path) -> None:
        table = yaml.safe_load((ROOT / "conf" / "prices.yaml").read_text("utf-8"))
        table["prices"]["machines"] = [
            {"name": "ours", "vcpus": 8, "cores": 4, "usd_per_hour": 1, "service_usd_per_hour": 1}
        ]
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(table))
        theirs = bill(40, price="ours", prices=str(tmp_path / "own.yaml"))
        hours = theirs.estimate.core_hours
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
            ("c7a", "c7a stands in the names of several machines", 2),
            ("EMR", "EMR stands in the names of several machines", 2),
            ("m8g.large", "no machine is called m8g.large", 3),
            (" ", "no machine is called  ", 3),
        ],
    )
    def test_what_fits_several_machines_or_none_is_told_with_those_there_are(
        self, said: str, told: str, listed: int
    ) -> None:
        with pytest.raises(ConfigError) as raised:
            PRICES.machine(said)
        assert told in str(raised.value)
        assert str(raised.value).rpartition(": ")[2].count(";") == listed - 1

    def test_the_worker_of_emr_serverless_is_that_of_its_profile(self) -> None:
        profile = yaml.safe_load((ROOT / "conf" / "profiles" / "emr-serverless.yaml").read_text("utf-8"))
        executor, disk = profile["executor"], profile["serverless"]["disk_gb"] - 20
        memory = executor["jvm_gb"] + executor["python_gb"]
        machine = PRICES.machine(SERVERLESS)
        assert machine.vcpus == executor["cores"]
        hour = executor["cores"] * 0.052624 + memory * 0.0057785 + disk * 0.000111
        assert machine.usd_per_hour == pytest.approx(hour, abs=1e-5)

    @pytest.mark.parametrize("text", ["a: [", "prices: {}", "- 1", "\xff"])
    def test_a_price_list_that_is_none_is_told(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "own.yaml").write_bytes(text.encode("latin-1"))
        with pytest.raises(ConfigError, match=r"own\.yaml: the price list"):
            PriceList.read(str(tmp_path / "own.yaml"))


class TestBefore:
    def test_the_estimate_says_what_it_rests_on(self) -> None:
        assert bill(1000, None, price=CHEAP).line() == (
            "estimate: 1,000 shards, 64.2 GB stored, 0.3 core-hours, $0.01 on c7a.xlarge on demand"
            f" (rates measured {PRICES.measured}), 1,000 of unknown size, taken to be as those of {WET} are"
        )

    def test_without_a_price_no_dollars_are_named(self) -> None:
        line = bill(1000).line()
        assert "core-hours" in line
        assert "$" not in line

    def test_shards_that_nobody_can_tell_have_no_estimate(self) -> None:
        line = Bill.of(shards(2, GB, "{}"), "auto", ScanConfig()).line()
        assert line == "estimate: 2 shards, 2 whose format or size is not known, left out"

    def test_a_scan_above_its_budget_does_not_begin(self) -> None:
        bill(1000, price=CHEAP, budget=0.24).require_within_budget()
        bill(1000, price=CHEAP).require_within_budget()
        told = (
            r"would cost \$0\.23 on c7a\.xlarge on demand \(1,000 shards, 4\.5 core-hours\), and the"
            r" budget is \$0\.22; nothing was begun \(give a higher --budget, or scan fewer shards"
        )
        with pytest.raises(BudgetError, match=told):
            bill(1000, price=CHEAP, budget=0.22).require_within_budget()

    def test_the_gate_is_taken_into_account(self) -> None:
        bill(1000, price=CHEAP, budget=0.21, languages=("fra",)).require_within_budget()

    def test_a_budget_without_a_price_and_a_price_that_is_none_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"--price, out of .*c7a\.xlarge on demand"):
            bill(1, budget=5.0)
        with pytest.raises(ConfigError, match=r"no machine is called x1.*there are: c7a\.xlarge"):
            bill(1, price="x1")


class TestWhile:
    """Four cores that cost $0.20528 an hour: the budget of $0.10 is reached after 1,753.7 seconds."""

    def guard(self, said: list[str], planned: int = 100, budget: float | None = 0.10) -> CostGuard:
        return CostGuard(bill(1, price=CHEAP, budget=budget), planned, lambda: 4, said.append)

    def test_the_scan_stops_where_it_has_cost_its_budget(self) -> None:
        said: list[str] = []
        guard = self.guard(said)
        guard(ShardTotals(), 0.0)
        guard(ShardTotals(shards=60), 1750.0)
        with pytest.raises(BudgetError) as caught:
            guard(ShardTotals(shards=80), 1760.0)
        assert str(caught.value) == (
            "the scan has cost $0.10 on c7a.xlarge on demand (2.0 core-hours), and its budget is $0.10; 80 of"
            " 100 shards are done, and nothing is published (give the same command with a higher --budget:"
            " the scan goes on where it is, and takes some $0.13 in all)"
        )

    def test_the_first_wave_tells_what_the_scan_will_cost(self) -> None:
        said: list[str] = []
        guard = self.guard(said)
        guard(ShardTotals(), 0.0)
        guard(ShardTotals(shards=10), 180.0)
        guard(ShardTotals(shards=20), 360.0)
        assert said == [
            "estimate by the 10 shards that were read: 2.0 core-hours, $0.10 in all; more than the budget of"
            " $0.10, where the scan will stop"
        ]

    def test_without_price_it_tells_core_hours_and_never_stops(self) -> None:
        said: list[str] = []
        guard = CostGuard(bill(1), 100, lambda: 4, said.append)
        guard(ShardTotals(), 0.0)
        guard(ShardTotals(shards=50), 1e6)
        assert said == ["estimate by the 50 shards that were read: 2,222.2 core-hours in all"]

    def test_what_earlier_processes_of_the_run_spent_counts(self) -> None:
        guard = self.guard([])
        with pytest.raises(BudgetError, match="60 of 100 shards are done"):
            guard(ShardTotals(shards=60, core_seconds=7200.0), 0.0)

    def test_what_is_done_is_published_whatever_it_cost(self) -> None:
        guard = self.guard([])
        guard(ShardTotals(), 0.0)
        guard(ShardTotals(shards=100), 1e6)

    def test_an_hour_of_emr_serverless_costs_what_its_vcpus_do(self) -> None:
        expected = bill(1, price=SERVERLESS, budget=0.25)
        said: list[str] = []
        guard = CostGuard(expected, 100, lambda: 4, said.append)
        guard(ShardTotals(), 0.0)
        with pytest.raises(
            BudgetError, match=r"has cost \$0\.30 on EMR .* \(2\.0 core-hours\).*\$0\.59 in all"
        ):
            guard(ShardTotals(shards=50), 3600.0)
        assert said == [
            "estimate by the 50 shards that were read: 4.0 core-hours, $0.59 in all; more than the budget of"
            " $0.25, where the scan will stop"
        ]

    def test_cores_that_leave_at_the_end_of_a_wave_have_been_paid_for(self) -> None:
        said: list[str] = []
        cores = iter((4, 1))
        guard = CostGuard(bill(1, price=CHEAP, budget=0.20), 100, lambda: next(cores), said.append)
        guard(ShardTotals(), 0.0)
        with pytest.raises(BudgetError, match=r"\$0\.21"):
            guard(ShardTotals(shards=10), 3600.0)

    def test_cores_that_join_count_from_then_on(self) -> None:
        said: list[str] = []
        cores = iter((2, 2, 100))
        guard = CostGuard(bill(1, price=CHEAP, budget=0.10), 100, lambda: next(cores), said.append)
        guard(ShardTotals(), 0.0)
        guard(ShardTotals(shards=10), 3000.0)
        with pytest.raises(BudgetError):
            guard(ShardTotals(shards=20), 3100.0)
