"""Forgetting: the rows are gone, everything else is as it was, and the tombstone says what was done."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims import forget as forgetting
from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.cli.main import run
from presswatch_spark.errors import InputError, OutputError
from presswatch_spark.queries.reservations import Reservations
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.schemas.claim_tables import CLAIMS
from presswatch_spark.tables.schemas.corpus_tables import CORPUS_ARTICLES
from presswatch_spark.tables.schemas.derived_tables import DERIVATIONS
from presswatch_spark.tables.schemas.rights_tables import RIGHTS_SIGNALS
from presswatch_spark.tables.store import TableStore
from tests.captures import PAGE, capture, robots
from tests.tables import match, publish, row_of
from tests.tables import write as write_table
from tests.unit.queries.test_reservations import own
from tests.unit.rights.test_rights_relation import rows as signal_rows


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def rows_of(publisher: str, *articles: str) -> list[dict[str, Any]]:
    return [
        match(article, f"https://{article}.example/", publisher_id=publisher, row_sha256=digest(article))
        for article in articles
    ]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Three runs: one of two publishers, one of each alone."""
    publish(tmp_path, "r1", [*rows_of("rives", "a", "b"), *rows_of("plateau", "c", "d", "e")])
    publish(tmp_path, "r2", rows_of("plateau", "c"))
    publish(tmp_path, "r3", rows_of("rives", "a"))
    return tmp_path


def articles(tables: Path, run_id: str) -> list[str]:
    return sorted(TableStore.open(str(tables)).read("matches", run_id)["article_id"].to_pylist())


def test_a_publishers_rows_go_and_all_others_stay(tables: Path) -> None:
    untouched = (tables / "matches" / "r2-00000.parquet").read_bytes()
    removal = forget(str(tables), Subject("publisher", "rives"))
    assert (removal.rows, removal.resumed) == (3, False)
    assert [articles(tables, run_id) for run_id in ("r1", "r2", "r3")] == [["c", "d", "e"], ["c"], []]
    assert (tables / "matches" / "r2-00000.parquet").read_bytes() == untouched
    store = TableStore.open(str(tables))
    assert list(store.damage()) == []
    for run_id in ("r1", "r2", "r3"):
        store.check(run_id)
    assert [row["matches"] for row in store.rows()] == [3, 1, 0]
    raw = b"".join(path.read_bytes() for path in (tables / "matches").iterdir())
    assert b"rives" not in raw


def test_the_tombstone_names_the_digests_before_and_after_and_not_the_id(tables: Path) -> None:
    before = {row["run_id"]: row["table_digest"] for row in TableStore.open(str(tables)).rows()}
    removal = forget(str(tables), Subject("publisher", "rives"), operator="DPO")
    (row,) = TableStore.open(str(tables)).read("tombstones").to_pylist()
    assert row["run_id"] == removal.row["run_id"]
    assert (row["subject"], row["operator"]) == ("publisher", "DPO")
    assert row["subject_sha256"] == digest("rives")
    assert "rives" not in str({name: value for name, value in row.items() if name != "subject_sha256"})
    after = {"r1": table_digest(map(digest, "cde")), "r3": table_digest([])}
    assert row["removed"] == [
        {"run_id": run_id, "table": "matches", "rows_before": rows, "rows_after": left,
         "digest_before": before[run_id], "digest_after": after[run_id]}
        for run_id, rows, left in (("r1", 5, 3), ("r3", 1, 0))
    ]  # fmt: skip
    assert {
        row["run_id"]: row["table_digest"] for row in TableStore.open(str(tables)).rows()
    } == before | after


def test_an_articles_rows_go_and_what_its_own_page_declared(tmp_path: Path) -> None:
    publish(tmp_path, "r1", [own("a", article_url=PAGE, row_sha256=digest("a")), *rows_of("p", "b")])
    declared = signal_rows(capture("<p>", PAGE, ("X-Robots-Tag", "noai")), robots("User-agent: *\nAllow: /"))
    store = TableStore.open(str(tmp_path))
    write_table(store, "rights_signals", "r1", [row | {"run_id": "r1"} for row in declared], RIGHTS_SIGNALS)
    Reservations(str(tmp_path)).write(str(tmp_path))
    removal = forget(str(tmp_path), Subject("article", "a"))
    assert {each["table"] for each in removal.row["removed"]} == {"matches", "rights_signals", "reservations"}
    store = TableStore.open(str(tmp_path))
    assert articles(tmp_path, "r1") == ["b"]
    assert set(store.read("rights_signals")["document_url"].to_pylist()) == {
        "https://www.courrier.example/robots.txt"
    }
    assert len(store.read("reservations")) == 0
    assert store.rows("derivations")[0]["rows"] == 0
    assert list(store.damage()) == []


def test_what_an_article_declared_at_another_address_of_its_own_goes_too(tmp_path: Path) -> None:
    here = {"url_match": "article", "document_url": PAGE, "row_sha256": digest("a")}
    publish(tmp_path, "r1", [own("a", **here, article_url="https://www.courrier.example/autre")])
    declared = signal_rows(capture("<p>", PAGE, ("X-Robots-Tag", "noai")))
    store = TableStore.open(str(tmp_path))
    write_table(store, "rights_signals", "r1", [row | {"run_id": "r1"} for row in declared], RIGHTS_SIGNALS)
    forget(str(tmp_path), Subject("article", "a"))
    assert len(TableStore.open(str(tmp_path)).read("rights_signals")) == 0


def test_an_article_that_was_never_found_is_forgotten_and_what_its_addresses_declared(
    tmp_path: Path,
) -> None:
    publish(tmp_path, "r1", rows_of("p", "b"))
    store = TableStore.open(str(tmp_path))
    brought = [
        row_of(CORPUS_ARTICLES, run_id="r1", article_id=name, publisher_id="p", alternate_urls=others)
        for name, others in (("a", [PAGE]), ("b", []))
    ]
    write_table(store, "corpus_articles", "r1", brought, CORPUS_ARTICLES)
    declared = signal_rows(capture("<p>", PAGE, ("X-Robots-Tag", "noai")))
    write_table(store, "rights_signals", "r1", [row | {"run_id": "r1"} for row in declared], RIGHTS_SIGNALS)
    removal = forget(str(tmp_path), Subject("article", "a"))
    assert {each["table"] for each in removal.row["removed"]} == {"corpus_articles", "rights_signals"}
    store = TableStore.open(str(tmp_path))
    assert store.read("corpus_articles")["article_id"].to_pylist() == ["b"]
    assert (len(store.read("rights_signals")), articles(tmp_path, "r1")) == (0, ["b"])
    assert [each["digest_after"] for each in removal.row["removed"]] == [None, None]
    store.check("r1")
    assert list(store.damage()) == []
    forget(str(tmp_path), Subject("publisher", "p"))
    assert len(TableStore.open(str(tmp_path)).read("corpus_articles")) == 0


@pytest.mark.parametrize("table", ["claims", "claims_before"])
def test_claims_in_a_folder_of_their_own_are_forgotten_there(tmp_path: Path, table: str) -> None:
    claims = [row_of(CLAIMS, run_id="d1", article_id=name, claim_sha256=digest(name)) for name in "ab"]
    store = TableStore.create(str(tmp_path))
    write_table(store, table, "d1", claims, CLAIMS)
    facts = {"run_id": "d1", "table": table, "rows": 2, "made_of": ["r1"]}
    facts["table_digest"] = table_digest(map(digest, "ab"))
    write_table(store, "derivations", "d1", [row_of(DERIVATIONS, **facts)], DERIVATIONS)
    removal = forget(str(tmp_path), Subject("article", "a"))
    assert [each["table"] for each in removal.row["removed"]] == [table]
    store = TableStore.open(str(tmp_path))
    assert store.read(table)["article_id"].to_pylist() == ["b"]
    (row,) = store.rows("derivations")
    assert (row["rows"], row["table_digest"]) == (1, table_digest([digest("b")]))
    assert list(store.damage()) == []


def test_files_of_older_versions_keep_their_columns(tables: Path) -> None:
    path = tables / "matches" / "r1-00000.parquet"
    older = pq.read_table(path).drop_columns(["charset", "own_site"])
    pq.write_table(older, path)
    store = TableStore.open(str(tables))
    write_table(store, "runs", "r1", [store.rows()[0]], pq.read_schema(tables / "runs" / "r1-00000.parquet"))
    forget(str(tables), Subject("publisher", "rives"))
    kept = pq.read_table(path)
    assert kept.schema.names == older.schema.names
    assert kept.to_pylist() == [row for row in older.to_pylist() if row["publisher_id"] != "rives"]


@pytest.mark.parametrize("after", range(6))
def test_a_removal_that_is_killed_anywhere_is_finished_by_the_next(
    tables: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def dying(function: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps > after:
                raise KeyboardInterrupt
            return function(*given, **named)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(forgetting.Folder, "take", dying(forgetting.Folder.take))
        patched.setattr(forgetting, "_write_row", dying(forgetting._write_row))
        patched.setattr(TableStore, "publish", dying(TableStore.publish))
        patched.setattr(forgetting.Folder, "remove", dying(forgetting.Folder.remove))
        with pytest.raises(KeyboardInterrupt):
            forget(str(tables), Subject("publisher", "rives"))
    removal = forget(str(tables), Subject("publisher", "rives"))
    assert removal.rows == 3
    assert removal.resumed == (after > 0)
    assert articles(tables, "r1") == ["c", "d", "e"]
    assert list(TableStore.open(str(tables)).damage()) == []
    assert len(TableStore.open(str(tables)).published("tombstones")) == 1
    assert not (tables / "_runs" / "forget").exists()


def test_what_no_row_names_is_an_error_and_nothing_is_changed(tables: Path) -> None:
    before = {path: path.read_bytes() for path in tables.rglob("*.parquet")}
    with pytest.raises(InputError, match="no row of these tables names the article zz"):
        forget(str(tables), Subject("article", "zz"))
    assert {path: path.read_bytes() for path in tables.rglob("*.parquet")} == before


def test_a_plan_that_is_damaged_stops_it(tables: Path) -> None:
    (tables / "_runs" / "forget").mkdir(parents=True)
    (tables / "_runs" / "forget" / "plan.json").write_text('{"changes": []}')
    with pytest.raises(OutputError, match="plan of a removal that was begun is damaged"):
        forget(str(tables), Subject("publisher", "rives"))


def test_the_command_says_what_it_removed(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["forget", "--article", "c", str(tables)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "removed 2 rows of matches"
    assert told[1].startswith("tombstone ")
    assert run(["forget", "--article", "c", str(tables)]) == 1
    assert run(["forget", str(tables)]) == 2
    assert run(["runs", str(tables)]) == 0
    assert "3 runs, 1 removal" in capsys.readouterr().err
