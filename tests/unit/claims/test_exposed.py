"""Articles joined to what publishers of models say: what counts, what does not, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.exposures import (
    Exposed,
    Exposure,
    exposures_of,
    load_exposures,
    parse_exposures,
    product_of_row,
)
from presswatch_spark.cli import main as cli
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore
from tests.world.exposures import ENTRIES, HUB, OTHER, RUN, tables_with_datasets
from tests.world.tables import match, publish


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exposed") / "tables"
    tables_with_datasets(folder)
    return folder


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exposures") / "exposures.yaml"
    path.write_text(ENTRIES, encoding="utf-8")
    return path


def entries() -> tuple[Exposure, ...]:
    return parse_exposures(ENTRIES.encode(), "e.yaml")


def exposed(tables: Path, said: Mapping[str, str] | None = None) -> Exposed:
    return Exposed.of(TableStore.open(str(tables)), entries(), "duckdb", said)


def found(tables: Path, said: Mapping[str, str] | None = None) -> set[tuple[Any, ...]]:
    names = ("exposure", "article_id", "dataset", "release", "release_is")
    return {tuple(row[name] for name in names) for row in exposed(tables, said).articles()}


def of(rows: set[tuple[Any, ...]], entry: str) -> set[tuple[Any, ...]]:
    return {row[1:] for row in rows if row[0] == entry}


def test_a_row_by_itself_is_joined_as_the_whole_table_is(tables: Path) -> None:
    store = TableStore.open(str(tables))
    by_row = {
        (exposure.id, row.article_id, product_of_row(row), row.release, named)
        for row in Match.from_batches(store.open_table("matches").to_table())
        for exposure, named in exposures_of(row, row.confidence, entries())
    }
    assert by_row == found(tables)
    assert by_row


class TestWhatCounts:
    def test_rows_of_a_crawl_that_may_be_meant(self, tables: Path) -> None:
        assert of(found(tables), "parrot-crawls") == {
            ("a", "common-crawl", "CC-MAIN-2018-05", "not_named"),
            ("b", "common-crawl", "CC-MAIN-2018-05", "not_named"),
        }

    def test_only_rows_of_the_releases_that_are_named(self, tables: Path) -> None:
        assert of(found(tables), "jay-crawl") == {("a", "common-crawl", "CC-MAIN-2024-22", "named")}

    def test_no_row_of_a_crawl_for_a_dataset_made_from_it(self, tables: Path) -> None:
        assert of(found(tables), "magpie-cleaned") == set()

    def test_no_row_of_a_crawl_for_c4_and_none_of_c4_for_a_crawl(self, tables: Path) -> None:
        assert of(found(tables), "finch-c4") == {("c", "c4", "c4-en", "not_named")}

    def test_only_rows_of_the_languages_that_are_named_in_whatever_spelling(self, tables: Path) -> None:
        assert of(found(tables), "linnet-french") == {
            ("a", "common-crawl", "CC-MAIN-2018-05", "not_named"),
        }

    def test_rows_of_a_repository_of_the_hub(self, tables: Path) -> None:
        assert of(found(tables), "wren-fineweb-2") == {("a", "fineweb-2", "CC-MAIN-2024-22", "not_named")}

    def test_no_row_of_letter_d_and_none_without_an_article(self, tables: Path) -> None:
        assert not [row for row in found(tables) if row[1] in ("d", None)]

    def test_pages_and_letters_are_those_of_the_rows(self, tables: Path) -> None:
        (row,) = (
            row
            for row in exposed(tables).articles()
            if (row["exposure"], row["article_id"]) == ("parrot-crawls", "a")
        )
        assert {name: row[name] for name in ("publisher_id", "title_id", "letter")} == {
            "publisher_id": "p",
            "title_id": "t",
            "letter": "A",
        }
        assert (row["pages"], row["pages_elsewhere"], row["most_copied_words"]) == (2, 1, 90)

    def test_totals_count_articles_and_pages_once(self, tables: Path) -> None:
        totals = {(row["exposure"], row["release"]): row for row in exposed(tables).totals()}
        row = totals["parrot-crawls", "CC-MAIN-2018-05"]
        assert (row["articles"], row["pages"]) == (2, 3)

    def test_rows_come_in_the_same_order_each_time(self, tables: Path) -> None:
        first, again = (list(exposed(tables).articles()) for _ in range(2))
        assert first == again


class TestWhatNobodyKnows:
    def test_rows_of_no_known_dataset_are_counted(self, tables: Path) -> None:
        unknown = {(group.form, group.release): group.rows for group in exposed(tables).unknown}
        # A row of FineWeb in a local copy names the crawl that it was made from, and is none of its rows.
        assert unknown == {("rows", "CC-MAIN-2018-05"): 1, ("oscar", None): 1}

    def test_the_user_may_say_what_a_run_read(self, tables: Path) -> None:
        more = found(tables, {OTHER: "oscar-2109"}) - found(tables)
        assert more == {("tit-oscar", "b", "oscar-2109", None, "not_named")}

    def test_what_the_rows_say_themselves_stands(self, tables: Path) -> None:
        # The one row of this run that says nothing is taken at the user's word; the others are what they are.
        assert found(tables, {RUN: "c4"}) - found(tables) == {
            ("finch-c4", "c", "c4", "CC-MAIN-2018-05", "not_named")
        }

    def test_rows_without_a_language_are_counted_where_languages_decide(self, tables: Path) -> None:
        assert exposed(tables).without_language == 1

    def test_a_run_or_a_dataset_that_is_not_there_is_refused(self, tables: Path) -> None:
        with pytest.raises(ConfigError, match="no run 20260601T000000Z-nobody is published"):
            exposed(tables, {"20260601T000000Z-nobody": "c4"})
        with pytest.raises(ConfigError, match="there is no dataset oscar-2019; did you mean oscar-2"):
            exposed(tables, {OTHER: "oscar-2019"})


class TestTheCommand:
    def run(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
        code = cli.run(["exposure", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    def test_each_row_has_what_the_publisher_says_and_where(
        self, tables: Path, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, out, _ = self.run(capsys, tables, "--exposures", file, "--json")
        rows = [json.loads(line) for line in out.splitlines()]
        assert code == 0
        (row,) = (row for row in rows if row["exposure"] == "jay-crawl")
        assert row["model"] == "Jay"
        assert row["says"] == "One crawl."
        assert row["sources"][0]["quotation"] == "trained on the crawl of May 2024"
        assert row["sources"][0]["checked"] == "2026-11-27"

    def test_its_table_says_who_says_it(
        self, tables: Path, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        code, out, err = self.run(capsys, tables, "--exposures", file)
        assert code == 0
        assert "Bird Lab says that it trained Jay on common-crawl: whole" in out
        assert "“trained on the crawl of May 2024”" in out
        assert "infring" not in (out + err).lower()
        assert "left out, as nobody says of which dataset they are: 2 rows" in err
        assert "prove" in err

    def test_in_french(self, tables: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, err = self.run(capsys, tables, "--exposures", file, "--lang", "fr")
        assert code == 0
        assert "Bird Lab dit avoir entraîné Jay sur common-crawl : entier" in out
        assert "faute de savoir de quel jeu" in err

    def test_a_file_holds_the_rows_that_are_printed(
        self, tables: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, out, _ = self.run(capsys, tables, "--exposures", file, "--json")
        code, _, _ = self.run(capsys, tables, "--exposures", file, "--export", tmp_path / "rows.jsonl")
        rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert code == 0
        printed = [json.loads(line) for line in out.splitlines()]
        assert [row["exposure"] for row in rows] == [row["exposure"] for row in printed]
        assert all("read on 2026-11-27 at https://bird.example/card" in row["sources"][0] for row in rows)

    def test_tables_of_which_nobody_speaks_are_no_failure(
        self, tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tables_with_datasets(tmp_path, runs=())
        code, out, _ = self.run(capsys, tmp_path, "--exposures", file)
        assert code == 0
        assert "no row is of a dataset" in out

    @pytest.mark.parametrize("given", ["no-mark", "=c4", "run="])
    def test_what_names_no_run_and_dataset_is_refused(
        self, tables: Path, given: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, _, err = self.run(capsys, tables, "--dataset-of", given)
        assert code == 2
        assert "RUN=NAME" in err


def test_the_hub_is_told_by_its_address_alone(tables: Path) -> None:
    groups = {(group.repository, group.folder) for group in exposed(tables).groups}
    assert groups == {("", ""), (HUB, "data")}


class TestPartsOfC4:
    """English C4 and the parts in other languages are two datasets for the publishers of models."""

    FRENCH = "s3://copy/multilingual/c4-fr.tfrecord-00003-of-02048.json.gz"
    ENGLISH = "s3://copy/en/c4-train.00003-of-01024.json.gz"

    @pytest.fixture
    def copied(self, tmp_path: Path) -> Path:
        """Tables of a scan of C4's files by their paths: its rows name no release."""
        rows = [
            match("b", "https://site.example/1", dataset="c4", release=None, shard_uri=self.FRENCH),
            match("c", "https://site.example/2", dataset="c4", release=None, shard_uri=self.ENGLISH),
            match(
                "d", "https://site.example/3", dataset="c4", release=None, shard_uri="s3://copy/part-7.json"
            ),
        ]
        shared = {"confidence": "B", "languages": []}
        rows = [{**row, **shared, "row_sha256": str(n), "text_sha256": str(n)} for n, row in enumerate(rows)]
        publish(tmp_path / "tables", RUN, rows)
        return tmp_path / "tables"

    def found(self, copied: Path, said: Mapping[str, str] | None = None) -> set[tuple[str, str, str]]:
        shipped = Exposed.of(TableStore.open(str(copied)), load_exposures(), "duckdb", said)
        return {(row["exposure"], row["article_id"], row["release_is"]) for row in shipped.articles()}

    def test_a_statement_about_english_c4_does_not_cover_a_french_part(self, copied: Path) -> None:
        found = self.found(copied, {RUN: "c4"})
        of_c4 = {article for entry, article, _ in found if entry == "llama-c4"}
        assert of_c4 == {"c", "d"}

    def test_the_file_names_of_c4_say_which_part_a_row_is_of(self, copied: Path) -> None:
        found = self.found(copied)
        assert ("boris-mc4", "b", "named") in found
        assert {article for _, article, _ in found} == {"b", "c"}

    def test_a_user_may_give_the_part_that_a_run_read(self, copied: Path) -> None:
        found = self.found(copied, {RUN: "c4-fr"})
        assert ("boris-mc4", "d", "named") in found
        assert ("llama-c4", "d", "not_named") not in found

    def test_a_row_by_itself_is_of_the_same_part(self, copied: Path) -> None:
        store = TableStore.open(str(copied))
        by_row = {
            (exposure.id, row.article_id, named)
            for row in Match.from_batches(store.open_table("matches").to_table())
            for exposure, named in exposures_of(row, "B", load_exposures())
        }
        assert by_row == self.found(copied)
