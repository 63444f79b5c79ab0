"""What a page declares of itself: in its headers, its metas and links, and its JSON-LD."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.scan_values import Capture
from presswatch_spark.matching.reservations import signals
from presswatch_spark.matching.reservations.signals import SIGNALS
from presswatch_spark.matching.reservations.verdicts import VALUE_CHARACTERS
from presswatch_spark.reading.page_metadata import PAGE_BYTES
from presswatch_spark.reading.pdf_and_main_content import ParserDiedError
from tests.world.processes import raising
from tests.world.proofs import cases
from tests.world.rights import capture, robots, told

Row = tuple[str | None, ...]


def headers(*given: tuple[str, str]) -> list[Row]:
    response = capture(b"%PDF-1.7", "https://x.example/a.pdf", *given, media_type="application/pdf")
    signals = told(response)
    assert {signal.source for signal in signals if signal.signal != "left_out"} <= {"header"}
    return [(signal.signal, signal.agent, signal.value, signal.verdict) for signal in signals]


def page(head: str, *names: str) -> list[Row]:
    return [(s.signal, s.agent, s.value, s.verdict) for s in told(capture(head), *names)]


def ld(value: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


def paywalls(value: Any, body: str = "") -> list[tuple[Any, bool | None]]:
    signals = told(capture(ld(value) + body), "paywall")
    return [(json.loads(signal.value or "null"), signal.paywalled_text_captured) for signal in signals]


def test_x_robots_tag_has_directives_for_anybody_and_for_agents() -> None:
    assert headers(
        ("X-Robots-Tag", "noai, noimageai"),
        ("x-robots-tag", "max-snippet:20, ccbot: noai, noindex, GPTBot: none"),
        ("X-Robots-Tag", "unavailable_after: 25 Jun 2025 15:00:00 PST, noarchive"),
        ("X-Robots-Tag", " "),
        # The hour of a date is no agent to whom the rest would be addressed.
        ("X-Robots-Tag", "unavailable_after: Sat, 25 Jun 2025 15:00:00 GMT, noai"),
        ("X-Robots-Tag", "unavailable_after: Saturday, 25-Jun-25 15:00:00 GMT, noai"),
    ) == [
        ("x_robots_tag", None, "noai, noimageai", "reserved"),
        ("x_robots_tag", None, "max-snippet:20", None),
        ("x_robots_tag", "ccbot", "noai, noindex", "reserved"),
        ("x_robots_tag", "GPTBot", "none", None),
        ("x_robots_tag", None, "unavailable_after: 25 Jun 2025 15:00:00 PST, noarchive", None),
        ("x_robots_tag", None, "unavailable_after: Sat, 25 Jun 2025 15:00:00 GMT, noai", "reserved"),
        ("x_robots_tag", None, "unavailable_after: Saturday, 25-Jun-25 15:00:00 GMT, noai", "reserved"),
    ]


LONG_USAGE = 'train-ai=n;e;c=?0;d=@0 ,list=( a "b";p 1.5 );q , search=%"d%c3%a9j%c3%a0",x=:YQ==:\t,\ty=-1.25'


@cases(
    ("header", "value", "verdict"),
    [
        # noai counts as a directive, and named otherwise leaves doubt.
        ("X-Robots-Tag", "noai noimageai", "unknown"),
        ("X-Robots-Tag", "noindex; NoAI", "unknown"),
        ("X-Robots-Tag", "noindex, noml", "reserved"),
        ("X-Robots-Tag", "NOAI", "reserved"),
        ("X-Robots-Tag", "noaindex, x-noai, noai_", None),
        ("X-Robots-Tag", "noindex, noimageai, none, all", None),
        ("TDM-Reservation", "1", "reserved"),
        ("TDM-Reservation", " 0 ", "allowed"),
        ("TDM-Reservation", "2", "unknown"),
        ("TDM-Reservation", "true", "unknown"),
        ("Content-Usage", "train-ai=n", "reserved"),
        ("Content-Usage", "train-ai=n;exceptions=x, search=y", "reserved"),
        ("Content-Usage", LONG_USAGE, "reserved"),
        ("Content-Usage", "train-genai=n", "reserved"),
        ("Content-Usage", "train-ai=y", "allowed"),
        ("Content-Usage", "bots=n, train-ai=y", "allowed"),
        ("Content-Usage", "bots=n", "reserved"),
        ("Content-Usage", "train-ai=n, train-genai=y", "unknown"),
        ("Content-Usage", "train-ai=perhaps", "unknown"),
        ("Content-Usage", "train-ai=n, train-ai=y", "allowed"),
        ("Content-Usage", "search=n", None),
        ("Content-Usage", "=,;=,,", None),
        ("Content-Signal", "search=yes,ai-train=no", "reserved"),
        ("Content-Signal", "AI-Train = No", "reserved"),
        ("Content-Signal", "ai-train=yes, use=reference", "allowed"),
        ("Content-Signal", "ai-train", "unknown"),
        ("Content-Signal", "ai-train=n", "unknown"),
        ("Content-Signal", "ai-train=no, ai-train=yes", "unknown"),
        ("Content-Signal", "search=no, ai-input=no", None),
        ("Content-Signal", "train-ai=n", None),
    ],
)
def test_a_header_and_its_meta_declare_what_training_may_do(
    header: str, value: str, verdict: str | None
) -> None:
    name = header.lower().replace("-", "_")
    assert headers((header, value)) == [(name, None, value.strip(), verdict)]
    if meta := {"X-Robots-Tag": "robots", "TDM-Reservation": header}.get(header):
        name = name.replace("x_robots_tag", "meta_robots")
        assert page(f'<meta name="{meta}" content="{value}">') == [(name, None, value.strip(), verdict)]


NOAI = '<meta name="robots" content="noai">'
MANY_NAMES = " ".join(f"a{k}=1" for k in range(64))


@pytest.mark.parametrize(
    ("media", "told_of"), [("application/xhtml+xml", 1), ("application/xml", 1), ("text/html", 0)]
)
def test_in_xhtml_an_empty_element_hides_no_declaration(media: str, told_of: int) -> None:
    head = f'<?xml version="1.0"?><html><head><title/><script src="a.js" />{NOAI}</head>'
    assert len(told(capture(head, media_type=media), "meta_robots")) == told_of


@cases(
    ("head", "expected"),
    [
        ("<link rel=preload href=x>" * 2_000 + NOAI, ("left_out", "unknown")),
        (f"<meta {MANY_NAMES} name=robots content=noai>", ("left_out", "unknown")),
        (f'<meta name="robots" content="{"noindex, " * 8_000}noai">', ("left_out", "unknown")),
        (f'<meta content="{"noindex, " * 8_000}noai" name="robots">', ("left_out", "unknown")),
        # What decides nothing is not missed.
        ("<link rel=preload href=x>" * 1_999 + NOAI, ("meta_robots", "reserved")),
        (f'<meta property="og:image" content="{"A" * 80_000}">{NOAI}', ("meta_robots", "reserved")),
        (f"<meta name=robots content=noai {MANY_NAMES}>", ("meta_robots", "reserved")),
    ],
)
def test_what_was_not_read_of_the_metas_may_reserve(head: str, expected: tuple[str, str]) -> None:
    assert [(signal.signal, signal.verdict) for signal in told(capture(head))] == [expected]


def test_the_parts_of_a_response_may_reserve() -> None:
    parts = capture(f"--a\n\n{NOAI}\n--a--", media_type="multipart/x-mixed-replace")
    assert [(signal.signal, signal.verdict) for signal in told(parts)] == [("left_out", "unknown")]


def test_what_was_not_read_of_a_header_may_reserve() -> None:
    link = ("Link", f'<https://x.example/{"a" * 9_000}>; rel="x"')
    found = headers(("X-Robots-Tag", f"{'noindex, ' * 1_000}noai"), link)
    assert [(name, verdict) for name, _, _, verdict in found if name != "x_robots_tag"] == [
        ("left_out", "unknown")
    ]
    assert headers(link) == []


@pytest.mark.parametrize(
    "values",
    [
        ("train-ai", "train-ai=?0", 'train-ai="n"', "train-ai=no", "train-ai=1", "train-ai=(n)"),
        ("Train-AI=n", "train-ai = n", "train-ai=n; Exceptions=x", "train-ai: n", "no train-ai"),
        ("train-ai=n,", "train-ai=n,, search=y", "train-ai=n search=y", "train-ai=N"),
    ],
    ids=["values", "names", "lists"],
)
def test_what_aipref_does_not_know_neither_reserves_nor_allows(values: tuple[str, ...]) -> None:
    for value in values:
        (in_header,) = headers(("Content-Usage", value))
        lines = robots(f"User-agent: *\nContent-Usage: {value}")
        in_file = {signal.verdict for signal in told(lines, "content_usage")}
        assert {in_header[-1]} | in_file == {"unknown"}, value


def test_several_headers_are_one_list_and_a_header_may_have_several_links() -> None:
    link = (
        '<https://x.example/a,b>; rel="canonical", <https://x.example/l>; title="a, b"; rel=license,'
        " </style.css>; rel=preload"
    )
    usage = [("Content-Usage", "search=y"), ("Content-Usage", "train-ai=n")]
    assert headers(*usage, ("tdm-policy", "https://x.example/p.json"), ("Link", link)) == [
        ("tdm_policy", None, "https://x.example/p.json", None),
        ("content_usage", None, "search=y, train-ai=n", "reserved"),
        ("canonical", None, "https://x.example/a,b", None),
        ("license", None, "https://x.example/l", None),
    ]


def test_metas_hold_directives_for_anybody_and_for_agents() -> None:
    head = """<HEAD><META CONTENT='noai, noindex' NAME=Robots><meta name=ccbot content=noml>
        <meta name="google-extended" content="noimageai"><meta name="description" content="noai">
        <meta name=robots content=noml name=description content=all>"""
    assert page(head) == [
        ("meta_robots", None, "noai, noindex", "reserved"),
        ("meta_robots", "CCBot", "noml", "reserved"),
        ("meta_robots", "Google-Extended", "noimageai", None),
        # Of an attribute that is given twice the first counts.
        ("meta_robots", None, "noml", "reserved"),
    ]


def test_copyright_licence_and_canonical_address() -> None:
    declared = {
        "copyrightHolder": {"name": "Rives"},
        "copyrightNotice": "© 2024",
        "license": [{"@id": "https://x.example/ld"}],
    }
    head = """<meta name="copyright" content="&copy; Éditions des Rives">
        <meta property="dcterms.rights" content="Tous droits">
        <link rel="license" href="https://x.example/l"><link rel='alternate canonical' href=/une/1/>"""
    head += ld(declared)
    assert page(head) == [
        ("copyright", None, "© Éditions des Rives", None),
        ("copyright", None, "Tous droits", None),
        ("license", None, "https://x.example/l", None),
        ("canonical", None, "/une/1/", None),
        ("copyright", None, "copyrightHolder: Rives", None),
        ("copyright", None, "copyrightNotice: © 2024", None),
        ("license", None, "https://x.example/ld", None),
    ]


def test_comments_scripts_and_other_raw_text_declare_nothing() -> None:
    hidden = (
        f"<!-- {NOAI} --><script>'{NOAI}'</script><STYLE>{NOAI}</style><title>{NOAI}</title>"
        f"<textarea>{NOAI}</textarea><template>{NOAI}</template>"
        f"<script><!-- a('<script src=b></script>{NOAI}') --></script>"
        f"<!-- > {NOAI} --!><p title='{NOAI.replace(chr(34), '')}'"
    )
    assert page(f"{hidden}>") == page(f"<plaintext>{NOAI}</plaintext>{NOAI}") == []
    assert page(f"<script><!--<script>--></script>{NOAI}") == page(NOAI)
    assert page(f"<!-->{NOAI}") == page(NOAI) == [("meta_robots", None, "noai", "reserved")]
    # A tag that nothing ends is none.
    for end in ("<meta name=robots content=noai", "<a href='<meta name=robots content=noai>"):
        assert page(end) == []


@cases(
    "tag",
    [
        """<div data-code='<meta name="robots" content="noai">'>""",
        """<p title = "<script>" class='a"b'>""",
        '<a onclick="if (a <!--b) c()">',
        "<a title=it's>",
        '<a b=c\'d=">">',
        '<a href=/x?q=">',
        "<p =>",
        "<br/>a < b <3 </p >",
        """</ <meta name='robots' content='noai'>""",
        """</<meta name='robots' content='noai'>""",
        """<?php echo '<meta name="robots" content="noai"' ?>""",
        '<!DOCTYPE html SYSTEM "about:legacy-compat">',
    ],
)
def test_what_stands_within_a_tag_neither_declares_nor_hides_what_follows(tag: str) -> None:
    copyright = '<meta name="copyright" content="Rives">'
    assert page(f"{tag}{copyright}<p>") == [("copyright", None, "Rives", None)]


@cases("value", [False, "False", "false", "http://schema.org/False"])
def test_a_paywall_and_the_text_behind_it(value: Any) -> None:
    part = {"isAccessibleForFree": value, "cssSelector": ".reserve"}
    news = {"@type": "NewsArticle", "isAccessibleForFree": value, "hasPart": [part]}
    article = {"@graph": [{"@type": "WebPage"}, [news]]}
    body = "<div class='reserve'><p>Deux mots</p><div class=reserve>et <b>trois</b></div></div><p>Chapô"
    body += "<p class='chapo reserve'>cinq"
    assert paywalls(article, body) == [
        ({"isAccessibleForFree": False}, None),
        ({"isAccessibleForFree": False, "cssSelector": ".reserve", "words": 5}, True),
    ]


@cases(
    ("selector", "body", "captured"),
    [
        (".reserve", "<div class=reserve> — </div>", False),
        (".reserve", "<div class=reserve><script>var un = 1</script></div>", False),
        (".reserve", "<p>Rien</p>", False),
        ("#a > p, .b", "<div id=a><p>un</p></div>", True),
        ("..", "<p>un</p>", None),
        ("p:has(b)", "<p>un</p>", None),
        ("p" * 300, "<p>un</p>", None),
        (".reserve", "<div class=reserve>un</div>" + "<font size=1><p>" * 12_000, None),
        (
            ".reserve",
            "<div class=reserve>un</div><p " + " ".join(f"a{n}" for n in range(200_000)) + ">",
            None,
        ),
    ],
)
def test_what_is_said_of_paywalled_text_is_known(selector: str, body: str, captured: bool | None) -> None:
    ((told_of, found),) = paywalls({"isAccessibleForFree": False, "cssSelector": selector}, body)
    assert found is captured
    assert ("words" in told_of) == (captured is not None)


@cases(
    ("start", "selector"),
    [
        ("<body class=reserve>", ".reserve"),
        ("<body>", "body"),
        ("<html id=tout><body>", "#tout"),
        ("<body id=une>", "body#une > p"),
    ],
)
def test_a_selector_may_name_the_whole_page(start: str, selector: str) -> None:
    page = f"{ld({'isAccessibleForFree': False, 'cssSelector': selector})}{start}<p>un <b>deux</b></p>"
    (signal,) = told(capture(f"<html><head>{page}" if "<html" not in page else page), "paywall")
    assert (json.loads(signal.value or "")["words"], signal.paywalled_text_captured) == (2, True)


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ("<p class=reserve></p>", {"cut": True}),
        (" " * PAGE_BYTES + "<p class=reserve>un", {}),
        ("<p class=reserve></p>" * 201 + "<p class=reserve>un", {}),
    ],
)
def test_that_no_text_was_captured_is_not_said_of_a_page_that_was_not_read_whole(
    body: str, facts: dict[str, Any]
) -> None:
    head = ld({"isAccessibleForFree": False, "cssSelector": ".reserve"})
    (signal,) = told(capture(head + body, **facts), "paywall")
    assert signal.paywalled_text_captured is None
    assert "words" not in (signal.value or "")
    assert signal.note
    (text_first,) = told(capture(f"{head}<p class=reserve>deux{body}", **facts), "paywall")
    assert text_first.paywalled_text_captured is True


def test_a_page_that_kills_the_parser_leaves_it_unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "parse_in_subprocess", raising(ParserDiedError("a crash", late=True)))
    (signal,) = told(capture(ld({"isAccessibleForFree": False, "cssSelector": "p"}) + "<p>un"))
    assert (signal.paywalled_text_captured, signal.note) == (None, "the selector was not tried")


@pytest.mark.parametrize(
    ("body", "is_parsed"),
    [
        ("<p>" * 3_000, True),
        ("<b></B>" * 3_000, True),
        ("<b>" * 20 + "<p>" * 3_000, True),
        ("<B a='>'></b><b>" * 3_000, False),
        ("</i>" * 3_000 + "<b>" * 3_000 + "</b>" * 3_000, False),
        ("un " * 20_000, True),
        (f"<p {'a ' * 20_000}>", False),
    ],
)
def test_a_page_whose_tree_would_be_out_of_proportion_is_not_parsed(
    monkeypatch: pytest.MonkeyPatch, body: str, is_parsed: bool
) -> None:
    parsed: list[bytes] = []

    def parse(kind: str, page: bytes) -> tuple[bytes, None]:
        parsed.append(page)
        return b"[null]", None

    monkeypatch.setattr(signals, "parse_in_subprocess", parse)
    (signal,) = told(capture(ld({"isAccessibleForFree": False, "cssSelector": "p"}) + body))
    assert (len(parsed), signal.note) == (is_parsed, "the selector was not tried")


def test_what_is_free_has_no_paywalled_text_and_each_of_several_selectors_is_looked_for() -> None:
    assert paywalls({"isAccessibleForFree": True, "cssSelector": "p"}, "<p>un") == [
        ({"isAccessibleForFree": True, "cssSelector": "p"}, None)
    ]
    assert paywalls({"isAccessibleForFree": "perhaps"}) == []
    found = paywalls({"isAccessibleForFree": False, "cssSelector": [".a", ".b", 1, ""]}, "<p class=b>un deux")
    assert [(said["cssSelector"], said["words"], captured) for said, captured in found] == [
        (".a", 0, False),
        (".b", 2, True),
    ]


FREE = '"isAccessibleForFree"'


@cases(
    "script",
    [
        f'{{{FREE}: false, "description": "deux\nlignes"}}',
        f"<!-- {{{FREE}: false}} -->",
        f'//<![CDATA[\n[{{{FREE}: false}}, {{"a": 1}}]\n//]]>',
        f'{{{FREE}: true, {FREE}: false, "x": NaN}};',
    ],
)
def test_json_ld_with_common_faults_is_read(script: str) -> None:
    script = f"<script type='application/LD+JSON; charset=utf-8'>{script}</script>"
    (signal,) = told(capture(script), "paywall")
    assert (signal.value, signal.note) == (f"{{{FREE}: false}}", None)


def test_json_ld_that_cannot_be_read_is_reported() -> None:
    for script in (
        '{"a": ' * 100_000 + FREE,
        "[" * 500_000 + FREE,
        f"{{{FREE}: false",
        f"{{{FREE}: {'9' * 10_000}",
    ):
        (signal,) = told(capture(f'<script type="application/ld+json">{script}'))
        assert (signal.signal, signal.value, signal.paywalled_text_captured) == ("paywall", None, None)
        assert "cannot be read" in str(signal.note)


@cases(
    "body",
    [
        ld([{"isAccessibleForFree": False, "cssSelector": f".a{n}"} for n in range(10_000)]),
        ld([{"copyrightHolder": f"a{n}"} for n in range(20_000)]),
        ld({"isAccessibleForFree": False, "cssSelector": "div"}) + "<div>" * 100_000 + "x",
        "".join(f'<meta name="robots" content="noai {n}">' for n in range(20_000)),
        *(start * 100_000 for start in ("<meta ", "<a ", "<a b=", "<a b='", '<a b="', "<a b='<a c=\"")),
        *(
            start * 100_000
            for start in ("<? ", "</", "<", "<meta a='", '<meta a="', "<link rel=canonical href=a>")
        ),
        *(start * 100_000 for start in ("<script>", "<!--", "<!-- ", "<title>")),
        ("<meta a=b " + "c " * 50) * 10_000,
        "<meta " + " ".join(f"a{n}=" for n in range(200_000)) + ">",
        '<meta name=robots content="' + "noai," * 400_000 + '">',
        "<meta name=robots content='" + "&amp;&#0;&#xD800;" * 10_000 + "'>",
    ],
)
def test_hostile_pages_give_few_and_short_signals(body: str) -> None:
    signals = told(capture(body))
    assert len(signals) <= SIGNALS + 1
    assert all(len(signal.value or "") <= VALUE_CHARACTERS for signal in signals)
    assert all((signal.value or "").encode() is not None for signal in signals)


def test_more_signals_than_are_kept_are_counted_out_and_none_is_listed_twice() -> None:
    metas = [f'<meta name="copyright" content="{n}">' for n in range(SIGNALS + 1)]
    signals = told(capture("".join(metas)))
    assert len(signals) == SIGNALS + 1
    assert (signals[-1].signal, signals[-1].note) == ("left_out", "more than 200 signals")
    assert len(told(capture("".join(metas[:-1])))) == SIGNALS == 200
    assert len(page(NOAI * 2)) == 1


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (capture(" " * PAGE_BYTES + NOAI), [("left_out", "the page was read to 2 MiB")]),
        (
            capture(f'{NOAI}<meta name="copyr', cut=True),
            [("meta_robots", None), ("left_out", "the capture was cut")],
        ),
    ],
    ids=["long", "cut"],
)
def test_of_a_page_that_is_not_there_whole_the_rest_is_reported(
    response: Capture, expected: list[tuple[str, str | None]]
) -> None:
    assert [(signal.signal, signal.note) for signal in told(response)] == expected


def test_only_html_has_metas_and_is_read_in_its_own_encoding() -> None:
    head = "<meta name=copyright content='Éditions'>"
    for encoding in ("utf-8", "cp1252", "utf-16-le"):
        assert [s.value for s in told(capture(head, encoding=encoding))] == ["Éditions"]
    for media_type in ("text/plain", None):
        assert told(capture(NOAI, media_type=media_type)) == []


def test_a_reservation_in_a_pdf_that_is_in_no_packet_leaves_doubt() -> None:
    pdf = {"url": "https://x.example/a.pdf", "media_type": "application/pdf"}
    metadata = b"%PDF-1.7\n<rdf:Description><tdm:reservation>1</tdm:reservation></rdf:Description>"
    (signal,) = told(capture(metadata, **pdf))
    assert (signal.signal, signal.verdict) == ("left_out", "unknown")
    assert told(capture(b"%PDF-1.7\n", **pdf)) == []


@given(st.binary(max_size=300), st.sampled_from(["utf-8", "cp1252", "utf-16-le", "shift_jis"]))
def test_no_bytes_raise(noise: bytes, encoding: str) -> None:
    for start in (b"", b"<meta name=robots content=", b'<script type="application/ld+json">{"a":', b"<!--"):
        told(capture(start + noise, encoding=encoding))


@given(st.text(alphabet="nai:,;=<>\"' \t-robt\x00é", max_size=80))
def test_no_header_raises(value: str) -> None:
    names = ("x-robots-tag", "tdm-reservation", "content-usage", "content-signal", "link")
    told(capture(b"", "https://x.example/", *((name, value) for name in names)))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "signal", "expected"),
    [
        (
            "LeMonde_2023_09_01.html.gz",
            "paywall",
            [
                (f"{{{FREE}: false}}", None, None),
                (f'{{{FREE}: false, "cssSelector": ".paywall", "words": 93}}', True, None),
            ],
        ),
        (
            "trafilatura/html/aoc.media.archaisme.html",
            "paywall",
            [(None, None, "isAccessibleForFree is in text that cannot be read as JSON")],
        ),
        ("trafilatura/html/gala.fr.surnom.html", "copyright", [("Gala", None, None)]),
    ],
)
def test_a_real_page(real_data: Path, name: str, signal: str, expected: list[tuple[object, ...]]) -> None:
    data = (real_data / "html" / name).read_bytes()
    signals = told(capture(gzip.decompress(data) if name.endswith(".gz") else data), signal)
    assert [(s.value, s.paywalled_text_captured, s.note) for s in signals] == expected


@pytest.mark.real_data
def test_a_real_response_of_common_crawl(real_data: Path) -> None:
    from warcio.archiveiterator import ArchiveIterator

    with open(real_data / "common_crawl" / "whirlwind" / "whirlwind.warc.gz", "rb") as file:
        (response,) = [
            capture(
                record.content_stream().read(),
                record.rec_headers["WARC-Target-URI"],
                *record.http_headers.headers,
            )
            for record in ArchiveIterator(file)
            if record.rec_type == "response"
        ]
    assert len(response.headers) > 10
    assert [(s.signal, s.source, s.value) for s in told(response)] == [
        ("meta_robots", "meta", "max-image-preview:standard"),
        ("canonical", "link", "https://an.wikipedia.org/wiki/Escopete"),
        ("license", "link", "https://creativecommons.org/licenses/by-sa/4.0/deed.an"),
    ]
