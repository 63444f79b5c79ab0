"""Addresses of this machine and its network: nothing but the user's own words leads there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presswatch_spark.core.errors import InputError, StorageError
from presswatch_spark.query.pointers import fetch
from presswatch_spark.query.pointers.pointer import COMMON_CRAWL, Mirror
from presswatch_spark.storage import addresses
from presswatch_spark.storage.addresses import PrivateAddressError, is_public, require_public
from presswatch_spark.storage.objects import StorageOptions, ask, read_object, stat
from presswatch_spark.storage.shards import plan
from tests.world.servers import Server, web

OPTIONS = StorageOptions(max_attempts=2, backoff_base=0.0001, read_timeout=5, connect_timeout=5)
METADATA = [
    "2852039166",
    "0xA9FEA9FE",
    "169.254.43518",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "169.254.169.254",
]
PRIVATE = [
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "127.1",
    "localhost",
]


@pytest.fixture
def server() -> Iterator[Server]:
    with web(objects={"/a": b"text", "/secret": b"keys of this machine"}) as running:
        yield running


@pytest.mark.parametrize("host", [*METADATA, *PRIVATE])
def test_no_spelling_of_a_private_address_passes(host: str) -> None:
    with pytest.raises(PrivateAddressError):
        require_public(f"http://{host}/latest/meta-data/")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses_pass(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"]
)
def test_a_redirect_to_this_machine_is_refused_before_anything_is_sent(server: Server, host: str) -> None:
    port = server.url.rpartition(":")[2]
    server.redirects["/old"] = f"http://{host}:{port}/secret"
    with pytest.raises(StorageError, match="an address of this machine or of its network, which is not read"):
        read_object(f"{server.url}/old", OPTIONS)
    answer = ask(f"{server.url}/old", 0, 10, OPTIONS)
    assert (answer.status, answer.body) == (None, b"")
    assert {path for _, path, _ in server.requests} == {"/old"}


def test_a_host_that_the_user_named_may_redirect_to_itself(server: Server) -> None:
    server.redirects["/old"] = f"{server.url}/a"
    assert read_object(f"{server.url}/old", OPTIONS)[0] == b"text"


def test_a_name_that_resolves_otherwise_when_it_is_connected_to_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look at the name finds a public address, and the connection another one."""
    monkeypatch.setattr("presswatch_spark.storage.http.require_public", lambda uri: None)
    server.redirects["/old"] = f"http://localhost:{server.url.rpartition(':')[2]}/secret"
    for _ in range(2):
        with pytest.raises(StorageError, match="an address of this machine"):
            read_object(f"{server.url}/old", OPTIONS)
    # Nor is an open connection used that the user's own words have led to.
    named = f"http://localhost:{server.url.rpartition(':')[2]}"
    assert read_object(f"{named}/a", OPTIONS)[0] == b"text"
    with pytest.raises(StorageError, match="an address of this machine"):
        read_object(f"{server.url}/old", OPTIONS)
    assert "/secret" not in {path for _, path, _ in server.requests}


def test_a_private_host_that_the_settings_name_may_be_led_to(server: Server) -> None:
    port = server.url.rpartition(":")[2]
    server.redirects["/old"] = f"http://localhost:{port}/a"
    server.objects["/x.paths"] = f"http://localhost:{port}/a\n".encode()
    named = replace(OPTIONS, private_hosts=("localhost",))
    assert read_object(f"{server.url}/old", named)[0] == b"text"
    assert len(plan([f"{server.url}/x.paths"], named)) == 1


def test_a_host_without_an_address_is_left_to_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(addresses.socket, "getaddrinfo", unknown)
    require_public("https://store.example/x")


def test_a_list_from_the_network_names_no_address_of_this_machine(server: Server, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    server.objects["/x.paths"] = f"a\nhttp://localhost:{port}/secret\n".encode()
    with pytest.raises(InputError, match="entry 2: a list from elsewhere names an address of this machine"):
        plan([f"{server.url}/x.paths"], OPTIONS)
    server.objects["/x.paths"] = f"{server.url}/a\n".encode()
    assert [each.uri for each in plan([f"{server.url}/x.paths"], OPTIONS)] == [f"{server.url}/a"]
    # A list on this disk is the user's own.
    (tmp_path / "x.paths").write_text(f"http://localhost:{port}/a\n")
    assert len(plan([str(tmp_path / "x.paths")], OPTIONS)) == 1


@pytest.mark.parametrize("host", ["169.254.169.254", "0xA9FEA9FE", "localhost", "[::ffff:10.0.0.1]"])
def test_a_row_of_a_dataset_leads_to_no_address_of_this_machine(host: str) -> None:
    named = f"http://{host}/x.warc.gz"
    assert fetch._where(named, COMMON_CRAWL, (), OPTIONS) is None
    mirrors = [Mirror(f"http://{host}/", "https://93.184.216.34/")]
    assert fetch._where(named, COMMON_CRAWL, mirrors, OPTIONS) == "https://93.184.216.34/x.warc.gz"
    named = "https://93.184.216.34/x.warc.gz"
    assert fetch._where(named, COMMON_CRAWL, (), OPTIONS) == named


def test_a_redirect_to_no_web_site_is_the_servers_fault(server: Server) -> None:
    for target in (
        "file:///etc/passwd",
        "http://[::1/x",
        "http://h:99999/x",
        "https:///x",
        "ftp://a.example/x",
    ):
        server.redirects["/old"] = target
        with pytest.raises(StorageError, match="/old: the server redirects to no web site"):
            stat(f"{server.url}/old", OPTIONS)
