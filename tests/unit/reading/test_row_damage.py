"""Damaged JSON Lines and OSCAR text: what is lost is told, and no text gets the URL of another page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import zstandard

from presswatch_spark.cli.demo import shards
from tests.world.damage import could_be_written, damages, verdicts
from tests.world.proofs import each_time
from tests.world.shards import SmallPage, pages

PAGES = [
    SmallPage(f"https://exemple.fr/{i * 37}", f"Page {i}.\n" + page.text) for i, page in enumerate(pages(12))
]
PAIRS = [(page.url, page.text) for page in PAGES]


def write_bare(path: Path, pages: Iterable[SmallPage]) -> None:
    """Write C4 as JSON Lines in a zstd frame that no checksum ends."""
    shards.write_c4_json(path.with_suffix(""), pages)
    path.write_bytes(
        zstandard.ZstdCompressor(write_checksum=False).compress(path.with_suffix("").read_bytes())
    )


FORMS: dict[str, tuple[str, Callable[..., object]]] = {
    "c4.json.gz": ("c4", shards.write_c4_json),
    "c4.json": ("c4", shards.write_c4_json),
    "fr_meta_part_1.jsonl": ("oscar", shards.write_oscar_2301),
    "fr_meta_part_1.jsonl.gz": ("oscar", shards.write_oscar_2301),
    "fr_meta_part_1.jsonl.zst": ("oscar", shards.write_oscar_2301),
    "rows.jsonl": ("rows", shards.write_c4_json),
    "rows.jsonl.zst": ("rows", shards.write_c4_json),
    "rows.bare.zst": ("rows", write_bare),
    "fr_part_1.txt": ("oscar", shards.write_oscar_2109),
    "fr_part_1.txt.gz": ("oscar", shards.write_oscar_2109),
    "fr_part_1.txt.zst": ("oscar", shards.write_oscar_2109),
}


# Nothing vouches for these but the rows themselves.
UNCHECKED = (".json", ".jsonl", ".bare.zst")


def judged(tmp_path: Path, name: str, part: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The verdicts on twins of a shard whose `part` is damaged: itself, or its metadata."""
    format, write = FORMS[name]
    write(tmp_path / name, PAGES)
    damaged = tmp_path / name
    if part == "metadata":
        damaged = next(path for path in tmp_path.iterdir() if path.name != name)
    whole = damaged.read_bytes()

    def is_whole(data: bytes) -> bool:
        return damaged.name.endswith(UNCHECKED) and could_be_written(data, whole)

    return verdicts(damages(whole, count, seed), PAIRS, damaged, format, tmp_path / name, is_whole)


# Of 2,000 twins so many are whole files of other rows, most of them of one less.
EXCUSED = {("c4.json", "shard"): 101, ("rows.jsonl", "shard"): 101, ("rows.bare.zst", "shard"): 6}
CASES = [(name, "shard") for name in FORMS] + [(name, "metadata") for name in FORMS if ".txt" in name]


# Of JSON lines one with checksums and one without; of each other format one.
SOME = [
    ("c4.json.gz", "shard"),
    ("rows.jsonl", "shard"),
    ("fr_meta_part_1.jsonl.zst", "shard"),
    ("fr_part_1.txt.gz", "metadata"),
]


@pytest.mark.parametrize(("name", "part"), each_time(SOME, CASES))
def test_damage_gives_less_only_if_it_is_told(tmp_path: Path, name: str, part: str) -> None:
    _, wrong = judged(tmp_path, name, part, 60, 13)
    assert wrong == []


@pytest.mark.full
@pytest.mark.parametrize(("name", "part"), CASES)
def test_no_damage_of_2000_gives_less_without_a_word(tmp_path: Path, name: str, part: str) -> None:
    counts, wrong = judged(tmp_path, name, part, 2000, 31)
    assert (wrong, sum(counts.values())) == ([], 2000)
    assert counts["excused"] == EXCUSED.get((name, part), 0)
