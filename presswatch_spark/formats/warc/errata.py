"""Known errata of releases: what their own publisher says is wrong with them, so that it is no damage."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LENGTHS_OFF_BY: Mapping[str, int] = MappingProxyType({"CC-MAIN-2018-34": 2})
"""Releases whose records declare so many bytes more or fewer in `Content-Length` than they have."""


def length_slack(release: str | None) -> int:
    """By how many bytes the `Content-Length` of a record may be off in a release; 0 if it must be right."""
    return LENGTHS_OFF_BY.get(release or "", 0)


def length_note(release: str | None) -> str:
    """What is noted of a shard of such a release."""
    return (
        f"erratum of {release}: Content-Length is off by {length_slack(release)} bytes;"
        " such records were read whole"
    )
