"""Files beside the tables: the press, licences, mandates and rights of members, and reviews."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.permissions import (
    PRESS_KINDS,
    Licences,
    PressList,
    parse_licences,
    parse_press,
)
from presswatch_spark.claims.reviews import digest_of_reviews, load_reviews
from presswatch_spark.claims.rights_and_mandates import MANDATES, RIGHTS, mandate_of, rights_of
from presswatch_spark.core.errors import ConfigError, PresswatchError
from presswatch_spark.core.translation import Sentence
from presswatch_spark.corpus.registry import MandateDocument, Publisher
from presswatch_spark.storage.objects import StorageOptions
from tests.world.corpora import write_jsonl

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


@pytest.mark.parametrize(
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
    path.write_text(PRESS + "not_press: [lesoir.be]\n", "utf-8")
    press, shipped = PressList.load(str(path)), PressList.load(None)
    hosts = ("m.gazette.example", "portal.example", "www.lesoir.be", "www.lemonde.fr")
    assert [press.kind_of(host) for host in hosts] == ["newspaper", None, None, "newspaper"]
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


@pytest.mark.parametrize(
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


FIRST, LAST, SIGNED = date(2023, 1, 1), date(2025, 12, 31), date(2023, 3, 15)
UNSIGNED, DEED = (MandateDocument("m.pdf", "0" * 64, day) for day in (None, SIGNED))
FRENCH = Publisher("p", "P", None, None, None, (), country="FR")


def acting(first: date | None, last: date | None, deed: MandateDocument | None = None) -> Publisher:
    return Publisher("p", "P", None, first, last, (), mandate_document=deed)


@pytest.mark.parametrize(
    ("publisher", "expected"),
    [
        (
            acting(FIRST, LAST),
            {
                date(2022, 12, 31): "before", FIRST: "in_force", date(2024, 6, 1): "in_force",
                LAST: "in_force", date(2026, 1, 1): "after",
            },
        ),
        # Nobody acts by a deed that is not signed yet.
        (
            acting(FIRST, LAST, DEED),
            {
                date(2023, 3, 14): "before", SIGNED: "in_force", LAST: "in_force", date(2026, 1, 1): "after",
            },
        ),
        (acting(None, LAST), {FIRST: "in_force"}),
        (acting(None, None, UNSIGNED), {FIRST: "in_force"}),
        (acting(None, None), {FIRST: "none"}),
        (None, {FIRST: "none"}),
    ],
)  # fmt: skip
def test_a_mandate_is_in_force_from_its_first_day_to_its_last(
    publisher: Publisher | None, expected: dict[date, str]
) -> None:
    assert {day: mandate_of(publisher, day) for day in expected} == expected
    assert set(expected.values()) <= set(MANDATES)


def at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


@pytest.mark.parametrize(
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
