"""The releases that a campaign scans, their order, and their progress by the published runs."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import (
    BudgetError,
    ConfigError,
    CorruptError,
    InputError,
    PresswatchError,
    StorageError,
    UnreachableError,
)
from presswatch_spark.core.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.scanning.campaigns.plan import (
    WHOLE,
    CampaignPlan,
    CorpusOfCampaign,
    Item,
    is_absence,
    items_of,
    news_months,
    plan_of,
    read_plan,
    with_later_weeks,
    write_plan,
)
from presswatch_spark.scanning.campaigns.progress import (
    Budget,
    ItemProgress,
    Read,
    Reads,
    estimated,
    place_of,
    version_of,
)
from presswatch_spark.scanning.campaigns.run import Campaign, UnpublishedError, is_awaited, run
from presswatch_spark.scanning.costs import UNPRICED
from presswatch_spark.scanning.releases.crawls import Listing, shipped
from presswatch_spark.scanning.releases.datasets import load_datasets
from presswatch_spark.scanning.releases.release import Release
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import (
    ConflictError,
    DeniedError,
    MissingError,
    ObjectInfo,
    StorageOptions,
)
from presswatch_spark.storage.shards import ShardPlan
from tests.world.proofs import cases

CORPUS = CorpusOfCampaign("s3://b/corpus", "0" * 64, 7)
PLAN = CampaignPlan("s3://b/tables", (CORPUS,), "wet")
NOW = datetime(2026, 11, 27, tzinfo=UTC)
CRAWLS = ("CC-MAIN-2026-40", "CC-MAIN-2018-34", "CC-MAIN-2018-30", "CC-MAIN-2013-20", "CC-MAIN-2009-2010")
KNOWN = Listing(NOW, tuple(Release(name, None, None) for name in CRAWLS), "a test")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def items(config: ScanConfig | None = None, **changes: Any) -> tuple[Item, ...]:
    plan = CampaignPlan(**{"out": "t", "corpora": (CORPUS,), "crawls": "wet", **changes})
    return items_of(plan, KNOWN, config or ScanConfig(), NOW)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ({}, CRAWLS),
        ({"newest_first": False}, CRAWLS[::-1]),
        ({"since": CRAWLS[2]}, CRAWLS[:3]),
        ({"until": CRAWLS[1], "since": CRAWLS[3]}, CRAWLS[1:4]),
        ({"until": CRAWLS[1], "since": CRAWLS[1]}, CRAWLS[1:2]),
        ({"until": CRAWLS[1], "newest_first": False}, CRAWLS[:0:-1]),
    ],
)
def test_crawls_are_scanned_in_this_order_and_in_the_form_that_they_have(
    scope: dict[str, Any], names: tuple[str, ...]
) -> None:
    expected = [(name, "arc" if name == CRAWLS[4] else "wet") for name in names]
    assert [(item.name, item.format) for item in items(**scope)] == expected
    assert {item.format for item in items(crawls="warc", **scope)} <= {"warc", "arc"}


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ({"since": "CC-MAIN-2026-41"}, "CC-MAIN-2026-41"),
        ({"since": CRAWLS[1], "until": CRAWLS[3]}, f"{CRAWLS[1]}: the crawl is newer than {CRAWLS[3]}"),
    ],
    ids=["not listed", "wrong order"],
)
def test_bounds_that_are_none_are_refused(scope: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        items(**scope)


def test_all_crawls_since_2008_are_in_the_list_that_comes_with_this_version() -> None:
    known = shipped()
    found = items_of(PLAN, known, ScanConfig(), NOW)
    assert len(found) == len(known.crawls) > 100
    assert "CC-MAIN-2008-2009" in {item.name for item in found}


def test_crawls_whose_pages_name_no_languages_are_said_to_be_scanned_whole() -> None:
    french = ScanConfig(read=ReadRules(languages=("fra",)))
    noted = {item.name: item.note for item in items(french)}
    assert noted == dict(zip(CRAWLS, ("", "", WHOLE, WHOLE, WHOLE), strict=True))
    assert not any(item.note for item in items())


def test_each_dataset_by_name_can_be_an_item_and_one_without_its_copy_keeps_no_other_waiting() -> None:
    named = tuple((each.id, each.part) for each in load_datasets().values())
    mirrors = {name: f"s3://copies/{name}" for name, _ in named}
    found = items(crawls=None, datasets=named, mirrors=mirrors)
    assert [item.name for item in found] == [f"{name}:{part}" for name, part in named]
    assert all(item.path and item.path.startswith("s3://copies/") for item in found)
    assert not any(item.trouble for item in found)
    # Those of a site need a copy.
    troubled = [item for item in items(crawls=None, datasets=named) if item.trouble]
    assert 0 < len(troubled) < len(named)
    assert all("a site cannot list its files" in str(item.trouble) and item.note for item in troubled)
    assert not troubled[0].holds("s3://copies/a.gz")


def test_a_shard_of_a_dataset_is_known_by_its_place_at_any_commit() -> None:
    (french,) = items(crawls=None, datasets=(("mc4", "fr"),))
    there = "hf://datasets/allenai/c4@{}/multilingual/c4-{}.tfrecord-00000-of-02048.json.gz"
    shards = (("0" * 40, "fr"), ("1" * 40, "fr"), ("0" * 40, "en"))
    assert [french.holds(there.format(*each)) for each in shards] == [True, True, False]


def test_a_month_of_news_is_listed_when_it_is_over() -> None:
    months = [each.name for each in news_months(NOON)]
    assert (months[0], months[-1]) == ("CC-NEWS-2026-05", "CC-NEWS-2016-08")
    assert len(set(months)) == len(months) == 118
    plan = replace(PLAN, crawls="news", since="CC-NEWS-2026-04")
    found = items_of(plan, KNOWN, ScanConfig(), NOON)
    assert [(item.name, item.format) for item in found] == [(name, "warc") for name in months[:2]]


def test_crawls_that_no_list_names_are_found_by_their_weeks() -> None:
    """The newest known crawl is of week 21; today is in week 5 of the year after."""
    there, asked = {"CC-MAIN-2026-26", "CC-MAIN-2026-53", "CC-MAIN-2027-04"}, list[str]()
    crawls = ("CC-MAIN-2026-21", "CC-MAIN-2026-17")

    def is_published(name: str) -> bool:
        asked.append(name)
        return name in there

    listing = Listing(NOON, tuple(Release(name, None, None) for name in crawls), "the list")
    known = with_later_weeks(listing, datetime(2027, 2, 3, tzinfo=UTC), is_published)
    assert [crawl.name for crawl in known.crawls] == [*sorted(there, reverse=True), *crawls]
    assert (asked[0], asked[-1], len(asked)) == ("CC-MAIN-2026-22", "CC-MAIN-2027-05", 37)
    assert known.trouble is None


@pytest.mark.parametrize(
    ("error", "is_absent"),
    [
        (MissingError("404"), True),
        # A bucket that we may not list denies the objects that it does not have.
        (DeniedError("403"), True),
        (StorageError("throttled"), False),
        (InputError("no such release"), False),
    ],
)
def test_a_failure_is_no_absence(error: PresswatchError, is_absent: bool) -> None:
    wrapped = InputError("the list does not name this crawl")
    wrapped.__cause__ = error
    assert (is_absence(error), is_absence(wrapped)) == (is_absent, is_absent)


def test_a_site_that_cannot_be_reached_is_requested_once_and_the_other_sites_are_scanned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    requested = list[str]()

    def list_of(campaign: Campaign, item: Item, *, is_done: bool) -> None:
        requested.append(item.name)
        if item.path is None:
            raise UnreachableError("the host name is not known")

    monkeypatch.setattr(Campaign, "_list", list_of)
    monkeypatch.setattr(Campaign, "_reads", lambda campaign, item: Reads())
    copy = Item("copied", "wet", None, path=str(tmp_path))
    campaign = Campaign(Folder.of(str(tmp_path), StorageOptions()), PLAN, (*items(), copy), ScanConfig())
    found = [each for each in run(campaign, NOW, None) if isinstance(each, ItemProgress)]
    assert requested == [CRAWLS[0], "copied"]
    assert [each.trouble is not None for each in found] == [True] + [False] * len(CRAWLS)
    assert {each.word for each in found} == {"left"}


def test_a_release_that_should_have_been_published_long_ago_is_overdue() -> None:
    crawls = [Item("r", "wet", "r", last_capture=NOON - timedelta(days=days)) for days in (60, 61)]
    awaited = [is_awaited(each, UnpublishedError("no list"), NOON) for each in crawls]
    assert awaited == [True, False]


def held(digest: str, articles: object, path: object = "c") -> dict[str, object]:
    return {"path": path, "digest": digest, "articles": articles}


def folder_with(folder: Path, facts: object) -> Folder:
    (folder / "campaign.json").write_text(facts if isinstance(facts, str) else json.dumps(facts))
    return Folder.of(str(folder), StorageOptions())


def test_a_plan_is_read_as_it_was_written_and_never_overwrites_another(tmp_path: Path) -> None:
    folder = Folder.of(str(tmp_path / "campaign"), StorageOptions())
    plan = CampaignPlan(
        "t", (CORPUS,), crawls="warc", since="CC-MAIN-2013-20", datasets=(("mc4", "fr"),),
        mirrors={"mc4": "/m"}, newest_first=False, listed="/l", options=("--languages", "fra"),
    )  # fmt: skip
    write_plan(folder, plan, None)
    assert plan_of(folder) == plan
    with pytest.raises(ConflictError):
        write_plan(folder, PLAN, None)
    found = read_plan(folder)
    assert found is not None
    write_plan(folder, PLAN, found[1])
    with pytest.raises(ConflictError):
        write_plan(folder, plan, found[1])


FACTS = json.loads(PLAN.to_json())
UNSEALED = {name: value for name, value in FACTS.items() if name not in ("settings", "sha256")}
NONE = "the campaign was written by another version"


@cases(
    ("facts", "told"),
    [
        *(
            (text, NONE)
            for text in ("", "{}", '{"layout": 3}', "[]", "[" * 500 + "]" * 500, '{"a":' * 100_000)
        ),
        *(
            (FACTS | edit, "undo an edit")
            for edit in (
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
            )
        ),
        (FACTS | {"options": ["--languages", "deu"]}, "was changed since"),
        (UNSEALED | {"layout": 1}, "open it again in another folder"),
    ],
)
def test_a_file_that_was_edited_into_no_campaign_is_refused(facts: Any, told: str, tmp_path: Path) -> None:
    assert plan_of(folder_with(tmp_path, FACTS)) == PLAN
    with pytest.raises(CorruptError, match=told):
        plan_of(folder_with(tmp_path, facts))


ITEM = Item("CC-MAIN-2026-40", "wet", "CC-MAIN-2026-40")


def reads(**steps: Read) -> Reads:
    """Reads in steps that are named like `s01`, for the step from 0 to 1."""
    return Reads({(int(name[1]), int(name[2])): found for name, found in steps.items()}, ["run"])


def read(complete: str, missing: str = "") -> Read:
    return Read(set(complete + missing), {place: set() for place in complete})


@cases(
    ("wanted", "steps", "expected"),
    [
        # Shards that failed.
        (1, {"s01": read("ab", "c")},
         {"word": "partial", "missing_of": {(0, 1): ("c",)}, "missing": 1, "left": 1}),
        (1, {"s01": read("abc")}, {"is_done": True, "left": 0}),
        # The articles that came since are wanted, too.
        (2, {"s01": read("abc")}, {"word": "new articles", "reached": 1, "missing_of": {}, "left": 3}),
        (2, {"s01": read("abc"), "s12": read("abc")}, {"is_done": True}),
        (3, {"s01": read("abc"), "s13": read("abc")}, {"is_done": True}),
        (3, {"s01": read("abc"), "s23": read("abc")}, {"is_done": False}),
        # Shards that stay missing do not keep new articles waiting.
        (2, {"s01": read("ab", "c")}, {"word": "new articles", "reached": 1, "whole": 0, "left": 3 + 1}),
        (2, {"s01": read("ab", "c"), "s12": read("abc")}, {"missing_of": {(0, 1): ("c",)}, "left": 1}),
        # A whole run for the newest corpus is all there is to do.
        (2, {"s01": read("ab", "c"), "s02": read("abc")}, {"is_done": True}),
        # A shard that came with new articles is not done for the old ones.
        (2, {"s01": read("ab"), "s12": read("abc")},
         {"word": "new shards", "is_done": False, "fresh": 1, "left": 1}),
        (2, {"s01": read("ab"), "s12": read("abc"), "s02": read("c")}, {"is_done": True}),
    ],
)  # fmt: skip
def test_the_progress_of_an_item_is_that_of_its_runs(
    wanted: int, steps: dict[str, Read], expected: dict[str, Any]
) -> None:
    found = ItemProgress.of(ITEM, reads(**steps), wanted)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.is_done == expected.get("is_done", not expected.get("word") and not expected.get("left"))


# The shards that a list names today, beside those that runs have read.

ONE, TWO, HUB = ObjectInfo("/m/1.gz", 7), ObjectInfo("/m/2.gz", 7), "hf://datasets/o/n@{}/1.gz"


@cases(
    ("read_before", "listed", "fresh"),
    [
        ([ONE], [ONE], 0),
        ([ONE], [ONE, TWO], 1),
        # A shard that is listed no more stays read.
        ([ONE, TWO], [TWO], 0),
        # A shard with other bytes was not read.
        ([ObjectInfo("/m/1.gz", 7, "mtime-1")], [ObjectInfo("/m/1.gz", 7, "mtime-2")], 0),
        ([ObjectInfo("/m/1.gz", 7, "mtime-1")], [ObjectInfo("/m/1.gz", 8, "mtime-1")], 1),
        ([ObjectInfo("s3://b/1.gz", 7, "a")], [ObjectInfo("s3://b/1.gz", 7, "b")], 1),
        ([ObjectInfo("s3://b/1.gz", 7, "a")], [ObjectInfo("s3://b/1.gz", 7, "a")], 0),
        ([ObjectInfo("s3://b/1.gz", None, None)], [ObjectInfo("s3://b/1.gz", 7, "a")], 0),
        ([ObjectInfo(HUB.format("0" * 40), 7, "a")], [ObjectInfo(HUB.format("1" * 40), 7, "b")], 0),
        # It was read again, whichever run is the older one.
        ([ONE, ObjectInfo("/m/1.gz", 8)], [ObjectInfo("/m/1.gz", 8)], 0),
        ([ObjectInfo("/m/1.gz", 8), ONE], [ObjectInfo("/m/1.gz", 8)], 0),
    ],
)
def test_a_listed_shard_is_fresh_unless_its_bytes_were_read(
    read_before: list[ObjectInfo], listed: list[ObjectInfo], fresh: int
) -> None:
    before = Read()
    for info in read_before:
        before.add(place_of(info.uri), "complete", version_of(info))
    known = reads(s01=before)
    known.compare(ShardPlan.of(listed))
    found = ItemProgress.of(ITEM, known, 1)
    assert (found.fresh, found.is_done, found.word == "new shards") == (fresh, not fresh, bool(fresh))
    assert found.shards == len({place_of(info.uri) for info in (*read_before, *listed)})


def test_a_shard_that_is_listed_no_more_is_not_scanned_for_new_articles() -> None:
    known = reads(s01=read("ab"), s12=read("a"))
    known.compare(ShardPlan.of([ObjectInfo("a")]))
    assert (known.unlisted(2), known.unlisted(1)) == (1, 0)
    assert not ItemProgress.of(ITEM, known, 2).is_done


# Estimate and budget.


def measured(core_hours: float, shard_reads: int, **steps: Read) -> Reads:
    found = reads(**steps)
    found.core_hours, found.shard_reads = core_hours, shard_reads
    return found


@pytest.mark.parametrize(
    ("first", "second", "wanted", "core_hours"),
    [
        # Three of four shards are missing; another dataset of the format costs a hundred times as much.
        (measured(2.0, 4, s01=read("a", "bcd")), measured(50.0, 1, s01=read("a")), 1, 1.5),
        (measured(4.0, 8, s01=read("abcd"), s12=read("abcd")), Reads(), 2, 2.0),
    ],
    ids=["its own shards", "once an item like it"],
)
def test_the_rest_of_an_item_costs_what_its_own_shards_or_an_item_like_it_cost(
    first: Reads, second: Reads, wanted: int, core_hours: float
) -> None:
    found = [ItemProgress.of(ITEM, each, wanted) for each in (first, second)]
    assert estimated(found, ScanConfig(), UNPRICED) == (pytest.approx(core_hours), 0)


def test_a_budget_counts_the_cores_that_spark_counts() -> None:
    config = ScanConfig(run=RunRules(price="serverless"))
    budget = Budget.of(1.0, config)
    half = budget.machine.vcpus / budget.machine.usd_per_hour / 2
    assert budget.left(half) == pytest.approx(0.5)
    with pytest.raises(BudgetError, match=r"and its budget is \$1\.00"):
        budget.left(3 * half)
    assert Budget.of(None, config).left(1e9) is None


def test_a_budget_needs_a_price() -> None:
    with pytest.raises(ConfigError, match="needs the price of a machine"):
        Budget.of(1.0, ScanConfig())
