from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.tables.store import TableStore
from tests.world.proofs import each_time
from tests.world.tables import publish_log


@pytest.mark.parametrize(
    "name", each_time(["x:1", "{a,b}?"], ["x:1", "[a]", "{a,b}?", "a*", "a b%20#", "back\\slash"])
)
def test_spark_reads_tables_in_a_folder_of_any_name(spark: SparkSession, tmp_path: Path, name: str) -> None:
    store = TableStore.create(str(tmp_path / name))
    assert store.frame(spark, "scan_log").count() == 0
    run_ids = [f"20261124T12000{n}Z-aaaaaa" for n in range(3)]
    for run_id in run_ids:
        publish_log(store, run_id)
    assert sorted(row["run_id"] for row in store.frame(spark, "scan_log").collect()) == run_ids
    assert sorted(store.read("scan_log")["run_id"].to_pylist()) == run_ids
