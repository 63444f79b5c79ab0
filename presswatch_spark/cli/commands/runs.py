"""`presswatch runs`: the published runs and censuses, and those that are not finished."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import click

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.language import ENGLISH, Language
from presswatch_spark.cli.options import as_json, print_lines, scan_settings, storage_options, tell_total
from presswatch_spark.cli.replies import Export, ReplyScreen, export_option, require_new, screen_options
from presswatch_spark.terminal import fits, json_line, printable, table_lines, terminal_width

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
# What the next command needs to be told.
WHOLE_COLUMNS = ("run_id",)


@click.command()
@click.argument("tables")
@as_json
@export_option
@screen_options()
@storage_options
def runs(tables: str, as_json: bool, export: Export | None, screen: ReplyScreen, **flags: Any) -> None:
    """List the published runs and censuses, and those that are not finished.

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

    storage, _ = scan_settings(flags).storage, screen.language
    require_new(export, storage)
    store = TableStore.open(tables, storage)
    # What is published between the two looks is listed once, as what it was at the first.
    unfinished = list(unfinished_runs(store))
    begun = {run.begun.run_id: run for run in unfinished if isinstance(run, UnfinishedRun)}
    published = {
        by: [row for row in store.rows(by) if row["run_id"] not in begun]
        for by in ("runs", "censuses", "derivations", "tombstones")
    }
    start = itemgetter("started_at")
    if export:
        export.write(SCHEMAS["runs"], sorted(published["runs"], key=start), storage, _)
    elif as_json:
        screen.show(map(json_line, sorted(published["runs"], key=start)))
    else:
        scans, censuses = (
            sorted([*published[by], *(run.row() for run in begun.values() if run.begun.by == by)], key=start)
            for by in ("runs", "censuses")
        )
        screen.show(run_lines(scans, censuses, _))
        counts = [_.n("{n} run", "{n} runs", len(published["runs"]))]
        counts += [_("{runs} not finished", runs=_.number(len(begun)))] if begun else []
        if count := len(published["censuses"]):
            counts.append(_.n("{n} census", "{n} censuses", count))
        if count := len(published["derivations"]):
            counts.append(_.n("{n} derived table", "{n} derived tables", count))
        if count := len(published["tombstones"]):
            counts.append(_.n("{n} removal", "{n} removals", count))
        tell_total(", ".join(counts))
    print_lines((run.note() for run in unfinished), err=True)
    if not any(isinstance(run, DamagedRun) for run in unfinished):
        for run_id in sorted(store.unpublished().keys() - begun.keys()):
            click.echo(f"files of {run_id} lie in the tables, and no row publishes it: not read", err=True)
    if damage := list(store.damage()):
        print_lines((f"error: {printable(str(error))}" for error in damage), err=True)
        raise click.exceptions.Exit(1)


def run_lines(
    runs: Sequence[Mapping[str, Any]], censuses: Sequence[Mapping[str, Any]], _: Language = ENGLISH
) -> Iterator[str]:
    """Runs, then censuses, as tables."""
    width = terminal_width()
    notes = [
        f"{row['run_id']}: {line}" for row in runs for line in (_passes(row, _), gate_line(row, _)) if line
    ]
    for columns, listed in ((RUN_COLUMNS, runs), (CENSUS_COLUMNS, censuses)):
        if not listed and (columns is CENSUS_COLUMNS or censuses):
            continue
        if width is None:
            yield from table_lines(_.names(columns), _cells(columns, listed, _), None)
        else:
            yield from _run_table(columns, listed, width, _)
    yield from notes


def _passes(row: Mapping[str, Any], _: Language) -> str | None:
    """Return in how many passes the index was searched; None if in one, or if that is not known."""
    passes = row.get("passes") or 1
    return _("the index was searched in {passes} passes", passes=_.number(passes)) if passes > 1 else None


def _run_table(
    columns: Sequence[str], listed: Sequence[Mapping[str, Any]], width: int, _: Language
) -> Iterator[str]:
    """For a terminal. What tells runs apart is never cut: what does not fit is left out, and that is said."""
    rows = [
        {**row, "shards": _shards(row, _)}
        | {name: _.number(row[name]) for name in COUNTS if row.get(name) is not None}
        for row in listed
    ]
    begun = ((row, str(row.get("table_digest") or "")[:DIGEST_DIGITS]) for row in rows)
    short = [{**row, "table_digest": digest and f"{digest}…"} for row, digest in begun]
    names = ["shards" if name == "shards_complete" else name for name in columns if name != "shards_planned"]
    if not any(row.get("sample") for row in rows):
        names = [name for name in names if name != "sample"]

    def fit(listed: Sequence[Mapping[str, Any]]) -> bool:
        headers = _.names(names)
        return fits(headers, _cells(names, listed, _), width, headers)

    shown = rows if fit(rows) else short
    dropped = []
    for name in DISPENSABLE:
        if name in names and not fit(shown):
            dropped.append(name)
            names.remove(name)
    whole = (*WHOLE_COLUMNS, "release")
    wrapped = _.names(name for name in names if name not in whole)
    yield from table_lines(_.names(names), _cells(names, shown, _), width, _.names(whole), wrapped)
    if dropped:
        left_out = ", ".join(_.names(dropped))
        yield _("not shown in {width} columns: {names} (--json has all)", width=width, names=left_out)


def _cells(names: Sequence[str], rows: Iterable[Mapping[str, Any]], _: Language) -> list[list[object]]:
    return [
        [_cell(name, shown.get(name), _) for name in names]
        for shown in (_cells_of_finished(row, _) for row in rows)
    ]


def _cells_of_finished(row: Mapping[str, Any], _: Language) -> Mapping[str, Any]:
    """Return a run with words for what its shards do not share."""
    if not isinstance(row.get("finished_at"), datetime):
        return row
    several = {"dataset": _("several"), "release": _("none or several")}
    return {**row, **{name: word for name, word in several.items() if name in row and row[name] is None}}


def _cell(name: str, value: object, _: Language) -> object:
    if name == "finished_at" and isinstance(value, str):
        return _.name(value)
    return _.cell(value) if _.is_french and not isinstance(value, int) else value


def _shards(row: Mapping[str, Any], _: Language) -> str:
    complete, planned = row.get("shards_complete"), row.get("shards_planned")
    if planned is None:
        return _.number(complete or 0)
    if complete == planned:
        return _("all {planned}", planned=_.number(planned))
    return _("{complete} of {planned}", complete=_.number(complete or 0), planned=_.number(planned))


def gate_line(row: Mapping[str, Any], _: Language = ENGLISH) -> str | None:
    """Return what a row of `runs` says of the audit of its language gate; None if none was asked for."""
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
