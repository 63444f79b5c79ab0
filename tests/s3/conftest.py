"""A real S3 protocol server for the folder, and credentials that only it accepts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.conftest import TEST_AWS
from tests.servers import Server, faults_before, s3


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with s3() as running:
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


@pytest.fixture
def client(endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=endpoint)


@pytest.fixture
def bucket(client: Any) -> Iterator[str]:
    """An empty bucket, gone after the test."""
    client.create_bucket(Bucket="shards")
    yield "shards"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="shards"):
        if found := [{"Key": each["Key"]} for each in page.get("Contents", ())]:
            client.delete_objects(Bucket="shards", Delete={"Objects": found})
    client.delete_bucket(Bucket="shards")


@pytest.fixture
def faulty(endpoint: str) -> Iterator[Server]:
    """The same server behind one that fails on demand."""
    with faults_before(endpoint) as running:
        yield running
