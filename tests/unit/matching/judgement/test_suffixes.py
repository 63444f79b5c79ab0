"""Names under which anybody can have a site, by the list that comes with the package."""

from __future__ import annotations

import re
import socket

import pytest

from presswatch_spark.matching.judgement.urls import (
    PLATFORMS,
    _list,
    is_public_suffix,
    is_shared,
    list_version,
    registered_domain,
)


@pytest.mark.parametrize(
    "host",
    [
        "co.uk", "gouv.fr", "asso.fr", "com.au", "github.io", "blogspot.com", "netlify.app", "pages.dev",
        "s3.amazonaws.com", "anything.kawasaki.jp", "anything.ck", "xn--55qx5d.cn", "fr",
    ],
)  # fmt: skip
def test_suffixes_of_registries_and_of_private_owners_are_shared(host: str) -> None:
    assert is_public_suffix(host)
    assert is_shared(host)


@pytest.mark.parametrize(
    "host",
    ["journal.fr", "journal.co.uk", "name.github.io", "city.kawasaki.jp", "www.ck", "journal.example"],
)
def test_names_below_them_are_not(host: str) -> None:
    assert not is_shared(host)


def test_platforms_are_those_that_the_list_lacks() -> None:
    assert all(is_shared(host) for host in PLATFORMS)
    assert not [host for host in PLATFORMS if is_public_suffix(host)], "drop what the list has by now"


@pytest.mark.parametrize(
    ("site", "domain"),
    [
        ("www.journal.example", "journal.example"),
        ("sport.journal.co.uk", "journal.co.uk"),
        ("a.b.github.io", "b.github.io"),
        ("github.io", "github.io"),
        ("a.b.substack.com", "b.substack.com"),
        ("wordpress.com", "wordpress.com"),
        ("a.xn--55qx5d.cn", "a.xn--55qx5d.cn"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_belongs_to_the_name_that_its_owner_registered(site: str, domain: str) -> None:
    assert registered_domain(site) == domain


def test_the_list_says_of_when_it_is_and_is_asked_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    _list.cache_clear()
    assert is_public_suffix("co.uk")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d_\d\d-\d\d-\d\d_UTC", list_version())
