"""The table `claims` as the command makes it: rows, reasons, digests, counts, and what it refuses."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims import make
from presswatch_spark.claims.confidence import letter_and_reasons
from presswatch_spark.claims.make import USED, article_groups, claim_digests
from presswatch_spark.core.errors import ConfigError, OutputError, PresswatchError, StorageError
from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.query import duckdb_engine
from presswatch_spark.tables import derived
from presswatch_spark.tables.confidence_reasons import REASONS
from presswatch_spark.tables.declarations import Claim, Match
from presswatch_spark.tables.digests import digest_of_packed, packed, row_digest, table_digest
from presswatch_spark.tables.store import TableStore
from tests.world.claims import LATER, YEAR_BEFORE, House, Seen, text
from tests.world.commands import outcome, presswatch
from tests.world.corpora import write_jsonl
from tests.world.golden import assert_golden
from tests.world.processes import raising
from tests.world.scanned import scan_here
from tests.world.tables import publish, row_of, write


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two runs over pages of all kinds, with copies of three articles."""
    house = House(tmp_path_factory.mktemp("claims") / "house")
    bodies = [text(number) for number in range(1, 4)]
    for number, body in enumerate(bodies, 1):
        house.print(number, body)
    quote = " ".join(bodies[1].split(" ")[100:250])
    house.scan(
        Seen("https://www.courrier.example/une/1", bodies[0]),
        Seen("https://www.courrier.example/une", text(9)),
        Seen("https://copieur.example/1", bodies[0]),
        Seen("https://copieur.example/2", f"{text(10)}\n{quote}"),
        Seen("https://hebdo.example/2", bodies[1]),
    )
    house.scan(
        Seen("https://copieur.example/1", bodies[0], LATER),
        Seen("https://citeur.example/2", f"{quote}\n{text(11)}"),
        Seen("https://auteur.example/3", bodies[2], YEAR_BEFORE),
        Seen("https://pillard.example/3", "\n".join(bodies)),
    )
    return house


@pytest.fixture(scope="module")
def claims(house: House) -> list[dict[str, Any]]:
    return house.claims()


def test_every_row_of_every_run_gives_a_claim_with_reasons(
    house: House, claims: list[dict[str, Any]]
) -> None:
    rows = TableStore.open(str(house.tables)).read("matches").to_pylist()
    letters = {(row["run_id"], row["row_sha256"]): row["confidence"] for row in rows}
    assert sorted((claim["run_id"], claim["row_sha256"]) for claim in claims) == sorted(letters)
    for claim in claims:
        assert claim["reasons"]
        assert claim["confidence"] >= letters[claim["run_id"], claim["row_sha256"]]
        assert letter_and_reasons(claim, GradeRules(), ConfidenceRules()) == (
            claim["confidence"],
            claim["reasons"],
        )
    assert {claim["kind"] for claim in claims} == {"own_page", "copy", "reprint"}
    assert {claim["confidence"] for claim in claims} >= {"A", "C"}


def test_the_same_facts_give_the_same_digest_twice_whatever_the_batches(
    house: House, claims: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(make, "BATCH_ROWS", 2)
    assert house.claims("again") == claims
    stores = (TableStore.open(str(house.folder / out)) for out in ("claims", "again"))
    (first,), (again,) = (store.rows("derivations") for store in stores)
    digest = table_digest(claim["claim_sha256"] for claim in claims)
    assert first["table_digest"] == again["table_digest"] == digest
    inputs = json.loads(first["inputs"])
    assert inputs["as_of"] == "2026-11-27"
    assert inputs["settings"]["claims"]["passage_words"] == 11


def test_the_rows_of_an_article_are_never_parted() -> None:
    ids = [None, None, "a", "a", "a", "b", "c", "c"]
    for size in range(1, 9):
        table = pa.table({"article_id": ids, "number": range(8)})
        groups = list(article_groups(table.to_batches(max_chunksize=size), 2))
        assert [row for group in groups for row in group["number"].to_pylist()] == list(range(8))
        for one, other in pairwise(groups):
            first, last = other["article_id"][0].as_py(), one["article_id"][-1].as_py()
            assert first is None or first != last


def test_a_review_lowers(house: House, claims: list[dict[str, Any]], tmp_path: Path) -> None:
    strong = next(claim for claim in claims if claim["confidence"] == "A")
    row = {"row_sha256": strong["row_sha256"], "verdict": "no_claim", "at": "2026-11-27T09:00:00Z"}
    path = write_jsonl(tmp_path / "reviews.jsonl", [row])
    reviewed = house.claims("reviewed", reviews=[str(path)])
    changed = [claim for claim in reviewed if claim["review"]]
    assert {(claim["confidence"], claim["reasons"][-1]) for claim in changed} == {("D", "review_no_claim")}


def test_claims_are_made_anew_in_the_same_folder_and_those_before_are_kept_apart(
    house: House, claims: list[dict[str, Any]]
) -> None:
    days = [date(2026, 11, 27), date(2027, 1, 1), date(2028, 1, 1)]
    first, second, third = (house.claims("anew", as_of=day) for day in days)
    assert first == claims
    # Another day is another judgement.
    assert {each["claim_sha256"] for each in first}.isdisjoint(each["claim_sha256"] for each in second)
    assert [each["confidence"] for each in first] == [each["confidence"] for each in second]
    store = TableStore.open(str(house.folder / "anew"))
    # Whoever reads the folder of claims finds those of today alone.
    assert pq.read_table(store.root.path / "claims")["as_of"].unique().to_pylist() == ["2028-01-01"]
    assert store.read("claims").to_pylist() == third
    assert store.read("claims_before").to_pylist() == [*first, *second]
    made = [row["table"] for row in store.rows("derivations")]
    assert made == ["claims_before", "claims_before", "claims"]
    kept = [store.read("claims_before", run_id).to_pylist() for run_id in store.made("claims_before")]
    assert kept == [first, second]
    assert list(store.damage()) == []


@pytest.mark.parametrize("moved", [False, True])
def test_claims_that_were_killed_while_they_took_the_place_of_others_are_finished_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    first = house.claims("killed", as_of=date(2026, 11, 27))

    killed = raising(KeyboardInterrupt)
    if moved:
        monkeypatch.setattr(TableStore, "replace", killed)
    else:
        monkeypatch.setattr(derived, "_move_away", killed)
    with pytest.raises(KeyboardInterrupt):
        house.claims("killed", as_of=date(2027, 1, 1))
    monkeypatch.undo()
    store = TableStore.open(str(house.folder / "killed"))
    assert {claim["as_of"] for claim in store.read("claims").to_pylist()} == {"2027-01-01"}
    house.claims("killed", as_of=date(2028, 1, 1))
    assert {claim["as_of"] for claim in store.read("claims").to_pylist()} == {"2028-01-01"}
    assert store.read("claims_before").to_pylist()[: len(first)] == first
    assert list(store.damage()) == []


def test_an_article_with_another_text_is_not_known(house: House, claims: list[dict[str, Any]]) -> None:
    other = House(house.folder / "other")
    for number in (1, 2):
        other.print(number, text(number))
    other.print(3, f"{text(3)} Rectificatif.")
    other.build()
    again = house.claims("changed", corpus=str(other.corpus))
    unknown = [claim for claim in again if not claim["article_known"]]
    assert {claim["article_id"] for claim in unknown} == {"a00003"}
    assert all(claim["confidence"] >= "C" and claim["beyond_words"] is None for claim in unknown)
    assert all("article_unknown" in claim["reasons"] for claim in unknown)


def older(house: House, name: str, without: Sequence[str], *, written: bool) -> list[dict[str, Any]]:
    """Claims of the same rows as a run of an older version: columns are null, or were never `written`."""
    old = House(house.folder / name)
    old.folder.mkdir()
    rows = TableStore.open(str(house.tables)).read("matches").to_pylist()
    publish(old.tables, "r1", [row | dict.fromkeys(without if written else ()) for row in rows])
    if not written:
        there = pa.schema([column for column in Match.schema if column.name not in without])
        write(TableStore.open(str(old.tables)), "matches", "r1", rows, there)
    claims = old.claims(corpus=str(house.corpus))
    assert len(claims) == len(rows)
    return claims


def test_rows_of_older_runs_are_judged_by_todays_rules_and_without_a_letter_are_no_better_than_c(
    house: House,
) -> None:
    unsaid = ("document_host", "document_domain", "confidence_reasons", "document_credits", "credits_others")
    claims = older(house, "older", unsaid, written=True)
    assert all(claim["reasons"] for claim in claims)
    assert {"copieur.example", "www.courrier.example"} <= {claim["document_host"] for claim in claims}
    unread = [claim for claim in claims if not claim["credits_read"]]
    assert {claim["grade"] for claim in unread} >= {"full_copy"}
    # The page itself is claimed, whoever wrote its text.
    assert {claim["confidence"] for claim in unread if claim["url_match"] != "article"} <= {"C", "D"}
    assert [claim["reasons"] for claim in claims if claim["confidence"] == "A"] == [["own_url"]]

    unsaid = ("confidence", "confidence_reasons", "run_rarity", "shared_words", "ownership")
    for claim in older(house, "oldest", unsaid, written=False):
        assert (claim["row_confidence"], claim["confidence"] >= "C") == ("C", True)
        assert claim["row_reasons"] == ["url_only" if claim["grade"] == "url_only" else "rarity_unread"]


def test_a_disk_that_takes_no_rows_and_a_memory_that_is_no_size_are_named_with_a_remedy(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, scratch = TableStore.open(str(house.tables)), tmp_path / "scratch"
    with pytest.raises(ConfigError, match="--memory: DuckDB refuses"):
        list(make.sorted_rows(store, store.published(), "plenty", 2))
    names = [f"{number:0200}" for number in range(20_000)]
    nothing = {name: pa.nulls(len(names), USED.field(name).type) for name in USED.names}
    batch = pa.RecordBatch.from_pydict(nothing | {"row_sha256": pa.array(names)}, USED)
    scratch.write_text("no folder", "utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(make, "column_batches", lambda *_, **__: iter([batch] * 20))
        patched.setattr(duckdb_engine, "scratch_folder", lambda: nullcontext(scratch))
        with pytest.raises(OutputError, match=r"DuckDB cannot sort the rows.*TMPDIR.*--memory"):
            list(make.sorted_rows(store, store.published(), "30MB", 2))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with pytest.raises(OutputError, match=r"scratch.*no folder for temporary files.*TMPDIR"):
        house.claims("nowhere")


@pytest.mark.parametrize("error", [OSError("page checksum differs"), StorageError("the bucket refuses")])
def test_rows_that_cannot_be_read_are_no_fault_of_the_output(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object, **__: object) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([], USED)
        raise error

    monkeypatch.setattr(make, "column_batches", broken)
    with pytest.raises(PresswatchError) as caught:
        house.claims(f"broken-{type(error).__name__}")
    assert str(error) in str(caught.value)
    assert "output" not in str(caught.value)


def test_a_claim_in_a_folder_of_its_own_is_explained(house: House, claims: list[dict[str, Any]]) -> None:
    lowered = next(claim for claim in claims if claim["row_confidence"] == "B" and claim["confidence"] == "C")
    words = ["explain", lowered["row_sha256"], str(house.tables), "--lang", "en"]
    sentence = REASONS[lowered["reasons"][-1]].sentence[:40]
    assert sentence in presswatch(*words, "--claims", house.folder / "claims")
    assert sentence not in presswatch(*words)
    told = outcome("", *words, "--claims", house.tables)
    assert (told.code, "this row has no claim" in told.err) == (1, True)


def test_tables_without_rows_give_claims_without_rows(house: House, tmp_path: Path) -> None:
    empty = House(tmp_path / "empty")
    empty.print(1, text(1))
    empty.scan(Seen("https://innocent.example/", text(50)))
    assert empty.claims() == []
    (row,) = TableStore.open(str(empty.folder / "claims")).rows("derivations")
    assert (row["rows"], row["table_digest"]) == (0, table_digest([]))


def test_the_command_says_what_the_claims_add_up_to(house: House, claims: list[dict[str, Any]]) -> None:
    out = str(house.folder / "said")
    arguments = ["--corpus", str(house.corpus), "--out", out, "--as-of", "2026-11-27", "--lang", "en"]
    said = presswatch("claims", *arguments, house.tables).replace(out, "OUT")
    assert_golden("claims.en.txt", re.sub("[0-9a-f]{64}", "DIGEST", said))
    in_french = presswatch("claims", *arguments[:-1], "fr", house.tables, COLUMNS="80").splitlines()
    header = "nature       lettre  lignes  adresses  pages  revendications  articles  sites"
    assert in_french[0] == header


def test_a_summary_of_claims_apart_from_the_tables_names_rows_that_were_replaced(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    house.print(1, text(1))
    house.scan(Seen("https://copieur.example/1", text(1)))
    scan_here(
        [tmp_path / "house/pages-1.jsonl"], house.corpus, house.tables, run_id="20261129T000000Z-abcdef"
    )
    words = ["claims", "--corpus", str(house.corpus), str(house.tables), "--lang", "en", "--out"]
    apart = presswatch(*words, str(tmp_path / "apart"))
    assert "1 claim in 2 rows" in apart
    assert apart.splitlines()[-1] == (
        f"rows of all runs were counted; with --out {house.tables}, only current ones are"
    )
    beside = presswatch(*words, str(house.tables))
    assert "1 claim in 1 row" in beside
    assert "rows of all runs" not in beside


def test_a_claim_has_the_canonical_form_of_a_row() -> None:
    row = row_of(
        Claim,
        document_url='https://exemple.fr/é"\\\u001f\u007f\u2028😀',
        captured_at=datetime(2024, 5, 18, 1, 58, 10, 120_000, UTC),
        reasons=["own_url"],
        article_known=True,
        article_words=12,
    )
    table = pa.Table.from_pylist([row], Claim.schema)
    (digest,) = claim_digests({name: table[name] for name in table.column_names})
    # `row_digest` leaves out what names a row of `matches`; a claim is about it.
    renamed = {name if name != "row_sha256" else "row_sha256_": value for name, value in row.items()}
    plain = {name: value for name, value in row.items() if name not in ("run_id", "claim_sha256")}
    plain["captured_at"] = "2024-05-18T01:58:10.120000Z"
    written = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert digest == hashlib.sha256(written.encode()).hexdigest() != row_digest(renamed)


@pytest.mark.parametrize(
    "digests",
    [
        [],
        [hashlib.sha256(str(number % 500).encode()).hexdigest() for number in range(3_000)],
        # Zeros sort as their digits do.
        ["ab" + "00" * 31, "ab" * 32, "ab" + "00" * 30 + "01", "00" * 32],
    ],
)
def test_the_digest_of_a_table_is_that_of_its_rows(digests: list[str]) -> None:
    whole = pa.array(digests, pa.string())
    assert digest_of_packed(
        packed(whole.slice(at, 700)) for at in range(0, len(digests), 700)
    ) == table_digest(digests)
