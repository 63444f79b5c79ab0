"""A case for tests of notices; those that only read it share one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.notices import Bureau, bureau
from tests.world.release import release
from tests.world.servers import web


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Bureau]:
    """A case of one's own: claims, files and server may be changed."""
    with web() as server:
        yield bureau(release(tmp_path, server))


@pytest.fixture(scope="session")
def shared_case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with web() as server:
        yield bureau(release(tmp_path_factory.mktemp("office"), server))


@pytest.fixture
def shared(shared_case: Bureau) -> Iterator[Bureau]:
    """A case that all tests share; they may change the sender's files, which are written again."""
    yield shared_case
    shared_case.members()
    shared_case.sender()
