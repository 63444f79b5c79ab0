"""Which shards a sample holds."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.errors import InputError
from presswatch_spark.scanning.sampling.design import draw, stratum_of
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan

CRAWL = "crawl-data/CC-MAIN-2025-33"


def crawl(base: str = "s3://commoncrawl", segments: int = 10, files: int = 100) -> ShardPlan:
    return ShardPlan.of(
        ObjectInfo(f"{base}/{CRAWL}/segments/17{segment:03}.5/wet/CC-{segment:03}-{file:05}.warc.wet.gz")
        for segment in range(segments)
        for file in range(files)
    )


def folder(base: str, count: int = 200) -> ShardPlan:
    return ShardPlan.of(ObjectInfo(f"{base}/c4-train.{number:05}.json.gz") for number in range(count))


def names(shards: ShardPlan) -> list[str]:
    return [shard.uri.rpartition("/")[2] for shard in shards]


def by_stratum(shards: ShardPlan) -> Counter[str]:
    return Counter(stratum_of(shard.uri) for shard in shards)


def test_every_segment_gives_its_share() -> None:
    drawn, strata = draw(crawl(), 0.1, 0)
    assert set(by_stratum(drawn).values()) == {10}
    assert json.loads(strata) == {f"17{segment:03}.5/wet": 100 for segment in range(10)}
    # Fewer shards than segments are of different ones.
    assert set(by_stratum(draw(crawl(), 0.006, 0)[0]).values()) == {1}


def test_the_seed_decides_and_a_smaller_share_is_part_of_a_larger_one() -> None:
    shards = crawl()
    tenth = draw(shards, 0.1, 0)[0]
    assert tenth == draw(shards, 0.1, 0)[0]
    assert len(set(tenth) & set(draw(shards, 0.1, 1)[0])) < 50
    assert set(tenth) < set(draw(shards, 0.17, 0)[0])


def test_segments_are_drawn_independently_of_each_other() -> None:
    same_names = ShardPlan.of(
        ObjectInfo(f"s3://b/data/CC-MAIN-{dump:02}/{file:05}.parquet")
        for dump in range(50)
        for file in range(20)
    )
    drawn = Counter(names(draw(same_names, 0.05, 0)[0]))
    assert sum(drawn.values()) == 50
    assert len(drawn) > 10


def test_the_draw_is_the_same_from_every_mirror() -> None:
    for here, there in (
        (crawl(), crawl("/mnt/mirror")),
        (crawl(), crawl("https://data.commoncrawl.org")),
        (folder("/data/en"), folder("s3://bucket/copies/c4-english")),
    ):
        assert names(draw(here, 0.1, 3)[0]) == names(draw(there, 0.1, 3)[0])


def test_every_shard_comes_up_equally_often() -> None:
    shards = crawl(segments=7, files=9)
    drawn = Counter(name for seed in range(300) for name in names(draw(shards, 0.1, seed)[0]))
    assert sum(drawn.values()) == 1800
    expected = 1800 / 63
    assert all(abs(count - expected) < 5 * expected**0.5 for count in drawn.values())
    assert len(drawn) == 63


def test_at_least_one_and_at_most_all() -> None:
    assert len(draw(crawl(), 1e-9, 0)[0]) == 1
    assert draw(crawl(), 1, 0)[0] == crawl()
    for share in (0, 1.1, -1):
        with pytest.raises(InputError, match="not between 0 and 1"):
            draw(crawl(), share, 0)


@pytest.mark.parametrize(
    ("uri", "stratum"),
    [
        (f"s3://commoncrawl/{CRAWL}/segments/1754.5/wet/x.warc.wet.gz", "1754.5/wet"),
        (f"https://h/{CRAWL}/segments/1754.5/robotstxt/x.warc.gz?sig=a/b", "1754.5/robotstxt"),
        ("/2010/segments/1265/x.arc.gz", "1265"),
        ("s3://bucket/en/c4.json.gz", "en"),
        ("s3://bucket/c4.json.gz", "bucket"),
        ("/x", ""),
    ],
)
def test_what_lies_together_is_a_stratum(uri: str, stratum: str) -> None:
    assert stratum_of(uri) == stratum


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.floats(0.001, 1), st.integers(0, 50))
def test_a_stratum_gives_its_share_rounded_up_or_down(sizes: list[int], share: float, seed: int) -> None:
    shards = ShardPlan.of(
        ObjectInfo(f"/r/{stratum}/{file}") for stratum, size in enumerate(sizes) for file in range(size)
    )
    drawn = by_stratum(draw(shards, share, seed)[0])
    wanted = max(1, round(share * len(shards)))
    assert drawn.total() == wanted
    for stratum, size in enumerate(sizes):
        assert abs(drawn[str(stratum)] - size * wanted / len(shards)) < 2
