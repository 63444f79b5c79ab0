"""`presswatch removal`: follows claims until their bytes are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.options import argument, flag, option, refuse
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.terminal import utc
from presswatch_spark.core.translation import N_, sentence, sentence_in

if TYPE_CHECKING:
    from presswatch_spark.legal.removal.probe_rounds import ProbeReport
    from presswatch_spark.legal.removal.status import Alarm, CaseStatus

FILES_NAMED = 20
ABOUT_ROUND = N_("round {number}")
"""English subject of alarms about a round, by which its number is found again for translation."""
ALARM_COLUMNS = {"round": int, "kind": str, "about": str, "detail": str, "probe": int}


@click.group()
def removal() -> None:
    """Follow claims until their bytes are gone.

    A case contains claims and the places of their bytes. Each round probes every place again, and adds the
    answers to a chain in which any change is noticed. A failure never counts as a removal.
    """


@command("open", removal, lang="en")
def open_command(
    form: ReplyForm,
    tables: str = argument(),
    claims: str | None = options.CLAIMS,
    rows: str | None = options.ROWS,
    confidences: tuple[str, ...] = options.confidences(),
    noticed_at: date | None = options.day("--noticed-at", "Day of the notice. Default: today.", "DAY"),
    out: str = option("--out", "CASE", "A new folder, or s3://, for the case.", required=True),
) -> Reply:
    """Open a case: the claims to be removed, and where their bytes are.

    TABLES is the --out folder of a scan. The places of a claim are its own record, other records of the
    same capture, and the same page in other releases and datasets that were scanned. Licensed claims are
    left out. No server is contacted yet.

    \b
    presswatch removal open --claims claims --confidence A --out case out
    """
    from presswatch_spark.legal.removal.places import open_case

    choice = options.choice_of(rows, confidences, form.storage)
    _case, chosen = open_case(tables, out, choice, claims=claims, noticed_at=noticed_at, storage=form.storage)
    _ = form.language
    claims_named = _.n("{n} claim", "{n} claims", chosen.claims)
    places = _.n("{n} place", "{n} places", len(chosen.targets))
    lines = [_("{claims} at {places}, in {folder}", claims=claims_named, places=places, folder=out)]
    if chosen.licensed:
        licensed = _.n("{n} claim", "{n} claims", chosen.licensed)
        lines.append(_("left out, as they are licensed: {claims}", claims=licensed))
    return Reply(lines)


@command("probe", removal, lang="en")
def probe(
    form: ReplyForm,
    case: str = argument(),
    corpus: str | None = option(
        "--corpus", "DIR", "The corpus, to count the article's words in a changed text."
    ),
    deep: bool = flag("--deep", "Search whole files for texts that are not at their place."),
    index: str | None = option(
        "--index",
        "URL",
        "Index that is queried for each page: a CDX server, a cluster.idx, or files of the columnar "
        "index. {release} is replaced by the release.",
    ),
    tables: str | None = option(
        "--tables",
        "TABLES",
        "Tables to search for the articles in later captures and other files.",
    ),
    mirrors: options.Mirrors = options.mirrors("Read below TO the files that were scanned below FROM."),
) -> Reply:
    """Probe every place of a case, and store the answers.

    Controls are probed, too: records that no notice is about, the neighbours of each record, and made-up
    names. A stopped round resumes with the same command. The exit code is 3 if places were skipped, the
    index did not answer, or there is an alarm, such as a removed text that is back.
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.legal.removal.case import RemovalCase
    from presswatch_spark.legal.removal.probe_rounds import Prober

    prober = Prober(
        RemovalCase.open(case, form.storage),
        form.settings,
        mirrors,
        Corpus.open(corpus, check=False, storage=form.storage) if corpus else None,
        deep,
        index,
        form.open_tables(tables) if tables else None,
        replies.telling(form.language),
    )
    return probe_reply(prober.probe(), index, form.language)


def probe_reply(probed: ProbeReport, index: str | None, _: Language) -> Reply:
    """Return the lines of a round; alarms and skipped places are warnings."""
    from presswatch_spark.legal.removal.probe_rounds import CLOCK_SECONDS
    from presswatch_spark.storage.objects import shown_uri

    counts = sorted(probed.outcomes.items())
    named = ", ".join(_outcome(name, count, _) for name, count in counts)
    round_of = {"number": str(probed.round.number), "outcomes": named or _("no request was made")}
    lines = [
        _("round {number}, resumed: {outcomes}", **round_of)
        if probed.resumed
        else _("round {number}: {outcomes}", **round_of),
        _(
            "{asked} of {places} probed, {now} of them now, with {requests}",
            asked=_.number(probed.asked),
            places=_.n("{n} place", "{n} places", len(probed.status.targets)),
            now=_.number(probed.now),
            requests=_.n("{n} request", "{n} requests", probed.requests),
        ),
    ]
    if abs(probed.clock_offset) > CLOCK_SECONDS:
        seconds = _.number(abs(probed.clock_offset))
        lines.append(_("this machine's clock is {seconds} s off that of a server: set it", seconds=seconds))
    lines.append(_chain_line(probed.status, _))
    warnings = [
        _(
            "alarm: {kind}: {about}: {detail} (probe {probe})",
            probe=_.number(alarm.probe),
            **_facts_of(alarm, _),
        )
        for alarm in probed.alarms
    ]
    for uri, why in probed.blocked.items():
        warnings.append(_("skipped: {place}: {why}", place=uri, why=why))
    if probed.unheard and index:
        warnings.append(_("index: {place}: {why}", place=shown_uri(index), why=probed.unheard))
    is_partial = bool(warnings) or not probed.status.is_finished
    return Reply(lines, warnings=warnings, exit_code=replies.INCOMPLETE if is_partial else 0)


def _outcome(name: str, count: int, _: Language) -> str:
    outcome = _.word("outcome", name.replace("_", " "))
    return _("{count} {outcome}", count=_.number(count), outcome=outcome)


def _facts_of(alarm: Alarm, _: Language) -> dict[str, str]:
    about = _.sentence(sentence_in(alarm.about, [ABOUT_ROUND]))
    return {"kind": _.name(alarm.kind), "about": about, "detail": _.sentence(alarm.detail)}


def _chain_line(status: CaseStatus, _: Language) -> str:
    return _(
        "chain: {probes} ({places} of places, the others of controls, indexes and tables); newest: {newest}",
        probes=_.n("{n} probe", "{n} probes", status.probes),
        places=_.number(status.of_places),
        newest=status.newest,
    )


@command("patch", removal, lang="en")
def patch(
    form: ReplyForm,
    case: str = argument(),
    out: str = option("--out", "PATCH", "A new folder, or s3://, for the patch.", required=True),
    mirrors: options.Mirrors = options.mirrors("Read below TO the files that were scanned below FROM."),
) -> Reply:
    """Write a patch that removes the records of a case.

    Each file is copied, patched, compared and restored, one after the other. PATCH contains no text of a
    removed record. The host of the files runs its apply.py, which needs only Python 3.8 or later. The exit
    code is 3 if some targets cannot be removed.

    \b
    presswatch removal patch --out patch case
    python3 patch/apply.py CC-MAIN-20240518-00000.warc.wet.gz
    """
    from presswatch_spark.legal.removal.case import RemovalCase
    from presswatch_spark.legal.removal.patch import write_patch

    opened = RemovalCase.open(case, form.storage)
    written = write_patch(opened, out, mirrors, form.storage, replies.telling(form.language))
    totals, _ = written.totals, form.language
    counts = {"files": _.n("{n} file", "{n} files", totals["files"])}
    counts["records"] = _.n("{n} record", "{n} records", totals["records"])
    sizes = {name: _.n("{n} byte", "{n} bytes", totals[f"bytes_{name}"]) for name in ("replaced", "uploaded")}
    lines = [
        _("patch {folder} removes {records} from {files}", **counts, folder=out),
        _("{replaced} to replace; on an object store, {uploaded} to upload", **sizes),
        _("SHA-256 of patch.json, for a letter: {digest}", digest=written.digest),
    ]
    warnings = [
        _(
            "not removed: {places}: {why}",
            places=_.n("{n} place", "{n} places", len(some)),
            why=_.sentence(sentence(why)),
        )
        for why, some in written.left.items()
    ]
    return Reply(lines, warnings=warnings, exit_code=replies.INCOMPLETE if warnings else 0)


@command("inventory", removal, lang="en")
def inventory(
    form: ReplyForm,
    case: str = argument(),
    release: str = option("--release", "NAME", "The release, such as CC-MAIN-2024-22.", required=True),
    kind: str = option("--format", "FORM", "Format of its files, as for `scan`.", required=True),
    base: str | None = option("--base", "URI", "A mirror of the release."),
) -> Reply:
    """Record size, ETag and last change of each file of a release.

    The command lists files that were modified since the day of the notice. To resume a stopped inventory,
    repeat the command.
    """
    from presswatch_spark.legal.removal.case import RemovalCase
    from presswatch_spark.legal.removal.inventory import take_inventory
    from presswatch_spark.scanning.releases.datasets import shards_of
    from presswatch_spark.storage.shards import plan

    opened = RemovalCase.open(case, form.storage)
    shards = shards_of(release, kind, base, form.settings.datasets, form.storage)
    uris = [shard.uri for shard in plan([shards.path], form.storage, shards.base)]
    found = take_inventory(opened, release, kind, uris, form.storage, replies.telling(form.language))
    _ = form.language
    counts = sorted(found.outcomes.items())
    outcomes = ", ".join(_outcome(name, count, _) for name, count in counts)
    files = _.n("{n} file", "{n} files", found.files)
    inventory_of = {"number": str(found.number), "release": release, "files": files, "outcomes": outcomes}
    lines = [_("inventory {number} of {release}: {files}: {outcomes}", **inventory_of)]
    if found.newest:
        times = {"since": f"{found.since:%Y-%m-%d %H:%M}", "newest": f"{found.newest:%Y-%m-%d %H:%M}"}
        changed, text = len(found.changed), N_("none modified since {since} UTC; the newest on {newest} UTC")
        if changed:
            text = N_("{changed} modified since {since} UTC; the newest on {newest} UTC")
        lines.append(_(text, **times, changed=_.number(changed)))
    if found.undated:
        files = _.n("{n} file", "{n} files", found.undated)
        lines.append(_("without a time of modification: {files}", files=files))
    lines += [_("modified: {file}", file=uri) for uri in found.changed[:FILES_NAMED]]
    return Reply(
        lines,
        warnings=[_("skipped: {why}", why=found.blocked)] if found.blocked else (),
        exit_code=0 if found.is_complete else replies.INCOMPLETE,
    )


@command("status", removal, json=True, export=True, lang="en", pager=True)
def status(
    form: ReplyForm,
    case: str = argument(),
    as_of: str | None = option(
        "--as-of", "TIME", "Use only probes up to this time, such as 2026-11-27T09:30Z."
    ),
    alarms: bool = flag("--alarms", "List the alarms of all rounds instead of the places."),
    metrics_file: str | None = option("--metrics-file", "FILE", "Write metrics of the case for Prometheus."),
) -> Reply:
    """Show for each place whether its text is gone, and why.

    A claim is removed when it is removed at every place. The chain is checked first, and any changed byte
    is reported.
    """
    import pyarrow as pa

    from presswatch_spark.legal.removal.case import RemovalCase
    from presswatch_spark.legal.removal.status import TARGET_COLUMNS, CaseStatus, write_metrics
    from presswatch_spark.tables.declarations import Target

    refuse(as_of and metrics_file, "metrics describe the present: pass either --as-of or --metrics-file")
    _ = form.language
    try:
        moment = utc(datetime.fromisoformat(as_of)) if as_of else None
    except ValueError as error:
        raise click.BadParameter("write a time as 2026-11-27T09:30Z", param_hint="--as-of") from error
    found = CaseStatus.of(RemovalCase.open(case, form.storage), moment)
    if metrics_file:
        write_metrics(metrics_file, found)
    if alarms:
        told = ({**asdict(alarm), "detail": str(alarm.detail)} for alarm in found.alarms)
        rows = ReplyRows(told, ALARM_COLUMNS)
        return Reply(_alarm_lines(found, _) if found.alarms else [_("no alarms")], rows=rows)
    probes = pa.field("probes", pa.list_(pa.int64()))
    target = [Target.schema.field(name) for name in TARGET_COLUMNS]
    derived = replies.schema_of({"state": str, "removed": bool, "doubt": str, "words_left": int})
    removed, claims = found.claims()
    counted = {"removed": _.number(removed), "claims": _.n("{n} claim", "{n} claims", claims)}
    return Reply(
        _status_lines(found, _),
        rows=ReplyRows(found.rows(), lambda: pa.schema([*target, *derived, probes])),
        totals=[_("{removed} of {claims} removed at every place", **counted)],
    )


def _status_lines(found: CaseStatus, _: Language) -> Iterator[Line]:
    from presswatch_spark.legal.removal.states import MEANINGS

    counts = found.counts()
    rows = [
        (_.number(counts[state]), _.name(state), _(meaning))
        for state, meaning in MEANINGS.items()
        if counts[state]
    ]
    columns = ("places", "state", "meaning")
    yield Table(columns, rows, columns[:2], columns[2:])
    undecided = (state for state in found.states.values() if state.state == "undecided")
    for doubt in sorted({_.sentence(state.reason) for state in undecided}):
        yield _("undecided: {doubt}", doubt=doubt)
    yield from _alarm_lines(found, _)
    if found.probes:
        yield _chain_line(found, _)


def _alarm_lines(found: CaseStatus, _: Language) -> Iterator[str]:
    for alarm in found.alarms:
        number = _.number(alarm.round)
        yield _("alarm of round {round}: {kind}: {about}: {detail}", round=number, **_facts_of(alarm, _))
