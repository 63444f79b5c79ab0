"""Rows of `rights_signals` as declarations about one page, to one agent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from presswatch_spark.rights.declaration import ALLOWED, RESERVED, UNKNOWN, Place, agreed, is_cut, place_of
from presswatch_spark.rights.declaring_files import applies_to
from presswatch_spark.rights.relation import Declaration, may_be_one, second, sides_of, strongest
from presswatch_spark.rights.robots import Rules, allows, lines_of, octets, readings_of, rules_of

Row = Mapping[str, Any]

LEFT_OUT = "left_out"
ROBOTS_FILE, TDM_FILE = "/robots.txt", "/.well-known/tdmrep.json"
_BY_RULES = frozenset(("robots_txt", "ai_txt"))
TDMREP = "tdm_reservation"
_BY_PATH = frozenset((TDMREP, "content_usage", "content_signal"))
_STATED = frozenset((RESERVED, ALLOWED))


class Declared:
    """What was declared, by site and by page. Rows without time, and rows that are there twice, do not count.

    Takes rows in any order; holds those that may decide something.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        files: dict[tuple[str, str], dict[tuple[datetime, str], list[Row]]] = {}
        self._pages: dict[tuple[str, datetime], list[Row]] = defaultdict(list)
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
        """Yield the declarations about a page that was captured at `at`: of each source, in order of time.

        Of a file, those are the last up to that moment and the first from it on: others decide nothing.
        TDMRep's own order holds: what a page says in its metas counts, else in its headers, else what the
        file of the site says.
        """
        place = place_of(url)
        of_second = self._pages.get((url, second(at)), ())
        records: dict[str, list[Row]] = defaultdict(list)
        for row in of_second:
            if may_be_one(row["captured_at"], at) and applies_to(row["agent"], agent):
                records[record_of(row)].append(row)
        reserved = [_tdmrep_of(rows) for rows in records.values()]
        others = [[row for row in rows if row["signal"] != TDMREP] for rows in records.values()]
        yield [Declaration(at, verdict, row) for row, verdict in reserved if row]
        told = (strongest(Declaration(at, row["verdict"], row) for row in rows) for rows in others)
        yield [declaration for declaration in told if declaration]
        superseded = any(row and row["verdict"] in _STATED for row, _ in reserved)
        if place is None:
            return
        for file in (ROBOTS_FILE, "/ai.txt", "/.well-known/ai.txt", TDM_FILE):
            if not (file == TDM_FILE and superseded):
                captures = self._files.get((place.origin, file), ())
                nearest = [captures[k] for k in sides_of(at, [moment for moment, _ in captures])]
                yield [_of_file(moment, rows, place, agent) for moment, rows in nearest]

    def has_robots(self, url: str) -> bool:
        """Whether robots.txt of a page's site was asked for at any time, whatever the answer was."""
        place = place_of(url)
        return place is not None and (place.origin, ROBOTS_FILE) in self._files


def record_of(row: Row) -> str:
    """What tells records apart: the id, or of ARC, which has none, file and offset; a mirror has the same."""
    return row["record_id"] or f"{row['shard_uri'].rpartition('/')[2]} {row['record_offset']}"


def _of_file(at: datetime, rows: Sequence[Row], place: Place, agent: str) -> Declaration:
    """What one capture of a file says of a page."""
    said = [Declaration(at, verdict, row) for row, verdict in _verdicts(rows, place.path, agent)]
    return strongest(said) or Declaration(at, None, rows[0])


def _tdmrep_of(rows: Sequence[Row]) -> tuple[Row | None, str | None]:
    """What one response reserves by TDMRep, and the row that says so: its metas, else its headers.

    Other values than 0 and 1 are errors that leave it unset: they supersede nothing, and are in doubt where
    they stand alone. Of values that differ, none is chosen.
    """
    told = [row for row in rows if row["signal"] == TDMREP]
    for source in ("meta", "header"):
        stated = [row for row in told if row["source"] == source and row["verdict"] in _STATED]
        if stated:
            return stated[0], agreed([row["verdict"] for row in stated])
    return (told[0], UNKNOWN) if told else (None, None)


def _verdicts(rows: Sequence[Row], path: str, agent: str) -> Iterator[tuple[Row, str | None]]:
    """Rows that are about a path and an agent, with their verdicts."""
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
            elif _matches(row["path"], path):
                specific[row["signal"]].append(row)
    for signal, named in specific.items():
        yield _first(named) if signal == TDMREP else _longest(named)


def _is_no_rule(row: Row) -> bool:
    """Whether a row is about a tdmrep.json as a whole, or a line outside any group."""
    return row["scope"] == "host" if row["signal"] == TDMREP else row["agent"] is None


def _first(rows: Sequence[Row]) -> tuple[Row, str | None]:
    """TDMRep: the most specific match is the first in sequence. If the order is not known, none is chosen."""
    least = min(row["rule"] or 0 for row in rows)
    nearest = [row for row in rows if (row["rule"] or 0) == least]
    return nearest[0], agreed([row["verdict"] for row in nearest])


def _longest(rows: Sequence[Row]) -> tuple[Row, str | None]:
    """Preferences: the longest path counts, in bytes of its encoded form; equal ones are taken together.

    Of AIPREF's that differ, the most restrictive does; of Content-Signal's, which has no such rule, none.
    """
    lengths = [octets(row["path"]) for row in rows]
    nearest = [row for row, length in zip(rows, lengths, strict=True) if length == max(lengths)]
    by_verdict = {row["verdict"]: row for row in reversed(nearest) if row["verdict"]}
    if len(by_verdict) > 1 and not (nearest[0]["signal"] == "content_usage" and RESERVED in by_verdict):
        return nearest[0], UNKNOWN
    verdict = RESERVED if RESERVED in by_verdict else next(iter(by_verdict), None)
    return by_verdict.get(verdict, nearest[0]), verdict


def _by_rules(row: Row, path: str) -> str | None:
    """The verdict of stored rules for a path; that of the root counts only where no rules were read."""
    if row["value"] is None or row["verdict"] is None:
        return str(row["verdict"]) if row["verdict"] else None
    if is_cut(row["note"]):
        return UNKNOWN
    return agreed([ALLOWED if _lets_in(value, path) else RESERVED for value in readings_of(row["value"])])


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern of robots.txt is about a path."""
    return not allows(rules_of([("disallow", pattern)]), path)


@lru_cache(maxsize=64)
def _lets_in(value: str, path: str) -> bool:
    """Whether stored rules allow a path; agents that share a group are asked for one after the other."""
    return allows(_rules(value), path)


@lru_cache(maxsize=1024)
def _rules(value: str) -> Rules:
    return rules_of(lines_of(value))
