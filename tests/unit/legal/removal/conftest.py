"""What tests of removal share: a web server, a release on it, and a case whose targets were read once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.legal.removal.case import RemovalCase
from tests.world.release import Release, read_once, release
from tests.world.servers import Server, web


@pytest.fixture(scope="session")
def one_server() -> Iterator[Server]:
    with web() as running:
        yield running


@pytest.fixture
def server(one_server: Server) -> Server:
    """The server of all tests, as it was when it started."""
    one_server.reset()
    return one_server


@pytest.fixture
def crawl(tmp_path: Path, server: Server) -> Release:
    return release(tmp_path, server)


@pytest.fixture
def case(crawl: Release) -> RemovalCase:
    """A case of the release, whose targets were read once."""
    return read_once(crawl)
