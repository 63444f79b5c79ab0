"""Single WARC headers and warcinfo bodies in plain Python, for the few records looked at one by one.

Also what else than its length tells where a record ends: the digest that it declares, and HTTP's own length.
"""

import hashlib
import re
from base64 import b32decode, b32encode
from collections.abc import Iterable, Iterator, Mapping

from presswatch_spark.formats.http.message import BytesLike, parse_message
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc import records
from presswatch_spark.model import Offsets

_FOLD = re.compile(rb"(?<!\r)\r*\n[ \t]+")
HEADER_END = re.compile(rb"\n\r*\n")
# Fields that a header has once; digests once by each algorithm. `WARC-Concurrent-To` may come again.
_ONCE = frozenset(
    (
        "warc-type", "content-length", "warc-target-uri", "warc-record-id", "warc-date", "content-type",
        "warc-identified-content-language",
    )
)  # fmt: skip
_DIGESTS = frozenset(("warc-block-digest", "warc-payload-digest"))

_DIGEST = re.compile(r"(?i)(md5|sha-?(?:1|256|512)):([0-9a-f]+|[a-z2-7]+=*)")
_LENGTH = re.compile(r"[0-9]{1,17}")


def begins_with_record(head: bytes) -> bool:
    """Return True if a WARC record begins here."""
    return head.lstrip(b"\r\n").startswith(b"WARC/")


def header_fields(header: bytes) -> dict[str, str]:
    """Return the fields of a WARC header by their names in lower case; folded lines are joined.

    Lines may end with LF and any number of CRs before it. Fields in `contradictions` are left out.
    """
    lines = list(_lines(header))
    fields = dict(lines)
    if len(fields) < len(lines):
        for name in _contradicted(lines):
            fields.pop(name, None)
    return fields


def contradictions(header: bytes) -> frozenset[str]:
    """Return the names of fields that a header has once, and this one has with different values."""
    return _contradicted(_lines(header))


def _contradicted(lines: Iterable[tuple[str, str]]) -> frozenset[str]:
    seen: dict[tuple[str, str], str] = {}
    found = set[str]()
    for name, value in lines:
        algorithm = value.partition(":")[0].lower() if name in _DIGESTS else ""
        if (name in _ONCE or name in _DIGESTS) and seen.setdefault((name, algorithm), value) != value:
            found.add(name)
    return frozenset(found)


def _lines(header: bytes) -> Iterator[tuple[str, str]]:
    if b"\n " in header or b"\n\t" in header:
        header = _FOLD.sub(b" ", header)
    # CRs before a line end go with the white space around names and values.
    for line in header.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if not line.strip():
            break
        if colon:
            yield name.strip().decode("latin-1").lower(), value.strip().decode("utf-8", "replace")


def release_of(warcinfo: bytes) -> str | None:
    """Return the release (`CC-MAIN-…`) that the body of a warcinfo record names as `isPartOf`."""
    return header_fields(b"\n" + warcinfo).get("ispartof") or None


def first_content_type(head: bytes) -> str | None:
    """Return `WARC-Type` of the first record after the warcinfo; `warcinfo` if it is alone, None if none."""
    seen = None
    while (head := head.lstrip(b"\r\n")).startswith(b"WARC/"):
        end = HEADER_END.search(head)
        fields = header_fields(head[: end.start()] if end else head)
        seen = fields.get("warc-type", "").lower() or seen
        length = fields.get("content-length", "")
        if seen != "warcinfo" or not end or not _LENGTH.fullmatch(length):
            break
        head = head[end.end() + int(length) :]
    return seen


def complaint(row: Offsets) -> str:
    """Return the finding about a record: its loss, or its damage."""
    declares = f"declares {row[warc.DECLARED]:,} bytes"
    if row[warc.DECLARED] < 0:
        declares = "has no readable Content-Length"
    found = f"{max(row[warc.BODY_END], row[warc.THERE]) - row[warc.BODY]:,}"
    read = "what it declares" if row[warc.BODY_END] < row[warc.THERE] else "what is there"
    wrong = {
        records.WRONG_LENGTH: f"record {declares} and has {found}; {read} was read",
        records.CUT: f"record is cut: it {declares} and has {found}; it was not read",
        records.NOT_A_RECORD: "bytes that are no WARC record; reading resumed at the next one",
        records.NO_HEADER: "record has no readable header; reading resumed at the next one",
        records.TOO_LONG: f"record is longer than allowed, not read; it {declares}",
        records.UNCLOSED: "the file ends within the line ends that close the last record: it may be cut",
    }.get(int(row[warc.STATUS]))
    damaged = {
        warc.HEADER: "record has a damaged header; what is there was read without its URL",
        warc.VERSION: "record has a damaged version line; it was read",
        warc.LENGTH: "record holds whole records; what stands before them was read",
    }
    return wrong or damaged[int(row[warc.DAMAGE])]


def block_is_declared(fields: Mapping[str, str], block: BytesLike) -> bool | None:
    """Return True if a block has the digest that its WARC header declares; None if the header declares none.

    MD5, SHA-1, SHA-256 and SHA-512 are read, in base 16 or 32. `fields`: see `header_fields`.
    """
    declared = _DIGEST.fullmatch(fields.get("warc-block-digest", ""))
    if not declared:
        return None
    digest = hashlib.new(declared[1].lower().replace("-", ""), block, usedforsecurity=False).digest()
    written = declared[2].lower().rstrip("=")
    if len(written) == 2 * len(digest):
        return digest.hex() == written
    in_base_32 = b32encode(digest).decode().lower().rstrip("=")
    return in_base_32 == written if len(written) == len(in_base_32) else None


def is_other_digest(one: str, other: str) -> bool:
    """Return True if two digests cannot be of the same bytes. One without the name of its algorithm is SHA-1.

    Digests by two algorithms contradict each other in nothing, and base 16 and 32 may say the same.
    """
    (first, said), (second, told) = map(_digest_bytes, (one, other))
    return first == second and said != told


def _digest_bytes(digest: str) -> tuple[str, bytes]:
    """Return the algorithm of a digest, and its bytes; the bytes of its text if it cannot be decoded."""
    found = _DIGEST.fullmatch(digest if ":" in digest else f"sha1:{digest}")
    if not found:
        return digest.partition(":")[0].lower() if ":" in digest else "sha1", digest.encode()
    name, written = found[1].lower().replace("-", ""), found[2].rstrip("=")
    try:
        if len(written) == 2 * hashlib.new(name, usedforsecurity=False).digest_size:
            return name, bytes.fromhex(written)
        return name, b32decode(written.upper() + "=" * (-len(written) % 8))
    except ValueError:
        return name, written.encode()


def body_is_declared(block: BytesLike) -> bool | None:
    """Return True if an HTTP body is as long as its head declares; None without a body or a length."""
    message = parse_message(block)
    length = message.last("content-length") if message else None
    if message is None or not _LENGTH.fullmatch(length or ""):
        return None
    return len(block) - message.body_at == int(length or "")
