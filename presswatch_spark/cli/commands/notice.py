"""`presswatch notice`: drafts and checks notices, and keeps their history. It sends nothing."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.options import argument, flag, option, refuse
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.terminal import folded
from presswatch_spark.core.translation import LANGUAGES
from presswatch_spark.legal.notices.laws import DEADLINE_DAYS, LAWS, LETTER_LANGUAGES, laws

if TYPE_CHECKING:
    from presswatch_spark.legal.notices.campaign import RegisteredNotice
    from presswatch_spark.legal.notices.follow_up import NoticeState
    from presswatch_spark.legal.notices.journal import Event, EventKind
    from presswatch_spark.legal.notices.notice import Notice
    from presswatch_spark.legal.notices.refusal_rules import BrokenRule

ANSWERS = ("acknowledged", "says_complied", "declined")
"""Kinds of answers. A claim of compliance never changes a state; only probes do."""
RECORDED = ("delivered", "refused", "returned", "reminded", "escalated", "closed")
"""Kinds of events of `record`. `refused`: the recipient did not take the letter; answers are `declined`."""
RECIPIENTS_BESIDE = 3
"""Most recipients in one table of a register, so that it fits a terminal."""
_COLUMNS = {
    "notice": str, "recipient": str, "law": str, "places": int, "state": str, "receipt": date,
    "deadline": date, "step": str, "due": date, "removed": int, "days_left": int, "publisher_id": str,
}  # fmt: skip
"""Columns of a register."""
_SHOWN = ("by", "via", "answer", "note", "proof")
"""Facts of an event that the status shows."""
_RECIPIENTS = option("--recipients", "FILE", "Recipients in YAML, instead of conf/recipients.yaml.")
_BY = option("--by", "NAME", "The person who acted. Default: this account.")
MOST_DAYS = 3_650
"""Most days of an option; a deadline beyond the calendar would make a notice unreadable."""
_ON = options.day("--on", "The day of the event. Default: today.", "DAY")
_VIA = option("--via", "WORDS", "Channel, such as a registered letter with its number.")
_NOTE = option("--note", "WORDS", "Details, in words.")


def _file_option(what: str) -> Any:
    return option("--file", "FILE", f"{what}; it is copied, and its SHA-256 recorded.")


@click.group()
def notice() -> None:
    """Draft notices, check them, and keep their history.

    A notice is a letter with its annex, in French or English, under one of four laws. No command sends it.
    """


@command("draft", notice)
def draft(
    form: ReplyForm,
    source: str = argument("CASE|BAG|TABLES"),
    recipient: str = option("--to", "RECIPIENT", "The recipient, such as common-crawl.", required=True),
    law: str = option("--law", LAWS, "The law of the notice.", required=True),
    language: str | None = option(
        "--lang", LETTER_LANGUAGES, "Its language. Default: fr for a seat in France, else both."
    ),
    sender: str = option("--sender", "FILE", "The sender, in YAML.", required=True),
    out: str = option("--out", "N", "A new folder, or s3://, for the notice.", required=True),
    claims: str | None = option(
        "--claims", "DIR", "Folder of the table `claims`. Default: the one of CASE, BAG or TABLES."
    ),
    rows: str | None = options.ROWS,
    confidences: tuple[str, ...] = options.confidences(
        "Claims of these letters. Repeatable. Default: all for CASE and BAG; A and B for TABLES."
    ),
    mirrors: options.Mirrors = options.mirrors("Cite files that were scanned below FROM as files below TO."),
    recipients: str | None = _RECIPIENTS,
    day: date | None = options.day("--date", "The day of the letter. Default: today.", "DAY"),
    days: int = options.count(
        "--days", "Days from receipt to the deadline, for law `fr`.", MOST_DAYS, default=DEADLINE_DAYS
    ),
    patch: str | None = option("--patch", "PATCH", "A folder of `removal patch`, for its measurements."),
) -> Reply:
    """Draft a notice: letter, form, annex, and the same as data.

    CASE is a case of removal: places that are already gone are left out. BAG is sealed evidence: it must
    verify, and the notice states its root. TABLES is the folder of a scan with claims. Licensed and
    doubtful places are left out as well, and counted.

    \b
    presswatch notice draft --to common-crawl --law fr --lang fr \\
      --sender sender.yaml --out n1 case
    """
    from presswatch_spark.legal.evidence.sources import source_at
    from presswatch_spark.legal.notices.letter import AMOUNTS, NoticeOrder
    from presswatch_spark.legal.notices.notice import draft_notice, today
    from presswatch_spark.legal.notices.parties import load_recipient, load_sender

    storage, addressee = form.storage, load_recipient(recipient, recipients, form.storage)
    language = language or addressee.language
    _ = Language("fr" if language == "both" else language)
    order = NoticeOrder(
        selection=source_at(source, storage, claims).select(
            options.choice_of(rows, confidences, storage), mirrors
        ),
        recipient=addressee,
        law=laws()[law],
        lang=language,
        sender=load_sender(sender),
        drafted=day or today(),
        days=days,
        patch=patch,
    )
    drafted = draft_notice(order, out, storage)
    selection = order.selection
    numbers = drafted.content.numbers
    amounts = {name: _.n(*AMOUNTS[name], numbers[name]) for name in ("rows", "urls", "hosts", "articles")}
    lines = [_("{rows} of {urls} on {hosts}, {articles}, in {folder}", **amounts, folder=out)]
    for reason, count in selection.left_out.items():
        if reason == "licensed":
            claimed = _.n("{n} claim", "{n} claims", count)
            lines.append(_("left out, as they are licensed: {claims}", claims=claimed))
        else:
            where = {"reason": _.word("left out", reason), "places": _.n("{n} place", "{n} places", count)}
            lines.append(_("left out, as they are {reason}: {places}", **where))
    if elsewhere := len(selection.places) - len(drafted.content.places):
        places = _.n("{n} place", "{n} places", elsewhere)
        lines.append(_("left out, as they do not concern the recipient: {places}", places=places))
    for element, facts in drafted.missing.items():
        lacks = {"element": _name(element, _), "facts": ", ".join(_name(fact, _) for fact in facts)}
        lines.append(_("missing: {element}: the notice lacks {facts}", **lacks))
    doubts = (_.sentence(doubt) for doubt in order.recipient.doubts())
    return Reply(lines, warnings=doubts)


def _name(name: str, _: Language) -> str:
    return _.word("notice", name)


@command("check", notice, json=True, lang="en")
def check(
    form: ReplyForm,
    path: str = argument("N"),
    sender: str | None = option(
        "--sender", "FILE", "The sender, in YAML. Default: the file used for the draft."
    ),
    recipients: str | None = _RECIPIENTS,
    days: int = options.count("--days", "Most days since a row was last read.", MOST_DAYS, default=30),
    read_again: bool = flag("--read-again", "Read each row at its place now, as in `verify-rows`."),
    corpus: str | None = option(
        "--corpus", "DIR", "The corpus, to search the letters for passages of its articles."
    ),
    edited_by: str | None = option(
        "--edited-by", "NAME", "The person who vouches for an edited letter.docx."
    ),
) -> Reply:
    """Check a notice, and list each rule that it breaks.

    The check uses today's claims, verdicts, licences and mandates. The exit code is 1 if the notice breaks
    a rule.
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.legal.notices.notice import Notice
    from presswatch_spark.legal.notices.refusal_rules import Checking, check_notice

    opened = Corpus.open(corpus, check=False, storage=form.storage) if corpus else None
    checking = Checking(sender, recipients, days, read_again, opened, edited_by)
    checked = check_notice(Notice.open(path, form.storage), checking)
    _, refusals = form.language, checked.refusals
    rows = [
        {
            "rule": each.rule,
            "about": f"{each.about} and {each.more:,} more rows" if each.more else each.about,
            "detail": str(each.detail) if each.detail else None,
        }
        for each in refusals
    ]
    total = _("no rule refuses this notice")
    if refusals:
        total = _.n("{n} refusal", "{n} refusals", len(refusals))
    return Reply(
        [*(_refused(refusal, _) for refusal in refusals), total],
        rows=ReplyRows(rows),
        warnings=(_.sentence(doubt) for doubt in checked.doubts),
        exit_code=replies.FAILED if refusals else 0,
    )


def _refused(refusal: BrokenRule, _: Language) -> str:
    from presswatch_spark.legal.notices.refusal_rules import RULES

    about = _name(refusal.about, _)
    if refusal.more:
        about = _("{rows} and {more}", rows=about, more=_.n("{n} more row", "{n} more rows", refusal.more))
    facts = {"rule": refusal.rule, "about": about, "meaning": _(RULES[refusal.rule].meaning)}
    if refusal.detail is None:
        return _("refused: {rule}: {about}: {meaning}", **facts)
    facts["detail"] = _.sentence(refusal.detail)
    return _("refused: {rule}: {about}: {meaning} ({detail})", **facts)


@command("sign", notice, lang="en")
def sign(
    form: ReplyForm,
    path: str = argument("N"),
    by: str = option("--by", "NAME", "The signatory, as in the sender's file.", required=True),
    on: date | None = _ON,
    via: str | None = _VIA,
    file: str | None = _file_option("The signed copy"),
) -> Reply:
    """Record that a person signed a notice in its present form."""
    event, _ = _noted(form, path, "signed", by=by, on=on, via=via, proof=file), form.language
    return Reply([_("recorded: signed by {name} on {day}", name=event.facts["by"], day=_.day(event.day))])


@command("sent", notice, lang="en")
def sent(
    form: ReplyForm,
    path: str = argument("N"),
    by: str | None = _BY,
    on: date | None = _ON,
    via: str | None = _VIA,
    file: str | None = _file_option("The receipt"),
    recipients: str | None = _RECIPIENTS,
) -> Reply:
    """Record that a person sent a notice.

    It must have been checked, and signed if its law requires that; a person must have checked the address
    within 90 days, by the recipients file of today.
    """
    return _recorded(_noted(form, path, "sent", recipients, by=by, on=on, via=via, proof=file), form)


@command("answer", notice, lang="en")
def answer(
    form: ReplyForm,
    path: str = argument("N"),
    kind: str = option("--kind", ANSWERS, "Kind of answer.", required=True),
    by: str | None = _BY,
    on: date | None = _ON,
    via: str | None = _VIA,
    note: str | None = _NOTE,
    file: str | None = _file_option("The answer"),
) -> Reply:
    """Record a recipient's answer; only `removal` shows compliance."""
    event = _noted(form, path, "answered", by=by, on=on, via=via, note=note, proof=file, answer=kind)
    return _recorded(event, form)


@command("record", notice, lang="en")
def record(
    form: ReplyForm,
    path: str = argument("N"),
    kind: EventKind = argument("KIND", type=click.Choice(RECORDED)),
    by: str = option("--by", "NAME", "The person who acted, or who recorded the event.", required=True),
    on: date | None = _ON,
    via: str | None = _VIA,
    file: str | None = _file_option("The proof: a receipt, the headers of an e-mail"),
    note: str | None = _NOTE,
) -> Reply:
    """Record a delivery, a reminder, an escalation or a closure.

    KIND is `delivered`, `refused` (the recipient did not take the letter), `returned` (it could not be
    delivered), `reminded`, `escalated` or `closed`. The first three require a proof. Deadlines run from
    receipt; a refused letter counts as received.

    \b
    presswatch notice record campaign/notices/alliance-aws-fr delivered \\
      --by "Jeanne Valmont" --on 2026-12-03 --file receipt.pdf
    """
    return _recorded(_noted(form, path, kind, by=by, on=on, via=via, note=note, proof=file), form)


def _noted(
    form: ReplyForm, path: str, kind: EventKind, recipients: str | None = None, **details: Any
) -> Event:
    # `details`: those of `EventDetails`, which is imported only now, since help does not need it.
    from presswatch_spark.legal.notices.follow_up import record
    from presswatch_spark.legal.notices.notice import EventDetails, Notice

    return record(Notice.open(path, form.storage), kind, EventDetails(**details), recipients)


def _recorded(event: Event, form: ReplyForm) -> Reply:
    _, kind = form.language, str(event.facts.get("answer", event.kind))
    return Reply([_("recorded: {answer} on {day}", answer=_name(kind, _), day=_.day(event.day))])


@command("plan", notice, json=True, lang=None)
def plan(
    form: ReplyForm,
    cases: tuple[str, ...] = argument("CASE…", nargs=-1, required=True),
    members: str = option("--members", "FILE", "The members file.", required=True),
    recipients: str | None = _RECIPIENTS,
    senders: tuple[str, ...] = options.repeated(
        "--sender", "FILE", "A sender, in YAML. Default: sender.yaml beside the members file."
    ),
    laws: tuple[str, ...] = options.repeated("--law", LAWS, "A law for recipients whose entry names none."),
    claims: str | None = option("--claims", "DIR", "Folder of `claims`. Default: that of each CASE."),
    mirrors: options.Mirrors = options.mirrors("Name files below TO that were scanned below FROM."),
    language: str | None = option("--lang", LETTER_LANGUAGES, "Of letters. Default: that of each recipient."),
    day: date | None = options.day("--date", "The day of the letters. Default: today.", "DAY"),
    days: int = options.count(
        "--days", "Days from receipt to the deadline, for law `fr`.", MOST_DAYS, default=DEADLINE_DAYS
    ),
    out: str = option("--out", "CAMPAIGN", "A new folder, or s3://, for the campaign.", required=True),
) -> Reply:
    """Plan a campaign of notices, and draft them.

    There is a notice for each sender, recipient, law and case. A recipient gets notices by the laws of its
    entry. Places without a notice are listed with the reason in CAMPAIGN/exclusions.csv. Owners on a hub
    that no recipient names are in CAMPAIGN/reuploaders.yaml. A stopped plan resumes with the same command.

    \b
    presswatch notice plan --members members.yaml --recipients recipients.yaml \\
      --out campaign case
    """
    from presswatch_spark.legal.notices.campaign import PlanOrder, plan_campaign

    senders = senders or (os.path.join(os.path.dirname(members), "sender.yaml"),)
    order = PlanOrder(cases, members, recipients, senders, days, claims, mirrors, laws, language, day)
    drafted = list[str]()
    journal = plan_campaign(order, out, form.storage, drafted.append)
    _, planned = Language("fr" if language in ("fr", "both") else "en"), journal.plan
    rows = [{"notice": id, **notice} for id, notice in planned["notices"].items()]
    names = ("publisher", "recipient", "reason", "places")
    excluded = [dict(zip(names, row, strict=True)) for row in planned["exclusions"]]
    table = [(each["notice"], len(each["publishers"]), each["places"]) for each in rows]
    notices = _.n("{n} notice", "{n} notices", len(rows))
    facts = {"notices": notices, "folder": out, "new": _.number(len(drafted))}
    places = _.n("{n} place", "{n} places", planned["places"])
    totals = [
        _("{notices} in {folder}, {new} of them drafted now", **facts),
        _("{named} of {places} are in notices", named=_.number(planned["named"]), places=places),
    ]
    lines: list[Line] = [Table(_.names(("notice", "publishers", "places")), table, _.names(["notice"]))]
    if excluded:
        left_out = [(*row[:2], _.word("left out", row[2]), row[3]) for row in planned["exclusions"]]
        lines += ["", Table(_.names(names), left_out, wrapped=_.names(names[:-1]))]
    return Reply(lines, rows=ReplyRows([*rows, *excluded]), totals=totals)


@command("status", notice, json=True, export=True, lang="en", pager=True)
def status(
    form: ReplyForm,
    path: str = argument("N|CAMPAIGN"),
    case: str | None = option("--case", "CASE", "The case that follows N. Default: that of its draft."),
    calendar: str | None = option("--calendar", "FILE", "A new .ics file for the last days of next steps."),
) -> Reply:
    """Show the state of a notice, or the register of a campaign.

    A notice is `complied` or `partly` by the case that follows it, never by what the recipient wrote.

    \b
    presswatch notice status campaign --calendar campaign.ics
    """
    from presswatch_spark.legal.notices.follow_up import state_of
    from presswatch_spark.legal.notices.journal import Journal
    from presswatch_spark.legal.notices.notice import Notice, today

    if Journal.at(path, form.storage):
        refuse(case, "--case is for one notice")
        return _campaign_reply(path, calendar, form)
    refuse(form.export or calendar, "--export and --calendar are for a campaign")
    opened = Notice.open(path, form.storage)
    found = state_of(opened, today(), case)
    return Reply(_status_lines(opened, found, form.language), rows=ReplyRows([asdict(found)]))


def _campaign_reply(path: str, calendar: str | None, form: ReplyForm) -> Reply:
    from presswatch_spark.legal.notices.campaign import Register
    from presswatch_spark.legal.notices.letter import LetterWords
    from presswatch_spark.legal.notices.notice import today
    from presswatch_spark.query.exports import require_new

    register, _ = Register.open(path, today(), form.storage), form.language
    if calendar:
        folder, name = require_new(calendar, form.storage)
        folder.write(name, register.calendar(LetterWords(_.language)), absent=True)
    cells = defaultdict[tuple[str, str, str], list[str]](list)
    for each in register.notices:
        left, state = each.found.days_left, _name(each.found.state, _)
        for name in each.planned["publishers"].values():
            of_notice = name, each.planned["law"], each.planned["recipient"]
            cells[of_notice].append(state if left is None else f"{state} {left:+}")
    lines = list[Line]()
    recipients = list(dict.fromkeys(str(each.planned["recipient"]) for each in register.notices))
    for first in range(0, len(recipients), RECIPIENTS_BESIDE):
        some = recipients[first : first + RECIPIENTS_BESIDE]
        keys = sorted({each[:2] for each in cells if each[2] in some}, key=lambda key: (folded(key[0]), key))
        rows = [(*key, *(", ".join(cells.get((*key, to), ())) for to in some)) for key in keys]
        lines += [Table(("publisher", "law", *some), rows, ("law",), ("publisher", *some)), ""]
    lines.append(_steps_table(register.notices, _))
    counts = Counter(each.found.state for each in register.notices)
    changed = [f"{each.id}/{name}" for each in register.notices for name in each.found.changed]
    facts = (
        {**each.facts, "publisher_id": publisher}
        for each in register.notices
        for publisher in each.planned["publishers"]
    )
    return Reply(
        lines,
        rows=ReplyRows(facts, _COLUMNS),
        totals=[", ".join(f"{_name(state, _)} {_.number(count)}" for state, count in counts.items())],
        warnings=(_("changed: {file}", file=file) for file in changed),
    )


def _steps_table(notices: Sequence[RegisteredNotice], _: Language) -> Table:
    from presswatch_spark.legal.notices.follow_up import STEPS

    rows = list[tuple[str, ...]]()
    for each in notices:
        found = each.found
        days = (_.day(found.due), f"{found.days_left:+}") if found.due else ("", "")
        rows.append((each.id, _name(found.state, _), *days, _(STEPS[found.step]) if found.step else ""))
    columns = ("notice", "state", "due", "days", "next_step")
    return Table(columns, rows, ("notice", "due", "days"), ("state", "next_step"))


@command("due", notice, json=True, lang="en")
def due(
    form: ReplyForm,
    campaign: str = argument("CAMPAIGN"),
    days: int = options.count("--days", "Days to look ahead.", MOST_DAYS, default=7),
    as_of: date | None = options.day("--as-of", "The day to look from. Default: today.", "DAY"),
) -> Reply:
    """List the next steps that are due, overdue ones first.

    Steps without a last day, such as the check of a draft, are at the end.

    \b
    presswatch notice due --days 7 campaign
    """
    from presswatch_spark.legal.notices.campaign import Register
    from presswatch_spark.legal.notices.notice import today

    tasks, _ = Register.open(campaign, as_of or today(), form.storage).tasks(days), form.language
    lines: list[Line] = [_steps_table(tasks, _)] if tasks else [_("nothing is due")]
    return Reply(lines, rows=ReplyRows(each.facts for each in tasks))


@command("chronology", notice, lang=None)
def chronology(
    form: ReplyForm,
    campaign: str = argument("CAMPAIGN"),
    out: str = option("--out", "FILE", "A new .pdf file.", required=True),
    language: str | None = options.language("Its language. Default: French, then English, in one file."),
) -> Reply:
    """Write a dated account of a campaign as PDF, for a court.

    It lists every event with person, channel and proof, what probes found, and the head of the journal.

    \b
    presswatch notice chronology --out chronology.pdf campaign
    """
    from presswatch_spark.legal.notices.campaign import Register
    from presswatch_spark.legal.notices.campaign import chronology as chronology_of
    from presswatch_spark.legal.notices.notice import today
    from presswatch_spark.query.exports import require_new

    folder, name = require_new(out, form.storage)
    opened = Register.open(campaign, today(), form.storage)
    data = chronology_of(opened, [language] if language else LANGUAGES)
    with folder.new_file(name, private=True) as draft:
        draft.write_bytes(data)
    _ = Language(language or "en")
    events = _.n("{n} event", "{n} events", len(opened.journal.events))
    return Reply([_("{events} in {file}", events=events, file=out)])


def _status_lines(opened: Notice, found: NoticeState, _: Language) -> Iterator[str]:
    from presswatch_spark.legal.notices.follow_up import STATES, STEPS

    for event in opened.events:
        facts = {name: str(event.facts[name]) for name in _SHOWN if name in event.facts}
        if "answer" in facts:
            facts["answer"] = _name(facts["answer"], _)
        more = ", ".join(facts.values())
        yield f"{_.day(event.day)}  {_name(event.kind, _)}{'  ' if more else ''}{more}"
    for name in found.changed:
        yield _("changed: {file}", file=name)
    if found.removed is None or found.places is None:
        yield _("removed: unknown; open a case for the same claims, and pass --case")
    else:
        removed, places = _.number(found.removed), _.n("{n} place", "{n} places", found.places)
        yield _("removed: {removed} of {places}, according to the case", removed=removed, places=places)
    if found.deadline and found.receipt:
        days = {"receipt": _.day(found.receipt), "deadline": _.day(found.deadline)}
        yield _("received on {receipt}; deadline: {deadline}", **days)
    meaning = _(STATES[found.state])
    yield _("state: {state} ({meaning})", state=_name(found.state, _), meaning=meaning)
    if found.step:
        step = _(STEPS[found.step])
        until = _("{step}, until {day}", step=step, day=_.day(found.due)) if found.due else step
        yield _("next step: {step}", step=until)


@command("schema", notice, storage=False)
def schema(form: ReplyForm) -> Reply:
    """Print the JSON Schema of notice.json."""
    from presswatch_spark.legal.notices.notice import SCHEMA

    return Reply(SCHEMA.read_text(encoding="utf-8").splitlines())
