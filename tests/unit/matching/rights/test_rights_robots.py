"""robots.txt, ai.txt and tdmrep.json: what a site declares as a whole."""

from __future__ import annotations

import time

import pytest

from presswatch_spark.matching.rights.declaration import CUT, place_of
from presswatch_spark.matching.rights.site_files import ROBOTS_BYTES, Robots, RobotsGroup, allows, robots_of
from tests.world.captures import robots, told, verdicts
from tests.world.proofs import each_time

TDMREP = "https://www.courrier.example/.well-known/tdmrep.json"
AGENTS = ("CCBot", "GPTBot", "Google-Extended", "*")


def test_each_agent_has_the_rules_of_its_own_group_or_else_those_for_any() -> None:
    text = """\
        # ours
        User-agent: *
        Disallow: /admin/   # nobody

        User-agent: CCBot
        User-Agent: GPTBot/1.1
        Disallow: /
        Sitemap: https://www.courrier.example/sitemap.xml
        """
    signals = {signal.agent: signal for signal in told(robots(text))}
    assert tuple(signals) == AGENTS
    assert {agent: signal.verdict for agent, signal in signals.items()} == {
        "CCBot": "reserved",
        "GPTBot": "reserved",
        "Google-Extended": "allowed",
        "*": "allowed",
    }
    assert (signals["CCBot"].value, signals["*"].value) == ("disallow: /", "disallow: /admin/")
    assert {(signal.scope, signal.path, signal.source) for signal in signals.values()} == {
        ("host", "/", "file")
    }
    assert signals["*"].parser.startswith("protego 0.")


@pytest.mark.parametrize(
    ("text", "reserved"),
    [
        ("User-agent: *\nDisallow: /", set(AGENTS)),
        ("User-agent: *\nDisallow: /\nAllow: /", set()),
        ("User-agent: *\nDisallow:", set()),
        ("User-agent: *\nDisallow: /\n\nUser-agent: CCBot\nDisallow:", {"GPTBot", "Google-Extended", "*"}),
        ("User-agent: Google\nDisallow: /", set()),
        ("User-agent: CCBot-News\nDisallow: /", set()),
        ("user-AGENT : ccbot\ndisallow : /", {"CCBot"}),
        ("User-agent: CCBot\r\rDisallow: /", {"CCBot"}),
        ("\ufeffUser-agent: CCBot\nDisallow: /", {"CCBot"}),
        ("User-agent CCBot\nDisallow /", {"CCBot"}),
        ("User-agent: CCBot\nDissallow: /", {"CCBot"}),
        ("User-agent: CCBot\nDisallow: /a\n\nUser-agent: CCBot\nDisallow: /", {"CCBot"}),
        ("User-agent: CCBot\nCrawl-delay: 9\nDisallow: /\n\nUser-agent: GPTBot\nAllow: /", {"CCBot"}),
        ("User-agent: x\nCrawl-delay: 9\n\nUser-agent: GPTBot\nDisallow: /", {"GPTBot"}),
        ("User-agent: CCBot\nSitemap: /s.xml\nUser-agent: GPTBot\nDisallow: /", {"CCBot", "GPTBot"}),
        ("Disallow: /", set()),
        ("", set()),
    ],
)
def test_groups_are_those_of_rfc_9309(text: str, reserved: set[str]) -> None:
    found = verdicts(robots(text))
    assert {agent for agent, verdict in found.items() if verdict == "reserved"} == reserved
    assert set(found.values()) <= {"reserved", "allowed"}


def test_a_delay_that_ends_the_names_of_a_group_for_some_readers_only_leaves_doubt() -> None:
    text = "User-agent: CCBot\nCrawl-delay: 9\n\nUser-agent: GPTBot\nDisallow: /"
    signals = {signal.agent: signal for signal in told(robots(text))}
    assert {agent: signal.verdict for agent, signal in signals.items()} == {
        "CCBot": "unknown",
        "GPTBot": "reserved",
        "Google-Extended": "allowed",
        "*": "allowed",
    }
    assert signals["CCBot"].value == (
        "crawl-delay: 9\n# or, if only rules end the names of a group:\ncrawl-delay: 9\ndisallow: /"
    )
    assert "read in two ways" in str(signals["CCBot"].note)
    assert [signal.note for signal in signals.values() if signal.agent != "CCBot"] == [None] * 3


def test_preferences_of_a_group_whose_names_are_read_in_two_ways_are_in_doubt() -> None:
    text = "User-agent: CCBot\nCrawl-delay: 9\n\nUser-agent: *\nContent-Usage: train-ai=y\nAllow: /"
    assert verdicts(robots(text), "content_usage") == {
        "CCBot": "unknown",
        "GPTBot": "allowed",
        "Google-Extended": "allowed",
        "*": "allowed",
    }


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        (["Disallow: /*?*", "Allow: /news"], "/news?x=1", True),
        (["Disallow: /*?", "Allow: /une"], "/une?x=1", True),
        (["Disallow: /*?x", "Allow: /une"], "/une?x=1", True),
        (["Disallow: /une?", "Allow: /une"], "/une?x=1", False),
        (["Disallow: /", "Allow: /index.html"], "/", False),
        (["Disallow: /", "Allow: /index.html"], "/index.html", True),
        (["Disallow: /une/", "Allow: /une/index.html"], "/une/", False),
        (["Disallow: /index.html?", "Allow: /index.html"], "/index.html?a", False),
        (["Disallow: /page", "Allow: /page"], "/page", True),
        (["Disallow: /*.htm", "Allow: /page"], "/page.htm", False),
        (["Disallow: /$", "Allow: /"], "/", False),
        (["Disallow: /*.pdf$"], "/a.pdf?x", True),
        (["Disallow: /*.pdf$"], "/a.pdf", False),
        (["Disallow: /a/b*c/d"], "/a/bxc/d/e", False),
        (["Disallow: /r%c3%a9serv%C3%A9"], "/r\u00e9serv\u00e9/1", False),
        (["Disallow: /r\u00e9serv\u00e9"], "/r%C3%A9serv%c3%a9/1", False),
        (["Disallow: /%7Eune"], "/~une", False),
        (["Disallow: /a%2Fb"], "/a/b", True),
        (["Disallow: /Une"], "/une", True),
        (["Disallow: /une/", "Disallow:"], "/une/1", False),
        (["Allow: /une", "Disallow: "], "/autre", True),
    ],
)
def test_of_rules_about_a_path_the_longest_counts_and_of_equal_ones_what_allows(
    rules: list[str], path: str, allowed: bool
) -> None:
    for order in (rules, rules[::-1]):
        (lines,) = robots_of("\n".join(["User-agent: *", *order])).readings_for("CCBot")
        assert allows(RobotsGroup(lines), path) is allowed


@pytest.mark.parametrize(
    ("status", "verdict", "note"),
    [
        (404, "allowed", "HTTP 404: no such file"),
        (410, "allowed", "HTTP 410: no such file"),
        (401, "unknown", "HTTP 401: refused to the crawler"),
        (403, "unknown", "HTTP 403: refused to the crawler"),
        (400, "unknown", "HTTP 400: refused to the crawler"),
        (405, "unknown", "HTTP 405: refused to the crawler"),
        (406, "unknown", "HTTP 406: refused to the crawler"),
        (451, "unknown", "HTTP 451: refused to the crawler"),
        (429, "unknown", "HTTP 429: unreachable"),
        (503, "unknown", "HTTP 503: unreachable"),
        (301, "unknown", "HTTP 301: a redirect, not followed"),
        (206, "unknown", "HTTP 206: a part"),
        (None, "unknown", "no HTTP status"),
    ],
)
def test_a_file_that_was_not_given_is_never_read(status: int | None, verdict: str, note: str) -> None:
    signals = told(robots("User-agent: *\nDisallow: /", status=status))
    assert [(signal.agent, signal.verdict, signal.value, signal.note) for signal in signals] == [
        (agent, verdict, None, note) for agent in AGENTS
    ]


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (b"\xef\xbb\xbf \n<!doctype html><title>Accueil</title>", "HTML in place of the file"),
        (b"\x1f\x8b\x08\0\0", "not text"),
    ],
)
def test_something_else_in_its_place_says_nothing(body: bytes, note: str) -> None:
    assert {(signal.verdict, signal.note) for signal in told(robots(body))} == {("unknown", note)}


@pytest.mark.parametrize("path", ["/robots.txt", "/ai.txt"])
@pytest.mark.parametrize(
    "body",
    [
        "Access denied",
        '{"message": "Forbidden", "status": 403}',
        "\nWarning: mysqli_connect(): (HY000/2002) in /srv/db.php on line 3\n<html><p>Accueil",
        "# AI policy\nTraining: not permitted\nContact: redaction@courrier.example",
        "Our content may not be used to train models.",
    ],
)
def test_text_without_a_line_of_a_robots_txt_is_none_and_allows_nothing(path: str, body: str) -> None:
    signals = told(robots(body, f"https://www.courrier.example{path}"))
    assert [(signal.agent, signal.verdict, signal.note) for signal in signals] == [
        (agent, "unknown", "no line of it is one of a robots.txt") for agent in AGENTS
    ]


@pytest.mark.parametrize(
    "body",
    ["", "\r\n", "# rien", "Sitemap: https://x.example/s.xml", "User-agent: x", "Crawl-delay: 9\nBonjour"],
)
def test_a_robots_txt_without_rules_allows(body: str) -> None:
    assert set(verdicts(robots(body)).values()) == {"allowed"}


def test_a_file_that_was_cut_says_nothing() -> None:
    signals = told(robots("User-agent: *\nDisallow: /", cut=True))
    assert {(signal.verdict, signal.note) for signal in signals} == {("unknown", "the capture was cut")}
    long = "User-agent: *\nDisallow: /\n" + "#\n" * (ROBOTS_BYTES // 2)
    assert set(verdicts(robots(long, cut=True)).values()) == {"reserved"}, "all that a reader reads is there"


def test_only_the_file_at_the_root_counts() -> None:
    for url in ("https://x.example/a/robots.txt", "https://x.example/robots.txt?v=2"):
        assert told(robots("User-agent: *\nDisallow: /", url)) == []


def test_what_follows_500_kib_is_not_read_and_a_line_that_was_cut_is_none() -> None:
    start = "User-agent: *\nAllow: /x\n"
    text = f"{start}#{'x' * (ROBOTS_BYTES - len(start) - 12)}\nDisallow: /une\n"
    signal = told(robots(text))[0]
    assert (signal.value, signal.verdict) == ("allow: /x", "allowed")
    assert signal.note == "read to 500 KiB"


def test_a_value_that_was_cut_says_so_and_the_verdict_is_of_the_whole() -> None:
    rules = "".join(f"Disallow: /rubrique/{number}/\n" for number in range(500))
    signal = told(robots(f"User-agent: *\n{rules}Disallow: /\n"))[0]
    assert (signal.verdict, signal.note, len(signal.value or "")) == ("reserved", CUT, 4096)


def test_preferences_in_robots_txt_are_signals_of_their_own() -> None:
    text = """\
        User-agent: *
        Content-Signal: search=yes, ai-train=no
        Content-Usage: /photos/	train-ai=y
        Content-Usage: train-ai=n
        Allow: /
        """
    signals = told(robots(text), "content_signal", "content_usage")
    assert [
        (signal.signal, signal.value, signal.scope, signal.path, signal.verdict)
        for signal in signals
        if signal.agent == "CCBot"
    ] == [
        ("content_signal", "search=yes, ai-train=no", "host", "/", "reserved"),
        ("content_usage", "train-ai=y", "path", "/photos/", "allowed"),
        ("content_usage", "train-ai=n", "host", "/", "reserved"),
    ]
    assert len(signals) == 3 * len(AGENTS)


def test_preferences_outside_any_group_are_no_rules_and_leave_doubt() -> None:
    text = "Content-Usage: bots=n\nContent-Usage: search=n\nUser-agent: *\nAllow: /"
    signals = told(robots(text), "content_usage")
    assert [(signal.agent, signal.value, signal.verdict, signal.note) for signal in signals] == [
        (None, "bots=n", "unknown", "outside any group"),
        (None, "search=n", None, "outside any group"),
    ]


@pytest.mark.parametrize("path", ["/ai.txt", "/.well-known/ai.txt"])
def test_ai_txt_is_read_as_robots_txt_is_but_its_absence_allows_nothing(path: str) -> None:
    url = f"https://www.courrier.example{path}"
    assert verdicts(robots("User-Agent: *\nDisallow: /\nDisallow: *", url), "ai_txt") == dict.fromkeys(
        AGENTS, "reserved"
    )
    assert set(verdicts(robots("User-Agent: *\nDisallow: *.jpg", url), "ai_txt").values()) == {"allowed"}
    assert set(verdicts(robots("", url, status=404), "ai_txt").values()) == {None}
    assert set(verdicts(robots("", url), "ai_txt").values()) == {None}
    assert verdicts(robots("User-Agent: GPTBot\nAllow: /", url), "ai_txt") == dict.fromkeys(AGENTS) | {
        "GPTBot": "allowed"
    }


def rules(body: str) -> list[tuple[str, str | None, str | None, str | None]]:
    return [
        (signal.signal, signal.path, signal.value, signal.verdict) for signal in told(robots(body, TDMREP))
    ]


def test_tdmrep_has_a_reservation_and_a_policy_for_each_location() -> None:
    body = """[
        {"location": "/", "tdm-reservation": 1, "tdm-policy": "https://www.courrier.example/p.json"},
        {"location": "/libre/*.html", "tdm-reservation": 0},
        {"location": "/deux/", "tdm-reservation": 2},
        {"location": "/trois/", "tdm-policy": "https://www.courrier.example/p.json"}]"""
    assert rules(body) == [
        ("tdm_reservation", "/", "1", "reserved"),
        ("tdm_policy", "/", "https://www.courrier.example/p.json", None),
        ("tdm_reservation", "/libre/*.html", "0", "allowed"),
        ("tdm_reservation", "/deux/", "2", "unknown"),
        ("tdm_reservation", "/trois/", None, "unknown"),
        ("tdm_policy", "/trois/", "https://www.courrier.example/p.json", None),
    ]
    assert [signal.rule for signal in told(robots(body, TDMREP))] == [1, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    "body",
    ["", "{", "[" * 100_000, '{"location": "/"}', "[1]", '[{"tdm-reservation": 1}]', '[{"location": 1}]'],
)
def test_tdmrep_that_cannot_be_read_is_unknown(body: str) -> None:
    assert [verdict for _, _, _, verdict in rules(body)] == ["unknown"]


def test_tdmrep_reads_numbers_and_words_of_json_for_what_they_are() -> None:
    body = '[{"location": "/", "tdm-reservation": true}, {"location": "/a", "tdm-reservation": "1"}]'
    assert [verdict for _, _, _, verdict in rules(body)] == ["unknown", "reserved"]


HOSTILE = [
    "User-agent: *\nDisallow: /" + "*a" * (ROBOTS_BYTES // 2),
    "User-agent: *\n" + "".join(f"Disallow: /*{n}*a*b$\n" for n in range(25_000)),
    "".join(f"User-agent: a{n}\n" for n in range(16_000)) + "Disallow: /x\n" * 20_000,
    "User-agent: *\nUser-agent: CCBot\n" * 12_000 + "Disallow: /",
    "User-agent: CCBot\nCrawl-delay: 9\nUser-agent: *\nDisallow: /\n" * 8_000,
    "User-agent: CCBot\nCrawl-delay: 9\nUser-agent: *\n" + "Content-Usage: tdm=n\n" * 20_000,
    "Content-Signal: ai-train=no\n" * 18_000,
    "\0" * ROBOTS_BYTES,
    "User-agent:" * 40_000,
    "a b c d " * 60_000,
]


@pytest.mark.parametrize("text", each_time(HOSTILE[::3], HOSTILE))
def test_hostile_robots_txt_takes_no_time(text: str) -> None:
    started = time.process_time()
    signals = told(robots(text))
    assert time.process_time() - started < 30
    assert 4 <= len(signals) <= 201
    assert all(len(signal.value or "") <= 4096 for signal in signals)


def test_a_pattern_of_wildcards_against_a_long_path_takes_no_time() -> None:
    started = time.process_time()
    rules_read = RobotsGroup([("disallow", f"/{'*a' * 2000}*b")] * 50)
    assert allows(rules_read, "/" + "a" * 16_000)
    lengths = [("disallow" if length % 2 else "allow", "/" + "*a" * length) for length in range(700)]
    assert allows(RobotsGroup(lengths), "/" + "a" * 698)
    assert time.process_time() - started < 10


def test_a_host_is_exactly_scheme_name_and_port() -> None:
    origins = [
        place_of(url).origin  # type: ignore[union-attr]
        for url in (
            "https://www.courrier.example/a",
            "HTTPS://WWW.Courrier.example:443/b?c=1#d",
            "https://courrier.example/a",
            "http://www.courrier.example/a",
            "https://www.courrier.example:8443/a",
            "https://[::1]:8443/a",
        )
    ]
    assert origins == [
        "https://www.courrier.example",
        "https://www.courrier.example",
        "https://courrier.example",
        "http://www.courrier.example",
        "https://www.courrier.example:8443",
        "https://[::1]:8443",
    ]
    assert place_of("https://x.example/a?b=c#d").path == "/a?b=c"  # type: ignore[union-attr]
    for none in ("", "ftp://x.example/", "https://", "https://[::1/", "https://x.example:99999/", "//x"):
        assert place_of(none) is None


def test_lines_outside_any_group_are_nobodys() -> None:
    assert robots_of("Disallow: /\nUser-agent: Other\nDisallow: /") == Robots({}, (("disallow", "/"),), {})
