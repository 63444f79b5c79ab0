"""The folding of characters: a Unicode table, frozen in `folding-14.0.txt`, the same for every Python.

`python -m tests.reference.folding` makes the file. The folding of a text is that of its code points:

1. letters and numbers whose NFKD is ASCII letters and digits (superscripts, full width, ligatures, Roman
   numerals) become that; circled, squared and parenthesised ones the letters and digits that they show;
   others their NFD, Hangul included;
2. the result is case-folded, Latin letters without decomposition are spelt out (œ → oe), and NFD is taken;
3. format characters, other default-ignorable code points, variation selectors, diacritics (with U+0653 to
   0655, which NFC and NFD order differently), and controls but white space are dropped. Of controls beyond
   ASCII, those that are punctuation in Windows-1252 separate, and its œ is spelt out;
4. letters, numbers and marks are word characters, and all others separate, with U+02B9 to 02BF.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UNICODE_VERSION = "14.0"
FOLD_VERSION = f"words-2/unicode-{UNICODE_VERSION}"
TABLE_FILE = Path(__file__).with_name(f"folding-{UNICODE_VERSION}.txt")

SEPARATOR = "\0"
INLINE_BYTES = 3
"""Foldings up to this many bytes stand in their entry; the entry of a longer one points into the pool."""

_CODE_POINTS = 0x110000
_HANGUL = range(0xAC00, 0xD7A4)


class FoldTable(NamedTuple):
    """The table as the kernels read it.

    `entries` (uint32, one for each code point): the top byte is the number of folded UTF-8 bytes. Up to
    `INLINE_BYTES` of them stand in the low bytes, first byte lowest; for more, the low 24 bits are their
    offset in `pool` (uint8). Separators fold to one zero byte.
    """

    entries: npt.NDArray[np.uint32]
    pool: npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def load_table() -> FoldTable:
    """Load the frozen table, read-only."""
    entries = np.full(_CODE_POINTS, 1 << 24, np.uint32)
    pool = bytearray()
    for line in TABLE_FILE.read_text("ascii").splitlines():
        if not line or line.startswith("#"):
            continue
        codes, _, folding = line.partition(" ")
        first, _, last = codes.partition("..")
        for code in range(int(first, 16), int(last or first, 16) + 1):
            folded = _folded(code, folding).encode()
            n = len(folded)
            if n <= INLINE_BYTES:
                entries[code] = n << 24 | int.from_bytes(folded, "little")
            else:
                entries[code] = n << 24 | len(pool)
                pool.extend(folded)
    table = FoldTable(entries, np.frombuffer(bytes(pool), np.uint8))
    table.entries.flags.writeable = False
    return table


def _folded(code: int, folding: str) -> str:
    if folding == "=":
        return chr(code)
    if folding == "-":
        return ""
    if folding == "hangul":
        # Syllables are decomposed by arithmetic (The Unicode Standard, 3.12).
        lead, rest = divmod(code - _HANGUL.start, 588)
        vowel, tail = divmod(rest, 28)
        return chr(0x1100 + lead) + chr(0x1161 + vowel) + (chr(0x11A7 + tail) if tail else "")
    return "".join(SEPARATOR if part == "_" else chr(int(part, 16)) for part in folding.split())
