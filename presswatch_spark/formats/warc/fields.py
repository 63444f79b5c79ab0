"""Single WARC headers and warcinfo bodies in plain Python, for the few records looked at one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc import records as records
from presswatch_spark.model import Offsets

_FOLD = re.compile(rb"(?<!\r)\r*\n[ \t]+")
_LINE_END = re.compile(rb"(?<!\r)\r*\n|\r\Z")
_HEADER_END = re.compile(rb"\n\r*\n")
_PLAUSIBLE_LENGTH = re.compile("[0-9]{1,17}")
# Fields that a header has once; digests once by each algorithm. `WARC-Concurrent-To` may come again.
_ONCE = frozenset(
    (
        "warc-type", "content-length", "warc-target-uri", "warc-record-id", "warc-date", "content-type",
        "warc-identified-content-language",
    )
)  # fmt: skip
_DIGESTS = frozenset(("warc-block-digest", "warc-payload-digest"))


def begins_with_record(head: bytes) -> bool:
    """Whether a WARC record begins here."""
    return head.lstrip(b"\r\n").startswith(b"WARC/")


def header_fields(header: bytes) -> dict[str, str]:
    """Fields of a WARC header (bytes up to the blank line), names in lower case; folded lines are joined.

    Lines may end with LF and any number of CRs before it. Of `contradictions` nothing is known.
    """
    fields = dict(_lines(header))
    for name in contradictions(header):
        fields.pop(name, None)
    return fields


def contradictions(header: bytes) -> frozenset[str]:
    """Names of the fields that a header has once, and this one has in several, of different values."""
    seen: dict[tuple[str, str], str] = {}
    found = set[str]()
    for name, value in _lines(header):
        algorithm = value.partition(":")[0].lower() if name in _DIGESTS else ""
        if (name in _ONCE or name in _DIGESTS) and seen.setdefault((name, algorithm), value) != value:
            found.add(name)
    return frozenset(found)


def _lines(header: bytes) -> Iterator[tuple[str, str]]:
    """Names in lower case and values of the fields of a header, in their order."""
    for line in _LINE_END.split(_FOLD.sub(b" ", header))[1:]:
        name, colon, value = line.partition(b":")
        if not line.strip():
            break
        if colon:
            yield name.strip().decode("latin-1").lower(), value.strip().decode("utf-8", "replace")


def release_of(warcinfo: bytes) -> str | None:
    """The release (`CC-MAIN-…`) that a warcinfo record names as `isPartOf`."""
    body = _HEADER_END.split(warcinfo, maxsplit=1)[-1]
    return header_fields(b"\n" + body).get("ispartof") or None


def first_content_type(head: bytes) -> str | None:
    """`WARC-Type` of the first record after the warcinfo; `warcinfo` if there is no other, None if none."""
    seen = None
    while (head := head.lstrip(b"\r\n")).startswith(b"WARC/"):
        end = _HEADER_END.search(head)
        fields = header_fields(head[: end.start()] if end else head)
        seen = fields.get("warc-type", "").lower() or seen
        length = fields.get("content-length", "")
        if seen != "warcinfo" or not end or not _PLAUSIBLE_LENGTH.fullmatch(length):
            break
        head = head[end.end() + int(length) :]
    return seen


def complaint(row: Offsets) -> str:
    """What was not read of a record, or what is wrong with it."""
    declares = f"declares {row[warc.DECLARED]:,} bytes"
    if row[warc.DECLARED] < 0:
        declares = "has no readable Content-Length"
    found = f"{max(row[warc.BODY_END], row[warc.THERE]) - row[warc.BODY]:,}"
    read = "what it declares" if row[warc.BODY_END] < row[warc.THERE] else "what is there"
    wrong = {
        records.WRONG_LENGTH: f"record {declares} and has {found}; {read} was read",
        records.CUT: f"record is cut: it {declares} and has {found}",
        records.NOT_A_RECORD: "bytes that are no WARC record; reading resumed at the next one",
        records.NO_HEADER: "record has no readable header; reading resumed at the next one",
        records.TOO_LONG: f"record is longer than allowed, not read; it {declares}",
        records.UNCLOSED: "the file ends within the line ends that close the last record: it may be cut",
    }.get(int(row[warc.STATUS]))
    return wrong or _OF_HEADERS[int(row[warc.DAMAGE])]


_OF_HEADERS: Mapping[int, str] = MappingProxyType(
    {
        warc.HEADER: "record has a damaged header; what is there was read without its URL",
        warc.VERSION: "record has a damaged version line; it was read",
        warc.LENGTH: "record holds whole records; what stands before them was read",
    }
)
