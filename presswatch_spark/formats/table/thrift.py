"""Reads Thrift's compact protocol, which Parquet writes its metadata in: structs as field ids and values.

pyarrow reads the same metadata, but some damage ends its process, and it does not show page headers. (Format:
Apache Thrift, `thrift-compact-protocol.md`.)
"""

import struct

Value = bool | int | float | bytes | list["Value"] | dict[int, "Value"]
Struct = dict[int, Value]

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_LONGEST_VARINT = 10
_DEEPEST = 16


class ThriftError(ValueError):
    """The bytes are no struct of the compact protocol, or lack what they must hold."""


def read_struct(data: bytes | memoryview, start: int = 0) -> tuple[Struct, int]:
    """Return the struct that begins at byte `start`, and where it ends; `ThriftError` if there is none."""
    try:
        return _struct(data, start, 0)
    except (IndexError, struct.error):
        raise ThriftError("the metadata ends too early") from None


def number(fields: Struct, key: int, default: int | None = None) -> int:
    """Return the integer of a field that must be there, or else have a `default`."""
    value = fields.get(key, default)
    if type(value) is not int:
        raise ThriftError(f"field {key} is no number")
    return value


def text(fields: Struct, key: int) -> str:
    """Return the string of a field that must be there."""
    value = fields.get(key)
    try:
        return value.decode()  # type: ignore[union-attr]
    except (AttributeError, UnicodeDecodeError):
        raise ThriftError(f"field {key} is no text") from None


def inner(fields: Struct, key: int) -> Struct | None:
    """Return the struct of a field; None if it is not there."""
    value = fields.get(key)
    if value is not None and not isinstance(value, dict):
        raise ThriftError(f"field {key} is no struct")
    return value


def items(fields: Struct, key: int) -> list[Value]:
    """Return the list of a field; empty if it is not there."""
    value = fields.get(key, [])
    if not isinstance(value, list):
        raise ThriftError(f"field {key} is no list")
    return value


def structs(fields: Struct, key: int) -> list[Struct]:
    """Return the list of structs of a field; empty if it is not there."""
    found = [each for each in items(fields, key) if isinstance(each, dict)]
    if len(found) < len(items(fields, key)):
        raise ThriftError(f"field {key} holds something else than structs")
    return found


def _struct(data: bytes | memoryview, at: int, depth: int) -> tuple[Struct, int]:
    """Return the struct at byte `at`, and where it ends.

    Most of a footer are numbers of one byte; a call for each would take most of the time.
    """
    if depth > _DEEPEST:
        raise ThriftError("the metadata is nested too deeply")
    found: Struct = {}
    key = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        if head > 15:
            key += head >> 4
        else:
            key, at = _zigzag(data, at)
        if key in found:
            raise ThriftError(f"field {key} stands there twice")
        if _I16 <= kind <= _I64:
            value = data[at]
            at += 1
            if value > 127:
                value, at = _varint(data, at - 1)
            found[key] = value >> 1 ^ -(value & 1)
        elif kind in (_TRUE, _FALSE):
            found[key] = kind == _TRUE
        else:
            found[key], at = _value(data, at, kind, depth)
    return found, at + 1


def _value(data: bytes | memoryview, at: int, kind: int, depth: int) -> tuple[Value, int]:
    if kind == _BINARY:
        size, at = _varint(data, at)
        return _bytes(data, at, size), at + size
    if kind == _STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (_LIST, _SET):
        return _list(data, at, depth)
    if kind in (_I16, _I32, _I64):
        return _zigzag(data, at)
    if kind == _BYTE:
        return data[at], at + 1
    if kind in (_TRUE, _FALSE):
        return data[at] == _TRUE, at + 1
    if kind == _DOUBLE:
        value: float = struct.unpack("<d", _bytes(data, at, 8))[0]
        return value, at + 8
    raise ThriftError("a value is of a type that Parquet does not have")


def _list(data: bytes | memoryview, at: int, depth: int) -> tuple[list[Value], int]:
    head = data[at]
    size, at = (head >> 4, at + 1) if head < 0xF0 else _varint(data, at + 1)
    if size > len(data) - at:
        raise ThriftError("a list is longer than the metadata")
    if depth > _DEEPEST:
        raise ThriftError("the metadata is nested too deeply")
    found: list[Value] = []
    for _ in range(size):
        value, at = _value(data, at, head & 15, depth + 1)
        found.append(value)
    return found, at


def _bytes(data: bytes | memoryview, at: int, size: int) -> bytes:
    value = bytes(data[at : at + size])
    if len(value) < size:
        raise ThriftError("the metadata ends too early")
    return value


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = data[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ThriftError("a number is too long")


def _zigzag(data: bytes | memoryview, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return value >> 1 ^ -(value & 1), at
