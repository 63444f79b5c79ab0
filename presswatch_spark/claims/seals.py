"""Digests of claims, as `tables.digests.row_digest` makes them of matches, for many rows at once."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.tables.digests import GROUP_DIGITS

NOT_DIGESTED = frozenset(("run_id", "claim_sha256"))
"""Columns that may differ between claims of the same facts: the same bytes scanned again are another run."""


def claim_digests(columns: Mapping[str, Any]) -> list[str]:
    """Return the SHA-256 (hex) of each row's canonical form, without the columns of `NOT_DIGESTED`.

    The form is that of `row_digest`; columns must hold no floats.

    Args:
        columns: lists or Arrow arrays of one length, by name.
    """
    names = sorted(set(columns) - NOT_DIGESTED)
    rows = zip(*(_values(columns[name]) for name in names), strict=True)
    return [hashlib.sha256(orjson.dumps(dict(zip(names, row, strict=True)))).hexdigest() for row in rows]


def _values(column: Any) -> Sequence[Any]:
    if not isinstance(column, pa.Array | pa.ChunkedArray):
        return list(column)
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
    values: Sequence[Any] = column.to_pylist()
    return values


def digest_of(batches: Iterable[pa.RecordBatch]) -> str:
    """Return `table_digest` of the column `claim_sha256` of batches; it holds 32 bytes a row."""
    parts = [_packed(batch["claim_sha256"]) for batch in batches]
    hashes = np.sort(np.concatenate(parts)) if parts else np.empty(0, "S32")
    raw = hashes.view(np.uint8).reshape(-1, 32)
    groups = (raw[:, 0].astype(np.int64) << 4) | (raw[:, 1] >> 4)
    bounds = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(raw)]
    whole = hashlib.sha256()
    for first, after in pairwise(bounds):
        if first < after:
            digits = raw[first:after].tobytes().hex()
            whole.update((digits[:GROUP_DIGITS] + hashlib.sha256(digits.encode()).hexdigest()).encode())
    return whole.hexdigest()


def _packed(digests: pa.Array) -> npt.NDArray[np.bytes_]:
    """Return hexadecimal digests as 32 bytes each: these sort as the digits do."""
    raw = bytes.fromhex("".join(digests.to_pylist()))
    return np.frombuffer(raw, "S32")
