"""`presswatch removal`: follows claims until their bytes are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click
from click import option

from presswatch_spark.cli.options import (
    SectionedGroup,
    claim_options,
    day_option,
    mirror_option,
    require_one_choice,
    storage_options,
)
from presswatch_spark.cli.replies import (
    INCOMPLETE,
    Language,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    reply_options,
    schema_of,
    tell,
)
from presswatch_spark.translation import N_

if TYPE_CHECKING:
    import pyarrow as pa

    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.removal.inventory import Inventory
    from presswatch_spark.removal.rounds import ProbeReport
    from presswatch_spark.removal.status import CaseStatus
    from presswatch_spark.settings.config import ScanConfig

NAMED = 20
ALARM_COLUMNS = {"round": int, "kind": str, "about": str, "detail": str, "probe": int}
MEANING = {
    "present": N_("the text can be read"),
    "altered": N_("another text is there: see the words that are left"),
    "hidden": N_("the index has no entry, and the record reads"),
    "overwritten": N_("nothing is at its place, and controls of the file read"),
    "dropped": N_("the whole file was read, and it is not in it"),
    "withdrawn": N_("the file was missing twice, a day apart"),
    "superseded": N_("an older revision serves it, the newest does not"),
    "restricted": N_("access was refused, which removes nothing"),
    "reappeared": N_("it was gone, and is there again"),
    "recaptured": N_("a later capture of its URL has the article"),
    "undecided": N_("nobody can say"),
}


metrics_option = option(
    "--metrics-file", metavar="FILE", help="Write how the case stands there, as metrics for Prometheus."
)


@click.group(cls=SectionedGroup)
def removal() -> None:
    """Follow claims until their bytes are gone.

    A case holds claims and the places of their bytes. Each round of probes asks every place again, and adds
    what was answered to a chain that shows any change. Nothing is called removed that a failure may explain.
    """


@removal.command(name="open")
@click.argument("tables")
@claim_options
@day_option(
    "--noticed-at", meaning="The day of the notice, such as 2026-11-27. Default: today.", metavar="DAY"
)
@option("--out", required=True, metavar="CASE", help="A new folder, or s3://, for the case.")
@reply_options(lang="en")
@storage_options
def open_command(
    tables: str,
    claims: str | None,
    rows: str | None,
    confidences: tuple[str, ...],
    noticed_at: date | None,
    out: str,
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Open a case: which claims are to go, and where their bytes are.

    TABLES is the folder that a scan was given as --out. The places of a claim are its own record, other
    records of the same capture, and the same page in other releases and datasets that were scanned. Claims
    under a licence are left out. No server is asked yet.

    \b
    presswatch removal open --claims claims --confidence A --out case out
    """
    from presswatch_spark.removal.places import open_case

    require_one_choice(rows, confidences)
    opened = open_case(
        tables,
        out,
        claims=claims,
        rows=rows,
        confidences=confidences or ("A", "B"),
        noticed_at=noticed_at,
        storage=settings.storage,
    )
    chosen, _ = opened.chosen, form.language
    claims_named = _.n("{n} claim", "{n} claims", chosen.claims)
    places = _.n("{n} place", "{n} places", len(chosen.targets))
    lines = [_("{claims} at {places}, in {folder}", claims=claims_named, places=places, folder=out)]
    if chosen.licensed:
        licensed = _.n("{n} claim", "{n} claims", chosen.licensed)
        lines.append(_("left out, as they are licensed: {claims}", claims=licensed))
    return Reply(lines)


@removal.command()
@click.argument("case")
@option("--corpus", metavar="DIR", help="The corpus, to count the words that a changed text still has.")
@option("--deep", is_flag=True, help="Read whole files for what is not at its place.")
@option(
    "--index",
    metavar="URL",
    help="The index to ask for each page: a CDX server, a cluster.idx, or files of the columnar index."
    " {release} stands for the release.",
)
@option(
    "--tables",
    metavar="TABLES",
    help="Tables to look in: later captures, and other files, may have the articles again.",
)
@mirror_option("Ask for files below TO that were scanned below FROM.")
@metrics_option
@reply_options(lang="en")
@storage_options
def probe(
    case: str,
    corpus: str | None,
    deep: bool,
    index: str | None,
    tables: str | None,
    mirrors: tuple[Mirror, ...],
    metrics_file: str | None,
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Ask for every place of a case again, and keep the answers.

    Controls are asked for among the places: records that nobody noticed, the neighbours of each record, and
    names that never were. A round that was stopped goes on where it was. The exit code is 3 if places were
    left alone, the index answered nothing, or something alarms: a text is back, a control is lost, a file has
    changed.
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.removal.case import RemovalCase
    from presswatch_spark.removal.metrics import write_metrics
    from presswatch_spark.removal.recaptures import LaterTables
    from presswatch_spark.removal.rounds import Prober
    from presswatch_spark.storage.objects import printable as printable_uri

    opened = RemovalCase.open(case, settings.storage)
    words = Corpus.open(corpus, check=False, storage=settings.storage) if corpus else None
    later = LaterTables(tables, settings.storage) if tables else None
    prober = Prober(opened, settings, mirrors, words, deep, index, later, tell)
    probed = prober.probe()
    if metrics_file:
        write_metrics(metrics_file, [probed.status])
    _ = form.language
    warnings = [
        _(
            "alarm: {kind}: {about}: {detail} (probe {probe})",
            kind=_.name(alarm.kind),
            about=alarm.about,
            detail=alarm.detail,
            probe=_.number(alarm.probe),
        )
        for alarm in probed.alarms
    ]
    for uri, why in probed.blocked.items():
        warnings.append(_("left alone: {place}: {why}", place=uri, why=why))
    if probed.unheard and index:
        warnings.append(_("index: {place}: {why}", place=printable_uri(index), why=probed.unheard))
    is_index_silent = bool(probed.unheard) or index in probed.blocked
    is_partial = bool(probed.alarms) or not probed.is_complete or is_index_silent
    return Reply(_round_lines(probed, _), warnings=warnings, exit_code=INCOMPLETE if is_partial else 0)


def _round_lines(probed: ProbeReport, _: Language) -> Iterator[str]:
    from presswatch_spark.removal.rounds import CLOCK_SECONDS

    counts = sorted(probed.outcomes.items())
    named = (f"{_.number(count)} {_.word('outcome', name.replace('_', ' '))}" for name, count in counts)
    round_of = {"number": str(probed.round.number), "outcomes": ", ".join(named) or _("nothing was asked")}
    if probed.resumed:
        yield _("round {number} went on: {outcomes}", **round_of)
    else:
        yield _("round {number}: {outcomes}", **round_of)
    yield _(
        "{asked} of {places} asked for, {now} of them now, by {requests}",
        asked=_.number(probed.asked),
        places=_.n("{n} place", "{n} places", probed.targets),
        now=_.number(probed.now),
        requests=_.n("{n} request", "{n} requests", probed.requests),
    )
    if abs(probed.clock_offset) > CLOCK_SECONDS:
        seconds = _.number(abs(probed.clock_offset))
        yield _("this machine's clock and a server's differ by {seconds} s: set it", seconds=seconds)
    yield _chain_line(probed.status, probed.newest, _)


def _chain_line(standing: CaseStatus, newest: str, _: Language) -> str:
    return _(
        "chain: {probes} ({places} of places, the others of controls, indexes and tables), the newest"
        " {newest}",
        probes=_.n("{n} probe", "{n} probes", standing.course.probes),
        places=_.number(standing.course.of_places),
        newest=newest,
    )


@removal.command()
@click.argument("case")
@option("--release", required=True, metavar="NAME", help="The release, such as CC-MAIN-2024-22.")
@option("--format", "kind", required=True, metavar="FORM", help="Which of its files, as `scan` takes it.")
@option("--base", metavar="URI", help="A mirror of where the release lives.")
@option("--since", metavar="TIME", help="Say which files changed later. Default: since the case was opened.")
@reply_options(lang="en")
@storage_options
def inventory(
    case: str,
    release: str,
    kind: str,
    base: str | None,
    since: str | None,
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Note size, ETag and time of change of a release's files.

    So "of 100,000 files none was modified since the notice" has a table behind it. An inventory that was
    stopped goes on.
    """
    from presswatch_spark.releases.release_shards import shards_of
    from presswatch_spark.removal.case import RemovalCase
    from presswatch_spark.removal.inventory import take_inventory
    from presswatch_spark.storage.shards import plan

    opened = RemovalCase.open(case, settings.storage)
    day = _moment(since, "--since") or datetime.fromisoformat(opened.about["opened_at"])
    shards = shards_of(release, kind, base, settings.datasets, settings.storage)
    uris = [shard.uri for shard in plan([shards.path], settings.storage, shards.base)]
    found = take_inventory(opened, release, kind, uris, day, settings.storage, tell)
    _ = form.language
    return Reply(
        _inventory_lines(found, release, day, _),
        warnings=[_("left alone: {why}", why=found.blocked)] if found.blocked else (),
        exit_code=0 if found.is_complete else INCOMPLETE,
    )


def _inventory_lines(found: Inventory, release: str, day: datetime, _: Language) -> Iterator[str]:
    counts = sorted(found.outcomes.items())
    outcomes = ", ".join(f"{_.number(count)} {_.word('outcome', name)}" for name, count in counts)
    files = _.n("{n} file", "{n} files", found.files)
    inventory_of = {"number": str(found.number), "release": release, "files": files, "outcomes": outcomes}
    yield _("inventory {number} of {release}: {files}: {outcomes}", **inventory_of)
    if found.newest:
        moments = {"since": f"{day:%Y-%m-%d %H:%M}", "newest": f"{found.newest:%Y-%m-%d %H:%M}"}
        if found.changed:
            changed = _.number(len(found.changed))
            yield _(
                "{changed} modified since {since} UTC; the newest on {newest} UTC", changed=changed, **moments
            )
        else:
            yield _("none modified since {since} UTC; the newest on {newest} UTC", **moments)
    if found.undated:
        files = _.n("{n} file", "{n} files", found.undated)
        yield _("{files} did not say when it was modified", files=files)
    yield from (_("modified: {file}", file=uri) for uri in found.changed[:NAMED])


@removal.command()
@click.argument("case")
@option("--as-of", metavar="TIME", help="By the probes up to then, such as 2026-11-27T09:30Z.")
@option("--alarms", is_flag=True, help="Give the alarms of all rounds, and not the places.")
@metrics_option
@reply_options(json="Print one JSON object a line, one for each place.", export=True, lang="en", pager=True)
@storage_options
def status(
    case: str,
    as_of: str | None,
    alarms: bool,
    metrics_file: str | None,
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Show for each place whether its text is gone, and why.

    A claim is removed when it is at every place. The chain is checked first: one changed byte is named.
    """
    from presswatch_spark.removal.case import RemovalCase
    from presswatch_spark.removal.metrics import write_metrics
    from presswatch_spark.removal.status import CaseStatus

    if as_of and metrics_file:
        raise click.UsageError("metrics are of now: give --as-of or --metrics-file")
    storage, _ = settings.storage, form.language
    found = CaseStatus.of(RemovalCase.open(case, storage), _moment(as_of))
    if metrics_file:
        write_metrics(metrics_file, [found])
    if alarms:
        rows = ReplyRows(map(asdict, found.alarms()), schema_of(**ALARM_COLUMNS))
        return Reply(_alarm_lines(found, _) if found.alarms() else [_("no alarms")], rows=rows)
    removed, claims = found.claims()
    counted = {"removed": _.number(removed), "claims": _.n("{n} claim", "{n} claims", claims)}
    return Reply(
        _status_lines(found, _),
        rows=ReplyRows(found.rows(), _state_schema),
        totals=[_("{removed} of {claims} removed, at every place", **counted)],
    )


def _state_schema() -> pa.Schema:
    import pyarrow as pa

    from presswatch_spark.removal.status import TARGET_COLUMNS
    from presswatch_spark.tables.declarations import Target

    facts = schema_of(state=str, removed=bool, doubt=str, words_left=int)()
    probes = pa.field("probes", pa.list_(pa.int64()))
    return pa.schema([*(Target.schema.field(name) for name in TARGET_COLUMNS), *facts, probes])


def _status_lines(found: CaseStatus, _: Language) -> Iterator[Line]:
    counts = found.counts()
    rows = [
        (_.number(counts[state]), _.name(state), _(meaning))
        for state, meaning in MEANING.items()
        if counts[state]
    ]
    columns = ("places", "state", "meaning")
    yield Table(columns, rows, columns[:2], columns[2:])
    undecided = (state for state in found.states.values() if state.state == "undecided")
    doubts = {
        _(state.reason, **{name: _.name(value) for name, value in state.facts.items()}) for state in undecided
    }
    for doubt in sorted(doubts):
        yield _("undecided: {doubt}", doubt=doubt)
    yield from _alarm_lines(found, _)
    if found.course.probes:
        yield _chain_line(found, found.course.newest, _)


def _alarm_lines(found: CaseStatus, _: Language) -> Iterator[str]:
    for alarm in found.alarms():
        yield _(
            "alarm of round {round}: {kind}: {about}: {detail}",
            round=_.number(alarm.round),
            kind=_.name(alarm.kind),
            about=alarm.about,
            detail=alarm.detail,
        )


def _moment(text: str | None, option: str = "--as-of") -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write a time as 2026-11-27T09:30Z", param_hint=option) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
