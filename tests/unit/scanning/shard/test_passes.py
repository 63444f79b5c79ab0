"""A scan in passes, each with a range of the index, gives the rows of one pass, whatever happens between."""

from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.matching.shingle_index import ALL_HASHES, HASHES, hash_ranges, passes_for
from presswatch_spark.matching.sieve import Candidates, joined
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.scanning.shard.attempts import KEPT, KEPT_COLUMNS, UNKEPT, Pass, name_of_kept
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions, stat
from presswatch_spark.tables.seals import sealed_parquet
from tests.world.corpora import article, corpus_of
from tests.world.proofs import each_time
from tests.world.scanned import FORMS, ONE_OF_EACH_FORMAT, press, rows_in, shard_scan, some_pages

ARTICLES, COUNTS = 300, (2, 3, 7)
# What depends on the moment, not on the shard.
OF_THE_MOMENT = ("started_at", "seconds", "stages")


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> ShardScan:
    """The scan for articles of several publishers, some of which have the same text."""
    titles = ("courrier", "rivage", "hebdo")
    sources = [source.body for source in (*press(), *press()[:5])]
    rows = [
        article(number, title_id=titles[number % 3], **({"body": body} if body else {}))
        for number, body in zip_longest(range(ARTICLES), sources)
    ]
    return shard_scan(corpus_of(tmp_path_factory.mktemp("press"), rows))


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    FORMS["a.warc.wet.gz"](tmp_path / "a.warc.wet.gz", some_pages())
    return tmp_path / "a.warc.wet.gz"


def keep(scan: ShardScan, path: Path, part: Pass) -> Outcome:
    """Read a shard in a pass before the last, and keep what it found."""
    outcome = replace(scan, part=part)(stat(str(path), StorageOptions()))
    part.kept.write(name_of_kept(str(path)), sealed_parquet(outcome.tables[KEPT], KEPT_COLUMNS))
    return outcome


def passes(folder: Path, count: int) -> list[Pass]:
    return [Pass(number, count, Folder.of(str(folder), StorageOptions())) for number in range(count)]


def scanned(scan: ShardScan, path: Path, part: Pass | None = None) -> tuple[list[Any], dict[str, Any]]:
    """The rows and the log of a shard, in one pass or in the last of several."""
    outcome = replace(scan, part=part)(stat(str(path), StorageOptions()))
    return rows_in(outcome), {name: value for name, value in outcome.log.items() if name not in OF_THE_MOMENT}


@pytest.mark.parametrize("name", each_time(ONE_OF_EACH_FORMAT[:2], FORMS))
def test_every_format_gives_the_same_rows_and_log_in_any_number_of_passes(
    scan: ShardScan, tmp_path: Path, name: str
) -> None:
    FORMS[name](tmp_path / name, some_pages())
    expected = scanned(scan, tmp_path / name)
    assert len({row["article_id"] for row in expected[0]}) > 10
    assert {row["ownership"] for row in expected[0]} >= {"exclusive", "shared"}
    for count in COUNTS:
        *earlier, last = passes(tmp_path / str(count), count)
        found = [keep(scan, tmp_path / name, part).log["matches"] for part in earlier]
        assert found == [0] * (count - 1), "only the last pass gives rows"
        assert scanned(scan, tmp_path / name, last) == expected


def test_no_pass_alone_finds_all_candidates(scan: ShardScan, shard: Path, tmp_path: Path) -> None:
    every = scanned(scan, shard)[1]["candidates"]
    for part in passes(tmp_path, 7)[:-1]:
        (table,) = keep(scan, shard, part).tables[KEPT]
        kept = sum(map(len, table["candidate_documents"].to_pylist()))
        assert 0 < kept < every


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("loss", [Path.unlink, damage, lambda path: path.write_bytes(b"")])
def test_what_an_earlier_pass_lost_is_looked_up_in_the_whole_index(
    scan: ShardScan, shard: Path, tmp_path: Path, loss: Callable[[Path], object]
) -> None:
    expected, log = scanned(scan, shard)
    *earlier, last = passes(tmp_path, 3)
    for part in earlier:
        keep(scan, shard, part)
    loss(earlier[0].kept.path / name_of_kept(str(shard)))
    assert scanned(scan, shard, last) == (expected, log | {"note": UNKEPT})


def test_a_shard_that_is_another_by_the_last_pass_gives_the_rows_of_what_it_is_then(
    scan: ShardScan, shard: Path, tmp_path: Path
) -> None:
    *earlier, last = passes(tmp_path, 3)
    for part in earlier:
        keep(scan, shard, part)
    FORMS[shard.name](shard, some_pages(30, seed=2))
    assert scanned(scan, shard, last)[0] == scanned(scan, shard)[0] != []


def test_a_pass_that_read_less_than_the_last_one_misses_nothing(
    scan: ShardScan, shard: Path, tmp_path: Path
) -> None:
    expected, whole = scanned(scan, shard)[0], shard.read_bytes()
    *earlier, last = passes(tmp_path, 2)
    shard.write_bytes(whole[: len(whole) // 2])
    assert keep(scan, shard, earlier[0]).log["status"] == "partial"
    shard.write_bytes(whole)
    assert scanned(scan, shard, last)[0] == expected


def test_an_audit_of_the_gate_is_the_same_in_passes(scan: ShardScan, shard: Path, tmp_path: Path) -> None:
    FORMS[shard.name](shard, some_pages(60))
    config = ScanConfig(read=ReadRules(languages=("oci",)), run=RunRules(gate_audit=1.0))
    audited = replace(scan, config=config)
    rows, log = scanned(audited, shard)
    *earlier, last = passes(tmp_path, 3)
    for part in earlier:
        keep(audited, shard, part)
    assert scanned(audited, shard, last) == (rows, log)
    assert log["gate_matching"] > 0


@given(st.integers(1, 50), st.integers(0, HASHES - 1))
def test_every_hash_lies_in_one_range(count: int, value: int) -> None:
    ranges = hash_ranges(count)
    if count == 1:
        assert ranges == [ALL_HASHES]
        return
    assert sum(width for _, width in ranges) == HASHES
    assert sum((value - first) % HASHES < width for first, width in ranges) == 1


def test_passes_are_as_few_as_memory_allows() -> None:
    assert [passes_for(100, memory) for memory in (None, 1000, 100, 99, 50, 34, 33, 0.5)] == [
        1, 1, 1, 2, 2, 3, 4, 200,
    ]  # fmt: skip
    assert passes_for(0, 1) == 1


def test_pairs_that_several_passes_found_are_joined_once_and_in_order() -> None:
    parts = [
        Candidates(np.array(documents, np.int32), np.array(articles, np.uint32), 7)
        for documents, articles in (([0, 2], [5, 4_000_000_000]), ([0, 0, 1], [3, 5, 1]), ([], []))
    ]
    found = joined(parts)
    pairs = list(zip(found.documents.tolist(), found.articles.tolist(), strict=True))
    assert pairs == [(0, 3), (0, 5), (1, 1), (2, 4_000_000_000)]
    assert (found.documents.dtype, found.articles.dtype, found.words) == (np.int32, np.uint32, 7)
