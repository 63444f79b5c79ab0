"""`presswatch runs`: the published runs and censuses, and those that are not finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.options import STORAGE, argument
from presswatch_spark.cli.replies import (
    AS_JSON,
    ENGLISH,
    FAILED,
    Language,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
)
from presswatch_spark.terminal import fits, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.settings.config import ScanConfig

RUN_COLUMNS = (
    "run_id", "finished_at", "dataset", "release", "sample", "shards_planned", "shards_complete", "documents",
    "matches", "table_digest",
)  # fmt: skip
CENSUS_COLUMNS = (
    "run_id", "finished_at", "release", "shards_planned", "shards_complete", "rows", "captures",
    "table_digest",
)  # fmt: skip
# What a narrow terminal does without, the first first: the id says when a run began.
DISPENSABLE = ("documents", "finished_at", "rows")
COUNTS = ("documents", "rows", "matches", "captures")
DIGEST_DIGITS = 8

Row = Mapping[str, Any]


@command("runs", json=AS_JSON, export=True, lang="en", pager=True, settings=STORAGE)
def runs(*, tables: str = argument(), form: ReplyForm, settings: ScanConfig) -> Reply:
    """List the published runs, and those that are not finished.

    TABLES is the folder that a scan was given as --out. As JSON, and in a file, only published runs of scans
    are listed; how to go on with an unfinished one, or to drop it, is said on stderr. On S3, a run whose
    process was killed is watched for its lease (a minute) before it is called unfinished.

    The files of each run are held against what its row says of them: which are there, and how large. Where
    that differs, it is said on stderr, and the exit code is 1. `presswatch verify-rows` reads them, too.
    """
    leave_pandas_out()
    from presswatch_spark.runs.unfinished import DamagedRun, UnfinishedRun, unfinished_runs
    from presswatch_spark.tables.declarations import SCHEMAS
    from presswatch_spark.tables.store import TableStore

    _ = form.language
    store = TableStore.open(tables, settings.storage)
    # What is published between the two looks is listed once, as what it was at the first.
    unfinished = list(unfinished_runs(store))
    begun = {run.begun.run_id: run for run in unfinished if isinstance(run, UnfinishedRun)}
    published = {
        by: [row for row in store.rows(by) if row["run_id"] not in begun]
        for by in ("runs", "censuses", "derivations", "tombstones")
    }
    start = itemgetter("started_at")
    scans, censuses = (
        sorted([*published[by], *(run.row() for run in begun.values() if run.begun.by == by)], key=start)
        for by in ("runs", "censuses")
    )

    counts = [_.n("{n} run", "{n} runs", len(published["runs"]))]
    counts += [_("{runs} not finished", runs=_.number(len(begun)))] if begun else []
    if count := len(published["censuses"]):
        counts.append(_.n("{n} census", "{n} censuses", count))
    if count := len(published["derivations"]):
        counts.append(_.n("{n} derived table", "{n} derived tables", count))
    if count := len(published["tombstones"]):
        counts.append(_.n("{n} removal", "{n} removals", count))

    warnings = [line for run in unfinished for line in run.note().split("\n")]
    if not any(isinstance(run, DamagedRun) for run in unfinished):
        unpublished = sorted(store.unpublished().keys() - begun.keys())
        warnings += [
            f"files of {name} lie in the tables, and no row publishes it: not read" for name in unpublished
        ]
    damage = [f"error: {error}" for error in store.damage()]
    return Reply(
        lines=run_lines(scans, censuses, _),
        rows=ReplyRows(sorted(published["runs"], key=start), lambda: SCHEMAS["runs"]),
        totals=[", ".join(counts)],
        warnings=[*warnings, *damage],
        exit_code=FAILED if damage else 0,
    )


def run_lines(runs: Sequence[Row], censuses: Sequence[Row], _: Language = ENGLISH) -> Iterator[Line]:
    """Yield tables of runs and of censuses, then notes about runs."""
    width = terminal_width()
    for columns, listed in ((RUN_COLUMNS, runs), (CENSUS_COLUMNS, censuses)):
        if not listed and (columns is CENSUS_COLUMNS or censuses):
            continue
        if width is None:
            yield Table(columns, _cells(columns, listed, _))
        else:
            yield from _fitting_table(columns, listed, width, _)
    for row in runs:
        # Unknown of a run of an older version.
        if (passes := row.get("passes") or 1) > 1:
            searched = _("the index was searched in {passes} passes", passes=_.number(passes))
            yield f"{row['run_id']}: {searched}"
        if line := gate_line(row, _):
            yield f"{row['run_id']}: {line}"


def _fitting_table(columns: Sequence[str], listed: Sequence[Row], width: int, _: Language) -> Iterator[Line]:
    """Yield a table for a terminal, without the columns for which it is too narrow, and name those.

    What tells runs apart is never cut.
    """
    rows = [
        {**row, "shards": _shards(row, _)}
        | {name: _.number(row[name]) for name in COUNTS if row.get(name) is not None}
        for row in listed
    ]
    names = ["shards" if name == "shards_complete" else name for name in columns if name != "shards_planned"]
    if not any(row.get("sample") for row in rows):
        names = [name for name in names if name != "sample"]

    def fit(rows: Sequence[Row]) -> bool:
        headers = _.names(names)
        return fits(headers, _cells(names, rows, _), width, headers)

    if not fit(rows):
        begun = ((row, str(row.get("table_digest") or "")[:DIGEST_DIGITS]) for row in rows)
        rows = [{**row, "table_digest": digest and f"{digest}…"} for row, digest in begun]
    dropped = []
    for name in DISPENSABLE:
        if name in names and not fit(rows):
            dropped.append(name)
            names.remove(name)
    whole = ("run_id", "release")
    yield Table(names, _cells(names, rows, _), whole, [name for name in names if name not in whole])
    if dropped:
        left_out = ", ".join(_.names(dropped))
        yield _("not shown in {width} columns: {names} (--json has all)", width=width, names=left_out)


def _cells(names: Sequence[str], rows: Iterable[Row], _: Language) -> list[list[object]]:
    # Shards of one run may be of several datasets.
    several = {"dataset": _("several"), "release": _("none or several")}

    def cell(row: Row, name: str) -> object:
        value = row.get(name)
        if isinstance(row.get("finished_at"), datetime) and name in several and name in row and value is None:
            return several[name]
        if name == "finished_at" and isinstance(value, str):
            return _.name(value)
        return _.value(value)

    return [[cell(row, name) for name in names] for row in rows]


def _shards(row: Row, _: Language) -> str:
    complete, planned = row.get("shards_complete"), row.get("shards_planned")
    if planned is None:
        return _.number(complete or 0)
    if complete == planned:
        return _("all {planned}", planned=_.number(planned))
    return _("{complete} of {planned}", complete=_.number(complete or 0), planned=_.number(planned))


def gate_line(row: Row, _: Language = ENGLISH) -> str | None:
    """Return the audit of a run's language gate from its row of `runs`; None if none was requested."""
    if not row.get("gate_audit"):
        return None
    gated = _.number(row["gate_documents"])
    if row["gate_cost"] is None:
        return _(
            "language gate: {gated} documents left out, none of them read as an audit: what it cost is not"
            " known",
            gated=gated,
        )
    return _(
        "language gate: {gated} documents left out, {audited} of them read as an audit, {matching} with"
        " matches; so it cost {cost} documents with matches (95 %: {low} to {high})",
        gated=gated,
        audited=_.number(row["gate_audited"]),
        matching=_.number(row["gate_matching"]),
        cost=_.number(row["gate_cost"]),
        low=_.number(row["gate_cost_low"]),
        high=_.number(row["gate_cost_high"]),
    )
