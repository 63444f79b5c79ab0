"""`presswatch removal`: follows claims until their bytes are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.exits import INCOMPLETE
from presswatch_spark.cli.language import Language
from presswatch_spark.cli.options import (
    claim_options,
    day_option,
    mirror_option,
    print_lines,
    require_one_choice,
    scan_settings,
    storage_options,
    tell,
    tell_total,
)
from presswatch_spark.cli.replies import (
    Export,
    ReplyScreen,
    export_option,
    require_new,
    schema_of,
    screen_options,
)
from presswatch_spark.terminal import json_line, table_lines, terminal_width
from presswatch_spark.translation import N_

if TYPE_CHECKING:
    import pyarrow as pa

    from presswatch_spark.removal.rounds import ProbeReport
    from presswatch_spark.removal.states import RemovalState
    from presswatch_spark.removal.status import CaseStatus

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


metrics_option = click.option(
    "--metrics-file", metavar="FILE", help="Write how the case stands there, as metrics for Prometheus."
)


@click.group()
def removal() -> None:
    """Follow claims until their bytes are gone.

    A case holds claims and the places of their bytes. Each round of probes asks every place again, and adds
    what was answered to a chain that shows any change. Nothing is called removed that a failure may explain.
    """


@removal.command(name="open")
@click.argument("tables")
@claim_options
@day_option("--noticed-at", "The day of the notice, such as 2026-11-27. Default: today.", "DAY")
@click.option("--out", required=True, metavar="CASE", help="A new folder, or s3://, for the case.")
@screen_options(pager=False)
@storage_options
def open_command(
    tables: str,
    claims: str | None,
    rows: str | None,
    confidences: tuple[str, ...],
    noticed_at: datetime | None,
    out: str,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Open a case: which claims are to go, and where their bytes are.

    TABLES is the folder that a scan was given as --out. The places of a claim are its own record, other
    records of the same capture, and the same page in other releases and datasets that were scanned. Claims
    under a licence are left out. No server is asked yet.

    \b
    presswatch removal open --claims claims --confidence A --out case out
    """
    from presswatch_spark.removal.places import open_case

    require_one_choice(rows, confidences)
    storage = scan_settings(flags).storage
    opened = open_case(
        tables,
        out,
        claims=claims,
        rows=rows,
        confidences=confidences or ("A", "B"),
        noticed_at=noticed_at.date() if noticed_at else None,
        storage=storage,
    )
    chosen, _ = opened.chosen, screen.language
    claims_named = _.n("{n} claim", "{n} claims", chosen.claims)
    places = _.n("{n} place", "{n} places", len(chosen.targets))
    click.echo(_("{claims} at {places}, in {folder}", claims=claims_named, places=places, folder=out))
    if chosen.licensed:
        licensed = _.n("{n} claim", "{n} claims", chosen.licensed)
        click.echo(_("left out, as they are licensed: {claims}", claims=licensed))


@removal.command()
@click.argument("case")
@click.option("--corpus", metavar="DIR", help="The corpus, to count the words that a changed text still has.")
@click.option("--deep", is_flag=True, help="Read whole files for what is not at its place.")
@click.option(
    "--index",
    metavar="URL",
    help="The index to ask for each page: a CDX server, a cluster.idx, or files of the columnar index."
    " {release} stands for the release.",
)
@click.option(
    "--tables",
    metavar="TABLES",
    help="Tables to look in: later captures, and other files, may have the articles again.",
)
@mirror_option("Ask for files below TO that were scanned below FROM.")
@metrics_option
@screen_options(pager=False)
@storage_options
def probe(
    case: str,
    corpus: str | None,
    deep: bool,
    index: str | None,
    tables: str | None,
    mirrors: tuple[str, ...],
    metrics_file: str | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Ask for every place of a case again, and add the answers to its chain.

    Controls are asked for among the places: records that nobody noticed, the neighbours of each record, and
    names that never were. A round that was stopped goes on where it was. The exit code is 3 if places were
    left alone, the index answered nothing, or something alarms: a text is back, a control is lost, a file has
    changed.
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.pointers.pointer import parse_mirror
    from presswatch_spark.removal.case import RemovalCase
    from presswatch_spark.removal.metrics import write_metrics
    from presswatch_spark.removal.recaptures import LaterTables
    from presswatch_spark.removal.rounds import Prober
    from presswatch_spark.storage.objects import printable

    config = scan_settings(flags)
    opened = RemovalCase.open(case, config.storage)
    words = Corpus.open(corpus, check=False, storage=config.storage) if corpus else None
    later = LaterTables(tables, config.storage) if tables else None
    at = [parse_mirror(each) for each in mirrors]
    prober = Prober(opened, config, at, words, deep, index, later, tell)
    probed = prober.probe()
    _ = screen.language
    print_lines(_round_lines(probed, _))
    for alarm in probed.alarms:
        click.echo(
            _(
                "alarm: {kind}: {about}: {detail} (probe {probe})",
                kind=_.name(alarm.kind),
                about=alarm.about,
                detail=alarm.detail,
                probe=_.number(alarm.probe),
            ),
            err=True,
        )
    for uri, why in probed.blocked.items():
        click.echo(_("left alone: {place}: {why}", place=uri, why=why), err=True)
    if probed.unheard and index:
        click.echo(_("index: {place}: {why}", place=printable(index), why=probed.unheard), err=True)
    if metrics_file:
        write_metrics(metrics_file, [probed.status])
    is_index_silent = bool(probed.unheard) or index in probed.blocked
    if probed.alarms or not probed.is_complete or is_index_silent:
        raise click.exceptions.Exit(INCOMPLETE)


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
@click.option("--release", required=True, metavar="NAME", help="The release, such as CC-MAIN-2024-22.")
@click.option(
    "--format", "kind", required=True, metavar="FORM", help="Which of its files, as `scan` takes it."
)
@click.option("--base", metavar="URI", help="A mirror of where the release lives.")
@click.option(
    "--since", metavar="TIME", help="Say which files changed later. Default: since the case was opened."
)
@screen_options(pager=False)
@storage_options
def inventory(
    case: str,
    release: str,
    kind: str,
    base: str | None,
    since: str | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Ask each file of a release for size, ETag and time of change, and keep the answers in the case.

    So "of 100,000 files none was modified since the notice" has a table behind it. An inventory that was
    stopped goes on.
    """
    from presswatch_spark.releases.release_shards import shards_of
    from presswatch_spark.removal.case import RemovalCase
    from presswatch_spark.removal.inventory import take_inventory
    from presswatch_spark.storage.shards import plan

    config = scan_settings(flags)
    opened = RemovalCase.open(case, config.storage)
    day = _moment(since, "--since") or datetime.fromisoformat(opened.about["opened_at"])
    shards = shards_of(release, kind, base, config.datasets, config.storage)
    uris = [shard.uri for shard in plan([shards.path], config.storage, shards.base)]
    found = take_inventory(opened, release, kind, uris, day, config.storage, tell)
    _ = screen.language
    counts = sorted(found.outcomes.items())
    outcomes = ", ".join(f"{_.number(count)} {_.word('outcome', name)}" for name, count in counts)
    files = _.n("{n} file", "{n} files", found.files)
    inventory_of = {"number": str(found.number), "release": release, "files": files, "outcomes": outcomes}
    click.echo(_("inventory {number} of {release}: {files}: {outcomes}", **inventory_of))
    if found.newest:
        moments = {"since": f"{day:%Y-%m-%d %H:%M}", "newest": f"{found.newest:%Y-%m-%d %H:%M}"}
        if found.changed:
            changed = _.number(len(found.changed))
            click.echo(
                _(
                    "{changed} modified since {since} UTC; the newest on {newest} UTC",
                    changed=changed,
                    **moments,
                )
            )
        else:
            click.echo(_("none modified since {since} UTC; the newest on {newest} UTC", **moments))
    if found.undated:
        files = _.n("{n} file", "{n} files", found.undated)
        click.echo(_("{files} did not say when it was modified", files=files))
    print_lines(_("modified: {file}", file=uri) for uri in found.changed[:NAMED])
    if found.blocked:
        click.echo(_("left alone: {why}", why=found.blocked), err=True)
    if not found.is_complete:
        raise click.exceptions.Exit(INCOMPLETE)


@removal.command()
@click.argument("case")
@click.option("--as-of", metavar="TIME", help="By the probes up to then, such as 2026-11-27T09:30Z.")
@click.option("--alarms", is_flag=True, help="Give the alarms of all rounds, and not the places.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one for each place.")
@metrics_option
@export_option
@screen_options()
@storage_options
def status(
    case: str,
    as_of: str | None,
    alarms: bool,
    as_json: bool,
    metrics_file: str | None,
    export: Export | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Say of each place whether its text is gone, and what that rests on.

    A claim is removed when it is at every place. The chain is checked first: one changed byte is named.
    """
    from presswatch_spark.removal.case import RemovalCase
    from presswatch_spark.removal.metrics import write_metrics
    from presswatch_spark.removal.status import CaseStatus

    if as_of and metrics_file:
        raise click.UsageError("metrics are of now: give --as-of or --metrics-file")
    storage = scan_settings(flags).storage
    require_new(export, storage)
    found = CaseStatus.of(RemovalCase.open(case, storage), _moment(as_of))
    if metrics_file:
        write_metrics(metrics_file, [found])
    rows = map(asdict, found.alarms()) if alarms else found.rows()
    _ = screen.language
    if export:
        schema = schema_of(**ALARM_COLUMNS) if alarms else _state_schema()
        export.write(schema, rows, storage, _)
        return
    if as_json:
        print_lines(map(json_line, rows))
        return
    if alarms:
        screen.show(_alarm_lines(found, _) if found.alarms() else [_("no alarms")])
        return
    screen.show(_status_lines(found, _))
    removed, claims = found.claims()
    counts = {"removed": _.number(removed), "claims": _.n("{n} claim", "{n} claims", claims)}
    tell_total(_("{removed} of {claims} removed, at every place", **counts))


def _state_schema() -> pa.Schema:
    import pyarrow as pa

    from presswatch_spark.removal.status import TARGET_COLUMNS
    from presswatch_spark.tables.declarations import Target

    facts = schema_of(state=str, removed=bool, doubt=str, words_left=int)
    probes = pa.field("probes", pa.list_(pa.int64()))
    return pa.schema([*(Target.schema.field(name) for name in TARGET_COLUMNS), *facts, probes])


def _status_lines(found: CaseStatus, _: Language) -> Iterator[str]:
    counts = found.counts()
    rows = [
        (_.number(counts[state]), _.name(state), _(meaning))
        for state, meaning in MEANING.items()
        if counts[state]
    ]
    headers = _.names(("places", "state", "meaning"))
    yield from table_lines(headers, rows, terminal_width(), headers[:2], headers[2:])
    states = (state for state in found.states.values() if state.state == "undecided")
    for doubt in sorted({doubt_of(state, _) for state in states}):
        yield _("undecided: {doubt}", doubt=doubt)
    yield from _alarm_lines(found, _)
    if found.course.probes:
        yield _chain_line(found, found.course.newest, _)


def doubt_of(state: RemovalState, _: Language) -> str:
    """Return why a state is no better known, in a language."""
    return _(state.reason, **{name: _.name(value) for name, value in state.facts.items()})


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
