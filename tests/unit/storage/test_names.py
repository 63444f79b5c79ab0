"""Names of objects: one spelling each, no secrets in them, and none of this machine but from the user."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presswatch_spark.core.errors import InputError, StorageError
from presswatch_spark.query.pointers import fetch
from presswatch_spark.query.pointers.pointer import COMMON_CRAWL, Mirror
from presswatch_spark.storage import addresses
from presswatch_spark.storage.addresses import is_private, is_public
from presswatch_spark.storage.objects import StorageOptions, ask, canonical, read_object, shown_uri, stat
from presswatch_spark.storage.shards import plan
from presswatch_spark.storage.uris import HubAddress, below_common_folder
from tests.world.processes import raising
from tests.world.proofs import cases
from tests.world.servers import Server, web

OPTIONS = StorageOptions(max_attempts=2, backoff_base=0.0001, read_timeout=5, connect_timeout=5)


NO_PATHS = ["datasets/a/b@/x", "datasets/a/b/../x", "datasets/a/b/\udce9.gz"]


class TestSpelling:
    def test_a_file_has_one_spelling(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        spellings = ["a b.gz", "./x/../a b.gz", f"file://{tmp_path}/a%20b.gz", f"{tmp_path}/a b.gz"]
        assert {canonical(spelling) for spelling in spellings} == {str(tmp_path / "a b.gz")}

    def test_hadoop_schemes_are_s3_and_an_access_point_is_a_bucket(self) -> None:
        assert canonical("s3a://bucket/key") == canonical("S3N://bucket/key") == "s3://bucket/key"
        uri = "s3://arn:aws:s3:eu-west-3:123456789012:accesspoint/press/key"
        assert canonical(uri) == uri

    @cases(
        ("uris", "names"),
        [
            (["/exports/a.csv"], ["a.csv"]),
            (["/exports/b/c.csv", "/exports/bd/c.csv"], ["b/c.csv", "bd/c.csv"]),
            (["/exports/a.csv", "/exports/b/c.csv"], ["a.csv", "b/c.csv"]),
            (["s3://press/a.csv", "/exports/a.csv"], ["s3://press/a.csv", "/exports/a.csv"]),
            (["https://host/a.csv?sig=s3cret", "https://host/b/c.csv"], ["a.csv", "b/c.csv"]),
        ],
    )
    def test_files_are_named_below_the_folder_that_all_are_in(
        self, uris: list[str], names: list[str]
    ) -> None:
        assert below_common_folder(uris) == names

    @pytest.mark.parametrize("uri", ["gs://bucket/key", "hdfs://host/x", "s3:///key", "", "a\0b"])
    def test_what_no_storage_serves_is_refused(self, uri: str) -> None:
        with pytest.raises(InputError):
            canonical(uri)

    @cases(
        "uri",
        ["http://[::1/x", "https://[x]/y", "https://h:abc/x", "http://h:99999/", "http://h:-1/x", "http://h:0/x",
         "https:///x", "http://", "http://:80/x", "http://?x", "http://ho\u2100st/x"],
    )  # fmt: skip
    def test_what_is_no_url_is_refused_by_its_name(self, uri: str) -> None:
        for take in (canonical, lambda uri: stat(uri, OPTIONS), lambda uri: plan([uri], OPTIONS)):
            with pytest.raises(InputError) as caught:
                take(uri)
            assert str(caught.value).startswith(f"{uri.partition('?')[0]}: this is not a URL (write https://")

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            ("https://me:hunter2@[::1/x?sig=s3cret", r"^https://\[::1/x: "),
            ("https://me:hunter2@host/x?sig=s3cret", "."),
            *(
                (f"s3a://{keys}@b/k", "must not contain access keys")
                for keys in ("AKIA2:s3cret", "AK:s3/cret", "s3cret")
            ),
        ],
    )
    def test_secrets_in_a_name_are_refused_and_not_shown(self, uri: str, said: str) -> None:
        with pytest.raises(InputError, match=said) as caught:
            canonical(uri)
        assert not [word for word in ("hunter2", "cret", "AK") if word in str(caught.value)]

    def test_a_printable_name_can_stand_in_a_table(self) -> None:
        assert shown_uri("https://u:p@host:8/a/b.gz?X-Amz-Signature=1#f") == "https://host:8/a/b.gz"
        assert shown_uri("/data/caf\udce9.gz").encode() == rb"/data/caf\udce9.gz"

    @pytest.mark.parametrize(
        ("uri", "dataset", "revision", "path"),
        [
            ("hf://datasets/a/b", "a/b", None, ""),
            ("hf://datasets/a/b/", "a/b", None, ""),
            ("HF://datasets/a/b@v1.0/en/x.gz", "a/b", "v1.0", "en/x.gz"),
            ("hf://datasets/a/b@refs/convert/parquet/x", "a/b", "refs/convert/parquet", "x"),
            ("hf://datasets/a/b@refs%2Fpr%2F1/x", "a/b", "refs/pr/1", "x"),
            ("hf://datasets/a/b.c-d_e/m@il/x y.gz", "a/b.c-d_e", None, "m@il/x y.gz"),
        ],
    )
    def test_an_address_on_a_hub_has_a_dataset_a_revision_and_a_path(
        self, uri: str, dataset: str, revision: str | None, path: str
    ) -> None:
        assert HubAddress.of(canonical(uri)) == HubAddress(dataset, revision, path)
        assert canonical(canonical(uri)) == canonical(uri)

    @pytest.mark.parametrize("uri", ["a/b/x", "datasets/a", "models/a/b/x", *NO_PATHS])
    def test_what_is_no_dataset_is_refused_with_the_form_of_one(self, uri: str) -> None:
        with pytest.raises(InputError, match="write hf://datasets/OWNER/NAME"):
            canonical(f"hf://{uri}")


METADATA = (
    "2852039166 0xA9FEA9FE 169.254.43518 0251.0376.0251.0376 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe]"
    " [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::1] [fd00:ec2::254] [fe80::1] 169.254.169.254"
)
PRIVATE = "10.0.0.1 172.16.3.4 192.168.1.1 100.64.0.1 0.0.0.0 [::1] [::] 127.1 localhost"


class TestPrivateAddresses:
    @pytest.fixture
    def server(self) -> Iterator[Server]:
        with web(objects={"/a": b"text", "/secret": b"keys of this machine"}) as running:
            yield running

    @pytest.fixture
    def localhost(self, server: Server) -> str:
        """The server by another name than the user's."""
        return f"http://localhost:{server.url.rpartition(':')[2]}"

    @cases("host", [*METADATA.split(), *PRIVATE.split()])
    def test_no_spelling_of_a_private_address_passes(self, host: str) -> None:
        assert is_private(f"http://{host}/latest/meta-data/", OPTIONS)

    @pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
    def test_public_addresses_pass(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize(
        "host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"]
    )
    def test_a_redirect_to_this_machine_is_refused_before_anything_is_sent(
        self, server: Server, localhost: str, host: str
    ) -> None:
        server.redirects["/old"] = f"{localhost.replace('localhost', host)}/secret"
        with pytest.raises(StorageError, match="an address of this machine or of its network, which is not"):
            read_object(f"{server.url}/old", OPTIONS)
        answer = ask(f"{server.url}/old", 0, 10, OPTIONS)
        assert (answer.status, answer.body) == (None, b"")
        assert {path for _, path, _ in server.requests} == {"/old"}

    def test_a_host_that_the_user_named_may_redirect_to_itself(self, server: Server) -> None:
        server.redirects["/old"] = f"{server.url}/a"
        assert read_object(f"{server.url}/old", OPTIONS)[0] == b"text"

    def test_a_name_that_resolves_otherwise_when_it_is_connected_to_is_refused(
        self, server: Server, localhost: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first look at the name finds a public address, and the connection another one."""
        monkeypatch.setattr("presswatch_spark.storage.http.is_private", lambda uri, options: False)
        server.redirects["/old"] = f"{localhost}/secret"
        for _ in range(2):
            with pytest.raises(StorageError, match="an address of this machine"):
                read_object(f"{server.url}/old", OPTIONS)
        # Nor is an open connection used that the user's own words have led to.
        assert read_object(f"{localhost}/a", OPTIONS)[0] == b"text"
        with pytest.raises(StorageError, match="an address of this machine"):
            read_object(f"{server.url}/old", OPTIONS)
        assert "/secret" not in {path for _, path, _ in server.requests}

    def test_a_private_host_of_the_settings_may_be_led_to(self, server: Server, localhost: str) -> None:
        server.redirects["/old"] = f"{localhost}/a"
        server.objects["/x.paths"] = f"{localhost}/a\n".encode()
        named = replace(OPTIONS, private_hosts=("localhost",))
        assert read_object(f"{server.url}/old", named)[0] == b"text"
        assert len(plan([f"{server.url}/x.paths"], named)) == 1

    def test_a_host_without_address_is_left_to_the_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(addresses.socket, "getaddrinfo", raising(OSError))
        assert not is_private("https://store.example/x", OPTIONS)

    def test_a_list_from_the_network_names_no_address_of_this_machine(
        self, server: Server, localhost: str, tmp_path: Path
    ) -> None:
        server.objects["/x.paths"] = f"a\n{localhost}/secret\n".encode()
        with pytest.raises(InputError, match="entry 2: a list from another host contains an address of this"):
            plan([f"{server.url}/x.paths"], OPTIONS)
        server.objects["/x.paths"] = f"{server.url}/a\n".encode()
        assert [each.uri for each in plan([f"{server.url}/x.paths"], OPTIONS)] == [f"{server.url}/a"]
        # A list on this disk is the user's own.
        (tmp_path / "x.paths").write_text(f"{localhost}/a\n")
        assert len(plan([str(tmp_path / "x.paths")], OPTIONS)) == 1

    @pytest.mark.parametrize("host", ["169.254.169.254", "0xA9FEA9FE", "localhost", "[::ffff:10.0.0.1]"])
    def test_a_row_of_a_dataset_leads_to_no_address_of_this_machine(self, host: str) -> None:
        named, public = f"http://{host}/x.warc.gz", "https://93.184.216.34/x.warc.gz"
        assert fetch._where(named, fetch.Archives(COMMON_CRAWL, (), OPTIONS)) is None
        mirrors = [Mirror(f"http://{host}/", "https://93.184.216.34/")]
        assert fetch._where(named, fetch.Archives(COMMON_CRAWL, mirrors, OPTIONS)) == public
        assert fetch._where(public, fetch.Archives(COMMON_CRAWL, (), OPTIONS)) == public

    @pytest.mark.parametrize(
        "target", ["file:///etc/passwd", "http://[::1/x", "http://h:99999/x", "https:///x", "ftp://a.example/x"]
    )  # fmt: skip
    def test_a_redirect_to_no_web_site_is_the_servers_fault(self, server: Server, target: str) -> None:
        server.redirects["/old"] = target
        with pytest.raises(StorageError, match="/old: the server redirects outside the web"):
            stat(f"{server.url}/old", OPTIONS)
