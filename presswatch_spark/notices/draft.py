"""Drafts a notice: letter, annex and notice.json in a new folder. It sends nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from presswatch_spark.claims.selection import ClaimPlace
from presswatch_spark.notices.annex import ENDINGS, TABLES, Annex, annex_of
from presswatch_spark.notices.formats import docx_of, pdf_of, text_of
from presswatch_spark.notices.letter import Letter, NoticeFigures, NoticeOrder, concerning, letter_of
from presswatch_spark.notices.notice import (
    ANNEX,
    FORM,
    LETTER,
    NOTICE,
    PDF,
    Notice,
    new_notice,
    schema_fault,
)
from presswatch_spark.notices.parties import SENDER_TEXTS, Recipient, Sender
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.version import __version__

LAYOUT = 1


@dataclass(frozen=True, slots=True)
class DraftedNotice:
    """A notice that was drafted.

    `left_out`: see `PlaceSelection`. `missing`: the facts that are missing, by element. `elsewhere`: places
    of the selection that do not concern the recipient.
    """

    notice: Notice
    figures: NoticeFigures
    left_out: Mapping[str, int]
    missing: Mapping[str, Sequence[str]]
    elsewhere: int


def draft_notice(order: NoticeOrder, out: str, storage: StorageOptions | None = None) -> DraftedNotice:
    """Draft a notice in a new folder.

    Raises:
        InputError: no place concerns the recipient.
        OutputError: `out` holds something, or cannot be written; then nothing is there.
        ConfigError: a library of the extra `legal` is missing.
    """
    storage = storage or StorageOptions()
    places = concerning(order.selection, order.recipient)
    annex = annex_of(places, order.sender.publishers, order.recipient.columns, order.law.own_domains)
    figures = NoticeFigures.of(places, annex, order.sender)
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
    """Return the day in UTC."""
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
        "deadline": order.deadline and order.deadline.isoformat(),
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
        # The sources that a check reads again, and the rows of them that the annex has.
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
