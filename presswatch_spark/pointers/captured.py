"""The record that a row of `captures` points at, and whether it is still the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from presswatch_spark.errors import InputError
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.pointers.checks import edited
from presswatch_spark.pointers.documents import Outcome, records_at
from presswatch_spark.pointers.outcomes import (
    OTHER_DIGEST,
    OTHER_FACTS,
    OTHER_URI,
    Failure,
    Record,
)
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.pointers.raw import raw_record
from presswatch_spark.storage.uris import canonical, join

# Column of the row, fact of the record, and why a row fails if they differ.
COMPARED = (
    ("url", "document_url", OTHER_URI),
    ("payload_digest", "payload_digest", OTHER_DIGEST),
    ("captured_at", "captured_at", OTHER_FACTS),
    ("http_status", "http_status", OTHER_FACTS),
)
CHECKED = "URL, declared digest, time and status of the record"
# Common Crawl's digests are over other bytes in some years: said, and nothing is refused for it.
CONTRADICTED = "; but its payload has another digest than it declares"


@dataclass(frozen=True, slots=True)
class Captured:
    """A row of `captures`; `base` is what its `warc_filename` is relative to."""

    row: Row
    base: str

    @property
    def uri(self) -> str:
        """Where its shard was.

        Raises:
            InputError: the row names none, or one outside of the base.
        """
        name = self.row["warc_filename"]
        if not name or self.row["record_offset"] is None or self.row["record_length"] is None:
            raise InputError("the index named no WARC file for this capture", where=self.row["row_sha256"])
        if ".." in name.split("/"):
            raise InputError("the row names a file outside of its release", where=self.row["row_sha256"])
        return join(canonical(self.base), name)

    def pointer(self, uri: str) -> Pointer:
        """The pointer of the record, whose shard is now at canonical `uri`."""
        return Pointer(uri, self.row["record_offset"], self.row["record_length"])

    def record(self, pointer: Pointer, options: ReadOptions) -> Outcome:
        """The record at its pointer, if it is the one that the row speaks of."""
        if failure := edited(self.row):
            return failure
        outcome = raw_record(pointer, options)
        if isinstance(outcome, Failure):
            # ARC has other records.
            ((_, found),) = records_at([pointer], options)
            outcome = found if isinstance(found, Record) else outcome
        return outcome if isinstance(outcome, Failure) else self._difference(outcome) or outcome

    def checked(self, record: Record) -> str:
        """By what the record is known to be the right one."""
        declared, computed = (
            _alike(record.facts.get(name)) for name in ("payload_digest", "payload_digest_computed")
        )
        contradicts = None not in (declared, computed) and declared != computed
        what = CHECKED + (CONTRADICTED if contradicts else "")
        return f"row {self.row['row_sha256']}: its digest; {what}"

    def _difference(self, record: Record) -> Failure | None:
        for column, fact, reason in COMPARED:
            said, found = _alike(self.row[column]), _alike(record.facts.get(fact))
            # Headers have no digest, ARC declares none, and a revisit has not what it declares one of.
            is_known = found is not None or fact in ("document_url", "captured_at")
            if said is not None and is_known and said != found:
                return Failure(reason, f"`{column}` is another")
        return None


def _alike(value: Any) -> Any:
    """A value as an index and a record write it alike: times to the second, digests without algorithm."""
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return value.removeprefix("sha1:") if isinstance(value, str) else value
