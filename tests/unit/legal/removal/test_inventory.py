"""What the files of a release are: asked for once each, kept in a chain, and read by a person."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.legal.removal import inventory as inventories
from presswatch_spark.legal.removal.case import BrokenCaseError, RemovalCase
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import ReleaseFile
from presswatch_spark.tables.seals import opened_sealed, sealed_parquet
from tests.unit.legal.removal.test_case import target
from tests.world.release import new_case
from tests.world.servers import Fault, Server, web

LOCAL = StorageOptions()
RELEASE = "CC-MAIN-2024-22"
LIST = f"/crawl-data/{RELEASE}/wet.paths.gz"
KEYS = [f"crawl-data/{RELEASE}/segments/1/wet/{number:05}.warc.wet.gz" for number in range(25)]
OLD, NEW = "Wed, 01 May 2024 10:00:00 GMT", "Thu, 26 Nov 2026 10:00:00 GMT"


@pytest.fixture
def server() -> Iterator[Server]:
    with web() as running:
        running.objects = {f"/{key}": key.encode() for key in KEYS}
        running.objects[LIST] = gzip.compress("\n".join(KEYS).encode())
        running.modified = {f"/{key}": OLD for key in KEYS}
        yield running


@pytest.fixture
def case(tmp_path: Path) -> RemovalCase:
    return new_case(str(tmp_path / "case"), [target(1)], {"noticed_at": "2026-09-01"})


def take(case: RemovalCase, server: Server, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    base = ["--release", RELEASE, "--format", "wet", "--base", f"{server.url}/"]
    code = cli.run(["removal", "inventory", *base, case.folder.uri])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_an_inventory_says_that_nothing_was_modified(
    case: RemovalCase, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, _ = take(case, server, capsys)
    assert code == 0
    assert f"inventory 1 of {RELEASE}: 25 files: 25 same" in said
    assert "none modified since 2026-09-01 00:00 UTC; the newest on 2024-05-01 10:00 UTC" in said
    rows = case.release_files()
    assert [row.file_uri for row in rows] == [f"{server.url}/{key}" for key in KEYS]
    assert {(row.bytes, row.last_modified) for row in rows} == {(len(KEYS[0]), OLD)}


def test_files_that_changed_are_named_and_missing_ones_counted(
    case: RemovalCase, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.modified[f"/{KEYS[3]}"] = NEW
    server.modified.pop(f"/{KEYS[4]}")
    server.objects.pop(f"/{KEYS[5]}")
    code, said, _ = take(case, server, capsys)
    assert code == 0
    assert "1 missing, 24 same" in said
    assert "1 modified since" in said
    assert f"modified: {server.url}/{KEYS[3]}" in said
    assert "1 file did not say when it was modified" in said
    assert take(case, server, capsys)[1].startswith("inventory 2 of")


def test_an_inventory_that_was_stopped_goes_on(
    case: RemovalCase, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "FILES_WRITTEN", 10)
    monkeypatch.setattr(inventories, "FILES_AT_ONCE", 1)
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0.1")
    server.faults.extend([Fault()] * 14)
    server.always = Fault(status=429)
    code, said, errors = take(case, server, capsys)
    assert (code, "left alone" in errors) == (3, True)
    asked = {row.file_uri for row in case.release_files()}
    assert 10 <= len(asked) < 25
    server.always = Fault()
    code, said, _ = take(case, server, capsys)
    assert (code, "inventory 1 of" in said, "25 same" in said) == (0, True, True)
    again = [row.file_uri for row in case.release_files()]
    assert len(again) == len(set(again)) == 25


def test_a_change_in_the_inventory_is_named(
    case: RemovalCase, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    take(case, server, capsys)
    (path,) = (Path(case.folder.uri) / "release_files").iterdir()
    rows = opened_sealed(path.read_bytes()).read().to_pylist()
    rows[7]["last_modified"] = NEW
    plain = ReleaseFile.schema.remove_metadata()
    path.write_bytes(sealed_parquet([pa.RecordBatch.from_pylist(rows, plain)], plain))
    with pytest.raises(BrokenCaseError, match="row 7, in release_files"):
        case.release_files()
    assert take(case, server, capsys)[0] == 1


def test_a_release_that_nobody_knows_is_refused(
    case: RemovalCase, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.run(["removal", "inventory", "--release", "CC-MAIN-2024", "--format", "wet", case.folder.uri])
    assert code == 1
    assert "CC-MAIN-2024" in capsys.readouterr().err
    assert json.dumps(case.notes("inventories")) == "[]"
