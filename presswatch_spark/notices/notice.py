"""A notice on disk or S3: its files under SHA256SUMS, its events in a chain, and its state.

N/letter.docx letter.pdf form.txt notice.json
N/annex/rows.csv rows.xlsx rows.jsonl, and the same of urls and domains
N/SHA256SUMS           digests of all of these; written last
N/events/0001.json …   later events; only added to
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from presswatch_spark.errors import InputError, OutputError
from presswatch_spark.extras import library
from presswatch_spark.notices.laws import laws
from presswatch_spark.notices.wording import Sentence, sentence
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.status import CaseStatus
from presswatch_spark.storage.disk import Folder, disk_errors, file_sha256
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, StorageOptions
from presswatch_spark.tables.seals import sealed_json, unsealed_json
from presswatch_spark.translation import N_

SUMS, NOTICE, LETTER, PDF, FORM = "SHA256SUMS", "notice.json", "letter.docx", "letter.pdf", "form.txt"
ANNEX, EVENTS = "annex", "events"
SCHEMA = Path(__file__).with_name("notice.schema.json")
DRAFTED, EDITED, READ, CHECKED, SIGNED, SENT, ANSWERED = (
    "drafted", "edited", "read", "checked", "signed", "sent", "answered",
)  # fmt: skip
STATES = (
    "draft", "checked", "signed", "sent", "acknowledged", "complied", "partly", "refused", "silent",
)  # fmt: skip
EASTERNMOST = 14
"""Hours by which the first time zone is ahead of UTC."""
SILENT_DAYS = 30
"""Days after which a notice without deadline counts as not answered."""


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
        """Return the event of a file: its content, and its bytes."""
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
        """Return the day on which it happened, as a person gave it; else that on which it was noted."""
        given = self.facts.get("on")
        return date.fromisoformat(str(given)) if given else self.noted_at.date()


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that was drafted. `about` is its notice.json, `sums` the digests of SHA256SUMS by name."""

    folder: Folder
    about: Mapping[str, Any]
    sums: Mapping[str, str]
    events: tuple[Event, ...]

    @classmethod
    def open(cls, path: str, storage: StorageOptions) -> "Notice":
        """Open a notice; `OutputError` if there is none, or its events have changed."""
        folder = Folder.of(path, storage)
        try:
            lines = folder.read(SUMS)[0].decode().splitlines()
            sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
            about = parse_json(folder.read(NOTICE)[0])
            if not isinstance(about, dict) or "" in sums or any(len(each) != 64 for each in sums.values()):
                raise ValueError("it is no object, or a line is no digest with a name")
        except MissingError as error:
            raise OutputError(
                "this is no notice", where=str(folder), remedy="name the --out of `notice draft`"
            ) from error
        except (ValueError, UnicodeDecodeError) as error:
            raise OutputError(
                f"{NOTICE} or {SUMS} cannot be read", where=str(folder), remedy="draft the notice again"
            ) from error
        events = list[Event]()
        for name in sorted(name for name in folder.names() if name.startswith(f"{EVENTS}/")):
            data = folder.read(name)[0]
            try:
                noted = unsealed_json(data)
                event = Event.of(noted, data)
                if noted["previous"] != _digest_of(events) or event.number != len(events) + 1:
                    raise ValueError("it follows another event")
            except (ValueError, KeyError, TypeError) as error:
                raise OutputError(
                    "the event has changed, or one before it is missing",
                    where=folder.at(name),
                    remedy="restore the notice from a copy, or draft it again",
                ) from error
            events.append(event)
        return cls(folder, about, sums, tuple(events))

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of SHA256SUMS, which covers all files."""
        return hashlib.sha256(self.folder.read(SUMS)[0]).hexdigest()

    @property
    def drafted_on(self) -> date:
        """Return the day of its letter."""
        return date.fromisoformat(self.about["drafted_on"])

    def newest(self, kind: str) -> Event | None:
        """Return the newest event of a kind; None if there is none."""
        return next((event for event in reversed(self.events) if event.kind == kind), None)

    def holds(self, kind: str) -> bool:
        """Return whether an event such as `SIGNED` happened since the notice last changed."""
        found, edited = self.newest(kind), self.newest(EDITED)
        if found is None or found.sums != self.digest:
            return False
        return edited is None or edited.number < found.number

    def files(self) -> dict[str, bytes]:
        """Return the files of the notice by name, without its events."""
        names = [name for name in self.folder.names() if not name.startswith(f"{EVENTS}/") and name != SUMS]
        return {name: self.folder.read(name)[0] for name in names}

    def changes(self, files: Mapping[str, bytes]) -> Iterator[tuple[str, Sentence]]:
        """Yield the files that changed since the draft, and how; not a letter that a person vouches for."""
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
        """Add an event after those that are known; `OutputError` if another process added one meanwhile."""
        return _add_event(self.folder, self.events, kind, self.digest, facts)


@contextmanager
def new_notice(path: str, storage: StorageOptions) -> Iterator[Path]:
    """Give a local folder to fill; when the block ends well, it becomes the notice at `path`, as a whole.

    Raises:
        OutputError: `path` holds something, or cannot be written; then nothing is there.
    """
    with disk_errors(path), new_folder(path, storage, SUMS, private=True) as draft:
        yield draft
        names = sorted(each.relative_to(draft).as_posix() for each in draft.rglob("*") if each.is_file())
        text = "".join(f"{file_sha256(draft / name)}  {name}\n" for name in names)
        (draft / SUMS).write_text(text, encoding="utf-8")
        _add_event(Folder.of(str(draft), StorageOptions()), (), DRAFTED, file_sha256(draft / SUMS), {})


def _digest_of(events: Sequence[Event]) -> str:
    """Return the digest of the last event, which the next one names."""
    return events[-1].sha256 if events else ""


def _add_event(
    folder: Folder, events: Sequence[Event], kind: str, sums: str, facts: Mapping[str, Any]
) -> Event:
    noted = {
        "number": len(events) + 1,
        "kind": kind,
        "noted_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "sums": sums,
        "previous": _digest_of(events),
    }
    for name, value in facts.items():
        if value is not None:
            noted[name] = value.isoformat() if isinstance(value, date) else value
    data = sealed_json(noted)
    with disk_errors(str(folder)):
        folder.write(f"{EVENTS}/{noted['number']:04}.json", data, absent=True)
    return Event.of(noted, data)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of notice.json."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return found


def schema_fault(about: Mapping[str, Any]) -> Sentence | None:
    """Return where a notice does not fit the schema, and how; None if it fits.

    Raises:
        ConfigError: jsonschema is not installed.
    """
    validator = library("jsonschema").Draft202012Validator(schema())
    faults = sorted(validator.iter_errors(about), key=lambda each: list(map(str, each.absolute_path)))
    if not faults:
        return None
    place = "/".join(map(str, faults[0].absolute_path)) or "/"
    return sentence(N_("{place}: it breaks the rule `{rule}`"), place=place, rule=faults[0].validator)


@dataclass(frozen=True, slots=True)
class NoticeState:
    """One of `STATES`.

    `removed` of `places` are gone, by the case; both None without a case. `answer`: the newest answer.
    `changed`: files that are not as they were drafted.
    """

    state: str
    removed: int | None
    places: int | None
    answer: Event | None
    changed: tuple[str, ...]


def state_of(notice: Notice, today: date, storage: StorageOptions, case: str | None = None) -> NoticeState:
    """Return the state of a notice on a day. Only a case shows that copies are gone.

    Args:
        case: the case that follows its places; default: the one that it was drafted of.

    Raises:
        InputError: the case does not have the notice's places; `BrokenCaseError` if it has changed.
    """
    changed = tuple(name for name, _ in notice.changes(notice.files()))
    query, removed, places = notice.about["query"], None, None
    path = case or (query["where"] if query["source"] == "case" else None)
    if path is not None:
        states, targets = CaseStatus.of(RemovalCase.open(path, storage)).states, query["targets"]
        if lost := set(targets) - states.keys():
            raise InputError(
                f"the case does not follow {len(lost):,} of {len(targets):,} places of this notice",
                where=path,
                remedy="name the case that was opened of the same claims",
            )
        removed, places = sum(states[target].removed for target in targets), len(targets)
    # An older answer may be noted after the newest one.
    answers = [event for event in notice.events if event.kind == ANSWERED]
    answer = max(answers, key=lambda event: (event.day, event.number), default=None)
    sent = notice.newest(SENT)
    if sent is None:
        # A check or a signature covers files that are no longer there.
        checked = not changed and notice.holds(CHECKED)
        state = ("signed" if notice.holds(SIGNED) else "checked") if checked else "draft"
    elif removed:
        state = "complied" if removed == places else "partly"
    elif answer is not None:
        state = "refused" if answer.facts["answer"] == "refused" else "acknowledged"
    else:
        deadline = notice.about["deadline"]
        last = date.fromisoformat(deadline) if deadline else sent.day + timedelta(days=SILENT_DAYS)
        state = "silent" if today > last else "sent"
    return NoticeState(state, removed, places, answer, changed)


def sign(notice: Notice, by: str, on: date | None, file: str | None) -> Event:
    """Note a signature.

    Args:
        file: SHA-256 (hex) of the signed copy.

    Raises:
        InputError: it is another person than the one named in it, or the day cannot be.
    """
    named = str(notice.about["sender"]["signatory"])
    if by.casefold().split() != named.casefold().split():
        raise _refused(notice, "somebody else is to sign this notice", f"it is {named}, by the sender's file")
    _require_unchanged(notice)
    _require_day(notice, on, notice.drafted_on, "it was drafted")
    return notice.add_event(SIGNED, by=named, on=on, file=file)


def send(notice: Notice, on: date | None, via: str | None, file: str | None) -> Event:
    """Note the dispatch of a notice.

    Raises:
        InputError: it was not checked, or not signed, as it is now; its check is too old, or its
            deadline is over; a mandate has ended; the day cannot be.
    """
    _require_unchanged(notice)
    checked = notice.newest(CHECKED)
    if checked is None or not notice.holds(CHECKED):
        raise _refused(notice, "this notice was not checked as it is now", "run `presswatch notice check`")
    signed = notice.newest(SIGNED) if notice.holds(SIGNED) else None
    if signed is None and "signature" in laws()[notice.about["law"]].required():
        remedy = "note who did: `presswatch notice sign`"
        raise _refused(notice, "nobody signed this notice as it is now", remedy)
    first, happened = notice.drafted_on, "it was drafted"
    if signed is not None and signed.day > first:
        first, happened = signed.day, "it was signed"
    day, days = _require_day(notice, on, first, happened), int(checked.facts["days"])
    if day > checked.day + timedelta(days=days):
        raise _refused(
            notice,
            f"this notice was checked on {checked.day}, more than {days} days before: mandates,"
            " licences and places may have changed",
            "run `presswatch notice check` again",
        )
    until = checked.facts.get("mandates_until")
    if until and day > date.fromisoformat(until):
        raise _refused(
            notice,
            f"a mandate ended on {until}: on {day} the sender cannot act for all publishers of this notice",
            "renew the mandate, note it in the members file, and check the notice again",
        )
    deadline = notice.about["deadline"]
    if deadline and day > date.fromisoformat(deadline):
        raise _refused(
            notice,
            f"the deadline in this notice is over: {deadline}",
            "draft it again; nobody can answer before the letter comes",
        )
    return notice.add_event(SENT, on=on, via=via, file=file)


def answer(notice: Notice, kind: str, on: date | None, note: str | None, file: str | None) -> Event:
    """Note an answer; `InputError` if the notice was not sent before. `refused` is one of its kinds."""
    sent = next((event for event in notice.events if event.kind == SENT), None)
    if sent is None:
        raise _refused(notice, "this notice was not sent", "note it: `presswatch notice sent`")
    _require_day(notice, on, sent.day, "it was sent")
    return notice.add_event(ANSWERED, answer=kind, on=on, note=note, file=file)


def _refused(notice: Notice, what: str, remedy: str) -> InputError:
    return InputError(what, where=str(notice.folder), remedy=remedy)


def _require_unchanged(notice: Notice) -> None:
    for name, change in notice.changes(notice.files()):
        raise InputError(f"the notice has changed: {name}: {change}", where=str(notice.folder))


def _require_day(notice: Notice, on: date | None, first: date, what: str) -> date:
    """Return the day of an event, today if none is named; `InputError` if it is to come, or too early."""
    now = datetime.now(UTC)
    # In Auckland it is tomorrow already.
    last, happened = (now + timedelta(hours=EASTERNMOST)).date(), on or now.date()
    if happened > last:
        raise _refused(notice, f"{happened} is to come", "give --on the day")
    # A clock behind ours, or a letter with a later day, is no reason to note an impossible order of events.
    if happened < first:
        raise _refused(
            notice,
            f"{happened} is before the day on which {what}: {first}",
            "give --on the day, or check this machine's clock",
        )
    return happened
