"""Helpers of the tests that read ARC: files made by hand, in every packing."""

from tests.world.warc import packed_as

VERSION = (
    b"filedesc://essai.arc 0.0.0.0 20100129000000 text/plain 66\n1 0 Essai\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


def arc_record(
    block: bytes,
    url: str = "http://exemple.fr/",
    *,
    length: int | str | None = None,
    fields: str = "192.0.2.7 20100130112233 text/html",
    ending: bytes = b"\n",
) -> bytes:
    """A record, whose length may lie."""
    declared = len(block) if length is None else length
    return f"{url} {fields} {declared}\n".encode() + block + ending


def packed_arc(packing: str, records: list[bytes]) -> bytes:
    """Records, with a version block before them."""
    return packed_as(packing, [VERSION, *records])
