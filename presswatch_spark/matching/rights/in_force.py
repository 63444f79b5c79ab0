"""Finds the reservation in force when a page was captured, from captures of declarations before and after.

A site's file is captured only now and then. Its last capture before the page's shows the declaration that was
valid then, its first one after it the declaration that was valid later. Between them, nothing is known.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast, get_args

from presswatch_spark.matching.rights.agents import uses_of
from presswatch_spark.matching.rights.declaration import (
    ALLOWED,
    ANY_AGENT,
    PREFERENCES,
    RESERVED,
    UNKNOWN,
    RobotsUrl,
    agreed,
    indexing_verdict,
    is_cut,
    place_from,
    place_of,
    preference_verdict,
)
from presswatch_spark.matching.rights.licences import rsl_verdict
from presswatch_spark.matching.rights.site_files import OR, RobotsGroup, allows, applies_to, lines_of, octets
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.literals import USES, VERDICTS, ReservationState, Use, UseVerdict

BOTH, BEFORE, AFTER, NONE, CONFLICTING = "both", "before", "after", "none", "conflicting"
STATUSES: tuple[ReservationState, ...] = get_args(ReservationState)

# Of several sources on one side, a reservation counts before a doubt, and a doubt before an allowance.
_WEIGHT: Mapping[str | None, int] = {RESERVED: 3, UNKNOWN: 2, ALLOWED: 1, None: 0}

PageCapture = tuple[datetime, Sequence[RightsSignal]]
ROBOTS_FILE, TDM_FILE = "/robots.txt", "/.well-known/tdmrep.json"
_FILES = (ROBOTS_FILE, "/ai.txt", "/.well-known/ai.txt", TDM_FILE)
# The columns by which a row of a file decides about a page.
_DECIDING = ("signal", "agent", "value", "note", "scope", "path", "rule", "verdict")
_BY_RULES = frozenset(("robots_txt", "ai_txt"))
TDMREP = "tdm_reservation"
_BY_PATH = frozenset((TDMREP, "content_usage", "content_signal", "rsl"))
# Of these, a row about the whole host is a remark, and no rule.
_REMARKED = frozenset((TDMREP, "rsl"))
# The most restrictive preference or licence of equally long paths counts.
_RESTRICTIVE = frozenset(("content_usage", "rsl"))
_FOR_ROBOTS = frozenset(("x_robots_tag", "meta_robots"))
_STATED = frozenset((RESERVED, ALLOWED))
_BY_WEIGHT: Sequence[UseVerdict | None] = (*VERDICTS, None)


@dataclass(frozen=True, slots=True)
class Declaration:
    """The declaration of one capture about a page, to an agent.

    `verdict`: as in `Signal`; None if it declares nothing about the page. `row`: its row of `rights_signals`,
    if there is one. `disputed`: it reserves, and another capture of the same moment does not. `forms`: all
    declarations of the capture about the page, if this is the one that counts.
    """

    at: datetime
    verdict: str | None
    row: RightsSignal | None = None
    disputed: bool = False
    forms: Sequence["Declaration"] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a use of a page; None if nothing is declared about it.

    `conflicting`: one form reserves the use and another one allows it, or a reservation was made or withdrawn
    between two captures. `agents`: to whom it is addressed; `*`: to anyone. `rows`: the declarations that
    reserve the use, allow it, or are in doubt, the strongest first.
    """

    use: Use
    verdict: UseVerdict | None
    agents: tuple[str, ...]
    rows: tuple[RightsSignal, ...]


@dataclass(frozen=True, slots=True)
class InForce:
    """The status, and the declarations on each side of the page's capture that decided it."""

    status: str
    before: Declaration | None = None
    after: Declaration | None = None


Sides = Sequence[tuple[Declaration | None, Declaration | None]]
"""The declarations of each source that count before and after a moment."""


def strongest(declarations: Iterable[Declaration]) -> Declaration | None:
    """Return the declaration that counts among several on one side; the first of equals."""
    return max(declarations, key=lambda each: (_WEIGHT[each.verdict], not each.disputed), default=None)


def in_force(at: datetime, series: Iterable[Sequence[Declaration]], read: bool = True) -> InForce:
    """Return the reservation in force at the moment `at`, with the declarations that decide it.

    `series`: the declarations of each source (a file of the site, the page itself), by time. `read`: the
    page's own response and robots.txt of its site were read. Status: `both`: reserved before and after.
    `before`, `after`: reserved on that side; on the other, the same source was not captured or cannot be
    read. `conflicting`: each source that reserves on one side does not on the other, or captures of one
    moment differ. `none`: some source allows it, none reserves it, none is in doubt. `unknown`: otherwise.
    """
    return _in_force(_sides(at, series), read)


def _sides(at: datetime, series: Iterable[Sequence[Declaration]]) -> Sides:
    # Most sources have no declaration: a site has few of the files that can declare something.
    return [
        (_of_side(at, declarations, -1), _of_side(at, declarations, 1))
        for declarations in series
        if declarations
    ]


def _in_force(sides: Sides, read: bool) -> InForce:
    before = strongest(side for side, _ in sides if side)
    after = strongest(side for _, side in sides if side)
    verdicts = {side.verdict for side in (before, after) if side}
    reserved = [side is not None and side.verdict == RESERVED for side in (before, after)]
    if any(side and side.disputed for side in (before, after)):
        status = CONFLICTING
    elif any(reserved):
        others = [
            pair[1 - near]
            for pair in sides
            for near in (0, 1)
            if (side := pair[near]) is not None and side.verdict == RESERVED
        ]
        if all(other is not None and other.verdict in (ALLOWED, None) for other in others):
            status = CONFLICTING
        else:
            status = BOTH if all(reserved) else BEFORE if reserved[0] else AFTER
    elif UNKNOWN in verdicts or ALLOWED not in verdicts or not read:
        status = UNKNOWN
    else:
        status = NONE
    return InForce(status, before, after)


def verdict_on(use: Use, at: datetime, series: Iterable[Sequence[Declaration]], agent: str) -> Verdict:
    """Return the verdict on a use for an agent, from the declarations of each source about that use.

    Within one form, its own rules have decided already: an allowance conflicts only with other forms.
    """
    sides = _sides(at, series)
    declared = [side for pair in sides for side in pair if side]
    forms = [form for side in declared for form in side.forms if form.verdict is not None and form.row]
    forms.sort(key=lambda form: -_WEIGHT[form.verdict])
    verdict = next((cast(UseVerdict, form.verdict) for form in forms), None)
    reserving, allowing = (
        {form.row.signal for form in forms if form.row and form.verdict == each}
        for each in (RESERVED, ALLOWED)
    )
    if _in_force(sides, read=True).status == CONFLICTING or (reserving and allowing - reserving):
        verdict = "conflicting"
    rows = {form.row.row_sha256: form.row for form in forms if form.row}
    return Verdict(use, verdict, (agent,), tuple(rows.values()))


def verdicts_of(rows: Iterable[RightsSignal], url: str, agent: str | None = None) -> dict[Use, Verdict]:
    """Return the verdict on each use of a page by rows that were captured together; see `verdicts`."""
    rows = [row for row in rows if row.captured_at is not None]
    at = max((row.captured_at for row in rows if row.captured_at), default=datetime.now(UTC))
    of_page = [row for row in rows if row.scope == "page" and row.document_url == url]
    return Declarations(rows).verdicts(url, at, agent, [(at, of_page)])


def _of_side(at: datetime, declarations: Sequence[Declaration], way: int) -> Declaration | None:
    """Return the declaration of a source that counts before a moment (`way` -1) or after it (1).

    Of several declarations of one moment, return the strongest; `disputed` if it reserves and others do not.
    """
    moments = [declaration.at for declaration in declarations]
    nearest = [declarations[k] for k in _nearest(at, moments, way)]
    counted = strongest(nearest)
    if counted is None or counted.verdict != RESERVED:
        return counted
    return replace(counted, disputed=any(each.verdict in (ALLOWED, None) for each in nearest))


def sides_of(at: datetime, moments: Sequence[datetime]) -> list[int]:
    """Return the indices of the moments, in order, that count for `at` on either side."""
    return sorted({*_nearest(at, moments, -1), *_nearest(at, moments, 1)})


def _nearest(at: datetime, moments: Sequence[datetime], way: int) -> Sequence[int]:
    """Return the indices of the moments nearest to `at`, up to it (`way` -1) or from it on (1).

    All moments of the nearest second count, since their order is unknown.
    """
    if way < 0:
        end = bisect_right(moments, second(at), key=second)
        return (
            range(end - 1, bisect_left(moments, second(moments[end - 1]), key=second) - 1, -1) if end else ()
        )
    begin = bisect_left(moments, second(at), key=second)
    if begin == len(moments):
        return ()
    return range(begin, bisect_right(moments, second(moments[begin]), key=second))


def second(moment: datetime) -> datetime:
    """Return a moment without its fraction of a second."""
    return moment.replace(microsecond=0)


class Declarations:
    """All decisive declarations, by site and by page, from rows in any order.

    Rows without a time, and repeated rows, do not count.
    """

    def __init__(self, rows: Iterable[RightsSignal]) -> None:
        files: dict[tuple[str, str], dict[tuple[datetime, str], list[RightsSignal]]] = {}
        self.pages: dict[tuple[str, datetime], list[RightsSignal]] = defaultdict(list)
        self._contents: dict[str, list[PageCapture]] = {}
        self._licences: dict[str, set[str]] = defaultdict(set)
        seen = set[str]()
        for row in rows:
            if row.captured_at is None or row.row_sha256 in seen:
                continue
            seen.add(row.row_sha256)
            if row.scope == "page":
                self.pages[row.document_url, second(row.captured_at)].append(row)
            elif place := place_of(row.document_url):
                captures = files.setdefault((place.origin, place.path), {})
                captures.setdefault((row.captured_at, record_of(row)), []).append(row)
                if row.signal == "rsl" and row.scope == "path":
                    self._licences[place.origin].add(place.path)
        self._files = {
            key: [(at, captures[at, record]) for at, record in sorted(captures)]
            for key, captures in files.items()
        }

    def for_capture(self, url: str, at: datetime, agent: str) -> Iterator[Sequence[Declaration]]:
        """Yield the declarations about a page that was captured at `at`, for each source, by time."""
        captures = [(moment, [row for row in rows if row.verdict]) for moment, rows in self.captures(url, at)]
        return self.for_page(url, at, agent, [capture for capture in captures if capture[1]])

    def captures(self, url: str, at: datetime) -> list[PageCapture]:
        """Return the captures of a page of one moment, each with its rows."""
        records: dict[str, list[RightsSignal]] = defaultdict(list)
        for row in self.pages.get((url, second(at)), ()):
            records[record_of(row)].append(row)
        return [(at, rows) for rows in records.values()]

    def verdicts(
        self,
        url: str,
        at: datetime,
        agent: str | None = None,
        pages: Sequence[PageCapture] | None = None,
    ) -> dict[Use, Verdict]:
        """Return the verdict on each use of a page that was captured at `at`, for an agent.

        `agent`: None for any agent and all that are named, of which those with the strongest verdict are
        reported. `pages`: all captures of the page that were read, by time; None: those of the moment `at`.
        """
        captures = self.captures(url, at) if pages is None else pages
        agents, found = [agent or ANY_AGENT], dict[Use, Verdict]()
        if agent is None:
            rows = [row for _, each in (*captures, *self._captures_of_files(url)) for row in each]
            named = {row.agent for row in rows if row.agent and uses_of(row.agent)}
            agents += sorted(named - {ANY_AGENT})
        for use in USES:
            of_agents = [
                verdict_on(use, at, self.for_page(url, at, each, captures, use), each) for each in agents
            ]
            most = min((each.verdict for each in of_agents), key=_BY_WEIGHT.index)
            first, *others = [each for each in of_agents if each.verdict == most]
            if ANY_AGENT not in first.agents:
                first = replace(first, agents=first.agents + tuple(each.agents[0] for each in others))
            found[use] = first
        return found

    def _captures_of_files(self, url: str) -> list[PageCapture]:
        place = place_of(url)
        files = self._files_of(place) if place else ()
        return [capture for file in files if place for capture in self._files[place.origin, file]]

    def for_page(
        self,
        url: str,
        at: datetime,
        agent: str,
        pages: Sequence[PageCapture],
        use: Use | None = None,
    ) -> Iterator[Sequence[Declaration]]:
        """Yield the declarations about a page around a moment, for each source, in order of time.

        `pages`: all captures of the page that were read, by time. For each source, the last declaration up to
        that moment and the first from it on decide. In TDMRep, XMP and metas override headers, and headers
        the file. `use`: only declarations about this use count, and policies to which TDMRep leads; None:
        those about mining or training, and robots.txt that lets the agent in as an allowance.
        """
        nearest = [pages[k] for k in sides_of(at, [moment for moment, _ in pages])]
        addressed = [
            (moment, [row for row in rows if applies_to(row.agent, agent)]) for moment, rows in nearest
        ]
        of_page, is_superseded = list[Declaration](), False
        for moment, rows in addressed:
            reservations = [row for row in rows if row.signal == TDMREP and use != "search"]
            of_source = (
                [row for row in reservations if row.source == source and row.verdict in _STATED]
                for source in ("xmp", "meta", "header")
            )
            declared = [Declaration(moment, about(row, use), row) for row in rows if row.signal != TDMREP]
            # If values differ, the verdict is unknown. Values other than 0 and 1 override nothing; if there
            # are no others, they are in doubt.
            if stated := next(filter(None, of_source), None):
                verdict = agreed([row.verdict for row in stated])
                declared.insert(0, Declaration(moment, verdict, stated[0]))
                is_superseded = True
            elif reservations:
                declared.insert(0, Declaration(moment, UNKNOWN, reservations[0]))
            of_page.append(_counted(moment, declared))
        yield of_page

        place = place_of(url)
        if place is None:
            return
        policies = [row for _, rows in addressed for row in rows if row.signal == "tdm_policy"]
        for file in self._files_of(place):
            captures = self._files[place.origin, file]
            if not (file == TDM_FILE and is_superseded):
                nearest = [captures[k] for k in sides_of(at, [moment for moment, _ in captures])]
                yield [_of_file(moment, rows, place, agent, use) for moment, rows in nearest]
                policies += [
                    row
                    for _, rows in nearest
                    for row in rows
                    if row.signal == "tdm_policy" and row.path and _covers(row.path, place.path)
                ]
        if use is None:
            return
        led_to = {place_from(row.document_url, row.value) for row in policies if row.value}
        for origin, path in sorted({(each.origin, each.path) for each in led_to if each}):
            captures = self._files.get((origin, path), [])
            nearest = [captures[k] for k in sides_of(at, [moment for moment, _ in captures])]
            yield [_of_policy(moment, rows, use) for moment, rows in nearest]

    def _files_of(self, place: RobotsUrl) -> list[str]:
        """Return the paths of a site's captured files, and of its documents of licences."""
        files = [file for file in _FILES if (place.origin, file) in self._files]
        return files + sorted(self._licences.get(place.origin, ()))

    def file_times(self, url: str) -> list[datetime]:
        """Return the times of captures of the files that declare for a page's site, in no order."""
        return [moment for moment, _ in self._captures_of_files(url)]

    def rules_key(self, url: str, agent: str) -> tuple[str, tuple[str | None, ...]] | None:
        """Return a key of all declarations of the site's files about a page, at any time; None if no URL.

        The key is the site, with the verdict of each content of its files. Pages with the same key have the
        same reservations, if they declare nothing themselves.
        """
        place = place_of(url)
        if place is None:
            return None
        if place.origin not in self._contents:
            contents: dict[tuple[object, ...], PageCapture] = {}
            for file in self._files_of(place):
                for moment, rows in self._files[place.origin, file]:
                    content = tuple(tuple(getattr(row, name) for name in _DECIDING) for row in rows)
                    contents.setdefault((file, content), (moment, rows))
            self._contents[place.origin] = list(contents.values())
        captures = self._contents[place.origin]
        verdicts = (_of_file(moment, rows, place, agent).verdict for moment, rows in captures)
        return place.origin, tuple(verdicts)

    def has_robots(self, url: str) -> bool:
        """Return whether a crawler ever requested robots.txt of a page's site."""
        place = place_of(url)
        return place is not None and (place.origin, ROBOTS_FILE) in self._files


def record_of(row: RightsSignal) -> str:
    """Return the key of a row's record, which is the same in a mirror: its id, or file name and offset."""
    return row.record_id or f"{row.shard_uri.rpartition('/')[2]} {row.record_offset}"


def about(row: RightsSignal, use: Use | None) -> str | None:
    """Return a row's verdict about a use; None for `use`: about mining or training.

    That of `robots_txt` and `ai_txt` is for the root of the site, and `allowed` there permits no use.
    """
    if use is None or row.signal == "left_out":
        return row.verdict
    if row.signal == "rsl":
        # A row without a number leads to a document, or states that one could not be read.
        is_read = row.rule is not None and row.value is not None and row.note is None
        return rsl_verdict(row.value, use) if is_read and row.value else row.verdict
    if use == "train":
        return row.verdict
    if row.signal in (TDMREP, "tdm_policy"):
        return row.verdict if use == "tdm" else None
    value, is_doubtful = row.value or "", row.note is not None
    if row.signal in PREFERENCES.values():
        verdict = preference_verdict(row.signal, value, use)
        return UNKNOWN if verdict is not None and is_doubtful else verdict
    return indexing_verdict(value) if use == "search" and row.signal in _FOR_ROBOTS else None


def _by_rules(row: RightsSignal, path: str, agent: str, use: Use | None) -> str | None:
    """Return the verdict of an agent's rules in robots.txt or ai.txt about a path.

    That robots.txt lets a crawler in permits no use; ai.txt is about training, so its `Allow` permits it.
    """
    if use is not None and use not in (uses_of(agent) if row.signal == "robots_txt" else ("train",)):
        return None
    if row.value is None or row.verdict is None:
        # No rules were read: the verdict of the root counts.
        verdict = row.verdict
    elif is_cut(row.note):
        verdict = UNKNOWN
    else:
        groups = row.value.split(OR)
        verdict = agreed(ALLOWED if _lets_in(group, path) else RESERVED for group in groups)
        if use is not None and row.signal == "ai_txt" and all(_rules(each).allowing(path) for each in groups):
            return verdict
    return None if use is not None and verdict == ALLOWED else verdict


def _of_file(
    at: datetime, rows: Sequence[RightsSignal], place: RobotsUrl, agent: str, use: Use | None = None
) -> Declaration:
    found = list[tuple[RightsSignal, str | None]]()
    specific: dict[str, list[RightsSignal]] = defaultdict(list)
    # The agent's own groups count, or else those for any agent.
    own = any(
        row.signal in _BY_RULES and row.agent and applies_to(row.agent, agent)
        for row in rows
        if row.agent != ANY_AGENT
    )
    group = agent.lower() if own else ANY_AGENT
    for row in rows:
        if row.signal in _BY_RULES and row.agent and row.agent.lower() == group:
            found.append((row, _by_rules(row, place.path, agent, use)))
        elif row.signal == "left_out":
            # Without a verdict: only rules for further agents were left out.
            found.append((row, row.verdict if own or agent == ANY_AGENT else UNKNOWN))
        elif row.signal in _BY_PATH and (row.agent is None or row.agent.lower() == group):
            if row.path is None or is_cut(row.note):
                found.append((row, UNKNOWN))
            # A remark about the whole file, or a line of robots.txt outside any group.
            elif row.scope == "host" if row.signal in _REMARKED else row.agent is None:
                found.append((row, about(row, use)))
            elif _covers(row.path, place.path):
                specific[row.signal].append(row)
    for signal, named in specific.items():
        if signal == TDMREP:
            # The first rule counts. Rows without a number have an unknown order, so they must agree.
            least = min(row.rule or 0 for row in named)
            first = [row for row in named if (row.rule or 0) == least]
            found.append((first[0], agreed([about(row, use) for row in first])))
        else:
            found.append(_longest(named, use))
    return _counted(at, [Declaration(at, verdict, row) for row, verdict in found], rows[0])


def _of_policy(at: datetime, rows: Sequence[RightsSignal], use: Use | None) -> Declaration:
    return _counted(at, [Declaration(at, about(row, use), row) for row in rows if row.signal == "tdm_policy"])


def _covers(pattern: str, path: str) -> bool:
    return not allows(RobotsGroup([("disallow", pattern)]), path)


def _counted(at: datetime, declared: Sequence[Declaration], row: RightsSignal | None = None) -> Declaration:
    """Return the declaration of a capture that counts, with all of them; `row`: its row if there is none."""
    return replace(strongest(declared) or Declaration(at, None, row), forms=tuple(declared))


def _longest(rows: Sequence[RightsSignal], use: Use | None) -> tuple[RightsSignal, str | None]:
    """Return the preference that counts: that of the longest path, in bytes of its encoded form.

    If those of equally long paths differ, the most restrictive counts for AIPREF and RSL; for Content-Signal,
    which has no such rule, the verdict is unknown.
    """
    lengths = [octets(row.path or "") for row in rows]
    nearest = [row for row, length in zip(rows, lengths, strict=True) if length == max(lengths)]
    by_verdict: dict[str | None, RightsSignal] = {
        verdict: row for row in reversed(nearest) if (verdict := about(row, use))
    }
    if len(by_verdict) > 1 and not (nearest[0].signal in _RESTRICTIVE and RESERVED in by_verdict):
        return nearest[0], UNKNOWN
    verdict = RESERVED if RESERVED in by_verdict else next(iter(by_verdict), None)
    return by_verdict.get(verdict, nearest[0]), verdict


@lru_cache(maxsize=1024)
def _lets_in(group: str, path: str) -> bool:
    return allows(_rules(group), path)


@lru_cache(maxsize=1024)
def _rules(value: str) -> RobotsGroup:
    return RobotsGroup(lines_of(value))
