"""Web pages around made-up texts: what surrounds a text on the web, in the proportions of real pages.

Fitted to fifteen pages of the French press, 2018 to 2026. Theirs, then ours: KB a page 140 and 120, text that
can be seen 9 % and 9 %, packed by gzip 5.1 and 5.0 times, tags a KB 11.9 and 11.9, in scripts and styles 22 %
and 21 %, in start tags 56 % and 60 %, character references a KB 3.0 and 3.6, bytes beyond ASCII 1.0 % and
1.3 %. `python -m benchmarks.speed.likeness` prints both, theirs where they are at hand.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.speed.prose import vocabulary
from presswatch_spark.cli.demo.generate import Page

SITES = 60
CARDS = 120
CARDS_A_PAGE = range(38, 78)
SCRIPT_BYTES, STATE_ENTRIES = 12_000, 40
LATIN = 0.08
"""Share of sites in ISO-8859-1, as that is meant: windows-1252."""

_PARTS = (
    "main", "nav", "item", "card", "link", "title", "media", "header", "footer", "grid", "col", "row",
    "teaser", "list", "icon", "btn", "menu", "text", "image", "wrap",
)  # fmt: skip
_VERBS = (
    "get", "set", "add", "push", "call", "bind", "init", "load", "parse", "track", "render", "update",
    "observe", "remove", "emit", "fetch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Response:
    """A page as Common Crawl stores it: its body decoded, what the server said of its coding renamed."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    language: str


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages of a site share."""

    charset: str
    head: str
    top: str
    cards: Sequence[str]
    foot: str
    paragraph: str
    reference: str | None


def response(page: Page, number: int) -> Response:
    """The page that has a text."""
    rng = random.Random(f"web {number} {page.url}")
    site = _site(rng.randrange(SITES))
    html = "".join(_parts(page, site, rng))
    body = html.encode("utf-8" if site.charset == "utf-8" else "cp1252", "xmlcharrefreplace")
    headers = (
        ("Server", "nginx"),
        ("Content-Type", f"text/html; charset={site.charset}"),
        ("X-Crawler-Content-Encoding", "gzip"),
        ("X-Crawler-Transfer-Encoding", "chunked"),
        ("Vary", "Accept-Encoding"),
        ("Content-Length", str(len(body))),
    )
    return Response(page.url, headers, body, page.language)


def _parts(page: Page, site: Site, rng: random.Random) -> Iterator[str]:
    language = "fr" if page.language == "fra" else "en"
    yield f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="{site.charset}">'
    yield f"<title>{page.text[:60].partition('<')[0]}</title>{site.head}</head>{site.top}"
    for line in page.text.split("\n"):
        text = line.replace("’", site.reference) if site.reference else line
        words = text.split(" ")
        if len(words) > 12 and rng.random() < 0.3:
            first = rng.randrange(len(words) - 6)
            words[first] = f'<a href="/sujet/{rng.randrange(9999)}/" class="lien-interne">{words[first]}'
            words[first + 2] += "</a>"
        yield f"{site.paragraph}{' '.join(words)}</p>\n"
    yield "</div></article>"
    yield from rng.sample(site.cards, rng.choice(CARDS_A_PAGE))
    yield f"<script>window.__STATE__={_state(rng)}</script>{site.foot}"


@cache
def _site(number: int) -> Site:
    rng = random.Random(f"site {number}")
    names = [_class(rng) for _ in range(24)]
    links = "".join(_link(rng, names) for _ in range(90))
    scripts = "".join(f"<script>{_script(rng, SCRIPT_BYTES // 3)}</script>" for _ in range(3))
    styles = "".join(f".{rng.choice(names)}{{{_rule(rng)}}}" for _ in range(90))
    metas = "".join(f'<meta property="og:{_word(rng)}" content="{_words(rng, 6)}"/>' for _ in range(20))
    return Site(
        charset="iso-8859-1" if rng.random() < LATIN else "utf-8",
        head=f"{metas}<style>{styles}</style>{scripts}",
        top=f'<body class="{" ".join(rng.sample(names, 8))}"><header><nav><ul>{links}</ul></nav></header>'
        f'<main><article><div class="{rng.choice(names)}">',
        cards=[_card(rng, names) for _ in range(CARDS)],
        foot=f"<footer><ul>{''.join(_link(rng, names) for _ in range(40))}</ul></footer></body></html>",
        paragraph=f'<p class="{rng.choice(names)} {rng.choice(names)}">',
        reference=rng.choice(("&rsquo;", "&#8217;", "&#039;", None)),
    )


def _link(rng: random.Random, names: Sequence[str]) -> str:
    word = _short(rng)
    return (
        f'\n            <li class="{rng.choice(names)} {rng.choice(names)}" id="menu-{rng.randrange(999)}">'
        f'<a href="https://www.exemple.example/{word}/{_short(rng)}" title="{word}">{word}</a></li>'
    )


def _card(rng: random.Random, names: Sequence[str]) -> str:
    picture = f"https://cdn.example/{_short(rng)}/{rng.getrandbits(32):x}/{_short(rng)}"
    sizes = [f"{picture}-{size}.webp?w={size}&amp;q=80 {size}w" for size in (320, 640, 960)]
    page = f"/{_short(rng)}/{rng.randrange(10**6)}-{_short(rng)}"
    return f"""
        <div class="{" ".join(rng.sample(names, 3))}" data-tracking="zone&quot;{_short(rng)}">
            <!-- {_short(rng)} -->
            <a href="{page}" class="{" ".join(rng.sample(names, 3))}" data-url="https://www.exemple.example{page}">
                <picture><source srcset="{", ".join(sizes)}" type="image/webp">
                <img src="{picture}.jpg" loading="lazy" alt="{_words(rng, 5)}" width="320"></picture>
                <h3 class="{rng.choice(names)}">{_words(rng, 4)}</h3></a>
            <svg class="icon" viewBox="0 0 24 24"><path d="{_icon(rng.randrange(9))}"/></svg>
        </div>
"""


def _state(rng: random.Random) -> str:
    entries = [
        {
            "__typename": "Article",
            "id": rng.getrandbits(32),
            "title": _words(rng, 5),
            "url": f"/{_short(rng)}/{rng.randrange(10**6)}",
            "isPremium": False,
            "section": {"__typename": "Section", "slug": _short(rng)},
        }
        for _ in range(STATE_ENTRIES)
    ]
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))


def _script(rng: random.Random, size: int) -> str:
    out, n = list[str](), 0
    while n < size:
        a, b, c = (chr(97 + rng.randrange(26)) for _ in range(3))
        out.append(
            f"function {a}({b},{c}){{if({b}.{rng.choice(_VERBS)}&&{c}<{rng.randrange(99)})"
            f"return {c}.{rng.choice(_VERBS)}({{{_short(rng)}:{rng.randrange(9)}}});}}"
            f"var {c}=window.{_short(rng)}||[];"
        )
        n += len(out[-1])
    return "".join(out)


def _rule(rng: random.Random) -> str:
    margin, padding, color = rng.randrange(40), rng.randrange(40), rng.getrandbits(24)
    return f"margin:{margin}px;padding:{padding}px;color:#{color:06x};display:flex"


def _class(rng: random.Random) -> str:
    return f"{rng.choice(_PARTS)}__{rng.choice(_PARTS)}--{rng.choice(_PARTS)}-{rng.randrange(99)}"


@cache
def _icon(number: int) -> str:
    rng = random.Random(f"icon {number}")
    return (
        "M"
        + "l".join(f"{rng.randrange(99)}.{rng.randrange(99)} {rng.randrange(99)}" for _ in range(12))
        + "z"
    )


@cache
def _lexicon() -> list[str]:
    return [word.strip(" ’") for word in vocabulary()[0]]


def _word(rng: random.Random) -> str:
    return rng.choice(_lexicon())


def _short(rng: random.Random) -> str:
    """A word of few, as in addresses and names of a site."""
    return _lexicon()[rng.randrange(400)]


def _words(rng: random.Random, n: int) -> str:
    return " ".join(_word(rng) for _ in range(n))
