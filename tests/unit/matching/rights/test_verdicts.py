"""The verdict on each use of a page, as a French lawyer reads it (CPI, art. L. 122-5-3, III)."""

import json
from typing import Any

import pytest

from presswatch_spark.core.model import Capture
from presswatch_spark.matching.rights.in_force import verdicts_of
from presswatch_spark.tables.declarations import RightsSignal
from tests.world.rights import PAGE, SITE, TDMREP, capture, robots, signal_rows

R, A, U, C, N = "reserved", "allowed", "unknown", "conflicting", None
ALL = "User-agent: *\nDisallow: /"


def page(*headers: tuple[str, str], meta: str = "") -> Capture:
    """The page, with headers and a meta `name=content`."""
    name, _, content = meta.partition("=")
    return capture(f'<meta name="{name}" content="{content}">' if meta else "<p>Une page.", PAGE, *headers)


def tdmrep(*rules: tuple[str, int]) -> Capture:
    return robots(json.dumps([{"location": path, "tdm-reservation": value} for path, value in rules]), TDMREP)


def ai_txt(body: str) -> Capture:
    return robots(body, f"{SITE}/ai.txt")


def lines(*given: str) -> Capture:
    """A robots.txt that lets everyone in, with further lines."""
    return robots("\n".join(["User-agent: *", *given, "Allow: /"]))


def header(name: str, value: str) -> Capture:
    return page((name, value))


Site = tuple[str, tuple[Any, Any, Any], tuple[Capture, ...]]
SITES: list[Site] = [
    # Reason of the verdict; verdicts on training, search, other mining; captures.
    ("nothing is declared", (N, N, N), (page(),)),
    ("a robots.txt that lets everyone in permits no use", (N, N, N), (lines(),)),
    ("a missing robots.txt permits no use", (N, N, N), (robots(status=404),)),
    ("a robots.txt that cannot be had may reserve", (U, U, U), (robots(status=503),)),
    ("who shuts out every robot reserves every use", (R, R, R), (robots(ALL),)),
    (
        "who shuts out GPTBot reserves training, towards OpenAI",
        (R, N, N),
        (robots("User-agent: GPTBot\nDisallow: /"),),
    ),
    (
        "who shuts out CCBot reserves training and mining",
        (R, N, R),
        (robots("User-agent: CCBot\nDisallow: /"),),
    ),
    (
        "rules about other paths are not about the page",
        (N, N, N),
        (robots("User-agent: *\nDisallow: /abonnes/"),),
    ),
    (
        "an unknown crawler's purpose is unknown, so no use is",
        (N, N, N),
        (robots("User-agent: X\nDisallow: /"),),
    ),
    (
        "who shuts out a search robot reserves search only",
        (N, R, N),
        (robots("User-agent: OAI-SearchBot\nDisallow: /"),),
    ),
    ("TDMRep 1 reserves mining, of which training is a part", (R, N, R), (tdmrep(("/", 1)),)),
    ("TDMRep 0 gives both up", (A, N, A), (tdmrep(("/", 0)),)),
    ("the first matching rule of tdmrep.json counts", (A, N, A), (tdmrep(("/une/", 0), ("/", 1)),)),
    (
        "a header of the page overrides the file",
        (A, N, A),
        (tdmrep(("/", 1)), header("TDM-Reservation", "0")),
    ),
    ("a meta overrides the header", (R, N, R), (page(("TDM-Reservation", "0"), meta="tdm-reservation=1"),)),
    ("a value other than 0 and 1 declares nothing certain", (U, N, U), (header("TDM-Reservation", "oui"),)),
    ("a robots.txt that lets in does not conflict with TDMRep", (R, N, R), (lines(), tdmrep(("/", 1)))),
    ("a robots.txt that shuts out conflicts with TDMRep 0", (C, R, C), (robots(ALL), tdmrep(("/", 0)))),
    ("noai reserves training", (R, N, N), (header("X-Robots-Tag", "noai"),)),
    ("noml in a meta does, too", (R, N, N), (page(meta="robots=noml"),)),
    ("noai to one agent is towards this agent", (R, N, N), (header("X-Robots-Tag", "GPTBot: noai"),)),
    ("noindex reserves search", (N, R, N), (page(meta="robots=noindex, follow"),)),
    ("index is the default, and permits nothing", (N, N, N), (page(meta="robots=index, follow"),)),
    (
        "noai conflicts with TDMRep 0, about training only",
        (C, N, A),
        (page(("X-Robots-Tag", "noai")), tdmrep(("/", 0))),
    ),
    ("noai and TDMRep 1 agree", (R, N, R), (page(("X-Robots-Tag", "noai")), tdmrep(("/", 1)))),
    ("AIPREF: each category is a use", (R, A, N), (header("Content-Usage", "train-ai=n, search=y"),)),
    ("AIPREF: all automated use", (R, R, R), (header("Content-Usage", "bots=n"),)),
    ("AIPREF: the category counts before all use", (R, A, R), (header("Content-Usage", "bots=n, search=y"),)),
    ("AIPREF: input of a model is mining", (N, N, R), (header("Content-Usage", "ai-use=n"),)),
    ("AIPREF: input permitted is not mining permitted", (N, N, N), (header("Content-Usage", "ai-use=y"),)),
    (
        "AIPREF: the longest path counts",
        (A, N, N),
        (lines("Content-Usage: train-ai=n", "Content-Usage: /une/ train-ai=y"),),
    ),
    (
        "AIPREF: of two places, the restriction counts by its own rule",
        (R, N, N),
        (lines("Content-Usage: train-ai=n"), header("Content-Usage", "train-ai=y")),
    ),
    (
        "AIPREF y conflicts with TDMRep 1 about training",
        (C, N, R),
        (lines("Content-Usage: train-ai=y"), tdmrep(("/", 1))),
    ),
    (
        "AIPREF outside any group is no rule",
        (U, N, N),
        (robots("Content-Usage: train-ai=n\nUser-agent: *\nAllow: /"),),
    ),
    ("Content-Signal: each signal is a use", (R, A, N), (lines("Content-Signal: search=yes, ai-train=no"),)),
    ("Content-Signal: input of a model is mining", (N, N, R), (header("Content-Signal", "ai-input=no"),)),
    ("Content-Signal: another value is in doubt", (U, N, N), (header("Content-Signal", "ai-train=maybe"),)),
    (
        "Content-Signal yes conflicts with noai",
        (C, N, N),
        (page(("X-Robots-Tag", "noai"), ("Content-Signal", "ai-train=yes")),),
    ),
    (
        "Content-Signal search=yes conflicts with noindex",
        (N, C, N),
        (page(("Content-Signal", "search=yes"), meta="robots=noindex"),),
    ),
    ("ai.txt reserves training", (R, N, N), (ai_txt(ALL),)),
    ("ai.txt permits training where it says so", (A, N, N), (ai_txt("User-agent: *\nAllow: /"),)),
    (
        "ai.txt permits nothing that it does not name",
        (N, N, N),
        (ai_txt("User-agent: *\nDisallow: /photos/"),),
    ),
    (
        "ai.txt that permits conflicts with robots.txt",
        (C, R, R),
        (ai_txt("User-agent: *\nAllow: /"), robots(ALL)),
    ),
]


@pytest.mark.parametrize(("reason", "expected", "captures"), SITES, ids=[reason for reason, *_ in SITES])
def test_the_verdict_of_a_site_is_that_of_a_lawyer(
    reason: str, expected: tuple[str | None, ...], captures: tuple[Capture, ...]
) -> None:
    found = verdicts_of([RightsSignal.from_dict(row) for row in signal_rows(*captures)], PAGE)
    assert tuple(each.verdict for each in found.values()) == expected, reason
