"""The verdict on each use of a page, as a French lawyer reads it (CPI, art. L. 122-5-3, III)."""

import json
from typing import Any

from presswatch_spark.core.scan_values import Capture
from presswatch_spark.matching.reservations.in_force import verdicts_of
from presswatch_spark.tables.declarations import RightsSignal
from tests.world.proofs import cases
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


def rsl(*contents: tuple[str, str], server: str = "") -> Capture:
    """An RSL document; contents are addresses and licences."""
    attribute = f' server="{server}"' if server else ""
    listed = "".join(f'<content url="{url}"{attribute}>{licences}</content>' for url, licences in contents)
    text = f'<?xml version="1.0"?><rsl xmlns="https://rslstandard.org/rsl">{listed}</rsl>'
    return capture(text, f"{SITE}/licence.xml", media_type="application/rsl+xml")


def permits(words: str, further: str = "") -> str:
    return f'<license><permits type="usage">{words}</permits>{further}</license>'


def prohibits(words: str) -> str:
    return f'<license><prohibits type="usage">{words}</prohibits></license>'


def payment(kind: str) -> str:
    return f'<payment type="{kind}"><amount currency="EUR">2</amount></payment>'


def policy(**rules: Any) -> Capture:
    """A policy in ODRL."""
    offer = {"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Offer", **rules}
    return capture(json.dumps(offer), POLICY, media_type="application/ld+json")


def pdf(xmp: str, *headers: tuple[str, str]) -> Capture:
    packet = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    body = f"%PDF-1.7\n{packet}{xmp}</rdf:RDF></x:xmpmeta>\nendstream"
    return capture(body, PAGE, *headers, media_type="application/pdf")


POLICY = f"{SITE}/tdm-policy.json"
OFFERED = page(("TDM-Reservation", "1"), ("TDM-Policy", "/tdm-policy.json"))
MINE = {"target": SITE, "action": "tdm:mine"}
ATTRIBUTE = '<rdf:Description xmlns:tdm="http://www.w3.org/ns/tdmrep/" tdm:reservation="{}"/>'
ELEMENT = '<rdf:Description xmlns:t="http://www.w3.org/ns/tdmrep/"><t:reservation>{}</t:reservation></rdf:Description>'

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
    ("RSL: what is prohibited is reserved", (R, N, N), (rsl(("/", prohibits("ai-train"))),)),
    ("RSL: ai-all is every use by AI", (R, N, R), (rsl(("/", prohibits("ai-all"))),)),
    ("RSL: all is every use", (R, R, R), (rsl(("/", prohibits("all"))),)),
    ("RSL: what is permitted is allowed, the rest is closed", (R, A, R), (rsl(("/", permits("search"))),)),
    (
        "RSL: training permitted for free is allowed",
        (A, A, N),
        (rsl(("/", permits("search, ai-train ai-input"))),),
    ),
    (
        "RSL: attribution is a condition that anyone can meet",
        (A, R, A),
        (rsl(("/", permits("ai-all", payment("attribution")))),),
    ),
    (
        "RSL: what must be paid for is reserved",
        (R, R, R),
        (rsl(("/", permits("ai-train", payment("training")))),),
    ),
    (
        "RSL: a price for every use reserves every use",
        (R, R, R),
        (rsl(("/", f"<license>{payment('crawl')}</license>")),),
    ),
    (
        "RSL: one of two licences is enough",
        (A, R, A),
        (rsl(("/", permits("ai-all", payment("use")) + permits("ai-all"))),),
    ),
    (
        "RSL: a prohibition counts before a permission",
        (R, A, A),
        (rsl(("/", permits("all") + prohibits("ai-train"))),),
    ),
    (
        "RSL: to obtain a licence from a server is to agree",
        (R, R, R),
        (rsl(("/", permits("ai-all")), server="https://l.example"),),
    ),
    (
        "RSL: a permission for some users is none for a crawler",
        (U, R, U),
        (rsl(("/", permits("ai-all", '<permits type="user">education</permits>'))),),
    ),
    (
        "RSL: a permission for some places depends on the place",
        (U, R, U),
        (rsl(("/", permits("ai-all", '<permits type="geo">US</permits>'))),),
    ),
    (
        "RSL: the most specific content counts",
        (R, N, N),
        (rsl(("/", permits("all")), ("/une/*", prohibits("ai-train")), ("/sport/", permits("all"))),),
    ),
    ("RSL: a full address is a path of its site", (R, N, N), (rsl((f"{SITE}/une/", prohibits("ai-train"))),)),
    (
        "RSL: about another site it declares nothing here",
        (N, N, N),
        (rsl(("https://x.example/", prohibits("all"))),),
    ),
    ("RSL: a licence for nothing declares nothing", (N, N, N), (rsl(("/", "<license/>")),)),
    ("RSL: a document that cannot be read may reserve", (U, U, U), (rsl(("/", "<license>")),)),
    (
        "RSL: a link to a licence that was not captured declares nothing",
        (N, N, N),
        (robots("License: /licence.xml"),),
    ),
    (
        "an RSL permit conflicts with noai",
        (C, A, N),
        (rsl(("/", permits("ai-train search ai-input"))), header("X-Robots-Tag", "noai")),
    ),
    ("an RSL permit conflicts with TDMRep 1", (C, A, C), (rsl(("/", permits("all"))), tdmrep(("/", 1)))),
    (
        "RSL that reserves agrees with TDMRep 1",
        (R, N, R),
        (rsl(("/", prohibits("ai-all"))), tdmrep(("/", 1))),
    ),
    ("a robots.txt that lets in does not undo RSL", (R, N, R), (rsl(("/", prohibits("ai-all"))), lines())),
    ("XMP of a PDF reserves", (R, N, R), (pdf(ATTRIBUTE.format(1)),)),
    ("XMP as elements, with another prefix", (A, N, A), (pdf(ELEMENT.format(0)),)),
    ("XMP of a PDF overrides its header", (A, N, A), (pdf(ATTRIBUTE.format(0), ("TDM-Reservation", "1")),)),
    (
        "a policy with a duty offers a licence: mining is reserved",
        (R, N, R),
        (OFFERED, policy(permission=[MINE | {"duty": [{"action": "obtainConsent"}]}])),
    ),
    (
        "a policy for research only reserves the rest",
        (R, N, R),
        (OFFERED, policy(permission=MINE | {"constraint": {"leftOperand": "purpose"}})),
    ),
    ("a policy that prohibits agrees with TDMRep 1", (R, N, R), (OFFERED, policy(prohibition=[MINE]))),
    (
        "a policy that permits without a condition conflicts with TDMRep 1",
        (C, N, C),
        (OFFERED, policy(permission=[MINE])),
    ),
    ("a policy that nothing leads to declares nothing", (N, N, N), (page(), policy(prohibition=[MINE]))),
]


@cases(("reason", "expected", "captures"), SITES)
def test_the_verdict_of_a_site_is_that_of_a_lawyer(
    reason: str, expected: tuple[str | None, ...], captures: tuple[Capture, ...]
) -> None:
    found = verdicts_of([RightsSignal.from_dict(row) for row in signal_rows(*captures)], PAGE)
    assert tuple(found.values()) == expected, reason
