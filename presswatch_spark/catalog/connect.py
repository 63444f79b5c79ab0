"""Opens an Iceberg catalog by pyiceberg, an extra of this package, and turns its errors into ours.

Settings come from `.pyiceberg.yaml` in the home folder, from the environment (`PYICEBERG_CATALOG__…`) and
from properties; secrets only from the first two, or from the AWS chain: others can see a command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from presswatch_spark.errors import ConfigError, StorageError
from presswatch_spark.redaction import is_secret_name
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.terminal import printable

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

KINDS = ("glue", "rest", "sql")
NAME = "presswatch"
"""How pyiceberg's settings call the catalog, and how catalogs in SQL tell theirs from others."""

FROM_ELSEWHERE = "set it in .pyiceberg.yaml or in the environment (PYICEBERG_CATALOG__{}__…)"
INSTALL = "pip install 'pyiceberg[glue,pyarrow,sql-sqlite]>=0.12,<0.13'"


def open_catalog(
    kind: str, properties: Mapping[str, str], storage: StorageOptions, name: str = NAME
) -> Catalog:
    """Open a catalog of a kind (`KINDS`).

    `properties`: pyiceberg's own, such as `uri` and `warehouse`; they win over its other settings and over
    `storage`. `ConfigError`: pyiceberg is not installed, or a property is a secret, missing or wrong.
    `StorageError`: the catalog cannot be reached.
    """
    for key, value in properties.items():
        if is_secret_name(key) or urlsplit(value).password:
            raise ConfigError(
                "a secret does not belong on a command line",
                where=f"--property {printable(key)}",
                remedy=FROM_ELSEWHERE.format(name.upper()),
            )
    try:
        ignore_working_folder()
        from pyiceberg.catalog import load_catalog
    except ImportError as error:
        raise ConfigError("pyiceberg is not installed", where="catalog", remedy=INSTALL) from error
    given = {**_on_aws(storage), **properties, "type": kind}
    with catalog_errors(f"catalog {name} ({kind})"):
        try:
            return load_catalog(name, **given)
        except (ImportError, KeyError, LookupError, TypeError, ValueError) as error:
            raise ConfigError(
                printable(f"the catalog cannot be opened: {first_line(error)}"),
                where=f"--catalog {kind}",
                remedy=f"give what it needs by --property, or {FROM_ELSEWHERE.format(name.upper())}",
            ) from error


def ignore_working_folder() -> None:
    """Have pyiceberg read no settings from the working folder, which may have come with the shards.

    Call it before `pyiceberg.catalog` is imported; raises ImportError if pyiceberg is not installed.
    """
    from pyiceberg.utils import config

    # It leaves out a folder without a name.
    config.os = SimpleNamespace(**{**vars(os), "getcwd": str})  # type: ignore[attr-defined, assignment]


def _on_aws(storage: StorageOptions) -> dict[str, str]:
    """Return the settings of S3 and Glue as properties of pyiceberg."""
    from presswatch_spark.storage.s3 import aws_session

    session = aws_session(storage.profile, storage.region)
    found = {"s3.endpoint": storage.endpoint, "client.region": session.region_name}
    if storage.unsigned:
        found["s3.anonymous"] = "true"
    elif storage.profile and (credentials := session.get_credentials()):
        # Arrow's reader of S3 knows no profiles.
        keys = credentials.get_frozen_credentials()
        found |= {
            "client.access-key-id": keys.access_key,
            "client.secret-access-key": keys.secret_key,
            "client.session-token": keys.token,
        }
    return {key: value for key, value in found.items() if value}


@contextmanager
def catalog_errors(where: str) -> Iterator[None]:
    """Raise errors of a catalog's service, database or storage as `StorageError`."""
    try:
        yield
    except _refusals() as error:
        raise StorageError(
            printable(f"the catalog refuses: {first_line(error)}"),
            where=where,
            remedy="see that it is there and may be written; what is not done yet, the same command does",
        ) from error


def _refusals() -> tuple[type[Exception], ...]:
    import botocore.exceptions
    import pyarrow as pa
    import requests
    import sqlalchemy.exc
    from pyiceberg import exceptions

    of_iceberg: list[Any] = [each for each in vars(exceptions).values() if isinstance(each, type)]
    services = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
    others = (requests.RequestException, sqlalchemy.exc.SQLAlchemyError, pa.ArrowException, OSError)
    return (*of_iceberg, *services, *others)


def first_line(error: Exception) -> str:
    """Return the first line of an error of another library."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0]
