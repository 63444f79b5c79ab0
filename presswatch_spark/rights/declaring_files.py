"""Declarations of files for a whole site: robots.txt, ai.txt, tdmrep.json; and the meaning of their absence.

tdmrep.json is the file of the TDM Reservation Protocol (W3C Community Group).
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from presswatch_spark.formats.table.json_text import parse
from presswatch_spark.model import Capture
from presswatch_spark.rights.declaration import (
    AGENTS,
    ALLOWED,
    ANY_AGENT,
    PREFERENCES,
    RESERVED,
    UNKNOWN,
    Signal,
    agreed,
    bounded,
    preference_verdict,
    reservation_verdict,
)
from presswatch_spark.rights.robots import OR, PARSER, Line, RobotsGroup, allows, robots_of, shown

ROBOTS_BYTES = 500 << 10
"""A reader of robots.txt must read as much at least (RFC 9309, section 2.5); Google reads no more."""

ABSENT = frozenset((404, 410))
"""Statuses that say that there is no file. After another 4xx there may be one, though crawlers may enter."""

RULES_READ = 100

TWO_READINGS = "a line such as Crawl-delay after the names of a group is read in two ways"


def file_signals(capture: Capture, kind: str) -> Iterator[Signal]:
    """Yield the declarations of a file, one signal for each agent or rule."""
    body, verdict, note = content_of(capture)
    if body is None:
        # Without robots.txt everything is allowed (RFC 9309, section 2.3.1.3); no other file has such a rule.
        yield from _silent(kind, ALLOWED if verdict is None and kind == "robots_txt" else verdict, note)
    elif kind == "tdm_reservation":
        yield from _tdmrep_signals(body)
    else:
        yield from _robots_signals(body, note, kind)


def _silent(kind: str, verdict: str | None, note: str | None) -> Iterator[Signal]:
    silent = Signal(kind, "file", None, "host", verdict, path="/", note=note)
    agents = (None,) if kind == "tdm_reservation" else AGENTS
    return (replace(silent, agent=agent) for agent in agents)


def content_of(capture: Capture) -> tuple[bytes | None, str | None, str | None]:
    """Return the body of the file, or None; and the verdict and note that say why, or what was not read."""
    status, body = capture.locator.http_status, capture.body
    if status is None:
        return None, UNKNOWN, "no HTTP status"
    if status in ABSENT:
        return None, None, f"HTTP {status}: no such file"
    if 400 <= status < 500 and status != 429:
        return None, UNKNOWN, f"HTTP {status}: refused to the crawler"
    if 300 <= status < 400:
        return None, UNKNOWN, f"HTTP {status}: a redirect, not followed"
    if not 200 <= status < 300 or status == 206:
        return None, UNKNOWN, f"HTTP {status}: unreachable" if status != 206 else "HTTP 206: a part"
    if capture.cut and len(body) <= ROBOTS_BYTES:
        return None, UNKNOWN, "the capture was cut"
    start = body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return None, UNKNOWN, "HTML in place of the file"
    if b"\0" in start:
        return None, UNKNOWN, "not text"
    if len(body) <= ROBOTS_BYTES:
        return body, None, None
    # The last line may be cut: it could reserve what it does not.
    whole = body[:ROBOTS_BYTES].replace(b"\r", b"\n").rpartition(b"\n")[0]
    return whole, None, f"read to {ROBOTS_BYTES >> 10} KiB"


def _robots_signals(body: bytes, read_to: str | None, kind: str) -> Iterator[Signal]:
    robots = robots_of(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    if robots.foreign:
        yield from _silent(kind, UNKNOWN, "no line of it is one of a robots.txt")
        return
    verdict_of = lru_cache(lambda lines: ALLOWED if allows(RobotsGroup(lines), "/") else RESERVED)
    for agent in AGENTS:
        readings = robots.readings_for(agent)
        notes = [read_to, TWO_READINGS if len(readings) > 1 else None]
        value, note = bounded(OR.join(map(shown, readings)), "; ".join(filter(None, notes)) or None)
        # Without a rule, robots.txt allows (RFC 9309, section 2.2.2); of ai.txt nobody has said so.
        verdicts = {verdict_of(lines) if lines or kind == "robots_txt" else None for lines in readings}
        verdict = agreed(verdicts)
        yield Signal(kind, "file", value, "host", verdict, agent, "/", note, parser=PARSER)
    if kind == "robots_txt":
        for line in robots.outside:
            yield from _preference(line, None, "outside any group")
        for agent in AGENTS:
            read = [dict.fromkeys(lines) for lines in robots.readings_for(agent)]
            for line in read[0] | read[-1]:
                certain = all(line in lines for lines in read)
                yield from _preference(line, agent, None if certain else TWO_READINGS)


def _preference(line: Line, agent: str | None, doubt: str | None) -> Iterator[Signal]:
    """Yield the preference in a line of robots.txt; AIPREF's may begin with the path that it is about.

    `doubt`: why nobody can say whether the line applies. Outside any group it is no rule, neither for RFC
    9309 nor for AIPREF.
    """
    directive, text = line
    if signal := PREFERENCES.get(directive):
        path, value = "/", text
        if text.startswith("/"):
            path, value = (*text.split(None, 1), "")[:2]
        value, note = bounded(value, doubt)
        path, cut = bounded(path)
        scope = "host" if path == "/" else "path"
        verdict = preference_verdict(signal, value)
        if verdict is not None and doubt:
            verdict = UNKNOWN
        yield Signal(signal, "file", value, scope, verdict, agent, path, cut or note)


def applies_to(agent: str | None, asked: str) -> bool:
    """Whether a declaration for `agent` holds for the agent `asked`."""
    return agent is None or agent == ANY_AGENT or agent.lower() == asked.lower()


def _tdmrep_signals(body: bytes) -> Iterator[Signal]:
    """Yield the rules of tdmrep.json: a reservation each and, if there is one, a policy.

    Rules are numbered: of those about one page, the first in the file counts.
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
        location = rule.get("location") if isinstance(rule, dict) else None
        if not isinstance(location, str) or not location.startswith(("/", "*")):
            yield _unread("a rule without a location")
            continue
        path, note = bounded(location)
        signal = Signal("tdm_reservation", "file", None, "path", UNKNOWN, path=path, rule=number)
        if (value := rule.get("tdm-reservation")) is None:
            yield replace(signal, note=note or "a rule without a reservation")
        else:
            text, cut = _text(value)
            yield replace(signal, value=text, verdict=reservation_verdict(value), note=note or cut)
        if (value := rule.get("tdm-policy")) is not None:
            text, cut = _text(value)
            yield replace(signal, signal="tdm_policy", value=text, verdict=None, note=note or cut)
    if len(rules) > RULES_READ:
        yield _unread(f"{len(rules) - RULES_READ:,} more rules were not read")


def _text(value: object) -> tuple[str, str | None]:
    return bounded(str(value) if type(value) in (int, str) else type(value).__name__)


def _unread(note: str) -> Signal:
    return Signal("tdm_reservation", "file", None, "host", UNKNOWN, path="/", note=note)
