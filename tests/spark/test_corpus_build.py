"""Building on Spark: the same corpus however work is spread, nothing left of a killed build."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.layout import ARTICLES_PER_PART
from presswatch_spark.corpus.store import Corpus, article_rows
from presswatch_spark.storage.objects import StorageOptions
from tests.world.corpora import article, build, text, write_jsonl

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_corpus_does_not_depend_on_spark_cores_or_tasks(spark: SparkSession, tmp_path: Path) -> None:
    rows = [
        article(n, title_id=("courrier", "hebdo", "rivage")[n % 3], body=text(n % 90)) for n in range(120)
    ]
    rows += [article(n, body=text(n + 1)) for n in range(5)]
    inputs = [write_jsonl(tmp_path / f"{n:02d}.jsonl", rows[n : n + 5]) for n in range(0, 125, 5)]
    build(tmp_path / "spread", inputs, spark=spark)
    build(tmp_path / "alone", inputs)
    assert files_of(tmp_path / "spread") == files_of(tmp_path / "alone")


@pytest.mark.full
def test_the_articles_do_not_depend_on_how_they_lay_in_files(spark: SparkSession, tmp_path: Path) -> None:
    rows = [article(n) for n in range(100)]
    (tmp_path / "many").mkdir()
    for n in range(0, 100, 10):
        some = rows[n : n + 10]
        pq.write_table(pa.Table.from_pylist(some), tmp_path / "many" / f"{99 - n}.parquet")
    split = build(tmp_path / "split", [tmp_path / "many"], spark=spark)
    whole = build(tmp_path / "whole", [write_jsonl(tmp_path / "all.jsonl", reversed(rows))], spark=spark)
    assert split == whole


def test_an_error_of_a_task_arrives_as_ours(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\x1f\x8b\x08\x00cut")
    with pytest.raises(CorruptError, match=r"a\.jsonl"):
        build(tmp_path / "corpus", [tmp_path / "a.jsonl"], spark=spark)
    assert not (tmp_path / "corpus").exists()


@pytest.mark.full
def test_articles_of_several_parts_are_found_by_their_ordinals(spark: SparkSession, tmp_path: Path) -> None:
    n = ARTICLES_PER_PART + 700
    rows = [article(i, body=text(i, 1)) for i in range(n)]
    inputs = [write_jsonl(tmp_path / f"{k}.jsonl", rows[k::3]) for k in range(3)]
    manifest = build(tmp_path / "corpus", inputs, CorpusConfig(max_articles_per_shingle=50), spark)
    corpus = Corpus.open(str(tmp_path / "corpus"))
    assert manifest.counts.articles == n
    table = [row for batch in article_rows(corpus) for row in batch.to_pylist()]
    assert [row["article_id"] for row in table] == [f"a{number:05d}" for number in range(n)]
    for ordinal in (0, 1_024, ARTICLES_PER_PART - 1, ARTICLES_PER_PART, n - 1):
        found = corpus.article(ordinal)
        assert (found.article_id, found.body) == (f"a{ordinal:05d}", text(ordinal, 1).encode())
        assert table[ordinal]["article_sha256"] == hashlib.sha256(found.body).hexdigest()
        assert table[ordinal]["cluster_id"] == found.cluster_id
        match = corpus.sites.match(f"http://courrier.example/une/{ordinal}/", corpus.urls)
        assert match is not None
        assert match.articles == (ordinal,)


@pytest.mark.full
@pytest.mark.real_data
def test_real_press_articles_are_all_taken_or_accounted_for(
    spark: SparkSession, real_data: Path, tmp_path: Path
) -> None:
    lines = (real_data / "press" / "articles.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) | {"n": f"{number:04d}"} for number, line in enumerate(lines)]
    titles = [
        {"id": outlet, "name": outlet, "domains": [outlet if "." in outlet else f"{outlet}.example"]}
        for outlet in sorted({row["outlet"] for row in rows})
    ]
    members = tmp_path / "members.yaml"
    members.write_text(yaml.safe_dump({"publishers": [{"id": "p", "name": "P", "titles": titles}]}), "utf-8")
    names = {
        "article_id": "n",
        "title_id": "outlet",
        "headline": "title",
        "published_at": "date",
        "body": "text",
    }
    manifest = build_corpus(
        spark,
        str(members),
        [str(write_jsonl(tmp_path / "press.jsonl", rows))],
        str(tmp_path / "corpus"),
        CorpusConfig(columns=names),
        StorageOptions(),
    )
    assert manifest.counts.articles + sum(manifest.counts.refused.values()) == 1207
    assert set(manifest.counts.refused) == {"bad_date"}
    corpus = Corpus.open(str(tmp_path / "corpus"))
    for ordinal in range(len(corpus)):
        found = corpus.article(ordinal)
        assert found.body.decode() == rows[int(found.article_id)]["text"]
