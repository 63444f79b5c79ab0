"""SQL by DuckDB: what it answers, and that it reads published tables and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.cli import main as cli
from presswatch_spark.core.errors import ConfigError, OutputError
from presswatch_spark.core.settings.config import MinHashRules, ReadRules, ScanConfig, row_settings
from presswatch_spark.query import in_duckdb
from presswatch_spark.query.in_duckdb import duckdb_session
from presswatch_spark.query.in_spark import columns_in, named_in
from presswatch_spark.query.sql import ROWS_OF_ONE_MACHINE, answers_of, chosen_engine, rows_of, run_query
from presswatch_spark.query.views import VIEWS, in_order
from presswatch_spark.tables.bounded import BoundedDataset
from presswatch_spark.tables.declarations import SCHEMAS, CorpusArticle, ShardLog
from presswatch_spark.tables.store import TableStore
from tests.world.proofs import each_time
from tests.world.tables import match, publish, row_of, write

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
SECRET = "these words stand in a file that no query may read"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: article a on one page in both, article b on another in the second, and a page of ours."""
    folder = tmp_path_factory.mktemp("answers") / "tables"
    known: dict[str, Any] = {"document_host": "x.example", "text_sha256": "t", "release": "r-1"}
    first = match("a", "https://x.example/1", row_sha256="1", confidence="A", copied_words=50, **known)
    again = match("a", "https://x.example/1", row_sha256="2", confidence="B", copied_words=40, **known)
    other = match("b", "https://y.example/2", row_sha256="3", confidence="C", text_sha256="u", release="r-2")
    own = match(None, None, row_sha256="4", confidence="D", own_site=None, text_sha256="v", grade="url_only")
    publish(folder, "20260101T000000Z-aaaaaa", [first], release="r-1", started_at=EARLY)
    publish(folder, "20260601T000000Z-bbbbbb", [again, other, own], release="r-2", started_at=LATE)
    return folder


def rows(tables: Path, query: str) -> list[tuple[object, ...]]:
    return list(run_query(str(tables), query, engine="duckdb").rows)


class TestAnswers:
    def test_rows_of_all_published_runs_are_read(self, tables: Path) -> None:
        query = "select run_id, count(*) as n from matches group by 1 order by 1"
        assert rows(tables, query) == [("20260101T000000Z-aaaaaa", 1), ("20260601T000000Z-bbbbbb", 3)]

    def test_what_no_row_publishes_is_not_read(self, tables: Path, tmp_path: Path) -> None:
        publish(tmp_path, "r1", [match("a", None, row_sha256="1")])
        (tmp_path / "matches" / "r2-00000.parquet").write_bytes(
            (tmp_path / "matches" / "r1-00000.parquet").read_bytes()
        )
        assert rows(tmp_path, "select count(*) from matches") == [(1,)]

    def test_a_sum_of_whole_numbers_is_one(self, tables: Path) -> None:
        ((total,),) = rows(tables, "select sum(copied_words) from matches")
        assert (total, type(total)) == (130, int)

    def test_nulls_come_first_as_in_spark(self, tables: Path) -> None:
        assert rows(tables, "select article_id from matches order by 1")[0] == (None,)
        assert rows(tables, "select article_id from matches order by 1 desc")[-1] == (None,)

    def test_times_are_in_utc(self, tables: Path) -> None:
        ((first,),) = rows(tables, "select min(started_at) from runs")
        assert first == EARLY

    def test_lists_and_structs_come_as_such(self, tables: Path) -> None:
        assert rows(tables, "select size(spans), spans from matches limit 1") == [(0, [])]

    def test_a_query_may_define_tables_under_names_of_ours(self, tables: Path) -> None:
        query = "with runs as (select 1 as a), x as (select * from runs) select a from x"
        assert rows(tables, query) == [(1,)]
        query = "with late as (select run_id from runs where release = 'r-2') select count(*) from late"
        assert rows(tables, query) == [(1,)]

    @pytest.mark.parametrize("query", ["describe matches", "show tables", "summarize runs", "from runs"])
    def test_what_describes_tables_is_a_query(self, tables: Path, query: str) -> None:
        assert rows(tables, query)

    def test_a_table_that_nobody_wrote_is_empty_and_has_its_columns(self, tables: Path) -> None:
        answer = run_query(str(tables), "select * from captures")
        assert answer.columns == SCHEMAS["captures"].names
        assert list(answer.rows) == []

    def test_by_a_filter_of_runs_no_file_of_another_is_opened(self, tmp_path: Path) -> None:
        for run_id in ("r1", "r2"):
            publish(tmp_path, run_id, [match("a", None, row_sha256=run_id)])
        table = BoundedDataset.of(TableStore.open(str(tmp_path)).open_table("matches"))
        (tmp_path / "matches" / "r2-00000.parquet").unlink()
        with duckdb_session("1GB") as session:
            session.register("matches", table)
            assert session.sql("select row_sha256 from matches where run_id = 'r1'").fetchall() == [("r1",)]
            with pytest.raises(duckdb.Error):
                session.sql("select row_sha256 from matches").fetchall()

    def test_auto_takes_spark_for_what_is_more_than_one_machine_sorts(self, tables: Path) -> None:
        assert rows_of(TableStore.open(str(tables))) == 4
        assert chosen_engine("auto", ROWS_OF_ONE_MACHINE) == "duckdb"
        assert chosen_engine("auto", ROWS_OF_ONE_MACHINE + 1) == "spark"
        assert chosen_engine("duckdb", ROWS_OF_ONE_MACHINE + 1) == "duckdb"


EMPTY = ("articles", "claimed", "publisher_share", "shards", "shards_read", "spans", "token_share")
"""Views of tables that the runs here do not have."""


class TestViews:
    @pytest.mark.slow
    def test_each_can_be_asked(self, tables: Path) -> None:
        for name in VIEWS:
            assert rows(tables, f"select * from {name}") or name in EMPTY

    def test_a_page_counts_once_however_often_it_is_found(self, tables: Path) -> None:
        query = "select letter, articles, runs, rows from pages where document_url like '%x.example%'"
        assert rows(tables, query) == [("A", 1, 2, 2)]

    def test_hosts_add_up(self, tables: Path) -> None:
        query = "select document_host, pages, pages_a, pages_b, pages_c, rows from by_host where not own_site"
        # A page with rows of two letters counts with the stronger one, so letters add up to pages.
        assert ("x.example", 1, 1, 0, 0, 2) in rows(tables, query)

    def test_what_is_new_is_told_by_the_run_that_found_it_first(self, tables: Path) -> None:
        found = "select article_id, first_run_id, first_row from new_since"
        query = f"{found} where article_id is not null order by 1"
        assert rows(tables, query) == [
            ("a", "20260101T000000Z-aaaaaa", "1"),
            ("b", "20260601T000000Z-bbbbbb", "3"),
        ]

    def test_rows_that_nobody_judged_have_their_own_letter_and_say_so(self, tables: Path) -> None:
        query = "select distinct kind, is_judged from sightings"
        assert rows(tables, query) == [(None, False)]

    def test_in_order_names_what_a_view_is_made_of_before_it(self) -> None:
        assert in_order(["pages"]) == ["matches", "claims", "sightings", "pages"]


def log(run_id: str, **statuses: str) -> list[dict[str, Any]]:
    """Rows of `scan_log`: the status of each shard."""
    return [row_of(ShardLog, run_id=run_id, shard_uri=uri, status=status) for uri, status in statuses.items()]


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An older corpus of a, b, c, and a newer one of a, b, d, which two runs bring."""
    folder = tmp_path_factory.mktemp("articles") / "tables"
    elsewhere = match("a", "https://x.example/1", row_sha256="1", confidence="B", text_sha256="t")
    own = match("b", "https://ours.example/2", row_sha256="2", own_site=True, text_sha256="u")
    own |= {"confidence": "D", "copied_words": 30}
    runs: list[tuple[str, str, str, list[dict[str, Any]], dict[str, str]]] = [
        ("r1", "one", "abc", [elsewhere], {"s9": "complete"}),
        ("r2", "two", "abd", [own], {"s1": "complete", "s2": "failed"}),
        ("r3", "two", "abd", [own], {"s1": "complete", "s2": "complete", "s3": "partial"}),
    ]
    for run_id, digest, ids, found, statuses in runs:
        publish(folder, run_id, found, corpus_digest=digest)
        store = TableStore.open(str(folder))
        facts = {"run_id": run_id, "corpus_digest": digest}
        brought = [row_of(CorpusArticle, article_id=article_id, **facts) for article_id in ids]
        write(store, "corpus_articles", run_id, brought, CorpusArticle.schema)
        write(store, "scan_log", run_id, log(run_id, **statuses), ShardLog.schema)
    return folder


class TestArticles:
    def test_each_stands_once_in_each_corpus_with_what_all_runs_found(self, articles: Path) -> None:
        query = """
            select corpus_digest, article_id, pages, pages_elsewhere, letter, most_copied_words
            from articles order by 1, 2"""
        found = {"a": (1, 1, "B", 20), "b": (1, 0, "D", 30), "c": (0, 0, None, 0), "d": (0, 0, None, 0)}
        assert rows(articles, query) == [
            *(("one", article_id, *found[article_id]) for article_id in "abc"),
            *(("two", article_id, *found[article_id]) for article_id in "abd"),
        ]

    def test_those_never_found_are_told_with_the_shards_that_this_can_be_said_of(
        self, articles: Path
    ) -> None:
        query = "select article_id, shards_complete, shards_incomplete from articles"
        assert rows(articles, f"{query} where is_newest and pages = 0") == [("d", 2, 1)]
        assert rows(articles, f"{query} where not is_newest and pages = 0") == [("c", 1, 0)]

    def test_an_article_that_was_forgotten_is_in_none(self, articles: Path, tmp_path: Path) -> None:
        tables = shutil.copytree(articles, tmp_path / "tables")
        forget(str(tables), Subject("article", "d"))
        query = "select count(*) from articles where article_id = 'd'"
        assert rows(tables, query) == [(0,)]
        assert list(TableStore.open(str(tables)).damage()) == []


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shard 1 was read to its end by one run, shard 2 by another; a third had another corpus."""
    folder = tmp_path_factory.mktemp("shares") / "tables"

    def found(
        number: int, article_id: str | None, url: str | None, shard: str, **facts: Any
    ) -> dict[str, Any]:
        standard = {
            "shard_uri": shard,
            "text_sha256": f"text of {url}",
            "confidence": "A",
            "url_match": "none",
        }
        return match(article_id, url, row_sha256=str(number), **(standard | facts))

    own = {"own_site": True, "url_match": "article", "document_words": 300, "copied_words": 200}
    first = [
        found(1, "a", "https://ours.example/1", "s1", **own),
        found(2, "a", "https://x.example/1", "s1", copied_words=50),
        found(3, "b", "https://x.example/1", "s1", copied_words=80),
        found(4, "b", "https://y.example/formula", "s1", copied_words=12, confidence="D"),
        found(5, "a", None, "s1", copied_words=40, own_site=None),
        found(6, "a", "https://sister.example/1", "s1", copied_words=70, own_site=True),
        found(7, "a", "https://x.example/not-chosen", "s2", copied_words=888),
    ]
    second = [
        found(8, "a", "https://ours.example/1", "s2", **own),
        found(9, "b", "https://x.example/1", "s2", copied_words=80),
        found(10, None, "https://ours.example/2", "s2", own_site=True, url_match="title", copied_words=0),
        found(11, "a", "https://x.example/not-chosen", "s1", copied_words=999),
    ]
    runs: list[tuple[str, str, list[dict[str, Any]], dict[str, tuple[str, int | None]]]] = [
        ("r1", "one", first, {"s1": ("complete", 1000), "s2": ("partial", 200)}),
        ("r2", "one", second, {"s1": ("partial", 10), "s2": ("complete", 500), "s3": ("failed", 0)}),
        ("r3", "two", [], {"s1": ("complete", None)}),
    ]
    for run_id, digest, rows_found, read in runs:
        publish(folder, run_id, rows_found, corpus_digest=digest, release="R", dataset="wet")
        store = TableStore.open(str(folder))
        facts = {"run_id": run_id, "corpus_digest": digest, "publisher_id": "p"}
        brought = [row_of(CorpusArticle, article_id=name, title_id=name, **facts) for name in ("t", "u")]
        write(store, "corpus_articles", run_id, brought, CorpusArticle.schema)
        shards = [
            row_of(ShardLog, run_id=run_id, shard_uri=uri, status=status, words=words, format="wet")
            for uri, (status, words) in read.items()
        ]
        write(store, "scan_log", run_id, shards, ShardLog.schema)
    return folder


class TestShares:
    def test_a_shard_counts_once_where_it_was_read_to_its_end(self, shares: Path) -> None:
        query = (
            "select shard_uri, run_id, status, words from shards_read where corpus_digest = 'one' order by 1"
        )
        assert rows(shares, query) == [
            ("s1", "r1", "complete", 1000),
            ("s2", "r2", "complete", 500),
            ("s3", "r2", "failed", 0),
        ]

    def test_a_page_counts_once_with_the_article_that_it_has_most_of(self, shares: Path) -> None:
        query = """
            select dataset, release, own_pages, own_words, own_pages_uncounted, copying_pages, copied_words,
                unplaced_pages, unplaced_words, words, shards_complete, shards_incomplete
            from token_share where corpus_digest = 'one' and title_id = 't'"""
        assert rows(shares, query) == [("wet", "R", 2, 300, 1, 1, 80, 1, 40, 1500, 2, 1)]
        query = (
            "select own_share, copied_share from token_share where corpus_digest = 'one' and title_id = 't'"
        )
        assert rows(shares, query) == [(300 / 1500, 80 / 1500)]

    def test_a_title_of_which_nothing_was_found_has_no_share_and_says_so(self, shares: Path) -> None:
        query = "select own_pages, copied_words, words, copied_share from token_share where title_id = 'u'"
        assert rows(shares, f"{query} and corpus_digest = 'one'") == [(0, 0, 1500, 0.0)]

    def test_where_words_were_not_counted_there_is_no_share(self, shares: Path) -> None:
        query = "select title_id, words, own_share, copied_share from token_share where corpus_digest = 'two'"
        assert rows(shares, f"{query} order by 1") == [("t", None, None, None), ("u", None, None, None)]


RUN, CRAWL = "20260101T000000Z-aaaaaa", "CC-MAIN-2024-51"
LOGGED = {"warc": CRAWL, "c4": None, "named": None, "joined": None, "unread": None}
"""Shards of a run, and the releases that they name."""


def releases(folder: Path, rows_found: list[dict[str, Any]], **facts: Any) -> dict[str, tuple[object, ...]]:
    """Release and `rows_name_release` of each shard in `LOGGED`, of one run."""
    publish(folder, RUN, rows_found, **facts)
    log = [
        row_of(ShardLog, run_id=RUN, shard_uri=uri, release=release, format=uri, status="complete")
        for uri, release in LOGGED.items()
    ]
    write(TableStore.open(str(folder)), "scan_log", RUN, log, ShardLog.schema)
    query = "select shard_uri, release, rows_name_release from shards"
    return {uri: (release, by_row) for uri, release, by_row in rows(folder, query)}


class TestReleases:
    def test_a_shard_has_the_release_that_it_names_and_none_that_other_shards_name(
        self, tmp_path: Path
    ) -> None:
        """`runs.release` is that of the one shard that names any: it says nothing of the others."""
        found = [
            match("a", "https://x.example/1", row_sha256="1", shard_uri="warc", release=CRAWL),
            match("a", "https://x.example/2", row_sha256="2", shard_uri="c4", release=None),
            match("a", "https://x.example/3", row_sha256="3", shard_uri="named", release="CC-MAIN-2013-20"),
            match("a", "https://x.example/4", row_sha256="4", shard_uri="joined", release=CRAWL),
            match("a", "https://x.example/5", row_sha256="5", shard_uri="joined", release="CC-MAIN-2025-05"),
        ]
        settings = row_settings(ScanConfig(read=ReadRules(columns={"release": "dump"})), MinHashRules())
        assert releases(tmp_path, found, release=CRAWL, config=settings) == {
            "warc": (CRAWL, False),
            "c4": (None, False),
            "named": (None, True),
            "joined": (None, True),
            "unread": (None, False),
        }

    def test_a_release_that_the_user_named_is_that_of_all_shards_that_name_none(self, tmp_path: Path) -> None:
        found = [
            match("a", "https://x.example/1", row_sha256="1", shard_uri="c4", release="c4-fr"),
            match("a", "https://x.example/2", row_sha256="2", shard_uri="named", release="c4-fr"),
            match("a", "https://x.example/3", row_sha256="3", shard_uri="named", release=CRAWL),
        ]
        assert releases(tmp_path, found, release="c4-fr") == {
            "warc": (CRAWL, False),
            "c4": ("c4-fr", False),
            "named": (None, True),
            "joined": ("c4-fr", False),
            "unread": ("c4-fr", False),
        }

    def test_a_copy_in_two_formats_of_a_crawl_is_in_one_dataset(self, tmp_path: Path) -> None:
        same: dict[str, Any] = {"text_sha256": "t", "captured_at": EARLY}
        found = [
            match("a", "https://x.example/1", row_sha256="1", dataset="wet", release=CRAWL, **same),
            match("a", "https://x.example/1", row_sha256="2", dataset="warc", release=CRAWL, **same),
            match("b", "https://x.example/1", row_sha256="3", dataset="rows", release=CRAWL, **same),
            match(
                "b", "https://x.example/1", row_sha256="4", dataset="rows", release=CRAWL,
                product="fineweb", **same,
            ),
            match("b", "https://x.example/1", row_sha256="5", dataset="c4", release=None, **same),
        ]  # fmt: skip
        publish(tmp_path, RUN, found)
        assert rows(tmp_path, "select article_id, datasets, dataset_count from lineage order by 1") == [
            ("a", [f"common-crawl {CRAWL}"], 1),
            ("b", ["c4 ?", f"fineweb {CRAWL}", f"rows {CRAWL}"], 3),
        ]


class TestSharesOfPublishers:
    def test_a_page_counts_once_for_a_publisher_and_once_for_all_together(self, tmp_path: Path) -> None:
        page: dict[str, Any] = {"text_sha256": "t", "shard_uri": "s", "confidence": "A", "release": None}
        shared = [("t1", "p", 60), ("t2", "p", 60), ("u", "q", 50)]
        found = [
            match(
                title, "https://x.example/1", row_sha256=title, title_id=title, publisher_id=publisher,
                copied_words=words, document_words=70, url_match="none", **page,
            )
            for title, publisher, words in shared
        ]  # fmt: skip
        # More of the article's words than the page has itself: it printed a passage twice.
        found.append(
            match(
                "u", "https://x.example/2", row_sha256="5", title_id="u", publisher_id="q",
                copied_words=90, document_words=40, url_match="none", **{**page, "text_sha256": "v"},
            )
        )  # fmt: skip
        publish(tmp_path, RUN, found, corpus_digest="one", release=None)
        log = [
            row_of(ShardLog, run_id=RUN, shard_uri="s", format="c4", status="complete", words=120),
            row_of(ShardLog, run_id=RUN, shard_uri="s2", format="c4", status="failed", words=0),
        ]
        write(TableStore.open(str(tmp_path)), "scan_log", RUN, log, ShardLog.schema)
        query = """
            select publisher_id, copying_pages, copied_words, words, shards_complete, shards_incomplete
            from publisher_share order by 1"""
        assert rows(tmp_path, query) == [
            (None, 2, 100, 120, 1, 1),
            ("p", 1, 60, 120, 1, 1),
            ("q", 2, 90, 120, 1, 1),
        ]

    def test_a_page_of_a_publisher_counts_with_all_its_words_and_not_as_a_copy(self, shares: Path) -> None:
        query = """
            select own_pages, own_words, copied_words, words from publisher_share
            where corpus_digest = 'one' and publisher_id is null"""
        assert rows(shares, query) == [(3, 300, 80, 1500)]


REFUSED = {
    "copy matches to '{folder}/out.csv'": "no query",
    "copy (select 1) to '{folder}/out.parquet'": "no query",
    "copy x from '{folder}/secret.csv'": "no query",
    "attach '{folder}/new.duckdb'": "no query",
    "detach memory": "no query",
    "use memory": "no query",
    "install httpfs": "no query",
    "force install httpfs": "no query",
    "load httpfs": "no query",
    "update extensions": "no query",
    "set memory_limit = '9GB'": "no query",
    "set global lock_configuration = false": "no query",
    "reset enable_external_access": "no query",
    "pragma enable_profiling": "no query",
    "pragma database_list": "no query",
    "call pragma_version()": "no query",
    "insert into matches values (1)": "no query",
    "update matches set grade = ''": "no query",
    "delete from matches": "no query",
    "merge into matches using runs on true when matched then delete": "no query",
    "truncate matches": "no query",
    "create table x as select 1": "no query",
    "create view x as select 1": "no query",
    "create macro x() as 1": "no query",
    "create secret (type s3)": "no query",
    "create type mood as enum ('a')": "no query",
    "create schema x": "no query",
    "create sequence x": "no query",
    "drop view matches": "no query",
    "alter view matches rename to x": "no query",
    "comment on view matches is 'x'": "no query",
    "export database '{folder}/export'": "no query",
    "import database '{folder}'": "no query",
    "checkpoint": "no query",
    "vacuum": "no query",
    "analyze": "no query",
    "begin": "no query",
    "commit": "no query",
    "prepare x as select 1": "no query",
    "execute x": "no query",
    "deallocate x": "no query",
    "explain analyze select 1": "no query",
    "select 1; copy matches to '{folder}/out.csv'": "no query",
    "select 1; select 2": "more than one query",
    "select * from read_csv('{folder}/secret.csv')": "may not call read_csv",
    "select * from read_csv_auto('{folder}/secret.csv')": "may not call read_csv_auto",
    "select * from read_text('{folder}/secret.csv')": "may not call read_text",
    "select * from read_blob('{folder}/secret.csv')": "may not call read_blob",
    "select * from read_json('{folder}/secret.csv')": "may not call read_json",
    "select * from read_parquet('{folder}/secret.parquet')": "may not call read_parquet",
    "select * from parquet_metadata('{folder}/secret.parquet')": "may not call parquet_metadata",
    "select * from sniff_csv('{folder}/secret.csv')": "may not call sniff_csv",
    "select * from glob('{folder}/*')": "may not call glob",
    "select * from '{folder}/secret.csv'": "there is no table",
    "select * from '{folder}/secret.parquet'": "there is no table",
    'select * from "{folder}/secret.parquet"': "there is no table",
    "select * from query('select 1')": "may not call query",
    "select * from query_table('matches')": "may not call query_table",
    "select * from arrow_scan(1, 2, 3)": "may not call arrow_scan",
    "select * from pandas_scan(1)": "may not call pandas_scan",
    "select * from duckdb_settings()": "may not call duckdb_settings",
    "select * from duckdb_secrets()": "may not call duckdb_secrets",
    "select * from enable_logging(storage_path = '{folder}/log')": "may not call enable_logging",
    "select 1 where exists (select * from read_text('{folder}/secret.csv'))": "may not call read_text",
    "with x as (select * from glob('*')) select * from x": "may not call glob",
    "select * from matches, lateral (select * from read_text(document_url))": "may not call read_text",
    "summarize select * from read_text('{folder}/secret.csv')": "may not call read_text",
    "from (pivot read_text('{folder}/secret.csv') on size in (1))": "may not call read_text",
    "select * from json_execute_serialized_sql('x')": "may not call json_execute_serialized_sql",
    "select * from information_schema.tables": "there is no table",
    "select * from pg_catalog.pg_settings": "there is no table",
    "select * from system.main.matches": "there is no table",
    "select * from secret": "there is no table",
    "select getenv('HOME')": "does not exist",
    "": "no query",
    ";": "no query",
    "selekt 1": "syntax error",
}


@pytest.mark.parametrize("query", each_time(list(REFUSED)[::4], REFUSED))
def test_whatever_reads_or_writes_something_else_is_refused(
    query: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = duckdb.sql(f"select '{SECRET}' as words").to_arrow_table()
    (tmp_path / "secret.csv").write_text(f"words\n{SECRET}\n")
    pq.write_table(secret, tmp_path / "secret.parquet")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigError) as refused:
        list(run_query(str(tables), query.replace("{folder}", str(tmp_path)), engine="duckdb").rows)
    assert REFUSED[query] in str(refused.value)
    assert SECRET not in str(refused.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_no_function_that_makes_rows_may_be_called_but_those_that_read_nothing() -> None:
    every = duckdb.sql("select distinct function_name from duckdb_functions() where function_type = 'table'")
    names = {name for (name,) in every.fetchall()} - in_duckdb.ROW_MAKERS
    assert {"read_csv", "read_parquet", "glob", "arrow_scan"} <= names
    with duckdb_session("1GB") as session:
        for name in sorted(names):
            # A query is looked at by this before anything is asked for.
            with pytest.raises(ConfigError, match=r"may not call|no query"):
                in_duckdb.names_in(session, f"select * from {name}('/etc/passwd')")


def test_what_stands_behind_the_parser_is_closed_as_well(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(f"words\n{SECRET}\n")
    with duckdb_session("1GB") as session:
        for statement in (
            f"select * from read_csv('{tmp_path}/secret.csv')",
            f"copy (select 1) to '{tmp_path}/out.csv'",
            f"attach '{tmp_path}/new.duckdb'",
            "install httpfs",
            "set enable_external_access = true",
            "set lock_configuration = false",
            "reset temp_directory",
        ):
            with pytest.raises(duckdb.Error):
                session.execute(statement)
            # An error leaves nothing behind that would make the next one fail for another reason.
            assert session.execute("select 1").fetchall() == [(1,)]
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


@pytest.mark.parametrize(
    "endless",
    [
        # DuckDB looks for signals between tasks, and the first of these is one task.
        "select count(*) from range(1000000000000)",
        "select count(*) from range(100000000) a, range(10000000) b where a.range * b.range % 7 = 3",
    ],
)
def test_ctrl_c_ends_a_query_at_once(endless: str) -> None:
    # A shell's background lets a process ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt), duckdb_session("1GB", cores=1) as session:
            session.sql(endless).fetchall()
    finally:
        signal.signal(signal.SIGINT, before)


def test_of_two_sessions_either_may_end_first() -> None:
    first, second = duckdb_session("1GB"), duckdb_session("1GB")
    with first as one:
        with second as other:
            assert other.sql("select 2").fetchall() == [(2,)]
        assert one.sql("select 1").fetchall() == [(1,)]
    assert signal.set_wakeup_fd(-1) == -1


def test_variables_of_python_are_no_tables(tables: Path) -> None:
    matchs = duckdb.sql("select 1").to_arrow_table()  # noqa: F841
    with pytest.raises(ConfigError, match=r"there is no table matchs; did you mean matches\?"):
        run_query(str(tables), "select * from matchs", engine="duckdb")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select cast(title_id as int) from matches", "Could not convert string"),
        ("select nope from matches", '"nope" not found'),
        ("select copied_words / 0 from matches", "Division by zero"),
        ("select date '0044-03-15 (BC)'", "a time that cannot be shown"),
        ("select timestamp 'infinity'", "a time that cannot be shown"),
        (f"select {'1 + ' * 2000}1", "Max expression depth limit"),
        pytest.param(
            f"select {'1 + ' * 600}1",
            "nested too deeply",
            marks=pytest.mark.skipif(sys.version_info >= (3, 12), reason="its JSON reads 600 levels"),
        ),
    ],
)
def test_what_fails_in_a_query_is_said_in_a_line(tables: Path, query: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        list(run_query(str(tables), query, engine="duckdb").rows)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_gone_while_it_is_read_is_an_error_of_the_tables(tmp_path: Path) -> None:
    publish(tmp_path, "r1", [match("a", None, row_sha256="1")])
    answer = run_query(
        str(tmp_path), "select row_sha256 from matches where article_id = 'a'", engine="duckdb"
    )
    assert list(answer.rows) == [("1",)]
    store = TableStore.open(str(tmp_path))
    path = tmp_path / "matches" / "r1-00000.parquet"

    def gone(*names: str) -> Any:
        found = TableStore.dataset(store, [str(path)], SCHEMAS["matches"])
        path.unlink()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TableStore, "open_table", lambda self, name: gone(name))
        with pytest.raises(OutputError, match="a table cannot be read"):
            list(in_duckdb.run(store, "select row_sha256 from matches").rows)


def test_queries_one_after_the_other_open_each_table_once_and_have_the_answers_of_each_alone(
    tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [
        "select count(*) as n from sightings",
        "with runs as (select 7 as n) select n from runs",
        "select run_id, row_sha256 from matches order by 2",
        "select run_id, count(*) as n from runs group by 1 order by 1",
        "select letter, count(*) as n from copies group by letter order by letter",
    ]
    alone = [run_query(str(tables), query, engine="duckdb") for query in queries]
    store, opened, open_table = TableStore.open(str(tables)), list[str](), TableStore.open_table

    def noted(self: TableStore, name: str, *runs: str) -> Any:
        opened.append(name)
        return open_table(self, name, *runs)

    monkeypatch.setattr(TableStore, "open_table", noted)
    for one, answer in zip(alone, answers_of(store, queries, "duckdb"), strict=True):
        assert (answer.columns, list(answer.rows)) == (one.columns, list(one.rows))
    assert {"matches", "runs"} <= set(opened)
    assert len(opened) == len(set(opened))


class TestCommand:
    def test_rows_go_to_stdout_and_the_engine_below(
        self, tables: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        query = "select title_id, count(*) as n from matches group by 1"
        assert cli.run(["sql", str(tables), query]) == 0
        said = capsys.readouterr()
        assert said.out.split() == ["title_id", "n", "t", "4"]
        assert "1 row, by DuckDB" in said.err

    def test_json_has_a_row_a_line(self, tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
        query = "select started_at, array_sort(collect_set(run_id)) as ids from runs group by 1 order by 1"
        assert cli.run(["sql", str(tables), query, "--json"]) == 0
        first, _ = map(json.loads, capsys.readouterr().out.splitlines())
        assert first == {"started_at": "2026-01-01T00:00:00Z", "ids": ["20260101T000000Z-aaaaaa"]}

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("'inf'::double", None),
            ("['nan'::double, 1]", [None, 1]),
            ("time '12:30'", "12:30:00"),
        ],
    )
    def test_json_is_json_whatever_a_value_is(
        self, value: str, shown: object, tables: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(name: str) -> None:
            raise AssertionError(name)

        assert cli.run(["sql", str(tables), f"select {value} as x", "--json"]) == 0
        assert json.loads(capsys.readouterr().out, parse_constant=refuse) == {"x": shown}

    def test_columns_of_one_name_are_not_lost_in_json(
        self, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        query = "select 1 as a, 2 as a"
        assert cli.run(["sql", str(tables), query, "--json"]) == 1
        assert "two columns are called a" in capsys.readouterr().err
        for name in ("x.jsonl", "x.parquet"):
            assert cli.run(["sql", str(tables), query, "--export", str(tmp_path / name)]) == 1
            assert "two columns are called a" in capsys.readouterr().err
        assert cli.run(["sql", str(tables), query, "--export", str(tmp_path / "x.csv")]) == 0
        assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]

    def test_a_span_of_time_is_refused_by_parquet_in_a_line(
        self, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        query = "select finished_at - started_at as took from runs"
        assert cli.run(["sql", str(tables), query, "--export", str(tmp_path / "x.parquet")]) == 1
        assert "Parquet cannot hold a column" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_a_name_that_a_pivot_makes_is_no_formula_in_csv(self, tables: Path, tmp_path: Path) -> None:
        query = "from (pivot (select '=cmd()' as a, 1 as b) on a in ('=cmd()') using sum(b))"
        assert cli.run(["sql", str(tables), query, "--export", str(tmp_path / "x.csv")]) == 0
        assert (tmp_path / "x.csv").read_text("utf-8-sig").splitlines() == ["'=cmd()", "1"]

    def test_who_gives_the_query_first_is_told_the_order(
        self, tables: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run(["sql", "select 1", str(tables)]) == 2
        assert "TABLES comes first, then QUERY" in capsys.readouterr().err

    def test_a_refusal_ends_with_1(self, tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["sql", str(tables), "drop view matches"]) == 1
        assert capsys.readouterr().err == (
            "error: sql: this is no query (write one that begins with select, from, with, describe or show)\n"
        )


ALL = SCHEMAS["matches"].names


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("select grade from matches", ["grade"]),
        ("SELECT GRADE, count( * ) FROM matches", ["grade"]),
        ("select count(*) from matches", ["run_id"]),
        ("select m.grade from matches m where m.title_id = 'grade'", ["title_id", "grade"]),
        ("select * from matches", ALL),
        ("select m.* from matches m", ALL),
        ("select grade from matches natural join runs", ALL),
        ("from matches |> limit 1", ALL),
        ("table matches", ALL),
        ("describe matches", ALL),
    ],
)
def test_of_tables_on_s3_spark_reads_columns_that_a_query_names(query: str, columns: list[str]) -> None:
    assert columns_in(query, "matches") == columns


def test_columns_of_a_view_are_read_with_it() -> None:
    assert {"own_site", "copied_words", "document_url", "text_sha256"} <= set(
        columns_in("select pages from by_title", "matches")
    )
    assert named_in("select pages from by_title") == {"pages", "by_title"}
