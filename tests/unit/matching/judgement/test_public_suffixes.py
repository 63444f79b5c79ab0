"""A host belongs to the name that its owner registered."""

import re
import socket

import pytest

from presswatch_spark.matching.judgement.public_suffixes import (
    PLATFORMS,
    _list,
    is_shared,
    list_version,
    registered_domain,
)
from tests.world.processes import raising
from tests.world.proofs import cases

SUFFIXES = (
    "co.uk", "gouv.fr", "asso.fr", "com.au", "github.io", "blogspot.com", "netlify.app", "pages.dev",
    "s3.amazonaws.com", "anything.kawasaki.jp", "anything.ck", "xn--55qx5d.cn", "fr",
)  # fmt: skip
NAMES = ("journal.fr", "journal.co.uk", "name.github.io", "city.kawasaki.jp", "www.ck", "journal.example")


def test_suffixes_of_registries_and_of_private_owners_are_shared_and_names_below_are_not() -> None:
    assert [host for host in (*SUFFIXES, *NAMES) if is_shared(host)] == [*SUFFIXES]


def test_platforms_are_those_that_the_list_lacks() -> None:
    assert all(is_shared(host) for host in PLATFORMS)
    assert not [host for host in PLATFORMS if _list().is_public(host)], "drop what the list has by now"


@cases(
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
    monkeypatch.setattr(socket.socket, "connect", raising(AssertionError("asked the network")))
    _list.cache_clear()
    assert is_shared("co.uk")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d_\d\d-\d\d-\d\d_UTC", list_version())
