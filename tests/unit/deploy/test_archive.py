"""The archive of a job: what goes in, when it is made again, and that none can reach out of its folder."""

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from presswatch_spark.deploy import archive as building
from presswatch_spark.deploy.archive import (
    LAUNCHER,
    ArchiveError,
    HostPlatform,
    archive_for,
    check_archive,
    existing_archive,
    inputs_digest,
    locked,
    pack,
)
from presswatch_spark.storage.disk import file_sha256
from tests.conftest import ROOT
from tests.world.proofs import cases

HOSTS = HostPlatform()
MAIN = "presswatch_spark/cli/main.py"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """What an archive is made of, in small."""
    names = ("locks/requirements.lock", "pyproject.toml", "conf/scan.yaml", MAIN)
    return tree(tmp_path / "sources", names)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    return tmp_path / "dist"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The trees that were filled; each holds the sources' command line."""
    trees: list[Path] = []

    def fill(folder: Path, root: Path, *_: object) -> None:
        tree(folder, building.NEEDED, (root / MAIN).read_text())
        trees.append(folder)

    monkeypatch.setattr(building, "_fill", fill)
    return trees


def test_what_the_cluster_brings_is_left_out_and_every_other_pin_keeps_its_hashes() -> None:
    lock = "\n".join(
        f"{pin} \\\n    --hash=sha256:00" for pin in ("numpy==2.0", "py4j==0.10", "pyspark==4.3")
    )
    assert locked(lock) == "numpy==2.0 \\\n    --hash=sha256:00\n"
    real = (ROOT / "locks/requirements.lock").read_text(encoding="utf-8")
    pins = [pin for pin in real.replace("\n ", " ").splitlines() if pin.startswith(("pyspark=", "py4j="))]
    left_out = sum(pin.count("--hash=") for pin in pins)
    assert real.count("--hash=") - locked(real).count("--hash=") == left_out > 0
    assert "pyspark" not in locked(real)


def test_one_is_named_after_its_digest_and_made_again_only_of_other_sources(
    sources: Path, built: list[Path], dist: Path
) -> None:
    assert existing_archive(sources, dist, HOSTS) is None
    first = archive_for(sources, dist, HOSTS)
    assert file_sha256(first)[:16] in first.name
    assert archive_for(sources, dist, HOSTS) == first
    assert len(built) == 1
    (sources / MAIN).write_text("another")
    assert archive_for(sources, dist, HOSTS) != first
    assert len(built) == 2


def test_one_that_was_changed_or_removed_is_made_again(sources: Path, built: list[Path], dist: Path) -> None:
    first = archive_for(sources, dist, HOSTS)
    content = first.read_bytes()
    for spoil in (lambda: first.write_bytes(b"spoilt"), first.unlink):
        spoil()
        assert archive_for(sources, dist, HOSTS).read_bytes() == content
    assert len(built) == 3


def test_other_hosts_want_another_archive(sources: Path) -> None:
    targets = (HostPlatform(), HostPlatform("3.12"), HostPlatform("3.11", "aarch64"))
    assert len({inputs_digest(sources, target) for target in targets}) == 3


@pytest.mark.slow
def test_a_package_that_is_not_what_the_lock_says_ends_the_build(sources: Path, tmp_path: Path) -> None:
    lock = sources / "locks/requirements.lock"
    lock.write_text("click==8.1.8 --hash=sha256:" + "0" * 64 + "\n")
    asked = ["--no-index", "--require-hashes", "--requirement", str(lock)]
    with pytest.raises(ArchiveError, match="pip failed"):
        building._install(asked, tmp_path / "lib", HOSTS, tmp_path)


def test_a_host_without_that_python_says_so(tmp_path: Path) -> None:
    launcher = tree(tmp_path, ("bin/python",), LAUNCHER.format(python="9.99")) / "bin" / "python"
    done = subprocess.run(["/bin/sh", launcher], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "this host has no python9.99" in done.stderr


def tree(folder: Path, names: tuple[str, ...], text: str | None = None) -> Path:
    """Write files with a text, or with their names; return the folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}" if text is None else text)
    return folder


def archive(file: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 1 if kind == tarfile.REGTYPE else 0
    return info


def link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, target)


def refusal(file: Path) -> str:
    with pytest.raises(ArchiveError) as raised:
        check_archive(file)
    return str(raised.value)


def test_the_same_content_is_the_same_bytes_always(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = tree(tmp_path / "one", ("b/y", "a/x", "z"))
    two = tree(tmp_path / "elsewhere" / "two", ("z", "a/x", "b/y"))
    os.utime(two / "z", (1, 1))
    (one / "a" / "x").chmod(0o600)
    (two / "a" / "x").chmod(0o664)
    pack(one, tmp_path / "1.tar.gz")
    monkeypatch.setattr("time.time", lambda: 1.0)
    pack(two, tmp_path / "2.tar.gz")
    assert file_sha256(tmp_path / "1.tar.gz") == file_sha256(tmp_path / "2.tar.gz")
    (two / "z").chmod(0o755)
    pack(two, tmp_path / "3.tar.gz")
    assert file_sha256(tmp_path / "3.tar.gz") != file_sha256(tmp_path / "1.tar.gz")


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", ("bin/python", "lib/" + "long/" * 40 + "name.py"))
    (source / "bin" / "python").chmod(0o755)
    os.link(source / "bin" / "python", source / "lib" / "twin")
    pack(source, tmp_path / "x.tar.gz")
    check_archive(tmp_path / "x.tar.gz", ("bin/python", "lib/twin"))
    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out" / "lib" / "twin").read_text() == "this is bin/python"
    assert (tmp_path / "out" / "bin" / "python").stat().st_mode & stat.S_IXOTH
    assert not (tmp_path / "out" / "lib" / ("long/" * 40) / "name.py").stat().st_mode & stat.S_IXUSR


@cases(
    ("members", "named"),
    [
        ([link("bin/python", "/usr/bin/python3")], "'bin/python'"),
        ([member("lib/x"), member("lib/./x")], "it contains a member twice"),
        ([link("lib/up", "../../etc/passwd")], "'lib/up'"),
        # One that stays inside may leave by way of another.
        ([member("lib/x"), link("lib/y", "x")], "'lib/y'"),
        ([member("hard", tarfile.LNKTYPE, "/etc/shadow")], "'hard'"),
        ([member("h"), member("hard", tarfile.LNKTYPE, "h")], "'hard'"),
        ([member("/etc/x")], "'/etc/x'"),
        ([member("lib/../../x")], "'lib/../../x'"),
        ([link("d", "/tmp"), member("d/x")], "'d'"),
        ([member("null", tarfile.CHRTYPE)], "'null'"),
        ([member("disk", tarfile.BLKTYPE)], "'disk'"),
        ([member("pipe", tarfile.FIFOTYPE)], "'pipe'"),
    ],
)
def test_one_that_reaches_out_is_refused(tmp_path: Path, members: list[tarfile.TarInfo], named: str) -> None:
    message = refusal(archive(tmp_path / "x.tar.gz", *members))
    assert "the archive is refused" in message
    assert named in message


def test_every_such_member_is_named_at_once(tmp_path: Path) -> None:
    message = refusal(archive(tmp_path / "x.tar.gz", link("a", "/a"), member("fine"), link("b", "/b")))
    assert "'a'" in message
    assert "'b'" in message
    assert "fine" not in message


def test_an_archive_that_lacks_something_or_is_cut_is_refused(tmp_path: Path) -> None:
    file = archive(tmp_path / "x.tar.gz", member("lib/x"))
    with pytest.raises(ArchiveError, match="bin/python is missing"):
        check_archive(file, ("bin/python",))
    (tmp_path / "cut.tar.gz").write_bytes(file.read_bytes()[:-20])
    assert "cannot be read" in refusal(tmp_path / "cut.tar.gz")
    (tmp_path / "text").write_text("no archive")
    assert "cannot be read" in refusal(tmp_path / "text")


def test_a_tree_with_a_link_is_refused_when_built(
    sources: Path, dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(folder: Path, *_: object) -> None:
        tree(folder, building.NEEDED)
        (folder / "bin" / "python3").symlink_to("/usr/bin/python3")

    monkeypatch.setattr(building, "_fill", fill)
    with pytest.raises(ArchiveError, match="'bin/python3' is a link"):
        building.build(sources, dist, HOSTS)
    assert list(dist.iterdir()) == []
