"""Finds words that a hyphen may have split at a line end, and writes texts in which they are joined.

`infor-` and `mation` at the end and the beginning of a line are one word, `porte-` and `monnaie` may be two.
So both readings are searched, and a comparison uses the one that the other text has (`verify.verification`).
A *parting* is a hyphen (U+002D, U+2010, U+00AD) right after a word, then ASCII white space, then a word.
"""

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, entry_njit, lean_njit, uncounted_njit
from presswatch_spark.reading.text.simd import parting_bits_64, trailing_zeros
from presswatch_spark.reading.text.word_kernels import U64, Bytes, Edges, FoldTable, Integer, decode

Partings = npt.NDArray[np.int64]
"""int64 (k, 2): the offsets of each hyphen, and of the word after it."""

CONTEXT_TOKENS, CONTEXT_BYTES = 8, 1 << 10
"""The tokens on either side with which a joined word is searched, and their most bytes."""
MOST_CHOICES = 3
"""The partings after a joined word that are read in both ways; later ones are read like the last of these."""
READING_ROOM = (CONTEXT_BYTES * 2) << MOST_CHOICES
"""The bytes that the readings of one parting need at most."""

_0, _1, _64 = U64(0), U64(1), U64(64)
_CONTINUATION, _CONTINUED = np.uint8(0xC0), np.uint8(0x80)


@lean_njit
def _is_white(byte: np.uint8) -> bool:
    return bool(byte == 0x20 or 0x09 <= byte <= 0x0D)


@lean_njit
def _is_plain_word(byte: np.uint8) -> bool:
    lower = byte | 0x20
    return bool(0x61 <= lower <= 0x7A or 0x30 <= byte <= 0x39)


@uncounted_njit
def _is_word_at(table: FoldTable, text: Bytes, i: Integer, end: Integer) -> bool:
    while i < end:
        if text[i] < 0x80 and table.entries[text[i]] >> np.uint32(24) != 0:
            return bool(_is_plain_word(text[i]))
        code, size = decode(text, U64(i), U64(end))
        entry = table.entries[code]
        if entry >> np.uint32(24) != 0:
            return bool(entry != np.uint32(1 << 24))
        i += int(np.int64(size))
    return False


@uncounted_njit
def _is_word_before(table: FoldTable, text: Bytes, start: Integer, i: Integer) -> bool:
    while i > start:
        i -= 1
        while i > start and text[i] & _CONTINUATION == _CONTINUED:
            i -= 1
        code, _ = decode(text, U64(i), U64(len(text)))
        entry = table.entries[code]
        if entry >> np.uint32(24) != 0:
            return bool(entry != np.uint32(1 << 24))
    return False


@cached_njit
def partings_of(table: FoldTable, text: Bytes) -> Partings:
    """Return the partings of a document that is the whole text."""
    # At most every other byte ends a hyphen; memory that is not written costs nothing.
    found = np.empty((len(text) // 2 + 1, 2), np.int64)
    n = find_partings(table, text, 0, 0, len(text), len(text), found, 0)
    return found[:n].copy()


@uncounted_njit
def find_partings(
    table: FoldTable, text: Bytes, start: Integer, first: Integer, last: Integer, end: Integer,
    found: Partings, n: Integer,
) -> Integer:  # fmt: skip
    """Add the partings of the document `text[start:end]` whose hyphen ends in [first, last); return n."""
    i = U64(first)
    while i < U64(last):
        if i + _64 < U64(len(text)):
            bits = parting_bits_64(text, i)
        else:
            bits = _0
            for k in range(U64(len(text)) - i - _1):
                byte = text[i + k]
                hyphen = byte | 0x80 == 0xAD or byte == 0x90
                bits |= U64(hyphen and text[i + k + _1] <= 0x20) << k
        while bits != _0:
            at = np.int64(i + trailing_zeros(bits))
            bits &= bits - _1
            if at < last:
                n = _add_parting(table, text, start, at, end, found, n)
        i += _64
    return n


@uncounted_njit
def _add_parting(
    table: FoldTable, text: Bytes, start: Integer, at: Integer, end: Integer, found: Partings, n: Integer
) -> Integer:
    hyphen = at
    if text[at] == 0x90:
        hyphen = at - 2
        if hyphen < start or text[hyphen] != 0xE2 or text[at - 1] != 0x80:
            return n
    elif text[at] == 0xAD:
        hyphen = at - 1
        if hyphen < start or text[hyphen] != 0xC2:
            return n
    # Skip dashes, which have a blank on either side: most hyphens before a blank are dashes.
    if hyphen == start or _is_white(text[hyphen - 1]):
        return n
    after = at + 1
    while after < end and _is_white(text[after]):
        after += 1
    if after == at + 1 or not _is_word_at(table, text, after, end):
        return n
    if not _is_word_before(table, text, start, hyphen):
        return n
    found[n, 0], found[n, 1] = hyphen, after
    return n + 1


@uncounted_njit
def _after_tokens(text: Bytes, at: int, limit: int, step: int, most: int) -> int:
    """Return the place after the current word and `most` tokens, in the direction of `step`."""
    tokens, in_token = 0, False
    while at != limit:
        byte = text[at - 1] if step < 0 else text[at]
        if _is_white(byte):
            tokens += in_token
            in_token = False
            if tokens > most:
                return at
        else:
            in_token = in_token or _is_plain_word(byte)
        at += step
    return at


@entry_njit
def write_readings(
    text: Bytes, bounds: Edges, partings: Partings, k: int, out: Bytes, ends: Edges, sources: Edges
) -> tuple[int, int]:
    """Write the readings of `partings[k:]`, as far as there is room: the words around each joined word.

    A reading joins the words of one parting, leaves all partings before it, and joins some after it. So each
    window of words is in some reading, for any choice of joined words with at most `MOST_CHOICES` of them
    after the first.

    Args:
        bounds: int64 (n, 2), the documents' bytes in the text.
        partings: of these documents, in the order of the text.
        out: uint8, with room for `READING_ROOM` bytes and more.
        ends, sources: int64 (m,), filled: the end of each reading in `out`, and its document.

    Returns (the next parting, the number of readings).
    """
    document, readings, size = 0, 0, 0
    while k < len(partings):
        if size + READING_ROOM > len(out) or readings + (1 << MOST_CHOICES) > len(ends):
            return k, readings
        hyphen, after = partings[k, 0], partings[k, 1]
        while document + 1 < len(bounds) and bounds[document, 1] <= hyphen:
            document += 1
        least, most = max(bounds[document, 0], hyphen - CONTEXT_BYTES), after + CONTEXT_BYTES
        left = _after_tokens(text, hyphen, least, -1, CONTEXT_TOKENS)
        # Other joined words take two tokens each.
        tokens = CONTEXT_TOKENS + MOST_CHOICES
        right = _after_tokens(text, after, min(bounds[document, 1], most), 1, tokens)
        behind = k + 1
        while behind < len(partings) and partings[behind, 1] < right:
            behind += 1
        choices = min(MOST_CHOICES, behind - k - 1)
        for choice in range(1 << choices):
            size = _copied(text, left, hyphen, out, size)
            at = after
            for j in range(k + 1, behind):
                if choice >> min(j - k - 1, MOST_CHOICES - 1) & 1:
                    size = _copied(text, at, partings[j, 0], out, size)
                    at = partings[j, 1]
            size = _copied(text, at, right, out, size)
            ends[readings], sources[readings] = size, document
            readings += 1
        k += 1
    return k, readings


@uncounted_njit
def _copied(text: Bytes, start: int, end: int, out: Bytes, size: int) -> int:
    for i in range(start, end):
        out[size + i - start] = text[i]
    return size + end - start
