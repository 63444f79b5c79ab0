"""Whether a document is the one that a row speaks of.

That it can be read says nothing: if a record was dropped from a file, another one may lie at its offset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats import registry
from presswatch_spark.model import DAMAGES
from presswatch_spark.pointers.outcomes import (
    DAMAGED,
    OTHER_ARTICLE,
    OTHER_DIGEST,
    OTHER_EXTRACTION,
    OTHER_FACTS,
    OTHER_PAYLOAD,
    OTHER_RECORD,
    OTHER_TEXT,
    OTHER_URI,
    OTHER_WORDS,
    ROW_EDITED,
    Failure,
    Record,
)
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.text.words import words_of

Row = Mapping[str, Any]

# `release` is left out: the shard's first record may name it, which a range does not hold.
COMPARED = (
    ("document_url", OTHER_URI),
    ("record_id", OTHER_RECORD),
    ("payload_digest", OTHER_DIGEST),
    ("payload_digest_computed", OTHER_PAYLOAD),
    ("text_extraction", OTHER_EXTRACTION),
    ("text_sha256", OTHER_TEXT),
    ("captured_at", OTHER_FACTS),
    ("http_status", OTHER_FACTS),
    ("languages", OTHER_FACTS),
    # A range that is not just the record's would give a third party other bytes.
    ("record_offset", OTHER_FACTS),
    ("record_length", OTHER_FACTS),
    ("record_encoding", OTHER_FACTS),
    ("row_index", OTHER_FACTS),
)


def edited(row: Row) -> Failure | None:
    """Whether the row is another than the scan wrote."""
    try:
        same = row_digest(row) == row["row_sha256"]
    except (TypeError, ValueError):  # a value that no row holds
        same = False
    return None if same else Failure(ROW_EDITED)


def difference(row: Row, record: Record) -> Failure | None:
    """The first thing in which the document differs from what the row says of it."""
    format = registry.find(row["dataset"])
    # What stands in another record, a range does not hold.
    elsewhere = format.elsewhere if format else ()
    for column, reason in COMPARED:
        if column in elsewhere:
            continue
        if row[column] != record.facts[column]:
            return Failure(reason, f"`{column}` is another")
    return None


def damaged(row: Row, facts: Row | None = None) -> Failure | None:
    """Whether the record is not what its header says: by the row, or by what was read of it now.

    Rows of earlier runs do not say it.
    """
    damage = row.get("record_damage") or (facts or {}).get("record_damage")
    return Failure(DAMAGED, f"`{damage}`: {DAMAGES.get(damage, 'unknown')}") if damage else None


def other_words(row: Row, text: bytes, corpus: Corpus) -> Failure | None:
    """Whether the article is another, or a span that is not the same words on both sides, word by word."""
    if row["article_id"] is None:
        return None
    ordinal = corpus.ordinal_of(row["article_id"])
    if ordinal is None:
        return Failure(OTHER_ARTICLE, "the corpus has no article of this id")
    body = corpus.body(ordinal)
    if hashlib.sha256(body).hexdigest() != row["article_sha256"]:
        return Failure(OTHER_ARTICLE, "the corpus has another text of it")
    document, article = text.decode("utf-8", "replace"), body.decode("utf-8", "replace")
    spans = row["spans"] or ()
    if row["longest_run_words"] and not spans:
        return Failure(OTHER_WORDS, "it has no span")
    for number, span in enumerate(spans):
        if span is None or None in span.values():
            return Failure(OTHER_WORDS, f"span {number} has no bounds")
        copied = _folded(document[span["document_start"] : span["document_end"]])
        if copied != _folded(article[span["article_start"] : span["article_end"]]):
            return Failure(OTHER_WORDS, f"span {number} is not the same on both sides")
        if copied[0] != span["words"]:
            return Failure(OTHER_WORDS, f"span {number} has {copied[0]} words, not {span['words']}")
    return None


def _folded(text: str) -> tuple[int, bytes]:
    """Number of words, and the words as verification compares them, each with a zero byte after it."""
    words = words_of(text.encode("utf-8", "replace"))
    return len(words), words.folded.tobytes()
