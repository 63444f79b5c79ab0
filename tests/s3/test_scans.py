"""Scans and campaigns from disk, S3 and HTTPS: the same rows, whatever servers do wrong, and after a kill."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.campaigns_and_watches import repeated
from presswatch_spark.core.errors import InputError, StorageError
from presswatch_spark.core.settings.config import DatasetRules
from presswatch_spark.scanning.releases.datasets import shards_of
from presswatch_spark.scanning.runs.unfinished import unfinished_runs
from presswatch_spark.scanning.sampling import draw
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import plan
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome, presswatch
from tests.world.crawls import History, make_history, states, status, write_crawl
from tests.world.places import Bucket, https
from tests.world.processes import reaches, start
from tests.world.scanned import FORMS, SEED, some_pages
from tests.world.servers import FINE, Fault, Server, running, web

CRAWL, COUNT = "CC-MAIN-2025-33", 4
SEVEN = ("a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "c4-train.json.gz", "c4.parquet",
         "fr_part_1.txt.gz", "fr_part_5.jsonl.zst")  # fmt: skip
# Eight faults in a row on one object are given up on by default; here they are many, and chance decides. The
# pause doubles with each: any would soon be long.
PATIENT = {"PRESSWATCH_STORAGE__BACKOFF_BASE": "0", "PRESSWATCH_STORAGE__MAX_ATTEMPTS": "60"}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of all formats, each with copies."""
    folder = tmp_path_factory.mktemp("crawl")
    for number, name in enumerate(SEVEN):
        FORMS[name](folder / name, some_pages(60, SEED + number))
    return folder


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crawl, laid out like the real one."""
    root = tmp_path_factory.mktemp("mirror")
    write_crawl(root, CRAWL, COUNT, SEED)
    return root


def objects_of(folder: Path, pattern: str = "*.*") -> dict[str, bytes]:
    return {f"/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob(pattern)}


def scanned(out: Path, corpus: Path, *words: str) -> tuple[dict[str, Any], str]:
    """Run the command; its row of `runs`, and what it printed."""
    printed = presswatch("scan", *words, "--corpus", str(corpus), "--out", str(out), **PATIENT)
    return TableStore.open(str(out)).read("runs").to_pylist()[0], printed


def release_scanned(out: Path, corpus: Path, base: str, *more: str) -> tuple[dict[str, Any], str]:
    return scanned(out, corpus, "--release", CRAWL, "--format", "wet", "--base", base, *more)


@pytest.fixture(scope="module")
def from_disk(
    spark: SparkSession, shards: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return scanned(tmp_path_factory.mktemp("disk") / "tables", corpus, str(shards))[0]


@pytest.fixture(scope="module")
def release_from_disk(
    spark: SparkSession, mirror: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return release_scanned(tmp_path_factory.mktemp("disk") / "tables", corpus, str(mirror))[0]


def trouble(count: int) -> list[Fault]:
    """Faults of all kinds in a fixed disorder, with good replies between them."""
    cut = [Fault(cut_after=100), Fault(cut_after=3_000), Fault(cut_after=2_000, reset=True)]
    kinds = [Fault(status=503), Fault(status=503, retry_after="0"), *cut, Fault()]
    rng = random.Random(SEED)
    return [rng.choice(kinds) for _ in range(count)]


class TestShards:
    def test_a_faulty_s3_changes_nothing_but_the_log(
        self,
        shards: Path,
        corpus: Path,
        from_disk: dict[str, Any],
        s3: Bucket,
        faulty: Server,
        tmp_path: Path,
    ) -> None:
        assert from_disk["shards_complete"] == from_disk["shards_planned"] == 7
        assert from_disk["matches"] > 7 * 30
        place = s3.upload(shards, "crawl")
        faulty.faults.extend(trouble(24))
        row, _ = scanned(tmp_path / "tables", corpus, f"{place}/", "--endpoint", faulty.url)
        assert not faulty.faults, "every fault was met"
        assert row["table_digest"] == from_disk["table_digest"]

    @pytest.mark.full
    def test_a_scan_that_is_all_on_s3_and_killed_resumes_and_finds_what_one_on_disk_finds(
        self, shards: Path, corpus: Path, from_disk: dict[str, Any], s3: Bucket, tmp_path: Path
    ) -> None:
        words = ["scan", s3.upload(shards, "crawl"), "--corpus", s3.upload(corpus, "corpus")]
        words += ["--out", f"{s3.uri}/tables", "--wave-shards", "1", *s3.there]
        given = {"PRESSWATCH_RUN__LEASE_SECONDS": "2", "PRESSWATCH_CACHE_DIR": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "presswatch_spark", *words, "--cores", "2"]

        def waves() -> int:
            return sum("/waves/" in key for key in s3.names("tables/_runs/"))

        job = start(command, **given)
        while waves() < 2:
            assert job.poll() is None, job.communicate()
            time.sleep(0.02)
        job.send_signal(signal.SIGKILL)
        job.communicate()
        kept = waves()
        assert 2 <= kept < len(SEVEN)
        done = outcome("runs", f"{s3.uri}/tables", *s3.there)
        assert (done.code, f"with {kept} shards done, is not finished" in done.err) == (0, True)
        assert ", resumed: " in presswatch(*words, **given)
        store = s3.store("tables")
        (row,) = store.read("runs").to_pylist()
        names = ("table_digest", "matches", "documents", "shards_planned", "shards_complete", "config_digest")
        assert {name: row[name] for name in names} == {name: from_disk[name] for name in names}
        assert [name for name in store.root.entries() if name.startswith("_runs/")] == []


class TestReleases:
    def test_from_s3_it_gives_the_same(
        self, mirror: Path, corpus: Path, release_from_disk: dict[str, Any], s3: Bucket, tmp_path: Path
    ) -> None:
        facts = {"shards_planned": COUNT, "shards_complete": COUNT, "release": CRAWL, "sample": None}
        assert {name: release_from_disk[name] for name in facts} == facts
        assert json.loads(release_from_disk["config"])["read"]["release"] == CRAWL
        assert release_from_disk["matches"] > 0
        base = s3.upload(mirror, "mirror")
        row, _ = release_scanned(tmp_path / "tables", corpus, f"{base}/", *s3.there)
        assert (row["table_digest"], row["release"]) == (release_from_disk["table_digest"], CRAWL)

    def test_over_faulty_https_it_gives_the_same_and_a_sample_says_that_it_is_one(
        self, mirror: Path, corpus: Path, release_from_disk: dict[str, Any], tmp_path: Path
    ) -> None:
        with https(tmp_path, objects_of(mirror, "*.gz")) as server:
            server.faults.extend(trouble(16))
            row, printed = release_scanned(tmp_path / "all", corpus, server.url)
            assert not server.faults, "every fault was met"
            assert row["table_digest"] == release_from_disk["table_digest"]
            assert "sample" not in printed
            row, printed = release_scanned(tmp_path / "some", corpus, server.url, "--sample", "0.5")
        assert (row["sample"], row["shards_listed"], row["shards_planned"]) == (0.5, COUNT, COUNT // 2)
        assert "a sample: 2 of 4 shards; what was not found may be in the rest" in printed
        drawn = TableStore.open(str(tmp_path / "some")).read("scan_log")["shard_uri"].to_pylist()
        listed = plan([f"{mirror}/crawl-data/{CRAWL}/wet.paths.gz"], StorageOptions())
        sample = {shard.uri.rpartition("/")[2] for shard in draw(listed, 0.5, 0)[0]}
        assert {uri.rpartition("/")[2] for uri in drawn} == sample

    def test_a_bucket_without_it_is_named(self, s3: Bucket) -> None:
        said = rf"{s3.uri}/crawl-data/{CRAWL}/wet\.paths\.gz"
        with pytest.raises(StorageError, match=said) as raised:
            shards_of(CRAWL, "wet", s3.uri, DatasetRules(), s3.storage)
        assert "\n" not in str(raised.value)

    def test_a_site_that_denies_what_it_has_not_still_gives_near_names(self) -> None:
        lists = {f"/crawl-data/{name}/wet.paths.gz": b"" for name in (CRAWL, "CC-MAIN-2025-34")}
        with web(objects=lists) as server:
            server.always = Fault(status=403)
            with pytest.raises(InputError, match="did you mean CC-MAIN-2025-33"):
                shards_of("CC-MAIN-2025-34", "wet", server.url, DatasetRules(), StorageOptions())
            with pytest.raises(StorageError, match="access denied"):
                shards_of(CRAWL, "wet", server.url, DatasetRules(), StorageOptions())


@dataclass
class Storm(Server):
    """Answers so many requests, and to all others that it has too many: listings, heads and writes alike."""

    calm: int = 0

    def fault_for(self, method: str, path: str) -> Fault:
        return FINE if len(self.requests) <= self.calm else Fault(status=503, code="SlowDown")


@pytest.mark.full
class TestCampaigns:
    """With everything on S3: folder, corpora, tables, and crawls."""

    CAMPAIGN = "s3://shards/tables/history/campaign"

    @pytest.fixture
    def history(
        self, spark: SparkSession, s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> History:
        made = make_history(tmp_path / "made", 2, 2)
        s3.upload(made.mirror, "mirror")
        for name, value in {
            "PRESSWATCH_CACHE_DIR": str(tmp_path / "cache"),
            "PRESSWATCH_RUN__LEASE_SECONDS": "1",
            "PRESSWATCH_STORAGE__ENDPOINT": s3.endpoint,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }.items():
            monkeypatch.setenv(name, value)
        return made

    def test_one_that_is_throttled_anywhere_loses_nothing_and_reads_nothing_twice(
        self, s3: Bucket, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def reached_by(url: str) -> None:
            monkeypatch.setenv("PRESSWATCH_STORAGE__ENDPOINT", url)

        monkeypatch.setenv("PRESSWATCH_STORAGE__MAX_ATTEMPTS", "2")
        scope = ("--crawls", "wet", "--list", "s3://shards/mirror/collinfo.json", "--out", "s3://shards/rows")
        scans = ("--base", "s3://shards/mirror/", "--cores", "1", "--wave-shards", "1")
        presswatch("campaign", "open", self.CAMPAIGN, "--corpus", str(history.older), *scope, "--", *scans)
        codes, calm = list[int](), 1
        while not codes or codes[-1] != 0:
            # A client that was told to slow down remembers it; one for another address does not.
            with running(Storm(upstream=s3.endpoint, calm=calm)) as storm:
                reached_by(storm.url)
                codes.append(cli.run(["campaign", "run", self.CAMPAIGN]))
            reached_by(s3.endpoint)
            found = status(self.CAMPAIGN)
            # A request after the last item, such as that for the lock, may still fail.
            assert codes[-1] != 0 or all(row["state"] == "done" for row in found.values()), found
            calm += max(2, calm // 2)
        assert set(codes) <= {0, 1, 3}
        assert len(codes) > 5
        assert states(self.CAMPAIGN) == ["done"] * 2
        store = s3.store("rows")
        assert list(store.damage()) == []
        log = store.read("scan_log", columns=["shard_uri", "status"]).to_pylist()
        read = [row["shard_uri"] for row in log if row["status"] == "complete"]
        assert len(read) == len(set(read)) == 4
        crawls = [f"s3://shards/mirror/crawl-data/{crawl}/" for crawl in history.crawls]
        where = ("--format", "wet", "--corpus", str(history.older), "--out", "s3://shards/whole")
        presswatch("scan", *where, *crawls)
        assert self.rows_of(store) == self.rows_of(s3.store("whole"))

    def rows_of(self, store: TableStore) -> set[tuple[Any, ...]]:
        names = ("document_url", "article_id", "copied_words", "shard_uri")
        rows = store.read("matches", columns=list(names)).to_pylist()
        assert rows
        return {tuple(row[name] for name in names) for row in rows}


# `presswatch watch`: processes that watch at once, on disk and on S3, and what the command line says.


NEWEST, OLDER = CRAWLS = ("CC-MAIN-2026-21", "CC-MAIN-2026-17")


def crawl_list(*names: str, days_ago: int = 10) -> bytes:
    """A list of crawls, each 30 days older than the one before it."""
    ends = [datetime.now(UTC) - timedelta(days=days_ago + 30 * age) for age in range(len(names))]
    return json.dumps(
        [
            {"id": name, "from": (end - timedelta(days=14)).isoformat(), "to": end.isoformat()}
            for name, end in zip(names, ends, strict=True)
        ]
    ).encode()


@pytest.fixture(scope="module")
def two_crawls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("two_crawls")
    for crawl in CRAWLS:
        write_crawl(root, crawl, 2, SEED)
    (root / "collinfo.json").write_bytes(crawl_list(*CRAWLS))
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
        process = start([sys.executable, "-m", "presswatch_spark", *self.words()])
        assert reaches(process, Path(self.out), until, 1)
        return process

    def runs(self) -> list[tuple[str, int]]:
        rows = TableStore.open(self.out).read("runs").to_pylist()
        return [(row["release"], row["shards_complete"]) for row in rows]


@pytest.fixture
def watch(two_crawls: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")
    return Watch(str(two_crawls), str(two_crawls), corpus, str(tmp_path / "tables"))


@pytest.mark.full
def test_two_processes_that_watch_at_once_publish_one_run(spark: SparkSession, watch: Watch) -> None:
    other = watch.start(until="_watch/*/campaign.lock")
    assert outcome("", *watch.words("--only-newest", "--poll")).code == 75
    text, complaints = other.communicate()
    assert other.returncode == 0, complaints
    assert f"{NEWEST}: scanned\n" in text
    assert watch.runs() == [(NEWEST, 2)]
    presswatch(*watch.words())
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
    spark: SparkSession, watch: Watch, tmp_path: Path
) -> None:
    watch.base = watch.list = str(shutil.copytree(watch.base, tmp_path / "two_crawls"))
    shard = next((tmp_path / "two_crawls" / f"crawl-data/{NEWEST}").rglob("*.wet.gz"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    told = outcome("", *watch.words())
    assert (told.code, f"--again {NEWEST} reads them once more" in told.out) == (3, True)
    presswatch(*watch.words())
    assert watch.runs() == [(NEWEST, 1)]
    shard.write_bytes(whole)
    presswatch(*watch.words("--only-newest", "--again", NEWEST))
    assert watch.runs() == [(NEWEST, 1), (NEWEST, 1)]


def test_on_s3_a_watch_leaves_tables_and_no_lock(spark: SparkSession, watch: Watch, s3: Bucket) -> None:
    watch.out = f"{s3.uri}/tables"
    presswatch(*watch.words(scan=s3.there))
    assert s3.names("tables/runs/")
    assert not [key for key in s3.names() if key.endswith(".lock")]


def test_a_release_without_its_list_is_yet_to_come(watch: Watch) -> None:
    with web(objects={"/collinfo.json": crawl_list(*CRAWLS)}) as site:
        watch.base = watch.list = site.url
        assert f"{NEWEST}: not published yet" in presswatch(*watch.words())
        site.objects["/late.json"] = crawl_list(*CRAWLS, days_ago=70)
        watch.list = f"{site.url}/late.json"
        told = outcome("", *watch.words())
        assert (told.code, f"error: {NEWEST}: " in told.err) == (1, True)
        # The list that came with this version is older than a week: a release may have been missed.
        del site.objects["/late.json"]
        watch.list = f"{site.url}/none.json"
        told = outcome("", *watch.words())
        assert (told.code, "a newer list is not available" in told.err) == (1, True)


def test_a_dry_run_says_what_it_would_start(watch: Watch) -> None:
    told = presswatch(*watch.words("--only-newest", "--dry-run"))
    assert told == f"{NEWEST}: would be scanned: all its shards\n"
    assert not Path(watch.out).exists()
    with web(objects={"/collinfo.json": crawl_list(*CRAWLS)}) as site:
        watch.base = watch.list = site.url
        waiting = outcome("", *watch.words("--only-newest", "--dry-run"))
        assert (waiting.code, waiting.out) == (0, f"{NEWEST}: not published yet\n")
        site.objects["/late.json"] = crawl_list(*CRAWLS, days_ago=70)
        watch.list = f"{site.url}/late.json"
        overdue = outcome("", *watch.words("--only-newest", "--dry-run"))
        assert (overdue.code, f"{NEWEST}: could not be scanned" in overdue.err) == (1, True)


def test_misuse_is_said_before_anything_is_written(watch: Watch) -> None:
    for more, scan, what in (
        ("--once", "", "pass either --since"),
        (f"--only-newest --since {OLDER}", "", "pass either --since"),
        ("--only-newest --once --every 5", "", "pass either --once"),
        (f"--only-newest --every 5 --again {NEWEST}", "", "--again cannot be combined with --every"),
        ("--only-newest", f"--release {NEWEST}", "chooses the releases"),
        ("--only-newest", "shard.gz", "chooses the releases"),
        ("--only-newest", "--format c4", "choose what to scan"),
        ("--only-newest --news", "", "CC-NEWS is published as WARC"),
        ("--only-newest", "--formatt wet", "No such option"),
    ):
        told = outcome("", *watch.words(*more.split(), scan=tuple(scan.split())))
        assert (told.code, what in told.err) == (2, True), (more, scan)
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
