"""The census of an index on S3 and HTTPS: the same captures as from disk, by ranges that hold little else."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.scanning.censuses.run import CensusSummary, census
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.store import TableStore
from tests.world.censuses import FAST, census_corpus, some_rows, take
from tests.world.index_files import row_of, write_file
from tests.world.places import Bucket
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
        assert "7 of 7 files of the index could not be read, 5 may be" in said.err
        assert "the site is asked nothing more: access denied (403)" in said.err
        assert "captures of" not in said.out
        store = TableStore.open(out)
        assert (store.published("censuses"), len(store.files("captures"))) == ([], 0)
        server.always = FINE
        assert cli.run(words) == 0
    (row,) = store.read("censuses").to_pylist()
    assert (row["shards_complete"], row["captures"]) == (7, len(store.read("captures")))
    assert row["captures"] > 0


@pytest.mark.full
class TestTablesOnS3:
    """A census whose tables, and all that it leaves on the way, are on S3."""

    @pytest.fixture
    def taken(self, spark: SparkSession, corpus: Path, file: Path, tmp_path: Path, s3: Bucket) -> Any:
        """Take a census of three files, of which the last has nothing of the members."""
        folder = tmp_path / "index" / "crawl=CC-MAIN-2026-34" / "subset=warc"
        folder.mkdir(parents=True)
        for number in range(2):
            (folder / f"part-{number}.parquet").write_bytes(file.read_bytes())
        write_file(folder / "part-2.parquet", [row_of(random.Random(1), "example.org", "warc")], 1)
        storage, rules = replace(FAST, endpoint=s3.endpoint), RunRules(wave_shards=1)

        def take_into(out: str) -> CensusSummary:
            config = ScanConfig(storage=storage, run=rules)
            return census(
                [str(folder.parent.parent)], corpus=str(corpus), out=out, config=config, spark=spark
            )

        return take_into

    def test_it_has_the_rows_and_digest_of_one_on_disk_and_reading_commands_read_it(
        self,
        taken: Any,
        tmp_path: Path,
        s3: Bucket,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        here = taken(str(tmp_path / "out"))
        # Spark sorts the captures, and writes several files.
        monkeypatch.setattr("presswatch_spark.scanning.runs.publish.SORTED_HERE_BYTES", 0)
        monkeypatch.setattr("presswatch_spark.scanning.runs.publish.FILE_BYTES", 10_000)
        there = taken(f"{s3.uri}/tables")
        names = ("table_digest", "captures", "rows", "bytes_read", "release", "shards_complete")
        assert [there.row[name] for name in names] == [here.row[name] for name in names]
        store = s3.store("tables")
        on_disk = TableStore.open(str(tmp_path / "out")).read("captures").drop_columns("run_id")
        assert store.read("captures").drop_columns("run_id").equals(on_disk)
        assert len(store.files("captures")) > 1
        assert len(store.read("census_log")) == 3
        assert [key for key in s3.names() if "/parts/" in key or "/tables-" in key] == []
        query = "select count(*) as counted from captures where url_match = 'article'"
        assert cli.run(["sql", f"{s3.uri}/tables", query, *s3.there]) == 0
        articles = pc.sum(pc.equal(store.read("captures")["url_match"], "article")).as_py()
        assert f"\n{articles}" in capsys.readouterr().out.replace(" ", "")
