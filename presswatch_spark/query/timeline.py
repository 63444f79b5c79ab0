"""Timeline of a title: when captures first and last showed each declaration of its sites."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import pyarrow.compute as pc

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.terminal import did_you_mean, printable
from presswatch_spark.matching.rights.declaration import agreed, place_of
from presswatch_spark.matching.rights.in_force import record_of
from presswatch_spark.query.reservations import DECISIVE
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.store import TableStore

_Form = tuple[str | None, ...]
_Moment = tuple[datetime, str]

POLICIES = ("tdm_policy", "rsl", "license")
"""Signals without a verdict of their own that lead to a licence or a policy."""


@dataclass(frozen=True, slots=True)
class Period:
    """Consecutive captures of a file with the same declaration, or all captures of pages with it.

    `origin`: scheme, host and port of the file or pages. `captures`: their number. The other columns are
    those of `rights_signals`. Nothing is known about the time between two periods.
    """

    origin: str
    signal: str
    source: str
    agent: str | None
    path: str | None
    verdict: str | None
    value: str | None
    note: str | None
    first_at: datetime
    last_at: datetime
    captures: int


def timeline(store: TableStore, title_id: str) -> list[Period]:
    """Return the periods of a title's declarations in all published runs, by origin, form and time.

    Declarations of a host that several titles share count for each title with a page there. Raises
    `InputError` if no declaration is of the title.
    """
    wanted = DECISIVE | pc.field("signal").isin(POLICIES)
    signals = store.open_table("rights_signals").to_table(filter=wanted)
    rows = list(RightsSignal.from_batches(signals))
    hosts = {row.host for row in rows if row.title_id == title_id}
    if not hosts:
        known = sorted({row.title_id for row in rows if row.title_id})
        what = f"no declaration in these tables is of the title {title_id}{did_you_mean(title_id, known)}"
        remedy = "scan the WARC files of its pages, and those of robots.txt"
        raise InputError(printable(what), where=str(store.root), remedy=remedy)

    forms = defaultdict[_Form, dict[_Moment, dict[str, RightsSignal]]](dict)
    of_files = defaultdict[_Form, set[_Moment]](set)
    for row in rows:
        is_of_title = row.title_id == title_id or (row.title_id is None and row.host in hosts)
        place = place_of(row.document_url)
        if is_of_title and place and row.captured_at is not None:
            moment, is_file = (row.captured_at, record_of(row)), row.source == "file"
            file = (place.origin, place.path if is_file else None)
            form: _Form = (*file, row.signal, row.source, row.agent, row.path, None if is_file else row.value)
            # A capture may be scanned in several runs: count each row once.
            forms[form].setdefault(moment, {})[row.row_sha256] = row
            of_files[file].add(moment)
    periods = list[Period]()
    for key, captures in forms.items():
        # A capture of the file without the declaration ends a period; pages may differ at all times.
        moments = of_files[key[:2]] if key[1] else captures
        periods += _periods(str(key[0]), [[*captures.get(each, {}).values()] for each in sorted(moments)])
    return sorted(periods, key=_order)


def _order(period: Period) -> tuple[object, ...]:
    form = (period.origin, period.signal, period.source, period.path or "")
    return (*form, period.first_at, period.agent or "", period.value or "")


def _periods(origin: str, captures: Sequence[Sequence[RightsSignal]]) -> Iterator[Period]:
    """Yield the periods of one form, from its rows in each capture by time."""

    def content(rows: Sequence[RightsSignal]) -> tuple[str | None, str | None] | None:
        if not rows:
            return None
        values = dict.fromkeys(row.value for row in rows if row.value is not None)
        return agreed(row.verdict for row in rows), "\n".join(values) if values else None

    for found, group in groupby(captures, key=content):
        if found:
            series = list(group)
            first = series[0][0]
            times = [rows[0].captured_at for rows in series if rows[0].captured_at]
            form = {name: getattr(first, name) for name in ("signal", "source", "agent", "path", "note")}
            yield Period(
                origin,
                verdict=found[0],
                value=found[1],
                first_at=times[0],
                last_at=times[-1],
                captures=len(times),
                **form,
            )


def by_agents(periods: Sequence[Period]) -> list[tuple[Period, list[str]]]:
    """Return periods that differ only in the agent as one, each with these agents."""
    agents = defaultdict[Period, list[str]](list)
    for period in periods:
        agents[replace(period, agent=None)] += [period.agent] if period.agent else []
    return list(agents.items())
