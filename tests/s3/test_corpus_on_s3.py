"""Corpora on S3: built there with the manifest last, opened through one copy on this host."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import cast

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import CorpusError, OutputError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import CACHE_VARIABLE, Corpus
from tests.world.corpora import Inline, article, build, write_jsonl, write_members
from tests.world.places import Bucket


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def articles(folder: Path) -> Path:
    return write_jsonl(folder / "a.jsonl", [article(n) for n in range(9)])


def build_there(s3: Bucket, folder: Path, articles: str, out: str) -> str:
    members, session = write_members(folder), cast(SparkSession, Inline())
    return build_corpus(session, str(members), [articles], out, CorpusConfig(), s3.storage).digest


@pytest.fixture
def digest(s3: Bucket, cache: Path, tmp_path: Path) -> str:
    """The digest of a corpus at `s3://shards/c`."""
    return build_there(s3, tmp_path, str(articles(tmp_path)), f"{s3.uri}/c")


def opened(s3: Bucket) -> Corpus:
    return Corpus.open(f"{s3.uri}/c", storage=s3.storage)


def test_a_corpus_is_the_one_on_disk_and_is_copied_once(s3: Bucket, digest: str, tmp_path: Path) -> None:
    assert build(tmp_path / "local", [articles(tmp_path)]).digest == digest
    corpus = opened(s3)
    assert (len(corpus), corpus.article(3).article_id) == (9, "a00003")
    s3.delete("c/signatures.npy")
    assert len(opened(s3)) == 9


def test_articles_are_taken_from_s3(s3: Bucket, digest: str, tmp_path: Path) -> None:
    s3.put("in/a.jsonl", articles(tmp_path).read_bytes())
    assert build_there(s3, tmp_path, f"{s3.uri}/in", str(tmp_path / "out")) == digest


def test_a_place_on_s3_that_is_not_empty_is_refused(s3: Bucket, tmp_path: Path) -> None:
    s3.put("out/thesis.txt", b"x")
    with pytest.raises(OutputError, match="is not empty"):
        build_there(s3, tmp_path, str(articles(tmp_path)), f"{s3.uri}/out")


def test_an_upload_without_its_manifest_is_no_corpus(s3: Bucket, cache: Path) -> None:
    s3.put("c/signatures.npy", b"x")
    with pytest.raises(CorpusError, match="there is no corpus here"):
        opened(s3)


def test_a_damaged_copy_on_this_host_is_refused(s3: Bucket, digest: str, cache: Path) -> None:
    opened(s3)
    (cache / digest / "clusters.npy").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"clusters\.npy has 0 bytes"):
        opened(s3)


def test_a_corpus_that_was_replaced_is_not_copied_and_is_once_it_is_right(s3: Bucket, digest: str) -> None:
    sound = s3.get("c/clusters.npy")
    s3.put("c/clusters.npy", bytes(len(sound)))
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"clusters\.npy: .* replaced or damaged"):
            Corpus.same(f"{s3.uri}/c", digest, s3.storage)
    s3.put("c/clusters.npy", sound)
    assert Corpus.same(f"{s3.uri}/c", digest, s3.storage).body(0)


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
