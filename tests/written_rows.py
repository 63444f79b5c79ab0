"""Whether its writer could have written a file of rows: then nobody can tell that it is damaged."""

from __future__ import annotations

import json
from typing import Any

import zstandard


def could_be_written(data: bytes, whole: bytes) -> bool:
    """Whether every line of `data` is a row with just the fields of the rows of `whole`.

    Both may be plain, or zstd frames without a checksum. A line must be valid UTF-8 and strict JSON, have no
    field twice, and values of the same kinds. Such a file is a whole one, of other rows.
    """
    try:
        form = _form(_row(_inflated(whole).partition(b"\n")[0]))
        return all(_form(_row(line)) == form for line in _inflated(data).removesuffix(b"\n").split(b"\n"))
    except (ValueError, zstandard.ZstdError):
        return False


def _inflated(data: bytes) -> bytes:
    if not data.startswith(zstandard.FRAME_HEADER):
        return data
    frame = zstandard.ZstdDecompressor().decompressobj()
    inflated = frame.decompress(data)
    if not frame.eof or frame.unused_data:
        raise zstandard.ZstdError("more or less than a frame")
    return inflated


def _row(line: bytes) -> Any:
    return json.loads(line.decode(), object_pairs_hook=_object, parse_constant=_refuse)


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in fields}) < len(fields):
        raise ValueError("a field twice")
    return dict(fields)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _form(value: Any) -> object:
    """The names and kinds of a value and of all in it."""
    if isinstance(value, dict):
        return {name: _form(below) for name, below in value.items()}
    return [_form(below) for below in value] if isinstance(value, list) else type(value)
