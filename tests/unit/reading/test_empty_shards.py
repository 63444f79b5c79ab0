"""A shard that holds nothing is never complete, whatever its format and packing."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from presswatch_spark.reading import registry
from tests.world.shards import complaints, read

# `zstd frame`: of a size that its header does not say, as streams are written.
HOLDING_NOTHING = {
    "plain": b"",
    "gzip": gzip.compress(b""),
    "gzip twice": gzip.compress(b"") * 2,
    "zstd": zstandard.ZstdCompressor().compress(b""),
    "zstd frame": zstandard.ZstdCompressor(write_content_size=False).compress(b""),
}
NAMES = {"wet": "a.warc.wet", "c4": "c4-train.json", "oscar": "fr_meta_part_1.jsonl", "rows": "a.jsonl"}


@pytest.mark.parametrize("packing", HOLDING_NOTHING)
@pytest.mark.parametrize("format", ["auto", *registry.names()])
@pytest.mark.parametrize("text_of_2109", [False, True])
def test_a_shard_that_holds_nothing_has_a_defect(
    tmp_path: Path, text_of_2109: bool, format: str, packing: str
) -> None:
    path = tmp_path / ("fr_part_1.txt" if text_of_2109 else NAMES.get(format, "a.jsonl"))
    path.write_bytes(HOLDING_NOTHING[packing])
    found, report = read(path, format)
    assert found == []
    assert "the shard is empty" in complaints(report)


@pytest.mark.parametrize("format", ["c4", "rows", "oscar"])
def test_a_damaged_member_that_gives_nothing_is_not_called_empty(tmp_path: Path, format: str) -> None:
    path = tmp_path / NAMES[format]
    path.write_bytes(gzip.compress(b"")[:-4])
    _, report = read(path, format)
    assert "cut" in complaints(report)
    assert "empty" not in complaints(report)


def test_an_empty_member_among_others_is_no_defect(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"") + gzip.compress(b'{"text": "un"}\n') + gzip.compress(b""))
    found, report = read(path)
    assert len(found) == 1
    assert report.defects_total == 0
