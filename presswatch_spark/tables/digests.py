"""Calculates the digests by which anyone can check a table; see `docs/how-to/check-a-table.md`."""

import hashlib
import json
from binascii import unhexlify
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import orjson
import pyarrow as pa

from presswatch_spark.core.terminal import utc
from presswatch_spark.tables.row_types import TableRow

NOT_DIGESTED = frozenset(("run_id", "shard_uri", "product", "product_revision", "row_sha256"))
"""Columns that may differ between two scans of the same bytes: a mirror has other URIs and no revision."""
DIGESTED_IF_KNOWN: Mapping[str, str | None] = MappingProxyType(
    {"upstream_uri": None, "upstream_offset": None, "text_source": "visible", "text_strings": None}
)
"""Columns that are left out if null or of this value, since earlier versions lack them."""
GROUP_DIGITS = 3
# A page may have hundreds of rows, with its own moment and those of the articles.
_MOMENTS_KEPT = 1024

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_ALIKE, _DICTIONARY = frozenset((str, int, bool, type(None), datetime)), {dict}
# Between these limits, Python writes floats without an exponent.
_LEAST, _GREATEST = 1e-4, 1e15

Text = TypeVar("Text", str, str | None)


def row_digest(row: TableRow | Mapping[str, Any], written: Mapping[str, bytes] = MappingProxyType({})) -> str:
    """Return the SHA-256 (hex) of a row's canonical form, over the columns of `digested`.

    The form is JSON in UTF-8: keys sorted, no spaces, nothing escaped that JSON allows bare. Floats have the
    shortest form that reads back the same, timestamps are `2024-05-18T01:58:10.000000Z`. `written`: columns
    whose form is known already, from `numbers_form`.
    """
    columns = digested(row)
    # In typed rows, only floats may be written differently.
    names = row.float_columns if isinstance(row, TableRow) else columns.keys()
    return _digest(columns, [columns.get(name) for name in names if name not in written], written)


def numbers_form(values: Sequence[Mapping[str, object]]) -> bytes:
    """Return the canonical form of a list of dictionaries of whole numbers."""
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)


def digested(row: TableRow | Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a row that its digest covers."""
    columns = row.as_dict() if isinstance(row, TableRow) else dict(row)
    for name in NOT_DIGESTED:
        columns.pop(name, None)
    for name, usual in DIGESTED_IF_KNOWN.items():
        if columns.get(name, "") in (None, usual):
            del columns[name]
    return columns


def columns_digest(columns: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the canonical form of columns."""
    return _digest(columns, columns.values())


def _digest(
    columns: Mapping[str, Any],
    doubtful: Iterable[object],
    written: Mapping[str, bytes] = MappingProxyType({}),
) -> str:
    if _are_alike(doubtful):
        forms = {**columns, **{name: orjson.Fragment(form) for name, form in written.items()}}
        # orjson writes the same bytes in a tenth of the time. If it refuses, `canonical_form` raises.
        with suppress(TypeError):
            return hashlib.sha256(orjson.dumps(forms, _canonical, _OPTIONS)).hexdigest()
    return _sha256(canonical_form(columns))


def canonical_form(columns: Mapping[str, Any]) -> str:
    """Return the canonical form of columns; see `row_digest`."""
    return json.dumps(
        columns,
        default=_canonical,
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
        allow_nan=False,
    )


def table_digest(row_digests: Iterable[str]) -> str:
    """Digest a table from its rows' digests, in any order; a row that is there twice counts twice.

    Row digests are grouped by their first `GROUP_DIGITS` hex digits. A group's digest is the SHA-256 of its
    row digests, sorted and joined. The table's is the SHA-256 of all groups in order, each as its digits and
    its digest.
    """
    groups: dict[str, list[str]] = {}
    for digest in row_digests:
        groups.setdefault(digest[:GROUP_DIGITS], []).append(digest)
    joined = "".join(f"{digits}{_sha256(''.join(sorted(groups[digits])))}" for digits in sorted(groups))
    return _sha256(joined)


def digest_of_packed(parts: Iterable[bytes]) -> str:
    """Return `table_digest` of rows' digests, which come in parts as `packed` returns them."""
    raw = np.frombuffer(b"".join(parts), np.uint8).reshape(-1, 32)
    words = raw.view(">u8")
    # Sort by the first eight bytes; only equal ones need a sort by all.
    first_words = words[:, 0].astype(np.uint64)
    order = np.argsort(first_words)
    if (np.diff(first_words[order]) == 0).any():
        order = np.lexsort(words.T[::-1])
    groups = ((raw[:, 0].astype(np.int64) << 4) | (raw[:, 1] >> 4))[order]
    bounds = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(raw)]
    table = hashlib.sha256()
    for first, after in pairwise(bounds):
        if first < after:
            digits = raw.take(order[first:after], axis=0).tobytes().hex()
            table.update((digits[:GROUP_DIGITS] + hashlib.sha256(digits.encode()).hexdigest()).encode())
    return table.hexdigest()


def packed(digests: pa.Array) -> bytes:
    """Return hexadecimal digests as 32 bytes each, which sort as the digits do."""
    return unhexlify(bytes_of(digests))


def bytes_of(texts: pa.Array) -> memoryview:
    """Return the bytes of texts without nulls, one after the other."""
    if not len(texts):
        return memoryview(b"")
    large = texts.cast(pa.large_string())
    _, bounds, data = large.buffers()
    offsets = np.frombuffer(bounds, np.int64)[large.offset : large.offset + len(large) + 1]
    return memoryview(data)[offsets[0] : offsets[-1]]


def storable(text: Text) -> Text:
    """Return text with question marks for lone surrogates, which no table can contain."""
    return text and text.encode("utf-8", "replace").decode()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _are_alike(values: Iterable[object]) -> bool:
    # Return True if orjson and json write values alike: they differ only in the exponents of floats.
    for value in [value for value in values if type(value) not in _ALIKE]:
        if isinstance(value, float):
            is_alike = value == 0 or _LEAST <= abs(value) < _GREATEST
        elif isinstance(value, list):
            kinds = set(map(type, value))
            if kinds == _DICTIONARY:
                # Spans are dictionaries of numbers, perhaps thousands: check all values at once.
                value = list(chain.from_iterable(map(dict.values, value)))
                kinds = set(map(type, value))
            is_alike = kinds <= _ALIKE or _are_alike(value)
        else:
            is_alike = not isinstance(value, dict) or _are_alike(value.values())
        if not is_alike:
            return False
    return True


def _canonical(value: object) -> str:
    if isinstance(value, datetime):
        return _canonical_moment(value)
    raise TypeError(f"a row of matches has no {type(value).__name__}")


@lru_cache(_MOMENTS_KEPT)
def _canonical_moment(value: datetime) -> str:
    moment = value if value.tzinfo is UTC else utc(value)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
