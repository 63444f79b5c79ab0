from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.storage.objects import StorageOptions
from tests.spark.press import Press, write_press
from tests.world.hub import Hub, hub

SHARDS, PAGES = 24, 60


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own: what campaigns read of lists is kept there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def press(tmp_path_factory: pytest.TempPathFactory) -> Press:
    return write_press(tmp_path_factory.mktemp("press") / "press", SHARDS, PAGES)


@pytest.fixture(scope="session")
def corpus(spark: SparkSession, press: Press, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus of the press."""
    out = tmp_path_factory.mktemp("corpus") / "corpus"
    build_corpus(spark, str(press.members), [str(press.articles)], str(out), CorpusConfig(), StorageOptions())
    return out


@pytest.fixture(scope="session")
def one_hub() -> Iterator[Hub]:
    """A hub at one address: workers have it in their environment, and each address costs new ones."""
    with hub() as running:
        yield running
