"""What is derived round by round is what the whole history says, at each time: against a plain reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presswatch_spark.legal.removal.case import ProbeRound, RemovalCase
from presswatch_spark.legal.removal.states import STATES
from presswatch_spark.legal.removal.status import CaseStatus, Course
from presswatch_spark.tables.declarations import Probe, Target
from tests.unit.legal.removal.test_alarms import course, rounds
from tests.world.release import probe_row, target_row

Row = dict[str, Any]
EMPTY = dict.fromkeys(Probe.schema.names)
BEGIN = datetime(2026, 11, 27, tzinfo=UTC)
TARGETS = ("1" * 64, "2" * 64)
FAILURES = {"limited", "refused", "strange", "failed"}
RIGHT = {"first": "same", "before": "same", "after": "same", "nowhere": "missing", "beside": "same"}
ODDLY = ("same", "missing", "failed", "denied", "zeros", "rewritten", "edge", "other_record")
OUTCOMES = {
    "same": 9, "elsewhere": 2, "other_text": 3, "empty": 3, "zeros": 5, "unreadable": 2, "remains": 2,
    "other_record": 2, "beyond": 1, "nowhere": 2, "absent": 4, "gaps": 1, "missing": 8, "denied": 1,
    "failed": 2, "strange": 1, "unresolved": 1,
}  # fmt: skip


@dataclass
class Written:
    """A case whose rounds are in memory."""

    rows: Sequence[Row]

    def targets(self) -> list[Target]:
        named = {"row_sha256": "r", "record_offset": 0, "row_index": None, "place": "record", "release": "R"}
        named |= {"document_url": "https://a.example/", "article_id": "a", "title_id": "t"}
        return [target_row(target_sha256=target, **named) for target in TARGETS]

    def rounds(self) -> list[ProbeRound]:
        return []

    def heads(self) -> list[tuple[int, str]]:
        return []

    def each_round(self, *known: object) -> Iterator[list[Probe]]:
        for _, rows in groupby(self.rows, lambda row: row["round"]):
            yield [probe_row(**row) for row in rows]


def standing(rows: Sequence[Row], as_of: datetime | None = None) -> CaseStatus:
    return CaseStatus.of(cast(RemovalCase, Written(rows)), as_of)


def history(random: Random) -> list[Row]:
    """The probes of some rounds: mostly what a server in order would answer, and anything now and then."""
    rows, at = list[Row](), BEGIN
    # What a server did to a text mostly stays.
    often = {random.choice(("missing", *OUTCOMES)): 30}

    def add(role: str, target: str | None, outcome: str, **facts: Any) -> None:
        number = len(rows)
        known = {"number": number, "role": role, "target_sha256": target, "outcome": outcome}
        rows.append({**EMPTY, **known, "asked_at": at, "request": f"READ {number}", **facts})
        rows[-1]["probe_sha256"] = f"{number:064}"

    for number in range(1, random.randint(2, 7)):
        at += timedelta(hours=random.choice([-3, 12, 23.9, 24, 24, 24.1, 30]))
        is_shared = random.random() < 0.5
        for batch, target in enumerate(TARGETS):
            if random.random() < 0.15:
                continue
            shared = {
                "round": number,
                "batch": 0 if is_shared else batch,
                "file_uri": "https://x.example/a",
                "etag": random.choice([None, '"a"', 'W/"a"', '"b"']),
                "last_modified": random.choice([None, "Fri"]),
                "bytes": random.choice([None, 5, 5, 6]),
                "clock_offset": random.choice([None, 0.0, 0.0, -7200.0, 7200.0]),
            }
            weights = {"same": 1} if number == 1 and random.random() < 0.8 else OUTCOMES | often
            outcomes = random.choices(list(weights), list(weights.values()), k=random.choice([1, 1, 2]))
            for outcome in outcomes:
                words = random.choice([None, 0, 0, 7])
                counted = {"copied_words": words, "record_offset": random.choice([None, 1])}
                add("target", target, outcome, **shared, **counted)
            # Of a file that is missing, all is.
            lost = dict.fromkeys(("first", "unranged"), "missing") if "missing" in outcomes else {}
            for role, outcome in (RIGHT | lost).items():
                if random.random() > 0.05:
                    said = outcome if random.random() > 0.1 else random.choice(ODDLY)
                    add(role, target if role in ("before", "after") else None, said, **shared)
            if random.random() < 0.3:
                add("index", target, random.choice(["listed", "unlisted", "failed"]), **shared)
                add("listed", None, random.choice(["listed", "listed", "unlisted"]), **shared)
            if random.random() < 0.04:
                add("recapture", target, "recaptured", **shared)
    return rows


# The reference: what the documentation says of each state, of all rows at once.


def reference(rows: Sequence[Row], target: str) -> tuple[str, bool]:
    """State of a target, and whether it is removed, by all that was answered."""
    rounds = sorted({row["round"] for row in rows if is_of(row, "target", target)})
    if not rounds:
        return "undecided", False
    owns = [own([row for row in rows if row["round"] <= number], target) for number in rounds]
    state, removed = owns[-1]
    if state == "present" and any(gone or state == "altered without words" for state, gone in owns):
        state = "reappeared"
    state = state.removesuffix(" without words")
    now = [row for row in rows if row["round"] == rounds[-1]]
    hidden = [row for row in now if is_of(row, "index", target) and row["outcome"] == "unlisted"]
    listed = {row["batch"] for row in now if row["role"] == "listed" and row["outcome"] == "listed"}
    if state == "present" and any(row["batch"] in listed for row in hidden):
        state = "hidden"
    if any(is_of(row, "recapture", target) for row in rows if row["round"] <= rounds[-1]):
        return "recaptured", False
    return state, removed


def is_of(row: Row, role: str, target: str) -> bool:
    return (row["role"], row["target_sha256"]) == (role, target)


def version(row: Row) -> Any:
    name = (row["etag"] or "").removeprefix("W/") or row["last_modified"]
    return name and (name, row["bytes"])


def own(rows: Sequence[Row], target: str) -> tuple[str, bool]:
    """What its own place says, by its last round."""
    asked = [row for row in rows if is_of(row, "target", target)]
    last = [row for row in asked if row["round"] == asked[-1]["round"]]
    said, batches = {row["outcome"] for row in last}, {row["batch"] for row in last}
    beside = {
        role: [
            row["outcome"]
            for row in rows
            if row["role"] == role
            and row["round"] == last[0]["round"]
            and row["batch"] in batches
            and row["target_sha256"] in (None, target)
        ]
        for role in RIGHT
    }
    read = [row for row in asked if row["outcome"] == "same"]
    if said & {"same", "elsewhere"}:
        return "present", False
    silent = {"missing", "denied", *FAILURES}
    if (
        "unresolved" in said
        or set(beside["nowhere"]) - silent
        or set(beside["first"]) - silent - {"same", "rewritten"}
        or said & FAILURES
    ):
        return "undecided", False
    if "denied" in said:
        return "restricted", False
    versions = {version(row) for row in read} - {None}
    unchanged = [row for row in last if row["outcome"] != "missing" and version(row) in versions]
    if not read or not set(beside["nowhere"]) & {"missing", "denied"} or unchanged:
        return "undecided", False
    if (other := other_text(last, said)) is not None:
        return other, False
    if "missing" in said:
        return ("withdrawn", True) if is_withdrawn(rows, asked) else ("undecided", False)
    return at_place(last, read, said, beside)


def is_withdrawn(rows: Sequence[Row], asked: Sequence[Row]) -> bool:
    def is_there(row: Row) -> bool:
        """Whether another request of the batch had an answer."""
        place = (row["round"], row["batch"])
        others = [each for each in rows if (each["round"], each["batch"]) == place]
        unranged = {each["outcome"] for each in others if each["role"] == "unranged"}
        firsts = {each["outcome"] for each in others if each["role"] == "first"}
        return bool(unranged - {"missing"} or firsts & {"same", "rewritten"})

    streak = list[Row]()
    for row in reversed(asked):
        if row["outcome"] != "missing" or is_there(row):
            break
        streak.insert(0, row)
    if not streak:
        return False

    def is_sure(row: Row) -> bool:
        place = (row["round"], row["batch"])
        others = [each for each in rows if each["role"] == "beside" and each["outcome"] in ("same", "edge")]
        return any((each["round"], each["batch"]) == place for each in others)

    sure = [row for row in streak if is_sure(row)]
    if not sure or not is_sure(streak[-1]):
        return False
    hours = (streak[-1]["asked_at"] - sure[0]["asked_at"]).total_seconds() / 3600
    offsets = sure[0]["clock_offset"], streak[-1]["clock_offset"]
    by_server = hours if None in offsets else hours + (offsets[1] - offsets[0]) / 3600
    return hours >= 24 and by_server >= 24


def other_text(last: Sequence[Row], said: set[str]) -> str | None:
    """State of a place with another text, or with bytes that give one; None if there is none."""
    counted = [row["copied_words"] for row in last if row["copied_words"] is not None]
    if "other_text" in said:
        return "altered" if any(counted) or not counted else "altered without words"
    if "remains" in said and any(counted):
        return "altered"
    unread = [row for row in last if row["outcome"] in ("remains", "unreadable")]
    return "undecided" if any(row["record_offset"] is not None for row in unread) else None


def at_place(
    last: Sequence[Row], read: Sequence[Row], said: set[str], beside: dict[str, list[str]]
) -> tuple[str, bool]:
    sizes = [row["bytes"] for row in read if row["bytes"] is not None]
    has_grown = bool(sizes) and max([row["bytes"] or 0 for row in last]) > max(sizes)
    both = all(set(beside[role]) & {"same", "edge"} for role in ("before", "after"))
    if not set(beside["first"]) & {"same", "rewritten"}:
        return "undecided", False
    if said & {"unreadable", "remains"} and "absent" not in said:
        return "undecided", False
    is_nothing = bool(said & {"empty", "zeros"})
    if is_nothing and ("empty" in said or both or "absent" in said):
        if has_grown and "absent" not in said:
            return "undecided", False
        return "overwritten", True
    return ("dropped", True) if "absent" in said and not is_nothing else ("undecided", False)


@settings(max_examples=3 * settings.default.max_examples)
@given(st.integers(0, 2**64 - 1))
def test_the_course_of_rounds_gives_what_the_whole_history_says_at_each_time(seed: int) -> None:
    rows = history(Random(seed))
    times = sorted({row["asked_at"] for row in rows})
    between = [each + timedelta(seconds=apart) for each in times for apart in (-1, 0)]
    for as_of in (None, *Random(seed).choices(between or [BEGIN], k=2)):
        known = [row for row in rows if as_of is None or row["asked_at"] <= as_of]
        found = standing(rows, as_of)
        for target in TARGETS:
            state = found.states[target]
            assert (state.state, state.removed) == reference(known, target), (as_of, known)
            asked = [row for row in known if is_of(row, "target", target)]
            last = {row["outcome"] for row in asked if row["round"] == asked[-1]["round"]}
            assert not (state.removed and last & {"same", "elsewhere", *FAILURES, "denied", "unresolved"})
        is_removed = [found.states[target].removed for target in TARGETS]
        assert found.claims() == (int(all(is_removed)), 1)


def test_random_histories_reach_the_states() -> None:
    """The property is worth something: most states come up, and removals often."""
    reached = [state for seed in range(900) for state in standing(history(Random(seed))).states.values()]
    of_hubs = {"superseded"}
    assert {state.state for state in reached} == set(STATES) - of_hubs
    assert sum(state.removed for state in reached) > 90


def probes(*outcomes: str, **facts: Any) -> list[Row]:
    """A round a day in which the first target has these outcomes."""
    return [
        {
            **EMPTY, "number": number, "round": number + 1, "batch": 0, "role": "target",
            "target_sha256": TARGETS[0], "asked_at": BEGIN + timedelta(days=number), "outcome": outcome,
            "probe_sha256": f"{number:064}", **facts,
        }
        for number, outcome in enumerate(outcomes)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("outcomes", "day"),
    [
        (("same", "elsewhere"), 1),
        (("same", "failed", "denied"), 0),
        (("same", "zeros"), None),
        (("same", "zeros", "failed", "same"), 3),
    ],
)
def test_a_target_was_read_last_when_nothing_else_was_found_since(
    outcomes: tuple[str, ...], day: int | None
) -> None:
    course = Course(Written(()).targets())
    for probe in probes(*outcomes):
        course.add([probe_row(**probe)])
    read_at = {} if day is None else {TARGETS[0]: [BEGIN + timedelta(days=day)]}
    found = {target: [each.at for each in readings] for target, readings in course.readings.items()}
    assert found == read_at
    assert (course.asked_in(len(outcomes)), course.asked_in(len(outcomes) - 1)) == (1, 0)


def test_a_capture_that_is_found_between_rounds_counts_from_the_next_one_on() -> None:
    rows = probes("same", "recaptured", "same", "recaptured", "same")
    for row in rows:
        row["role"] = "target" if row["outcome"] == "same" else "recapture"
    for known, state in ((2, "present"), (3, "recaptured"), (4, "recaptured"), (5, "recaptured")):
        assert standing(rows[:known]).states[TARGETS[0]].state == state
    assert standing(rows).states[TARGETS[0]].probes == (1, 3, 4)


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [
        ({"etag": '"a"'}, {"target": "zeros", "etag": 'W/"a"'}, "undecided"),
        ({"last_modified": "Fri"}, {"target": "zeros", "last_modified": "Fri"}, "undecided"),
        ({"last_modified": "Fri"}, {"target": "zeros", "last_modified": "Sat"}, "overwritten"),
        ({}, {"target": "elsewhere", "index": "unlisted", "listed": "listed"}, "hidden"),
        ({}, {"target": "elsewhere", "index": "unlisted", "listed": "unlisted"}, "present"),
        ({"bytes": 9}, {"target": "zeros", "etag": '"b"', "bytes": 10}, "undecided"),
        ({"bytes": 9}, {"target": "empty", "etag": '"b"', "bytes": 10}, "undecided"),
        ({}, {"target": "zeros", "after": "rewritten"}, "undecided"),
        ({}, {"target": "zeros", "first": "other_record"}, "undecided"),
        ({}, {"target": "zeros", "first": "failed"}, "undecided"),
    ],
)
def test_a_target_that_was_read_once_is_judged_by_its_last_round(before: Row, now: Row, state: str) -> None:
    found = course(rounds({"target": "same"} | before, now)).states()
    assert {each.state for each in found.values()} == {state}


def test_a_file_that_was_longer_once_has_not_grown() -> None:
    longer, shorter = ({"target": "same", "bytes": size} for size in (9, 7))
    found = course(rounds(longer, shorter, {"target": "zeros", "etag": "b", "bytes": 8})).states()
    assert {each.state for each in found.values()} == {"overwritten"}


def test_a_server_that_answers_for_any_name_is_said() -> None:
    (state,) = course(rounds({"target": "same"}, {"target": "zeros", "nowhere": "same"})).states().values()
    assert (state.state, state.doubt) == ("undecided", "the server answers for a name that never was")
