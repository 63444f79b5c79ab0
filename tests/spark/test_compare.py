"""Comparing runs: what a lawyer may say of a copy that was found before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.errors import InputError, OutputError
from presswatch_spark.queries.compare import compare
from presswatch_spark.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.tables.schemas.derived_tables import COMPARISON
from presswatch_spark.tables.schemas.scan_tables import RUNS, SCAN_LOG
from presswatch_spark.tables.store import TableStore
from tests.tables import match, publish, row_of, write


def compared(tmp_path: Path, **after: Any) -> list[dict[str, Any]]:
    """Statuses of a pair that stayed, one that went, and one that came."""
    first = [match("a", "https://x.example/stays"), match("a", "https://x.example/goes")]
    second = [match("a", "https://x.example/stays", grade="full_copy"), match("b", "https://x.example/comes")]
    publish(tmp_path / "tables", "r1", first, release="CC-MAIN-2024-10")
    publish(tmp_path / "tables", "r2", second, **after)
    compare(str(tmp_path / "tables"), "r1", "r2", str(tmp_path / "out"))
    table = pq.read_table(tmp_path / "out" / "comparison")
    assert table.schema.names == COMPARISON.names
    return sorted(table.to_pylist(), key=lambda row: str(row["document_url"]))


def test_copies_are_gone_still_there_or_new(spark: SparkSession, tmp_path: Path) -> None:
    rows = compared(tmp_path, release="CC-MAIN-2024-22")
    assert [(row["document_url"][-5:], row["status"], row["doubt"]) for row in rows] == [
        ("comes", "new", None),
        ("/goes", "gone", None),
        ("stays", "still_there", None),
    ]
    assert rows[1]["before"]["grade"] == "extract"
    assert rows[1]["after"] is None
    assert (rows[2]["before"]["grade"], rows[2]["after"]["grade"]) == ("extract", "full_copy")


@pytest.mark.parametrize(
    ("after", "doubt"),
    [
        ({"shards_complete": 2}, "the after run did not read 1 of 3 shards to their end"),
        ({"corpus_digest": "other"}, "the runs had different corpora"),
        ({"dataset": "c4"}, "the runs read different kinds of datasets"),
        ({"documents": 0}, "the after run read no document"),
        ({"shards_planned": 0, "shards_complete": 0}, "the after run has no shards"),
    ],
)
def test_absence_is_not_said_where_it_is_not_known(
    spark: SparkSession, tmp_path: Path, after: dict[str, Any], doubt: str
) -> None:
    rows = compared(tmp_path, **after)
    assert [(row["status"], row["doubt"]) for row in rows] == [
        ("new", None),
        ("unknown", doubt),
        ("still_there", None),
    ]


@pytest.mark.parametrize(
    ("before", "after", "doubt"),
    [
        # The same three files, from a mirror.
        (["/a/0.gz", "/b/0.gz", "/b/1.gz"], ["/c/0.gz", "/d/0.gz", "/d/1.gz"], None),
        # Another file in the place of one of two that have the same name.
        (["/a/0.gz", "/b/0.gz", "/b/1.gz"], ["/a/0.gz", "/b/2.gz", "/b/1.gz"], "did not read 1 shard that"),
        # `?id=1` and its like, which tables never show.
        (
            ["/file", "/file", "/file"],
            ["/file", "/file", "/file"],
            "2 shards of the before run have the name of",
        ),
    ],
)
def test_absence_is_not_said_where_shards_cannot_be_told_apart_by_their_names(
    spark: SparkSession, tmp_path: Path, before: list[str], after: list[str], doubt: str | None
) -> None:
    publish(tmp_path / "tables", "r1", [match("a", "https://x.example/goes")])
    publish(tmp_path / "tables", "r2", [])
    for run_id, paths in (("r1", before), ("r2", after)):
        log = [row_of(SCAN_LOG, run_id=run_id, shard_uri=f"https://m.example{path}") for path in paths]
        write(TableStore.open(str(tmp_path / "tables")), "scan_log", run_id, log, SCAN_LOG)
    compare(str(tmp_path / "tables"), "r1", "r2", str(tmp_path / "out"))
    (row,) = pq.read_table(tmp_path / "out" / "comparison").to_pylist()
    assert row["status"] == ("unknown" if doubt else "gone")
    assert (doubt or "") in (row["doubt"] or "")


def test_other_settings_leave_absence_unsaid(spark: SparkSession, tmp_path: Path) -> None:
    settings = json.loads(row_settings(ScanConfig(), MinHashRules()))
    settings["grade"]["min_run_words"] = 20
    publish(tmp_path, "r1", [match("a", "https://x.example/1")])
    publish(tmp_path, "r2", [])
    store = TableStore.open(str(tmp_path))
    run = store.read("runs", "r2").to_pylist()[0] | {"config": json.dumps(settings)}
    write(store, "runs", "r2", [run], RUNS)
    summary = compare(str(tmp_path), "r1", "r2", str(tmp_path / "out"))
    assert summary.doubt == "the runs had different settings"
    assert summary.counts == {"gone": 0, "still_there": 0, "new": 0, "unknown": 1}


def test_a_run_over_another_subset_says_nothing_of_the_copies_of_the_first(
    spark: SparkSession, tmp_path: Path
) -> None:
    warc, wet, robotstxt = (
        f"s3://commoncrawl/crawl-data/CC-MAIN-{release}/segments/1.2/{subset}/a.gz"
        for release, subset in (("2024-51", "warc"), ("2024-51", "wet"), ("2025-05", "robotstxt"))
    )
    text = robotstxt.replace("robotstxt", "wet")
    found = [
        match("a", "https://x.example/1", shard_uri=warc),
        match("b", "https://x.example/2", shard_uri=wet),
    ]
    publish(tmp_path, "r1", found, release="CC-MAIN-2024-51")
    publish(tmp_path, "r2", [], release="CC-MAIN-2025-05")
    for run_id, shards in (("r1", (warc, wet)), ("r2", (robotstxt, text))):
        log = [row_of(SCAN_LOG, run_id=run_id, shard_uri=uri) for uri in shards]
        write(TableStore.open(str(tmp_path)), "scan_log", run_id, log, SCAN_LOG)
    summary = compare(str(tmp_path), "r1", "r2", str(tmp_path / "out"))
    rows = {row["article_id"]: row for row in pq.read_table(str(summary.folder)).to_pylist()}
    assert (rows["a"]["status"], rows["b"]["status"]) == ("unknown", "gone")
    assert rows["a"]["doubt"] == summary.doubt
    assert "of the subset warc" in rows["a"]["doubt"]


def test_another_scheme_or_tracking_parameter_is_not_a_removal(spark: SparkSession, tmp_path: Path) -> None:
    publish(tmp_path, "r1", [match("a", "http://www.x.example/1?utm_source=a")])
    publish(tmp_path, "r2", [match("a", "https://x.example/1")])
    assert compare(str(tmp_path), "r1", "r2", str(tmp_path / "out")).counts["still_there"] == 1


def test_a_pair_found_in_several_records_is_one_row_with_its_strongest_sighting(
    spark: SparkSession, tmp_path: Path
) -> None:
    url = "https://x.example/1"
    publish(tmp_path, "r1", [match("a", url, copied_words=n, record_offset=n) for n in (20, 90, 30)])
    publish(tmp_path, "r2", [])
    summary = compare(str(tmp_path), "r1", "r2", str(tmp_path / "out"))
    (row,) = pq.read_table(str(summary.folder)).to_pylist()
    assert (row["before"]["copied_words"], row["before"]["record_offset"]) == (90, 90)


def test_rows_without_article_or_url_are_compared_too(spark: SparkSession, tmp_path: Path) -> None:
    site = match(None, "https://t.example/", grade="url_only")
    nameless = match("a", None, text_sha256="0f")
    publish(tmp_path, "r1", [site, nameless])
    publish(tmp_path, "r2", [site, nameless])
    summary = compare(str(tmp_path), "r1", "r2", str(tmp_path / "out"))
    assert summary.counts == {"gone": 0, "still_there": 2, "new": 0, "unknown": 0}


def test_a_document_without_a_known_url_is_never_gone_and_never_taken_for_another(
    spark: SparkSession, tmp_path: Path
) -> None:
    def nameless(text: str, url: str | None) -> dict[str, Any]:
        return match("a", url, text_sha256=text, own_site=None)

    publish(tmp_path, "r1", [nameless("0a", None), nameless("0b", "n/a"), match("a", "https://x.example/1")])
    publish(tmp_path, "r2", [nameless("0c", "n/a")])
    summary = compare(str(tmp_path), "r1", "r2", str(tmp_path / "out"))
    assert summary.counts == {"gone": 1, "still_there": 0, "new": 1, "unknown": 2}
    rows = pq.read_table(str(summary.folder)).to_pylist()
    assert {row["doubt"] for row in rows if row["status"] == "unknown"} == {
        "the URL of the document is not known: with another text it may still be there"
    }


def test_a_run_that_is_not_published_and_an_output_in_use_are_refused(
    spark: SparkSession, tmp_path: Path
) -> None:
    publish(tmp_path, "r1", [])
    publish(tmp_path, "r2", [])
    with pytest.raises(InputError, match="no run r3 is published"):
        compare(str(tmp_path), "r1", "r3", str(tmp_path / "out"))
    compare(str(tmp_path), "r1", "r2", str(tmp_path / "out"))
    with pytest.raises(OutputError, match="there is a table comparison already"):
        compare(str(tmp_path), "r1", "r2", str(tmp_path / "out"))
