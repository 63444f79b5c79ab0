"""How tests come to the processes of pytest: which are dealt out to whom, and which are run each time."""

from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.conftest import SparkOnOne
from tests.world.proofs import beyond_samples, cases, each_time

SPARK = ["tests/chaos/test_chaos.py", "tests/spark/test_waves.py"]
OTHERS = ["tests/s3/test_first_contact.py", "tests/unit/test_house.py"]
ROOM = "tests/unit/legal/evidence"


def test_the_first_process_has_files_of_spark_and_others_have_them_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dealing: Any = object.__new__(SparkOnOne)
    dealing.assigned_work = OrderedDict(one={}, two={})
    dealing.workqueue = OrderedDict.fromkeys(sorted([*SPARK, *OTHERS, ROOM]))
    dealt = {"one": list[str](), "two": list[str]()}

    def assign(self: Any, node: str) -> None:
        dealt[node].append(self.workqueue.popitem(last=False)[0])

    monkeypatch.setattr(LoadFileScheduling, "_assign_work_unit", assign)
    for node in ("one", "two", "two", "two", "two"):
        dealing._assign_work_unit(node)
    assert dealt == {"one": SPARK[:1], "two": [ROOM, *OTHERS, *SPARK[1:]]}


def test_some_parameters_are_tested_each_time_and_the_others_are_long_proofs() -> None:
    found = each_time([(1, "a"), (3, "c")], [(1, "a"), (2, "b"), (3, "c")])
    assert found[::2] == [(1, "a"), (3, "c")]
    assert (found[1].values, [mark.name for mark in found[1].marks]) == ((2, "b"), ["full"])


def test_each_of_many_small_cases_runs_in_its_own_folder_and_those_that_fail_are_named(
    tmp_path: Path,
) -> None:
    @cases("first", (1, 2))
    @cases(("second", "third"), [(1, 1), (2, 2)])
    def check(tmp_path: Path, first: int, second: int, third: int) -> None:
        assert not [*tmp_path.iterdir()]
        (tmp_path / "made").touch()
        with pytest.raises(ZeroDivisionError):
            assert 1 / (first - second) < third

    with pytest.raises(ExceptionGroup, match="2 of 2 cases failed") as failed:
        check(tmp_path=tmp_path)
    groups: Any = failed.value.exceptions
    assert [case.__notes__ for group in groups for case in group.exceptions] == [
        ["case 1: {'second': 2, 'third': 2}"],
        ["case 0: {'second': 1, 'third': 1}"],
    ]


def test_a_case_that_is_skipped_hides_neither_failures_nor_other_cases() -> None:
    seen = list[int]()

    @cases("number", range(4))
    def check(number: int, wrong: Collection[int]) -> None:
        seen.append(number)
        if number == 1:
            pytest.skip("not here")
        assert number not in wrong

    with pytest.raises(ExceptionGroup, match="2 of 4 cases failed: 0, 3"):
        check(wrong=(0, 3))
    with pytest.raises(pytest.skip.Exception, match="1: 'not here'"):
        check(wrong=())
    assert seen == [*range(4)] * 2
    with pytest.raises(AssertionError, match="no marks of their own"):
        cases("number", each_time([1], [1, 2]))


def test_a_sample_of_many_parameters_has_the_first_of_each_three() -> None:
    few, many = ([f"{name}[{each}]" for each in range(count)] for name, count in (("a", 4), ("b", 8)))
    assert beyond_samples([*few, *many, "alone"]) == {many[place] for place in (1, 2, 4, 5, 7)}
