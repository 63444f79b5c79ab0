"""`presswatch fetch` and `verify-rows`: go back from a row to its document, and compare the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.language import ENGLISH
from presswatch_spark.cli.options import (
    draw_option,
    index_option,
    mirror_option,
    print_lines,
    run_option,
    scan_settings,
    setting_options,
    storage_config_option,
    storage_options,
)
from presswatch_spark.cli.replies import Export, export_option, require_new, schema_of
from presswatch_spark.terminal import json_line, printable

if TYPE_CHECKING:
    from presswatch_spark.pointers.audit import RowCheck

FAILED, NOT_VERIFIED = 1, 3
SEEDS = 1 << 32
VERDICT_KINDS = {
    "run_id": str, "row_sha256": str, "document_url": str, "article_id": str, "verified": bool, "reason": str,
    "detail": str, "pointer": str,
}  # fmt: skip
DIGITS_SHOWN = 12
OTHER_CORPUS = (
    "note: run {} was made with another corpus than --corpus: only figures of the two texts were compared,"
    " and not rarity, ownership, confidence, or whose site the page is on"
)


@click.command()
@click.argument("target", metavar="TABLES|POINTER")
@click.option("--row", "prefix", metavar="SHA256", help="The row of TABLES whose row_sha256 begins so.")
@click.option(
    "--out",
    metavar="FILE",
    help="Write it to a new file: WET and WARC as WARC (packed if .gz), ARC as stored, rows as text.",
)
@click.option(
    "--upstream", is_flag=True, help="With --row: the record of the web archive that the row was made from."
)
@index_option("--upstream")
@mirror_option()
@setting_options("read.columns", columns="With a POINTER: where columns of `rows` are, e.g. text=body")
@storage_config_option
@storage_options
def fetch(
    target: str,
    prefix: str | None,
    out: str | None,
    upstream: bool,
    index: str | None,
    mirrors: tuple[str, ...],
    config: str | None,
    **flags: Any,
) -> None:
    """Fetch one document and check that it is the right one.

    Give TABLES, the folder of a scan, with --row; or a POINTER as this command prints it:
    URI#offset=N,length=N or URI#row=N. The document's URL, record id, digests and text are compared
    with the row, or its text with the pointer's sha256. A document that differs is not shown.

    The row may also be one of `rights_signals`: its response is fetched, and what it declares is read again.
    Or it is one of `captures`: its record is fetched, also that of a redirect or an error.

    With --upstream, the row of a dataset leads to the WARC record that it was made from: by the file and
    offset that it names, by the record in that file, or by its URL and time through an --index. The record
    must have the row's URL and time, and the copied words must stand in its page again.

    Example: presswatch fetch tables --row 3f1c --upstream --index
    https://index.commoncrawl.org/{release}-index
    """
    from presswatch_spark.pointers.fetch import at_pointer, for_row, shown, upstream_of
    from presswatch_spark.pointers.pointer import is_pointer, parse_mirror

    if prefix is None and not is_pointer(target):
        raise click.UsageError("give a pointer (URI#offset=N,length=N or URI#row=N), or --row with TABLES")
    if upstream and prefix is None:
        raise click.UsageError("--upstream wants TABLES and --row: a pointer says nothing of it")
    if index and not upstream:
        raise click.UsageError("--index is for --upstream")
    settings = scan_settings(flags, config)
    places = [parse_mirror(mirror) for mirror in mirrors]
    if prefix is None:
        fetched = at_pointer(target, settings.read.columns, settings.storage, places)
    else:
        base = settings.datasets.common_crawl.base
        where = (target, prefix, settings.storage, places, base)
        fetched = upstream_of(*where, index) if upstream else for_row(*where)
    written = f"{out}: {fetched.save(out)}" if out else None
    print_lines(shown(fetched, written))


@click.command("verify-rows")
@click.argument("tables")
@draw_option(100, "Rows to check, drawn at random")
@click.option("--seed", type=click.IntRange(0, SEEDS - 1), metavar="N", help="Draw the same rows again.")
@run_option
@click.option("--corpus", "corpus_path", metavar="DIR", help="Compute every figure again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a row, verified or not.")
@export_option
@mirror_option()
@storage_config_option
@storage_options
@click.pass_context
def verify_rows(
    context: click.Context,
    /,
    tables: str,
    sample: int,
    seed: int | None,
    run_id: str | None,
    corpus_path: str | None,
    as_json: bool,
    export: Export | None,
    mirrors: tuple[str, ...],
    config: str | None,
    **flags: Any,
) -> None:
    """Fetch the documents of random rows again, and check that each is what its row says.

    TABLES is the folder that a scan was given as --out. A row verifies if its digest is right and the
    document at its pointer has its URL, record id, declared digest, SHA-256 of the text, time and languages.
    Its grade and confidence must be those of its other columns. With --corpus, the article must have its
    SHA-256, and the whole row is computed again as a scan does, from the document and the corpus.
    First, all tables of the runs are compared with what was published of them.
    The exit code is 0 if all rows verify, 3 if some do not, and 1 if only the tables have changed.
    """
    from random import randrange

    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.pointers.audit import (
        Audit,
        RowRecomputation,
        damage_of,
        drawn_rows,
        rules_in_tables,
    )
    from presswatch_spark.pointers.pointer import parse_mirror
    from presswatch_spark.tables.store import TableStore

    storage = scan_settings(flags, config).storage
    require_new(export, storage)
    store, places = TableStore.open(tables, storage), [parse_mirror(mirror) for mirror in mirrors]
    corpus = Corpus.open(corpus_path, storage=storage) if corpus_path else None
    figures = RowRecomputation(corpus, partial(rules_in_tables, store))
    audit = Audit(store, storage, places, corpus, figures=figures)
    seed = randrange(SEEDS) if seed is None else seed
    damage = [printable(f"error: {error}") for error in damage_of(store, run_id)]
    print_lines(damage, err=True)
    rows, total = drawn_rows(store, run_id, sample, seed)
    failures: Counter[str] = Counter()
    verdicts = _counted(audit.verdicts(rows), failures)
    if export:
        export.write(schema_of(**VERDICT_KINDS), map(_verdict_row, verdicts), storage, ENGLISH)
    else:
        lines = (json_line(_verdict_row(each)) for each in verdicts) if as_json else _failure_lines(verdicts)
        print_lines(lines)
    verified = len(rows) - failures.total()
    everything = "all that are left" if damage else "all there are"
    of = f"of {total:,}, seed {seed}" if len(rows) < total else everything
    click.echo(f"{verified:,} of {len(rows):,} rows verify ({of})", err=as_json)
    print_lines((printable(OTHER_CORPUS.format(run)) for run in sorted(figures.other_corpus_runs)), err=True)
    for reason, count in failures.most_common():
        click.echo(f"{count:>10,}  {reason}", err=as_json)
    if failures or damage:
        context.exit(NOT_VERIFIED if failures else FAILED)


def _counted(verdicts: Iterator[RowCheck], failures: Counter[str]) -> Iterator[RowCheck]:
    """Yield verdicts, and count `failures` by reason."""
    for verdict in verdicts:
        if verdict.failure:
            failures[verdict.failure.reason] += 1
        yield verdict


def _verdict_row(verdict: RowCheck) -> dict[str, Any]:
    failure = verdict.failure
    names = ("run_id", "row_sha256", "document_url", "article_id")
    row = {name: getattr(verdict.row, name) for name in names}
    outcome = {"verified": failure is None, "reason": failure and failure.reason}
    return row | outcome | {"detail": failure and failure.detail, "pointer": str(verdict.pointer)}


def _failure_lines(verdicts: Iterator[RowCheck]) -> Iterator[str]:
    """Yield two lines for each row that fails."""
    for verdict in verdicts:
        if verdict.failure:
            digest = verdict.row.row_sha256[:DIGITS_SHOWN]
            yield printable(f"{digest}  {verdict.failure}")
            yield printable(f"{'':{DIGITS_SHOWN}}  {verdict.pointer}")
