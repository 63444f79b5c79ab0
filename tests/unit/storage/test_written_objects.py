"""Small files are written under conditions, with the guarantees that S3 gives."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import StorageError
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    StorageOptions,
    delete_object,
    read_object,
    write_object,
)
from tests.world.servers import web

OPTIONS = StorageOptions(max_attempts=2, backoff_base=0.0001)
ROUNDS = 25


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "folder" / "object.json")


def test_a_file_is_written_read_written_over_and_removed(uri: str) -> None:
    first = write_object(uri, b"one", OPTIONS)
    assert read_object(uri, OPTIONS) == (b"one", first)
    second = write_object(uri, b"two", OPTIONS, etag=first)
    assert read_object(uri, OPTIONS) == (b"two", second)
    assert os.listdir(os.path.dirname(uri)) == ["object.json"], "no draft stays"
    delete_object(uri, OPTIONS)
    delete_object(uri, OPTIONS)
    with pytest.raises(MissingError):
        read_object(uri, OPTIONS)


def test_only_the_first_writer_finds_nothing_there(uri: str) -> None:
    write_object(uri, b"mine", OPTIONS, absent=True)
    with pytest.raises(ConflictError, match="another process") as caught:
        write_object(uri, b"theirs", OPTIONS, absent=True)
    assert caught.value.where == uri
    assert read_object(uri, OPTIONS)[0] == b"mine"
    assert os.listdir(os.path.dirname(uri)) == ["object.json"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_version_that_is_no_more_is_not_written_over(uri: str, gone: bool) -> None:
    first = write_object(uri, b"one", OPTIONS)
    write_object(uri, b"two", OPTIONS)
    if gone:
        delete_object(uri, OPTIONS)
    with pytest.raises(ConflictError):
        write_object(uri, b"three", OPTIONS, etag=first)


def _count_up(uri: str) -> int:
    """Add one to a number, as often as it takes; how often it did."""
    for _ in range(ROUNDS):
        while True:
            data, etag = read_object(uri, OPTIONS)
            try:
                write_object(uri, b"%d" % (int(data) + 1), OPTIONS, etag=etag)
            except ConflictError:
                continue
            break
    return ROUNDS


@pytest.mark.slow
@pytest.mark.parametrize("pools", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_no_write_over_a_version_is_lost_whoever_writes_at_the_same_time(uri: str, pools: type) -> None:
    write_object(uri, b"0", OPTIONS)
    with pools(4) as pool:
        total = sum(pool.map(_count_up, [uri] * 4))
    assert read_object(uri, OPTIONS)[0] == b"%d" % total


def test_a_file_system_that_locks_no_folders_is_locked_by_a_hidden_file(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock

    def as_nfs(handle: int, how: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(9, "Bad file descriptor")
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", as_nfs)
    etag = write_object(uri, b"one", OPTIONS, absent=True)
    write_object(uri, b"two", OPTIONS, etag=etag)
    assert sorted(os.listdir(os.path.dirname(uri))) == [".lock", "object.json"]


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_object(str(tmp_path / "file" / "object"), b"", OPTIONS)


def test_the_web_is_read_and_never_written() -> None:
    with web(objects={"/a": b"text"}) as server:
        assert read_object(f"{server.url}/a", OPTIONS)[0] == b"text"
        for change in (
            lambda: write_object(f"{server.url}/a", b"", OPTIONS),
            lambda: delete_object(f"{server.url}/a", OPTIONS),
        ):
            with pytest.raises(StorageError, match="cannot write to a web site"):
                change()


@pytest.mark.parametrize("others", ["remove", "write"])
def test_a_folder_is_removed_whole_though_others_change_it_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: str
) -> None:
    folder, unlink = Folder.of(str(tmp_path / "run"), OPTIONS), os.unlink
    for name in ("a", "b", "below/c"):
        folder.write(name, b"")

    def beside_others(path: Any, *given: Any, **named: Any) -> None:
        monkeypatch.setattr(os, "unlink", unlink)
        if others == "write":
            (folder.path / "d").touch()
        else:
            unlink(path, *given, **named)
        unlink(path, *given, **named)

    monkeypatch.setattr(os, "unlink", beside_others)
    folder.remove()
    assert not folder.path.exists()
