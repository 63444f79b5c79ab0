"""Forgetting in tables on S3: the objects are others, and their ETags are known again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.s3.uploads import upload
from tests.unit.claims.test_forget import digest, rows_of
from tests.world.tables import publish

TABLES = "s3://shards/tables"


@pytest.mark.full
def test_a_members_rows_are_removed_from_tables_on_s3(
    tmp_path: Path, client: Any, bucket: str, endpoint: str
) -> None:
    publish(tmp_path, "r1", [*rows_of("rives", "a", "b"), *rows_of("plateau", "c")])
    publish(tmp_path, "r2", rows_of("plateau", "c"))
    upload(client, bucket, tmp_path, "tables")
    storage = StorageOptions(endpoint=endpoint)
    removal = forget(TABLES, Subject("publisher", "rives"), storage)
    assert removal.rows == 2
    assert removal.row["subject_sha256"] == digest("rives")
    store = TableStore.open(TABLES, storage)
    assert list(store.damage()) == []
    store.check("r1")
    assert store.read("matches", "r1")["article_id"].to_pylist() == ["c"]
    (file,) = store.rows()[0]["files"]
    assert file["etag"] == next(iter((store.root / "matches").described().values())).etag
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert not [key for key in keys if "forget/" in key]
