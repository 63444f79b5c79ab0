"""What a kernel has to know of HTML's elements: which separate words, and whose content is no markup.

The lists follow what resiliparse's text extraction does (a test compares them, element by element), because
that text is verified. An element that is not listed is inline: its tags vanish without a blank.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# INLINE: nothing. BLOCK: separates. HIDDEN: content up to the end tag is no text. RAW: it is text, without
# markup or references. REFERENCES: text without markup, with references. REST: all that follows is text.
# TEMPLATE: content is not shown where it stands. FOREIGN: SVG or MathML, in which `/>` ends an element.
INLINE, BLOCK, HIDDEN, RAW, REFERENCES, REST, TEMPLATE, FOREIGN = range(8)

NAME_BYTES = 16
"""No listed name is longer."""

_SLOTS = 1 << 9
_SPREAD = 0x9E3779B97F4A7C15
SPREAD, SHIFT = np.uint64(_SPREAD), np.uint64(64 - 9)

_KINDS = {
    BLOCK: """address article aside blockquote body br button caption center col colgroup dd details dialog
        dir div dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header
        hgroup hr html legend li listing main menu nav ol optgroup option p pre search section select summary
        table tbody td tfoot th thead tr ul""",
    HIDDEN: "script style iframe",
    RAW: "xmp noembed noframes",
    REFERENCES: "textarea title",
    REST: "plaintext",
    TEMPLATE: "template",
    FOREIGN: "svg math",
}
# Start tags that end SVG and MathML around them (HTML Standard, 13.2.6.5).
_BREAKOUT = """b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li
    listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var"""
BREAKS_OUT = 8
"""Bit of a kind: whether its start tag ends foreign content."""


class TagTable(NamedTuple):
    """Open addressing by the first and second eight bytes of a name in lower case, as `slot_of` mixes them.

    `first`, `second` uint64 (512,), 0 where a slot is free; `kinds` uint8 (512,).
    """

    first: npt.NDArray[np.uint64]
    second: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def load_tags() -> TagTable:
    """The table, read-only."""
    table = TagTable(np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.uint8))
    kinds = {name: kind for kind, names in _KINDS.items() for name in names.split()}
    breakout = frozenset(_BREAKOUT.split())
    for name in sorted(kinds.keys() | breakout):
        code = name.encode().ljust(NAME_BYTES, b"\0")
        first, second = (int.from_bytes(code[at : at + 8], "little") for at in (0, 8))
        slot = ((first ^ second) * _SPREAD % (1 << 64)) >> (64 - 9)
        while table.first[slot]:
            slot = (slot + 1) % _SLOTS
        table.first[slot], table.second[slot] = first, second
        table.kinds[slot] = kinds.get(name, INLINE) | (BREAKS_OUT if name in breakout else 0)
    return table
