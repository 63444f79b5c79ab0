"""Rights signals from shards on disk to the answer of `presswatch rights`, through Spark."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli.demo.shards import write_wet
from presswatch_spark.tables.store import TableStore
from tests.world.commands import presswatch
from tests.world.corpora import article, corpus_of
from tests.world.rights import SITE, Answer, write_warc
from tests.world.shards import SmallPage

PLAIN, HTML = [("Content-Type", "text/plain")], [("Content-Type", "text/html; charset=utf-8")]
ROBOTS = f"{SITE}/robots.txt"
PAGE = f"<p>{article(1)['body']}".encode()


@pytest.fixture(scope="module")
def scanned(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables of `pages` (WARC), `text` (WET) and `robots` (robots.txt after them)."""
    home = tmp_path_factory.mktemp("rights")
    corpus_of(home, [article(1), article(2)])
    forbids, lets_in = b"User-agent: CCBot\nDisallow: /une/\n", b"User-agent: CCBot\nDisallow: /admin/\n"
    noai = [*HTML, ("X-Robots-Tag", "noai")]
    write_warc(
        home / "pages.warc.gz",
        Answer(ROBOTS, forbids, PLAIN, at="2024-05-18T11:00:00Z"),
        Answer(f"{SITE}/une/1", PAGE, HTML),
        Answer(f"{SITE}/une/2", f"<p>{article(2)['body']}".encode(), noai),
    )
    write_warc(home / "robots.warc.gz", Answer(ROBOTS, lets_in, PLAIN, at="2024-05-18T13:00:00Z"))
    write_wet(home / "text.warc.wet.gz", [SmallPage(f"{SITE}/une/1", str(article(1)["body"]))])
    for name, shard in (
        ("pages", "pages.warc.gz"),
        ("text", "text.warc.wet.gz"),
        ("robots", "robots.warc.gz"),
    ):
        presswatch("scan", "--corpus", home / "corpus", "--out", home / name, home / shard)
    return home


def statuses(*words: object) -> dict[tuple[str, str], str]:
    """Statuses by page and agent, of the rows that name an article."""
    rows = map(json.loads, presswatch("rights", *words, "--json").splitlines())
    return {(row["document_url"][-1], row["agent"]): row["status"] for row in rows if row["article_id"]}


def test_signals_of_one_scan_tell_what_was_in_force(scanned: Path) -> None:
    found = statuses(scanned / "pages")
    assert found["1", "CCBot"] == "before"
    assert found["1", "*"] == "none"
    assert found["2", "CCBot"] == found["2", "*"] == "both"


def test_signals_of_a_later_scan_of_robots_txt_count_when_they_are_named(scanned: Path) -> None:
    found = statuses(scanned / "pages", "--signals", scanned / "robots")
    assert found["1", "CCBot"] == "conflicting"


def test_the_log_and_the_run_count_signals_and_wet_has_none(scanned: Path) -> None:
    pages, text = (TableStore.open(str(scanned / name)) for name in ("pages", "text"))
    assert pages.read("scan_log")["signals"].to_pylist() == pages.read("runs")["signals"].to_pylist() == [5]
    assert text.read("runs")["signals"].to_pylist() == [0]
    assert len(pages.read("rights_signals")) == 5
    assert not (scanned / "text" / "rights_signals").exists()


def test_the_same_scan_gives_the_same_digest_of_signals(scanned: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    presswatch("scan", "--corpus", scanned / "corpus", "--out", again, scanned / "pages.warc.gz")
    runs = (TableStore.open(str(folder)).read("runs") for folder in (scanned / "pages", again))
    first, second = (run["signals_digest"].to_pylist() for run in runs)
    assert first == second != [None]
