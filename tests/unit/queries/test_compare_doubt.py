"""Absence is only said where every shard in question was read again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from presswatch_spark.queries.compare import doubt_of, doubt_of_subset


def run(**facts: Any) -> dict[str, Any]:
    """A row of `runs`, of three complete shards."""
    standard = {"shards_planned": 3, "shards_complete": 3, "dataset": "wet", "release": "CC-MAIN-2024-22"}
    standard |= {
        "documents": 9,
        "corpus_digest": "c",
        "tool_version": "1",
        "config": json.dumps({"read": {}}),
    }
    return standard | facts


def test_nothing_is_in_doubt_between_two_runs_alike() -> None:
    assert doubt_of(run(), run()) is None
    assert doubt_of(run(), run(release="CC-MAIN-2025-33"), 3) is None, "names change with the release"


@pytest.mark.parametrize(
    ("after", "not_planned", "doubt"),
    [
        ({}, 1, "did not read 1 shard that the before run read"),
        ({"shards_planned": 2, "shards_complete": 2, "release": "CC-MAIN-2025-33"}, 3, "fewer shards"),
        ({"shards_complete": 2}, 0, "did not read 1 of 3 shards to their end"),
        ({"documents": 0}, 0, "the after run read no document"),
        ({"tool_version": "2"}, 0, "different versions"),
        ({"config": json.dumps({"read": {"columns": {"text": "headline"}}})}, 0, "different settings"),
    ],
)
def test_what_was_not_read_again_is_in_doubt(after: dict[str, Any], not_planned: int, doubt: str) -> None:
    assert doubt in str(doubt_of(run(), run(**after), not_planned))


def test_after_a_sample_of_another_release_nothing_is_gone() -> None:
    sampled = run(release="CC-MAIN-2025-33", sample=0.01)
    assert doubt_of(run(), sampled) == "the after run read a sample of its release"
    assert doubt_of(run(sample=0.01), sampled) == "the after run read a sample of its release"
    assert doubt_of(run(sample=0.01), run(sample=0.01)) is None, "the same shards were read again"


def test_what_is_new_after_a_sample_or_an_incomplete_run_may_have_been_there_before() -> None:
    def of_new(before: dict[str, Any], after: dict[str, Any], not_planned: int = 0) -> str | None:
        return doubt_of(after, before, not_planned, ("after", "before"))

    later = run(release="CC-MAIN-2025-33")
    assert of_new(run(), later) is None
    assert of_new(run(sample=0.01), later) == "the before run read a sample of its release"
    assert (
        of_new(run(sample=0.01), run(), 9) == "the before run did not read 9 shards that the after run read"
    )
    unread = "the before run did not read 1 of 3 shards to their end"
    assert of_new(run(shards_complete=2), later) == unread
    fewer = "the before run read fewer shards than the after run"
    assert of_new(run(shards_planned=2, shards_complete=2), later) == fewer


PAGES = [("warc", "1.warc.gz"), ("warc", "2.warc.gz"), ("robotstxt", "1.warc.gz")]
LATER = [("warc", "7.warc.gz"), ("warc", "8.warc.gz")]


@pytest.mark.parametrize(
    ("after", "doubt"),
    [
        (LATER, None),
        (PAGES, None),
        ([(None, "1.warc.gz"), (None, "2.warc.gz")], None),
        (LATER[:1], "fewer shards than the before run, of the subset warc"),
        ([("robotstxt", "1.warc.gz"), ("robotstxt", "2.warc.gz")], "no shards that are of the subset warc"),
        ([("crawldiagnostics", str(number)) for number in range(9)], "no shards that are of the subset warc"),
        ([(None, "7.warc.gz"), (None, "8.warc.gz")], "no shards that are of the subset warc by their path"),
    ],
)
def test_only_shards_of_the_same_subset_show_that_a_copy_is_gone(after: list[Any], doubt: str | None) -> None:
    told = doubt_of_subset("warc", PAGES, after)
    assert doubt in told if doubt and told else told is doubt


def test_copies_of_shards_without_a_subset_are_not_gone_from_files_without_pages() -> None:
    before = [(None, "a.warc.gz")]
    assert doubt_of_subset(None, before, LATER) is None
    assert doubt_of_subset(None, before, [(None, "b.warc.gz")]) is None
    assert doubt_of_subset(None, before, PAGES[2:]) == "the after run read only robotstxt"
