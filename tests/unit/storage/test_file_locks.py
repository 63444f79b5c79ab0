"""Files that the kernel locks: of many who want one at the same moment one has it, and the dead have none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.storage import locks as runs
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import (
    CORPUS_BUILD,
    CORPUS_COPY,
    RUN,
    SCRATCH_LEFT,
    FileRule,
    file_locked,
    lock,
    writes_alone,
)
from presswatch_spark.storage.objects import StorageOptions
from tests.conftest import ROOT
from tests.world.proofs import each_time

WORKERS, ROUNDS = 4, 50
RULES = {"waits": CORPUS_COPY, "run": RUN, "build": CORPUS_BUILD}
HOLDER = """
import sys
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import locked
from presswatch_spark.storage.objects import StorageOptions
with locked(Folder.of(sys.argv[1], StorageOptions()), "a.lock", 0.1) as lock:
    print("held", flush=True)
    sys.stdin.read()
    lock.confirm()
"""


def count_up(folder: Path, rule: FileRule) -> None:
    """Add one to the number in a file, which nothing but the lock guards, as often as `ROUNDS` says."""
    number, path = folder / "number", folder / "lock"
    for _ in range(ROUNDS):
        while True:
            try:
                with file_locked(path, rule):
                    number.write_text(str(int(number.read_text()) + 1))
                    path.unlink()
                break
            except OutputError:
                continue


def count_up_in_folder(folder: Path) -> None:
    number = folder / "number"
    for _ in range(ROUNDS):
        with writes_alone(str(folder)):
            number.write_text(str(int(number.read_text()) + 1))


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the run `a.lock` until it reads something."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.of(str(tmp_path), StorageOptions())


@pytest.mark.slow
@pytest.mark.parametrize("pools", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.parametrize("rule", each_time([CORPUS_COPY], RULES.values()), ids=RULES)
def test_one_at_a_time_is_at_it_though_files_are_removed_meanwhile(
    tmp_path: Path, rule: FileRule, pools: Any
) -> None:
    (tmp_path / "number").write_text("0")
    with pools(WORKERS) as pool:
        list(pool.map(count_up, [tmp_path] * WORKERS, [rule] * WORKERS))
    assert (tmp_path / "number").read_text() == str(WORKERS * ROUNDS)


@pytest.mark.parametrize("pools", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_one_at_a_time_writes_into_a_folder(tmp_path: Path, pools: Any) -> None:
    (tmp_path / "number").write_text("0")
    with pools(WORKERS) as pool:
        list(pool.map(count_up_in_folder, [tmp_path] * WORKERS))
    assert (tmp_path / "number").read_text() == str(WORKERS * ROUNDS)


def test_who_is_killed_lets_go_at_once(folder: Folder) -> None:
    with holder(folder.path) as process:
        assert runs.owned(folder, ["a.lock", "b.lock"]) == {"a.lock"}
        with (
            pytest.raises(OutputError, match="is at this run"),
            runs.locked(folder, "a.lock", 9),
        ):
            pass
        process.kill()
        process.wait()
        with runs.locked(folder, "a.lock", 9) as held:
            held.confirm()


def test_a_stopped_process_lives_and_loses_nothing_on_a_disk(folder: Folder) -> None:
    with holder(folder.path) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        with pytest.raises(OutputError), runs.locked(folder, "a.lock", 0.1):
            pass
        assert runs.owned(folder, ["a.lock"]) == {"a.lock"}
        process.send_signal(signal.SIGCONT)
        process.communicate("go on")
        assert process.returncode == 0
        assert runs.owned(folder, ["a.lock"]) == set()


def test_a_look_at_a_run_neither_makes_nor_takes_its_lock(folder: Folder) -> None:
    assert runs.owned(folder, ["a.lock"]) == set()
    assert os.listdir(folder.uri) == []
    with runs.locked(folder, "a.lock", 9):
        assert runs.owned(folder, ["a.lock"]) == {"a.lock"}
    assert runs.owned(folder, ["a.lock"]) == set()


def test_the_lock_of_a_build_that_was_removed_meanwhile_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build before ends, and removes the file, after the next one has opened it."""
    mark, opened = tmp_path / "mark", os.open

    def slow(*given: Any) -> int:
        handle = opened(*given)
        mark.unlink()
        mark.write_bytes(b"")
        return handle

    monkeypatch.setattr(os, "open", slow)
    with pytest.raises(OutputError, match="another build is at work there"), file_locked(mark, CORPUS_BUILD):
        pass


def test_no_link_is_followed_to_what_somebody_else_put_there(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    for rule in (CORPUS_BUILD, CORPUS_COPY, SCRATCH_LEFT):
        with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
            lock(tmp_path / "link", rule)
