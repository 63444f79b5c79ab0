"""Shards cut anywhere, or that hold nothing: never complete, and nothing lost that was whole before a cut."""

import contextlib
import gzip
import random
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zstandard

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading import known_formats
from tests.world.proofs import cases
from tests.world.shards import (
    Document,
    complaints,
    documents,
    pages,
    read,
    texts,
    write_oscar_2201,
    write_rows_parquet,
)

PAGES = 120
FORMATS: dict[str, Callable[[Path, Any], object]] = {
    "a.warc.wet.gz": shards.write_wet,
    "single.warc.wet.gz": partial(shards.write_wet, one_member=True),
    "c4-train.json.gz": shards.write_c4_json,
    "fr_part_1.txt.gz": shards.write_oscar_2109,
    "fr_meta_part_1.jsonl.gz": write_oscar_2201,
    "fr_meta_part_1.jsonl.zst": shards.write_oscar_2301,
    "c4.parquet": shards.write_c4_parquet,
    "fineweb.parquet": write_rows_parquet,
}


def member_ends(data: bytes) -> tuple[list[int], bytes]:
    """Where gzip members end, and all that they inflate to, the last one cut or not."""
    ends, content, rest = list[int](), b"", data
    while rest:
        inflater = zlib.decompressobj(31)
        content += inflater.decompress(rest)
        rest = inflater.unused_data
        ends += [len(data) - len(rest)] if inflater.eof else []
    return ends, content


def whole_before(name: str, data: bytes) -> int:
    """How many documents lie whole before the end of a cut file, by the libraries' own tools."""
    if name.endswith(".parquet"):
        return 0
    if name.endswith(".zst"):
        return zstandard.ZstdDecompressor().stream_reader(data).read().count(b"\n")
    ends, content = member_ends(data)
    if name == "a.warc.wet.gz":
        return max(0, len(ends) - 1)
    if name == "single.warc.wet.gz":
        return max(0, len(content.split(b"\r\n\r\nWARC/1.0")) - 2)
    return content.count(b"\n\n" if name.startswith("fr_part") else b"\n")


def is_boundary(name: str, stored: bytes, cut: int) -> bool:
    """Return True if a member ends with the cut: then only the size that storage gives can tell."""
    return name == "a.warc.wet.gz" and cut in member_ends(stored)[0]


@pytest.mark.parametrize("at_random", [False, pytest.param(True, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_is_noticed_and_costs_nothing_before_it(tmp_path: Path, name: str, at_random: bool) -> None:
    path = tmp_path / name
    FORMATS[name](path, pages(PAGES))
    stored = path.read_bytes()
    size = len(stored)
    cuts = [1, 11, size // 3, size * 2 // 3, size - 8, size - 1, size]
    for cut in random.Random(name).sample(range(1, size), 100) if at_random else cuts:
        path.write_bytes(stored[:cut])
        whole, report, found = whole_before(name, stored[:cut]), ReadReport(), list[Document]()
        with contextlib.suppress(PresswatchError):
            found = documents(path, report)
            is_whole = cut == size or is_boundary(name, stored, cut)
            assert (report.defects_total == 0) == is_whole, cut
        assert whole <= len(found) <= whole + 1 or cut == size
        assert texts(found) == [page.text for page in pages(len(found))]
        assert len(found) == PAGES or cut < size


# `zstd frame`: of a size that its header does not say, as streams are written.
HOLDING_NOTHING = {
    "plain": b"",
    "gzip": gzip.compress(b""),
    "gzip twice": gzip.compress(b"") * 2,
    "zstd": zstandard.ZstdCompressor().compress(b""),
    "zstd frame": zstandard.ZstdCompressor(write_content_size=False).compress(b""),
}
NAMES = {"wet": "a.warc.wet", "c4": "c4-train.json", "oscar": "fr_meta_part_1.jsonl", "rows": "a.jsonl"}


@cases("packing", HOLDING_NOTHING)
@cases("format", ["auto", *known_formats.names()])
def test_a_shard_that_holds_nothing_has_a_defect(tmp_path: Path, format: str, packing: str) -> None:
    for name in ("fr_part_1.txt", NAMES.get(format, "a.jsonl")):
        (tmp_path / name).write_bytes(HOLDING_NOTHING[packing])
        found, report = read(tmp_path / name, format)
        assert found == []
        assert "the shard is empty" in complaints(report)


@pytest.mark.parametrize("format", ["c4", "rows", "oscar"])
def test_an_empty_member_is_nothing_and_a_damaged_one_is_not_called_empty(
    tmp_path: Path, format: str
) -> None:
    path = tmp_path / NAMES[format]
    path.write_bytes(gzip.compress(b"")[:-4])
    said = complaints(read(path, format)[1])
    assert "cut" in said
    assert "empty" not in said
    rows = b'{"text": "un", "content": "un", "warc_headers": {}}\n'
    path.write_bytes(gzip.compress(b"") + gzip.compress(rows) + gzip.compress(b""))
    found, report = read(path, format)
    assert (len(found), report.defects_total) == (1, 0)
