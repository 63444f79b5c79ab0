"""`presswatch scan`, `inspect`, `verify-candidates`: find copies, with an open or a sealed corpus."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.commands.tables import HEADLINES, estimate_lines, gate_line
from presswatch_spark.cli.options import argument, flag, option, refuse
from presswatch_spark.cli.replies import Line, Reply, ReplyForm, Table, command
from presswatch_spark.core.errors import InputError, OutputError, StorageError
from presswatch_spark.core.redaction import redacted_command
from presswatch_spark.core.terminal import counted
from presswatch_spark.scanning.monitoring.progress import EventLog, failures_logged
from presswatch_spark.storage.objects import StorageOptions, shown_uri
from presswatch_spark.storage.shards import left_out_line

if TYPE_CHECKING:
    from presswatch_spark.core.settings.config import ScanConfig
    from presswatch_spark.query.verify_candidates import Verified
    from presswatch_spark.scanning.pipeline import ScanPlan
    from presswatch_spark.scanning.runs.run_work import RunSummary

SHARDS_NAMED = 5


def _format(context: click.Context, option: click.Parameter, name: str) -> str:
    # Formats are not imported for the help, as that takes a second.
    from presswatch_spark.reading import known_formats

    return click.Choice((known_formats.AUTO, *known_formats.names())).convert(name, option, context)


@command(
    "scan",
    settings=(
        *("read.release", "read.languages", "read.columns", "read.pdf", "read.embedded_text"),
        "grade.min_run_words",
        *("run.master", "run.cores", "run.wave_shards", "run.shards_per_task", "run.log_format"),
        *("run.metrics_file", "run.price", "run.budget", "run.shard_digest", "run.gate_audit"),
        *("run.operator", "run.index_memory", "run.spark_ui"),
    ),
    config=True,
)
def scan(
    form: ReplyForm,
    paths: tuple[str, ...] = argument("PATH [PATH …]", nargs=-1),
    release: str | None = option(
        "--release", "NAME", "In place of PATH: a release of `presswatch releases`."
    ),
    named: str | None = option("--dataset", "NAME", "In place of PATH: a dataset of `presswatch datasets`."),
    part: str | None = option("--part", "NAME", "The part of the --dataset, such as fra_Latn."),
    mirror: str | None = option("--mirror", "URI", "With --dataset: a folder or bucket with a copy of it."),
    pages_of: str | None = option("--pages-of", "TABLES", "In place of PATH: WARC records of WET matches."),
    captures: str | None = option("--captures", "TABLES", "In place of PATH: WARC records of a census."),
    index: str | None = options.index("--pages-of"),
    sample: float | None = option(
        "--sample",
        "SHARE",
        "Scan a share of the shards in each folder.",
        type=options.NumberRange(0, 1, min_open=True),
    ),
    sample_seed: int = option(
        "--sample-seed", click.IntRange(0), "The same seed draws the same shards.", default=0
    ),
    dataset: str = option(
        "--format", "FORMAT", "Format of the shards, or `auto`.", callback=_format, default="auto"
    ),
    corpus: str = option("--corpus", "DIR", "The corpus, from `presswatch corpus build`.", required=True),
    key_file: str | None = options.KEY_FILE,
    key_secret: str | None = options.KEY_SECRET,
    extract: str | None = option("--extract", "FOLDER", "New, for the pages of candidates (web text)."),
    out: str = option("--out", "DIR", "Folder of the tables; several runs may share it.", required=True),
    base: str | None = option("--base", "URI", "Base address for a list, or a mirror of Common Crawl."),
    again: bool = flag("--again", "Scan even if this scan is already published."),
    dry_run: bool = flag("--dry-run", "List the shards and the costs; write nothing."),
) -> Reply:
    """Scan shards for copies of the corpus's articles.

    PATH is a file, a folder, a glob, an s3:// or https:// address, a list (*.paths or *.paths.gz), or
    hf://datasets/OWNER/NAME[@REVISION]/PATH. Settings come from --config, the environment
    (PRESSWATCH_GRADE__MIN_RUN_WORDS=12), and flags, the last of which counts. To resume a stopped scan,
    repeat the command.

    \b
    presswatch scan --corpus corpus --out tables shards/
    presswatch scan --dataset fineweb-2 --part fra_Latn --corpus corpus \\
      --out tables
    presswatch scan --corpus sealed --key-file KEY --out candidates shards/
    presswatch scan --release CC-MAIN-2026-39 --format wet --corpus corpus \\
      --out tables
    """
    from presswatch_spark.corpus.sealed import KeySource
    from presswatch_spark.corpus.store import manifest_of
    from presswatch_spark.scanning.pipeline import scan as run_scan

    records, settings = pages_of or captures, form.settings
    inputs = [bool(each) for each in (paths, release, named, pages_of, captures)].count(True)
    refuse(inputs != 1, "pass exactly one of PATH, --release, --dataset, --pages-of and --captures")
    refuse((part or mirror) and not named, "--part and --mirror require a --dataset")
    refuse(index and not pages_of, "--index requires --pages-of")
    refuse(sample and records, "--sample cannot be combined with --pages-of or --captures")
    refuse(release and dataset == "auto", "--release requires --format: a release has several formats")
    refuse(extract and not (key_file or key_secret), "--extract requires --key-file or --key-secret")
    refuse((named or records) and dataset != "auto", "--format is for PATH and --release; leave it out")
    is_named = release and settings.read.release is not None
    refuse(is_named, "--release already sets the release; leave out --release-name")
    given, events = click.get_current_context().params, EventLog.of(settings.run.log_format)
    if dry_run:
        planned = plan_of_command(given, settings)
        # Only the scan itself reads more of the corpus.
        manifest_of(corpus, settings.storage)
        return Reply(_plan_lines(planned))
    with failures_logged(events):
        summary = run_scan(
            plan_of_command(given, settings), out, key=KeySource.of(key_file, key_secret), extract=extract,
            again=again, command=replies.command_line(), events=events,
        )  # fmt: skip
    lines = chain(
        summary_lines(summary),
        _figure_lines(summary, out, settings.storage),
        _next_lines(summary, corpus, out, settings.storage),
    )
    warnings = _warnings(summary, out, events)
    return Reply(lines, warnings=warnings, exit_code=replies.INCOMPLETE if summary.incomplete else 0)


def _warnings(summary: RunSummary, out: str, events: EventLog | None) -> Iterator[str]:
    """Yield notes and unread shards, or write events instead; unread shards already have their events."""
    all_skipped = bool(summary.row["documents_skipped"] and not summary.row["documents"])
    if events:
        for note in summary.notes:
            events.tell("note", note=note)
        if summary.without_url:
            events.tell("documents_without_url", "warning", documents=summary.without_url)
        if all_skipped:
            events.tell("every_document_skipped", "warning")
        return
    yield from (f"note: {note}" for note in summary.notes)
    if summary.without_url:
        documents = int(str(summary.row["documents"]))
        shards = f" ({summary.without_url_in})" if summary.without_url_in else ""
        yield (
            f"warning: {summary.without_url:,} of {documents:,} documents have no known URL{shards}: "
            "their site is unknown (`own_site` is null, confidence C at most); if a column has it, map it:"
            " --columns url=COLUMN, where dots lead into nested fields and into JSON in a string"
        )
    if all_skipped:
        yield "warning: every document was skipped, so their content is unknown"
    yield from incomplete_lines(summary, out, "scan_log" if "matches" in summary.row else "sealed_scan_log")


def plan_of_command(given: Mapping[str, Any], config: ScanConfig) -> ScanPlan:
    """Plan the scan of parsed parameters of the command, without starting it; raises as `api.scan`.

    Columns and a release that the user gives replace those of a dataset.
    """
    from presswatch_spark.api import plan_scan
    from presswatch_spark.scanning.releases.datasets import dataset_named, load_datasets, part_of

    paths, format, asked = given["paths"], given["dataset"], dict[str, Any]()
    if named := given["named"]:
        dataset, read = dataset_named(named, load_datasets()), config.read
        shards = part_of(dataset, given["part"], given["mirror"])
        if dataset.caution:
            click.echo(f"note: {dataset.caution}", err=True)
        read = replace(read, columns=read.columns or shards.columns, release=read.release or shards.release)
        paths, format, config = (shards.path,), shards.format, replace(config, read=read)
        asked = {"product": named, "asked_for": f"{named}:{given['part']}"}
    names = ("release", "base", "pages_of", "captures", "index", "sample", "sample_seed")
    return plan_scan(paths, given["corpus"], config, format, **asked, **{name: given[name] for name in names})


def _plan_lines(planned: ScanPlan) -> Iterator[Line]:
    bill, cores = planned.bill(), planned.config.run.cores or os.cpu_count() or 1
    yield Table(("bytes", "shard_uri"), [(shard.size, shown_uri(shard.uri)) for shard in planned.shards])
    yield from filter(None, [left_out_line(planned.left_out)])
    yield bill.line()
    yield bill.time_and_requests(planned.shards, cores)
    yield "nothing was scanned or written"


def summary_lines(summary: RunSummary) -> Iterator[str]:
    """Yield the summary of a run, in a few lines."""
    row: Mapping[str, Any] = summary.row
    is_sealed = "candidates" in row
    found = counted(row["candidates"], "candidate") if is_sealed else counted(row["matches"], "match")
    resumed = ", resumed" if summary.resumed else ""
    skipped = f", {row['documents_skipped']:,} skipped" if row["documents_skipped"] else ""
    megabytes = row["text_bytes"] / 1e6
    since = " since then" if summary.resumed else ""
    seconds = f", {summary.seconds:,.0f} s{since}" if summary.seconds else ""
    yield (
        f"{'sealed scan' if is_sealed else 'run'} {summary.run_id}{resumed}: {found} in"
        f" {counted(row['documents'], 'document')}{skipped} ({megabytes:,.1f} MB of text) of"
        f" {counted(row['shards_planned'], 'shard')}{seconds}"
    )
    if row.get("sample") is not None:
        of = f"{row['shards_planned']:,} of {counted(row['shards_listed'], 'shard')}"
        yield f"a sample: {of}; what was not found may be in the rest"
    if line := gate_line(row):
        yield line
    if row.get("signals"):
        yield f"{counted(row['signals'], 'rights signal')} of members' sites"
    yield f"table digest {row['table_digest']}"


def _figure_lines(summary: RunSummary, out: str, storage: StorageOptions) -> Iterator[Line]:
    """Yield, after a sample, main totals of the whole release; and the rows of A and B on pages elsewhere.

    The run is already published, so a failure to compute these figures becomes a line, not an error.
    """
    if "candidates" in summary.row:
        return
    from presswatch_spark.query.estimates import estimate_of
    from presswatch_spark.query.filtered_matches import Matches, MatchFilter
    from presswatch_spark.tables.store import TableStore

    if summary.row.get("sample") is not None:
        try:
            totals = estimate_of(TableStore.open(out, storage), summary.run_id)
            yield from estimate_lines(totals, (row for row in totals.measures if row.measure in HEADLINES))
            yield f"all estimates: presswatch estimate {out} --run {summary.run_id}"
        except (InputError, OutputError, StorageError) as error:
            yield f"no estimate of the whole: {error.what}"
    wanted = MatchFilter(elsewhere=True, confidences=("A", "B"))
    try:
        store = TableStore.open(out, storage)
        found = Matches(store, wanted, [summary.run_id], "duckdb", judged=False).totals()
    except (InputError, OutputError, StorageError) as error:
        yield f"rows elsewhere were not counted: {error.what}"
        return
    rows = " and ".join(f"{found.letters.get(letter, 0):,} {letter}" for letter in "AB")
    places = f"{counted(found.addresses, 'known address')}, in {counted(found.documents, 'record')}"
    yield f"elsewhere: {rows} (preliminary letters), at {places}"


def _next_lines(summary: RunSummary, corpus: str, out: str, storage: StorageOptions) -> Iterator[str]:
    if not (summary.row.get("matches") or summary.row.get("candidates")):
        return
    given = options.storage_words(storage)
    commands = [
        ["claims", "--corpus", corpus, "--out", out, *given, out],
        ["matches", "--elsewhere", *given, out],
    ]
    yield "judge the rows, which can lower letters, then list them:"
    if "candidates" in summary.row:
        commands = [["sql", *given, out, "select * from candidates"]]
    yield from (f"  {redacted_command(['presswatch', *words])}" for words in commands)


def incomplete_lines(summary: RunSummary, out: str, table: str = "scan_log") -> Iterator[str]:
    """Yield the first few shards that were not read to their end, if any, and the query that lists them."""
    incomplete, count = summary.incomplete, len(summary.incomplete)
    if not count:
        return
    planned = counted(int(str(summary.row["shards_planned"])), "shard")
    yield f"error: {count:,} of {planned} could not be read to the end:"
    yield from (f"  {status}: {uri}: {error}" for uri, status, error in incomplete[:SHARDS_NAMED])
    if count > SHARDS_NAMED:
        yield f"  and {count - SHARDS_NAMED:,} more"
    query = f"select * from {table} where run_id = '{summary.run_id}' and status <> 'complete'"
    yield f'all of them: presswatch sql {out} "{query}"'


@command(
    "inspect",
    settings=("read.columns", "read.pdf", "read.embedded_text", "run.cores", "run.shard_seconds"),
    storage=False,
)
def inspect(
    form: ReplyForm,
    folder: str = argument("FOLDER"),
    corpus: str = option("--corpus", "DIR", "The sealed corpus.", required=True),
    key_file: str = option("--key-file", "FILE", "Key of the sealed corpus.", required=True),
    out: str = option("--out", "DIR", "New folder for the numbers that leave the room.", required=True),
    tokenizer: str | None = option("--tokenizer", "FILE", "tokenizer.json of the .bin and .npy files."),
    token_bytes: str = option("--token-bytes", ["2", "4"], "Bytes of a token in .bin files.", default="2"),
    separator: int | None = option(
        "--separator", options.WholeRange(0), "The token between documents. Default: a file is one."
    ),
) -> Reply:
    """Search data for a sealed corpus; only numbers get out.

    The folder's files are Parquet, JSON Lines, WARC, WET, ARC, plain text and, with --tokenizer, arrays of
    tokens. DIR gets files.csv, candidates.csv and inspection.json: numbers and digests, which
    conf/inspect/check.py checks. Standard error gets the number, name and error of each file: keep it in the
    room. No network, Spark or Java is used. If a file was not read to its end, or an entry of the folder was
    not read, the exit code is 3.

    \b
    presswatch inspect --corpus sealed --key-file KEY --out out/inspection data
    """
    from presswatch_spark.corpus.sealed import KeySource
    from presswatch_spark.reading.text_and_token_formats import TokenRules
    from presswatch_spark.scanning.inspection import inspect as search

    tokens = TokenRules(tokenizer, int(token_bytes), separator) if tokenizer else None
    counts = search(
        folder,
        corpus=corpus,
        key=KeySource(key_file),
        out=out,
        config=form.settings,
        tokens=tokens,
        say=replies.tell,
    )
    unread = counts["files"] + counts["others"] - counts["complete"]
    line = f"{counted(counts['candidates'], 'candidate')} in {counted(counts['files'], 'file')}"
    line += f"; not read to the end: {unread:,}"
    return Reply([line], exit_code=replies.INCOMPLETE if unread else 0)


@command(
    "verify-candidates",
    settings=(
        *("grade.min_run_words", "run.master", "run.cores", "run.wave_shards", "run.shards_per_task"),
        *("run.operator",),
    ),
    config=True,
)
def verify_candidates(
    form: ReplyForm,
    candidates: str = argument("CANDIDATES"),
    corpus: str = option("--corpus", "DIR", "The corpus that was sealed.", required=True),
    key_file: str | None = options.KEY_FILE,
    key_secret: str | None = options.KEY_SECRET,
    run: str | None = option("--run", "RUN", "The sealed scan, or `latest`. Default: the only one."),
    extract: str | None = option("--extract", "FOLDER", "Read pages from the --extract of the sealed scan."),
    mirrors: options.Mirrors = options.mirrors(),
    out: str = option("--out", "DIR", "Folder of the tables; several runs may share it.", required=True),
) -> Reply:
    """Verify the candidates of a scan with a sealed corpus.

    CANDIDATES is the --out folder of the sealed scan. Each page is read again, by range if its format allows
    that, else with its whole shard, and matched as in a scan with the open corpus: `matches` has the same
    rows and digest. `rights_signals` are not made. Pages are read with the settings of the sealed scan; local
    files and addresses of this network, only if --mirror names them, since CANDIDATES may name any.

    The key shows that CORPUS is the one that was sealed; it is required if several corpora were searched,
    since candidates of others are left out. If a page cannot be read, the exit code is 3. To resume a stopped
    verification, repeat the command.

    \b
    presswatch verify-candidates --corpus corpus --key-file KEY --out tables \\
      candidates
    """
    from presswatch_spark.corpus.sealed import KeySource
    from presswatch_spark.query.verify_candidates import verify_candidates as verify

    key = KeySource.of(key_file, key_secret)
    verified = verify(
        candidates, corpus=corpus, out=out, config=form.settings, run=run, key=key, extract=extract,
        mirrors=mirrors, command=replies.command_line(),
    )  # fmt: skip
    code = replies.INCOMPLETE if verified.summary.incomplete else 0
    return Reply(_verified_lines(verified), warnings=incomplete_lines(verified.summary, out), exit_code=code)


def _verified_lines(verified: Verified) -> Iterator[str]:
    yield from summary_lines(verified.summary)
    share = f" ({verified.rejected / verified.pairs:.1%})" if verified.pairs else ""
    yield f"rejected: {verified.rejected:,} of {counted(verified.pairs, 'candidate')}{share}"
    if verified.others:
        yield f"left out: {counted(verified.others, 'candidate')} of other corpora"
