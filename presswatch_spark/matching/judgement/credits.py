"""Finds the agencies and other sources that a page credits in or next to a copied passage.

The forms of credits are listed in docs/reference/credits.md.

A name by itself is no credit: the text around it on its line must have one of the forms. Agencies are on a
list; other names count only after "Source :". Only words that begin a name or a form are examined, each with
its surroundings, so the cost is linear in the page.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from presswatch_spark.matching.judgement.agencies import AND, UNNAMED, AgencyNames, key_of, without_article
from presswatch_spark.matching.judgement.urls import page_url
from presswatch_spark.reading.text.words import TextWords, word_hashes

BEFORE, BEHIND = 120, 160
"""Numbers of characters before and after a name that decide whether it is a credit."""
ARTICLE = r"(?:l['’]\s?|la\s|les\s|the\s)?(?:news\s)?"
"""Words that may be right before a name."""
BLANKS = ' \t*•·|«"-–—'
"""Marks with which a line may begin."""

_LEAD = (
    r"(?:avec|with|mit|con|com|met|par|by|von|por|da|di|door|via|et|and|photos?|cr[ée]dits?|texte"
    r"|d[ée]p[êe]ches?|agences?|agency|agencia|sources?|quelle|fuente|fonte|bron)"
)
_ENDS_WITH_LEAD, _LEAD_ENDING = re.compile(rf"(?<!\w){_LEAD}\s?:?\s{ARTICLE}\Z", re.IGNORECASE), 24
# "R. I./Agences", "Marie Durand/Agences": an author before a slash, by initials or by two names or more.
_SIGNED = re.compile(
    r"\s?(?:(?:[A-ZÀ-Þ]\.\s?){1,3}|(?:[A-ZÀ-Þ][\w'’.-]{1,20}\s){1,3}[A-ZÀ-Þ][\w'’.-]{1,20}\s?)/\s?"
)
_MARKS, _SENTENCE_MARKS = frozenset("|•·–—,:;/-"), frozenset('.!?…»”"')
# Marks after which "Source :" begins a credit within a line.
_CLEAR_MARKS = _SENTENCE_MARKS | frozenset("([|•·–—")

# The small words of bylines and of their dates.
_SMALL = frozenset((
    "avec", "with", "mit", "par", "by", "von", "por", "da", "di", "via", "et", "and", "und", "le", "la", "l",
    "les", "the", "de", "du", "des", "of", "d", "à", "a", "at", "on", "am", "um", "publié", "posté", "mis",
    "jour", "updated", "published", "photo", "photos", "texte", "source", "sources", "agence", "agences",
    "staff", "min", "h",
    "janvier", "janv", "février", "fév", "mars", "avril", "avr", "mai", "juin", "juillet", "juil", "août",
    "septembre", "sept", "octobre", "oct", "novembre", "nov", "décembre", "déc",
))  # fmt: skip
_TOKEN = re.compile(r"[^\s|•·–—,:;/©.()\[\]'’-]+")

# Between the bracket and a name: leads, initials before slashes.
_INSIDE = re.compile(rf"\s?(?:{_LEAD}\s?:?\s?{ARTICLE}|[\w.]{{1,12}}/\s?){{0,5}}", re.IGNORECASE)
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
# A fast check before `_COPYRIGHT`: each of its alternatives contains one of these. They avoid i, k and s, to
# which IGNORECASE also folds other letters, which `lower()` leaves.
_COPYRIGHT_SIGNS = ("©", "(c)", "opyr", "erv")
_PICTURE = re.compile(r"©[^\n©]{1,40}[,/]\s?\Z")
_COPYRIGHT_NEXT = re.compile(r"\s?(?:©|\(c\)|-?\s?tous\sdroits)", re.IGNORECASE)
_SLASH_BEFORE, _SLASH_NEXT = re.compile(r"[\w.)]\s?/\s?\Z"), re.compile(r"\s?/\s?[A-ZÀ-Þ]")
_SLASH_ENDING = 4
_ADDRESS_LIKE = re.compile(r"\w\.\w|//|@|\w/\w{0,60}/")
_VIA, _VIA_ENDING = re.compile(r"(?<!\w)via\s\Z", re.IGNORECASE), 4
_EDGE = re.compile(r"\s*(?:\Z|[)\].,;])")
# "a déclaré à l'AFP", "selon l'AFP", "told Reuters": the agency that was told is the source of the text.
_ASKED = (
    r"(?:interrog|contact|cit|consult|joint|jointe|recueilli|rapport|relay|sollicit|obtenu|confirm|révél)\w{0,4}"
    r"(?:\s\w{1,12}){0,2}\spar"
    r"|(?:reported|quoted|seen|contacted|cited|obtained|interviewed|reviewed)\sby"
)
_TOLD, _TOLD_ENDING = (
    re.compile(
        r"(?<!\w)(?:[àa]|aupr[èe]s\sde|selon|d['’]apr[èe]s|avec|rapporte|appris|pr[ée]cise|indique|annonce"
        rf"|{_ASKED}|told|to|with|according\sto|reports?|laut|gegen[üu]ber|seg[úu]n|secondo|volgens)\s"
        rf"(?:de\s)?(?:(?:l['’]\s?)?(?:agence|agency)\s(?:de\spresse\s)?)?{ARTICLE}\Z",
        re.IGNORECASE,
    ),
    80,
)
# A fast check before `_TOLD`. Of its first group: the last words that are ASCII; of the rest: all words.
_TELLING = frozenset((
    "a", "aupres", "selon", "apres", "avec", "rapporte", "appris", "precise", "indique", "annonce", "par",
    "by", "told", "to", "with", "report", "reports", "laut", "gegenuber", "segun", "secondo", "volgens",
))  # fmt: skip
_BEHIND_TELLING = frozenset(("de", "l", "agence", "agency", "presse", "la", "les", "the", "news"))
_WORD, _LAST_WORDS = re.compile(r"\w+"), 60


@dataclass(frozen=True, slots=True)
class Around:
    """The surroundings of one or more names in a row: at most `BEFORE` and `BEHIND` characters of their line.

    `begins`, `ends`: `before` and `behind` reach the ends of the line. `sure`: the names cannot be ordinary
    words. `named`: at least one is the name of an agency, not just "agencies".
    """

    before: str
    behind: str
    begins: bool
    ends: bool
    sure: bool
    named: bool


def is_credit(around: Around, names: AgencyNames) -> bool:
    """Return whether names are a credit, in one of the forms of docs/reference/credits.md."""
    before, behind = around.before, around.behind
    if _is_bracketed(around, names):
        return True
    if not around.named:
        fills_line = around.begins and around.ends and not behind.strip(f"{BLANKS}.")
        is_signed = fills_line and before.rstrip().endswith("/") and _SIGNED.fullmatch(before)
        return bool(is_signed or (_lead_at_end(before) and _is_byline(around)))
    lower = before.lower()
    if any(sign in lower for sign in _COPYRIGHT_SIGNS) and (
        _COPYRIGHT.search(before) or _PICTURE.search(before)
    ):
        return True
    if _search_end(_VIA, _VIA_ENDING, before) and (around.sure or _EDGE.match(behind)):
        return True
    if not around.sure:
        return _is_byline(around)
    is_dateline = around.begins and len(before) <= BEFORE // 2 and _DATELINE_END.match(behind)
    if _COPYRIGHT_NEXT.match(behind) or (is_dateline and _is_of_names(before)) or _is_byline(around):
        return True
    if "/" in before[-_SLASH_ENDING:] or "/" in behind[:_SLASH_ENDING]:
        token = f"{before.rpartition(' ')[2]}X{behind.partition(' ')[0]}"
        is_by_slash = _search_end(_SLASH_BEFORE, _SLASH_ENDING, before) or _SLASH_NEXT.match(behind)
        if is_by_slash and not _ADDRESS_LIKE.search(token):
            return True
    return _is_told(before)


def _search_end(pattern: re.Pattern[str], most: int, text: str) -> re.Match[str] | None:
    return pattern.search(text, max(0, len(text) - most))


def _lead_at_end(text: str) -> re.Match[str] | None:
    return _search_end(_ENDS_WITH_LEAD, _LEAD_ENDING, text)


def _is_bracketed(around: Around, names: AgencyNames) -> bool:
    # Names in brackets, but not initials after the full name, nor an ordinary word.
    opened = max(around.before.rfind("("), around.before.rfind("["))
    closed = _CLOSED.match(around.behind) if opened >= 0 else None
    if closed is None or not _INSIDE.fullmatch(around.before, opened + 1):
        return False
    outside = around.before[:opened]
    if _lead_at_end(around.before):
        return True
    if not around.named or names.at_end.search(outside):
        return False
    if around.sure:
        return True
    if not outside.strip(BLANKS):
        return around.begins
    dated = around.begins and _is_of_names(outside) and _DASH.match(closed["after"])
    return bool(_ends_sentence(outside) or dated)


def _ends_sentence(text: str) -> bool:
    return text.rstrip()[-1:] in _SENTENCE_MARKS


def _is_byline(around: Around) -> bool:
    # Names that end a line of names, or are the whole line; or a lead ("par") and names after a sentence.
    before = around.before
    if not around.ends or not _is_of_names(around.behind):
        return False
    lead = _lead_at_end(before)
    if lead and _ends_sentence(before[: lead.start()]):
        return True
    if not around.begins or not _is_of_names(before):
        return False
    if not before.strip(BLANKS):
        return around.sure
    return bool(lead) or (around.sure and before.rstrip()[-1:] in _MARKS)


def _is_told(before: str) -> bool:
    for word in reversed(_WORD.findall(before[-_LAST_WORDS:])):
        lower = word.lower()
        if lower not in _BEHIND_TELLING:
            if word.isascii() and lower not in _TELLING:
                return False
            break
    return _search_end(_TOLD, _TOLD_ENDING, before) is not None


def _is_of_names(text: str) -> bool:
    # Only names, initials, figures, dates and the small words of bylines.
    tokens = (found[0] for found in _TOKEN.finditer(text.strip('«»"“”*')))
    return all(token[0].isupper() or token[0].isdigit() or token.casefold() in _SMALL for token in tokens)


AROUND_WORDS = 100
"""Words before and after a copied passage that are next to it: about 600 characters of French."""
HEAD_WORDS = 300
"""If a passage begins within the first 300 words of a page, all text before it is next to it."""
CREDITS = 20
"""The most credits that a row lists, in the order of the page."""
NAMES_READ = 1_000
"""The most credits that are compared with the owner's names: more than a member and its titles have."""
CREDIT_CHARACTERS = 60
"""The longest name of a source."""

_LAST_BITS = np.uint64((1 << 16) - 1)
# Bytes of UTF-8 that are enough for any character.
_BYTES = 4
_NO_BREAK = ("\u00a0", "\u202f", "\u2009")
# Names in the same surroundings are judged once per page; so many judgements are kept.
_REMEMBERED = 2_000

Spans = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]
Names = tuple[str, ...]

_SOURCE_WORDS = (
    "source", "sources", "quelle", "quellen", "fuente", "fuentes", "fonte", "fonti", "bron", "bronnen",
    "kilde", "kilder", "källa", "źródło", "zdroj", "kaynak", "источник",
)  # fmt: skip
_COLON = re.compile(r"\s{0,2}:\s{0,3}")
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?(?P<host>[\w-]{1,63}(?:\.[\w-]{1,63})+)\S*", re.IGNORECASE)
_LIST = re.compile(r"\s?[,&+]\s?|\s/\s|\s(?:et|and|und|y|e|en)\s")
_NAMES_END = re.compile(r"[;|()\[\]–—\n]|\.(?:\s|\Z)|\s-\s")
_NAME = re.compile(r"[A-ZÀ-Þ0-9][\w'’&.-]*(?:\s[\w'’&.-]+){0,5}")
_OF_AN_AGENCY = re.compile(rf"(?:agence|agency|agencia)\s|{ARTICLE}", re.IGNORECASE)


class CreditFinder:
    """Finds credits. `agencies`: names in addition to the list, which the corpus was built with."""

    def __init__(self, agencies: Iterable[str] = ()) -> None:
        self._agencies = AgencyNames(agencies)
        self._sources = frozenset(word for words in map(_hashes, _SOURCE_WORDS) for word in words)
        # A word begins a name if it is the whole name, or if the next word is the name's second.
        named = [words for spelling in self._agencies.known if (words := _hashes(spelling.text))]
        self._names = frozenset(words[0] for words in named if len(words) == 1)
        self._pairs = frozenset((words[0], words[1]) for words in named if len(words) > 1)
        firsts = self._sources | self._names | {first for first, _ in self._pairs}
        self._begins = np.zeros(int(_LAST_BITS) + 1, np.bool_)
        self._begins[np.array(sorted(firsts), np.uint64) & _LAST_BITS] = True

    def credits(self, text: bytes, words: TextWords, passages: Sequence[Spans]) -> list[list[str]]:
        """Return the names that a document credits in or next to each passage, each once, in its order.

        Args: its text in UTF-8 with its words, and the spans of each passage (`Overlap.seen_from`).
        """
        # Word numbers at which credits begin, ascending, and the names of each. A list of the numbers would
        # take ten times the memory of an array.
        places, names, met = array("q"), list[Names](), dict[Names, Names]()
        # Few words begin a name: a table of the last bits of hashes rules out most others.
        (begin,) = self._begins[(words.hashes & _LAST_BITS).view(np.int64)].nonzero()
        begin = begin[_near(begin, passages)]
        hashes, bounds = words.hashes.data, words.bounds(begin, begin).reshape(-1).data
        judged, seen_to = dict[tuple[str, bool, str, bool], tuple[int, Names]](), 0
        for place, start, end in zip(begin.data, bounds[::2], bounds[1::2], strict=True):
            word = hashes[place]
            named = tuple(self._behind_source(text, start, end)) if word in self._sources else ()
            begins_name = word in self._names or (word, *hashes[place + 1 : place + 2]) in self._pairs
            if begins_name and not named and start >= seen_to:
                around = (*_line_before(text, start), *_behind(text, start))
                run_bytes, named = judged.get(around) or self._judged(*around)
                if len(judged) < _REMEMBERED:
                    judged[around] = run_bytes, named
                # The names in a row are one credit, or none: do not judge the later ones again.
                seen_to = start + run_bytes
            if named:
                places.append(place)
                names.append(met.setdefault(named, named))
        found = np.array(places, np.int64)
        return [_distinct(names[k] for k in _near(found, [each]).data) for each in passages]

    def _judged(self, before: str, begins: bool, behind: str, is_last: bool) -> tuple[int, Names]:
        """Return the bytes of the names in a row that begin `behind`, and the agencies that they credit."""
        run = self._agencies.run.match(behind)
        if run is None:
            return 0, ()
        known = [spelling for name in AND.split(run[0]) if (spelling := self._agencies.of(name))]
        agencies = tuple(dict.fromkeys(spelling.agency for spelling in known))
        rest, mark, _ = behind[run.end() :].partition("\n")
        around = Around(
            before,
            rest,
            begins,
            ends=bool(mark) or is_last,
            sure=any(spelling.sure for spelling in known) or len(agencies) > 1,
            named=any(agency != UNNAMED for agency in agencies),
        )
        return len(run[0].encode()), agencies if is_credit(around, self._agencies) else ()

    def _behind_source(self, text: bytes, start: int, end: int) -> Iterator[str]:
        # Yield the agencies, hosts of addresses and other names after "Source :".
        behind, is_last = _behind(text, end)
        if (colon := _COLON.match(behind)) is None:
            return
        before, begins = _line_before(text, start)
        if before.rstrip()[-1:] not in _CLEAR_MARKS and (not begins or before.strip(BLANKS)):
            return
        named = behind[colon.end() :]
        ending = _NAMES_END.search(named)
        parts = _LIST.split(named[: ending.start()] if ending else named)
        for k, part in enumerate(parts):
            if address := _ADDRESS.fullmatch(part.strip()):
                if len(address["host"]) <= CREDIT_CHARACTERS:
                    yield address["host"].lower()
                continue
            # Ignore a name that the limit of `BEHIND` may have cut, unless it is an agency.
            is_complete = k < len(parts) - 1 or ending is not None or is_last
            for name in part.split("/"):
                name = name.strip().rstrip(".")
                bare = _OF_AN_AGENCY.sub("", name, count=1)
                spelling = self._agencies.of(name) or self._agencies.of(bare)
                if spelling and spelling.agency != UNNAMED:
                    yield spelling.agency
                elif is_complete and len(name) <= CREDIT_CHARACTERS and _NAME.fullmatch(name):
                    yield name


def is_other(credit: str, own_names: Names) -> bool:
    """Return whether a credit is none of `own_names` (names and domains of a member and its titles)."""
    return key_of(credit) not in _keys_of(own_names)


def names_address(text: bytes, url: str | None) -> bool:
    """Return whether a text contains an article's own address, with or without scheme and `www.`."""
    address = _address_in_texts(url) if url else None
    return address is not None and address in text


@lru_cache(4096)
def _address_in_texts(url: str) -> bytes | None:
    page = page_url(url)
    if page is None or page.path == "/":
        return None
    address = re.sub(r"^(?:https?:)?//(?:www\.)?", "", url.strip(), flags=re.IGNORECASE).rstrip("/")
    return address.encode("utf-8", "replace")


@lru_cache(1024)
def _keys_of(names: Names) -> frozenset[str]:
    # A credit may leave out the article ("La Presse", "Presse").
    keys = {key_of(name) for name in names}
    bare = {key_of(without_article(name)) for name in names}
    return frozenset(filter(None, keys | bare))


def _hashes(name: str) -> list[int]:
    hashes: list[int] = word_hashes(name.encode()).tolist()
    return hashes


def _line_before(text: bytes, start: int) -> tuple[str, bool]:
    first = max(0, start - _BYTES * BEFORE)
    line_start = text.rfind(b"\n", first, start) + 1
    line = _decoded(text[line_start or first : start])
    return line[-BEFORE:], len(line) <= BEFORE and (first == 0 or line_start > 0)


def _behind(text: bytes, start: int) -> tuple[str, bool]:
    behind = _decoded(text[start : start + _BYTES * BEHIND])
    return behind[:BEHIND], len(behind) <= BEHIND and start + _BYTES * BEHIND >= len(text)


def _decoded(text: bytes) -> str:
    if text.isascii():
        return text.decode("ascii")
    characters = text.decode("utf-8", "ignore")
    for blank in _NO_BREAK:
        characters = characters.replace(blank, " ")
    return unicodedata.normalize("NFC", characters)


def _near(places: Places, passages: Sequence[Spans]) -> Places:
    """Return the indices of the `places` (ascending word numbers) that are in or next to passages."""
    if not (len(places) and passages):
        return np.empty(0, np.int64)
    spans = np.concatenate(passages)
    opened = np.searchsorted(places, spans[:, 0] - AROUND_WORDS)
    closed = np.searchsorted(places, spans[:, 0] + spans[:, 2] + AROUND_WORDS, "right")
    changes = np.bincount(opened, minlength=len(places) + 1) - np.bincount(closed, minlength=len(places) + 1)
    near = np.cumsum(changes[:-1]) > 0
    heads = [head for spans in passages if len(spans) and (head := spans[:, 0].min()) <= HEAD_WORDS]
    if heads:
        near[: np.searchsorted(places, max(heads))] = True
    return np.flatnonzero(near)


def _distinct(names: Iterable[Names]) -> list[str]:
    distinct = dict[str, str]()
    for name in dict.fromkeys(name for some in names for name in some):
        distinct.setdefault(key_of(name), name)
        if len(distinct) == NAMES_READ:
            break
    return list(distinct.values())
