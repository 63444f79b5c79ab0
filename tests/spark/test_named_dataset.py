"""A part of a dataset, scanned by its name, from a mirror or a hub: its rows name their dataset."""

import gzip
import json
from typing import Any

import pytest
import zstandard

from presswatch_spark.tables.store import TableStore
from tests.spark.press import Press, Scanner
from tests.world.commands import presswatch
from tests.world.hub import Hub, empty

URL, AT = "https://copie.example/1", "2024-05-18T01:58:10Z"


def scanned(scan: Scanner, press: Press, *named: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Scan a dataset by its name; its rows, and that of the first article."""
    presswatch("scan", *named, "--corpus", str(scan.corpus), "--out", str(scan.folder / "tables"))
    rows = TableStore.open(str(scan.folder / "tables")).read("matches").to_pylist()
    (match,) = (row for row in rows if row["article_id"] == first(press)["article_id"])
    assert (match["document_url"], f"{match['captured_at']:%Y-%m-%dT%H:%M:%SZ}") == (URL, AT)
    return rows, match


def first(press: Press) -> Any:
    return json.loads(press.articles.read_text(encoding="utf-8").splitlines()[0])


def test_a_scan_by_name_reads_the_columns_of_the_dataset_and_names_its_release(
    scan: Scanner, press: Press
) -> None:
    metadata = {"WARC-Record-ID": "<urn:uuid:7>", "WARC-Date": AT, "WARC-Payload-Digest": "sha1:X"}
    row = {"text": first(press)["body"], "url": URL, "metadata": metadata}
    shard = scan.folder.joinpath(
        "contrib/datacomp/DCLM-baseline/global-shard_03_of_10/local-shard_1_of_10/shard_1_processed.jsonl.zst"
    )
    shard.parent.mkdir(parents=True)
    shard.write_bytes(zstandard.ZstdCompressor().compress(json.dumps(row).encode() + b"\n"))
    named = ("--dataset", "dclm", "--part", "03", "--mirror", str(scan.folder))
    _, match = scanned(scan, press, *named)
    expected = {"record_id": "<urn:uuid:7>", "release": "dclm", "dataset": "rows", "payload_digest": "sha1:X"}
    expected |= {"product": "dclm", "product_revision": None, "upstream_uri": None}
    assert match.items() >= expected.items()


@pytest.mark.full
def test_a_scan_by_name_reads_a_dataset_on_the_hub_where_it_is(
    scan: Scanner, press: Press, one_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_ENDPOINT", empty(one_hub).url)
    path, other = (f"multilingual/c4-{part}.tfrecord-00000-of-00001.json.gz" for part in ("fr", "en"))
    row = {"text": first(press)["body"], "url": URL, "timestamp": AT}
    data = gzip.compress(json.dumps(row).encode() + b"\n")
    commit = one_hub.push({path: data, other: data}, "allenai/c4")
    rows, match = scanned(scan, press, "--dataset", "mc4", "--part", "fr")
    assert {row["shard_uri"] for row in rows} == {f"hf://datasets/allenai/c4@{commit}/{path}"}
    assert match.items() >= {"release": "c4-fr", "product": "mc4", "product_revision": commit}.items()
    out = str(scan.folder / "tables")
    shown = [json.loads(line) for line in presswatch("matches", out, "--json").splitlines()]
    assert {row["product_revision"] for row in shown} == {commit}
    query = "select product, count(*) as n from matches group by product"
    for engine in ("duckdb", "spark"):
        assert f"mc4 {len(rows)}" in " ".join(presswatch("sql", "--engine", engine, out, query).split())
