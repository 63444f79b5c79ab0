"""The notebook of charts draws what the tables say."""

import runpy
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from presswatch_spark.tables.declarations import ShardLog
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.documents import text_of
from tests.world.tables import match, publish, row_of, write

NOTEBOOK = ROOT / "docs" / "how-to" / "charts.py"
CHARTS = ("trend", "hosts", "titles", "share", "age")
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.slow


def copy(number: int, host: str, letter: str = "A", **values: Any) -> dict[str, Any]:
    standard = {
        "confidence": letter, "document_host": host, "dataset": "warc", "release": "CC-MAIN-2024-51",
        "text_sha256": str(number), "row_sha256": f"{number:064}", "shard_uri": "s1", "url_match": "none",
        "article_published_at": NOON, "captured_at": NOON + timedelta(days=40, hours=1), "document_words": 30,
    }  # fmt: skip
    return match(f"a{number}", f"https://{host}/{number}", **(standard | values))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the notebook has after it ran on eight rows of two runs."""
    tables = tmp_path_factory.mktemp("charts")
    rows = [copy(n, "a.example") for n in range(3)]
    rows += [copy(3, "b.example", "C"), copy(4, "b.example", "D", captured_at=None)]
    rows += [copy(5, "own.example", own_site=True, url_match="title", title_id="u")]
    rows += [copy(6, "", own_site=None, document_host=None)]
    again = copy(0, "a.example", release="CC-MAIN-2025-05", captured_at=NOON + timedelta(days=400))
    runs = (("r1", "s1", rows, 1000), ("r2", "s2", [again | {"shard_uri": "s2"}], 500))
    for run_id, shard, found, words in runs:
        publish(tables, run_id, found, corpus_digest="one")
        facts = {"format": "warc", "release": found[0]["release"], "status": "complete", "words": words}
        log = row_of(ShardLog, run_id=run_id, shard_uri=shard, **facts)
        write(TableStore.open(str(tables)), "scan_log", run_id, [log], ShardLog.schema)
    app = runpy.run_path(str(NOTEBOOK))["app"]
    outputs, names = app.run(defs={"folder": str(tables)})
    return {**names, "outputs": outputs}


def data(drawn: dict[str, Any], name: str) -> pd.DataFrame:
    (rows,) = drawn[name].to_dict()["datasets"].values()
    return pd.DataFrame(rows)


@pytest.mark.full
def test_every_chart_is_shown(drawn: dict[str, Any]) -> None:
    shown = [output for output in drawn["outputs"] if "vega" in str(getattr(output, "text", "")).lower()]
    assert len(shown) == len(CHARTS)
    for name in CHARTS:
        said = drawn[name].to_dict()
        assert said["title"]
        # Each channel that is drawn is a column of the data.
        fields = {channel.get("field") for channel in said["encoding"].values()} - {None}
        assert fields <= set(data(drawn, name).columns), name


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        # Pages elsewhere by release and letter.
        ("trend", {
            ("CC-MAIN-2024-51", "A", 3), ("CC-MAIN-2024-51", "C", 1), ("CC-MAIN-2024-51", "D", 1),
            ("CC-MAIN-2025-05", "A", 1),
        }),
        # Hosts elsewhere: one of the three addresses of the first is in both releases.
        ("hosts", {("a.example", "A", 4), ("b.example", "C", 1), ("b.example", "D", 1)}),
        # A place that nobody knows is not drawn as elsewhere.
        ("titles", {("t", "elsewhere", 6), ("t", "not known", 1), ("u", "own site", 1)}),
        # Of the words of each release, without the letter D: four pages of 20 of a thousand, one of 500.
        ("share", {("warc CC-MAIN-2024-51", "t", 8.0), ("warc CC-MAIN-2025-05", "t", 4.0)}),
    ],
)  # fmt: skip
def test_a_chart_draws_what_the_tables_count(
    drawn: dict[str, Any], chart: str, expected: set[tuple[Any, ...]]
) -> None:
    assert {tuple(row) for row in data(drawn, chart).itertuples(index=False)} == expected


def test_age_has_a_row_for_each_address_and_article(drawn: dict[str, Any]) -> None:
    # The address that both runs found counts once, with its first capture; one has no day.
    assert Counter(data(drawn, "age")["days"]) == {40: 4}


def test_the_notebook_says_what_to_do_where_there_are_no_tables(tmp_path: Path) -> None:
    app = runpy.run_path(str(NOTEBOOK))["app"]
    outputs, names = app.run(defs={"folder": str(tmp_path)})
    assert "trend" not in names
    assert any("make demo" in output.text for output in outputs if hasattr(output, "text"))


def test_the_guide_of_queries_names_the_notebook() -> None:
    assert "(charts.py)" in text_of("how-to/queries")
