"""A REST catalog on 127.0.0.1: the requests of Iceberg's specification, over a catalog in SQLite."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.table import CommitTableRequest

from tests.world.servers import AnyMethod, listening

REFUSALS = {
    NoSuchTableError: (404, "NoSuchTableException"),
    NoSuchNamespaceError: (404, "NoSuchNamespaceException"),
    NamespaceAlreadyExistsError: (409, "AlreadyExistsException"),
    TableAlreadyExistsError: (409, "AlreadyExistsException"),
    CommitFailedException: (409, "CommitFailedException"),
}


@contextmanager
def rest_catalog(behind: Catalog, token: str) -> Iterator[str]:
    """Serve the tables of a catalog to whoever has the token; gives the address."""

    class Handler(AnyMethod):
        def answer(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, reply = 401, _refused(401, "NotAuthorizedException", "no token")
            if self.headers.get("Authorization") == f"Bearer {token}":
                parts = [_named(unquote(part)) for part in self.path.partition("?")[0].split("/")[2:]]
                try:
                    status, reply = 200, _reply(behind, self.command, parts, asked)
                except tuple(REFUSALS) as error:
                    status, kind = REFUSALS[type(error)]
                    reply = _refused(status, kind, str(error))
            body = b"" if self.command == "HEAD" else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as url:
        yield url


def _named(part: str) -> str:
    """A namespace as SQL names it, by its levels with dots between; a dot within a level is none of these."""
    return part.replace(".", "\N{MIDDLE DOT}").replace("\x1f", ".")


def _reply(behind: Catalog, method: str, parts: list[str], asked: bytes) -> dict[str, Any]:
    match method, parts:
        case "GET", ["config"]:
            return {"defaults": {}, "overrides": {}}
        case "POST", ["namespaces"]:
            namespace = json.loads(asked)["namespace"]
            behind.create_namespace(tuple(namespace))
            return {"namespace": namespace, "properties": {}}
        case "GET" | "HEAD", ["namespaces", namespace]:
            return {"namespace": [namespace], "properties": behind.load_namespace_properties(namespace)}
        case "POST", ["namespaces", namespace, "tables"]:
            return _created(behind, namespace, CreateTableRequest(**{"location": None, **json.loads(asked)}))
        case "GET", ["namespaces", namespace, "tables", name]:
            return _described(behind.load_table((namespace, name)))
        case "POST", ["namespaces", namespace, "tables", name]:
            wanted = CommitTableRequest.model_validate_json(asked)
            named: Any = SimpleNamespace(name=lambda: (namespace, name))
            return _described(behind.commit_table(named, wanted.requirements, wanted.updates))
    raise AssertionError(f"{method} {parts}")


def _created(behind: Catalog, namespace: str, wanted: CreateTableRequest) -> dict[str, Any]:
    """Stage a table: it is there when its first commit comes."""
    assert wanted.stage_create
    if behind.table_exists((namespace, wanted.name)):
        raise TableAlreadyExistsError(wanted.name)
    made = behind.create_table_transaction(
        (namespace, wanted.name), wanted.table_schema, properties=wanted.properties
    )
    return {**_described(made._table), "metadata-location": None}


def _described(table: Any) -> dict[str, Any]:
    return {
        "metadata-location": table.metadata_location,
        "metadata": json.loads(table.metadata.model_dump_json()),
        "config": {},
    }


def _refused(status: int, kind: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": status}}
