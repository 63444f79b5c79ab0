"""The SHA-256 of a shard as it is stored: taken while it is read, and as its publisher declares it."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.core.errors import StorageError
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream, stat
from presswatch_spark.storage.streams import Opener
from tests.world.servers import Fault, Server, web

DATA = bytes(range(256)) * 5_000
SHA256 = hashlib.sha256(DATA).hexdigest()
OPTIONS = StorageOptions(backoff_base=0)


@pytest.fixture
def server() -> Iterator[Server]:
    with web(objects={"/shard.gz": DATA}) as running:
        yield running


def read_in_pieces(opener: Opener, info: ObjectInfo, most: int = 1 << 20) -> None:
    with opener.open(info, OPTIONS) as stream:
        while stream.position < most and stream.read(70_000):
            pass


def test_a_shard_that_is_read_to_its_end_is_not_read_again(server: Server) -> None:
    opener, info = Opener(digests=True), ObjectInfo(f"{server.url}/shard.gz")
    with opener.look(info, OPTIONS) as head:
        head.read(1000)
    with opener.open(info, OPTIONS) as stream:
        stream.read_to_end()
    assert opener.sha256(info, OPTIONS) == SHA256
    assert len(server.gets()) == 1


def test_a_digest_takes_each_byte_once_over_interruptions_and_bytes_that_were_pushed_back(
    server: Server,
) -> None:
    server.faults.extend([Fault(cut_after=300_000), Fault(cut_after=10, reset=True)])
    with open_stream(ObjectInfo(f"{server.url}/shard.gz"), OPTIONS, digests=True) as stream:
        stream.push_back(stream.read(50_000))
        assert stream.sha256 is None
        assert stream.read_to_end() == DATA
        assert stream.sha256 == SHA256
        stream.push_back(DATA[-5:])
        assert stream.sha256 is None


@pytest.mark.parametrize("read", [0, 1000, 500_000])
def test_of_a_shard_that_was_not_read_whole_in_order_all_is_read_once_more(
    server: Server, tmp_path: Path, read: int
) -> None:
    (tmp_path / "shard").write_bytes(DATA)
    for uri in (f"{server.url}/shard.gz", str(tmp_path / "shard")):
        opener, info = Opener(digests=True), stat(uri, OPTIONS)
        if read:
            read_in_pieces(opener, info, read)
        assert opener.sha256(info, OPTIONS) == SHA256


def test_a_shard_that_changed_after_it_was_read_has_no_digest(tmp_path: Path) -> None:
    shard = tmp_path / "shard"
    shard.write_bytes(DATA)
    opener, info = Opener(digests=True), stat(str(shard), OPTIONS)
    shard.write_bytes(DATA[::-1] + b"more")
    with pytest.raises(StorageError, match="changed"):
        opener.sha256(info, OPTIONS)


def test_without_the_flag_nothing_is_digested_and_workers_get_the_flag(tmp_path: Path) -> None:
    (tmp_path / "shard").write_bytes(DATA)
    with open_stream(ObjectInfo(str(tmp_path / "shard")), OPTIONS) as stream:
        stream.read_to_end()
        assert stream.sha256 is None
    copy = pickle.loads(pickle.dumps(Opener(digests=True)))
    read_in_pieces(copy, ObjectInfo(str(tmp_path / "shard")), len(DATA) + 1)
    (tmp_path / "shard").write_bytes(b"another")
    assert copy.sha256(ObjectInfo(str(tmp_path / "shard")), OPTIONS) == SHA256


def test_what_a_hub_declares_is_kept_over_its_redirect(server: Server) -> None:
    server.redirects = {"/resolve/main/shard.gz": "/shard.gz", "/small": "/shard.gz"}
    server.linked = {"/resolve/main/shard.gz": SHA256.upper(), "/small": "a1b2c3"}
    asked = ObjectInfo(f"{server.url}/resolve/main/shard.gz")
    assert stat(asked.uri, OPTIONS).sha256 == SHA256
    opener = Opener()
    with opener.look(asked, OPTIONS) as head:
        head.read(10)
    assert opener.described(asked).sha256 == SHA256
    opener.close()
    # Files outside of large-file storage have another kind of tag.
    assert stat(f"{server.url}/small", OPTIONS).sha256 is None
    assert stat(f"{server.url}/shard.gz", OPTIONS).sha256 is None
