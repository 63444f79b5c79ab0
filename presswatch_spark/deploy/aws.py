"""Clients of AWS's services, and their errors as ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from presswatch_spark.errors import PresswatchError
from presswatch_spark.show import printable

ATTEMPTS = 10


class ServiceError(PresswatchError):
    """A service of AWS refused a request, or could not be reached."""


def client(service: str, region: str | None, attempts: int = ATTEMPTS) -> Any:
    """A client with the usual chain's credentials, which tries a request so often when told to slow down."""
    return _client(service, region, attempts, os.environ.get("AWS_ENDPOINT_URL"))


@lru_cache(maxsize=8)
def _client(service: str, region: str | None, attempts: int, endpoint: str | None) -> Any:
    """Reading the models of a service takes longer than most requests. boto3 reads the endpoint by itself."""
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=30
    )
    return boto3.session.Session(region_name=region).client(service, config=config)


@contextmanager
def reaching(service: str, what: str) -> Iterator[None]:
    """Turn what botocore raises into a `ServiceError` about `what`."""
    try:
        yield
    except ClientError as error:
        code, message = (str(error.response["Error"].get(name, "")) for name in ("Code", "Message"))
        raise ServiceError(
            printable(f"{service} refused {error.operation_name}: {code}: {message}"),
            where=what,
            remedy="check the id, the region, and the permissions of your credentials",
        ) from error
    except BotoCoreError as error:
        raise ServiceError(
            printable(f"{service} could not be asked: {error}"),
            where=what,
            remedy="check credentials, region and network, and give the same command again",
        ) from error
