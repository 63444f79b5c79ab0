"""Absence is only said where every shard in question was read again."""

import json
from typing import Any

import pytest

from presswatch_spark.cli.commands.matches import _doubt
from presswatch_spark.cli.replies import Language
from presswatch_spark.query.changes.known_absence import ComparedRun, ComparedShard, Doubt, doubts_of
from tests.world.histories import shard
from tests.world.proofs import cases

LATER = "CC-MAIN-2025-33"


def run(name: str, shards: Any = 3, **facts: Any) -> ComparedRun:
    """A run of so many complete shards, or of those named, each with whether it was complete."""
    if isinstance(shards, int):
        release = facts.get("release", "CC-MAIN-2024-10")
        shards = [(shard(number, "wet", release), True) for number in range(shards)]
    standard = {"shards_planned": len(shards), "dataset": "wet", "release": "CC-MAIN-2024-10", "documents": 9}
    standard |= {"tool_version": "1", "config": json.dumps({"read": {}}), "corpus_digest": "c"}
    return ComparedRun(name, standard | facts, [ComparedShard.of(*each) for each in shards])


def doubt(before: ComparedRun, after: ComparedRun, uri: str | None = None) -> str | None:
    """Why a copy of the first shard of `before` may be there all the same."""
    found = doubts_of(before, after)[uri or before.shards[0][0]]
    assert found is None or _doubt(found, Language("fr")) != found
    return found


def test_nothing_is_in_doubt_between_two_runs_alike() -> None:
    assert doubt(run("before"), run("after")) is None
    assert doubt(run("before"), run("after", release=LATER)) is None, "names change with the release"
    settings = json.dumps({"read": {"release": LATER}})
    assert doubt(run("before"), run("after", release=LATER, config=settings)) is None


@cases(
    ("after", "told"),
    [
        (run("after", 0), "the after run has no shards"),
        (run("after", documents=0), "the after run read no document"),
        (run("after", tool_version="2"), "the runs were made by different versions"),
        (run("after", dataset="c4"), "the runs read different kinds of datasets"),
        (run("after", shards_planned=4), "shards that the log of the after run names: 3 of 4"),
        (
            run("after", config=json.dumps({"read": {"columns": {"text": "x"}}})),
            "the runs had different settings",
        ),
        (run("after", release=LATER, sample=0.01), "the after run read a sample of its release"),
        (run("after", 2, release=LATER), "the after run read fewer shards than the before run"),
    ],
)
def test_what_cannot_be_compared_is_in_doubt_as_a_whole(after: ComparedRun, told: str) -> None:
    assert set(doubts_of(run("before"), after).values()) == {told}
    assert _doubt(told, Language("fr")) != told
    if after.row["shards_planned"] != 2:
        assert set(doubts_of(run("before", sample=0.01), after).values()) == {told}


def test_a_shard_that_was_read_again_is_known_whatever_became_of_the_others() -> None:
    after = run("after", [(shard(0), True), (shard(1), False)])
    told = doubts_of(run("before"), after)
    assert told[shard(0)] is None
    assert told[shard(1)] == f"the after run did not read {shard(1)} to its end"
    assert told[shard(2)] == f"the after run did not read {shard(2)}"
    assert shard(9) not in told


def test_samples_of_one_release_show_what_both_have_read() -> None:
    before, after = run("before", sample=0.01), run("after", sample=0.01)
    assert doubt(before, after) is None
    assert doubt(run("before", 12), run("after", sample=0.01), shard(11)) is not None


HUB = "hf://datasets/owner/press"


@cases(
    ("root", "before", "after", "told"),
    [
        # A mirror has the same files elsewhere; of two with one name, both must be there, and whole.
        ("", ["/a/0", "/b/0"], [("/c/0", True), ("/d/0", True)], [None, None]),
        ("", ["/a/0", "/b/0"], [("/c/0", True), ("/d/0", False)], ["to its end", "to its end"]),
        ("", ["/a/0", "/b/0"], [("/c/0", True), ("/d/1", True)], ["did not read", "did not read"]),
        # The same place is the same file, whatever else has its name.
        ("", ["/a/0", "/b/0"], [("/a/0", True), ("/b/0", False)], [None, "to its end"]),
        ("", ["/a/0", "/b/0"], [("/a/0", False), ("/c/0", True)], ["to its end", None]),
        # `?id=1` and its like, which tables never show.
        (
            "",
            ["/f", "/f", "/g"],
            [("/f", True), ("/f", True), ("/g", True)],
            ["2 shards of the before run have"] * 2 + [None],
        ),
        ("", ["/f"], [("/f", True), ("/f", False)], ["to its end"]),
        # Parts of a dataset have shards of one name: another part is not the same shard at another place.
        (HUB, ["/fra/0", "/deu/0"], [("/fra/0", True), ("/spa/0", True)], [None, "did not read"]),
        (HUB, ["@a/fra/0"], [("@b/deu/0", True)], ["did not read"]),
        # A later revision has the same files, at the same paths.
        (HUB, ["@a/fra/0", "@a/deu/0"], [("@b/fra/0", True), ("@b/deu/0", False)], [None, "to its end"]),
        (HUB, ["@a/fra/0", "@a/deu/0"], [("@b/fra/0", True), ("@b/spa/0", True)], [None, "did not read"]),
    ],
)
def test_shards_are_told_apart_by_their_places_and_names_and_on_a_hub_by_their_paths(
    root: str, before: list[str], after: list[tuple[str, bool]], told: list[str | None]
) -> None:
    doubts = doubts_of(
        run("before", [(root + path, True) for path in before]),
        run("after", [(root + path, complete) for path, complete in after]),
    )
    for path, expected in zip(before, told, strict=True):
        found = doubts[root + path]
        assert expected in found if expected and found else found is expected


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (["@a/fra/0", "@a/deu/0"], ["@b/fra/0", "@b/spa/0"], "the after run did not read owner/press/deu"),
        (["@a/fra/0"], ["@b/fra/0"], None),
        # Folders of releases have their names.
        (["/data/CC-MAIN-2024-10/0"], [f"/data/{LATER}/0"], None),
    ],
)
def test_another_part_on_a_hub_is_not_another_release_of_it(
    before: Any, after: Any, told: str | None
) -> None:
    found = run("before", [(HUB + path, True) for path in before], release="CC-MAIN-2024-10")
    other = run("after", [(HUB + path, True) for path in after], release=LATER)
    assert doubts_of(found, other)[HUB + before[-1]] == told


def test_a_copy_of_a_hub_has_its_shards_by_their_names() -> None:
    before = run("before", [(f"{HUB}@a/fra/0", True), (f"{HUB}@a/fra/1", True)])
    doubts = doubts_of(before, run("after", [("/copy/0", True), ("hf://datasets/other/press/fra/1", True)]))
    assert [doubts[each.uri] for each in before.shards] == [None, None]


def test_unread_shards_of_another_release_are_counted_and_three_of_them_named() -> None:
    after = run("after", [(shard(number, "wet", LATER), number > 3) for number in range(1000)], release=LATER)
    named = ", ".join(f"{LATER}-0000{number}.gz" for number in range(3))
    assert doubt(run("before"), after) == (
        "shards of the subset wet that the after run did not read to their end: 4 of 1,000 "
        f"({named} and 1 more)"
    )


def places(*shards: tuple[str, str], release: str = LATER, **statuses: bool) -> list[tuple[str, bool]]:
    """URIs of shards, each of a subset (empty: its path names none) and a number."""
    return [
        (shard(int(number), subset, release) if subset else f"/{number}", statuses.get(f"s{number}", True))
        for subset, number in shards
    ]


PAGES = (("warc", "1"), ("warc", "2"), ("robotstxt", "1"))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (places(("warc", "7"), ("warc", "8"), ("wet", "9")), None),
        (
            places(("warc", "7"), ("wet", "8"), ("wet", "9")),
            "fewer shards than the before run, of the subset warc",
        ),
        (
            places(("robotstxt", "1"), ("robotstxt", "2"), ("robotstxt", "3")),
            "no shards that are of the subset warc",
        ),
        (places(("", "7"), ("", "8"), ("", "9")), "no shards that are of the subset warc by their path"),
        (
            places(("warc", "7"), ("warc", "8"), ("", "9"), s9=False),
            "shards of the subset warc that the after run did not read to their end: 1 of 3",
        ),
        (places(("warc", "7"), ("warc", "8"), ("wet", "9"), s9=False), None),
    ],
)
def test_only_shards_of_the_same_subset_show_that_a_copy_is_gone(after: Any, told: str | None) -> None:
    found = doubt(
        run("before", places(*PAGES, release="CC-MAIN-2024-10")), run("after", after, release=LATER)
    )
    assert told in found if told and found else found is told


@pytest.mark.parametrize("subset", ["wet", ""])
def test_shards_that_were_left_out_among_others_of_the_same_names_are_named(subset: str) -> None:
    before = places(*((subset, number) for number in "013"))
    after = [*places(*((subset, number) for number in "012")), *places(("robotstxt", "9"))]
    told = doubt(run("before", before), run("after", after, release=LATER))
    name = before[2][0].rpartition("/")[2]
    assert told == f"the after run read some shards of the before run's names, but not {name}"
    # More shards than before, of all names and others.
    more = places(*((subset, number) for number in "01345"))
    assert doubts_of(run("before", before), run("after", more, release=LATER))[before[0][0]] is None


def test_the_very_shards_again_show_it_too_wherever_a_mirror_has_them() -> None:
    before = places(*PAGES, release="CC-MAIN-2024-10")
    mirror = [(f"/{uri.rpartition('/')[2]}", True) for uri, _ in before]
    assert doubt(run("before", before), run("after", mirror, release=LATER)) is None


def test_copies_of_shards_without_a_subset_are_not_gone_from_files_without_pages() -> None:
    before = run("before", places(("", "1")))
    for after, told in (
        (places(("warc", "7")), None),
        (places(("", "7")), None),
        (places(("robotstxt", "7")), "the after run read only robotstxt"),
        (
            places(("warc", "7"), s7=False),
            f"shards that the after run did not read to their end: 1 of 1 ({LATER}-00007.gz)",
        ),
    ):
        assert doubt(before, run("after", after, release=LATER)) == told


@pytest.mark.parametrize(
    ("doubt", "french"),
    [
        (
            "shards that the after run did not read to their end: 1 of 1 (a.gz)",
            "fichiers que l'analyse postérieure n'a pas lus jusqu'au bout : 1 sur 1 (a.gz)",
        ),
        (
            "shards of the subset warc that the before run did not read to their end: 5 of 9"
            " (a, b, c and 2 more)",
            "fichiers du sous-ensemble warc que l'analyse antérieure n'a pas lus jusqu'au bout : 5 sur 9"
            " (a, b, c et 2 de plus)",
        ),
        (
            "the after run read fewer shards than the before run",
            "l'analyse postérieure a lu moins de fichiers que l'analyse antérieure",
        ),
        (
            "the article a-1 has another text in the corpus of the after run",
            "l'article a-1 a un autre texte dans le corpus de l'analyse postérieure",
        ),
        (
            Doubt.NAMESAKES.of(named=2, run="before", names="https://h/a"),
            "2 fichiers de l'analyse antérieure ont le nom https://h/a, à ce qui suit « ? » près",
        ),
        ("a doubt of a later version", "a doubt of a later version"),
    ],
)
def test_a_doubt_of_the_table_is_shown_in_french_with_its_facts(doubt: str, french: str) -> None:
    assert _doubt(doubt, Language("fr")) == french
    assert _doubt(doubt, Language("en")) == doubt
