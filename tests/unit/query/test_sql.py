"""SQL by DuckDB: what it answers, and that it reads published tables and nothing else."""

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.core.errors import ConfigError, OutputError
from presswatch_spark.core.settings.config import MinHashRules, ReadRules, ScanConfig, row_settings
from presswatch_spark.query import duckdb_engine
from presswatch_spark.query.duckdb_engine import duckdb_session
from presswatch_spark.query.spark_engine import columns_in, named_in
from presswatch_spark.query.sql import answers_of, engine_of
from presswatch_spark.query.views import VIEWS, in_order
from presswatch_spark.storage.arrow_files import opened_parquet
from presswatch_spark.tables.declarations import SCHEMAS, CorpusArticle, ShardLog
from presswatch_spark.tables.store import TableStore, bounded_dataset
from tests.world.commands import outcome, presswatch
from tests.world.golden import assert_golden
from tests.world.processes import raising
from tests.world.proofs import cases, each_time
from tests.world.tables import match, publish, row_of, run_query, write

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
RUN, OTHER, CRAWL = "20260101T000000Z-aaaaaa", "20260601T000000Z-bbbbbb", "CC-MAIN-2024-51"
SECRET = "these words stand in a file that no query may read"


def rows(tables: Path, query: str) -> list[tuple[object, ...]]:
    return list(run_query(str(tables), query, engine="duckdb").rows)


def run(
    folder: Path,
    run_id: str,
    found: list[dict[str, Any]],
    shards: Mapping[str, Mapping[str, Any]],
    brought: Mapping[str, Mapping[str, Any]],
    **facts: Any,
) -> None:
    """Publish a run with its shards and the articles that it brought, each with columns of its row."""
    publish(folder, run_id, found, **facts)
    store, digest = TableStore.open(str(folder)), facts.get("corpus_digest")
    articles = [
        row_of(CorpusArticle, run_id=run_id, corpus_digest=digest, article_id=name, **columns)
        for name, columns in brought.items()
    ]
    log = [row_of(ShardLog, run_id=run_id, shard_uri=uri, **columns) for uri, columns in shards.items()]
    write(store, "corpus_articles", run_id, articles, CorpusArticle.schema)
    write(store, "scan_log", run_id, log, ShardLog.schema)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: article a on one page in both, article b on another in the second, and a page of ours."""
    folder = tmp_path_factory.mktemp("answers") / "tables"
    known: dict[str, Any] = {"document_host": "x.example", "text_sha256": "t", "release": "r-1"}
    first = match("a", "https://x.example/1", row_sha256="1", confidence="A", copied_words=50, **known)
    again = match("a", "https://x.example/1", row_sha256="2", confidence="B", copied_words=40, **known)
    other = match("b", "https://y.example/2", row_sha256="3", confidence="C", text_sha256="u", release="r-2")
    own = match(None, None, row_sha256="4", confidence="D", own_site=None, text_sha256="v", grade="url_only")
    publish(folder, RUN, [first], release="r-1", started_at=EARLY)
    publish(folder, OTHER, [again, other, own], release="r-2", started_at=LATE)
    return folder


class TestAnswers:
    def test_rows_of_all_published_runs_are_read(self, tables: Path) -> None:
        expected: dict[str, list[tuple[object, ...]]] = {
            "select run_id, count(*) as n from matches group by 1 order by 1": [(RUN, 1), (OTHER, 3)],
            # A sum of whole numbers is one.
            "select sum(copied_words) from matches": [(130,)],
            # Nulls come first, as in Spark.
            "select article_id from matches order by 1": [(None,), ("a",), ("a",), ("b",)],
            "select article_id from matches order by 1 desc": [("b",), ("a",), ("a",), (None,)],
            "select min(started_at) from runs": [(EARLY,)],
            "select size(spans), spans from matches limit 1": [(0, [])],
            # A query may define tables under names of ours.
            "with runs as (select 1 as a), x as (select * from runs) select a from x": [(1,)],
            "with x as (select run_id from runs where release = 'r-2') select count(*) from x": [(1,)],
        }
        queries = [*expected, "describe matches", "show tables", "summarize runs", "from runs"]
        answers = answers_of(TableStore.open(str(tables)), queries, "duckdb")
        found = {query: list(answer.rows) for query, answer in zip(queries, answers, strict=True)}
        assert {query: found[query] for query in expected} == expected
        for query, wanted in expected.items():
            types = [[type(value) for value in row] for row in found[query]]
            assert types == [[type(value) for value in row] for row in wanted], query
        # What describes tables is a query, too.
        assert all(found.values())

    def test_a_table_that_nobody_wrote_is_empty_and_has_its_columns(self, tables: Path) -> None:
        answer = run_query(str(tables), "select * from captures")
        assert (answer.columns, list(answer.rows)) == (SCHEMAS["captures"].names, [])

    def test_only_files_that_a_row_publishes_and_a_filter_of_runs_lets_through_are_opened(
        self, tmp_path: Path
    ) -> None:
        for run_id in ("r1", "r2"):
            publish(tmp_path, run_id, [match("a", None, row_sha256=run_id)])
        shutil.copy(tmp_path / "matches" / "r1-00000.parquet", tmp_path / "matches" / "r3-00000.parquet")
        assert rows(tmp_path, "select count(*) from matches") == [(2,)]
        table = bounded_dataset(TableStore.open(str(tmp_path)).open_table("matches"))
        (tmp_path / "matches" / "r2-00000.parquet").unlink()
        with duckdb_session("1GB") as session:
            session.register("matches", table)
            assert session.sql("select row_sha256 from matches where run_id = 'r1'").fetchall() == [("r1",)]
            with pytest.raises(duckdb.Error):
                session.sql("select row_sha256 from matches").fetchall()

    def test_auto_takes_spark_for_what_is_more_than_one_machine_sorts(
        self, tables: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = TableStore.open(str(tables))
        for most, expected in ((4, "duckdb"), (3, "spark")):
            monkeypatch.setattr("presswatch_spark.query.sql.ROWS_OF_ONE_MACHINE", most)
            assert [engine_of(store, name) for name in ("auto", "duckdb")] == [expected, "duckdb"]


def world(folder: Path, runs: tuple[str, ...] = ("r1", "r2", "r3")) -> Path:
    """Publish runs, of two corpora: pages of ours, of a sister and of others, in shards read or not.

    Shard 1 was read to its end by the first run, shard 2 by the second; what the others found in them is
    superseded. A page copies two articles of two publishers; another printed a passage twice, and
    has more of an article's words than it has itself.
    """
    own = {"own_site": True, "url_match": "article", "document_words": 300}
    found: dict[str, list[tuple[str | None, str | None, str, int, str, dict[str, Any]]]] = {
        "r1": [
            ("a", "https://ours.example/1", "s1", 200, "A", own),
            ("a", "https://x.example/1", "s1", 50, "A", {}),
            ("b", "https://x.example/1", "s1", 80, "B", {}),
            ("b", "https://y.example/formula", "s1", 12, "D", {}),
            ("a", None, "s1", 40, "A", {"own_site": None}),
            ("a", "https://sister.example/1", "s1", 70, "A", {"own_site": True}),
            ("a", "https://x.example/not-chosen", "s2", 888, "A", {}),
            ("v", "https://x.example/1", "s1", 60, "A", {"title_id": "v", "publisher_id": "q"}),
            (
                "v", "https://z.example/2", "s1", 90, "A",
                {"title_id": "v", "publisher_id": "q", "document_words": 40},
            ),
        ],
        "r2": [
            ("a", "https://ours.example/1", "s2", 200, "A", own),
            ("b", "https://x.example/1", "s2", 80, "C", {}),
            (None, "https://ours.example/2", "s2", 0, "D", {"own_site": True, "url_match": "title"}),
            ("a", "https://x.example/not-chosen", "s1", 999, "A", {}),
        ],
        "r3": [],
    }  # fmt: skip
    read: dict[str, dict[str, tuple[str, int | None]]] = {
        "r1": {"s1": ("complete", 1000), "s2": ("partial", 200)},
        "r2": {"s1": ("partial", 10), "s2": ("complete", 500), "s3": ("failed", 0)},
        "r3": {"s4": ("complete", None)},
    }
    for run_id, digest, brought, at in (
        ("r1", "one", "abc", EARLY), ("r2", "one", "abc", LATE), ("r3", "two", "abd", LATE),
    ):  # fmt: skip
        if run_id not in runs:
            continue
        matches = [
            match(
                article, url, row_sha256=f"{run_id}-{n}", shard_uri=shard, copied_words=words,
                confidence=letter, document_host=url and url.split("/")[2], text_sha256=f"text of {url}",
                **({"url_match": "none", "release": "R"} | more),
            )
            for n, (article, url, shard, words, letter, more) in enumerate(found[run_id])
        ]  # fmt: skip
        shards = {
            uri: {"status": status, "words": words, "format": "wet"}
            for uri, (status, words) in read[run_id].items()
        }
        articles = {name: {"title_id": "u" if name in "cd" else "t", "publisher_id": "p"} for name in brought}
        facts = {"corpus_digest": digest, "release": "R", "dataset": "wet", "started_at": at}
        run(folder, run_id, matches, shards, articles, **facts)
    return folder


QUESTIONS = (
    "select document_url, letter, articles, most_copied_words, runs, rows from pages order by 1",
    "select document_url, letter, rows from copied_pages order by 1",
    "select document_host, own_site, pages, pages_a, pages_b, pages_d, rows from by_host order by 1, 2",
    "select title_id, own_site, pages, claims, hosts, most_copied_words from by_title order by 1, 2",
    "select title_id, pages, captures, records, claims, articles from copies_by_title order by 1",
    "select article_id, document_url, first_run_id, first_row, letter, rows from new_since order by 1, 2",
    "select letter, own_site, addresses, hosts, copied_words, rows from trend order by 1, 2",
    "select distinct kind, is_judged from sightings",
    "select corpus_digest, is_newest, article_id, pages, pages_elsewhere, letter, most_copied_words,"
    " shards_complete, shards_incomplete from articles order by 1, 3",
    "select corpus_digest, shard_uri, run_id, status, words from shards_read order by 1, 2",
    "select corpus_digest, title_id, own_pages, own_words, own_pages_uncounted, copying_pages, copied_words,"
    " unplaced_pages, unplaced_words from token_share order by 1, 2",
    "select corpus_digest, title_id, words, shards_complete, shards_incomplete, own_share, copied_share"
    " from token_share order by 1, 2",
    "select corpus_digest, publisher_id, own_pages, own_words, copying_pages, copied_words, words"
    " from publisher_share order by 1, 2",
)


class TestViews:
    def test_their_answers_are_as_people_have_read_them(self, tmp_path: Path) -> None:
        tables, transcript = world(tmp_path), ""
        for query in QUESTIONS:
            answer = presswatch("sql", tables, query, COLUMNS="150")
            transcript += f'$ presswatch sql TABLES "{query}"\n{answer}\n'
        assert_golden("sql.txt", transcript)

    @pytest.mark.slow
    def test_each_can_be_asked(self, tmp_path: Path) -> None:
        store = TableStore.open(str(world(tmp_path, ("r1",))))
        answers = answers_of(store, [f"select * from {name}" for name in VIEWS], "duckdb")
        found = {name: list(answer.rows) for name, answer in zip(VIEWS, answers, strict=True)}
        assert {name for name, of_view in found.items() if not of_view} == {"claimed", "spans"}
        # What a view is made of comes before it.
        ordered = in_order(["pages"])
        assert ordered[-5:] == ["all_matches", "claims", "all_sightings", "sightings", "pages"]
        assert set(ordered[:-5]) == {"scan_log", "runs", "matches", "corpus_articles"}

    def test_an_article_that_was_forgotten_is_in_none(self, tmp_path: Path) -> None:
        tables = world(tmp_path, ("r3",))
        forget(str(tables), Subject("article", "d"))
        assert rows(tables, "select count(*) from articles where article_id = 'd'") == [(0,)]
        assert list(TableStore.open(str(tables)).damage()) == []


OF_A_COLUMN = row_settings(ScanConfig(read=ReadRules(columns={"release": "dump"})), MinHashRules())


class TestReleases:
    @pytest.mark.parametrize(
        ("named", "facts", "expected"),
        [
            # `runs.release` is that of the one shard that names any: it says nothing of the others.
            (
                f"warc {CRAWL}, c4 -, named CC-MAIN-2013-20, joined {CRAWL}, joined CC-MAIN-2025-05",
                {"release": CRAWL, "config": OF_A_COLUMN},
                f"c4 -, joined rows, named rows, unread -, warc {CRAWL}",
            ),
            # A release that the user named is that of all shards that name none.
            (
                f"c4 c4-fr, named c4-fr, named {CRAWL}",
                {"release": "c4-fr"},
                f"c4 c4-fr, joined c4-fr, named rows, unread c4-fr, warc {CRAWL}",
            ),
        ],
    )
    def test_a_shard_has_the_release_that_it_names_and_none_that_other_shards_name(
        self, tmp_path: Path, named: str, facts: dict[str, Any], expected: str
    ) -> None:
        found = [
            match("a", f"https://x.example/{n}", row_sha256=str(n), shard_uri=uri, release=release)
            for n, each in enumerate(named.split(", "))
            for uri, release in [each.replace(" -", " ").split(" ")]
        ]
        shards = {
            uri: {"format": uri, "status": "complete", "release": CRAWL if uri == "warc" else None}
            for uri in ("warc", "c4", "named", "joined", "unread")
        }
        run(tmp_path, RUN, [row | {"release": row["release"] or None} for row in found], shards, {}, **facts)
        query = """
            select concat(shard_uri, ' ', if(rows_name_release, 'rows', coalesce(release, '-')))
            from shards order by 1"""
        assert ", ".join(str(told) for (told,) in rows(tmp_path, query)) == expected

    def test_a_copy_in_two_formats_of_a_crawl_is_one_copy_in_one_dataset(self, tmp_path: Path) -> None:
        copies = "a wet -, a warc -, b rows -, b rows fineweb, b c4 -"
        found = [
            match(
                article, "https://x.example/1", row_sha256=str(n), dataset=form,
                release=None if form == "c4" else CRAWL, product=None if product == "-" else product,
                text_sha256=form, captured_at=EARLY,
            )
            for n, (article, form, product) in enumerate(each.split(" ") for each in copies.split(", "))
        ]  # fmt: skip
        publish(tmp_path, RUN, found)
        assert rows(tmp_path, "select article_id, datasets, dataset_count from lineage order by 1") == [
            ("a", [f"common-crawl {CRAWL}"], 1),
            ("b", ["c4 ?", f"fineweb {CRAWL}", f"rows {CRAWL}"], 3),
        ]


NO_QUERY = (
    "copy matches to '{folder}/out.csv'", "copy (select 1) to '{folder}/out.parquet'",
    "copy x from '{folder}/secret.csv'", "attach '{folder}/new.duckdb'", "detach memory", "use memory",
    "install httpfs", "force install httpfs", "load httpfs", "update extensions",
    "set memory_limit = '9GB'", "set global lock_configuration = false", "reset enable_external_access",
    "pragma enable_profiling", "pragma database_list", "call pragma_version()",
    "insert into matches values (1)", "update matches set grade = ''", "delete from matches",
    "merge into matches using runs on true when matched then delete", "truncate matches",
    "create table x as select 1", "create view x as select 1", "create macro x() as 1",
    "create secret (type s3)", "create type mood as enum ('a')", "create schema x", "create sequence x",
    "drop view matches", "alter view matches rename to x", "comment on view matches is 'x'",
    "export database '{folder}/export'", "import database '{folder}'", "checkpoint", "vacuum", "analyze",
    "begin", "commit", "prepare x as select 1", "execute x", "deallocate x", "explain analyze select 1",
    "select 1; copy matches to '{folder}/out.csv'", "", ";",
)  # fmt: skip
REFUSED = dict.fromkeys(NO_QUERY, "not a query") | {
    "select 1; select 2": "more than one query",
    "select * from read_csv('{folder}/secret.csv')": "may not call read_csv",
    "select * from read_text('{folder}/secret.csv')": "may not call read_text",
    "select * from read_parquet('{folder}/secret.parquet')": "may not call read_parquet",
    "select * from glob('{folder}/*')": "may not call glob",
    "select * from '{folder}/secret.csv'": "there is no table",
    "select * from '{folder}/secret.parquet'": "there is no table",
    'select * from "{folder}/secret.parquet"': "there is no table",
    "select * from query('select 1')": "may not call query",
    "select * from query_table('matches')": "may not call query_table",
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
    "selekt 1": "syntax error",
    "select artikle_id from matches": '"article_id"',
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
    names = {name for (name,) in every.fetchall()} - duckdb_engine.ROW_MAKERS
    known = "read_csv read_csv_auto read_blob read_json read_parquet sniff_csv glob parquet_metadata"
    assert {*known.split(), "arrow_scan", "pandas_scan", "duckdb_settings", "enable_logging"} <= names
    with duckdb_session("1GB") as session:
        for name in sorted(names):
            # A query is looked at by this before anything is asked for.
            with pytest.raises(ConfigError, match=r"may not call|no query"):
                duckdb_engine.names_in(session, f"select * from {name}('/etc/passwd')")


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
    assert rows(tmp_path, "select row_sha256 from matches where article_id = 'a'") == [("1",)]
    store = TableStore.open(str(tmp_path))
    path = tmp_path / "matches" / "r1-00000.parquet"

    def gone(*names: str) -> Any:
        found = opened_parquet(store.root, [str(path)], SCHEMAS["matches"])
        path.unlink()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TableStore, "open_table", lambda self, name: gone(name))
        with pytest.raises(OutputError, match="a table cannot be read"):
            list(duckdb_engine.run(store, "select row_sha256 from matches").rows)


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
    def test_rows_go_to_stdout_and_the_engine_below(self, tables: Path) -> None:
        said = outcome("sql", tables, "select title_id, count(*) as n from matches group by 1")
        assert (said.code, said.out.split()) == (0, ["title_id", "n", "t", "4"])
        assert "1 row, by DuckDB" in said.err

    def test_json_has_a_row_a_line(self, tables: Path) -> None:
        query = "select started_at, array_sort(collect_set(run_id)) as ids from runs group by 1 order by 1"
        first, _ = map(json.loads, presswatch("sql", tables, query, "--json").splitlines())
        assert first == {"started_at": "2026-01-01T00:00:00Z", "ids": [RUN]}

    @pytest.mark.parametrize(
        ("value", "shown"),
        [("'inf'::double", None), ("['nan'::double, 1]", [None, 1]), ("time '12:30'", "12:30:00")],
    )
    def test_json_is_json_whatever_a_value_is(self, value: str, shown: object, tables: Path) -> None:
        out = presswatch("sql", tables, f"select {value} as x", "--json")
        assert json.loads(out, parse_constant=raising(AssertionError)) == {"x": shown}

    def test_columns_of_one_name_and_spans_of_time_are_refused_where_they_cannot_be_stored(
        self, tables: Path, tmp_path: Path
    ) -> None:
        query = "select finished_at - started_at as took from runs"
        said = outcome("sql", tables, query, "--export", tmp_path / "x.parquet")
        assert (said.code, "Parquet cannot store a column" in said.err) == (1, True)
        query = "select 1 as a, 2 as a"
        exports = [("--export", tmp_path / name) for name in ("x.jsonl", "x.parquet", "x.csv")]
        for words in (["--json"], *exports[:2]):
            said = outcome("sql", tables, query, *words)
            assert (said.code, "two columns are called a" in said.err) == (1, True)
        presswatch("sql", tables, query, *exports[2])
        assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]

    def test_a_name_that_a_pivot_makes_is_no_formula_in_csv(self, tables: Path, tmp_path: Path) -> None:
        query = "from (pivot (select '=cmd()' as a, 1 as b) on a in ('=cmd()') using sum(b))"
        presswatch("sql", tables, query, "--export", tmp_path / "x.csv")
        assert (tmp_path / "x.csv").read_text("utf-8-sig").splitlines() == ["'=cmd()", "1"]

    def test_a_refusal_is_a_line_with_a_remedy(self, tables: Path) -> None:
        said = outcome("sql", "select 1", tables)
        assert (said.code, "pass TABLES first, then QUERY" in said.err) == (2, True)
        said = outcome("sql", tables, "drop view matches")
        remedy = "write one that begins with select, from, with, describe or show"
        assert (said.code, said.err) == (1, f"error: sql: this is not a query ({remedy})\n")


ALL = SCHEMAS["matches"].names


@cases(
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
    columns = columns_in("select pages from by_title", "matches")
    assert {"own_site", "copied_words", "document_url", "text_sha256"} <= set(columns)
    assert named_in("select pages from by_title") == {"pages", "by_title"}
