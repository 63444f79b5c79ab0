"""What tests of evidence share: a release on a web server with records of every kind, and a bag of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.bags import FIVE, build, some_rows, unprinted
from tests.world.release import Release, release
from tests.world.servers import Server, web


@pytest.fixture(scope="session")
def release_server() -> Iterator[Server]:
    with web() as running:
        yield running


@pytest.fixture(scope="session")
def crawl(tmp_path_factory: pytest.TempPathFactory, release_server: Server) -> Release:
    """A release of five forms; tests do not change it."""
    return release(tmp_path_factory.mktemp("crawl"), release_server, FIVE)


@pytest.fixture(scope="session")
def sealed(crawl: Release) -> Path:
    """A bag of all its claims; tests change copies."""
    return build(crawl, "sealed", with_texts=True)[0]


@pytest.fixture(scope="session")
def six(crawl: Release) -> Path:
    """A bag of six claims, two of each dataset; tests change copies."""
    rows = str(some_rows(crawl, 6))
    return build(crawl, "six", rows=rows, confidences=(), with_texts=True, printed=True)[0]


@pytest.fixture(scope="session")
def told(crawl: Release) -> Path:
    """A bag of six claims whose README is text."""
    return build(crawl, "told", rows=str(some_rows(crawl, 6)), confidences=())[0]


@pytest.fixture
def small(six: Path, tmp_path: Path) -> Path:
    """A copy of the bag of six claims, to be changed."""
    return Path(shutil.copytree(six, tmp_path / "small"))


@pytest.fixture
def without_pages() -> Iterator[None]:
    """Bags of a test get PDFs without pages."""
    with unprinted():
        yield
