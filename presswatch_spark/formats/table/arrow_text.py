"""Arrow columns of text as numpy views of their buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.model import Bytes, Offsets


class WrongTypeError(TypeError):
    """A column holds no text."""


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Value i is `data[starts[i]:ends[i]]`; nulls are empty. `data` uint8; `starts`, `ends` int64 (n,)."""

    data: Bytes
    starts: Offsets
    ends: Offsets

    def __len__(self) -> int:
        return len(self.starts)

    @staticmethod
    def empty(rows: int) -> TextColumn:
        """A column of nothing but nulls."""
        return TextColumn(np.empty(0, np.uint8), np.zeros(rows, np.int64), np.zeros(rows, np.int64))


def text_column(array: pa.Array[Any], name: str) -> TextColumn:
    """View strings or bytes of any of Arrow's layouts; the data itself is never copied for the plain ones.

    `WrongTypeError` for any other type; it names the column.
    """
    kind = array.type
    if pa.types.is_null(kind):
        return TextColumn.empty(len(array))
    if pa.types.is_dictionary(kind):
        return _looked_up(array, text_column(array.dictionary, name))
    if pa.types.is_string_view(kind):
        return text_column(pc.cast(array, pa.large_string()), name)
    if pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return text_column(pc.cast(array, pa.large_binary()), name)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return _viewed(array, np.dtype(np.int32))
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return _viewed(array, np.dtype(np.int64))
    raise WrongTypeError(f"column {name} is of type {kind}, not text")


def bytes_of(array: pa.Array[Any]) -> int:
    """Bytes of all its texts, as often as they stand there; 0 for a column of another type."""
    if pa.types.is_string(array.type) and len(array):
        # What is null takes no bytes in what pyarrow decodes.
        ends = memoryview(array.buffers()[1]).cast("B").cast("i")
        return int(ends[array.offset + len(array)] - ends[array.offset])
    try:
        texts = text_column(array, "")
    except WrongTypeError:
        return 0
    return int((texts.ends - texts.starts).sum())


def _looked_up(array: pa.Array[Any], values: TextColumn) -> TextColumn:
    """The texts of a dictionary by row: a text that repeats is stored once, and may be as long as a file."""
    if len(values) == 0:
        return TextColumn.empty(len(array))
    places = array.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    starts, ends = values.starts[places], values.ends[places]
    null = array.is_null().to_numpy(zero_copy_only=False)
    ends[null] = starts[null]
    return TextColumn(values.data, starts, ends)


def _viewed(array: pa.Array[Any], kind: np.dtype[Any]) -> TextColumn:
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return TextColumn.empty(len(array))
    view = memoryview(offsets)[array.offset * kind.itemsize :]
    bounds = np.frombuffer(view, kind, len(array) + 1).astype(np.int64)
    starts, ends = bounds[:-1], bounds[1:].copy()
    if array.null_count:
        null = array.is_null().to_numpy(zero_copy_only=False)
        ends[null] = starts[null]
    return TextColumn(
        np.frombuffer(memoryview(data), np.uint8) if data else np.empty(0, np.uint8), starts, ends
    )
