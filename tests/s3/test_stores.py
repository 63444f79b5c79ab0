"""Every kind of storage gives the bytes that were stored, or an error with the place; none half an object."""

import io
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ProfileNotFound
from botocore.loaders import JSONFileLoader

from presswatch_spark.core.errors import ConfigError, InputError, StorageError, TruncatedError
from presswatch_spark.storage import s3
from presswatch_spark.storage.disk import fetch_file, put_file
from presswatch_spark.storage.host_limits import HostLimits
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    NoBucketError,
    ObjectInfo,
    StorageOptions,
    ask,
    delete_object,
    list_objects,
    open_stream,
    random_access,
    read_object,
    read_range,
    stat,
    write_object,
)
from presswatch_spark.storage.s3 import aws_session
from presswatch_spark.storage.shards import left_out_line, plan
from presswatch_spark.storage.uris import host_of
from tests.world.places import Place, on_s3, read_all
from tests.world.servers import Fault, Server, answering

DATA = random.Random(7).randbytes(3_000_000)
CUTS = (0, 1, 1000, 1_048_576, 2_999_999)
NAME = "crawl-data/part é+1.gz"


def of(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", kinds, indirect=True)


everywhere = of("disk", "web", "web without ranges", "s3", "hub")
far_away = of("web", "s3")
where_we_write = of("disk", "s3")
where_we_only_read = of("web", "hub")


class TestReading:
    @everywhere
    def test_an_object_is_described_and_read_from_any_byte(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        assert stat(info.uri, place.options) == info
        for start in (*CUTS, len(DATA)):
            assert read_all(info, place.options, start) == DATA[start:]
        with open_stream(info, place.options, start=5) as stream:
            assert (stream.read(3), stream.position) == (DATA[5:8], 8)
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)
        assert read_object(info.uri, place.options)[0] == DATA

    @everywhere
    def test_a_range_is_short_only_where_the_object_ends(self, place: Place) -> None:
        for data in (b"", b"0123456789", DATA):
            uri = place.put(f"{len(data)}.gz", data).uri
            for start, length in ((2, 3), (8, 5), (10, 5), (99, 1), (0, 0), (1_000_000, 50), (-5, 50)):
                at = max(0, start if start >= 0 else len(data) + start)
                found = read_range(uri, at, length, place.options)
                assert found == data[at : at + length], (uri, at, length)

    @everywhere
    def test_missing_objects_are_told_from_failures(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        gone = info.uri.replace("part", "none")
        for read in (stat, read_object, lambda uri, options: open_stream(ObjectInfo(uri, 3), options)):
            with pytest.raises(MissingError, match="no such"):
                read(gone, place.options)  # type: ignore[operator]

    @of("web", "s3", "disk")
    def test_an_object_that_changed_since_it_was_planned_is_not_read(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        for now in (DATA[:-1], DATA + b"x"):
            place.put(NAME, now)
            for known in (info, replace(info, etag=None)):
                with pytest.raises(StorageError, match="changed"):
                    open_stream(known, place.options)

    @far_away
    def test_parquet_is_read_by_few_ranges_of_one_version(self, place: Place) -> None:
        table = pa.table({"text": [f"row {i}" for i in range(1000)], "unread": [os.urandom(4000)] * 1000})
        pq.write_table(table, sink := io.BytesIO(), row_group_size=100, use_dictionary=False)
        info = place.put("rows.parquet", sink.getvalue())
        place.server.faults.append(Fault(cut_after=10))
        with random_access(info, place.options) as file:
            assert pq.ParquetFile(file).read_row_group(3, ["text"]) == table.select(["text"]).slice(300, 100)
        assert len(place.server.gets()) <= 4
        place.put("rows.parquet", sink.getvalue() + b" ")
        with random_access(info, place.options) as file, pytest.raises(StorageError, match="changed"):
            file.read(1)


class TestFaults:
    @of("web", "web without ranges", "s3")
    def test_they_change_nothing_in_the_bytes(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        for faults in (
            [Fault(status=503), Fault(status=429), Fault(status=500)],
            *([Fault(cut_after=cut)] for cut in CUTS),
            [Fault(cut_after=1_500_000, reset=True)],
            [Fault(cut_after=1000), Fault(status=503), Fault(cut_after=1000, reset=True)],
            [Fault(length_off=-1_000_000)],
            [Fault(length_off=1_000_000)],
            [Fault(pieces=50)],
        ):
            place.server.faults.extend(faults)
            assert read_all(info, place.options) == DATA, faults
            assert not place.server.faults, faults

    @far_away
    def test_a_broken_body_continues_where_it_stopped(self, place: Place) -> None:
        place.server.faults.append(Fault(cut_after=1000))
        assert read_all(place.put(NAME, DATA), place.options) == DATA
        assert place.server.gets() == ["", "bytes=1000-"]

    @far_away
    def test_endless_early_ends_are_an_error_with_a_place(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        for cut in (0, 1, 100):
            place.server.requests.clear()
            place.server.always = Fault(cut_after=cut)
            with pytest.raises(TruncatedError, match=f"only {4 * cut} of 3,000,000 bytes") as caught:
                read_all(info, place.options)
            assert caught.value.where == f"{info.uri} @ {4 * cut}"
            assert len(place.server.gets()) == 4, cut
            assert ask(info.uri, 0, len(DATA), place.options).failure.startswith("the transfer "), cut

    @pytest.mark.parametrize(
        ("place", "then"),
        [("web", bytes(len(DATA))), ("s3", bytes(len(DATA))), ("web without ETags", b"another" + DATA)],
        indirect=["place"],
        ids=["web", "s3", "without ETags"],
    )
    def test_an_object_that_changes_in_the_middle_is_an_error(self, place: Place, then: bytes) -> None:
        info = place.put(NAME, DATA)
        place.server.faults.append(Fault(cut_after=1_048_576))
        with open_stream(info, place.options) as stream:
            assert stream.read(1_048_576) == DATA[:1_048_576]
            place.put(NAME, then)
            with pytest.raises(StorageError, match="@ 1048576: the object changed"):
                stream.read_to_end()

    @far_away
    def test_a_transfer_that_drips_is_broken_off_with_the_reason(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        slow = replace(place.options, max_attempts=2, lowest_rate=1_000_000, rate_seconds=0.05)
        place = replace(place, options=slow)
        place.server.faults.append(Fault(drips=True))
        assert read_all(info, place.options) == DATA
        place.server.always = Fault(drips=True)
        slower = "the transfer is slower than 1,000,000 bytes a second"
        with pytest.raises(TruncatedError, match=slower):
            read_all(info, place.options)
        with pytest.raises(TruncatedError, match=slower):
            read_range(info.uri, 10, 100_000, slow)
        assert len(place.server.gets()) == 6

    @far_away
    def test_a_fetched_file_is_whole_or_absent(self, place: Place, tmp_path: Path) -> None:
        uri = place.put(NAME, DATA).uri
        place.server.faults.append(Fault(cut_after=1000))
        fetch_file(uri, str(tmp_path / "x"), place.options)
        assert (tmp_path / "x").read_bytes() == DATA
        place.server.always = Fault(cut_after=1000)
        with pytest.raises(TruncatedError):
            fetch_file(uri, str(tmp_path / "y"), place.options)
        assert [path.name for path in tmp_path.iterdir()] == ["x"]


class TestWriting:
    @where_we_write
    def test_an_object_is_written_read_written_over_and_removed(self, place: Place) -> None:
        uri, options = f"{place.root}/_runs/é key.lock", place.options
        first = write_object(uri, b"one", options)
        assert read_object(uri, options) == (b"one", first)
        second = write_object(uri, b"two", options, etag=first)
        assert read_object(uri, options) == (b"two", second)
        third = write_object(uri, b"three", options)
        assert read_object(uri, options) == (b"three", third)
        assert len({first, second, third}) == 3
        for _ in range(2):
            delete_object(uri, options)
        with pytest.raises(MissingError):
            read_object(uri, options)

    @where_we_write
    def test_only_the_first_writer_finds_nothing_there(self, place: Place) -> None:
        uri = f"{place.root}/object.json"
        write_object(uri, b"mine", place.options, absent=True)
        with pytest.raises(ConflictError, match="another process") as caught:
            write_object(uri, b"theirs", place.options, absent=True)
        assert caught.value.where == uri
        assert read_object(uri, place.options)[0] == b"mine"

    @where_we_write
    def test_a_version_that_is_no_more_is_not_written_over(self, place: Place) -> None:
        uri = f"{place.root}/object.json"
        first = write_object(uri, b"one", place.options)
        second = write_object(uri, b"two", place.options)
        with pytest.raises(ConflictError):
            write_object(uri, b"three", place.options, etag=first)
        assert read_object(uri, place.options) == (b"two", second)
        delete_object(uri, place.options)
        with pytest.raises(ConflictError):
            write_object(uri, b"three", place.options, etag=second)

    @where_we_write
    def test_a_file_is_copied_there_and_back_whole(self, place: Place, tmp_path: Path) -> None:
        """On S3 in parts."""
        (tmp_path / "x").write_bytes(DATA * 4)
        put_file(str(tmp_path / "x"), f"{place.root}/deep/y", place.options)
        fetch_file(f"{place.root}/deep/y", str(tmp_path / "far" / "z"), place.options)
        assert (tmp_path / "far" / "z").read_bytes() == DATA * 4
        assert [path.name for path in (tmp_path / "far").iterdir()] == ["z"]

    @where_we_only_read
    def test_sites_and_hubs_are_for_reading(self, place: Place) -> None:
        uri = place.put(NAME, b"text").uri
        for write in (
            lambda: write_object(uri, b"", place.options),
            lambda: delete_object(uri, place.options),
            lambda: put_file(__file__, uri, place.options),
        ):
            with pytest.raises(StorageError, match=r"cannot write to a (web site|hub)"):
                write()


class TestPlans:
    SHARDS = ("1.gz", "a/2.gz", "a/3.gz", "a/er/4.gz", "b.gz")
    PAPERS = ("_SUCCESS", "a/.x.crc", "README")

    @of("disk", "s3", "hub")
    def test_folders_and_globs_are_shards(self, place: Place) -> None:
        for name in (*self.SHARDS, *self.PAPERS):
            uri = place.put(f"data/{name}", b"12").uri
        place.put("data-old/5.gz", b"12")
        root = uri.removesuffix("/README") if not uri.startswith("hf:") else f"{place.root}/data"
        for pattern, found in {
            "": self.SHARDS,
            "/": self.SHARDS,
            "/1.gz": self.SHARDS[:1],
            "/*.gz": ("1.gz", "b.gz"),
            "/**/*.gz": self.SHARDS,
            "/?.gz": ("1.gz", "b.gz"),
            "/a*": self.SHARDS[1:4],
            "/a/[!2].g?": ("a/3.gz",),
            "/*/e*/*": ("a/er/4.gz",),
        }.items():
            shards = plan([f"{root}{pattern}"], place.options)
            assert tuple(shard.uri.partition("/data/")[2] for shard in shards) == found, pattern
            assert all(shard.size == 2 and (shard.etag or "@" in shard.uri) for shard in shards), pattern

    @where_we_write
    def test_folders_of_ours_among_shards_are_never_shards(self, place: Place) -> None:
        ours = {
            "out": ("_presswatch.json", "matches/0.parquet"),
            "deep/case": ("_presswatch_case.json", "probes/1.parquet"),
            "c": ("index/hashes.npy", "refused.parquet"),
            "bag": ("seal.json", "data/records/1.gz"),
        }
        names = [f"{folder}/{name}" for folder, files in ours.items() for name in files]
        for name in ("a.json.gz", "deep/b.json.gz", *names):
            place.put(name, b"x")
        for pattern in ("", "/**", "/*", "/**/*.*", "/*/*"):
            shards = plan([f"{place.root}{pattern}"], place.options)
            found = {each.uri.removeprefix(f"{place.root}/") for each in shards}
            assert found == {"deep/b.json.gz", *(() if pattern == "/*/*" else ("a.json.gz",))}, pattern
            if pattern in ("", "/**", "/*"):
                assert {f"{place.root}/{name}" for name in ours} <= set(shards.left_out), pattern
                assert "out" in (left_out_line(shards.left_out) or ""), pattern
        with pytest.raises(InputError, match="no files to read"):
            plan([f"{place.root}/*/*/*"], place.options)
        for name, kind in (("out", "tables"), ("c", "corpus"), ("bag", "evidence bag")):
            with pytest.raises(InputError, match=rf"presswatch wrote this folder \({kind}\)"):
                plan([f"{place.root}/{name}"], place.options)
        named = f"{place.root}/out/matches/0.parquet"
        assert [each.uri for each in plan([named], place.options)] == [named]


# What only S3 has: plans of prefixes, credentials, writes whose reply is lost, hostile servers.


OBJECT_KEY = "crawl-data/part é+1.gz"
OBJECT_URI = f"s3://shards/{OBJECT_KEY}"
OBJECT = b"0123456789" * 100
LOST, BUSY = Fault(lost=True), Fault(status=503)
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def options(client: Any, bucket: str, faulty: Server) -> StorageOptions:
    client.put_object(Bucket=bucket, Key=OBJECT_KEY, Body=OBJECT)
    return on_s3(client, faulty).options


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


class TestPlansOfPrefixes:
    def test_a_long_listing_is_read_to_its_end(
        self, client: Any, bucket: str, options: StorageOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")
        for i in range(45):
            client.put_object(Bucket=bucket, Key=f"many/{i:04}", Body=b"")
        assert len(client.list_objects_v2(Bucket=bucket)["Contents"]) == 20
        assert len(list(list_objects("s3://shards/many", options))) == 45

    def test_a_list_in_a_bucket_names_its_keys(
        self, client: Any, bucket: str, options: StorageOptions
    ) -> None:
        client.put_object(Bucket=bucket, Key="crawl-data/x/wet.paths", Body=b"crawl-data/x/1.gz\n")
        found = plan(["s3://shards/crawl-data/x/wet.paths"], options).shards
        assert found == (ObjectInfo("s3://shards/crawl-data/x/1.gz"),)

    def test_what_leads_nowhere_says_what(self, options: StorageOptions) -> None:
        for path, what in {
            "s3://shards/nope": "no such object or folder",
            "s3://shards/nope/*.gz": "no such object or folder",
            "s3://shards/crawl-data/*.zip": "glob matches no files to read",
            "s3://no-such-bucket/x": "no such bucket",
        }.items():
            with pytest.raises(InputError, match=what):
                plan([path], options)


class TestAccess:
    @pytest.mark.usefixtures("without_credentials")
    def test_public_objects_are_read_without_credentials_and_private_ones_are_denied(
        self, client: Any, options: StorageOptions
    ) -> None:
        unsigned = StorageOptions(endpoint=options.endpoint, unsigned=True)
        with pytest.raises(StorageError, match="access denied"):
            read_range(OBJECT_URI, 0, 10, unsigned)
        client.put_object_acl(Bucket="shards", Key=OBJECT_KEY, ACL="public-read")
        assert read_range(OBJECT_URI, 0, 10, unsigned) == OBJECT[:10]

    def test_wrong_settings_are_named(self) -> None:
        for given, error, said in (
            (StorageOptions(profile="nobody"), StorageError, "there is no such AWS profile"),
            (StorageOptions(endpoint=NOWHERE, max_attempts=1), StorageError, "endpoint cannot be reached"),
            (StorageOptions(endpoint="not an endpoint"), ConfigError, "not an endpoint"),
        ):
            with pytest.raises(error, match=said):
                stat(OBJECT_URI, given)

    @pytest.mark.usefixtures("without_credentials")
    def test_without_credentials_the_message_says_what_to_give(self, options: StorageOptions) -> None:
        said = r"no complete credentials were found .*--profile.*--unsigned"
        with pytest.raises(StorageError, match=said):
            stat(OBJECT_URI, StorageOptions(endpoint=options.endpoint))

    @pytest.mark.usefixtures("without_credentials")
    def test_a_credential_process_that_fails_is_named_and_not_quoted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number, command in enumerate((
            "false",
            "/no/such/command",
            "sh -c 'echo hunter2 >&2; exit 3'",
            "echo hunter2",
            "echo []",
            "echo {}",
            """echo '{"Version":1,"AccessKeyId":"a","SecretAccessKey":"hunter2","Expiration":"soon"}'""",
            "printf '\\377'",
            "'open quote",
        )):  # fmt: skip
            config = tmp_path / f"config-{number}"
            config.write_text(f"[profile p{number}]\ncredential_process = {command}\n")
            monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
            said = r"could not be fetched .*credential_process by hand"
            with pytest.raises(StorageError, match=said) as caught:
                stat(OBJECT_URI, StorageOptions(profile=f"p{number}"))
            assert "hunter2" not in str(caught.value), command

    def test_unreadable_configuration_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "config").write_text("no section here")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        with pytest.raises(StorageError, match="configuration files cannot be read"):
            stat(OBJECT_URI, StorageOptions(region="eu-west-3"))

    @pytest.mark.parametrize(
        ("unsigned", "uri", "remedy"),
        [
            (False, OBJECT_URI, "--profile"),
            (True, OBJECT_URI, "--unsigned is for public buckets only"),
            (True, "s3://commoncrawl/x", "site https://"),
        ],
    )
    def test_denied_access_says_what_to_try_and_shows_no_secret(
        self, faulty: Server, monkeypatch: pytest.MonkeyPatch, unsigned: bool, uri: str, remedy: str
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
        faulty.always = Fault(status=403)
        with pytest.raises(StorageError, match=f"access denied .*{remedy}") as caught:
            open_stream(ObjectInfo(uri), StorageOptions(endpoint=faulty.url, unsigned=unsigned))
        assert "hunter2" not in repr(caught.value)

    @pytest.mark.parametrize("uri", ["s3://shards", "s3://no bucket/x"])
    def test_what_is_no_object_name_is_reported(self, options: StorageOptions, uri: str) -> None:
        with pytest.raises(StorageError, match="not the name of an object"):
            stat(uri, options)
        with pytest.raises(NoBucketError, match="no such bucket"):
            open_stream(ObjectInfo("s3://no-such-bucket/nope"), options)

    def test_the_endpoint_of_the_environment_is_used(
        self, options: StorageOptions, faulty: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", faulty.url)
        assert read_range(OBJECT_URI, 0, 10, StorageOptions()) == OBJECT[:10]

    def test_requests_keep_the_pace(self, options: StorageOptions, monkeypatch: pytest.MonkeyPatch) -> None:
        paced: list[str] = []
        monkeypatch.setattr(HostLimits, "keep_pace", lambda self, options: paced.append(self.name))
        given = StorageOptions(endpoint=options.endpoint, requests_per_second=1000.0)
        read_range(OBJECT_URI, 0, 10, given)
        assert paced == [host_of(options.endpoint or "")]


class TestSessions:
    @pytest.fixture(autouse=True)
    def _profiles(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "config").write_text("[profile press]\nregion = eu-west-3\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)

    def test_a_session_has_the_profile_and_the_region_that_are_named(self) -> None:
        named, moved = aws_session("press"), aws_session("press", "eu-south-2")
        assert (named.profile_name, named.region_name) == ("press", "eu-west-3")
        assert (moved.profile_name, moved.region_name) == ("press", "eu-south-2")
        assert aws_session().region_name is None
        with pytest.raises(ProfileNotFound):
            aws_session("nobody")

    def test_what_a_session_read_no_other_reads_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        aws_session(region="eu-west-3").client("sqs")
        read, load = list[str](), JSONFileLoader.load_file

        def noted(loader: Any, path: str) -> Any:
            read.append(path)
            return load(loader, path)

        monkeypatch.setattr(JSONFileLoader, "load_file", noted)
        one, other = (aws_session(region=region).client("sqs") for region in ("eu-west-3", "eu-south-2"))
        assert (one.meta.region_name, other.meta.region_name) == ("eu-west-3", "eu-south-2")
        assert read == []


class TestConditions:
    def test_the_store_itself_honours_both_conditions(self, client: Any, bucket: str) -> None:
        """What everything here relies on, asked of the server without our code."""
        etag = client.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
        for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
            with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
                client.put_object(Bucket=bucket, Key="k", Body=b"2", **condition)
        client.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)

    def test_a_put_whose_reply_was_lost_or_who_met_another_is_tried_again(
        self, options: StorageOptions, faulty: Server
    ) -> None:
        for number, faults in enumerate(([LOST], [BUSY, LOST, BUSY], [LOST, LOST], [Fault(status=409)])):
            uri = f"s3://shards/{number}"
            faulty.put_faults.extend(faults)
            etag = write_object(uri, b"one", options, absent=True)
            assert (read_object(uri, options), len(faulty.put_faults)) == ((b"one", etag), 0), faults
            faulty.put_faults.extend(faults)
            again = write_object(uri, b"two", options, etag=etag)
            assert read_object(uri, options) == (b"two", again), faults

    def test_a_lost_reply_does_not_hide_who_was_first(self, options: StorageOptions, faulty: Server) -> None:
        write_object("s3://shards/k", b"theirs", options)
        faulty.put_faults.append(LOST)
        with pytest.raises(ConflictError):
            write_object("s3://shards/k", b"mine", options, absent=True)

    def test_a_put_that_never_arrives_leaves_nothing(self, options: StorageOptions, faulty: Server) -> None:
        faulty.put_faults.extend([BUSY] * 4)
        with pytest.raises(StorageError, match="503"):
            write_object("s3://shards/k", b"one", options, absent=True)
        with pytest.raises(MissingError):
            read_object("s3://shards/k", options)


NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
ONE = "<Contents><Key>data/a</Key><Size>1</Size></Contents>"
OUTSIDE = ONE.replace("data/", "database/")
STRANGE_LIST = "no end, or an entry that cannot be right"


def listed_key(name: object) -> str:
    return ONE.replace("data/a", f"data/{name}")


def a_list(contents: str, token: object = None) -> bytes:
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    end = "<IsTruncated>false</IsTruncated>" if token is None else more
    return f'<ListBucketResult xmlns="{NAMESPACE}"><Name>b</Name>{end}{contents}</ListBucketResult>'.encode()


@dataclass
class Hostile:
    """A server: `listed` gives the page of a list by its number; `sent`: Content-Range and body of a GET."""

    listed: Callable[[int], bytes] = lambda number: a_list(ONE)
    sent: tuple[str, bytes] = ("", b"")
    asked: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def options(self) -> StorageOptions:
        return StorageOptions(endpoint=self.url, max_attempts=3, backoff_base=0.0001, read_timeout=5)


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    state = Hostile()

    def answer(path: str) -> Iterator[bytes]:
        state.asked.append(path)
        is_list = "list-type" in path
        ranged, body = ("", state.listed(len(state.asked))) if is_list else state.sent
        head = f'HTTP/1.1 {200 if is_list else 206} -\r\nETag: "x"\r\nContent-Length: {len(body)}\r\n'
        head += f"Content-Range: {ranged}\r\n" if ranged else ""
        yield f"{head}Connection: close\r\n\r\n".encode() + body

    with answering(answer) as state.url:
        yield state


class TestHostileServers:
    """A clear error in bounded time."""

    def test_a_list_without_end_or_of_other_keys_is_an_error(
        self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "PAGES_MOST", 5)
        monkeypatch.setattr(s3, "KEYS_A_PAGE", 10)
        lists: dict[str, Callable[[int], bytes]] = {
            "the same key on each page": lambda number: a_list(ONE, number),
            "empty pages": lambda number: a_list("", number),
            "few new keys": lambda number: a_list(listed_key(number), number),
            "outside": lambda number: a_list(ONE + OUTSIDE),
            "no key": lambda number: a_list("<Contents></Contents>"),
            "below zero": lambda number: a_list(ONE.replace(">1<", ">-1<")),
            "no number": lambda number: a_list(ONE.replace(">1<", ">x<")),
        }
        for name, hostile.listed in lists.items():
            hostile.asked.clear()
            said = "cannot be read" if name == "no number" else STRANGE_LIST
            with pytest.raises(StorageError, match=f"s3://b/data.*{said}"):
                list(list_objects("s3://b/data", hostile.options))
            assert len(hostile.asked) <= 7, name

    def test_a_list_of_more_keys_than_any_dataset_has_is_an_error(
        self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "LISTED_MOST", 1_000)
        hostile.listed = lambda page: a_list("".join(listed_key(f"{page}-{i}") for i in range(400)), page)
        with pytest.raises(StorageError, match=STRANGE_LIST):
            list(list_objects("s3://b/data", hostile.options))
        assert len(hostile.asked) == 3

    def test_another_range_than_asked_for_is_an_error(self, hostile: Hostile) -> None:
        for ranged in ("bytes 5-14/1000", "bytes hello", "bytes */1000", ""):
            hostile.sent = (ranged, b"y" * 10)
            with pytest.raises(StorageError, match="s3://b/k @ 10: the server sent a different range"):
                read_range("s3://b/k", 10, 10, hostile.options)
            assert ask("s3://b/k", 10, 20, hostile.options).start == (5 if "5-14" in ranged else 0), ranged

    def test_no_more_than_the_range_is_kept_of_an_answer_without_end(self, hostile: Hostile) -> None:
        hostile.sent = ("bytes 0-9/1000", b"y" * 1_000_000)
        answer = ask("s3://b/k", 0, 10, hostile.options)
        assert (answer.body, answer.failure) == (b"y" * 10, "")


def test_an_answer_of_s3_is_kept_word_by_word(options: StorageOptions) -> None:
    answer = ask(OBJECT_URI, 2, 5, options)
    assert (answer.status, answer.start, answer.body) == (206, 2, b"234")
    assert answer.header("Content-Range") == "bytes 2-4/1000"
    assert answer.header("ETag")
    statuses = [ask(uri, 9000, 9001, options).status for uri in ("s3://shards/none", OBJECT_URI)]
    assert statuses == [404, 416]
    nobody = ask(OBJECT_URI, 0, 1, StorageOptions(endpoint=options.endpoint, profile="nobody"))
    assert (nobody.status, nobody.ours) == (None, True)
