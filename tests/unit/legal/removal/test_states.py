"""The state of a target and the alarms of a case, by what was answered round by round."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presswatch_spark.core.translation import Translator
from presswatch_spark.legal.removal import states
from presswatch_spark.legal.removal.case import ProbeRound, RemovalCase
from presswatch_spark.legal.removal.states import REMOVED, STATES, RemovalState
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.tables.declarations import Probe, Target
from tests.world.proofs import cases
from tests.world.release import probe_row, target_row

Row = dict[str, Any]
Round = Mapping[str, Any]
"""A round: the outcome of each role, or several, and facts of its answers."""
BEGIN = datetime(2026, 11, 27, 9, tzinfo=UTC)
TARGET, FILE = "a" * 64, "https://a.example/crawl/a.warc.wet.gz"
RIGHT = {"first": "same", "before": "same", "after": "same", "nowhere": "missing"}
GONE = {"target": "missing", "first": "missing", "beside": "same", "nowhere": "missing"}
OF_TARGET = ("target", "before", "after", "newest", "index", "recapture")
ROLES = (*OF_TARGET, "first", "nowhere", "beside", "unranged", "listed")
OUTCOMES = tuple(
    sorted(set(get_args(states.Outcome)) - {"edge", "rewritten", "listed", "unlisted", "recaptured"})
)
SAME, ZEROS, FAILED = {"target": "same"}, {"target": "zeros"}, {"target": "failed"}


def rounds(*asked: Round) -> list[Probe]:
    """Probes of rounds of one target, a day apart or at `hours`; controls answer as they must by default."""
    probes = list[Probe]()
    for number, of_round in enumerate(asked, 1):
        answers = of_round if "nowhere" in of_round else RIGHT | of_round
        facts = {name: value for name, value in answers.items() if name not in (*ROLES, "hours")}
        asked_at = BEGIN + timedelta(hours=answers.get("hours", 24 * number - 24))
        for role in (role for role in ROLES if role in answers):
            outcomes = answers[role] if isinstance(answers[role], tuple) else (answers[role],)
            for outcome in outcomes:
                known = {"number": len(probes), "round": number, "batch": 0, "role": role, "request": "GET"}
                known |= {"target_sha256": TARGET if role in OF_TARGET else None, "outcome": outcome}
                probes.append(probe_row(**{**known, "asked_at": asked_at, "file_uri": FILE, **facts}))
    return probes


def course(*asked: Round) -> CaseStatus:
    found = CaseStatus(cast(RemovalCase, Written([], [TARGET])))
    for _, of_round in groupby(rounds(*asked), key=lambda probe: probe.round):
        found.add(list(of_round))
    return found


def state_of(*asked: Round) -> RemovalState:
    """The state of the target after rounds; it must not be removed but in a state of removal."""
    state = course(*asked).states[TARGET]
    assert state.removed == (state.state in REMOVED)
    return state


def missing(hours: float, **answers: Any) -> Round:
    return GONE | {"hours": hours} | answers


# States of a place.


@cases(
    ("later", "state"),
    [
        ([SAME], "present"),
        ([{"target": ("other_record", "elsewhere")}], "present"),
        ([{"target": "empty"}], "overwritten"),
        ([ZEROS], "overwritten"),
        ([{"target": "unreadable"}], "undecided"),
        ([ZEROS | {"after": "zeros"}], "undecided"),
        ([ZEROS | {"before": "edge"}], "overwritten"),
        ([ZEROS | {"after": "rewritten"}], "undecided"),
        ([ZEROS | {"first": "other_record"}], "undecided"),
        ([ZEROS | {"first": "failed"}], "undecided"),
        ([{"target": "other_record"}], "undecided"),
        ([{"target": ("other_record", "absent")}], "dropped"),
        ([{"target": ("beyond", "absent")}], "dropped"),
        ([{"target": ("other_record", "nowhere")}], "undecided"),
        ([{"target": ("beyond", "nowhere")}], "undecided"),
        ([{"target": ("unreadable", "nowhere"), "after": "zeros"}], "undecided"),
        ([{"target": ("zeros", "nowhere"), "after": "zeros"}], "undecided"),
        ([{"target": ("zeros", "nowhere")}], "overwritten"),
        ([{"target": ("remains", "nowhere")}], "undecided"),
        ([{"target": ("other_record", "failed")}], "undecided"),
        ([{"target": ("other_record", "absent"), "first": "zeros"}], "undecided"),
        ([{"target": ("other_record", "absent"), "first": "other_record"}], "undecided"),
        ([{"target": ("other_record", "absent"), "first": "rewritten"}], "dropped"),
        ([RIGHT | {"target": ("other_record", "absent"), "nowhere": "same"}], "undecided"),
        ([{"target": ("zeros", "gaps")}], "overwritten"),
        ([{"target": ("empty", "gaps")}], "overwritten"),
        ([{"target": ("zeros", "gaps"), "after": "zeros"}], "undecided"),
        ([{"target": ("zeros", "absent"), "after": "zeros"}], "overwritten"),
        ([{"target": ("unreadable", "absent"), "after": "zeros"}], "dropped"),
        ([{"target": ("zeros", "failed")}], "undecided"),
        ([{"target": ("other_record", "gaps")}], "undecided"),
        ([{"target": ("beyond", "gaps")}], "undecided"),
        ([{"target": "remains"}], "undecided"),
        ([{"target": ("remains", "gaps")}], "undecided"),
        ([{"target": ("remains", "absent")}], "dropped"),
        ([{"target": "unresolved"}], "undecided"),
        ([{"target": "denied"}], "restricted"),
        ([{"target": "limited"}], "undecided"),
        ([{"target": "refused"}], "undecided"),
        ([{"target": "strange"}], "undecided"),
        ([FAILED], "undecided"),
        ([{"target": "empty"}, SAME], "reappeared"),
        ([{"target": "empty"}, SAME, SAME], "reappeared"),
        ([{"target": "empty"}, FAILED], "undecided"),
        ([{"target": "other_text"}], "altered"),
        # Without the name that never was, or a server that has any.
        ([RIGHT | ZEROS | {"nowhere": ()}], "undecided"),
        ([RIGHT | ZEROS | {"nowhere": "failed"}], "undecided"),
        ([RIGHT | ZEROS | {"nowhere": "limited"}], "undecided"),
        ([RIGHT | ZEROS | {"nowhere": "same"}], "undecided"),
        # A file that is missing.
        ([missing(1)], "undecided"),
        ([missing(1), missing(24)], "undecided"),
        ([missing(1), missing(24.99)], "undecided"),
        ([missing(1), missing(12, target="failed"), missing(25)], "undecided"),
        ([missing(1), missing(12, target="denied"), missing(25)], "undecided"),
        ([missing(1), missing(25)], "withdrawn"),
        ([missing(1), missing(25, beside="missing")], "undecided"),
        ([missing(1, beside="missing"), missing(25)], "undecided"),
        ([missing(1), RIGHT | SAME | {"hours": 12}, missing(25)], "undecided"),
        ([missing(1), missing(25, unranged="missing")], "withdrawn"),
        ([missing(1), missing(25, unranged="same")], "undecided"),
        ([missing(1), missing(25, unranged="strange")], "undecided"),
        ([missing(1, unranged="same"), missing(25)], "undecided"),
        ([missing(1), missing(25, first="same")], "undecided"),
        # By our clock and the server's, whichever gives less: both offsets count by their difference only.
        ([missing(1, clock_offset=1800.0), missing(26, clock_offset=1800.0)], "withdrawn"),
        ([missing(1, clock_offset=1800.0), missing(26, clock_offset=-5400.0)], "undecided"),
        ([missing(1, clock_offset=1800.0), missing(24, clock_offset=1800.0)], "undecided"),
        ([missing(1, clock_offset=1800.0), missing(24, clock_offset=9000.0)], "undecided"),
        # An index hides it only if it lists another page.
        ([{"target": "elsewhere", "index": "unlisted", "listed": "listed"}], "hidden"),
        ([{"target": "elsewhere", "index": "unlisted", "listed": "unlisted"}], "present"),
    ],
)
def test_each_state_needs_its_evidence(later: list[Round], state: str) -> None:
    found = state_of(SAME, *later)
    assert found.state == state
    is_doubtful = state in ("undecided", "restricted", "altered", "reappeared", "hidden")
    assert bool(found.doubt) == (is_doubtful or "elsewhere" in later[-1]["target"])


@pytest.mark.parametrize(
    ("asked", "state"),
    [
        ([{"etag": '"a"'}, {"etag": 'W/"a"'}], "undecided"),
        ([{"last_modified": "Fri"}, {"last_modified": "Fri"}], "undecided"),
        ([{"last_modified": "Fri"}, {"last_modified": "Sat"}], "overwritten"),
        ([{"bytes": 9}, {"etag": '"b"', "bytes": 10}], "undecided"),
        ([{"bytes": 9}, {"target": "empty", "etag": '"b"', "bytes": 10}], "undecided"),
        ([{"bytes": 9}, {"target": "same", "bytes": 7}, {"etag": '"b"', "bytes": 8}], "overwritten"),
    ],
)
def test_nothing_is_removed_from_the_version_that_was_read_nor_from_a_longer_file(
    asked: list[Round], state: str
) -> None:
    assert state_of(SAME | asked[0], *(ZEROS | each for each in asked[1:])).state == state


@cases(
    ("at_commit", "newest", "state"),
    [
        ("same", "same", "present"),
        ("same", "elsewhere", "present"),
        ("same", "nowhere", "superseded"),
        ("same", "absent", "superseded"),
        ("same", "missing", "superseded"),
        ("same", "other_text", "superseded"),
        ("same", "beyond", "present"),
        ("same", "failed", "present"),
        ("same", "denied", "present"),
        ("missing", "nowhere", "undecided"),
        ("missing", "absent", "dropped"),
        ("missing", "missing", "withdrawn"),
        ("missing", "same", "present"),
        ("missing", "elsewhere", "present"),
        ("missing", "other_text", "altered"),
        ("missing", "denied", "restricted"),
        ("missing", "beyond", "undecided"),
        ("missing", "failed", "undecided"),
        ("missing", (), "undecided"),
        ("denied", "denied", "restricted"),
        ("denied", "missing", "restricted"),
        ("failed", "absent", "undecided"),
    ],
)
def test_on_a_hub_the_newest_revision_decides_with_the_commit(
    at_commit: str, newest: str | tuple[()], state: str
) -> None:
    now = (GONE if at_commit == "missing" else RIGHT) | {"target": at_commit, "newest": newest}
    read = SAME | {"newest": "same", "file_uri": "hf://x"}
    found = [now | {"hours": hours, "file_uri": "hf://x"} for hours in (1, 25)]
    assert state_of(read, *found).state == state
    if at_commit == "missing" and newest == "absent":
        assert state_of(read, found[0]).state == "undecided", "it was missing only once"


@pytest.mark.parametrize(("words", "state"), [(7, "present"), (0, "superseded"), (None, "superseded")])
def test_a_page_with_words_of_the_article_in_the_newest_revision_is_not_superseded(
    words: int | None, state: str
) -> None:
    read = SAME | {"copied_words": words, "file_uri": "hf://x"}
    assert state_of(read | {"newest": "same"}, read | {"newest": "other_text"}).state == state


@pytest.mark.parametrize(
    ("outcomes", "words", "no_word"),
    [("other_text", 40, False), ("other_text", 1, False), ("other_text", 0, True),
     # Words that are left count, though the whole file was read without the text.
     (("remains", "absent"), 7, False)],
)  # fmt: skip
def test_another_text_is_no_removal_though_no_word_is_left(outcomes: Any, words: int, no_word: bool) -> None:
    found = state_of(SAME, {"target": outcomes, "copied_words": words})
    assert (found.state, found.left) == ("altered", words)
    assert ("no word of the article" in found.doubt) == no_word


def test_the_doubt_of_a_state_gives_its_reason() -> None:
    found = state_of(SAME, {"target": "other_text", "copied_words": 0}, SAME)
    assert (found.state, found.doubt) == ("reappeared", "it was altered before")
    assert "ever read it" in state_of(ZEROS, ZEROS).doubt
    assert state_of(SAME, RIGHT | ZEROS | {"nowhere": "same"}).doubt == (
        "the server answers for a made-up name"
    )
    unasked = course().states[TARGET]
    assert (unasked.state, unasked.doubt, unasked.probes) == ("undecided", "it has not been probed yet", ())


def test_a_state_names_the_probes_that_it_rests_on() -> None:
    # The first round has probes 0 to 4; the second those of the target, before, after, first and nowhere.
    assert state_of(SAME, ZEROS).probes == (5, 6, 7, 8, 9)
    assert state_of(SAME, missing(1), missing(25)).probes == (5, 9, 10, 11, 12)
    hidden = state_of(SAME, SAME | {"index": ("listed", "unlisted"), "listed": "listed"})
    assert (hidden.state, hidden.probes) == ("hidden", (5, 9))


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
    found = course(*({"target": outcome} for outcome in outcomes))
    read_at = {} if day is None else {TARGET: [BEGIN + timedelta(days=day)]}
    assert {target: [each.at for each in readings] for target, readings in found.readings.items()} == read_at


def test_a_capture_that_is_found_between_rounds_counts_from_the_next_one_on() -> None:
    captured = dict.fromkeys(("target", *RIGHT), ()) | {"recapture": "recaptured"}
    between = [SAME, captured, SAME, captured, SAME]
    expected = ["present", "present", "recaptured", "recaptured", "recaptured"]
    assert [state_of(*between[:known]).state for known in range(1, 6)] == expected
    assert state_of(*between).probes == (5, 11, 12)


some_rounds = st.lists(
    st.tuples(
        st.floats(0, 40),
        st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=3).map(tuple),
        st.dictionaries(
            st.sampled_from(("first", "before", "after", "beside", "nowhere")),
            st.sampled_from((*OUTCOMES, "edge", "rewritten")),
            max_size=5,
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(some_rounds, st.sampled_from((None, *OUTCOMES)), st.booleans(), st.sampled_from((None, 0, 12)))
def test_nothing_is_removed_that_a_probe_of_the_last_round_could_read(
    found: list[Any], newest: str | None, on_hub: bool, words: int | None
) -> None:
    """Nor what the newest revision of a file on a hub could give."""
    ordered = sorted(found, key=lambda each: each[0])
    asked: list[Row] = [
        {"nowhere": (), **controls, "target": outcomes, "hours": hours, "copied_words": words}
        for hours, outcomes, controls in ordered
    ]
    if on_hub:
        asked = [each | {"file_uri": "hf://x"} for each in asked]
        asked[-1]["newest"] = newest or ()
    last, state = set(asked[-1]["target"]), state_of(*asked)
    if on_hub and newest in (None, "denied", "nowhere", *states.READS, *states.FAILURES):
        assert not state.removed
    if last & states.READS:
        assert not state.removed
        assert state.state in ("present", "reappeared", *(["superseded"] if on_hub else []))
    if last & states.FAILURES.keys() or "denied" in last:
        assert not state.removed
    if "other_text" in last or (words and "remains" in last):
        assert not state.removed
    if state.state == "dropped" and not on_hub:
        assert "absent" in last
    if state.removed:
        assert any("same" in outcomes for _, outcomes, _ in ordered)
        assert state.probes


# Alarms, each in the round that brought it.

CAPTURED = {"recapture": "recaptured"}
HIDDEN = SAME | {"index": "unlisted", "listed": "listed"}
SHOWN = SAME | {"index": "listed", "listed": "listed"}
ONE, TWO = SAME | {"etag": "1", "bytes": 9}, SAME | {"etag": "2", "bytes": 9}
DATED = ONE | {"last_modified": "Fri"}
PAGE_OF_ERRORS = dict.fromkeys((*RIGHT, "target"), "strange") | {"etag": "2"}


@cases(
    ("asked", "alarms"),
    [
        ([SAME, ZEROS, SAME, SAME], [(3, "reappeared")]),
        ([SAME, ZEROS, SAME, ZEROS, SAME], [(3, "reappeared"), (5, "reappeared")]),
        # A round that failed brings no alarm again.
        ([SAME, ZEROS, SAME, FAILED, SAME], [(3, "reappeared")]),
        ([SAME, ZEROS, SAME, {"target": "denied"}, SAME], [(3, "reappeared")]),
        ([SAME, ZEROS, {"target": "limited"}, SAME], [(4, "reappeared")]),
        # A text that is back at its place, though it was captured again.
        ([SAME, ZEROS | CAPTURED, SAME, SAME], [(2, "recaptured"), (3, "reappeared")]),
        ([SAME, SAME | CAPTURED, ZEROS, SAME], [(2, "recaptured"), (4, "reappeared")]),
        # A removed text that is captured again, once for each time that it was gone.
        ([SAME, ZEROS, ZEROS | CAPTURED, ZEROS | CAPTURED], [(3, "recaptured")]),
        ([SAME, SAME | CAPTURED, SAME | CAPTURED, ZEROS, ZEROS | CAPTURED, ZEROS | CAPTURED],
         [(2, "recaptured"), (5, "recaptured")]),
        ([SAME, ZEROS | CAPTURED, FAILED, ZEROS | CAPTURED], [(2, "recaptured")]),
        # An index that keeps hiding a record.
        ([SHOWN, HIDDEN, HIDDEN], [(2, "index disagrees")]),
        ([SHOWN, HIDDEN, SAME | {"index": "limited"}, HIDDEN], [(2, "index disagrees")]),
        ([SHOWN, HIDDEN, HIDDEN | FAILED, HIDDEN], [(2, "index disagrees")]),
        ([SHOWN, HIDDEN, SHOWN, HIDDEN], [(2, "index disagrees"), (4, "index disagrees")]),
        # A file that changed.
        ([ONE, TWO, TWO], [(2, "file changed")]),
        ([ONE, TWO, ONE], [(2, "file changed"), (3, "file changed")]),
        # Another ETag of the same size and time is no change, but on a disk.
        ([DATED, DATED | {"etag": "2"}], []),
        ([DATED, DATED | {"etag": "2", "bytes": 8}], [(2, "file changed")]),
        ([DATED, DATED | {"etag": "2", "last_modified": "Sat"}], [(2, "file changed")]),
        ([DATED, DATED | {"etag": "mtime-2"}], [(2, "file changed")]),
        # The ETag of a page of errors is none of the file.
        ([ONE, PAGE_OF_ERRORS, ONE], []),
        # Nor is that of an index.
        ([ONE, {"target": (), "nowhere": (), "index": "listed", "etag": "2"}], []),
    ],
)  # fmt: skip
def test_each_alarm_is_told_once_in_the_round_that_brought_it(
    asked: list[Round], alarms: list[tuple[int, str]]
) -> None:
    assert [(alarm.round, alarm.kind) for alarm in course(*asked).alarms] == alarms


@pytest.mark.parametrize(("before", "is_said"), [(SAME, False), (ZEROS, True)])
def test_the_alarm_of_a_later_capture_says_whether_the_text_was_removed(before: Round, is_said: bool) -> None:
    (alarm,) = course(SAME, {**before, **CAPTURED}).alarms
    assert ("it was removed from its place" in str(alarm.detail)) == is_said


def test_an_alarm_is_told_in_french_too() -> None:
    (alarm,) = course(ONE, TWO).alarms
    assert str(alarm.detail) == "its ETag was 1, and is 2"
    assert Translator("fr").sentence(alarm.detail) == "son ETag était 1, et est devenu 2"


# A plain reference: what the documentation says of each state, of all rows at once.

EMPTY = dict.fromkeys(Probe.schema.names)
TARGETS = ("1" * 64, "2" * 64)
FAILURES = {"limited", "refused", "strange", "failed"}
CONTROLS = RIGHT | {"beside": "same"}
ODDLY = ("same", "missing", "failed", "denied", "zeros", "rewritten", "edge", "other_record")
WEIGHTS = {
    "same": 9, "elsewhere": 2, "other_text": 3, "empty": 3, "zeros": 5, "unreadable": 2, "remains": 2,
    "other_record": 2, "beyond": 1, "nowhere": 2, "absent": 4, "gaps": 1, "missing": 8, "denied": 1,
    "failed": 2, "strange": 1, "unresolved": 1,
}  # fmt: skip


@dataclass
class Written:
    """A case whose rounds are in memory."""

    rows: Sequence[Row]
    named: Sequence[str] = TARGETS

    def targets(self) -> list[Target]:
        named = {"row_sha256": "r", "record_offset": 0, "row_index": None, "place": "record", "release": "R"}
        named |= {"document_url": "https://a.example/", "article_id": "a", "title_id": "t"}
        return [target_row(target_sha256=target, **named) for target in self.named]

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
    often = {random.choice(("missing", *WEIGHTS)): 30}

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
            weights = {"same": 1} if number == 1 and random.random() < 0.8 else WEIGHTS | often
            outcomes = random.choices(list(weights), list(weights.values()), k=random.choice([1, 1, 2]))
            for outcome in outcomes:
                words = random.choice([None, 0, 0, 7])
                counted = {"copied_words": words, "record_offset": random.choice([None, 1])}
                add("target", target, outcome, **shared, **counted)
            # Of a file that is missing, all is.
            lost = dict.fromkeys(("first", "unranged"), "missing") if "missing" in outcomes else {}
            for role, outcome in (CONTROLS | lost).items():
                if random.random() > 0.05:
                    said = outcome if random.random() > 0.1 else random.choice(ODDLY)
                    add(role, target if role in ("before", "after") else None, said, **shared)
            if random.random() < 0.3:
                add("index", target, random.choice(["listed", "unlisted", "failed"]), **shared)
                add("listed", None, random.choice(["listed", "listed", "unlisted"]), **shared)
            if random.random() < 0.04:
                add("recapture", target, "recaptured", **shared)
    return rows


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
        for role in CONTROLS
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
