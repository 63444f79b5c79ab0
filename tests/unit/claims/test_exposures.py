"""What publishers of models say, and the articles of which they may speak."""

import json
import re
from datetime import UTC, date, datetime
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
from presswatch_spark.scanning.releases.datasets import PRODUCTS, load_datasets
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore
from tests.world.documents import built
from tests.world.exposures import ENTRIES, HUB, RUN, tables_with_datasets
from tests.world.golden import assert_golden
from tests.world.tables import match, publish

GOOD = """\
exposures:
  - id: parrot-crawls
    model: Parrot
    publisher: Parrot Labs
    dataset: common-crawl
    extent: part
    since: 2018-01-01
    until: 2020-12-31
    says: Crawls of 2018 to 2020.
    sources:
      - title: Parrot, a model card
        published: 2021-03
        at: Data
        identifier: https://parrot.example/card
        quotation: trained on filtered crawls
        checked: 2026-11-27
        seen: https://parrot.example/card
"""
DAYS = "    since: 2018-01-01\n    until: 2020-12-31\n"


def entries(text: str = GOOD) -> tuple[Exposure, ...]:
    return parse_exposures(text.encode(), "e.yaml")


class TestTheListThatComesWithThisVersion:
    def test_each_entry_has_short_dated_sources_and_accuses_nobody(self) -> None:
        today = datetime.now(UTC).date()
        for entry in load_exposures():
            assert entry.sources, entry.id
            texts = [entry.model, entry.publisher, entry.says]
            for source in entry.sources:
                texts += [source.title, source.at, source.identifier, source.quotation, source.seen]
                assert source.seen.startswith("https://")
                assert len(source.quotation.split()) <= 25
                # Nothing was read before it was written, or after today.
                assert date(2019, 1, 1) < source.newest <= source.checked <= today, entry.id
            assert all(texts), entry.id
            for word in ("infring", "stole", "illegal", "pirat"):
                assert word not in entry.says.lower()

    def test_an_entry_names_a_model_and_a_dataset_once(self) -> None:
        pairs = [(entry.model, entry.dataset) for entry in load_exposures()]
        assert len(pairs) == len(set(pairs))

    def test_the_page_on_exposure_lists_every_entry(self) -> None:
        _, _, table = built("reference/exposure").partition("## Statements of publishers")
        rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `([^`]+)` \| ([^|]+) \| (.+) \|$", table, re.MULTILINE)
        extents = [f"{e.extent}, {e.through}" if e.through else e.extent for e in load_exposures()]
        assert rows == [
            (entry.model, entry.publisher, entry.dataset, extent, entry.says)
            for entry, extent in zip(load_exposures(), extents, strict=True)
        ]

    def test_its_datasets_can_be_met_in_rows(self) -> None:
        named = {dataset.id for dataset in load_datasets().values() if "languages" in dataset.roles}
        asking = {entry.dataset for entry in load_exposures() if entry.languages}
        assert asking <= named | {"common-crawl", "cc-news"}
        derived = [entry for entry in load_exposures() if entry.extent == "derived"]
        assert {entry.dataset for entry in derived} == {"common-crawl"}
        assert not [entry.id for entry in derived if entry.speaks_of("CC-MAIN-2018-05")]


NAMED = ("    since", "    releases: [CC-MAIN-2018-05]\n    since")
UNDATED, UNPUBLISHED = (DAYS, ""), ("        published: 2021-03\n", "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            [],
            {
                "CC-MAIN-2018-05": "not_named", "CC-MAIN-2020-50": "not_named", "CC-MAIN-2017-51": None,
                "CC-MAIN-2021-04": None, "our-own": None, None: None,
            },
        ),
        ([NAMED], {"CC-MAIN-2018-05": "named", "CC-MAIN-2018-09": None}),
        ([UNDATED], {"CC-MAIN-2021-10": "not_named", "CC-MAIN-2021-17": None}),
        ([UNDATED, UNPUBLISHED], {"CC-MAIN-2024-10": "not_named", "CC-MAIN-2098-02": None}),
        (
            [UNDATED, ("dataset: common-crawl", "dataset: mc4")],
            {"c4-fr": "not_named", None: "not_named"},
        ),
        ([("extent: part", "extent: derived\n    through: Cleaned")], {"CC-MAIN-2018-05": None}),
    ],
    ids=[
        "crawls outside of its days are not meant",
        "releases that are named are the only ones",
        "a crawl that began after the document is not meant",
        "of a document without a date the day of reading counts",
        "a release without days is meant where no days are given",
        "of what is derived no row is meant",
    ],
)  # fmt: skip
def test_an_entry_speaks_of_the_releases_that_may_be_meant(
    changes: list[tuple[str, str]], expected: dict[str | None, str | None]
) -> None:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (entry,) = entries(text)
    assert {release: entry.speaks_of(release) for release in expected} == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dataset: common-crawl", "dataset: fineweb2", "did you mean fineweb-2?"),
        ("dataset: common-crawl", "dataset: pile", "e.yaml:5: exposure `parrot-crawls`: dataset `pile`"),
        ("dataset: common-crawl", "dataset: x", ", ".join(PRODUCTS)),
        ("extent: part", "extent: most", "extent `most` is not one of whole, part, derived"),
        ("extent: part", "extent: derived", "needs `through`"),
        ("    says: Crawls of 2018 to 2020.\n", "", "`says` is missing"),
        ("    says: Crawls", "    guilty: yes\n    says: Crawls", "unknown key `guilty`"),
        ("        at: Data\n", "", "`at` is missing"),
        ("        at: Data\n", "        at: Data\n        page: 3\n", "unknown key `page`"),
        ("        checked: 2026-11-27\n", "", "`checked` is missing"),
        ("checked: 2026-11-27", "checked: yesterday", "`yesterday` is not a date"),
        ("published: 2021-03", "published: 2021-13", "e.yaml:12: exposure `parrot-crawls`: published `2021"),
        ("published: 2021-03", "published: 2021-02-30", "is not a day, month or year"),
        ("until: 2020-12-31", "until: 2017-12-31", "until 2017-12-31 is before since 2018-01-01"),
        ("    since", "    languages: [french]\n    since", "language `french` is not one of"),
        ("    sources:\n", "    sources: []\n    rest:\n", "sources is an empty list"),
        (GOOD, GOOD + GOOD.removeprefix("exposures:\n"), "id `parrot-crawls` is already used on line 2"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        entries(GOOD.replace(old, new, 1))
    assert message in "\n".join(str(caught.value).splitlines()[1:])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exposed") / "tables"
    tables_with_datasets(folder)
    return folder


def exposed(tables: Path) -> Exposed:
    return Exposed.of(TableStore.open(str(tables)), entries(ENTRIES), "duckdb")


class TestWhatCounts:
    # No row of a crawl for a dataset made from it, none of letter D, and none without an article.
    ROWS = (
        ("linnet-french", "a", "common-crawl", "CC-MAIN-2018-05", "not_named"),
        ("parrot-crawls", "a", "common-crawl", "CC-MAIN-2018-05", "not_named"),
        ("jay-crawl", "a", "common-crawl", "CC-MAIN-2024-22", "named"),
        ("wren-fineweb-2", "a", "fineweb-2", "CC-MAIN-2024-22", "not_named"),
        ("parrot-crawls", "b", "common-crawl", "CC-MAIN-2018-05", "not_named"),
        ("finch-c4", "c", "c4", "c4-en", "not_named"),
    )

    def test_rows_of_datasets_releases_and_languages_that_may_be_meant(self, tables: Path) -> None:
        names = ("exposure", "article_id", "dataset", "release", "release_is")
        found = [tuple(row[name] for name in names) for row in exposed(tables).articles()]
        assert found == list(self.ROWS)

    def test_a_row_by_itself_is_joined_as_the_whole_table_is(self, tables: Path) -> None:
        store = TableStore.open(str(tables))
        by_row = {
            (exposure.id, row.article_id, product_of_row(row), row.release, named)
            for row in Match.from_batches(store.open_table("matches").to_table())
            for exposure, named in exposures_of(row, row.confidence, entries(ENTRIES))
        }
        assert by_row == set(self.ROWS)

    def test_pages_and_letters_are_those_of_the_rows_and_totals_count_them_once(self, tables: Path) -> None:
        rows = exposed(tables)
        (row,) = (r for r in rows.articles() if (r["exposure"], r["article_id"]) == ("parrot-crawls", "a"))
        names = ("publisher_id", "title_id", "letter", "pages", "pages_elsewhere", "most_copied_words")
        assert [row[name] for name in names] == ["p", "t", "A", 2, 1, 90]
        totals = {(row["exposure"], row["release"]): row for row in rows.totals()}
        total = totals["parrot-crawls", "CC-MAIN-2018-05"]
        assert (total["articles"], total["pages"]) == (2, 3)


class TestWhatNobodyKnows:
    def test_rows_of_no_known_dataset_or_language_are_counted(self, tables: Path) -> None:
        rows = exposed(tables)
        unknown = {(group.form, group.release): group.rows for group in rows.unknown}
        # A row of FineWeb in a local copy names the crawl that it was made from, and is none of its rows.
        assert unknown == {("rows", "CC-MAIN-2018-05"): 1, ("oscar", None): 1}
        assert rows.without_language == 1
        assert {(group.repository, group.folder) for group in rows.groups} == {("", ""), (HUB, "data")}


class TestTheCommand:
    @pytest.fixture
    def exposure(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> Any:
        monkeypatch.setenv("COLUMNS", "80")
        path = tmp_path / "exposures.yaml"
        path.write_text(ENTRIES, encoding="utf-8")

        def command(*arguments: object, code: int = 0) -> tuple[str, str]:
            assert cli.run(["exposure", *map(str, arguments), "--exposures", str(path)]) == code
            return capsys.readouterr()

        return command

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_its_table_names_who_says_it_and_what_is_left_out(
        self, exposure: Any, tables: Path, language: str
    ) -> None:
        out, err = exposure(tables, "--lang", language)
        assert_golden(f"exposure.{language}.txt", f"{out}\n--- standard error\n\n{err}")

    def test_each_row_has_what_the_publisher_says_and_where(
        self, exposure: Any, tables: Path, tmp_path: Path
    ) -> None:
        rows = [json.loads(line) for line in exposure(tables, "--json")[0].splitlines()]
        (row,) = (row for row in rows if row["exposure"] == "jay-crawl")
        source = row["sources"][0]
        assert (row["model"], row["says"], source["quotation"], source["checked"]) == (
            "Jay", "One crawl.", "trained on the crawl of May 2024", "2026-11-27",
        )  # fmt: skip
        exposure(tables, "--export", tmp_path / "rows.jsonl")
        exported = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert [row["exposure"] for row in exported] == [row["exposure"] for row in rows]
        place = "read on 2026-11-27 at https://bird.example/card"
        assert all(place in row["sources"][0] for row in exported)

    def test_tables_of_which_nobody_speaks_are_no_failure(self, exposure: Any, tmp_path: Path) -> None:
        tables_with_datasets(tmp_path / "tables", runs=())
        assert "no row comes from a dataset" in exposure(tmp_path / "tables")[0]


class TestPartsOfC4:
    """English C4 and the parts in other languages are two datasets for the publishers of models."""

    @pytest.fixture
    def copied(self, tmp_path: Path) -> Path:
        """Tables of a scan of C4's files by their paths: its rows name no release."""
        places = {
            "b": "s3://copy/multilingual/c4-fr.tfrecord-00003-of-02048.json.gz",
            "c": "s3://copy/en/c4-train.00003-of-01024.json.gz",
            "d": "s3://copy/part-7.json",
        }
        rows = [
            match(
                article, f"https://site.example/{article}", dataset="c4", release=None, shard_uri=place,
                confidence="B", languages=[], row_sha256=article, text_sha256=article,
            )
            for article, place in places.items()
        ]  # fmt: skip
        publish(tmp_path / "tables", RUN, rows)
        return tmp_path / "tables"

    def test_the_file_names_of_c4_tell_the_part(self, copied: Path) -> None:
        store = TableStore.open(str(copied))
        shipped = Exposed.of(store, load_exposures(), "duckdb")
        by_name = {(row["exposure"], row["article_id"], row["release_is"]) for row in shipped.articles()}
        assert ("boris-mc4", "b", "named") in by_name
        # A statement about English C4 does not cover a French part.
        assert {article for entry, article, _ in by_name if entry == "llama-c4"} == {"c"}
        assert {article for _, article, _ in by_name} == {"b", "c"}
        assert by_name == {
            (exposure.id, row.article_id, named)
            for row in Match.from_batches(store.open_table("matches").to_table())
            for exposure, named in exposures_of(row, "B", load_exposures())
        }
