"""Compressed shards cut anywhere: never complete, and nothing lost that was whole before the cut."""

from __future__ import annotations

import contextlib
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.model import ReadReport
from tests.world.shards import Document, documents, pages, texts, write_oscar_2201, write_rows_parquet

PAGES = 120


def one_member(path: Path, some: Any) -> None:
    shards.write_wet(path, some, one_member=True)


FORMATS: dict[str, Callable[[Path, Any], object]] = {
    "a.warc.wet.gz": shards.write_wet,
    "single.warc.wet.gz": one_member,
    "c4-train.json.gz": shards.write_c4_json,
    "fr_part_1.txt.gz": shards.write_oscar_2109,
    "fr_meta_part_1.jsonl.gz": write_oscar_2201,
    "fr_meta_part_1.jsonl.zst": shards.write_oscar_2301,
    "c4.parquet": shards.write_c4_parquet,
    "fineweb.parquet": write_rows_parquet,
}


def inflated_prefix(data: bytes) -> bytes:
    """All that a cut gzip chain or zstd frame inflates to, by the libraries' own tools."""
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().stream_reader(data).read()
    content = b""
    while data:
        inflater = zlib.decompressobj(31)
        content += inflater.decompress(data)
        data = inflater.unused_data
    return content


def whole_before(name: str, data: bytes) -> int:
    """How many documents lie whole before the end of a cut file."""
    if name.endswith(".parquet"):
        return 0
    content = inflated_prefix(data)
    if name == "a.warc.wet.gz":
        whole = 0
        while data:
            inflater = zlib.decompressobj(31)
            inflater.decompress(data)
            whole += inflater.eof
            data = inflater.unused_data
        return max(0, whole - 1)
    if name == "single.warc.wet.gz":
        return max(0, len(content.split(b"\r\n\r\nWARC/1.0")) - 2)
    return content.count(b"\n\n" if name.startswith("fr_part") else b"\n")


def check(path: Path, stored: bytes, cut: int) -> None:
    """Read a shard that ends at `cut`: it is refused or partial, and what was whole is there."""
    path.write_bytes(stored[:cut])
    whole, report, found = whole_before(path.name, stored[:cut]), ReadReport(), list[Document]()
    with contextlib.suppress(PresswatchError):
        found = documents(path, report)
        assert report.defects_total > 0 or is_boundary(path.name, stored, cut), cut
    assert whole <= len(found) <= whole + 1
    assert texts(found) == [page.text for page in pages(len(found))]


def is_boundary(name: str, stored: bytes, cut: int) -> bool:
    """Whether a member ends with the cut: then only the size that storage gives can tell."""
    rest = stored
    while name == "a.warc.wet.gz" and rest:
        inflater = zlib.decompressobj(31)
        inflater.decompress(rest)
        rest = inflater.unused_data
        if len(stored) - len(rest) == cut:
            return True
    return False


@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_is_noticed_and_costs_nothing_before_it(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, pages(PAGES))
    stored = (tmp_path / name).read_bytes()
    for cut in (1, 11, len(stored) // 3, len(stored) * 2 // 3, len(stored) - 8, len(stored) - 1):
        check(tmp_path / name, stored, cut)


@pytest.mark.full
@pytest.mark.parametrize("name", FORMATS)
def test_a_hundred_random_cuts_are_noticed_and_cost_nothing_before_them(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, pages(PAGES))
    stored = (tmp_path / name).read_bytes()
    for cut in random.Random(name).sample(range(1, len(stored)), 100):
        check(tmp_path / name, stored, cut)


@pytest.mark.parametrize("name", FORMATS)
def test_uncut_shards_are_complete(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, pages(PAGES))
    report = ReadReport()
    assert texts(documents(tmp_path / name, report)) == [page.text for page in pages(PAGES)]
    assert report.defects_total == 0
