"""What a word is, in slow plain Python, straight from the definition; shares no code with the kernels."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

ASCII_ALPHANUMERICS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
LETTERS_SPELT_OUT = {
    "œ": "oe",
    "æ": "ae",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ħ": "h",
    "ŧ": "t",
    "ı": "i",
}
DIACRITICS = (
    (0x0300, 0x036F),
    (0x0653, 0x0655),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)
VARIATION_SELECTORS = ((0x180B, 0x180D), (0x180F, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
MODIFIER_APOSTROPHES = ((0x02B9, 0x02BF),)


class ReferenceWord(NamedTuple):
    """A folded word, and the bytes of the text that it stands in."""

    folded: str
    start: int
    end: int


def reference_words(text: bytes) -> list[ReferenceWord]:
    """The words of a text, in order; every byte that is not UTF-8 separates."""
    words: list[ReferenceWord] = []
    folded, start, end, offset = "", 0, 0, 0
    for char in text.decode("utf-8", "surrogateescape"):
        size = 1 if "\ud800" <= char <= "\udfff" else len(char.encode())
        for piece in fold_character(char):
            if piece == " ":
                if folded:
                    words.append(ReferenceWord(folded, start, end))
                folded = ""
            else:
                start = start if folded else offset
                folded, end = folded + piece, offset + size
        offset += size
    if folded:
        words.append(ReferenceWord(folded, start, end))
    return words


@lru_cache(maxsize=1 << 16)
def fold_character(char: str) -> str:
    """Folding of one character: word characters, and a space for each separator."""
    first = unicodedata.normalize("NFD", char)
    compatible = unicodedata.normalize("NFKD", char)
    if unicodedata.category(char)[0] in ("L", "N") and set(compatible) <= ASCII_ALPHANUMERICS:
        first = compatible
    folded = ""
    for piece in first:
        for cased in piece.casefold():
            folded += unicodedata.normalize("NFD", LETTERS_SPELT_OUT.get(cased, cased))
    kept = [piece for piece in folded if not _vanishes(piece)]
    return "".join(piece if _is_word_character(piece) else " " for piece in kept)


def _vanishes(char: str) -> bool:
    return unicodedata.category(char) == "Cf" or _within(char, DIACRITICS + VARIATION_SELECTORS)


def _is_word_character(char: str) -> bool:
    return unicodedata.category(char)[0] in ("L", "N", "M") and not _within(char, MODIFIER_APOSTROPHES)


def _within(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)
