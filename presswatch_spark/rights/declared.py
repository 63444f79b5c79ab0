"""Rows of `rights_signals` as declarations about one page, to one agent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from protego import Protego

from presswatch_spark.rights.files import applies_to
from presswatch_spark.rights.model import ALLOWED, RESERVED, UNKNOWN, is_cut
from presswatch_spark.rights.origins import Place, place_of
from presswatch_spark.rights.relation import Declaration, may_be_one, second, sides_of, strongest
from presswatch_spark.rights.robots import allows, lines_of, rules_of

Row = Mapping[str, Any]

LEFT_OUT = "left_out"
TDM_FILE = "/.well-known/tdmrep.json"
_BY_RULES = frozenset(("robots_txt", "ai_txt"))
_BY_PATH = frozenset(("tdm_reservation", "content_usage", "content_signal"))


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
        now = [row for row in of_second if may_be_one(row["captured_at"], at)]
        own = [row for row in now if applies_to(row["agent"], agent)]
        reserved = [row for row in own if row["signal"] == "tdm_reservation"]
        metas = [row for row in reserved if row["source"] == "meta"]
        for rows in (metas or reserved, [row for row in own if row["signal"] != "tdm_reservation"]):
            by_record: dict[str, list[Declaration]] = defaultdict(list)
            for row in rows:
                by_record[record_of(row)].append(Declaration(at, row["verdict"], row))
            yield [counted for told in by_record.values() if (counted := strongest(told))]
        if place is None:
            return
        for file in ("/robots.txt", "/ai.txt", "/.well-known/ai.txt", TDM_FILE):
            if not (file == TDM_FILE and reserved):
                captures = self._files.get((place.origin, file), ())
                nearest = [captures[k] for k in sides_of(at, [moment for moment, _ in captures])]
                yield [_of_file(moment, rows, place, agent) for moment, rows in nearest]


def record_of(row: Row) -> str:
    """What tells records apart: the id, or of ARC, which has none, file and offset; a mirror has the same."""
    return row["record_id"] or f"{row['shard_uri'].rpartition('/')[2]} {row['record_offset']}"


def _of_file(at: datetime, rows: Sequence[Row], place: Place, agent: str) -> Declaration:
    """What one capture of a file says of a page."""
    said = [Declaration(at, verdict, row) for row, verdict in _verdicts(rows, place.path, agent)]
    return strongest(said) or Declaration(at, None, rows[0])


def _verdicts(rows: Sequence[Row], path: str, agent: str) -> Iterator[tuple[Row, str | None]]:
    """Rows that are about a path and an agent, with their verdicts."""
    specific: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["signal"] in _BY_RULES and row["agent"] == agent:
            yield row, _by_rules(row, path)
        elif row["signal"] == LEFT_OUT:
            yield row, UNKNOWN
        elif row["signal"] in _BY_PATH and row["agent"] in (None, agent):
            unread = row["verdict"] == UNKNOWN and row["value"] is None
            if unread or row["path"] is None or is_cut(row["note"]):
                yield row, UNKNOWN
            elif _matches(row["path"], path):
                specific[row["signal"]].append(row)
    for named in specific.values():
        # As Google reads patterns: the longest counts. Of equals that differ, none is chosen.
        longest = max(len(row["path"]) for row in named)
        nearest = [row for row in named if len(row["path"]) == longest]
        verdicts = {row["verdict"] for row in nearest}
        yield nearest[0], verdicts.pop() if len(verdicts) == 1 else UNKNOWN


def _by_rules(row: Row, path: str) -> str | None:
    """The verdict of stored rules for a path; that of the root counts only where no rules were read."""
    if row["verdict"] == UNKNOWN or is_cut(row["note"]):
        return UNKNOWN
    if row["value"] is None:
        return str(row["verdict"]) if row["verdict"] else None
    return ALLOWED if _lets_in(row["value"], path) else RESERVED


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern of robots.txt is about a path."""
    return not allows(rules_of([("disallow", pattern)]), path)


@lru_cache(maxsize=64)
def _lets_in(value: str, path: str) -> bool:
    """Whether stored rules allow a path; agents that share a group are asked for one after the other."""
    return allows(_rules(value), path)


@lru_cache(maxsize=1024)
def _rules(value: str) -> Protego:
    return rules_of(lines_of(value))
