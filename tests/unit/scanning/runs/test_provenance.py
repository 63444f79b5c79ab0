"""Where a run came from: code, packages and command line, without guesses."""

from __future__ import annotations

import hashlib
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from presswatch_spark.scanning.runs import provenance as module
from presswatch_spark.scanning.runs.provenance import (
    commit,
    packages,
    packages_digest,
    provenance,
    spark_version,
)
from tests.conftest import ROOT
from tests.world.documents import commands, text_of

LOCK = (ROOT / "locks" / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.skipif(
    f"pyspark=={version('pyspark')} " not in LOCK,
    reason="`make test-spark40` has another Spark than the lock",
)
def test_the_packages_are_the_pins_of_the_lock_and_the_documented_command_gives_their_digest() -> None:
    elsewhere = r"(?! ; .*== '(?:win32|emscripten)')"
    pins = re.findall(rf"^([a-z0-9.-]+==[^ ;]++){elsewhere}", LOCK, re.MULTILINE)
    assert list(packages()) == sorted(pins)
    shown = next(words for words in commands(text_of("how-to/check-a-table")) if words[0] == "grep")
    assert "locks/requirements.lock" in shown
    page = text_of("how-to/check-a-table")
    (line,) = re.findall(r"^grep .*sha256sum$", page, re.MULTILINE)
    printed = subprocess.run(["sh", "-c", line], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.split()[0] == packages_digest(packages())


def test_the_digest_is_over_a_line_a_package() -> None:
    expected = hashlib.sha256(b"a==1\nb==2\n").hexdigest()
    assert packages_digest(["a==1", "b==2"]) == expected


def test_a_working_copy_knows_its_commit_and_says_if_files_differ_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "presswatch_spark" / "scanning" / "runs" / "provenance.py"
    code.parent.mkdir(parents=True)
    code.write_text("")
    monkeypatch.setattr(module, "__file__", str(code))
    for name in ("conf", "jobs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")

    def git(*words: str) -> str:
        named = ["git", "-c", "user.name=n", "-c", "user.email=e@e.example", "-C", str(tmp_path), *words]
        return subprocess.run(named, check=True, capture_output=True, text=True).stdout.strip()

    def known() -> str | None:
        commit.cache_clear()
        return commit()

    git("init", "--quiet")
    assert known() is None
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    head = git("rev-parse", "HEAD")
    assert known() == head
    (tmp_path / "elsewhere.txt").write_text("no code")
    assert known() == head
    code.write_text("changed = True")
    assert known() == f"{head}+"
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    assert known() is None
    commit.cache_clear()


def test_what_nobody_knows_is_null() -> None:
    facts = provenance(None, None)
    assert (facts["command"], facts["operator"]) == (None, None)
    assert all(facts[name] for name in ("packages_digest", "python_version", "host"))
    import pyspark

    assert spark_version() == pyspark.__version__
