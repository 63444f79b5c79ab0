"""Reviews: the newest verdict of a row counts, and every mistake is named."""

from __future__ import annotations

import csv
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


def test_the_newest_verdict_counts_whatever_the_order(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", reversed(ROWS))
    assert load_reviews([str(path)], StorageOptions()) == {ONE: "claim", TWO: "unsure"}


def test_jsonl_csv_and_a_folder_of_parquet_say_the_same(tmp_path: Path) -> None:
    with (tmp_path / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    folder = tmp_path / "reviews"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "one.parquet")
    paths = [str(write_jsonl(tmp_path / "reviews.jsonl", ROWS)), str(tmp_path / "reviews.csv"), str(folder)]
    assert [load_reviews([path], StorageOptions()) for path in paths] == [{ONE: "claim", TWO: "unsure"}] * 3


def test_mistakes_are_named_by_line_and_all_at_once(tmp_path: Path) -> None:
    rows = [ROWS[0], {**ROWS[0], "verdict": "yes"}, {**ROWS[1], "row_sha256": "abc", "at": "yesterday"}]
    path = write_jsonl(tmp_path / "reviews.jsonl", rows)
    with pytest.raises(ConfigError) as error:
        load_reviews([str(path)], StorageOptions())
    lines = str(error.value).splitlines()
    assert [line.partition("reviews.jsonl:")[2][:2] for line in lines[1:]] == ["2:", "3:", "3:"]
    assert "'yes' is none of claim, no_claim, unsure" in lines[1]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_text("{", "utf-8")
    with pytest.raises(ConfigError, match=r"reviews\.jsonl:1: this is no row of a review"):
        load_reviews([str(tmp_path / "reviews.jsonl")], StorageOptions())


@pytest.mark.parametrize("name", ["reviews.json", "reviews", "verdicts/notes.txt"])
def test_what_holds_no_reviews_is_refused_and_never_taken_for_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write_jsonl(path, ROWS)
    given = path.parent if path.suffix == ".txt" else path
    with pytest.raises(ConfigError, match="there are no reviews here"):
        load_reviews([str(given)], StorageOptions())


def test_other_verdicts_have_another_digest() -> None:
    assert digest_of_reviews({}) is None
    digests = {digest_of_reviews({ONE: verdict}) for verdict in ("claim", "no_claim")}
    assert len(digests) == 2
    assert digest_of_reviews({ONE: "claim", TWO: "unsure"}) == digest_of_reviews(
        {TWO: "unsure", ONE: "claim"}
    )


def test_a_last_line_that_is_cut_short_leaves_the_others_and_is_reported(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", ROWS)
    whole = path.read_bytes()
    for cut in (3, 40):
        told = list[str]()
        path.write_bytes(whole[:-cut])
        assert load_reviews([str(path)], StorageOptions(), told.append) == {ONE: "no_claim", TWO: "unsure"}
        (line,) = told
        assert line.startswith(f"{path}: the last line is cut short (")
    path.write_bytes(whole.rstrip())
    assert load_reviews([str(path)], StorageOptions(), pytest.fail) == {ONE: "claim", TWO: "unsure"}


def test_a_line_in_the_middle_that_is_no_row_is_named(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", ROWS)
    for line in (b"{", b"[" * 100_000, b'{"row_sha256":' * 100_000):
        path.write_bytes(line + b"\n" + path.read_bytes())
        with pytest.raises(ConfigError, match=r"reviews\.jsonl:1: this is no row of a review"):
            load_reviews([str(path)], StorageOptions())
