"""Lines of an article that are no prose of its own: captions, service lists, and links to other articles.

Such lines are copied by whoever shows the same picture, event or link, so a passage that lies in them proves
nothing. A line is told by what it begins or ends with, and by how much of it is telephone numbers, prices,
hours and addresses.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

CAPTION, SERVICE, LINK = "caption", "service", "link"
SHARE = 0.9
"""Least share of a passage's characters in such lines."""
MOST_CHARACTERS = 600
"""Longer passages are not looked at, and longer lines are prose, whatever they begin with."""

# As many articles as a matcher keeps; a page has the lines of several.
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
"""More than what `_CAPTION_END` matches, but for white space at the end."""
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
"""A line with a contact is a service list if it has so many marks, and one at least for so many words."""


def kind_of_passage(article: bytes, ranges: Sequence[Sequence[int]]) -> str | None:
    """Return the kind of lines in which a passage of an article lies; None if it is prose.

    Args:
        article: its text, in UTF-8.
        ranges: the characters that are copied, from and to.
    """
    copied = sum(end - start for start, end in ranges)
    # Longer passages are prose, and most articles are long.
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


def kind_of_line(line: str) -> str | None:
    """Return what a line is if it is no prose: `link`, `caption` or `service`."""
    return _kind_of_line(line) if len(line) <= MOST_CHARACTERS else None


@lru_cache(_ARTICLES_REMEMBERED)
def _decoded(article: bytes) -> str:
    return article.decode("utf-8", "replace")


@lru_cache(_LINES_REMEMBERED)
def _kind_of_line(line: str) -> str | None:
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

    After "Lire aussi" alone, the next line is the link: so the line before the first one is looked at, too.
    """
    at = text.rfind("\n", 0, max(0, text.rfind("\n", 0, begins))) + 1
    is_heading = False
    while at < ends:
        after = text.find("\n", at) + 1 or len(text) + 1
        line = text[at : after - 1]
        kind = kind_of_line(line)
        if kind is None and is_heading and len(line) <= MOST_CHARACTERS // 3:
            kind = LINK
        is_heading = kind == LINK and len(line.split()) <= 4
        # The line break belongs to a passage that goes on behind it.
        yield at, after, kind
        at = after
