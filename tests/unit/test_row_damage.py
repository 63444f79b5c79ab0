"""Damaged JSON Lines and OSCAR text: what is lost is told, and no text gets the URL of another page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from presswatch_spark.demo import shards
from tests.damage import damages
from tests.damaged_reading import verdicts
from tests.reading import SmallPage, pages

PAGES = [
    SmallPage(f"https://exemple.fr/{i * 37}", f"Page {i}.\n" + page.text) for i, page in enumerate(pages(12))
]
PAIRS = [(page.url, page.text) for page in PAGES]
FORMS: dict[str, tuple[str, Callable[..., object]]] = {
    "c4.json.gz": ("c4", shards.write_c4_json),
    "c4.json": ("c4", shards.write_c4_json),
    "fr_meta_part_1.jsonl": ("oscar", shards.write_oscar_2301),
    "fr_meta_part_1.jsonl.gz": ("oscar", shards.write_oscar_2301),
    "fr_meta_part_1.jsonl.zst": ("oscar", shards.write_oscar_2301),
    "rows.jsonl": ("rows", shards.write_c4_json),
    "rows.jsonl.zst": ("rows", shards.write_c4_json),
    "fr_part_1.txt": ("oscar", shards.write_oscar_2109),
    "fr_part_1.txt.gz": ("oscar", shards.write_oscar_2109),
    "fr_part_1.txt.zst": ("oscar", shards.write_oscar_2109),
}


def judged(tmp_path: Path, name: str, part: str, count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """The verdicts on twins of a shard whose `part` is damaged: itself, or its metadata."""
    format, write = FORMS[name]
    write(tmp_path / name, PAGES)
    damaged = tmp_path / name
    if part == "metadata":
        damaged = next(path for path in tmp_path.iterdir() if path.name != name)
    whole = damaged.read_bytes()
    counts, wrong = verdicts(damages(whole, count, seed), PAIRS, damaged, format, tmp_path / name)
    # Nothing in plain JSON Lines says how long a text is, or how many rows there are.
    is_plain = name.endswith((".json", ".jsonl"))
    unseen = ("deleted", "copied") if is_plain else ("copied",) if name.endswith(".txt") else ()
    return counts, [what for what in wrong if not any(word in what for word in unseen)]


CASES = [(name, "shard") for name in FORMS] + [(name, "metadata") for name in FORMS if ".txt" in name]


@pytest.mark.parametrize(("name", "part"), CASES)
def test_damage_gives_less_only_if_it_is_told(tmp_path: Path, name: str, part: str) -> None:
    _, wrong = judged(tmp_path, name, part, 21, 13)
    assert wrong == []


@pytest.mark.full
@pytest.mark.parametrize(("name", "part"), CASES)
def test_no_damage_of_2000_gives_less_without_a_word(tmp_path: Path, name: str, part: str) -> None:
    counts, wrong = judged(tmp_path, name, part, 2000, 31)
    assert (wrong, sum(counts.values())) == ([], 2000)
