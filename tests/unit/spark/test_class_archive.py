"""The archive of Spark's classes: used only where it is whole, and never in the way."""

from __future__ import annotations

import errno
import os
from importlib import metadata
from pathlib import Path

import pytest

from presswatch_spark.spark import class_archive
from presswatch_spark.spark.class_archive import archive_options, make_archive


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A JAVA_HOME whose folder has a blank, with an archive that a rehearsal wrote."""
    home = tmp_path / "a home"
    home.mkdir()
    monkeypatch.setattr(class_archive, "java_home", lambda: str(home))
    write = "import re, sys; open(re.search('AtExit=(.+?)\"', sys.argv[1])[1], 'wb').write(b'classes')"
    monkeypatch.setattr(class_archive, "REHEARSAL", write)
    return home


def test_an_archive_is_made_once_and_named_as_one_word(java: Path) -> None:
    told: list[str] = []
    assert archive_options(java) == ""
    assert make_archive("-Dx=y", told.append)
    assert make_archive("-Dx=y", told.append)
    assert len(told) == 1
    (archive,) = java.glob("*.jsa")
    assert f'"-XX:SharedArchiveFile={archive}"' in archive_options(java)
    assert sorted(path.suffix for path in java.iterdir()) == [".jsa", ".sha256"]


@pytest.mark.parametrize("damage", [b"", b"class", b"claszes", b"classes and more"])
def test_a_damaged_archive_is_not_used_and_made_anew(java: Path, damage: bytes) -> None:
    make_archive("", print)
    (archive,) = java.glob("*.jsa")
    archive.write_bytes(damage)
    assert archive_options(java) == ""
    assert make_archive("", print)
    assert archive.read_bytes() == b"classes"


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"0" * 64])
def test_an_archive_with_a_damaged_seal_is_not_used(java: Path, damage: bytes) -> None:
    make_archive("", print)
    (seal,) = java.glob("*.sha256")
    seal.write_bytes(damage)
    assert archive_options(java) == ""
    assert make_archive("", print)


def test_a_spark_that_is_no_package_has_an_archive_too(java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert archive_options(java) == ""
    assert make_archive("", print)


def test_a_full_disk_leaves_nothing(java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    assert not make_archive("", print)
    assert list(java.iterdir()) == []


def test_a_rehearsal_that_fails_leaves_nothing(java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_archive, "REHEARSAL", "raise SystemExit(1)")
    assert not make_archive("", print)
    assert archive_options(java) == ""
    assert list(java.iterdir()) == []


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_jre_of_this_environment_is_told_to_keep_its_own_classes_first(
    java: Path, monkeypatch: pytest.MonkeyPatch, is_ours: bool
) -> None:
    (java / "lib" / "server").mkdir(parents=True)
    (java / "bin").mkdir()
    script = java / "bin" / "java"
    script.write_text(
        "#!/bin/sh\n"
        f'case "$*" in -Xshare:dump) echo dumped > "{java}/lib/server/classes.jsa";;\n'
        f'*) echo "    java.home = {java}\n    java.specification.version = 21" >&2;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr("sys.prefix", str(java.parent if is_ours else java.parent / "elsewhere"))
    assert make_archive("", print)
    assert (java / "lib" / "server" / "classes.jsa").exists() is is_ours
