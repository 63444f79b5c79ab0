"""A part of a dataset, scanned by its name, from a mirror or a hub: its rows say what they are of."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.tables.store import TableStore
from tests.spark.press import Press
from tests.world.hub import Hub, empty


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
    assert (match["product"], match["product_revision"], match["upstream_uri"]) == ("dclm", None, None)


@pytest.mark.full
def test_a_scan_by_name_reads_a_dataset_on_the_hub_where_it_lives(
    spark: SparkSession,
    press: Press,
    corpus: Path,
    one_hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    article = json.loads(press.articles.read_text(encoding="utf-8").splitlines()[0])
    row = {"text": article["body"], "url": "https://copie.example/1", "timestamp": "2020-05-18T01:58:10Z"}
    path, other = (f"multilingual/c4-{part}.tfrecord-00000-of-00001.json.gz" for part in ("fr", "en"))
    out = tmp_path / "tables"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_ENDPOINT", empty(one_hub).url)
    data = gzip.compress(json.dumps(row).encode() + b"\n")
    commit = one_hub.push({path: data, other: data}, "allenai/c4")
    named = ["--dataset", "mc4", "--part", "fr"]
    assert cli.run(["scan", *named, "--corpus", str(corpus), "--out", str(out)]) == 0
    rows = TableStore.open(str(out)).read("matches").to_pylist()
    assert {row["shard_uri"] for row in rows} == {f"hf://datasets/allenai/c4@{commit}/{path}"}
    (match,) = (row for row in rows if row["article_id"] == article["article_id"])
    assert (match["document_url"], match["release"]) == ("https://copie.example/1", "c4-fr")
    assert (match["product"], match["product_revision"]) == ("mc4", commit)
    capsys.readouterr()
    assert cli.run(["matches", str(out), "--json"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["product_revision"] for row in shown} == {commit}
    query = "select product, count(*) as n from matches group by product"
    for engine in ("duckdb", "spark"):
        assert cli.run(["sql", "--engine", engine, str(out), query]) == 0
        assert f"mc4 {len(rows)}" in " ".join(capsys.readouterr().out.split())
