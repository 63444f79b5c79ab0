"""How a character folds: the Unicode table, frozen in `folding-14.0.txt`, and the rules it was made by.

The table is data, not a call to `unicodedata`: the same text must give the same words on every Python, for as
long as runs are compared with each other. `python -m presswatch_spark.text.folding` rewrites the file from
the rules below; it must run on a Python whose `unicodedata` is of the frozen version.

Rules, for each code point (the folding of a text is the concatenation of the foldings of its code points):

1. letters and numbers whose NFKD is ASCII letters and digits (superscripts, full width, ligatures, Roman
   numerals) are replaced by it; everything else by its NFD, Hangul included;
2. what comes out is case-folded, the Latin letters without decomposition are spelt out (œ → oe), and NFD is
   taken again;
3. format characters, variation selectors and diacritics are dropped. U+0653–0655 are among them: NFC writes
   them into the letter, past vowel signs that NFD leaves in between, so that only dropping them makes both
   forms alike;
4. letters, numbers and marks are word characters, all others separate; so do the modifier apostrophes
   U+02B9–02BF.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UNICODE_VERSION = "14.0"
FOLD_VERSION = f"words-1/unicode-{UNICODE_VERSION}"
TABLE_FILE = Path(__file__).with_name(f"folding-{UNICODE_VERSION}.txt")

SEPARATOR = "\0"
INLINE_BYTES = 3
"""Foldings up to this many bytes stand in their entry; the entry of a longer one points into the pool."""

_CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)
_HANGUL = range(0xAC00, 0xD7A4)
_SPELT_OUT = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i"})
_DROPPED = (
    range(0x0300, 0x0370),
    range(0x0653, 0x0656),
    range(0x180B, 0x180E),
    range(0x180F, 0x1810),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0xFE00, 0xFE10),
    range(0xFE20, 0xFE30),
    range(0xE0100, 0xE01F0),
)
_APOSTROPHES = range(0x02B9, 0x02C0)


class FoldTable(NamedTuple):
    """The table as the kernels read it.

    `entries` (uint32, one per code point): the top byte is the number n of folded UTF-8 bytes; up to
    `INLINE_BYTES` of them stand in the low bytes, first byte lowest, otherwise the low 24 bits are their
    offset in `pool` (uint8). Separators fold to one zero byte.
    """

    entries: npt.NDArray[np.uint32]
    pool: npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def load_table() -> FoldTable:
    """The frozen table, read-only."""
    entries = np.full(_CODE_POINTS, 1 << 24, np.uint32)
    pool = bytearray()
    for first, last, folding in _read_lines(TABLE_FILE.read_text("ascii")):
        for code in range(first, last + 1):
            folded = _hangul(code) if folding == "hangul" else _decode(folding, code)
            entries[code] = _entry(folded.encode(), pool)
    table = FoldTable(entries, np.frombuffer(bytes(pool), np.uint8))
    table.entries.flags.writeable = False
    return table


def _entry(folded: bytes, pool: bytearray) -> int:
    n = len(folded)
    if n <= INLINE_BYTES:
        return n << 24 | int.from_bytes(folded, "little")
    pool.extend(folded)
    return n << 24 | (len(pool) - n)


def _read_lines(text: str) -> Iterator[tuple[int, int, str]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            codes, _, folding = line.partition(" ")
            first, _, last = codes.partition("..")
            yield int(first, 16), int(last or first, 16), folding


def _decode(folding: str, code: int) -> str:
    if folding == "=":
        return chr(code)
    if folding == "-":
        return ""
    return "".join(SEPARATOR if part == "_" else chr(int(part, 16)) for part in folding.split())


def _hangul(code: int) -> str:
    """Canonical decomposition of a Hangul syllable (The Unicode Standard, 3.12): arithmetic, not data."""
    lead, rest = divmod(code - _HANGUL.start, 588)
    vowel, tail = divmod(rest, 28)
    return chr(0x1100 + lead) + chr(0x1161 + vowel) + (chr(0x11A7 + tail) if tail else "")


def fold_code_point(code: int) -> str:
    """Folding of one code point by the rules, as the running Python's Unicode has it."""
    char = chr(code)
    compatible = unicodedata.normalize("NFKD", char)
    plain = compatible.isascii() and compatible.isalnum() and unicodedata.category(char)[0] in "LN"
    decomposed = compatible if plain else unicodedata.normalize("NFD", char)
    folded = "".join(part.casefold().translate(_SPELT_OUT) for part in decomposed)
    return "".join(_keep(part) for part in unicodedata.normalize("NFD", folded))


def _keep(char: str) -> str:
    code, category = ord(char), unicodedata.category(char)
    if category == "Cf" or any(code in dropped for dropped in _DROPPED):
        return ""
    return char if category[0] in "LNM" and code not in _APOSTROPHES else SEPARATOR


def table_lines() -> Iterator[str]:
    """Lines of the table file: `FIRST[..LAST] FOLDING` for every code point that is not a lone separator."""
    yield f"# How code points fold (Unicode {UNICODE_VERSION}); written by presswatch_spark.text.folding."
    yield "# FIRST[..LAST] FOLDING, in hexadecimal: '=' itself, '-' nothing, '_' a separator."
    yield "# Code points that are not listed separate."
    codes = (code for code in range(_CODE_POINTS) if code not in _SURROGATES)
    numbered = enumerate((code, _folding_of(code)) for code in codes)
    for (_, folding), run in groupby(numbered, lambda item: (item[1][0] - item[0], item[1][1])):
        members = [code for _, (code, _) in run]
        if folding != "_":
            last = f"..{members[-1]:04X}" if len(members) > 1 else ""
            yield f"{members[0]:04X}{last} {folding}"


def _folding_of(code: int) -> str:
    if code in _HANGUL:
        return "hangul"
    folded = fold_code_point(code)
    if folded == chr(code) and folded != SEPARATOR:
        return "="
    return " ".join("_" if part == SEPARATOR else f"{ord(part):04X}" for part in folded) or "-"


def _rewrite() -> None:
    if not unicodedata.unidata_version.startswith(UNICODE_VERSION):
        raise SystemExit(f"this Python knows Unicode {unicodedata.unidata_version}, not {UNICODE_VERSION}")
    TABLE_FILE.write_text("\n".join(table_lines()) + "\n", "ascii")


if __name__ == "__main__":
    _rewrite()
