"""Reads files without records: plain text, and token shards, arrays of little-endian uint16 or uint32.

Only inspections read them; no format of `known_formats` does. A shard (`.bin`, or `.npy` with its header)
becomes text by the vocabulary of a `tokenizer.json` of Hugging Face. Long documents are read in pieces that
overlap, so that each passage of 11 words is whole in one.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.errors import ConfigError, CorruptError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.reading.inflate import Window, compression_of, inflated_window
from presswatch_spark.reading.rows.lenient_json import encoded
from presswatch_spark.reading.rows.row_values import BatchBuilder
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import ObjectInfo

PIECE, OVERLAP = 1 << 16, 1 << 12
"""Longest piece, and the end of it that the next one repeats: in tokens, or in bytes of text."""
LONGEST_TOKEN, MOST_TOKENS = 256, 1 << 22
_ARRAY = re.compile(rb"\x93NUMPY.{4,6}\{'descr': '<u([24])'[^\n]*\n", re.DOTALL)
_VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
# Byte-level tokenizers write each byte as a character; those of bytes that are not visible follow U+00FF.
_BYTE_OF = {chr(byte): byte for byte in _VISIBLE} | {
    chr(256 + n): byte for n, byte in enumerate(sorted({*range(256)} - {*_VISIBLE}))
}
_HEX_BYTE = re.compile("<0x([0-9A-F]{2})>")
_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{4}|&#?\w{2,8};")
BYTES_PER_ESCAPE = 1_000
"""Text with more escapes of JSON or HTML than one in so many bytes has words that are not read."""

Units = npt.NDArray[Any]
Blocks = Iterator[tuple[int, Units]]
"""The units of a file, which are tokens or bytes of text, in order: each with the offset of the first one."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How token shards are read. `tokenizer`: a file; `width`: bytes of a token in `.bin`, 2 or 4.

    `separator`: the token between documents; None: a shard is one document.
    """

    tokenizer: str
    width: int
    separator: int | None


@lru_cache(maxsize=1)
def vocabulary(path: str) -> list[bytes]:
    """Return the text of each token, and of unknown ones last; special tokens end a line.

    `ConfigError` if the file is not a tokenizer, or one of BERT's kind, which changes words.
    """
    try:
        tokenizer = parse_json(Path(path).read_bytes())
        model, added = tokenizer["model"], tokenizer["added_tokens"]
        is_byte_level = "ByteLevel" in str((tokenizer["pre_tokenizer"], tokenizer["decoder"]))
        texts = {number: _bytes_of(token, is_byte_level) for token, number in model["vocab"].items()}
        texts |= {each["id"]: b"\n" if each["special"] else encoded(each["content"]) for each in added}
        is_sound = min(texts) >= 0 and max(texts) < MOST_TOKENS and "merges" in model
        if not is_sound or max(map(len, texts.values())) > LONGEST_TOKEN:
            raise ValueError
        return [texts.get(number, b"") for number in range(max(texts) + 2)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        what = "this is not a tokenizer.json of Hugging Face tokenizers with byte pairs"
        raise ConfigError(what, where=path, remedy="pass the file of the model's tokenizer") from None


def _bytes_of(token: str, is_byte_level: bool) -> bytes:
    if is_byte_level and all(character in _BYTE_OF for character in token):
        return bytes(map(_BYTE_OF.__getitem__, token))
    if found := _HEX_BYTE.fullmatch(token):
        return bytes.fromhex(found[1])
    return encoded(token.replace("▁", " "))


def read_units(
    rules: TokenRules | None, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the documents of a token shard, or plain text without `rules`; see `source.ReadShard`."""
    texts, separator = (vocabulary(rules.tokenizer), rules.separator) if rules else ([], None)
    builder = BatchBuilder[tuple[Any, ...]](report, lambda place: Locator(*place))
    with options.open(shard) as stream:
        window = Window(stream, report)
        window.refill(0)
        blocks = _tokens(window, rules.width) if rules else _text(window)
        encoding = "plain" if rules or compression_of(bytes(window.view[:4])) == "plain" else "inflated"
        for offset, units, number in _pieces(blocks, separator):
            known = np.minimum(units, len(texts) - 1).tolist() if rules else ()
            text = b"".join(map(texts.__getitem__, known)) if rules else units.tobytes()
            place = None, offset, units.nbytes, encoding, None if separator is None else number
            builder.add(text, b"", place, units.nbytes)
            yield from builder.taken(options.batch_bytes)
        yield from builder.taken()


def _text(window: Window) -> Blocks:
    offset = 0
    for data in inflated_window(window):
        # A character may be cut at both ends. English in UTF-16 has no byte that is not UTF-8, but its mark.
        is_utf_16 = offset == 0 and data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        if is_utf_16 or len(data.decode(errors="ignore").encode()) < len(data) - 6:
            window.report.add_defect("not all of the text is UTF-8: other letters are not read", offset)
        most = len(data) // BYTES_PER_ESCAPE + 1
        # To count single characters first takes a tenth of the time.
        if data.count(b"\\u") + data.count(b"&") > most and len(_ESCAPE.findall(data)) > most:
            window.report.add_defect(
                "letters are escaped (\\u00e9, &eacute;), and were not read as such", offset
            )
        yield offset, np.frombuffer(data, np.uint8)
        offset += len(data)


def _tokens(window: Window, width: int) -> Blocks:
    header = _ARRAY.match(window.view)
    if bytes(window.view[:6]) == b"\x93NUMPY" and not header:
        raise CorruptError("the array is not one of little-endian uint16 or uint32")
    first, width = (header.end(), int(header[1])) if header else (0, width)
    while True:
        last = first + (len(window.view) - first) // width * width
        yield window.base + first, np.frombuffer(window.view[first:last], f"<u{width}")
        if window.refill(last) is None:
            break
        first = 0
    if last < len(window.view):
        window.report.add_defect("the last token is cut", window.base + last)


def _pieces(blocks: Blocks, separator: int | None) -> Iterator[tuple[int, Units, int]]:
    """Yield the pieces of documents, each with the offset of its first unit, and its document's number."""
    number, offset, units = 0, 0, np.empty(0, np.uint8)
    for block in chain(blocks, [None]):
        if block:
            offset = block[0] - units.nbytes
            units = np.concatenate((units, block[1])) if len(units) else block[1]
        first, size, cuts = 0, units.itemsize, np.flatnonzero(units == separator)
        firsts, lasts = np.concatenate(([0], cuts + 1)), np.concatenate((cuts, [len(units)]))
        # A shard may end with millions of separators: documents without tokens are passed over at once.
        for row in np.flatnonzero(lasts > firsts).tolist():
            first, last = int(firsts[row]), int(lasts[row])
            while last - first > PIECE:
                yield offset + first * size, units[first : first + PIECE], number + row
                first += PIECE - OVERLAP
            if row < len(cuts) or not block:
                yield offset + first * size, units[first:last], number + row
        first = max(first, int(firsts[-1]))
        units, offset, number = units[first:], offset + first * size, number + len(cuts)
