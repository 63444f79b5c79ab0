"""The recipe of the archive, without the packages: what goes in, when it is made anew, and what starts it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from presswatch_spark.deploy import archive as building
from presswatch_spark.deploy.archive import (
    LAUNCHER,
    ArchiveError,
    HostPlatform,
    archive_for,
    inputs_digest,
    locked,
)
from presswatch_spark.storage.disk import file_sha256
from tests.conftest import ROOT

LOCK = "".join(
    f"{pin} \\\n    --hash=sha256:{pin[:2]}\n" for pin in ("numpy==2.0", "py4j==0.10", "pyspark==4.3")
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """What an archive is made of, in small."""
    for name in (
        "locks/requirements.lock",
        "pyproject.toml",
        "conf/scan.yaml",
        "presswatch_spark/cli/main.py",
    ):
        (tmp_path / "sources" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sources" / name).write_text(name)
    return tmp_path / "sources"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The trees that were filled; each holds the sources' command line."""
    trees: list[Path] = []

    def fill(tree: Path, root: Path, *_: object) -> None:
        for name in building.NEEDED:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((root / "presswatch_spark" / "cli" / "main.py").read_bytes())
        trees.append(tree)

    monkeypatch.setattr(building, "_fill", fill)
    return trees


def test_what_the_cluster_brings_is_left_out_and_every_other_pin_keeps_its_hashes() -> None:
    assert locked(LOCK) == "numpy==2.0 \\\n    --hash=sha256:nu\n"
    real = (ROOT / "locks/requirements.lock").read_text(encoding="utf-8")
    assert real.count("--hash=") - locked(real).count("--hash=") == sum(
        pin.count("--hash=")
        for pin in real.replace("\n ", " ").splitlines()
        if pin.startswith(("pyspark=", "py4j="))
    )
    assert "pyspark" not in locked(real)


def test_an_archive_is_named_after_its_digest_and_made_anew_only_of_other_sources(
    sources: Path, built: list[Path], tmp_path: Path
) -> None:
    first = archive_for(sources, tmp_path / "dist", HostPlatform())
    assert file_sha256(first)[:16] in first.name
    assert archive_for(sources, tmp_path / "dist", HostPlatform()) == first
    assert len(built) == 1
    (sources / "presswatch_spark" / "cli" / "main.py").write_text("another")
    second = archive_for(sources, tmp_path / "dist", HostPlatform())
    assert second != first
    assert len(built) == 2


def test_an_archive_that_was_changed_or_removed_is_made_anew(
    sources: Path, built: list[Path], tmp_path: Path
) -> None:
    first = archive_for(sources, tmp_path / "dist", HostPlatform())
    content = first.read_bytes()
    for spoil in (lambda: first.write_bytes(b"spoilt"), first.unlink):
        spoil()
        assert archive_for(sources, tmp_path / "dist", HostPlatform()).read_bytes() == content
    assert len(built) == 3


def test_a_note_that_was_left_half_written_is_none(sources: Path, built: list[Path], tmp_path: Path) -> None:
    first = archive_for(sources, tmp_path / "dist", HostPlatform())
    assert archive_for(sources, tmp_path / "dist", HostPlatform(), make=False) == first
    (note,) = (tmp_path / "dist").glob("*.json")
    for text in ("", "[]", "{}", note.read_text()[:40]):
        note.write_text(text)
        with pytest.raises(ArchiveError, match="there is no archive of these sources yet"):
            archive_for(sources, tmp_path / "dist", HostPlatform(), make=False)
    assert archive_for(sources, tmp_path / "dist", HostPlatform()) == first
    assert len(built) == 2


def test_other_hosts_want_another_archive(sources: Path) -> None:
    targets = (HostPlatform(), HostPlatform("3.12"), HostPlatform("3.11", "aarch64"))
    assert len({inputs_digest(sources, target) for target in targets}) == 3


def test_without_sources_an_archive_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="--archive FILE"):
        archive_for(tmp_path, tmp_path / "dist", HostPlatform())


@pytest.mark.slow
def test_a_package_that_is_not_what_the_lock_says_ends_the_build(sources: Path, tmp_path: Path) -> None:
    (sources / "locks/requirements.lock").write_text("click==8.1.8 --hash=sha256:" + "0" * 64 + "\n")
    target = HostPlatform()
    with pytest.raises(ArchiveError, match="pip could not do its part"):
        building._install(
            ["--no-index", "--require-hashes", "--requirement", str(sources / "locks/requirements.lock")],
            tmp_path / "lib",
            target,
            tmp_path,
        )


def test_a_host_without_that_python_says_so(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    launcher = tmp_path / "bin" / "python"
    launcher.write_text(LAUNCHER.format(python="9.99"))
    done = subprocess.run(["/bin/sh", launcher], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "this host has no python9.99" in done.stderr
