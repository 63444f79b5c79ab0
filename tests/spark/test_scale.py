"""What the driver and the JVM take does not grow with the number of shards."""

from pathlib import Path

import pytest

from benchmarks.scale.growth import by_tiny_shards
from benchmarks.scale.material import Sizes

# 100,000 shards have to fit into the GB that a driver has by default. What a run holds of each is some 2 KB;
# what buffers and allocators take until they are full makes as much again at this size, and Java more.
DRIVER_KILOBYTES, JAVA_KILOBYTES = 10, 60


@pytest.mark.full
def test_driver_and_java_take_next_to_nothing_for_one_more_shard(tmp_path: Path, corpus: Path) -> None:
    found = by_tiny_shards(tmp_path, corpus, Sizes(tiny=(1_000, 5_000)))
    assert found["shard_bytes"] < 10_000
    assert [run["shards"] for run in found["runs"]] == [1_000, 5_000]
    assert found["driver_kilobytes_a_shard"] < DRIVER_KILOBYTES
    assert found["java_kilobytes_a_shard"] < JAVA_KILOBYTES
