"""Licences in documents: RSL, policies in ODRL, and TDMRep in PDF files."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.matching.reservations.licences_in_documents import (
    policy_signals,
    rsl_signals,
    rsl_verdict,
    xmp_signals,
)
from presswatch_spark.matching.reservations.verdicts import DOCUMENT_BYTES, RULES_READ, Signal
from tests.world.rights import PAGE, SITE, capture, told

RSL = '<rsl xmlns="https://rslstandard.org/rsl">'


def rsl(body: str, **facts: Any) -> list[Signal]:
    return told(
        capture(body, f"{SITE}/rsl.xml", **{"media_type": "application/rsl+xml", **facts}), "rsl", "left_out"
    )


def test_a_content_is_a_row_with_its_licences() -> None:
    body = f"""{RSL}
        <content url="/une/*" server="https://licences.example/api">
          <license>
            <permits type="usage">ai-train  search</permits><permits type="user">commercial</permits>
            <prohibits type="geo">US</prohibits>
            <payment type="crawl"><amount currency="EUR">0.1</amount></payment>
          </license>
          <license><prohibits type="usage">ai-input</prohibits></license>
        </content>
        <content url="{SITE}/sport/"><license><prohibits>all</prohibits></license></content></rsl>"""
    first, second = rsl(body)
    assert (first.path, first.rule, first.scope, first.source, first.verdict) == (
        "/une/*", 1, "path", "file", "reserved",
    )  # fmt: skip
    assert json.loads(first.value or "") == {
        "server": "https://licences.example/api",
        "licenses": [
            {
                "permits": {"usage": ["ai-train", "search"], "user": ["commercial"]},
                "prohibits": {"geo": ["us"]},
                "payment": ["crawl"],
            },
            {"prohibits": {"usage": ["ai-input"]}},
        ],
    }
    assert (second.path, second.rule, second.verdict) == ("/sport/", 2, "reserved")
    wide = f'<?xml version="1.0" encoding="utf-16"?>{body}'.encode("utf-16")
    assert rsl(wide, encoding="utf-16-le") == [first, second]
    assert [rsl_verdict(first.value or "", use) for use in ("train", "search", "tdm")] == ["reserved"] * 3


def test_links_of_the_type_lead_to_it_and_others_to_a_licence() -> None:
    rsl_type = "application/rsl+xml"
    page = capture(
        f'<link rel=license type={rsl_type} href="/rsl.xml"><link rel=license href="/cc">',
        PAGE,
        ("Link", f'</l.xml>; rel="license"; type="{rsl_type}", </m>; rel=license'),
    )
    assert [(each.signal, each.source, each.value) for each in told(page)] == [
        ("rsl", "header", "/l.xml"), ("license", "header", "/m"), ("rsl", "link", "/rsl.xml"),
        ("license", "link", "/cc"),
    ]  # fmt: skip


def test_a_quoted_value_of_a_link_contains_no_parameter() -> None:
    rsl_type = "application/rsl+xml"
    page = capture(
        "",
        PAGE,
        ("Link", f'</l.xml>; rel=license; title="; type=text/xml"; TYPE={rsl_type}'),
        ("Link", f'</m>; rel=license; title="; type={rsl_type}", </n>; title="; rel=license"'),
        ("Link", f'</o.xml>; crossorigin; type={rsl_type}; rel="next license"; rel=canonical'),
    )
    assert [(each.signal, each.value) for each in told(page)] == [
        ("rsl", "/l.xml"), ("license", "/m"), ("rsl", "/o.xml"),
    ]  # fmt: skip


def test_a_document_of_another_format_is_none() -> None:
    assert rsl("<rss><channel/></rss>") == []
    assert rsl(f'{RSL}<content url="/"><license/></content></rsl>', status=404) == []
    assert told(capture('{"a": "mine"}', f"{SITE}/a.json", media_type="application/json")) == []


DEEP = 60_000
BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "body",
    [
        f'<!DOCTYPE rsl [<!ENTITY a0 "ha">{BOMB}]>{RSL}<content url="/">&a11;</content></rsl>',
        f'<!DOCTYPE rsl SYSTEM "file:///etc/passwd">{RSL}</rsl>',
        RSL + "<content>" * DEEP,
        RSL + "<content>" * 9_000 + "</content>" * 9_000 + "</rsl>",
        f'{RSL}<content url="/">{"<license>" * 9_000}{"</license>" * 9_000}</content></rsl>',
        f'{RSL}<content url="/">{"<license><permits>all</permits></license>" * 9_000}</content></rsl>',
        f'{RSL}<content url="/"><license><permits>{"all " * 50_000}</permits></license></content></rsl>',
        f'{RSL}<content url="/{"*a" * 100_000}"><license/></content></rsl>',
        RSL + '<content url="/a"/>' * 20_000 + "</rsl>",
        f"{RSL}<content {' '.join(f'a{n}=_' for n in range(40_000))}/></rsl>",
        f"{RSL}{'x' * DOCUMENT_BYTES}</rsl>",
        f'{RSL}<content url="http://[::1"><license/></content></rsl>',
        f'<?xml version="1.0" encoding="no-such"?>{RSL}</rsl>',
    ],
    ids=range(13),
)
def test_hostile_documents_give_few_and_short_rows(body: str) -> None:
    signals = rsl(body)
    assert len(signals) <= RULES_READ + 1
    assert all(len(each.value or "") <= 4096 and len(each.path or "") <= 4096 for each in signals)
    assert not any("passwd" in str(each) or "hahaha" in str(each) for each in signals)


def test_hostile_policies_and_packets_give_few_rows() -> None:
    mine = {"action": "tdm:mine", "target": "x" * 9_000}
    (signal,) = policy_signals(json.dumps({"permission": [mine] * 50}).encode())
    assert (signal.verdict, len(signal.value or "")) == ("allowed", 4096)
    for body in (
        b"[" * 100_000,
        b'{"permission": [1, null, {"action": [[]]}]}',
        b'{"permission": {"action": {}}}',
    ):
        assert list(policy_signals(body)) == []
    assert [s.signal for s in xmp_signals(b"<x:xmpmeta tdm:reservation" * 90_000)] == ["left_out"]
    assert list(xmp_signals(b"<x:xmpmeta></x:xmpmeta>" * 90_000)) == []


@given(st.text(max_size=200), st.binary(max_size=200))
def test_nothing_raises(noise: str, raw: bytes) -> None:
    for text in (noise, f"{RSL}{noise}</rsl>", f'{RSL}<content url="/">{noise}</content></rsl>'):
        list(rsl_signals(text, f"{SITE}/rsl.xml"))
    list(policy_signals(raw))
    list(xmp_signals(b"<x:xmpmeta>" + raw + b"</x:xmpmeta>"))
