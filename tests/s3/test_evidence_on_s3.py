"""A bag of tables and shards on S3, made on S3, verified and disclosed there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core.errors import OutputError
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import bag_on_disk
from presswatch_spark.storage import disk
from presswatch_spark.storage.drafts import LEASE, new_folder
from presswatch_spark.storage.objects import StorageOptions
from tests.s3.uploads import upload
from tests.world.bags import build, lines, unprinted
from tests.world.release import Release, release
from tests.world.servers import Server

FORMS = ("a.warc.wet.gz", "c4-train.json.gz")


@pytest.fixture
def crawl(tmp_path: Path, client: Any, bucket: str) -> Release:
    """A release whose shards, tables and corpus are on S3, too."""
    found = release(tmp_path, Server(), FORMS)
    for folder, known_as in (
        (found.shards, "crawl"),
        (found.tables, "tables"),
        (found.corpus, "corpus"),
    ):
        upload(client, bucket, folder, known_as)
    return found


def built_there(crawl: Release, bucket: str, endpoint: str) -> tuple[str, list[str]]:
    """A bag on S3: its address, and the words of the command that made it."""
    out = f"s3://{bucket}/bags/one"
    command = words(crawl, bucket, endpoint, out)
    with unprinted():
        assert cli.run(command) == 0
    return out, command


def words(crawl: Release, bucket: str, endpoint: str, out: str) -> list[str]:
    place = f"s3://{bucket}"
    mirror = f"{crawl.shards}={place}/crawl"
    choice = [word for letter in "ABCD" for word in ("--confidence", letter)]
    where = ["--corpus", f"{place}/corpus", "--mirror", mirror, "--endpoint", endpoint]
    return ["evidence", "build", *choice, *where, "--out", out, f"{place}/tables"]


def test_a_bag_on_s3_holds_what_one_on_disk_holds(
    crawl: Release, client: Any, bucket: str, endpoint: str, capsys: Any
) -> None:
    out, command = built_there(crawl, bucket, endpoint)
    said = capsys.readouterr().out
    on_disk, built = build(crawl, "disk", mirrored=False)
    assert f"claims root: {built.seal['claims_root']}" in said
    assert cli.run(["evidence", "verify", "--endpoint", endpoint, out]) == 0
    with bag_on_disk(out, StorageOptions(endpoint=endpoint)) as folder:
        assert [line["record"] for line in lines(folder)] == [line["record"] for line in lines(on_disk)]
        told = [json.loads(line) for line in (folder / "data/http/exchanges.jsonl").read_bytes().splitlines()]
    ranged = [each for each in told if "Range" in dict(each["request_headers"])]
    assert ranged
    assert all(
        each["status"] == 206 and "etag" in {name.lower() for name, _ in each["headers"]} for each in ranged
    )
    assert not any("signature" in json.dumps(each).lower() for each in told)
    assert cli.run(command) == 1


@pytest.mark.full
def test_a_bag_on_s3_is_disclosed_challenged_and_looked_through_there(
    crawl: Release, client: Any, bucket: str, endpoint: str, capsys: Any
) -> None:
    out, _ = built_there(crawl, bucket, endpoint)
    with bag_on_disk(out, StorageOptions(endpoint=endpoint)) as folder:
        row = lines(folder)[0]["row"]["row_sha256"]
    part = ["evidence", "disclose", "--row", row, "--out", f"s3://{bucket}/parts/one", "--endpoint", endpoint]
    assert cli.run([*part, out]) == 0
    assert cli.run(["evidence", "verify", "--endpoint", endpoint, f"s3://{bucket}/parts/one"]) == 0
    drawn = ["evidence", "challenge", "--seed", "trois mots dits", "--sample", "9", "--endpoint", endpoint]
    assert cli.run([*drawn, "--corpus", str(crawl.corpus), out]) == 0
    changed = client.get_object(Bucket=bucket, Key=f"bags/one/{alone.SEAL}")["Body"].read()
    client.put_object(
        Bucket=bucket, Key=f"bags/one/{alone.SEAL}", Body=changed.replace(b'"claims"', b'"Claims"')
    )
    capsys.readouterr()
    assert cli.run(["evidence", "verify", "--endpoint", endpoint, out]) == 1
    assert f"REFUSED {alone.SEAL}" in capsys.readouterr().err


def test_an_upload_that_fails_leaves_no_bag(
    crawl: Release, client: Any, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    real, put = disk.put_file, list[str]()

    def failing(path: str, uri: str, options: StorageOptions) -> None:
        put.append(uri)
        if len(put) > 7:
            raise OSError(5, "the line is down")
        real(path, uri, options)

    monkeypatch.setattr("presswatch_spark.storage.drafts.put_file", failing)
    with unprinted():
        assert cli.run(words(crawl, bucket, endpoint, f"s3://{bucket}/bags/two")) == 1
    assert not any(uri.endswith("bagit.txt") for uri in put)
    assert "Contents" not in client.list_objects_v2(Bucket=bucket, Prefix="bags/two/")


def test_a_folder_whose_writer_was_killed_is_written_again(
    client: Any, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presswatch_spark.storage.drafts.LEASE_SECONDS", 1.0)
    storage, out = StorageOptions(endpoint=endpoint), f"s3://{bucket}/bags/killed"

    def keys() -> list[str]:
        listed = client.list_objects_v2(Bucket=bucket, Prefix="bags/killed/").get("Contents", ())
        return [each["Key"].removeprefix("bags/killed/") for each in listed]

    client.put_object(Bucket=bucket, Key="bags/killed/data/half.bin", Body=b"half")
    with pytest.raises(OutputError, match="there is something already"), new_folder(out, storage, "last.txt"):
        pytest.fail("files that may be another's")
    client.put_object(Bucket=bucket, Key=f"bags/killed/{LEASE}", Body=b'{"lease_seconds": 0.1}')
    with new_folder(out, storage, "last.txt") as draft:
        assert keys() == [LEASE]
        (draft / "last.txt").write_text("whole")
        with pytest.raises(OutputError, match="another process"), new_folder(out, storage, "last.txt"):
            pytest.fail("both write")
    assert keys() == ["last.txt"]
