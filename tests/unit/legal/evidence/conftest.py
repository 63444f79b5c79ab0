"""A release on a web server with records of every kind, and bags of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.bags import FIVE, build, unprinted
from tests.world.release import Release, release
from tests.world.servers import web


@pytest.fixture(scope="session")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A release of five forms; tests do not change it."""
    with web() as server:
        yield release(tmp_path_factory.mktemp("crawl"), server, FIVE)


@pytest.fixture(scope="session")
def sealed(crawl: Release) -> Path:
    """A bag of all its claims; tests change copies."""
    return build(crawl, "sealed", with_texts=True)[0]


@pytest.fixture(scope="session")
def six(crawl: Release) -> Path:
    """A bag of six claims, two of each dataset; tests change copies."""
    return build(crawl, "six", some=6, with_texts=True, printed=True)[0]


@pytest.fixture(scope="session")
def told(crawl: Release) -> Path:
    """A bag of six claims whose README is text."""
    return build(crawl, "told", some=6)[0]


@pytest.fixture
def small(six: Path, tmp_path: Path) -> Path:
    """A copy of the bag of six claims, to be changed."""
    return Path(shutil.copytree(six, tmp_path / "small"))


@pytest.fixture
def without_pages() -> Iterator[None]:
    """Bags of a test get PDFs without pages."""
    with unprinted():
        yield
