"""Reviews: the newest verdict of a row counts, and every mistake is named."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.reviews import digest_of_reviews, load_reviews
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.storage.objects import StorageOptions
from tests.world.corpora import write_jsonl

ONE, TWO = "a" * 64, "b" * 64
ROWS = [
    {"row_sha256": ONE, "verdict": "no_claim", "reviewer": "m", "at": "2026-11-02T09:00:00Z", "note": ""},
    {"row_sha256": TWO, "verdict": "unsure", "reviewer": "m", "at": "2026-11-02T09:00:00Z", "note": ""},
    {"row_sha256": ONE, "verdict": "claim", "reviewer": "k", "at": "2026-11-03T09:00:00+01:00", "note": ""},
]


def load(path: Path, told: Callable[[str], object] = pytest.fail) -> dict[str, str]:
    return load_reviews([str(path)], StorageOptions(), told)


def test_the_newest_verdict_counts_whatever_the_order_and_format(tmp_path: Path) -> None:
    with (tmp_path / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    folder = tmp_path / "reviews"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "one.parquet")
    last_first = write_jsonl(tmp_path / "reviews.jsonl", reversed(ROWS))
    for path in (last_first, tmp_path / "reviews.csv", folder):
        assert load(path) == {ONE: "claim", TWO: "unsure"}


def test_mistakes_are_named_by_line_and_all_at_once(tmp_path: Path) -> None:
    rows = [ROWS[0], {**ROWS[0], "verdict": "yes"}, {**ROWS[1], "row_sha256": "abc", "at": "yesterday"}]
    path = write_jsonl(tmp_path / "reviews.jsonl", rows)
    with pytest.raises(ConfigError) as error:
        load(path)
    lines = str(error.value).splitlines()
    assert [line.partition("reviews.jsonl:")[2][:2] for line in lines[1:]] == ["2:", "3:", "3:"]
    assert "'yes' is none of claim, no_claim, unsure" in lines[1]


@pytest.mark.parametrize("name", ["reviews.json", "reviews", "verdicts/notes.txt"])
def test_what_holds_no_reviews_is_refused_and_never_taken_for_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write_jsonl(path, ROWS)
    given = path.parent if path.suffix == ".txt" else path
    with pytest.raises(ConfigError, match="there are no reviews here"):
        load(given)


def test_other_verdicts_have_another_digest() -> None:
    assert digest_of_reviews({}) is None
    digests = {digest_of_reviews({ONE: verdict}) for verdict in ("claim", "no_claim")}
    assert len(digests) == 2
    both = {ONE: "claim", TWO: "unsure"}
    assert digest_of_reviews(both) == digest_of_reviews(dict(reversed(both.items())))


def test_a_last_line_that_is_cut_short_leaves_the_others_and_is_reported(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", ROWS)
    whole = path.read_bytes()
    for cut in (3, 40):
        told = list[str]()
        path.write_bytes(whole[:-cut])
        assert load(path, told.append) == {ONE: "no_claim", TWO: "unsure"}
        (line,) = told
        assert line.startswith(f"{path}: the last line is cut short (")
    path.write_bytes(whole.rstrip())
    assert load(path) == {ONE: "claim", TWO: "unsure"}


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", ROWS)
    whole = path.read_bytes()
    for line in (b"{", b"[" * 100_000, b'{"row_sha256":' * 100_000):
        for rest in (whole, b""):
            path.write_bytes(line + b"\n" + rest)
            with pytest.raises(ConfigError, match=r"reviews\.jsonl:1: this is no row of a review"):
                load(path)
