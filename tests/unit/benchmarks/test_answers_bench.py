"""The bench of answers: what it measures of a command, and what it prints."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.answers import alone, knows, lines, medians, whole
from tests.conftest import ROOT


def test_the_peak_is_that_of_the_command_and_not_of_who_began_it() -> None:
    ours = bytearray(300 << 20)
    small = whole([sys.executable, "-S", "-c", "pass"])
    large = whole([sys.executable, "-S", "-c", "bytearray(b'x') * (200 << 20)"])
    assert len(ours) > 0
    assert small["megabytes"] < 100
    assert 200 < large["megabytes"] < 300
    assert small["processor"] > 0


def test_a_command_that_fails_ends_the_bench_with_what_it_said() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        whole([sys.executable, "-S", "-c", "import sys; sys.exit('no such thing')"])


def test_a_tree_is_asked_only_for_options_that_it_has() -> None:
    assert knows(ROOT, ("matches", "--json"))
    assert not knows(ROOT, ("matches", "--no-such-option"))


def test_duckdb_alone_reads_the_files_of_the_table() -> None:
    command = alone(Path("/data"), "select count(*) from matches", "/out.json")
    assert "copy (select count(*) from read_parquet('/data/matches/*.parquet')) to '/out.json'" in command[
        -1
    ].replace("\\'", "'")


def test_a_line_for_each_subject_of_a_question() -> None:
    figures = medians({"this tree": [{"seconds": n, "processor": 1.0, "megabytes": 9.0} for n in (1, 5, 2)]})
    one = {"question": "select 1", "rows": 5_000_000, "limit_seconds": 1, "found": figures}
    assert list(lines({"questions": [one]}))[2:] == [
        "| select 1 | 5,000,000 | 1 s | this tree | 2.00 | 1.00 | 9 |"
    ]
