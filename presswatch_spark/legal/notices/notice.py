"""A notice on disk or S3: its draft, its files with SHA256SUMS, its events in a chain, and its state.

N/letter.docx letter.pdf form.txt notice.json
N/annex/rows.csv rows.xlsx rows.jsonl, and the same of urls and domains
N/SHA256SUMS           digests of all files above; written last
N/events/0001.json …   events, each with the digest of the one before it; never changed
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from presswatch_spark.claims.selection import ClaimPlace
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.extras import library
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.core.version import __version__
from presswatch_spark.legal.notices.annex import ANNEX, ENDINGS, TABLES, Annex, annex_of
from presswatch_spark.legal.notices.formats import docx_of, pdf_of, text_of
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.letter import Letter, NoticeFigures, NoticeOrder, concerning, letter_of
from presswatch_spark.legal.notices.parties import SENDER_TEXTS, Recipient, Sender
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.disk import Folder, disk_errors, file_sha256
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, StorageOptions
from presswatch_spark.tables.seals import sealed_json, unsealed_json

SUMS, NOTICE, LETTER, PDF, FORM = "SHA256SUMS", "notice.json", "letter.docx", "letter.pdf", "form.txt"
EVENTS, LAYOUT = "events", 1
SCHEMA = Path(__file__).with_name("notice.schema.json")
DRAFTED, EDITED, READ, CHECKED, SIGNED, SENT, ANSWERED = (
    "drafted", "edited", "read", "checked", "signed", "sent", "answered",
)  # fmt: skip
STATES = (
    "draft", "checked", "signed", "sent", "acknowledged", "complied", "partly", "refused", "silent",
)  # fmt: skip
EASTERNMOST = 14
"""Hours by which the easternmost time zone is ahead of UTC."""
SILENT_DAYS = 30
"""Days after which a notice without a deadline counts as not answered."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a notice: its number from 1, its kind, when it was noted, and further facts.

    `sums`: SHA-256 (hex) of the notice's SHA256SUMS at that time.
    """

    number: int
    kind: str
    noted_at: datetime
    sums: str
    facts: Mapping[str, Any]
    sha256: str

    @classmethod
    def of(cls, noted: Mapping[str, Any], data: bytes) -> "Event":
        """Return the event of a file with the content `noted` and the bytes `data`."""
        own = {"number", "kind", "noted_at", "sums", "previous"}
        return cls(
            number=int(noted["number"]),
            kind=str(noted["kind"]),
            noted_at=datetime.fromisoformat(str(noted["noted_at"])),
            sums=str(noted["sums"]),
            facts={name: value for name, value in noted.items() if name not in own},
            sha256=hashlib.sha256(data).hexdigest(),
        )

    @property
    def day(self) -> date:
        """Return the day of the event, if a person gave it (`on`), else the day on which it was noted."""
        given = self.facts.get("on")
        return date.fromisoformat(str(given)) if given else self.noted_at.date()


@dataclass(frozen=True, slots=True)
class Notice:
    """A drafted notice. `about` is its notice.json, `sums` the digests in SHA256SUMS by file name."""

    folder: Folder
    about: Mapping[str, Any]
    sums: Mapping[str, str]
    events: tuple[Event, ...]

    @classmethod
    def open(cls, path: str, storage: StorageOptions) -> "Notice":
        """Open a notice; `OutputError` if there is none, or its events were changed."""
        folder = Folder.of(path, storage)
        try:
            lines = folder.read(SUMS)[0].decode().splitlines()
            sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
            about = parse_json(folder.read(NOTICE)[0])
            if not isinstance(about, dict) or "" in sums or any(len(each) != 64 for each in sums.values()):
                raise ValueError("it is not an object, or a line is not a digest with a name")
        except MissingError as error:
            raise OutputError(
                "this is not a notice", where=str(folder), remedy="pass a folder that `notice draft` made"
            ) from error
        except (ValueError, UnicodeDecodeError) as error:
            raise OutputError(
                f"{NOTICE} or {SUMS} cannot be read", where=str(folder), remedy="draft the notice again"
            ) from error
        opened = cls(folder, about, sums, ())
        for name in sorted(name for name in folder.names() if name.startswith(f"{EVENTS}/")):
            data = folder.read(name)[0]
            try:
                noted = unsealed_json(data)
                event = Event.of(noted, data)
                if (noted["previous"], event.number) != (opened._last_digest, len(opened.events) + 1):
                    raise ValueError("it follows another event")
            except (ValueError, KeyError, TypeError) as error:
                raise OutputError(
                    "the event has changed, or one before it is missing",
                    where=folder.at(name),
                    remedy="restore the notice from a copy, or draft it again",
                ) from error
            opened = replace(opened, events=(*opened.events, event))
        return opened

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of SHA256SUMS, and thereby of all files."""
        return hashlib.sha256(self.folder.read(SUMS)[0]).hexdigest()

    @property
    def drafted_on(self) -> date:
        """Return the day of its letter."""
        return date.fromisoformat(self.about["drafted_on"])

    def newest(self, kind: str) -> Event | None:
        """Return the newest event of a kind; None if there is none."""
        return next((event for event in reversed(self.events) if event.kind == kind), None)

    def holds(self, kind: str) -> bool:
        """Return whether an event such as `SIGNED` has happened since the last change of the notice."""
        found, edited = self.newest(kind), self.newest(EDITED)
        if found is None or found.sums != self.digest:
            return False
        return edited is None or edited.number < found.number

    def files(self) -> dict[str, bytes]:
        """Return the files of the notice by name, without its events."""
        names = [name for name in self.folder.names() if not name.startswith(f"{EVENTS}/") and name != SUMS]
        return {name: self.folder.read(name)[0] for name in names}

    def changes(self, files: Mapping[str, bytes]) -> Iterator[tuple[str, Sentence]]:
        """Yield files that changed since the draft, and how, except for an edit that a person vouches for."""
        edited = self.newest(EDITED)
        expected = {**self.sums, **({LETTER: str(edited.facts["letter"])} if edited else {})}
        for name in sorted(expected.keys() - files.keys()):
            yield name, sentence(N_("it is missing"))
        for name in sorted(files.keys() - expected.keys()):
            yield name, sentence(N_("it was added"))
        for name in sorted(files.keys() & expected.keys()):
            if hashlib.sha256(files[name]).hexdigest() != expected[name]:
                edit = sentence(N_("it has changed; if you edited it, add --edited-by NAME"))
                yield name, edit if name == LETTER else sentence(N_("it has changed"))
        if not self.events or self.events[0].sums != self.digest:
            yield SUMS, sentence(N_("it is not the one that was drafted"))

    def add_event(self, kind: str, **facts: Any) -> Event:
        """Append an event; `OutputError` if another process has appended one since `open`."""
        noted = {
            "number": len(self.events) + 1,
            "kind": kind,
            "noted_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "sums": self.digest,
            "previous": self._last_digest,
        }
        for name, value in facts.items():
            if value is not None:
                noted[name] = value.isoformat() if isinstance(value, date) else value
        data = sealed_json(noted)
        with disk_errors(str(self.folder)):
            self.folder.write(f"{EVENTS}/{noted['number']:04}.json", data, absent=True)
        return Event.of(noted, data)

    @property
    def _last_digest(self) -> str:
        return self.events[-1].sha256 if self.events else ""


@contextmanager
def new_notice(path: str, storage: StorageOptions) -> Iterator[Path]:
    """Give a local folder, which becomes the notice at `path` after the block; raises as `new_folder`."""
    with disk_errors(path), new_folder(path, storage, SUMS, private=True) as draft:
        yield draft
        names = sorted(each.relative_to(draft).as_posix() for each in draft.rglob("*") if each.is_file())
        text = "".join(f"{file_sha256(draft / name)}  {name}\n" for name in names)
        (draft / SUMS).write_text(text, encoding="utf-8")
        Notice(Folder.of(str(draft), StorageOptions()), {}, {}, ()).add_event(DRAFTED)


def schema_fault(about: Mapping[str, Any]) -> Sentence | None:
    """Return the place at which a notice breaks the schema, or None. `ConfigError` without jsonschema."""
    jsonschema = library("jsonschema")
    # The checker refuses days that no calendar has, which fit the pattern.
    checker = jsonschema.FormatChecker(["date"])
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    faults = sorted(validator.iter_errors(about), key=lambda each: list(map(str, each.absolute_path)))
    if not faults:
        return None
    place = "/".join(map(str, faults[0].absolute_path)) or "/"
    return sentence(N_("{place}: it breaks the rule `{rule}`"), place=place, rule=faults[0].validator)


# --- its draft


@dataclass(frozen=True, slots=True)
class DraftedNotice:
    """The result of a draft.

    `left_out`: see `PlaceSelection`. `missing`: missing facts by element of the letter. `elsewhere`: number
    of places that do not concern the recipient.
    """

    notice: Notice
    figures: NoticeFigures
    left_out: Mapping[str, int]
    missing: Mapping[str, Sequence[str]]
    elsewhere: int


def draft_notice(order: NoticeOrder, out: str, storage: StorageOptions | None = None) -> DraftedNotice:
    """Draft a notice in a new folder.

    Raises `InputError` if no place concerns the recipient, `OutputError` if `out` is not empty or not
    writable, `ConfigError` without a library of the extra `legal`.
    """
    storage = storage or StorageOptions()
    places = concerning(order.selection, order.recipient)
    annex = annex_of(places, order.sender.publishers, order.recipient.columns, order.law.own_domains)
    figures = NoticeFigures.of(places, annex, order.sender, order.drafted)
    with new_notice(out, storage) as folder:
        (folder / ANNEX).mkdir()
        annex.write(folder / ANNEX, order.lang, storage)
        names = [f"{ANNEX}/{table}.{ending}" for table in TABLES for ending in ENDINGS]
        files = [(name, file_sha256(folder / name)) for name in names]
        letter = letter_of(order, places, annex, figures, files)
        about = _about(order, places, annex, figures, letter)
        if fault := schema_fault(about):
            raise ValueError(f"notice.json does not fit its schema: {fault}")
        (folder / LETTER).write_bytes(docx_of(letter))
        (folder / PDF).write_bytes(pdf_of(letter, folder / ANNEX))
        (folder / FORM).write_text(text_of(letter, annex.rows), encoding="utf-8")
        text = json.dumps(about, ensure_ascii=True, indent=1) + "\n"
        (folder / NOTICE).write_text(text, encoding="utf-8")
    return DraftedNotice(
        notice=Notice.open(out, storage),
        figures=figures,
        left_out=order.selection.left_out,
        missing=letter.missing,
        elsewhere=len(order.selection.places) - len(places),
    )


def today() -> date:
    """Return today's date in UTC."""
    return datetime.now(UTC).date()


def _about(
    order: NoticeOrder, places: Sequence[ClaimPlace], annex: Annex, figures: NoticeFigures, letter: Letter
) -> dict[str, Any]:
    texts = {block.element: block.text for block in letter.blocks}
    source, recipients = order.selection.source, order.recipients_file
    return {
        "layout": LAYOUT,
        "tool_version": __version__,
        "drafted_on": order.drafted.isoformat(),
        "deadline_days": order.deadline_days,
        "language": order.lang,
        "law": order.law.id,
        "recipient": recipient_facts(order.recipient),
        "sender": sender_facts(order.sender),
        "elements": {
            element.name: {"source": element.source, "text": texts.get(element.name)}
            for element in order.law.elements
        },
        "numbers": dict(figures.numbers),
        "reservations": dict(figures.reservations),
        # The query by which a check selects the rows of the annex again.
        "query": {
            "source": source.kind,
            "where": source.where,
            "claims": source.claims_at,
            "targets": sorted(place.target_sha256 for place in places),
            "rows": sorted({place.claim_row for place in places}),
            "sender_file": str(Path(order.sender_file).absolute()),
            "recipients_file": recipients and str(Path(recipients).absolute()),
            **({"seal": dict(source.seal)} if source.seal else {}),
            "mirrors": [[mirror.place, mirror.copy] for mirror in order.selection.mirrors],
        },
        "annex": {
            "columns": {table: schema.names for table, (schema, _) in annex.tables.items()},
            "digests": annex.digests(),
            "files": dict(letter.annex),
        },
    }


def recipient_facts(recipient: Recipient) -> dict[str, Any]:
    """Return the facts of a recipient in notice.json."""
    return {
        "id": recipient.id,
        "name": recipient.name,
        "route": recipient.route,
        "elements": list(recipient.elements),
        "columns": list(recipient.columns),
        "verify_before_you_send": list(map(str, recipient.doubts())),
    }


def sender_facts(sender: Sender) -> dict[str, Any]:
    """Return the facts of a sender in notice.json."""
    return {
        **{name: getattr(sender, name) for name in ("name", *SENDER_TEXTS)},
        "acts_as": "owner" if sender.is_owner else "agent",
        "publishers": [
            {
                "id": publisher.id,
                "name": publisher.name,
                "mandate_document": (deed := publisher.mandate_document) and deed.sha256,
                "mandate_signed_on": deed.signed_on.isoformat() if deed and deed.signed_on else None,
                "country": publisher.country,
                "rights_basis": list(publisher.rights_basis),
            }
            for publisher in sender.publishers
        ],
    }


# --- its state


@dataclass(frozen=True, slots=True)
class NoticeState:
    """One of `STATES`, with the newest answer, and the files that have changed since the draft.

    `removed` of `places` are removed according to the case; both are None without a case.
    """

    state: str
    removed: int | None
    places: int | None
    answer: Event | None
    changed: tuple[str, ...]


def state_of(notice: Notice, today: date, storage: StorageOptions, case: str | None = None) -> NoticeState:
    """Return the state of a notice on a day. Only a removal case can show that copies are gone.

    `case`: the case that follows its places; by default the one that it was drafted from. Raises `InputError`
    if the case lacks places of the notice, `BrokenCaseError` if it was changed, `OutputError` if notice.json
    was changed and no longer fits its schema.
    """
    changed = tuple(name for name, _ in notice.changes(notice.files()))
    if NOTICE in changed and (fault := schema_fault(notice.about)):
        raise OutputError(
            f"{NOTICE} does not fit its schema: {fault}",
            where=str(notice.folder),
            remedy="restore the notice from a copy, or draft it again",
        )
    query, removed, places = notice.about["query"], None, None
    path = case or (query["where"] if query["source"] == "case" else None)
    if path is not None:
        states, targets = CaseStatus.of(RemovalCase.open(path, storage)).states, query["targets"]
        if lost := set(targets) - states.keys():
            raise InputError(
                f"the case does not follow {len(lost):,} of {len(targets):,} places of this notice",
                where=path,
                remedy="pass the case that was opened for the same claims",
            )
        removed, places = sum(states[target].removed for target in targets), len(targets)
    # Answers may be noted out of order: take the newest by its day.
    answers = [event for event in notice.events if event.kind == ANSWERED]
    answer = max(answers, key=lambda event: (event.day, event.number), default=None)
    sent = notice.newest(SENT)
    if sent is None:
        # After a change of files, earlier checks and signatures no longer count.
        checked = not changed and notice.holds(CHECKED)
        state = ("signed" if notice.holds(SIGNED) else "checked") if checked else "draft"
    elif removed:
        state = "complied" if removed == places else "partly"
    elif answer is not None:
        state = "refused" if answer.facts["answer"] == "refused" else "acknowledged"
    else:
        last = sent.day + timedelta(days=notice.about.get("deadline_days") or SILENT_DAYS)
        state = "silent" if today > last else "sent"
    return NoticeState(state, removed, places, answer, changed)


def sign(notice: Notice, by: str, on: date | None, file: str | None) -> Event:
    """Note a signature.

    Raises `InputError` if the notice has changed or names another person, or the day is impossible.
    """
    _require_unchanged(notice)
    named = str(notice.about["sender"]["signatory"])
    if by.casefold().split() != named.casefold().split():
        raise _refused(
            notice, "another person must sign this notice", f"the sender's file designates {named}"
        )
    _require_day(notice, on, notice.drafted_on, "it was drafted")
    return notice.add_event(SIGNED, by=named, on=on, file=file)


def send(notice: Notice, on: date | None, via: str | None, file: str | None) -> Event:
    """Note the dispatch of a notice.

    Raises `InputError` unless the notice was checked recently, and signed if its law requires that, both in
    its present form; also if a mandate has ended, or the day is impossible.
    """
    _require_unchanged(notice)
    checked = notice.newest(CHECKED)
    if checked is None or not notice.holds(CHECKED):
        raise _refused(notice, "this notice was not checked as it is now", "run `presswatch notice check`")
    first, happened = notice.drafted_on, "it was drafted"
    signed = notice.newest(SIGNED)
    if signed is not None and notice.holds(SIGNED):
        if signed.day > first:
            first, happened = signed.day, "it was signed"
    elif "signature" in laws()[notice.about["law"]].required():
        remedy = "record the signature with `presswatch notice sign`"
        raise _refused(notice, "this notice is not signed in its present form", remedy)
    day, days = _require_day(notice, on, first, happened), int(checked.facts["days"])
    if day > checked.day + timedelta(days=days):
        what = f"this notice was checked on {checked.day}, more than {days} days before"
        remedy = "run `presswatch notice check` again"
        raise _refused(notice, f"{what}: mandates, licences and places may have changed", remedy)
    until = checked.facts.get("mandates_until")
    if until and day > date.fromisoformat(until):
        what = f"on {day} the sender cannot act for all publishers of this notice"
        remedy = "renew the mandate, record it in the members file, and check the notice again"
        raise _refused(notice, f"a mandate ended on {until}: {what}", remedy)
    return notice.add_event(SENT, on=on, via=via, file=file)


def answer(notice: Notice, kind: str, on: date | None, note: str | None, file: str | None) -> Event:
    """Note an answer; `InputError` if the notice was not sent before. `refused` is one of its kinds."""
    sent = next((event for event in notice.events if event.kind == SENT), None)
    if sent is None:
        raise _refused(notice, "this notice was not sent", "record it with `presswatch notice sent`")
    _require_day(notice, on, sent.day, "it was sent")
    return notice.add_event(ANSWERED, answer=kind, on=on, note=note, file=file)


def _refused(notice: Notice, what: str, remedy: str) -> InputError:
    return InputError(what, where=str(notice.folder), remedy=remedy)


def _require_unchanged(notice: Notice) -> None:
    for name, change in notice.changes(notice.files()):
        raise _refused(
            notice,
            f"the notice has changed: {name}: {change}",
            "run `presswatch notice check`, or draft it again",
        )


def _require_day(notice: Notice, on: date | None, first: date, what: str) -> date:
    now = datetime.now(UTC)
    # It may be tomorrow already in the user's time zone.
    last, happened = (now + timedelta(hours=EASTERNMOST)).date(), on or now.date()
    if happened > last:
        raise _refused(notice, f"{happened} is to come", "pass the right day with --on")
    # Refuse an impossible order of events, even if a wrong clock or a postdated letter is the cause.
    if happened < first:
        remedy = "pass the right day with --on, or check this machine's clock"
        raise _refused(notice, f"{happened} is before the day on which {what}: {first}", remedy)
    return happened
