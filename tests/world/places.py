"""Storage of every kind, and the servers of it that fail on demand."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from presswatch_spark.storage.locks import GuardedObject
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from tests.world.hub import NAME, hub
from tests.world.servers import Server, web

QUICK = StorageOptions(max_attempts=4, backoff_base=0.0001, read_timeout=5, refusal_pause=0.0)


@dataclass(frozen=True)
class Place:
    """A folder of one kind of storage.

    `put` writes an object without our code, and returns how storage should describe it. `server` fails on
    demand; a disk has none, and its errors here would be those of a site.
    """

    root: str
    options: StorageOptions
    put: Callable[[str, bytes], ObjectInfo]
    server: Server

    def object(self, name: str = "object.json") -> GuardedObject:
        return GuardedObject(f"{self.root}/{name}", self.options)


def on_disk(folder: Path) -> Place:
    def put(name: str, data: bytes) -> ObjectInfo:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return ObjectInfo(str(path), len(data), f"mtime-{path.stat().st_mtime_ns}")

    return Place(str(folder), QUICK, put, Server())


def on_s3(client: Any, server: Server) -> Place:
    """The empty bucket `shards`, reached through a server that fails on demand."""

    def put(name: str, data: bytes) -> ObjectInfo:
        client.put_object(Bucket="shards", Key=f"tables/{name}", Body=data)
        return ObjectInfo(f"s3://shards/tables/{name}", len(data), hashlib.md5(data).hexdigest())

    options = StorageOptions(endpoint=server.url, max_attempts=4, backoff_base=0.0001, read_timeout=5)
    return Place("s3://shards/tables", options, put, server)


@contextmanager
def on_web(*, ranges: bool = True, etags: bool = True) -> Iterator[Place]:
    with web(ranges=ranges, etags=etags) as server:

        def put(name: str, data: bytes) -> ObjectInfo:
            server.objects[f"/{name}"] = data
            etag = hashlib.sha256(data).hexdigest()[:16] if etags else None
            return ObjectInfo(f"{server.url}/{quote(name)}", len(data), etag)

        yield Place(server.url, QUICK, put, server)


@contextmanager
def on_hub(set_variable: Callable[[str, str], None]) -> Iterator[Place]:
    """A dataset on a hub, whose address is a variable of the environment; each object makes a commit."""
    files = dict[str, bytes]()
    with hub() as site:
        set_variable("HF_ENDPOINT", site.url)

        def put(name: str, data: bytes) -> ObjectInfo:
            files[name] = data
            uri = f"hf://datasets/{NAME}@{site.push(files)}/{name}"
            digest = hashlib.sha256(data).hexdigest() if len(data) >= site.lfs_bytes else None
            return ObjectInfo(uri, len(data), digest, digest)

        yield Place(f"hf://datasets/{NAME}", QUICK, put, site.store)
