"""The promise, on real press: every pair with a common run of 11 words, no other, in every format."""

import json
from collections import defaultdict
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from tests.reference.pairs import pairs_with_common_run
from tests.spark.press import Scanner
from tests.world.corpora import article, corpus_of
from tests.world.scanned import FORMS
from tests.world.shards import write_oscar_2201

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
    corpus = corpus_of(folder, (article(0, article_id=name, body=body) for name, body in articles.items()))
    write_all_formats(folder / "shards", documents)
    done = Scanner(spark, corpus, folder)(folder / "shards", dataset="auto")
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
    found = [Page(url, text) for url, text in documents.items()]
    # The text of a page in WARC is extracted: other words may be in it.
    texts = {name: write for name, write in FORMS.items() if name not in ("pages.warc.gz", "plain.warc")}
    more = {"fr_part_6.jsonl": write_oscar_2201, "fr_part_7.jsonl.gz": shards.write_oscar_2301}
    for name, write in {**texts, **more}.items():
        write(folder / name, found)
    return [path for path in sorted(folder.iterdir()) if "_meta_" not in path.name]
