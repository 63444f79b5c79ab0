"""Other ways to read a text that has none of an article's words: a person may still read them there.

A page may be written anew with entities in the place of letters, in another encoding, with a space after each
letter, or with letters of another alphabet that look alike. A scan does not look for any of that. But before
a page counts as emptied of an article, it is read in each of these ways.
"""

import html
import quopri
import re
import string
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

import numpy as np

from presswatch_spark.text.words import word_hashes, words_of

ROUNDS = 2
"""So many times escapes are undone: an ampersand may be escaped itself."""
LETTERS_ALIKE = 40
"""So many letters in a row are no chance: some eight words."""
STEP = 8
"""From each so many letters of the article on, a run is looked for."""

LONG_WORD, SCATTERED_LEAST, SCATTERED_SHARE = 6, 8, 0.5
"""An article with so many words of so many letters may stand scattered: with this share of them in a text."""

FEW = 8
"""A text with so many signs of another writing is read in other ways."""

_ENTITY, _ESCAPED_ENTITY = (re.compile(rb"&" + each + rb"#?[0-9A-Za-z]{2,8};") for each in (b"", b"amp;"))
_ESCAPES = (b"\\u", b"=C3", b"%C3", b"%20")
# UTF-8 that was encoded twice, and UTF-16.
_SIGNS = (b"\xc3\x83", b"\xc3\x82", b"\0")
_MIXED = re.compile(rb"[A-Za-z][\xce\xcf\xd0\xd1][\x80-\xbf]|[\xce\xcf\xd0\xd1][\x80-\xbf][A-Za-z]")
# Letters in circles and brackets, small capitals, letters without a dot or of phonetic script; Armenian.
_FANCY = re.compile(
    rb"\xe2[\x92\x93][\x80-\xbf]|\xe1\xb4[\x80-\xbf]|\xea\x9c[\xb0\xb1]|\xc4\xb1|[\xc9\xca][\x80-\xbf]"
    rb"|\xf0\x9f\x84[\x80-\xbf]|[A-Za-z][\xd4-\xd6][\x80-\xbf]|[\xd4-\xd6][\x80-\xbf][A-Za-z]"
)
_FANCY_BYTES = (
    b"\xe2\x92", b"\xe2\x93", b"\xe1\xb4", b"\xea\x9c", b"\xf0\x9f\x84", b"\xc4\xb1",
    b"\xc9", b"\xca", b"\xd4", b"\xd5", b"\xd6",
)  # fmt: skip
# From here on the letters are shown from right to left.
_TURNED, _TURNED_BYTES = re.compile("\u202e([^\u202c]*)\u202c?"), "\u202e".encode()
_OTHER_ALPHABETS = (b"\xce", b"\xcf", b"\xd0", b"\xd1")
# Each letter of one or two bytes becomes an `a`, what may stand between letters a blank.
_CONTINUING = bytes(range(0x80, 0xC0))
_SHAPES = bytes(
    ord(
        "a"
        if chr(byte) in string.ascii_letters or byte >= 0xC0
        else " "
        if chr(byte) in " .,_-*/|~\n"
        else "#"
    )
    for byte in range(256)
)
_APART = b"a " * 12
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_PERCENT, _QUOTED = re.compile(r"%[0-9a-fA-F]{2}"), re.compile(r"=(?:[0-9A-F]{2}|\r?\n)")
_TAG = re.compile(r"<[a-zA-Z/!][^<>]{0,500}>")
# Small letters of Cyrillic, Greek and Armenian, and Latin ones that look like them or like their capitals;
# then letters without a dot, and small capitals.
_ALIKE = {
    0x430: "a", 0x432: "b", 0x435: "e", 0x43A: "k", 0x43C: "m", 0x43D: "h", 0x43E: "o", 0x440: "p",
    0x441: "c", 0x442: "t", 0x443: "y", 0x445: "x", 0x455: "s", 0x456: "i", 0x458: "j", 0x4BB: "h",
    0x501: "d", 0x51B: "q", 0x51D: "w",
    0x3B1: "a", 0x3B2: "b", 0x3B5: "e", 0x3B6: "z", 0x3B7: "h", 0x3B9: "i", 0x3BA: "k", 0x3BC: "m",
    0x3BD: "v", 0x3BF: "o", 0x3C1: "p", 0x3C4: "t", 0x3C5: "u", 0x3C7: "x",
    0x566: "q", 0x570: "h", 0x575: "j", 0x578: "n", 0x57D: "u", 0x581: "g", 0x585: "o",
    0x131: "i", 0x237: "j", 0x251: "a", 0x261: "g", 0x269: "i",
    0x1D00: "a", 0x299: "b", 0x1D04: "c", 0x1D05: "d", 0x1D07: "e", 0xA730: "f", 0x262: "g", 0x29C: "h",
    0x26A: "i", 0x1D0A: "j", 0x1D0B: "k", 0x29F: "l", 0x1D0D: "m", 0x274: "n", 0x1D0F: "o", 0x1D18: "p",
    0x280: "r", 0xA731: "s", 0x1D1B: "t", 0x1D1C: "u", 0x1D20: "v", 0x1D21: "w", 0x28F: "y", 0x1D22: "z",
}  # fmt: skip
_DIGITS_ALIKE = str.maketrans("013457", "oieast")


def is_odd(text: bytes, *, is_page: bool = False) -> bool:
    """Whether a text looks as if it had to be read in another way; cheap enough to ask of a whole file.

    `is_page`: it is HTML, in which escapes and other encodings are nothing odd.
    """
    entity = _ESCAPED_ENTITY if is_page else _ENTITY
    if text.count(b"&") >= FEW and len(entity.findall(text)) >= FEW:
        return True
    if sum(map(text.count, _SIGNS if is_page else (*_SIGNS, *_ESCAPES))) >= FEW:
        return True
    if not is_page and not text.isascii() and not _is_utf8(text):
        return True
    if sum(map(text.count, _OTHER_ALPHABETS)) >= FEW and len(_MIXED.findall(text)) >= FEW:
        return True
    if _TURNED_BYTES in text:
        return True
    if sum(map(text.count, _FANCY_BYTES)) >= FEW and len(_FANCY.findall(text)) >= FEW:
        return True
    return is_spaced(text)


def is_spaced(text: bytes) -> bool:
    """Whether letters of a text stand apart, so that no words can be told in it."""
    shapes = text.translate(_SHAPES, _CONTINUING)
    return _APART in shapes.replace(b"   ", b" ").replace(b"  ", b" ")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def readings_of(text: bytes) -> Iterator[bytes]:
    """Yield a text as UTF-8, in each way that a reader may read it, but as it stands; each once."""
    seen = {text}
    for plain in _decoded(text):
        for _ in range(ROUNDS + 1):
            for reading in _seen(plain):
                data = reading.encode("utf-8", "replace")
                if data and data not in seen:
                    seen.add(data)
                    yield data
            plain = _unescaped(plain)


def _seen(plain: str) -> Iterator[str]:
    """Yield a text as it looks: without tags, with the letters that its signs look like, turned round."""
    alike = unicodedata.normalize("NFKC", plain).casefold().translate(_ALIKE)
    yield from (plain, _TAG.sub("", plain), alike, alike.translate(_DIGITS_ALIKE))
    if "\u202e" in plain:
        yield _TURNED.sub(lambda found: found[1][::-1], plain)


def words_scattered(text: bytes, article: bytes) -> int:
    """Return how many long words of an article stand in a text in any order, whatever is between them.

    Half of them is no chance: the article may be there with other words in between. With fewer it is 0.
    """
    words = words_of(article)
    long = words.hashes[words.folded_ends - words.folded_starts >= LONG_WORD]
    different = np.unique(long)
    if different.size < SCATTERED_LEAST:
        return 0
    there = different[np.isin(different, word_hashes(text))]
    return int(np.sum(np.isin(long, there))) if there.size >= SCATTERED_SHARE * different.size else 0


def words_alike(text: bytes, article: bytes) -> int:
    """Return how many words of an article stand in a text if only letters count, whatever is between them."""
    words = words_of(article)
    lengths = words.folded_ends - words.folded_starts
    letters, there = _letters_of(article), _letters_of(text)
    is_there = np.zeros(len(letters), bool)
    for start in range(0, len(letters) - LETTERS_ALIKE + 1, STEP):
        if letters[start : start + LETTERS_ALIKE] in there:
            is_there[start : start + LETTERS_ALIKE] = True
    of_word = np.repeat(np.arange(len(words)), lengths)
    return int(np.sum(np.bincount(of_word[is_there], minlength=len(words)) == lengths)) if len(words) else 0


def _letters_of(text: bytes) -> bytes:
    return words_of(text).packed.replace(b"\0", b"")


def _decoded(text: bytes) -> Iterator[str]:
    """Yield a text in each encoding that it may be in."""
    if text.count(b"\0") > len(text) // 4:
        yield from (text.decode(encoding, "replace") for encoding in ("utf-16-le", "utf-16-be"))
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError:
        yield text.decode("utf-8", "replace")
        yield text.decode("latin-1")
        return
    yield plain
    # UTF-8 that somebody took for another encoding, and wrote as UTF-8 again.
    for encoding in ("cp1252", "latin-1"):
        yield plain.encode(encoding, "ignore").decode("utf-8", "ignore")


def _unescaped(text: str) -> str:
    text = html.unescape(_JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text))
    if _PERCENT.search(text):
        text = unquote(text)
    if _QUOTED.search(text):
        text = quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace")
    return text
