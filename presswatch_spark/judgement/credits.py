"""Whom a page credits in or next to a copied passage: agencies, and sources that it names.

A name alone says nothing: it counts in the forms of `credit_forms.FORMS`. Agencies have a list (`agencies`);
other names count behind "Source :" alone.

Only words that begin a name or a form are looked at, each with what stands around it on its line. So the cost
is linear in the page, whatever stands on it, and every place of every page is looked at.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from presswatch_spark.judgement.agencies import UNNAMED, key_of, without_article
from presswatch_spark.judgement.agency_names import AgencyNames
from presswatch_spark.judgement.credit_forms import (
    ARTICLE,
    BEFORE,
    BEHIND,
    BLANKS,
    Around,
    begins_clearly,
    form_of,
)
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.text.words import TextWords, word_hashes

AROUND_WORDS = 100
"""So many words before and behind a copied run are next to the passage: 600 characters of French or so."""
HEAD_WORDS = 300
"""If a passage begins within the first words of a page, all that stands before it is next to it."""
CREDITS = 20
"""The most credits of a row, in the order of the page."""
NAMES_READ = 1_000
"""So many are asked whether they are somebody else's: more than a member and its titles have."""
CREDIT_CHARACTERS = 60
"""The longest name of a source."""

_LAST_BITS = np.uint64((1 << 16) - 1)
# So many bytes hold a character of any script.
_BYTES = 4
_NO_BREAK = ("\u00a0", "\u202f", "\u2009")
# Pages that repeat themselves are judged once for the same surroundings, of which so many are kept.
_REMEMBERED = 2_000

Spans = npt.NDArray[np.int64]
Names = tuple[str, ...]

_SOURCE_WORDS = (
    "source", "sources", "quelle", "quellen", "fuente", "fuentes", "fonte", "fonti", "bron", "bronnen",
    "kilde", "kilder", "källa", "źródło", "zdroj", "kaynak", "источник",
)  # fmt: skip
_COLON = re.compile(r"\s{0,2}:\s{0,3}")
_MAY_BE_COLON, _COLON_BYTES = re.compile(rb"[\s\x1c-\x1f]{0,2}:"), 3
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?(?P<host>[\w-]{1,63}(?:\.[\w-]{1,63})+)\S*", re.IGNORECASE)
_LIST = re.compile(r"\s?[,&+]\s?|\s/\s|\s(?:et|and|und|y|e|en)\s")
_NAMES_END = re.compile(r"[;|()\[\]–—\n]|\.(?:\s|\Z)|\s-\s")
_NAME = re.compile(r"[A-ZÀ-Þ0-9][\w'’&.-]*(?:\s[\w'’&.-]+){0,5}")
_OF_AN_AGENCY = re.compile(rf"(?:agence|agency|agencia)\s|{ARTICLE}", re.IGNORECASE)


@dataclass(slots=True)
class _Credited:
    """The credits of a document: the words at which they begin, rising, and the names of each."""

    places: array[int] = field(default_factory=lambda: array("q"))
    names: list[Names] = field(default_factory=list)
    _met: dict[Names, Names] = field(default_factory=dict)

    def add(self, place: int, names: Names) -> None:
        self.places.append(place)
        self.names.append(self._met.setdefault(names, names))


class CreditFinder:
    """Finds credits by the names of agencies; those that a corpus was built with are added to the list."""

    def __init__(self, agencies: Iterable[str] = ()) -> None:
        self._agencies = AgencyNames(agencies)
        self._sources = frozenset(word for words in map(_hashes, _SOURCE_WORDS) for word in words)
        # A word begins a name if it is one, or if the next word of the name follows it.
        named = [words for spelling in self._agencies.known if (words := _hashes(spelling.text))]
        self._alone = self._sources | {words[0] for words in named if len(words) == 1}
        self._pairs = frozenset((words[0], words[1]) for words in named if len(words) > 1)
        self._firsts = firsts = self._alone | {first for first, _ in self._pairs}
        self._begins = np.zeros(int(_LAST_BITS) + 1, np.bool_)
        self._begins[np.array(sorted(firsts), np.uint64) & _LAST_BITS] = True

    def credits(self, text: bytes, words: TextWords, passages: Sequence[Spans]) -> list[list[str]]:
        """Return whom a document credits in or next to each passage, each name once, in its order.

        Args:
            text: of the document, in UTF-8.
            words: of the text.
            passages: of each, its runs, int64 (s, ≥ 3), as `Overlap.spans` has them: the first word in the
                document, and in the third column the number of words.
        """
        places = self._places(text, words)
        credited = self._credited(text, words, places, passages) if places else _Credited()
        if not credited.places:
            return [[] for _ in passages]
        return [_distinct(credited.names, _near(credited.places, [each])) for each in passages]

    def _places(self, text: bytes, words: TextWords) -> array[int]:
        """Return the words that may begin a name, or stand before names, by their rising numbers."""
        # Nearly no word begins a name: one look at its last bits shows that.
        (candidates,) = self._begins[(words.hashes & _LAST_BITS).view(np.int64)].nonzero()
        places, hashes = array("q"), words.hashes.data
        firsts = array("q", (place for place in candidates.data if hashes[place] in self._firsts))
        for place, (start, end) in _bounded(words, firsts):
            word = hashes[place]
            is_source = word in self._sources and _may_precede_colon(text, end)
            if is_source or (
                (word in self._alone or (word, *hashes[place + 1 : place + 2]) in self._pairs)
                and self._agencies.may_begin(text, start, end)
            ):
                places.append(place)
        return places

    def _credited(
        self, text: bytes, words: TextWords, places: array[int], passages: Sequence[Spans]
    ) -> _Credited:
        """Return the credits in or next to passages that begin at some words, by the words' numbers."""
        credited, judged = _Credited(), dict[tuple[str, bool, str, bool], tuple[int, Names]]()
        hashes = words.hashes.data
        seen_to = 0
        near = array("q", (places[k] for k in _near(places, passages)))
        for place, (start, end) in _bounded(words, near):
            if hashes[place] in self._sources and (named := tuple(self._behind_source(text, start, end))):
                credited.add(place, named)
            elif start >= seen_to:
                around = (*_line_before(text, start), *_behind(text, start))
                run_bytes, named = judged.get(around) or self._judged(*around)
                if len(judged) < _REMEMBERED:
                    judged[around] = run_bytes, named
                # The names in a run are one credit, or none.
                seen_to = start + run_bytes
                if named:
                    credited.add(place, named)
        return credited

    def _judged(self, before: str, begins: bool, behind: str, is_last: bool) -> tuple[int, Names]:
        """Return the bytes of the run of names that `behind` begins with, and the agencies that it credits.

        There is no agency if the run has no form of a credit.

        Args:
            before, begins: as in `Around`.
            behind: what stands from the run on.
            is_last: the text ends with that.
        """
        run = self._agencies.run_at_start(behind)
        if run is None:
            return 0, ()
        known = self._agencies.in_run(run[0])
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
        return len(run[0].encode()), agencies if form_of(around, self._agencies) else ()

    def _behind_source(self, text: bytes, start: int, end: int) -> Iterator[str]:
        """Yield whom "Source : …" names, if that stands at a word: agencies, addresses, or other names."""
        if not _may_precede_colon(text, end):
            return
        before, begins = _line_before(text, start)
        behind, is_last = _behind(text, end)
        colon = _COLON.match(behind)
        if colon is None or not (begins_clearly(before) or (begins and not before.strip(BLANKS))):
            return
        named = behind[colon.end() :]
        ending = _NAMES_END.search(named)
        parts = _LIST.split(named[: ending.start()] if ending else named)
        for k, part in enumerate(parts):
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
            spelling = self._agencies.of(name) or self._agencies.of(bare)
            if spelling and spelling.agency != UNNAMED:
                yield spelling.agency
            elif whole and len(name) <= CREDIT_CHARACTERS and _NAME.fullmatch(name):
                yield name


def is_other(credit: str, own_names: Names) -> bool:
    """Whether a credit names somebody else than those who have `own_names`: names and domains of members."""
    return key_of(credit) not in _keys_of(own_names)


def names_address(text: bytes, url: str | None) -> bool:
    """Return whether a text holds an article's own address, with or without scheme and `www.`."""
    address = _address_in_texts(url) if url else None
    return address is not None and address in text


@lru_cache(4096)
def _address_in_texts(url: str) -> bytes | None:
    """Return the bytes of an article's address without scheme and `www.`; None for the address of a site."""
    page = page_url(url)
    if page is None or page.path == "/":
        return None
    address = re.sub(r"^(?:https?:)?//(?:www\.)?", "", url.strip(), flags=re.IGNORECASE).rstrip("/")
    return address.encode("utf-8", "replace")


@lru_cache(1024)
def _keys_of(names: Names) -> frozenset[str]:
    """Return what names are compared by; an article before a name may be missing."""
    keys = {key_of(name) for name in names}
    bare = {key_of(without_article(name)) for name in names}
    return frozenset(filter(None, keys | bare))


def _hashes(name: str) -> list[int]:
    hashes: list[int] = word_hashes(name.encode()).tolist()
    return hashes


def _bounded(words: TextWords, places: array[int]) -> Iterable[tuple[int, tuple[int, int]]]:
    """Return words by their numbers, each with the bytes at which it begins and ends."""
    if not places:
        return ()
    alone = np.frombuffer(places, np.int64).copy()
    # As a view of the array: a list of so many numbers would take ten times the memory.
    bounds = words.bounds(alone, alone).reshape(-1).data
    return zip(places, zip(bounds[::2], bounds[1::2], strict=True), strict=True)


def _may_precede_colon(text: bytes, end: int) -> bool:
    """Whether a colon may follow a word, which ends at a byte, as `_COLON` has it; False is sure."""
    after = text[end : end + _COLON_BYTES]
    return not after.isascii() or _MAY_BE_COLON.match(after) is not None


def _line_before(text: bytes, start: int) -> tuple[str, bool]:
    """Return what stands before a byte on its line, and whether that reaches to the line's beginning."""
    first = max(0, start - _BYTES * BEFORE)
    line_start = text.rfind(b"\n", first, start) + 1
    line = _decoded(text[line_start or first : start])
    return line[-BEFORE:], len(line) <= BEFORE and (first == 0 or line_start > 0)


def _behind(text: bytes, start: int) -> tuple[str, bool]:
    """Return `BEHIND` characters from a byte on, and whether the text ends with them."""
    behind = _decoded(text[start : start + _BYTES * BEHIND])
    return behind[:BEHIND], len(behind) <= BEHIND and start + _BYTES * BEHIND >= len(text)


def _decoded(text: bytes) -> str:
    if text.isascii():
        return text.decode("ascii")
    characters = text.decode("utf-8", "ignore")
    for blank in _NO_BREAK:
        characters = characters.replace(blank, " ")
    return unicodedata.normalize("NFC", characters)


def _near(places: array[int], passages: Sequence[Spans]) -> Iterator[int]:
    """Yield the indices, rising, of those of some words that lie in or next to runs of passages.

    Args:
        places: the rising numbers of the words.
    """
    ranges = list[tuple[int, int]]()
    for spans in passages:
        starts, counts = spans[:, 0].tolist(), spans[:, 2].tolist()
        if starts and (head := min(starts)) <= HEAD_WORDS:
            ranges.append((0, bisect_left(places, head)))
        ranges += [
            (bisect_left(places, start - AROUND_WORDS), bisect_right(places, start + count + AROUND_WORDS))
            for start, count in zip(starts, counts, strict=True)
        ]
    next_index = 0
    for first, after in sorted(ranges):
        yield from range(max(first, next_index), after)
        next_index = max(after, next_index)


def _distinct(names: Sequence[Names], near: Iterable[int]) -> list[str]:
    """Return the first `NAMES_READ` names of the credits at some indices, each once in whatever spelling."""
    distinct = dict[str, str]()
    for name in dict.fromkeys(name for k in near for name in names[k]):
        distinct.setdefault(key_of(name), name)
        if len(distinct) == NAMES_READ:
            break
    return list(distinct.values())
