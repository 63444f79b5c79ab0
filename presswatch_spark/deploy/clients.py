"""Clients of AWS's services, and their errors as ours."""

from __future__ import annotations

import os
import shlex
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


def client(
    service: str, region: str | None, attempts: int = ATTEMPTS, *, credentials: str | None = None
) -> Any:
    """Return a client, which tries a request up to `attempts` times when told to slow down.

    `credentials` is the name of an AWS profile; without one, the usual chain's are used.

    Raises:
        ServiceError: there is no profile of that name.
    """
    with reaching(service, f"AWS profile {credentials}" if credentials else service):
        return _client(service, region, attempts, os.environ.get("AWS_ENDPOINT_URL"), credentials)


def named(credentials: str | None) -> str:
    """Return the option that gives these credentials to a command of `aws`, and a space; or nothing."""
    return f"--profile {shlex.quote(credentials)} " if credentials else ""


@lru_cache(maxsize=8)
def _client(
    service: str, region: str | None, attempts: int, endpoint: str | None, credentials: str | None
) -> Any:
    """Reading the models of a service takes longer than most requests. boto3 reads the endpoint by itself."""
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=30
    )
    return boto3.session.Session(region_name=region, profile_name=credentials).client(service, config=config)


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
