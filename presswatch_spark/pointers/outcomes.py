"""What a check of a row can end with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.model import Capture

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
OTHER_SIGNAL = "other signal"

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        ROW_EDITED: "`row_sha256` is not that of the row",
        NO_SHARD: "there is no such object",
        NOT_REACHED: "storage did not give the bytes, so nothing can be said",
        GONE: "the shard was read, and no document is there",
        UNREADABLE: "bytes are there, but no document can be made of them",
        OTHER_URI: "a document of another URL is there",
        OTHER_RECORD: "a record with another id is there",
        OTHER_DIGEST: "the record declares another digest",
        OTHER_PAYLOAD: "the page's bytes have another digest",
        OTHER_EXTRACTION: "this version extracts text by another library, so the texts cannot be compared",
        OTHER_TEXT: "the text has another SHA-256",
        OTHER_FACTS: "time of capture, HTTP status, languages or bounds of the record are others",
        DAMAGED: "the record is not what its header says, so its text may be another's",
        OTHER_ARTICLE: "the corpus has not the article, or another text of it",
        OTHER_WORDS: "a span does not hold the same words on both sides",
        OTHER_SIGNAL: "the response does not declare this, as this version reads it",
    }
)
"""Why a row does not verify: the first that applies, in this order."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row does not verify: a key of `MEANINGS`, and more of it. Never text of the web."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True, slots=True)
class Record:
    """A document as its shard holds it now.

    `facts`: what `matches` would say of it. `stored`: the bytes of its range, where it was read by one.
    `bytes_read`: of the shard, until the document was there. `capture`: the response around it, if that was
    asked for; what is no document, such as robots.txt, has its body as text.
    """

    facts: Row
    text: bytes
    stored: bytes | None
    bytes_read: int
    capture: Capture | None = None

    @property
    def is_bare(self) -> bool:
        """Whether this is a response that is no document."""
        return self.capture is not None and self.text is self.capture.body
