"""Licences: whom they cover, where and when, and that every mistake in their file is named with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from presswatch_spark.claims.permissions import Licences, parse_licences
from presswatch_spark.core.errors import ConfigError, PresswatchError

TITLES = ("courrier", "sport")
GOOD = """\
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


def licences() -> Licences:
    return parse_licences(GOOD.encode(), "l.yaml", TITLES)


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_licences(text.encode(), "l.yaml", TITLES)
    return str(caught.value).splitlines()[1:]


@pytest.mark.parametrize(
    ("host", "title", "on", "licence"),
    [
        ("portail.example", "courrier", date(2023, 1, 1), "portail-2023"),
        ("portail.example", "courrier", date(2023, 12, 31), "portail-2023"),
        ("portail.example", "courrier", date(2022, 12, 31), None),
        ("portail.example", "courrier", date(2024, 1, 1), "portail-2024"),
        ("portail.example", "courrier", date(2030, 1, 1), "portail-2024"),
        ("portail.example", "courrier", None, None),
        ("m.portail.example", "courrier", date(2023, 6, 1), "portail-2023"),
        ("notportail.example", "courrier", date(2023, 6, 1), None),
        ("autre.example", "courrier", date(2023, 6, 1), None),
        ("kiosque.autre.example", "courrier", date(2024, 6, 1), None),
        ("portail.example", "sport", date(2023, 6, 1), None),
        ("portail.example", "sport", date(2024, 6, 1), "portail-2024"),
        (None, "courrier", date(2023, 6, 1), None),
    ],
)
def test_a_licence_covers_its_titles_on_its_hosts_within_its_dates_alone(
    host: str | None, title: str, on: date | None, licence: str | None
) -> None:
    found = licences().covering(host, title, on)
    assert (found.id if found else None) == licence


def test_a_licence_without_dates_covers_a_page_whose_date_is_not_known() -> None:
    open_ended = GOOD.replace("    from: 2024-01-01\n", "")
    found = parse_licences(open_ended.encode(), "l.yaml", TITLES).covering("portail.example", "sport", None)
    assert found is not None
    assert found.id == "portail-2024"


def test_every_mistake_is_reported_at_once_with_its_line() -> None:
    found = mistakes(
        "licences:\n"
        "  - id: a\n"
        "    licensee: 12\n"
        "    hosts: [https://x.example]\n"
        "    titles: [courier]\n"
        "    from: 2024-02-01\n"
        "    to: 2024-01-01\n"
        "  - id: a\n"
        "    licensee: B\n"
        "    hosts: [github.io]\n"
        "    titles: []\n"
        "    document: d\n"
    )
    assert [line.split(" ")[0] for line in found] == [f"l.yaml:{n}:" for n in (2, 3, 4, 5, 7, 8, 10, 11)]
    assert "did you mean courrier" in found[3]


def test_a_file_on_disk_is_read_and_named_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "licences.yaml"
    path.write_text(GOOD, "utf-8")
    assert Licences.load(str(path), TITLES) == licences()
    assert licences().digest != Licences.load(None, TITLES).digest
    path.write_text("licences: []", "utf-8")
    with pytest.raises(ConfigError, match=rf"{path}:1: licences is an empty list"):
        Licences.load(str(path), TITLES)
    with pytest.raises(PresswatchError, match=r"none\.yaml"):
        Licences.load(str(tmp_path / "none.yaml"), TITLES)


def test_without_a_file_nothing_is_licensed() -> None:
    assert Licences.load(None, TITLES).covering("portail.example", "courrier", date(2024, 1, 1)) is None


def test_a_licence_for_www_covers_the_site_without_it() -> None:
    text = GOOD.replace("[portail.example, kiosque.autre.example]", "[www.portail.example]")
    covering = parse_licences(text.encode(), "l.yaml", TITLES).covering
    for host in ("portail.example", "www.portail.example", "m.portail.example"):
        licence = covering(host, "courrier", date(2023, 6, 1))
        assert licence is not None
        assert licence.id == "portail-2023"
