"""`presswatch matches`, `explain`, `compare`, `verify-rows`, `fetch`: show, compare and check matches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from functools import partial
from itertools import chain
from random import randrange
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.options import argument, flag, option, refuse
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.processes import give_memory_back, keep_memory, leave_pandas_out
from presswatch_spark.core.terminal import GAP, printable, shortened, table_lines, terminal_width
from presswatch_spark.core.translation import N_, sentence, sentence_in
from presswatch_spark.query.sql import ENGINE_NAMES
from presswatch_spark.tables.column_values import GRADES
from presswatch_spark.tables.confidence_reasons import REASONS

if TYPE_CHECKING:
    from presswatch_spark.query.changes.compare import ChangesSummary
    from presswatch_spark.query.filtered_matches import Matches, MatchTotals
    from presswatch_spark.query.pointers.audit import RowCheck

MATCH_COLUMNS = (
    "row_sha256", "confidence", "confidence_reasons", "grade", "longest_run_words", "article_coverage",
    "document_coverage", "own_site", "title_id", "article_id", "http_status", "document_url", "shard_uri",
    "record_offset", "row_index", "copied_words", "captured_at", "document_host", "publisher_id", "headline",
    "text_source",
)  # fmt: skip
MATCHES_SHOWN = 50
RUNS_NAMED = 3
ORDER_NAMES = ("weight", "date", "host", "title", "shard")
FACTS = ("row", "letter", "words", "captured", "where", "publisher")
ABOUT = ("host", "headline", "reason")
ROW_DIGITS = 12
"""Enough digits to tell a million rows apart; `presswatch fetch --row` takes them."""
# A terminal of this width shows a row in one line. Hosts longer than the second value are cut.
WIDE, HOST_WIDTH = 140, 30
WHERE = {True: N_("own site"), False: N_("elsewhere"), None: N_("unknown")}
UNKNOWNS = {
    "captured_at": N_("{rows} without a date of capture"),
    "document_host": N_("{rows} without a known host"),
    "release": N_("{rows} without a known release"),
}
CHANGES = {
    "gone": N_("found before; absent after, in shards read to their end"),
    "reduced": N_("found again, with fewer words of the article"),
    "altered": N_("found again, with other words of the article"),
    "moved": N_("found again at another URL, in the same text"),
    "persists": N_("found again, with the same words of the article"),
    "new": N_("found after, and in no earlier run"),
    "reappeared": N_("found after and not before, but in an earlier run"),
    "unknown": N_("not found after, but it may be there"),
}
DOUBTS_SHOWN = 5
SEEDS = 1 << 32
CHECK_KINDS = {
    "run_id": str, "row_sha256": str, "document_url": str, "article_id": str, "verified": bool, "reason": str,
    "detail": str, "pointer": str,
}  # fmt: skip
OTHER_CORPUS = (
    "note: run {} was made with a corpus other than --corpus: only figures of the two texts were compared,"
    " and not rarity, ownership, confidence, or whose site the page is on"
)

Row = Mapping[str, Any]


@command("matches", json=True, export=True, lang="en", pager=True)
def matches(
    form: ReplyForm,
    tables: str = argument(),
    count: bool = flag("--count", "Print only the totals."),
    run_id: str | None = option(
        "--run", "RUN", "Rows of this run, of the `latest`, or of `all`. Default: the current rows."
    ),
    title_id: str | None = option("--title", "ID", "Only this title."),
    publisher_id: str | None = option("--publisher", "ID", "Only this publisher."),
    article_id: str | None = option("--article", "ID", "Only this article."),
    document_host: str | None = option("--host", "HOST", "Only documents of this host."),
    dataset: str | None = option("--dataset", "NAME", "Only this dataset, such as `wet`."),
    release: str | None = option("--release", "ID", "Only this release, such as CC-MAIN-2024-22."),
    since: date | None = options.day("--since", "Only documents captured on this day (UTC) or later."),
    grades: tuple[str, ...] = option("--grade", GRADES, "Only these grades; repeatable.", multiple=True),
    confidences: tuple[str, ...] = options.confidences("Only these letters; repeatable."),
    own_site: bool = flag("--own-site", "Only documents on the publisher's own sites."),
    elsewhere: bool = flag("--elsewhere", "Only documents on other sites."),
    unknown_site: bool = flag("--unknown-site", "Only documents without a known URL."),
    corpus: str | None = option("--corpus", "DIR", "The corpus, to accept titles without a match."),
    order: str | None = option("--order", ORDER_NAMES, "Default: weight; with --json and --export, shard."),
    limit: int | None = options.count(
        "--limit", f"Most rows to print. Default: {MATCHES_SHOWN}; all as JSON or file."
    ),
    engine: str = options.engine("Engine that counts and sorts"),
) -> Reply:
    """Print totals of the matches, and the strongest of them.

    TABLES is the --out folder of a scan. Of several readings of a shard, the newest complete one counts.
    --own-site, --elsewhere and --unknown-site together select all rows.

    The order `weight` begins with the best letter, and within a letter with the most copied words. Letters
    are those of the claims in TABLES, if there are any; else those of the rows. Rows for which a filter
    cannot be decided (no date, no host) are left out and counted.

    `reason` is the first reason for the letter; for C and D, the first one that prevents a better letter.
    `row` is the beginning of row_sha256, for `presswatch explain ROW TABLES` and
    `presswatch fetch TABLES --row ROW`. In a file or a pipe, there are more columns, and nothing is cut.

    Example: presswatch matches tables --elsewhere --since 2024-05-01
    """
    leave_pandas_out()
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.query.filtered_matches import Matches, MatchFilter, require_known
    from presswatch_spark.tables.declarations import Match

    refuse(form.export and count, "pass either --export or --count")
    storage, _ = form.storage, form.language
    wanted = MatchFilter(
        title_id=title_id,
        publisher_id=publisher_id,
        article_id=article_id,
        grades=grades,
        confidences=confidences,
        own_site=own_site,
        elsewhere=elsewhere,
        unknown_site=unknown_site,
        dataset=dataset,
        release=release,
        document_host=document_host,
        since=datetime.combine(since, time.min, UTC) if since else None,
    )
    store = form.open_tables(tables)
    require_known(store, wanted, Corpus.open(corpus, check=False, storage=storage) if corpus else None)
    found = Matches.of(store, run_id, wanted, engine)
    if found.judged:
        # DuckDB joins rows with claims in memory up to its own limit: let Arrow return unused memory.
        give_memory_back()

    if not (count or form.is_for_people):
        # Rows as they are stored; in a file, with the letter of the claim.
        columns = [*Match.schema.names, *(["letter"] if form.export and found.judged else ())]
        return Reply(rows=found.rows(columns, order or "shard", limit))
    totals = found.totals()
    heading = list(_summary_lines(found, totals, _))
    if count:
        facts = {**asdict(totals), "records": totals.documents, "left_out": found.left_out()}
        return Reply(heading, rows=ReplyRows([facts]))

    order = order or "weight"
    rows = _strongest(found, order, limit or MATCHES_SHOWN)
    if len(rows) < totals.rows:
        shown = {"rows": _.n("{n} row", "{n} rows", len(rows)), "order": _.word("order", order)}
        heading.append(_("shown: {rows}, by {order}; for more, see --limit, --export", **shown))
    return Reply(_row_lines(rows, found, _), heading=heading)


def _strongest(found: Matches, order: str, limit: int) -> list[Row]:
    columns = ["run_id", *MATCH_COLUMNS, "letter"]
    rows = [dict(zip(columns, row, strict=True)) for row in found.rows(columns, order, limit).rows]
    reasons = found.reasons(rows)
    of_rows = (reasons.get((row["run_id"], row["row_sha256"]), row["confidence_reasons"]) for row in rows)
    return [{**row, "reasons": codes} for row, codes in zip(rows, of_rows, strict=True)]


def _summary_lines(found: Matches, totals: MatchTotals, _: Language) -> Iterator[str]:
    letters = ", ".join(f"{_.number(count)} {letter}" for letter, count in sorted(totals.letters.items()))
    rows = _.n("{n} row", "{n} rows", totals.rows) + (f" ({letters})" if letters else "")
    yield _(
        "{rows}: {articles} at {addresses}, in {records} on {hosts}",
        rows=rows,
        articles=_.n("{n} article", "{n} articles", totals.articles),
        addresses=_.n("{n} known address", "{n} known addresses", totals.addresses),
        records=_.n("{n} record", "{n} records", totals.documents),
        hosts=_.n("{n} known host", "{n} known hosts", totals.hosts),
    )
    if totals.rows:
        sites = {True: totals.own_site, False: totals.elsewhere, None: totals.unknown_site}
        where = ", ".join(f"{_(WHERE[site])} {_.number(count)}" for site, count in sites.items())
        yield _("rows by site: {where}", where=where)
    if totals.without_host:
        yield _("host unknown: {rows}", rows=_.n("{n} row", "{n} rows", totals.without_host))
    if left_out := found.left_out():
        parts = (
            _(UNKNOWNS[name], rows=_.n("{n} row", "{n} rows", count))
            for name, count in sorted(left_out.items())
        )
        yield _("left out, as the filter could not be applied: {rows}", rows=", ".join(parts))
    if len(found.runs) > 1:
        named = [*found.runs[-RUNS_NAMED:], *(["…"] if len(found.runs) > RUNS_NAMED else [])]
        count = _.n("{n} run", "{n} runs", len(found.runs))
        yield _("searched {runs}: {names}", runs=count, names=", ".join(named))
    if not found.runs:
        yield _("no run is published here; `presswatch runs` lists unfinished ones")
    if found.superseding:
        yield _("rows of readings that newer ones replace are left out; --run all includes them")
    if found.judged:
        yield _("letters and reasons are those of the claims; a row without a claim keeps its own")


def _row_lines(rows: Sequence[Row], found: Matches, _: Language) -> Iterator[str]:
    """Yield rows in two lines each, or one on a wide terminal; without a terminal, a table of all columns."""
    width = terminal_width()
    if width is None:
        names = [*(["run_id"] if len(found.runs) > 1 else []), *MATCH_COLUMNS]
        names += ["letter"] if found.judged else []

        def cell(row: Row, name: str) -> object:
            if name == "own_site":
                return _(WHERE[row[name]])
            return _.value(",".join(row["reasons"] or ()) if name == "confidence_reasons" else row[name])

        yield from table_lines(names, [[cell(row, name) for name in names] for row in rows], None)
        return
    if not rows:
        return

    cells = [
        (
            (row["row_sha256"] or "")[:ROW_DIGITS],
            row["letter"] or _("unknown"),
            _.number(row["copied_words"]),
            _.day(row["captured_at"]) if row["captured_at"] else _("unknown"),
            _(WHERE[row["own_site"]]),
            row["publisher_id"],
            shortened(printable(row["document_host"] or _("unknown")), HOST_WIDTH),
            row["headline"]
            or (_("article {id}", id=row["article_id"]) if row["article_id"] else _("no text of an article")),
            _reason(row, _),
        )
        for row in rows
    ]
    first, second = _.names(FACTS), _.names(ABOUT)
    if width >= WIDE:
        yield from table_lines((*first, *second), cells, width, (*first[:-1], second[0], second[-1]))
        return
    above = table_lines(first, [row[: len(first)] for row in cells], width, first[:-1])
    about = [row[len(first) :] for row in cells]
    below = table_lines(second, about, width - len(GAP), (second[0], second[-1]))
    for one, other in zip(above, below, strict=True):
        yield one
        yield f"{GAP}{other}"


def _reason(row: Row, _: Language) -> str:
    """Return the first reason for the letter; for `C` and `D`, the first that prevents a better letter."""
    codes = row["reasons"]
    if not codes:
        return _("unknown")
    against = (code for code in codes if code in REASONS and REASONS[code].caps)
    code = next(against, codes[0]) if row["letter"] in ("C", "D") else codes[0]
    return _(REASONS[code].label) if code in REASONS else str(code)


@command("explain", lang="fr", pager=True, config=True)
def explain(
    form: ReplyForm,
    row: str = argument(),
    tables: str = argument(),
    corpus: str | None = option("--corpus", "DIR", "The corpus of the scan, for words, owner and mandate."),
    claims: str | None = option("--claims", "DIR", "Folder that claims were written to. Default: TABLES."),
    as_of: date | None = options.day(
        "--as-of", "Day on which rights are judged. Default: the day of the claims, or today."
    ),
    mirrors: options.Mirrors = options.mirrors(),
) -> Reply:
    """Explain a row: words, dates, owner, rights, and its letter.

    ROW is the beginning of a row_sha256, as `presswatch matches` prints it; TABLES is the folder of a scan.
    Both texts are shown side by side: the page is read again from its shard if possible. If --claims or
    TABLES contains a claim of the row, the claim is explained. The last lines show how to check the case by
    hand.

    Example: presswatch explain 3f2a9c41 tables --corpus corpus --claims claims
    """
    from presswatch_spark.claims.explain import explanation_lines
    from presswatch_spark.claims.row_facts import explained_row

    case = explained_row(tables, row, corpus, form.storage, mirrors, as_of, claims)
    return Reply(explanation_lines(case, form.language.language))


@command("compare", export=True, lang="en", pager=True, settings=("run.master", "run.cores"))
def compare(
    form: ReplyForm,
    tables: str = argument(),
    before: str = option("--before", "RUN", "Id of the earlier run.", required=True),
    after: str = option("--after", "RUN", "Id of the later run, or `latest`.", required=True),
    engine: str = options.engine("Engine that compares the rows"),
    memory: str = options.memory("500MB", "continues on disk"),
    out: str = option("--out", "DIR", "Folder, or s3://, for the table `changes`.", required=True),
) -> Reply:
    """Compare two runs, pair by pair of article and document.

    TABLES is the --out folder of a scan. A copy is `gone` only if every shard that may contain it was read
    to its end, and the article is the same in both corpora. Otherwise a copy that was not found again is
    `unknown`, and `doubt` states the shard or article.

    \b
    presswatch compare --before RUN --after latest --out changes tables
    """
    keep_memory()
    leave_pandas_out()
    from presswatch_spark.query.changes.compare import compare as run_compare
    from presswatch_spark.tables.declarations import SCHEMAS
    from presswatch_spark.tables.store import column_batches

    summary = run_compare(tables, before, after, out, form.settings, engine=engine, memory=memory)
    schema, made = SCHEMAS["changes"], summary.tables
    batches = column_batches(made, "changes", made.made("changes"), schema.names)
    rows = (row for batch in batches for row in batch.to_pylist())
    return Reply(_change_lines(summary, form.language), rows=ReplyRows(rows, lambda: schema))


def _change_lines(summary: ChangesSummary, _: Language) -> Iterator[Line]:
    rows = [(_.number(count), _.name(state), _(CHANGES[state])) for state, count in summary.counts.items()]
    columns = ("pairs", "state", "meaning")
    yield Table(columns, rows, columns[:2], columns[2:])
    pairs = _.n("{n} pair", "{n} pairs", sum(summary.counts.values()))
    yield _(
        "{pairs} of an article and a document, by {engine}", pairs=pairs, engine=ENGINE_NAMES[summary.engine]
    )
    if summary.doubts:
        ordered = sorted(summary.doubts.items(), key=lambda each: (-each[1], each[0]))
        doubts = [
            (_.number(count), _.name(state), _doubt(doubt, _))
            for (state, doubt), count in ordered[:DOUBTS_SHOWN]
        ]
        columns = ("pairs", "state", "doubt")
        yield ""
        yield Table(columns, doubts, columns[:2], columns[2:])
        if others := ordered[DOUBTS_SHOWN:]:
            yield _(
                "and {pairs} in doubt, for {reasons}: see the column doubt",
                pairs=_.n("{n} pair", "{n} pairs", sum(count for _, count in others)),
                reasons=_.n("{n} other reason", "{n} other reasons", len(others)),
            )
        if any(state == "new" for state, _ in summary.doubts):
            yield _("new copies that are in doubt may have existed before")
    yield _("table digest {digest}", digest=summary.table_digest)
    yield _("written to {folder}", folder=summary.folder)


def _doubt(text: str, _: Language) -> str:
    from presswatch_spark.query.changes.known_absence import Doubt

    found = sentence_in(text, Doubt, ("run", "other"), "of a run")
    facts = dict(found.facts)
    if "names" in facts:
        facts["names"] = _.sentence(sentence_in(str(facts["names"]), (N_("{names} and {count} more"),)))
    return _.sentence(sentence(found.text, **facts)) if _.is_french else text


@command("verify-rows", json=True, export=True, config=True)
def verify_rows(
    form: ReplyForm,
    tables: str = argument(),
    sample: int = options.count(
        "--sample", "Number of rows to draw, or all if there are fewer.", default=100
    ),
    seed: int | None = option("--seed", click.IntRange(0, SEEDS - 1), "The same seed draws the same rows."),
    run_id: str | None = options.RUN,
    corpus_path: str | None = option("--corpus", "DIR", "The corpus, to compute every figure again."),
    mirrors: options.Mirrors = options.mirrors(),
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
        settings_of,
    )

    store = form.open_tables(tables)
    corpus = Corpus.open(corpus_path, storage=form.storage) if corpus_path else None
    figures = RowRecomputation(corpus)
    texts = corpus.text_of if corpus else None
    audit = Audit(partial(settings_of, store), form.storage, mirrors, texts, figures)
    seed = randrange(SEEDS) if seed is None else seed
    damage = list(damage_of(store, run_id))
    replies.print_lines((printable(f"error: {error}") for error in damage), err=True)
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
        (f"{check.row.row_sha256[:ROW_DIGITS]}  {check.failure}", f"{'':{ROW_DIGITS}}  {check.pointer}")
        for check in checks()
        if check.failure
    )
    # A generator, since these runs are known only after the check of all rows.
    notes = (OTHER_CORPUS.format(run) for runs in [figures.other_corpus_runs] for run in sorted(runs))
    return Reply(
        chain(chain.from_iterable(lines), summary()),
        rows=ReplyRows(map(_check_facts, checks()), CHECK_KINDS),
        warnings=notes if form.is_for_people else chain(summary(), notes),
        exit_code=lambda: replies.INCOMPLETE if failures else replies.FAILED if damage else 0,
    )


def _check_facts(check: RowCheck) -> dict[str, object]:
    failure, row = check.failure, check.row
    facts = (row.run_id, row.row_sha256, row.document_url, row.article_id)
    outcome = (failure is None, failure and failure.reason, failure and failure.detail)
    return dict(zip(CHECK_KINDS, (*facts, *outcome, str(check.pointer)), strict=True))


@command("fetch", settings=("read.columns",), config=True)
def fetch(
    form: ReplyForm,
    target: str = argument("TABLES|POINTER"),
    prefix: str | None = option("--row", "SHA256", "Beginning of a row_sha256 in TABLES."),
    out: str | None = option("--out", "FILE", "New file for the stored record, or the text of a row."),
    upstream: bool = flag(
        "--upstream", "With --row: find the web archive's record that the row was made from."
    ),
    index: str | None = options.index("--upstream"),
    mirrors: options.Mirrors = options.mirrors(),
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

    is_unclear = prefix is None and not is_pointer(target)
    refuse(is_unclear, "pass a pointer (URI#offset=N,length=N or URI#row=N), or TABLES with --row")
    refuse(upstream and prefix is None, "--upstream requires TABLES and --row")
    refuse(index and not upstream, "--index requires --upstream")
    if prefix is None:
        fetched = at_pointer(target, form.settings.read.columns, form.storage, mirrors)
    else:
        archives = Archives(form.settings.datasets.common_crawl.base, mirrors, form.storage)
        fetched = for_row(target, prefix, archives, index, upstream=upstream)
    written = f"{out}: {fetched.save(out)}" if out else None
    return Reply(shown(fetched, written))
