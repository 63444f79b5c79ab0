"""The memory of a worker is bounded, whatever a record holds: what is longer than allowed is named, not held.

Every shard is scanned in a process of its own, whose memory is watched, with that of the parsers below it.
"""

import gzip
import json
import multiprocessing
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from isal import igzip

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import CannedResponse, write_warc
from presswatch_spark.core.settings.config import ReadRules
from tests.world.proofs import each_time
from tests.world.scanned import FORMS, press, scan_one
from tests.world.warc import record

pytestmark = pytest.mark.slow

LIMIT = ReadRules().max_document_bytes
HUGE, PIECE = 512 << 20, 1 << 20
# With the kernels compiled in it a worker has 300 to 600 MB before it reads anything.
LITTLE, MUCH = 1_200_000_000, 2_300_000_000
COPY = press()[3].body


def scanned(corpus: Path, shard: Path, dataset: str) -> dict[str, Any]:
    """Scan a shard in a process of its own: its log, and the most memory that it and a parser have had."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_scanned, corpus, shard, dataset).result()


def _scanned(corpus: Path, shard: Path, dataset: str) -> dict[str, Any]:
    log = scan_one(shard, corpus, dataset).log
    parsers = (
        path for task in Path("/proc/self/task").iterdir() for path in (task / "children").read_text().split()
    )
    states = [Path(f"/proc/{process}/status").read_text() for process in ("self", *parsers)]
    return {**log, "resident": sum(1024 * int(re.findall(r"VmHWM:\s*(\d+)", state)[0]) for state in states)}


def letters(size: int) -> Iterator[bytes]:
    """So many bytes of words of one letter, in pieces."""
    return iter([b"a " * (PIECE // 2)] * (size // PIECE))


def gzipped(path: Path, pieces: Iterable[bytes]) -> None:
    with igzip.open(path, "wb", compresslevel=0) as file:
        for piece in pieces:
            file.write(piece)


def row(text: str) -> bytes:
    return json.dumps({"url": "https://exemple.fr/", "text": text}).encode() + b"\n"


def endless_line(path: Path) -> None:
    gzipped(path, [b'{"url": "u", "text": "', *letters(HUGE), b'"}\n', row(COPY)])


def zstd_bomb(path: Path, size: int = HUGE) -> None:
    compressor = zstandard.ZstdCompressor().compressobj()
    with path.open("wb") as file:
        for piece in (b'{"url": "u", "text": "', *letters(size), b'"}\n', row(COPY)):
            file.write(compressor.compress(piece))
        file.write(compressor.flush())


def wet_bomb(path: Path) -> None:
    head, closing = record(b"", length=HUGE)[:-4], b"\r\n\r\n"
    gzipped(path, [head, *letters(HUGE), closing])
    path.write_bytes(path.read_bytes() + gzip.compress(record(COPY.encode())))


def response_bomb(path: Path) -> None:
    body = igzip.compress(b"<p>" + COPY.encode() + b"<p>" + b"a " * (HUGE // 2), compresslevel=0)
    headers = [("Content-Type", "text/html; charset=UTF-8"), ("Content-Encoding", "gzip")]
    write_warc(path, [CannedResponse("https://exemple.fr/", headers, body, "fra")])


def parquet_bomb(path: Path) -> None:
    """A value of 8 MiB, stored once, 150 times in a row, a gibibyte and more; then one row."""
    kind = pa.dictionary(pa.int32(), pa.string())
    schema, mebibytes_8 = pa.schema([("url", pa.string()), ("text", kind)]), "a " * (4 << 20)
    with pq.ParquetWriter(
        path, schema, compression="zstd", store_schema=False, dictionary_pagesize_limit=1 << 30
    ) as writer:
        for url, text, rows in (("u", mebibytes_8, 150), ("https://exemple.fr/", COPY, 1)):
            texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
            writer.write_table(pa.table({"url": [url] * rows, "text": texts}, schema))
    assert path.stat().st_size < 1 << 20


def longest_document(path: Path) -> None:
    """Write a document of the longest size allowed, with a copy in its middle."""
    half = "a " * ((LIMIT // 2 - PIECE) // 2)
    FORMS[path.name](path, [Page("https://exemple.fr/", f"{half}\n{COPY}\n{half}")])


TOO_LONG = "line longer than 16,777,216 bytes"
# Format, name, writer, what is named, and the memory that it may take.
SHARDS: dict[str, tuple[str, str, Callable[[Path], object], str, int]] = {
    "a WET record": ("wet", "bomb.warc.wet.gz", wet_bomb, "longer than allowed", LITTLE),
    "a line without end": ("rows", "bomb.jsonl.gz", endless_line, TOO_LONG, LITTLE),
    "a zstd frame": ("rows", "bomb.jsonl.zst", zstd_bomb, TOO_LONG, LITTLE),
    "a zstd frame of 2 GiB": ("rows", "bomb.jsonl.zst", partial(zstd_bomb, size=4 * HUGE), TOO_LONG, LITTLE),
    # What it inflates to is a document, up to the limit, and is verified.
    "a response": ("warc", "a.warc.gz", response_bomb, "body inflates to more than 16,777,216 bytes", MUCH),
    "a text that rows share": ("rows", "bomb.parquet", parquet_bomb, "", LITTLE),
    **{
        f"the longest document allowed in {name}": ("auto", name, longest_document, "", MUCH)
        for name in ("a.warc.wet.gz", "pages.warc.gz", "c4-plain.json", "fineweb.parquet")
    },
}


@pytest.mark.parametrize("what", each_time(["a WET record"], SHARDS))
def test_a_bomb_is_named_what_follows_is_read_and_a_worker_stays_within_two_gigabytes(
    tmp_path: Path, corpus: Path, what: str
) -> None:
    dataset, name, write, told, most = SHARDS[what]
    write(tmp_path / name)
    found = scanned(corpus, tmp_path / name, dataset)
    assert (found["status"], found["matches"]) == ("partial" if told else "complete", 1), found
    assert told in (found["error"] or "")
    assert found["resident"] < most


@pytest.mark.full
def test_what_is_measured_is_the_memory_of_the_scan(tmp_path: Path, corpus: Path) -> None:
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    small.write_bytes(row(COPY))
    large.write_bytes(row("a b c " * (1 << 20) + COPY))
    first, second = (scanned(corpus, path, "rows")["resident"] for path in (small, large))
    assert second > first + 100_000_000
