"""A notice on disk or S3: its draft, its files with SHA256SUMS, and its events in a chain.

N/letter.docx letter.pdf form.txt notice.json
N/annex/rows.csv rows.xlsx rows.jsonl, and the same of urls and domains
N/annex/mandates/NAME  the mandates; N/annex/patch-proof.json, that of a removal patch, if the letter has one
N/SHA256SUMS           digests of all files above; written last
N/events/0001.json …   events, unless its campaign has them; see `journal`
N/proofs/0001-NAME …   the proof of an event, by its number; the event has its SHA-256
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any, Self

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.extras import library
from presswatch_spark.core.processes import account_name
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.core.version import __version__
from presswatch_spark.legal.notices.annex import ANNEX, ENDINGS, TABLES
from presswatch_spark.legal.notices.formats import docx_of, pdf_of, text_of
from presswatch_spark.legal.notices.journal import EVENTS, SUMS, Event, EventKind, Journal
from presswatch_spark.legal.notices.letter import (
    MANDATES,
    PATCH,
    Letter,
    NoticeContent,
    NoticeOrder,
    concerning,
    letter_of,
    mandate_files,
)
from presswatch_spark.legal.notices.parties import ACTS, SENDER_TEXTS, Recipient, Sender
from presswatch_spark.legal.removal import apply
from presswatch_spark.storage.disk import Folder, disk_errors, file_sha256
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, StorageOptions, canonical, read_object
from presswatch_spark.tables.seals import unsealed_json

NOTICE, LETTER, PDF, FORM = "notice.json", "letter.docx", "letter.pdf", "form.txt"
PROOFS, LAYOUT = "proofs", 1
TEXT_KEYS = ("text", "second_text")
"""Keys of an element's texts in notice.json, by column of the letter."""
SCHEMA = Path(__file__).with_name("notice.schema.json")
PROOF_CHARACTERS = 100
"""Most characters of a proof's file name that are kept."""


@dataclass(frozen=True, slots=True)
class EventDetails:
    """Details of an event that a person gives: who acted, on which day, by which channel, and a note.

    `by`: by default the account of this process. `proof`: path of a file to be copied. `answer`: its kind.
    """

    by: str | None = None
    on: date | None = None
    via: str | None = None
    note: str | None = None
    proof: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A drafted notice. `about` is its notice.json, `sums` the digests in SHA256SUMS by file name.

    `digest`: SHA-256 (hex) of SHA256SUMS, and thereby of all files. `journal`: that of its campaign, or its
    own one; `events`: its events there.
    """

    folder: Folder
    about: Mapping[str, Any]
    sums: Mapping[str, str]
    digest: str
    journal: Journal
    events: tuple[Event, ...] = ()

    @classmethod
    def open(cls, path: str, storage: StorageOptions, journal: Journal | None = None) -> "Notice":
        """Open a notice; `OutputError` if there is none, or events in its journal were changed.

        `journal`: that of its campaign, if it was read already.
        """
        folder = Folder.of(path, storage)
        if folder.is_local:
            # Through a link, the campaign around the notice would not be seen.
            folder = Folder.of(str(folder.path.resolve()), storage)
        journal = journal or Journal.of(folder)
        try:
            listed = folder.read(SUMS)[0]
            lines = (line.partition("  ") for line in listed.decode().splitlines())
            sums = {name: digest for digest, _, name in lines}
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
        notice = cls(folder, about, sums, hashlib.sha256(listed).hexdigest(), journal)
        return replace(notice, events=journal.events_of(notice.id))

    @property
    def id(self) -> str:
        """Return its id in its campaign; empty if it is in none."""
        return self.folder.name if self.journal.plan else ""

    @property
    def drafted_on(self) -> date:
        """Return the day of its letter."""
        return date.fromisoformat(self.about["drafted_on"])

    def newest(self, kind: EventKind) -> Event | None:
        """Return the newest event of a kind; None if there is none."""
        return next((event for event in reversed(self.events) if event.kind == kind), None)

    def lasting(self, kind: EventKind) -> Event | None:
        """Return the newest event of a kind such as `signed`; None if the notice has changed since."""
        found, edited = self.newest(kind), self.newest("edited")
        if found is None or found.sums != self.digest or (edited and edited.number > found.number):
            return None
        return found

    def files(self) -> dict[str, bytes]:
        """Return the files of the notice by name, with proofs of events, but without the events."""
        own = (name for name in self.folder.names() if not name.startswith(f"{EVENTS}/"))
        return {name: self.folder.read(name)[0] for name in own if name != SUMS}

    def changes(self, files: Mapping[str, bytes]) -> Iterator[tuple[str, Sentence]]:
        """Yield files that changed since the draft, and how, except for an edit that a person vouches for."""
        expected = dict(self.sums)
        if edited := self.newest("edited"):
            expected[LETTER] = str(edited.facts["letter"])
        proofs = (event.facts for event in self.events if "proof" in event.facts)
        expected |= {str(facts["proof"]): str(facts["file"]) for facts in proofs}
        # A process that is killed between a proof and its event leaves a proof with the next number.
        unfinished = f"{PROOFS}/{len(self.journal.events) + 1:04}-"
        for name in sorted(expected.keys() - files.keys()):
            yield name, sentence(N_("it is missing"))
        for name in sorted(files.keys() - expected.keys()):
            if not name.startswith(unfinished):
                yield name, sentence(N_("it was added"))
        for name in sorted(files.keys() & expected.keys()):
            if hashlib.sha256(files[name]).hexdigest() != expected[name]:
                edit = sentence(N_("it has changed; if you edited it, add --edited-by NAME"))
                yield name, edit if name == LETTER else sentence(N_("it has changed"))
        if not self.events or self.events[0].sums != self.digest:
            yield SUMS, sentence(N_("it is not the one that was drafted"))

    def add_event(self, kind: EventKind, details: EventDetails = EventDetails(), **facts: Any) -> Self:
        """Append an event to the journal, with a copy of its proof; return the notice with it.

        `facts`: further facts, None if unknown. Raises `InputError` if the name of the person or the proof is
        empty, `OutputError` if another process has appended an event since `open`, `StorageError` if the
        proof cannot be read.
        """
        by = account_name() if details.by is None else details.by
        if by is not None and not by.strip():
            raise InputError("the person has no name", where=str(self.folder), remedy="pass it with --by")
        on = details.on and details.on.isoformat()
        given = {"by": by, "answer": details.answer}
        known = {**given, **facts, "on": on, "via": details.via, "note": details.note}
        noted = {name: value for name, value in known.items() if value is not None}
        proof = details.proof
        content = read_object(proof, self.folder.storage)[0] if proof else b""
        if proof and not content:
            raise InputError("the proof is an empty file", where=proof, remedy="pass the right file")
        with disk_errors(str(self.folder)), self.journal.held() as journal:
            if journal.events_of(self.id) != self.events:
                what, remedy = "another process has noted an event meanwhile", "give the command again"
                raise OutputError(what, where=str(self.folder), remedy=remedy)
            if proof:
                begun = f"{PROOFS}/{len(journal.events) + 1:04}-"
                name = re.sub(r"[^\w.-]+", "-", proof.rstrip("/").rpartition("/")[2])[-PROOF_CHARACTERS:]
                noted |= {"file": hashlib.sha256(content).hexdigest(), "proof": f"{begun}{name}"}
                self.folder.delete([name for name in self.folder.names() if name.startswith(begun)])
                self.folder.write(noted["proof"], content, absent=True)
            journal = journal.with_event(self.id, kind, self.digest, noted)
        return replace(self, journal=journal, events=journal.events_of(self.id))


@contextmanager
def new_notice(path: str, storage: StorageOptions, *, is_alone: bool = True) -> Iterator[Path]:
    """Give a local folder, which becomes the notice at `path` after the block; raises as `new_folder`.

    `is_alone`: it is in no campaign, and has its own journal.
    """
    with disk_errors(path), new_folder(path, storage, SUMS, private=True) as draft:
        yield draft
        names = sorted(each.relative_to(draft).as_posix() for each in draft.rglob("*") if each.is_file())
        text = "".join(f"{file_sha256(draft / name)}  {name}\n" for name in names)
        (draft / SUMS).write_text(text, encoding="utf-8")
        if is_alone:
            journal = Journal(Folder.of(str(draft), StorageOptions()), {}, "")
            digest = hashlib.sha256(text.encode()).hexdigest()
            Notice(journal.folder, {}, {}, digest, journal).add_event("drafted")


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
    """The result of a draft. `missing`: missing facts by element of the letter."""

    notice: Notice
    content: NoticeContent
    missing: Mapping[str, Sequence[str]]


def draft_notice(
    order: NoticeOrder, out: str, storage: StorageOptions | None = None, journal: Journal | None = None
) -> DraftedNotice:
    """Draft a notice in a new folder; `journal`: that of the campaign, which gets its event later.

    Raises `InputError` if no place concerns the recipient or a fact is later than the letter, `OutputError`
    if `out` is not empty or not writable, `ConfigError` without a library of the extra `legal`.
    """
    storage = storage or StorageOptions()
    proof, patch = _proof_of(order, order.patch, storage) if order.patch else (b"", None)
    content = NoticeContent.of(order, patch)
    _require_earlier(content)
    with new_notice(out, storage, is_alone=journal is None) as folder:
        (folder / ANNEX / MANDATES).mkdir(parents=True)
        content.annex.write(folder / ANNEX, order.languages[-1], storage)
        names = [f"{ANNEX}/{table}.{ending}" for table in TABLES for ending in ENDINGS]
        for name, (path, _) in mandate_files(order.sender, content.publishers).items():
            names.append(f"{ANNEX}/{MANDATES}/{name}")
            copyfile(path, folder / names[-1])
        if patch:
            names.append(f"{ANNEX}/{PATCH}")
            (folder / names[-1]).write_bytes(proof)
        files = [(name, file_sha256(folder / name)) for name in names]
        letter = letter_of(content, files)
        about = _about(content, letter)
        if fault := schema_fault(about):
            raise ValueError(f"notice.json does not fit its schema: {fault}")
        (folder / LETTER).write_bytes(docx_of(letter))
        (folder / PDF).write_bytes(pdf_of(letter, folder / ANNEX))
        (folder / FORM).write_text(text_of(letter, content.annex.rows), encoding="utf-8")
        text = json.dumps(about, ensure_ascii=True, indent=1) + "\n"
        (folder / NOTICE).write_text(text, encoding="utf-8")
    return DraftedNotice(Notice.open(out, storage, journal), content, letter.missing)


def _proof_of(order: NoticeOrder, patch: str, storage: StorageOptions) -> tuple[bytes, Mapping[str, Any]]:
    """Return the proof of a patch, as bytes and parsed, with totals of the letter's files and `patch_sha256`.

    A case may have files of several recipients. `InputError` if the proof lacks what the letter states.
    """
    folder, places = Folder.of(patch, storage), concerning(order.selection, order.recipient)
    named = {(Path(each.target.shard_uri).name, each.target.bytes) for each in places}
    try:
        data, sealed = (folder.read(name)[0] for name in (apply.PROOF, apply.PATCH))
        proof, facts = unsealed_json(data), unsealed_json(sealed)
        case = getattr(order.selection.source, "case", None)
        if case is not None and proof["targets_digest"] != case.about["targets_digest"]:
            raise ValueError("targets_digest")
        if facts["parts"][apply.PROOF] != hashlib.sha256(data).hexdigest():
            raise ValueError(apply.PROOF)
        date.fromisoformat(proof["measured_on"])
        files = [of for of in proof["files"] if {(of["name"], of["size"]), (of["name"], None)} & named]
        totals = {name: sum(of[name] for of in files) for name in ("records", "bytes_replaced", "seconds")}
        if not files:
            raise ValueError("files")
    except (MissingError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "this is no patch for these places, or its proof was changed",
            where=str(folder),
            remedy="pass the folder that `presswatch removal patch` made for the same case",
        ) from error
    known = {"totals": totals | {"files": len(files)}, "patch_sha256": hashlib.sha256(sealed).hexdigest()}
    return data, {**proof, **known}


def _require_earlier(content: NoticeContent) -> None:
    """Raise `InputError` if the letter would state a fact that is later than its day."""
    order, patch = content.order, content.patch
    acts = [
        getattr(order.sender, name) for name in ACTS if name in [each.name for each in order.law.elements]
    ]
    captured = [place.row.captured_at.date() for place in content.places if place.row.captured_at]
    facts = {
        "rows were captured": captured,
        "rows were read": [day for days in content.read.values() for day in days],
        "the sender's file has an act": [act.on for act in acts if act],
        "the patch was measured": [date.fromisoformat(patch["measured_on"])] if patch else [],
    }
    for what, days in facts.items():
        if (last := max(days, default=order.drafted)) > order.drafted:
            raise InputError(
                f"a letter of {order.drafted} cannot state later facts: {what} on {last}",
                where=order.selection.source.where,
                remedy=f"give --date {last} or a later day",
            )


def today() -> date:
    """Return today's date in UTC."""
    return datetime.now(UTC).date()


def _about(content: NoticeContent, letter: Letter) -> dict[str, Any]:
    order, annex = content.order, content.annex
    texts = [{block.element: block.text for block in column.blocks} for column in letter.columns]
    source, recipients = order.selection.source, order.recipient.file
    return {
        "layout": LAYOUT,
        "tool_version": __version__,
        "drafted_on": order.drafted.isoformat(),
        "deadline_days": order.deadline_days,
        "language": order.lang,
        "law": order.law.id,
        "recipient": recipient_facts(order.recipient, order.law.id),
        "sender": sender_facts(order.sender),
        "elements": {
            element.name: {
                "source": element.source,
                **{key: each.get(element.name) for key, each in zip(TEXT_KEYS, texts, strict=False)},
            }
            for element in order.law.elements
        },
        "numbers": dict(content.numbers),
        "reservations": dict(content.reservations),
        # The query by which a check selects the rows of the annex again.
        "query": {
            "source": source.kind,
            "where": source.where,
            "claims": source.claims_at,
            "targets": sorted(place.target.target_sha256 for place in content.places),
            "rows": sorted({place.target.row_sha256 for place in content.places}),
            "sender_file": str(Path(order.sender.file).absolute()),
            "recipients_file": recipients and canonical(recipients),
            **({"seal": dict(source.seal)} if source.seal else {}),
            "mirrors": [[mirror.place, mirror.copy] for mirror in order.selection.mirrors],
        },
        "annex": {
            "columns": {table: schema.names for table, (schema, _) in annex.tables.items()},
            "digests": annex.digests(),
            "files": dict(letter.annex),
        },
    }


def recipient_facts(recipient: Recipient, law: str) -> dict[str, Any]:
    """Return the facts of a recipient in notice.json; `route`: the address for notices of this law."""
    return {
        "id": recipient.id,
        "name": recipient.legal_name or recipient.name,
        "route": recipient.address_for(law)[0],
        "elements": list(recipient.elements),
        "columns": list(recipient.columns),
        "verify_before_you_send": list(map(str, recipient.doubts())),
    }


def sender_facts(sender: Sender) -> dict[str, Any]:
    """Return the facts of a sender in notice.json."""
    return {
        **{name: getattr(sender, name) for name in ("name", *SENDER_TEXTS)},
        "acts_as": "owner" if sender.is_owner else "agent",
        **{
            name: (act := getattr(sender, name)) and {"by": act.by, "on": act.on.isoformat()} for name in ACTS
        },
        "publishers": [
            {
                "id": publisher.id,
                "name": publisher.name,
                "mandate_document": (deed := publisher.mandate_document) and deed.sha256,
                "mandate_signed_on": deed.signed_on.isoformat() if deed and deed.signed_on else None,
                "mandate_signatory": deed and deed.signatory,
                "mandate_scope": deed and deed.scope,
                "database_right": publisher.database_right,
                "country": publisher.country,
                "rights_basis": list(publisher.rights_basis),
            }
            for publisher in sender.publishers
        ],
    }
