"""The reservation in force: what stands before a page's capture, what after it, and what that makes."""

import json
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from presswatch_spark.core.scan_values import Capture
from presswatch_spark.matching.reservations.in_force import Declaration, Declarations, InForce, in_force
from presswatch_spark.matching.reservations.verdicts import place_of
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.digests import row_digest
from tests.world.proofs import cases
from tests.world.rights import NOON, PAGE, ROBOTS, SITE, TDMREP, capture, robots, signal_rows

FORBIDS, LETS_IN = "User-agent: *\nDisallow: /", "User-agent: *\nDisallow: /admin/"
RULES = '[{"location": "/libre/", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]'
LIBRE, AI_TXT = f"{SITE}/libre/1", f"{SITE}/ai.txt"
AGENTS = ("GPTBot", "CCBot", "Google-Extended", "*")
Case = tuple[str, tuple[Capture, ...], dict[str, Any]]


def answer(rows: list[dict[str, Any]], url: str = PAGE, at: float = 0, agent: str = "CCBot") -> InForce:
    declared = Declarations(map(RightsSignal.from_dict, rows))
    return in_force(after(at), declared.for_capture(url, after(at), agent), declared.has_robots(url))


def found(*captures: Capture) -> InForce:
    return answer(signal_rows(*captures))


def status(*captures: Capture, **asked: Any) -> str:
    return answer(signal_rows(*captures), **asked).status


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def file(body: str, seconds: float, url: str = ROBOTS, **facts: Any) -> Capture:
    """A file of the site, captured so many seconds after the page."""
    return robots(body, url, **({"at": after(seconds), "record_id": f"<{body} {seconds}>"} | facts))


def page(*headers: tuple[str, str], meta: str = "", url: str = PAGE, at: float = 0, **facts: Any) -> Capture:
    """The page, with headers, and a meta `name=content`."""
    name, _, content = meta.partition("=")
    body = f'<meta name="{name}" content="{content}">' if meta else ""
    return capture(body, url, *headers, at=after(at), **facts)


def case(expected: str, *captures: Capture, **asked: Any) -> Case:
    return expected, captures, asked


def tdmrep(*rules: tuple[str, object]) -> Capture:
    """A tdmrep.json; a rule without a value has none."""
    listed = [
        {"location": where} | ({} if value is None else {"tdm-reservation": value}) for where, value in rules
    ]
    return file(json.dumps(listed), -1, TDMREP)


def lines(*lines: str) -> Capture:
    """A robots.txt with these lines for any agent."""
    return file("\n".join(["User-agent: *", *lines, "Allow: /"]), -1)


MISSING, UNREACHABLE = {"status": 404}, {"status": 503}
BEFORE, LATER = file(FORBIDS, -1), file(FORBIDS, 1)
OPEN_BEFORE, OPEN_LATER = file(LETS_IN, -1), file(LETS_IN, 1)
NOAI = page(("X-Robots-Tag", "noai"))
ABOUT_PATHS = file(
    "User-agent: *\nDisallow: /abonnes/\nAllow: /abonnes/libre/\nDisallow: /*?print=\nDisallow: /*/2?", -1
)
OF_GPTBOT = file("User-agent: GPTBot\nDisallow: /\n\nUser-agent: *\nAllow: /", -1)
TWO_READINGS = file("User-agent: CCBot\nCrawl-delay: 9\n\nUser-agent: *\nDisallow: /abonnes/", -1)
CUT_RULES = file("User-agent: *\n" + "".join(f"Disallow: /{n}/\n" for n in range(1000)), -1)
MANY_PREFERENCES = [f"Content-Usage: /{n}/ train-ai=y\n" for n in range(60)]
OUTSIDE = "Content-Signal: ai-train=no\nUser-agent: *\n"
USAGE = file("User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /libre/ train-ai=y\nAllow: /", -1)
SIGNAL = file("User-agent: *\nContent-Signal: ai-train=no\nAllow: /", -1)
TWICE = page(("TDM-Reservation", "1"), ("TDM-Reservation", "0"))
WITHDRAWN = (BEFORE, OPEN_LATER)
MADE = (file("", -1, TDMREP, **MISSING), file(RULES, 1, TDMREP))
CASES: dict[str, list[Case]] = {
    "without any declaration nothing is known": [
        case("unknown"),
        case("unknown", capture("<p>une page", PAGE)),
    ],
    "a moment may be anywhere in its second": [
        case("both", file(FORBIDS, 0.999)),
        case("both", file(FORBIDS, 0), at=0.5),
        case("before", file(FORBIDS, -0.001)),
        case("conflicting", file(FORBIDS, 0.2), file(LETS_IN, 0.8)),
        case("conflicting", file(FORBIDS, 0), file(LETS_IN, 0)),
        case("both", file(FORBIDS, 0), file(FORBIDS, 0)),
        case("conflicting", file(LETS_IN, 0.2), file(FORBIDS, 0.5), file(LETS_IN, 0.8)),
    ],
    "what a page declares is that of its own second": [
        case("both", page(("X-Robots-Tag", "noai"), at=0.25), at=0.25),
        case("both", page(("X-Robots-Tag", "noai"), at=0.25)),
        case("unknown", page(("X-Robots-Tag", "noai"), at=0.25), at=1),
        case("conflicting", *(page(("TDM-Reservation", v), record_id=f"<{v}>") for v in ("0", "1"))),
    ],
    "two declarations agree or not": [
        case("both", BEFORE, LATER),
        case("conflicting", BEFORE, OPEN_LATER),
        case("conflicting", OPEN_BEFORE, LATER),
        case("none", OPEN_BEFORE, OPEN_LATER),
    ],
    "a file that could not be had is in doubt": [
        case("before", BEFORE, file("", 1, **UNREACHABLE)),
        case("after", file("", -1, **UNREACHABLE), LATER),
        case("unknown", OPEN_BEFORE, file("", 1, **UNREACHABLE)),
        case("unknown", file("", -1, **UNREACHABLE), OPEN_LATER),
        case("unknown", file("", -1, **UNREACHABLE)),
    ],
    "a missing robots.txt allows and withdraws": [
        case("none", file("", -1, **MISSING)),
        case("conflicting", BEFORE, file("", 1, **MISSING)),
    ],
    "another source that reserves undisputed counts": [
        case("before", BEFORE, OPEN_BEFORE, file(RULES, -1, TDMREP)),
    ],
    "another host, scheme or port is another site": [
        case("unknown", BEFORE, url="https://courrier.example/une/1"),
        case("unknown", BEFORE, url="http://www.courrier.example/une/1"),
        case("unknown", BEFORE, url="https://www.courrier.example:8443/une/1"),
        case("unknown", BEFORE, url="https://www.courrier.example:80/une/1"),
        case("unknown", BEFORE, url="https://blog.www.courrier.example/une/1"),
        case("unknown", BEFORE, url="nonsense"),
        case("before", BEFORE, url="HTTPS://WWW.COURRIER.example:443/une/1"),
    ],
    "each agent has its own": [
        case("before" if agent == "GPTBot" else "none", OF_GPTBOT, agent=agent) for agent in AGENTS
    ],
    "rules are those for the page's own path": [
        case("before", ABOUT_PATHS, url=f"{SITE}/abonnes/1"),
        case("none", ABOUT_PATHS, url=f"{SITE}/abonnes/libre/1"),
        case("before", ABOUT_PATHS, url=f"{SITE}/une/1?print=1"),
        case("before", ABOUT_PATHS, url=f"{SITE}/une/2?"),
        case("none", ABOUT_PATHS, url=f"{SITE}/une/2#?"),
        case("none", ABOUT_PATHS),
        case("none", file("User-agent: *\nDisallow: /x\u2028Disallow: /", -1)),
    ],
    "where readers differ on whose rules they are, it counts whether they agree on the page": [
        case("none", TWO_READINGS),
        case("unknown", TWO_READINGS, url=f"{SITE}/abonnes/1"),
        case("before", TWO_READINGS, url=f"{SITE}/abonnes/1", agent="GPTBot"),
    ],
    "what was cut or left out leaves doubt, though another source allows": [
        case("unknown", CUT_RULES),
        case("unknown", CUT_RULES, tdmrep(("/", 0))),
        case("unknown", tdmrep((f"/{'x' * 5000}", 1)), OPEN_BEFORE),
        case("unknown", file("User-agent: *\nAllow: /\n" + "".join(MANY_PREFERENCES), -1)),
    ],
    "what the page declares at its capture is on both sides": [
        case("both", NOAI),
        case("both", page(("X-Robots-Tag", "ccbot: noai"))),
        case("both", page(("X-Robots-Tag", "*: noai"))),
        case("unknown", page(("X-Robots-Tag", "otherbot: noai"))),
        case("unknown", page(("Content-Usage", "train-ai=y"))),
        case("unknown", page(("Content-Usage", "train-ai=?"))),
        case("both", page(meta="ccbot=noml")),
        case("unknown", page(meta="gptbot=noai")),
        case("both", page(meta="tdm-reservation=1")),
        case("unknown", page(meta="tdm-reservation=0")),
        case("unknown", page(meta="tdm-reservation=1", url=PAGE + "0")),
        case("unknown", page(meta="tdm-reservation=1", at=1)),
    ],
    "of the rules of tdmrep.json the first that is about the page counts": [
        case("none", tdmrep(("/libre/", 0), ("/", 1)), OPEN_BEFORE, url=LIBRE),
        case("before", tdmrep(("/", 1), ("/libre/", 0)), OPEN_BEFORE, url=LIBRE),
        case("none", tdmrep(("/libre/1", 0), ("/", 1), ("/libre/1", 1)), OPEN_BEFORE, url=LIBRE),
        case("before", tdmrep(("/ailleurs/", 0), ("*", 1), ("/libre/", 0)), OPEN_BEFORE, url=LIBRE),
        case("before", tdmrep(("/libre/1$", 1), ("/libre/", 0)), OPEN_BEFORE, url=LIBRE),
        case("unknown", tdmrep(("/libre/", 2), ("/", 1)), OPEN_BEFORE, url=LIBRE),
        case("unknown", tdmrep(("/libre/", None), ("/", 1)), OPEN_BEFORE, url=LIBRE),
        case("before", tdmrep(("/ailleurs/", None), ("/", 1)), OPEN_BEFORE, url=LIBRE),
        case("none", tdmrep(("/ailleurs/", 1)), OPEN_BEFORE, url=LIBRE),
    ],
    "a tdmrep.json may be missing or unreadable": [
        case("before", file(RULES, -1, TDMREP)),
        case("conflicting", file(RULES, -1, TDMREP), file("", 1, TDMREP, **MISSING)),
        case("unknown", file("", -1, TDMREP, **MISSING)),
        case("unknown", file("{", -1, TDMREP)),
        case("unknown", file('[{"location": "/", "tdm-reservation": 1, "tdm-reservation": 0}]', -1, TDMREP)),
        case("unknown", tdmrep(("/x\nallow: /\ndisallow: /", 1))),
    ],
    "of TDMRep the page's metas count before its headers, and these before the file": [
        case("both", page(("TDM-Reservation", "1")), tdmrep(("/", 0))),
        case("none", page(meta="tdm-reservation=0"), file(RULES, -1, TDMREP), OPEN_BEFORE),
        case("none", page(("TDM-Reservation", "1"), meta="tdm-reservation=0"), OPEN_BEFORE),
    ],
    "of TDMRep errors supersede nothing, and of values that differ none is chosen": [
        case("unknown", page(meta="tdm-reservation=yes")),
        case("unknown", page(meta="tdm-reservation=yes"), OPEN_BEFORE),
        case("before", page(meta="tdm-reservation=yes"), file(RULES, -1, TDMREP)),
        case("both", page(("TDM-Reservation", "1"), meta="tdm-reservation=yes")),
        case("unknown", TWICE),
        case("unknown", TWICE, file(RULES, -1, TDMREP)),
    ],
    "preferences within robots.txt reserve, and are withdrawn with it": [
        case("before", SIGNAL),
        case("conflicting", SIGNAL, OPEN_LATER),
        case("before", USAGE),
        case("none", USAGE, url=LIBRE),
    ],
    "preferences outside any group leave doubt and undo no reservation": [
        case("unknown", file(f"{OUTSIDE}Allow: /", -1)),
        case("before", file(f"{OUTSIDE}Content-Signal: ai-train=no\nAllow: /", -1)),
    ],
    "reservations of two sources complete each other": [
        case("both", BEFORE, file(RULES, 1, TDMREP)),
        case("before", file(RULES, -1, TDMREP), OPEN_BEFORE, OPEN_LATER),
        case("before", file(RULES, -1, TDMREP), *WITHDRAWN),
    ],
    "one reservation withdrawn and another one made may leave a gap around the page": [
        case("conflicting", *WITHDRAWN, *MADE),
        # It may have stood before.
        case("both", *WITHDRAWN, MADE[1]),
        case("both", *WITHDRAWN, *MADE, NOAI),
    ],
    "ai.txt counts, and its absence says nothing": [
        case("before", file(FORBIDS, -1, AI_TXT)),
        case("unknown", file("", -1, AI_TXT, **MISSING)),
        case("none", file("", -1, AI_TXT, **MISSING), OPEN_BEFORE),
        case("unknown", file("User-agent: GPTBot\nAllow: /", -1, AI_TXT), file("", -1, **UNREACHABLE)),
        case("unknown", file("No training.", -1, AI_TXT), OPEN_BEFORE),
        case("conflicting", file(FORBIDS, -1, AI_TXT), file("User-agent: GPTBot\nAllow: /", 1, AI_TXT)),
    ],
}


@cases("sentence", CASES)
def test_whatever_the_order_of_captures_and_rows(sentence: str) -> None:
    for expected, captures, asked in CASES[sentence]:
        for order in permutations(captures):
            rows = signal_rows(*order)
            for each in (rows, rows[::-1]):
                assert answer(each, **asked).status == expected, (expected, captures, asked)


@cases(
    ("seconds", "expected"),
    [(-86_400, "before"), (-1, "before"), (0, "both"), (1, "after"), (86_400, "after")],
)
def test_one_declaration_stands_where_its_second_puts_it(seconds: int, expected: str) -> None:
    reserved = found(file(FORBIDS, seconds))
    assert reserved.status == expected
    assert [side and side.at for side in (reserved.before, reserved.after)] == [
        after(seconds) if seconds <= 0 else None,
        after(seconds) if seconds >= 0 else None,
    ]
    assert status(file(LETS_IN, seconds)) == "none"


def test_only_the_nearest_on_each_side_count() -> None:
    for order in permutations([file(LETS_IN, -2), BEFORE, file(FORBIDS, 3), file(LETS_IN, 4)]):
        nearest = found(*order)
        sides = [side and side.at for side in (nearest.before, nearest.after)]
        assert (nearest.status, sides) == ("both", [after(-1), after(3)])


@pytest.mark.parametrize("seconds", [-1, 1])
def test_of_captures_of_one_second_the_record_id_does_not_decide(seconds: int) -> None:
    for ids in permutations(("<1>", "<2>")):
        forbids, lets_in = (
            file(body, seconds, record_id=record)
            for body, record in zip((FORBIDS, LETS_IN), ids, strict=True)
        )
        assert status(forbids, lets_in) == "conflicting"
        in_doubt = file("", seconds, record_id="<3>", **UNREACHABLE)
        assert status(lets_in, in_doubt) == "unknown"
        assert status(forbids, in_doubt) == ("before" if seconds < 0 else "after")


@cases(
    "allowing",
    [
        page(("Content-Usage", "train-ai=y")),
        page(meta="tdm-reservation=0"),
        tdmrep(("/", 0)),
        file("User-agent: *\nAllow: /", -1, AI_TXT),
    ],
)
def test_what_allows_elsewhere_does_not_say_what_robots_txt_would_have(allowing: Capture) -> None:
    assert status(allowing) == status(allowing, file("", -1, **UNREACHABLE)) == "unknown"
    assert status(allowing, file(LETS_IN, -1, "http://www.courrier.example/robots.txt")) == "unknown"
    assert status(allowing, OPEN_BEFORE) == status(allowing, OPEN_LATER) == "none"


@cases(
    ("preferences", "expected"),
    [
        (["Content-Usage: search=y", "Content-Usage: train-ai=n"], "before"),
        (["Content-Usage: train-ai=y", "Content-Usage: train-ai=n"], "before"),
        (["Content-Usage: / train-ai=y", "Content-Usage: train-ai=n"], "before"),
        (["Content-Usage: train-ai=y", "Content-Usage: train-ai=perhaps"], "unknown"),
        (["Content-Usage: /libre/ search=y", "Content-Usage: train-ai=n"], "none"),
        (["Content-Usage: /libre/1 train-ai=n", "Content-Usage: /libre/ train-ai=y"], "before"),
        (["Content-Signal: search=yes", "Content-Signal: ai-train=no"], "before"),
        (["Content-Signal: ai-train=yes", "Content-Signal: ai-train=no"], "unknown"),
    ],
)
def test_of_preferences_on_one_path_aipref_takes_the_most_restrictive(
    preferences: list[str], expected: str
) -> None:
    for order in permutations(preferences):
        assert status(lines(*order), url=LIBRE) == expected


def test_the_declaration_that_reserves_is_shown_whatever_is_beside_it() -> None:
    both = found(NOAI, OPEN_BEFORE, OPEN_LATER)
    doubted = found(BEFORE, file("", -1, TDMREP, **UNREACHABLE))
    shown = [each.before and each.before.row for each in (both, doubted)]
    assert [row and (row.signal, row.verdict) for row in shown] == [
        ("x_robots_tag", "reserved"),
        ("robots_txt", "reserved"),
    ]
    assert (both.status, doubted.status) == ("both", "before")
    sides = [[Declaration(NOON, verdict)] for verdict in ("allowed", "unknown", None)]
    strongest = in_force(NOON, sides)
    assert (strongest.status, strongest.before) == ("unknown", Declaration(NOON, "unknown"))


def test_rows_that_are_there_twice_or_without_time_change_nothing() -> None:
    told = signal_rows(BEFORE, OPEN_LATER)
    timeless = [row | {"captured_at": None, "row_sha256": str(number)} for number, row in enumerate(told)]
    about = [
        list(Declarations(map(RightsSignal.from_dict, each)).for_capture(PAGE, NOON, "CCBot"))
        for each in (told, [*told, *told, *timeless])
    ]
    assert about[0] == about[1]
    assert all(row["row_sha256"] == row_digest(row) for row in told)
    assert place_of("nonsense") is None
