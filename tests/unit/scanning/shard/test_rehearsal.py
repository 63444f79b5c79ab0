"""What the driver does before workers read shards: it opens none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.reading import registry
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.shard.kernels import Rehearsal, specimens
from tests.world.corpora import article, build, write_jsonl


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A corpus of one article, and its digest."""
    folder = tmp_path_factory.mktemp("rehearsal")
    manifest = build(folder / "corpus", [write_jsonl(folder / "articles.jsonl", [article(0)])])
    return str(folder / "corpus"), manifest.digest


@pytest.mark.parametrize("format", registry.names())
def test_the_article_is_found_in_what_is_rehearsed_on(
    corpus: tuple[str, str], tmp_path: Path, format: str
) -> None:
    shards = specimens(tmp_path, registry.named(format), article(0)["body"])
    assert shards
    for shard in shards:
        log = ShardScan("auto", *corpus, ScanConfig())(shard).log
        assert (log["error"], log["status"]) == (None, "complete")
        assert (log["documents"], log["matches"]) == (1, 1)


@pytest.mark.parametrize(
    ("name", "formats"),
    [
        ("CC-00000.warc.wet.gz", ["wet"]),
        ("CC-00000.warc.gz", ["warc"]),
        ("000_00000.parquet", ["rows", "rows"]),
        ("shard-17", ["wet", "warc", "rows", "rows"]),
    ],
)
def test_what_is_rehearsed_goes_by_the_name_of_the_first_shard_alone(
    corpus: tuple[str, str], tmp_path: Path, name: str, formats: list[str]
) -> None:
    rehearsal = Rehearsal.like(f"/no/such/{name}", "auto", *corpus, ScanConfig())
    shards = specimens(tmp_path, registry.find(rehearsal.format), article(0)["body"])
    read_as = [ShardScan("auto", *corpus, ScanConfig())(shard).log["format"] for shard in shards]
    assert ["rows" if format == "c4" else format for format in read_as] == formats
