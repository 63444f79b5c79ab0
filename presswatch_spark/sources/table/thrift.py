"""Thrift's compact protocol, as Parquet writes its metadata in it: structs as field ids and values.

pyarrow reads the same metadata, but some damage to it ends the process instead of raising, and page headers
it does not show at all. (Format: Apache Thrift, `thrift-compact-protocol.md`.)
"""

from __future__ import annotations

import struct

Value = bool | int | float | bytes | list["Value"] | dict[int, "Value"]
Struct = dict[int, Value]

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_LONGEST_VARINT = 10
_DEEPEST = 16


class ThriftError(ValueError):
    """The bytes are no struct of the compact protocol, or lack what they must hold."""


def read_struct(data: bytes | memoryview, start: int = 0) -> tuple[Struct, int]:
    """The struct that begins at byte `start`, and where it ends; `ThriftError` if there is none."""
    reader = _Reader(data, start)
    try:
        return reader.fields(0), reader.at
    except (IndexError, struct.error):
        raise ThriftError("the metadata ends too early") from None


def number(fields: Struct, key: int, default: int | None = None) -> int:
    """The integer of a field that must be there, or else have a `default`."""
    value = fields.get(key, default)
    if type(value) is not int:
        raise ThriftError(f"field {key} is no number")
    return value


def text(fields: Struct, key: int) -> str:
    """The string of a field that must be there."""
    value = fields.get(key)
    try:
        return value.decode()  # type: ignore[union-attr]
    except (AttributeError, UnicodeDecodeError):
        raise ThriftError(f"field {key} is no text") from None


def inner(fields: Struct, key: int) -> Struct | None:
    """The struct of a field; None if it is not there."""
    value = fields.get(key)
    if value is not None and not isinstance(value, dict):
        raise ThriftError(f"field {key} is no struct")
    return value


def items(fields: Struct, key: int) -> list[Value]:
    """The list of a field; empty if it is not there."""
    value = fields.get(key, [])
    if not isinstance(value, list):
        raise ThriftError(f"field {key} is no list")
    return value


def structs(fields: Struct, key: int) -> list[Struct]:
    """The list of structs of a field; empty if it is not there."""
    found = [each for each in items(fields, key) if isinstance(each, dict)]
    if len(found) < len(items(fields, key)):
        raise ThriftError(f"field {key} holds something else than structs")
    return found


class _Reader:
    def __init__(self, data: bytes | memoryview, at: int) -> None:
        self._data = data
        self.at = at

    def fields(self, depth: int) -> Struct:
        if depth > _DEEPEST:
            raise ThriftError("the metadata is nested too deeply")
        found: Struct = {}
        key = 0
        while head := self._byte():
            key = key + (head >> 4) if head >> 4 else self._zigzag()
            if key in found:
                raise ThriftError(f"field {key} stands there twice")
            kind = head & 15
            found[key] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Value:
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.fields(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _BYTE:
            return self._byte()
        if kind in (_TRUE, _FALSE):
            return self._byte() == _TRUE
        if kind == _DOUBLE:
            value: float = struct.unpack("<d", self._bytes(8))[0]
            return value
        raise ThriftError("a value is of a type that Parquet does not have")

    def _list(self, depth: int) -> list[Value]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        if size > len(self._data) - self.at:
            raise ThriftError("a list is longer than the metadata")
        if depth > _DEEPEST:
            raise ThriftError("the metadata is nested too deeply")
        return [self._value(head & 15, depth + 1) for _ in range(size)]

    def _byte(self) -> int:
        value = self._data[self.at]
        self.at += 1
        return value

    def _bytes(self, size: int) -> bytes:
        value = bytes(self._data[self.at : self.at + size])
        if len(value) < size:
            raise ThriftError("the metadata ends too early")
        self.at += size
        return value

    def _varint(self) -> int:
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self._data[self.at]
            self.at += 1
            value |= (byte & 127) << 7 * place
            if byte < 128:
                return value
        raise ThriftError("a number is too long")

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
