"""The press and licences: whom their files name, and that every mistake in them is named with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from presswatch_spark.claims.permissions import (
    PRESS_KINDS,
    Licences,
    PressList,
    parse_licences,
    parse_press,
)
from presswatch_spark.core.errors import ConfigError, PresswatchError

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
    assert read.digest != none.digest
    assert none.covering("portail.example", "courrier", date(2024, 1, 1)) is None
    path.write_text("licences: []", "utf-8")
    with pytest.raises(ConfigError, match=rf"{path}:1: licences is an empty list"):
        Licences.load(str(path), TITLES)
    with pytest.raises(PresswatchError, match=r"none\.yaml"):
        Licences.load(str(tmp_path / "none.yaml"), TITLES)
