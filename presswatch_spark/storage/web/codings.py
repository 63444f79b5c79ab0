"""Unpacks answers that a server or proxy packed for the way, though we ask for none (`Content-Encoding`)."""

import zlib

from presswatch_spark.storage.contract import RawResponse

_PLAIN, _GZIP, _GZIP_WINDOW = ("", "identity"), ("gzip", "x-gzip"), 31


def unpacked(body: bytes, coding: str, most: int) -> bytes | None:
    """Return a whole body as it was before its coding.

    Args:
        coding: the header `Content-Encoding`; the empty text if there is none.

    Returns:
        None if the coding is neither gzip nor none, the body is damaged, or has more than `most` bytes.
    """
    name = coding.strip().lower()
    if name in _PLAIN:
        return body
    if name not in _GZIP:
        return None
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = inflater.decompress(body, most)
    except zlib.error:
        return None
    return data if inflater.eof and not inflater.unused_data else None


def unpacked_body(answer: RawResponse, most: int) -> bytes:
    """Return the body of an answer as it was before its coding; as it came where it cannot be unpacked."""
    body = unpacked(answer.body, answer.header("Content-Encoding") or "", most)
    return answer.body if body is None else body
