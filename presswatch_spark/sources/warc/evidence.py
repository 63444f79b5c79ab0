"""What else than its length tells where a record ends: the digest that it declares, and HTTP's own length.

Asked of the few records that are in doubt, and of those that a row speaks of.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32decode
from collections.abc import Mapping

from presswatch_spark.sources.http.message import BytesLike, parse_message

_SHA1 = re.compile(r"(?i)sha-?1:([0-9a-f]{40}|[a-z2-7]{32})")
_LENGTH = re.compile(r"[0-9]{1,17}")


def block_is_declared(fields: Mapping[str, str], block: BytesLike) -> bool | None:
    """Whether a block has the SHA-1 that its WARC header declares; None if the header declares none.

    `fields`: see `header_fields`.
    """
    declared = _SHA1.fullmatch(fields.get("warc-block-digest", ""))
    if not declared:
        return None
    digits = declared[1]
    digest = bytes.fromhex(digits) if len(digits) == 40 else b32decode(digits.upper())
    return hashlib.sha1(block, usedforsecurity=False).digest() == digest


def body_is_declared(block: BytesLike) -> bool | None:
    """Whether an HTTP body is as long as its head says; None if there is none, or its head says nothing."""
    message = parse_message(block)
    length = message.last("content-length") if message else None
    if message is None or not _LENGTH.fullmatch(length or ""):
        return None
    return len(block) - message.body_at == int(length or "")
