"""Dictionaries of structured fields (RFC 9651, section 3.2), as AIPREF writes preferences."""

from __future__ import annotations

import re

_KEY = r"[a-z*][a-z0-9_.*-]*+"
# Section 3.3: decimal, integer, string, token, byte sequence, boolean, date, display string.
_ITEM = (
    r"(?:-?[0-9]{1,12}\.[0-9]{1,3}+|-?[0-9]{1,15}+|\"(?:[ !#-\[\]-~]|\\[\"\\])*+\""
    r"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*+|:[A-Za-z0-9+/=]*+:|\?[01]|@-?[0-9]{1,15}+"
    r"|%\"(?:[ !#$&-~]|%[0-9a-f]{2})*+\")"
)
_PARAMETERS = rf"(?:; *+{_KEY}(?:={_ITEM})?+)*+"
_LIST = rf"\((?: *+{_ITEM}{_PARAMETERS}(?=[ )]))*+ *+\)"
_MEMBER = re.compile(rf"({_KEY})(?:=({_ITEM}|{_LIST}))?+{_PARAMETERS}")
_COMMA = re.compile(r"[ \t]*+,[ \t]*+")


def dictionary_of(text: str) -> dict[str, str] | None:
    """Keys and values as written, without parameters; None if it is no dictionary.

    A key without a value is true (`?1`); of equal keys the last counts. Time is linear in the text.
    """
    text = text.strip(" ")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        member = _MEMBER.match(text, at)
        if not member:
            return None
        found[member[1]] = member[2] or "?1"
        at = member.end()
        if at == len(text):
            return found
        comma = _COMMA.match(text, at)
        if not comma or comma.end() == len(text):
            return None
        at = comma.end()
    return found
