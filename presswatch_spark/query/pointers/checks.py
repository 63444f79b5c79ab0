"""Comparison of a record with the row that points at it.

A readable record proves nothing by itself: if a file lost a record, another may be at its offset.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from presswatch_spark.core.model import DAMAGES, Capture, DocumentBatch, embedded
from presswatch_spark.matching.rights.signals import signals_of
from presswatch_spark.matching.verify.verification import Joined, readings_of_pair
from presswatch_spark.reading import registry
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.tables.declarations import Match, RightsSignal, Span
from presswatch_spark.tables.digests import row_digest, storable
from presswatch_spark.tables.row_types import TableRow

ROW_EDITED = "row edited"
NO_SHARD = "no shard"
NOT_REACHED = "not reached"
GONE = "record gone"
UNREADABLE = "unreadable"
OTHER_URI = "other URI"
OTHER_RECORD = "other record id"
OTHER_DIGEST = "other digest"
OTHER_PAYLOAD = "other payload"
OTHER_EXTRACTION = "other extraction"
OTHER_TEXT = "other text"
OTHER_FACTS = "other facts"
DAMAGED = "damaged record"
OTHER_ARTICLE = "other article"
OTHER_WORDS = "other words"
OTHER_FIGURES = "other figures"
OTHER_SIGNAL = "other signal"

REASONS = (
    ROW_EDITED, NO_SHARD, NOT_REACHED, GONE, UNREADABLE, OTHER_URI, OTHER_RECORD, OTHER_DIGEST, OTHER_PAYLOAD,
    OTHER_EXTRACTION, OTHER_TEXT, OTHER_FACTS, DAMAGED, OTHER_ARTICLE, OTHER_WORDS, OTHER_FIGURES,
    OTHER_SIGNAL,
)  # fmt: skip
"""Reasons why a row does not verify; the first in this order counts. See `docs/reference/pointers.md`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row does not verify: one of `REASONS`, and a detail, which never contains text of the web."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True, slots=True)
class Record:
    """A document as its shard has it now.

    `facts`: its columns in `matches`; no SHA-256 of the text if it was not read as a document. `stored`: the
    bytes of its range. `bytes_read`: bytes of the shard that were read to get it. Only `raw_record` sets the
    last two: `capture`, the response around the document (a response without document has its body as text),
    and `batch`, which has its page only.
    """

    facts: Match
    text: bytes
    stored: bytes | None
    bytes_read: int
    capture: Capture | None = None
    batch: DocumentBatch | None = None
    record_type: str | None = None
    content_sha256: str | None = None

    @property
    def is_bare(self) -> bool:
        """Return whether this is a response without a document."""
        return self.capture is not None and self.text is self.capture.body


ArticleTexts = Callable[[str], bytes | None]
"""Returns the text of an article by its id, in UTF-8; None if the source, such as a corpus, lacks it."""

# `release` is left out: it may come from the shard's first record, which the range does not contain.
COMPARED = (
    ("document_url", OTHER_URI),
    ("record_id", OTHER_RECORD),
    ("payload_digest", OTHER_DIGEST),
    ("payload_digest_computed", OTHER_PAYLOAD),
    ("text_extraction", OTHER_EXTRACTION),
    ("text_sha256", OTHER_TEXT),
    # A range that is not exactly the record would give a third party other bytes.
    *((name, OTHER_FACTS) for name in (
        "dataset", "captured_at", "http_status", "languages", "record_offset", "record_length",
        "record_encoding", "row_index", "charset", "document_host", "document_domain", "page_publisher",
        "page_publisher_source", "page_author", "page_published_at", "page_based_on", "page_canonical_url",
        "upstream_uri", "upstream_offset",
    )),
)  # fmt: skip
SPAN = ("document_start", "document_end", "article_start", "article_end", "words")
COMPARED_OF_RESPONSE = frozenset((
    "record_id", "captured_at", "http_status", "record_offset", "record_length", "record_encoding",
))  # fmt: skip
"""The columns of `rights_signals` that are compared."""


def edited(row: TableRow) -> Failure | None:
    """Return a failure if the row is not as the scan wrote it, else None."""
    columns = row.as_dict()
    try:
        same = row_digest(columns) == columns["row_sha256"]
    except (TypeError, ValueError):  # a value that no row can have
        same = False
    return None if same else Failure(ROW_EDITED)


def difference(row: Match, record: Record) -> Failure | None:
    """Return the first difference between a document and its row."""
    format = registry.find(row.dataset)
    # The range does not contain facts that the format takes from other records.
    elsewhere = format.elsewhere if format else ()
    if failure := _first_other(row, record, (each for each in COMPARED if each[0] not in elsewhere)):
        return failure
    # Only the places of the copied words show whether they are hidden.
    is_other = embedded(row.text_source) != embedded(record.facts.text_source)
    return Failure(OTHER_FACTS, "`text_source` differs") if is_other else None


def _first_other(
    row: Match | RightsSignal, record: Record, compared: Iterable[tuple[str, str]]
) -> Failure | None:
    # Rows of earlier versions lack later columns.
    columns = row.as_dict()
    for column, reason in compared:
        if column in columns and columns[column] != getattr(record.facts, column):
            return Failure(reason, f"`{column}` differs")
    return None


def damaged(row: Match, facts: Match | None = None) -> Failure | None:
    """Return a failure if the row, or the facts read now, name damage of the record; else None."""
    damage = row.record_damage or (facts and facts.record_damage)
    return Failure(DAMAGED, f"`{damage}`: {DAMAGES.get(damage, 'unknown')}") if damage else None


def other_words(row: Match, text: bytes, article_of: ArticleTexts) -> Failure | None:
    """Return the failure of a row with another article or with different words; None if all agree."""
    if row.article_id is None:
        return None
    body = article_of(row.article_id)
    if body is None:
        return Failure(OTHER_ARTICLE, "the corpus has no article of this id")
    if hashlib.sha256(body).hexdigest() != row.article_sha256:
        return Failure(OTHER_ARTICLE, "the corpus has another text of the article")
    document, article = text.decode("utf-8", "replace"), body.decode("utf-8", "replace")
    spans: Iterable[Span | None] = row.spans or ()
    if row.longest_run_words and not spans:
        return Failure(OTHER_WORDS, "the row has no span")
    for number, span in enumerate(spans):
        if span is None or None in (span.get(name) for name in SPAN):
            return Failure(OTHER_WORDS, f"span {number} has no bounds")
        sides = (
            document[span["document_start"] : span["document_end"]],
            article[span["article_start"] : span["article_end"]],
        )
        copied, original = readings_of_pair(
            *(Joined(words_of(side.encode("utf-8", "replace"))) for side in sides)
        )
        if copied.words.packed != original.words.packed:
            return Failure(OTHER_WORDS, f"span {number} is not the same on both sides")
        count = len(copied.words)
        if count != span["words"]:
            return Failure(OTHER_WORDS, f"span {number} has {count} words, not {span['words']}")
    return None


def other_declaration(row: RightsSignal, record: Record) -> Failure | None:
    """Return the first difference between a response, read again, and its row of `rights_signals`."""
    capture = record.capture
    if capture is None:
        return Failure(UNREADABLE, "there is no response")
    if storable(capture.url) != row.document_url:
        return Failure(OTHER_URI, "`document_url` differs")
    if failure := _first_other(row, record, (each for each in COMPARED if each[0] in COMPARED_OF_RESPONSE)):
        return failure
    if row.content_sha256 not in (None, hashlib.sha256(capture.body).hexdigest()):
        return Failure(OTHER_PAYLOAD, "`content_sha256` differs")
    signals = list(signals_of(capture))
    if any(all(getattr(row, name) == value for name, value in asdict(each).items()) for each in signals):
        return None
    read_by = {each.parser for each in signals if each.signal == row.signal}
    return Failure(OTHER_SIGNAL, "" if row.parser in read_by else f"the row was made by {row.parser}")
