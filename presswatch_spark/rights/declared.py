"""From rows of `rights_signals` to the declarations about one page, to one agent."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from presswatch_spark.rights.declaration import (
    ALLOWED,
    RESERVED,
    UNKNOWN,
    RobotsUrl,
    agreed,
    is_cut,
    place_of,
)
from presswatch_spark.rights.declaring_files import applies_to
from presswatch_spark.rights.relation import Declaration, may_be_one, second, sides_of, strongest
from presswatch_spark.rights.robots import OR, RobotsGroup, allows, lines_of, octets

Row = Mapping[str, Any]

PageCapture = tuple[datetime, Sequence[Row]]
"""When a page was captured, and the rows of that record: what it declares."""

LEFT_OUT = "left_out"
ROBOTS_FILE, TDM_FILE = "/robots.txt", "/.well-known/tdmrep.json"
_FILES = (ROBOTS_FILE, "/ai.txt", "/.well-known/ai.txt", TDM_FILE)
# The columns by which a row of a file decides about a page.
_DECIDING = ("signal", "agent", "value", "note", "scope", "path", "rule", "verdict")
_BY_RULES = frozenset(("robots_txt", "ai_txt"))
TDMREP = "tdm_reservation"
_BY_PATH = frozenset((TDMREP, "content_usage", "content_signal"))
_STATED = frozenset((RESERVED, ALLOWED))


class Declared:
    """All declarations, by site and by page. Rows without time, and rows that are there twice, do not count.

    Takes rows in any order, and holds those that may decide something.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        files: dict[tuple[str, str], dict[tuple[datetime, str], list[Row]]] = {}
        self._pages: dict[tuple[str, datetime], list[Row]] = defaultdict(list)
        self._contents: dict[str, list[PageCapture]] = {}
        seen = set[str]()
        for row in rows:
            if row["captured_at"] is None or row["row_sha256"] in seen:
                continue
            seen.add(row["row_sha256"])
            if row["scope"] == "page":
                if row["verdict"] is not None:
                    self._pages[row["document_url"], second(row["captured_at"])].append(row)
            elif place := place_of(row["document_url"]):
                captures = files.setdefault((place.origin, place.path), {})
                captures.setdefault((row["captured_at"], record_of(row)), []).append(row)
        self._files = {
            key: [(at, captures[at, record]) for at, record in sorted(captures)]
            for key, captures in files.items()
        }

    def about(self, url: str, at: datetime, agent: str) -> Iterator[Sequence[Declaration]]:
        """Yield the declarations about a page that was captured at `at`, for each source, in order of time.

        Of a file's declarations, the last up to that moment and the first from it on decide; others do not.
        TDMRep has an order of its own: a page's metas count before its headers, and these before the file of
        the site.
        """
        of_second = self._pages.get((url, second(at)), ())
        records: dict[str, list[Row]] = defaultdict(list)
        for row in of_second:
            if may_be_one(row["captured_at"], at) and applies_to(row["agent"], agent):
                records[record_of(row)].append(row)
        reserved = [_tdmrep_of(rows) for rows in records.values()]
        others = [[row for row in rows if row["signal"] != TDMREP] for rows in records.values()]
        yield [Declaration(at, verdict, row) for row, verdict in reserved if row]
        of_records = (strongest(Declaration(at, row["verdict"], row) for row in rows) for rows in others)
        yield [declaration for declaration in of_records if declaration]
        yield from self._of_site(url, at, agent, any(_is_stated(row) for row, _ in reserved))

    def around(
        self, url: str, at: datetime, agent: str, pages: Sequence[PageCapture]
    ) -> Iterator[Sequence[Declaration]]:
        """As `about`, for a moment at which the page itself need not have been captured.

        Args:
            pages: all captures of the page that were read, by time. The last up to the moment and the first
                from it on decide; one without rows says nothing.
        """
        nearest = [pages[k] for k in sides_of(at, [moment for moment, _ in pages])]
        addressed = [
            (moment, [row for row in rows if applies_to(row["agent"], agent)]) for moment, rows in nearest
        ]
        yield [_of_page(moment, rows) for moment, rows in addressed]
        yield from self._of_site(
            url, at, agent, any(_is_stated(_tdmrep_of(rows)[0]) for _, rows in addressed)
        )

    def page_rows(self) -> Iterator[Row]:
        """Yield the rows about pages, in no order."""
        for rows in self._pages.values():
            yield from rows

    def moments(self, url: str) -> list[datetime]:
        """Return when the files that declare for a page's site were captured, in no order."""
        place = place_of(url)
        files = (self._files.get((place.origin, file), ()) for file in _FILES) if place else ()
        return [moment for captures in files for moment, _ in captures]

    def standing(self, url: str, agent: str) -> tuple[str, tuple[str | None, ...]] | None:
        """Return a key of all that the files of a page's site say of the page, at whatever time.

        Pages with the same key have the same answers, if nothing was declared by them alone. It is the site,
        with the verdict of each of its files' contents. None if the URL is none.
        """
        place = place_of(url)
        if place is None:
            return None
        if place.origin not in self._contents:
            self._contents[place.origin] = self._distinct(place.origin)
        captures = self._contents[place.origin]
        verdicts = (_of_file(moment, rows, place, agent).verdict for moment, rows in captures)
        return place.origin, tuple(verdicts)

    def _distinct(self, origin: str) -> list[PageCapture]:
        """Return a capture of each content that the files of a site ever had."""
        contents: dict[tuple[object, ...], PageCapture] = {}
        for file in _FILES:
            for moment, rows in self._files.get((origin, file), ()):
                said = tuple(tuple(row[name] for name in _DECIDING) for row in rows)
                contents.setdefault((file, said), (moment, rows))
        return list(contents.values())

    def _of_site(
        self, url: str, at: datetime, agent: str, superseded: bool
    ) -> Iterator[Sequence[Declaration]]:
        """Yield the declarations of the files of a page's site around a moment.

        Args:
            superseded: whether TDMRep of the page itself counts before that of the site.
        """
        place = place_of(url)
        if place is None:
            return
        for file in _FILES:
            captures = self._files.get((place.origin, file))
            if captures and not (file == TDM_FILE and superseded):
                nearest = [captures[k] for k in sides_of(at, [moment for moment, _ in captures])]
                yield [_of_file(moment, rows, place, agent) for moment, rows in nearest]

    def has_robots(self, url: str) -> bool:
        """Whether a crawler ever asked for robots.txt of a page's site, whatever the answer was."""
        place = place_of(url)
        return place is not None and (place.origin, ROBOTS_FILE) in self._files


def record_of(row: Row) -> str:
    """Return the key of a row's record, the same in a mirror: its id, or file and offset if it has none."""
    return row["record_id"] or f"{row['shard_uri'].rpartition('/')[2]} {row['record_offset']}"


def _of_file(at: datetime, rows: Sequence[Row], place: RobotsUrl, agent: str) -> Declaration:
    declarations = [Declaration(at, verdict, row) for row, verdict in _verdicts(rows, place.path, agent)]
    return strongest(declarations) or Declaration(at, None, rows[0])


def _of_page(at: datetime, rows: Sequence[Row]) -> Declaration:
    """Return what one capture of a page declares by itself."""
    row, verdict = _tdmrep_of(rows)
    declared = [Declaration(at, verdict, row)] if row else []
    declared += [Declaration(at, each["verdict"], each) for each in rows if each["signal"] != TDMREP]
    return strongest(declared) or Declaration(at, None)


def _is_stated(row: Row | None) -> bool:
    """Whether a row of TDMRep has one of its values."""
    return row is not None and row["verdict"] in _STATED


def _tdmrep_of(rows: Sequence[Row]) -> tuple[Row | None, str | None]:
    """Return TDMRep's row and verdict of one response: of its metas, else of its headers.

    Values other than 0 and 1 are errors that leave the verdict unset: they supersede nothing, and alone they
    are in doubt. If values differ, none is chosen.
    """
    reservations = [row for row in rows if row["signal"] == TDMREP]
    for source in ("meta", "header"):
        stated = [row for row in reservations if row["source"] == source and row["verdict"] in _STATED]
        if stated:
            return stated[0], agreed([row["verdict"] for row in stated])
    return (reservations[0], UNKNOWN) if reservations else (None, None)


def _verdicts(rows: Sequence[Row], path: str, agent: str) -> Iterator[tuple[Row, str | None]]:
    """Yield the rows that are about a path and an agent, each with its verdict."""
    specific: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["signal"] in _BY_RULES and row["agent"] == agent:
            yield row, _by_rules(row, path)
        elif row["signal"] == LEFT_OUT:
            yield row, UNKNOWN
        elif row["signal"] in _BY_PATH and row["agent"] in (None, agent):
            if row["path"] is None or is_cut(row["note"]):
                yield row, UNKNOWN
            elif _is_no_rule(row):
                yield row, row["verdict"]
            elif not allows(RobotsGroup([("disallow", row["path"])]), path):  # its pattern is about the path
                specific[row["signal"]].append(row)
    for signal, named in specific.items():
        yield _first(named) if signal == TDMREP else _longest(named)


def _is_no_rule(row: Row) -> bool:
    """Whether a row is about a tdmrep.json as a whole, or a line outside any group."""
    return row["scope"] == "host" if row["signal"] == TDMREP else row["agent"] is None


def _first(rows: Sequence[Row]) -> tuple[Row, str | None]:
    """Return TDMRep's most specific match: the first rule. If the order is not known, none is chosen."""
    least = min(row["rule"] or 0 for row in rows)
    nearest = [row for row in rows if (row["rule"] or 0) == least]
    return nearest[0], agreed([row["verdict"] for row in nearest])


def _longest(rows: Sequence[Row]) -> tuple[Row, str | None]:
    """Return the preference that counts: that of the longest path, in bytes of its encoded form.

    If paths are equally long and differ, the most restrictive of AIPREF's counts; Content-Signal has no such
    rule, so none of its does.
    """
    lengths = [octets(row["path"]) for row in rows]
    nearest = [row for row, length in zip(rows, lengths, strict=True) if length == max(lengths)]
    by_verdict = {row["verdict"]: row for row in reversed(nearest) if row["verdict"]}
    if len(by_verdict) > 1 and not (nearest[0]["signal"] == "content_usage" and RESERVED in by_verdict):
        return nearest[0], UNKNOWN
    verdict = RESERVED if RESERVED in by_verdict else next(iter(by_verdict), None)
    return by_verdict.get(verdict, nearest[0]), verdict


def _by_rules(row: Row, path: str) -> str | None:
    """Return the verdict of stored rules for a path; that of the root counts only if no rules were read."""
    if row["value"] is None or row["verdict"] is None:
        return str(row["verdict"]) if row["verdict"] else None
    if is_cut(row["note"]):
        return UNKNOWN
    return agreed([ALLOWED if _lets_in(value, path) else RESERVED for value in row["value"].split(OR)])


@lru_cache(maxsize=64)
def _lets_in(value: str, path: str) -> bool:
    """Whether stored rules allow a path; cached, since agents that share a group ask one after the other."""
    return allows(_rules(value), path)


@lru_cache(maxsize=1024)
def _rules(value: str) -> RobotsGroup:
    return RobotsGroup(lines_of(value))
