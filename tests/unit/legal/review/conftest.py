"""What tests of reviews share: a house with claims, and a page that is open."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from presswatch_spark.legal.review.desk import Desk
from tests.world.claims import House
from tests.world.reviews import desk_of, house_of, opened


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house_of(tmp_path_factory.mktemp("reviewed") / "house")


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    return desk_of(house, tmp_path / "reviews.jsonl")


@pytest.fixture
def browser(desk: Desk) -> TestClient:
    return opened(desk)
