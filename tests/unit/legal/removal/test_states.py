"""The state of a target, by what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.legal.removal import states
from presswatch_spark.legal.removal.states import REMOVED, FollowedTarget, RemovalState
from tests.world.release import probe_row

BEGIN = datetime(2026, 11, 27, 9, tzinfo=UTC)
TARGET = "t" * 64
OUTCOMES = tuple(
    sorted(set(get_args(states.Outcome)) - {"edge", "rewritten", "listed", "unlisted", "recaptured"})
)
CONTROLS = ("first", "before", "after", "beside", "nowhere")

Answers = dict[str, str]


def state_of(
    probes: Sequence[dict[str, Any]], controls: dict[tuple[int, int], list[dict[str, Any]]]
) -> RemovalState:
    """The state after all rounds of a target, one taken into account after the other."""
    followed = FollowedTarget()
    typed = {batch: [probe_row(**probe) for probe in of_batch] for batch, of_batch in controls.items()}
    for _, of_round in groupby(probes, key=lambda probe: probe["round"]):
        followed.add([probe_row(**probe) for probe in of_round], typed, (), ())
    return followed.state


def asked(
    *rounds: tuple[float, tuple[str, ...], Answers], words: int | None = None, on_hub: bool = False
) -> RemovalState:
    """The state after rounds: hours since the first, outcomes of the target, and of controls by role."""
    probes, controls, number = list[dict[str, Any]](), dict[tuple[int, int], list[dict[str, Any]]](), 0
    for place, (hours, outcomes, beside) in enumerate(rounds, 1):
        shared = {
            "round": place,
            "batch": 0,
            "asked_at": BEGIN + timedelta(hours=hours),
            "copied_words": words,
            "file_uri": f"{'hf' if on_hub else 'https'}://x",
        }
        for outcome in outcomes:
            row = {"number": number, "role": "target", "target_sha256": TARGET, "outcome": outcome}
            probes.append(shared | row)
            number += 1
        for role, outcome in beside.items():
            of_target = TARGET if role in ("before", "after", "newest") else None
            row = {"number": number, "role": role, "target_sha256": of_target, "outcome": outcome}
            controls.setdefault((place, 0), []).append(shared | row)
            number += 1
    return state_of(probes, controls)


RIGHT = {"first": "same", "before": "same", "after": "same", "nowhere": "missing"}
GONE = {"first": "missing", "beside": "same", "nowhere": "missing"}
READ = (0.0, ("same",), RIGHT)


@pytest.mark.parametrize(
    ("later", "state", "removed"),
    [
        ([(1, ("same",), RIGHT)], "present", False),
        ([(1, ("other_record", "elsewhere"), RIGHT)], "present", False),
        ([(1, ("empty",), RIGHT)], "overwritten", True),
        ([(1, ("zeros",), RIGHT)], "overwritten", True),
        ([(1, ("unreadable",), RIGHT)], "undecided", False),
        ([(1, ("zeros",), RIGHT | {"after": "zeros"})], "undecided", False),
        ([(1, ("zeros",), RIGHT | {"before": "edge"})], "overwritten", True),
        ([(1, ("other_record",), RIGHT)], "undecided", False),
        ([(1, ("other_record", "absent"), RIGHT)], "dropped", True),
        ([(1, ("beyond", "absent"), RIGHT)], "dropped", True),
        ([(1, ("other_record", "nowhere"), RIGHT)], "undecided", False),
        ([(1, ("beyond", "nowhere"), RIGHT)], "undecided", False),
        ([(1, ("unreadable", "nowhere"), RIGHT | {"after": "zeros"})], "undecided", False),
        ([(1, ("zeros", "nowhere"), RIGHT | {"after": "zeros"})], "undecided", False),
        ([(1, ("zeros", "nowhere"), RIGHT)], "overwritten", True),
        ([(1, ("remains", "nowhere"), RIGHT)], "undecided", False),
        ([(1, ("other_record", "failed"), RIGHT)], "undecided", False),
        ([(1, ("other_record", "absent"), RIGHT | {"first": "zeros"})], "undecided", False),
        ([(1, ("other_record", "absent"), RIGHT | {"first": "other_record"})], "undecided", False),
        ([(1, ("other_record", "absent"), RIGHT | {"first": "rewritten"})], "dropped", True),
        ([(1, ("other_record", "absent"), RIGHT | {"nowhere": "same"})], "undecided", False),
        ([(1, ("zeros", "gaps"), RIGHT)], "overwritten", True),
        ([(1, ("empty", "gaps"), RIGHT)], "overwritten", True),
        ([(1, ("zeros", "gaps"), RIGHT | {"after": "zeros"})], "undecided", False),
        ([(1, ("zeros", "absent"), RIGHT | {"after": "zeros"})], "overwritten", True),
        ([(1, ("unreadable", "absent"), RIGHT | {"after": "zeros"})], "dropped", True),
        ([(1, ("zeros", "failed"), RIGHT)], "undecided", False),
        ([(1, ("other_record", "gaps"), RIGHT)], "undecided", False),
        ([(1, ("beyond", "gaps"), RIGHT)], "undecided", False),
        ([(1, ("remains",), RIGHT)], "undecided", False),
        ([(1, ("remains", "gaps"), RIGHT)], "undecided", False),
        ([(1, ("remains", "absent"), RIGHT)], "dropped", True),
        ([(1, ("unresolved",), {})], "undecided", False),
        ([(1, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (24, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (24.99, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (12, ("failed",), GONE), (25, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (12, ("denied",), GONE), (25, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (25, ("missing",), GONE)], "withdrawn", True),
        ([(1, ("missing",), GONE), (25, ("missing",), GONE | {"beside": "missing"})], "undecided", False),
        ([(1, ("missing",), GONE | {"beside": "missing"}), (25, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (12, ("same",), RIGHT), (25, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (25, ("missing",), GONE | {"unranged": "missing"})], "withdrawn", True),
        ([(1, ("missing",), GONE), (25, ("missing",), GONE | {"unranged": "same"})], "undecided", False),
        ([(1, ("missing",), GONE), (25, ("missing",), GONE | {"unranged": "strange"})], "undecided", False),
        ([(1, ("missing",), GONE | {"unranged": "same"}), (25, ("missing",), GONE)], "undecided", False),
        ([(1, ("missing",), GONE), (25, ("missing",), GONE | {"first": "same"})], "undecided", False),
        ([(1, ("denied",), RIGHT)], "restricted", False),
        ([(1, ("limited",), RIGHT)], "undecided", False),
        ([(1, ("refused",), RIGHT)], "undecided", False),
        ([(1, ("strange",), RIGHT)], "undecided", False),
        ([(1, ("failed",), RIGHT)], "undecided", False),
        ([(1, ("empty",), RIGHT), (2, ("same",), RIGHT)], "reappeared", False),
        ([(1, ("empty",), RIGHT), (2, ("same",), RIGHT), (3, ("same",), RIGHT)], "reappeared", False),
        ([(1, ("empty",), RIGHT), (2, ("failed",), RIGHT)], "undecided", False),
        ([(1, ("other_text",), RIGHT)], "altered", False),
    ],
)  # fmt: skip
def test_each_state_needs_its_evidence(later: list[Any], state: str, removed: bool) -> None:
    found = asked(READ, *later)
    assert (found.state, found.removed) == (state, removed)
    is_doubtful = state in ("undecided", "restricted", "altered", "reappeared")
    assert bool(found.doubt) == (is_doubtful or "elsewhere" in later[-1][1])


HERE, LATER = RIGHT | {"newest": "same"}, (1, 25)


@pytest.mark.parametrize(
    ("at_commit", "newest", "state", "removed"),
    [
        ("same", "same", "present", False),
        ("same", "elsewhere", "present", False),
        ("same", "nowhere", "superseded", False),
        ("same", "absent", "superseded", False),
        ("same", "missing", "superseded", False),
        ("same", "other_text", "superseded", False),
        ("same", "beyond", "present", False),
        ("same", "failed", "present", False),
        ("same", "denied", "present", False),
        ("missing", "nowhere", "undecided", False),
        ("missing", "absent", "dropped", True),
        ("missing", "missing", "withdrawn", True),
        ("missing", "same", "present", False),
        ("missing", "elsewhere", "present", False),
        ("missing", "other_text", "altered", False),
        ("missing", "denied", "restricted", False),
        ("missing", "beyond", "undecided", False),
        ("missing", "failed", "undecided", False),
        ("missing", None, "undecided", False),
        ("denied", "denied", "restricted", False),
        ("denied", "missing", "restricted", False),
        ("failed", "absent", "undecided", False),
    ],
)
def test_on_a_hub_the_newest_revision_decides_with_the_commit(
    at_commit: str, newest: str | None, state: str, removed: bool
) -> None:
    beside = (GONE if at_commit == "missing" else RIGHT) | ({"newest": newest} if newest else {})
    found = asked((0, ("same",), HERE), *((hours, (at_commit,), beside) for hours in LATER), on_hub=True)
    assert (found.state, found.removed) == (state, removed)


@pytest.mark.parametrize(("words", "state"), [(7, "present"), (0, "superseded"), (None, "superseded")])
def test_a_page_with_words_of_the_article_in_the_newest_revision_is_not_superseded(
    words: int | None, state: str
) -> None:
    last = (1.0, ("same",), RIGHT | {"newest": "other_text"})
    assert asked((0, ("same",), HERE), last, words=words, on_hub=True).state == state


def test_a_commit_that_is_missing_once_decides_nothing() -> None:
    found = asked((0, ("same",), HERE), (1, ("missing",), GONE | {"newest": "nowhere"}), on_hub=True)
    assert (found.state, found.removed) == ("undecided", False)


@pytest.mark.parametrize("words", [40, 1, 0])
def test_another_text_is_no_removal_though_no_word_is_left(words: int) -> None:
    found = asked(READ, (1, ("other_text",), RIGHT), words=words)
    assert (found.state, found.removed, found.left) == ("altered", False, words)
    assert ("no word of the article" in found.doubt) == (words == 0)


def test_a_text_that_is_back_after_another_without_its_words_reappeared() -> None:
    found = asked(READ, (1, ("other_text",), RIGHT), (2, ("same",), RIGHT), words=0)
    assert (found.state, found.doubt) == ("reappeared", "it was altered before")


def test_words_that_are_left_count_though_the_whole_file_was_read_without_the_text() -> None:
    found = asked(READ, (1, ("remains", "absent"), RIGHT), words=7)
    assert (found.state, found.removed, found.left) == ("altered", False, 7)


def test_what_no_probe_ever_read_is_not_removed() -> None:
    found = asked((0, ("zeros",), RIGHT), (1, ("zeros",), RIGHT))
    assert (found.state, found.removed) == ("undecided", False)
    assert "ever read it" in found.doubt


def test_a_target_that_was_not_asked_for_is_undecided() -> None:
    assert state_of((), {}) == RemovalState("undecided", "it was not asked for yet")


def test_a_state_names_the_probes_that_it_rests_on() -> None:
    # The first round has probes 0 to 4; of the second the target, first, before, after and nowhere.
    assert asked(READ, (1, ("zeros",), RIGHT)).probes == (5, 6, 7, 8, 9)
    assert asked(READ, (1, ("missing",), GONE), (25, ("missing",), GONE)).probes == (5, 9, 10, 11, 12)


def test_a_day_must_have_passed_by_the_clock_of_the_server_too() -> None:
    def missing(number: int, hours: float, offset: float) -> dict[str, Any]:
        return {
            "number": number, "round": number, "batch": 0, "role": "target", "target_sha256": TARGET,
            "asked_at": BEGIN + timedelta(hours=hours), "clock_offset": offset, "outcome": "missing",
        }  # fmt: skip

    # By ours 25 hours, then 23: what the server's clock adds counts for nothing.
    for hours, offset, state in (
        (26, 0.0, "withdrawn"), (26, -2 * 3600.0, "undecided"), (24, 0.0, "undecided"),
        (24, 2 * 3600.0, "undecided"),
    ):  # fmt: skip
        # Both offsets count by their difference only.
        first = 1800.0
        probes = [
            missing(1, 0, first) | {"outcome": "same"},
            missing(2, 1, first),
            missing(3, hours, first + offset),
        ]
        controls = {
            (number, 0): [missing(number, 0, 0.0) | {"role": role, "outcome": outcome, "target_sha256": None}
                          for role, outcome in GONE.items()]
            for number in (2, 3)
        }  # fmt: skip
        assert state_of(probes, controls).state == state


def test_nothing_is_removed_without_the_name_that_never_was() -> None:
    for nowhere in ({}, {"nowhere": "failed"}, {"nowhere": "limited"}):
        beside = {role: outcome for role, outcome in RIGHT.items() if role != "nowhere"}
        found = asked(READ, (1, ("zeros",), beside | nowhere))
        assert (found.state, found.removed) == ("undecided", False)


rounds = st.lists(
    st.tuples(
        st.floats(0, 40),
        st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=3).map(tuple),
        st.dictionaries(
            st.sampled_from(CONTROLS), st.sampled_from((*OUTCOMES, "edge", "rewritten")), max_size=5
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(rounds, st.sampled_from((None, 0, 12)))
def test_nothing_is_removed_that_a_probe_of_the_last_round_could_read(
    found: list[Any], words: int | None
) -> None:
    ordered = sorted(found, key=lambda each: each[0])
    last = set(ordered[-1][1])
    state = asked(*ordered, words=words)
    if last & states.READS:
        assert not state.removed
        assert state.state in ("present", "reappeared")
    if last & states.FAILURES.keys() or "denied" in last:
        assert not state.removed
    if "other_text" in last or (words and "remains" in last):
        assert not state.removed
    if state.state == "dropped":
        assert "absent" in last
    if state.removed:
        assert state.state in REMOVED
        assert any("same" in outcomes for _, outcomes, _ in ordered)
        assert state.probes


NEWEST = (None, *OUTCOMES)


@given(rounds, st.sampled_from(NEWEST), st.sampled_from((None, 0, 12)))
def test_nothing_is_removed_that_the_newest_revision_could_give(
    found: list[Any], newest: str | None, words: int | None
) -> None:
    *earlier, (hours, outcomes, beside) = sorted(found, key=lambda each: each[0])
    last = (hours, outcomes, beside | ({"newest": newest} if newest else {}))
    state = asked(*earlier, last, words=words, on_hub=True)
    if newest in (None, "denied", "nowhere", *states.READS, *states.FAILURES):
        assert not state.removed
    if set(outcomes) & states.READS:
        assert state.state in ("present", "superseded", "reappeared")
