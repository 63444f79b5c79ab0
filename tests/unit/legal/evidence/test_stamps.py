"""Time-stamps of a seal: of authorities that are right, down, or lying; anybody's `openssl` checks them."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core import extras
from presswatch_spark.core.errors import InUseError, OutputError
from presswatch_spark.core.extras import install_command
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import Bag
from presswatch_spark.legal.evidence.reading import verified
from presswatch_spark.legal.evidence.stamps import (
    RefusedStampError,
    _asked,
    parse_authority,
    stamp_bag,
    stamps_of,
)
from tests.world.authority import Authority, authority
from tests.world.bags import build, by_itself, files, flipped, some_rows
from tests.world.documents import commands, text_of
from tests.world.proofs import each_time
from tests.world.release import QUICK, Release

STORAGE = load_scan_config(flags=QUICK).storage


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("one")) as running:
        yield running


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("two"), "Autre") as running:
        yield running


@pytest.fixture(autouse=True)
def honest(one: Authority, two: Authority) -> None:
    one.lie = two.lie = ""


@pytest.fixture
def stamped(crawl: Release, one: Authority, two: Authority, tmp_path: Path) -> Path:
    """A small bag with two time-stamps."""
    both = [parse_authority(each.trusted, STORAGE) for each in (one, two)]
    rows = str(some_rows(crawl, 3))
    bag, built = build(crawl, f"stamped-{tmp_path.name}", rows=rows, confidences=(), authorities=both)
    assert [each.is_stamped for each in built.stamps] == [True, True]
    return bag


def openssl(bag: Path, name: str, certificates: Path) -> bool:
    words = ["openssl", "ts", "-verify", "-in", name, "-data", "seal.json", "-CAfile", str(certificates)]
    return subprocess.run(words, cwd=bag, capture_output=True, check=False).returncode == 0


def tokens(bag: Path) -> list[str]:
    return [name for name in files(bag) if name.endswith(".tsr")]


def test_openssl_verifies_each_time_stamp_with_the_files_in_the_bag(
    stamped: Path, one: Authority, two: Authority
) -> None:
    assert len(tokens(stamped)) == 2
    for name, by, other in zip(tokens(stamped), (one, two), (two, one), strict=True):
        assert openssl(stamped, name, stamped / name.replace(".tsr", ".pem"))
        assert openssl(stamped, name, by.root)
        assert not openssl(stamped, name, other.root)
    with flipped(stamped / "seal.json", 20):
        assert not any(openssl(stamped, name, one.root) for name in tokens(stamped))


def test_a_time_stamp_must_rest_on_what_a_reader_trusts(
    stamped: Path, one: Authority, two: Authority
) -> None:
    assert not verified(stamped).faults
    notes = [note for note in verified(stamped).notes if note.startswith("stamps/")]
    assert len(notes) == 2
    assert all("sealed before 20" in note and "lies in the bag" in note for note in notes)
    trusted = [each.root.read_bytes() for each in (one, two)]
    assert not verified(stamped, trusted).faults
    (fault,) = verified(stamped, trusted[:1]).faults.items()
    assert fault[0] == tokens(stamped)[1]
    assert "its chain does not lead to" in fault[1]


def test_a_changed_byte_in_a_time_stamp_is_named(stamped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in files(stamped):
        if name.startswith("stamps/"):
            size = (stamped / name).stat().st_size
            for place in (0, 9, size // 3, size // 2, size - 1):
                with flipped(stamped / name, place):
                    assert name in verified(stamped).faults
                    alone.main(str(stamped))
                    assert f"REFUSED {name}" in capsys.readouterr().out
            with flipped(stamped / name, size // 2):
                assert f"REFUSED {name}" in by_itself(stamped)[1]


def test_a_time_stamp_of_another_seal_is_refused_though_the_manifests_list_it(
    stamped: Path, small: Path
) -> None:
    bag = Bag(small)
    bag.write("stamps/01-x.tsr", (stamped / tokens(stamped)[0]).read_bytes())
    bag.write("stamps/01-x.pem", (stamped / tokens(stamped)[0].replace(".tsr", ".pem")).read_bytes())
    bag._write_manifests("tagmanifest", bag.measured())
    assert alone.check(str(small)).faults == {"stamps/01-x.tsr": "is a time-stamp of something else"}
    assert verified(small).faults.keys() == {"stamps/01-x.tsr"}


def test_an_answer_that_says_it_is_a_refusal_is_refused_by_both_verifiers(stamped: Path) -> None:
    name = next(name for name in files(stamped) if name.endswith(".tsr"))
    token = bytearray((stamped / name).read_bytes())
    place = token.index(b"\x02\x01\x00")
    token[place + 2] = 2
    (stamped / name).write_bytes(token)
    Bag(stamped)._write_manifests("tagmanifest", Bag(stamped).measured())
    code, said = by_itself(stamped)
    assert (code, f"REFUSED {name}" in said) == (1, True)
    assert name in verified(stamped).faults


@pytest.mark.usefixtures("without_pages")
@pytest.mark.parametrize(
    ("lie", "why"),
    each_time(
        [("down", "cannot be reached"), ("imprint", "of something else")],
        [
            ("down", "cannot be reached"),
            ("refuses", "answered 500"),
            ("garbage", "no time-stamp that can be read"),
            ("imprint", "of something else"),
            ("nonce", "its nonce is another"),
        ],
    ),
)
def test_an_authority_that_fails_leaves_a_sound_bag_without_its_stamp(
    lie: str, why: str, crawl: Release, one: Authority, two: Authority, tmp_path: Path, capsys: Any
) -> None:
    one.lie, out = lie, tmp_path / "bag"
    words = ["evidence", "build", "--rows", str(some_rows(crawl, 3)), "--corpus", str(crawl.corpus)]
    words += ["--tsa", one.trusted, "--tsa", two.trusted, "--out", str(out), str(crawl.tables)]
    assert cli.run(words) == 3
    said = capsys.readouterr()
    assert f"no time-stamp of {one.url}: " in said.err
    assert why in said.err
    assert len(tokens(out)) == 1
    assert not verified(out, [two.root.read_bytes()]).faults
    one.lie = ""
    assert cli.run(["evidence", "stamp", "--tsa", one.trusted, str(out)]) == 0
    assert len(tokens(out)) == 2
    assert not verified(out, [each.root.read_bytes() for each in (one, two)]).faults
    assert by_itself(out)[0] == 0


@pytest.mark.parametrize("lie", ["drips", "drips its head", "drips its chunks", "waits"])
def test_an_authority_that_drips_or_waits_is_left(
    lie: str, small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.lie = lie
    monkeypatch.setattr("presswatch_spark.legal.evidence.stamps.ANSWER_SECONDS", 0.2)
    (found,) = stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)
    assert (found.is_stamped, found.remark) == (False, "the answer did not come within 0.2 seconds")


def test_an_authority_is_asked_by_the_proxy_that_the_environment_names(
    small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", one.url)
    monkeypatch.setenv("no_proxy", "")
    (found,) = stamp_bag(Bag(small), [parse_authority(f"http://tsa.example/,{one.root}", STORAGE)], STORAGE)
    assert found.name == "stamps/01-tsa.example.tsr"


def test_who_comes_while_a_bag_is_stamped_is_refused_and_no_stamp_is_lost(
    small: Path, one: Authority, two: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stamp(by: Authority) -> str | None:
        (found,) = stamp_bag(Bag(small), [parse_authority(by.trusted, STORAGE)], STORAGE)
        return found.name

    def met(*given: Any) -> Any:
        with pytest.raises(InUseError, match="another process adds to this bag"):
            stamp(two)
        return stamps_of(*given)

    with monkeypatch.context() as patch:
        patch.setattr("presswatch_spark.legal.evidence.stamps.stamps_of", met)
        names = [stamp(one)]
    names.append(stamp(two))
    assert tokens(small) == names
    assert not alone.check(str(small)).faults


@pytest.mark.parametrize("number", [errno.EBADF, errno.ENOENT])
def test_a_bag_on_a_file_system_that_locks_no_folders_is_stamped(
    small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unlocked(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("presswatch_spark.legal.evidence.bag.file_locked", unlocked)
    if number == errno.EBADF:
        (found,) = stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)
        assert tokens(small) == [found.name]
    else:
        with pytest.raises(OutputError, match="the output cannot be written"):
            stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)


def test_a_time_far_from_this_clock_is_told(
    small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presswatch_spark.legal.evidence.stamps.CLOCK_SECONDS", -1.0)
    (found,) = stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)
    assert re.search(r"that is [+-]\d+ s from this machine's clock", found.remark)


def test_a_chain_that_does_not_lead_to_the_given_certificate_is_refused(
    small: Path, one: Authority, two: Authority
) -> None:
    lying = parse_authority(f"{one.url},{two.root}", STORAGE)
    (found,) = stamp_bag(Bag(small), [lying], STORAGE)
    assert not found.is_stamped
    assert "its chain does not lead to" in found.remark
    assert not tokens(small)
    assert not alone.check(str(small)).faults


def test_certificates_out_of_order_are_kept_as_they_came_and_verify(small: Path, one: Authority) -> None:
    one.lie = "disorder"
    (found,) = stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)
    assert found.is_stamped
    assert "nobody named a certificate" not in found.remark
    (name,) = tokens(small)
    client = pytest.importorskip("rfc3161_client")
    with pytest.raises(ValueError, match="InvalidSetOrdering"):
        list(client.decode_timestamp_response((small / name).read_bytes()).signed_data.certificates)
    assert openssl(small, name, one.root)
    assert not verified(small, [one.root.read_bytes()]).faults


def test_an_authority_without_a_given_certificate_is_taken_by_its_own_and_that_is_said(
    small: Path, one: Authority
) -> None:
    (found,) = stamp_bag(Bag(small), [parse_authority(one.url, STORAGE)], STORAGE)
    assert found.is_stamped
    assert "nobody named a certificate" in found.remark
    assert openssl(small, tokens(small)[0], one.root)


@pytest.mark.parametrize("kind", ["write_bytes", "replace"])
@pytest.mark.parametrize("calls", each_time([0, 3], range(6)))
def test_a_full_disk_leaves_a_bag_as_it_was_before_it_was_stamped(
    small: Path, one: Authority, calls: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (small / name).read_bytes() for name in files(small)}
    real, done = getattr(Path, kind), [0]

    def full(self: Path, *arguments: Any) -> Any:
        done[0] += 1
        if done[0] == calls + 1 or (kind == "write_bytes" and done[0] > calls):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return real(self, *arguments)

    monkeypatch.setattr(Path, kind, full)
    try:
        stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)
    except OSError:
        monkeypatch.undo()
        assert {name: (small / name).read_bytes() for name in files(small)} == before
    monkeypatch.undo()
    assert not alone.check(str(small)).faults
    assert [path.name for path in small.parent.iterdir()] == [small.name]
    assert stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)[0].is_stamped
    assert not verified(small, [one.root.read_bytes()]).faults


def test_what_was_changed_is_not_stamped(small: Path, one: Authority) -> None:
    with (
        flipped(small / alone.ROWS, 50),
        pytest.raises(OutputError, match="does not verify, so it is not stamped"),
    ):
        stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)
    assert not tokens(small)


def test_without_the_library_a_bag_is_not_begun_and_the_extra_is_named(
    crawl: Release, small: Path, one: Authority, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = stamp_bag(Bag(small), [parse_authority(one.trusted, STORAGE)], STORAGE)
    assert found.is_stamped

    def without(name: str) -> Any:
        if name == "rfc3161_client":
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr(extras, "import_module", without)
    out = tmp_path / "bag"
    words = ["evidence", "build", "--corpus", str(crawl.corpus), "--tsa", one.trusted, "--out", str(out)]
    assert cli.run([*words, str(crawl.tables)]) == 1
    assert install_command("legal") in capsys.readouterr().err
    assert not out.exists()
    findings = verified(small)
    assert not findings.faults
    assert any("are not checked" in note and install_command("legal") in note for note in findings.notes)


@pytest.mark.parametrize("text", ["", "tsa.example", "ftp://tsa.example", "http://", ",ca.pem"])
def test_what_names_no_authority_is_refused(text: str, crawl: Release, tmp_path: Path, capsys: Any) -> None:
    words = [
        "evidence",
        "build",
        "--corpus",
        str(crawl.corpus),
        "--tsa",
        text,
        "--out",
        str(tmp_path / "bag"),
    ]
    assert cli.run([*words, str(crawl.tables)]) == 1
    assert "names no time-stamp authority" in capsys.readouterr().err


def test_a_file_without_certificates_is_refused_before_any_bag(
    crawl: Release, one: Authority, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    words = ["evidence", "build", "--corpus", str(crawl.corpus), "--out", str(tmp_path / "bag")]
    assert cli.run([*words, "--tsa", f"{one.url},{tmp_path / 'ca.pem'}", str(crawl.tables)]) == 1
    assert "holds no certificate" in capsys.readouterr().err
    assert not (tmp_path / "bag").exists()


def test_the_guide_seals_verifies_challenges_and_discloses(
    crawl: Release,
    one: Authority,
    two: Authority,
    tmp_path: Path,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its commands, as they stand there; the authorities alone are others."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables").symlink_to(crawl.tables)
    (tmp_path / "corpus").symlink_to(crawl.corpus)
    for each, known_as in ((one, "ca-one.pem"), (two, "ca-two.pem")):
        shutil.copy(each.root, tmp_path / known_as)
    steps = commands(text_of("how-to/seal-evidence"))
    assert len(steps) >= 7
    row = ""
    for words in steps:
        words = [word.replace("https://tsa-one.example/", one.url) for word in words]
        words = [word.replace("https://tsa-two.example/", two.url) for word in words]
        words = [
            row if word == "5d41402a" else re.sub(r"tsa-(one|two)\.example", "127.0.0.1", word)
            for word in words
        ]
        if words[0].endswith("presswatch"):
            assert cli.run(words[1:]) == 0, (words, capsys.readouterr().err)
        else:
            assert subprocess.run(words, check=False, capture_output=True).returncode == 0, words
        if (tmp_path / "bag").exists() and not row:
            first = (tmp_path / "bag" / alone.ROWS).read_bytes().partition(b"\n")[0]
            row = str(json.loads(first)["row"]["row_sha256"])
    assert row


def test_an_authoritys_password_stays_out_of_messages(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "http://anne:hunter2@127.0.0.1:1/stamp?token=hunter2"
    assert cli.run(["evidence", "stamp", "--tsa", url, str(small)]) == 3
    assert cli.run(["evidence", "stamp", "--tsa", url.replace("http", "ftp"), str(small)]) == 1
    told = "".join(capsys.readouterr())
    assert "no time-stamp of http://127.0.0.1:1/stamp: the authority cannot be reached" in told
    assert "ftp://127.0.0.1:1/stamp" in told
    assert "hunter2" not in told


def test_an_authority_gets_user_and_password_in_a_header_and_not_in_the_address() -> None:
    asked = list[tuple[str, str | None]]()

    class Closed(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://anne:hunter%40two@127.0.0.1:{server.server_port}/stamp"
        with pytest.raises(RefusedStampError, match="the authority answered 401"):
            _asked(url, b"request", STORAGE)
        server.shutdown()
    assert asked == [("/stamp", f"Basic {b64encode(b'anne:hunter@two').decode()}")]
