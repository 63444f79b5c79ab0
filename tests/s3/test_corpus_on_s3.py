"""Corpora, censuses and campaigns on S3."""

import os
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import CorpusError, OutputError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import CACHE_VARIABLE, Corpus
from presswatch_spark.legal.notices import campaign as plans
from presswatch_spark.legal.notices.campaign import Register, plan_campaign
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.world.campaigns import PLANNED, bureaux
from tests.world.censuses import FAST, census_corpus, some_rows, take
from tests.world.commands import outcome
from tests.world.corpora import Inline, article, build, write_jsonl, write_members
from tests.world.index_files import write_file
from tests.world.places import Bucket
from tests.world.servers import FINE, Fault, web


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def articles(folder: Path) -> Path:
    return write_jsonl(folder / "a.jsonl", [article(n) for n in range(9)])


def build_there(s3: Bucket, folder: Path, articles: str, out: str) -> str:
    members, session = write_members(folder), cast(SparkSession, Inline())
    return build_corpus(session, str(members), [articles], out, CorpusConfig(), s3.storage).digest


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a corpus, and its digest."""
    folder = tmp_path_factory.mktemp("on_disk")
    return folder / "c", build(folder / "c", [articles(folder)]).digest


@pytest.fixture
def digest(s3: Bucket, cache: Path, on_disk: tuple[Path, str]) -> str:
    """The digest of that corpus, which is at `s3://shards/c`, too."""
    s3.upload(on_disk[0], "c")
    return on_disk[1]


def opened(s3: Bucket) -> Corpus:
    return Corpus.open(f"{s3.uri}/c", storage=s3.storage)


def test_a_corpus_is_the_one_on_disk_and_is_copied_once(
    s3: Bucket, cache: Path, on_disk: tuple[Path, str], tmp_path: Path
) -> None:
    folder, digest = on_disk
    assert build_there(s3, tmp_path, str(articles(tmp_path)), f"{s3.uri}/c") == digest
    assert {f"c/{path.name}" for path in folder.iterdir() if path.is_file()} <= {*s3.names("c/")}
    corpus = opened(s3)
    assert (len(corpus), corpus.article(3).article_id) == (9, "a00003")
    s3.delete("c/signatures.npy")
    assert len(opened(s3)) == 9
    # Articles are taken from there, too.
    s3.put("in/a.jsonl", articles(tmp_path).read_bytes())
    assert build_there(s3, tmp_path, f"{s3.uri}/in", str(tmp_path / "out")) == digest


def test_a_place_on_s3_that_is_not_empty_is_refused(s3: Bucket, tmp_path: Path) -> None:
    s3.put("out/thesis.txt", b"x")
    with pytest.raises(OutputError, match="the folder already exists"):
        build_there(s3, tmp_path, str(articles(tmp_path)), f"{s3.uri}/out")


def test_an_upload_without_its_manifest_is_no_corpus(s3: Bucket, cache: Path) -> None:
    s3.put("c/signatures.npy", b"x")
    with pytest.raises(CorpusError, match="there is no corpus here"):
        opened(s3)


def test_a_corpus_that_was_replaced_or_whose_copy_is_damaged_is_refused_and_taken_once_it_is_right(
    s3: Bucket, digest: str, cache: Path
) -> None:
    sound = s3.get("c/clusters.npy")
    s3.put("c/clusters.npy", bytes(len(sound)))
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"clusters\.npy: .* replaced or damaged"):
            Corpus.same(f"{s3.uri}/c", digest, s3.storage)
    s3.put("c/clusters.npy", sound)
    assert Corpus.same(f"{s3.uri}/c", digest, s3.storage).body(0)
    (cache / digest / "clusters.npy").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"clusters\.npy has 0 bytes"):
        opened(s3)


def test_a_corpus_that_the_disk_has_no_room_for_is_refused_before_anything_is_copied(
    s3: Bucket, digest: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 100))
    with pytest.raises(OutputError, match=r"0\.0 GB are free.*set PRESSWATCH_CACHE_DIR to a folder"):
        opened(s3)
    assert [path.name for path in cache.iterdir()] == [f".{digest}.lock"]


class TestPlaceOfTheCopy:
    def test_it_goes_to_the_users_cache_if_no_other_place_is_named(
        self, s3: Bucket, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(CACHE_VARIABLE)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        own = tmp_path / "xdg" / "presswatch-spark"
        assert opened(s3).folder == own / "corpora" / digest
        assert own.stat().st_mode & 0o077 == 0

    def test_without_a_home_it_goes_to_a_folder_of_this_user_alone(
        self, s3: Bucket, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.delenv(CACHE_VARIABLE)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        own = tmp_path / f"presswatch-spark-{os.getuid()}"
        assert opened(s3).folder == own / "corpora" / digest
        own.chmod(0o777)
        with pytest.raises(OutputError, match=r"only this user may write to .*set PRESSWATCH_CACHE_DIR"):
            opened(s3)

    def test_a_folder_that_others_may_write_to_is_refused(self, s3: Bucket, digest: str, cache: Path) -> None:
        cache.mkdir(exist_ok=True)
        cache.chmod(0o777)
        with pytest.raises(OutputError, match=r"cache: .*only this user may write to .*chmod go-w"):
            opened(s3)
        assert list(cache.iterdir()) == []

    def test_a_lock_that_is_a_link_is_not_followed(self, s3: Bucket, digest: str, cache: Path) -> None:
        cache.mkdir(0o700, exist_ok=True)
        (cache / f".{digest}.lock").symlink_to(cache / "victim")
        with pytest.raises(OutputError, match="cannot be written"):
            opened(s3)
        assert not (cache / "victim").exists()


# The census of an index on a web site: the same captures as from disk, by ranges that hold little else.


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
            taken, rows = take(corpus, ObjectInfo(f"{server.url}/{KEY}"))
            bounds = [map(int, ranged.removeprefix("bytes=").split("-")) for ranged in server.gets()]
        assert digests_of(rows) == digests
        assert (taken.log["status"], taken.log["bytes_expected"]) == ("complete", len(content))
        assert taken.log["bytes_read"] == sum(last + 1 - first for first, last in bounds) < len(content) / 2

    def test_a_server_that_stops_answering_is_named_as_the_cause(self, corpus: Path, file: Path) -> None:
        with web(objects={f"/{KEY}": file.read_bytes()}) as server:
            server.faults.extend([Fault()] * 2)
            server.always = Fault(status=500)
            taken, _ = take(corpus, ObjectInfo(f"{server.url}/{KEY}"), replace(FAST, max_attempts=2))
            assert taken.log["status"] in ("partial", "failed")
            assert "the server answered 500" in str(taken.log["error"])
            assert taken.log["failure"] == "storage"
            server.always = FINE
            missing, rows = take(corpus, ObjectInfo(f"{server.url}/none.parquet"))
        error = "there is no such object (check the address)"
        assert (missing.log["status"], missing.log["error"], rows) == ("failed", error, [])


@pytest.mark.full
def test_a_site_that_refuses_its_files_is_no_census_and_the_same_command_takes_it_later(
    spark: SparkSession, corpus: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0")
    out, content = str(tmp_path / "out"), file.read_bytes()
    objects = {f"/crawl=CC-MAIN-2026-34/subset=warc/part-{n}.parquet": content for n in range(7)}
    with web(objects=objects) as server:
        names = [f"{server.url}{path}" for path in objects]
        words = ["--release", *names, "--corpus", str(corpus), "--out", out]
        server.always = Fault(status=403)
        done = outcome("census", *words)
        denied = "part-0.parquet: access denied (403) (the site requires credentials, or fewer requests)"
        assert (done.code, denied in done.err, "captures of" in done.out) == (1, True, False)
        assert not (tmp_path / "out").exists()
        server.always = FINE
        assert outcome("census", *words).code == 0
    store = TableStore.open(out)
    (row,) = store.read("censuses").to_pylist()
    assert (row["shards_complete"], row["captures"]) == (7, len(store.read("captures")))
    assert row["captures"] > 0


# A campaign on S3: planned, killed, resumed, and carried out there; changes are noticed.


@pytest.mark.full
def test_a_campaign_on_s3_is_as_on_disk(s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, campaign = StorageOptions(endpoint=s3.endpoint), "s3://shards/campaign"
    notice, day, made = f"{campaign}/notices/syndicat-aws-fr", datetime.now(UTC).date(), list[str]()
    drafted = plans.draft_notice

    def killed(order: Any, out: str, *more: Any) -> Any:
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(out)
        return drafted(order, out, *more)

    with web() as server:
        office = bureaux(tmp_path, server)
        order = office.order(senders=[str(tmp_path / "syndicat.yaml")])
        with monkeypatch.context() as patch:
            patch.setattr(plans, "draft_notice", killed)
            with pytest.raises(KeyboardInterrupt):
                plan_campaign(order, campaign, storage)
        journal = plan_campaign(order, campaign, storage)
        assert len(journal.events) == len(journal.plan["notices"]) == 6
        receipt = tmp_path / "receipt.txt"
        receipt.write_text("receipt", "utf-8")
        for words in (
            ["sign", "--by", "Jeanne Valmont", "--on", PLANNED],
            ["check"],
            ["sent", "--on", PLANNED + timedelta(days=1), "--file", receipt],
        ):
            done = outcome("notice", *words, "--endpoint", s3.endpoint, notice)
            assert done.code == 0, done.err
        states = {each.id: each.found.state for each in Register.open(campaign, day, storage).notices}
        assert (states["syndicat-aws-fr"], len(states)) == ("sent", 6)
        s3.client.delete_object(Bucket="shards", Key="campaign/events/0009.json")
        with pytest.raises(OutputError, match=r"events/0009\.json"):
            Register.open(campaign, day, storage)
