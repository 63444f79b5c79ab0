"""Archives: the same content is the same bytes, and none can reach out of the folder where it is unpacked."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from presswatch_spark.deploy.archive import ArchiveError, check_archive, pack
from presswatch_spark.storage.disk import file_sha256


def tree(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
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


def test_the_same_content_is_the_same_bytes_whoever_packs_it_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ([link("bin/python", "/usr/bin/python3")], "'bin/python'"),
        ([member("lib/x"), member("lib/./x")], "a member is in it twice"),
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
def test_an_archive_that_reaches_out_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo], named: str
) -> None:
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


def test_a_tree_with_a_link_is_refused_when_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from presswatch_spark.deploy import archive as building

    def fill(folder: Path, *_: object) -> None:
        tree(folder, building.NEEDED)
        (folder / "bin" / "python3").symlink_to("/usr/bin/python3")

    monkeypatch.setattr(building, "_fill", fill)
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/requirements.lock").touch()
    with pytest.raises(ArchiveError, match="'bin/python3' is outside, a link"):
        building.build(tmp_path, tmp_path / "dist", building.HostPlatform())
    assert not list((tmp_path / "dist").iterdir())
