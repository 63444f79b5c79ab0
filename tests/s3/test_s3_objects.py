"""What only S3 has: plans of prefixes, credentials, writes whose reply is lost, hostile servers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ProfileNotFound
from botocore.loaders import JSONFileLoader

from presswatch_spark.core.errors import ConfigError, InputError, StorageError
from presswatch_spark.storage import s3
from presswatch_spark.storage.host_limits import HostLimits
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    NoBucketError,
    ObjectInfo,
    StorageOptions,
    ask,
    list_objects,
    open_stream,
    read_object,
    read_range,
    stat,
    write_object,
)
from presswatch_spark.storage.s3 import aws_session
from presswatch_spark.storage.shards import plan
from presswatch_spark.storage.uris import host_of
from tests.world.places import on_s3
from tests.world.servers import Fault, Server, answering

KEY = "crawl-data/part é+1.gz"
URI = f"s3://shards/{KEY}"
DATA = b"0123456789" * 100
LOST, BUSY = Fault(lost=True), Fault(status=503)
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def options(client: Any, bucket: str, faulty: Server) -> StorageOptions:
    client.put_object(Bucket=bucket, Key=KEY, Body=DATA)
    return on_s3(client, faulty).options


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


class TestPlans:
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

    @pytest.mark.parametrize(
        ("path", "what"),
        [
            ("s3://shards/nope", "no such object or folder"),
            ("s3://shards/nope/*.gz", "no such object or folder"),
            ("s3://shards/crawl-data/*.zip", "glob matches no files to read"),
            ("s3://no-such-bucket/x", "no such bucket"),
        ],
    )
    def test_what_leads_nowhere_says_what(self, options: StorageOptions, path: str, what: str) -> None:
        with pytest.raises(InputError, match=what):
            plan([path], options)


class TestAccess:
    @pytest.mark.usefixtures("without_credentials")
    def test_public_objects_are_read_without_credentials_and_private_ones_are_denied(
        self, client: Any, options: StorageOptions
    ) -> None:
        unsigned = StorageOptions(endpoint=options.endpoint, unsigned=True)
        with pytest.raises(StorageError, match="access denied"):
            read_range(URI, 0, 10, unsigned)
        client.put_object_acl(Bucket="shards", Key=KEY, ACL="public-read")
        assert read_range(URI, 0, 10, unsigned) == DATA[:10]

    @pytest.mark.parametrize(
        ("given", "error", "said"),
        [
            ({"profile": "nobody"}, StorageError, "there is no such AWS profile"),
            ({"endpoint": NOWHERE, "max_attempts": 1}, StorageError, "endpoint cannot be reached"),
            ({"endpoint": "not an endpoint"}, ConfigError, "not an endpoint"),
        ],
    )
    def test_wrong_settings_are_named(self, given: dict[str, Any], error: type[Exception], said: str) -> None:
        with pytest.raises(error, match=said):
            stat(URI, StorageOptions(**given))

    @pytest.mark.usefixtures("without_credentials")
    def test_without_credentials_the_message_says_what_to_give(self, options: StorageOptions) -> None:
        said = r"no complete credentials were found .*--profile.*--unsigned"
        with pytest.raises(StorageError, match=said):
            stat(URI, StorageOptions(endpoint=options.endpoint))

    @pytest.mark.usefixtures("without_credentials")
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
        (tmp_path / "config").write_text(f"[profile p]\ncredential_process = {command}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        said = r"could not be fetched .*credential_process by hand"
        with pytest.raises(StorageError, match=said) as caught:
            stat(URI, StorageOptions(profile="p"))
        assert "hunter2" not in str(caught.value)

    def test_unreadable_configuration_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        assert read_range(URI, 0, 10, StorageOptions()) == DATA[:10]

    def test_requests_keep_the_pace(self, options: StorageOptions, monkeypatch: pytest.MonkeyPatch) -> None:
        paced: list[str] = []
        monkeypatch.setattr(HostLimits, "keep_pace", lambda self, options: paced.append(self.name))
        given = StorageOptions(endpoint=options.endpoint, requests_per_second=1000.0)
        read_range(URI, 0, 10, given)
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

    @pytest.mark.parametrize(
        "faults", [[LOST], [BUSY, LOST, BUSY], [LOST, LOST], [Fault(status=409)]], ids=repr
    )
    def test_a_put_whose_reply_was_lost_or_who_met_another_is_tried_again(
        self, options: StorageOptions, faulty: Server, faults: list[Fault]
    ) -> None:
        faulty.put_faults.extend(faults)
        etag = write_object("s3://shards/k", b"one", options, absent=True)
        assert (read_object("s3://shards/k", options), len(faulty.put_faults)) == ((b"one", etag), 0)
        faulty.put_faults.extend(faults)
        again = write_object("s3://shards/k", b"two", options, etag=etag)
        assert read_object("s3://shards/k", options) == (b"two", again)

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


def key(name: object) -> str:
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

    @pytest.mark.parametrize(
        ("listed", "said"),
        [
            pytest.param(lambda number: a_list(ONE, number), STRANGE_LIST, id="the same key on each page"),
            pytest.param(lambda number: a_list("", number), STRANGE_LIST, id="empty pages"),
            pytest.param(lambda number: a_list(key(number), number), STRANGE_LIST, id="few new keys"),
            pytest.param(lambda number: a_list(ONE + OUTSIDE), STRANGE_LIST, id="outside"),
            pytest.param(lambda number: a_list("<Contents></Contents>"), STRANGE_LIST, id="no key"),
            pytest.param(lambda number: a_list(ONE.replace(">1<", ">-1<")), STRANGE_LIST, id="below zero"),
            pytest.param(lambda number: a_list(ONE.replace(">1<", ">x<")), "cannot be read", id="no number"),
        ],
    )
    def test_a_list_without_end_or_of_other_keys_is_an_error(
        self, listed: Callable[[int], bytes], said: str, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "PAGES_MOST", 5)
        monkeypatch.setattr(s3, "KEYS_A_PAGE", 10)
        hostile.listed = listed
        with pytest.raises(StorageError, match=f"s3://b/data.*{said}"):
            list(list_objects("s3://b/data", hostile.options))
        assert len(hostile.asked) <= 7

    def test_a_list_of_more_keys_than_any_dataset_has_is_an_error(
        self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "LISTED_MOST", 1_000)
        hostile.listed = lambda page: a_list("".join(key(f"{page}-{i}") for i in range(400)), page)
        with pytest.raises(StorageError, match=STRANGE_LIST):
            list(list_objects("s3://b/data", hostile.options))
        assert len(hostile.asked) == 3

    @pytest.mark.parametrize("ranged", ["bytes 5-14/1000", "bytes hello", "bytes */1000", ""])
    def test_another_range_than_asked_for_is_an_error(self, ranged: str, hostile: Hostile) -> None:
        hostile.sent = (ranged, b"y" * 10)
        with pytest.raises(StorageError, match="s3://b/k @ 10: the server sent a different range"):
            read_range("s3://b/k", 10, 10, hostile.options)
        assert ask("s3://b/k", 10, 20, hostile.options).start == (5 if "5-14" in ranged else 0)

    def test_no_more_than_the_range_is_kept_of_an_answer_without_end(self, hostile: Hostile) -> None:
        hostile.sent = ("bytes 0-9/1000", b"y" * 1_000_000)
        answer = ask("s3://b/k", 0, 10, hostile.options)
        assert (answer.body, answer.failure) == (b"y" * 10, "")


def test_an_answer_of_s3_is_kept_word_by_word(options: StorageOptions) -> None:
    answer = ask(URI, 2, 5, options)
    assert (answer.status, answer.start, answer.body) == (206, 2, b"234")
    assert answer.header("Content-Range") == "bytes 2-4/1000"
    assert answer.header("ETag")
    statuses = [ask(uri, 9000, 9001, options).status for uri in ("s3://shards/none", URI)]
    assert statuses == [404, 416]
    nobody = ask(URI, 0, 1, StorageOptions(endpoint=options.endpoint, profile="nobody"))
    assert (nobody.status, nobody.ours) == (None, True)
