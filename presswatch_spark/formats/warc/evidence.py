"""What else than its length tells where a record ends: the digest that it declares, and HTTP's own length.

Asked of the few records that are in doubt, and of those that a row speaks of.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections.abc import Mapping

from presswatch_spark.formats.http.message import BytesLike, parse_message

_DIGEST = re.compile(r"(?i)(md5|sha-?(?:1|256|512)):([0-9a-f]+|[a-z2-7]+=*)")
_LENGTH = re.compile(r"[0-9]{1,17}")


def block_is_declared(fields: Mapping[str, str], block: BytesLike) -> bool | None:
    """Whether a block has the digest that its WARC header declares; None if the header declares none.

    Read are MD5, SHA-1, SHA-256 and SHA-512, in base 16 or 32. `fields`: see `header_fields`.
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


def body_is_declared(block: BytesLike) -> bool | None:
    """Whether an HTTP body is as long as its head says; None if there is none, or its head says nothing."""
    message = parse_message(block)
    length = message.last("content-length") if message else None
    if message is None or not _LENGTH.fullmatch(length or ""):
        return None
    return len(block) - message.body_at == int(length or "")
