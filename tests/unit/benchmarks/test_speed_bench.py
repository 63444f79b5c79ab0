"""The speed bench measures on tiny data what it measures on large, and its report holds every part."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed import (
    articles,
    c4,
    costs,
    indexes,
    likeness,
    prose,
    report,
    result,
    rounds,
    signatures,
    verification,
    warc,
    webpages,
    wet,
)
from benchmarks.speed.material import Material, Sizes
from benchmarks.speed.processes import Memory, memory_of
from benchmarks.speed.shards import C4_JSON, C4_PARQUET, CRAWL_SENTENCES, WARC, WET, pages, write_shard
from presswatch_spark.corpus.store import Corpus
from tests.world.corpora import Inline

pytestmark = pytest.mark.slow

TEXT_BYTES = 300_000


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Shards of 300 KB and a corpus of 60 articles, made in this process."""
    folder = tmp_path_factory.mktemp("bench")
    made = Material(
        folder, Sizes(shards=2, rounds=2, pairs=8, shingles=(1_000, 20_000), signature_megabytes=1)
    )
    for name, kind in (("wet", WET), ("c4_json", C4_JSON), ("c4_parquet", C4_PARQUET), ("warc", WARC)):
        paths = [folder / f"{name}-{number}{kind.suffix}" for number in range(2)]
        for number, path in enumerate(paths):
            write_shard(path, kind, number, TEXT_BYTES)
        made.__dict__[name] = paths
    rows = folder / "articles.jsonl"
    articles.write_file(rows, 0, 60)
    articles.build_from(folder, [rows], Inline())
    made.__dict__["corpus"] = folder / "corpus"
    return made


def test_prose_and_pages_cost_what_french_press_costs() -> None:
    draw = prose.random.Random("test")
    ours = prose.describe(" ".join(prose.sentences(draw, 60)).encode() for _ in range(20))
    assert ours["letters_a_word"] == pytest.approx(4.74, abs=0.15)
    assert ours["accented_share_of_letters"] == pytest.approx(0.037, abs=0.005)
    assert ours["gzip_ratio"] == pytest.approx(2.4, abs=0.1)
    bodies = [webpages.response(page, 0).body for page in pages(0, 400_000, CRAWL_SENTENCES)]
    ours = likeness.describe(bodies)
    assert ours["kilobytes_a_page"] == pytest.approx(130, abs=20)
    assert ours["share_of_text"] == pytest.approx(0.092, abs=0.02)
    assert ours["gzip_ratio"] == pytest.approx(5.06, abs=0.3)
    assert ours["tags_a_kilobyte"] == pytest.approx(11.9, abs=1)
    assert ours["share_in_scripts"] == pytest.approx(0.22, abs=0.03)


@pytest.mark.full
def test_an_index_of_any_size_finds_its_articles_and_its_memory_is_told_apart(material: Material) -> None:
    whole = Corpus.open(str(material.padded(20_000)))
    assert len(whole.index.hashes) == 20_000
    assert np.isin(Corpus.open(str(material.corpus)).index.hashes, whole.index.hashes).all()
    assert len(Corpus.open(str(material.padded(1_000))).index.hashes) == 1_000
    import os

    corpus = material.padded(20_000)
    index = Corpus.open(str(corpus)).index
    assert int(index.hashes[::512].max()) > 0
    mapped = memory_of(os.getpid(), corpus / "index")
    assert 0 < mapped.resident < indexes.memory_needed(40_000)
    assert memory_of(os.getpid(), material.folder / "none") == Memory()


@pytest.mark.full
def test_every_part_measures_and_reports(material: Material, tmp_path: Path) -> None:
    found = result.read(tmp_path / "none.json")
    for name, part in (
        ("wet", wet),
        ("c4", c4),
        ("warc", warc),
        ("signatures", signatures),
        ("verify", verification),
    ):
        result.add(found, name, part.measure(material), material.sizes, 1.0)
    result.add(found, "costs", costs.measure(found["parts"]), material.sizes, 0.0)
    result.write(found, tmp_path / "speed.json")
    text = report.markdown(result.read(tmp_path / "speed.json"))
    for title in ("WET", "C4", "WARC", "MinHash signatures", "Verification", "Whole releases"):
        assert f"### {title}\n" in text
    assert "| read + sieve, 2e+04 |" in text
    reckoned = found["parts"]["costs"]["releases"]
    assert all(row["core_hours"] > 0 for row in reckoned)
    hours = {row["name"]: row["core_hours"] for row in reckoned}
    assert "Common Crawl WARC, one crawl, French only" in hours
    (every,) = (found for name in hours if (found := re.search(r"WET, all (\d+) crawls", name)))
    of_all = next(hours[name] for name in hours if every[0] in name)
    assert of_all == pytest.approx(int(every[1]) * hours["Common Crawl WET, one crawl"], rel=0.01)


def test_ratios_are_taken_round_by_round_and_time_is_that_of_all_processes() -> None:
    turns = rounds.Turns(cpu={"a": [1.0, 10.0, 1.0], "b": [2.0, 20.0, 2.0]}, sizes=[10**6] * 3)
    assert turns.ratio("a", "b") == 2.0
    assert turns.rate("b") == 0.5
    busy = (
        "import sys, time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\nsys.stdin.read()"
    )
    before = rounds.processor_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert rounds.processor_seconds() - before > 0.28
