"""Output folders appear complete or not at all, and a killed process leaves nothing in the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from presswatch_spark.core.errors import InUseError, OutputError
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions
from tests.unit.legal.removal.test_case import target
from tests.world.release import new_case

LOCAL = StorageOptions()
LAST = "last.txt"


def killed(work: Callable[[], None]) -> None:
    """Run work in a child of this process that dies in it, as by SIGKILL: nothing is cleaned up."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def write_and_die(out: Path) -> None:
    with new_folder(str(out), LOCAL, LAST) as draft:
        (draft / "sub").mkdir()
        (draft / "sub" / "text.txt").write_text("half")
        os._exit(9)


def complete(out: Path) -> None:
    with new_folder(str(out), LOCAL, LAST) as draft:
        (draft / LAST).write_text("whole")


def test_a_folder_is_written_again_after_its_process_was_killed(tmp_path: Path) -> None:
    out = tmp_path / "bag"
    for _ in range(3):
        killed(lambda: write_and_die(out))
        assert [path.name for path in tmp_path.iterdir()] == [".bag.partial"], "one draft, however often"
    complete(out)
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]
    assert [path.name for path in out.iterdir()] == [LAST]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(str(tmp_path / "bag"), LOCAL, LAST) as draft:
            (draft / "text.txt").write_text("half")
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_is_refused_at_the_start(tmp_path: Path) -> None:
    with (
        new_folder(str(tmp_path / "bag"), LOCAL, LAST) as draft,
        pytest.raises(InUseError, match="another process is writing this folder"),
        new_folder(str(tmp_path / "bag"), LOCAL, LAST),
    ):
        pytest.fail("both write")
    assert not draft.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


@pytest.mark.parametrize("name", [".bag.partial", "bag"])
def test_files_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"not ours|something already"):
        complete(tmp_path / "bag")
    assert (tmp_path / name / "mine.txt").read_text() == "mine"


def test_a_link_in_an_abandoned_draft_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("mine")
    killed(lambda: write_and_die(tmp_path / "bag"))
    (tmp_path / ".bag.partial" / "link").symlink_to(tmp_path / "kept")
    complete(tmp_path / "bag")
    assert (tmp_path / "kept" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("point", range(4))
def test_a_case_whose_opening_was_killed_is_opened_by_the_same_command(tmp_path: Path, point: int) -> None:
    real, targets = Folder.write, [target(number) for number in range(3)]

    def dying() -> None:
        calls = 0

        def write(*given: object, **named: object) -> str:
            nonlocal calls
            calls += 1
            if calls > point:
                os._exit(9)
            return real(*given, **named)  # type: ignore[arg-type]

        Folder.write = write  # type: ignore[method-assign, assignment]
        with new_folder(str(tmp_path / "other"), LOCAL, LAST):
            new_case(str(tmp_path / "case"), targets)
            os._exit(9)

    killed(dying)
    if point < 2:
        assert RemovalCase.at(str(tmp_path / "case"), LOCAL) is None
        new_case(str(tmp_path / "case"), targets)
    assert len(RemovalCase.open(str(tmp_path / "case"), LOCAL).targets()) == 3
    assert not (tmp_path / ".case.partial").exists()
