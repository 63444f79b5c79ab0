"""robots.txt: which lines address an agent, and whether they let it fetch a URL.

This module finds the groups and the rule that counts, by RFC 9309; protego matches the patterns. Its own
grouping multiplies agents by rules: 16,000 agents and 23,000 rules, 500 KiB in all, are 370 million objects.
It takes `Google` for a name of Google-Extended, too. In its choice among rules `?` and `&` count threefold:
`Disallow: /*?*` beats `Allow: /news`. And it takes `Allow: /index.html` for `Allow: /$`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from string import printable
from urllib.parse import quote

from protego import Protego

from presswatch_spark.rights.declaration import AGENTS, ANY_AGENT

PARSER = f"protego {version('protego')}"

Line = tuple[str, str]
"""A directive, in lower case, and its value."""

OR = "\n# or, if only rules end the names of a group:\n"
"""Stands between two readings of a group, in `value`."""

_ALLOW, _DISALLOW = "allow", "disallow"
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_PRODUCT = re.compile(r"[A-Za-z_-]+|\*(?!\S)")
_USER_AGENT = frozenset(("user-agent", "useragent", "user agent"))
# Lines about the whole site: they neither begin nor end a group.
_SITE_WIDE = frozenset(("sitemap", "site-map", "host"))
# Spellings that other readers take for the rule as well.
_SPELLINGS = dict.fromkeys(("dissallow", "dissalow", "disalow", "diasllow", "disallaw"), "disallow")
# A file without any of these is no robots.txt.
_KNOWN = frozenset((
    *_USER_AGENT, *_SITE_WIDE, "allow", "disallow", "sitemaps", "crawl-delay", "request-rate", "visit-time",
    "clean-param", "noindex", "content-usage", "content-signal", "license",
))  # fmt: skip
_RULES = frozenset((_ALLOW, _DISALLOW, "content-usage", "content-signal"))
_APART = re.compile(r"[\s#]")
_WITHOUT_COLON = re.compile(r"(user-?agent|user agent|d\w{6,8}|allow)\s+(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Robots:
    """The lines by agent (in lower case) in two readings, and the lines outside of any group.

    `groups`: any line, such as `Crawl-delay`, ends the names of a group. A site that slows one agent down and
    forbids another means no more. `by_rules`: only a rule ends them, as in RFC 9309 (section 2.2.4), so that
    the next names join. Readers differ; crawler-commons went from the one to the other in 2023. `foreign`:
    there is text, but no line of a robots.txt.
    """

    groups: Mapping[str, tuple[Line, ...]]
    outside: tuple[Line, ...]
    by_rules: Mapping[str, tuple[Line, ...]]
    foreign: bool = False

    def readings_for(self, agent: str) -> list[tuple[Line, ...]]:
        """Return the lines for `agent`, of its groups or of those for `*`; two readings if they differ."""
        first, second = (
            read.get(agent.lower(), read.get(ANY_AGENT, ())) for read in (self.groups, self.by_rules)
        )
        rules = [{line for line in lines if line[0] in _RULES and line[1]} for lines in (first, second)]
        return [first] if rules[0] == rules[1] else [first, second]


class _Groups:
    """Takes the lines of a robots.txt. `ends`: directives that end the names of a group; None: any does."""

    def __init__(self, ends: frozenset[str] | None = None) -> None:
        self.lines: dict[str, list[Line]] = {agent.lower(): [] for agent in AGENTS}
        self.outside: list[Line] = []
        self._ends = ends
        self._named, self._current = set[str](), set[str]()
        self._begun = self._naming = False

    def name(self, value: str) -> None:
        """Take a line that names an agent."""
        if not self._naming:
            self._current = set()
        self._begun = self._naming = True
        product = _PRODUCT.match(value)
        if product and product[0].lower() in self.lines:
            self._current.add(product[0].lower())
            self._named |= self._current

    def take(self, line: Line) -> None:
        """Take another line."""
        self._naming = self._naming and self._ends is not None and line[0] not in self._ends
        for lines in [self.lines[agent] for agent in self._current] if self._begun else [self.outside]:
            lines.append(line)

    def whole(self) -> Mapping[str, tuple[Line, ...]]:
        """Return the lines by agent, for the agents that are named."""
        return {agent: tuple(self.lines[agent]) for agent in self._named}


def robots_of(text: str) -> Robots:
    """Read robots.txt for `AGENTS`; all groups of an agent count as one (RFC 9309, section 2.2.1)."""
    groups, by_rules = _Groups(), _Groups(_RULES)
    text_seen = known = False
    for raw in _LINE_ENDS.split(text):
        directive, value = _directive(raw)
        known = known or directive in _KNOWN
        text_seen = text_seen or bool(raw.partition("#")[0].strip())
        for taking in (groups, by_rules):
            if directive in _USER_AGENT:
                taking.name(value)
            elif directive and directive not in _SITE_WIDE:
                taking.take((directive, value))
    foreign = text_seen and not known
    return Robots(groups.whole(), tuple(groups.outside), by_rules.whole(), foreign)


def _directive(raw: str) -> Line:
    """Take a line apart; ("", "") if it has no directive."""
    line = raw.partition("#")[0].strip()
    name, colon, value = line.partition(":")
    name = name.strip().lower()
    if not colon or (" " in name and name not in _USER_AGENT):
        bare = _WITHOUT_COLON.fullmatch(line)
        name, value = (bare[1].lower(), bare[2]) if bare else ("", "")
    return _SPELLINGS.get(name, name), value.strip()


def shown(lines: Iterable[Line]) -> str:
    """Write lines in one spelling, as `value` holds them."""
    return "\n".join(f"{directive}: {value}" for directive, value in lines)


def lines_of(value: str) -> tuple[Line, ...]:
    """Return the lines that `shown` wrote."""
    return tuple(_directive(line) for line in value.split("\n") if line)


PatternSet = Callable[[str], bool]
"""Whether one of some patterns is about a path."""


class RobotsGroup:
    """The rules of one group. Protego says which patterns are about a path, `allows` which one counts."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = [line for line in lines if line[0] in (_ALLOW, _DISALLOW) and line[1]]
        self.allowing, self.forbidding = (_set_of(self._lines, name) for name in (_ALLOW, _DISALLOW))

    @cached_property
    def tiers(self) -> list[tuple[PatternSet, PatternSet]]:
        """Return the allowing and the forbidding patterns of each length, the longest first."""
        by_length = defaultdict[int, list[Line]](list)
        for line in self._lines:
            by_length[octets(line[1])].append(line)
        return [
            (_set_of(lines, _ALLOW), _set_of(lines, _DISALLOW))
            for _, lines in sorted(by_length.items(), reverse=True)
        ]


def _set_of(lines: Iterable[Line], directive: str) -> PatternSet:
    # Protego ends lines at more characters than RFC 9309, and would take the rest for another line.
    patterns = [
        _APART.sub(lambda match: quote(match[0]), value) for name, value in lines if name == directive
    ]
    if not patterns:
        return lambda path: False
    # If all patterns forbid, it does not matter which one counts for protego.
    protego = Protego.parse(f"user-agent: *\n{shown((_DISALLOW, pattern) for pattern in patterns)}")
    return lambda path: not protego.can_fetch(f"https://site{path}", "any")


def octets(pattern: str) -> int:
    """Return how specific a pattern is: its length, with all but ASCII percent-encoded."""
    return len(quote(pattern, safe=printable))


def allows(rules: RobotsGroup, path: str) -> bool:
    """Whether rules let an agent fetch a path (with its query).

    The longest pattern about the path counts; if two are equal, the one that allows (RFC 9309, section
    2.2.2). Time is linear in rules times path: 25,000 patterns of four wildcards are read in 0.12 s, and
    tried in 0.01 s.
    """
    if not rules.forbidding(path):
        return True
    if not rules.allowing(path):
        return False
    for allowing, forbidding in rules.tiers:
        if allowing(path):
            return True
        if forbidding(path):
            return False
    return True
