"""A real S3 protocol server for the folder, and credentials that only it accepts."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import TEST_AWS
from tests.world.places import Bucket, Place, on_disk, on_hub, on_s3, on_web
from tests.world.servers import Server, web
from tests.world.servers import s3 as s3_server


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with s3_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_other_aws(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-config"
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        **TEST_AWS,
        "AWS_CONFIG_FILE": str(nowhere),
        "AWS_SHARED_CREDENTIALS_FILE": str(nowhere),
        "NO_PROXY": "127.0.0.1,localhost",
    }.items():
        monkeypatch.setenv(name, value)


@lru_cache
def client_of(service: str, endpoint: str) -> Any:
    """A client of a service: making one takes as long as many requests."""
    keys = {name.lower(): TEST_AWS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    return boto3.client(service, endpoint_url=endpoint, region_name=TEST_AWS["AWS_DEFAULT_REGION"], **keys)


@pytest.fixture
def client(endpoint: str) -> Any:
    return client_of("s3", endpoint)


@pytest.fixture
def bucket(client: Any) -> Iterator[str]:
    client.create_bucket(Bucket="shards")
    yield "shards"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="shards"):
        if found := [{"Key": each["Key"]} for each in page.get("Contents", ())]:
            client.delete_objects(Bucket="shards", Delete={"Objects": found})
    client.delete_bucket(Bucket="shards")


@pytest.fixture
def s3(client: Any, bucket: str, endpoint: str) -> Bucket:
    """The same bucket, as tests of commands use it."""
    return Bucket(client, endpoint)


@pytest.fixture
def faulty(endpoint: str) -> Iterator[Server]:
    """The same server behind one that fails on demand."""
    with web(upstream=endpoint) as running:
        yield running


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    kind = request.param
    if kind == "disk":
        yield on_disk(tmp_path / "tables")
    elif kind == "s3":
        request.getfixturevalue("bucket")
        yield on_s3(request.getfixturevalue("client"), request.getfixturevalue("faulty"))
    elif kind == "hub":
        with on_hub(monkeypatch.setenv) as place:
            yield place
    else:
        with on_web(ranges="ranges" not in kind, etags="ETags" not in kind) as place:
            yield place
