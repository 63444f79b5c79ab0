"""TDMRep, the TDM Reservation Protocol (W3C Community Group): its file, and the two values it knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from presswatch_spark.formats.table.json_text import parse
from presswatch_spark.rights.declaration import ALLOWED, RESERVED, UNKNOWN, Signal, bounded

RULES_READ = 100


def reservation_verdict(value: object) -> str:
    """1 reserves, 0 does not; the protocol knows no other value."""
    return {"1": RESERVED, "0": ALLOWED}.get(str(value).strip() if type(value) in (int, str) else "", UNKNOWN)


def tdmrep_signals(body: bytes) -> Iterator[Signal]:
    """The rules of `/.well-known/tdmrep.json`: a reservation and, if there is one, a policy for each.

    They are numbered: of those that are about a page, the first in the file counts.
    """
    try:
        rules = parse(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        yield _unread("no JSON")
        return
    if not isinstance(rules, list):
        yield _unread("not an array of rules")
        return
    for number, rule in enumerate(rules[:RULES_READ], 1):
        yield from _rule_signals(rule, number)
    if len(rules) > RULES_READ:
        yield _unread(f"{len(rules) - RULES_READ:,} more rules were not read")


def _rule_signals(rule: Any, number: int) -> Iterator[Signal]:
    location = rule.get("location") if isinstance(rule, dict) else None
    if not isinstance(location, str) or not location.startswith(("/", "*")):
        yield _unread("a rule without a location")
        return
    path, note = bounded(location)
    told = Signal("tdm_reservation", "file", None, "path", UNKNOWN, path=path, rule=number)
    if (value := rule.get("tdm-reservation")) is None:
        yield replace(told, note=note or "a rule without a reservation")
    else:
        text, cut = _text(value)
        yield replace(told, value=text, verdict=reservation_verdict(value), note=note or cut)
    if (value := rule.get("tdm-policy")) is not None:
        text, cut = _text(value)
        yield replace(told, signal="tdm_policy", value=text, verdict=None, note=note or cut)


def _text(value: object) -> tuple[str, str | None]:
    return bounded(str(value) if type(value) in (int, str) else type(value).__name__)


def _unread(note: str) -> Signal:
    return Signal("tdm_reservation", "file", None, "host", UNKNOWN, path="/", note=note)
