"""Verdicts are added whole, whoever else adds some, and none is lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from presswatch_spark.claims.reviews import Review, load_reviews
from presswatch_spark.core.errors import ConfigError, OutputError
from presswatch_spark.legal.review.desk import ReviewFile, by_row, states_of
from presswatch_spark.storage.objects import StorageOptions

ONE, TWO = "a" * 64, "b" * 64
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)


def file_in(folder: Path) -> ReviewFile:
    return ReviewFile.of(str(folder / "reviews.jsonl"), StorageOptions())


def test_reviewers_who_add_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(number: int) -> Review:
        return file_in(tmp_path).add(f"{number:064x}", "claim", f"reviewer {number % 3}", "")

    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(add, range(60)))
    found = file_in(tmp_path).read()
    assert len(found) == 60
    assert set(found) == set(added)


NOTES = [
    "",
    "two\nlines",
    "\u2028\u2029\x85\x0b\x0c",
    '"}\n{"row_sha256": "',
    "\x00\x1b[31m",
    "é 💥 \u202e",
    "\ufeff",
]


@pytest.mark.parametrize("note", NOTES)
def test_no_note_breaks_its_line(tmp_path: Path, note: str) -> None:
    file = file_in(tmp_path)
    first, second = (file.add(row, "unsure", "René", note) for row in (ONE, TWO))
    assert file.read() == [first, second]
    assert first.note == note
    assert Path(file.uri).read_bytes().isascii()
    assert load_reviews([file.uri], StorageOptions()) == {ONE: "unsure", TWO: "unsure"}


def test_verdicts_are_added_behind_a_line_that_lacks_its_end(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    before = Review(ONE, "claim", "m", NOW, "").line().rstrip()
    Path(file.uri).write_bytes(before)
    file.add(TWO, "claim", "k", "")
    assert Path(file.uri).read_bytes().startswith(before + b"\n")
    assert [review.row_sha256 for review in file.read()] == [ONE, TWO]


def test_a_last_line_that_is_cut_short_blocks_no_verdict(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    before = Review(ONE, "claim", "m", NOW, "").line()
    Path(file.uri).write_bytes(before + Review(TWO, "claim", "m", NOW, "").line()[:30])
    assert [review.row_sha256 for review in file.read()] == [ONE]
    file.add(TWO, "no_claim", "k", "")
    assert [(review.row_sha256, review.verdict) for review in file.read()] == [
        (ONE, "claim"),
        (TWO, "no_claim"),
    ]


def test_a_verdict_that_would_not_count_for_its_time_is_refused(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    late = Review(ONE, "claim", "m", datetime.now(UTC) + timedelta(hours=1), "").line()
    Path(file.uri).write_bytes(late)
    with pytest.raises(OutputError, match="later time"):
        file.add(ONE, "no_claim", "k", "")
    assert Path(file.uri).read_bytes() == late
    file.add(TWO, "no_claim", "k", "")


def test_nothing_is_added_to_a_file_that_claims_could_not_read(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    Path(file.uri).write_text(json.dumps({"row_sha256": ONE, "verdict": "yes"}))
    before = Path(file.uri).read_bytes()
    with pytest.raises(ConfigError, match="mistakes"):
        file.add(TWO, "claim", "k", "")
    assert Path(file.uri).read_bytes() == before


def test_the_newest_verdict_of_each_reviewer_decides_whether_they_agree() -> None:
    def given(*verdicts: tuple[str, str]) -> list[Review]:
        return [
            Review(ONE, verdict, reviewer, NOW + timedelta(hours=hour), "")
            for hour, (reviewer, verdict) in enumerate(verdicts)
        ]

    for verdicts, state in [
        ([("m", "claim")], "claim"),
        ([("m", "claim"), ("m", "no_claim")], "no_claim"),
        ([("m", "claim"), ("k", "no_claim")], "disputed"),
        ([("m", "claim"), ("k", "no_claim"), ("m", "no_claim")], "no_claim"),
        ([("m", "unsure"), ("k", "unsure")], "unsure"),
    ]:
        assert states_of(by_row(reversed(given(*verdicts)))) == {ONE: state}
