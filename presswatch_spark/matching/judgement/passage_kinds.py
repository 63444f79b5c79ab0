"""Finds the place of a copied passage: its kind of lines in the article, and the part of the page.

A passage in captions, service lists and links proves nothing: others have the same picture, event or link.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache

import numpy as np

from presswatch_spark.matching.verify.verification import Overlap, window_hashes
from presswatch_spark.reading.text.word_kernels import Hashes
from presswatch_spark.reading.text.words import TextWords, word_hashes

CAPTION, SERVICE, LINK = "caption", "service", "link"
SHARE = 0.9
"""The share of its characters in such lines from which on a passage is of their kind."""
MOST_CHARACTERS = 600
"""Longer passages, and longer lines, are prose, whatever they begin with."""

# As many articles as a matcher keeps, and the lines of several pages.
_ARTICLES_REMEMBERED, _LINES_REMEMBERED = 512, 4096

_MARKS = r"[\s»«>•·▶►→*|\-–—:\[(]*"
_LINK = re.compile(
    rf"{_MARKS}(?:[àa]\s)?(?:lire|voir|[ée]couter|regarder|d[ée]couvrir|relire)\s(?:aussi|[ée]galement|encore|plus)\b"
    rf"|{_MARKS}(?:sur\sle\sm[êe]me\s(?:sujet|th[èe]me)|en\ssavoir\splus|pour\saller\splus\sloin|nos\sautres\sarticles"
    r"|notre\sdossier|retrouvez\s(?:aussi|tou[st]e?s?|notre|nos)|cliquez\sici)\b"
    rf"|{_MARKS}(?:read|see|watch|related|more)\s(?:also|more|next|articles?|stories|on)\b"
    r"|.*[-–—]\s?(?:regarder|voir|[ée]couter|lire)\ssur\s\S",
    re.IGNORECASE,
)
_PHOTO = r"(?:photos?|photographies?|cr[ée]dits?(?:\sphotos?)?|l[ée]gendes?|illustrations?|images?|pictures?)"
_AGENCY = (
    r"(?:AFP|Reuters|Belga|AP|EPA|Keystone|ATS|Getty(?:\sImages)?|Shutterstock|Sipa|Abaca|MaxPPP|PC|Gamma|Rea|DR"
    r"|(?:La\s)?Presse\scanadienne|Associated\sPress|Hans\sLucas|iStock|Fotolia)"
)
_CAPTION = re.compile(rf"{_MARKS}(?:(?i:{_PHOTO})\s?:|PHOTOS?\s+[A-ZÀ-Þ]|(?i:l[ée]gende|cr[ée]dit)\b|©)")
_CAPTION_END = re.compile(
    rf"(?:[(\[]\s?{_PHOTO}\b[^)\]\n]{{0,80}}[)\]]|©[^\n]{{0,80}}|\b{_PHOTO}\s?:\s?[^\n.]{{1,60}})\s?[.)\]]?\s*\Z"
    rf"|[\w.'’-]\s?/\s?{_AGENCY}\s?[)\].]?\s*\Z"
    rf"|(?:PHOTO|Photo|ARCHIVES|Archives)\s[A-ZÀ-Þ][^\n.]{{1,60}}\s*\Z",
)
_END_CHARACTERS = 160
"""More characters than `_CAPTION_END` matches, without white space at the end."""
_SERVICE = re.compile(
    r"(?<!\d)(?:\+?\d{2,3}[ .-]?)?(?:\(0\)\s?)?0?\d(?:[ ./-]?\d{2}){4}(?!\d)"  # a telephone number
    r"|\bt[ée]l(?:[ée]phone)?\b\.?|\brens(?:eignements?)?\b\.?|\br[ée]serv(?:ations?|[ée]e?s?|er)\b\.?"
    r"|\b(?:tarifs?|entr[ée]e\s(?:libre|gratuite)|gratuit|billetterie|inscriptions?|horaires?|adresse)\b"
    r"|\b\d+(?:[.,]\d{2})?\s?(?:€|euros?\b|\$|CHF\b|francs?\b)|\b\d{1,2}\s?(?:h|:)\s?\d{0,2}\b(?:\s?(?:à|-|–)\s?\d)?"
    r"|\b(?:www\.|https?://)\S+|\S+@\S+\.\w+|\b\d{5}\s[A-ZÀ-Þ]"
    r"|\b\d{1,4}\s?(?:bis|ter)?,?\s(?:rue|avenue|av\.|boulevard|bd|place|quai|chemin|all[ée]e|route|impasse)\b"
    r"|\b(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)s?\b",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"(?<!\d)0\d(?:[ ./-]?\d{2}){4}(?!\d)|\bt[ée]l(?:\.|\s?:)|\brens(?:\.|eignements?\s?:|eignements?\sau\b)"
    r"|\b(?:billetterie|tarifs?\s?:|entr[ée]e\s(?:libre|gratuite)|r[ée]servations?\s?:|horaires?\s?:)"
    r"|\bwww\.\S+",
    re.IGNORECASE,
)
_MAIL_ADDRESS = re.compile(r"\S@\S+\.\w")
SERVICE_MARKS, WORDS_A_MARK = 3, 6
"""A line with a contact is a service list if it has three marks, and at least one for every six words."""


def kind_of_passage(article: bytes, ranges: Sequence[Sequence[int]]) -> str | None:
    """Return the kind of lines in which copied characters (from, to) of an article are; None for prose."""
    copied = sum(end - start for start, end in ranges)
    if not copied or copied > MOST_CHARACTERS:
        return None
    text = _decoded(article)
    found: dict[str, int] = {}
    prose, most_prose = 0, (1 - SHARE) * copied
    begins, ends = min(start for start, _ in ranges), max(end for _, end in ranges)
    for first, after, kind in _lines(text, begins, ends):
        share = sum(max(0, min(after, end) - max(first, start)) for start, end in ranges)
        if kind and share:
            found[kind] = found.get(kind, 0) + share
        elif share and (prose := prose + share) > most_prose:
            return None
    if sum(found.values()) < SHARE * copied:
        return None
    return max(found, key=lambda kind: found[kind])


@lru_cache(_ARTICLES_REMEMBERED)
def _decoded(article: bytes) -> str:
    return article.decode("utf-8", "replace")


@lru_cache(_LINES_REMEMBERED)
def kind_of_line(line: str) -> str | None:
    """Return the kind of a line that is no prose: `link`, `caption` or `service`; else None."""
    if _LINK.match(line):
        return LINK
    end = max(0, len(line.rstrip()) - _END_CHARACTERS)
    if _CAPTION.match(line) or _CAPTION_END.search(line, end):
        return CAPTION
    if not (_CONTACT.search(line) or ("@" in line and _MAIL_ADDRESS.search(line))):
        return None
    marks, words = len(_SERVICE.findall(line)), len(line.split())
    return SERVICE if marks >= SERVICE_MARKS and marks * WORDS_A_MARK >= words else None


def _lines(text: str, begins: int, ends: int) -> Iterator[tuple[int, int, str | None]]:
    """Yield the bounds of the lines from one character to another, each with its kind.

    If "Lire aussi" is alone on a line, the next line is the link: so begin a line before the first one.
    """
    at = text.rfind("\n", 0, max(0, text.rfind("\n", 0, begins))) + 1
    is_heading = False
    while at < ends:
        after = text.find("\n", at) + 1 or len(text) + 1
        line = text[at : after - 1]
        kind = kind_of_line(line) if len(line) <= MOST_CHARACTERS else None
        if kind is None and is_heading and len(line) <= MOST_CHARACTERS // 3:
            kind = LINK
        is_heading = kind == LINK and len(line.split()) <= 4
        # The line break is part of the line: a passage may continue after it.
        yield at, after, kind
        at = after


MOST_OF_PAGE = 0.5
"""A run with this share of the page's words is main content, whichever element was chosen as such."""
MOST_OF_RUN = 0.5
"""A run is in the main content if this share of its windows is: a caption or a box may interrupt it."""


class Placement:
    """Compares passages with the main content of a document, by windows of `width` words.

    No run may be shorter than `width`. `main_text` returns the text of the main content, and is called when
    it is first needed. It is None in formats of text.
    """

    def __init__(self, main_text: Callable[[], bytes | None] | None, width: int) -> None:
        self._main_text = main_text
        self._width = width

    def holds_longest(self, document: TextWords, overlap: Overlap) -> bool | None:
        """Return whether the longest run is in the main content, or most of the page; None if unknown."""
        if self._main_text is None:
            return None
        first, _, words, _ = overlap.seen_from(0)[np.argmax(overlap.spans[:, 2])]
        if words >= MOST_OF_PAGE * len(document):
            return True
        if self._windows is None:
            return None
        run = window_hashes(document.hashes[first : first + words], self._width)
        return bool(np.isin(run, self._windows).mean() >= MOST_OF_RUN)

    @cached_property
    def _windows(self) -> Hashes | None:
        text = self._main_text() if self._main_text else None
        return None if text is None else np.unique(window_hashes(word_hashes(text), self._width))
