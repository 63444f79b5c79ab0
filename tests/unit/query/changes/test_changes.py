"""What becomes of copies between two runs, and what a lawyer may say of them."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli.commands.matches import CHANGES, _doubt
from presswatch_spark.cli.replies import Language
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.query.changes.compare import compare
from presswatch_spark.query.changes.states import STATES
from presswatch_spark.tables.declarations import Change
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome, presswatch
from tests.world.documents import french_words
from tests.world.golden import assert_golden
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
    assert [doubt for row in rows if (doubt := row["doubt"]) and _doubt(doubt, Language("fr")) == doubt] == []
    return list(rows)


def states(rows: list[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    return {f"{row['article_id']} {row['document_url']}": (row["state"], row["doubt"]) for row in rows}


def only(tables: Path) -> dict[str, Any]:
    (row,) = changes(tables)
    return row


def test_every_way_in_which_a_release_is_altered_has_its_state_and_both_sightings(tmp_path: Path) -> None:
    expected = altered_release(tmp_path / "tables")
    found = changes(tmp_path / "tables")
    assert states(found) == expected
    assert len(found) == len(expected)
    (file,) = (tmp_path / "out" / "changes").iterdir()
    schema = pq.read_schema(file)
    assert (schema.names, schema.types) == (Change.schema.names, Change.schema.types)
    rows = {row["article_id"]: row for row in found}
    short, moved, gone = rows["shortened"], rows["moved"], rows["dropped"]
    assert (short["copied_words_before"], short["copied_words_after"]) == (90, 40)
    assert (short["before"]["copied_words"], short["after"]["copied_words"]) == (90, 40)
    assert (moved["before"]["document_url"], moved["after"]["document_url"]) == (f"{X}old", f"{X}new")
    assert (gone["after"], gone["copied_words_after"], gone["before"]["grade"]) == (None, None, "extract")
    assert (rows["new"]["before"], rows["new"]["copied_words_before"]) == (None, None)
    twice = rows["found-twice"]["before"]
    assert (twice["copied_words"], twice["record_offset"], twice["shard_uri"]) == (50, 7, shard(7))


@pytest.mark.parametrize(
    ("facts", "doubt"),
    [
        ({"dataset": "c4"}, "the runs read different kinds of datasets"),
        ({"documents": 0}, "the after run read no document"),
        ({"tool_version": "2"}, "the runs were made by different versions"),
        ({"shards_planned": 3}, "shards that the log of the after run names: 1 of 3"),
        ({"release": "CC-MAIN-2024-22", "sample": 0.1}, "the after run read a sample of its release"),
        ({"corpus_digest": "other"}, "the runs had different corpora, and the tables lack the articles of"),
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


def test_only_the_same_text_with_the_same_article_has_moved(tmp_path: Path) -> None:
    pairs = (
        (copy("a", f"{X}old/1"), copy("a", f"{X}new/1", text="other")),
        (copy("b", f"{X}old/2"), copy("c", f"{X}new/2")),
        (copy("d", None), copy("d", f"{X}new/3")),
        (copy("e", f"{X}old/4", words=0), copy("e", f"{X}new/4", words=0)),
        (copy(None, f"{X}old/5", words=0), copy(None, f"{X}new/5", words=0)),
        (copy("f", f"{X}old/6"), copy("f", f"{X}new/6")),
    )
    for run_id, rows in zip((BEFORE, AFTER), zip(*pairs, strict=True), strict=True):
        run(tmp_path / "tables", run_id, [*rows])
    found = changes(tmp_path / "tables")
    assert [row["article_id"] for row in found if row["state"] == "moved"] == ["f"]
    assert {row["state"] for row in found} <= {"moved", "gone", "new", "unknown"}


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
    for run_id, text in ((BEFORE, "one"), (AFTER, "two")):
        run(tmp_path / "tables", run_id, [copy("a", f"{X}1", text=text, spans=spans, words=1)])
    row = only(tmp_path / "tables")
    doubt = "the copy has more passages than are kept: they may differ in others"
    assert (row["state"], row["doubt"]) == ("persists", doubt)


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


def test_an_error_of_duckdb_in_the_last_query_is_not_one_of_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered_release(tmp_path / "tables")
    late = "case when range < 190000 then 'new' else error('no memory') end"
    failing = {"changes": f"select {late} as state from range(200000)"}
    monkeypatch.setattr("presswatch_spark.query.changes.states.steps", lambda inputs: failing)
    with pytest.raises(OutputError, match=r"DuckDB cannot compare the rows: .*no memory.* raise --memory"):
        changes(tmp_path / "tables")


def test_rows_with_other_texts_than_digests_are_compared_as_they_are(tmp_path: Path) -> None:
    before = [copy("a", f"{X}{k}", text_sha256=text) for k, text in enumerate(["one", "two", sha("t")])]
    after = [copy("a", f"{X}{k}", text_sha256=text) for k, text in enumerate(["one", "2", sha("t")])]
    before[0]["row_sha256"] = "no digest"
    run(tmp_path / "tables", BEFORE, before)
    run(tmp_path / "tables", AFTER, after)
    rows = changes(tmp_path / "tables")
    assert {row["document_url"]: row["state"] for row in rows} == {f"{X}{k}": "persists" for k in range(3)}
    assert {row["before"]["row_sha256"] for row in rows} == {row["row_sha256"] for row in before}
    assert {row["after"]["text_sha256"] for row in rows} == {"one", "2", sha("t")}


def test_two_runs_of_nothing_have_no_changes_and_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "tables", BEFORE, [])
    run(tmp_path / "tables", AFTER, [])
    with pytest.raises(InputError, match="run r3 is not published"):
        changes(tmp_path / "tables", after="r3")
    assert changes(tmp_path / "tables") == []
    assert TableStore.open(str(tmp_path / "out")).rows("derivations")[0]["table_digest"] == sha("")
    with pytest.raises(OutputError, match="the table changes already exists"):
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
    sold = "the article sold has another title or publisher in the corpus of the after run"
    by_url = "the runs had different corpora: the after run may attribute other pages to the title"
    assert {row["document_url"]: (row["state"], row["doubt"]) for row in changes(tmp_path / "tables")} == {
        f"{X}2": ("moved", None),
        f"{X}1": ("new", "the article added is not in the corpus of the before run"),
        f"{X}dropped": ("unknown", "the article dropped is not in the corpus of the after run"),
        f"{X}text": ("unknown", "the article text has another text in the corpus of the after run"),
        f"{X}sold": ("unknown", sold),
        f"{X}short": ("unknown", "copies of fewer than 11 words are not found with every corpus"),
        f"{X}url": ("unknown", by_url),
        f"{X}site": ("unknown", by_url),
    }


@pytest.mark.parametrize("suppressed", [0, 3, None])
def test_a_corpus_that_leaves_rows_of_words_out_may_hide_a_copy(
    tmp_path: Path, suppressed: int | None
) -> None:
    tables = tmp_path / "tables"
    run(tables, BEFORE, [copy("a", f"{X}1"), copy("b", f"{X}1")], corpus_digest="c")
    run(tables, AFTER, [], corpus_digest="d", corpus_suppressed=suppressed)
    hold(tables, AFTER, "d", listed("a"), listed("b"))
    whole = "the corpus of the after run does not index word sequences"
    for row in changes(tables):
        assert row["state"] == ("gone" if suppressed == 0 else "unknown")
        assert suppressed == 0 or row["doubt"].startswith(whole)
    if suppressed != 0:
        shutil.rmtree(tmp_path / "out")
        # Only articles with suppressed rows of words are in doubt where these are known. An older version
        # brought the same articles, and did not count.
        hold(tables, BEFORE, "d", listed("a"), listed("b"))
        hold(tables, AFTER, "d", listed("a"), listed("b"), suppressed={"a": 0, "b": 2})
        doubt = "the article b has word sequences that the corpus of the after run does not index"
        assert states(changes(tables)) == {f"a {X}1": ("gone", None), f"b {X}1": ("unknown", doubt)}


class TestCommand:
    @pytest.fixture
    def words(self, tmp_path: Path) -> list[str]:
        """The command over a release that was altered in every way."""
        altered_release(tmp_path / "tables")
        between = ["--before", BEFORE, "--after", "latest"]
        return ["compare", str(tmp_path / "tables"), *between, "--out", str(tmp_path / "o")]

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_it_prints_states_and_doubts_and_where_the_table_is(
        self, words: list[str], tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # It needs no Java.
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setitem(sys.modules, "pyspark", None)
        printed = presswatch(*words, "--lang", language, COLUMNS="120", PATH="")
        assert_golden(f"compare.{language}.txt", printed.replace(str(tmp_path), "FOLDER"))
        assert set(CHANGES) == set(STATES)
        assert set(CHANGES) <= french_words("column")

    def test_rows_are_exported_and_a_bad_ending_is_refused_before_any_work(
        self, words: list[str], tmp_path: Path
    ) -> None:
        assert outcome("", *words, "--export", tmp_path / "rows.doc").code == 1
        assert not (tmp_path / "o").exists()
        path = tmp_path / "rows.csv"
        assert f"24 lignes dans {path}" in presswatch(*words, "--lang", "fr", "--export", path)
        first, *rows = path.read_text("utf-8-sig").splitlines()
        # A spreadsheet in French parts its cells by semicolons. The words in them are in no language.
        assert first.startswith("before_run_id;after_run_id;state;doubt;")
        assert {row.split(";")[2] for row in rows} >= {"gone", "moved", "unknown"}

    def test_sql_and_forget_know_the_table(self, tmp_path: Path) -> None:
        tables = str(tmp_path / "tables")
        run(tmp_path / "tables", BEFORE, [copy("a", f"{X}1"), copy("b", f"{X}1")])
        run(tmp_path / "tables", AFTER, [])
        presswatch("compare", tables, "--before", BEFORE, "--after", AFTER, "--out", tables)
        query = "select article_id, state, copied_words_before as words from changes order by 1"
        gone = [{"article_id": name, "state": "gone", "words": 20} for name in "ab"]
        for left in (gone, gone[1:]):
            printed = presswatch("sql", tables, query, "--json")
            assert [json.loads(line) for line in printed.splitlines()] == left
            assert outcome("forget --article a", tables).code == (0 if left == gone else 1)
