"""What tests of removal share: a web server, a release on it, and a case whose targets were read once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.legal.removal.case import RemovalCase
from tests.world.release import Release, probe, release
from tests.world.servers import Server, web


@pytest.fixture
def server() -> Iterator[Server]:
    with web() as running:
        yield running


@pytest.fixture
def crawl(tmp_path: Path, server: Server) -> Release:
    return release(tmp_path, server)


@pytest.fixture
def case(crawl: Release) -> RemovalCase:
    """A case whose targets were read once."""
    opened = crawl.open()
    probe(opened, crawl)
    return opened
