"""An Iceberg catalog of tables on S3: AWS Glue, with its warehouse in the same bucket."""

from collections.abc import Iterator
from typing import Any

import pytest

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.core.errors import StorageError
from presswatch_spark.tables.catalog.sync import open_catalog, sync
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.s3.conftest import client_of
from tests.world import catalogs
from tests.world import catalogs as world
from tests.world.commands import presswatch
from tests.world.places import Bucket
from tests.world.tables import flipped

TABLES = "s3://shards/tables"


@pytest.fixture
def properties(s3: Bucket) -> dict[str, str]:
    return {"glue.endpoint": s3.endpoint, "warehouse": f"{s3.uri}/warehouse"}


@pytest.fixture
def glue(s3: Bucket) -> Iterator[Any]:
    """Glue's own client; its database is gone after the test."""
    client = client_of("glue", s3.endpoint)
    yield client
    for name in client.get_databases()["DatabaseList"]:
        client.delete_database(Name=name["Name"])


@pytest.fixture(params=["few", pytest.param("all", marks=pytest.mark.full)])
def known(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The tables that a test knows: some of each kind, or all."""
    if request.param == "few":
        world.know_few(monkeypatch)
    return set(catalogs.SCHEMAS)


@pytest.mark.full
def test_glue_has_the_published_rows_of_tables_on_s3_and_follows_their_changes(
    s3: Bucket, properties: dict[str, str], glue: Any, known: set[str]
) -> None:
    store = world.publish_everything(TABLES, s3.storage)
    s3.copy("tables/matches/r1-00000.parquet", "tables/matches/r9-00000.parquet")
    catalog = open_catalog("glue", properties, s3.storage)
    sync(store, catalog, world.NAMESPACE)
    world.require_same(catalog, store)
    assert world.files_in(catalog, "matches") == ["r1-00000.parquet", "r2-00000.parquet"]
    there = glue.get_tables(DatabaseName=world.NAMESPACE)["TableList"]
    assert {table["Name"] for table in there} == known
    for table in there:
        columns = table["StorageDescriptor"]["Columns"]
        assert [column["Name"] for column in columns] == catalogs.SCHEMAS[table["Name"]].names
        assert all(0 < len(column["Comment"].encode()) <= 255 for column in columns)
    before = world.places(catalog)
    assert {change.added for change in sync(store, catalog, world.NAMESPACE)} == {0}
    assert world.places(catalog) == before
    world.publish(store, "r3")
    world.derive(store, "claims", rows=4)
    forget(TABLES, Subject("publisher", "publisher_id d’été 1"), s3.storage)
    sync(store, open_catalog("glue", properties, s3.storage), world.NAMESPACE)
    world.require_same(catalog, store)


def test_an_object_that_was_changed_is_refused(s3: Bucket, properties: dict[str, str], glue: Any) -> None:
    store = TableStore.create(TABLES, s3.storage)
    world.publish(store, "r1")
    world.publish(store, "r2")
    catalog = open_catalog("glue", properties, s3.storage)
    key = "tables/matches/r2-00000.parquet"
    data = s3.get(key)
    s3.put(key, flipped(data, 4 * len(data)))
    with pytest.raises(DamagedTablesError, match=r"matches of run r2.*bytes have changed"):
        sync(store, catalog, world.NAMESPACE)
    assert glue.get_databases()["DatabaseList"] == []


def test_the_command_reaches_glue_and_says_where_it_cannot(
    s3: Bucket,
    properties: dict[str, str],
    glue: Any,
    known: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = TableStore.create(TABLES, s3.storage)
    world.publish(store, "r1")
    world.derive(store, "claims")
    command = ["catalog", "sync", TABLES, "--catalog", "glue", "--namespace", world.NAMESPACE, *s3.there]
    given = [word for key, value in properties.items() for word in ("--property", f"{key}={value}")]
    assert f"0 taken out, in {len(known)} tables" in presswatch(*command, *given)
    # As it is, it asks eleven times, for some twenty seconds.
    monkeypatch.setattr("pyiceberg.catalog.glue.MAX_RETRIES", 1)
    nowhere = open_catalog("glue", {**properties, "glue.endpoint": "http://127.0.0.1:9"}, s3.storage)
    with pytest.raises(StorageError, match="the catalog refuses"):
        sync(store, nowhere, world.NAMESPACE)
