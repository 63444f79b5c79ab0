"""Forgetting: the rows are gone, everything else is as it was, and the tombstone says what was done."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.query.reservations import Reservations
from presswatch_spark.scanning.runs.unfinished import RunNote, write_note
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks_and_leases import locked
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Claim, CorpusArticle, Derivation, Match
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome, presswatch
from tests.world.histories import sha
from tests.world.rights import (
    PAGE,
    ROBOTS,
    capture,
    own,
    robots,
    signal_rows,
    tables_with_signals,
    write_signals,
)
from tests.world.tables import NOON, match, publish, row_of
from tests.world.tables import write as write_table

RIVES = Subject("publisher", "rives")
KILLED = "20240601T120000Z-claims"


def rows_of(publisher: str, *articles: str) -> list[dict[str, Any]]:
    return [
        match(article, f"https://{article}.example/", publisher_id=publisher, row_sha256=sha(article))
        for article in articles
    ]


@pytest.fixture(autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of this user's caches."""
    folder = tmp_path_factory.mktemp("caches")
    monkeypatch.setattr("presswatch_spark.claims.forget.user_caches", lambda: iter([folder]))
    return folder


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Three runs: one of two publishers, one of each alone."""
    publish(tmp_path, "r1", [*rows_of("rives", "a", "b"), *rows_of("plateau", "c", "d", "e")])
    publish(tmp_path, "r2", rows_of("plateau", "c"))
    publish(tmp_path, "r3", rows_of("rives", "a"))
    return tmp_path


def articles(tables: Path, run_id: str) -> list[str]:
    return sorted(TableStore.open(str(tables)).read("matches", run_id)["article_id"].to_pylist())


def damage(tables: Path) -> list[str]:
    return list(TableStore.open(str(tables)).damage())


def test_a_publishers_rows_go_and_all_others_stay_and_a_tombstone_has_digests_and_not_the_id(
    tables: Path,
) -> None:
    before = {row["run_id"]: row["table_digest"] for row in TableStore.open(str(tables)).rows()}
    untouched = (tables / "matches" / "r2-00000.parquet").read_bytes()
    removal = forget(str(tables), RIVES, operator="DPO")
    assert (removal.rows, removal.resumed) == (3, False)
    assert [articles(tables, run_id) for run_id in ("r1", "r2", "r3")] == [["c", "d", "e"], ["c"], []]
    assert (tables / "matches" / "r2-00000.parquet").read_bytes() == untouched
    store = TableStore.open(str(tables))
    assert list(store.damage()) == []
    for run_id in ("r1", "r2", "r3"):
        store.check(run_id)
    after = {"r1": table_digest(map(sha, "cde")), "r3": table_digest([])}
    assert [(row["matches"], row["table_digest"]) for row in store.rows()] == [
        (3, after["r1"]), (1, before["r2"]), (0, after["r3"]),
    ]  # fmt: skip
    assert naming(tables, b"rives") == []
    (row,) = store.read("tombstones").to_pylist()
    names = ("run_id", "subject", "operator", "subject_sha256")
    assert [row[name] for name in names] == [removal.row["run_id"], "publisher", "DPO", sha("rives")]
    assert row["removed"] == [
        {"run_id": run_id, "table": "matches", "rows_before": rows, "rows_after": left,
         "digest_before": before[run_id], "digest_after": after[run_id]}
        for run_id, rows, left in (("r1", 5, 3), ("r3", 1, 0))
    ]  # fmt: skip


PAGE_DECLARES = signal_rows(capture("<p>", PAGE, ("X-Robots-Tag", "noai")))


def test_an_articles_rows_go_and_what_its_own_page_or_another_address_of_its_own_declared(
    tmp_path: Path,
) -> None:
    publish(tmp_path, "r1", [own("a", article_url=PAGE, row_sha256=sha("a")), *rows_of("p", "b")])
    write_signals(tmp_path, [*PAGE_DECLARES, *signal_rows(robots("User-agent: *\nAllow: /"))])
    Reservations(str(tmp_path)).write(str(tmp_path))
    removal = forget(str(tmp_path), Subject("article", "a"))
    assert {each["table"] for each in removal.row["removed"]} == {"matches", "rights_signals", "reservations"}
    store = TableStore.open(str(tmp_path))
    assert articles(tmp_path, "r1") == ["b"]
    assert set(store.read("rights_signals")["document_url"].to_pylist()) == {ROBOTS}
    assert len(store.read("reservations")) == store.rows("derivations")[0]["rows"] == 0
    assert damage(tmp_path) == []
    here = {"url_match": "article", "article_url": "https://www.courrier.example/autre"}
    other, rows = tmp_path.with_name(f"{tmp_path.name}-other"), [own("a", **here, row_sha256=sha("a"))]
    tables_with_signals(other, rows, *PAGE_DECLARES)
    forget(str(other), Subject("article", "a"))
    assert len(TableStore.open(str(other)).read("rights_signals")) == 0


def test_an_article_that_was_never_found_is_forgotten_and_what_its_addresses_declared(
    tmp_path: Path,
) -> None:
    store = TableStore.open(str(tables_with_signals(tmp_path, rows_of("p", "b"), *PAGE_DECLARES)))
    brought = [
        row_of(CorpusArticle, run_id="r1", article_id=name, publisher_id="p", alternate_urls=others)
        for name, others in (("a", [PAGE]), ("b", []))
    ]
    write_table(store, "corpus_articles", "r1", brought, CorpusArticle.schema)
    removal = forget(str(tmp_path), Subject("article", "a"))
    removed = {each["table"]: each["digest_after"] for each in removal.row["removed"]}
    assert removed == {"corpus_articles": None, "rights_signals": None}
    store = TableStore.open(str(tmp_path))
    assert store.read("corpus_articles")["article_id"].to_pylist() == ["b"]
    assert (len(store.read("rights_signals")), articles(tmp_path, "r1")) == (0, ["b"])
    store.check("r1")
    assert damage(tmp_path) == []
    forget(str(tmp_path), Subject("publisher", "p"))
    assert len(TableStore.open(str(tmp_path)).read("corpus_articles")) == 0


def made_claims(
    tables: Path, run_id: str, *names: str, published: bool = True, table: str = "claims"
) -> None:
    """Write a making of `claims` with these articles, as `presswatch claims` does."""
    rows = [
        row_of(Claim, run_id="r1", article_id=n, publisher_id="rives", claim_sha256=sha(n)) for n in names
    ]
    store = TableStore.create(str(tables))
    write_table(store, table, run_id, rows, Claim.schema)
    if published:
        facts = {"run_id": run_id, "table": table, "rows": len(rows), "made_of": ["r1"]}
        facts["table_digest"] = table_digest(map(sha, names))
        write_table(store, "derivations", run_id, [row_of(Derivation, **facts)], Derivation.schema)


def naming(folder: Path, text: bytes) -> list[str]:
    """Return the names of files that contain a text, in any column or plainly."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        is_table = path.suffix == ".parquet"
        rows = str(pq.ParquetFile(path).read().to_pylist()).encode() if is_table else b""
        if text in path.read_bytes() or text in rows:
            found.append(path.name)
    return found


@pytest.mark.parametrize("table", ["claims", "claims_before"])
def test_claims_in_a_folder_of_their_own_are_forgotten_there(tmp_path: Path, table: str) -> None:
    made_claims(tmp_path, "d1", "a", "b", table=table)
    removal = forget(str(tmp_path), Subject("article", "a"))
    assert [each["table"] for each in removal.row["removed"]] == [table]
    store = TableStore.open(str(tmp_path))
    assert store.read(table)["article_id"].to_pylist() == ["b"]
    (row,) = store.rows("derivations")
    assert (row["rows"], row["table_digest"]) == (1, table_digest([sha("b")]))
    assert damage(tmp_path) == []


def test_files_of_older_versions_keep_their_columns(tables: Path) -> None:
    path = tables / "matches" / "r1-00000.parquet"
    older = pq.read_table(path).drop_columns(["charset", "own_site"])
    pq.write_table(older, path)
    store = TableStore.open(str(tables))
    write_table(store, "runs", "r1", [store.rows()[0]], pq.read_schema(tables / "runs" / "r1-00000.parquet"))
    forget(str(tables), RIVES)
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

    dying_steps = [(Folder, "take"), (TableStore, "replace"), (TableStore, "publish"), (Folder, "remove")]
    with monkeypatch.context() as patched:
        for owner, name in dying_steps:
            patched.setattr(owner, name, dying(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            forget(str(tables), RIVES)
    removal = forget(str(tables), RIVES)
    assert (removal.rows, removal.resumed) == (3, after > 0)
    assert articles(tables, "r1") == ["c", "d", "e"]
    assert damage(tables) == []
    assert len(TableStore.open(str(tables)).published("tombstones")) == 1
    assert not (tables / "_runs" / "rewriting").exists()


def test_what_cannot_be_forgotten_is_an_error_and_nothing_is_changed(tables: Path) -> None:
    before = {path: path.read_bytes() for path in tables.rglob("*.parquet")}
    with pytest.raises(InputError, match="no row of these tables mentions the article zz"):
        forget(str(tables), Subject("article", "zz"))
    (tables / "_runs" / "rewriting").mkdir()
    (tables / "_runs" / "rewriting" / "plan.json").write_text('{"files": []}')
    with pytest.raises(OutputError, match="plan of an unfinished removal or merge is damaged"):
        forget(str(tables), RIVES)
    assert {path: path.read_bytes() for path in tables.rglob("*.parquet")} == before


def test_the_command_says_what_it_removed(tables: Path) -> None:
    told = presswatch("forget", "--article", "c", tables).splitlines()
    assert told[0] == "removed 2 rows of matches"
    assert told[1].startswith("tombstone ")
    assert outcome("forget", "--article", "c", tables).code == 1
    assert outcome("forget", tables).code == 2
    assert "3 runs, 1 removal" in outcome("runs", tables).err


def test_what_killed_commands_left_is_removed(tables: Path) -> None:
    made_claims(tables, KILLED, "a", published=False)
    staged = tables / "_runs" / "claims" / "20240601T120001Z-claims-00000.parquet"
    staged.parent.mkdir(parents=True)
    staged.write_bytes((tables / "claims" / f"{KILLED}-00000.parquet").read_bytes())
    store = TableStore.open(str(tables))
    write_table(store, "matches", "20240601T120000Z-abcdef", rows_of("rives", "z"), Match.schema)
    told = presswatch("forget", "--publisher", "rives", tables)
    assert "removed 3 files that killed commands had left" in told
    assert naming(tables, b"rives") == []


def test_an_earlier_making_that_was_moved_in_part_is_forgotten(tables: Path) -> None:
    made_claims(tables, KILLED, "a", "b")
    made_claims(tables, "20240602T120000Z-claims", "a")
    before = tables / "claims_before"
    before.mkdir()
    (tables / "claims" / f"{KILLED}-00000.parquet").rename(before / f"{KILLED}-00000.parquet")
    removal = forget(str(tables), RIVES)
    assert {each["table"] for each in removal.row["removed"]} == {"matches", "claims", "claims_before"}
    assert naming(tables, b"rives") == damage(tables) == []


def test_parts_of_a_published_run_that_was_not_cleared_are_removed(tables: Path) -> None:
    left = Folder.of(str(tables / "_runs" / "0123456789abcdef"), StorageOptions())
    write_note(left, RunNote("20240601T120000Z-012345", NOON), None)
    left.write("parts/a/0.parquet", (tables / "matches" / "r1-00000.parquet").read_bytes())
    with pytest.raises(OutputError, match="not finished"):
        forget(str(tables), RIVES)
    publish(tables, "20240601T120000Z-012345", rows_of("rives", "a"))
    forget(str(tables), RIVES)
    assert naming(tables, b"rives") == []


def test_rows_are_not_forgotten_while_another_process_makes_claims(tables: Path) -> None:
    made_claims(tables, KILLED, "a", published=False)
    beside = Folder.of(str(tables / "_runs"), StorageOptions())
    with locked(beside, "claims", 60), pytest.raises(OutputError, match="another process"):
        forget(str(tables), RIVES)


def test_copies_outside_the_tables_are_listed(tmp_path: Path, caches: Path) -> None:
    tables, other = tmp_path / "tables", tmp_path / "elsewhere"
    for folder in (tables, tmp_path / "claims"):
        publish(folder, "r1", rows_of("rives-sa", "a"))
    for path, text in (
        (caches / "corpora" / "digest" / "members.yaml", "- {id: rives-sa}"),
        (tmp_path / ".bag.partial" / "new" / "data" / "rows.jsonl", '{"publisher_id":"rives-sa"}'),
        (tmp_path / ".bag.partial" / "presswatch-draft", ""),
        (tmp_path / "unsealed" / "bagit.txt", ""),
        (tmp_path / "unsealed" / "data" / "rows.jsonl", '{"publisher_id":"rives-sa"}'),
        (tmp_path / "without-index" / "manifest.json", "{}"),
        (tmp_path / "without-index" / "members.yaml", "- {id: rives-sa}"),
        (tmp_path / "export.csv", "publisher_id\nrives-sa\n"),
        (tmp_path / "innocent.csv", "publisher_id\nrives-sarl\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    other.mkdir()
    shutil.copy(tables / "matches" / "r1-00000.parquet", other / "sheet.parquet")
    for code in (0, 1):
        told = outcome("forget", "--publisher", "rives-sa", "--also", other, tables)
        assert told.code == code
        said = [line.partition("not touched: ")[2] for line in told.out.splitlines()]
        assert sorted(line for line in said if line) == [
            f"{caches / 'corpora'} (cache, 1 file)",
            f"{tmp_path / '.bag.partial'} (abandoned draft, 1 file)",
            f"{tmp_path / 'claims'} (tables, 1 file)",
            f"{other} (folder, 1 file)",
            f"{tmp_path / 'export.csv'} (file)",
            f"{tmp_path / 'unsealed'} (evidence bag, 1 file)",
            f"{tmp_path / 'without-index'} (corpus, 1 file)",
        ]
