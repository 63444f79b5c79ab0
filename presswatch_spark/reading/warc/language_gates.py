"""Language gates before the inflater: they skip records of WET and of WARC without inflating them.

A record of WET names its languages in its header. For a response of WARC, the metadata record after it does,
which is inflated and verified first. A member is skipped only if its end is proven: a gzip member ends with
the length of its content (RFC 1952, ISIZE), and the header of its record gives that length. If these four
bytes occur only once within the reach of the member, they are its end.
"""

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import orjson
from isal import isal_zlib

from presswatch_spark.core.compiled import entry_njit, uncounted_njit
from presswatch_spark.reading.http.message import start_tags
from presswatch_spark.reading.inflate import MORE, IsalError, Stretch, find_bytes
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.blocks import header_fields
from presswatch_spark.reading.warc.inflated_heads import GZIP_HEADER_BYTES, inflate_heads, signed, workspace

from presswatch_spark.reading.warc.records import (  # isort: skip
    BODY, COLUMNS, DAMAGE, DECLARED, END, GATED, ID, ID_END, KIND, LANGUAGE, LANGUAGE_END, METADATA, OTHER,
    REQUEST, RESPONSE, SOUND, START, URI, URI_END, WARCINFO, Gate, Which, gate_of, is_version, read_header,
)  # fmt: skip
from presswatch_spark.core.languages import ISO_639_3, spellings_of
from presswatch_spark.core.scan_values import Bytes, Offsets
from presswatch_spark.reading.text.word_kernels import U64

# Line ends that close a record.
CLOSING_BYTES = 4

# A record that inflates to more is read.
_MOST_PASSED_BYTES = 4 << 20
# Limit for the sum of all members' inflated sizes, as a multiple of the view: it bounds the search for ends.
_MOST_REACH = 256

# Verdicts on a member by `true_end`.
READ, NOT_YET, PROVEN = 0, -1, 1
_0 = U64(0)
_COMMA, _A, _Z, _LETTERS = 44, 97, 122, 26
# FNV-1a, and the finalizer of MurmurHash3, which spreads what FNV leaves in the low bits.
_FNV_START, _FNV_PRIME = U64(0xCBF29CE484222325), U64(0x100000001B3)
_MIX_1, _MIX_2, _33 = U64(0xFF51AFD7ED558CCD), U64(0xC4CEB9FE1A85EC53), U64(33)


@uncounted_njit
def true_end(data: Bytes, start: int, end: int, size: int, final: bool, no_places: Offsets) -> int:
    """Return `PROVEN` if the member at `start`, of `size` bytes inflated, must end at `end`; `READ` if not.

    `NOT_YET`: more of the file is needed to decide. `final`: `data` ends the file. `no_places`: int64 (0,).
    """
    if size > _MOST_PASSED_BYTES or end - start < GZIP_HEADER_BYTES + 8 or data[start + 3] != 0:
        return READ
    if find_bytes(data, end - 4, end, size, 4, no_places) != 1:
        return READ
    # The most bytes of a member with `size` bytes of content, more than zlib's `deflateBound`.
    reach = start + size + (size >> 4) + 512
    if reach > len(data):
        if not final:
            return NOT_YET
        reach = len(data)
    if end > reach or find_bytes(data, start + GZIP_HEADER_BYTES, reach, size, 4, no_places) != 1:
        return READ
    return PROVEN


@uncounted_njit
def _are_far(data: Bytes, value: int, end: int, far: Which) -> bool:
    if (end - value) % 4 != 3:
        return False
    for at in range(value, end, 4):
        code = 0
        for i in range(at, at + 3):
            if not _A <= data[i] <= _Z:
                return False
            code = code * _LETTERS + signed(data[i] - _A)
        if not far[code] or (at + 3 < end and data[at + 3] != _COMMA):
            return False
    return True


@entry_njit
def is_drawn(data: Bytes, start: int, end: int, below: U64) -> bool:
    """Return True if the hash of the record id data[start:end] is below `below`."""
    hashed = _FNV_START
    for i in range(start, end):
        hashed = (hashed ^ U64(data[i])) * _FNV_PRIME
    hashed = (hashed ^ (hashed >> _33)) * _MIX_1
    hashed = (hashed ^ (hashed >> _33)) * _MIX_2
    return bool((hashed ^ (hashed >> _33)) < below)


@entry_njit
def judge_members(
    data: Bytes, starts: Offsets, heads: Bytes, bounds: Offsets, gate: Gate, far: Which, below: U64,
    final: bool, rows: Offsets, proofs: Offsets,
) -> None:  # fmt: skip
    """Read the headers of the members in view, and prove where those end that may be skipped.

    These are requests, responses, and conversions that the gate leaves out, unless `is_drawn` for an audit.

    Args:
        data: uint8 (n,), stored bytes. final: they end the file.
        starts: int64 (m,), where members seem to begin, ascending.
        heads, bounds: uint8, int64 (m + 1,): see `inflate_heads`.
        gate: see `gate_of`. far: see `far_codes`. below: see `is_drawn`.
        rows: int64 (m, COLUMNS), filled: positions are offsets in `heads`; BODY is -1 without a sound header,
        and END is the member's inflated size.
        proofs: int64 (m,), filled: the result of `true_end` for the member, if it ends where the next one
        begins; `PROVEN` only if a record begins there.
    """
    left = _MOST_REACH * len(data)
    for k in range(len(starts) - 1, -1, -1):
        proofs[k], row = READ, rows[k]
        row[:] = 0
        at, stop = bounds[k], bounds[k + 1]
        head = heads[at:stop]
        body = read_header(head, 0, gate, row) if is_version(head, 0) else -1
        if body < 0 or row[DAMAGE] != SOUND or row[DECLARED] < 0:
            row[BODY] = -1
            continue
        passes = row[KIND] == REQUEST or row[KIND] == RESPONSE
        if row[KIND] == GATED and _are_far(head, row[LANGUAGE], row[LANGUAGE_END], far):
            passes = below == _0 or not is_drawn(head, row[ID], row[ID_END], below)
        row[START], row[BODY], row[END] = at, at + body, body + row[DECLARED] + CLOSING_BYTES
        row[URI], row[URI_END] = at + row[URI], at + row[URI_END]
        left -= int(row[END]) if passes else 0
        if left < 0 or not passes:
            continue
        if k + 1 == len(starts):
            proofs[k] = READ if final else NOT_YET
            continue
        proofs[k] = true_end(data, starts[k], starts[k + 1], row[END], final, proofs[:0])
        if proofs[k] == PROVEN and rows[k + 1, BODY] < 0:
            proofs[k] = NOT_YET if k + 2 == len(starts) and not final else READ


_IDENTIFIED = re.compile(rb"(?im)^languages-cld2:[ \t]*([^\r\n]+)")
_FIELD = b"\nlanguages-cld2:"
_PRIMARY = re.compile(rb"\s*([A-Za-z]{2,3})(?![A-Za-z0-9])")
DECLARED_WITHIN_BYTES = 16 << 10

# Languages of CLD2 without a code in ISO 639-1.
_BEYOND_ISO_639_1 = "bih ceb chr crs haw hmn kha lif mfe nso sco syr war"
METADATA_STORED_BYTES = 16 << 10
# For the heads of a view; only a file that is made to have many needs more.
HEADS_BYTES = 4 << 20


def identified(metadata: bytes) -> tuple[str, ...] | None:
    """Return the ISO 639-3 codes in `languages-cld2` of a metadata record, most text first; None without."""
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
    """Return the known codes that differ from each language in two letters at least: bool (26 · 26 · 26,).

    No single damaged letter turns a wanted code into one of these. A code is a number in base 26, `aaa` is 0.
    """
    far = np.zeros(26**3, np.bool_)
    wanted = [code.lower() for code in languages]
    for code in {*ISO_639_3.values(), *_BEYOND_ISO_639_1.split()}:
        if all(max(len(code), len(other)) - sum(map(str.__eq__, code, other)) > 1 for other in wanted):
            first, second, third = (ord(letter) - ord("a") for letter in code)
            far[(first * 26 + second) * 26 + third] = True
    return far


class AuditDraw:
    """Draws records with a probability of `share` (0 to 1): those whose `WARC-Record-ID` hashes `below`."""

    def __init__(self, share: float) -> None:
        self.below = np.uint64(min(int(share * (1 << 64)), (1 << 64) - 1))

    def holds(self, header: bytes) -> bool:
        """Return True if the record with this WARC header is drawn."""
        return bool(self.below) and self.takes(header_fields(header).get("warc-record-id"))

    def takes(self, record_id: str | None) -> bool:
        """Return True if the record with this id is drawn."""
        id_ = (record_id or "").encode()
        return bool(is_drawn(np.frombuffer(id_, np.uint8), 0, len(id_), self.below))


class _RecordGate(ABC):
    """Inflates the heads of all members in view, and judges their records.

    `languages`: spellings of those that are read, if the records' headers name their languages.
    """

    def __init__(self, options: ReadOptions, languages: frozenset[str] = frozenset()) -> None:
        self._options, self._draw = options, AuditDraw(options.audit)
        self._gate, self._far = gate_of(languages), far_codes(languages)
        self._heads: Bytes = np.empty(HEADS_BYTES, np.uint8)
        self._work = workspace()
        self._view, self._final = memoryview(b""), False
        self._starts: Sequence[int] = ()

    def look(self, view: memoryview, starts: Sequence[int], *, final: bool) -> None:
        """Judge the records of a view; see `Gate`."""
        self._view, self._starts, self._final = view, starts, final
        stored, at = np.frombuffer(view, np.uint8), np.array(starts, np.int64)
        bounds, proofs = np.empty(len(starts) + 1, np.int64), np.empty(len(starts), np.int64)
        rows = np.empty((len(starts), COLUMNS), np.int64)
        inflate_heads(stored, at, self._heads, bounds, self._work)
        judge_members(
            stored, at, self._heads, bounds, self._gate, self._far, self._draw.below, final, rows, proofs
        )
        self._take(rows, proofs)

    def at(self, start: int) -> Stretch | None:
        """Return the stretch to skip; see `Gate`."""
        k = bisect_right(self._starts, start) - 1
        return self._stretch(k) if k >= 0 and self._starts[k] == start else None

    @abstractmethod
    def _take(self, rows: Offsets, proofs: Offsets) -> None:
        """Keep what `judge_members` found."""

    @abstractmethod
    def _stretch(self, k: int) -> Stretch | None:
        """Return the stretch that begins with member k."""


class WetGate(_RecordGate):
    """Skips records of WET by the languages in their header."""

    def __init__(self, options: ReadOptions) -> None:
        super().__init__(options, spellings_of(options.languages))
        # By member: the next one that is read, the inflated bytes before it, and whether it cannot be judged.
        self._next: list[int] = []
        self._before: list[int] = []
        self._waits: list[bool] = []

    def _take(self, rows: Offsets, proofs: Offsets) -> None:
        gated = (rows[:, KIND] == GATED) & (rows[:, URI] < rows[:, URI_END])
        gated &= rows[:, DECLARED] <= self._options.max_document_bytes
        are_read = np.flatnonzero(~gated | (proofs != PROVEN))
        self._next = are_read[np.searchsorted(are_read, np.arange(len(rows)))].tolist()
        self._before = (np.cumsum(rows[:, END]) - rows[:, END]).tolist()
        self._waits = (gated & (proofs == NOT_YET)).tolist()

    def _stretch(self, k: int) -> Stretch | None:
        end = self._next[k]
        if end > k:
            return Stretch(self._starts[end], end - k, end - k, self._before[end] - self._before[k])
        return MORE if self._waits[k] else None


class WarcGate(_RecordGate):
    """Skips requests, and a response together with the metadata record after it, which names its languages.

    If a response is read and has no metadata record of its own, the next such record may be that of a skipped
    response with the same URL. So after a response is read, none is skipped until a metadata record is read.
    """

    def __init__(self, options: ReadOptions) -> None:
        super().__init__(options)
        self._rows: list[list[int]] = []
        self._proofs: list[int] = []
        self._has_metadata = True

    def _take(self, rows: Offsets, proofs: Offsets) -> None:
        self._rows, self._proofs = rows.tolist(), proofs.tolist()

    def _stretch(self, k: int) -> Stretch | None:
        row = self._rows[k]
        kind = OTHER if row[BODY] < 0 else row[KIND]
        if kind == METADATA:
            self._has_metadata = True
        elif kind == REQUEST:
            return self._request(k)
        elif kind == RESPONSE and self._has_metadata:
            stretch = self._pair(k)
            self._has_metadata = stretch is not None
            return stretch
        elif kind != WARCINFO:
            self._has_metadata = False
        return None

    def _request(self, k: int) -> Stretch | None:
        """Return the stretch of request k, with the response after it and its metadata if these are too."""
        if self._proofs[k] != PROVEN:
            return MORE if self._proofs[k] == NOT_YET else None
        size, pair = self._rows[k][END], None
        if self._has_metadata and self._rows[k + 1][KIND] == RESPONSE:
            pair = self._pair(k + 1)
        if pair is None or pair is MORE:
            return Stretch(self._starts[k + 1], 1, 0, size)
        return Stretch(pair.end, 1 + pair.members, pair.documents, size + pair.inflated)

    def _pair(self, k: int) -> Stretch | None:
        """Return the stretch of response k and its metadata; `MORE` as in `Gate`; None if they are read."""
        row, declared = self._rows[k], self._rows[k][DECLARED]
        if not 0 < declared <= self._options.max_document_bytes or self._proofs[k] == READ:
            return None
        if self._proofs[k] == NOT_YET or k + 2 >= len(self._starts):
            return None if self._final else MORE
        data, about = self._heads, self._rows[k + 1]
        header = data[row[START] : row[BODY]].tobytes()
        url = data[row[URI] : row[URI_END]].tobytes()
        wants = self._options.wants
        if (
            about[KIND] != METADATA
            or not url
            or b"\nwarc-segment-number:" in header.lower()
            or (wants is not None and wants(url.decode("utf-8", "replace")))
            or self._draw.holds(header)
        ):
            return None
        of_metadata = self._gated_by(k + 1, url)
        return Stretch(self._starts[k + 2], 2, 1, row[END] + of_metadata) if of_metadata else None

    def _gated_by(self, k: int, url: bytes) -> int:
        # Return the inflated bytes of member k if it is verified metadata that gates the URL; else 0.
        start, end = self._starts[k : k + 2]
        if end - start > METADATA_STORED_BYTES:
            return 0
        inflater = isal_zlib.decompressobj(31)
        try:
            data = inflater.decompress(self._view[start:end])
        except IsalError:
            return 0
        row = self._rows[k]
        first, body, size = row[START], row[BODY], row[END]
        # The checksum now also covers the head, which was read before.
        header = self._heads[first:body].tobytes()
        if not inflater.eof or inflater.unused_data or len(data) != size or not data.startswith(header):
            return 0
        if data[row[URI] - first : row[URI_END] - first] != url:
            return 0
        languages = identified(data[body - first : size - CLOSING_BYTES])
        gated = self._options.skips_languages(languages or ())
        return len(data) if gated else 0
