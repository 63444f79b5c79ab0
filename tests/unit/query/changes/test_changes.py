"""What becomes of copies between two runs, and what a lawyer may say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.query.changes.compare import compare
from presswatch_spark.tables.declarations import Change
from presswatch_spark.tables.store import TableStore
from tests.world.histories import (
    AFTER,
    BEFORE,
    altered_release,
    copy,
    hold,
    run,
    sha,
    shard,
    span,
)

X = "https://x.example/"


def changes(tables: Path, before: str = BEFORE, after: str = AFTER) -> list[dict[str, Any]]:
    """Compare two runs by DuckDB, and read the table."""
    out = tables.parent / "out"
    summary = compare(str(tables), before, after, str(out), engine="duckdb")
    rows = TableStore.open(str(out)).read("changes").to_pylist()
    assert sum(summary.counts.values()) == len(rows)
    assert all(row["doubt"] is None for row in rows if row["state"] == "gone")
    assert all(row["doubt"] for row in rows if row["state"] == "unknown")
    return list(rows)


def states(rows: list[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    """State and doubt of each pair."""
    return {f"{row['article_id']} {row['document_url']}": (row["state"], row["doubt"]) for row in rows}


def only(tables: Path) -> dict[str, Any]:
    (row,) = changes(tables)
    return row


def test_every_way_in_which_a_release_is_altered_has_its_state(tmp_path: Path) -> None:
    expected = altered_release(tmp_path / "tables")
    rows = changes(tmp_path / "tables")
    assert states(rows) == expected
    assert len(rows) == len(expected)


def test_a_row_has_both_sightings_and_the_words_of_each(tmp_path: Path) -> None:
    altered_release(tmp_path / "tables")
    rows = {row["article_id"]: row for row in changes(tmp_path / "tables")}
    (file,) = (tmp_path / "out" / "changes").iterdir()
    schema = pq.read_schema(file)
    assert (schema.names, schema.types) == (Change.schema.names, Change.schema.types)
    short, moved, gone = rows["shortened"], rows["moved"], rows["dropped"]
    assert (short["copied_words_before"], short["copied_words_after"]) == (90, 40)
    assert (short["before"]["copied_words"], short["after"]["copied_words"]) == (90, 40)
    assert (moved["before"]["document_url"], moved["after"]["document_url"]) == (f"{X}old", f"{X}new")
    assert (gone["after"], gone["copied_words_after"], gone["before"]["grade"]) == (None, None, "extract")
    assert (rows["new"]["before"], rows["new"]["copied_words_before"]) == (None, None)
    twice = rows["found-twice"]["before"]
    assert (twice["copied_words"], twice["record_offset"], twice["shard_uri"]) == (50, 7, shard(7))


@pytest.mark.slow
def test_of_a_thousand_shards_with_one_cut_only_its_copies_are_unknown(tmp_path: Path) -> None:
    rows = [copy(f"a{number}", f"{X}{number}", shard_uri=shard(number)) for number in range(1000)]
    run(tmp_path / "tables", BEFORE, rows, 1000)
    log = {shard(number): "complete" for number in range(1000)} | {shard(421): "partial"}
    run(tmp_path / "tables", AFTER, [], log)
    found = changes(tmp_path / "tables")
    unknown = [(row["article_id"], row["doubt"]) for row in found if row["state"] == "unknown"]
    assert unknown == [("a421", f"the after run did not read {shard(421)} to its end")]
    assert sum(row["state"] == "gone" for row in found) == 999


def test_a_cut_shard_of_another_release_leaves_all_of_its_subset_unknown(tmp_path: Path) -> None:
    def later(number: int, subset: str) -> str:
        return shard(number, subset, "CC-MAIN-2024-22")

    found = [copy("page", f"{X}1"), copy("robots", f"{X}2", shard_uri=shard(0, "robotstxt"))]
    run(tmp_path / "tables", BEFORE, found, {shard(0): "complete", shard(0, "robotstxt"): "complete"})
    log = {later(number, "wet"): "failed" if number < 5 else "complete" for number in range(9)}
    log[later(0, "robotstxt")] = "complete"
    run(tmp_path / "tables", AFTER, [], log, release="CC-MAIN-2024-22")
    rows = {row["article_id"]: row for row in changes(tmp_path / "tables")}
    names = ", ".join(f"CC-MAIN-2024-22-0000{number}.gz" for number in range(3))
    unread = f"the after run did not read 5 of 9 shards of the subset wet to their end: {names} and 2 more"
    assert (rows["page"]["state"], rows["page"]["doubt"]) == ("unknown", unread)
    assert rows["robots"]["state"] == "gone"


def test_a_run_over_another_subset_says_nothing_of_the_copies_of_the_first(tmp_path: Path) -> None:
    warc, wet = shard(0, "warc"), shard(0, "wet")
    run(
        tmp_path / "tables",
        BEFORE,
        [copy("a", f"{X}1", shard_uri=warc), copy("b", f"{X}2", shard_uri=wet)],
        {warc: "complete", wet: "complete"},
    )
    later = {shard(0, subset, "CC-MAIN-2024-22"): "complete" for subset in ("robotstxt", "wet")}
    run(tmp_path / "tables", AFTER, [], later, release="CC-MAIN-2024-22")
    rows = {row["article_id"]: row for row in changes(tmp_path / "tables")}
    assert (rows["a"]["state"], rows["b"]["state"]) == ("unknown", "gone")
    assert "of the subset warc" in rows["a"]["doubt"]


@pytest.mark.parametrize(
    ("facts", "doubt"),
    [
        ({"dataset": "c4"}, "the runs read different kinds of datasets"),
        ({"documents": 0}, "the after run read no document"),
        ({"tool_version": "2"}, "the runs were made by different versions"),
        ({"shards_planned": 3}, "the log of the after run names 1 of its 3 shards"),
        ({"release": "CC-MAIN-2024-22", "sample": 0.1}, "the after run read a sample of its release"),
        ({"corpus_digest": "other"}, "the runs had different corpora, and the articles of that of the after"),
    ],
)
def test_absence_is_not_said_where_it_is_not_known(tmp_path: Path, facts: dict[str, Any], doubt: str) -> None:
    run(tmp_path / "tables", BEFORE, [copy("a", f"{X}goes"), copy("a", f"{X}stays")])
    run(tmp_path / "tables", AFTER, [copy("a", f"{X}stays"), copy("b", f"{X}comes")], **facts)
    rows = {row["document_url"]: row for row in changes(tmp_path / "tables")}
    assert rows[f"{X}stays"]["state"] == "persists"
    assert rows[f"{X}goes"]["state"] == "unknown"
    assert rows[f"{X}goes"]["doubt"].startswith(doubt)
    assert rows[f"{X}comes"]["state"] == "new"


def test_what_is_new_may_have_been_there_if_the_before_run_had_other_settings(tmp_path: Path) -> None:
    settings = json.loads(row_settings(ScanConfig(), MinHashRules()))
    settings["grade"]["min_run_words"] = 20
    run(tmp_path / "tables", BEFORE, [copy("a", f"{X}1", text="one")], config=json.dumps(settings))
    run(tmp_path / "tables", AFTER, [copy("b", f"{X}1"), copy("a", f"{X}1", text="two", words=30)])
    assert states(changes(tmp_path / "tables")) == {
        f"a {X}1": ("altered", "the runs had different settings"),
        f"b {X}1": ("new", "the runs had different settings"),
    }


@pytest.mark.parametrize(
    ("before", "after", "doubt"),
    [
        # The same three files, from a mirror.
        (["/a/0.gz", "/b/0.gz", "/b/1.gz"], ["/c/0.gz", "/d/0.gz", "/d/1.gz"], None),
        # Another file in the place of one of two that have the same name.
        (["/a/0.gz", "/b/0.gz", "/b/1.gz"], ["/a/1.gz", "/b/0.gz", "/b/2.gz"], "did not read "),
    ],
)
def test_absence_is_not_said_where_shards_cannot_be_told_apart_by_their_names(
    tmp_path: Path, before: list[str], after: list[str], doubt: str | None
) -> None:
    place = "https://m.example"
    row = copy("a", f"{X}goes", shard_uri=place + before[0])
    run(tmp_path / "tables", BEFORE, [row], {place + path: "complete" for path in before})
    run(tmp_path / "tables", AFTER, [], {place + path: "complete" for path in after})
    row = only(tmp_path / "tables")
    assert row["state"] == ("unknown" if doubt else "gone")
    assert (doubt or "") in (row["doubt"] or "")


def test_copies_that_moved_are_taken_one_for_one_in_the_order_of_their_urls(tmp_path: Path) -> None:
    before = [copy("a", f"{X}old{number}") for number in (3, 1, 2)]
    after = [copy("a", f"{X}new{number}") for number in (9, 8)]
    run(tmp_path / "tables", BEFORE, before)
    run(tmp_path / "tables", AFTER, [*after, copy("b", f"{X}new7")])
    rows = changes(tmp_path / "tables")
    moved = {row["before"]["document_url"]: row["document_url"] for row in rows if row["state"] == "moved"}
    assert moved == {f"{X}old1": f"{X}new8", f"{X}old2": f"{X}new9"}
    left = {row["document_url"]: row["state"] for row in rows if row["state"] != "moved"}
    assert left == {f"{X}old3": "gone", f"{X}new7": "new"}


def test_a_copy_that_moved_may_stand_at_its_old_place_too_if_that_was_not_read(tmp_path: Path) -> None:
    run(tmp_path / "tables", BEFORE, [copy("a", f"{X}old", shard_uri=shard(1))], 2)
    run(tmp_path / "tables", AFTER, [copy("a", f"{X}new")], 1)
    row = only(tmp_path / "tables")
    assert (row["state"], row["doubt"]) == ("moved", f"the after run did not read {shard(1)}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (copy("a", f"{X}old"), copy("a", f"{X}new", text="other")),
        (copy("a", f"{X}old"), copy("b", f"{X}new")),
        (copy("a", None), copy("a", f"{X}new")),
        (copy("a", f"{X}old", words=0), copy("a", f"{X}new", words=0)),
        (copy(None, f"{X}old", words=0), copy(None, f"{X}new", words=0)),
    ],
)
def test_only_the_same_text_with_the_same_article_has_moved(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    run(tmp_path / "tables", BEFORE, [before])
    run(tmp_path / "tables", AFTER, [after])
    assert {row["state"] for row in changes(tmp_path / "tables")} <= {"gone", "new", "unknown"}


def test_a_copy_that_is_taken_out_of_a_page_is_unknown_if_the_article_may_have_been_missed(
    tmp_path: Path,
) -> None:
    run(tmp_path / "tables", BEFORE, [copy("a", f"{X}1", text="one")])
    left = copy("a", f"{X}1", text="two", words=0, grade="url_only")
    run(tmp_path / "tables", AFTER, [left], corpus_digest="other")
    assert only(tmp_path / "tables")["state"] == "unknown"


def test_pages_of_very_many_passages_are_not_called_the_same_in_those_that_are_not_kept(
    tmp_path: Path,
) -> None:
    spans = [span(100 * number, 100 * number + 60, 10) for number in range(100)]
    run(tmp_path / "tables", BEFORE, [copy("a", f"{X}1", text="one", spans=spans, words=1)])
    run(tmp_path / "tables", AFTER, [copy("a", f"{X}1", text="two", spans=spans, words=1)])
    row = only(tmp_path / "tables")
    assert (row["state"], row["doubt"]) == (
        "persists",
        "the copy has more passages than are kept: they may differ in others",
    )


@pytest.mark.slow
def test_rows_are_dealt_to_buckets_without_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered_release(tmp_path / "tables")
    one = compare(str(tmp_path / "tables"), BEFORE, AFTER, str(tmp_path / "one"))
    monkeypatch.setattr("presswatch_spark.query.changes.compare.BUCKET_ROWS", 5)
    many = compare(str(tmp_path / "tables"), BEFORE, AFTER, str(tmp_path / "many"))
    assert len(list((tmp_path / "many" / "changes").iterdir())) > 3
    assert one.table_digest == many.table_digest
    assert (one.counts, one.doubts) == (many.counts, many.doubts)
    rows = [TableStore.open(str(tmp_path / name)).read("changes").to_pylist() for name in ("one", "many")]
    assert sorted(rows[0], key=str) == sorted(rows[1], key=str)


def test_rows_with_other_texts_than_digests_are_compared_as_they_are(tmp_path: Path) -> None:
    before = [copy("a", f"{X}{k}", text_sha256=text) for k, text in enumerate(["one", "two", sha("t")])]
    after = [copy("a", f"{X}{k}", text_sha256=text) for k, text in enumerate(["one", "2", sha("t")])]
    before[0]["row_sha256"] = "no digest"
    run(tmp_path / "tables", BEFORE, before)
    run(tmp_path / "tables", AFTER, after)
    rows = changes(tmp_path / "tables")
    assert {row["document_url"] for row in rows if row["state"] == "persists"} == {
        f"{X}{k}" for k in range(3)
    }
    assert {row["before"]["row_sha256"] for row in rows} == {row["row_sha256"] for row in before}
    assert {row["after"]["text_sha256"] for row in rows} == {"one", "2", sha("t")}


def test_two_runs_of_nothing_have_no_changes(tmp_path: Path) -> None:
    run(tmp_path / "tables", BEFORE, [])
    run(tmp_path / "tables", AFTER, [])
    assert changes(tmp_path / "tables") == []
    assert TableStore.open(str(tmp_path / "out")).rows("derivations")[0]["table_digest"] == sha("")


def test_a_run_that_is_not_published_and_an_output_in_use_are_refused(tmp_path: Path) -> None:
    run(tmp_path / "tables", BEFORE, [])
    run(tmp_path / "tables", AFTER, [])
    with pytest.raises(InputError, match="no run r3 is published"):
        changes(tmp_path / "tables", after="r3")
    changes(tmp_path / "tables")
    with pytest.raises(OutputError, match="there is a table changes already"):
        changes(tmp_path / "tables")


def listed(name: str, text: str = "", title: str = "t", publisher: str = "p") -> tuple[str, str, str, str]:
    """An article as `copy` has it."""
    return name, title, publisher, sha(text or f"text of {name}")


def test_an_article_that_both_corpora_have_is_compared_and_what_they_differ_in_is_named(
    tmp_path: Path,
) -> None:
    old = [listed(name) for name in ("same", "dropped", "text", "sold", "short", "url")]
    new = [listed("same"), listed("text", "new text"), listed("sold", publisher="q")]
    new += [listed("short"), listed("url"), listed("added")]
    before = [copy(name, f"{X}{name}") for name in ("same", "dropped", "text", "sold")]
    before += [copy("short", f"{X}short", words=10), copy("url", f"{X}url", words=0)]
    before.append(copy(None, f"{X}site", words=0, own_site=True))
    run(tmp_path / "tables", BEFORE, before, corpus_digest="c")
    run(tmp_path / "tables", AFTER, [copy("added", f"{X}1"), copy("same", f"{X}2")], corpus_digest="d")
    hold(tmp_path / "tables", BEFORE, "c", *old)
    # Two runs that were published at once have both brought them.
    hold(tmp_path / "tables", AFTER, "d", *new, *new)
    by_url = "the runs had different corpora: the after run may know other pages as the title's"
    assert {row["document_url"]: (row["state"], row["doubt"]) for row in changes(tmp_path / "tables")} == {
        f"{X}2": ("moved", None),
        f"{X}1": ("new", "the article added is not in the corpus of the before run"),
        f"{X}dropped": ("unknown", "the article dropped is not in the corpus of the after run"),
        f"{X}text": ("unknown", "the article text has another text in the corpus of the after run"),
        f"{X}sold": (
            "unknown",
            "the article sold has another title or publisher in the corpus of the after run",
        ),
        f"{X}short": ("unknown", "copies of fewer than 11 words are not found with every corpus"),
        f"{X}url": ("unknown", by_url),
        f"{X}site": ("unknown", by_url),
    }


@pytest.mark.parametrize("suppressed", [0, 3, None])
def test_a_corpus_that_leaves_rows_of_words_out_may_hide_a_copy(
    tmp_path: Path, suppressed: int | None
) -> None:
    run(tmp_path / "tables", BEFORE, [copy("a", f"{X}1")], corpus_digest="c")
    run(tmp_path / "tables", AFTER, [], corpus_digest="d", corpus_suppressed=suppressed)
    hold(tmp_path / "tables", AFTER, "d", listed("a"))
    row = only(tmp_path / "tables")
    assert row["state"] == ("gone" if suppressed == 0 else "unknown")
    if suppressed != 0:
        assert row["doubt"].startswith("the corpus of the after run leaves rows of words out of its index")


@pytest.mark.parametrize("suppressed", [3, None])
def test_only_articles_with_suppressed_rows_of_words_are_in_doubt_where_these_are_known(
    tmp_path: Path, suppressed: int | None
) -> None:
    run(tmp_path / "tables", BEFORE, [copy("a", f"{X}1"), copy("b", f"{X}1")], corpus_digest="c")
    run(tmp_path / "tables", AFTER, [], corpus_digest="d", corpus_suppressed=suppressed)
    # An older version brought the same articles, and did not count.
    hold(tmp_path / "tables", BEFORE, "d", listed("a"), listed("b"))
    hold(tmp_path / "tables", AFTER, "d", listed("a"), listed("b"), suppressed={"a": 0, "b": 2})
    doubt = "the article b has rows of words that the corpus of the after run leaves out of its index"
    assert states(changes(tmp_path / "tables")) == {f"a {X}1": ("gone", None), f"b {X}1": ("unknown", doubt)}
