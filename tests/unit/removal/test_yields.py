"""Yields: a run that finds far less than those before it proves no absence, and alarms once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.removal.case import Chain, RemovalCase
from presswatch_spark.removal.recaptures import LaterTables, yields_of
from presswatch_spark.removal.status import CaseStatus
from presswatch_spark.storage.objects import StorageOptions
from tests.tables import match, publish
from tests.unit.removal.test_case import target

LOCAL = StorageOptions()
NOW = datetime.now(UTC)


@pytest.fixture
def case(tmp_path: Path) -> RemovalCase:
    """A case of title `t`, opened of tables that have three runs."""
    for number in range(3):
        run(tmp_path, number, {"t": 40 + number, "u": 40})
    return RemovalCase.create(str(tmp_path / "case"), [target(0)], {}, LOCAL)


def run(tmp_path: Path, number: int, rows: dict[str, int], documents: int = 1_000, **facts: Any) -> None:
    """Publish a run: how many rows each title has in it. Before 100 it is of before the case."""
    found = [
        match(f"{title}{i}", None, title_id=title) for title, count in rows.items() for i in range(count)
    ]
    finished = NOW + timedelta(days=number if number >= 100 else number - 10)
    release = f"CC-MAIN-2024-{number % 100 + 10}"
    publish(
        tmp_path / "tables", f"2024060{number % 10}T000000Z-{number:06}", found,
        **({"finished_at": finished, "documents": documents, "release": release} | facts),
    )  # fmt: skip


def fell(tmp_path: Path, case: RemovalCase) -> list[str]:
    """Ask once more, and return what the yields that fell say."""
    probes = case.probes()
    known = {probe.file_uri for probe in probes}
    rows = yields_of(LaterTables(str(tmp_path / "tables"), LOCAL), case, case.targets(), known)
    number = max((probe.round for probe in probes), default=0) + 1
    case.begin(number, Chain.of(case, case.probes()), deep=False)
    chain = Chain.of(case, probes)
    chain.append(number, [replace(row, round=number, batch=0) for row in rows])
    case.note_head(chain)
    return [alarm.detail for alarm in CaseStatus.of(case).alarms() if alarm.round == number]


def test_a_run_as_good_as_those_before_alarms_nobody(tmp_path: Path, case: RemovalCase) -> None:
    run(tmp_path, 100, {"t": 39, "u": 41})
    assert not fell(tmp_path, case)
    assert {probe.outcome for probe in case.probes()} == {"steady"}


def test_a_title_that_a_run_hardly_finds_alarms_once(tmp_path: Path, case: RemovalCase) -> None:
    run(tmp_path, 100, {"t": 12, "u": 90})
    said = fell(tmp_path, case)
    assert said == ["matches of title t: 12 rows in 1,000 documents, where 41 are usual"]
    assert not fell(tmp_path, case)


def test_a_run_that_finds_nothing_at_all_alarms_as_a_whole_and_by_title(
    tmp_path: Path, case: RemovalCase
) -> None:
    run(tmp_path, 100, {})
    said = fell(tmp_path, case)
    assert [each.partition(":")[0] for each in said] == ["matches of all titles", "matches of title t"]


def test_a_smaller_run_is_compared_by_its_documents(tmp_path: Path, case: RemovalCase) -> None:
    run(tmp_path, 100, {"t": 31, "u": 30}, documents=750)
    assert not fell(tmp_path, case)
    run(tmp_path, 101, {"t": 10, "u": 10}, documents=1_500)
    assert len(fell(tmp_path, case)) == 2


@pytest.mark.parametrize(
    "facts",
    [{"dataset": "warc"}, {"release": "CC-NEWS-2024-05"}, {"documents": 100}, {"documents": 0}],
    ids=["another form", "another kind of release", "too few to say", "no documents"],
)
def test_what_cannot_be_compared_alarms_nobody(
    tmp_path: Path, case: RemovalCase, facts: dict[str, Any]
) -> None:
    run(tmp_path, 100, {}, **facts)
    assert not fell(tmp_path, case)


def test_another_corpus_is_said(tmp_path: Path, case: RemovalCase) -> None:
    run(tmp_path, 100, {}, corpus_digest="f" * 64)
    assert all(said.endswith("the corpus is another than before") for said in fell(tmp_path, case))
