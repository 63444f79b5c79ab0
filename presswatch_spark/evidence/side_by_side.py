"""A page for each claim: article and document next to each other, with the copied words marked.

All text is hostile. It is escaped, characters that steer are made visible, and the page's policy lets it load
and run nothing, so that a browser shows it as text whatever it says.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from presswatch_spark.evidence.verify_alone import shown
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.show import plain

FOLDER = "data/pages"
BREAKS = "\n\t"
_STYLE = (
    "body{font-family:serif;margin:2em}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #888;padding:.5em;text-align:left;vertical-align:top}"
    ".text td{white-space:pre-wrap;overflow-wrap:anywhere;width:50%}code{overflow-wrap:anywhere}"
)
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'"
# Column of the row or claim, and its name in English and French.
_OF_ROW = (
    ("document_url", "page", "page"),
    ("captured_at", "captured", "relevée le"),
    ("headline", "headline", "titre"),
    ("article_url", "article", "article"),
    ("article_published_at", "published", "publié le"),
    ("copied_words", "words copied", "mots repris"),
    ("dataset", "dataset", "jeu de données"),
    ("release", "release", "livraison"),
    ("row_sha256", "row", "ligne"),
)
_OF_CLAIM = (
    ("publisher_id", "owner", "titulaire"),
    ("title_id", "title", "publication"),
    ("confidence", "letter", "lettre"),
    ("reasons", "reasons", "motifs"),
    ("mandate", "mandate", "mandat"),
    ("reservation", "reservation", "réserve"),
    ("licence_id", "licence", "licence"),
)


def page_of(row: Mapping[str, Any], claim: Mapping[str, Any], document: str, article: str) -> str:
    """Return the page of a claim as HTML.

    Args:
        row: of `matches`; `claim`: its row of `claims`.
        document: the text of the page, which the row's spans count characters of, as they do of `article`.
    """
    facts = [(names, row.get(name)) for name, *names in _OF_ROW]
    facts += [(names, claim.get(name)) for name, *names in _OF_CLAIM]
    place = (row["record_offset"], row["record_length"], row["record_encoding"])
    facts += [(["again", "relire"], Pointer(str(row["shard_uri"]), *place).curl)]
    spans = row.get("spans") or ()
    sides = (
        marked(article, ranges_of(spans, "article")),
        marked(document, ranges_of(spans, "document")),
    )
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">'
        f'<meta name="referrer" content="no-referrer"><title>{escaped(str(row["row_sha256"]))}</title>'
        f"<style>{_STYLE}</style></head><body>"
    )
    table = "".join(_fact_lines(facts))
    texts = "".join(f"<td><bdi>{side}</bdi></td>" for side in sides)
    return (
        f"{head}\n<table>\n{table}</table>\n"
        '<table class="text"><tr><th>article</th><th>page</th></tr>\n'
        f"<tr>{texts}</tr></table>\n</body></html>\n"
    )


def _fact_lines(facts: Iterable[tuple[Sequence[str], Any]]) -> Iterator[str]:
    for names, value in facts:
        if value not in (None, [], ()):
            said = ", ".join(map(str, value)) if isinstance(value, list) else str(plain(value))
            label = " · ".join(dict.fromkeys(names))
            yield f"<tr><th>{label}</th><td><bdi><code>{escaped(said)}</code></bdi></td></tr>\n"


def ranges_of(spans: Iterable[Mapping[str, Any]], side: str) -> list[tuple[Any, Any]]:
    """Return the characters that spans cover on a side, `article` or `document`: first, and one after."""
    return [(each[f"{side}_start"], each[f"{side}_end"]) for each in spans if each]


def marked(text: str, ranges: Iterable[tuple[Any, Any]]) -> str:
    """Return text as HTML, with ranges of its characters marked; they may overlap, or lie outside of it."""
    parts, at = list[str](), 0
    for start, end in sorted((start, end) for start, end in ranges if None not in (start, end)):
        start, end = max(at, start), min(end, len(text))
        if start < end:
            parts += [escaped(text[at:start]), f"<mark>{escaped(text[start:end])}</mark>"]
            at = end
    return "".join([*parts, escaped(text[at:])])


def escaped(text: str) -> str:
    """Return text for HTML; what cannot be seen, or turns the direction of writing, as its escape."""
    if text.isprintable():
        return html.escape(text)
    return html.escape("".join(c if c in BREAKS else " " if c.isspace() else shown(c) for c in text))
