"""Reads JSON that strict parsers refuse, in rows and in files of sites."""

import json
from contextlib import suppress
from typing import Any

import orjson

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_INTEGER = 4000


class TooDeepError(ValueError):
    """JSON nested deeper than the parsers go: orjson 1,024 levels, the standard library that or more."""


def parse(line: bytes) -> Any:
    """Parse a line; of equal keys the last counts. `ValueError` if it is no JSON, `TooDeepError` if too deep.

    Lone surrogates, NaN, huge integers and invalid UTF-8 (read as U+FFFD) are accepted, unlike by orjson.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return parse_leniently(line)


def parse_leniently(line: bytes) -> Any:
    """Parse a line that orjson refuses; see `parse`."""
    try:
        text = line.decode("utf-8", "replace")
        return json.loads(text, parse_int=lambda n: int(n) if len(n) < _LONGEST_INTEGER else float(n))
    except RecursionError as error:
        raise TooDeepError("nested too deeply") from error


def parse_object(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a line, see `parse`; None if there is none."""
    try:
        found = parse(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def is_utf8(line: bytes) -> bool:
    """Return True if a line is valid UTF-8, as JSON must be."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def repeats_a_name(line: bytes) -> bool:
    """Return True if an object in a line of JSON has two fields of one name, which is a sign of damage."""
    repeated = False

    def fields_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        fields = dict(pairs)
        repeated |= len(fields) < len(pairs)
        return fields

    with suppress(ValueError, RecursionError):
        json.loads(line.decode("utf-8", "replace"), parse_int=float, object_pairs_hook=fields_of)
    return repeated


def encoded(text: str) -> bytes:
    """Return the UTF-8 of a string; a lone surrogate becomes three bytes that are not valid UTF-8."""
    return text.encode("utf-8", "surrogatepass")
