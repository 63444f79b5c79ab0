"""The scale bench measures on tiny data, and its report reckons from what was measured."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks.scale import growth, limits, report, simulation, unattended
from benchmarks.scale.material import Sizes, named, write_copies, write_pages
from benchmarks.speed import articles, result
from benchmarks.speed.reading import ours
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.shingle_index import hash_ranges
from presswatch_spark.reading.warc_format import WET
from tests.world.corpora import Inline

pytestmark = pytest.mark.slow

SIZES = Sizes(rate_pages=60, matching=(0.0, 0.2, 0.5), planned=500)
RUN = {
    "shards": 10,
    "seconds": 2.0,
    "documents": 100,
    "text_megabytes": 1.0,
    "matches": 100,
    "bytes_a_match": 200,
    "worker_private_megabytes": 100,
    "driver_private_megabytes": 100,
    "java_private_megabytes": 100,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scale")
    articles.write_file(folder / "articles.jsonl", 0, 50)
    articles.build_from(folder, [folder / "articles.jsonl"], Inline())
    return folder / "corpus"


@pytest.mark.full
def test_passes_over_a_cut_index_give_the_pairs_of_the_whole(corpus: Path, tmp_path: Path) -> None:
    figures = limits.passes(tmp_path, corpus, SIZES)
    assert figures["same_pairs"]
    assert figures["pairs"] > 0
    index = Corpus.open(str(corpus)).index
    shard = write_pages(tmp_path / "one.warc.wet.gz", 60, 0.05, "passes")
    for hashes in hash_ranges(limits.PASSES):
        assert limits.candidate_pairs(shard, limits.Sieve(index, hashes=hashes))


@pytest.mark.full
def test_more_matches_cost_more(corpus: Path, tmp_path: Path) -> None:
    shares = growth.by_matches(tmp_path, corpus, SIZES)["shares"]
    assert shares[0]["matches"] == 0
    assert 0 < shares[1]["matches"] < shares[2]["matches"]


def test_shards_under_many_names_are_the_same_bytes(tmp_path: Path) -> None:
    made = write_copies(tmp_path / "made.warc.wet.gz", 5, articles.body(0), "copies")
    names = named([made], tmp_path / "names", 3)
    assert {path.read_bytes() for path in names} == {made.read_bytes()}
    assert ours(WET, names[0]) > 0


FURNITURE = {"candidates": 10, "rows": 0, "sieve_microseconds": 1.0, "bytes_a_candidate": 8}


@pytest.mark.full
def test_a_line_of_furniture_is_refused_if_short_and_a_row_of_no_use_if_long(tmp_path: Path) -> None:
    figures = limits.furniture(tmp_path, replace(SIZES, candidates=20_000), Inline())
    short, long = figures["refused"], figures["verified"]
    assert (short["candidates"], short["rows"]) == (20_000, 0)
    assert long["rows"] == long["candidates"] == 2_000


COURSE = {
    "seconds": 300,
    "largest_eta_error": 0.052,
    "megabytes": {who: [3, 1, 2] for who in unattended.ROLES},
    "kills": {"driver": 5, "worker": 9},
}
UNATTENDED = {
    "shards": 100,
    "distinct_shards": 40,
    "stored_megabytes": 500,
    "articles": 1_000,
    "same_digest": True,
    "requests": {"bucket": {"fine": 95, "500": 5}, "site": {"fine": 100, "429": 7}},
    "undisturbed": COURSE,
    "disturbed": COURSE,
}
CHECK = {"shards": 100, "predicted_seconds": 2.0, "seconds": 2.1}
STAGES = {"ends of waves": 40.0, "shards": 30.0, "driver between waves": 20.0, "publication": 10.0}
SIMULATED = [
    {
        "format": form,
        "cores": cores,
        "wave_shards": wave,
        "rows": 1_000,
        "requests_a_second": requests,
        "minutes": minutes,
        "core_hours": 100.0,
        "spent_core_hours": STAGES,
    }
    for form, cores, wave, requests, minutes in (
        ("wet", 64, 1_024, 5_500.0, 30.0),
        ("wet", 1_000, 256, 5_500.0, 20.0),
        ("wet", 1_000, 16_384, 5_500.0, 6.0),
        ("warc", 1_000, 256, 5_500.0, 90.0),
        ("warc", 1_000, 16_384, 5_500.0, 40.0),
        ("wet", 1_000, 16_384, 100.0, 15.0),
    )
]


def test_a_simulated_run_accounts_for_the_time_of_all_cores() -> None:
    ideal = simulation.Cluster(32, request=0.0, requests=1e9, losses_an_hour=0.0)
    seconds, _ = simulation.simulated([5.0] * 2_048, 0, ideal, simulation.Costs(), wave_shards=512)
    assert seconds == pytest.approx(320.0)
    costs = simulation.Costs(fixed=1.0, wave=0.2, shard=0.001, task=0.05, launch=0.003, row=1e-4)
    cluster = simulation.Cluster(32, losses_an_hour=20.0)
    seconds, spent = simulation.simulated([5.0] * 2_048, 9_000, cluster, costs, wave_shards=512)
    assert spent["lost nodes"] > 0
    assert spent["shards"] == pytest.approx(2_048 * 5 + 512 * (0.05 + cluster.request))
    assert spent.total() == pytest.approx((seconds - costs.fixed) * 32)


def test_the_time_left_is_compared_with_the_end_of_the_run() -> None:
    times = [
        (0, "run_started", 0, 0),
        (40, "progress", 32, 10),
        (52, "progress", 20, 16),
        (54, "run_started", 0, 0),
        (60, "progress", None, 12),
        (68, "progress", 30, 16),
        (90, "progress", 13, 20),
        (100, "run_published", 0, 0),
    ]
    events = [
        (float(at), {"event": event, "seconds_left": left, "shards": shards})
        for at, event, left, shards in times
    ]
    course = unattended.Course(0.0, events, [(float(at), at, 2 * at, at) for at in range(100)])
    figures = unattended._figures(course)
    # The kill at 52 cost 16 seconds: until as many shards were read again.
    assert figures["eta_errors"] == [(0.4, -0.12), (0.52, -0.12), (0.68, -0.02), (0.9, 0.03)]
    assert (figures["largest_eta_error"], figures["seconds"]) == (0.12, 100)


@pytest.mark.full
def test_the_report_reckons_what_was_not_run(corpus: Path, tmp_path: Path) -> None:
    found = result.read(tmp_path / "none.json")
    rate = {"articles": 10, "shingles": 1260, "index_megabytes": 0.0252, "corpus_megabytes": 1.0}
    parts = {
        "shards": {
            "runs": [RUN, RUN | {"shards": 40}],
            "seconds_a_shard": 0.1,
            "fixed_seconds": 1.0,
            "seconds_a_wave": 0.5,
            "driver_kilobytes_a_shard": 1.0,
            "java_kilobytes_a_shard": 1.0,
            "in_waves": {"shards": 10, "waves": 4, "seconds": 3},
        },
        "corpus": {"corpora": [rate | {"mb_per_second": 150.0, "ratio": 1.0}]},
        "matches": growth.by_matches(tmp_path, corpus, SIZES),
        "skew": {"runs": [RUN, RUN | {"matches": 1000}], "whole_shard": RUN},
        "passes": limits.passes(tmp_path, corpus, SIZES),
        "furniture": {
            "refused": FURNITURE | {"further_microseconds": 4.0},
            "verified": FURNITURE | {"rows": 10, "further_microseconds": 180.0},
        },
        "plans": limits.plans(SIZES),
    }
    parts["unattended"] = UNATTENDED
    assumed = asdict(simulation.Cluster(1))
    parts["simulation"] = {"checks": [CHECK], "runs": SIMULATED, "assumed": assumed}
    for name, figures in parts.items():
        result.add(found, name, figures, SIZES, 1.0)
    text = report.markdown(json.loads(json.dumps(found)))
    words = " ".join(text.split())
    assert all(f"### {title}\n" in text for title in report.SECTIONS)
    # 10^8 articles of 126 shingles, 20 bytes each, of which 16 are searched, in 64 GB at a time, or in 96.
    assert "= 252 GB of index, of which 202 GB are searched" in words
    assert "In half of 128 GB, that takes 4 passes" in words
    assert "In three quarters of the memory, 3 passes are enough" in words
    assert "`table_digest` was the same" in words
    assert "5 of 200 requests failed, and a host refused 7 others" in words
    assert "and 6.0 on 1,000 (30%), a WARC release 40.0 (30%); in waves of 256 shards, 20.0 and 90.0" in words
    assert "for 30% of those 6.0 minutes, 1,000 cores wait" in words
    assert "If the host answers 100 requests a second, 15.0 minutes" in words
    assert "worker 3 MB (1, 2)" in words
    assert "in sieve and screen, 1.4 core-hours in all" in words


# 100,000 shards have to fit into the GB that a driver has by default. What a run holds of each is some 2 KB;
# what buffers and allocators take until they are full makes as much again at this size, and Java more.
DRIVER_KILOBYTES, JAVA_KILOBYTES = 10, 60


@pytest.mark.full
def test_driver_and_java_take_next_to_nothing_for_one_more_shard(tmp_path: Path, corpus: Path) -> None:
    found = growth.by_tiny_shards(tmp_path, corpus, Sizes(tiny=(1_000, 5_000)))
    assert found["shard_bytes"] < 10_000
    assert [run["shards"] for run in found["runs"]] == [1_000, 5_000]
    assert found["driver_kilobytes_a_shard"] < DRIVER_KILOBYTES
    assert found["java_kilobytes_a_shard"] < JAVA_KILOBYTES
