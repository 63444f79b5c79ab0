"""Time-stamps of a seal: of authorities that are right, down, or lying; anybody's `openssl` checks them."""

import errno
import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core import extras
from presswatch_spark.core.errors import InUseError, OutputError
from presswatch_spark.core.extras import install_command
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import Bag, Stamped, parse_authority, stamp_bag, stamps_of
from presswatch_spark.legal.evidence.reading import verified
from tests.world.authority import Authority, authority
from tests.world.bags import build, by_itself, contents, files, flipped, lines, refused, some_rows
from tests.world.commands import outcome
from tests.world.documents import commands, text_of
from tests.world.processes import raising
from tests.world.proofs import each_time
from tests.world.release import QUICK, Release

STORAGE = load_scan_config(flags=QUICK).storage
SETTINGS = "presswatch_spark.legal.evidence.bag"


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
    both = [parse_authority(each.trusted, STORAGE) for each in (one, two)]
    bag, built = build(crawl, f"stamped-{tmp_path.name}", some=3, authorities=both)
    assert all(each.name for each in built.stamps)
    return bag


def stamp(bag: Path, by: str) -> Stamped:
    """Have a bag stamped by an authority, named as `--tsa` takes it."""
    (found,) = stamp_bag(Bag(bag), [parse_authority(by, STORAGE)], STORAGE)
    return found


def openssl(bag: Path, name: str, certificates: Path) -> bool:
    words = ["openssl", "ts", "-verify", "-in", name, "-data", "seal.json", "-CAfile", str(certificates)]
    return subprocess.run(words, cwd=bag, capture_output=True, check=False).returncode == 0


def tokens(bag: Path) -> list[str]:
    return [name for name in files(bag) if name.endswith(".tsr")]


def test_a_stamp_verifies_by_what_a_reader_trusts(stamped: Path, one: Authority, two: Authority) -> None:
    first, second = tokens(stamped)
    for name, by, other in ((first, one, two), (second, two, one)):
        assert openssl(stamped, name, stamped / name.replace(".tsr", ".pem"))
        assert openssl(stamped, name, by.root)
        assert not openssl(stamped, name, other.root)
    with flipped(stamped / "seal.json", 20):
        assert not openssl(stamped, first, one.root)
        assert not openssl(stamped, second, one.root)
    assert not verified(stamped).faults
    notes = [note for note in verified(stamped).notes if note.startswith("stamps/")]
    assert len(notes) == 2
    assert all("sealed before 20" in note and "is in the bag" in note for note in notes)
    trusted = [each.certificate for each in (one, two)]
    assert not verified(stamped, trusted).faults
    faults = verified(stamped, trusted[:1]).faults
    assert faults.keys() == {second}
    assert "its chain does not lead to" in faults[second]


def test_a_changed_byte_in_a_time_stamp_is_named(stamped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in files(stamped / "stamps"):
        path = stamped / "stamps" / name
        size = path.stat().st_size
        for place in (0, 9, size // 3, size // 2, size - 1):
            with flipped(path, place):
                assert f"stamps/{name}" in verified(stamped).faults
                alone.main(str(stamped))
                assert f"REFUSED stamps/{name}" in capsys.readouterr().out
        with flipped(path, size // 2):
            assert f"REFUSED stamps/{name}" in by_itself(stamped)[1]


def test_a_stamp_of_another_seal_or_a_refusal_is_refused(stamped: Path, small: Path) -> None:
    name = tokens(stamped)[0]
    bag = Bag(small)
    bag.write("stamps/01-x.tsr", (stamped / name).read_bytes())
    bag.write("stamps/01-x.pem", (stamped / name.replace(".tsr", ".pem")).read_bytes())
    bag._write_manifests("tagmanifest", bag.measured())
    assert alone.check(str(small)).faults == {"stamps/01-x.tsr": "is a time-stamp for other data"}
    assert verified(small).faults.keys() == {"stamps/01-x.tsr"}

    token = bytearray((stamped / name).read_bytes())
    token[token.index(b"\x02\x01\x00") + 2] = 2
    (stamped / name).write_bytes(token)
    Bag(stamped)._write_manifests("tagmanifest", Bag(stamped).measured())
    assert refused(stamped, name)


@pytest.mark.usefixtures("without_pages")
@pytest.mark.parametrize(
    ("lie", "why"),
    each_time(
        [("down", "cannot be reached"), ("imprint", "for other data")],
        [
            ("down", "cannot be reached"),
            ("refuses", "answered 500"),
            ("garbage", "not a readable time-stamp"),
            ("imprint", "for other data"),
            ("nonce", "its nonce differs"),
        ],
    ),
)
def test_an_authority_that_fails_leaves_a_sound_bag_without_its_stamp(
    lie: str, why: str, crawl: Release, one: Authority, two: Authority, tmp_path: Path
) -> None:
    one.lie, out = lie, tmp_path / "bag"
    words = ("--rows", some_rows(crawl, 3), "--corpus", crawl.corpus, "--out", out, crawl.tables)
    done = outcome("evidence build", "--tsa", one.trusted, "--tsa", two.trusted, *words)
    assert (done.code, len(tokens(out))) == (3, 1)
    assert f"no time-stamp from {one.url}: " in done.err
    assert why in done.err
    assert not verified(out, [two.certificate]).faults
    one.lie = ""
    assert outcome("evidence stamp", "--tsa", one.trusted, out).code == 0
    assert len(tokens(out)) == 2
    assert not verified(out, [each.certificate for each in (one, two)]).faults
    assert by_itself(out)[0] == 0


def test_a_slow_authority_is_left(small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{SETTINGS}.ANSWER_SECONDS", 0.2)
    remark = "the answer did not come within 0.2 seconds"
    for lie in ("drips", "drips its head", "drips its chunks", "waits"):
        one.lie = lie
        assert stamp(small, one.trusted) == Stamped(one.url, None, remark), lie


def test_who_comes_while_a_bag_is_stamped_is_refused_and_no_stamp_is_lost(
    small: Path, one: Authority, two: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def met(*given: Any) -> Any:
        with pytest.raises(InUseError, match="another process is adding to this bag"):
            stamp(small, two.trusted)
        return stamps_of(*given)

    with monkeypatch.context() as patch:
        patch.setattr(f"{SETTINGS}.stamps_of", met)
        names = [stamp(small, one.trusted).name]
    names.append(stamp(small, two.trusted).name)
    assert tokens(small) == names
    assert not alone.check(str(small)).faults


@pytest.mark.parametrize("number", [errno.EBADF, errno.ENOENT])
def test_a_bag_on_nfs_without_locks_is_stamped(
    small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    unlocked = raising(OSError(number, os.strerror(number)))
    monkeypatch.setattr("presswatch_spark.legal.evidence.bag.file_locked", unlocked)
    if number == errno.EBADF:
        assert [stamp(small, one.trusted).name] == tokens(small)
    else:
        with pytest.raises(OutputError, match="the output cannot be written"):
            stamp(small, one.trusted)


def test_a_wrong_clock_is_reported(small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{SETTINGS}.CLOCK_SECONDS", -1.0)
    remark = stamp(small, one.trusted).remark
    assert re.search(r"that is [+-]\d+ s from this machine's clock", remark)


def test_only_a_chain_to_the_given_certificate_counts(small: Path, one: Authority, two: Authority) -> None:
    found = stamp(small, f"{one.url},{two.root}")
    assert (found.name, tokens(small)) == (None, [])
    assert "its chain does not lead to" in found.remark
    assert not alone.check(str(small)).faults
    found = stamp(small, one.url)
    assert found.name
    assert "no trusted certificate" in found.remark
    assert openssl(small, tokens(small)[0], one.root)


def test_certificates_out_of_order_are_kept_as_they_came_and_verify(small: Path, one: Authority) -> None:
    one.lie = "disorder"
    found = stamp(small, one.trusted)
    assert [found.name] == tokens(small)
    assert "no trusted certificate" not in found.remark
    client = pytest.importorskip("rfc3161_client")
    with pytest.raises(ValueError, match="InvalidSetOrdering"):
        list(client.decode_timestamp_response((small / found.name).read_bytes()).signed_data.certificates)
    assert openssl(small, str(found.name), one.root)
    assert not verified(small, [one.certificate]).faults


@pytest.mark.parametrize("kind", ["write_bytes", "replace"])
@pytest.mark.parametrize("calls", each_time([0, 3], range(6)))
def test_a_full_disk_leaves_a_bag_as_it_was_before_it_was_stamped(
    small: Path, one: Authority, calls: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(small)
    real, done = getattr(Path, kind), [0]

    def full(self: Path, *arguments: Any) -> Any:
        done[0] += 1
        if done[0] == calls + 1 or (kind == "write_bytes" and done[0] > calls):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return real(self, *arguments)

    monkeypatch.setattr(Path, kind, full)
    try:
        stamp(small, one.trusted)
    except OSError:
        monkeypatch.undo()
        assert contents(small) == before
    monkeypatch.undo()
    assert not alone.check(str(small)).faults
    assert os.listdir(small.parent) == [small.name]
    assert stamp(small, one.trusted).name
    assert not verified(small, [one.certificate]).faults


def test_what_was_changed_is_not_stamped(small: Path, one: Authority) -> None:
    with (
        flipped(small / alone.ROWS, 50),
        pytest.raises(OutputError, match="does not verify, so it is not stamped"),
    ):
        stamp(small, one.trusted)
    assert not tokens(small)


def test_without_the_library_a_bag_is_not_begun_and_the_extra_is_named(
    crawl: Release, small: Path, one: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stamp(small, one.trusted).name

    def without(name: str) -> Any:
        if name == "rfc3161_client":
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr(extras, "import_module", without)
    words = ("--corpus", crawl.corpus, "--tsa", one.trusted, "--out", tmp_path / "bag", crawl.tables)
    done = outcome("evidence build", *words)
    assert (done.code, install_command("legal") in done.err) == (1, True)
    assert not (tmp_path / "bag").exists()
    findings = verified(small)
    assert not findings.faults
    assert any("are not checked" in note and install_command("legal") in note for note in findings.notes)


def test_the_guide_seals_verifies_challenges_and_discloses(
    crawl: Release, one: Authority, two: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands, as they stand there; the authorities alone are others."""
    monkeypatch.chdir(tmp_path)
    Path("tables").symlink_to(crawl.tables)
    Path("corpus").symlink_to(crawl.corpus)
    shutil.copy(one.root, "ca-one.pem")
    shutil.copy(two.root, "ca-two.pem")
    steps = commands(text_of("how-to/seal-evidence"))
    assert len(steps) >= 7
    row = ""
    for words in steps:
        words = [word.replace("https://tsa-one.example/", one.url) for word in words]
        words = [word.replace("https://tsa-two.example/", two.url) for word in words]
        words = [re.sub(r"tsa-(one|two)\.example", "127.0.0.1", word) for word in words]
        words = [row if word == "5d41402a" else word for word in words]
        if words[0].endswith("presswatch"):
            done = outcome("", *words[1:])
            assert done.code == 0, (words, done.err)
        else:
            assert subprocess.run(words, check=False, capture_output=True).returncode == 0, words
        if not row and Path("bag").exists():
            row = lines(Path("bag"))[0]["row"]["row_sha256"]
    assert row


def test_certificates_that_are_not_there_are_no_failure_of_the_output(small: Path, tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    done = outcome("evidence stamp", "--tsa", f"https://tsa.example/,{missing}", small)
    assert (done.code, f"error: {missing}: there is no such file" in done.err) == (1, True)


def test_an_authoritys_password_stays_out_of_messages(small: Path) -> None:
    url = "http://anne:hunter2@127.0.0.1:1/stamp?token=hunter2"
    done = [outcome("evidence stamp", "--tsa", each, small) for each in (url, url.replace("http", "ftp"))]
    assert [each.code for each in done] == [3, 1]
    told = "".join(each.out + each.err for each in done)
    assert "no time-stamp from http://127.0.0.1:1/stamp: the authority cannot be reached" in told
    assert "ftp://127.0.0.1:1/stamp" in told
    assert "hunter2" not in told


def test_an_authority_is_asked_with_a_password_in_a_header_and_by_the_proxy_of_the_environment(
    small: Path, one: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stamp(small, one.trusted.replace("://", "://anne:hunter%40two@")).name
    assert one.heard[-1] == ("/", f"Basic {b64encode(b'anne:hunter@two').decode()}")
    monkeypatch.setenv("http_proxy", one.url)
    monkeypatch.setenv("no_proxy", "")
    assert stamp(small, f"http://tsa.example/,{one.root}").name == "stamps/02-tsa.example.tsr"
