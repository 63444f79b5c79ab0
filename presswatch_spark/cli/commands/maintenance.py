"""`presswatch verify-rows`, `fetch`, `forget`, `demo`: check rows, trace them back and remove them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from random import randrange
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.commands.scan import incomplete_lines
from presswatch_spark.cli.options import (
    argument,
    count_option,
    flag,
    index_option,
    mirror_option,
    option,
    repeated_option,
    run_option,
)
from presswatch_spark.cli.replies import (
    FAILED,
    INCOMPLETE,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
    print_lines,
    tell,
)
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.terminal import counted, printable

if TYPE_CHECKING:
    from presswatch_spark.query.pointers.audit import RowCheck
    from presswatch_spark.query.pointers.pointer import Mirror

SEEDS = 1 << 32
CHECK_KINDS = {
    "run_id": str, "row_sha256": str, "document_url": str, "article_id": str, "verified": bool, "reason": str,
    "detail": str, "pointer": str,
}  # fmt: skip
DIGITS_SHOWN = 12
OTHER_CORPUS = (
    "note: run {} was made with a corpus other than --corpus: only figures of the two texts were compared,"
    " and not rarity, ownership, confidence, or whose site the page is on"
)
DEMO_MARKER = ".presswatch-demo"


@command("verify-rows", json=True, export=True, config=True)
def verify_rows(
    *,
    tables: str = argument(),
    sample: int = count_option("--sample", "Number of rows to draw, or all if there are fewer.", default=100),
    seed: int | None = option(
        "--seed", "N", "The same seed draws the same rows.", type=click.IntRange(0, SEEDS - 1)
    ),
    run_id: str | None = run_option(),
    corpus_path: str | None = option("--corpus", "DIR", "The corpus, to compute every figure again."),
    mirrors: tuple[Mirror, ...] = mirror_option(),
    form: ReplyForm,
) -> Reply:
    """Fetch documents of random rows again, and check the rows.

    TABLES is the --out folder of a scan. First, all tables of the runs are compared with what was
    published. A row verifies if its digest is right, the document at its pointer has its URL, record id,
    declared digest, SHA-256 of the text, time and languages, and its grade and confidence follow from its
    other columns. With --corpus, the article must have the row's SHA-256, and the whole row is computed
    again from document and corpus. The exit code is 0 if all rows verify, 3 if some do not, and 1 if all do
    but tables have changed.
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.query.pointers.audit import (
        Audit,
        RowRecomputation,
        damage_of,
        drawn_rows,
        rules_in_tables,
    )
    from presswatch_spark.tables.store import TableStore

    store = TableStore.open(tables, form.storage)
    corpus = Corpus.open(corpus_path, storage=form.storage) if corpus_path else None
    figures = RowRecomputation(corpus, partial(rules_in_tables, store))
    audit = Audit(store, form.storage, mirrors, corpus, figures=figures)
    seed = randrange(SEEDS) if seed is None else seed
    damage = list(damage_of(store, run_id))
    print_lines((printable(f"error: {error}") for error in damage), err=True)
    rows, total = drawn_rows(store, run_id, sample, seed)
    everything = "all that are left" if damage else "all there are"
    drawn = f"of {total:,}, seed {seed}" if len(rows) < total else everything
    failures: Counter[str] = Counter()

    def checks() -> Iterator[RowCheck]:
        for check in audit.verdicts(rows):
            if check.failure:
                failures[check.failure.reason] += 1
            yield check

    def summary() -> Iterator[str]:
        yield f"{len(rows) - failures.total():,} of {len(rows):,} rows verify ({drawn})"
        for reason, count in failures.most_common():
            yield f"{count:>10,}  {reason}"

    lines = (
        (f"{check.row.row_sha256[:DIGITS_SHOWN]}  {check.failure}", f"{'':{DIGITS_SHOWN}}  {check.pointer}")
        for check in checks()
        if check.failure
    )
    # A generator, since these runs are known only after the check of all rows.
    notes = (OTHER_CORPUS.format(run) for runs in [figures.other_corpus_runs] for run in sorted(runs))
    return Reply(
        chain(chain.from_iterable(lines), summary()),
        rows=ReplyRows(map(_check_facts, checks()), CHECK_KINDS),
        warnings=notes if form.is_for_people else chain(summary(), notes),
        exit_code=lambda: INCOMPLETE if failures else FAILED if damage else 0,
    )


def _check_facts(check: RowCheck) -> dict[str, object]:
    failure, row = check.failure, check.row
    facts = (row.run_id, row.row_sha256, row.document_url, row.article_id)
    outcome = (failure is None, failure and failure.reason, failure and failure.detail)
    return dict(zip(CHECK_KINDS, (*facts, *outcome, str(check.pointer)), strict=True))


@command("fetch", settings=("read.columns",), config=True)
def fetch(
    *,
    target: str = argument("TABLES|POINTER"),
    prefix: str | None = option("--row", "SHA256", "Beginning of a row_sha256 in TABLES."),
    out: str | None = option("--out", "FILE", "New file for the stored record, or the text of a row."),
    upstream: bool = flag(
        "--upstream", "With --row: find the web archive's record that the row was made from."
    ),
    index: str | None = index_option("--upstream"),
    mirrors: tuple[Mirror, ...] = mirror_option(),
    form: ReplyForm,
) -> Reply:
    """Fetch one document and check that it is the right one.

    Pass TABLES, the folder of a scan, with --row; or a POINTER as this command prints it:
    URI#offset=N,length=N or URI#row=N. URL, record id, digests and text are compared with the row, or the
    text with the pointer's sha256. A document that differs is not shown. Rows of `rights_signals` and
    `captures` can be fetched, too.

    With --upstream, the command finds the WARC record from which the row of a dataset was made: by the file
    and offset in the row, or by its URL and time in an --index. The record must have the row's URL and
    time, and its page must contain the copied words.

    \b
    Example: presswatch fetch tables --row 3f1c --upstream \\
      --index https://index.commoncrawl.org/{release}-index
    """
    from presswatch_spark.query.pointers.fetch import Archives, at_pointer, for_row, shown
    from presswatch_spark.query.pointers.pointer import is_pointer

    if prefix is None and not is_pointer(target):
        raise click.UsageError("pass a pointer (URI#offset=N,length=N or URI#row=N), or TABLES with --row")
    if upstream and prefix is None:
        raise click.UsageError("--upstream requires TABLES and --row")
    if index and not upstream:
        raise click.UsageError("--index requires --upstream")
    if prefix is None:
        fetched = at_pointer(target, form.settings.read.columns, form.storage, mirrors)
    else:
        archives = Archives(form.settings.datasets.common_crawl.base, mirrors, form.storage)
        fetched = for_row(target, prefix, archives, index, upstream=upstream)
    written = f"{out}: {fetched.save(out)}" if out else None
    return Reply(shown(fetched, written))


@command("forget")
def forget(
    *,
    tables: str = argument(),
    publisher: str | None = option("--publisher", "ID", "Forget all rows of this publisher."),
    article: str | None = option("--article", "ID", "Forget all rows of this article."),
    operator: str | None = option("--operator", "NAME", "Name of the requester, written into the tombstone."),
    also: tuple[Path, ...] = repeated_option(
        "--also",
        "PATH",
        "Another place to search for copies of the rows.",
        type=click.Path(exists=True, path_type=Path),
    ),
    form: ReplyForm,
) -> Reply:
    """Remove all rows of a publisher or of an article.

    TABLES is the folder of scans. The command rewrites the files with such rows, and the rows of their
    runs. The table `tombstones` keeps the digests before and after, and the SHA-256 of the id. If a removal
    is killed, the next one finishes it.

    Copies outside the tables are listed, but not changed: exports, claims in other folders, cases, bags,
    notices, corpora and caches, next to TABLES and below --also.

    Example: presswatch forget --publisher rives-sa tables
    """
    from presswatch_spark.claims.forget import Subject, copies_near
    from presswatch_spark.claims.forget import forget as remove
    from presswatch_spark.storage.disk import Folder

    named = [(kind, name) for kind, name in (("publisher", publisher), ("article", article)) if name]
    if len(named) != 1:
        raise click.UsageError("pass either --publisher or --article")
    subject = Subject(*named[0])
    try:
        removal = remove(tables, subject, form.storage, operator)
    finally:
        folder = Folder.of(tables, form.storage)
        copies = copies_near(folder.path if folder.is_local else None, [subject.id], also)
        print_lines(f"still mentions the {subject.kind}, and was not touched: {line}" for line in copies)
    lines = []
    if removal.resumed:
        lines.append("a removal that was begun before is finished now; run the command again for this one")
    if removal.leftovers:
        lines.append(f"removed {counted(len(removal.leftovers), 'file')} that killed commands had left")
    tables_of = {each["table"] for each in removal.row["removed"]}
    lines.append(f"removed {counted(removal.rows, 'row')} of {', '.join(sorted(tables_of))}")
    return Reply([*lines, f"tombstone {removal.row['run_id']}"])


@command("doctor", json=True, lang="en", settings=("run.cores",), config=True)
def doctor(*, places: tuple[str, ...] = argument("[PLACE …]", nargs=-1), form: ReplyForm) -> Reply:
    """Check this machine for a scan, with a remedy for each fault.

    PLACE is a file, a folder (with / at its end) or an address that scans will read. With a fault, the exit
    code is 1.

    \b
    presswatch doctor --region eu-west-3 s3://bucket/shards/
    """
    from presswatch_spark.deploy.check import FAULT
    from presswatch_spark.deploy.doctor import Asked, examine

    _, columns = form.language, ("point", "is", "because")
    rows = list(examine(Asked(form.settings, places, _)))
    shown = [(_.name(point), _.name(outcome), finding) for point, outcome, finding in rows]
    faults = sum(outcome == FAULT for _point, outcome, _finding in rows)
    values = ReplyRows(dict(zip(columns, row, strict=True)) for row in rows)
    lines: list[Line] = [
        Table(columns, shown, columns[:2], columns[2:]),
        _.n("{n} fault", "{n} faults", faults),
    ]
    return Reply(lines, rows=values, exit_code=FAILED if faults else 0)


@command("demo", storage=False)
def demo(
    *,
    out: str = option("--out", "DIR", "Folder for everything that is generated.", default="demo"),
    form: ReplyForm,
) -> Reply:
    """Scan a generated press and web, and report the copies.

    The command makes a small press corpus, and shards with copies of it, from texts written for this project.
    It seals the claims in a bag and drafts a notice. It replaces the folder of an earlier demo.
    """
    from presswatch_spark.cli.demo.run import run_demo

    folder = Path(out)
    if (folder / DEMO_MARKER).is_file():
        shutil.rmtree(folder)
    elif folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        what = "this is not a folder, or contains other files than a demo's"
        raise OutputError(what, where=out, remedy="choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DEMO_MARKER).touch()

    demonstration = run_demo(folder, lambda stage: tell(f"{stage} …"))
    lines = (line for text in demonstration.lines() for line in text.split("\n"))
    warnings = incomplete_lines(demonstration.summary, str(folder / "tables"))
    return Reply(lines, warnings=warnings, exit_code=INCOMPLETE if demonstration.summary.incomplete else 0)
