"""Seals: a file carries the SHA-256 of its own bytes, so that one flipped bit is noticed when it is read.

A JSON object ends with `"sha256"`, the digest of what it is without that. A Parquet file has it in the
metadata of its footer, and is digested with zeros in its place.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.storage.arrow_files import ARROW_ERRORS
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream

KEY, DIGITS = "presswatch.sha256", 64
READ_BYTES = 1 << 20
_JSON_HEAD, _JSON_TAIL = b', "sha256": "', b'"}'
# How Thrift writes a text of 64 bytes after the key.
_PLACE = KEY.encode() + b"\x18\x40"
_ZEROS = b"0" * DIGITS


def sealed_json(facts: Mapping[str, Any]) -> bytes:
    """Return facts, at least one, as a JSON object with its seal."""
    data = json.dumps(facts).encode()
    return data[:-1] + _JSON_HEAD + hashlib.sha256(data).hexdigest().encode() + _JSON_TAIL


def unsealed_json(data: bytes) -> Mapping[str, Any]:
    """Return the facts that `sealed_json` was given; `ValueError` if any bit is not as it wrote it."""
    begin = len(data) - len(_JSON_HEAD) - DIGITS - len(_JSON_TAIL)
    facts = data[: max(0, begin)] + b"}"
    seal = _JSON_HEAD + hashlib.sha256(facts).hexdigest().encode() + _JSON_TAIL
    if begin < 0 or data[begin:] != seal:
        raise ValueError("the seal does not fit")
    found: Mapping[str, Any] = parse_json(facts)
    return found


def sealed_parquet(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> bytes:
    """Return rows, with the metadata of `schema`, as a sealed Parquet file."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        if batches:
            writer.write_table(pa.Table.from_batches(batches).replace_schema_metadata(schema.metadata))
        writer.add_key_value_metadata({KEY: _ZEROS.decode()})
    data = bytearray(sink.getvalue())
    place = _place_in(data)
    if place is None:
        raise ValueError("the file has no place for its seal")
    data[place : place + DIGITS] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def opened_sealed(data: bytes, *, since: str | None = None) -> pq.ParquetFile:
    """Open a sealed Parquet file, to be read without threads.

    Args:
        since: a column that files have since they have seals; those without it need none.

    Raises:
        ValueError: any bit is not as `sealed_parquet` wrote it.
        ArrowException: it is no Parquet file.
    """
    place = _place_in(data)
    if place is not None:
        view = memoryview(data)
        digest = hashlib.sha256(view[:place])
        digest.update(_ZEROS)
        digest.update(view[place + DIGITS :])
        if data[place : place + DIGITS] != digest.hexdigest().encode():
            raise ValueError("the seal does not fit")
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    if place is None and (since is None or since in file.schema_arrow.names):
        raise ValueError("there is no seal")
    return file


def object_sha256(uri: str, storage: StorageOptions) -> str:
    """Return the SHA-256 (hex) of an object, read in order."""
    digest = hashlib.sha256()
    with open_stream(ObjectInfo(uri), storage) as stream:
        while data := stream.read(READ_BYTES):
            digest.update(data)
    return digest.hexdigest()


def whole_object(uri: str, storage: StorageOptions) -> bytes:
    """Read all bytes of an object, for what is small."""
    with open_stream(ObjectInfo(uri), storage) as stream:
        return stream.read_to_end()


UNREADABLE = (ValueError, LookupError, TypeError, RecursionError, *ARROW_ERRORS)
"""What reading a damaged file raises."""


def _place_in(data: bytes | bytearray) -> int | None:
    """Find the digest of a sealed Parquet file: the last such text, as what rows say comes before."""
    found = data.rfind(_PLACE)
    place = found + len(_PLACE)
    return place if found >= 0 and place + DIGITS <= len(data) else None
