"""The table of foldings, made by the reference definition of a word.

`python -m tests.reference.folding` rewrites the file; its `unicodedata` must be of the frozen version.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby

from presswatch_spark.reading.text.word_kernels import TABLE_FILE, UNICODE_VERSION
from tests.reference.words import fold_character

_HANGUL = range(0xAC00, 0xD7A4)
_SURROGATES = range(0xD800, 0xE000)


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
    folded = fold_character(chr(code))
    if folded == chr(code) and folded != " ":
        return "="
    return " ".join("_" if part == " " else f"{ord(part):04X}" for part in folded) or "-"


def _rewrite() -> None:
    if not unicodedata.unidata_version.startswith(UNICODE_VERSION):
        raise SystemExit(f"this Python knows Unicode {unicodedata.unidata_version}, not {UNICODE_VERSION}")
    TABLE_FILE.write_text("\n".join(table_lines()) + "\n", "ascii")


if __name__ == "__main__":
    _rewrite()
