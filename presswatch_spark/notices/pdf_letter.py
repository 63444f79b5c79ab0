"""The letter as PDF/A-3b with the annex attached: the same letter gives the same bytes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.evidence import typesetting
from presswatch_spark.evidence.bag_phrases import CLAIMS_PDF
from presswatch_spark.evidence.typesetting import lacks_signs, signs
from presswatch_spark.notices.annex import TABLES
from presswatch_spark.notices.folder import ANNEX
from presswatch_spark.notices.letter import Letter

TEMPLATE = Path(__file__).with_name("letter.typ")
KINDS = {"csv": "text/csv", "jsonl": "application/jsonl"}
ATTACHED = tuple(f"{table}.{ending}" for table in TABLES for ending in KINDS)
"""The annex's files that the PDF holds; workbooks are beside it."""


def pdf_of(letter: Letter, annex: Path, drafted: date) -> bytes:
    """Return the letter as PDF/A-3b.

    Args:
        annex: the folder of the annex's files.

    Raises:
        ConfigError: typst is not installed.
        OutputError: it cannot make the PDF.
    """
    moment = datetime(drafted.year, drafted.month, drafted.day, tzinfo=UTC)
    attached = {f"{ANNEX}/{name}": annex / name for name in ATTACHED}
    return typesetting.pdf_of(TEMPLATE, _shown(letter, drafted), moment, attached, command="notice")


def attachments_in(data: bytes) -> dict[str, bytes]:
    """Return the files that a PDF holds, by name; ValueError if it cannot be read."""
    from io import BytesIO

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        found = PdfReader(BytesIO(data)).attachments
        return {name: contents[0] for name, contents in found.items()}
    except (PyPdfError, KeyError, IndexError, TypeError) as error:
        raise ValueError("the attachments of the PDF cannot be read") from error


def _shown(letter: Letter, drafted: date) -> dict[str, object]:
    """Return the letter for the template; its last line says what codes of signs are, if it has any."""
    shown: dict[str, object] = {
        "lang": letter.lang,
        "drafted": {"year": drafted.year, "month": drafted.month, "day": drafted.day},
        "title": signs(letter.title),
        "sender": _signs(letter.sender),
        "recipient": _signs(letter.recipient),
        "day": letter.day,
        "blocks": [
            {
                "element": block.element,
                "heading": signs(block.heading),
                "paragraphs": _signs(block.paragraphs),
                "lines": _signs(block.lines),
            }
            for block in letter.blocks
        ],
        "annex_heading": letter.annex_heading,
        "annex": [list(file) for file in letter.annex],
        "digest_lines": list(letter.digest_lines),
        "attached": [
            {"name": name, "description": name, "kind": KINDS[name.rpartition(".")[2]]} for name in ATTACHED
        ],
    }
    said = Speaker(letter.lang, for_print=True).of(CLAIMS_PDF, "signs")
    return shown | {"notes": [said] if lacks_signs(shown) else []}


def _signs(texts: Sequence[str]) -> list[str]:
    return [signs(text) for text in texts]
