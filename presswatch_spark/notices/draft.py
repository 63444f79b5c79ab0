"""Drafts a notice: what it says, by whom, to whom, by which law, with which annex. It sends nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from presswatch_spark.claims.selection import Choice
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.errors import InputError
from presswatch_spark.notices.annex import ENDINGS, TABLES, Annex, annex_of
from presswatch_spark.notices.docx_letter import docx_of
from presswatch_spark.notices.facts import OF_SENDER, NoticeFigures, facts_of
from presswatch_spark.notices.folder import (
    ANNEX,
    FORM,
    LETTER,
    NOTICE,
    PDF,
    Notice,
    new_notice,
    validated,
)
from presswatch_spark.notices.grounds import Grounds, NoticePlace, grounds_of
from presswatch_spark.notices.laws import Law, laws
from presswatch_spark.notices.letter import Letter, LetterElement, blocks_of, letter_of
from presswatch_spark.notices.parties import Recipient, Sender
from presswatch_spark.notices.pdf_letter import pdf_of
from presswatch_spark.notices.text_letter import text_of_letter
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.version import __version__

LAYOUT = 1
DEADLINE_DAYS = 15


@dataclass(frozen=True, slots=True)
class NoticeOrder:
    """What a notice is asked to be.

    `sender_file` and `recipients_file` are where a check reads both again. `claims`: folder of the claims, if
    it is not that of the case or tables. `days`: from `drafted` to the deadline, for laws that have one.
    """

    source: str
    recipient: Recipient
    law: str
    lang: str
    sender: Sender
    drafted: date
    sender_file: str
    recipients_file: str | None = None
    choice: Choice = field(default_factory=Choice)
    claims: str | None = None
    mirrors: Sequence[Mirror] = ()
    days: int = DEADLINE_DAYS


@dataclass(frozen=True, slots=True)
class Drafted:
    """A notice that was drafted.

    `left_out`: see `Grounds`. `missing`: the facts that are missing, by element. `elsewhere`: places that do
    not concern the recipient.
    """

    notice: Notice
    figures: NoticeFigures
    left_out: Mapping[str, int]
    missing: Mapping[str, Sequence[str]]
    elsewhere: int


def draft_notice(request: NoticeOrder, out: str, storage: StorageOptions | None = None) -> Drafted:
    """Draft a notice in a new folder.

    Raises:
        InputError: no claim concerns the recipient; see `grounds_of`.
        OutputError: `out` holds something, or cannot be written; then nothing is there.
        ConfigError: a library of the extra `legal` is missing.
    """
    storage, law = storage or StorageOptions(), laws()[request.law]
    with new_notice(out, storage) as folder:
        grounds = grounds_of(
            request.source, request.choice, storage, claims=request.claims, mirrors=request.mirrors
        )
        places = concerning(grounds, request.recipient)
        annex = annex_of(places, request.sender, request.recipient.columns, law.own_domains)
        (folder / ANNEX).mkdir()
        annex.write(folder / ANNEX, request.lang, storage)
        figures = NoticeFigures.of(places, annex, request.sender)
        deadline = request.drafted + timedelta(days=request.days) if law.deadline else None
        facts = facts_of(
            figures, places, annex, request.sender, request.recipient, deadline, request.lang,
            has_licences=grounds.has_licences,
        )  # fmt: skip
        blocks, missing = blocks_of(law, facts, request.lang)
        letter = _letter(request, law, blocks, annex, folder / ANNEX, grounds.seal.get("bag_root"))
        about = _about(request, law, grounds, places, annex, figures, blocks, deadline)
        about["annex"]["files"] = dict(letter.annex)
        _write(folder, letter, annex, request.drafted, about)
    opened = Notice.open(out, storage)
    return Drafted(opened, figures, grounds.left_out, missing, len(grounds.places) - len(places))


def concerning(grounds: Grounds, recipient: Recipient) -> tuple[NoticePlace, ...]:
    """Return the places that concern a recipient; `InputError` if none does."""
    places = tuple(
        place for place in grounds.places if recipient.concerns(place.target["dataset"], place.file)
    )
    if not places:
        raise InputError(
            f"none of {len(grounds.places):,} places concerns {recipient.id}",
            where=grounds.where,
            remedy="name another --to, or say with --mirror where the files are public",
        )
    return places


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def _letter(
    request: NoticeOrder,
    law: Law,
    blocks: Sequence[LetterElement],
    annex: Annex,
    folder: Path,
    bag_root: str | None,
) -> Letter:
    names = [f"{table}.{ending}" for table in TABLES for ending in ENDINGS]
    files = [(f"{ANNEX}/{name}", file_sha256(folder / name)) for name in names]
    digest = annex.digests()["rows"]
    letter = letter_of(
        law, blocks, request.sender, request.recipient, request.drafted, files, digest, request.lang
    )
    return replace(letter, bag_root=bag_root)


def _write(folder: Path, letter: Letter, annex: Annex, drafted: date, about: Mapping[str, Any]) -> None:
    (folder / LETTER).write_bytes(docx_of(letter, drafted))
    (folder / PDF).write_bytes(pdf_of(letter, folder / ANNEX, drafted))
    (folder / FORM).write_text(text_of_letter(letter, annex.rows["rows"]), encoding="utf-8")
    (folder / NOTICE).write_text(_json(validated(about)), encoding="utf-8")


def _about(
    request: NoticeOrder,
    law: Law,
    grounds: Grounds,
    places: Sequence[NoticePlace],
    annex: Annex,
    figures: NoticeFigures,
    blocks: Sequence[LetterElement],
    deadline: date | None,
) -> dict[str, Any]:
    """Return what notice.json says, but for the digests of the annex's files."""
    said = {block.element: block.text for block in blocks}
    return {
        "layout": LAYOUT,
        "tool_version": __version__,
        "drafted_on": request.drafted.isoformat(),
        "deadline": deadline and deadline.isoformat(),
        "language": request.lang,
        "law": law.id,
        "recipient": _recipient(request.recipient),
        "sender": sender_facts(request.sender),
        "elements": {
            element.name: {"source": element.source, "text": said.get(element.name)}
            for element in law.elements
        },
        "numbers": dict(figures.numbers),
        "reservations": dict(figures.reservations),
        "query": _query(request, grounds, places),
        "annex": {
            "columns": {name: annex.columns[name].names for name in TABLES},
            "digests": annex.digests(),
        },
    }


def _recipient(recipient: Recipient) -> dict[str, Any]:
    return {
        "id": recipient.id,
        "name": recipient.name,
        "route": recipient.route,
        "elements": list(recipient.elements),
        "columns": list(recipient.columns),
        "verify_before_you_send": list(map(str, recipient.doubts())),
    }


def sender_facts(sender: Sender) -> dict[str, Any]:
    """Return what notice.json says of a sender."""
    return {
        **{name: getattr(sender, name) for name in ("name", *OF_SENDER)},
        "acts_as": "owner" if sender.is_owner else "agent",
        "publishers": [
            {
                "id": publisher.id,
                "name": publisher.name,
                "mandate_document": publisher.mandate_document and publisher.mandate_document.sha256,
                "mandate_signed_on": _signed_on(publisher),
                "country": publisher.country,
                "rights_basis": list(publisher.rights_basis),
            }
            for publisher in sender.publishers
        ],
    }


def _signed_on(publisher: Publisher) -> str | None:
    document = publisher.mandate_document
    return document.signed_on.isoformat() if document and document.signed_on else None


def _query(request: NoticeOrder, grounds: Grounds, places: Sequence[NoticePlace]) -> dict[str, Any]:
    """Return what a check asks again: where claims and tables are, and which of them the annex has."""
    recipients = request.recipients_file
    return {
        "source": grounds.source,
        "where": grounds.where,
        "claims": grounds.claims_at,
        "targets": sorted(place.target["target_sha256"] for place in places),
        "rows": sorted({place.target["row_sha256"] for place in places}),
        "sender_file": str(Path(request.sender_file).absolute()),
        "recipients_file": recipients and str(Path(recipients).absolute()),
        **({"seal": dict(grounds.seal)} if grounds.seal else {}),
        "mirrors": [[mirror.place, mirror.copy] for mirror in request.mirrors],
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, indent=1) + "\n"
