"""What the headers of a response declare of its page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from presswatch_spark.model import Capture
from presswatch_spark.rights.declaration import Signal, bounded, left_out
from presswatch_spark.rights.directives import addressed, directive_verdict
from presswatch_spark.rights.preferences import preference_verdict
from presswatch_spark.rights.tdmrep import reservation_verdict

HEADER_CHARACTERS = 8 << 10
_PREFERENCES = {"content-usage": "content_usage", "content-signal": "content_signal"}
# RFC 8288: a target in angle brackets, then parameters.
_LINK = re.compile(r"<([^<>]*+)>((?:\s*;\s*[^\s;,=\"]++\s*(?:=\s*(?:\"[^\"]*+\"|[^\s;,\"]*+))?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]*))", re.IGNORECASE)
_LINKED = ("canonical", "license")
_DECISIVE = ("x-robots-tag", "tdm-reservation", *_PREFERENCES)


def header_signals(capture: Capture) -> Iterator[Signal]:
    """The signals in the headers of a capture, header by header; of a longer header `HEADER_CHARACTERS`."""
    for value in _values(capture, "x-robots-tag"):
        for agent, directives in addressed(value):
            yield _header("x_robots_tag", directives, directive_verdict(directives), agent)
    for value in _values(capture, "tdm-reservation"):
        yield _header("tdm_reservation", value, reservation_verdict(value))
    for value in _values(capture, "tdm-policy"):
        yield _header("tdm_policy", value)
    for name, signal in _PREFERENCES.items():
        # A header that is given several times is one list (RFC 9110, section 5.3).
        if whole := ", ".join(_values(capture, name)):
            yield _header(signal, whole, preference_verdict(signal, whole))
    if any(len(value) > HEADER_CHARACTERS for name in _DECISIVE for value in capture.header(name)):
        yield left_out(f"a header was read to {HEADER_CHARACTERS:,} characters")
    for value in _values(capture, "link"):
        for target, relations in links_of(value):
            for relation in _LINKED:
                if relation in relations:
                    yield _header(relation, target)


def links_of(value: str) -> Iterator[tuple[str, list[str]]]:
    """Targets and relations (in lower case) of a `Link` header."""
    for link in _LINK.finditer(value):
        if relation := _RELATION.search(link[2]):
            yield link[1].strip(), (relation[1] or relation[2] or "").lower().split()


def _values(capture: Capture, name: str) -> Iterator[str]:
    return (value[:HEADER_CHARACTERS].strip() for value in capture.header(name) if value.strip())


def _header(name: str, value: str, verdict: str | None = None, agent: str | None = None) -> Signal:
    text, note = bounded(value)
    return Signal(name, "header", text, verdict=verdict, agent=agent and bounded(agent)[0], note=note)
