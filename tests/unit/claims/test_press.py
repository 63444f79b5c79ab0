"""The list of the press: whom it names, and that every mistake in such a file is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from presswatch_spark.claims.permissions import PRESS_KINDS, PressList, parse_press
from presswatch_spark.core.errors import ConfigError

SMALL = """\
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
        ("notlesoir.be", None),
        ("be", None),
        ("afp.com", "agency"),
        ("www.interieur.gouv.fr", "official"),
        ("fr.wikisource.org", "library"),
        ("gallica.bnf.fr", "library"),
        ("www.prnewswire.com", "press_releases"),
        ("www.rts.ch", "broadcaster"),
        ("someblog.example", None),
        ("", None),
        (None, None),
    ],
)
def test_a_host_belongs_to_the_listed_domain_that_it_ends_with(host: str | None, kind: str | None) -> None:
    assert PressList.load(None).kind_of(host) == kind


def test_the_shipped_list_has_several_hundred_domains_of_every_kind() -> None:
    press = PressList.load(None)
    assert len(press.kinds) >= 600
    assert set(press.kinds.values()) == set(PRESS_KINDS)


def test_a_file_of_ones_own_adds_to_the_shipped_list_and_takes_off(tmp_path: Path) -> None:
    path = tmp_path / "press.yaml"
    path.write_text(SMALL + "not_press: [lesoir.be]\n", "utf-8")
    press, shipped = PressList.load(str(path)), PressList.load(None)
    assert press.kind_of("m.gazette.example") == "newspaper"
    assert press.kind_of("portal.example") is None
    assert press.kind_of("www.lesoir.be") is None
    assert press.kind_of("www.lemonde.fr") == shipped.kind_of("www.lemonde.fr") == "newspaper"
    assert press.digest != shipped.digest
    assert shipped.digest == PressList.load(None).digest


def test_every_mistake_is_reported_at_once_with_its_line() -> None:
    wrong = SMALL.replace("kind: agency", "kind: wire").replace("id: wires", "id: dailies")
    wrong = wrong.replace("[wire.example]", "[wire.example, gazette.example, 'https://x.example']")
    wrong = wrong.replace("    what: Agencies\n", "")
    with pytest.raises(ConfigError) as caught:
        parse_press(wrong.encode(), "p.yaml")
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(" ")[0] for line in lines] == [f"p.yaml:{n}:" for n in (7, 7, 8, 10, 10)]


def test_a_domain_with_www_is_the_one_without_it() -> None:
    kinds, less = parse_press(
        SMALL.replace("gazette.example", "www.gazette.example").encode() + b"not_press: [www.lesoir.be]\n",
        "p.yaml",
    )
    assert kinds["gazette.example"] == "newspaper"
    assert less == {"lesoir.be"}
