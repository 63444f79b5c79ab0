"""Silent servers, and holders of leases that may have died: the user is told what is waited for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from presswatch_spark.core.errors import StorageError, TruncatedError
from presswatch_spark.storage import host_limits
from presswatch_spark.storage.locks import GuardedObject, silent
from presswatch_spark.storage.objects import StorageOptions, read_object, write_object
from tests.conftest import TEST_AWS
from tests.world.servers import listening

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that sends the head and five bytes of `/body`, and else nothing."""
    over = Event()
    monkeypatch.setattr(host_limits, "_SILENCE_REPORTED", {})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/body":
                self.wfile.write(HEAD)
            over.wait(10)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with listening(Handler) as url:
        yield url
        over.set()


def options(endpoint: str | None = None) -> StorageOptions:
    return StorageOptions(
        endpoint=endpoint, max_attempts=2, backoff_base=0.0001, read_timeout=0.1, connect_timeout=0.1
    )


@pytest.mark.parametrize("path", ["/shard.warc.gz", "/body"])
def test_the_first_silence_of_a_site_names_shard_host_and_attempt_once(
    path: str, site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with pytest.raises((StorageError, TruncatedError)):
            read_object(f"{site}{path}?X-Amz-Signature=hunter2", options())
    host = re.escape(site.removeprefix("http://"))
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"{host} sent nothing for 0\.1 s: {site}{re.escape(path)} \(attempt 1 of 2\)", line)


def test_silence_of_s3_is_told_at_the_first_attempt(
    site: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TEST_AWS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageError):
        read_object("s3://shards/a.warc.gz", options(site))
    told = [line for line in capsys.readouterr().err.splitlines() if "sent nothing" in line]
    assert [line.partition(" sent nothing for ")[2] for line in told] == [
        f"0.1 s: {site}/shards/a.warc.gz (attempt 1 of 2)"
    ]


def test_the_wait_for_a_holder_that_may_have_died_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locks = [GuardedObject(str(tmp_path / name), options()) for name in ("a.lock", "b.lock", "c.lock")]
    waits = list[float]()
    assert set(silent(locks, waits.append)) == set(locks)
    assert (waits, capsys.readouterr().err) == ([], "")
    for lock in locks:
        write_object(lock.uri, b"held", options())
    silent(locks, waits.append)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"waiting up to {sum(waits):,.0f} s to see whether another process still holds {locks[0].uri}"
        " and 2 more"
    )
