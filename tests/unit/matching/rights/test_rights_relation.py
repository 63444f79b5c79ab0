"""The reservation in force: what stands before a page's capture, what after it, and what that makes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from presswatch_spark.core.model import Capture
from presswatch_spark.matching.rights.declaration import place_of
from presswatch_spark.matching.rights.in_force import Declaration, Declared, InForce, in_force
from presswatch_spark.matching.rights.signals import signal_rows
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.digests import row_digest
from tests.world.captures import NOON, PAGE, ROBOTS, capture, robots

FORBIDS, LETS_IN = "User-agent: *\nDisallow: /", "User-agent: *\nDisallow: /admin/"
TDMREP = "https://www.courrier.example/.well-known/tdmrep.json"


class Everybody:
    """Members to whom every site belongs."""

    def owner(self, url: str) -> Any:
        return type("Owner", (), {"title_id": "courrier", "publisher_id": "rives"})


def rows(*captures: Capture) -> list[dict[str, Any]]:
    found = (signal_rows(each, Everybody(), "shard", None) for each in captures)  # type: ignore[arg-type]
    return [row.as_dict() for each in found for row in each]


def found(*captures: Capture, url: str = PAGE, at: datetime = NOON, agent: str = "CCBot") -> InForce:
    declared = Declared(map(RightsSignal.from_dict, rows(*captures)))
    return in_force(at, declared.about(url, at, agent), declared.has_robots(url))


def status(*captures: Capture, **asked: Any) -> str:
    return found(*captures, **asked).status


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def file(body: str, seconds: float, url: str = ROBOTS, **facts: Any) -> Capture:
    return robots(body, url, at=after(seconds), record_id=f"<{body} {seconds}>", **facts)


@pytest.mark.parametrize(
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


def test_a_moment_may_be_anywhere_in_its_second() -> None:
    assert status(file(FORBIDS, 0.999)) == "both"
    assert status(file(FORBIDS, 0), at=after(0.5)) == "both"
    assert status(file(FORBIDS, -0.001)) == "before"
    assert status(file(FORBIDS, 0.2), file(LETS_IN, 0.8)) == "conflicting"


def test_no_capture_within_the_second_of_a_page_is_the_nearest() -> None:
    within = [file(LETS_IN, 0.2), file(FORBIDS, 0.5), file(LETS_IN, 0.8)]
    for order in permutations(within):
        assert status(*order) == "conflicting"


def test_what_a_page_declares_is_that_of_its_own_second() -> None:
    response = capture("", PAGE, ("X-Robots-Tag", "noai"), at=after(0.25))
    assert [status(response, at=after(at)) for at in (0.25, 0, 1)] == ["both", "both", "unknown"]


@pytest.mark.parametrize(
    ("before", "later", "expected"),
    [
        (FORBIDS, FORBIDS, "both"),
        (FORBIDS, LETS_IN, "conflicting"),
        (LETS_IN, FORBIDS, "conflicting"),
        (LETS_IN, LETS_IN, "none"),
    ],
)
def test_two_declarations_agree_or_not(before: str, later: str, expected: str) -> None:
    assert status(file(before, -1), file(later, 1)) == expected


@pytest.mark.parametrize(
    ("body", "expected"), [(FORBIDS, ("before", "after")), (LETS_IN, ("unknown", "unknown"))]
)
def test_a_file_that_could_not_be_had_is_in_doubt(body: str, expected: tuple[str, str]) -> None:
    assert status(file(body, -1), file("", 1, status=503)) == expected[0]
    assert status(file("", -1, status=503), file(body, 1)) == expected[1]
    assert status(file("", -1, status=503)) == "unknown"


def test_a_missing_robots_txt_allows_and_withdraws() -> None:
    assert status(file("", -1, status=404)) == "none"
    assert status(file(FORBIDS, -1), file("", 1, status=404)) == "conflicting"


def test_only_the_nearest_on_each_side_count() -> None:
    captures = [file(LETS_IN, -2), file(FORBIDS, -1), file(FORBIDS, 3), file(LETS_IN, 4)]
    for order in permutations(captures):
        nearest = found(*order)
        assert nearest.status == "both"
        assert nearest.before
        assert nearest.after
        assert (nearest.before.at, nearest.after.at) == (after(-1), after(3))


def test_two_captures_of_one_second_that_differ_conflict() -> None:
    assert status(file(FORBIDS, 0), file(LETS_IN, 0)) == "conflicting"
    assert status(file(FORBIDS, 0), file(FORBIDS, 0)) == "both"


@pytest.mark.parametrize("seconds", [-1, 1])
def test_of_captures_of_one_second_the_record_id_does_not_decide(seconds: int) -> None:
    for ids in permutations(("<1>", "<2>")):
        captures = [
            robots(body, at=after(seconds), record_id=record)
            for body, record in zip((FORBIDS, LETS_IN), ids, strict=True)
        ]
        assert status(*captures) == "conflicting"
        in_doubt = robots("", at=after(seconds), record_id="<3>", status=503)
        assert status(captures[1], in_doubt) == "unknown"
        assert status(captures[0], in_doubt) == ("before" if seconds < 0 else "after")


def test_another_source_that_reserves_undisputed_counts() -> None:
    assert status(file(FORBIDS, -1), file(LETS_IN, -1), file(RULES, -1, TDMREP)) == "before"


def test_two_captures_of_a_page_in_one_second_that_differ_conflict() -> None:
    pages = [capture("", PAGE, ("TDM-Reservation", value), record_id=f"<{value}>") for value in ("0", "1")]
    for order in permutations(pages):
        assert status(*order) == "conflicting"


def test_without_any_declaration_nothing_is_known() -> None:
    assert found() == InForce("unknown")
    assert status(capture("<p>une page", PAGE)) == "unknown"


@pytest.mark.parametrize(
    "url",
    [
        "https://courrier.example/une/1",
        "http://www.courrier.example/une/1",
        "https://www.courrier.example:8443/une/1",
        "https://www.courrier.example:80/une/1",
        "https://blog.www.courrier.example/une/1",
    ],
)
def test_another_host_scheme_or_port_is_another_site(url: str) -> None:
    assert status(file(FORBIDS, -1), url=url) == "unknown"


def test_the_default_port_and_the_case_of_the_host_are_no_difference() -> None:
    assert status(file(FORBIDS, -1), url="HTTPS://WWW.COURRIER.example:443/une/1") == "before"


def test_each_agent_has_its_own() -> None:
    declared = file("User-agent: GPTBot\nDisallow: /\n\nUser-agent: *\nAllow: /", -1)
    assert [status(declared, agent=agent) for agent in ("GPTBot", "CCBot", "Google-Extended", "*")] == [
        "before",
        "none",
        "none",
        "none",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/abonnes/1", "before"),
        ("/abonnes/libre/1", "none"),
        ("/une/1?print=1", "before"),
        ("/une/2?", "before"),
        ("/une/2#?", "none"),
        ("/une/1", "none"),
    ],
)
def test_rules_are_those_for_the_pages_own_path(path: str, expected: str) -> None:
    body = "User-agent: *\nDisallow: /abonnes/\nAllow: /abonnes/libre/\nDisallow: /*?print=\nDisallow: /*/2?"
    assert status(file(body, -1), url=f"https://www.courrier.example{path}") == expected


def test_where_readers_differ_on_whose_rules_they_are_it_counts_whether_they_agree_on_the_page() -> None:
    declared = file("User-agent: CCBot\nCrawl-delay: 9\n\nUser-agent: *\nDisallow: /abonnes/", -1)
    assert status(declared) == "none"
    assert status(declared, url="https://www.courrier.example/abonnes/1") == "unknown"
    assert status(declared, url="https://www.courrier.example/abonnes/1", agent="GPTBot") == "before"


def test_rules_that_were_cut_leave_doubt() -> None:
    body = "User-agent: *\n" + "".join(f"Disallow: /{number}/\n" for number in range(1000))
    assert status(file(body, -1)) == "unknown"


def test_a_line_within_a_line_is_no_rule() -> None:
    assert status(file("User-agent: *\nDisallow: /x\u2028Disallow: /", -1)) == "none"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (capture("", PAGE, ("X-Robots-Tag", "noai")), "both"),
        (capture("", PAGE, ("X-Robots-Tag", "ccbot: noai")), "both"),
        (capture("", PAGE, ("X-Robots-Tag", "*: noai")), "both"),
        (capture("", PAGE, ("X-Robots-Tag", "otherbot: noai")), "unknown"),
        (capture("", PAGE, ("Content-Usage", "train-ai=y")), "unknown"),
        (capture("", PAGE, ("Content-Usage", "train-ai=?")), "unknown"),
        (capture('<meta name="ccbot" content="noml">', PAGE), "both"),
        (capture('<meta name="gptbot" content="noai">', PAGE), "unknown"),
        (capture('<meta name="tdm-reservation" content="1">', PAGE), "both"),
        (capture('<meta name="tdm-reservation" content="0">', PAGE), "unknown"),
        (capture('<meta name="tdm-reservation" content="1">', PAGE + "0"), "unknown"),
        (capture('<meta name="tdm-reservation" content="1">', PAGE, at=after(1)), "unknown"),
    ],
)
def test_what_the_page_declares_at_its_capture_stands_on_both_sides(page: Capture, expected: str) -> None:
    assert status(page) == expected


@pytest.mark.parametrize(
    "allowing",
    [
        capture("", PAGE, ("Content-Usage", "train-ai=y")),
        capture('<meta name="tdm-reservation" content="0">', PAGE),
        file('[{"location": "/", "tdm-reservation": 0}]', -1, TDMREP),
        file("User-agent: *\nAllow: /", -1, "https://www.courrier.example/ai.txt"),
    ],
)
def test_what_allows_elsewhere_does_not_say_what_robots_txt_would_have(allowing: Capture) -> None:
    assert status(allowing) == status(allowing, file("", -1, status=503)) == "unknown"
    assert status(allowing, file(LETS_IN, -1, "http://www.courrier.example/robots.txt")) == "unknown"
    assert status(allowing, file(LETS_IN, -1)) == status(allowing, file(LETS_IN, 1)) == "none"


def test_a_reservation_of_the_page_counts_beside_a_site_that_lets_in() -> None:
    page = capture("", PAGE, ("X-Robots-Tag", "noai"))
    reserved = found(page, file(LETS_IN, -1), file(LETS_IN, 1))
    assert reserved.status == "both"
    assert reserved.before
    assert reserved.before.row
    assert reserved.before.row.signal == "x_robots_tag"


RULES = '[{"location": "/libre/", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]'


def tdmrep(*rules: tuple[str, object], seconds: float = -1) -> Capture:
    """A tdmrep.json; a rule without a value has none."""
    listed = [
        {"location": where} | ({} if value is None else {"tdm-reservation": value}) for where, value in rules
    ]
    return file(json.dumps(listed), seconds, TDMREP)


LIBRE = "https://www.courrier.example/libre/1"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([("/libre/", 0), ("/", 1)], "none"),
        ([("/", 1), ("/libre/", 0)], "before"),
        ([("/libre/1", 0), ("/", 1), ("/libre/1", 1)], "none"),
        ([("/ailleurs/", 0), ("*", 1), ("/libre/", 0)], "before"),
        ([("/libre/1$", 1), ("/libre/", 0)], "before"),
        ([("/libre/", 2), ("/", 1)], "unknown"),
        ([("/libre/", None), ("/", 1)], "unknown"),
        ([("/ailleurs/", None), ("/", 1)], "before"),
        ([("/ailleurs/", 1)], "none"),
    ],
)
def test_of_the_rules_of_tdmrep_the_first_that_is_about_the_page_counts(
    rules: list[tuple[str, object]], expected: str
) -> None:
    declared = rows(tdmrep(*rules), file(LETS_IN, -1))
    for order in (declared, declared[::-1]):
        assert (
            in_force(NOON, Declared(map(RightsSignal.from_dict, order)).about(LIBRE, NOON, "CCBot")).status
            == expected
        )


def test_tdmrep_that_is_missing_or_cannot_be_read() -> None:
    assert status(file(RULES, -1, TDMREP)) == "before"
    assert status(file(RULES, -1, TDMREP), file("", 1, TDMREP, status=404)) == "conflicting"
    assert status(file("", -1, TDMREP, status=404)) == "unknown"
    assert status(file("{", -1, TDMREP)) == "unknown"
    lines = '[{"location": "/x\\nallow: /\\ndisallow: /", "tdm-reservation": 1}]'
    assert status(file(lines, -1, TDMREP)) == "unknown"


def test_of_tdmrep_the_pages_metas_count_before_its_headers_before_the_file() -> None:
    header = ("TDM-Reservation", "1")
    meta = '<meta name="tdm-reservation" content="0">'
    assert (
        status(capture("", PAGE, header), file('[{"location": "/", "tdm-reservation": 0}]', -1, TDMREP))
        == "both"
    )
    assert status(capture(meta, PAGE), file(RULES, -1, TDMREP), file(LETS_IN, -1)) == "none"
    assert status(capture(meta, PAGE, header), file(LETS_IN, -1)) == "none"


def test_of_tdmrep_errors_supersede_nothing_and_of_values_that_differ_none_is_chosen() -> None:
    error = '<meta name="tdm-reservation" content="yes">'
    assert status(capture(error, PAGE)) == "unknown"
    assert status(capture(error, PAGE), file(RULES, -1, TDMREP)) == "before"
    assert status(capture(error, PAGE, ("TDM-Reservation", "1"))) == "both"
    twice = [("TDM-Reservation", "1"), ("TDM-Reservation", "0")]
    assert status(capture("", PAGE, *twice)) == "unknown"
    assert status(capture("", PAGE, *twice), file(RULES, -1, TDMREP)) == "unknown"


def test_preferences_within_robots_txt_reserve_and_are_withdrawn_with_it() -> None:
    signal = "User-agent: *\nContent-Signal: ai-train=no\nAllow: /"
    usage = "User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /libre/ train-ai=y\nAllow: /"
    assert status(file(signal, -1)) == "before"
    assert status(file(signal, -1), file(LETS_IN, 1)) == "conflicting"
    assert status(file(usage, -1)) == "before"
    assert status(file(usage, -1), url=LIBRE) == "none"


@pytest.mark.parametrize(
    ("lines", "expected"),
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
    lines: list[str], expected: str
) -> None:
    for order in permutations(lines):
        assert status(file("\n".join(["User-agent: *", *order, "Allow: /"]), -1), url=LIBRE) == expected


def test_preferences_outside_any_group_leave_doubt_and_undo_no_reservation() -> None:
    outside = "Content-Signal: ai-train=no\nUser-agent: *\n"
    assert status(file(f"{outside}Allow: /", -1)) == "unknown"
    assert status(file(f"{outside}Content-Signal: ai-train=no\nAllow: /", -1)) == "before"


def test_reservations_of_two_sources_complete_each_other() -> None:
    assert status(file(FORBIDS, -1), file(RULES, 1, TDMREP)) == "both"
    assert status(file(RULES, -1, TDMREP), file(LETS_IN, -1), file(LETS_IN, 1)) == "before"
    assert status(file(RULES, -1, TDMREP), file(FORBIDS, -1), file(LETS_IN, 1)) == "before"


def test_one_reservation_withdrawn_and_another_one_made_may_leave_a_gap_around_the_page() -> None:
    withdrawn = [file(FORBIDS, -1), file(LETS_IN, 1)]
    made = [file("", -1, TDMREP, status=404), file(RULES, 1, TDMREP)]
    assert status(*withdrawn, *made) == "conflicting"
    assert status(*withdrawn, made[1]) == "both", "it may have stood before"
    assert status(*withdrawn, *made, capture("", PAGE, ("X-Robots-Tag", "noai"))) == "both"


def test_a_doubt_beside_a_reservation_does_not_undo_it() -> None:
    reserved = found(file(FORBIDS, -1), file("", -1, TDMREP, status=503))
    assert reserved.status == "before"
    assert reserved.before
    assert reserved.before.verdict == "reserved"


def test_ai_txt_counts_and_its_absence_says_nothing() -> None:
    url = "https://www.courrier.example/ai.txt"
    assert status(file(FORBIDS, -1, url)) == "before"
    assert status(file("", -1, url, status=404)) == "unknown"
    assert status(file("", -1, url, status=404), file(LETS_IN, -1)) == "none"
    assert status(file("User-agent: GPTBot\nAllow: /", -1, url), file("", -1, status=503)) == "unknown"
    assert status(file("No training.", -1, url), file(LETS_IN, -1)) == "unknown"
    withdrawn = file("User-agent: GPTBot\nAllow: /", 1, url)
    assert status(file(FORBIDS, -1, url), withdrawn) == "conflicting"


def test_rows_that_are_there_twice_or_without_time_change_nothing() -> None:
    told = rows(file(FORBIDS, -1), file(LETS_IN, 1))
    timeless = [row | {"captured_at": None, "row_sha256": str(number)} for number, row in enumerate(told)]
    about = [
        list(Declared(map(RightsSignal.from_dict, each)).about(PAGE, NOON, "CCBot"))
        for each in (told, [*told, *told, *timeless])
    ]
    assert about[0] == about[1]
    assert all(row["row_sha256"] == row_digest(row) for row in told)


def test_the_strongest_word_on_a_side_is_shown() -> None:
    both = in_force(
        NOON, [[Declaration(NOON, "allowed")], [Declaration(NOON, "unknown")], [Declaration(NOON, None)]]
    )
    assert (both.status, both.before) == ("unknown", Declaration(NOON, "unknown"))


def test_a_page_without_a_place_has_only_what_it_says_itself() -> None:
    assert place_of("nonsense") is None
    assert status(file(FORBIDS, -1), url="nonsense") == "unknown"
