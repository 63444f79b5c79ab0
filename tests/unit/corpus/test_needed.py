"""Parts of a corpus that lies elsewhere: threads fetch them, and other processes fetch others beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest

from presswatch_spark.corpus.manifest import BLOCK_BYTES, digests_of
from presswatch_spark.corpus.needed import NeededFile, taken_by
from presswatch_spark.storage.objects import ByteStream, ObjectInfo, StorageOptions, open_stream, read_range
from tests.servers import Server, web

DATA = np.random.default_rng(0).bytes(6 * BLOCK_BYTES)
APART = ((0, 1), (3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 1))
"""Ranges in two blocks that do not follow each other: they are asked for at once."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with web(objects={"/shard": 30 * DATA, "/corpus": DATA}) as server:
        yield server


def needed(path: Path, server: Server, options: StorageOptions) -> NeededFile:
    def fetch(start: int, end: int) -> bytes:
        return read_range(f"{server.url}/corpus", start, end - start, options)

    return NeededFile(path, fetch, nullcontext, len(DATA), digests_of(DATA))


def test_blocks_come_by_the_one_connection_that_a_shard_is_read_by(tmp_path: Path, server: Server) -> None:
    options, opened = StorageOptions(max_connections=1), list[ByteStream]()

    def read() -> bytes:
        file = needed(tmp_path / "file", server, options)
        with open_stream(ObjectInfo(f"{server.url}/shard"), options) as shard:
            opened.append(shard)
            head = shard.read(1000)
            file.need(*APART)
            assert bytes(file.data[:BLOCK_BYTES]) == DATA[:BLOCK_BYTES]
            return head + shard.read_to_end()

    with ThreadPoolExecutor(1) as pool:
        try:
            assert pool.submit(read).result(60) == 30 * DATA
        finally:
            opened[0].close()
    assert server.open_most == 1


def test_a_child_fetches_with_threads_of_its_own(tmp_path: Path) -> None:
    def fetched(name: str) -> NeededFile:
        file = NeededFile(
            tmp_path / name, lambda start, end: DATA[start:end], nullcontext, len(DATA), digests_of(DATA)
        )
        file.need(*APART)
        return file

    fetched("parents")
    child = get_context("fork").Process(target=fetched, args=("childs",))
    child.start()
    try:
        child.join(60)
        assert child.exitcode == 0
    finally:
        child.kill()


@pytest.mark.parametrize("looks", [1, 2])
def test_a_folder_that_another_process_removes_meanwhile_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    for name in ("kept", "index-gone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hashes.npy").write_bytes(DATA)
    left = taken_by(tmp_path / "kept")
    looked = count(1)

    def removed_at_a_look(look: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def at(path: Any = ".") -> Any:
            if str(path) == str(tmp_path / "index-gone") and next(looked) == looks:
                rmtree(path)
            return look(path)

        return at

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, removed_at_a_look(getattr(os, name)))
    assert left <= taken_by(tmp_path) < 2 * left
    assert not (tmp_path / "index-gone").exists()
