"""Imports of a module fail while it is said to be absent, and at no other time."""

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

from presswatch_spark.core.processes import absent, is_ours, user_caches
from tests.world.processes import raising


def test_a_module_is_absent_while_the_block_runs_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wave", "colorsys"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with absent("wave"):
        with pytest.raises(ModuleNotFoundError, match="wave"):
            import_module("wave")
        import_module("colorsys")
    assert import_module("wave").open


def test_a_module_that_is_loaded_stays() -> None:
    with absent("json"):
        assert import_module("json") is sys.modules["json"]


def test_the_users_cache_comes_first_and_a_folder_of_the_users_own_in_tmp_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    own = tmp_path / "temporary" / f"presswatch-spark-{os.getuid()}"
    assert list(user_caches()) == [tmp_path / ".cache" / "presswatch-spark", own]
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/caches")
    assert list(user_caches()) == [Path("/var/caches/presswatch-spark"), own]
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/means/nothing")
    assert next(user_caches()).parent == tmp_path / ".cache"


def test_a_user_without_a_home_has_the_folder_in_tmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", raising(RuntimeError("no home")))
    [only] = user_caches()
    assert only.name == f"presswatch-spark-{os.getuid()}"


def test_a_folder_is_made_for_this_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert is_ours(tmp_path / "new")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_ours(tmp_path: Path, mode: int) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(mode)
    assert not is_ours(tmp_path / "shared")


def test_a_folder_or_a_link_of_another_user_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert is_ours(tmp_path / "folder")
    assert is_ours(tmp_path / "link")
    if os.getuid() == 0:
        os.chown(tmp_path / "link", 12_345, -1, follow_symlinks=False)
        assert not is_ours(tmp_path / "link")
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    assert not is_ours(tmp_path / "folder")


def test_what_is_no_folder_and_cannot_be_made_one_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    assert not is_ours(tmp_path / "file")
    assert not is_ours(tmp_path / "file" / "below")
    assert not is_ours(tmp_path / "nowhere")
