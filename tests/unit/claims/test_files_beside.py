"""Files beside the tables: press, licences, mandates, rights, reviews, and statements about models."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.exposures import (
    BY_ARTICLE,
    Exposed,
    Exposure,
    exposures_of,
    load_exposures,
    parse_exposures,
    product_of_row,
)
from presswatch_spark.claims.licences import (
    PRESS_KINDS,
    Licences,
    PressList,
    parse_licences,
    parse_press,
)
from presswatch_spark.claims.reviews import digest_of_reviews, load_reviews
from presswatch_spark.claims.rights_and_mandates import RIGHTS, mandate_of, rights_of
from presswatch_spark.core.errors import ConfigError, PresswatchError
from presswatch_spark.core.translation import Sentence
from presswatch_spark.corpus.members import MandateDocument, Publisher
from presswatch_spark.scanning.releases.datasets import PRODUCTS, load_datasets
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.column_values import MandateState
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore
from tests.world.commands import Outcome, outcome
from tests.world.corpora import write_jsonl
from tests.world.documents import built
from tests.world.exposures import ENTRIES, HUB, RUN, tables_with_datasets
from tests.world.golden import assert_golden
from tests.world.proofs import cases
from tests.world.tables import match, publish

PRESS = """\
groups:
  - id: dailies
    kind: newspaper
    what: Dailies of Valmont
    check: https://press.example/list
    domains: [gazette.example, news.portal.example]
  - id: wires
    kind: agency
    what: Agencies
    check: https://press.example/wires
    domains: [wire.example]
"""


@cases(
    ("host", "kind"),
    [
        ("www.lesoir.be", "newspaper"),
        ("lesoir.be", "newspaper"),
        ("afp.com", "agency"),
        ("www.interieur.gouv.fr", "official"),
        ("fr.wikisource.org", "library"),
        ("gallica.bnf.fr", "library"),
        ("www.prnewswire.com", "press_releases"),
        ("www.rts.ch", "broadcaster"),
        *((host, None) for host in ("notlesoir.be", "be", "someblog.example", "", None)),
    ],
)
def test_a_host_belongs_to_the_listed_domain_that_it_ends_with(host: str | None, kind: str | None) -> None:
    press = PressList.load(None)
    assert press.kind_of(host) == kind
    assert len(press.kinds) >= 600
    assert set(press.kinds.values()) == set(PRESS_KINDS)


def test_a_press_file_of_ones_own_adds_to_the_shipped_list_and_takes_off(tmp_path: Path) -> None:
    path = tmp_path / "press.yaml"
    path.write_text(PRESS + "not_press: [lesoir.be, blogs.lemonde.fr]\n", "utf-8")
    press, shipped = PressList.load(str(path)), PressList.load(None)
    hosts = ("m.gazette.example", "portal.example", "www.lesoir.be", "x.blogs.lemonde.fr", "www.lemonde.fr")
    assert [press.kind_of(host) for host in hosts] == ["newspaper", None, None, None, "newspaper"]
    assert press.digest != shipped.digest == PressList.load(None).digest
    www = PRESS.replace("gazette.example", "www.gazette.example") + "not_press: [www.lesoir.be]\n"
    kinds, less = parse_press(www.encode(), "p.yaml")
    assert (kinds["gazette.example"], less) == ("newspaper", {"lesoir.be"})


TITLES = ("courrier", "sport")
LICENCES = """\
licences:
  - id: portail-2023
    licensee: Portail SARL
    hosts: [portail.example, kiosque.autre.example]
    titles: [courrier]
    from: 2023-01-01
    to: 2023-12-31
    document: contrats/portail.pdf
  - id: portail-2024
    licensee: Portail SARL
    hosts: [portail.example]
    titles: [courrier, sport]
    from: 2024-01-01
    document: contrats/portail-2.pdf
"""
OPEN_ENDED = LICENCES.replace("    from: 2024-01-01\n", "")
OF_WWW = LICENCES.replace("[portail.example, kiosque.autre.example]", "[www.portail.example]")


@cases(
    ("file", "host", "title", "on", "licence"),
    [
        (LICENCES, "portail.example", "courrier", date(2023, 1, 1), "portail-2023"),
        (LICENCES, "portail.example", "courrier", date(2023, 12, 31), "portail-2023"),
        (LICENCES, "portail.example", "courrier", date(2022, 12, 31), None),
        (LICENCES, "portail.example", "courrier", date(2024, 1, 1), "portail-2024"),
        (LICENCES, "portail.example", "courrier", date(2030, 1, 1), "portail-2024"),
        (LICENCES, "portail.example", "courrier", None, None),
        (LICENCES, "m.portail.example", "courrier", date(2023, 6, 1), "portail-2023"),
        (LICENCES, "notportail.example", "courrier", date(2023, 6, 1), None),
        (LICENCES, "autre.example", "courrier", date(2023, 6, 1), None),
        (LICENCES, "kiosque.autre.example", "courrier", date(2024, 6, 1), None),
        (LICENCES, "portail.example", "sport", date(2023, 6, 1), None),
        (LICENCES, "portail.example", "sport", date(2024, 6, 1), "portail-2024"),
        (LICENCES, None, "courrier", date(2023, 6, 1), None),
        # A licence without dates covers a page whose date is not known.
        (OPEN_ENDED, "portail.example", "sport", None, "portail-2024"),
        *(
            (OF_WWW, f"{sub}portail.example", "courrier", date(2023, 6, 1), "portail-2023")
            for sub in ("", "www.", "m.")
        ),
    ],
)
def test_a_licence_covers_its_titles_on_its_hosts_within_its_dates_alone(
    file: str, host: str | None, title: str, on: date | None, licence: str | None
) -> None:
    found = parse_licences(file.encode(), "l.yaml", TITLES).covering(host, title, on)
    assert (found.id if found else None) == licence


def test_every_mistake_is_reported_at_once_with_its_line() -> None:
    wrong_press = (
        PRESS.replace("kind: agency", "kind: wire")
        .replace("id: wires", "id: dailies")
        .replace("[wire.example]", "[wire.example, gazette.example, 'https://x.example']")
        .replace("    what: Agencies\n", "")
    )
    wrong_licences = (
        "licences:\n  - id: a\n    licensee: 12\n    hosts: [https://x.example]\n    titles: [courier]\n"
        "    from: 2024-02-01\n    to: 2024-01-01\n"
        "  - id: a\n    licensee: B\n    hosts: [github.io]\n    titles: []\n    document: d\n"
    )
    with pytest.raises(ConfigError) as of_press:
        parse_press(wrong_press.encode(), "p.yaml")
    with pytest.raises(ConfigError) as of_licences:
        parse_licences(wrong_licences.encode(), "p.yaml", TITLES)
    for caught, lines in ((of_press, (7, 7, 8, 10, 10)), (of_licences, (2, 3, 4, 5, 7, 8, 10, 11))):
        told = str(caught.value).splitlines()[1:]
        assert [line.split(" ")[0] for line in told] == [f"p.yaml:{number}:" for number in lines]
    assert "did you mean courrier" in str(of_licences.value).splitlines()[4]


def test_a_file_on_disk_is_read_and_named_in_messages_and_without_one_nothing_is_licensed(
    tmp_path: Path,
) -> None:
    path, none = tmp_path / "licences.yaml", Licences.load(None, TITLES)
    path.write_text(LICENCES, "utf-8")
    read = Licences.load(str(path), TITLES)
    assert read == parse_licences(LICENCES.encode(), "l.yaml", TITLES)
    assert (bool(read.digest), none.digest) == (True, None)
    assert none.covering("portail.example", "courrier", date(2024, 1, 1)) is None
    path.write_text("licences: []", "utf-8")
    with pytest.raises(ConfigError, match=rf"{path}:1: licences is an empty list"):
        Licences.load(str(path), TITLES)
    with pytest.raises(PresswatchError, match=r"none\.yaml"):
        Licences.load(str(tmp_path / "none.yaml"), TITLES)


FIRST, MIDST, LAST, SIGNED = date(2023, 1, 1), date(2024, 6, 1), date(2025, 12, 31), date(2023, 3, 15)
DAY = timedelta(days=1)
UNSIGNED, DEED = (MandateDocument("m.pdf", "0" * 64, day) for day in (None, SIGNED))
FRENCH = Publisher("p", "P", None, None, None, (), country="FR")


def acting(first: date | None, last: date | None, deed: MandateDocument | None = None) -> Publisher:
    return Publisher("p", "P", None, first, last, (), mandate_document=deed)


@cases(
    ("publisher", "expected"),
    [
        (acting(FIRST, LAST), {FIRST - DAY: "before"} | dict.fromkeys((FIRST, MIDST, LAST), "in_force")),
        (acting(FIRST, LAST), {LAST + DAY: "after"}),
        # Nobody acts by a deed that is not signed yet.
        (acting(FIRST, LAST, DEED), {SIGNED - DAY: "before", SIGNED: "in_force", LAST: "in_force"}),
        (acting(FIRST, LAST, DEED), {LAST + DAY: "after"}),
        (acting(None, LAST), {FIRST: "in_force"}),
        (acting(None, None, UNSIGNED), {FIRST: "in_force"}),
        (acting(None, None), {FIRST: "none"}),
        (None, {FIRST: "none"}),
    ],
)
def test_a_mandate_is_in_force_from_its_first_day_to_its_last(
    publisher: Publisher | None, expected: dict[date, str]
) -> None:
    assert {day: mandate_of(publisher, day) for day in expected} == expected
    assert set(expected.values()) <= set(get_args(MandateState))


def at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


@cases(
    ("published", "captured", "as_of", "rights"),
    [
        # Two years from 1 January after publication.
        ("2024-03-01", "2024-05-01", "2024-06-01", ["author", "press_publisher"]),
        ("2024-03-01", "2024-05-01", "2026-12-31", ["author", "press_publisher"]),
        ("2024-12-31T23:59:59", "2024-12-31T23:59:59", "2026-12-31", ["author", "press_publisher"]),
        ("2024-03-01", "2024-05-01", "2027-01-01", ["author", "press_publisher_at_capture"]),
        ("2024-03-01", "2027-01-01", "2027-01-01", ["author"]),
        ("2024-03-01", None, "2027-01-01", ["author"]),
        ("2024-03-01", "2024-02-01", "2027-01-01", ["author"]),
        ("2024-03-01", None, "2026-06-01", ["author", "press_publisher"]),
        # Not for what was published before 6 June 2019.
        ("2019-06-05T23:59:59", "2019-07-01", "2020-01-01", ["author"]),
        ("2019-06-06", "2019-07-01", "2021-12-31", ["author", "press_publisher"]),
        ("2019-06-06", "2019-07-01", "2026-11-27", ["author", "press_publisher_at_capture"]),
        # Seventy years from 1 January after publication.
        ("1955-12-31", "2024-01-01", "2025-12-31", ["author"]),
        ("1955-12-31", "2024-01-01", "2026-01-01", []),
        # Nothing can be calculated, or there is no article yet.
        (None, "2024-05-01", "2024-06-01", []),
        ("2024-06-02", "2024-05-01", "2024-06-01", []),
    ],
)
def test_a_right_is_invoked_within_its_term_alone(
    published: str | None, captured: str | None, as_of: str, rights: list[str]
) -> None:
    found = rights_of(at(published), at(captured), date.fromisoformat(as_of), FRENCH)
    assert found == rights == [right for right in RIGHTS if right in found]


def test_only_publishers_established_in_the_eu_or_eea_have_the_press_publishers_right() -> None:
    for country in ("FR", "BE", "NO", "RE", "CH", "GB", "CA", None):
        publisher = replace(FRENCH, country=country)
        for year, right in ((2024, "press_publisher"), (2027, "press_publisher_at_capture")):
            found = rights_of(at("2024-03-01"), at("2024-05-01"), date(year, 6, 1), publisher)
            assert found == ["author", *([right] if country in ("FR", "BE", "NO", "RE") else [])]
    assert rights_of(at("2024-03-01"), at("2024-05-01"), date(2024, 6, 1), None) == ["author"]


ONE, TWO = "a" * 64, "b" * 64
ROWS = [
    {"row_sha256": ONE, "verdict": "no_claim", "reviewer": "m", "at": "2026-11-02T09:00:00Z", "note": ""},
    {"row_sha256": TWO, "verdict": "unsure", "reviewer": "m", "at": "2026-11-02T09:00:00Z", "note": ""},
    {"row_sha256": ONE, "verdict": "claim", "reviewer": "k", "at": "2026-11-03T09:00:00+01:00", "note": ""},
]


def load(path: Path, told: Callable[[str], object] = pytest.fail) -> dict[str, str]:
    return load_reviews([str(path)], StorageOptions(), told)


def test_the_newest_verdict_counts_whatever_the_order_and_format(tmp_path: Path) -> None:
    with (tmp_path / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    folder = tmp_path / "reviews"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "one.parquet")
    last_first = write_jsonl(tmp_path / "reviews.jsonl", reversed(ROWS))
    for path in (last_first, tmp_path / "reviews.csv", folder):
        assert load(path) == {ONE: "claim", TWO: "unsure"}
    # Of one moment, the last.
    same = write_jsonl(tmp_path / "same.jsonl", [ROWS[0], ROWS[0] | {"verdict": "unsure"}])
    assert load(same) == {ONE: "unsure"}


def test_mistakes_are_named_by_line_and_all_at_once(tmp_path: Path) -> None:
    rows = [ROWS[0], {**ROWS[0], "verdict": "yes"}, {**ROWS[1], "row_sha256": "abc", "at": "yesterday"}]
    path = write_jsonl(tmp_path / "reviews.jsonl", rows)
    with pytest.raises(ConfigError) as error:
        load(path)
    lines = str(error.value).splitlines()
    assert [line.partition("reviews.jsonl:")[2][:2] for line in lines[1:]] == ["2:", "3:", "3:"]
    assert "'yes' is not one of claim, no_claim, unsure" in lines[1]


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_has_no_year_in_utc_is_a_mistake_of_its_line(tmp_path: Path, at: str) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", [{**ROWS[0], "at": at}])
    with pytest.raises(ConfigError, match=r"reviews.jsonl:1: at .* is not a time"):
        load(path)


@pytest.mark.parametrize("name", ["reviews.json", "reviews", "verdicts/notes.txt"])
def test_what_holds_no_reviews_is_refused_and_never_taken_for_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write_jsonl(path, ROWS)
    given = path.parent if path.suffix == ".txt" else path
    with pytest.raises(ConfigError, match="no reviews were found"):
        load(given)


def test_other_verdicts_have_another_digest() -> None:
    assert digest_of_reviews({}) is None
    digests = {digest_of_reviews({ONE: verdict}) for verdict in ("claim", "no_claim")}
    assert len(digests) == 2
    both = {ONE: "claim", TWO: "unsure"}
    assert digest_of_reviews(both) == digest_of_reviews(dict(reversed(both.items())))


def test_a_last_line_that_is_cut_short_leaves_the_others_and_is_reported(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", ROWS)
    whole = path.read_bytes()
    for cut in (3, 40):
        told = list[Sentence]()
        path.write_bytes(whole[:-cut])
        assert load(path, told.append) == {ONE: "no_claim", TWO: "unsure"}
        (line,) = told
        assert str(line).startswith(f"{path}: the last line is truncated (")
    path.write_bytes(whole.rstrip())
    assert load(path) == {ONE: "claim", TWO: "unsure"}


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "reviews.jsonl", ROWS)
    whole = path.read_bytes()
    for line in (b"{", b"[" * 100_000, b'{"row_sha256":' * 100_000):
        for rest in (whole, b""):
            path.write_bytes(line + b"\n" + rest)
            with pytest.raises(ConfigError, match=r"reviews\.jsonl:1: this is not a row of a review"):
                load(path)


# What publishers of models say, and the articles of which they may speak.


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
        today, shipped = datetime.now(UTC).date(), load_exposures()
        assert len({(entry.model, entry.dataset) for entry in shipped}) == len(shipped)
        for entry in shipped:
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
        ([UNDATED, ("dataset: common-crawl", "dataset: mc4")], {"c4-fr": "not_named", None: "not_named"}),
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


@cases(
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
        ("    since", "    languages: [french]\n    since", "languages `french` is not one of"),
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
        found = [tuple(row[name] for name in names) for row in exposed(tables).totals(BY_ARTICLE)]
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
        (row,) = (
            r for r in rows.totals(BY_ARTICLE) if (r["exposure"], r["article_id"]) == ("parrot-crawls", "a")
        )
        names = ("publisher_id", "title_id", "letter", "pages", "pages_elsewhere", "most_copied_words")
        assert [row[name] for name in names] == ["p", "t", "A", 2, 1, 90]
        totals = {(row["exposure"], row["release"]): row for row in rows.totals()}
        total = totals["parrot-crawls", "CC-MAIN-2018-05"]
        assert (total["articles"], total["pages"]) == (2, 3)

    def test_rows_of_no_known_dataset_or_language_are_counted(self, tables: Path) -> None:
        rows = exposed(tables)
        unknown = {(group.form, group.release): group.rows for group in rows.unknown}
        # A row of FineWeb in a local copy names the crawl that it was made from, and is none of its rows.
        assert unknown == {("rows", "CC-MAIN-2018-05"): 1, ("oscar", None): 1}
        assert rows.without_language == 1
        assert {group.key[3:5] for group in rows.groups} == {("", ""), (HUB, "data")}


class TestTheCommand:
    @pytest.fixture
    def exposure(self, tmp_path: Path) -> Any:
        path = tmp_path / "exposures.yaml"
        path.write_text(ENTRIES, encoding="utf-8")

        def command(*arguments: object) -> Outcome:
            told = outcome("exposure", *arguments, "--exposures", path, COLUMNS="80")
            assert told.code == 0
            return told

        return command

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_its_table_names_who_says_it_and_what_is_left_out(
        self, exposure: Any, tables: Path, language: str
    ) -> None:
        told = exposure(tables, "--lang", language)
        assert_golden(f"exposure.{language}.txt", f"{told.out}\n--- standard error\n\n{told.err}")

    def test_each_row_has_what_the_publisher_says_and_where(
        self, exposure: Any, tables: Path, tmp_path: Path
    ) -> None:
        rows = [json.loads(line) for line in exposure(tables, "--json").out.splitlines()]
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
        assert "no row comes from a dataset" in exposure(tmp_path / "tables").out


def test_the_file_names_of_c4_tell_the_part_where_rows_name_no_release(tmp_path: Path) -> None:
    """English C4 and the parts in other languages are two datasets for the publishers of models."""
    places = {
        "b": "s3://copy/multilingual/c4-fr.tfrecord-00003-of-02048.json.gz",
        "c": "s3://copy/en/c4-train.00003-of-01024.json.gz",
        "d": "s3://copy/part-7.json",
    }
    same = {"dataset": "c4", "release": None, "confidence": "B", "languages": []}
    rows = [
        match(id, f"https://site.example/{id}", shard_uri=place, row_sha256=id, text_sha256=id, **same)
        for id, place in places.items()
    ]
    publish(tmp_path, RUN, rows)
    store = TableStore.open(str(tmp_path))
    shipped = Exposed.of(store, load_exposures(), "duckdb")
    by_name = {(row["exposure"], row["article_id"], row["release_is"]) for row in shipped.totals(BY_ARTICLE)}
    assert ("boris-mc4", "b", "named") in by_name
    # A statement about English C4 does not cover a French part.
    assert {article for entry, article, _ in by_name if entry == "llama-c4"} == {"c"}
    assert {article for _, article, _ in by_name} == {"b", "c"}
    assert by_name == {
        (exposure.id, row.article_id, named)
        for row in Match.from_batches(store.open_table("matches").to_table())
        for exposure, named in exposures_of(row, "B", load_exposures())
    }
