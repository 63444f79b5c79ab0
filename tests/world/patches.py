"""Patches of removal cases, the script that applies them, and files with many targets in six forms."""

import base64
import gzip
import hashlib
import json
import random
import runpy
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import fastwarc.warc as fastwarc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import warcio
import zstandard

from presswatch_spark.legal.removal.case import sealed
from presswatch_spark.tables.declarations import Target
from tests.world.arc import HEAD, VERSION, arc_record
from tests.world.commands import heard
from tests.world.release import Release, target_row
from tests.world.shards import read
from tests.world.warc import page, warc_record

WORDS = (
    "le vent", "se lève", "et la mer", "monte vers", "les maisons", "du port", "avant", "que la nuit",
    "ne tombe",
)  # fmt: skip
FORMS = {
    "wet": "{}.warc.wet.gz",
    "warc": "{}.warc.gz",
    "arc": "{}.arc.gz",
    "c4": "c4-train.{}.json.gz",
    "oscar": "fr_part_{}.jsonl.zst",
    "parquet": "{}.parquet",
}


def run_script(
    patch: Path, *arguments: object, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run the script of a patch as an operator does: alone."""
    command = [python, "-I", str(patch / "apply.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run_here(patch: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the script of a patch in this process, which is twenty times as fast."""
    words = [str(patch / "apply.py"), *map(str, arguments)]

    def script() -> int:
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(words[0], run_name="__main__")
        assert isinstance(ended.value.code, int)
        return ended.value.code

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(sys, "argv", words)
        done = heard(script)
    return subprocess.CompletedProcess(words, done.code, done.out, done.err)


def copies(crawl: Release, folder: Path) -> list[Path]:
    folder.mkdir()
    return [Path(shutil.copy(path, folder)) for path in sorted(crawl.shards.iterdir())]


def blobs(patch: Path) -> bytes:
    """All bytes that a patch inserts, inflated as far as they are compressed."""
    found = b""
    for path in sorted((patch / "blobs").iterdir()):
        data = gzip.decompress(path.read_bytes())
        found += data
        with_members = data
        while with_members[:2] == b"\x1f\x8b":
            inflater = zlib.decompressobj(31)
            found += inflater.decompress(with_members)
            with_members = inflater.unused_data
        if data[:4] == b"\x28\xb5\x2f\xfd":
            found += zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return found


def executed(parts: list[Mapping[str, Any]], old: bytes, blob: bytes) -> bytes:
    """The object that a plan of multipart copies makes."""
    new = b""
    for number, part in enumerate(parts, 1):
        assert part["number"] == number
        if "copy" in part:
            new += old[part["copy"][0] : part["copy"][1] + 1]
            continue
        body = b"".join(
            old[piece["object"][0] : piece["object"][1] + 1]
            if "object" in piece
            else blob[piece["blob"][0] : sum(piece["blob"])]
            for piece in part["upload"]
        )
        assert len(body) == part["bytes"]
        new += body
    return new


def listed(form: str, path: Path) -> dict[str, dict[object, str]]:
    """The records of a file by their offset, or its rows by URL, by each reader that is not ours: digests."""

    def digest_of(*parts: bytes) -> str:
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    found = dict[str, dict[object, str]]()
    if form not in ("wet", "warc", "arc"):
        if form == "parquet":
            relation = duckdb.connect().execute("select * from read_parquet(?)", [str(path)])
            names = [column[0] for column in relation.description]
            rows = [dict(zip(names, row, strict=True)) for row in relation.fetchall()]
        else:
            opened = zstandard.open if form == "oscar" else gzip.open
            with opened(path, "rt", encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
        urls = [row.get("url") or row["warc_headers"]["warc-target-uri"] for row in rows]
        digests = (digest_of(json.dumps(row, sort_keys=True).encode()) for row in rows)
        found["rows"] = dict(zip(urls, digests, strict=True))
        assert len(found["rows"]) == len(rows)
        return found
    with path.open("rb") as file:
        records = warcio.ArchiveIterator(file, no_record_parse=True)
        found["warcio"] = {
            records.get_record_offset(): digest_of(str(each.rec_headers).encode(), each.raw_stream.read())
            for each in records
        }
    if form != "arc":
        with path.open("rb") as file:
            found["fastwarc"] = {
                each.stream_pos: digest_of(repr(list(each.headers.items())).encode(), each.reader.read())
                for each in fastwarc.ArchiveIterator(file, parse_http=False)
            }
    return found


def write_shard(form: str, path: Path, count: int, seed: int, noise: int = 0) -> None:
    """Write a file of this form with `count` documents, each with `noise` random bytes."""
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(WORDS, k=draw.randrange(40, 400))) + f" {seed} {n}" for n in range(count)]
    texts = (
        [f"{text} {base64.b64encode(draw.randbytes(noise)).decode()}" for text in texts] if noise else texts
    )
    urls = [f"http://exemple.fr/{seed}/{n}" for n in range(count)]
    pairs = list(zip(urls, texts, strict=True))
    if form in ("wet", "warc", "arc"):
        records = []
        for n, (url, text) in enumerate(pairs):
            about = f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-{seed:04}-{n:012}>"
            html = f"<html><body><p>{text}</p></body></html>".encode()
            if form == "wet":
                records.append(warc_record(text.encode(), url, about, kind="conversion"))
            elif form == "warc":
                records.append(page(html, url=url).replace(b"WARC-Date", about.encode() + b"\r\nWARC-Date"))
                records.append(warc_record(b'languages-cld2: {"languages": []}', url, kind="metadata"))
            else:
                records.append(arc_record(HEAD + html, url))
        records = [VERSION, *records] if form == "arc" else records
        path.write_bytes(b"".join(gzip.compress(each, 6, mtime=0) for each in records))
        return
    rows: list[dict[str, Any]] = [
        {"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url} for url, text in pairs
    ]
    if form == "oscar":
        heads = ({"warc-target-uri": url, "warc-date": "2022-11-26T00:00:00Z"} for url in urls)
        rows = [
            {"content": text, "warc_headers": head, "metadata": {"quality_warnings": None}}
            for head, text in zip(heads, texts, strict=True)
        ]
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=200, compression="zstd")
        return
    # Several members, or frames, of which rows may begin in one and end in the next.
    data = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    step = 100_000
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    packer = zstandard.ZstdCompressor(write_checksum=True)
    pack = packer.compress if form == "oscar" else lambda each: gzip.compress(each, mtime=0)
    path.write_bytes(b"".join(map(pack, pieces)))


def targets_of(path: Path, form: str, numbers: set[int]) -> Iterator[Target]:
    """The documents with these numbers in a file, as targets."""
    dataset = {"parquet": "c4"}.get(form, form)
    for number, document in enumerate(read(path, dataset)[0]):
        if number in numbers:
            at = document.locator
            yield sealed(
                target_row(
                    row_sha256=hashlib.sha256(document.url.encode()).hexdigest(), place="record",
                    publisher_id="p", title_id="t", run_id="r", dataset=dataset, shard_uri=str(path),
                    document_url=document.url, record_id=at.record_id, record_offset=at.record_offset,
                    record_length=at.record_length, record_encoding=at.record_encoding,
                    row_index=at.row_index, text_sha256=hashlib.sha256(document.text).hexdigest(),
                )
            )  # fmt: skip
