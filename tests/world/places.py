"""Storage of every kind, and the servers of it that fail on demand."""

import hashlib
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from presswatch_spark.storage.locks_and_leases import GuardedObject
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream
from presswatch_spark.tables.store import TableStore
from tests.world.hub import NAME, hub
from tests.world.servers import Server, web

QUICK = StorageOptions(max_attempts=4, backoff_base=0.0001, read_timeout=5, refusal_pause=0.0)


def read_all(info: ObjectInfo, options: StorageOptions = QUICK, start: int = 0) -> bytes:
    with open_stream(info, options, start=start) as stream:
        return stream.read_to_end()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path | None]:
    """A disk of a size such as `200k` in a folder; None where none can be made."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "presswatch-test", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    yield disk
    # Spark may still hold a file that it could not write.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


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


@dataclass(frozen=True)
class Bucket:
    """A bucket, without our code; and what our code needs to reach it."""

    client: Any
    endpoint: str
    name: str = "shards"

    @property
    def uri(self) -> str:
        return f"s3://{self.name}"

    @property
    def storage(self) -> StorageOptions:
        return StorageOptions(endpoint=self.endpoint)

    @property
    def there(self) -> tuple[str, str]:
        """The option of commands that reach it."""
        return "--endpoint", self.endpoint

    def get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def put(self, key: str, data: bytes | str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def copy(self, source: str, target: str) -> None:
        where = {"Bucket": self.name, "Key": source}
        self.client.copy_object(Bucket=self.name, Key=target, CopySource=where)

    def names(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", ())
        return [str(each["Key"]) for each in found]

    def upload(self, folder: Path, prefix: str) -> str:
        """Put all files below a folder below a prefix; return the URI of that."""
        for path in filter(Path.is_file, folder.rglob("*")):
            self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"{self.uri}/{prefix}"

    def store(self, name: str) -> TableStore:
        return TableStore.open(f"{self.uri}/{name}", self.storage)


@contextmanager
def https(folder: Path, objects: Mapping[str, bytes]) -> Iterator[Server]:
    """Serve objects over HTTPS, by an authority that our settings name while the block runs."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    with pytest.MonkeyPatch.context() as patch, web(context, objects=objects) as server:
        patch.setenv("PRESSWATCH_STORAGE__CA_BUNDLE", str(folder / "ca.pem"))
        yield server
