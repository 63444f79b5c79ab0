"""`presswatch watch`: processes that watch at once, on disk and on S3, and what the command line says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.scanning.runs.unfinished import unfinished_runs
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.commands import presswatch
from tests.world.corpora import article, corpus_of
from tests.world.crawls import ARTICLES, write_crawl
from tests.world.prose import articles
from tests.world.servers import Server, web

SEED = 20260621
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


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    rows = [article(number, body=source.body) for number, source in enumerate(articles(ARTICLES, SEED))]
    return corpus_of(folder, rows)


@pytest.fixture
def site() -> Iterator[Server]:
    with web() as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")


def command(mirror: Path | str, corpus: Path, out: Path, *more: str, scan: tuple[str, ...] = ()) -> list[str]:
    where = ("--list", str(mirror), *(more or ("--only-newest",)))
    options = ("--format", "wet", "--base", str(mirror), "--corpus", str(corpus), "--out", str(out))
    return ["watch", *where, "--", *options, "--cores", "1", *scan]


def started(words: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "presswatch_spark", *words]
    return subprocess.Popen(
        program, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def runs(out: Path) -> list[tuple[str, int]]:
    rows = TableStore.open(str(out)).read("runs").to_pylist()
    return [(row["release"], row["shards_complete"]) for row in rows]


@pytest.mark.full
def test_two_processes_that_watch_at_once_publish_one_run(
    spark: SparkSession, mirror: Path, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tables"
    other = started(command(mirror, corpus, out))
    while not list(out.glob("_watch/*/campaign.lock")):
        assert other.poll() is None
        time.sleep(0.01)
    assert cli.run(command(mirror, corpus, out, "--only-newest", "--poll")) == 75
    text, complaints = other.communicate()
    assert other.returncode == 0, complaints
    assert f"{NEWEST}: scanned\n" in text
    assert runs(out) == [(NEWEST, 2)]
    assert cli.run(command(mirror, corpus, out)) == 0
    assert runs(out) == [(NEWEST, 2)]


def test_a_killed_watcher_is_followed_at_once_and_its_release_is_scanned_once(
    spark: SparkSession, mirror: Path, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tables"
    first = started(command(mirror, corpus, out))
    while not list(out.glob("_runs/*/run.json")):
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.communicate()
    assert not (out / "runs").exists() or not list((out / "runs").iterdir())
    assert presswatch(*command(mirror, corpus, out)).endswith(f"{NEWEST}: scanned\n")
    assert runs(out) == [(NEWEST, 2)]
    assert list(unfinished_runs(TableStore.open(str(out)))) == []


def test_a_release_that_was_scanned_by_hand_or_with_another_setting_is_known_for_what_it_is(
    spark: SparkSession, mirror: Path, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tables"
    given = ("--format", "wet", "--base", str(mirror), "--corpus", str(corpus), "--out", str(out))
    presswatch("scan", "--release", NEWEST, *given, "--cores", "1")
    assert f"{NEWEST}: scanned\n" in presswatch(*command(mirror, corpus, out, scan=("--wave-shards", "7")))
    assert runs(out) == [(NEWEST, 2)]
    presswatch(*command(mirror, corpus, out, scan=("--min-run-words", "12")))
    presswatch(*command(mirror, corpus, out, "--since", OLDER))
    assert runs(out) == [(NEWEST, 2), (NEWEST, 2), (OLDER, 2)]


def test_missing_shards_are_news_once_and_are_read_again_when_asked_for(
    spark: SparkSession, mirror: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, out = shutil.copytree(mirror, tmp_path / "mirror"), tmp_path / "tables"
    shard = next((own / f"crawl-data/{NEWEST}").rglob("*.wet.gz"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert cli.run(command(own, corpus, out)) == 3
    assert f"--again {NEWEST} reads them once more" in capsys.readouterr().out
    assert cli.run(command(own, corpus, out)) == 0
    assert runs(out) == [(NEWEST, 1)]
    shard.write_bytes(whole)
    assert cli.run(command(own, corpus, out, "--only-newest", "--again", NEWEST)) == 0
    assert runs(out) == [(NEWEST, 1), (NEWEST, 1)]


def test_on_s3_a_watch_leaves_tables_and_no_lock(
    spark: SparkSession, mirror: Path, corpus: Path, endpoint: str, bucket: str, client: Any
) -> None:
    out = Path(f"s3://{bucket}/tables")
    words = command(mirror, corpus, out, scan=("--endpoint", endpoint))
    words[words.index(str(out))] = f"s3://{bucket}/tables"
    assert cli.run(words) == 0
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert any(key.startswith("tables/runs/") for key in keys)
    assert not [key for key in keys if key.endswith(".lock")]


def test_a_release_without_its_list_is_not_published_yet(
    site: Server, mirror: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.objects["/collinfo.json"] = listed(*CRAWLS)
    out = tmp_path / "tables"
    assert cli.run(command(site.url, corpus, out)) == 0
    assert f"{NEWEST}: not published yet" in capsys.readouterr().out
    site.objects["/late.json"] = listed(*CRAWLS, days_ago=70)
    late = command(site.url, corpus, out)
    late[late.index("--list") + 1] += "/late.json"
    assert cli.run(late) == 1
    assert f"error: {NEWEST}: " in capsys.readouterr().err


def test_a_list_that_cannot_be_renewed_for_a_week_is_a_failure(
    site: Server, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came with this version is older than that: a release may have been missed."""
    assert cli.run(command(site.url, corpus, tmp_path / "tables")) == 1
    assert "a newer list could not be had" in capsys.readouterr().err


def test_a_dry_run_says_what_it_would_start(
    mirror: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tables"
    words = command(mirror, corpus, out, "--only-newest", "--dry-run")
    assert cli.run(words) == 0
    said = capsys.readouterr().out
    assert said == f"{NEWEST}: would be scanned: all its shards\n"
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "scan", "what"),
    [
        (("--once",), (), "give either --since"),
        (("--only-newest", "--since", OLDER), (), "give either --since"),
        (("--only-newest", "--once", "--every", "5"), (), "give either --once"),
        (("--only-newest", "--every", "5", "--again", NEWEST), (), "is for one look"),
        (("--only-newest",), ("--release", NEWEST), "names the releases"),
        (("--only-newest",), ("shard.gz",), "names the releases"),
        (("--only-newest",), ("--format", "c4"), "name what to scan"),
        (("--only-newest", "--news"), (), "CC-NEWS is published as WARC"),
        (("--only-newest",), ("--formatt", "wet"), "No such option"),
    ],
)
def test_misuse_is_said_before_anything_is_written(
    mirror: Path,
    corpus: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    scan: tuple[str, ...],
    what: str,
) -> None:
    assert cli.run(command(mirror, corpus, tmp_path / "tables", *more, scan=scan)) == 2
    assert what in capsys.readouterr().err
    assert not (tmp_path / "tables").exists()


def test_a_loop_goes_on_after_a_look_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    from presswatch_spark.cli.campaigning import repeated
    from presswatch_spark.core.errors import StorageError

    looks: list[Any] = [StorageError("the endpoint cannot be reached"), 0]
    pauses: list[float] = []

    def once() -> int:
        found = looks.pop(0)
        if isinstance(found, Exception):
            raise found
        return int(found)

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if not looks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repeated(once, 60, pause)
    assert pauses == [60, 60]
    assert "the endpoint cannot be reached" in capsys.readouterr().err
