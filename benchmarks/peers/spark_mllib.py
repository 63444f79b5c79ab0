"""Spark MLlib, MinHashLSH: a similarity join of articles and documents, on two cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyspark.ml import Pipeline
from pyspark.ml.feature import HashingTF, MinHashLSH, NGram, RegexTokenizer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import size

from benchmarks.peers.base import Pair, Peer
from benchmarks.peers.texts import SHINGLE_WORDS, Texts

TABLES = 5
DISTANCE = 0.6
FEATURES = 1 << 20


def pairs(articles: Texts, documents: Texts, folder: Path) -> Iterator[Pair]:
    """Join at the Jaccard distance and with the hash tables of Spark's own example."""
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.local.dir", str(folder))
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .getOrCreate()
    )
    left, right = frame(spark, articles), frame(spark, documents)
    features = Pipeline(
        stages=[
            RegexTokenizer(inputCol="text", outputCol="words", pattern=r"(?U)\W+"),
            NGram(n=SHINGLE_WORDS, inputCol="words", outputCol="shingles"),
            HashingTF(numFeatures=FEATURES, binary=True, inputCol="shingles", outputCol="features"),
        ]
    ).fit(left)
    # MinHash is not defined for an empty set, and a text below five words has no shingle here.
    left, right = (features.transform(side).where(size("shingles") > 0) for side in (left, right))
    model = MinHashLSH(inputCol="features", outputCol="hashes", numHashTables=TABLES, seed=1).fit(left)
    joined = model.approxSimilarityJoin(right, left, DISTANCE, "distance")
    for row in joined.select("datasetA.id", "datasetB.id", "distance").collect():
        yield row[0], row[1], 1 - row[2]
    spark.stop()


def frame(spark: SparkSession, texts: Texts) -> DataFrame:
    """Texts as rows."""
    rows = list(zip(texts.ids, texts.texts, strict=True))
    return spark.createDataFrame(rows, "id string, text string").repartition(8)


PEER = Peer(
    "pyspark",
    {
        "distance": DISTANCE,
        "numHashTables": TABLES,
        "numFeatures": FEATURES,
        "shingles": "NGram, 5 words",
        "cores": 2,
    },
    pairs,
)
