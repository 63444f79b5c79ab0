"""Extracts the plain text of a body, repairs garbled letters, and recognises excerpts.

Members' exports contain HTML, escaped HTML (`&lt;p&gt;`), and UTF-8 read as Windows-1252 (`l'Ã©tÃ©`). Signs
such as in `a < b` are no markup, nor are tags that a text mentions. A body is an excerpt if it ends with an
ellipsis, with a call to subscribe or to read on, or in mid-sentence; but a complete article may end with a
signature, a credit, a related headline, an invitation to a newsletter or a quotation with dots.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.entities import html5
from pathlib import Path

import yaml

from presswatch_spark.reading.html.reader import text_of_page

AUTO, TEXT, HTML = "auto", "text", "html"
"""Ways to read a body: as HTML if it looks like HTML; as plain text; as HTML in any case."""
MOST_ROUNDS = 3
"""Exports escape HTML once or twice (`&amp;lt;p&amp;gt;`)."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text without markup. `format`: how it was given, `text` or `html`; `repaired`: it was garbled."""

    text: str
    format: str
    repaired: bool


def plain_text(given: str, declared: str = AUTO) -> PlainText:
    """Return the plain text of a body or headline; `declared`: the way to read it."""
    text, found = given, TEXT
    if declared == HTML:
        text, found = _extracted(text), HTML
    rounds = 0
    while declared != TEXT and rounds < MOST_ROUNDS and is_markup(text):
        text, found, rounds = _extracted(text), HTML, rounds + 1
    repaired = _repaired(text)
    return PlainText(repaired, found, repaired != text)


_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def _extracted(markup: str) -> str:
    page = _CDATA.sub(r"\1", markup).encode("utf-8", "replace")
    return text_of_page(page).decode("utf-8", "replace").strip()


# `bodies.yaml` explains its lists.
_LISTS = yaml.safe_load(Path(__file__).with_name("bodies.yaml").read_text("utf-8"))
_NAMES, _WITHOUT_END, _OPEN_WORDS = (
    frozenset(_LISTS[name].split()) for name in ("elements", "elements_without_end", "words_within_sentences")
)
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
    # Tags have known names; they are in pairs, have attributes, or are of elements without an end.
    tags = [tag for tag in _TAG.finditer(text) if tag[2].lower() in _NAMES]
    opened = {tag[2].lower() for tag in tags if not tag[1]}
    closed = {tag[2].lower() for tag in tags if tag[1]}
    certain = (opened & closed) | _WITHOUT_END
    tags = [tag for tag in tags if tag[2].lower() in certain or "=" in tag[3]]
    references = [one for one in _REFERENCE.finditer(text) if not one[1] or f"{one[1]};" in html5]
    if not _ABOUT_MARKUP.search(text):
        return bool(tags or references)
    if tags and tags[0].start() == len(text) - len(text.lstrip()) and not _is_mentioned(text, tags[0]):
        return True
    mentioned = sum(_is_mentioned(text, one) for one in (*tags, *references))
    # If most of the text is outside of all tags, these are examples of code.
    is_shown = bool(tags) and tags[-1].end() - tags[0].start() < len(text) / 2
    return len(tags) + len(references) - mentioned > 4 * mentioned and not is_shown


def _is_mentioned(text: str, found: re.Match[str]) -> bool:
    # A mentioned tag or reference has blanks or quotes around it, as a word has.
    before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    if not before or not after or before not in _BLANK_OR_OPENING or after not in _BLANK_OR_CLOSING:
        return False
    if found.re is _TAG and found[2].lower() in _SEPARATORS:
        preceding = text[max(0, found.start() - 10) : found.start()].rstrip()[-1:]
        return preceding not in _SENTENCE_ENDS
    return True


# --- garbled letters

# A garbled letter is two signs or more; the second sign of `à` is a no-break space, which editors replace.
_MAY_BE_GARBLED = re.compile(r"[^\x00-\x7f]{2}|Ã ")
_REPAIRED_SIGNS = re.compile(
    r"[\x00-\u017f\u02b0-\u036f\u2000-\u2bff\ufb00-\ufb06\ufe00-\ufe0f\U0001f000-\U0001faff]*"
)


def _repaired(text: str) -> str:
    """Return a text with repaired lines where UTF-8 was read in another encoding; other lines are kept."""
    if text.isascii() or not _MAY_BE_GARBLED.search(text):
        return text
    from ftfy import fix_encoding

    lines = text.split("\n")  # Garbled letters contain U+0085, which is a line end for `splitlines`.
    for number, line in enumerate(lines):
        fixed: str = fix_encoding(line) if _MAY_BE_GARBLED.search(line) else line
        # Reject repairs into another script: correct French such as `«écrasé»«jugé»` may look garbled.
        if _REPAIRED_SIGNS.fullmatch("".join(set(fixed) - set(line))):
            lines[number] = fixed
    return "\n".join(lines)


# --- excerpts

CALL_WORDS = 60
"""Last words in which a call to subscribe shows an excerpt; further up, it is the article's topic."""
FRAGMENT_WORDS = 6
"""A shorter sentence without end may be a signature or a credit."""
PROSE_WORDS = 7
"""With so many words in lower case, a sentence is prose even if its last word is a name or a number."""
PARAGRAPH_WORDS = 20
"""A shorter last line of one sentence without end may be a related headline."""
LIST_ITEMS = 3
"""With so many separators, the last line is a list, such as of signatories."""


def _any_of(name: str, edge: str = "") -> re.Pattern[str]:
    """Return the pattern of any phrase of a list, with `edge` before and after it."""
    phrases = "|".join(_LISTS[name].strip().splitlines()).replace(" ", r"\s")
    return re.compile(f"{edge}(?:{phrases}){edge}", re.IGNORECASE)


_CALLS, _LINKS, _BELOW = map(_any_of, ("calls", "links", "lines_below"))
_OTHER_OFFERS, _RELATED = (_any_of(name, r"\b") for name in ("other_offers", "related"))
_OPEN_SIGNS = (",", ";", "«", "“", "(", "'")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*'?")
_ADDRESS = re.compile(r"(?i)(?:www\.|https?:|@|\.(?:fr|be|ch|ca|com|org|net|eu|dz)\b)\S*$")
_ITEM = re.compile(r"[;–•]|, (?=[A-ZÀ-Þ])")

# Enough characters for the last paragraph, and for the last words: long bodies are not read in full.
_TAIL_CHARACTERS, _CALL_CHARACTERS = 6_000, 600
# Signs of quoted mails and invisible characters after the text.
_AFTER = " \t\r\n>\u200b\u200c\u200d\u2060\ufeff|*_"
_PLAIN = (("’", "'"), ("\u02bc", "'"), ("\u00a0", " "), ("\u202f", " "), ("\u2009", " "))
_DOTS = r"(?:…|\.\s?\.\s?\.)"
_ELLIPSIS = re.compile(rf"{_DOTS}\.*$|[(\[]\s*{_DOTS}\s*[)\]]\.?$")
_CLOSING = re.escape("»”\"')]›")
_ENDED = re.compile(rf"(?:[.!?…]|[»”\")\]›])[{_CLOSING}\s]*$")
_SENTENCE_END = re.compile(rf"[.!?…][{_CLOSING}\s]*\s")
_CUT = re.compile(rf"[.!?…]+[{_CLOSING}]*\s+|[\r\n]+|\s[-–—|•>→]\s")


def is_excerpt(body: str) -> bool:
    """Return whether a body, plain text, is a teaser or breaks off before its end."""
    text = body[-_TAIL_CHARACTERS:].rstrip(_AFTER)
    lines = [stripped for line in text.splitlines() if (stripped := line.strip(_AFTER))]
    if not lines:
        return False
    if _ELLIPSIS.search(text[-8:]):
        return True
    words_and_spaces = re.split(r"(\s+)", _plain(text))
    sentences = _CUT.split("".join(words_and_spaces[-2 * CALL_WORDS :]))
    if len(text) > _CALL_CHARACTERS or len(words_and_spaces) > 2 * CALL_WORDS:
        # The first sentence may be cut.
        sentences = sentences[1:]
    for sentence in sentences:
        plain = " ".join(sentence.split()).strip("-–—•→➔►▶·[](){}:;.,!?»«>| ")
        if (_CALLS.match(plain) and not _OTHER_OFFERS.search(plain)) or _LINKS.fullmatch(plain):
            return True
    return _breaks_off(lines)


def _plain(text: str) -> str:
    """Return the last characters of a text with plain apostrophes and blanks; `translate` is slow here."""
    text = text[-_CALL_CHARACTERS:]
    for sign, plain in _PLAIN:
        text = text.replace(sign, plain)
    return text


def _breaks_off(lines: Sequence[str]) -> bool:
    last = _plain(lines[-1])
    if _ENDED.search(last) or _BELOW.match(last):
        return False
    ends = list(_SENTENCE_END.finditer(last))
    fragment = last[ends[-1].end() :] if ends else last
    words = _WORD.findall(fragment)
    if not words or _RELATED.search(fragment) or _ADDRESS.search(fragment):
        return False
    if len(_ITEM.findall(fragment)) >= LIST_ITEMS:
        return False
    if words[-1].casefold().strip("'") in _OPEN_WORDS or fragment.endswith(_OPEN_SIGNS):
        return len(words) > 1 or bool(ends)
    if fragment.count("«") > fragment.count("»"):
        return True
    in_lower_case = sum(word[0].islower() for word in words)
    if len(words) < FRAGMENT_WORDS or _BELOW.match(fragment):
        return False
    if not words[-1][0].islower() and in_lower_case < PROSE_WORDS:
        return False
    return bool(ends) or len(lines) == 1 or len(words) >= PARAGRAPH_WORDS
