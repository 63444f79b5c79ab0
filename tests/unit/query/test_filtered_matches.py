"""Rows of `matches` by filter, and their totals: by weight, by claims."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.query.filtered_matches import COLUMNS, ORDERS, Matches, MatchFilter, MatchTotals
from presswatch_spark.tables.column_values import CONFIDENCES, GRADES
from presswatch_spark.tables.declarations import Claim, Derivation, Match
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore, chosen_runs
from tests.world.proofs import each_time
from tests.world.tables import match, named_rows, publish, publish_row, row_of, write

DAY = datetime(2024, 5, 17, tzinfo=UTC)
RUNS = ("20240601T080000Z-aaaaaa", "20240602T080000Z-bbbbbb")


def made_up(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of every kind: with and without host, place, date, article and letter."""
    random = Random(seed)
    rows = []
    for number in range(count):
        host = random.choice([None, "a.example", "b.example", "l'été $1\\.example"])
        place = random.choice([{"record_offset": number // 3 * 10}, {"row_index": number // 2}, {}])
        columns: dict[str, Any] = {
            "document_host": host, "own_site": None if host is None else random.choice([True, False]),
            "title_id": random.choice("tu"), "publisher_id": random.choice("pq"),
            "grade": random.choice(GRADES), "confidence": random.choice(CONFIDENCES),
            "copied_words": random.randrange(30), "article_coverage": random.choice([None, 0.5]),
            "dataset": random.choice(["wet", "c4"]), "release": random.choice([None, "R1", "R2"]),
            "captured_at": random.choice([None, DAY - timedelta(seconds=1), DAY, DAY + timedelta(days=3)]),
            "shard_uri": f"s3://shards/{number % 3}", "row_sha256": f"{random.getrandbits(256):064x}",
        }  # fmt: skip
        article = random.choice([None, "a1", "a2", "a3"])
        rows.append(match(article, host and f"https://{host}/{number % 7}", **columns, **place))
    return rows


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> TableStore:
    folder = tmp_path_factory.mktemp("matches")
    for seed, run_id in enumerate(RUNS):
        publish(folder, run_id, made_up(200, seed))
    return TableStore.open(str(folder))


FILTERS = (
    MatchFilter(),
    MatchFilter(title_id="t", grades=("extract", "full_copy")),
    MatchFilter(publisher_id="p", confidences=("A", "B")),
    MatchFilter(article_id="a2", own_site=True, unknown_site=True),
    MatchFilter(elsewhere=True),
    MatchFilter(document_host="l'été $1\\.example"),
    MatchFilter(dataset="c4", release="R1"),
    MatchFilter(since=DAY),
    MatchFilter(title_id="no such title"),
)


def keys(rows: Any) -> list[tuple[str, str]]:
    return [(row["run_id"], row["row_sha256"]) for row in rows]


def passes(row: dict[str, Any], wanted: MatchFilter) -> bool:
    """Whether a filter lets a row through, written without SQL."""
    equal = {name: getattr(wanted, name) for name in COLUMNS.values()}
    sites = {True: wanted.own_site, False: wanted.elsewhere, None: wanted.unknown_site}
    return (
        all(row[name] == value for name, value in equal.items() if value is not None)
        and row["grade"] in (wanted.grades or GRADES)
        and row["confidence"] in (wanted.confidences or CONFIDENCES)
        and (wanted.since is None or (row["captured_at"] is not None and row["captured_at"] >= wanted.since))
        and (not any(sites.values()) or sites[row["own_site"]])
    )


def dicts(found: Matches, *arguments: Any) -> list[dict[str, Any]]:
    return named_rows(found.rows(Match.schema.names, *arguments))


def by_hand(rows: list[dict[str, Any]]) -> MatchTotals:
    def document(row: dict[str, Any]) -> tuple[Any, ...]:
        place = (row["record_offset"], row["row_index"])
        return (row["shard_uri"], *place, row["document_url"] if place == (None, None) else None)

    sites = Counter(row["own_site"] for row in rows)
    return MatchTotals(
        rows=len(rows),
        letters=dict(Counter(row["confidence"] for row in rows)),
        own_site=sites[True],
        elsewhere=sites[False],
        unknown_site=sites[None],
        documents=len({document(row) for row in rows}),
        addresses=len({row["document_url"] for row in rows} - {None}),
        articles=len({row["article_id"] for row in rows} - {None}),
        hosts=len({row["document_host"] for row in rows} - {None}),
        without_host=sum(row["document_host"] is None for row in rows),
    )


@pytest.mark.parametrize("run_id", each_time([None], [None, "latest"]))
@pytest.mark.parametrize("wanted", each_time(FILTERS[::3], FILTERS))
def test_totals_are_those_of_the_rows_that_the_filter_lets_through(
    wanted: MatchFilter, run_id: str | None, tables: TableStore
) -> None:
    published = tables.read("matches", *chosen_runs(tables, run_id)).to_pylist()
    rows = [row for row in published if passes(row, wanted)]
    assert bool(rows) == (wanted.title_id != "no such title")
    found = Matches.of(tables, run_id, wanted, "duckdb")
    assert keys(dicts(found, "shard")) == keys(rows)
    assert found.table().to_pylist() == rows
    assert found.totals() == by_hand(rows)


def test_documents_are_told_apart_where_their_places_are_alike(tmp_path: Path) -> None:
    crawl = "s3://commoncrawl/crawl-data/CC-MAIN-2024-51/segments/0/wet"
    rows = [
        match(
            "a1", "https://a.example/1", shard_uri=f"{crawl}/{shard:05}.warc.wet.gz", record_offset=2000 * n
        )
        for shard, n in product(range(20), range(100))
    ]
    publish(tmp_path, RUNS[0], rows)
    store = TableStore.open(str(tmp_path))
    assert Matches.of(store, None, MatchFilter(), "duckdb").totals().documents == len(rows)


@pytest.mark.parametrize("wanted", [MatchFilter(), MatchFilter(title_id="t")])
def test_texts_that_only_the_dictionary_of_a_file_has_are_not_counted(
    wanted: MatchFilter, tmp_path: Path
) -> None:
    rows = made_up(200, 5)
    publish(tmp_path, RUNS[0], rows)
    store = TableStore.open(str(tmp_path))
    path = tmp_path / "matches" / f"{RUNS[0]}-00000.parquet"
    table = pq.ParquetFile(path).read()
    for name in ("article_id", "document_host", "shard_uri", "confidence"):
        texts = pa.array(["never in a row", *table[name].to_pylist(), "nor this"])
        encoded = texts.dictionary_encode().slice(1, len(table))
        assert len(encoded.dictionary) > len(encoded.unique().drop_null())
        table = table.set_column(table.schema.get_field_index(name), name, encoded)
    pq.write_table(table, path, store_schema=False)
    publish_row(store, "runs", pq.ParquetFile(store.root.path / "runs" / path.name).read().to_pylist()[0])
    kept = [row for row in rows if wanted.title_id in (None, row["title_id"])]
    assert Matches.of(store, None, wanted, "duckdb").totals() == by_hand(kept)


def test_the_strongest_row_comes_first_and_its_place_hangs_on_no_chance(tables: TableStore) -> None:
    found = Matches.of(tables, None, MatchFilter(), "duckdb")
    rows = dicts(found, "weight")

    def weight(row: dict[str, Any]) -> tuple[Any, ...]:
        share = row["article_coverage"]
        return (row["confidence"], -row["copied_words"], share is None, row["row_sha256"], row["run_id"])

    assert keys(rows) == keys(sorted(rows, key=weight))
    assert keys(dicts(found, "weight", 7)) == keys(rows[:7])


@pytest.mark.parametrize(
    ("order", "column"), [("date", "captured_at"), ("host", "document_host"), ("title", "title_id")]
)
def test_rows_come_by_a_column_and_those_where_it_is_not_known_come_last(
    order: str, column: str, tables: TableStore
) -> None:
    values = [row[column] for row in dicts(Matches.of(tables, None, MatchFilter(), "duckdb"), order)]
    known = [value for value in values if value is not None]
    assert values == sorted(known) + [None] * (len(values) - len(known))
    assert order in ORDERS


def test_rows_of_which_nobody_knows_whether_they_are_wanted_are_counted(tables: TableStore) -> None:
    rows = tables.read("matches").to_pylist()
    found = Matches.of(tables, None, MatchFilter(since=DAY, document_host="a.example"), "duckdb")
    assert found.left_out() == {
        "captured_at": sum(r["captured_at"] is None and r["document_host"] == "a.example" for r in rows),
        "document_host": sum(
            r["document_host"] is None and r["captured_at"] is not None and r["captured_at"] >= DAY
            for r in rows
        ),
    }
    assert Matches.of(tables, None, MatchFilter(title_id="t"), "duckdb").left_out() == {}


def test_of_a_run_only_its_own_files_are_opened_and_without_one_there_is_nothing_to_count(
    tmp_path: Path,
) -> None:
    nothing = Matches.of(TableStore.create(str(tmp_path)), None, MatchFilter(), "duckdb")
    assert (nothing.totals(), dicts(nothing)) == (by_hand([]), [])
    for run_id in RUNS:
        publish(tmp_path, run_id, made_up(20, 1))
    (tmp_path / "matches" / f"{RUNS[0]}-00000.parquet").write_bytes(b"nothing")
    store = TableStore.open(str(tmp_path))
    assert Matches.of(store, RUNS[1], MatchFilter(), "duckdb").totals().rows == 20
    assert len(dicts(Matches.of(store, RUNS[1], MatchFilter(), "duckdb"))) == 20
    for run_id in (RUNS[0], None):
        with pytest.raises(OutputError, match="not as it was published"):
            Matches.of(store, run_id, MatchFilter(), "duckdb").totals()


def test_a_bit_that_flipped_in_a_counted_file_is_noticed(tmp_path: Path) -> None:
    publish(tmp_path, RUNS[0], [])
    store = TableStore.open(str(tmp_path))
    batch = pa.RecordBatch.from_pylist(made_up(500, 3), Match.schema).select(Match.schema.names[1:])
    written = SortedFiles("matches", RUNS[1], store.root / "staged").write_all([batch])
    row = {**store.rows()[0], "run_id": RUNS[1], "matches": 500}
    store.publish_tables("runs", row, store.root / "staged", {"matches": [written]}, lambda: None)
    (path,) = (tmp_path / "matches").glob(f"{RUNS[1]}*")
    place = (
        pq.read_metadata(path).row_group(0).column(Match.schema.names.index("confidence")).data_page_offset
    )
    data = bytearray(path.read_bytes())
    assert Matches.of(store, RUNS[1], MatchFilter(), "duckdb").totals().rows == 500
    data[place + 60] ^= 4
    path.write_bytes(data)
    with pytest.raises(OutputError, match="not as it was published"):
        Matches.of(store, RUNS[1], MatchFilter(), "duckdb").totals()


class TestClaims:
    @pytest.fixture
    def judged(self, tmp_path: Path) -> TableStore:
        """Three rows of letter A, B and C; the claim of the first says C, that of the second B."""
        rows = [
            match(f"a{n}", f"https://x.example/{n}", confidence=letter, row_sha256=str(n) * 64)
            for n, letter in enumerate("ABC")
        ]
        publish(tmp_path, RUNS[0], rows)
        store = TableStore.open(str(tmp_path))
        claims = [
            row_of(Claim, run_id=RUNS[0], row_sha256=str(n) * 64, confidence=letter, reasons=[reason])
            for n, letter, reason in ((0, "C", "licensed"), (1, "B", "strong_copy"))
        ]
        made = "20240603T080000Z-claims"
        write(store, "claims", made, claims, Claim.schema)
        row = row_of(Derivation, run_id=made, table="claims", made_of=[RUNS[0]], rows=2)
        write(store, "derivations", made, [row], Derivation.schema)
        return store

    def test_letter_and_reasons_are_those_of_the_claim_in_rows_totals_and_filters(
        self, judged: TableStore
    ) -> None:
        found = Matches.of(judged, None, MatchFilter(), "duckdb")
        answer = found.rows(["article_id", "letter", "confidence"])
        assert list(answer.rows) == [("a1", "B", "B"), ("a0", "C", "A"), ("a2", "C", "C")]
        by_rows = by_hand(judged.read("matches").to_pylist())
        assert found.totals() == replace(by_rows, letters={"B": 1, "C": 2})
        lowered = Matches.of(judged, None, MatchFilter(confidences=("A",)), "duckdb")
        assert (lowered.totals().rows, list(lowered.rows(["article_id"]).rows)) == (0, [])
        reasons = {(RUNS[0], "0" * 64): ["licensed"], (RUNS[0], "1" * 64): ["strong_copy"]}
        assert found.reasons(dicts(found, "shard")) == reasons
