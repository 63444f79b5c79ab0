"""What the driver does before workers read shards: it opens none of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.formats import registry
from presswatch_spark.pipeline import ShardScan, shards_listed
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.shard.kernels import Rehearsal, specimens
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.storage.shards import ShardPlan
from tests.corpora import article, build, write_jsonl


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
        log = ShardScan(format, *corpus, ScanConfig())(shard).log
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


def metadata(path: Path) -> ObjectInfo:
    path.write_text(
        '{"headers": {"warc-target-uri": "https://a.example/"}, "offset": 0, "nb_sentences": 1}\n'
    )
    return ObjectInfo(str(path), path.stat().st_size)


@pytest.mark.slow
def test_companions_are_told_by_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_here(*_: Any) -> bool:
        raise AssertionError("the driver looked into a shard")

    monkeypatch.setattr(registry, "is_companion", read_here)
    text = tmp_path / "fr_part_1.txt"
    text.write_text("Une phrase.\n\n")
    shards = [ObjectInfo(str(text), 13), metadata(tmp_path / "fr_meta_part_1.jsonl")]
    listed = shards_listed(ShardPlan(tuple(shards)), "auto", StorageOptions(), None)
    assert [info.uri for info in listed] == [str(text)]


@pytest.mark.slow
def test_a_file_that_ends_the_process_that_looks_into_it_is_a_shard_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = list[int]()

    def dying(files: Any, storage: Any) -> Any:
        started.append(len(files))
        for answer, info in zip(told(files, storage), files, strict=False):
            if info.uri.endswith("killer.jsonl"):
                return
            yield answer

    told = registry._answers
    files = [metadata(tmp_path / f"{name}.jsonl") for name in ("first", "killer", "last")]
    monkeypatch.setattr(registry, "_answers", dying)
    found = registry._confirmed(files, StorageOptions())
    assert {os.path.basename(uri) for uri in found} == {"first.jsonl", "last.jsonl"}
    assert started == [3, 1]
