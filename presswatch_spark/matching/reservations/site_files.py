"""Reads files that declare for a whole site (robots.txt, ai.txt, tdmrep.json), or their absence.

Groups, and the rule that counts, follow RFC 9309; protego only matches patterns. Protego's own grouping
multiplies agents by rules (500 KiB can become 370 million objects), takes `Google` for a name of
Google-Extended, and counts `?` and `&` as three bytes. tdmrep.json is of the TDM Reservation Protocol (W3C).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from itertools import chain, islice

from protego import Protego

from presswatch_spark.core.scan_values import Capture
from presswatch_spark.matching.judgement.urls import percent_encoded
from presswatch_spark.matching.reservations.verdicts import (
    AGENTS,
    ALLOWED,
    ANY_AGENT,
    DOCUMENT_BYTES,
    NAME,
    PREFERENCES,
    RESERVED,
    RULES_READ,
    SIGNALS,
    UNKNOWN,
    VALUE_CHARACTERS,
    Signal,
    agreed,
    bounded,
    known_agents,
    stated,
    verdict_of,
)
from presswatch_spark.reading.rows.lenient_json import parse, repeats_a_name
from presswatch_spark.tables.column_values import SignalName

PARSER = f"protego {version('protego')}"
NAMES = 100
"""The most agents of a file, besides those that always have rows, whose rules are read; known ones first."""
LINES_READ = 200_000
"""The most lines of all their groups; a line counts for each agent."""
TWO_READINGS = "a line such as Crawl-delay after the names of a group is read in two ways"
OR = "\n# or, if only rules end the names of a group:\n"
"""Separates two readings of a group, in `value`."""

Line = tuple[str, str]
"""A directive, in lower case, and its value."""
PatternSet = Callable[[str], bool]

_ALLOW, _DISALLOW, _LICENSE = "allow", "disallow", "license"
_BOM = b"\xef\xbb\xbf"
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_PRODUCT = re.compile(r"[A-Za-z_-]+|\*(?!\S)")
_USER_AGENT = frozenset(("user-agent", "useragent", "user agent"))
# Lines about the whole site: they neither begin nor end a group.
_SITE_WIDE = frozenset(("sitemap", "site-map", "host"))
# Misspellings that other parsers accept, too.
_SPELLINGS = dict.fromkeys(("dissallow", "dissalow", "disalow", "diasllow", "disallaw"), "disallow")
# A file without any of these is no robots.txt.
_KNOWN = frozenset((
    *_USER_AGENT, *_SITE_WIDE, "allow", "disallow", "sitemaps", "crawl-delay", "request-rate", "visit-time",
    "clean-param", "noindex", "content-usage", "content-signal", _LICENSE,
))  # fmt: skip
_RULES = frozenset((_ALLOW, _DISALLOW, "content-usage", "content-signal"))
_WITHOUT_COLON = re.compile(r"(user-?agent|user agent|d\w{6,8}|allow)\s+(.*)", re.IGNORECASE)


def file_signals(capture: Capture, kind: SignalName) -> Iterator[Signal]:
    """Yield the declarations of a file, one signal for each agent or rule."""
    body, verdict, missing = _content_of(capture)
    if body is None:
        # A missing robots.txt allows everything (RFC 9309, section 2.3.1.3); no other file has such a rule.
        yield from _silent(kind, ALLOWED if verdict is None and kind == "robots_txt" else verdict, missing)
        return
    if kind == "tdm_reservation":
        yield from _tdmrep_signals(body)
        return
    robots = Robots.of(body.removeprefix(_BOM).decode("utf-8", "replace"))
    if robots.foreign:
        yield from _silent(kind, UNKNOWN, "no line of it is one of a robots.txt")
        return
    found = set[Signal]()
    for signal in chain(
        _group_signals(robots, kind, AGENTS, missing), _site_wide(robots) if kind == "robots_txt" else ()
    ):
        found.add(signal)
        yield signal
    # Stop before `signals_of` does, which would leave all agents in doubt.
    room, lines_left = SIGNALS - 1 - len(found), LINES_READ
    for place, name in enumerate(robots.names):
        lines_left -= sum(map(len, robots.readings_of(name)))
        signals = list(islice(_group_signals(robots, kind, [name], missing), room + 1))
        room -= len(signals)
        if place == NAMES or room < 0 or lines_left < 0:
            note = f"rules for {len(robots.names) - place:,} more agents were not kept"
            yield Signal("left_out", "file", None, "host", path="/", note=note)
            return
        yield from signals


def _group_signals(
    robots: "Robots", kind: SignalName, agents: Iterable[str], missing: str | None
) -> Iterator[Signal]:
    """Yield the rules for each of some agents, then the preferences in their groups."""
    read = {agent: robots.readings_of(agent) for agent in agents}
    for agent, readings in read.items():
        notes = filter(None, (missing, TWO_READINGS if len(readings) > 1 else None))
        # No value is longer than so many lines.
        value = OR.join(shown(lines[:VALUE_CHARACTERS]) for lines in readings)
        # Without a rule, robots.txt allows (RFC 9309, section 2.2.2); for ai.txt there is no such rule.
        verdict = agreed(_of_root(lines) if lines or kind == "robots_txt" else None for lines in readings)
        facts = {"scope": "host", "verdict": verdict, "parser": PARSER}
        yield stated(kind, "file", value, agent=agent, path="/", note="; ".join(notes) or None, **facts)
    for agent, readings in read.items() if kind == "robots_txt" else ():
        distinct = [dict.fromkeys(line for line in lines if line[0] in PREFERENCES) for lines in readings]
        for line in distinct[0] | distinct[-1]:
            certain = all(line in lines for lines in distinct)
            yield from _preference(line, agent, None if certain else TWO_READINGS)


def _site_wide(robots: "Robots") -> Iterator[Signal]:
    for line in robots.outside:
        yield from _preference(line, None, "outside any group")
    for address in robots.licences:
        yield stated("rsl", "file", address, scope="host", path="/")


def _of_root(lines: Iterable[Line]) -> str:
    # No other pattern matches the root. To compare all of them for 100 agents would take minutes.
    patterns = dict.fromkeys(line for line in lines if line[1].strip("*$") in ("", "/"))
    return ALLOWED if RobotsGroup(patterns).allows("/") else RESERVED


def _silent(kind: SignalName, verdict: str | None, note: str | None) -> Iterator[Signal]:
    agents = (None,) if kind == "tdm_reservation" else AGENTS
    return (Signal(kind, "file", None, "host", verdict, agent, "/", note) for agent in agents)


def _content_of(capture: Capture) -> tuple[bytes | None, str | None, str | None]:
    """Return the body of the file, or None with a verdict; and a note on what is missing."""
    status, body = capture.locator.http_status, capture.body
    if status in (404, 410):
        return None, None, f"HTTP {status}: no such file"
    code, start = status or 0, body[:1024].removeprefix(_BOM).lstrip()
    doubts = {
        "no HTTP status": status is None,
        # With another 4xx status there may be a file, although RFC 9309 lets crawlers enter.
        f"HTTP {status}: refused to the crawler": 400 <= code < 500 and code != 429,
        f"HTTP {status}: a redirect, not followed": 300 <= code < 400,
        "HTTP 206: a part": code == 206,
        f"HTTP {status}: unreachable": not 200 <= code < 300,
        "the capture was cut": capture.cut and len(body) <= DOCUMENT_BYTES,
        "HTML in place of the file": start.startswith(b"<"),
        "not text": b"\0" in start,
    }
    if doubt := next((note for note, holds in doubts.items() if holds), None):
        return None, UNKNOWN, doubt
    if len(body) <= DOCUMENT_BYTES:
        return body, None, None
    # Drop the last line, which may be cut: its shorter path would match other pages.
    lines = body[:DOCUMENT_BYTES].replace(b"\r", b"\n").rpartition(b"\n")[0]
    return lines, None, f"read to {DOCUMENT_BYTES >> 10} KiB"


def _preference(line: Line, agent: str | None, doubt: str | None) -> Iterator[Signal]:
    """Yield the preference in a line of robots.txt; one of AIPREF may begin with the path that it covers.

    `doubt`: the reason why the line may not apply. Outside any group it is no rule by RFC 9309 and AIPREF.
    """
    directive, text = line
    if signal := PREFERENCES.get(directive):
        path, value = "/", text
        if text.startswith("/"):
            path, value = (*text.split(None, 1), "")[:2]
        verdict = verdict_of(signal, bounded(value)[0])
        facts = {
            "scope": "host" if path == "/" else "path",
            "verdict": UNKNOWN if verdict is not None and doubt else verdict,
        }
        yield stated(signal, "file", value, agent=agent, path=path, note=doubt, **facts)


def _tdmrep_signals(body: bytes) -> Iterator[Signal]:
    """Yield the reservation and policy of each rule of tdmrep.json; the first rule about a page counts."""
    unread = partial(_silent, "tdm_reservation", UNKNOWN)
    try:
        rules = parse(body.removeprefix(_BOM))
    except ValueError:
        yield from unread("no JSON")
        return
    if not isinstance(rules, list) or repeats_a_name(body):
        # Of two values of one name, it is unknown which counts (RFC 8259, section 4).
        yield from unread("not an array of rules, or one with a name twice")
        return
    for number, rule in enumerate(rules[:RULES_READ], 1):
        location = rule.get("location") if isinstance(rule, dict) else None
        if not isinstance(location, str) or not location.startswith(("/", "*")):
            yield from unread("a rule without a location")
            continue
        of_rule = partial(stated, source="file", path=location, scope="path", rule=number)
        reservation, policy = (
            None if value is None else str(value) if type(value) in (int, str) else type(value).__name__
            for value in (rule.get("tdm-reservation"), rule.get("tdm-policy"))
        )  # fmt: skip
        if reservation is None:
            note = "a rule without a reservation"
            yield of_rule("tdm_reservation", value=None, verdict=UNKNOWN, note=note)
        else:
            yield of_rule("tdm_reservation", value=reservation)
        if policy is not None:
            yield of_rule("tdm_policy", value=policy)
    if len(rules) > RULES_READ:
        yield from unread(f"{len(rules) - RULES_READ:,} more rules were not read")


def applies_to(agent: str | None, asked: str) -> bool:
    """Return whether a declaration for `agent` applies to the agent `asked`."""
    return agent is None or agent == ANY_AGENT or agent.lower() == asked.lower()


@dataclass(frozen=True, slots=True)
class Robots:
    """The lines by agent (in lower case) in two readings, and the lines outside of any group.

    A group begins with names of agents. `groups`: any other line, such as `Crawl-delay`, ends the names.
    `by_rules`: only a rule ends them (RFC 9309, section 2.2.4), so later names join. Parsers differ, and
    crawler-commons changed in 2023. `foreign`: the text has no line of a robots.txt. `names`: other agents
    than `AGENTS` that the file names, known ones first; `NAMES` of them are read. `licences`: addresses in
    `License:` lines, which are of no group (RSL 1.0).
    """

    groups: Mapping[str, tuple[Line, ...]]
    outside: tuple[Line, ...]
    by_rules: Mapping[str, tuple[Line, ...]]
    foreign: bool = False
    names: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Robots":
        """Read robots.txt; all groups of an agent count as one (RFC 9309, section 2.2.1)."""
        raw = _LINE_ENDS.split(text)
        lines = [line for line in map(_directive, raw) if line[0]]
        is_known = any(directive in _KNOWN for directive, _ in lines)
        foreign = not is_known and any(line.partition("#")[0].strip() for line in raw)
        named = dict[str, str]()
        for directive, value in lines:
            if directive in _USER_AGENT and (name := _name_of(value)):
                named.setdefault(name.lower(), name)
        known = {key: agent.name for key, agent in known_agents().items() if key in named}
        always = dict.fromkeys(map(str.lower, AGENTS))
        names = {key: name for key, name in (known | named | known).items() if key not in always}
        read = [*always, *islice(names, NAMES)]
        groups, outside = _grouped(lines, None, read)
        by_rules, _ = _grouped(lines, _RULES, read)
        licences = dict.fromkeys(value for directive, value in lines if directive == _LICENSE and value)
        return cls(groups, outside, by_rules, foreign, tuple(names.values()), tuple(licences))

    def readings_of(self, agent: str) -> tuple[tuple[Line, ...], ...]:
        """Return the lines of an agent's groups, else of those for `*`; twice if the readings differ."""
        first, second = (
            read.get(agent.lower(), read.get(ANY_AGENT, ())) for read in (self.groups, self.by_rules)
        )
        rules = [{line for line in lines if line[0] in _RULES and line[1]} for lines in (first, second)]
        return (first,) if rules[0] == rules[1] else (first, second)


def _name_of(value: str) -> str | None:
    """Return the agent that a line names: a product by RFC 9309, or a name that has digits or dots, too."""
    product = _PRODUCT.match(value)
    if product and product[0].lower() in map(str.lower, AGENTS):
        return product[0]
    name = NAME.match(value)
    return name[0] if name else None


def _grouped(
    lines: Iterable[Line], ends: frozenset[str] | None, agents: Collection[str]
) -> tuple[Mapping[str, tuple[Line, ...]], tuple[Line, ...]]:
    """Return the lines by agent, and those outside; `ends`: directives that end the names, None: any."""
    of_agent: dict[str, list[Line]] = {agent: [] for agent in agents}
    outside, named, current = list[Line](), set[str](), set[str]()
    is_begun = is_naming = False
    for directive, value in lines:
        if directive in _USER_AGENT:
            if not is_naming:
                current = set()
            is_begun = is_naming = True
            name = (_name_of(value) or "").lower()
            if name in of_agent:
                current.add(name)
                named.add(name)
        elif directive not in _SITE_WIDE:
            is_naming = is_naming and (directive == _LICENSE or (ends is not None and directive not in ends))
            for group in [of_agent[agent] for agent in current] if is_begun else [outside]:
                group.append((directive, value))
    return {agent: tuple(of_agent[agent]) for agent in named}, tuple(outside)


def _directive(raw: str) -> Line:
    # The name is empty if the line has no directive.
    line = raw.partition("#")[0].strip()
    name, colon, value = line.partition(":")
    name = name.strip().lower()
    if not colon or (" " in name and name not in _USER_AGENT):
        bare = _WITHOUT_COLON.fullmatch(line)
        name, value = (bare[1].lower(), bare[2]) if bare else ("", "")
    return _SPELLINGS.get(name, name), value.strip()


def shown(lines: Iterable[Line]) -> str:
    """Write lines in one spelling, as in `value`."""
    return "\n".join(f"{directive}: {value}" for directive, value in lines)


def lines_of(value: str) -> tuple[Line, ...]:
    """Return the lines that `shown` wrote."""
    return tuple(_directive(line) for line in value.split("\n") if line)


class RobotsGroup:
    """The rules of one group: protego finds the patterns that match a path."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = [line for line in lines if line[0] in (_ALLOW, _DISALLOW) and line[1]]
        self.allowing, self.forbidding = (_set_of(self._lines, name) for name in (_ALLOW, _DISALLOW))

    @cached_property
    def tiers(self) -> Sequence[tuple[PatternSet, PatternSet]]:
        """Return the allowing and the forbidding patterns of each length, the longest first."""
        by_length = defaultdict[int, list[Line]](list)
        for line in self._lines:
            by_length[octets(line[1])].append(line)
        return [
            (_set_of(lines, _ALLOW), _set_of(lines, _DISALLOW))
            for _, lines in sorted(by_length.items(), reverse=True)
        ]

    def allows(self, path: str) -> bool:
        """Return whether the rules let their agent fetch a path (with its query).

        The longest matching pattern counts; of equally long ones, the one that allows (RFC 9309, section
        2.2.2).
        """
        if not self.forbidding(path):
            return True
        if not self.allowing(path):
            return False
        for allowing, forbidding in self.tiers:
            if allowing(path):
                return True
            if forbidding(path):
                return False
        return True


def _set_of(lines: Iterable[Line], directive: str) -> PatternSet:
    # Encoded, a pattern has neither blanks nor `#`: protego ends lines at more characters than RFC 9309 does.
    patterns = [percent_encoded(value) for name, value in lines if name == directive]
    if not patterns:
        return lambda path: False
    # As all patterns are given as forbidding ones, it does not matter which one protego prefers.
    protego = Protego.parse(f"user-agent: *\n{shown((_DISALLOW, pattern) for pattern in patterns)}")
    return lambda path: not protego.can_fetch(f"https://site{path}", "any")


def octets(pattern: str) -> int:
    """Return the length of a pattern as it is compared (RFC 9309, 2.2.2): the longer, the more specific."""
    return len(percent_encoded(pattern))
