"""`presswatch runs`, `sql`, `estimate`, `catalog`: published tables, and their use by other engines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.options import argument, option, refuse
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.processes import give_memory_back, leave_pandas_out
from presswatch_spark.core.terminal import block_lines, counted, fits, table_lines, terminal_width
from presswatch_spark.core.translation import n
from presswatch_spark.query.sql import ENGINE_NAMES, answer_of
from presswatch_spark.tables.catalog import DDL_ENGINES, KINDS, NAME

if TYPE_CHECKING:
    from presswatch_spark.scanning.sampling import Estimated, SampleEstimate

RUN_COLUMNS = (
    "run_id", "finished_at", "dataset", "release", "sample", "shards_planned", "shards_complete", "documents",
    "matches", "table_digest",
)  # fmt: skip
CENSUS_COLUMNS = (
    "run_id", "finished_at", "release", "shards_planned", "shards_complete", "rows", "captures",
    "table_digest",
)  # fmt: skip
LISTED = {
    "runs": RUN_COLUMNS,
    "sealed_scans": tuple("candidates" if name == "matches" else name for name in RUN_COLUMNS),
    "censuses": CENSUS_COLUMNS,
}
WHOLE_COLUMNS = ("run_id", "release")
"""Columns that identify a run, which are never cut."""
# Columns left out on a terminal narrower than `WIDE`; the run's id contains the time of its beginning.
DISPENSABLE, WIDE = ("documents", "finished_at", "rows"), 120
COUNTS = ("documents", "rows", "matches", "candidates", "captures")
OTHER_PUBLISHED = {
    "sealed_scans": n("{n} sealed scan", "{n} sealed scans"),
    "censuses": n("{n} census", "{n} censuses"),
    "derivations": n("{n} derived table", "{n} derived tables"),
    "tombstones": n("{n} removal", "{n} removals"),
}
DIGEST_DIGITS = 8
ROWS_SHOWN = 1000
BEGINS = re.compile(r"\s*(?:select|from|with|describe|show)\s", re.IGNORECASE)
"""Beginning of a query; no folder of tables begins so."""
ESTIMATE_KINDS = {
    "run_id": str, "seed": int, "listed": int, "strata": int, "read": int, "missing": int, "measure": str,
    "of": str, "seen": float, "estimate": float, "low": float, "high": float, "files": int, "files_high": int,
}  # fmt: skip
HEADERS = ("in the release", "seen", "estimate", "at least", "at most", "in shards")
BY = {"title": "title_id", "publisher": "publisher_id"}
COUNTED_BY = {"title": n("{n} title", "{n} titles"), "publisher": n("{n} publisher", "{n} publishers")}
# With fewer, limits are less reliable if few shards have most of a total; see docs/decisions/runs.md.
ENOUGH_SHARDS = 1000
HEADLINES = (
    "documents",
    "matches",
    "documents with matches, own sites",
    "documents with matches, elsewhere",
    "documents with matches, site unknown",
    "articles",
)
"""Measures that a scan shows at its end; `presswatch estimate` shows all."""
CHANGED = ("table", "added", "taken_out", "files")

Row = Mapping[str, Any]


@command("runs", json=True, export=True, lang="en", pager=True)
def runs(
    form: ReplyForm, words: tuple[str, ...] = argument("[compact] TABLES", nargs=-1, required=True)
) -> Reply:
    """List published and unfinished runs, or merge small files.

    TABLES is the --out folder of a scan. JSON and exported files contain only published runs of scans;
    stderr shows how to resume or drop an unfinished one. On S3, a run whose process was killed counts as
    running until its lease ends (a minute).

    If a published file is missing or has another size, stderr lists it, and the exit code is 1.
    `presswatch verify-rows` also compares contents.

    `presswatch runs compact TABLES` merges the files of runs below 64 MB; rows and digests stay as they are.
    Queries may run meanwhile. If it was killed, run it again.
    """
    *action, tables = words
    refuse(action not in ([], ["compact"]), "pass TABLES, or compact TABLES")
    leave_pandas_out()
    from presswatch_spark.scanning.runs.unfinished import DamagedRun, UnfinishedRun, unfinished_runs
    from presswatch_spark.tables.declarations import SCHEMAS

    _, store = form.language, form.open_tables(tables)
    if action:
        from presswatch_spark.tables.rewriting import compact

        replaced, merged = compact(store)
        names = {"files": _.n("{n} file", "{n} files", replaced), "merged": _.number(merged)}
        nothing = _("there are no small files to merge")
        return Reply(totals=[_("{files} became {merged}", **names) if merged else nothing])
    # A run may be published between these two calls: then list it once, as unfinished.
    unfinished = list(unfinished_runs(store))
    begun = {run.note.run_id: run for run in unfinished if isinstance(run, UnfinishedRun)}
    published = {
        by: [row for row in store.rows(by) if row["run_id"] not in begun] for by in ("runs", *OTHER_PUBLISHED)
    }
    start = itemgetter("started_at")
    listed = {
        by: sorted([*published[by], *(run.row() for run in begun.values() if run.note.by == by)], key=start)
        for by in LISTED
    }

    counts = [_.n("{n} run", "{n} runs", len(published["runs"]))]
    counts += [_("{runs} not finished", runs=_.number(len(begun)))] if begun else []
    counts += [_.n(*forms, count) for by, forms in OTHER_PUBLISHED.items() if (count := len(published[by]))]

    warnings = [run.message(_) for run in unfinished]
    if not any(isinstance(run, DamagedRun) for run in unfinished):
        unpublished = sorted(store.unpublished().keys() - begun.keys())
        warnings += [
            _("the tables contain files of {run} that no row publishes: they are not read", run=name)
            for name in unpublished
        ]
    damage = [f"error: {error}" for error in store.damage()]
    return Reply(
        lines=_run_lines(listed, _),
        rows=ReplyRows(sorted(published["runs"], key=start), lambda: SCHEMAS["runs"]),
        totals=[", ".join(counts)],
        warnings=[*warnings, *damage],
        exit_code=replies.FAILED if damage else 0,
    )


def _run_lines(listed: Mapping[str, Sequence[Row]], _: Language) -> Iterator[Line]:
    for by, columns in LISTED.items():
        if listed[by] or (by == "runs" and not any(listed.values())):
            yield from _table_of_runs(columns, listed[by], _)
    for row in listed["runs"]:
        # Runs of older versions have null.
        if (passes := row.get("passes") or 1) > 1:
            searched = _("the index was searched in {passes} passes", passes=_.number(passes))
            yield f"{row['run_id']}: {searched}"
        if line := gate_line(row, _):
            yield f"{row['run_id']}: {line}"


def _table_of_runs(columns: Sequence[str], listed: Sequence[Row], _: Language) -> Iterator[Line]:
    """Yield a table of runs; on a narrow terminal, leave out some columns and name them."""
    if (width := terminal_width()) is None:
        yield Table(columns, _cells(columns, listed, _))
        return
    rows = list[dict[str, Any]]()
    for each in listed:
        row = {**each, "shards": _shards(each, _)}
        row |= {name: _.number(row[name]) for name in COUNTS if row.get(name) is not None}
        if digest := row.get("table_digest"):
            row["table_digest"] = f"{digest[:DIGEST_DIGITS]}…"
        rows.append(row)
    names = ["shards" if name == "shards_complete" else name for name in columns if name != "shards_planned"]
    if not any(row.get("sample") for row in rows):
        names = [name for name in names if name != "sample"]

    dropped = [name for name in DISPENSABLE if width < WIDE and name in names]
    names = [name for name in names if name not in dropped]
    wrapped = [name for name in names if name not in WHOLE_COLUMNS]
    yield Table(names, _cells(names, rows, _), WHOLE_COLUMNS, wrapped)
    if dropped:
        left_out = ", ".join(_.names(dropped))
        yield _("not shown in {width} columns: {names} (--json has all)", width=width, names=left_out)


def _cells(names: Sequence[str], rows: Iterable[Row], _: Language) -> list[list[object]]:
    # The shards of one run may belong to several datasets or releases: then its column is null.
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


def gate_line(row: Row, _: Language = replies.ENGLISH) -> str | None:
    """Return the audit of a run's language gate from its row of `runs`; None if none was requested."""
    if not row.get("gate_audit"):
        return None
    gated = _.number(row["gate_documents"])
    if row["gate_cost"] is None:
        return _(
            "language gate: {gated} documents left out, none of them read as an audit: its cost is unknown",
            gated=gated,
        )
    return _(
        "language gate: {gated} documents left out, {audited} of them read as an audit, {matching}"
        " with matches; it cost {cost} documents with matches (95%: {low} to {high})",
        gated=gated,
        audited=_.number(row["gate_audited"]),
        matching=_.number(row["gate_matching"]),
        cost=_.number(row["gate_cost"]),
        low=_.number(row["gate_cost_low"]),
        high=_.number(row["gate_cost_high"]),
    )


@command("sql", json=True, export=True, lang="en", pager=True)
def sql(
    form: ReplyForm,
    tables: str = argument(),
    query: str = argument(),
    engine: str = options.engine("Engine of the query"),
) -> Reply:
    """Query the tables with SQL.

    TABLES is the --out folder of a scan. A query reads the published rows of its tables (`matches`,
    `rights_signals`, `scan_log`, `runs`; `captures`, `census_log`, `censuses`; `changes`, `reservations`,
    `claims`, `claims_before`) and views of these, such as `pages`, `by_host` and `trend`. A query cannot
    read anything else, or change anything.

    \b
    presswatch sql out "select title_id, pages from by_title order by pages desc"
    """
    refuse(BEGINS.match(tables), 'pass TABLES first, then QUERY: presswatch sql tables "select …"')
    leave_pandas_out()
    answer, _ = answer_of(form.open_tables(tables), query, engine), form.language
    if not form.is_for_people:
        return Reply(rows=answer)
    shown = list(islice(answer.rows, ROWS_SHOWN + 1))
    table, width, whole = (answer.columns, shown[:ROWS_SHOWN]), terminal_width(), ("run_id",)
    is_table = not shown or fits(*table, width, whole)
    lines = table_lines(*table, width, whole) if is_table else block_lines(*table)
    if len(shown) > ROWS_SHOWN:
        limit = _.number(ROWS_SHOWN)
        return Reply(lines, warnings=[_("more than {rows} rows: add a limit, or use --json", rows=limit)])
    rows, by = _.n("{n} row", "{n} rows", len(shown)), ENGINE_NAMES[answer.engine]
    return Reply(lines, totals=[_("{rows}, by {engine}", rows=rows, engine=by)])


@command("estimate", json=True, export=True, lang="en", pager=True)
def estimate(
    form: ReplyForm,
    tables: str = argument(),
    run_id: str = option("--run", "RUN", "The run to estimate from.", default="latest"),
    by: str | None = option("--by", list(BY), "Also by title or publisher."),
) -> Reply:
    """Estimate totals of a whole release from a sample of it.

    TABLES is the --out folder of a scan with --sample. In 95 of 100 samples, the limits contain the true
    total; docs/reference/estimates.md explains them. A total that was seen in fewer than seven shards has
    no upper limit.
    """
    leave_pandas_out()
    give_memory_back()
    from presswatch_spark.query.estimates import estimate_of
    from presswatch_spark.tables.store import chosen_runs

    _, store = form.language, form.open_tables(tables)
    (chosen,) = chosen_runs(store, run_id)
    totals = estimate_of(store, chosen, BY[by] if by else None)
    sample = {name: value for name, value in asdict(totals).items() if name != "measures"}
    rows = ReplyRows((sample | asdict(each) for each in totals.measures), ESTIMATE_KINDS)
    named = []
    if by:
        seen = len({measure.of for measure in totals.measures} - {None})
        found = _.n(*COUNTED_BY[by], seen)
        named = [_("{named} in the sample; others are unknown", named=found)]
    return Reply(estimate_lines(totals, totals.measures, _), rows=rows, totals=named)


def estimate_lines(
    totals: SampleEstimate, measures: Iterable[Estimated], _: Language = replies.ENGLISH
) -> Iterator[Line]:
    """Yield lines about the sample, then a table of `measures`."""
    yield _(
        "run {run}: {read} of {listed} shards read to their end, drawn in {strata}; totals of all {listed},"
        " with 95% limits",
        run=totals.run_id,
        read=_.number(totals.read),
        listed=_.number(totals.listed),
        strata=_.n("{n} segment or folder", "{n} segments or folders", totals.strata),
    )
    if totals.read < ENOUGH_SHARDS:
        yield _(
            "fewer than {enough} shards were read: if a few shards of the release have most of a total, "
            "its limits are less reliable",
            enough=_.number(ENOUGH_SHARDS),
        )
    if totals.missing:
        yield _(
            "{shards} not read to the end: the limits assume anything from nothing to twice the total of the"
            " others",
            shards=_.n("{n} drawn shard", "{n} drawn shards", totals.missing),
        )
    # Measures of the whole release come first, then those of each title or publisher below its id.
    rows, of = list[tuple[str, ...]](), None
    for measure in sorted(measures, key=lambda measure: measure.of or ""):
        if measure.of != of:
            of = measure.of
            rows.append((str(of), *[""] * (len(HEADERS) - 1)))
        numbers = (measure.seen, measure.estimate, measure.low, measure.high, measure.files)
        name = _.name(measure.measure)
        shown = ("?" if number is None else _.number(number) for number in numbers)
        rows.append((name if of is None else f"  {name}", *shown))
    yield Table(HEADERS, rows, wrapped=HEADERS[:1])


@click.group()
def catalog() -> None:
    """Declare tables to other engines; write claims for an index."""


@command("sync", catalog)
def sync(
    form: ReplyForm,
    tables: str = argument(),
    kind: str = option("--catalog", KINDS, "Type of the catalog.", required=True),
    namespace: str = option("--namespace", "NAME", "Namespace, or database, for the tables.", required=True),
    properties: dict[str, str] = options.pairs(
        "--property", "KEY=VALUE", "A property of pyiceberg, such as uri or warehouse; secrets are refused."
    ),
    catalog_name: str = option(
        "--catalog-name", "NAME", "The catalog's name in pyiceberg's settings.", default=NAME
    ),
) -> Reply:
    """Bring an Iceberg catalog up to date with the published tables.

    TABLES is the folder of scans. The catalog refers to its published files: nothing is copied. A second
    sync changes nothing; if a sync was killed, the next one finishes it. The extra `catalog` is required.
    Secrets come from .pyiceberg.yaml, the environment (PYICEBERG_CATALOG__PRESSWATCH__…) or the AWS chain.

    \b
    presswatch catalog sync tables --catalog sql --namespace press \\
      --property uri=sqlite:///catalog.db \\
      --property warehouse=file:///srv/warehouse
    """
    from presswatch_spark.tables.catalog.sync import open_catalog
    from presswatch_spark.tables.catalog.sync import sync as bring

    store = form.open_tables(tables)
    changes = bring(store, open_catalog(kind, properties, form.storage, catalog_name), namespace)
    shown = [change for change in changes if change.files or change.taken_out]
    rows = [[getattr(change, name) for name in CHANGED] for change in shown]
    added, out = (sum(getattr(change, name) for change in changes) for name in ("added", "taken_out"))
    total = f"{counted(added, 'file')} added, {out:,} taken out, in {counted(len(changes), 'table')}"
    return Reply([Table(CHANGED, rows), total])


@command("ddl", catalog)
def ddl(
    form: ReplyForm,
    tables: str = argument(),
    engine: str = option("--for", DDL_ENGINES, "Their engine.", required=True),
) -> Reply:
    """Print SQL that declares the tables to other engines.

    TABLES is the folder of scans. Engines then read all files of a table, also those of runs that are not
    published yet: join with `runs`.

    \b
    presswatch catalog ddl --for duckdb tables > tables.sql
    """
    from presswatch_spark.tables.catalog.ddl import declarations

    statements = declarations(form.open_tables(tables), engine)
    return Reply(line for statement in statements for line in [*statement.split("\n"), ""])


@command("annotations", catalog)
def index_annotations(
    form: ReplyForm,
    tables: str = argument(),
    out: str = option("--out", "DIR", "A new folder, or s3://, for the Parquet files.", required=True),
    mirrors: options.Mirrors = options.mirrors("Name as files below TO the files scanned below FROM."),
) -> Reply:
    """Write claims, without text, with keys of Common Crawl's index.

    TABLES is the folder of a scan with claims. Users of the index join the files by `url`, `fetch_time` and,
    where these are known, `warc_filename` and `warc_record_offset`; docs/how-to/catalog.md has the query. A
    folder per crawl (crawl=CC-MAIN-…), as in the index, has one row per claim.

    \b
    presswatch catalog annotations --out annotations tables
    """
    from presswatch_spark.query.index_annotations import UNKNOWN, write_annotations

    counts = write_annotations(tables, out, form.storage, mirrors)
    rows = [["unknown" if crawl == UNKNOWN else crawl, count] for crawl, count in counts.items()]
    total = f"{counted(sum(counts.values()), 'claim')} written to {out}"
    return Reply([Table(("crawl", "claims"), rows), total])
