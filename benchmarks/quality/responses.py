"""Pages of the bench as servers send them and crawlers store them: HTML, in several charsets and codings.

The planted text stands in the article of the page, all of it and in its order. Around it is what sites have:
menus, a cookie notice, teasers, footers, of words that stand in no article. Where nobody sees it (scripts,
styles, comments, attributes, metadata) stand texts of articles, the page's own among them.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import brotli

from benchmarks.quality.markup import Markup, in_script
from benchmarks.quality.pages import Planted
from presswatch_spark.cli.demo.shards import write_warc

MENU = (
    "Accueil", "Politique", "Économie", "Société", "Monde", "Culture", "Sports", "Météo", "Jeux", "Vidéos",
    "Podcasts", "Idées", "Sciences", "Santé", "Planète", "Immobilier", "Emploi", "Archives", "Se connecter",
    "S’abonner dès 1 €",
)  # fmt: skip
COOKIES = (
    "Nos 217 partenaires et nous déposons des traceurs sur votre appareil. Refuser, c’est lire sans eux.",
    "Traceurs : tout accepter, tout refuser ou régler un par un ; votre choix tient six mois.",
)
TEASER = (
    "Le récit",
    "Portrait",
    "Reportage",
    "Entretien",
    "En images",
    "Tribune",
    "Le fil",
    "Vu d’ailleurs",
    "Décryptage",
)
CHARSETS = {"utf-8": 5, "iso-8859-1": 2, "windows-1252": 2}
DECLARED = {"header": 4, "meta": 3, "both": 4, "meta contradicts": 2, "nowhere": 2, "byte order mark": 1}
STORED = {"decoded by the crawler": 12, "as sent": 2, "chunked": 2, "gzip": 2, "gzip, chunked": 2, "br": 1}


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as stored, and how it was made: its HTML as text, and the traits that were drawn for it."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    language: str
    html: str
    traits: Mapping[str, str]


def write_pages(path: Path, pages: Iterable[Planted]) -> None:
    """Write pages as a WARC shard."""
    write_warc(path, map(answer, pages))


def answer(page: Planted) -> Answer:
    """A page as a server would send it; the same page, the same answer."""
    rng = random.Random(f"answer {page.url}")
    charset, declared, stored = (
        rng.choices(tuple(of), tuple(of.values()))[0] for of in (CHARSETS, DECLARED, STORED)
    )
    if any("\x7f" < char < "\xa0" for char in page.text):
        # As references these would be read as characters of windows-1252.
        charset = "utf-8"
    if declared == "byte order mark":
        charset = "utf-8"
    html = _html(page, rng, _meta(rng, charset, declared))
    kind = _content_type(rng, charset, declared)
    body = _encoded(html, charset, declared, rng)
    headers, body = _as_stored(rng, body, stored)
    return Answer(
        url=page.url,
        headers=(
            ("Date", "Sat, 14 Dec 2024 01:58:10 GMT"),
            ("Content-Type", kind),
            ("Vary", "Accept"),
            *headers,
        ),
        body=body,
        language=page.language,
        html=html,
        traits={"charset": charset, "declared": declared, "stored": stored},
    )


def _meta(rng: random.Random, charset: str, declared: str) -> str:
    named = _named(rng, _another(charset) if declared == "meta contradicts" else charset)
    if declared not in ("meta", "both", "meta contradicts"):
        return ""
    forms = (
        f'<meta charset="{named}">',
        f"<META CHARSET={named} />",
        f"<meta http-equiv='Content-Type' content='text/html; charset={named}'>",
    )
    return rng.choice(forms)


def _another(charset: str) -> str:
    return "utf-8" if charset != "utf-8" else "iso-8859-1"


def _named(rng: random.Random, charset: str) -> str:
    return rng.choice((charset, charset.upper()))


def _content_type(rng: random.Random, charset: str, declared: str) -> str:
    if declared in ("meta", "nowhere"):
        return "text/html"
    named = _named(rng, "iso-8859-1" if declared == "byte order mark" else charset)
    return rng.choice(
        (f"text/html; charset={named}", f"text/html;charset={named}", f'text/html; charset="{named}"')
    )


def _encoded(html: str, charset: str, declared: str, rng: random.Random) -> bytes:
    if declared == "byte order mark":
        return b"\xef\xbb\xbf" + html.encode()
    # Much of what is called ISO-8859-1 is windows-1252, and browsers read all of it as that.
    python_name = {
        "utf-8": "utf-8",
        "iso-8859-1": rng.choice(("latin-1", "cp1252")),
        "windows-1252": "cp1252",
    }
    return html.encode(python_name[charset], "xmlcharrefreplace")


def _as_stored(rng: random.Random, body: bytes, stored: str) -> tuple[list[tuple[str, str]], bytes]:
    length = ("Content-Length", str(len(body)))
    if stored == "as sent":
        return [length], body
    if stored == "decoded by the crawler":
        headers = [
            ("X-Crawler-Content-Encoding", rng.choice(("gzip", "br"))),
            ("X-Crawler-Transfer-Encoding", "chunked"),
        ]
        return [*rng.choice((headers, headers[:1])), length], body
    headers = []
    if stored.startswith("gzip"):
        body = gzip.compress(body, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    if stored == "br":
        body = brotli.compress(body, quality=5)
        headers.append(("content-encoding", "br"))
    if stored.endswith("chunked"):
        return [*headers, ("Transfer-Encoding", "chunked")], b"".join(_chunks(rng, body))
    return [*headers, ("Content-Length", str(len(body)))], body


def _chunks(rng: random.Random, body: bytes) -> Iterator[bytes]:
    first = 0
    while first < len(body):
        chunk = body[first : first + rng.randint(1, 6000)]
        first += len(chunk)
        yield b"%x\r\n%s\r\n" % (len(chunk), chunk)
    yield b"0\r\n\r\n"


def _html(page: Planted, rng: random.Random, meta: str) -> str:
    markup = Markup(rng, page.decoys)
    title = _teaser(rng)
    # The page may outgrow what a browser reads to find its charset: the declaration comes first.
    return "".join(
        (
            rng.choice(("<!DOCTYPE html>\n", "<!doctype html>", "")),
            f'<html lang="fr"><head>{meta}<title>{escape(title)}</title>',
            *_metadata(page.decoys, title),
            f'</head>\n<body class="article {rng.choice(("js", "no-js"))}">',
            f'<div id="cookies" class="consent">{rng.choice(COOKIES)}<button>Refuser</button></div>',
            f'<header><a href="/"><img src="/logo.png" alt="Le titre"></a><nav>{_menu(rng)}</nav></header>\n',
            f"<main><article><h1>{escape(title)}</h1>{markup.unseen()}",
            f"<div class=texte>{markup.blocks(page.text)}</div></article>",
            f"<aside><h2>{rng.randrange(10**6)} fois lu</h2>{_teasers(rng)}</aside></main>",
            f"<footer><p>© Le titre {rng.randrange(1990, 2025)}</p>{_menu(rng)}</footer>{markup.unseen()}",
            "<noscript><img src='https://mesure.example/p.gif' alt=''></noscript></body></html>",
        )
    )


def _metadata(decoys: Sequence[str], title: str) -> Iterator[str]:
    linked = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": title,
        "isAccessibleForFree": False,
    }
    for decoy in decoys:
        yield f'<meta name="description" content="{escape(decoy)}">'
        yield f'<META content="{escape(decoy)}" property="og:description" />'
        yield f'<script type="application/ld+json">{in_script({**linked, "articleBody": decoy})}</script>\n'
        yield f"<script>window.__DATA__={in_script({'html': f'<p>{escape(decoy)}</p>', 'id': 1})};</script>"
    yield "<style>.article > p{margin:0}/* <p>rien</p> */</style><link rel=stylesheet href=/s.css>"


def _menu(rng: random.Random) -> str:
    names = rng.sample(MENU, rng.randint(4, 12))
    return f"<ul>{''.join(f'<li><a href=/r/{i}>{name}</a></li>' for i, name in enumerate(names))}</ul>"


def _teasers(rng: random.Random) -> str:
    return "".join(
        f"<div class=teaser><a href=/t/{i}>{escape(_teaser(rng))}</a></div>" for i in range(rng.randint(2, 6))
    )


def _teaser(rng: random.Random) -> str:
    # With numbers at its ends, so that it makes no run of the text beside it longer.
    names = f"{rng.choice(MENU)}, {rng.choice(MENU)} & {rng.choice(MENU)}"
    return f"{rng.randrange(10**6)} : {rng.choice(TEASER)}, {names} n° {rng.randrange(10**6)}"
