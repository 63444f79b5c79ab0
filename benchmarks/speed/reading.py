"""Ways to read a shard: ours, and the fastest that others offer. Each returns the bytes of text it saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType
from isal import igzip
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport, TextColumn
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.source import Format, ReadOptions
from presswatch_spark.storage.objects import StorageOptions, stat

CHUNK_BYTES = 1 << 20
BATCH_BYTES = 4 << 20


def ours(format: Format, path: Path, sieve: Sieve | None = None, languages: tuple[str, ...] = ()) -> int:
    """The product's reader of a format, with the language gate and the sieve if given."""
    report = ReadReport()
    shard = stat(str(path), StorageOptions())
    for batch in format.read(shard, ReadOptions(languages=frozenset(languages)), report):
        if sieve:
            sieve.candidates(batch)
    assert not report.defects
    return report.text_bytes


def inflate(path: Path) -> int:
    """ISA-L alone, member after member into one buffer; returns inflated bytes."""
    buffer, total = bytearray(CHUNK_BYTES), 0
    with igzip.open(path, "rb") as file:
        while count := file.readinto(buffer):
            total += count
    return total


def fastwarc(path: Path) -> int:
    """FastWARC iterating, bodies untouched."""
    with path.open("rb") as file:
        return sum(record.content_length for record in ArchiveIterator(file, parse_http=False))


def warcio(path: Path) -> int:
    """warcio iterating, bodies untouched."""
    with path.open("rb") as file:
        return sum(int(record.rec_headers.get_header("Content-Length")) for record in WarcioIterator(file))


def fastwarc_pages(path: Path) -> int:
    """FastWARC iterating responses, HTTP parsed, every body read."""
    return sum(len(body) for body, _ in _fastwarc_bodies(path))


def fastwarc_text(path: Path, sieve: Sieve) -> int:
    """The same, resiliparse's text of every body as its manual has it, and the sieve over batches of it."""
    return _sieved((_text(body, charset) for body, charset in _fastwarc_bodies(path)), sieve)


def warcio_pages(path: Path) -> int:
    """warcio iterating, every response's body read."""
    return sum(len(body) for body, _ in _warcio_bodies(path))


def warcio_text(path: Path, sieve: Sieve) -> int:
    """As jobs of cc-pyspark do: warcio, `content_stream` of every response; then as in `fastwarc_text`."""
    return _sieved((_text(body, charset) for body, charset in _warcio_bodies(path)), sieve)


def _fastwarc_bodies(path: Path) -> Iterator[tuple[bytes, str | None]]:
    with path.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            yield record.reader.read(), record.http_charset


def _warcio_bodies(path: Path) -> Iterator[tuple[bytes, str | None]]:
    with path.open("rb") as file:
        for record in WarcioIterator(file):
            if record.rec_type == "response":
                yield record.content_stream().read(), None


def _text(body: bytes, charset: str | None) -> bytes:
    text: str = extract_plain_text(bytes_to_str(body, charset or detect_encoding(body)))
    return text.encode()


def _sieved(texts: Iterable[bytes], sieve: Sieve) -> int:
    total = 0
    batch, size = list[bytes](), 0
    for text in chain(texts, [None]):
        if text is not None:
            batch.append(text)
            size += len(text)
        if size >= BATCH_BYTES or text is None:
            ends = np.cumsum([len(one) for one in batch])
            data = np.frombuffer(b"".join(batch), np.uint8)
            sieve.candidates(_batch(data, ends - [len(one) for one in batch], ends))
            total, batch, size = total + size, [], 0
    return total


def pyarrow_text(path: Path, sieve: Sieve | None = None) -> int:
    """pyarrow reading the text column alone, on one thread, and then the sieve over it."""
    column = pq.read_table(path, columns=["text"], use_threads=False)["text"]
    size = 0
    for chunk in column.chunks:
        _, bounds, content = chunk.buffers()
        width = np.int64 if str(chunk.type).startswith("large") else np.int32
        offsets = np.frombuffer(bounds, width)[chunk.offset : chunk.offset + len(chunk) + 1].astype(np.int64)
        size += int(offsets[-1] - offsets[0])
        if sieve:
            sieve.candidates(_batch(np.frombuffer(content, np.uint8), offsets[:-1], offsets[1:]))
    return size


def orjson_text(path: Path, sieve: Sieve | None = None) -> int:
    """ISA-L, a loop over lines, orjson, and the sieve over batches of the texts."""
    size = 0
    for texts in _json_batches(path):
        data = b"".join(texts)
        size += len(data)
        if sieve:
            ends = np.cumsum([len(text) for text in texts])
            sieve.candidates(
                _batch(np.frombuffer(data, np.uint8), ends - [len(text) for text in texts], ends)
            )
    return size


def _json_batches(path: Path) -> Iterator[list[bytes]]:
    texts, size = list[bytes](), 0
    with igzip.open(path, "rb") as file:
        for line in file:
            texts.append(orjson.loads(line)["text"].encode())
            size += len(texts[-1])
            if size >= BATCH_BYTES:
                yield texts
                texts, size = [], 0
    yield texts


def _batch(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> DocumentBatch:
    return DocumentBatch(TextColumn(data, starts, ends), TextColumn.empty(len(starts)), lambda i: Locator())
