"""The language gates before the inflater: which records of WET and of WARC are passed over unread.

A record of WET names its languages in its header. Of WARC, the metadata behind a response do: they are
inflated and verified first. `boundaries` proves where a member ends that is not inflated. What is not proven
is read. Languages are in ISO 639-3, as WET has them: identified by the crawler, or declared by the page.
"""

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import orjson
from isal import isal_zlib

from presswatch_spark.formats.http.charsets import start_tags
from presswatch_spark.formats.inflate import MORE, IsalError, Stretch
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc import boundaries, headers
from presswatch_spark.formats.warc.boundaries import is_drawn
from presswatch_spark.formats.warc.fields import header_fields
from presswatch_spark.formats.warc.headers import Which
from presswatch_spark.formats.warc.heads import inflate_heads, workspace
from presswatch_spark.languages import ISO_639_3, spellings_of
from presswatch_spark.model import Bytes, Offsets

_IDENTIFIED = re.compile(rb"(?im)^languages-cld2:[ \t]*([^\r\n]+)")
_FIELD = b"\nlanguages-cld2:"
_PRIMARY = re.compile(rb"\s*([A-Za-z]{2,3})(?![A-Za-z0-9])")
DECLARED_WITHIN_BYTES = 16 << 10

# What CLD2 identifies and ISO 639-1 has no code for.
_BEYOND_ISO_639_1 = "bih ceb chr crs haw hmn kha lif mfe nso sco syr war"
METADATA_STORED_BYTES = 16 << 10
# Heads of a view; those for which there is no room belong to a file that is made to have many.
HEADS_BYTES = 4 << 20
_SEGMENT = b"\nwarc-segment-number:"
_HASHES = 1 << 64


def identified(metadata: bytes) -> tuple[str, ...] | None:
    """Return the ISO 639-3 codes in `languages-cld2` of a metadata record, those of most text first.

    Empty if it identified none; None if it says nothing that can be read.
    """
    # A regular expression takes ten times as long to find the line.
    at = (b"\n" + metadata.lower()).find(_FIELD)
    found = _IDENTIFIED.search(metadata, at) if at >= 0 else None
    try:
        languages = orjson.loads(found[1] if found else b"")["languages"]
        return tuple(str(each["code-iso-639-3"]) for each in languages)
    except (ValueError, LookupError, TypeError):
        return None


def declared(page: bytes | memoryview) -> tuple[str, ...]:
    """Return the language that the `html` element of a page names, in ISO 639-3; empty if it names none."""
    head = bytes(page[:DECLARED_WITHIN_BYTES])
    attributes: Mapping[bytes, bytes] = next(
        (found for name, found in start_tags(head) if name == b"html"), {}
    )
    primary = _PRIMARY.match(attributes.get(b"lang") or attributes.get(b"xml:lang") or b"")
    code = primary[1].decode().lower() if primary else ""
    code = ISO_639_3.get(code, code if len(code) == 3 else "")
    return (code,) if code else ()


def far_codes(languages: Iterable[str]) -> Which:
    """Return the codes that one damaged letter makes of none of `languages`: bool (26 · 26 · 26,).

    They are known codes that differ from each language in two letters at least. A code is a number of three
    digits to the base 26, `aaa` being 0.
    """
    far = np.zeros(26**3, np.bool_)
    wanted = [code.lower() for code in languages]
    for code in {*ISO_639_3.values(), *_BEYOND_ISO_639_1.split()}:
        if all(max(len(code), len(other)) - sum(map(str.__eq__, code, other)) > 1 for other in wanted):
            first, second, third = (ord(letter) - ord("a") for letter in code)
            far[(first * 26 + second) * 26 + third] = True
    return far


class AuditDraw:
    """Draws records with a probability of `share` (0 to 1), by a hash of their `WARC-Record-ID`."""

    def __init__(self, share: float) -> None:
        self.below = np.uint64(min(int(share * _HASHES), _HASHES - 1))
        """Drawn is what hashes below."""

    def holds(self, header: bytes) -> bool:
        """Say whether the record with this WARC header is drawn."""
        return bool(self.below) and self.takes(header_fields(header).get("warc-record-id"))

    def takes(self, record_id: str | None) -> bool:
        """Say whether the record with this id is drawn."""
        id_ = (record_id or "").encode()
        return bool(is_drawn(np.frombuffer(id_, np.uint8), 0, len(id_), self.below))


class _RecordGate(ABC):
    """Inflates the heads of all members in view, and judges their records."""

    def __init__(self, options: ReadOptions) -> None:
        self._options, self._draw = options, AuditDraw(options.audit)
        self._heads: Bytes = np.empty(HEADS_BYTES, np.uint8)
        self._work = workspace()
        self._view, self._final = memoryview(b""), False
        self._starts: Sequence[int] = ()

    def look(self, view: memoryview, starts: Sequence[int], *, final: bool) -> None:
        """Judge the records of a view; see `Gate`."""
        self._view, self._starts, self._final = view, starts, final
        stored, at = np.frombuffer(view, np.uint8), np.array(starts, np.int64)
        bounds = np.empty(len(starts) + 1, np.int64)
        inflate_heads(stored, at, self._heads, bounds, self._work)
        self._judge(stored, at, bounds)

    def at(self, start: int) -> Stretch | None:
        """Return the stretch to pass over; see `Gate`."""
        k = bisect_right(self._starts, start) - 1
        return self._stretch(k) if k >= 0 and self._starts[k] == start else None

    @abstractmethod
    def _judge(self, stored: Bytes, starts: Offsets, bounds: Offsets) -> None:
        """Judge the members at `starts`; head k is `_heads[bounds[k] : bounds[k + 1]]`."""

    @abstractmethod
    def _stretch(self, k: int) -> Stretch | None:
        """Return the stretch that begins with member k."""


class WetGate(_RecordGate):
    """Passes over records of WET by the languages in their header."""

    def __init__(self, options: ReadOptions) -> None:
        super().__init__(options)
        spellings = spellings_of(options.languages)
        self._gate, self._far = headers.gate_of(spellings), far_codes(spellings)
        self._row = np.empty(headers.COLUMNS, np.int64)
        self._table: list[list[int]] = []

    def _judge(self, stored: Bytes, starts: Offsets, bounds: Offsets) -> None:
        table = np.empty((len(starts), 3), np.int64)
        boundaries.judge_heads(
            stored, starts, self._heads, bounds, self._gate, self._far, self._options.max_document_bytes,
            self._draw.below, self._final, table, self._row,
        )  # fmt: skip
        self._table = table.tolist()

    def _stretch(self, k: int) -> Stretch | None:
        end, members, inflated = self._table[k]
        if end > 0:
            return Stretch(end, members, members, inflated)
        return MORE if end == boundaries.NOT_YET else None


class WarcGate(_RecordGate):
    """Passes over requests, and over a response with the metadata behind it, which name its languages.

    A response that is read and has no metadata yet may be followed by those of another with the same URL. So
    no response is passed over before metadata were read.
    """

    def __init__(self, options: ReadOptions) -> None:
        super().__init__(options)
        self._no_gate = headers.gate_of(frozenset())
        self._rows: list[list[int]] = []
        self._proofs: list[int] = []
        self._has_metadata = True

    def _judge(self, stored: Bytes, starts: Offsets, bounds: Offsets) -> None:
        rows, proofs = np.empty((len(starts), headers.COLUMNS), np.int64), np.empty(len(starts), np.int64)
        boundaries.judge_members(
            stored, starts, self._heads, bounds, self._no_gate, self._final, rows, proofs
        )
        self._rows, self._proofs = rows.tolist(), proofs.tolist()

    def _stretch(self, k: int) -> Stretch | None:
        row = self._rows[k]
        kind = headers.OTHER if row[headers.BODY] < 0 else row[headers.KIND]
        if kind == headers.METADATA:
            self._has_metadata = True
        elif kind == headers.REQUEST:
            return self._request(k)
        elif kind == headers.RESPONSE and self._has_metadata:
            stretch = self._pair(k)
            self._has_metadata = stretch is not None
            return stretch
        elif kind != headers.WARCINFO:
            self._has_metadata = False
        return None

    def _request(self, k: int) -> Stretch | None:
        """Return the stretch of request k, with the pair behind it if that may be passed over, too."""
        if self._proofs[k] != boundaries.PROVEN:
            return MORE if self._proofs[k] == boundaries.NOT_YET else None
        size, pair = self._rows[k][headers.END], None
        if self._has_metadata and self._rows[k + 1][headers.KIND] == headers.RESPONSE:
            pair = self._pair(k + 1)
        if pair is None or pair is MORE:
            return Stretch(self._starts[k + 1], 1, 0, size)
        return Stretch(pair.end, 1 + pair.members, pair.documents, size + pair.inflated)

    def _pair(self, k: int) -> Stretch | None:
        """Return the stretch of response k and its metadata; `MORE` as in `Gate`; None if it is read."""
        row, declared = self._rows[k], self._rows[k][headers.DECLARED]
        if not 0 < declared <= self._options.max_document_bytes or self._proofs[k] == boundaries.READ:
            return None
        if self._proofs[k] == boundaries.NOT_YET or k + 2 >= len(self._starts):
            return None if self._final else MORE
        data, about = self._heads, self._rows[k + 1]
        header = data[row[headers.START] : row[headers.BODY]].tobytes()
        url = data[row[headers.URI] : row[headers.URI_END]].tobytes()
        wants = self._options.wants
        if (
            about[headers.KIND] != headers.METADATA
            or not url
            or _SEGMENT in header.lower()
            or (wants is not None and wants(url.decode("utf-8", "replace")))
            or self._draw.holds(header)
        ):
            return None
        of_metadata = self._gated_by(k + 1, url)
        return Stretch(self._starts[k + 2], 2, 1, row[headers.END] + of_metadata) if of_metadata else None

    def _gated_by(self, k: int, url: bytes) -> int:
        """Return the inflated bytes of member k, if it is verified metadata that gate the URL; else 0."""
        start, end = self._starts[k : k + 2]
        if end - start > METADATA_STORED_BYTES:
            return 0
        inflater = isal_zlib.decompressobj(31)
        try:
            data = inflater.decompress(self._view[start:end])
        except IsalError:
            return 0
        row = self._rows[k]
        first, body, size = row[headers.START], row[headers.BODY], row[headers.END]
        # What was read of its head is verified now, too.
        header = self._heads[first:body].tobytes()
        if not inflater.eof or inflater.unused_data or len(data) != size or not data.startswith(header):
            return 0
        if data[row[headers.URI] - first : row[headers.URI_END] - first] != url:
            return 0
        languages = identified(data[body - first : size - boundaries.CLOSING_BYTES])
        gated = self._options.gates(languages or ())
        return len(data) if gated else 0
