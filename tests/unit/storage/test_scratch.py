"""Folders in the temporary one: gone with their block, and if its process was killed, with the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from presswatch_spark.storage.drafts import scratch_folder
from tests.conftest import ROOT

HOLDER = """
import sys
from presswatch_spark.storage.drafts import scratch_folder
with scratch_folder() as folder:
    (folder / "draft").write_bytes(b"half of it")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def holder(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process, and the folder that it has until it is let go on."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_it_is_gone_with_its_block_however_that_ends(temporary: Path) -> None:
    def fail() -> None:
        with scratch_folder() as folder:
            (folder / "draft").touch()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [path.name for path in temporary.rglob("*") if path.name != "scratch"] == [
        f"presswatch-spark-{os.getuid()}"
    ]


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_has_is_not(temporary: Path) -> None:
    (killed, left), (alive, held) = holder(temporary), holder(temporary)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert left.exists()
    with scratch_folder() as folder:
        assert not left.exists()
        assert (held / "draft").read_bytes() == b"half of it"
        assert {path.name for path in folder.parent.iterdir()} == {folder.name, held.name}
    alive.communicate("")
    assert not held.exists()


def test_where_others_may_write_nothing_is_removed_and_the_folder_is_made_elsewhere(temporary: Path) -> None:
    others = temporary / f"presswatch-spark-{os.getuid()}"
    (others / "scratch" / "theirs").mkdir(parents=True)
    others.chmod(0o777)
    with scratch_folder() as folder:
        assert folder.parent == temporary
        assert (others / "scratch" / "theirs").exists()
    assert not folder.exists()
