"""`presswatch notice`: drafts and checks notices, and keeps what became of them. It sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.language import Language
from presswatch_spark.cli.options import (
    confidence_option,
    mirror_option,
    print_lines,
    require_one_choice,
    rows_option,
    scan_settings,
    storage_options,
)
from presswatch_spark.cli.replies import ReplyScreen, screen_options
from presswatch_spark.notices.laws import LAWS
from presswatch_spark.terminal import json_line, printable
from presswatch_spark.translation import LANGUAGES, N_

if TYPE_CHECKING:
    from presswatch_spark.notices.draft import DraftedNotice
    from presswatch_spark.notices.notice import Notice, NoticeState
    from presswatch_spark.notices.rules import BrokenRule, NoticeCheck
    from presswatch_spark.notices.wording import Sentence

REFUSED = 1
ANSWERS = ("acknowledged", "says_complied", "refused")
"""Answers to a notice. A claim of compliance never changes a state; only probes do."""
DAY = click.DateTime(["%Y-%m-%d"])
MEANING = {
    "draft": N_("it was not checked as it is now"),
    "checked": N_("nothing refused it"),
    "signed": N_("its signatory signed it as it is now"),
    "sent": N_("it was sent, and no answer was noted"),
    "acknowledged": N_("the recipient answered"),
    "complied": N_("every place of its annex is gone, by the case"),
    "partly": N_("some places of its annex are gone, by the case"),
    "refused": N_("the newest answer refuses"),
    "silent": N_("no answer came in time"),
}
"""What each state of a notice says of it."""
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
@click.option("--lang", required=True, type=click.Choice(LANGUAGES), help="Language of letter and messages.")
@click.option("--sender", required=True, metavar="FILE", help="The sender, in YAML.")
@click.option("--out", required=True, metavar="N", help="A new folder, or s3://, for the notice.")
@click.option(
    "--claims",
    metavar="DIR",
    help="Folder of the table `claims`. Default: that of the case, the bag, or TABLES.",
)
@rows_option
@confidence_option("Claims of these letters. Repeatable. Default: all of a CASE or BAG; of TABLES, A and B.")
@mirror_option("Name files below TO that were scanned below FROM.")
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
    from presswatch_spark.claims.selection import Choice
    from presswatch_spark.evidence.sources import source_at
    from presswatch_spark.notices.draft import draft_notice, today
    from presswatch_spark.notices.laws import laws
    from presswatch_spark.notices.letter import NoticeOrder
    from presswatch_spark.notices.parties import load_recipient, load_sender
    from presswatch_spark.pointers.pointer import parse_mirror

    require_one_choice(flags["rows"], flags["confidences"])
    storage = scan_settings(flags).storage
    choice = Choice.of(flags["rows"], flags["confidences"], storage)
    mirrors = [parse_mirror(each) for each in flags["mirrors"]]
    sender = load_sender(flags["sender"])
    order = NoticeOrder(
        selection=source_at(source, storage, flags["claims"]).select(choice, mirrors),
        recipient=load_recipient(flags["recipient"], flags["recipients"]),
        law=laws()[flags["law"]],
        lang=flags["lang"],
        sender=sender,
        drafted=_day(flags["day"]) or today(),
        sender_file=flags["sender"],
        recipients_file=flags["recipients"],
        days=flags["days"],
    )
    _ = Language(flags["lang"])
    drafted = draft_notice(order, out, storage)
    print_lines(_drafted_lines(drafted, out, _))
    print_lines(_doubt_lines(order.recipient.doubts(), _), err=True)


def _drafted_lines(drafted: DraftedNotice, out: str, _: Language) -> Iterator[str]:
    numbers = drafted.figures.numbers
    yield _(
        "{rows} of {urls} on {hosts}, {articles}, in {folder}",
        rows=_.n("{n} row", "{n} rows", numbers["rows"]),
        urls=_.n("{n} URL", "{n} URLs", numbers["urls"]),
        hosts=_.n("{n} host", "{n} hosts", numbers["hosts"]),
        articles=_.n("{n} article", "{n} articles", numbers["articles"]),
        folder=printable(out),
    )
    for reason, count in drafted.left_out.items():
        if reason == "licensed":
            yield _("left out, as they are licensed: {claims}", claims=_.n("{n} claim", "{n} claims", count))
            continue
        places = _.n("{n} place", "{n} places", count)
        yield _("left out, as they are {reason}: {places}", reason=_.word("left out", reason), places=places)
    if drafted.elsewhere:
        places = _.n("{n} place", "{n} places", drafted.elsewhere)
        yield _("left out, as they do not concern the recipient: {places}", places=places)
    for element, facts in drafted.missing.items():
        lacking = ", ".join(_name(fact, _) for fact in facts)
        yield _("missing: {element}: the notice lacks {facts}", element=_name(element, _), facts=lacking)


def _doubt_lines(doubts: Iterable[Sentence], _: Language) -> Iterator[str]:
    for doubt in doubts:
        yield printable(_said(doubt, _))


def _said(told: Sentence, _: Language) -> str:
    """Return a sentence of a check in a language, with its days and numbers as that writes them."""
    facts = dict[str, object]()
    for name, fact in told.facts.items():
        if isinstance(fact, date):
            facts[name] = _.day(fact)
        elif isinstance(fact, int):
            facts[name] = _.number(fact)
        else:
            facts[name] = _name(str(fact), _) if name == "name" else fact
    return _(told.text, **facts)


def _name(name: str, _: Language) -> str:
    """Return the name of a fact, of an element of a law, of a state or of an event."""
    return _.word("notice", name)


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
@screen_options(pager=False)
@storage_options
def check(path: str, as_json: bool, screen: ReplyScreen, **flags: Any) -> None:
    """Check a notice, and refuse it by the name of each rule that it breaks.

    Claims, verdicts, licences and mandates are asked as they are today. The exit code is 0 if nothing refuses
    the notice, and 1 if anything does.
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.notices.notice import Notice
    from presswatch_spark.notices.parties import load_recipient, load_sender
    from presswatch_spark.notices.rules import Checking, check_notice

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
    print_lines(_checked_lines(checked, as_json, screen.language))
    print_lines(_doubt_lines(checked.doubts, screen.language), err=True)
    if not checked.passes:
        raise click.exceptions.Exit(REFUSED)


def _checked_lines(checked: NoticeCheck, as_json: bool, _: Language) -> Iterator[str]:
    if as_json:
        for each in checked.refusals:
            detail = str(each.detail) if each.detail else None
            yield json_line({"rule": each.rule, "about": each.about_all, "detail": detail})
        return
    for refusal in checked.refusals:
        yield printable(_refused(refusal, _))
    count = len(checked.refusals)
    yield _.n("{n} refusal", "{n} refusals", count) if count else _("nothing refuses this notice")


def _refused(refusal: BrokenRule, _: Language) -> str:
    from presswatch_spark.notices.rules import RULES

    about = _name(refusal.about, _)
    if refusal.more:
        about = _("{rows} and {more}", rows=about, more=_.n("{n} more row", "{n} more rows", refusal.more))
    facts = {"rule": refusal.rule, "about": about, "meaning": _(RULES[refusal.rule].meaning)}
    if refusal.detail is None:
        return _("refused: {rule}: {about}: {meaning}", **facts)
    detail = _said(refusal.detail, _)
    return _("refused: {rule}: {about}: {meaning} ({detail})", detail=detail, **facts)


@notice.command()
@click.argument("path", metavar="N")
@click.option(
    "--by", required=True, metavar="NAME", help="Who signed it: the signatory of the sender's file."
)
@on_option
@click.option("--file", metavar="FILE", help="The signed copy; its SHA-256 is noted.")
@screen_options(pager=False)
@storage_options
def sign(
    path: str, by: str, on: datetime | None, file: str | None, screen: ReplyScreen, **flags: Any
) -> None:
    """Note that a person signed a notice, as it is now."""
    from presswatch_spark.notices import notice as notices

    opened = _opened(path, flags)
    event = notices.sign(opened, by, _day(on), _sha256(file))
    _ = screen.language
    click.echo(printable(_("noted: signed by {name} on {day}", name=by, day=_.day(event.day))))


@notice.command()
@click.argument("path", metavar="N")
@on_option
@click.option("--via", metavar="WORDS", help="How: a registered letter with its number, a web form.")
@click.option("--file", metavar="FILE", help="The receipt; its SHA-256 is noted.")
@screen_options(pager=False)
@storage_options
def sent(
    path: str, on: datetime | None, via: str | None, file: str | None, screen: ReplyScreen, **flags: Any
) -> None:
    """Note that a person sent a notice. It must have been checked, and signed if its law wants that."""
    from presswatch_spark.notices import notice as notices

    event = notices.send(_opened(path, flags), _day(on), via, _sha256(file))
    _ = screen.language
    click.echo(_("noted: sent on {day}", day=_.day(event.day)))


@notice.command()
@click.argument("path", metavar="N")
@click.option("--kind", required=True, type=click.Choice(ANSWERS), help="What the recipient answered.")
@on_option
@click.option("--note", metavar="WORDS", help="More of it.")
@click.option("--file", metavar="FILE", help="The answer; its SHA-256 is noted.")
@screen_options(pager=False)
@storage_options
def answer(
    path: str,
    kind: str,
    on: datetime | None,
    note: str | None,
    file: str | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Note what a recipient answered. Whether it complied, only `removal` says."""
    from presswatch_spark.notices import notice as notices

    event = notices.answer(_opened(path, flags), kind, _day(on), note, _sha256(file))
    _ = screen.language
    click.echo(_("noted: {answer} on {day}", answer=_name(kind, _), day=_.day(event.day)))


@notice.command()
@click.argument("path", metavar="N")
@click.option("--case", metavar="CASE", help="The case that follows it. Default: the one it was drafted of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@screen_options(pager=False)
@storage_options
def status(path: str, case: str | None, as_json: bool, screen: ReplyScreen, **flags: Any) -> None:
    """Say how far a notice got, and what came of it.

    It is `complied` or `partly` by the case that follows it, never by what the recipient wrote.
    """
    from presswatch_spark.notices.draft import today
    from presswatch_spark.notices.notice import state_of

    opened = _opened(path, flags)
    found = state_of(opened, today(), opened.folder.storage, case)
    if as_json:
        said = found.answer.facts["answer"] if found.answer else None
        facts = {"state": found.state, "removed": found.removed, "places": found.places, "answer": said}
        print_lines([json_line({**facts, "changed": list(found.changed)})])
        return
    print_lines(_status_lines(opened, found, screen.language))


def _status_lines(opened: Notice, found: NoticeState, _: Language) -> Iterator[str]:
    for event in opened.events:
        facts = {
            name: str(event.facts[name]) for name in ("by", "via", "answer", "note") if name in event.facts
        }
        if "answer" in facts:
            facts["answer"] = _name(facts["answer"], _)
        more = ", ".join(facts.values())
        kind = _name(event.kind, _)
        yield printable(f"{_.day(event.day)}  {kind}{'  ' if more else ''}{more}")
    for name in found.changed:
        yield printable(_("changed: {file}", file=name))
    if found.removed is None or found.places is None:
        yield _("removed: nobody knows; open a case of the same claims, and give --case")
    else:
        removed, places = _.number(found.removed), _.n("{n} place", "{n} places", found.places)
        yield _("removed: {removed} of {places}, by the case", removed=removed, places=places)
    meaning = _(MEANING[found.state])
    yield _("state: {state} ({meaning})", state=_name(found.state, _), meaning=meaning)


@notice.command()
def schema() -> None:
    """Print the JSON Schema of notice.json."""
    from presswatch_spark.notices.notice import SCHEMA

    click.echo(SCHEMA.read_text(encoding="utf-8"), nl=False)


def _opened(path: str, flags: dict[str, Any]) -> Notice:
    from presswatch_spark.notices.notice import Notice

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
