"""The release of a run is that of all its shards, or none."""

from __future__ import annotations

import pyarrow as pa
import pytest

from presswatch_spark.scanning.pipeline import SCAN
from presswatch_spark.scanning.runs.work import RELEASES
from presswatch_spark.tables.declarations import ShardLog
from tests.world.tables import row_of

CRAWL, LATER = "CC-MAIN-2024-51", "CC-MAIN-2025-05"
Shard = tuple[str | None, list[str], int]


def release_of(shards: list[Shard], told: str | None = None) -> str | None:
    """The release of a run by its shards: the one that each names, those of its rows, and its documents."""
    rows = [
        {**row_of(ShardLog, release=named, documents=documents), "releases": of_rows}
        for named, of_rows, documents in shards
    ]
    log = pa.Table.from_pylist(rows, pa.schema([*ShardLog.schema, RELEASES]))
    found: str | None = SCAN.row(log, {"release": told})["release"]
    return found


@pytest.mark.parametrize(
    ("shards", "told", "release"),
    [
        ([(CRAWL, [CRAWL], 5), (CRAWL, [], 5)], None, CRAWL),
        ([(CRAWL, [CRAWL], 5), (None, [], 0)], None, CRAWL),
        ([(CRAWL, [CRAWL], 5), (LATER, [LATER], 5)], None, None),
        ([(CRAWL, [CRAWL], 5), (None, [], 5)], None, None),
        ([(None, [CRAWL], 5)], None, None),
        ([(None, ["c4-fr"], 5), (None, [], 5)], "c4-fr", "c4-fr"),
        ([(None, ["c4-fr", CRAWL], 5)], "c4-fr", None),
        ([(None, [], 5)], "c4-fr", "c4-fr"),
        ([(None, [], 0)], "c4-fr", "c4-fr"),
        ([(None, [], 0)], None, None),
    ],
)
def test_a_run_has_a_release_only_if_each_shard_that_was_read_is_of_it(
    shards: list[Shard], told: str | None, release: str | None
) -> None:
    assert release_of(shards, told) == release
