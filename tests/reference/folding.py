"""The table of foldings, made by the rules that `presswatch_spark.reading.text.kernels` states.

`python -m tests.reference.folding` rewrites the file; its `unicodedata` must be of the frozen version.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

from presswatch_spark.reading.text.kernels import SEPARATOR, TABLE_FILE, UNICODE_VERSION

_HANGUL = range(0xAC00, 0xD7A4)
_SURROGATES = range(0xD800, 0xE000)
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
_IGNORABLE = (
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x2065, 0x2066),
    range(0x3164, 0x3165),
    range(0xFFA0, 0xFFA1),
    range(0xFFF0, 0xFFF9),
    range(0xE0000, 0xE1000),
)
_WHITE_SPACE = (*range(0x09, 0x0E), 0x85)
_WINDOWS_1252_PUNCTUATION = tuple(b"\x82\x84\x8b\x91\x92\x93\x94\x95\x96\x97\x9b")
_WINDOWS_1252_OE = (0x8C, 0x9C)
_ENCLOSED = re.compile(
    r"(?:NEGATIVE |DOUBLE |CROSSED NEGATIVE )?(?:CIRCLED|SQUARED|PARENTHESIZED)"
    r" (?:LATIN (?:CAPITAL|SMALL) LETTER (?P<letter>[A-Z])|(?:SANS-SERIF )?(?:DIGIT|NUMBER) [A-Z -]+)"
    r"|DINGBAT (?:NEGATIVE )?CIRCLED (?:SANS-SERIF )?(?:DIGIT|NUMBER) [A-Z -]+"
)


def fold_code_point(code: int) -> str:
    """Folding of one code point by the rules, as the running Python's Unicode has it."""
    char = chr(code)
    if code in _WINDOWS_1252_OE:
        return "oe"
    decomposed = _compatible(char) or unicodedata.normalize("NFD", char)
    folded = "".join(part.casefold().translate(_SPELT_OUT) for part in decomposed)
    return "".join(_keep(part) for part in unicodedata.normalize("NFD", folded))


def _compatible(char: str) -> str:
    """Return the letters and digits that a character shows in another form; empty if it has none."""
    compatible = unicodedata.normalize("NFKD", char)
    if compatible.isascii() and compatible.isalnum() and unicodedata.category(char)[0] in "LN":
        return compatible
    boxed = unicodedata.decomposition(char).startswith(("<circle>", "<square>"))
    if boxed and compatible.isascii() and compatible.isalnum():
        return compatible
    if compatible[-1] in ".," and compatible[:-1].isdigit():
        return compatible
    if enclosed := _ENCLOSED.fullmatch(unicodedata.name(char, "")):
        return enclosed["letter"] or f"{unicodedata.numeric(char):.0f}"
    return ""


def _keep(char: str) -> str:
    code, category = ord(char), unicodedata.category(char)
    if category == "Cf" or any(code in dropped for dropped in (*_DROPPED, *_IGNORABLE)):
        return ""
    if category == "Cc" and code and code not in _WHITE_SPACE and code not in _WINDOWS_1252_PUNCTUATION:
        return ""
    return char if category[0] in "LNM" and code not in _APOSTROPHES else SEPARATOR


def table_lines() -> Iterator[str]:
    """Lines of the table file: `FIRST[..LAST] FOLDING` for every code point that is not a lone separator."""
    yield f"# How code points fold (Unicode {UNICODE_VERSION}); written by tests.reference.folding."
    yield "# FIRST[..LAST] FOLDING, in hexadecimal: '=' itself, '-' nothing, '_' a separator."
    yield "# Code points that are not listed separate."
    codes = (code for code in range(0x110000) if code not in _SURROGATES)
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
