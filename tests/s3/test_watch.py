"""`presswatch watch`: processes that watch at once, on disk and on S3, and what the command line says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.errors import OutputError
from presswatch_spark.storage.objects import StorageOptions, write_object
from presswatch_spark.tables.store import TableStore
from tests.commands import presswatch
from tests.conftest import ROOT
from tests.corpora import article, build, write_jsonl
from tests.mirrors import ARTICLES, write_crawl
from tests.prose import articles
from tests.servers import Server, web
from tests.watching import NEWEST, OLDER, Clock, Cluster, look, release

SEED = 20260621
CRAWLS = (NEWEST, OLDER)


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
    build(folder / "corpus", [write_jsonl(folder / "articles.jsonl", rows)])
    return folder / "corpus"


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
    while not out.exists() and other.poll() is None:
        time.sleep(0.01)
    said = [presswatch(*command(mirror, corpus, out))]
    text, complaints = other.communicate()
    assert other.returncode == 0, complaints
    assert runs(out) == [(NEWEST, 2)]
    assert sum(f"{NEWEST}: scanned\n" in each for each in (text, *said)) == 1
    assert cli.run(command(mirror, corpus, out)) == 0
    assert runs(out) == [(NEWEST, 2)]


def test_a_killed_watcher_is_followed_and_its_release_is_scanned_once(
    spark: SparkSession, mirror: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tables"
    first = started(command(mirror, corpus, out))
    while not list(out.glob("_watch/*.json")):
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.communicate()
    again = command(mirror, corpus, out, "--only-newest", "--poll")
    assert cli.run(again) == 75
    assert "claimed" in (said := capsys.readouterr().out) or "under way" in said
    assert not (out / "runs").exists()
    presswatch(*again[:1], "--takeover", "0.0001", *again[1:])
    assert runs(out) == [(NEWEST, 2)]


def test_a_release_without_its_list_is_not_ready(
    site: Server, mirror: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.objects["/collinfo.json"] = listed(*CRAWLS)
    out = tmp_path / "tables"
    assert cli.run(command(site.url, corpus, out)) == 0
    assert f"{NEWEST}: not ready: " in capsys.readouterr().out
    assert not out.exists()
    site.objects["/late.json"] = listed(*CRAWLS, days_ago=70)
    late = command(site.url, corpus, out)
    late[late.index("--list") + 1] += "/late.json"
    assert cli.run(late) == 1
    assert f"{NEWEST}: not ready: " in capsys.readouterr().err


def test_a_list_that_cannot_be_renewed_for_a_week_is_a_failure(
    site: Server, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came with this version is older than that: a release may have been missed."""
    assert cli.run(command(site.url, corpus, tmp_path / "tables")) == 1
    assert "error: a newer list could not be had" in capsys.readouterr().err


def test_a_dry_run_says_what_it_would_start(
    mirror: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tables"
    words = command(mirror, corpus, out, "--only-newest", "--dry-run", scan=("--sample", "0.5"))
    assert cli.run(words) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        f"{NEWEST}: would be started, local: presswatch scan --release {NEWEST} --format wet"
    )
    assert said.strip().endswith("--sample 0.5")
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "scan", "what"),
    [
        (("--once",), (), "give either --since"),
        (("--only-newest", "--since", OLDER), (), "give either --since"),
        (("--only-newest", "--once", "--every", "5"), (), "give either --once"),
        (("--only-newest", "--every", "5", "--again", NEWEST), (), "are for one look"),
        (("--only-newest", "--dry-run", "--drop", NEWEST), (), "--drop writes"),
        (("--only-newest",), ("--release", NEWEST), "names the releases"),
        (("--only-newest",), ("shard.gz",), "names the releases"),
        (("--only-newest",), ("--format", "c4"), "name what to scan"),
        (("--only-newest", "--news"), (), "CC-NEWS is published as WARC"),
        (("--only-newest",), ("--formatt", "wet"), "No such option"),
    ],
)
def test_misuse_is_said_before_anything_is_claimed(
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


def test_settings_and_samples_make_another_scan_and_what_changes_no_row_does_not(
    mirror: Path, corpus: Path, tmp_path: Path
) -> None:
    names = []
    for scan in ((), ("--wave-shards", "7"), ("--sample", "0.5"), ("--min-run-words", "12")):
        assert (
            cli.run(command(mirror, corpus, tmp_path / "t", "--only-newest", "--drop", NEWEST, scan=scan))
            == 0
        )
        names.append({path.name for path in (tmp_path / "t" / "_watch").iterdir()})
    assert [len(each) for each in names] == [1, 1, 2, 3]


def test_on_s3_of_watchers_at_the_same_moment_one_starts_it(endpoint: str, bucket: str) -> None:
    out, storage = f"s3://{bucket}/tables", StorageOptions(endpoint=endpoint)
    cluster, clock, together = Cluster(), Clock(), Barrier(8)

    def watcher(number: int) -> None:
        mine = look(out, cluster, clock, storage, holder=f"watcher {number}")
        together.wait()
        list(mine([release()]))

    for round_ in range(3):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(watcher, range(8)))
        assert cluster.asked == [NEWEST], round_
    cluster.codes[NEWEST] = 0
    assert [each.said for each in look(out, cluster, clock, storage)([release()])] == ["scanned"]


def test_on_s3_a_dead_watcher_is_followed_by_one_under_the_same_token(endpoint: str, bucket: str) -> None:
    out, storage = f"s3://{bucket}/tables", StorageOptions(endpoint=endpoint)
    cluster, clock, together = Cluster(dies_after=True), Clock(), Barrier(6)
    with pytest.raises(KeyboardInterrupt):
        list(look(out, cluster, clock, storage)([release()]))
    cluster.dies_after = False
    clock.later(timedelta(hours=1))

    def watcher(number: int) -> None:
        mine = look(out, cluster, clock, storage, holder=f"watcher {number}")
        together.wait()
        list(mine([release()]))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(watcher, range(6)))
    assert cluster.asked == [NEWEST, NEWEST]
    assert len(cluster.runs) == 1


@pytest.mark.parametrize("place", ["disk", "s3"])
def test_tables_are_made_beside_a_claim_and_beside_nothing_else_of_others(
    place: str, endpoint: str, bucket: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "tables") if place == "disk" else f"s3://{bucket}/tables"
    storage = StorageOptions(endpoint=endpoint)
    list(look(out, Cluster(), Clock(), storage)([release()]))
    assert TableStore.create(out, storage).published() == []
    other = f"{out}-2"
    write_object(f"{other}/_watched.json", b"", storage)
    with pytest.raises(OutputError, match="not ours"):
        TableStore.create(other, storage)


def test_a_loop_goes_on_after_a_look_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    from presswatch_spark.cli.commands.watch import repeated
    from presswatch_spark.errors import StorageError

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
