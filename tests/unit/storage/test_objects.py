"""Files and web objects are read whole, or the reader is told where they stopped."""

from __future__ import annotations

import errno
import io
import os
import pickle
import random
import ssl
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trustme

from presswatch_spark.core.errors import ConfigError, InputError, StorageError, TruncatedError
from presswatch_spark.storage.disk import LocalStore, fetch_file, put_file
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    RangeReply,
    StorageOptions,
    ask,
    canonical,
    list_objects,
    open_stream,
    printable,
    random_access,
    read_range,
    stat,
)
from presswatch_spark.storage.shards import plan
from tests.world.servers import Fault, Server, web

OPTIONS = StorageOptions(max_attempts=4, backoff_base=0.0001, read_timeout=5, refusal_pause=0.0)
DATA = random.Random(7).randbytes(3_000_000)
CUTS = (0, 1, 1000, 1_048_576, 2_999_999)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[Server]:
    with web(objects={"/shard.gz": DATA, "/empty": b""}) as running:
        yield running


def read_all(info: ObjectInfo, start: int = 0) -> bytes:
    with open_stream(info, OPTIONS, start=start) as stream:
        return stream.read_to_end()


class TestNames:
    def test_a_file_has_one_spelling(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        spellings = ["a b.gz", "./x/../a b.gz", f"file://{tmp_path}/a%20b.gz", f"{tmp_path}/a b.gz"]
        assert {canonical(spelling) for spelling in spellings} == {str(tmp_path / "a b.gz")}

    def test_hadoop_schemes_are_s3(self) -> None:
        assert canonical("s3a://bucket/key") == canonical("S3N://bucket/key") == "s3://bucket/key"

    @pytest.mark.parametrize("uri", ["gs://bucket/key", "hdfs://host/x", "s3:///key", "", "a\0b"])
    def test_what_no_storage_serves_is_refused(self, uri: str) -> None:
        with pytest.raises(InputError):
            canonical(uri)

    @pytest.mark.parametrize(
        "uri",
        ["http://[::1/x", "https://[x]/y", "https://h:abc/x", "http://h:99999/", "http://h:-1/x", "http://h:0/x",
         "https:///x", "http://", "http://:80/x", "http://?x", "http://ho\u2100st/x"],
    )  # fmt: skip
    def test_what_is_no_url_is_refused_by_its_name(self, uri: str) -> None:
        for take in (canonical, lambda uri: stat(uri, OPTIONS), lambda uri: plan([uri], OPTIONS)):
            with pytest.raises(InputError) as caught:
                take(uri)
            assert str(caught.value).startswith(f"{uri.partition('?')[0]}: is not a URL (write https://")

    def test_a_password_in_what_is_no_url_is_not_shown(self) -> None:
        with pytest.raises(InputError) as caught:
            canonical("https://me:hunter2@[::1/x?sig=s3cret")
        assert str(caught.value).startswith("https://[::1/x: ")

    def test_a_password_in_a_url_is_refused_and_not_shown(self) -> None:
        with pytest.raises(InputError) as caught:
            canonical("https://me:hunter2@host/x?sig=s3cret")
        assert "hunter2" not in str(caught.value)
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("keys", ["AKIA2:s3cret", "AKIA2:s3/cret", "s3cret"])
    def test_keys_in_the_name_of_a_bucket_are_refused_and_not_shown(self, keys: str) -> None:
        with pytest.raises(InputError, match="keys must not stand") as caught:
            canonical(f"s3a://{keys}@bucket/key")
        assert "cret" not in str(caught.value)
        assert "AKIA2" not in str(caught.value)

    def test_an_access_point_is_a_bucket(self) -> None:
        uri = "s3://arn:aws:s3:eu-west-3:123456789012:accesspoint/press/key"
        assert canonical(uri) == uri

    def test_a_printable_name_can_stand_in_a_table(self) -> None:
        assert printable("https://u:p@host:8/a/b.gz?X-Amz-Signature=1#f") == "https://host:8/a/b.gz"
        assert printable("/data/caf\udce9.gz").encode() == rb"/data/caf\udce9.gz"


class TestFiles:
    def test_a_file_is_read_from_any_byte(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(DATA)
        info = stat(str(path), OPTIONS)
        assert info == ObjectInfo(str(path), len(DATA), f"mtime-{path.stat().st_mtime_ns}")
        for start in CUTS:
            assert read_all(info, start) == DATA[start:]
        with open_stream(info, OPTIONS, start=5) as stream:
            assert stream.read(3) == DATA[5:8]
            assert stream.position == 8

    def test_a_range_is_short_only_where_the_file_ends(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"0123456789")
        uri = str(tmp_path / "x")
        ranges = [read_range(uri, *span, OPTIONS) for span in ((2, 3), (8, 5), (10, 5), (99, 1), (0, 0))]
        assert ranges == [b"234", b"89", b"", b"", b""]

    def test_a_file_that_shrinks_while_read_is_truncated(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(DATA)
        with open_stream(stat(str(path), OPTIONS), OPTIONS) as stream:
            stream.read(1000)
            os.truncate(path, 2000)
            assert stream.read(1 << 20) == DATA[1000:2000]
            with pytest.raises(TruncatedError) as caught:
                stream.read(1 << 20)
        assert caught.value.where == f"{path} @ 2000"

    def test_a_disk_that_fails_is_an_error_with_a_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class FailingDisk(io.BytesIO):
            def read(self, n: int | None = -1, /) -> bytes:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        (tmp_path / "x").write_bytes(b"0123456789")
        monkeypatch.setattr(LocalStore, "open_body", lambda *_: RangeReply(FailingDisk(), 4, 10))
        with pytest.raises(TruncatedError, match=r"x @ 4: .*Input/output error"):
            read_range(str(tmp_path / "x"), 4, 2, OPTIONS)

    def test_a_closed_stream_is_no_ended_one(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"0123456789")
        stream = open_stream(ObjectInfo(str(tmp_path / "x")), OPTIONS)
        stream.close()
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)

    @pytest.mark.parametrize("size_then", [9, 11])
    def test_a_file_that_changed_since_it_was_planned_is_not_read(
        self, tmp_path: Path, size_then: int
    ) -> None:
        (tmp_path / "x").write_bytes(b"0123456789")
        with pytest.raises(StorageError, match="changed"):
            open_stream(ObjectInfo(str(tmp_path / "x"), size_then), OPTIONS)

    def test_missing_files_folders_and_pipes_are_told_apart(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(MissingError, match="no such file"):
            stat(str(tmp_path / "x"), OPTIONS)
        with pytest.raises(MissingError, match="no such file"):
            open_stream(ObjectInfo(str(tmp_path / "x"), 3), OPTIONS)
        with pytest.raises(StorageError, match="is a folder"):
            stat(str(tmp_path), OPTIONS)
        with pytest.raises(StorageError, match="not a regular file"):
            open_stream(ObjectInfo(str(tmp_path / "pipe")), OPTIONS)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"x")
        (tmp_path / "x").chmod(0)
        with pytest.raises(StorageError, match="permission denied"):
            open_stream(ObjectInfo(str(tmp_path / "x")), OPTIONS)

    def test_a_folder_lists_its_files_sorted_and_without_hidden_ones(self, tmp_path: Path) -> None:
        for name in [
            "b/2.gz",
            "b/1.gz",
            "a.gz",
            "_SUCCESS",
            ".a.gz.crc",
            "_tmp/x.gz",
            "b/.hidden/y.gz",
            "c_$folder$",
        ]:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"12")
        (tmp_path / "gone.gz").symlink_to(tmp_path / "nowhere")
        (tmp_path / "itself.gz").symlink_to(tmp_path / "itself.gz")
        os.mkfifo(tmp_path / "pipe.gz")
        found = [
            (info.uri.removeprefix(f"{tmp_path}/"), info.size)
            for info in list_objects(str(tmp_path), OPTIONS)
        ]
        nothing = [("gone.gz", None), ("itself.gz", None), ("pipe.gz", None)]
        assert found == [("a.gz", 2), ("b/1.gz", 2), ("b/2.gz", 2), *nothing]
        for name, _ in nothing:
            with pytest.raises(StorageError):
                open_stream(ObjectInfo(str(tmp_path / name)), OPTIONS).read(1)

    def test_a_link_into_a_folder_above_does_not_loop(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "loop").symlink_to(tmp_path)
        with pytest.raises(StorageError, match="symbolic link"):
            list(list_objects(str(tmp_path), OPTIONS))

    def test_a_copy_appears_whole_and_leaves_nothing_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(DATA)
        put_file(str(tmp_path / "x"), str(tmp_path / "deep" / "y"), OPTIONS)
        fetch_file(str(tmp_path / "deep" / "y"), str(tmp_path / "far" / "z"), OPTIONS)
        assert (tmp_path / "far" / "z").read_bytes() == DATA
        assert [path.name for path in (tmp_path / "deep").iterdir()] == ["y"]
        assert [path.name for path in (tmp_path / "far").iterdir()] == ["z"]

    def test_errors_survive_the_way_back_from_a_worker(self, tmp_path: Path) -> None:
        with pytest.raises(MissingError) as caught:
            stat(str(tmp_path / "x"), OPTIONS)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again)) == (MissingError, str(caught.value))

    @pytest.mark.parametrize("looks", [1, 2])
    def test_an_answer_is_of_one_file_though_another_takes_its_place_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
    ) -> None:
        path, looked, look = tmp_path / "x", count(1), os.stat
        path.write_bytes(b"before")
        etags = {b"before": stat(str(path), OPTIONS).etag}
        other = tmp_path / "y"
        other.write_bytes(b"after!")
        os.utime(other, (1, 1))
        etags[b"after!"] = stat(str(other), OPTIONS).etag

        def replaced(place: Any, **how: Any) -> os.stat_result:
            found = look(place, **how)
            if place == str(path) and next(looked) == looks:
                os.replace(other, path)
            return found

        monkeypatch.setattr(os, "stat", replaced)
        answer = ask(str(path), 0, 6, OPTIONS)
        assert etags[answer.body] == answer.header("ETag")
        is_other = answer.header("Last-Modified") == "Thu, 01 Jan 1970 00:00:01 GMT"
        assert is_other == (answer.body == b"after!")

    def test_an_answer_comes_though_the_file_is_gone_by_then(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, looked, look = tmp_path / "x", count(1), os.stat
        path.write_bytes(b"there")

        def removed(place: Any, **how: Any) -> os.stat_result:
            if place == str(path) and next(looked) == 2:
                path.unlink()
            return look(place, **how)

        monkeypatch.setattr(os, "stat", removed)
        assert ask(str(path), 0, 5, OPTIONS).body == b"there"


class TestWeb:
    @pytest.mark.parametrize("ranges", [True, False])
    @pytest.mark.parametrize(
        "faults",
        [
            [],
            [Fault(status=503), Fault(status=429), Fault(status=500)],
            *([Fault(cut_after=cut)] for cut in CUTS),
            [Fault(cut_after=1_500_000, reset=True)],
            [Fault(cut_after=1000), Fault(status=503), Fault(cut_after=1000, reset=True)],
            [Fault(length_off=-1_000_000)],
            [Fault(length_off=1_000_000)],
            [Fault(pieces=50)],
        ],
        ids=repr,
    )
    def test_faults_change_nothing_in_the_bytes(
        self, server: Server, faults: list[Fault], ranges: bool
    ) -> None:
        info = stat(f"{server.url}/shard.gz", OPTIONS)
        server.ranges = ranges
        server.faults.extend(faults)
        assert read_all(info) == DATA

    def test_a_broken_body_goes_on_where_it_stopped(self, server: Server) -> None:
        info = stat(f"{server.url}/shard.gz", OPTIONS)
        server.faults.append(Fault(cut_after=1000))
        read_all(info)
        assert server.gets() == ["", "bytes=1000-"]

    def test_endless_early_ends_are_an_error_with_a_place(self, server: Server) -> None:
        info = stat(f"{server.url}/shard.gz?sig=s3cret", OPTIONS)
        server.always = Fault(cut_after=100)
        with pytest.raises(TruncatedError) as caught:
            read_all(info)
        assert caught.value.where == f"{server.url}/shard.gz @ 400"
        assert len(server.gets()) == OPTIONS.max_attempts

    def test_an_early_end_is_no_end_even_where_ranges_are_unknown(self, server: Server) -> None:
        info = stat(f"{server.url}/shard.gz", OPTIONS)
        server.ranges, server.always = False, Fault(cut_after=100)
        with pytest.raises(TruncatedError, match="@ 100"):
            read_all(info)

    def test_interruptions_are_forgiven_once_much_was_read(self, server: Server) -> None:
        server.objects["/long"] = DATA * 10
        info = stat(f"{server.url}/long", OPTIONS)
        server.always = Fault(cut_after=len(DATA))
        assert read_all(info) == DATA * 10

    @pytest.mark.parametrize("etags", [True, False])
    def test_an_object_that_changes_in_the_middle_is_an_error(self, server: Server, etags: bool) -> None:
        server.etags = etags
        info = stat(f"{server.url}/shard.gz", OPTIONS)
        server.faults.append(Fault(cut_after=1_048_576))
        with open_stream(info, OPTIONS) as stream:
            assert stream.read(1_048_576) == DATA[:1_048_576]
            server.objects["/shard.gz"] = b"another" + DATA
            with pytest.raises(StorageError, match=r"@ 1048576: the object changed"):
                stream.read_to_end()

    def test_an_object_that_changed_since_the_plan_is_an_error(self, server: Server) -> None:
        info = stat(f"{server.url}/shard.gz", OPTIONS)
        server.objects["/shard.gz"] = bytes(len(DATA))
        with pytest.raises(StorageError, match="changed"):
            open_stream(info, OPTIONS)

    def test_the_size_of_an_object_is_known_by_its_first_byte(self, server: Server) -> None:
        assert stat(f"{server.url}/shard.gz", OPTIONS).size == len(DATA)
        assert stat(f"{server.url}/empty", OPTIONS).size == 0

    def test_a_chunked_body_ends_only_at_its_last_chunk(self, server: Server) -> None:
        server.lengths = server.ranges = False
        info = stat(f"{server.url}/shard.gz", OPTIONS)
        assert info.size is None
        assert read_all(info) == DATA
        server.faults.append(Fault(cut_after=1000))
        assert read_all(info) == DATA
        server.always = Fault(cut_after=1000)
        with pytest.raises(TruncatedError, match="of an unknown number of bytes"):
            read_all(info)

    def test_a_body_without_length_or_chunks_has_no_end_to_trust(self, server: Server) -> None:
        server.lengths = server.ranges = server.chunks = False
        with open_stream(ObjectInfo(f"{server.url}/shard.gz"), OPTIONS) as stream:
            got = stream.read(len(DATA))
            with pytest.raises(TruncatedError, match="gives no length"):
                stream.read(1)
        assert got == DATA

    def test_redirects_are_followed_until_they_circle(self, server: Server) -> None:
        server.redirects = {"/old": "/shard.gz", "/circle": "/circle"}
        assert read_all(stat(f"{server.url}/old", OPTIONS)) == DATA
        with pytest.raises(StorageError, match="302"):
            stat(f"{server.url}/circle", OPTIONS)

    def test_ranges_are_read_with_and_without_the_help_of_the_server(self, server: Server) -> None:
        for server.ranges in (True, False):
            uri = f"{server.url}/shard.gz"
            assert read_range(uri, 1_000_000, 50, OPTIONS) == DATA[1_000_000:1_000_050]
            assert read_range(uri, len(DATA) - 5, 50, OPTIONS) == DATA[-5:]
            assert read_range(uri, len(DATA), 50, OPTIONS) == b""
            assert read_range(f"{server.url}/empty", 0, 50, OPTIONS) == b""

    def test_missing_objects_refusals_and_failures_are_told_apart(self, server: Server) -> None:
        with pytest.raises(MissingError, match="no such object"):
            stat(f"{server.url}/nope", OPTIONS)
        for status, what in ((403, "access denied"), (410, "no such object"), (500, "answered 500")):
            server.always = Fault(status=status)
            with pytest.raises(StorageError, match=what):
                open_stream(ObjectInfo(f"{server.url}/shard.gz"), OPTIONS)
            ask_anew()

    def test_no_message_shows_a_signature(self, server: Server) -> None:
        gone = "http://127.0.0.1:1/x?sig=s3cret"
        for uri in (f"{server.url}/nope?sig=s3cret", gone):
            with pytest.raises(StorageError) as caught:
                stat(uri, OPTIONS)
            assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("target", ["http://[::1/x", "http://h:99999/x", "https:///x"])
    def test_a_redirect_to_what_is_no_url_is_reported(self, server: Server, target: str) -> None:
        server.redirects = {"/old": target}
        with pytest.raises(StorageError, match=r"/old: the server redirects to no web site"):
            stat(f"{server.url}/old", OPTIONS)

    @pytest.mark.parametrize("proxy", ["http://[::1", "http://p:99999", "ftp://u:hunter2@p"])
    def test_a_proxy_that_is_none_is_named_and_not_shown(
        self, monkeypatch: pytest.MonkeyPatch, proxy: str
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(ConfigError, match="the proxy that the environment names") as caught:
            stat("https://journal.example/x", OPTIONS)
        assert "hunter2" not in str(caught.value)

    def test_a_server_that_is_not_there_is_reported(self) -> None:
        with pytest.raises(StorageError, match="cannot be reached"):
            stat("http://127.0.0.1:1/x", OPTIONS)

    def test_the_web_is_for_reading(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"x")
        with pytest.raises(StorageError, match="cannot write"):
            put_file(str(tmp_path / "x"), f"{server.url}/x", OPTIONS)

    def test_a_fetched_file_is_whole_or_absent(self, server: Server, tmp_path: Path) -> None:
        server.faults.append(Fault(cut_after=1000))
        fetch_file(f"{server.url}/shard.gz", str(tmp_path / "x"), OPTIONS)
        assert (tmp_path / "x").read_bytes() == DATA
        server.always = Fault(cut_after=1000)
        with pytest.raises(TruncatedError):
            fetch_file(f"{server.url}/shard.gz", str(tmp_path / "y"), OPTIONS)
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    def test_parquet_is_read_by_few_ranges(self, server: Server) -> None:
        table = pa.table(
            {"text": [f"row {i}" for i in range(1000)], "unread": [os.urandom(4000) for _ in range(1000)]}
        )
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=100)
        server.objects["/rows.parquet"] = sink.getvalue()
        server.faults.append(Fault(cut_after=10))
        with random_access(stat(f"{server.url}/rows.parquet", OPTIONS), OPTIONS) as file:
            assert pq.ParquetFile(file).read_row_group(3, ["text"]) == table.select(["text"]).slice(300, 100)
        assert len(server.gets()) <= 4


class TestCertificates:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def secure(self, authority: trustme.CA) -> Iterator[Server]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        with web(context, objects={"/shard.gz": DATA}) as running:
            yield running

    @pytest.fixture
    def bundle(self, authority: trustme.CA, tmp_path: Path) -> str:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        return str(tmp_path / "ca.pem")

    def test_a_named_authority_is_trusted(self, secure: Server, bundle: str) -> None:
        options = StorageOptions(ca_bundle=bundle)
        assert read_range(f"{secure.url}/shard.gz", 0, 10, options) == DATA[:10]

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_an_authority_of_the_environment_is_trusted(
        self, secure: Server, bundle: str, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.setenv(variable, bundle)
        assert read_range(f"{secure.url}/shard.gz", 0, 10, OPTIONS) == DATA[:10]

    def test_an_unknown_authority_is_refused_at_once(self, secure: Server) -> None:
        with pytest.raises(StorageError, match="not trusted"):
            stat(f"{secure.url}/shard.gz", StorageOptions(backoff_base=1000))

    def test_a_missing_bundle_is_named(self, secure: Server) -> None:
        with pytest.raises(ConfigError, match="no such CA bundle"):
            stat(f"{secure.url}/shard.gz", StorageOptions(ca_bundle="/nowhere.pem"))


class TestProcesses:
    def test_a_forked_worker_opens_connections_of_its_own(self, server: Server) -> None:
        uri = f"{server.url}/shard.gz"
        assert read_range(uri, 0, 4, OPTIONS) == DATA[:4]
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, read_range(uri, 4, 4, OPTIONS))
            os._exit(0)
        assert os.read(reader, 4) == DATA[4:8]
        os.waitpid(child, 0)
        assert read_range(uri, 8, 4, OPTIONS) == DATA[8:12]
        parent, worker, parent_again = server.peers
        assert parent == parent_again != worker

    def test_reading_files_loads_neither_boto3_nor_urllib3(self) -> None:
        code = (
            "import sys; from presswatch_spark.storage import objects, shards;"
            "print(sorted({'boto3', 'urllib3', 'pyspark', 'pyarrow'} & set(sys.modules)))"
        )
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert loaded.stdout.strip() == "[]"
