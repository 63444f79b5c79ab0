"""Objects are read over the real S3 protocol, through its faults."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import ConfigError, InputError, StorageError, TruncatedError
from presswatch_spark.storage.disk import fetch_file, put_file
from presswatch_spark.storage.host_limits import HostLimits
from presswatch_spark.storage.objects import (
    MissingError,
    NoBucketError,
    ObjectInfo,
    StorageOptions,
    list_objects,
    open_stream,
    random_access,
    read_range,
    stat,
)
from presswatch_spark.storage.shards import plan
from presswatch_spark.storage.uris import host_of
from tests.world.servers import Fault, Server

DATA = random.Random(7).randbytes(3_000_000)
URI = "s3://shards/crawl-data/part é+1.gz"


@pytest.fixture
def options(faulty: Server) -> StorageOptions:
    return StorageOptions(endpoint=faulty.url, max_attempts=4, backoff_base=0.0001, read_timeout=5)


@pytest.fixture
def shard(client: Any, bucket: str, options: StorageOptions) -> ObjectInfo:
    client.put_object(Bucket=bucket, Key=URI.removeprefix("s3://shards/"), Body=DATA)
    return stat(URI, options)


def read_all(info: ObjectInfo, options: StorageOptions, start: int = 0) -> bytes:
    with open_stream(info, options, start=start) as stream:
        return stream.read_to_end()


class TestReading:
    def test_an_object_is_described_and_read_from_any_byte(
        self, shard: ObjectInfo, options: StorageOptions
    ) -> None:
        assert (shard.uri, shard.size, len(shard.etag or "")) == (URI, len(DATA), 32)
        for start in (0, 1, 1_048_576, len(DATA) - 1, len(DATA)):
            assert read_all(shard, options, start) == DATA[start:]

    def test_ranges_are_short_only_where_the_object_ends(
        self, client: Any, shard: ObjectInfo, options: StorageOptions
    ) -> None:
        client.put_object(Bucket="shards", Key="empty", Body=b"")
        assert read_range(URI, 1_000_000, 50, options) == DATA[1_000_000:1_000_050]
        assert read_range(URI, len(DATA) - 5, 50, options) == DATA[-5:]
        assert read_range(URI, len(DATA), 50, options) == b""
        assert read_range("s3://shards/empty", 0, 50, options) == b""
        assert read_all(stat("s3://shards/empty", options), options) == b""

    @pytest.mark.parametrize(
        "faults",
        [
            [Fault(status=503)],
            [Fault(cut_after=0)],
            [Fault(cut_after=1000), Fault(cut_after=1_048_576)],
            [Fault(cut_after=1_500_000, reset=True)],
            [Fault(length_off=-1_000_000)],
            [Fault(length_off=1_000_000)],
            [Fault(pieces=50)],
        ],
        ids=repr,
    )
    def test_faults_change_nothing_in_the_bytes(
        self, shard: ObjectInfo, options: StorageOptions, faulty: Server, faults: list[Fault]
    ) -> None:
        faulty.faults.extend(faults)
        assert read_all(shard, options) == DATA
        assert not faulty.faults

    def test_a_broken_body_goes_on_where_it_stopped(
        self, shard: ObjectInfo, options: StorageOptions, faulty: Server
    ) -> None:
        faulty.faults.append(Fault(cut_after=1000))
        read_all(shard, options)
        assert faulty.gets() == ["", "bytes=1000-"]

    def test_endless_early_ends_are_an_error_with_a_place(
        self, shard: ObjectInfo, options: StorageOptions, faulty: Server
    ) -> None:
        faulty.always = Fault(cut_after=100)
        with pytest.raises(TruncatedError) as caught:
            read_all(shard, options)
        assert caught.value.where == f"{URI} @ 400"

    def test_an_object_that_changes_in_the_middle_is_an_error(
        self, client: Any, shard: ObjectInfo, options: StorageOptions, faulty: Server
    ) -> None:
        faulty.faults.append(Fault(cut_after=1_048_576))
        with open_stream(shard, options) as stream:
            assert stream.read(1_048_576) == DATA[:1_048_576]
            client.put_object(Bucket="shards", Key=URI.removeprefix("s3://shards/"), Body=bytes(len(DATA)))
            with pytest.raises(StorageError, match="@ 1048576: the object changed"):
                stream.read_to_end()

    def test_parquet_is_read_by_few_ranges_of_one_version(
        self, client: Any, bucket: str, options: StorageOptions, faulty: Server
    ) -> None:
        table = pa.table({"text": [f"row {i}" for i in range(1000)]})
        sink = io.BytesIO()
        pq.write_table(table, sink)
        client.put_object(Bucket=bucket, Key="rows.parquet", Body=sink.getvalue())
        info = stat("s3://shards/rows.parquet", options)
        faulty.faults.append(Fault(cut_after=10))
        with random_access(info, options) as file:
            assert pq.ParquetFile(file).read() == table
        assert len(faulty.gets()) <= 3
        client.put_object(Bucket=bucket, Key="rows.parquet", Body=sink.getvalue() + b" ")
        with random_access(info, options) as file, pytest.raises(StorageError, match="changed"):
            file.read(1)


class TestLimits:
    def test_a_transfer_that_drips_is_broken_off_with_the_reason(
        self, shard: ObjectInfo, options: StorageOptions, faulty: Server
    ) -> None:
        slow = replace(options, max_attempts=2, lowest_rate=1_000_000, rate_seconds=0.05)
        faulty.faults.append(Fault(drips=True))
        assert read_all(shard, slow) == DATA
        faulty.always = Fault(drips=True)
        with pytest.raises(TruncatedError, match="the transfer is slower than 1,000,000 bytes a second"):
            read_all(shard, slow)

    def test_requests_keep_the_pace_that_is_asked(
        self, shard: ObjectInfo, options: StorageOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paced: list[str] = []
        monkeypatch.setattr(HostLimits, "keep_pace", lambda self, options: paced.append(self.name))
        read_range(URI, 0, 10, replace(options, requests_per_second=1000.0))
        assert paced == [host_of(options.endpoint or "")]


class TestCopies:
    def test_a_file_goes_to_s3_and_comes_back(
        self, bucket: str, options: StorageOptions, faulty: Server, tmp_path: Path
    ) -> None:
        (tmp_path / "x").write_bytes(DATA * 4)
        put_file(str(tmp_path / "x"), "s3://shards/corpus/x", options)
        faulty.faults.append(Fault(cut_after=1000))
        fetch_file("s3://shards/corpus/x", str(tmp_path / "host" / "x"), options)
        assert (tmp_path / "host" / "x").read_bytes() == DATA * 4


class TestPlans:
    @pytest.fixture
    def keys(self, client: Any, bucket: str) -> list[str]:
        keys = ["data/1.gz", "data/a/2.gz", "data/a/3.gz", "data-old/1.gz"]
        for key in [*keys, "data/", "data/_SUCCESS", "data/a/.x.crc", "data/README", "data/b_$folder$"]:
            client.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith(("/", "$")) else b"12")
        return keys

    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("s3://shards/data", [0, 1, 2]),
            ("s3://shards/data/", [0, 1, 2]),
            ("s3a://shards", [3, 0, 1, 2]),
            ("s3://shards/data/1.gz", [0]),
            ("s3://shards/data/*.gz", [0]),
            ("s3://shards/data/**/*.gz", [0, 1, 2]),
            ("s3://shards/da*", [3, 0, 1, 2]),
            ("s3://shards/data/a/[!2].g?", [2]),
            ("s3://shards/*/a", [1, 2]),
        ],
    )
    def test_objects_prefixes_and_globs_stand_for_shards(
        self, keys: list[str], options: StorageOptions, path: str, found: list[int]
    ) -> None:
        shards = plan([path], options)
        assert [shard.uri for shard in shards] == [f"s3://shards/{keys[i]}" for i in found]
        assert all(shard.size == 2 and shard.etag for shard in shards)

    def test_tables_of_a_scan_below_a_prefix_are_never_shards(
        self, client: Any, bucket: str, options: StorageOptions
    ) -> None:
        for key in ("data/a.wet.gz", "data/out/_presswatch.json", "data/out/matches/part-0.parquet"):
            client.put_object(Bucket=bucket, Key=key, Body=b"x")
        for path in ("s3://shards/data", "s3://shards/data/**", "s3://shards/**/*.*"):
            shards = plan([path], options)
            assert [shard.uri for shard in shards] == ["s3://shards/data/a.wet.gz"]
            assert "s3://shards/data/out" in shards.left_out
        with pytest.raises(InputError, match="written by presswatch"):
            plan(["s3://shards/data/out"], options)

    def test_a_long_listing_is_read_to_its_end(
        self, client: Any, bucket: str, options: StorageOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")
        for i in range(45):
            client.put_object(Bucket=bucket, Key=f"many/{i:04}", Body=b"")
        assert len(client.list_objects_v2(Bucket=bucket)["Contents"]) == 20
        assert len(list(list_objects("s3://shards/many", options))) == 45

    def test_a_list_in_a_bucket_names_keys_of_the_bucket(
        self, client: Any, bucket: str, options: StorageOptions
    ) -> None:
        client.put_object(Bucket=bucket, Key="crawl-data/x/wet.paths", Body=b"crawl-data/x/1.gz\n")
        assert plan(["s3://shards/crawl-data/x/wet.paths"], options).shards == (
            ObjectInfo("s3://shards/crawl-data/x/1.gz"),
        )

    @pytest.mark.parametrize(
        ("path", "what"),
        [
            ("s3://shards/nope", "no such object, and nothing under it"),
            ("s3://shards/nope/*.gz", "nothing under it"),
            ("s3://shards/data/*.zip", "glob matches no shards"),
            ("s3://no-such-bucket/x", "no such bucket"),
        ],
    )
    def test_what_leads_nowhere_says_what(
        self, keys: list[str], options: StorageOptions, path: str, what: str
    ) -> None:
        with pytest.raises(InputError, match=what):
            plan([path], options)


class TestAccess:
    def test_missing_objects_and_buckets_are_named(self, bucket: str, options: StorageOptions) -> None:
        with pytest.raises(MissingError, match="no such object"):
            open_stream(ObjectInfo("s3://shards/nope"), options)
        with pytest.raises(NoBucketError, match="no such bucket"):
            open_stream(ObjectInfo("s3://no-such-bucket/nope"), options)

    def test_public_objects_are_read_without_credentials_and_private_ones_are_denied(
        self, client: Any, shard: ObjectInfo, faulty: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        options = StorageOptions(endpoint=faulty.url, unsigned=True)
        with pytest.raises(StorageError, match="access denied"):
            read_range(URI, 0, 10, options)
        client.put_object_acl(Bucket="shards", Key=URI.removeprefix("s3://shards/"), ACL="public-read")
        assert read_range(URI, 0, 10, options) == DATA[:10]

    def test_without_credentials_the_message_says_what_to_give(
        self, faulty: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        with pytest.raises(
            StorageError, match=r"no credentials were found, or not all .*--profile.*--unsigned"
        ):
            stat(URI, StorageOptions(endpoint=faulty.url))

    def test_an_unknown_profile_is_named(self) -> None:
        with pytest.raises(StorageError, match="there is no such AWS profile"):
            stat(URI, StorageOptions(profile="nobody"))

    @pytest.mark.parametrize(
        "command",
        [
            "false",
            "/no/such/command",
            "sh -c 'echo hunter2 >&2; exit 3'",
            "echo hunter2",
            "echo []",
            "echo {}",
            """echo '{"Version":1,"AccessKeyId":"a","SecretAccessKey":"hunter2","Expiration":"soon"}'""",
            "printf '\\377'",
            "'open quote",
        ],
    )
    def test_a_credential_process_that_fails_is_named_and_not_quoted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        (tmp_path / "config").write_text(f"[profile p]\ncredential_process = {command}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        with pytest.raises(
            StorageError, match=r"could not be fetched .*credential_process by hand"
        ) as caught:
            stat(URI, StorageOptions(profile="p"))
        assert "hunter2" not in str(caught.value)

    def test_unreadable_configuration_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "config").write_text("no section here")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        with pytest.raises(StorageError, match="configuration files cannot be read"):
            stat(URI, StorageOptions(region="eu-west-3"))

    @pytest.mark.parametrize(
        ("unsigned", "uri", "remedy"),
        [
            (False, URI, "--profile"),
            (True, URI, "--unsigned is for public buckets only"),
            (True, "s3://commoncrawl/x", "site https://"),
        ],
    )
    def test_denied_access_says_what_to_try(
        self, faulty: Server, unsigned: bool, uri: str, remedy: str
    ) -> None:
        faulty.always = Fault(status=403)
        with pytest.raises(StorageError, match=f"access denied .*{remedy}"):
            open_stream(ObjectInfo(uri), StorageOptions(endpoint=faulty.url, unsigned=unsigned))

    def test_an_endpoint_that_is_not_there_is_reported(self) -> None:
        with pytest.raises(StorageError, match="endpoint cannot be reached"):
            stat(URI, StorageOptions(endpoint="http://127.0.0.1:1", max_attempts=1))

    @pytest.mark.parametrize("uri", ["s3://shards", "s3://no bucket/x"])
    def test_what_is_no_object_name_is_reported(self, options: StorageOptions, uri: str) -> None:
        with pytest.raises(StorageError, match="not the name of an object"):
            stat(uri, options)

    def test_what_is_no_endpoint_is_reported(self) -> None:
        with pytest.raises(ConfigError, match="not an endpoint"):
            stat(URI, StorageOptions(endpoint="not an endpoint"))

    def test_the_endpoint_of_the_environment_is_used(
        self, shard: ObjectInfo, faulty: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", faulty.url)
        assert read_range(URI, 0, 10, StorageOptions()) == DATA[:10]

    def test_no_message_shows_a_secret(self, faulty: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
        faulty.always = Fault(status=403)
        with pytest.raises(StorageError) as caught:
            open_stream(ObjectInfo(URI), StorageOptions(endpoint=faulty.url))
        assert "hunter2" not in repr(caught.value)
