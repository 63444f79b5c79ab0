"""Requests and answers are told to whoever listens, with those who answered, and without secrets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.storage.exchanges import exchanges_heard, is_heard, tell_exchange
from presswatch_spark.storage.objects import StorageOptions, ask, read_range, stat
from tests.world.servers import Fault, Server, web

QUICK = {"storage.max_attempts": 2, "storage.backoff_base": 0.01, "storage.read_timeout": 2.0}
STORAGE = load_scan_config(flags=QUICK).storage


@pytest.fixture
def server() -> Iterator[Server]:
    with web(objects={"/a": b"0123456789"}) as running:
        yield running


def test_each_request_is_told_with_its_answer_and_who_gave_it(server: Server) -> None:
    with exchanges_heard() as heard:
        assert read_range(f"{server.url}/a", 2, 3, STORAGE) == b"234"
        assert stat(f"{server.url}/a", STORAGE).size == 10
    first, second = heard
    assert (first.method, first.uri, first.status) == ("GET", f"{server.url}/a", 206)
    assert ("Range", "bytes=2-4") in first.request
    assert ("Content-Range", "bytes 2-4/10") in first.headers
    assert first.peer.remote == server.url.removeprefix("http://")
    assert first.peer.local
    assert first.peer.local.startswith("127.0.0.1:")
    assert (first.peer.tls, first.peer.certificates) == (None, ())
    assert first.sent_at <= first.answered_at <= second.answered_at
    assert ("Range", "bytes=0-0") in second.request


def test_nothing_is_kept_once_the_listener_has_gone(server: Server) -> None:
    with exchanges_heard() as heard, exchanges_heard() as inner:
        assert is_heard()
        read_range(f"{server.url}/a", 0, 1, STORAGE)
    assert not is_heard()
    read_range(f"{server.url}/a", 0, 1, STORAGE)
    assert (len(heard), len(inner)) == (1, 1)


def test_tries_that_fail_are_told_too(server: Server) -> None:
    server.faults.extend([Fault(lost=True), Fault(status=503)])
    with exchanges_heard() as heard, pytest.raises(StorageError):
        read_range(f"{server.url}/a", 0, 1, STORAGE)
    assert [(each.status, bool(each.failure)) for each in heard] == [(None, True), (503, False)]


def test_redirects_are_told_without_the_signature_that_they_lead_to(server: Server) -> None:
    server.redirects["/b"] = f"{server.url}/a?X-Amz-Signature=hunter2"
    with exchanges_heard() as heard:
        assert ask(f"{server.url}/b?token=hunter2", 0, 3, STORAGE).body == b"012"
    assert [each.status for each in heard] == [302, 206]
    assert "hunter2" not in repr(heard)
    assert f"{server.url}/a?…" in repr(heard)


def test_headers_with_credentials_are_not_told() -> None:
    sent = {"Authorization": "hunter2", "X-Amz-Security-Token": "hunter2", "Range": "bytes=0-1"}
    came = [("Set-Cookie", "hunter2"), ("ETag", '"e"')]
    with exchanges_heard() as heard:
        tell_exchange("GET", "https://user:hunter2@x.example/a?sig=hunter2", sent, 1.0, 200, came)
    (told,) = heard
    assert "hunter2" not in repr(told)
    assert (told.request, told.headers) == ((("Range", "bytes=0-1"),), (("ETag", '"e"'),))


def test_a_server_with_tls_is_told_with_its_certificates(tmp_path: Path) -> None:
    authority = trustme.CA()
    between = authority.create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    between.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    storage = StorageOptions(ca_bundle=str(tmp_path / "ca.pem"))
    with web(context, objects={"/a": b"0123"}) as server, exchanges_heard() as heard:
        assert read_range(f"{server.url}/a", 0, 2, storage) == b"01"
    (told,) = heard
    assert told.peer.tls in ("TLSv1.2", "TLSv1.3")
    assert told.peer.cipher
    own, above = told.peer.certificates[:2]
    assert ssl.DER_cert_to_PEM_cert(above).strip() == between.cert_pem.bytes().decode().strip()
    assert own != above
