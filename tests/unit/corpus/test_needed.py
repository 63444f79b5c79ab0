"""Parts of a corpus that lies elsewhere: threads fetch them, and other processes fetch others beside them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from presswatch_spark.corpus.blocks import BLOCK_BYTES, digests_of
from presswatch_spark.corpus.needed import NeededFile
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
