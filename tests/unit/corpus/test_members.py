"""The members file: what a good one gives, and that every mistake is named with its line."""

import hashlib
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.corpus.members import MandateDocument, load_registry, parse_registry
from tests.world.proofs import cases

SPORT = "https://www.courrier.example/sport/"
GOOD = f"""\
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
        url_prefixes: [{SPORT}]
"""


def mistakes(yaml: str | bytes) -> list[str]:
    raw = yaml.encode() if isinstance(yaml, str) else yaml
    with pytest.raises(ConfigError) as caught:
        parse_registry(raw, "m.yaml")
    return str(caught.value).splitlines()[1:]


def entry(**keys: str) -> str:
    """A members file of one publisher with one title, some of whose keys are replaced or left out (empty)."""
    title = {"id": "t", "name": "T", "domains": "[t.example]"} | keys
    fields = ", ".join(f"{key}: {value}" for key, value in title.items() if value)
    return f"publishers:\n- id: p\n  name: P\n  titles:\n  - {{{fields}}}\n"


DOCUMENT = b"mandat"
SHA256 = hashlib.sha256(DOCUMENT).hexdigest()


def member(path: str = "mandats/rives.pdf", sha256: str = SHA256, more: str = "", **keys: str) -> str:
    """A members file of one publisher, a legal person with a mandate; `keys` on line 5."""
    fields = "".join(f"    {key}: {value}\n" for key, value in (keys or {"siren": "732 829 320"}).items())
    return (
        "publishers:\n  - id: rives\n    name: Éditions des Rives\n    legal_name: Éditions des Rives SAS\n"
        f"{fields}    address: 1 quai des Rives, 99999 Valmont\n"
        f'    mandate_document: {{path: {path}, sha256: "{sha256}"{more}}}\n'
        "    titles:\n      - {id: courrier, name: Le Courrier, domains: [courrier.example]}\n"
    )


SUFFIXES = (
    ("co.uk", "co.uk"), ("CO.UK.", "co.uk"), ("www.co.uk", "co.uk"), ("www.gouv.fr", "gouv.fr"),
    ("github.io", "github.io"), ("www.github.io", "github.io"), ("blogspot.com", "blogspot.com"),
    ("公司.cn", "xn--55qx5d.cn"), ("xn--55qx5d.cn", "xn--55qx5d.cn"), ("wordpress.com", "wordpress.com"),
    ("www.substack.com", "substack.com"),
)  # fmt: skip
"""Domains under which anybody can have a name, as written and as shown."""
BELOW_SUFFIXES = (
    "github.io/", "https://github.io/journal/", "https://www.co.uk/", "co.uk/a/", "https://medium.com/",
)  # fmt: skip


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


@cases(
    ("text", "facts"),
    [
        (entry(url_prefixes="null"), {"url_prefixes": ()}),
        (entry(url_prefixes="['t.example']"), {"url_prefixes": ("t.example/",)}),
        (entry(url_prefixes="['HTTPS://T.example/']"), {"url_prefixes": ("t.example/",)}),
        (entry(url_prefixes="['t.example/Eco']"), {"url_prefixes": ("t.example/Eco/",)}),
        (entry(url_prefixes="['t.example/éco/']"), {"url_prefixes": ("t.example/%C3%A9co/",)}),
        (
            entry(url_prefixes="['t.example/%c3%A9co/%61vis']"),
            {"url_prefixes": ("t.example/%C3%A9co/avis/",)},
        ),
        (entry(url_prefixes="['t.example/amp/eco/']"), {"url_prefixes": ("t.example/amp/eco/",)}),
        (entry(url_prefixes="['été.example/a..b']"), {"url_prefixes": ("xn--t-9fab.example/a..b/",)}),
        (
            entry(url_prefixes="['https://medium.com/@journal/', 'https://name.github.io/news/']"),
            {"url_prefixes": ("medium.com/@journal/", "name.github.io/news/")},
        ),
        (
            entry(domains="[name.github.io, journal.co.uk, x.substack.com]"),
            {"domains": ("name.github.io", "journal.co.uk", "x.substack.com")},
        ),
        (entry(timezone="Europe/Paris"), {"timezone": "Europe/Paris"}),
        (entry(timezone="UTC"), {"timezone": "UTC"}),
        # A number to YAML, and false: a SIREN and Norway to us.
        (member(siren="732829320"), {"siren": "732829320"}),
        (member(country="NO"), {"country": "NO", "is_in_eea": True}),
        (member(country="FR"), {"country": "FR", "is_in_eea": True}),
        (member(country="be"), {"country": "BE", "is_in_eea": True}),
        (member(country="CH"), {"country": "CH", "is_in_eea": False}),
        (member(country='"GB"'), {"country": "GB", "is_in_eea": False}),
        (member(rights_basis="contract"), {"rights_basis": ("contract",)}),
        (member(rights_basis="[presumption, authors]"), {"rights_basis": ("authors", "presumption")}),
        (
            entry(),
            {"has_mandate": False, "legal_name": None, "siren": None, "address": None, "mandate_to": None}
            | {"country": None, "rights_basis": (), "is_in_eea": False},
        ),
    ],
)
def test_what_is_given_has_one_form_however_it_is_written(text: str, facts: dict[str, Any]) -> None:
    (publisher,) = parse_registry(text.encode(), "m.yaml").publishers
    (title,) = publisher.titles
    read = {name: getattr(title if hasattr(title, name) else publisher, name) for name in facts}
    assert read == facts


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


@cases(
    ("yaml", "line", "message"),
    [
        (entry(name=""), 5, "`name` is missing"),
        (entry(name="null"), 5, "`name` is missing"),
        (entry(nmae="x"), 5, "unknown key `nmae`"),
        (entry(name="[x]"), 5, "name must be text"),
        (entry(name="'  '"), 5, "name is empty"),
        (entry(id="2024"), 5, "title id must be text (put it in quotes)"),
        (entry(id='"a\\nb"'), 5, r"title id 'a\nb' contains characters that cannot be shown"),
        (entry(id='"\\u202e"'), 5, "contains characters that cannot be shown"),
        (entry(id='"\\ud800"'), 5, "contains characters that cannot be shown"),
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
        (entry(url_prefixes="[t.example/amp/]"), 5, "`t.example/amp/` would cover all pages below `/`"),
        (entry(url_prefixes="[t.example/eco/%61mp]"), 5, "would cover all pages below `/eco/`"),
        (entry(url_prefixes="[t.example/eco.amp.html]"), 5, "would cover all pages below `/eco.html/`"),
        (entry(url_prefixes="[t.example/eco/../]"), 5, "would cover all pages below `/`"),
        (entry(url_prefixes="[t.example/eco/%2E%2e/sport/]"), 5, "would cover all pages below `/sport/`"),
        (entry(url_prefixes="[t.example/./eco/]"), 5, "would cover all pages below `/eco/`"),
        (entry(url_prefixes="[t.example//]"), 5, "would cover all pages below `/`"),
        (entry(url_prefixes="[t.example/eco//]"), 5, "would cover all pages below `/eco/`"),
        (entry(url_prefixes="[t.example/eco;jsessionid=1/]"), 5, "would cover all pages below `/eco/`"),
        (entry(url_prefixes="['t.example/a\\eco']"), 5, "would cover all pages below `/a/eco/`"),
        (entry(name="T, name: U"), 5, "key `name` is given twice"),
        (
            GOOD.replace("2027-12-31", "2022-12-31"),
            6,
            "mandate_to 2022-12-31 is before mandate_from 2023-01-01",
        ),
        (GOOD.replace("2023-01-01", "1/1/2023"), 5, "`1/1/2023` is not a date"),
        (GOOD.replace("id: sport", "id: courrier"), 11, "title id `courrier` is already used on line 8"),
        # Two titles may share a domain only if prefixes tell them apart; `www.` does not.
        (
            GOOD.replace(f"        url_prefixes: [{SPORT}]\n", ""),
            11,
            "title `sport`: `courrier.example` also belongs to title `courrier` on line 8"
            " (separate them by url_prefixes)",
        ),
        (
            GOOD.replace(SPORT, "https://x.example/").replace("[courrier.example]", "[www.courrier.example]"),
            11,
            "also belongs to title `courrier`",
        ),
        (GOOD.replace(SPORT, "courrier.example"), 11, "also belongs to title `courrier`"),
        *(
            (
                f"{GOOD}      - {{id: f, name: F, domains: [f.example], url_prefixes: ['{prefix}']}}\n",
                15,
                "courrier.example/sport/` also belongs to title `sport`",
            )
            for prefix in ("https://courrier.example/sport", "www.courrier.example/%73port/")
        ),
        ("publishers: []", 1, "publishers is an empty list"),
        ("- id: p", 1, "members file must be a mapping"),
        ("", 1, "the file is empty"),
        ("? [a]\n: b", 1, "a key must be one of"),
        ("publishers:\n\t- id: p", 2, "indent with spaces, not tabs"),
        ("publishers: [", 1, "not valid YAML"),
        ("[" * 500, 1, "nested too deeply"),
        ("publishers:\n---\na: b", 2, "not valid YAML"),
        (b"publishers:\n- id: \xe9\n", 2, "byte 0xe9 is not UTF-8"),
        ("publishers:\n- id: \x07\n", 2, "character U+0007 is not allowed"),
        (member(siren="732 829 321"), 5, "publisher `rives`: siren `732 829 321` has a wrong digit"),
        (member(siren="73282932"), 5, "siren `73282932` is not nine digits"),
        (member(siren="73282932000074"), 5, "siren `73282932000074` is not nine digits"),
        (member(siren="[732829320]"), 5, "is not nine digits"),
        (member(siren="FR732829320"), 5, "is not nine digits"),
        *(
            (member(country=given), 5, "publisher `rives`: country must be a code of two letters")
            for given in ("FRA", "France", "XX", "EU", "[FR]", "250", '""')
        ),
        *(
            (member(rights_basis=given), 5, "publisher `rives`: rights_basis")
            for given in ("contrat", "[contract, mine]", "[]", "{a: b}", "L. 113-5")
        ),
        (member(sha256="ABC"), 7, "publisher `rives`: mandate_document: sha256 must be 64 digits"),
        (member(more=", signed_on: yesterday"), 7, "mandate_document: signed_on `yesterday` is not a date"),
        *(
            (entry(timezone=given), 5, "is not an IANA time zone")
            for given in ("Paris", "europe/paris", "CET", "'+01:00'", "../../etc/passwd")
        ),
        *(
            (
                entry(domains=f"[journal.example, {domain}]"),
                5,
                f"title `t`: `{domain}` is not one site: anyone can have a name under `{shared}`"
                f" (write the site, as journal.{shared}",
            )
            for domain, shared in SUFFIXES
        ),
        *(
            (entry(url_prefixes=f"['{prefix}']"), 5, "(write the site, as https://journal.")
            for prefix in BELOW_SUFFIXES
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(yaml: str | bytes, line: int, message: str) -> None:
    found = mistakes(yaml)
    assert any(each.startswith(f"m.yaml:{line}: ") and message in each for each in found), found


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_registry(tmp_path / "members.yaml")


def test_a_corpus_that_was_built_under_an_older_list_and_without_documents_stays_readable() -> None:
    registry = parse_registry(entry(domains="[github.io]").encode(), "members.yaml", built=True)
    assert registry.titles["t"].domains == ("github.io",)
    (publisher,) = parse_registry(member().encode(), "members.yaml", built=True).publishers
    assert publisher.mandate_document is not None


class TestDocumentsOfMandates:
    def write(self, folder: Path, text: str) -> Path:
        (folder / "mandats").mkdir()
        (folder / "mandats" / "rives.pdf").write_bytes(DOCUMENT)
        path = folder / "members.yaml"
        path.write_text(text, "utf-8")
        return path

    def test_a_publisher_has_a_legal_person_and_the_document_of_its_mandate(self, tmp_path: Path) -> None:
        signed = member(more=", signed_on: 2022-12-15")
        (publisher,) = load_registry(self.write(tmp_path, signed)).publishers
        assert (publisher.legal_name, publisher.siren) == ("Éditions des Rives SAS", "732829320")
        assert publisher.address == "1 quai des Rives, 99999 Valmont"
        assert publisher.mandate_document == MandateDocument("mandats/rives.pdf", SHA256, date(2022, 12, 15))
        assert publisher.has_mandate

    def test_a_document_that_is_another_or_no_file_is_named_with_its_line(self, tmp_path: Path) -> None:
        path, document = self.write(tmp_path, member(sha256="0" * 64)), tmp_path / "mandats" / "rives.pdf"
        with pytest.raises(ConfigError, match=r"members\.yaml:7: .*`mandats/rives\.pdf` has different"):
            load_registry(path)
        document.unlink()
        with pytest.raises(ConfigError, match=r"members\.yaml:7: .*`mandats/rives\.pdf` cannot be read"):
            load_registry(path)
        # It is not waited for.
        os.mkfifo(document)
        with pytest.raises(ConfigError, match=r"`mandats/rives\.pdf` is not a file"):
            load_registry(path)
        for place in ("m" * 300, '"a\\0b"'):
            path.write_text(member(place), "utf-8")
            with pytest.raises(ConfigError, match=r"members\.yaml:7: .* cannot be read"):
                load_registry(path)

    @pytest.mark.parametrize("place", ["{outside}", "../{name}/rives.pdf", "mandats/../../{name}/rives.pdf"])
    def test_a_document_is_in_the_folder_of_the_members_file(
        self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, place: str
    ) -> None:
        outside = tmp_path_factory.mktemp("outside") / "rives.pdf"
        outside.write_bytes(DOCUMENT)
        path = self.write(tmp_path, member(place.format(outside=outside, name=outside.parent.name)))
        with pytest.raises(ConfigError, match="must be in the folder of the members file, or below it"):
            load_registry(path)
