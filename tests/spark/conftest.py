from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.scanning.runs.run_work import RunSummary
from tests.spark.fakes import Fake, run_fake
from tests.spark.press import Press, Scanned, Scanner, write_press
from tests.world.corpora import build
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
def corpus(press: Press, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus") / "corpus"
    build(out, [press.articles], members_file=press.members.read_text("utf-8"))
    return out


@pytest.fixture
def scan(spark: SparkSession, corpus: Path, tmp_path: Path) -> Scanner:
    """Scan with the corpus of the press, into folders of the test's own."""
    return Scanner(spark, corpus, tmp_path)


@pytest.fixture(scope="session")
def found(
    spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Scanned:
    """A scan of the whole press that nothing disturbed."""
    return Scanner(spark, corpus, tmp_path_factory.mktemp("found"))(press.shards)


@pytest.fixture
def fake(spark: SparkSession, tmp_path: Path) -> Fake:
    (tmp_path / "scans").mkdir()
    return Fake(spark, tmp_path / "out", tmp_path / "scans")


@pytest.fixture(scope="session")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    """A run over made-up shards without trouble."""
    return run_fake(spark, tmp_path_factory.mktemp("undisturbed") / "out")


@pytest.fixture(scope="session")
def one_hub() -> Iterator[Hub]:
    """A hub at one address: workers have it in their environment, and each address costs new ones."""
    with hub() as running:
        yield running
