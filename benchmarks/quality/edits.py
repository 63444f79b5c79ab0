"""What copyists and machines do to a text; each edit tells which words of the article it left as they were.

An edit takes an article's text and a random generator, and gives an `Edited`: its text, and the positions of
the article's words that stand in it unedited, known from how it was made and not from comparing.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.quality.cut import Cut, cut, folded_text
from presswatch_spark.cli.demo.generate import shouted

LINE_WIDTH = 60
_SENTENCE_END = re.compile(r"(?<=[.!?…»])[ \n]+(?=[«\"A-ZÀÂÇÉÈÊÎÔŒ])")
_LOOKS_LIKE = {
    "a": "o", "b": "h", "c": "e", "d": "cl", "e": "c", "f": "t", "g": "q", "h": "b", "i": "l", "j": "i",
    "l": "1", "m": "rn", "n": "u", "o": "0", "p": "n", "q": "g", "r": "t", "s": "a", "t": "f", "u": "n",
    "v": "y", "x": "z", "y": "v", "z": "2",
}  # fmt: skip
_ACCENTED = {"é": "eè", "è": "eé", "ê": "eé", "à": "aâ", "â": "aà", "ç": "c", "î": "iï", "ô": "o", "û": "uù"}


@dataclass(frozen=True, slots=True)
class Edited:
    """The text, and positions of the article's words that it left as they were."""

    text: str
    kept: frozenset[int]


def as_it_stands(text: str, rng: random.Random) -> Edited:
    """The whole text."""
    return Edited(text, frozenset(range(len(cut(text)))))


def excerpt(text: str, rng: random.Random, words: int) -> Edited:
    """`words` words in a row from anywhere."""
    pieces = cut(text)
    first = rng.randrange(len(pieces) - words + 1)
    return Edited(pieces.passage(first, words), frozenset(range(first, first + words)))


def lead(text: str, rng: random.Random, words: int) -> Edited:
    """The first `words` words."""
    return Edited(cut(text).passage(0, words), frozenset(range(words)))


def reworded(text: str, rng: random.Random, share: float, vocabulary: Sequence[str]) -> Edited:
    """A share of the words edited: three in five replaced, one left out, one with a new word before it."""
    pieces = cut(text)
    places = set(rng.sample(range(len(pieces)), round(share * len(pieces))))
    out, kept = [], set()
    for k in range(len(pieces)):
        gap, word = pieces.gaps[k], pieces.words[k]
        if k not in places:
            out.append(gap + word)
            kept.add(k)
            continue
        other = _other_word(rng, vocabulary, pieces, k)
        change = rng.choices(("replace", "drop", "add"), (3, 1, 1))[0]
        if change == "replace":
            out.append(gap + other)
        elif change == "drop":
            out.append(gap or " ")
        else:
            out.append(f"{gap}{other} {word}")
            kept.add(k)
    return Edited("".join(out) + pieces.gaps[-1], frozenset(kept))


def _other_word(rng: random.Random, vocabulary: Sequence[str], pieces: Cut, k: int) -> str:
    """A word that stands neither at k nor beside it: an edit is an edit."""
    near = set(pieces.folded[max(0, k - 2) : k + 3])
    while True:
        word = rng.choice(vocabulary)
        if word not in near:
            return word


def scanned(text: str, rng: random.Random, share: float) -> Edited:
    """A share of the characters misread, as by optical character recognition.

    Letters are taken for others, accents lost or changed, blanks lost, punctuation misread. Words that fold
    to what they were, with a separator on both sides, are left as they were.
    """
    pieces = cut(text)
    places = set(rng.sample(range(len(text)), round(share * len(text))))
    at = 0

    def read(piece: str) -> str:
        nonlocal at
        first, at = at, at + len(piece)
        return "".join(_misread(char, rng) if first + i in places else char for i, char in enumerate(piece))

    parts = [(read(gap), read(word)) for gap, word in zip(pieces.gaps, pieces.words, strict=False)]
    last = read(pieces.gaps[-1])
    # A gap at an end of the text separates, whatever is in it, since nothing else stands there.
    gaps = [" ", *(gap for gap, _ in parts[1:]), " "]
    kept = frozenset(
        k
        for k, (_, word) in enumerate(parts)
        if folded_text(word) == pieces.folded[k] and _separates(gaps[k]) and _separates(gaps[k + 1])
    )
    return Edited("".join(gap + word for gap, word in parts) + last, kept)


def _separates(gap: str) -> bool:
    return bool(gap) and not folded_text(gap).strip()


def _misread(char: str, rng: random.Random) -> str:
    if char in _ACCENTED:
        return rng.choice(_ACCENTED[char])
    if char.isalpha():
        return _LOOKS_LIKE.get(char.lower(), "") if rng.random() < 0.9 else ""
    if char.isspace():
        return rng.choice(("", "  ", " . "))
    return rng.choice((".", ",", "'", "-", "·"))


def capitals(text: str, rng: random.Random) -> Edited:
    """Capitals without accents."""
    return Edited(shouted(text), frozenset(range(len(cut(text)))))


def decomposed(text: str, rng: random.Random) -> Edited:
    """Every accent a character of its own (NFD)."""
    return Edited(unicodedata.normalize("NFD", text), frozenset(range(len(cut(text)))))


def typeset(text: str, rng: random.Random) -> Edited:
    """French typography: curly quotes, unbreakable blanks, ligatures, and soft hyphens inside long words."""
    pieces = cut(text)
    out = []
    for gap, word in zip(pieces.gaps, [*pieces.words, ""], strict=True):
        gap = gap.replace("'", "’").replace("...", "…").replace(' "', " “").replace('"', "”")
        gap = re.sub(r" ?([;!?:»])", "\u202f\\1", gap.replace("« ", "«\u00a0"))
        word = word.replace("oe", "œ").replace("fi", "ﬁ")
        if len(word) > 7 and word.isalpha() and rng.random() < 0.5:
            word = f"{word[:4]}\u00ad{word[4:]}"
        out.append(gap + word)
    return Edited("".join(out), frozenset(range(len(pieces))))


def hyphenated(text: str, rng: random.Random) -> Edited:
    """Lines of a fixed width, long words divided at their ends; a divided word is two words."""
    pieces = cut(text)
    out, kept, column = [], set(), 0
    for k, word in enumerate(pieces.words):
        gap = pieces.gaps[k]
        if column + len(gap) + len(word) <= LINE_WIDTH:
            out.append(gap + word)
            kept.add(k)
            column += len(gap) + len(word)
        elif len(word) > 6 and word.isalpha():
            half = len(word) // 2
            out.append(f"{gap}{word[:half]}-\n{word[half:]}")
            column = len(word) - half
        else:
            out.append(f"{gap}\n{word}" if gap else word)
            kept.add(k)
            column = len(word)
    return Edited("".join(out) + pieces.gaps[-1], frozenset(kept))


def sentences_of(text: str) -> list[str]:
    """Sentences, without the blanks between them."""
    return _SENTENCE_END.split(text)


def shuffled(text: str, rng: random.Random) -> Edited:
    """All sentences, in another order."""
    parts = sentences_of(text)
    rng.shuffle(parts)
    return Edited(" ".join(parts), frozenset(range(len(cut(text)))))
