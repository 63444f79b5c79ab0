"""The members file: what a good one gives, and that every mistake is named with its line."""

from __future__ import annotations

import hashlib
import os
from datetime import date
from pathlib import Path

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.corpus.registry import load_registry, parse_registry

GOOD = """\
publishers:
  - id: rives
    name: Éditions des Rives
    association: Alliance
    mandate_from: 2023-01-01
    mandate_to: "2027-12-31"
    titles:
      - id: courrier
        name: Le Courrier
        domains: [Courrier.EXAMPLE, café.example, courrier.example]
      - id: sport
        name: Sport
        domains: [courrier.example]
        url_prefixes: [https://www.courrier.example/sport/]
"""


def mistakes(yaml: str | bytes) -> list[str]:
    """The lines of the error, without the first."""
    raw = yaml.encode() if isinstance(yaml, str) else yaml
    with pytest.raises(ConfigError) as caught:
        parse_registry(raw, "m.yaml")
    return str(caught.value).splitlines()[1:]


def entry(**keys: str) -> str:
    """A members file of one publisher with one title, some of whose keys are replaced or left out (empty)."""
    title = {"id": "t", "name": "T", "domains": "[t.example]"} | keys
    fields = ", ".join(f"{key}: {value}" for key, value in title.items() if value)
    return f"publishers:\n- id: p\n  name: P\n  titles:\n  - {{{fields}}}\n"


def test_a_good_file_gives_publishers_titles_and_normalised_sites() -> None:
    registry = parse_registry(GOOD.encode(), "m.yaml")
    publisher = registry.publishers[0]
    assert (publisher.association, publisher.mandate_from, publisher.mandate_to) == (
        "Alliance",
        date(2023, 1, 1),
        date(2027, 12, 31),
    )
    assert registry.titles["courrier"].domains == ("courrier.example", "xn--caf-dma.example")
    assert registry.titles["sport"].url_prefixes == ("www.courrier.example/sport/",)
    assert registry.publisher_of == {"courrier": "rives", "sport": "rives"}


def test_optional_keys_may_be_left_out_or_null() -> None:
    registry = parse_registry(entry(url_prefixes="null").encode(), "m.yaml")
    assert registry.publishers[0].mandate_to is None
    assert registry.titles["t"].url_prefixes == ()


@pytest.mark.parametrize(
    ("written", "prefix"),
    [
        ("t.example", "t.example/"),
        ("HTTPS://T.example/", "t.example/"),
        ("t.example/Eco", "t.example/Eco/"),
        ("t.example/éco/", "t.example/%C3%A9co/"),
        ("t.example/%c3%A9co/%61vis", "t.example/%C3%A9co/avis/"),
        ("t.example/amp/eco/", "t.example/amp/eco/"),
        ("été.example/a..b", "xn--t-9fab.example/a..b/"),
    ],
)
def test_a_prefix_has_the_form_of_its_pages(written: str, prefix: str) -> None:
    registry = parse_registry(entry(url_prefixes=f"['{written}']").encode(), "m.yaml")
    assert registry.titles["t"].url_prefixes == (prefix,)


def test_every_mistake_is_reported_at_once_with_its_line() -> None:
    found = mistakes(
        "publishers:\n"
        "  - id: a\n"
        "    name: 12\n"
        "    mandat: x\n"
        "    mandate_from: 2024-02-31\n"
        "    titles: []\n"
        "  - id: a\n"
        "    name: B\n"
        "    titles:\n"
        "      - id: t\n"
        "        domains: [https://x.example]\n"
    )
    assert [line.split(" ")[0] for line in found] == [f"m.yaml:{n}:" for n in (3, 4, 5, 6, 7, 10, 11)]


@pytest.mark.parametrize(
    ("yaml", "line", "message"),
    [
        (entry(name=""), 5, "`name` is missing"),
        (entry(name="null"), 5, "`name` is missing"),
        (entry(nmae="x"), 5, "unknown key `nmae`"),
        (entry(name="[x]"), 5, "name must be text"),
        (entry(name="'  '"), 5, "name is empty"),
        (entry(id="2024"), 5, "title id must be text (put it in quotes)"),
        (entry(id='"a\\nb"'), 5, r"title id 'a\nb' holds characters that cannot be shown"),
        (entry(id='"\\u202e"'), 5, "holds characters that cannot be shown"),
        (entry(id='"\\ud800"'), 5, "holds characters that cannot be shown"),
        (entry(domains="[]"), 5, "domains is an empty list"),
        (entry(domains="t.example"), 5, "domains must be a list"),
        (entry(domains="[https://t.example]"), 5, "is not a domain"),
        (entry(domains="['t.example:8080']"), 5, "is not a domain"),
        (entry(domains="[t.example/sport]"), 5, "is not a domain"),
        (entry(domains="[mon journal.example]"), 5, "is not a domain"),
        (entry(domains="[localhost]"), 5, "is not a domain"),
        (entry(domains="[192.168.0.1]"), 5, "is not a domain"),
        (entry(url_prefixes="['ftp://t.example/a']"), 5, "is not a URL prefix"),
        (entry(url_prefixes="['t.example/a?b=1']"), 5, "is not a URL prefix"),
        (entry(url_prefixes="['https://[::1/a']"), 5, "`https://[::1/a` is not a URL prefix"),
        (entry(url_prefixes="['https://t.example℀/']"), 5, "is not a URL prefix"),
        (entry(url_prefixes="[t.example/amp/]"), 5, "`t.example/amp/` stands for all pages below `/`"),
        (entry(url_prefixes="[t.example/eco/%61mp]"), 5, "stands for all pages below `/eco/`"),
        (entry(url_prefixes="[t.example/eco.amp.html]"), 5, "stands for all pages below `/eco.html/`"),
        (entry(url_prefixes="[t.example/eco/../]"), 5, "stands for all pages below `/`"),
        (entry(url_prefixes="[t.example/eco/%2E%2e/sport/]"), 5, "stands for all pages below `/sport/`"),
        (entry(url_prefixes="[t.example/./eco/]"), 5, "stands for all pages below `/eco/`"),
        (entry(url_prefixes="[t.example//]"), 5, "stands for all pages below `/`"),
        (entry(url_prefixes="[t.example/eco//]"), 5, "stands for all pages below `/eco/`"),
        (entry(url_prefixes="[t.example/eco;jsessionid=1/]"), 5, "stands for all pages below `/eco/`"),
        (entry(url_prefixes="['t.example/a\\eco']"), 5, "stands for all pages below `/a/eco/`"),
        (entry(name="T, name: U"), 5, "key `name` is given twice"),
        (
            GOOD.replace("2027-12-31", "2022-12-31"),
            6,
            "mandate_to 2022-12-31 is before mandate_from 2023-01-01",
        ),
        (GOOD.replace("2023-01-01", "1/1/2023"), 5, "`1/1/2023` is not a date"),
        (GOOD.replace("id: sport", "id: courrier"), 11, "title id `courrier` is already used on line 8"),
        ("publishers: []", 1, "publishers is an empty list"),
        ("- id: p", 1, "members file must be a mapping"),
        ("", 1, "the file is empty"),
        ("? [a]\n: b", 1, "a key must be one of"),
        ("publishers:\n\t- id: p", 2, "indent with spaces, not tabs"),
        ("publishers: [", 1, "not valid YAML"),
        ("[" * 3000, 1, "nested too deeply"),
        ("publishers:\n---\na: b", 2, "not valid YAML"),
        (b"publishers:\n- id: \xe9\n", 2, "byte 0xe9 is not UTF-8"),
        ("publishers:\n- id: \x07\n", 2, "character U+0007 is not allowed"),
    ],
)
def test_a_mistake_is_named_with_its_line(yaml: str | bytes, line: int, message: str) -> None:
    assert any(found.startswith(f"m.yaml:{line}: ") and message in found for found in mistakes(yaml))


def test_two_titles_may_share_a_domain_only_if_prefixes_tell_them_apart() -> None:
    shared = GOOD.replace("        url_prefixes: [https://www.courrier.example/sport/]\n", "")
    assert mistakes(shared) == [
        "m.yaml:11: title `sport`: `courrier.example` also belongs to title `courrier` on line 8"
        " (tell them apart by url_prefixes)"
    ]


def test_www_does_not_tell_two_titles_apart() -> None:
    shared = GOOD.replace("https://www.courrier.example/sport/", "https://x.example/")
    assert "also belongs" in mistakes(shared.replace("[courrier.example]", "[www.courrier.example]"))[0]


@pytest.mark.parametrize("prefix", ["https://courrier.example/sport", "www.courrier.example/%73port/"])
def test_a_prefix_has_one_owner_however_it_is_written(prefix: str) -> None:
    twice = (
        GOOD + f"      - {{id: foot, name: Foot, domains: [courrier.example], url_prefixes: ['{prefix}']}}\n"
    )
    assert "`courrier.example/sport/` also belongs to title `sport`" in mistakes(twice)[0].replace("www.", "")


def test_a_prefix_for_a_whole_site_shares_it_with_nobody() -> None:
    whole = GOOD.replace("https://www.courrier.example/sport/", "courrier.example")
    assert "also belongs to title `courrier`" in mistakes(whole)[0]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_registry(tmp_path / "members.yaml")


class TestPublicSuffixes:
    @pytest.mark.parametrize(
        ("domain", "shared"),
        [
            ("co.uk", "co.uk"),
            ("CO.UK.", "co.uk"),
            ("www.co.uk", "co.uk"),
            ("www.gouv.fr", "gouv.fr"),
            ("github.io", "github.io"),
            ("www.github.io", "github.io"),
            ("blogspot.com", "blogspot.com"),
            ("公司.cn", "xn--55qx5d.cn"),
            ("xn--55qx5d.cn", "xn--55qx5d.cn"),
            ("wordpress.com", "wordpress.com"),
            ("www.substack.com", "substack.com"),
        ],
    )
    def test_a_domain_that_is_one_is_refused_with_its_line_and_what_to_write(
        self, domain: str, shared: str
    ) -> None:
        told = mistakes(entry(domains=f"[journal.example, {domain}]"))
        assert len(told) == 1
        assert told[0].startswith(f"m.yaml:5: title `t`: `{domain}` is not one site, anybody can have a name")
        assert f"under `{shared}` (name the site itself, as journal.{shared}" in told[0]

    @pytest.mark.parametrize(
        "prefix",
        ["github.io/", "https://github.io/journal/", "https://www.co.uk/", "co.uk/a/", "https://medium.com/"],
    )
    def test_a_url_prefix_of_one_is_refused_since_it_holds_on_the_names_below(self, prefix: str) -> None:
        told = mistakes(entry(url_prefixes=f"['{prefix}']"))
        assert len(told) == 1
        assert "is not one site" in told[0]
        assert "(name the site itself, as https://journal." in told[0]

    def test_a_name_below_one_is_a_site_like_any_other(self) -> None:
        text = entry(
            domains="[name.github.io, journal.co.uk, x.substack.com]",
            url_prefixes="['https://medium.com/@journal/', 'https://name.github.io/news/']",
        )
        title = parse_registry(text.encode(), "m.yaml").titles["t"]
        assert title.domains == ("name.github.io", "journal.co.uk", "x.substack.com")
        assert title.url_prefixes == ("medium.com/@journal/", "name.github.io/news/")

    def test_a_corpus_that_was_built_under_an_older_list_stays_readable(self) -> None:
        registry = parse_registry(entry(domains="[github.io]").encode(), "members.yaml", built=True)
        assert registry.titles["t"].domains == ("github.io",)


class TestLegalPersons:
    MEMBER = """\
publishers:
  - id: rives
    name: Éditions des Rives
    legal_name: Éditions des Rives SAS
    siren: 732 829 320
    address: 1 quai des Rives, 99999 Valmont
    mandate_document: {path: mandats/rives.pdf, sha256: "%s"}
    titles:
      - {id: courrier, name: Le Courrier, domains: [courrier.example]}
"""
    DOCUMENT = b"mandat"

    def member(self, sha256: str | None = None) -> str:
        return self.MEMBER % (sha256 or hashlib.sha256(self.DOCUMENT).hexdigest())

    def write(self, folder: Path, text: str) -> Path:
        (folder / "mandats").mkdir()
        (folder / "mandats" / "rives.pdf").write_bytes(self.DOCUMENT)
        path = folder / "members.yaml"
        path.write_text(text, "utf-8")
        return path

    def test_a_publisher_has_a_legal_person_and_the_document_of_its_mandate(self, tmp_path: Path) -> None:
        (publisher,) = load_registry(self.write(tmp_path, self.member())).publishers
        assert publisher.legal_name == "Éditions des Rives SAS"
        assert publisher.siren == "732829320"
        assert publisher.address == "1 quai des Rives, 99999 Valmont"
        assert publisher.mandate_document is not None
        assert publisher.mandate_document.path == "mandats/rives.pdf"
        assert publisher.has_mandate

    def test_nine_digits_are_a_number_to_yaml_and_a_siren_to_us(self) -> None:
        text = self.member().replace("732 829 320", "732829320")
        assert parse_registry(text.encode(), "m.yaml").publishers[0].siren == "732829320"

    @pytest.mark.parametrize(
        ("siren", "message"),
        [
            ("732 829 321", "siren `732 829 321` has a wrong digit"),
            ("73282932", "siren `73282932` is not nine digits"),
            ("73282932000074", "siren `73282932000074` is not nine digits"),
            ("[732829320]", "is not nine digits"),
            ("FR732829320", "is not nine digits"),
        ],
    )
    def test_a_wrong_siren_is_named_with_its_line(self, siren: str, message: str) -> None:
        (found,) = mistakes(self.member().replace("732 829 320", siren))
        assert found.startswith("m.yaml:5: publisher `rives`: ")
        assert message in found

    def test_a_document_that_is_missing_or_another_is_named_with_its_line(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, self.member("0" * 64))
        with pytest.raises(ConfigError, match=r"members\.yaml:7: .*`mandats/rives\.pdf` has another content"):
            load_registry(path)
        (tmp_path / "mandats" / "rives.pdf").unlink()
        with pytest.raises(ConfigError, match=r"members\.yaml:7: .*`mandats/rives\.pdf` cannot be read"):
            load_registry(path)

    @pytest.mark.parametrize("place", ["{outside}", "../{name}/rives.pdf", "mandats/../../{name}/rives.pdf"])
    def test_a_document_lies_in_the_folder_of_the_members_file(
        self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, place: str
    ) -> None:
        outside = tmp_path_factory.mktemp("outside") / "rives.pdf"
        outside.write_bytes(self.DOCUMENT)
        given = place.format(outside=outside, name=outside.parent.name)
        path = self.write(tmp_path, self.member().replace("mandats/rives.pdf", given))
        with pytest.raises(ConfigError, match="must lie in the folder of the members file, or below it"):
            load_registry(path)

    def test_a_document_that_is_no_file_is_named_and_not_waited_for(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, self.member())
        (tmp_path / "mandats" / "rives.pdf").unlink()
        os.mkfifo(tmp_path / "mandats" / "rives.pdf")
        with pytest.raises(ConfigError, match=r"`mandats/rives\.pdf` is no file"):
            load_registry(path)

    def test_a_sha_256_is_64_digits(self) -> None:
        (found,) = mistakes(self.member("ABC"))
        assert found.startswith("m.yaml:7: publisher `rives`: mandate_document: sha256 must be 64 digits")

    def test_a_corpus_needs_no_documents(self) -> None:
        (publisher,) = parse_registry(self.member().encode(), "members.yaml", built=True).publishers
        assert publisher.mandate_document is not None

    def test_a_publisher_without_any_of_it_has_no_mandate(self) -> None:
        (publisher,) = parse_registry(entry().encode(), "m.yaml").publishers
        assert not publisher.has_mandate
        assert (publisher.legal_name, publisher.siren, publisher.address) == (None, None, None)
        assert (publisher.country, publisher.rights_basis, publisher.is_in_eea) == (None, (), False)

    @pytest.mark.parametrize(
        ("country", "code", "in_eea"),
        [
            ("FR", "FR", True),
            ("be", "BE", True),
            ("NO", "NO", True),
            ("CH", "CH", False),
            ('"GB"', "GB", False),
        ],
    )
    def test_a_country_is_two_letters_though_yaml_reads_norway_as_false(
        self, country: str, code: str, in_eea: bool
    ) -> None:
        text = self.member().replace("siren: 732 829 320", f"country: {country}")
        (publisher,) = parse_registry(text.encode(), "m.yaml").publishers
        assert (publisher.country, publisher.is_in_eea) == (code, in_eea)

    @pytest.mark.parametrize("country", ["FRA", "France", "XX", "EU", "[FR]", "250", '""'])
    def test_a_wrong_country_is_named_with_its_line(self, country: str) -> None:
        (found,) = mistakes(self.member().replace("siren: 732 829 320", f"country: {country}"))
        assert found.startswith("m.yaml:5: publisher `rives`: country must be a code of two letters")

    @pytest.mark.parametrize(
        ("given", "basis"),
        [("contract", ("contract",)), ("[presumption, authors]", ("authors", "presumption"))],
    )
    def test_a_right_rests_on_one_basis_or_several(self, given: str, basis: tuple[str, ...]) -> None:
        text = self.member().replace("siren: 732 829 320", f"rights_basis: {given}")
        assert parse_registry(text.encode(), "m.yaml").publishers[0].rights_basis == basis

    @pytest.mark.parametrize("given", ["contrat", "[contract, mine]", "[]", "{a: b}", "L. 113-5"])
    def test_a_wrong_basis_is_named_with_its_line(self, given: str) -> None:
        (found,) = mistakes(self.member().replace("siren: 732 829 320", f"rights_basis: {given}"))
        assert found.startswith("m.yaml:5: publisher `rives`: rights_basis")

    def test_a_deed_has_the_day_on_which_it_was_signed(self) -> None:
        text = self.member().replace('"}', '", signed_on: 2022-12-15}')
        (publisher,) = parse_registry(text.encode(), "m.yaml").publishers
        assert publisher.mandate_document
        assert publisher.mandate_document.signed_on == date(2022, 12, 15)
        (found,) = mistakes(self.member().replace('"}', '", signed_on: yesterday}'))
        assert "mandate_document: signed_on `yesterday` is not a date" in found


def test_time_zones_of_titles_are_names_of_places() -> None:
    for name in ("Europe/Paris", "UTC"):
        assert parse_registry(entry(timezone=name).encode(), "m.yaml").titles["t"].timezone == name
    for name in ("Paris", "europe/paris", "CET", "'+01:00'", "../../etc/passwd"):
        (mistake,) = mistakes(entry(timezone=name))
        assert "is not an IANA time zone" in mistake
