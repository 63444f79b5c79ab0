"""The census of an index on a web site: the same captures as from disk, by ranges that hold little else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.store import TableStore
from tests.world.censuses import FAST, census_corpus, some_rows, take
from tests.world.index_files import write_file
from tests.world.servers import FINE, Fault, web

KEY = "cc-index/crawl=CC-MAIN-2026-34/subset=warc/part-00000.parquet"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return census_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index file that is larger than what is read of its end at once, by rows nobody asks for."""
    path = tmp_path_factory.mktemp("index") / "crawl=CC-MAIN-2026-34" / "subset=warc" / "part-00000.parquet"
    other = [
        row | {"url_surtkey": f"zz,{row['url_surtkey']}", "url": f"https://x.zz/{number}/{row['url']}"}
        for number in range(40)
        for row in some_rows(number)
    ]
    write_file(path, [*some_rows(), *other], 200)
    return path


@pytest.fixture(scope="module")
def digests(corpus: Path, file: Path) -> list[str]:
    """Those of the rows from disk."""
    found = digests_of(take(corpus, file)[1])
    assert found
    return found


def digests_of(rows: list[dict[str, Any]]) -> list[str]:
    return [row["row_sha256"] for row in rows]


class TestOneFile:
    def test_only_what_is_needed_is_asked_for(self, corpus: Path, file: Path, digests: list[str]) -> None:
        content = file.read_bytes()
        with web(objects={f"/{KEY}": content}) as server:
            outcome, rows = take(corpus, ObjectInfo(f"{server.url}/{KEY}"))
            bounds = [map(int, ranged.removeprefix("bytes=").split("-")) for ranged in server.gets()]
        assert digests_of(rows) == digests
        assert (outcome.log["status"], outcome.log["bytes_expected"]) == ("complete", len(content))
        assert outcome.log["bytes_read"] == sum(last + 1 - first for first, last in bounds) < len(content) / 2

    def test_a_server_that_stops_answering_is_named_as_the_cause(self, corpus: Path, file: Path) -> None:
        with web(objects={f"/{KEY}": file.read_bytes()}) as server:
            server.faults.extend([Fault()] * 2)
            server.always = Fault(status=500)
            outcome, _ = take(corpus, ObjectInfo(f"{server.url}/{KEY}"), replace(FAST, max_attempts=2))
        assert outcome.log["status"] in ("partial", "failed")
        assert "the server answered 500" in str(outcome.log["error"])
        assert outcome.log["failure"] == "storage"

    def test_a_missing_file_has_failed(self, corpus: Path) -> None:
        with web() as server:
            outcome, rows = take(corpus, ObjectInfo(f"{server.url}/{KEY}"))
        error = "there is no such object (check the address)"
        assert (outcome.log["status"], outcome.log["error"], rows) == ("failed", error, [])


@pytest.mark.full
def test_a_site_that_refuses_its_files_is_no_census_and_the_same_command_takes_it_later(
    spark: SparkSession,
    corpus: Path,
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0")
    out, content = str(tmp_path / "out"), file.read_bytes()
    objects = {f"/crawl=CC-MAIN-2026-34/subset=warc/part-{n}.parquet": content for n in range(7)}
    with web(objects=objects) as server:
        names = [f"{server.url}{path}" for path in objects]
        words = ["census", "--release", *names, "--corpus", str(corpus), "--out", out]
        server.always = Fault(status=403)
        assert cli.run(words) == 1
        said = capsys.readouterr()
        assert (
            "part-0.parquet: access denied (403) (the site requires credentials, or fewer requests)"
            in said.err
        )
        assert "captures of" not in said.out
        assert not (tmp_path / "out").exists()
        server.always = FINE
        assert cli.run(words) == 0
    store = TableStore.open(out)
    (row,) = store.read("censuses").to_pylist()
    assert (row["shards_complete"], row["captures"]) == (7, len(store.read("captures")))
    assert row["captures"] > 0
