"""robots.txt, ai.txt and tdmrep.json: what a site declares as a whole."""

import random

import pytest
from protego import Protego

from presswatch_spark.matching.reservations.in_force import Declarations, verdicts_of
from presswatch_spark.matching.reservations.site_files import (
    NAMES,
    Robots,
    RobotsGroup,
    lines_of,
)
from presswatch_spark.matching.reservations.verdicts import CUT, DOCUMENT_BYTES, known_agents, place_of
from presswatch_spark.tables.declarations import RightsSignal
from tests.world.proofs import cases, each_time
from tests.world.rights import NOON, PAGE, SITE, TDMREP, robots, signal_rows, told, verdicts

AGENTS = ("CCBot", "GPTBot", "Google-Extended", "*")


class TestGroups:
    def test_each_agent_has_the_rules_of_its_own_or_else_those_for_any(self) -> None:
        text = """\
            # ours
            User-agent: *
            Disallow: /admin/   # nobody

            User-agent: CCBot
            User-Agent: GPTBot/1.1
            Disallow: /
            Sitemap: https://www.courrier.example/sitemap.xml
            """
        signals = told(robots(text))
        forbidden, allowed = ("disallow: /", "reserved"), ("disallow: /admin/", "allowed")
        assert [(signal.agent, signal.value, signal.verdict) for signal in signals] == [
            (agent, *(forbidden if agent in ("CCBot", "GPTBot") else allowed)) for agent in AGENTS
        ]
        assert {(each.scope, each.path, each.source) for each in signals} == {("host", "/", "file")}
        assert signals[-1].parser.startswith("protego 0.")

    @cases(
        ("text", "reserved"),
        [
            ("User-agent: *\nDisallow: /", set(AGENTS)),
            ("User-agent: *\nDisallow: /\nAllow: /", set()),
            ("User-agent: *\nDisallow:", set()),
            (
                "User-agent: *\nDisallow: /\n\nUser-agent: CCBot\nDisallow:",
                {"GPTBot", "Google-Extended", "*"},
            ),
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
            # Without rules, all is allowed.
            *((text, set()) for text in ("", "\r\n", "# rien", "Sitemap: https://x.example/s.xml")),
            *((text, set()) for text in ("User-agent: x", "Crawl-delay: 9\nBonjour")),
        ],
    )
    def test_they_are_those_of_rfc_9309(self, text: str, reserved: set[str]) -> None:
        expected = {agent: "reserved" if agent in reserved else "allowed" for agent in AGENTS}
        found = verdicts(robots(text))
        assert {agent: found[agent] for agent in AGENTS} == expected

    def test_a_delay_that_ends_the_names_for_some_readers_only_leaves_doubt(self) -> None:
        text = "User-agent: CCBot\nCrawl-delay: 9\n\nUser-agent: GPTBot\nDisallow: /"
        ccbot, *others = told(robots(text))
        assert (ccbot.verdict, ccbot.value) == (
            "unknown",
            "crawl-delay: 9\n# or, if only rules end the names of a group:\ncrawl-delay: 9\ndisallow: /",
        )
        assert "read in two ways" in str(ccbot.note)
        assert [(each.verdict, each.note) for each in others] == [
            ("reserved", None), ("allowed", None), ("allowed", None),
        ]  # fmt: skip
        usage = "User-agent: CCBot\nCrawl-delay: 9\n\nUser-agent: *\nContent-Usage: train-ai=y\nAllow: /"
        expected = dict.fromkeys(AGENTS, "allowed") | {"CCBot": "unknown"}
        assert verdicts(robots(usage), "content_usage") == expected

    def test_every_named_agent_has_a_row_in_its_usual_spelling_known_ones_first(self) -> None:
        text = "User-agent: Brightbot 1.0\nUser-agent: CLAUDEBOT/2\nUser-agent: ai2bot\nDisallow: /une\n"
        named = told(robots(text))[len(AGENTS) :]
        assert [(each.agent, each.value) for each in named] == [
            (name, "disallow: /une") for name in ("ClaudeBot", "AI2Bot", "Brightbot")
        ]

    def test_agents_that_are_too_many_leave_only_those_left_out_in_doubt(self) -> None:
        names = "".join(f"User-agent: a{n}\n" for n in range(NAMES + 5))
        rows = [RightsSignal.from_dict(row) for row in signal_rows(robots(f"{names}Disallow: /\n"))]
        assert rows[-1].note == "rules for 5 more agents were not kept"
        place = Declarations(rows)
        for agent, expected in (("CCBot", "allowed"), ("a0", "reserved"), (f"a{NAMES}", "unknown")):
            (declared,) = (each for each in place.for_capture(f"{SITE}/une", NOON, agent) if each)
            assert declared[0].verdict == expected

    def test_licence_lines_are_of_no_group(self) -> None:
        text = "User-agent: CCBot\nLicense: /rsl.xml\nUser-agent: GPTBot\nDisallow: /\nLicense: /rsl.xml"
        assert verdicts(robots(text)) == dict.fromkeys(AGENTS, "allowed") | {
            "CCBot": "reserved",
            "GPTBot": "reserved",
        }
        assert [(s.value, s.path, s.verdict) for s in told(robots(text), "rsl")] == [("/rsl.xml", "/", None)]

    def test_they_are_those_of_protego(self) -> None:
        draw, names = random.Random(5), ["CCBot", "GPTBot", "ClaudeBot", "Bytespider", "Zebra", "*"]
        for _ in range(300):
            groups = [
                "\n".join(
                    [
                        *(f"User-agent: {name}" for name in draw.sample(names, draw.randint(1, 3))),
                        *draw.choices(
                            ["Disallow: /", "Allow: /", "Disallow:", "Disallow: /a", "Allow: /$"], k=2
                        ),
                    ]
                )
                for _ in range(draw.randint(1, 4))
            ]
            text = "\n\n".join(groups)
            protego, found = Protego.parse(text), verdicts(robots(text))
            for name, verdict in found.items():
                can = protego.can_fetch(f"{SITE}/", "Other" if name == "*" else name)
                assert (verdict == "allowed") == can, (name, text)

    def test_a_group_for_any_agent_changes_no_agent_with_its_own(self) -> None:
        draw, rules = random.Random(7), ["Disallow: /", "Allow: /une", "Disallow: /une/", "Allow: /"]
        for _ in range(25):
            named = draw.sample(list(known_agents().values()), 3)
            own = "".join(f"User-agent: {each.name}\n{draw.choice(rules)}\n" for each in named)
            anyone = f"User-agent: *\n{draw.choice(rules)}\nContent-Usage: bots=n\n"
            for text in (own + anyone, anyone + own):
                for each in named:
                    without, with_any = (
                        verdicts_of(map(RightsSignal.from_dict, signal_rows(robots(file))), PAGE, each.name)
                        for file in (own, text)
                    )
                    assert without == with_any

    def test_lines_outside_any_are_nobodys(self) -> None:
        outside = Robots.of("Disallow: /\nUser-agent: Other\nDisallow: /")
        assert outside.outside == (("disallow", "/"),)
        assert outside.groups == outside.by_rules == {"other": (("disallow", "/"),)}
        text = "Content-Usage: bots=n\nContent-Usage: search=n\nUser-agent: *\nAllow: /"
        assert [(s.agent, s.value, s.verdict, s.note) for s in told(robots(text), "content_usage")] == [
            (None, "bots=n", "unknown", "outside any group"),
            (None, "search=n", None, "outside any group"),
        ]

    def test_their_preferences_are_signals_of_their_own(self) -> None:
        text = """\
            User-agent: *
            Content-Signal: search=yes, ai-train=no
            Content-Usage: /photos/	train-ai=y
            Content-Usage: train-ai=n
            Allow: /
            """
        signals = told(robots(text), "content_signal", "content_usage")
        assert [(s.signal, s.value, s.scope, s.path, s.verdict) for s in signals if s.agent == "CCBot"] == [
            ("content_signal", "search=yes, ai-train=no", "host", "/", "reserved"),
            ("content_usage", "train-ai=y", "path", "/photos/", "allowed"),
            ("content_usage", "train-ai=n", "host", "/", "reserved"),
        ]
        assert len(signals) == 3 * len(AGENTS)


@cases(
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
        (["Disallow: /%7Eune", "Allow: /~une"], "/~une", True),
        (["Disallow: /%75n%65", "Allow: /une*"], "/une", True),
        (["Disallow: /a b", "Allow: /a**b"], "/a%20b", False),
        (["Disallow: /%7Ba", "Allow: /{a"], "/{a", True),
        (["Disallow: /%4"], "/%254", False),
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
        (signal, *_) = told(robots("\n".join(["User-agent: *", *order])))
        assert RobotsGroup(lines_of(signal.value or "")).allows(path) is allowed


class TestWhatIsNoFile:
    @cases(
        ("statuses", "verdict", "note"),
        [
            ((404, 410), "allowed", "HTTP {}: no such file"),
            ((401, 403, 400, 405, 406, 451), "unknown", "HTTP {}: refused to the crawler"),
            ((429, 503), "unknown", "HTTP {}: unreachable"),
            ((301,), "unknown", "HTTP {}: a redirect, not followed"),
            ((206,), "unknown", "HTTP {}: a part"),
            ((None,), "unknown", "no HTTP status"),
        ],
    )
    def test_one_that_was_not_given_is_never_read(
        self, statuses: tuple[int | None, ...], verdict: str, note: str
    ) -> None:
        for status in statuses:
            signals = told(robots("User-agent: *\nDisallow: /", status=status))
            assert [(signal.agent, signal.verdict, signal.value, signal.note) for signal in signals] == [
                (agent, verdict, None, note.format(status)) for agent in AGENTS
            ]

    @cases(
        ("body", "note"),
        [
            (b"\xef\xbb\xbf \n<!doctype html><title>Accueil</title>", "HTML in place of the file"),
            (b"\x1f\x8b\x08\0\0", "not text"),
            *(
                (body, "no line of it is one of a robots.txt")
                for body in (
                    "Access denied",
                    '{"message": "Forbidden", "status": 403}',
                    "\nWarning: mysqli_connect(): (HY000/2002) in /srv/db.php on line 3\n<html><p>Accueil",
                    "# AI policy\nTraining: not permitted\nContact: redaction@courrier.example",
                    "Our content may not be used to train models.",
                )
            ),
        ],
    )
    def test_something_else_in_its_place_allows_nothing(self, body: str | bytes, note: str) -> None:
        for path in ("/robots.txt", "/ai.txt"):
            signals = told(robots(body, f"{SITE}{path}"))
            assert [(signal.agent, signal.verdict, signal.note) for signal in signals] == [
                (agent, "unknown", note) for agent in AGENTS
            ]

    def test_one_that_was_cut_says_nothing(self) -> None:
        signals = told(robots("User-agent: *\nDisallow: /", cut=True))
        assert {(signal.verdict, signal.note) for signal in signals} == {("unknown", "the capture was cut")}
        long = "User-agent: *\nDisallow: /\n" + "#\n" * (DOCUMENT_BYTES // 2)
        assert set(verdicts(robots(long, cut=True)).values()) == {"reserved"}, "all that is read is there"

    def test_only_the_file_at_the_root_counts(self) -> None:
        for url in ("https://x.example/a/robots.txt", "https://x.example/robots.txt?v=2"):
            assert told(robots("User-agent: *\nDisallow: /", url)) == []

    def test_what_follows_500_kib_is_not_read_and_a_line_that_was_cut_is_none(self) -> None:
        start = "User-agent: *\nAllow: /x\n"
        text = f"{start}#{'x' * (DOCUMENT_BYTES - len(start) - 12)}\nDisallow: /une\n"
        signal = told(robots(text))[0]
        assert (signal.value, signal.verdict, signal.note) == ("allow: /x", "allowed", "read to 500 KiB")

    def test_a_value_that_was_cut_is_marked_and_the_verdict_is_of_the_whole(self) -> None:
        rules = "".join(f"Disallow: /rubrique/{number}/\n" for number in range(500))
        signal = told(robots(f"User-agent: *\n{rules}Disallow: /\n"))[0]
        assert (signal.verdict, signal.note, len(signal.value or "")) == ("reserved", CUT, 4096)


@pytest.mark.parametrize("path", ["/ai.txt", "/.well-known/ai.txt"])
def test_ai_txt_is_read_as_robots_txt_is_but_its_absence_allows_nothing(path: str) -> None:
    for body, status, expected in (
        ("User-Agent: *\nDisallow: /\nDisallow: *", 200, dict.fromkeys(AGENTS, "reserved")),
        ("User-Agent: *\nDisallow: *.jpg", 200, dict.fromkeys(AGENTS, "allowed")),
        ("", 404, dict.fromkeys(AGENTS)),
        ("", 200, dict.fromkeys(AGENTS)),
        ("User-Agent: GPTBot\nAllow: /", 200, dict.fromkeys(AGENTS) | {"GPTBot": "allowed"}),
    ):
        assert verdicts(robots(body, f"{SITE}{path}", status=status), "ai_txt") == expected


class TestTdmrep:
    def test_it_has_a_reservation_and_a_policy_for_each_location(self) -> None:
        policy = "https://www.courrier.example/p.json"
        body = f"""[
            {{"location": "/", "tdm-reservation": 1, "tdm-policy": "{policy}"}},
            {{"location": "/libre/*.html", "tdm-reservation": 0}},
            {{"location": "/deux/", "tdm-reservation": 2}},
            {{"location": "/trois/", "tdm-policy": "{policy}"}},
            {{"location": "/mot/", "tdm-reservation": true}},
            {{"location": "/texte/", "tdm-reservation": "1"}}]"""
        signals = told(robots(body, TDMREP))
        assert [(s.rule, s.signal, s.path, s.value, s.verdict) for s in signals] == [
            (1, "tdm_reservation", "/", "1", "reserved"),
            (1, "tdm_policy", "/", policy, None),
            (2, "tdm_reservation", "/libre/*.html", "0", "allowed"),
            (3, "tdm_reservation", "/deux/", "2", "unknown"),
            (4, "tdm_reservation", "/trois/", None, "unknown"),
            (4, "tdm_policy", "/trois/", policy, None),
            (5, "tdm_reservation", "/mot/", "bool", "unknown"),
            (6, "tdm_reservation", "/texte/", "1", "reserved"),
        ]

    @cases(
        "body",
        ["", "{", "[" * 100_000, '{"location": "/"}', "[1]", '[{"tdm-reservation": 1}]', '[{"location": 1}]'],
    )
    def test_one_that_cannot_be_read_is_unknown(self, body: str) -> None:
        assert [signal.verdict for signal in told(robots(body, TDMREP))] == ["unknown"]


HOSTILE = [
    "User-agent: *\nDisallow: /" + "*a" * (DOCUMENT_BYTES // 2),
    "User-agent: *\n" + "".join(f"Disallow: /*{n}*a*b$\n" for n in range(25_000)),
    "".join(f"User-agent: a{n}\n" for n in range(16_000)) + "Disallow: /x\n" * 20_000,
    "User-agent: *\nUser-agent: CCBot\n" * 12_000 + "Disallow: /",
    "User-agent: CCBot\nCrawl-delay: 9\nUser-agent: *\nDisallow: /\n" * 8_000,
    "User-agent: CCBot\nCrawl-delay: 9\nUser-agent: *\n" + "Content-Usage: tdm=n\n" * 20_000,
    "Content-Signal: ai-train=no\n" * 18_000,
    "\0" * DOCUMENT_BYTES,
    "User-agent:" * 40_000,
    "".join(f"User-agent: a{n}\nDisallow: /\n" for n in range(100_000)),
    "".join(f"User-agent: a{n}\nCrawl-delay: 1\n" for n in range(16_000)) + "Disallow: /",
    f"User-agent: {'a' * 400_000}\nDisallow: /",
    "License: /a" + "\nLicense: /b" * 40_000,
    "a b c d " * 60_000,
]


class TestHostileFiles:
    """A pattern that goes back and forth would take hours for most of these."""

    @pytest.mark.parametrize("text", each_time(HOSTILE[::3], HOSTILE))
    def test_they_give_few_and_short_signals(self, text: str) -> None:
        signals = told(robots(text))
        assert 4 <= len(signals) <= 201
        assert all(len(signal.value or "") <= 4096 and len(signal.agent or "") <= 64 for signal in signals)

    def test_patterns_of_wildcards_are_compared_with_a_long_path(self) -> None:
        rules_read = RobotsGroup([("disallow", f"/{'*a' * 2000}*b")] * 50)
        assert rules_read.allows("/" + "a" * 16_000)
        lengths = [("disallow" if length % 2 else "allow", "/" + "*a" * length) for length in range(700)]
        assert RobotsGroup(lengths).allows("/" + "a" * 698)


@cases(
    ("url", "origin"),
    [
        (f"{SITE}/a", SITE),
        ("HTTPS://WWW.Courrier.example:443/b?c=1#d", SITE),
        ("https://courrier.example/a", "https://courrier.example"),
        ("http://www.courrier.example/a", "http://www.courrier.example"),
        ("https://www.courrier.example:8443/a", "https://www.courrier.example:8443"),
        ("https://[::1]:8443/a", "https://[::1]:8443"),
        *((url, None) for url in ("", "ftp://x.example/", "https://", "https://[::1/", "//x")),
        ("https://x.example:99999/", None),
    ],
)
def test_a_host_is_exactly_scheme_name_and_port(url: str, origin: str | None) -> None:
    place = place_of(url)
    assert (place and place.origin) == origin
    if origin == SITE:
        assert place
        assert place.path == ("/a" if url == f"{SITE}/a" else "/b?c=1")
