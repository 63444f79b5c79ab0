"""`presswatch fetch` and `verify-rows`: go back from a row to its document, and compare the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.options import (
    STORAGE,
    argument,
    draw_option,
    flag,
    index_option,
    mirror_option,
    option,
    run_option,
)
from presswatch_spark.cli.replies import (
    FAILED,
    INCOMPLETE,
    Reply,
    ReplyForm,
    ReplyRows,
    command,
    print_lines,
    schema_of,
)
from presswatch_spark.terminal import printable

if TYPE_CHECKING:
    from presswatch_spark.pointers.audit import RowCheck
    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.settings.config import ScanConfig

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


@command(
    "fetch",
    settings=("read.columns", *STORAGE),
    meanings={"read.columns": "With a POINTER: where columns of `rows` are, e.g. text=body"},
    config="Settings in YAML, for storage.",
)
def fetch(
    *,
    target: str = argument("TABLES|POINTER"),
    prefix: str | None = option("--row", "SHA256", "The row of TABLES whose row_sha256 begins so."),
    out: str | None = option(
        "--out",
        "FILE",
        "Write it to a new file: WET and WARC as WARC (packed if .gz), ARC as stored, rows as text.",
    ),
    upstream: bool = flag(
        "--upstream", "With --row: the record of the web archive that the row was made from."
    ),
    index: str | None = index_option("--upstream"),
    mirrors: tuple[Mirror, ...] = mirror_option(),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
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
    from presswatch_spark.pointers.pointer import is_pointer

    if prefix is None and not is_pointer(target):
        raise click.UsageError("give a pointer (URI#offset=N,length=N or URI#row=N), or --row with TABLES")
    if upstream and prefix is None:
        raise click.UsageError("--upstream wants TABLES and --row: a pointer says nothing of it")
    if index and not upstream:
        raise click.UsageError("--index is for --upstream")
    if prefix is None:
        fetched = at_pointer(target, settings.read.columns, settings.storage, mirrors)
    else:
        base = settings.datasets.common_crawl.base
        where = (target, prefix, settings.storage, mirrors, base)
        fetched = upstream_of(*where, index) if upstream else for_row(*where)
    written = f"{out}: {fetched.save(out)}" if out else None
    return Reply(shown(fetched, written))


@command(
    "verify-rows",
    json="Print one JSON object a row, verified or not.",
    export=True,
    settings=STORAGE,
    config="Settings in YAML, for storage.",
)
def verify_rows(
    *,
    tables: str = argument(),
    sample: int = draw_option(100, "Rows to check, drawn at random"),
    seed: int | None = option("--seed", "N", "Draw the same rows again.", type=click.IntRange(0, SEEDS - 1)),
    run_id: str | None = run_option(),
    corpus_path: str | None = option("--corpus", "DIR", "Compute every figure again."),
    mirrors: tuple[Mirror, ...] = mirror_option(),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Fetch documents of random rows again, and check the rows.

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
    from presswatch_spark.tables.store import TableStore

    storage = settings.storage
    store = TableStore.open(tables, storage)
    corpus = Corpus.open(corpus_path, storage=storage) if corpus_path else None
    figures = RowRecomputation(corpus, partial(rules_in_tables, store))
    audit = Audit(store, storage, mirrors, corpus, figures=figures)
    seed = randrange(SEEDS) if seed is None else seed
    damage = list(damage_of(store, run_id))
    print_lines((printable(f"error: {error}") for error in damage), err=True)
    rows, total = drawn_rows(store, run_id, sample, seed)
    failures: Counter[str] = Counter()
    checked = _counted(audit.verdicts(rows), failures)
    everything = "all that are left" if damage else "all there are"
    summary = _summary_lines(
        len(rows), f"of {total:,}, seed {seed}" if len(rows) < total else everything, failures
    )
    # Known only when all rows are checked.
    notes = (OTHER_CORPUS.format(run) for runs in [figures.other_corpus_runs] for run in sorted(runs))
    return Reply(
        chain(_failure_lines(checked), summary),
        rows=ReplyRows(map(_verdict_row, checked), schema_of(**VERDICT_KINDS)),
        warnings=notes if form.is_for_people else chain(summary, notes),
        exit_code=lambda: INCOMPLETE if failures else FAILED if damage else 0,
    )


def _counted(verdicts: Iterable[RowCheck], failures: Counter[str]) -> Iterator[RowCheck]:
    for verdict in verdicts:
        if verdict.failure:
            failures[verdict.failure.reason] += 1
        yield verdict


def _summary_lines(checked: int, of: str, failures: Counter[str]) -> Iterator[str]:
    """Yield how many rows verify, and the reasons of those that do not, once all are checked."""
    yield f"{checked - failures.total():,} of {checked:,} rows verify ({of})"
    for reason, count in failures.most_common():
        yield f"{count:>10,}  {reason}"


def _verdict_row(verdict: RowCheck) -> dict[str, object]:
    failure = verdict.failure
    names = ("run_id", "row_sha256", "document_url", "article_id")
    row = {name: getattr(verdict.row, name) for name in names}
    outcome = {"verified": failure is None, "reason": failure and failure.reason}
    return row | outcome | {"detail": failure and failure.detail, "pointer": str(verdict.pointer)}


def _failure_lines(verdicts: Iterable[RowCheck]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.failure:
            yield f"{verdict.row.row_sha256[:DIGITS_SHOWN]}  {verdict.failure}"
            yield f"{'':{DIGITS_SHOWN}}  {verdict.pointer}"
