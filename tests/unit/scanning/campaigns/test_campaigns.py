"""What a campaign scans, in which order, and what its runs say of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import BudgetError, ConfigError, CorruptError, InputError
from presswatch_spark.core.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.scanning.campaigns.budget import Budget, estimated
from presswatch_spark.scanning.campaigns.plan import (
    WHOLE,
    CampaignPlan,
    CorpusOfCampaign,
    Item,
    items_of,
    plan_of,
    read_plan,
    write_plan,
)
from presswatch_spark.scanning.campaigns.progress import (
    ItemProgress,
    Read,
    Reads,
    place_of,
    version_of,
)
from presswatch_spark.scanning.releases.datasets import load_datasets
from presswatch_spark.scanning.releases.known import Listing, ReleaseList, shipped
from presswatch_spark.scanning.releases.release import Release
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import ConflictError, ObjectInfo, StorageOptions
from presswatch_spark.storage.shards import ShardPlan

CORPUS = CorpusOfCampaign("s3://b/corpus", "0" * 64, 7)
PLAN = CampaignPlan("s3://b/tables", (CORPUS,), "wet")
NOW = datetime(2026, 11, 27, tzinfo=UTC)
CRAWLS = ("CC-MAIN-2026-40", "CC-MAIN-2018-34", "CC-MAIN-2018-30", "CC-MAIN-2013-20", "CC-MAIN-2009-2010")
KNOWN = ReleaseList(Listing(NOW, tuple(Release(name, None, None) for name in CRAWLS)), "a test")
FRENCH = ScanConfig(read=ReadRules(languages=("fra",)))


def items(config: ScanConfig | None = None, **changes: Any) -> tuple[Item, ...]:
    plan = CampaignPlan(**{"out": "t", "corpora": (CORPUS,), "crawls": "wet", **changes})
    return items_of(plan, KNOWN, config or ScanConfig(), NOW)


class TestItems:
    def test_every_crawl_is_scanned_in_the_form_that_it_has(self) -> None:
        assert [(item.name, item.format) for item in items()] == [
            *((name, "wet") for name in CRAWLS[:4]),
            (CRAWLS[4], "arc"),
        ]
        assert {item.format for item in items(crawls="warc")} == {"warc", "arc"}

    def test_all_crawls_since_2008_are_in_the_list_that_comes_with_this_version(self) -> None:
        known = ReleaseList(shipped(), "shipped")
        found = items_of(PLAN, known, ScanConfig(), NOW)
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

    def test_bounds_in_the_wrong_order_are_refused(self) -> None:
        with pytest.raises(InputError, match=f"{CRAWLS[1]}: is newer than {CRAWLS[3]}"):
            items(since=CRAWLS[1], until=CRAWLS[3])
        assert [item.name for item in items(since=CRAWLS[1], until=CRAWLS[1])] == [CRAWLS[1]]

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


def held(digest: str, articles: object, path: object = "c") -> dict[str, object]:
    """A corpus as a campaign's file has it."""
    return {"path": path, "digest": digest, "articles": articles}


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

    @pytest.mark.parametrize(
        "text", ["", "{}", '{"layout": 3}', "[]", "[" * 500 + "]" * 500, '{"a":' * 100_000]
    )
    def test_anything_else_is_no_campaign(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "campaign.json").write_text(text)
        with pytest.raises(CorruptError, match="is no campaign that this version can read"):
            plan_of(Folder.of(str(tmp_path), StorageOptions()))

    @pytest.mark.parametrize(
        "edit",
        [
            {"corpora": []},
            {"corpora": [held("1", 8), held("2", 7)]},
            {"corpora": [held("1", 7), held("1", 7)]},
            {"corpora": [held("1", 7, 7)]},
            {"corpora": [held("1", "many")]},
            {"crawls": "arc"},
            {"crawls": 7},
            {"datasets": ["mc4"]},
            {"datasets": [["mc4", "fr", "x"]]},
            {"mirrors": ["mc4=/m"]},
            {"mirrors": {"mc4": 7}},
            {"newest_first": "no"},
            {"options": [7]},
            {"out": ""},
            {"since": 2013},
            {"budget": 7},
        ],
    )  # fmt: skip
    def test_a_file_that_was_edited_into_no_campaign_is_refused(
        self, edit: dict[str, Any], tmp_path: Path
    ) -> None:
        facts = json.loads(PLAN.to_json())
        path = tmp_path / "campaign.json"
        path.write_text(json.dumps(facts))
        assert plan_of(Folder.of(str(tmp_path), StorageOptions())) == PLAN
        path.write_text(json.dumps(facts | edit))
        with pytest.raises(CorruptError, match="undo an edit"):
            plan_of(Folder.of(str(tmp_path), StorageOptions()))

    def test_a_changed_option_is_noticed(self, tmp_path: Path) -> None:
        plan = replace(PLAN, options=("--languages", "fra"))
        text = plan.to_json().decode()
        (tmp_path / "campaign.json").write_text(text.replace('"fra"', '"deu"'))
        with pytest.raises(CorruptError, match="was changed since it was written"):
            plan_of(Folder.of(str(tmp_path), StorageOptions()))

    def test_a_file_without_a_seal_is_no_campaign(self, tmp_path: Path) -> None:
        facts = json.loads(PLAN.to_json()) | {"layout": 1}
        del facts["settings"], facts["sha256"]
        (tmp_path / "campaign.json").write_text(json.dumps(facts))
        with pytest.raises(CorruptError, match="open it again in another folder"):
            plan_of(Folder.of(str(tmp_path), StorageOptions()))


ITEM = Item("CC-MAIN-2026-40", "wet", "CC-MAIN-2026-40")


def reads(**steps: Read) -> Reads:
    """What was read in steps that are named like `s01`, for the step from 0 to 1."""
    return Reads({(int(name[1]), int(name[2])): found for name, found in steps.items()}, ["run"])


def standing(wanted: int, **steps: Read) -> ItemProgress:
    return ItemProgress.of(ITEM, reads(**steps), wanted)


def read(complete: str, missing: str = "") -> Read:
    return Read(set(complete + missing), set(complete))


class TestStanding:
    def test_a_release_whose_shards_failed_is_not_done(self) -> None:
        found = standing(1, s01=read("ab", "c"))
        assert (found.word, found.is_done, found.missing) == ("partial", False, 1)
        assert found.missing_of == {(0, 1): ("c",)}

    def test_the_articles_that_came_since_are_wanted_too(self) -> None:
        found = standing(2, s01=read("abc"))
        assert (found.word, found.reached, found.missing_of) == ("new articles", 1, {})
        assert standing(2, s01=read("abc"), s12=read("abc")).is_done
        assert standing(3, s01=read("abc"), s13=read("abc")).is_done
        assert not standing(3, s01=read("abc"), s23=read("abc")).is_done

    def test_shards_that_stay_missing_do_not_keep_new_articles_waiting(self) -> None:
        found = standing(2, s01=read("ab", "c"))
        assert (found.word, found.reached, found.whole) == ("new articles", 1, 0)
        assert standing(2, s01=read("ab", "c"), s12=read("abc")).missing_of == {(0, 1): ("c",)}

    def test_a_whole_run_for_the_newest_corpus_is_all_there_is_to_do(self) -> None:
        assert standing(2, s01=read("ab", "c"), s02=read("abc")).is_done

    def test_a_shard_that_came_with_new_articles_is_not_done_for_the_old_ones(self) -> None:
        found = standing(2, s01=read("ab"), s12=read("abc"))
        assert (found.word, found.is_done, found.fresh, found.left) == ("new shards", False, 1, 1)
        assert standing(2, s01=read("ab"), s12=read("abc"), s02=read("c")).is_done

    def test_what_is_left_is_counted_in_shards_to_be_read(self) -> None:
        assert standing(2, s01=read("ab", "c")).left == 3 + 1
        assert standing(2, s01=read("ab", "c"), s12=read("abc")).left == 1
        assert standing(1, s01=read("abc")).left == 0


class TestListedAgain:
    """What a list names today, beside what runs have read."""

    def compared(self, *listed: ObjectInfo, logged: Sequence[ObjectInfo]) -> ItemProgress:
        found = Read()
        for info in logged:
            found.add(place_of(info.uri), "complete", version_of(info))
        known = reads(s01=found)
        known.compare(ShardPlan.of(listed))
        return ItemProgress.of(ITEM, known, 1)

    def test_a_shard_that_is_listed_no_more_is_not_scanned_for_new_articles(self) -> None:
        known = reads(s01=read("ab"), s12=read("a"))
        known.compare(ShardPlan.of([ObjectInfo("a")]))
        assert known.unlisted(2) == 1
        assert not ItemProgress.of(ITEM, known, 2).is_done
        assert known.unlisted(1) == 0

    def test_a_shard_that_came_later_is_new(self) -> None:
        one, two = ObjectInfo("/m/1.gz", 7), ObjectInfo("/m/2.gz", 7)
        assert self.compared(one, logged=[one]).is_done
        found = self.compared(one, two, logged=[one])
        assert (found.word, found.fresh, found.shards) == ("new shards", 1, 2)

    def test_what_was_read_of_a_shard_that_is_listed_no_more_stays_read(self) -> None:
        one, two = ObjectInfo("/m/1.gz", 7), ObjectInfo("/m/2.gz", 7)
        assert self.compared(two, logged=[one, two]).is_done

    @pytest.mark.parametrize(
        ("then", "now", "is_same"),
        [
            (ObjectInfo("/m/1.gz", 7, "mtime-1"), ObjectInfo("/m/1.gz", 7, "mtime-2"), True),
            (ObjectInfo("/m/1.gz", 7, "mtime-1"), ObjectInfo("/m/1.gz", 8, "mtime-1"), False),
            (ObjectInfo("s3://b/1.gz", 7, "a"), ObjectInfo("s3://b/1.gz", 7, "b"), False),
            (ObjectInfo("s3://b/1.gz", 7, "a"), ObjectInfo("s3://b/1.gz", 7, "a"), True),
            (ObjectInfo("s3://b/1.gz", None, None), ObjectInfo("s3://b/1.gz", 7, "a"), True),
            (
                ObjectInfo(f"hf://datasets/o/n@{'0' * 40}/1.gz", 7, "a"),
                ObjectInfo(f"hf://datasets/o/n@{'1' * 40}/1.gz", 7, "b"),
                True,
            ),
        ],
    )
    def test_a_shard_with_other_bytes_was_not_read(
        self, then: ObjectInfo, now: ObjectInfo, is_same: bool
    ) -> None:
        found = self.compared(now, logged=[then])
        assert (found.is_done, found.fresh) == (is_same, 0 if is_same else 1)

    def test_it_is_known_once_it_was_read_again_whichever_run_is_the_older(self) -> None:
        then, now = ObjectInfo("/m/1.gz", 7), ObjectInfo("/m/1.gz", 8)
        assert self.compared(now, logged=[then, now]).is_done
        assert self.compared(now, logged=[now, then]).is_done


class TestEstimate:
    def test_the_rest_of_an_item_costs_what_its_own_shards_cost(self) -> None:
        """Three shards of four are missing; another dataset of the format costs a hundred times as much."""
        here = reads(s01=read("a", "bcd"))
        here.core_hours, here.shard_reads = 2.0, 4
        other = reads(s01=read("a"))
        other.core_hours, other.shard_reads = 50.0, 1
        found = [ItemProgress.of(ITEM, here, 1), ItemProgress.of(ITEM, other, 1)]
        assert estimated(found, ScanConfig(), None) == (pytest.approx(1.5), 0)

    def test_an_item_without_runs_costs_what_one_like_it_costs_once(self) -> None:
        done = reads(s01=read("abcd"), s12=read("abcd"))
        done.core_hours, done.shard_reads = 4.0, 8
        found = [ItemProgress.of(ITEM, done, 2), ItemProgress.of(ITEM, Reads(), 2)]
        assert estimated(found, ScanConfig(), None) == (pytest.approx(2.0), 0)


class TestBudget:
    def test_a_budget_counts_the_cores_that_spark_counts(self) -> None:
        config = ScanConfig(run=RunRules(price="serverless"))
        budget = Budget.of(1.0, config)
        assert budget.machine is not None
        half = budget.machine.vcpus / budget.machine.usd_per_hour / 2
        assert budget.left(half) == pytest.approx(0.5)
        with pytest.raises(BudgetError, match=r"and its budget is \$1\.00"):
            budget.left(3 * half)
        assert Budget.of(None, config).left(1e9) is None

    @pytest.mark.parametrize("amount", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_budget_is_a_number_above_0(self, amount: float) -> None:
        with pytest.raises(ConfigError, match="a budget is a number above 0"):
            Budget.of(amount, ScanConfig(run=RunRules(price="serverless")))

    def test_a_budget_needs_a_price(self) -> None:
        with pytest.raises(ConfigError, match="needs the price of a machine"):
            Budget.of(1.0, ScanConfig())
