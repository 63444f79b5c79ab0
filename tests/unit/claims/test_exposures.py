"""What publishers of models say: each entry has its source, and every mistake in the file is named."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from presswatch_spark.claims.exposures import Exposure, load_exposures, parse_exposures
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.scanning.releases.datasets import PRODUCTS, load_datasets
from tests.world.documents import built

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


def entries(text: str = GOOD) -> tuple[Exposure, ...]:
    return parse_exposures(text.encode(), "e.yaml")


def changed(*changes: tuple[str, str]) -> Exposure:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (entry,) = entries(text)
    return entry


def mistakes(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        entries(GOOD.replace(old, new, 1))
    return "\n".join(str(caught.value).splitlines()[1:])


class TestTheListThatComesWithThisVersion:
    def test_nothing_lacks_a_source(self) -> None:
        for entry in load_exposures():
            assert entry.sources, entry.id
            texts = [entry.model, entry.publisher, entry.says]
            for source in entry.sources:
                texts += [source.title, source.at, source.identifier, source.quotation, source.seen]
                assert source.seen.startswith("https://")
            assert all(texts), entry.id

    def test_quotations_are_short(self) -> None:
        quotations = [source.quotation for entry in load_exposures() for source in entry.sources]
        assert max(len(quotation.split()) for quotation in quotations) <= 25

    def test_nothing_was_read_before_it_was_written_or_after_today(self) -> None:
        today = datetime.now(UTC).date()
        for entry in load_exposures():
            for source in entry.sources:
                assert date(2019, 1, 1) < source.newest <= source.checked <= today, entry.id

    def test_its_words_accuse_nobody(self) -> None:
        said = " ".join(entry.says for entry in load_exposures()).lower()
        assert not [word for word in ("infring", "stole", "illegal", "pirat") if word in said]

    def test_an_entry_names_a_model_and_a_dataset_once(self) -> None:
        pairs = [(entry.model, entry.dataset) for entry in load_exposures()]
        assert len(pairs) == len(set(pairs))

    def test_the_page_on_exposure_lists_every_entry(self) -> None:
        _, _, table = built("reference/exposure").partition("## What publishers say")
        rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `([^`]+)` \| ([^|]+) \| (.+) \|$", table, re.MULTILINE)
        assert rows == [
            (
                entry.model,
                entry.publisher,
                entry.dataset,
                f"{entry.extent}, {entry.through}" if entry.through else entry.extent,
                entry.says,
            )
            for entry in load_exposures()
        ]

    def test_no_entry_asks_for_languages_that_the_rows_of_its_dataset_never_name(self) -> None:
        named = {dataset.id for dataset in load_datasets().values() if "languages" in dataset.roles}
        asking = {entry.dataset for entry in load_exposures() if entry.languages}
        assert asking <= named | {"common-crawl", "cc-news"}

    def test_datasets_made_from_crawls_are_not_crawls(self) -> None:
        derived = [entry for entry in load_exposures() if entry.extent == "derived"]
        assert {entry.dataset for entry in derived} == {"common-crawl"}
        assert not [entry.id for entry in derived if entry.speaks_of("CC-MAIN-2018-05")]


class TestWhatAnEntrySpeaksOf:
    @pytest.mark.parametrize(
        ("release", "said"),
        [
            ("CC-MAIN-2018-05", "not_named"),
            ("CC-MAIN-2020-50", "not_named"),
            ("CC-MAIN-2017-51", None),
            ("CC-MAIN-2021-04", None),
            ("our-own", None),
            (None, None),
        ],
    )
    def test_crawls_outside_of_its_days_are_not_meant(self, release: str | None, said: str | None) -> None:
        assert changed().speaks_of(release) == said

    def test_releases_that_are_named_are_the_only_ones(self) -> None:
        entry = changed(("    since", "    releases: [CC-MAIN-2018-05]\n    since"))
        assert entry.speaks_of("CC-MAIN-2018-05") == "named"
        assert entry.speaks_of("CC-MAIN-2018-09") is None

    def test_a_crawl_that_began_after_the_document_is_not_meant(self) -> None:
        entry = changed(("    since: 2018-01-01\n    until: 2020-12-31\n", ""))
        assert entry.speaks_of("CC-MAIN-2021-10") == "not_named"
        assert entry.speaks_of("CC-MAIN-2021-17") is None

    def test_of_a_document_without_a_date_the_day_of_reading_stands(self) -> None:
        entry = changed(
            ("    since: 2018-01-01\n    until: 2020-12-31\n", ""), ("        published: 2021-03\n", "")
        )
        assert entry.speaks_of("CC-MAIN-2024-10") == "not_named"
        assert entry.speaks_of("CC-MAIN-2098-02") is None

    def test_a_release_without_days_is_meant_where_no_days_are_given(self) -> None:
        entry = changed(
            ("dataset: common-crawl", "dataset: mc4"), ("    since: 2018-01-01\n    until: 2020-12-31\n", "")
        )
        assert entry.speaks_of("c4-fr") == entry.speaks_of(None) == "not_named"

    def test_of_what_is_derived_no_row_is_meant(self) -> None:
        entry = changed(("extent: part", "extent: derived\n    through: Cleaned"))
        assert entry.speaks_of("CC-MAIN-2018-05") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dataset: common-crawl", "dataset: fineweb2", "did you mean fineweb-2?"),
        (
            "dataset: common-crawl",
            "dataset: the-pile",
            "e.yaml:5: exposure `parrot-crawls`: dataset `the-pile`",
        ),
        ("extent: part", "extent: most", "extent `most` is none of whole, part, derived"),
        ("extent: part", "extent: derived", "needs `through`"),
        ("    says: Crawls of 2018 to 2020.\n", "", "`says` is missing"),
        ("    says: Crawls", "    guilty: yes\n    says: Crawls", "unknown key `guilty`"),
        ("        at: Data\n", "", "`at` is missing"),
        ("        at: Data\n", "        at: Data\n        page: 3\n", "unknown key `page`"),
        ("        checked: 2026-11-27\n", "", "`checked` is missing"),
        ("checked: 2026-11-27", "checked: yesterday", "`yesterday` is not a date"),
        (
            "published: 2021-03",
            "published: 2021-13",
            "e.yaml:12: exposure `parrot-crawls`: published `2021-13`",
        ),
        ("published: 2021-03", "published: 2021-02-30", "is no day, month or year"),
        ("until: 2020-12-31", "until: 2017-12-31", "until 2017-12-31 is before since 2018-01-01"),
        ("    since", "    languages: [french]\n    since", "language `french` is none of"),
        ("    sources:\n", "    sources: []\n    rest:\n", "sources is an empty list"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str) -> None:
    assert message in mistakes(old, new)


def test_two_entries_may_not_have_one_id() -> None:
    with pytest.raises(ConfigError, match="exposure id `parrot-crawls` is already used on line 2"):
        entries(GOOD + GOOD.removeprefix("exposures:\n"))


def test_all_names_of_datasets_are_told_to_who_names_another() -> None:
    assert ", ".join(PRODUCTS) in mistakes("dataset: common-crawl", "dataset: x")
