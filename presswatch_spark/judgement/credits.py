"""Whom a page credits in or next to a copied passage: agencies, and sources that it names.

A name alone says nothing: it counts in the forms of `FORMS`, which docs/reference/credits.md lists with
examples. Agencies have a list (`agencies`); other names count behind "Source :" alone.

Only words that begin a name or a form are looked at, each with what stands around it on its line. So the cost
is linear in the page, whatever stands on it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from presswatch_spark.judgement.agencies import UNNAMED, key_of, spellings, without_article
from presswatch_spark.text.words import Words, word_hashes

AROUND_WORDS = 100
"""So many words before and behind a copied run are next to the passage: 600 characters of French or so."""
HEAD_WORDS = 300
"""If a passage begins within the first words of a page, all that stands before it is next to it."""
CREDITS = 20
"""The most credits of a row, in the order of the page."""
CREDIT_CHARACTERS = 60
"""The longest name of a source."""
LOOKED_AT = 20_000
"""The most places of a page that are looked at. Of a page with more, nobody knows whom it credits."""

_LAST_BITS = np.uint64((1 << 16) - 1)
# Characters around a name that decide on its form; bytes hold as many of any script.
_BEFORE, _BEHIND = 120, 160
_BYTES = 4
_NO_BREAK = ("\u00a0", "\u202f", "\u2009")

Spans = npt.NDArray[np.int64]

_LEAD = (
    r"(?:avec|with|mit|con|com|met|par|by|von|por|da|di|door|via|et|and|photos?|cr[ée]dits?|texte"
    r"|d[ée]p[êe]ches?|agences?|agency|agencia|sources?|quelle|fuente|fonte|bron)"
)
_ARTICLE = r"(?:l['’]\s?|la\s|les\s|the\s)?(?:news\s)?"
_ENDS_WITH_LEAD = re.compile(rf"(?<!\w){_LEAD}\s?:?\s{_ARTICLE}\Z", re.IGNORECASE)
_ENDS_WITH_MARK = re.compile(r"[|•·–—,:;/-]\s*\Z")
_ENDS_SENTENCE = re.compile(r"[.!?…»”\"]\s*\Z")
# "R. I./Agences", "Marie Durand/Agences": who signs, by initials or by two names or more.
_SIGNED = re.compile(
    r"\s?(?:(?:[A-ZÀ-Þ]\.\s?){1,3}|(?:[A-ZÀ-Þ][\w'’.-]{1,20}\s){1,3}[A-ZÀ-Þ][\w'’.-]{1,20}\s?)/\s?"
)
_BLANKS = ' \t*•·|«"-–—'

# The small words of bylines and of their dates.
_SMALL = frozenset((
    "avec", "with", "mit", "par", "by", "von", "por", "da", "di", "via", "et", "and", "und", "le", "la", "l",
    "les", "the", "de", "du", "des", "of", "d", "à", "a", "at", "on", "am", "um", "publié", "posté", "mis",
    "jour", "updated", "published", "photo", "photos", "texte", "source", "sources", "agence", "agences",
    "staff", "min", "h",
    "janvier", "janv", "février", "fév", "mars", "avril", "avr", "mai", "juin", "juillet", "juil", "août",
    "septembre", "sept", "octobre", "oct", "novembre", "nov", "décembre", "déc",
))  # fmt: skip
_BETWEEN = re.compile(r"[\s|•·–—,:;/©.()\[\]'’-]+")

# Between the bracket and a name: leads, initials before slashes.
_INSIDE = re.compile(rf"\s?(?:{_LEAD}\s?:?\s?{_ARTICLE}|[\w.]{{1,12}}/\s?){{0,5}}", re.IGNORECASE)
_CLOSED = re.compile(
    r"(?:\s?/\s?[\w.'’ &-]{1,30}|,\s?[\w.'’ -]{1,25}|\svia\s[\w ]{1,20}|\s(?:photos?|archives|forum))?"
    r"\s?[)\]](?P<after>.*)",
    re.IGNORECASE,
)
_DASH = re.compile(r"\s{0,2}[-–—]")
_DATELINE_END = re.compile(r"(?:,\s?[\w'’. ]{1,30})?\)?\s{0,2}[-–—:|](?:\s|\Z)")
_COPYRIGHT = re.compile(
    r"(?:©|\(c\)|copyright|droits\sr[ée]serv[ée]s|rights\sreserved)[\s:©,.–-]{0,5}"
    r"(?:(?:\(c\)|©|by|par|the|l['’]|la|le|\d{4}(?:\s?[-–]\s?\d{4})?)[\s,.:–-]{0,5}){0,4}\Z",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"©[^\n©]{1,40}[,/]\s?\Z")
_COPYRIGHT_NEXT = re.compile(r"\s?(?:©|\(c\)|-?\s?tous\sdroits)", re.IGNORECASE)
_SLASH_BEFORE, _SLASH_NEXT = re.compile(r"[\w.)]\s?/\s?\Z"), re.compile(r"\s?/\s?[A-ZÀ-Þ]")
_ADDRESS_LIKE = re.compile(r"\w\.\w|//|@|\w/\w{0,60}/")
_VIA = re.compile(r"(?<!\w)via\s\Z", re.IGNORECASE)
_EDGE = re.compile(r"\s*(?:\Z|[)\].,;])")
# "a déclaré à l'AFP", "selon l'AFP", "told Reuters": who was told wrote what others print.
_ASKED = (
    r"(?:interrog|contact|cit|consult|joint|jointe|recueilli|rapport|relay|sollicit|obtenu|confirm|révél)\w{0,4}"
    r"(?:\s\w{1,12}){0,2}\spar"
    r"|(?:reported|quoted|seen|contacted|cited|obtained|interviewed|reviewed)\sby"
)
_TOLD = re.compile(
    r"(?<!\w)(?:[àa]|aupr[èe]s\sde|selon|d['’]apr[èe]s|avec|rapporte|appris|pr[ée]cise|indique|annonce"
    rf"|{_ASKED}|told|to|with|according\sto|reports?|laut|gegen[üu]ber|seg[úu]n|secondo|volgens)\s"
    rf"(?:de\s)?(?:(?:l['’]\s?)?(?:agence|agency)\s(?:de\spresse\s)?)?{_ARTICLE}\Z",
    re.IGNORECASE,
)

_SOURCE_WORDS = (
    "source", "sources", "quelle", "quellen", "fuente", "fuentes", "fonte", "fonti", "bron", "bronnen",
    "kilde", "kilder", "källa", "źródło", "zdroj", "kaynak", "источник",
)  # fmt: skip
_COLON = re.compile(r"\s{0,2}:\s{0,3}")
_BEGINS_CLEARLY = re.compile(r"[(\[.!?…»”\"|•·–—]\s*\Z")
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?(?P<host>[\w-]{1,63}(?:\.[\w-]{1,63})+)\S*", re.IGNORECASE)
_LIST = re.compile(r"\s?[,&+]\s?|\s/\s|\s(?:et|and|und|y|e|en)\s")
_AND = re.compile(r"\s?[,/&+]\s?|\s(?:et|and|und|y|e|en)\s")
_NAMES_END = re.compile(r"[;|()\[\]–—\n]|\.(?:\s|\Z)|\s-\s")
_NAME = re.compile(r"[A-ZÀ-Þ0-9][\w'’&.-]*(?:\s[\w'’&.-]+){0,5}")
_OF_AN_AGENCY = re.compile(rf"(?:agence|agency|agencia)\s|{_ARTICLE}", re.IGNORECASE)

FORMS: Mapping[str, str] = MappingProxyType(
    {
        "bracketed": "in brackets, alone or behind such words as avec, source, photo",
        "dateline": "at the beginning of a line, behind a place or not, before a dash or a colon",
        "byline": "on a line of names and dates, alone or behind such words as par, avec, by, with",
        "copyright": "behind ©, (c), copyright, droits réservés, and years",
        "slash": "beside a slash",
        "source": "behind Source, Quelle, Fuente and the like with a colon",
        "via": "behind via",
        "told": "in a sentence that says who was told: behind à, selon, interrogé par, told and the like",
    }
)
"""The forms in which a name is a credit."""


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around a run of names on its line; at most `_BEFORE` and `_BEHIND` characters.

    `begins`, `ends`: `before` reaches to the beginning of the line, `behind` to its end. `sure`: one of the
    names is nothing else, or they are several. `named`: one of them is an agency's.
    """

    before: str
    behind: str
    begins: bool
    ends: bool
    sure: bool
    named: bool


class CreditFinder:
    """Finds credits by the names of agencies; those that a corpus was built with are added to the list."""

    def __init__(self, agencies: Iterable[str] = ()) -> None:
        known = spellings(agencies)
        self._by_key = {key_of(spelling.text): spelling for spelling in reversed(known)}
        loose = "|".join(spelling.pattern for spelling in known if spelling.any_case)
        exact = "|".join(spelling.pattern for spelling in known if not spelling.any_case)
        name = rf"(?:(?i:{loose})|{exact})(?!\w)(?!-[A-Z\d])"
        self._names = re.compile(rf"{name}(?:(?:{_AND.pattern}){name}){{0,5}}")
        self._ends_with_name = re.compile(rf"(?<!\w)(?:(?i:{loose})|{exact})\s*\Z")
        self._sources = frozenset(word for words in map(_hashes, _SOURCE_WORDS) for word in words)
        # A word begins a name if it is one, or if the next word of the name follows it.
        named = [words for spelling in known if (words := _hashes(spelling.text))]
        self._alone = self._sources | {words[0] for words in named if len(words) == 1}
        self._pairs = frozenset((words[0], words[1]) for words in named if len(words) > 1)
        firsts = self._alone | {first for first, _ in self._pairs}
        self._begins = np.zeros(int(_LAST_BITS) + 1, np.bool_)
        self._begins[np.array(sorted(firsts), np.uint64) & _LAST_BITS] = True

    def credits(self, text: bytes, words: Words, passages: Sequence[Spans]) -> list[list[str] | None]:
        """Return whom a document credits in or next to each passage, each name once, in its order.

        None for all if more than `LOOKED_AT` places would have to be looked at.

        Args:
            text: of the document, in UTF-8.
            words: of the text.
            passages: of each, its runs, int64 (s, ≥ 3), as `Overlap.spans` has them: the first word in the
                document, and in the third column the number of words.
        """
        if not passages:
            return []
        places = self._places(words.hashes)
        if not len(places):
            return [[] for _ in passages]
        near = [_is_near(places, spans) for spans in passages]
        wanted = places[near[0] if len(near) == 1 else np.logical_or.reduce(near)]
        if len(wanted) > LOOKED_AT:
            return [None for _ in passages]
        found = self._found(text, words, wanted)
        return [_distinct(found, places[each]) if found else [] for each in near]

    def _places(self, hashes: npt.NDArray[np.uint64]) -> Spans:
        """Return the words that may begin a name, or stand before names, by their rising numbers."""
        # Nearly no word begins a name: one look at its last bits shows that.
        places = np.flatnonzero(self._begins[hashes & _LAST_BITS]).astype(np.int64)
        if not len(places):
            return places
        following = hashes[np.minimum(places + 1, len(hashes) - 1)].tolist()
        may_be = [
            word in self._alone or (word, after) in self._pairs
            for word, after in zip(hashes[places].tolist(), following, strict=True)
        ]
        kept: Spans = places[np.array(may_be)]
        return kept

    def _found(self, text: bytes, words: Words, places: Spans) -> dict[int, list[str]]:
        """Return the credits that begin at some words, by the numbers of these words."""
        found: dict[int, list[str]] = {}
        seen_to = 0
        for place, word in zip(places.tolist(), words.hashes[places].tolist(), strict=True):
            start, end = int(words.starts[place]), int(words.ends[place])
            if word in self._sources and (named := list(self._behind_source(text, start, end))):
                found[place] = named
            elif start >= seen_to:
                behind, is_last = _behind(text, start)
                if run := self._names.match(behind):
                    # The names in a run are one credit, or none.
                    seen_to = start + len(run[0].encode())
                    if named := self._credited(run, *_line_before(text, start), is_last):
                        found[place] = named
        return found

    def _credited(self, run: re.Match[str], before: str, begins: bool, is_last: bool) -> list[str]:
        """Return the agencies that a run of names credits; none if it has no form of a credit.

        Args:
            run: the match, in what stands from there on.
            before, begins: as in `_Around`.
            is_last: the text ends with what stands from there on.
        """
        known = [spelling for name in _AND.split(run[0]) if (spelling := self._by_key.get(key_of(name)))]
        agencies = list(dict.fromkeys(spelling.agency for spelling in known))
        behind, mark, _ = run.string[run.end() :].partition("\n")
        around = _Around(
            before,
            behind,
            begins,
            ends=bool(mark) or is_last,
            sure=any(spelling.sure for spelling in known) or len(agencies) > 1,
            named=any(agency != UNNAMED for agency in agencies),
        )
        return agencies if self._form_of(around) else []

    def _form_of(self, around: _Around) -> str | None:
        """Return the form of a credit, a key of `FORMS`, in which names stand; None if they are no credit."""
        before, behind = around.before, around.behind
        if self._is_bracketed(around):
            return "bracketed"
        if not around.named:
            led = _ENDS_WITH_LEAD.search(before) and _is_byline(around)
            return "byline" if led or _is_signed(around) else None
        if _COPYRIGHT.search(before) or _PICTURE.search(before):
            return "copyright"
        if around.sure and _COPYRIGHT_NEXT.match(behind):
            return "copyright"
        if _VIA.search(before) and (around.sure or _EDGE.match(behind)):
            return "via"
        if around.sure and _is_dateline(around):
            return "dateline"
        if _is_byline(around):
            return "byline"
        if around.sure and _is_by_slash(around):
            return "slash"
        return "told" if around.sure and _TOLD.search(before) else None

    def _is_bracketed(self, around: _Around) -> bool:
        """Whether names stand in brackets, and are neither initials that are explained nor another word."""
        opened = max(around.before.rfind("("), around.before.rfind("["))
        closed = _CLOSED.match(around.behind)
        if opened < 0 or closed is None or not _INSIDE.fullmatch(around.before, opened + 1):
            return False
        outside = around.before[:opened]
        if _ENDS_WITH_LEAD.search(around.before):
            return True
        if not around.named or self._ends_with_name.search(outside):
            return False
        if around.sure:
            return True
        if not outside.strip(_BLANKS):
            return around.begins
        dated = around.begins and _is_of_names(outside) and _DASH.match(closed["after"])
        return bool(_ENDS_SENTENCE.search(outside) or dated)

    def _behind_source(self, text: bytes, start: int, end: int) -> Iterator[str]:
        """Yield whom "Source : …" names, if that stands at a word: agencies, addresses, or other names."""
        before, begins = _line_before(text, start)
        behind, is_last = _behind(text, end)
        colon = _COLON.match(behind)
        if colon is None or not (_BEGINS_CLEARLY.search(before) or (begins and not before.strip(_BLANKS))):
            return
        named = behind[colon.end() :]
        ending = _NAMES_END.search(named)
        parts = _LIST.split(named[: ending.start()] if ending else named)
        for k, part in enumerate(parts[:CREDITS]):
            last = k == len(parts) - 1
            yield from self._names_in(part.strip(), whole=not last or ending is not None or is_last)

    def _names_in(self, part: str, whole: bool) -> Iterator[str]:
        """Yield the names in a part of a list; one that may be cut is none, unless it is an agency."""
        if address := _ADDRESS.fullmatch(part):
            if len(address["host"]) <= CREDIT_CHARACTERS:
                yield address["host"].lower()
            return
        for name in part.split("/"):
            name = name.strip().rstrip(".")
            bare = _OF_AN_AGENCY.sub("", name, count=1)
            spelling = self._by_key.get(key_of(name)) or self._by_key.get(key_of(bare))
            if spelling and spelling.agency != UNNAMED:
                yield spelling.agency
            elif whole and len(name) <= CREDIT_CHARACTERS and _NAME.fullmatch(name):
                yield name


def is_other(credit: str, own_names: tuple[str, ...]) -> bool:
    """Whether a credit names somebody else than those who have `own_names`: names and domains of members."""
    return key_of(credit) not in _keys_of(own_names)


@lru_cache(1024)
def _keys_of(names: tuple[str, ...]) -> frozenset[str]:
    """Return what names are compared by; an article before a name may be missing."""
    keys = {key_of(name) for name in names}
    bare = {key_of(without_article(name)) for name in names}
    return frozenset(filter(None, keys | bare))


def _is_dateline(around: _Around) -> bool:
    if not around.begins or not _DATELINE_END.match(around.behind):
        return False
    return len(around.before) <= _BEFORE // 2 and _is_of_names(around.before)


def _is_byline(around: _Around) -> bool:
    """Whether names end a line of names, or stand there alone; or follow a lead behind a sentence."""
    before = around.before
    if not around.ends or not _is_of_names(around.behind):
        return False
    lead = _ENDS_WITH_LEAD.search(before)
    if lead and _ENDS_SENTENCE.search(before[: lead.start()]):
        return True
    if not around.begins or not _is_of_names(before):
        return False
    if not before.strip(_BLANKS):
        return around.sure
    return bool(lead or (around.sure and _ENDS_WITH_MARK.search(before)))


def _is_signed(around: _Around) -> bool:
    """Whether names stand behind a signature and a slash, on a line that holds nothing else."""
    alone = around.begins and around.ends and not around.behind.strip(f"{_BLANKS}.")
    return alone and _SIGNED.fullmatch(around.before) is not None


def _is_by_slash(around: _Around) -> bool:
    token = f"{around.before.rpartition(' ')[2]}X{around.behind.partition(' ')[0]}"
    if _ADDRESS_LIKE.search(token):
        return False
    return bool(_SLASH_BEFORE.search(around.before) or _SLASH_NEXT.match(around.behind))


def _is_of_names(text: str) -> bool:
    """Whether a part of a line holds names, initials, figures, dates and small words of bylines alone."""
    return all(
        token[0].isupper() or token[0].isdigit() or token.casefold() in _SMALL
        for token in _BETWEEN.split(text.strip('«»"“”*'))
        if token
    )


def _hashes(name: str) -> list[int]:
    hashes: list[int] = word_hashes(name.encode()).tolist()
    return hashes


def _line_before(text: bytes, start: int) -> tuple[str, bool]:
    """Return what stands before a byte on its line, and whether that reaches to the line's beginning."""
    first = max(0, start - _BYTES * _BEFORE)
    before = _decoded(text[first:start])
    line = before.rpartition("\n")[2]
    return line[-_BEFORE:], len(line) <= _BEFORE and (first == 0 or "\n" in before)


def _behind(text: bytes, start: int) -> tuple[str, bool]:
    """Return `_BEHIND` characters from a byte on, and whether the text ends with them."""
    behind = _decoded(text[start : start + _BYTES * _BEHIND])
    return behind[:_BEHIND], len(behind) <= _BEHIND and start + _BYTES * _BEHIND >= len(text)


def _decoded(text: bytes) -> str:
    characters = text.decode("utf-8", "ignore")
    for blank in _NO_BREAK:
        characters = characters.replace(blank, " ")
    return unicodedata.normalize("NFC", characters)


def _is_near(places: Spans, spans: Spans) -> npt.NDArray[np.bool_]:
    """Return which words, given by their rising numbers, lie in or next to the runs of a passage."""
    if not len(spans):
        return np.zeros(len(places), np.bool_)
    order = np.argsort(spans[:, 0], kind="stable")
    starts = spans[order, 0]
    ends = np.maximum.accumulate(starts + spans[order, 2])
    # Of the runs that begin before a word or soon after it, the one that ends last decides.
    begun = np.searchsorted(starts, places + AROUND_WORDS, side="right")
    near = (begun > 0) & (ends[begun - 1] >= places - AROUND_WORDS)
    if starts[0] <= HEAD_WORDS:
        near |= places < starts[0]
    result: npt.NDArray[np.bool_] = near
    return result


def _distinct(found: Mapping[int, Sequence[str]], places: Spans) -> list[str]:
    names = (name for place in places.tolist() for name in found.get(place, ()))
    return list(dict.fromkeys(names))[:CREDITS]
