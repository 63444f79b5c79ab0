"""A word by its definition, in slow plain Python; shares no code with the kernels."""

from __future__ import annotations

import re
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
    (0x0591, 0x05BD),
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x064B, 0x0655),
    (0x0670, 0x0670),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)
VARIATION_SELECTORS = ((0x180B, 0x180D), (0x180F, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
MODIFIER_APOSTROPHES = ((0x02B9, 0x02BF),)
INVISIBLE = (
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x2065, 0x2065),
    (0x3164, 0x3164),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)
INVISIBLE_CONTROLS = (
    (0x01, 0x08),
    (0x0E, 0x1F),
    (0x7F, 0x81),
    (0x83, 0x83),
    (0x86, 0x8A),
    (0x8D, 0x90),
    (0x98, 0x9A),
    (0x9D, 0x9F),
)
ENCLOSED_ALPHABETS = (0x249C, 0x24B6, 0x24D0, 0x1F110, 0x1F130, 0x1F150, 0x1F170)
SINGLE_LETTERS = {"\U0001f18a": "p", "\U0001f1a5": "d"}
ENCLOSED_NUMBERS = (
    (0x2460, 0x2487),
    (0x24EA, 0x24FF),
    (0x2776, 0x2793),
    (0x3248, 0x324F),
    (0x1F10B, 0x1F10C),
)
NUMBERS_WITH_A_STOP = ((0x2488, 0x249B), (0x1F100, 0x1F10A))
ABBREVIATIONS_IN_A_BOX = ((0x3250, 0x33FF), (0x1F12B, 0x1F14F), (0x1F190, 0x1F190))


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


HYPHEN_AND_BLANKS = re.compile("[-\u2010\u00ad][\t\n\x0b\x0c\r ]+")


def reference_partings(text: bytes) -> list[int]:
    """The words that a hyphen right behind them and white space part from the next one."""
    words, decoded = reference_words(text), text.decode("utf-8", "surrogateescape")
    found = []
    for gap in HYPHEN_AND_BLANKS.finditer(decoded):
        before = [piece for char in decoded[: gap.start()][-40:] if (piece := fold_character(char))]
        behind = [piece for char in decoded[gap.end() :][:40] if (piece := fold_character(char))]
        if before and behind and " " not in (before[-1], behind[0]):
            at = len(decoded[: gap.start()].encode("utf-8", "surrogateescape"))
            found.append(sum(word.start < at for word in words) - 1)
    return found


@lru_cache(maxsize=1 << 16)
def fold_character(char: str) -> str:
    """Folding of one character: word characters, and a space for each separator."""
    if char in "\x8c\x9c":
        return "oe"
    first = _shown_by(char) or unicodedata.normalize("NFD", char)
    folded = ""
    for piece in first:
        for cased in piece.casefold():
            folded += unicodedata.normalize("NFD", LETTERS_SPELT_OUT.get(cased, cased))
    kept = [piece for piece in folded if not _vanishes(piece)]
    return "".join(piece if _is_word_character(piece) else " " for piece in kept)


def _shown_by(char: str) -> str:
    """The letters and digits that a character in disguise shows; empty for others."""
    compatible = unicodedata.normalize("NFKD", char)
    if char in SINGLE_LETTERS:
        return SINGLE_LETTERS[char]
    for first in ENCLOSED_ALPHABETS:
        if first <= ord(char) < first + 26:
            return chr(ord("a") + ord(char) - first)
    if _within(char, ENCLOSED_NUMBERS):
        return str(int(unicodedata.numeric(char)))
    if _within(char, NUMBERS_WITH_A_STOP):
        return compatible
    is_alphanumeric = unicodedata.category(char)[0] in ("L", "N")
    if is_alphanumeric or _within(char, ABBREVIATIONS_IN_A_BOX):
        return compatible if set(compatible) <= ASCII_ALPHANUMERICS else ""
    return ""


def _vanishes(char: str) -> bool:
    ranges = DIACRITICS + VARIATION_SELECTORS + INVISIBLE + INVISIBLE_CONTROLS
    return unicodedata.category(char) == "Cf" or _within(char, ranges)


def _is_word_character(char: str) -> bool:
    return unicodedata.category(char)[0] in ("L", "N", "M") and not _within(char, MODIFIER_APOSTROPHES)


def _within(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)
