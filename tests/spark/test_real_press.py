"""The promise, on real press: every pair with a common run of 11 words, no other, in every format."""

import json
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.storage.objects import StorageOptions
from tests.reference.pairs import pairs_with_common_run
from tests.spark.press import Scanner
from tests.world.corpora import write_jsonl
from tests.world.shards import SmallPage, write_oscar_2201, write_oscar_parquet, write_rows_parquet

Pairs = set[tuple[str, str]]


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.full)])
def test_every_pair_of_real_press_articles_is_found_in_every_format(
    spark: SparkSession, real_data: Path, tmp_path: Path, step: int
) -> None:
    """Index every second article, scan all of them in all formats; `step`: take every so manieth article."""
    lines = (real_data / "press" / "articles.jsonl").read_text(encoding="utf-8").splitlines()[::step]
    press = {f"press-{i:04}": json.loads(line) for i, line in enumerate(lines)}
    articles = {name: article["text"] for name, article in list(press.items())[::2]}
    documents = {f"https://site.example/{name}": article["text"] for name, article in press.items()}

    found = scan_all_formats(spark, tmp_path, articles, documents)

    truth = pairs_with_common_run(documents, articles, 11)
    copies = {(f"https://site.example/{name}", name) for name in articles}
    assert copies & truth
    assert len(found) == len(write_all_formats(tmp_path / "again", {}))
    for shard, pairs in found.items():
        assert pairs - truth == set(), f"{shard}: rows without a common run"
        assert truth - pairs == set(), f"{shard}: pairs that were missed"
    print(  # noqa: T201
        f"\n{len(articles)} articles, {len(documents)} documents, {len(found)} shards: {len(truth)} pairs in "
        f"each, {len(truth - copies)} of them between different articles"
    )


def scan_all_formats(
    spark: SparkSession, folder: Path, articles: dict[str, str], documents: dict[str, str]
) -> dict[str, Pairs]:
    """Pairs found, by shard."""
    title = {"id": "title", "name": "Title", "domains": ["title.example"]}
    publisher = {"id": "publisher", "name": "Publisher", "association": "APIG", "titles": [title]}
    (folder / "members.yaml").write_text(yaml.safe_dump({"publishers": [publisher]}))
    rows = [
        {"article_id": name, "title_id": "title", "url": f"https://title.example/{name}", "body": body}
        for name, body in articles.items()
    ]
    given = (str(folder / "members.yaml"), [str(write_jsonl(folder / "articles.jsonl", rows))])
    build_corpus(spark, *given, str(folder / "corpus"), CorpusConfig(), StorageOptions())
    write_all_formats(folder / "shards", documents)
    done = Scanner(spark, folder / "corpus", folder)(folder / "shards", dataset="auto")
    assert done.summary.incomplete == ()
    assert done.row["documents"] == len(documents) * done.row["shards_complete"]
    found: dict[str, Pairs] = defaultdict(set)
    for row in done.rows():
        assert row["longest_run_words"] >= 11
        pair = (row["document_url"], row["article_id"])
        assert pair not in found[row["shard_uri"]], "a pair has one row"
        found[row["shard_uri"]].add(pair)
    return found


def write_all_formats(folder: Path, documents: dict[str, str]) -> list[Path]:
    """The same documents in every form of every dataset."""
    folder.mkdir()
    pages = [SmallPage(url, text) for url, text in documents.items()]
    shards.write_wet(folder / "a.warc.wet.gz", pages)
    shards.write_wet(folder / "b.warc.wet", pages)
    shards.write_wet(folder / "c.warc.wet.gz", pages, one_member=True)
    shards.write_c4_json(folder / "c4-train.00000-of-01024.json.gz", pages)
    shards.write_c4_json(folder / "c4-train.00001-of-01024.json", pages)
    shards.write_c4_parquet(folder / "c4.parquet", pages, row_group_rows=100)
    shards.write_oscar_2109(folder / "fr_part_1.txt.gz", pages)
    shards.write_oscar_2109(folder / "fr_part_2.txt", pages)
    write_oscar_2201(folder / "fr_2201_part_1.jsonl.gz", pages)
    write_oscar_2201(folder / "fr_2201_part_2.jsonl", pages)
    shards.write_oscar_2301(folder / "fr_2301_part_1.jsonl.zst", pages)
    shards.write_oscar_2301(folder / "fr_2301_part_2.jsonl.gz", pages)
    write_oscar_parquet(folder / "oscar.parquet", pages, row_group_rows=100)
    write_rows_parquet(folder / "fineweb.parquet", pages, row_group_rows=100)
    return [path for path in sorted(folder.iterdir()) if "_meta_" not in path.name]
