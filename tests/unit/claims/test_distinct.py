"""Rows that are alike are found by all values of some columns, whatever these are."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from presswatch_spark.claims import pages as pages_module
from presswatch_spark.claims.pages import alike, marks_of, values_of

MOMENTS = [None, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)]
CHOICES: dict[str, tuple[list[Any], pa.DataType]] = {
    "text": ([None, "", "a", "b", "é"], pa.string()),
    "list": ([None, [], ["a"], ["a", "b"], ["b", "a"]], pa.list_(pa.string())),
    "mark": ([None, True, False], pa.bool_()),
    "number": ([None, -1, 0, 7], pa.int32()),
    "moment": (MOMENTS, pa.timestamp("us", "UTC")),
}


@pytest.mark.parametrize("most", [1 << 62, 2])
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_alike_if_all_values_are(seed: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # With so few numbers to spare, they are made small again after every column.
    monkeypatch.setattr(pages_module, "_MOST", most)
    random = Random(seed)
    rows = [tuple(random.choice(values) for values, _ in CHOICES.values()) for _ in range(300)]
    columns = [pa.array([row[k] for row in rows], kind) for k, (_, kind) in enumerate(CHOICES.values())]
    assert len(alike(pa.array([], pa.string()), np.empty(0, np.int64)).spread([], pa.string())) == 0
    same = alike(pa.chunked_array([columns[0][:7], columns[0][7:]]), *columns[1:])
    kinds = {repr(row): kind for row, kind in zip(rows, same.kind_of.tolist(), strict=True)}
    assert len(set(kinds.values())) == len(kinds) == len(same.first)
    assert [kinds[repr(row)] for row in rows] == same.kind_of.tolist()
    assert [repr(rows[place]) for place in same.first.tolist()] == sorted(kinds, key=kinds.__getitem__)
    assert same.spread(values_of(columns[1], same.first), columns[1].type).equals(columns[1])


def test_each_distinct_value_is_asked_once() -> None:
    asked: list[str | None] = []

    def is_a(value: str | None) -> bool:
        asked.append(value)
        return value == "a"

    assert marks_of(pa.array(["a", None, "a", "b", None]), is_a).tolist() == [True, False, True, False, False]
    assert sorted(asked, key=str) == [None, "a", "b"]
