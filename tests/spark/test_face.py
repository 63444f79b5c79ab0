"""From articles to matches in Python, as the command line does it: the same digests."""

import io
from pathlib import Path

from pyspark.sql import SparkSession

import presswatch_spark as pw
from presswatch_spark.scanning.monitoring.progress import Progress
from tests.spark.press import Press
from tests.world.commands import presswatch


def test_a_program_gets_what_a_command_gets(spark: SparkSession, press: Press, tmp_path: Path) -> None:
    stages: list[str] = []
    manifest = pw.build_corpus(
        str(press.members), [str(press.articles)], str(tmp_path / "corpus"), tell=stages.append, spark=spark
    )
    assert stages
    run = pw.scan(
        [str(press.shards)],
        corpus=str(tmp_path / "corpus"),
        out=str(tmp_path / "tables"),
        settings={"grade.min_run_words": "12", "run.wave_shards": 100},
        progress=Progress(io.StringIO(), live=False),
        spark=spark,
    )
    assert run.is_complete
    assert run.row["corpus_digest"] == manifest.digest
    found = run.matches(columns=["run_id", "longest_run_words"]).to_pandas()
    assert set(found["run_id"]) == {run.run_id}
    assert found["longest_run_words"].min() >= 12
    words = [str(press.shards), "--corpus", str(tmp_path / "corpus"), "--out", str(tmp_path / "other")]
    presswatch("scan", *words, "--min-run-words", "12")
    (row,) = pw.open_tables(str(tmp_path / "other")).runs().to_pylist()
    assert row["table_digest"] == run.row["table_digest"]
