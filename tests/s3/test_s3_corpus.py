"""Corpora on S3: built there with the manifest last, opened through one copy on this host."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import CorpusError, OutputError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import CACHE_VARIABLE, Corpus
from presswatch_spark.storage.objects import StorageOptions
from tests.world.corpora import Inline, article, build, write_jsonl, write_members


@pytest.fixture
def options(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorageOptions:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return StorageOptions(endpoint=endpoint)


def build_there(folder: Path, articles: str, out: str, options: StorageOptions) -> str:
    members = write_members(folder)
    session = cast(SparkSession, Inline())
    return build_corpus(session, str(members), [articles], out, CorpusConfig(), options).digest


def test_a_corpus_on_s3_is_the_one_on_disk_and_is_copied_once(
    client: Any, bucket: str, options: StorageOptions, tmp_path: Path
) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [article(n) for n in range(9)])
    digest = build(tmp_path / "local", [source]).digest
    assert build_there(tmp_path, str(source), f"s3://{bucket}/corpora/one", options) == digest
    keys = [found["Key"] for found in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert "corpora/one/manifest.json" in keys
    corpus = Corpus.open(f"s3://{bucket}/corpora/one", storage=options)
    assert (len(corpus), corpus.article(3).article_id) == (9, "a00003")
    client.delete_object(Bucket=bucket, Key="corpora/one/signatures.npy")
    assert len(Corpus.open(f"s3://{bucket}/corpora/one", storage=options)) == 9


def test_articles_are_taken_from_s3(
    client: Any, bucket: str, options: StorageOptions, tmp_path: Path
) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [article(n) for n in range(9)])
    client.upload_file(str(source), bucket, "in/a.jsonl")
    digest = build_there(tmp_path, f"s3://{bucket}/in", str(tmp_path / "out"), options)
    assert digest == build(tmp_path / "local", [source]).digest


def test_a_place_on_s3_that_is_not_empty_is_refused(
    client: Any, bucket: str, options: StorageOptions, tmp_path: Path
) -> None:
    client.put_object(Bucket=bucket, Key="out/thesis.txt", Body=b"x")
    source = write_jsonl(tmp_path / "a.jsonl", [article(1)])
    with pytest.raises(OutputError, match="is not empty"):
        build_there(tmp_path, str(source), f"s3://{bucket}/out", options)


def test_an_upload_without_its_manifest_is_no_corpus(
    client: Any, bucket: str, options: StorageOptions
) -> None:
    client.put_object(Bucket=bucket, Key="half/signatures.npy", Body=b"x")
    with pytest.raises(CorpusError, match="there is no corpus here"):
        Corpus.open(f"s3://{bucket}/half", storage=options)


def test_a_damaged_copy_on_this_host_is_refused(bucket: str, options: StorageOptions, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [article(1)])
    digest = build_there(tmp_path, str(source), f"s3://{bucket}/c", options)
    Corpus.open(f"s3://{bucket}/c", storage=options)
    (tmp_path / "cache" / digest / "clusters.npy").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"clusters\.npy has 0 bytes"):
        Corpus.open(f"s3://{bucket}/c", storage=options)


def test_a_corpus_that_was_replaced_is_not_copied_and_is_once_it_is_right(
    client: Any, bucket: str, there: tuple[str, str], options: StorageOptions
) -> None:
    key = "c/clusters.npy"
    sound = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    client.put_object(Bucket=bucket, Key=key, Body=bytes(len(sound)))
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"clusters\.npy: .* replaced or damaged"):
            Corpus.same(*there, options)
    client.put_object(Bucket=bucket, Key=key, Body=sound)
    assert Corpus.same(*there, options).body(0)


def test_a_corpus_that_the_disk_has_no_room_for_is_refused_before_anything_is_copied(
    there: tuple[str, str], options: StorageOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 100))
    with pytest.raises(OutputError, match=r"0\.0 GB are free.*larger disk by PRESSWATCH_CACHE_DIR"):
        Corpus.open(there[0], storage=options)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f".{there[1]}.lock"]


@pytest.fixture
def there(bucket: str, options: StorageOptions, tmp_path: Path) -> tuple[str, str]:
    """A corpus on S3: its URI and its digest."""
    source = write_jsonl(tmp_path / "a.jsonl", [article(1)])
    return f"s3://{bucket}/c", build_there(tmp_path, str(source), f"s3://{bucket}/c", options)


def test_the_copy_goes_to_the_users_cache_if_no_other_place_is_named(
    there: tuple[str, str], options: StorageOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Corpus.open(there[0], storage=options).folder == tmp_path.joinpath(
        "xdg", "presswatch-spark", "corpora", there[1]
    )
    assert (tmp_path / "xdg" / "presswatch-spark").stat().st_mode & 0o077 == 0


def test_without_a_home_the_copy_goes_to_a_folder_of_this_user_alone(
    there: tuple[str, str], options: StorageOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = tmp_path / f"presswatch-spark-{os.getuid()}"
    assert Corpus.open(there[0], storage=options).folder == own / "corpora" / there[1]
    own.chmod(0o777)
    with pytest.raises(OutputError, match=r"nobody else may write to .*set PRESSWATCH_CACHE_DIR"):
        Corpus.open(there[0], storage=options)


def test_a_named_folder_that_others_may_write_to_is_refused(
    there: tuple[str, str], options: StorageOptions, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    with pytest.raises(OutputError, match=r"cache: .*nobody else may write to .*chmod go-w"):
        Corpus.open(there[0], storage=options)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_lock_that_is_a_link_is_not_followed(
    there: tuple[str, str], options: StorageOptions, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir(0o700)
    (tmp_path / "cache" / f".{there[1]}.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="cannot be written"):
        Corpus.open(there[0], storage=options)
    assert not (tmp_path / "victim").exists()
