"""Web sites: bodies without lengths, redirects, certificates, bad answers, and what is told of exchanges."""

import gzip
import hashlib
import os
import pickle
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event

import pytest
import trustme

from presswatch_spark.core.errors import ConfigError, StorageError, TruncatedError
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning.runs.run_work import failure_of, guarded
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.storage import host_limits
from presswatch_spark.storage.host_limits import forget_hosts
from presswatch_spark.storage.http_exchanges import exchanges_recorded, is_recording, record_exchange
from presswatch_spark.storage.locks_and_leases import GuardedObject, silent
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    StorageOptions,
    ask,
    open_stream,
    read_object,
    read_range,
    stat,
    write_object,
)
from presswatch_spark.storage.shards import plan
from presswatch_spark.storage.streams import Opener
from tests.conftest import TEST_AWS
from tests.world.places import QUICK, read_all
from tests.world.servers import Fault, Server, answering, web

DATA = bytes(range(256)) * 5_000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with web(objects={"/shard.gz": DATA, "/empty": b""}) as running:
        yield running


class TestBodies:
    def test_an_early_end_is_no_end_even_where_ranges_are_unknown(self, server: Server) -> None:
        info = stat(f"{server.url}/shard.gz", QUICK)
        server.ranges, server.always = False, Fault(cut_after=100)
        with pytest.raises(TruncatedError, match="@ 100"):
            read_all(info)

    def test_interruptions_are_forgiven_once_much_was_read(self, server: Server) -> None:
        server.objects["/long"] = DATA * 25
        info = stat(f"{server.url}/long", QUICK)
        server.always = Fault(cut_after=3_000_000)
        assert read_all(info) == DATA * 25

    def test_a_chunked_body_ends_only_at_its_last_chunk(self, server: Server) -> None:
        server.lengths = server.ranges = False
        info = stat(f"{server.url}/shard.gz", QUICK)
        assert info.size is None
        assert read_all(info) == DATA
        server.faults.append(Fault(cut_after=1000))
        assert read_all(info) == DATA
        server.always = Fault(cut_after=1000)
        with pytest.raises(TruncatedError, match="of an unknown number of bytes"):
            read_all(info)

    def test_a_body_without_length_or_chunks_has_no_end_to_trust(self, server: Server) -> None:
        server.lengths = server.ranges = server.chunks = False
        with open_stream(ObjectInfo(f"{server.url}/shard.gz"), QUICK) as stream:
            got = stream.read(len(DATA))
            with pytest.raises(TruncatedError, match="states no length"):
                stream.read(1)
        assert got == DATA

    def test_redirects_are_followed_until_they_circle(self, server: Server) -> None:
        server.redirects = {"/old": "/shard.gz", "/circle": "/circle"}
        assert read_all(stat(f"{server.url}/old", QUICK)) == DATA
        with pytest.raises(StorageError, match="302"):
            stat(f"{server.url}/circle", QUICK)

    def test_a_forked_worker_opens_connections_of_its_own(self, server: Server) -> None:
        uri = f"{server.url}/shard.gz"
        assert read_range(uri, 0, 4, QUICK) == DATA[:4]
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, read_range(uri, 4, 4, QUICK))
            os._exit(0)
        assert os.read(reader, 4) == DATA[4:8]
        os.waitpid(child, 0)
        assert read_range(uri, 8, 4, QUICK) == DATA[8:12]
        parent, worker, parent_again = server.peers
        assert parent == parent_again != worker

    def test_reading_files_loads_neither_boto3_nor_urllib3(self) -> None:
        code = (
            "import sys; from presswatch_spark.storage import objects, shards;"
            "print(sorted({'boto3', 'urllib3', 'pyspark', 'pyarrow'} & set(sys.modules)))"
        )
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert loaded.stdout.strip() == "[]"


class TestRefusals:
    def test_missing_objects_refusals_and_failures_are_told_apart(self, server: Server) -> None:
        for status, what in ((403, "access denied"), (410, "no such object"), (500, "answered 500")):
            server.always = Fault(status=status)
            with pytest.raises(StorageError, match=what):
                open_stream(ObjectInfo(f"{server.url}/shard.gz"), QUICK)
            forget_hosts()

    def test_no_message_shows_a_signature(self, server: Server) -> None:
        server.always = Fault(cut_after=100)
        for read, path, kind in ((stat, "none", MissingError), (read_object, "shard.gz", TruncatedError)):
            with pytest.raises(kind) as caught:
                read(f"{server.url}/{path}?sig=s3cret", QUICK)
            assert "s3cret" not in str(caught.value)
        with pytest.raises(StorageError, match="cannot be reached") as unreached:
            stat("http://127.0.0.1:1/x?sig=s3cret", QUICK)
        assert "s3cret" not in str(unreached.value)

    @pytest.mark.parametrize("proxy", ["http://[::1", "http://p:99999", "ftp://u:hunter2@p"])
    def test_a_wrong_proxy_is_named_and_not_shown(self, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(ConfigError, match="the proxy in the environment") as caught:
            stat("https://journal.example/x", QUICK)
        assert "hunter2" not in str(caught.value)


class TestCertificates:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def between(self, authority: trustme.CA) -> trustme.CA:
        return authority.create_child_ca()

    @pytest.fixture
    def url(self, between: trustme.CA) -> Iterator[str]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        between.issue_cert("localhost").configure_cert(context)
        with web(context, objects={"/shard.gz": DATA}) as running:
            yield f"{running.url}/shard.gz"

    @pytest.fixture
    def bundle(self, authority: trustme.CA, tmp_path: Path) -> str:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        return str(tmp_path / "ca.pem")

    def test_a_named_authority_is_trusted_and_the_certificates_are_told(
        self, url: str, bundle: str, between: trustme.CA
    ) -> None:
        with exchanges_recorded() as heard:
            assert read_range(url, 0, 10, StorageOptions(ca_bundle=bundle)) == DATA[:10]
        (told,) = heard
        assert told.peer.tls in ("TLSv1.2", "TLSv1.3")
        assert told.peer.cipher
        own, above = told.peer.certificates[:2]
        assert ssl.DER_cert_to_PEM_cert(above).strip() == between.cert_pem.bytes().decode().strip()
        assert own != above

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_an_authority_of_the_environment_is_trusted(
        self, url: str, bundle: str, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.setenv(variable, bundle)
        assert read_range(url, 0, 10, QUICK) == DATA[:10]

    def test_an_unknown_authority_is_refused_at_once_and_a_missing_bundle_is_named(self, url: str) -> None:
        with pytest.raises(StorageError, match="not trusted"):
            stat(url, StorageOptions(backoff_base=1000))
        with pytest.raises(ConfigError, match=r"no such CA bundle.*check storage.ca_bundle"):
            stat(url, StorageOptions(ca_bundle="/nowhere.pem"))


class TestExchanges:
    """Requests and answers are told to whoever listens, with those who answered, and without secrets."""

    def test_each_request_is_told_with_its_answer_and_who_gave_it(self, server: Server) -> None:
        uri = f"{server.url}/shard.gz"
        with exchanges_recorded() as heard:
            assert read_range(uri, 2, 3, QUICK) == DATA[2:5]
            assert stat(uri, QUICK).size == len(DATA)
        first, second = heard
        assert (first.method, first.uri, first.status) == ("GET", uri, 206)
        assert ("Range", "bytes=2-4") in first.request
        assert ("Content-Range", f"bytes 2-4/{len(DATA)}") in first.headers
        assert first.peer.remote == server.url.removeprefix("http://")
        assert first.peer.local
        assert first.peer.local.startswith("127.0.0.1:")
        assert (first.peer.tls, first.peer.certificates) == (None, ())
        assert first.sent_at <= first.answered_at <= second.answered_at
        assert ("Range", "bytes=0-0") in second.request

    def test_nothing_is_kept_once_the_listener_has_gone(self, server: Server) -> None:
        with exchanges_recorded() as heard, exchanges_recorded() as inner:
            assert is_recording()
            read_range(f"{server.url}/shard.gz", 0, 1, QUICK)
        assert not is_recording()
        read_range(f"{server.url}/shard.gz", 0, 1, QUICK)
        assert (len(heard), len(inner)) == (1, 1)

    def test_tries_that_fail_are_told_too(self, server: Server) -> None:
        server.faults.extend([Fault(lost=True), *[Fault(status=503)] * 3])
        with exchanges_recorded() as heard, pytest.raises(StorageError):
            read_range(f"{server.url}/shard.gz", 0, 1, QUICK)
        assert [(each.status, bool(each.failure)) for each in heard] == [(None, True), *[(503, False)] * 3]

    def test_redirects_are_told_without_the_signature_that_they_lead_to(self, server: Server) -> None:
        server.redirects["/b"] = f"{server.url}/shard.gz?X-Amz-Signature=hunter2"
        with exchanges_recorded() as heard:
            assert ask(f"{server.url}/b?token=hunter2", 0, 3, QUICK).body == DATA[:3]
        assert [each.status for each in heard] == [302, 206]
        assert "hunter2" not in repr(heard)
        assert f"{server.url}/shard.gz?…" in repr(heard)

    def test_headers_with_credentials_are_not_told(self) -> None:
        sent = {"Authorization": "hunter2", "X-Amz-Security-Token": "hunter2", "Range": "bytes=0-1"}
        came = [("Set-Cookie", "hunter2"), ("ETag", '"e"')]
        with exchanges_recorded() as heard:
            record_exchange("GET", "https://user:hunter2@x.example/a?sig=hunter2", sent, 1.0, 200, came)
        (told,) = heard
        assert "hunter2" not in repr(told)
        assert (told.request, told.headers) == ((("Range", "bytes=0-1"),), (("ETag", '"e"'),))


class TestShardDigests:
    """The SHA-256 of a shard as it is stored: taken while it is read, and as its publisher declares it."""

    def read_in_pieces(self, opener: Opener, info: ObjectInfo, most: int) -> None:
        with opener.open(info, QUICK) as stream:
            while stream.position < most and stream.read(70_000):
                pass

    def test_a_shard_that_is_read_to_its_end_is_not_read_again(self, server: Server) -> None:
        opener, info = Opener(digests=True), ObjectInfo(f"{server.url}/shard.gz")
        with opener.look(info, QUICK) as head:
            head.read(1000)
        with opener.open(info, QUICK) as stream:
            stream.read_to_end()
        assert opener.sha256(info, QUICK) == SHA256
        assert len(server.gets()) == 1

    def test_a_digest_takes_each_byte_once_over_interruptions_and_repeats(self, server: Server) -> None:
        server.faults.extend([Fault(cut_after=300_000), Fault(cut_after=10, reset=True)])
        with open_stream(ObjectInfo(f"{server.url}/shard.gz"), QUICK, digests=True) as stream:
            stream.push_back(stream.read(50_000))
            assert stream.sha256 is None
            assert stream.read_to_end() == DATA
            assert stream.sha256 == SHA256
            stream.push_back(DATA[-5:])
            assert stream.sha256 is None

    @pytest.mark.parametrize("read", [0, 1000, 500_000])
    def test_of_a_shard_that_was_not_read_whole_in_order_all_is_read_once_more(
        self, server: Server, tmp_path: Path, read: int
    ) -> None:
        (tmp_path / "shard").write_bytes(DATA)
        for uri in (f"{server.url}/shard.gz", str(tmp_path / "shard")):
            opener, info = Opener(digests=True), stat(uri, QUICK)
            if read:
                self.read_in_pieces(opener, info, read)
            assert opener.sha256(info, QUICK) == SHA256

    def test_a_shard_that_changed_after_it_was_read_has_no_digest(self, tmp_path: Path) -> None:
        shard = tmp_path / "shard"
        shard.write_bytes(DATA)
        opener, info = Opener(digests=True), stat(str(shard), QUICK)
        shard.write_bytes(DATA[::-1] + b"more")
        with pytest.raises(StorageError, match="changed"):
            opener.sha256(info, QUICK)

    def test_without_the_flag_nothing_is_digested_and_workers_get_the_flag(self, tmp_path: Path) -> None:
        shard = ObjectInfo(str(tmp_path / "shard"))
        Path(shard.uri).write_bytes(DATA)
        with open_stream(shard, QUICK) as stream:
            stream.read_to_end()
            assert stream.sha256 is None
        copy = pickle.loads(pickle.dumps(Opener(digests=True)))
        self.read_in_pieces(copy, shard, len(DATA) + 1)
        Path(shard.uri).write_bytes(b"another")
        assert copy.sha256(shard, QUICK) == SHA256

    def test_what_a_hub_declares_is_kept_over_its_redirect(self, server: Server) -> None:
        server.redirects = {"/resolve/main/shard.gz": "/shard.gz", "/small": "/shard.gz"}
        # Files outside of large-file storage have another kind of tag.
        server.linked = {"/resolve/main/shard.gz": SHA256.upper(), "/small": "a1b2c3"}
        asked = ObjectInfo(f"{server.url}/resolve/main/shard.gz")
        declared = [stat(f"{server.url}/{path}", QUICK).sha256 for path in ("small", "shard.gz")]
        assert (stat(asked.uri, QUICK).sha256, declared) == (SHA256, [None, None])
        opener = Opener()
        with opener.look(asked, QUICK) as head:
            head.read(10)
        assert opener.described(asked).sha256 == SHA256
        opener.close()


class TestSilence:
    """Silent servers, and holders of leases that may have died: the user is told what is waited for."""

    @pytest.fixture
    def site(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        """A server that sends the head and five bytes of `/body`, and else nothing."""
        over = Event()
        monkeypatch.setattr(host_limits, "_SILENCE_REPORTED", {})

        def answer(path: str) -> Iterator[bytes]:
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst" if path == "/body" else b""
            over.wait(10)

        with answering(answer) as url:
            yield url
            over.set()

    def options(self, endpoint: str | None = None) -> StorageOptions:
        return StorageOptions(
            endpoint=endpoint, max_attempts=2, backoff_base=0.0001, read_timeout=0.1, connect_timeout=0.1
        )

    @pytest.mark.parametrize("path", ["/shard.warc.gz", "/body"])
    def test_the_first_silence_of_a_site_names_shard_host_and_attempt_once(
        self, path: str, site: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for _ in range(2):
            with pytest.raises((StorageError, TruncatedError)):
                read_object(f"{site}{path}?X-Amz-Signature=hunter2", self.options())
        (line,) = capsys.readouterr().err.splitlines()
        host = site.removeprefix("http://")
        assert line == f"{host} sent nothing for 0.1 s: {site}{path} (attempt 1 of 2)"

    def test_silence_of_s3_is_told_at_the_first_attempt(
        self, site: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in TEST_AWS.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StorageError):
            read_object("s3://shards/a.warc.gz", self.options(site))
        told = re.findall("sent nothing for (.*)", capsys.readouterr().err)
        assert told == [f"0.1 s: {site}/shards/a.warc.gz (attempt 1 of 2)"]

    def test_the_wait_for_a_holder_that_may_have_died_is_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        locks = [GuardedObject(str(tmp_path / name), QUICK) for name in ("a.lock", "b.lock", "c.lock")]
        waits = list[float]()
        assert set(silent(locks, waits.append)) == set(locks)
        assert (waits, capsys.readouterr().err) == ([], "")
        for lock in locks:
            write_object(lock.uri, b"held", QUICK)
        silent(locks, waits.append)
        (line,) = capsys.readouterr().err.splitlines()
        assert line == (
            f"waiting up to {sum(waits):,.0f} s to see whether another process still holds {locks[0].uri}"
            " and 2 more"
        )


SHARD = gzip.compress(b'{"url": "https://a.example/1", "text": "un", "timestamp": "2024-01-01T00:00:00Z"}\n')
FOUND = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: "
BAD = {
    "redirect-to-a-file": (FOUND + b"file:///etc/passwd\r\n\r\n", "redirects outside the web"),
    "redirect-loop": (FOUND + b"/redirect-loop\r\n\r\n", "the server answered 302"),
    "garbage": (b"\x00garbage\r\n\r\n", "the server cannot be reached"),
    "no-content": (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "the server answered 204"),
    "no-number": (
        b"HTTP/1.1 503 Busy\r\nRetry-After: -1e309\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "the server answered 503",
    ),
    "no-length": (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ""),
    "nothing": (b"", "the server cannot be reached"),
}
"""Answers, and the errors for them; a length below zero is one only when the shard is read."""


class TestBadAnswers:
    """A bad answer while shards are planned concerns one shard; others are read, folders of ours never."""

    @pytest.fixture
    def site(self) -> Iterator[str]:
        good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(SHARD) + SHARD
        with answering(lambda path: [BAD.get(path.strip("/"), (good, ""))[0]]) as url:
            yield url

    def read(self, reading: ShardAttempt) -> None:
        options = ReadOptions(storage=QUICK)
        for batch in format_for("auto", reading.shard, options).read(reading.shard, options, reading.report):
            assert len(batch)

    def test_every_bad_answer_fails_its_shard_and_no_other(self, site: str) -> None:
        shards = plan([f"{site}/{name}" for name in ("good.json.gz", *BAD)], QUICK)
        statuses = dict[str, str]()
        for shard in shards:
            reading = ShardAttempt(shard)
            guarded(partial(self.read, reading), reading, shard.uri)
            name = shard.uri.rpartition("/")[2]
            statuses[name] = reading.status
            if name in BAD and (said := BAD[name][1]):
                assert said in "; ".join(reading.defects)
                assert failure_of(reading) == "storage"
        assert statuses == {"good.json.gz": "complete", **dict.fromkeys(BAD, "failed")}

    @pytest.mark.parametrize(("name", "said"), [(name, said) for name, (_, said) in BAD.items() if said])
    def test_a_scan_of_bad_answers_only_is_an_error_at_once(self, name: str, said: str, site: str) -> None:
        with pytest.raises(StorageError, match=said):
            plan([f"{site}/{name}"], QUICK)
