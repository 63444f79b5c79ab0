"""`presswatch notice`: drafts and checks notices, and keeps what became of them. It sends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.options import print_lines, scan_settings, storage_options
from presswatch_spark.judgement.grading import CONFIDENCES
from presswatch_spark.notices.choices import ANSWERS, LANGUAGES, LAWS
from presswatch_spark.show import counted, json_line, printable

if TYPE_CHECKING:
    from presswatch_spark.notices.checks import Checked
    from presswatch_spark.notices.draft import Drafted
    from presswatch_spark.notices.folder import Notice
    from presswatch_spark.notices.states import NoticeState

REFUSED = 1
DAY = click.DateTime(["%Y-%m-%d"])
sender_option = click.option(
    "--sender", metavar="FILE", help="The sender, in YAML. Default: as it was drafted."
)
recipients_option = click.option(
    "--recipients", metavar="FILE", help="Recipients in YAML, in the place of conf/recipients.yaml."
)
on_option = click.option("--on", type=DAY, metavar="DAY", help="The day it happened. Default: today.")


@click.group()
def notice() -> None:
    """Draft notices, check them, and keep what became of them.

    A notice is a letter with its annex, in French or English, by one of four laws. No command sends it.
    """


@notice.command()
@click.argument("source", metavar="CASE|BAG|TABLES")
@click.option(
    "--to", "recipient", required=True, metavar="RECIPIENT", help="Who gets it, such as common-crawl."
)
@click.option("--law", required=True, type=click.Choice(LAWS), help="The law that it rests on.")
@click.option("--lang", required=True, type=click.Choice(LANGUAGES), help="The language of the letter.")
@click.option("--sender", required=True, metavar="FILE", help="The sender, in YAML.")
@click.option("--out", required=True, metavar="N", help="A new folder, or s3://, for the notice.")
@click.option(
    "--claims",
    metavar="DIR",
    help="Folder of the table `claims`. Default: that of the case, the bag, or TABLES.",
)
@click.option("--rows", metavar="FILE", help="Claims by row_sha256: one a line, CSV or JSONL.")
@click.option(
    "--confidence",
    "confidences",
    type=click.Choice(CONFIDENCES),
    multiple=True,
    help="Claims of these letters. Repeatable. Default: all of a CASE or BAG; of TABLES, A and B.",
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="FROM=TO",
    help="Name files below TO that were scanned below FROM. Repeatable.",
)
@recipients_option
@click.option("--date", "day", type=DAY, metavar="DAY", help="The day of the letter. Default: today.")
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="Until the deadline, by law `fr`.",
)
@storage_options
def draft(source: str, out: str, **flags: Any) -> None:
    """Draft a notice: letter.docx, letter.pdf, form.txt, the annex, and the same as data.

    CASE is a case of removal: places that are gone already are left out. BAG is sealed evidence: it must
    verify, and the notice names its root. TABLES is the folder of a scan with claims. Licensed and doubtful
    places are left out as well, and counted.

    \b
    presswatch notice draft --to common-crawl --law fr --lang fr --sender sender.yaml --out n1 case
    """
    from presswatch_spark.notices.draft import Request, draft_notice, today
    from presswatch_spark.notices.grounds import Choice
    from presswatch_spark.notices.recipients import load_recipient
    from presswatch_spark.notices.sender import load_sender
    from presswatch_spark.pointers.pointer import parse_mirror

    if flags["rows"] and flags["confidences"]:
        raise click.UsageError("give --rows or --confidence")
    storage = scan_settings(flags).storage
    request = Request(
        source=source,
        recipient=load_recipient(flags["recipient"], flags["recipients"]),
        law=flags["law"],
        lang=flags["lang"],
        sender=load_sender(flags["sender"]),
        drafted=_day(flags["day"]) or today(),
        sender_file=flags["sender"],
        recipients_file=flags["recipients"],
        choice=Choice.of(flags["rows"], flags["confidences"], storage),
        claims=flags["claims"],
        mirrors=[parse_mirror(each) for each in flags["mirrors"]],
        days=flags["days"],
    )
    print_lines(_drafted_lines(draft_notice(request, out, storage), out))
    print_lines(request.recipient.doubts(), err=True)


def _drafted_lines(drafted: Drafted, out: str) -> Iterator[str]:
    numbers = drafted.figures.numbers
    yield (
        f"{counted(numbers['rows'], 'row')} of {counted(numbers['urls'], 'URL')} on"
        f" {counted(numbers['hosts'], 'host')}, {counted(numbers['articles'], 'article')}, in {out}"
    )
    for reason, count in drafted.left_out.items():
        yield f"left out, as they are {reason}: {counted(count, 'place')}"
    if drafted.elsewhere:
        yield f"left out, as they do not concern the recipient: {counted(drafted.elsewhere, 'place')}"
    for element, facts in drafted.missing.items():
        yield f"missing: {element}: the notice lacks {', '.join(facts)}"


@notice.command()
@click.argument("path", metavar="N")
@sender_option
@recipients_option
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="How long ago rows may have been read.",
)
@click.option("--read-again", is_flag=True, help="Read each row at its place now, as `verify-rows` does.")
@click.option("--corpus", metavar="DIR", help="The corpus, to look for its words in the letters.")
@click.option("--edited-by", metavar="NAME", help="Who vouches for a letter.docx that was edited.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one for each refusal.")
@storage_options
def check(path: str, as_json: bool, **flags: Any) -> None:
    """Check a notice, and refuse it by the name of each rule that it breaks.

    Claims, verdicts, licences and mandates are asked as they are today. The exit code is 0 if nothing refuses
    the notice, and 1 if anything does.
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.notices.checks import Checking, check_notice
    from presswatch_spark.notices.folder import Notice
    from presswatch_spark.notices.recipients import load_recipient
    from presswatch_spark.notices.sender import load_sender

    storage, corpus = scan_settings(flags).storage, flags["corpus"]
    about = Notice.open(path, storage).about
    query = about.get("query", {})
    with_ = Checking(
        sender=load_sender(flags["sender"] or str(query.get("sender_file"))),
        recipient=load_recipient(
            str(about.get("recipient", {}).get("id")), flags["recipients"] or query.get("recipients_file")
        ),
        days=flags["days"],
        again=flags["read_again"],
        corpus=Corpus.open(corpus, check=False, storage=storage) if corpus else None,
        edited_by=flags["edited_by"],
    )
    checked = check_notice(path, with_, storage)
    print_lines(_checked_lines(checked, as_json))
    print_lines(checked.doubts, err=True)
    if not checked.passes:
        raise click.exceptions.Exit(REFUSED)


def _checked_lines(checked: Checked, as_json: bool) -> Iterator[str]:
    if as_json:
        for each in checked.refusals:
            yield json_line({"rule": each.rule, "about": each.about, "detail": each.detail or None})
        return
    for refusal in checked.refusals:
        yield printable(f"refused: {refusal}")
    yield (
        f"{counted(len(checked.refusals), 'refusal')}" if checked.refusals else "nothing refuses this notice"
    )


@notice.command()
@click.argument("path", metavar="N")
@click.option(
    "--by", required=True, metavar="NAME", help="Who signed it: the signatory of the sender's file."
)
@on_option
@click.option("--file", metavar="FILE", help="The signed copy; its SHA-256 is noted.")
@storage_options
def sign(path: str, by: str, on: datetime | None, file: str | None, **flags: Any) -> None:
    """Note that a person signed a notice, as it is now."""
    from presswatch_spark.notices import states

    opened = _opened(path, flags)
    event = states.sign(opened, by, _day(on), _sha256(file))
    click.echo(f"noted: signed by {by} on {event.day}")


@notice.command()
@click.argument("path", metavar="N")
@on_option
@click.option("--via", metavar="WORDS", help="How: a registered letter with its number, a web form.")
@click.option("--file", metavar="FILE", help="The receipt; its SHA-256 is noted.")
@storage_options
def sent(path: str, on: datetime | None, via: str | None, file: str | None, **flags: Any) -> None:
    """Note that a person sent a notice. It must have been checked, and signed if its law wants that."""
    from presswatch_spark.notices import states

    event = states.send(_opened(path, flags), _day(on), via, _sha256(file))
    click.echo(f"noted: sent on {event.day}")


@notice.command()
@click.argument("path", metavar="N")
@click.option("--kind", required=True, type=click.Choice(ANSWERS), help="What the recipient answered.")
@on_option
@click.option("--note", metavar="WORDS", help="More of it.")
@click.option("--file", metavar="FILE", help="The answer; its SHA-256 is noted.")
@storage_options
def answer(
    path: str, kind: str, on: datetime | None, note: str | None, file: str | None, **flags: Any
) -> None:
    """Note what a recipient answered. Whether it complied, only `removal` says."""
    from presswatch_spark.notices import states

    event = states.answer(_opened(path, flags), kind, _day(on), note, _sha256(file))
    click.echo(f"noted: {kind} on {event.day}")


@notice.command()
@click.argument("path", metavar="N")
@click.option("--case", metavar="CASE", help="The case that follows it. Default: the one it was drafted of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@storage_options
def status(path: str, case: str | None, as_json: bool, **flags: Any) -> None:
    """Say how far a notice got, and what came of it.

    It is `complied` or `partly` by the case that follows it, never by what the recipient wrote.
    """
    from presswatch_spark.notices.draft import today
    from presswatch_spark.notices.states import state_of

    opened = _opened(path, flags)
    found = state_of(opened, today(), opened.folder.storage, case)
    if as_json:
        said = found.answer.facts["answer"] if found.answer else None
        facts = {"state": found.state, "removed": found.removed, "places": found.places, "answer": said}
        print_lines([json_line({**facts, "changed": list(found.changed)})])
        return
    print_lines(_status_lines(opened, found))
    click.echo(f"state: {found.state}")


def _status_lines(opened: Notice, found: NoticeState) -> Iterator[str]:
    for event in opened.events:
        more = [str(event.facts[name]) for name in ("by", "via", "answer", "note") if name in event.facts]
        yield printable(f"{event.day}  {event.kind}{'  ' if more else ''}{', '.join(more)}")
    for name in found.changed:
        yield printable(f"changed: {name}")
    if found.places is None:
        yield "removed: nobody knows; open a case of the same claims, and give --case"
    else:
        yield f"removed: {found.removed:,} of {counted(found.places, 'place')}, by the case"


@notice.command()
def schema() -> None:
    """Print the JSON Schema of notice.json."""
    from presswatch_spark.notices.schema import SCHEMA

    click.echo(SCHEMA.read_text(encoding="utf-8"), nl=False)


def _opened(path: str, flags: dict[str, Any]) -> Notice:
    from presswatch_spark.notices.folder import Notice

    return Notice.open(path, scan_settings(flags).storage)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _sha256(path: str | None) -> str | None:
    """Return the SHA-256 of a file on disk; None without one."""
    from presswatch_spark.storage.disk import file_sha256, system_errors

    if path is None:
        return None
    with system_errors(path):
        return file_sha256(path)
