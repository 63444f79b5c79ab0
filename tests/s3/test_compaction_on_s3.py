"""Compaction on S3, where nothing is renamed: the same rows at any moment, and after a kill."""

from itertools import count

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import OutputError
from presswatch_spark.storage.objects import MissingError
from presswatch_spark.tables.rewriting import compact
from presswatch_spark.tables.store import TableStore
from tests.world import compactions
from tests.world.places import Bucket


@pytest.mark.full
def test_killed_at_some_steps_it_loses_and_doubles_nothing_and_is_finished_by_the_next(s3: Bucket) -> None:
    numbers = count()
    compactions.require_survival(
        lambda: compactions.small_runs(
            f"{s3.uri}/{next(numbers)}", s3.storage, runs=2, crawls=compactions.ALIKE
        ),
        every=11,
    )


@pytest.mark.full
def test_readers_see_each_row_once_at_each_step(s3: Bucket) -> None:
    store = compactions.small_runs(f"{s3.uri}/tables", s3.storage, runs=2, crawls=compactions.ALIKE)
    expected, opened, failed = compactions.content(store), store.open_table("matches"), 0

    def look(_: int) -> None:
        nonlocal failed
        there = TableStore.open(store.root.uri, s3.storage)
        assert sorted(map(repr, there.read("matches").to_pylist())) == expected["matches"]
        try:
            assert sorted(map(repr, opened.to_table().to_pylist())) == expected["matches"]
        except (MissingError, FileNotFoundError, OSError):
            failed += 1

    with compactions.at_each_step(look):
        compact(store)
    assert failed
    assert compactions.content(store) == expected


def test_spark_reads_merged_files(spark: SparkSession, s3: Bucket) -> None:
    store = compactions.small_runs(f"{s3.uri}/tables", s3.storage, runs=2, crawls=compactions.ALIKE)
    compact(store)
    frame = store.frame(spark, "matches", columns=["row_sha256"])
    assert (frame.count(), frame.distinct().count()) == (2 * compactions.ROWS, 2 * compactions.ROWS)
    assert store.frame(spark, "matches", store.published()[0]).count() == compactions.ROWS


def test_of_two_at_once_one_is_refused(s3: Bucket) -> None:
    store = compactions.small_runs(f"{s3.uri}/tables", s3.storage, runs=2, crawls=compactions.ALIKE)
    expected = [store.read("matches", run_id).to_pylist() for run_id in store.published()]

    def look(step: int) -> None:
        if step == 3:
            with pytest.raises(OutputError):
                compact(TableStore.open(store.root.uri, s3.storage))

    with compactions.at_each_step(look):
        compact(store)
    assert [store.read("matches", run_id).to_pylist() for run_id in store.published()] == expected
    assert len(compactions.files_of(store)["matches"]) == 1
