"""The shards of a sample, and what a published sample says of its release."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from presswatch_spark.cli.commands.tables import HEADERS, HEADLINES
from presswatch_spark.core.errors import InputError
from presswatch_spark.query.estimates import estimate_of
from presswatch_spark.scanning import pipeline, sampling
from presswatch_spark.scanning.sampling import (
    Design,
    Estimated,
    SampleEstimate,
    Stratum,
    cautious,
    design_of,
    draw,
    freedom,
    most_files,
    most_share,
    stratum_of,
    totals,
)
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.tables.declarations import ShardLog
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome, presswatch
from tests.world.proofs import each_time
from tests.world.sampling import occurrences
from tests.world.tables import match, publish, row_of, summary_of, write

RUN = "20261125T120000Z-aaaaaa"
LISTED = 100
"""Shards of each segment."""


def uri(segment: int, file: int) -> str:
    return f"s3://commoncrawl/crawl-data/CC-MAIN-2025-33/segments/{segment}/wet/{file:05}.warc.wet.gz"


def log(segments: int = 3, files: int = 10, missing: int = 0) -> list[dict[str, Any]]:
    """Rows of `scan_log`: so many shards of each segment, the last `missing` ones partial."""
    uris = [uri(segment, file) for segment in range(segments) for file in range(files)]
    return [
        row_of(
            ShardLog,
            run_id=RUN,
            shard_uri=name,
            status="complete" if place < len(uris) - missing else "partial",
            documents=100,
            text_bytes=1000,
        )
        for place, name in enumerate(uris)
    ]


def run_row(segments: int = 3, **facts: Any) -> dict[str, Any]:
    strata = json.dumps({f"{segment}/wet": LISTED for segment in range(segments)})
    return {
        "run_id": RUN,
        "sample": 0.1,
        "sample_seed": 0,
        "sample_strata": strata,
        "shards_listed": segments * LISTED,
    } | facts


def published(
    tables: Path, matches: list[dict[str, Any]], lines: list[dict[str, Any]], **facts: Any
) -> TableStore:
    """The tables of a run that read a sample."""
    row = run_row(facts.pop("segments", 3), **facts)
    publish(tables, RUN, matches, **{name: value for name, value in row.items() if name != "run_id"})
    store = TableStore.open(str(tables))
    write(store, "scan_log", RUN, lines, ShardLog.schema)
    return store


def found(segment: int, file: int, article: str | None, place: int = 0, **values: Any) -> dict[str, Any]:
    return match(
        article,
        f"https://x.example/{segment}/{file}/{place}",
        shard_uri=uri(segment, file),
        record_offset=place,
        **({"confidence": "C"} | values),
    )


def by_name(estimate: SampleEstimate, of: str | None = None) -> dict[str, Estimated]:
    return {measure.measure: measure for measure in estimate.measures if measure.of == of}


class TestTotals:
    def test_a_total_is_the_mean_of_each_stratum_times_its_size(self) -> None:
        one, other = np.arange(20.0)[:, None], np.full((30, 1), 4.0)
        estimated = totals([Stratum(one, 200), Stratum(other, 60)], 0)
        assert estimated.seen == pytest.approx(190 + 120)
        assert estimated.estimate == pytest.approx(200 * 9.5 + 60 * 4)

    def test_of_many_files_alike_in_law_the_interval_is_the_normal_one(self) -> None:
        values = np.random.default_rng(1).normal(100, 10, (2000, 1))
        estimated = totals([Stratum(values, 10_000)], 0)
        assert estimated.high == totals([Stratum(values, 10_000)], 0).high, "the seed decides"
        assert estimated.high != totals([Stratum(values, 10_000)], 1).high
        error = 10_000 * np.sqrt((1 - 0.2) / 2000) * values.std(ddof=1)
        assert (estimated.estimate - estimated.low) / error == pytest.approx(1.81, abs=0.15)
        assert (estimated.high - estimated.estimate) / error == pytest.approx(2.24, abs=0.15)

    def test_what_was_read_whole_has_no_interval(self) -> None:
        values = np.random.default_rng(1).poisson(3, (40, 2)).astype(float)
        estimated = totals([Stratum(values, 40)], 0)
        for limit in (estimated.low, estimated.high, estimated.estimate):
            assert limit == pytest.approx(values.sum(axis=0))

    def test_a_stratum_that_was_read_whole_adds_nothing_to_the_doubt(self) -> None:
        rng = np.random.default_rng(1)
        part = Stratum(rng.poisson(3, (40, 1)).astype(float), 900)
        whole = Stratum(rng.lognormal(3, 2, (40, 1)), 40)
        alone, both = totals([part], 0), totals([part, whole], 0)
        for limit, of_both in ((alone.low, both.low), (alone.high, both.high)):
            assert of_both == pytest.approx(limit + whole.values.sum())

    def test_strata_that_differ_make_no_interval_wider_and_one_stratum_of_them_does(self) -> None:
        rng = np.random.default_rng(1)
        strata = [Stratum(rng.poisson(mean, (20, 1)).astype(float), 2000) for mean in (1, 50, 100, 400)]
        apart = totals(strata, 0)
        mixed = totals([Stratum(np.concatenate([one.values for one in strata]), 8000)], 0)
        assert apart.estimate == pytest.approx(mixed.estimate)
        assert (mixed.high - mixed.low) > 5 * (apart.high - apart.low)

    def test_the_upper_side_of_skewed_counts_is_the_longer_one(self) -> None:
        values = np.random.default_rng(1).lognormal(0, 1.5, (100, 1))
        estimated = totals([Stratum(values, 10_000)], 0)
        assert (estimated.high - estimated.estimate) > 1.5 * (estimated.estimate - estimated.low)

    def test_a_variance_that_few_files_make_up_has_few_degrees_of_freedom(self) -> None:
        rng = np.random.default_rng(1)
        alike, one = rng.normal(100, 10, (4000, 1)), np.zeros((4000, 1))
        one[0] = 1
        both = [Stratum(alike, 10_000), Stratum(rng.normal(100, 10, (4000, 1)), 10_000)]
        assert freedom(both[:1]) == pytest.approx(3999, rel=0.15)
        assert freedom(both) == pytest.approx(7998, rel=0.15)
        assert freedom([Stratum(one, 10_000)]) == pytest.approx(2, rel=0.01)
        assert freedom([Stratum(np.ones((20, 1)), 900)]) == 0

    def test_where_few_files_make_up_the_variance_the_upper_limit_is_farther_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rng = np.random.default_rng(1)
        alike, heavy = rng.normal(100, 10, 1000), rng.lognormal(0, 2, 1000) * (rng.random(1000) < 0.05)
        stratum = Stratum(np.column_stack([alike, heavy]), 100_000)
        upper = totals([stratum], 0)
        monkeypatch.setattr(sampling, "freedom", lambda strata: np.full(2, np.inf))
        as_if_known = totals([stratum], 0)
        ratio = (upper.high - upper.estimate) / (as_if_known.high - as_if_known.estimate)
        assert ratio[0] == pytest.approx(1, abs=0.02)
        assert ratio[1] > 1.15
        assert (upper.low == as_if_known.low).all()

    def test_of_what_few_files_have_no_upper_limit_is_claimed(self) -> None:
        values = np.zeros((100, 3))
        values[:6, 0], values[:7, 1] = 7, 7
        estimated = totals([Stratum(values, 1000)], 0)
        assert estimated.high[0] == np.inf
        assert estimated.low[0] == 42
        assert np.isfinite(estimated.high[1])
        assert (estimated.estimate[2], estimated.files.tolist()) == (0, [6, 7, 0])

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(
                arrays(np.float64, (20, 2), elements=st.integers(0, 9).map(float)), st.integers(20, 900)
            ),
            min_size=1,
            max_size=3,
        )
    )
    def test_limits_hold_what_was_seen_and_the_estimate(self, drawn: list[tuple[Any, int]]) -> None:
        estimated = totals([Stratum(values, size) for values, size in drawn], 0)
        tolerance = 1e-6
        assert (estimated.seen <= estimated.low + tolerance).all()
        assert (estimated.low <= estimated.estimate + tolerance).all()
        assert (estimated.estimate <= estimated.high + tolerance).all()


def test_the_limit_of_files_is_that_of_poisson() -> None:
    # Garwood's limits, as in tables of them.
    for count, limit in ((0, 3.689), (1, 5.572), (4, 10.242), (30, 42.827)):
        assert most_files(count, 1.0) == pytest.approx(limit, abs=0.001)
    assert most_files(0, 0.01) == pytest.approx(368.9, abs=0.1)


class TestDesign:
    def test_small_strata_are_put_together_with_their_neighbours(self) -> None:
        design = design_of(run_row(5), log(5, 8))
        assert [(size, len(positions)) for size, positions in design.groups] == [(500, 40)]
        design = design_of(run_row(6), log(6, 10))
        assert [(size, len(positions)) for size, positions in design.groups] == [(200, 20)] * 3
        assert sorted(place for _, places in design.groups for place in places) == list(range(60))

    def test_every_shard_of_the_release_is_represented_and_one_not_read_is_missing(self) -> None:
        row = run_row(sample_strata=json.dumps({"0/wet": 500, "1/wet": 70, "2/wet": 1000, "none/wet": 3}))
        design = design_of(row, log(3, 21))
        assert (sum(size for size, _ in design.groups), design.strata) == (1573, 4)
        design = design_of(run_row(), log(3, 20, missing=3))
        assert (len(design.files), design.missing, design.missing_share) == (57, 3, 0.05)
        assert sum(size for size, _ in design.groups) == 300
        # An older version drew from all alike.
        design = design_of(run_row(sample_strata=None, sample_seed=None), log(3, 10))
        assert (design.strata, [size for size, _ in design.groups]) == (1, [300])

    @pytest.mark.parametrize(
        ("row", "lines", "told"),
        [
            (run_row(), log(3, 20, 4), r"4 of 60 drawn shards were not read.*more than 5% missing"),
            (run_row(1), log(1, 19), r"19 shards are too few .*requires 20.*larger --sample"),
            (run_row(), [*log(3, 10), *log(1, 1)], "cannot be distinguished by their names"),
            (run_row(sample=None), log(), "read no sample"),
            (run_row(2), log(3, 10), "does not contain the stratum 2/wet"),
        ],
        ids=["missing", "few", "one name", "a whole run", "an unknown stratum"],
    )
    def test_what_gives_no_estimate_is_refused(
        self, row: dict[str, Any], lines: list[dict[str, Any]], told: str
    ) -> None:
        with pytest.raises(InputError, match=told):
            design_of(row, lines)


@pytest.mark.parametrize(
    ("pairs", "articles"),
    [
        ([(0, 3), (0, 4), (1, 3), (2, 9)], 3 + 2 / (2 * 2 * 10 / 9 + 2 / 9)),
        # Without any seen once or at all there are no more.
        ([(0, 3), (0, 4)], 1),
        ([], 0),
    ],
)
def test_the_cautious_estimate_of_articles_is_that_of_chao_and_lin(
    pairs: list[tuple[int, int]], articles: float
) -> None:
    ids, files = np.array(pairs, np.int64).reshape(-1, 2).T
    design = Design(100, tuple(map(str, range(10))), 0, 1, ((100, tuple(range(10))),))
    assert cautious(occurrences(ids, files, 10), design) == pytest.approx(articles)


class TestTables:
    def test_counts_become_totals_of_the_release(self, tmp_path: Path) -> None:
        rows = [
            found(segment, file, f"a{segment}-{file}", grade="full_copy", confidence="A")
            for segment in range(3)
            for file in range(10)
        ]
        rows += [found(0, file, None, 1, grade="url_only", own_site=True) for file in range(6)]
        rows += [found(0, 0, "other", 0)]
        rows += [found(1, file, "nowhere", 2, own_site=None) for file in range(7)]
        estimated = by_name(estimate_of(published(tmp_path / "tables", rows, log()), RUN))
        assert (estimated["documents"].seen, estimated["documents"].estimate) == (3000, 30_000)
        assert estimated["documents"].low == estimated["documents"].high == pytest.approx(30_000)
        assert estimated["bytes of text"].estimate == pytest.approx(300_000)
        assert (estimated["matches"].seen, estimated["matches"].estimate) == (44, pytest.approx(440))
        assert estimated["matches, confidence A"].estimate == pytest.approx(300)
        seen = {name: each.seen for name, each in estimated.items() if name.startswith("documents with")}
        of_sites = {"own sites": 6, "elsewhere": 30, "site unknown": 7}
        expected = {f"documents with matches, {site}": count for site, count in of_sites.items()}
        assert seen == {"documents with matches": 43, **expected}
        assert estimated["matches, grade full_copy"].seen == 30
        assert estimated["documents with matches, own sites"].files == 6
        none = estimated["matches, grade partial_copy"]
        assert (none.high, none.files_high) == (None, 36)

    def test_articles_are_counted_once_and_lie_between_seen_and_all_occurrences(self, tmp_path: Path) -> None:
        rows = [found(segment, file, "everywhere") for segment in range(3) for file in range(10)]
        rows += [found(0, file, f"a{file}", 1, confidence="B") for file in range(8)]
        estimated = by_name(estimate_of(published(tmp_path / "tables", rows, log()), RUN))
        articles = estimated["articles"]
        assert (articles.seen, articles.low, articles.files) == (9, 9, 30)
        assert articles.high is not None
        assert 9 + 8 * 9 < articles.high < 9 + 8 * 9 * 4
        assert articles.low <= articles.estimate <= articles.high
        assert estimated["articles, confidence A or B"].seen == 8

    def test_there_are_no_more_articles_than_the_corpus_has(self, tmp_path: Path) -> None:
        rows = [found(0, file, f"a{file}") for file in range(8)]
        rows += [found(1, 0, "rare", confidence="A")]
        store = published(tmp_path / "tables", rows, log(), corpus_articles=20)
        estimated = by_name(estimate_of(store, RUN))
        assert (estimated["articles"].seen, estimated["articles"].high) == (9, 20)
        assert estimated["articles, confidence A or B"].high == 20
        assert estimated["matches, confidence A"].high is None

    def test_titles_and_publishers_are_told_apart(self, tmp_path: Path) -> None:
        rows = [found(0, file, f"a{file}", title_id=f"t{file % 2}") for file in range(10)]
        store = published(tmp_path / "tables", rows, log())
        estimated = estimate_of(store, RUN, "title_id")
        assert by_name(estimated, "t1")["matches"].estimate == pytest.approx(50)
        assert by_name(estimated, "t0")["articles"].seen == 5
        assert by_name(estimated)["matches"].seen == 10
        assert {measure.of for measure in estimate_of(store, RUN, "publisher_id").measures} == {None, "p"}

    def test_what_an_unread_shard_holds_is_no_part_of_it_and_widens_the_limits(self, tmp_path: Path) -> None:
        lines = log(3, 20, missing=1)
        rows = [found(segment, file, "a") for segment in range(3) for file in range(20)]
        estimated = estimate_of(published(tmp_path / "tables", rows, lines), RUN)
        assert (estimated.read, estimated.missing) == (59, 1)
        matches = by_name(estimated)["matches"]
        assert (matches.seen, matches.estimate) == (59, pytest.approx(300))
        assert (matches.low, matches.high) == (pytest.approx(295), pytest.approx(305))
        told = presswatch("estimate", tmp_path / "tables", "--lang", "fr")
        assert "lecture inachevée de 1 fichier tiré au sort :" in told

    def test_the_command_prints_a_table_and_json(self, tmp_path: Path) -> None:
        rows = [found(segment, file, f"a{file}") for segment in range(3) for file in range(10)]
        published(tmp_path / "tables", rows, log())
        lines = presswatch("estimate", tmp_path / "tables").splitlines()
        assert lines[0].startswith(
            f"run {RUN}: 30 of 300 shards read to their end, drawn in 3 segments or folders"
        )
        assert lines[1].startswith("fewer than 1,000 shards were read: ")
        assert lines[2].split() == " ".join(HEADERS).split()
        assert [line.split()[-5:] for line in lines if line.startswith("matches  ")] == [
            ["30", "300", "300", "300", "30"]
        ]
        assert [line.split()[-2:] for line in lines if line.startswith("matches, confidence A")] == [
            ["?", "0"]
        ]
        printed = presswatch("estimate", tmp_path / "tables", "--json", "--by", "title")
        told = [json.loads(line) for line in printed.splitlines()]
        assert {row["of"] for row in told} == {None, "t"}
        assert {(row["run_id"], row["listed"], row["read"], row["missing"]) for row in told} == {
            (RUN, 300, 30, 0)
        }

    def test_a_scan_of_a_sample_ends_with_the_main_totals(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [found(segment, file, f"a{file}") for segment in range(3) for file in range(10)]
        published(tmp_path / "tables", rows, log())
        row = dict.fromkeys(("documents_skipped", "text_bytes", "matches", "documents", "shards_planned"), 0)
        row |= run_row() | {"table_digest": "abc"}
        monkeypatch.setattr(pipeline.ScanPlan, "of", lambda *_, **__: None)
        monkeypatch.setattr(pipeline, "scan", lambda *_, **__: summary_of(row))
        tables = str(tmp_path / "tables")
        said = presswatch("scan", "--corpus", "c", "--out", tables, "--sample", "0.1", "x.wet.gz")
        for headline in HEADLINES:
            assert f"\n{headline}  " in said
        assert "\nmatches, grade" not in said
        assert f"\nall estimates: presswatch estimate {tables} --run {RUN}\n" in said

    def test_the_command_refuses_what_is_no_sample(self, tmp_path: Path) -> None:
        publish(tmp_path / "tables", RUN, [])
        said = outcome("estimate", tmp_path / "tables", "--run", RUN)
        assert (said.code, "read no sample" in said.err) == (1, True)


def document(row: dict[str, Any]) -> tuple[Any, ...]:
    """A record of a shard, or its URL where its place is not known."""
    place = row["record_offset"], row["row_index"]
    return row["shard_uri"], *((row["record_id"], row["document_url"]) if place == (None, None) else place)


def test_counts_are_those_of_a_plain_reading(tmp_path: Path) -> None:
    chance = np.random.default_rng(20261201)
    lines = log(3, 10, missing=1)
    rows = []
    for number in range(400):
        place = int(chance.integers(0, 30))
        row = found(place // 10, place % 10, f"a{chance.integers(0, 60)}", int(chance.integers(0, 9)))
        row |= {"article_id": None} if number % 9 == 0 else {}
        row |= {"record_offset": None, "record_id": f"r{number % 5}"} if number % 7 == 0 else {}
        row |= {"confidence": "ABCD"[number % 4], "own_site": (True, False, None)[number % 3]}
        rows.append(row | {"title_id": f"t{number % 2}"})
    store = published(tmp_path / "tables", rows, lines)
    read = {line["shard_uri"] for line in lines if line["status"] == "complete"}
    for of in (None, "t0", "t1"):
        wanted = [row for row in rows if row["shard_uri"] in read and of in (None, row["title_id"])]
        estimated = by_name(estimate_of(store, RUN, "title_id"), of)

        assert estimated["matches"].seen == len(wanted)
        assert estimated["documents with matches"].seen == len(set(map(document, wanted)))
        for name, own in (("own sites", True), ("elsewhere", False), ("site unknown", None)):
            chosen = [row for row in wanted if row["own_site"] is own]
            assert estimated[f"documents with matches, {name}"].seen == len(set(map(document, chosen)))
        for name, letters in (("articles", "ABCD"), ("articles, confidence A or B", "AB")):
            pairs = {(row["article_id"], row["shard_uri"]) for row in wanted
                     if row["article_id"] and row["confidence"] in letters}  # fmt: skip
            assert estimated[name].seen == len({article for article, _ in pairs})
            assert estimated[name].files == len({uri for _, uri in pairs})


# The bounds of Clopper and Pearson.


@pytest.mark.parametrize(
    ("found", "drawn", "confidence", "known"),
    [
        (0, 100, 0.95, 0.0295),
        (0, 1000, 0.95, 0.0030),
        (1, 20, 0.975, 0.2487),
        (10, 20, 0.975, 0.7280),
    ],
)
def test_bounds_are_those_of_tables(found: int, drawn: int, confidence: float, known: float) -> None:
    assert most_share(found, drawn, confidence) == pytest.approx(known, abs=5e-5)
    # With none found, there is a closed form.
    assert most_share(0, drawn, 0.95) == pytest.approx(1 - 0.05 ** (1 / drawn), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drawn", "share"), each_time([(60, 0.1)], [(60, 0.1), (300, 0.001), (300, 0.02), (300, 0.3)])
)
def test_a_bound_is_right_at_least_as_often_as_it_says(drawn: int, share: float) -> None:
    found_often = (math.comb(drawn, k) * share**k * (1 - share) ** (drawn - k) for k in range(drawn + 1))
    right = math.fsum(p for k, p in enumerate(found_often) if most_share(k, drawn, 0.95) >= share)
    assert 0.95 <= right <= 1


# --- the draw

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
    for seed in (-1, 1 << 63):
        with pytest.raises(InputError, match="the seed"):
            draw(crawl(), 0.5, seed)


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
