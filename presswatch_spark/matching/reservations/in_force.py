"""Finds the reservation in force when a page was captured, from captures of declarations before and after.

A site's file is captured only now and then. Its last capture before the page's shows the declaration that was
valid then, its first one after it the declaration that was valid later. Between them, nothing is known.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TypeVar

from presswatch_spark.matching.reservations.licences_in_documents import rsl_verdict
from presswatch_spark.matching.reservations.site_files import OR, RobotsGroup, applies_to, lines_of, octets
from presswatch_spark.matching.reservations.verdicts import (
    ALLOWED,
    ANY_AGENT,
    PREFERENCES,
    RESERVED,
    RULE_FILES,
    UNKNOWN,
    RobotsUrl,
    agreed,
    is_cut,
    known_agents,
    place_from,
    place_of,
    uses_of,
    verdict_of,
)
from presswatch_spark.reading.http.message import SITE_FILES
from presswatch_spark.tables.column_values import USES, VERDICTS, Use, UseVerdict
from presswatch_spark.tables.declarations import RightsSignal

BOTH, BEFORE, AFTER, NONE, CONFLICTING = "both", "before", "after", "none", "conflicting"

# Of several sources on one side, a reservation counts before a doubt, and a doubt before an allowance.
_WEIGHT: Mapping[str | None, int] = {RESERVED: 3, UNKNOWN: 2, ALLOWED: 1, None: 0}

PageCapture = tuple[datetime, Sequence[RightsSignal]]
_Captures = dict[tuple[datetime, str], list[RightsSignal]]
_Key = TypeVar("_Key")
# The columns by which a row of a file decides about a page.
_DECIDING = ("signal", "agent", "value", "note", "scope", "path", "rule", "verdict")
_BY_PATH = frozenset(("tdm_reservation", "tdm_policy", "rsl", *PREFERENCES.values()))
# Of these, a row about the whole host is a remark, and no rule.
_REMARKED = frozenset(("tdm_reservation", "rsl"))
# The most restrictive preference or licence of equally long paths counts.
_RESTRICTIVE = frozenset(("content_usage", "rsl"))
# The uses that the verdict of a row is about, by its signal; of others, training.
_COVERED: Mapping[str, Collection[Use]] = {
    "left_out": USES,
    **dict.fromkeys(("tdm_reservation", "tdm_policy"), ("train", "tdm")),
}
_STATED = frozenset((RESERVED, ALLOWED))
_ORDER: Sequence[UseVerdict | None] = (*VERDICTS, None)


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
class InForce:
    """The status (a `ReservationState`), and the declarations on each side of the capture that decided it.

    `verdict`: on the use, by all forms of declarations; None if nothing is declared about it. `conflicting`:
    one form reserves it and another one allows it, or a reservation was made or withdrawn in between.
    """

    status: str
    before: Declaration | None = None
    after: Declaration | None = None
    verdict: UseVerdict | None = None


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
    # Most sources have no declaration: a site has few of the files that can declare something.
    sides = [
        [
            _counting([declarations[k] for k in side])
            for side in _sides(at, [each.at for each in declarations])
        ]
        for declarations in series
        if declarations
    ]
    before = strongest(side for side, _ in sides if side)
    after = strongest(side for _, side in sides if side)
    verdicts = [side and side.verdict for side in (before, after)]
    if any(side and side.disputed for side in (before, after)):
        status = CONFLICTING
    elif RESERVED in verdicts:
        each_way = (way for pair in sides for way in (pair, pair[::-1]))
        others = [other for side, other in each_way if side and side.verdict == RESERVED]
        if all(other is not None and other.verdict in (ALLOWED, None) for other in others):
            status = CONFLICTING
        else:
            status = BOTH if verdicts == [RESERVED] * 2 else BEFORE if verdicts[0] == RESERVED else AFTER
    elif UNKNOWN in verdicts or ALLOWED not in verdicts or not read:
        status = UNKNOWN
    else:
        status = NONE
    declared = [side for pair in sides for side in pair if side is not None]
    return InForce(
        status, before, after, _verdict(status, [form for side in declared for form in side.forms])
    )


def _verdict(status: str, forms: Iterable[Declaration]) -> UseVerdict | None:
    # That robots.txt lets a crawler in permits no use. Within a form, its own rules have decided already.
    signals = defaultdict[str | None, set[str]](set)
    for form in forms:
        if form.row and not (form.row.signal == "robots_txt" and form.verdict == ALLOWED):
            signals[form.verdict].add(form.row.signal)
    if status == CONFLICTING or (signals[RESERVED] and signals[ALLOWED] - signals[RESERVED]):
        return "conflicting"
    return next((verdict for verdict in _ORDER if signals[verdict]), None)


def verdicts_of(
    rows: Iterable[RightsSignal], url: str, agent: str | None = None
) -> dict[Use, UseVerdict | None]:
    """Return the verdict on each use of a page by rows that were captured together; see `InForce`.

    `agent`: None for any agent and known ones that the rows name, of whose verdicts the strongest counts.
    """
    at = datetime.now(UTC)
    rows = [row.with_columns(captured_at=at) for row in rows]
    declared, agents = Declarations(rows), [agent or ANY_AGENT]
    if agent is None:
        agents += sorted({row.agent for row in rows if row.agent and row.agent.lower() in known_agents()})
    return {
        use: min(
            (in_force(at, declared.for_capture(url, at, each, use)).verdict for each in agents),
            key=_ORDER.index,
        )
        for use in USES
    }


def _counting(of_moment: Sequence[Declaration]) -> Declaration | None:
    # Return the strongest of a moment's declarations; `disputed` if it reserves and others do not.
    counted = strongest(of_moment)
    if counted is None or counted.verdict != RESERVED:
        return counted
    return replace(counted, disputed=any(each.verdict in (ALLOWED, None) for each in of_moment))


def _sides(at: datetime, moments: Sequence[datetime]) -> tuple[Sequence[int], Sequence[int]]:
    # Return the indices of the moments nearest to `at`: up to it, the last one first, and from it on. All
    # moments of the nearest second count, since their order is unknown.
    end, begin = bisect_right(moments, second(at, last=True)), bisect_left(moments, second(at))
    first = bisect_left(moments, second(moments[end - 1])) if end else 0
    last = bisect_right(moments, second(moments[begin], last=True)) if begin < len(moments) else begin
    return range(first, end)[::-1], range(begin, last)


def _nearest(at: datetime, captures: Sequence[PageCapture]) -> list[PageCapture]:
    """Return the captures that count for `at` on either side, in order."""
    before, after = _sides(at, [moment for moment, _ in captures])
    return [captures[k] for k in sorted({*before, *after})]


def second(moment: datetime, *, last: bool = False) -> datetime:
    """Return the first moment of a moment's second, without a fraction, or its last."""
    return moment.replace(microsecond=999_999 if last else 0)


class Declarations:
    """All decisive declarations, by site and by page, from rows in any order.

    Rows without a time, and repeated rows, do not count.
    """

    def __init__(self, rows: Iterable[RightsSignal]) -> None:
        files: dict[tuple[str, str], _Captures] = defaultdict(lambda: defaultdict(list))
        pages: dict[tuple[str, datetime], _Captures] = defaultdict(lambda: defaultdict(list))
        self._site = cache(self._site_at)
        self._documents: dict[str, set[str]] = defaultdict(set)
        seen = set[str]()
        for row in rows:
            if row.captured_at is None or row.row_sha256 in seen:
                continue
            seen.add(row.row_sha256)
            capture = row.captured_at, record_of(row)
            if row.scope == "page":
                pages[row.document_url, second(row.captured_at)][capture].append(row)
            elif place := place_of(row.document_url):
                files[place.origin, place.path][capture].append(row)
                is_document = row.scope == "path" and place.path not in SITE_FILES
                if is_document and row.signal in ("rsl", "tdm_policy"):
                    self._documents[place.origin].add(place.path)
        self._files, self.pages = _by_time(files), _by_time(pages)

    def for_capture(
        self, url: str, at: datetime, agent: str, use: Use = "train"
    ) -> Iterator[Sequence[Declaration]]:
        """Yield the declarations about a page that was captured at `at`, for each source, by time."""
        captures = [(at, rows) for _, rows in self.pages.get((url, second(at)), ())]
        return self.for_page(url, at, agent, captures, use)

    def for_page(
        self, url: str, at: datetime, agent: str, pages: Sequence[PageCapture], use: Use = "train"
    ) -> Iterator[Sequence[Declaration]]:
        """Yield the declarations about a page around a moment, for each source, in order of time.

        `pages`: all captures of the page that were read, by time. For each source, the last declaration up to
        that moment and the first from it on decide. In TDMRep, XMP and metas override headers, and headers
        the file. A policy counts if one of these leads to it.
        """
        addressed = [
            (moment, [row for row in rows if applies_to(row.agent, agent)])
            for moment, rows in _nearest(at, pages)
        ]
        of_page, is_superseded = list[Declaration](), False
        for moment, rows in addressed:
            tdmrep, others = list[RightsSignal](), list[RightsSignal]()
            for row in rows:
                (tdmrep if row.signal == "tdm_reservation" else others).append(row)
            reservations = tdmrep if use in _COVERED["tdm_reservation"] else []
            of_source = (
                [row for row in reservations if row.source == source and row.verdict in _STATED]
                for source in ("xmp", "meta", "header")
            )
            declared = [Declaration(moment, _about(row, use), row) for row in others]
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
        leading = [row for _, rows in addressed for row in rows if row.signal == "tdm_policy"]
        for file in self._files_of(place.origin):
            captures, kind = self._files[place.origin, file], SITE_FILES.get(file)
            if kind == "tdm_reservation" and is_superseded:
                continue
            led_to = {place_from(row.document_url, row.value or "") for row in leading}
            if (
                kind is None
                and captures[0][1][0].signal == "tdm_policy"
                and replace(place, path=file) not in led_to
            ):
                continue
            nearest = _nearest(at, captures)
            yield [_of_file(moment, rows, place, agent, use) for moment, rows in nearest]
            if kind == "tdm_reservation":
                policies = (row for _, rows in nearest for row in rows if row.signal == "tdm_policy")
                leading += [row for row in policies if _covers(row.path or "", place.path)]

    def _files_of(self, origin: str) -> list[str]:
        """Return the paths of a site's captured files, and of its documents of licences and policies."""
        files = [file for file in SITE_FILES if (origin, file) in self._files]
        return files + sorted(self._documents.get(origin, ()))

    def file_seconds(self, url: str) -> Sequence[datetime]:
        """Return the seconds of captures of the files that declare for a page's site, in order."""
        place = place_of(url)
        return self._site(place.origin)[0] if place else ()

    def rules_key(self, url: str, agent: str) -> tuple[str, tuple[str | None, ...]] | None:
        """Return a key of all declarations of the site's files about a page, at any time; None if no URL.

        The key is the site, with the verdict of each content of its files. Pages with the same key have the
        same reservations, if they declare nothing themselves.
        """
        place = place_of(url)
        if place is None:
            return None
        contents = self._site(place.origin)[1]
        verdicts = (_of_file(moment, rows, place, agent).verdict for moment, rows in contents)
        return place.origin, tuple(verdicts)

    def _site_at(self, origin: str) -> tuple[list[datetime], list[PageCapture]]:
        """Return the seconds of all captures of a site's files, and a capture of each of their contents."""
        seconds, contents = set[datetime](), dict[tuple[object, ...], PageCapture]()
        for file in self._files_of(origin):
            for moment, rows in self._files[origin, file]:
                seconds.add(second(moment))
                content = tuple(tuple(getattr(row, name) for name in _DECIDING) for row in rows)
                contents.setdefault((file, content), (moment, rows))
        return sorted(seconds), list(contents.values())

    def has_robots(self, url: str) -> bool:
        """Return whether a crawler ever requested robots.txt of a page's site."""
        place = place_of(url)
        return place is not None and (place.origin, "/robots.txt") in self._files


def _by_time(found: Mapping[_Key, _Captures]) -> dict[_Key, list[PageCapture]]:
    return {key: [(at, of_key[at, record]) for at, record in sorted(of_key)] for key, of_key in found.items()}


def record_of(row: RightsSignal) -> str:
    """Return the key of a row's record, which is the same in a mirror: its id, or file name and offset."""
    return row.record_id or f"{row.shard_uri.rpartition('/')[2]} {row.record_offset}"


def _about(row: RightsSignal, use: Use) -> str | None:
    """Return a row's verdict about a use; that of `robots_txt` and `ai_txt` is for the root of the site."""
    value = row.value or ""
    if row.signal == "rsl" and row.rule is not None and row.note is None:
        return rsl_verdict(value, use)
    if use in _COVERED.get(row.signal, ("train",)) or row.signal == "rsl":
        return row.verdict
    verdict = verdict_of(row.signal, value, use)
    is_doubtful = verdict is not None and row.note is not None and row.signal in PREFERENCES.values()
    return UNKNOWN if is_doubtful else verdict


def _by_rules(row: RightsSignal, path: str) -> str | None:
    """Return the verdict of an agent's rules about a path. ai.txt allows only by an `Allow` for it."""
    if row.value is None or row.verdict is None:
        # No rules were read: the verdict of the root counts.
        return row.verdict
    if is_cut(row.note):
        return UNKNOWN
    groups = row.value.split(OR)
    verdict = agreed(ALLOWED if _lets_in(group, path) else RESERVED for group in groups)
    if (
        row.signal == "ai_txt"
        and verdict == ALLOWED
        and not all(_rules(each).allowing(path) for each in groups)
    ):
        return None
    return verdict


def _of_file(
    at: datetime, rows: Sequence[RightsSignal], place: RobotsUrl, agent: str, use: Use = "train"
) -> Declaration:
    found = list[tuple[RightsSignal, str | None]]()
    specific: dict[str, list[RightsSignal]] = defaultdict(list)
    # The agent's own groups count, or else those for any agent.
    own = any(row.signal in RULE_FILES and (row.agent or "").lower() == agent.lower() for row in rows)
    group = agent.lower() if own else ANY_AGENT
    for row in rows:
        if row.signal in RULE_FILES and row.agent and row.agent.lower() == group:
            if use in (uses_of(agent) if row.signal == "robots_txt" else ("train",)):
                found.append((row, _by_rules(row, place.path)))
        elif row.signal == "left_out":
            # Without a verdict: only rules for further agents were left out.
            found.append((row, row.verdict if own else UNKNOWN))
        elif row.signal in _BY_PATH and (row.agent is None or row.agent.lower() == group):
            if row.path is None or is_cut(row.note):
                found.append((row, UNKNOWN))
            # A remark about the whole file, or a line of robots.txt outside any group.
            elif row.scope == "host" if row.signal in _REMARKED else row.agent is None:
                found.append((row, _about(row, use)))
            elif _covers(row.path, place.path):
                specific[row.signal].append(row)
    for signal, named in specific.items():
        if signal == "tdm_reservation":
            # The first rule counts. Rows without a number have an unknown order, so they must agree.
            least = min(row.rule or 0 for row in named)
            first = [row for row in named if (row.rule or 0) == least]
            found.append((first[0], agreed([_about(row, use) for row in first])))
        else:
            found.append(_longest(named, use))
    return _counted(at, [Declaration(at, verdict, row) for row, verdict in found], rows[0])


def _covers(pattern: str, path: str) -> bool:
    return not RobotsGroup([("disallow", pattern)]).allows(path)


def _counted(at: datetime, declared: Sequence[Declaration], row: RightsSignal | None = None) -> Declaration:
    """Return the declaration of a capture that counts, with all of them; `row`: its row if there is none."""
    return replace(strongest(declared) or Declaration(at, None, row), forms=tuple(declared))


def _longest(rows: Sequence[RightsSignal], use: Use) -> tuple[RightsSignal, str | None]:
    """Return the preference that counts: that of the longest path, in bytes of its encoded form.

    If those of equally long paths differ, the most restrictive counts for AIPREF and RSL; for Content-Signal,
    which has no such rule, the verdict is unknown.
    """
    lengths = [octets(row.path or "") for row in rows]
    nearest = [row for row, length in zip(rows, lengths, strict=True) if length == max(lengths)]
    by_verdict: dict[str | None, RightsSignal] = {
        verdict: row for row in reversed(nearest) if (verdict := _about(row, use))
    }
    if len(by_verdict) > 1 and not (nearest[0].signal in _RESTRICTIVE and RESERVED in by_verdict):
        return nearest[0], UNKNOWN
    verdict = RESERVED if RESERVED in by_verdict else next(iter(by_verdict), None)
    return by_verdict.get(verdict, nearest[0]), verdict


@lru_cache(maxsize=1024)
def _lets_in(group: str, path: str) -> bool:
    return _rules(group).allows(path)


@lru_cache(maxsize=1024)
def _rules(value: str) -> RobotsGroup:
    return RobotsGroup(lines_of(value))
