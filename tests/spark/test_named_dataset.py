"""A part of a dataset, scanned by its name from a mirror: its rows say what they are of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zstandard
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.tables.store import TableStore
from tests.spark.press import Press


def test_a_scan_by_name_reads_the_columns_of_the_dataset_and_names_its_release(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    article = json.loads(press.articles.read_text(encoding="utf-8").splitlines()[0])
    url, at = "https://copie.example/1", "2024-05-18T01:58:10Z"
    row = {
        "text": article["body"],
        "url": url,
        "metadata": {"WARC-Record-ID": "<urn:uuid:7>", "WARC-Date": at, "WARC-Payload-Digest": "sha1:X"},
    }
    shard = tmp_path.joinpath(
        "contrib/datacomp/DCLM-baseline/global-shard_03_of_10/local-shard_1_of_10/shard_1_processed.jsonl.zst"
    )
    shard.parent.mkdir(parents=True)
    shard.write_bytes(zstandard.ZstdCompressor().compress(json.dumps(row).encode() + b"\n"))
    named = ["--dataset", "dclm", "--part", "03", "--mirror", str(tmp_path)]
    out = tmp_path / "tables"
    assert cli.run(["scan", *named, "--corpus", str(corpus), "--out", str(out)]) == 0
    capsys.readouterr()
    (match,) = (
        found
        for found in TableStore.open(str(out)).read("matches").to_pylist()
        if found["article_id"] == article["article_id"]
    )
    assert (match["document_url"], match["record_id"], match["release"]) == (url, "<urn:uuid:7>", "dclm")
    assert (match["dataset"], match["payload_digest"]) == ("rows", "sha1:X")
    assert f"{match['captured_at']:%Y-%m-%dT%H:%M:%SZ}" == at
