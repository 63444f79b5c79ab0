"""Rows verified against S3 and HTTPS: by ranges where they suffice, and no absence where nothing answers."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from presswatch_spark.cli import main as cli
from tests.world.scanned import FORMS, scan_here, some_pages
from tests.world.servers import Fault, Server, web


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """Shards of every form in `shards`, and `tables` that found them on disk."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "shards").mkdir()
    for name, write in FORMS.items():
        write(folder / "shards" / name, some_pages())
    scan_here([folder / "shards" / name for name in FORMS], corpus, folder / "tables")
    return folder


def verified(
    release: Path, place: str, capsys: pytest.CaptureFixture[str], *options: str
) -> list[dict[str, Any]]:
    """All rows as the command prints them, the shards read from `place`."""
    mirror = f"{release / 'shards'}={place}"
    arguments = ["verify-rows", str(release / "tables"), "--sample", "100000", "--json", "--mirror", mirror]
    code = cli.run([*arguments, *options])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == (0 if all(row["verified"] for row in rows) else 3)
    return rows


def test_rows_verify_from_s3_whatever_it_does_wrong(
    release: Path,
    client: Any,
    bucket: str,
    faulty: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for path in (release / "shards").iterdir():
        client.upload_file(str(path), bucket, f"crawl/{path.name}")
    monkeypatch.setenv("PRESSWATCH_STORAGE__BACKOFF_BASE", "0.01")
    faulty.faults.extend([Fault(status=503), Fault(cut_after=100), Fault(), Fault(cut_after=50, reset=True)])
    rows = verified(release, f"s3://{bucket}/crawl", capsys, "--endpoint", faulty.url)
    assert len(rows) > 100
    assert all(row["verified"] for row in rows)
    assert not faulty.faults, "every fault was met"


def test_a_record_of_its_own_is_one_range_request(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("PRESSWATCH_STORAGE__CA_BUNDLE", str(tmp_path / "ca.pem"))
    objects = {f"/m/{path.name}": path.read_bytes() for path in (release / "shards").iterdir()}
    with web(context, objects=objects) as server:
        rows = verified(release, f"{server.url}/m", capsys)
        asked = [where for method, path, where in server.requests if method == "GET" and "/a.warc" in path]
        in_order = [path for method, path, _ in server.requests if method == "GET" and "/single.warc" in path]
        wet = next(row["pointer"] for row in rows if "/a.warc.wet.gz" in row["pointer"])
        server.requests.clear()
        assert cli.run(["fetch", wet]) == 0
        single = server.gets()
    assert all(row["verified"] for row in rows)
    ranges = [tuple(map(int, where.removeprefix("bytes=").split("-"))) for where in asked]
    places = {row["pointer"] for row in rows if "/a.warc.wet.gz" in row["pointer"]}
    assert len(ranges) == len(places)
    assert {f"offset={first}," for first, _ in ranges} == {
        place.split("#")[1].split("length")[0] for place in places
    }
    assert all(f"length={last - first + 1 - 16}," in str(places) for first, last in ranges)
    assert len(single) == 1
    assert len(in_order) <= 2, "once to see what it is, once for all rows"


def test_a_server_that_does_not_answer_is_no_absence_and_is_asked_once(
    release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__MAX_ATTEMPTS", "1")
    objects = {f"/m/{path.name}": path.read_bytes() for path in (release / "shards").iterdir()}
    with web(objects=objects, always=Fault(status=503)) as server:
        rows = verified(release, f"{server.url}/m", capsys)
        asked = [path for _, path, _ in server.requests if "/a.warc" in path]
    assert {row["reason"] for row in rows} == {"not reached"}
    assert len(asked) <= 2


def test_what_the_server_has_not_is_no_shard(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with web() as server:
        rows = verified(release, f"{server.url}/m", capsys)
    assert {row["reason"] for row in rows} == {"no shard"}
