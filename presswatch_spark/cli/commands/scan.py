"""`presswatch scan`: scans shards or a release, and says what was found and what was not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.commands.estimate import HEADLINES, estimate_lines
from presswatch_spark.cli.commands.runs import gate_line
from presswatch_spark.cli.exits import INCOMPLETE
from presswatch_spark.cli.options import (
    FormatChoice,
    NumberRange,
    index_option,
    print_lines,
    scan_settings,
    setting_options,
    storage_options,
)
from presswatch_spark.errors import InputError, OutputError, StorageError
from presswatch_spark.monitoring.progress import EventLog, failures_logged
from presswatch_spark.terminal import counted, printable

if TYPE_CHECKING:
    from presswatch_spark.pipeline import RunSummary
    from presswatch_spark.storage.objects import StorageOptions

SHARDS_NAMED = 5


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH [PATH …]")
@click.option(
    "--release", metavar="NAME", help="Scan this release in place of PATH; see `presswatch releases`."
)
@click.option(
    "--dataset",
    "named",
    metavar="NAME",
    help="Scan this dataset in place of PATH, part by part; see `presswatch datasets`.",
)
@click.option("--part", metavar="NAME", help="The part of the --dataset, as fra_Latn.")
@click.option(
    "--mirror",
    metavar="URI",
    help="With --dataset: a folder or bucket that is laid out like the place where it lives.",
)
@click.option(
    "--pages-of",
    metavar="TABLES",
    help="In place of PATH: the WARC records of the pages that matches in WET were made from; wants --index.",
)
@click.option(
    "--captures",
    metavar="TABLES",
    help="In place of PATH: the WARC records of the captures that a census found.",
)
@index_option("--pages-of")
@click.option(
    "--sample",
    type=NumberRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Scan only this share of the shards, drawn at random in each segment or folder; 0.01 is 1 %.",
)
@click.option(
    "--sample-seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of the sample. The same seed draws the same shards, from every mirror.",
)
@click.option(
    "--format",
    "dataset",
    type=FormatChoice(),
    default="auto",
    show_default=True,
    help="Format of the shards; `auto` looks into each. An unknown name lists all.",
)
@click.option("--corpus", required=True, metavar="DIR", help="The corpus, from `presswatch corpus build`.")
@click.option("--out", required=True, metavar="DIR", help="Folder of the tables; several runs may share it.")
@click.option("--config", metavar="FILE", help="Settings in YAML; see conf/scan.yaml.")
@click.option(
    "--base",
    metavar="URI",
    help="What the lines of a *.paths.gz list are relative to; with --release, --pages-of or --captures, a"
    " mirror of where it lives.",
)
@setting_options("read.release", "read.languages", "read.columns", "read.pdf", "grade.min_run_words")
@storage_options
@setting_options(
    *("run.master", "run.cores", "run.wave_shards", "run.shards_per_task"),
    *("run.log_format", "run.metrics_file", "run.price", "run.budget"),
    *("run.shard_digest", "run.gate_audit", "run.operator", "run.index_memory"),
)
@click.pass_context
def scan(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    dataset: str,
    corpus: str,
    out: str,
    config: str | None,
    base: str | None,
    release: str | None,
    named: str | None,
    part: str | None,
    mirror: str | None,
    pages_of: str | None,
    captures: str | None,
    index: str | None,
    sample: float | None,
    sample_seed: int,
    **flags: Any,
) -> None:
    """Scan shards for copies of the corpus's articles.

    PATH is a file, a folder, a glob, an s3://, https:// or hf:// address, or a list: *.paths.gz, or *.txt
    that holds files alone. What lies beside shards (README, checksums) is left out and named. Instead of
    PATH, give --release CC-MAIN-2026-39 --format wet to scan a whole release, or --dataset fineweb-2 --part
    fra_Latn to scan a part of a dataset by its name; `presswatch datasets` lists these. A dataset on a hub
    is hf://datasets/OWNER/NAME[@REVISION]/PATH; its token comes from HF_TOKEN or --hf-token-file.
    Settings come from --config, then from the environment (PRESSWATCH_GRADE__MIN_RUN_WORDS=12), then from
    flags. To go on with a stopped scan, give the same command again.

    --pages-of TABLES reads, for each match in WET, the WARC record of the same capture by range; --captures
    TABLES those of a census. Their rows are those that a scan of the whole WARC files gives of them.

    Before the scan, stderr shows an estimate of its shards, bytes and core-hours, with --price also of its
    dollars. After a --sample, it shows an estimate of the whole release; see `presswatch estimate`.
    """
    from presswatch_spark.face import scan as run_scan
    from presswatch_spark.redaction import redacted_command

    asked_for = f"{named}:{part}" if named else None
    by_rows = _reads_records(context, (paths, release, named, sample), dataset, pages_of, captures, index)
    if named:
        _check_named(context, paths, release, dataset)
        paths, dataset = part_given(named, part, mirror, flags)
    elif part or mirror:
        raise click.UsageError("--part and --mirror want a --dataset", context)
    elif release:
        _check_release(context, paths, dataset, flags)
    elif not (paths or by_rows):
        raise click.UsageError("name shards (PATH), a --release or a --dataset", context)
    settings = scan_settings(flags, config)
    events = EventLog() if settings.run.log_format == "json" else None
    with failures_logged(events):
        summary = run_scan(
            paths, corpus=corpus, out=out, format=dataset, release=release, base=base, sample=sample,
            sample_seed=sample_seed, product=named, asked_for=asked_for, pages_of=pages_of, captures=captures,
            index=index, settings=settings, events=events,
            command=redacted_command(context.obj) if context.obj else None,
        ).summary  # fmt: skip
    with ending(context, incomplete=bool(summary.incomplete)):
        print_lines(_result_lines(summary, out, settings.storage))
        _tell_rest(summary, out, events)


def _result_lines(summary: RunSummary, out: str, storage: StorageOptions) -> Iterator[str]:
    """Yield what a run did, what the whole release may hold, and how many rows it has on pages elsewhere."""
    yield from summary_lines(summary, out)
    yield from _estimate_lines(summary, out, storage)
    yield from _elsewhere_lines(summary, out, storage)


@contextmanager
def ending(context: click.Context, *, incomplete: bool) -> Iterator[None]:
    """Print a published run in the block, then exit with 3 if the run is incomplete.

    The exit code is 3 also if the reader of the output has gone.
    """
    try:
        yield
    except BrokenPipeError:
        if not incomplete:
            raise
    if incomplete:
        context.exit(INCOMPLETE)


def _tell_rest(summary: RunSummary, out: str, events: EventLog | None) -> None:
    """Write notes and what was not read to stderr, or as events; events name such shards by themselves."""
    all_skipped = bool(summary.row["documents_skipped"] and not summary.row["documents"])
    if events:
        for note in summary.notes:
            events.tell("note", note=note)
        if summary.without_url:
            events.tell("documents_without_url", "warning", documents=summary.without_url)
        if all_skipped:
            events.tell("every_document_skipped", "warning")
        return
    print_lines((printable(f"note: {note}") for note in summary.notes), err=True)
    if summary.without_url:
        click.echo(without_url_message(summary), err=True)
    if all_skipped:
        click.echo("warning: every document was skipped, so nothing can be said of them", err=True)
    if summary.incomplete:
        click.echo(incomplete_message(summary, out), err=True)


def without_url_message(summary: RunSummary) -> str:
    """Warn of documents without a known URL; say what it means, and how to name the URL's column."""
    documents = int(str(summary.row["documents"]))
    shards = f" ({summary.without_url_in})" if summary.without_url_in else ""
    return (
        f"warning: {summary.without_url:,} of {documents:,} documents have no known URL{shards}: whose pages"
        " they are nobody can say (`own_site` is null, confidence C at most); if a column holds it, name it:"
        " --columns url=COLUMN, where dots lead into nested fields and into JSON in a string"
    )


def _check_named(context: click.Context, paths: tuple[str, ...], release: str | None, dataset: str) -> None:
    if paths or release:
        raise click.UsageError("give one of PATH, --release and --dataset", context)
    if dataset != "auto":
        raise click.UsageError("--dataset already says the format; leave --format out", context)


def _reads_records(
    context: click.Context,
    others: tuple[object, ...],
    dataset: str,
    pages_of: str | None,
    captures: str | None,
    index: str | None,
) -> bool:
    """Whether records of pages are read, and no shards; refuse what makes no sense together."""
    if not (pages_of or captures or index):
        return False
    if bool(pages_of) == bool(captures):
        raise click.UsageError("give one of --pages-of and --captures", context)
    if any(others):
        raise click.UsageError("--pages-of and --captures say what is read: name no other shards", context)
    if dataset != "auto":
        raise click.UsageError("pages are read from WARC; leave --format out", context)
    if index and captures:
        raise click.UsageError("captures of a census have their places; --index is for --pages-of", context)
    return True


def part_given(
    named: str, part: str | None, mirror: str | None, flags: dict[str, Any]
) -> tuple[tuple[str, ...], str]:
    """Return path and format of a part of a dataset, and put its columns and release into `flags`.

    Columns and a release that the user gives stand.
    """
    from presswatch_spark.releases.datasets import dataset_named, load_datasets, part_of

    dataset = dataset_named(named, load_datasets())
    shards = part_of(dataset, part, mirror)
    if not flags["read__columns"]:
        flags["read__columns"] = tuple(f"{ours}={theirs}" for ours, theirs in shards.columns.items())
    if flags["read__release"] is None:
        flags["read__release"] = shards.release
    if dataset.caution:
        click.echo(f"note: {dataset.caution}", err=True)
    return (shards.path,), shards.format


def _check_release(
    context: click.Context, paths: tuple[str, ...], dataset: str, flags: Mapping[str, object]
) -> None:
    if paths:
        raise click.UsageError("give either PATH or --release", context)
    if dataset == "auto":
        raise click.UsageError("--release needs --format: a release has several", context)
    if flags["read__release"] is not None:
        raise click.UsageError("--release already names the release; leave --release-name out", context)


def summary_lines(summary: RunSummary, out: str) -> Iterator[str]:
    """Yield what a run did, in a few lines."""
    row: Mapping[str, Any] = summary.row
    resumed = ", resumed" if summary.resumed else ""
    skipped = f", {row['documents_skipped']:,} skipped" if row["documents_skipped"] else ""
    megabytes = row["text_bytes"] / 1e6
    yield (
        f"run {summary.run_id}{resumed}: {counted(row['matches'], 'match')} in"
        f" {counted(row['documents'], 'document')}{skipped} ({megabytes:,.1f} MB of text) of"
        f" {counted(row['shards_planned'], 'shard')}, {summary.seconds:,.0f} s"
    )
    if row.get("sample") is not None:
        of = f"{row['shards_planned']:,} of {row['shards_listed']:,} shards"
        yield f"a sample: {of}; what was not found may stand in the rest"
    if line := gate_line(row):
        yield line
    if row.get("signals"):
        yield f"{counted(row['signals'], 'rights signal')} of members' sites"
    yield f"table digest {row['table_digest']}"
    yield f"read it with: presswatch matches {out}"


def _estimate_lines(summary: RunSummary, out: str, storage: StorageOptions) -> Iterator[str]:
    """Yield, after a sample, the main totals of the whole release, or why there are none."""
    if summary.row.get("sample") is None:
        return
    from presswatch_spark.queries.estimates import estimate_of
    from presswatch_spark.tables.store import TableStore

    try:
        totals = estimate_of(TableStore.open(out, storage), summary.run_id)
    except (InputError, OutputError, StorageError) as error:
        # The run is published, with an estimate or without.
        yield printable(f"no estimate of the whole: {error.what}")
        return
    yield from estimate_lines(totals, (row for row in totals.measures if row.measure in HEADLINES))
    yield f"all estimates: presswatch estimate {out} --run {summary.run_id}"


def _elsewhere_lines(summary: RunSummary, out: str, storage: StorageOptions) -> Iterator[str]:
    """Yield how many rows of A and B the run has on pages elsewhere: the last that is said of a scan."""
    from presswatch_spark.queries.matches import Matches, MatchFilter
    from presswatch_spark.tables.store import TableStore

    wanted = MatchFilter(elsewhere=True, confidences=("A", "B"))
    try:
        store = TableStore.open(out, storage)
        totals = Matches(store, wanted, [summary.run_id], "duckdb", judged=False).totals()
    except (InputError, OutputError, StorageError) as error:
        # The run is published, counted or not.
        yield printable(f"rows elsewhere were not counted: {error.what}")
        return
    rows = " and ".join(f"{totals.letters.get(letter, 0):,} {letter}" for letter in "AB")
    places = f"{counted(totals.addresses, 'known address')}, in {counted(totals.documents, 'record')}"
    yield f"elsewhere: {rows}, at {places}; judge them with: presswatch claims"


def incomplete_message(summary: RunSummary, out: str) -> str:
    """Say which shards were not read to their end: the first few by name, and where the rest is listed."""
    planned = int(str(summary.row["shards_planned"]))
    return "\n".join(incomplete_lines(summary.incomplete, planned, "scan_log", summary.run_id, out))


def incomplete_lines(
    incomplete: Sequence[tuple[str, str, str]], planned: int, table: str, run_id: str, out: str
) -> list[str]:
    """Say so of a run whose log is `table`; `incomplete` has (URI, status, error) of each shard."""
    count = len(incomplete)
    lines = [f"error: {count:,} of {planned:,} shards were not read to their end:"]
    lines += [printable(f"  {status}: {uri}: {error}") for uri, status, error in incomplete[:SHARDS_NAMED]]
    if count > SHARDS_NAMED:
        lines.append(f"  and {count - SHARDS_NAMED:,} more")
    query = f"select * from {table} where run_id = '{run_id}' and status <> 'complete'"
    return [*lines, f'all of them: presswatch sql {out} "{query}"']
