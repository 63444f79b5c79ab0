"""What a campaign scans, in which order, and what its runs say of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.campaigns.campaign import Budget
from presswatch_spark.campaigns.items import WHOLE, Item, items_of
from presswatch_spark.campaigns.plan import CampaignPlan, CorpusOfCampaign, plan_of, read_plan, write_plan
from presswatch_spark.campaigns.progress import Read, Standing, _reached, is_of_whole_release
from presswatch_spark.errors import ConfigError, CorruptError, InputError
from presswatch_spark.releases.datasets import load_datasets
from presswatch_spark.releases.known import Known, Listing, shipped
from presswatch_spark.releases.release import Release
from presswatch_spark.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import ConflictError, StorageOptions

CORPUS = CorpusOfCampaign("s3://b/corpus", "0" * 64, 7)
PLAN = CampaignPlan("s3://b/tables", (CORPUS,), "wet")
NOW = datetime(2026, 11, 27, tzinfo=UTC)
CRAWLS = ("CC-MAIN-2026-40", "CC-MAIN-2018-34", "CC-MAIN-2018-30", "CC-MAIN-2013-20", "CC-MAIN-2009-2010")
KNOWN = Known(Listing(NOW, tuple(Release(name, None, None) for name in CRAWLS)), "a test")
FRENCH = ScanConfig(read=ReadRules(languages=("fra",)))


def items(config: ScanConfig | None = None, **changes: Any) -> tuple[Item, ...]:
    plan = CampaignPlan(**{"out": "t", "corpora": (CORPUS,), "crawls": "wet", **changes})
    return items_of(plan, KNOWN, config or ScanConfig())


class TestItems:
    def test_every_crawl_is_scanned_in_the_form_that_it_has(self) -> None:
        assert [(item.name, item.format) for item in items()] == [
            *((name, "wet") for name in CRAWLS[:4]),
            (CRAWLS[4], "arc"),
        ]
        assert {item.format for item in items(crawls="warc")} == {"warc", "arc"}

    def test_all_crawls_since_2008_are_in_the_list_that_comes_with_this_version(self) -> None:
        known = Known(shipped(), "shipped")
        found = items_of(PLAN, known, ScanConfig())
        assert len(found) == len(known.listing.crawls) > 100
        assert "CC-MAIN-2008-2009" in {item.name for item in found}

    @pytest.mark.parametrize(
        ("scope", "names"),
        [
            ({"newest_first": False}, CRAWLS[::-1]),
            ({"since": CRAWLS[2]}, CRAWLS[:3]),
            ({"until": CRAWLS[1], "since": CRAWLS[3]}, CRAWLS[1:4]),
            ({"until": CRAWLS[1], "newest_first": False}, CRAWLS[:0:-1]),
        ],
    )
    def test_order_and_scope_are_as_asked(self, scope: dict[str, Any], names: tuple[str, ...]) -> None:
        assert tuple(item.name for item in items(**scope)) == names

    def test_a_release_that_is_not_listed_is_no_bound(self) -> None:
        with pytest.raises(InputError, match="CC-MAIN-2026-41"):
            items(since="CC-MAIN-2026-41")

    def test_crawls_whose_pages_name_no_languages_are_said_to_be_scanned_whole(self) -> None:
        noted = {item.name: item.note for item in items(FRENCH)}
        assert noted == dict(zip(CRAWLS, ("", "", WHOLE, WHOLE, WHOLE), strict=True))
        assert not any(item.note for item in items())

    def test_each_dataset_by_name_can_be_an_item(self) -> None:
        named = tuple((each.id, each.part) for each in load_datasets().values())
        # Those that live on a site want a copy.
        mirrors = {name: f"s3://copies/{name}" for name, _ in named}
        found = items(crawls=None, datasets=named, mirrors=mirrors)
        assert [item.name for item in found] == [f"{name}:{part}" for name, part in named]
        assert all(item.path and item.path.startswith("s3://copies/") for item in found)
        assert not any(item.trouble for item in found)

    def test_a_dataset_that_wants_a_copy_does_not_keep_the_others_waiting(self) -> None:
        named = tuple((each.id, each.part) for each in load_datasets().values())
        troubled = [item for item in items(crawls=None, datasets=named) if item.trouble]
        assert 0 < len(troubled) < len(named)
        assert all("a site cannot be asked" in str(item.trouble) and item.note for item in troubled)
        assert not troubled[0].holds("s3://copies/a.gz")

    def test_a_shard_of_a_dataset_is_known_by_its_place_at_any_commit(self) -> None:
        (french,) = items(crawls=None, datasets=(("mc4", "fr"),))
        there = "hf://datasets/allenai/c4@{}/multilingual/c4-{}.tfrecord-00000-of-02048.json.gz"
        assert french.holds(there.format("0" * 40, "fr"))
        assert french.holds(there.format("1" * 40, "fr"))
        assert not french.holds(there.format("0" * 40, "en"))


class TestPlan:
    def test_it_is_read_as_it_was_written_and_never_overwrites_another(self, tmp_path: Path) -> None:
        folder = Folder.of(str(tmp_path / "campaign"), StorageOptions())
        plan = CampaignPlan(
            "t",
            (CORPUS,),
            crawls="warc",
            since="CC-MAIN-2013-20",
            datasets=(("mc4", "fr"),),
            mirrors={"mc4": "/m"},
            newest_first=False,
            listed="/l",
            options=("--languages", "fra"),
        )
        write_plan(folder, plan, None)
        assert plan_of(folder) == plan
        with pytest.raises(ConflictError):
            write_plan(folder, PLAN, None)
        found = read_plan(folder)
        assert found is not None
        write_plan(folder, PLAN, found[1])
        with pytest.raises(ConflictError):
            write_plan(folder, plan, found[1])

    @pytest.mark.parametrize("text", ["", "{}", '{"layout": 2}', "[]"])
    def test_anything_else_is_no_campaign(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "campaign.json").write_text(text)
        with pytest.raises(CorruptError, match="is no campaign that this version can read"):
            plan_of(Folder.of(str(tmp_path), StorageOptions()))


ITEM = Item("CC-MAIN-2026-40", "wet", "CC-MAIN-2026-40")


def standing(wanted: int, **steps: Read) -> Standing:
    """How an item stands whose steps are named like `s01`, for the step from 0 to 1."""
    read = {(int(name[1]), int(name[2])): found for name, found in steps.items()}
    whole = [step for step, found in read.items() if found.is_whole]
    return Standing(ITEM, _reached(read), _reached(whole), wanted, read, 0, 0.0)


def read(complete: str, missing: str = "") -> Read:
    return Read(set(complete + missing), set(complete), ["run"])


class TestStanding:
    def test_a_release_whose_shards_failed_is_not_done(self) -> None:
        found = standing(1, s01=read("ab", "c"))
        assert (found.word, found.is_done, found.partial, found.missing) == ("partial", False, ((0, 1),), 1)

    def test_the_articles_that_came_since_are_wanted_too(self) -> None:
        found = standing(2, s01=read("abc"))
        assert (found.word, found.reached, found.partial) == ("new articles", 1, ())
        assert standing(2, s01=read("abc"), s12=read("abc")).is_done
        assert standing(3, s01=read("abc"), s13=read("abc")).is_done
        assert not standing(3, s01=read("abc"), s23=read("abc")).is_done

    def test_shards_that_stay_missing_do_not_keep_new_articles_waiting(self) -> None:
        found = standing(2, s01=read("ab", "c"))
        assert (found.word, found.reached, found.whole) == ("new articles", 1, 0)
        assert standing(2, s01=read("ab", "c"), s12=read("abc")).partial == ((0, 1),)

    def test_a_whole_run_for_the_newest_corpus_is_all_there_is_to_do(self) -> None:
        assert standing(2, s01=read("ab", "c"), s02=read("abc")).is_done

    @pytest.mark.parametrize(
        ("command", "whole"),
        [
            ("presswatch campaign run history", True),
            ("presswatch scan --release CC-MAIN-2026-40 --format wet", True),
            ("presswatch scan --release-name CC-MAIN-2026-40 one.wet.gz", False),
            (None, False),
        ],
    )
    def test_a_scan_of_some_shards_is_not_taken_for_a_release(self, command: str | None, whole: bool) -> None:
        assert is_of_whole_release({"command": command}) is whole


class TestBudget:
    def test_dollars_and_core_hours_are_the_same_budget(self) -> None:
        config = ScanConfig(run=RunRules(price="serverless"))
        (machine,) = {Budget.of(1.0, None, config).machine, Budget.of(None, 8.0, config).machine}
        assert machine is not None
        hours = Budget.of(None, 8.0, config)
        assert hours.dollars == pytest.approx(machine.usd_per_hour)
        assert hours.left(16.0) == pytest.approx(0.0)
        assert Budget.of(None, None, config).left(1e9) is None

    def test_a_budget_needs_a_price(self) -> None:
        with pytest.raises(ConfigError, match="needs the price of a machine"):
            Budget.of(1.0, None, ScanConfig())
