"""`presswatch watch`: processes that watch at once, on disk and on S3, and what the command line says."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.campaigning import repeated
from presswatch_spark.core.errors import StorageError
from presswatch_spark.scanning.runs.unfinished import unfinished_runs
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.commands import presswatch
from tests.world.crawls import write_crawl
from tests.world.places import Bucket
from tests.world.scanned import SEED
from tests.world.servers import web

NEWEST, OLDER = CRAWLS = ("CC-MAIN-2026-21", "CC-MAIN-2026-17")


def listed(*names: str, days_ago: int = 10) -> bytes:
    """A list of crawls, each 30 days older than the one before it."""
    ends = [datetime.now(UTC) - timedelta(days=days_ago + 30 * age) for age in range(len(names))]
    return json.dumps(
        [
            {"id": name, "from": (end - timedelta(days=14)).isoformat(), "to": end.isoformat()}
            for name, end in zip(names, ends, strict=True)
        ]
    ).encode()


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mirror")
    for crawl in CRAWLS:
        write_crawl(root, crawl, 2, SEED)
    (root / "collinfo.json").write_bytes(listed(*CRAWLS))
    return root


@dataclass
class Watch:
    """A watch of releases at `base`, with a list of them, whose tables are at `out`."""

    base: str
    list: str
    corpus: Path
    out: str

    def words(self, *more: str, scan: tuple[str, ...] = ()) -> list[str]:
        where = ("--list", self.list, *(more or ("--only-newest",)))
        options = ("--format", "wet", "--base", self.base, "--corpus", str(self.corpus), "--out", self.out)
        return ["watch", *where, "--", *options, "--cores", "1", *scan]

    def start(self, until: str) -> subprocess.Popen[str]:
        """Watch in another process, which has written a file of that name by now."""
        program, pipe = [sys.executable, "-m", "presswatch_spark", *self.words()], subprocess.PIPE
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(program, env=environment, text=True, stdout=pipe, stderr=pipe)
        while not list(Path(self.out).glob(until)):
            assert process.poll() is None
            time.sleep(0.01)
        return process

    def runs(self) -> list[tuple[str, int]]:
        rows = TableStore.open(self.out).read("runs").to_pylist()
        return [(row["release"], row["shards_complete"]) for row in rows]


@pytest.fixture
def watch(mirror: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")
    return Watch(str(mirror), str(mirror), corpus, str(tmp_path / "tables"))


@pytest.mark.full
def test_two_processes_that_watch_at_once_publish_one_run(spark: SparkSession, watch: Watch) -> None:
    other = watch.start(until="_watch/*/campaign.lock")
    assert cli.run(watch.words("--only-newest", "--poll")) == 75
    text, complaints = other.communicate()
    assert other.returncode == 0, complaints
    assert f"{NEWEST}: scanned\n" in text
    assert watch.runs() == [(NEWEST, 2)]
    assert cli.run(watch.words()) == 0
    assert watch.runs() == [(NEWEST, 2)]


def test_a_killed_watcher_is_followed_at_once_by_one_scan(spark: SparkSession, watch: Watch) -> None:
    first = watch.start(until="_runs/*/run.json")
    first.kill()
    first.communicate()
    assert not list(Path(watch.out).glob("runs/*"))
    assert presswatch(*watch.words()).endswith(f"{NEWEST}: scanned\n")
    assert watch.runs() == [(NEWEST, 2)]
    assert list(unfinished_runs(TableStore.open(watch.out))) == []


def test_a_release_that_was_scanned_by_hand_or_with_another_setting_is_known_for_what_it_is(
    spark: SparkSession, watch: Watch
) -> None:
    words = watch.words()
    presswatch("scan", "--release", NEWEST, *words[words.index("--") + 1 :])
    assert f"{NEWEST}: scanned\n" in presswatch(*watch.words(scan=("--wave-shards", "7")))
    assert watch.runs() == [(NEWEST, 2)]
    presswatch(*watch.words(scan=("--min-run-words", "12")))
    presswatch(*watch.words("--since", OLDER))
    assert watch.runs() == [(NEWEST, 2), (NEWEST, 2), (OLDER, 2)]


def test_missing_shards_are_news_once_and_are_read_again_when_asked_for(
    spark: SparkSession, watch: Watch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch.base = watch.list = str(shutil.copytree(watch.base, tmp_path / "mirror"))
    shard = next((tmp_path / "mirror" / f"crawl-data/{NEWEST}").rglob("*.wet.gz"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert cli.run(watch.words()) == 3
    assert f"--again {NEWEST} reads them once more" in capsys.readouterr().out
    assert cli.run(watch.words()) == 0
    assert watch.runs() == [(NEWEST, 1)]
    shard.write_bytes(whole)
    assert cli.run(watch.words("--only-newest", "--again", NEWEST)) == 0
    assert watch.runs() == [(NEWEST, 1), (NEWEST, 1)]


def test_on_s3_a_watch_leaves_tables_and_no_lock(spark: SparkSession, watch: Watch, s3: Bucket) -> None:
    watch.out = f"{s3.uri}/tables"
    assert cli.run(watch.words(scan=s3.there)) == 0
    assert s3.names("tables/runs/")
    assert not [key for key in s3.names() if key.endswith(".lock")]


def test_a_release_without_its_list_is_yet_to_come(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    with web(objects={"/collinfo.json": listed(*CRAWLS)}) as site:
        watch.base = watch.list = site.url
        assert cli.run(watch.words()) == 0
        assert f"{NEWEST}: not published yet" in capsys.readouterr().out
        site.objects["/late.json"] = listed(*CRAWLS, days_ago=70)
        watch.list = f"{site.url}/late.json"
        assert cli.run(watch.words()) == 1
        assert f"error: {NEWEST}: " in capsys.readouterr().err
        # The list that came with this version is older than a week: a release may have been missed.
        del site.objects["/late.json"]
        watch.list = f"{site.url}/none.json"
        assert cli.run(watch.words()) == 1
        assert "a newer list is not available" in capsys.readouterr().err


def test_a_dry_run_says_what_it_would_start(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(watch.words("--only-newest", "--dry-run")) == 0
    assert capsys.readouterr().out == f"{NEWEST}: would be scanned: all its shards\n"
    assert not Path(watch.out).exists()


@pytest.mark.parametrize(
    ("more", "scan", "what"),
    [
        ("--once", "", "pass either --since"),
        (f"--only-newest --since {OLDER}", "", "pass either --since"),
        ("--only-newest --once --every 5", "", "pass either --once"),
        (f"--only-newest --every 5 --again {NEWEST}", "", "--again cannot be combined with --every"),
        ("--only-newest", f"--release {NEWEST}", "chooses the releases"),
        ("--only-newest", "shard.gz", "chooses the releases"),
        ("--only-newest", "--format c4", "choose what to scan"),
        ("--only-newest --news", "", "CC-NEWS is published as WARC"),
        ("--only-newest", "--formatt wet", "No such option"),
    ],
)
def test_misuse_is_said_before_anything_is_written(
    watch: Watch, capsys: pytest.CaptureFixture[str], more: str, scan: str, what: str
) -> None:
    assert cli.run(watch.words(*more.split(), scan=tuple(scan.split()))) == 2
    assert what in capsys.readouterr().err
    assert not Path(watch.out).exists()


def test_a_loop_continues_after_a_look_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    looks, pauses = [StorageError("the endpoint cannot be reached"), 0], list[float]()

    def once() -> int:
        found = looks.pop(0)
        if isinstance(found, StorageError):
            raise found
        return found

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if not looks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repeated(once, 60, pause)
    assert pauses == [60, 60]
    assert "the endpoint cannot be reached" in capsys.readouterr().err
