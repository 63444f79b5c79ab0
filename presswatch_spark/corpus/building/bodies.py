"""The plain text of what a member gave: markup is extracted, garbled letters are repaired.

Members' exports contain HTML, character references without tags, escaped HTML (`&lt;p&gt;`), and UTF-8 that a
program has read as Windows-1252 (`l'Ã©tÃ©`). Signs such as in `a < b` are no markup, nor are tags that a text
mentions, as an article about HTML does.
"""

import re
from dataclasses import dataclass
from html.entities import html5

from presswatch_spark.html.markup import text_of_page

AUTO, TEXT, HTML = "auto", "text", "html"
FORMATS = (AUTO, TEXT, HTML)
"""How a body is read: as HTML if it is HTML; as it is; as HTML in any case."""
MOST_ROUNDS = 3
"""Exports escape HTML once or twice (`&amp;lt;p&amp;gt;`)."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text without markup. `format`: how it was given, `text` or `html`; `repaired`: it was garbled."""

    text: str
    format: str
    repaired: bool


def plain_text(given: str, declared: str = AUTO) -> PlainText:
    """Return the plain text of a body or headline; `declared` is one of `FORMATS`."""
    text, found = given, TEXT
    if declared == HTML:
        text, found = _extracted(text), HTML
    rounds = 0
    while declared != TEXT and rounds < MOST_ROUNDS and is_markup(text):
        text, found, rounds = _extracted(text), HTML, rounds + 1
    repaired = repaired_text(text)
    return PlainText(repaired, found, repaired != text)


_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def _extracted(markup: str) -> str:
    """Return the text that a browser shows, by the extractor that reads the pages of a scan."""
    page = _CDATA.sub(r"\1", markup).encode("utf-8", "replace")
    return text_of_page(page).decode("utf-8", "replace").strip()


_BLOCKS = """
    address article aside blockquote body center dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6
    head header hr html iframe li main nav ol p pre script section style table tbody td th thead tr ul
"""
_INLINE = """
    a abbr acronym b big br cite code del em embed font i img ins mark noscript picture q s small source span
    strike strong sub sup time tt u video audio object
"""
_NAMES = frozenset((_BLOCKS + _INLINE).split())
_WITHOUT_END = frozenset(("br", "embed", "hr", "img", "li", "p", "source"))
_SEPARATORS = frozenset(("br", "hr"))
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)(\s[^<>]*=[^<>]*|\s*/?)>")
_DOCUMENT = re.compile(r"\s*<(?:!doctype\b|!--|\?xml\b|!\[CDATA\[)", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")
# Texts with such words may mention tags and references.
_ABOUT_MARKUP = re.compile(r"(?i)\b(?:x?html5?|xml|css|balises?|markup|code source|javascript)\b")
_BLANK_OR_OPENING, _BLANK_OR_CLOSING = " \t\u00a0\u202f«“\"'’‘(`[", " \t\u00a0\u202f»”\"'’)`],.;:…?!"
_SENTENCE_ENDS = '.!?…»”"\n\r>'


def is_markup(text: str) -> bool:
    """Return whether a text is HTML: it uses tags or character references, and does not only mention them."""
    if "<" not in text and "&" not in text:
        return False
    if _DOCUMENT.match(text):
        return True
    tags = _tags(text)
    references = [one for one in _REFERENCE.finditer(text) if not one[1] or f"{one[1]};" in html5]
    if not _ABOUT_MARKUP.search(text):
        return bool(tags or references)
    if tags and tags[0].start() == len(text) - len(text.lstrip()) and not _is_mentioned(text, tags[0]):
        return True
    mentioned = sum(_is_mentioned(text, one) for one in (*tags, *references))
    return len(tags) + len(references) - mentioned > 4 * mentioned and not _is_shown(text, tags)


def _tags(text: str) -> list[re.Match[str]]:
    """Return the tags of HTML: known names; in pairs, with attributes, or of elements without an end."""
    tags = [tag for tag in _TAG.finditer(text) if tag[2].lower() in _NAMES]
    opened = {tag[2].lower() for tag in tags if not tag[1]}
    closed = {tag[2].lower() for tag in tags if tag[1]}
    certain = (opened & closed) | _WITHOUT_END
    return [tag for tag in tags if tag[2].lower() in certain or "=" in tag[3]]


def _is_mentioned(text: str, found: re.Match[str]) -> bool:
    """Return whether a tag or a reference stands in the text like a word, with blanks or quotes around it."""
    before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    if not before or not after or before not in _BLANK_OR_OPENING or after not in _BLANK_OR_CLOSING:
        return False
    if found.re is _TAG and found[2].lower() in _SEPARATORS:
        preceding = text[max(0, found.start() - 10) : found.start()].rstrip()[-1:]
        return preceding not in _SENTENCE_ENDS
    return True


def _is_shown(text: str, tags: list[re.Match[str]]) -> bool:
    """Return whether most of the text is outside of all tags: then these are examples of code."""
    if not tags:
        return False
    first, last = tags[0].start(), tags[-1].end()
    return last - first < len(text) / 2


# Letters and signs of French and its neighbours, of which UTF-8 makes two signs or more if it is read as
# another encoding.
_GARBLED_SIGNS = (
    "àâäáãåæçèéêëìíîïñòóôöõøœùúûüýÿßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜÝŸ«»‹›‘’‚“”„–—…•●■►→★·°§©®²³½€™\u00a0\u202f"
)
_ENCODINGS = ("latin-1", "cp1252", "mac_roman", "cp437")
_REPAIRED_SIGNS = re.compile(
    r"[\x00-\u017f\u02b0-\u036f\u2000-\u2bff\ufb00-\ufb06\ufe00-\ufe0f\U0001f000-\U0001faff]*"
)


def _garbled_pairs() -> re.Pattern[str]:
    pairs = set[str]()
    for encoding in _ENCODINGS:
        for sign in _GARBLED_SIGNS:
            garbled = sign.encode().decode(encoding, "ignore")
            raw = sign.encode().decode("latin-1")
            pairs.update(each[:2] for each in (garbled, raw) if len(each) > 1 and not each[:2].isascii())
    # The second sign of `à` is a blank, which editors replace.
    pairs.update(("Ã ", "â€"))
    return re.compile("|".join(map(re.escape, sorted(pairs))))


_GARBLED = _garbled_pairs()


def repaired_text(text: str) -> str:
    """Return a text with repaired lines where UTF-8 was read in another encoding; other lines are kept."""
    if text.isascii() or not _GARBLED.search(text):
        return text
    # Garbled letters contain U+0085, which is a line end for `splitlines`.
    return "\n".join(map(_repaired_line, text.split("\n")))


def _repaired_line(line: str) -> str:
    if not _GARBLED.search(line):
        return line
    from ftfy import fix_encoding

    fixed: str = fix_encoding(line)
    # Correct French such as `«écrasé»«jugé»` happens to be UTF-8 of another script.
    return fixed if _REPAIRED_SIGNS.fullmatch("".join(set(fixed) - set(line))) else line
