"""Scans with a sealed corpus from end to end: what they publish, and that the key stays where it is."""

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

import presswatch_spark as pw
from presswatch_spark.corpus.sealing.key import SealKey
from presswatch_spark.corpus.sealing.seal import seal
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.digests import table_digest
from tests.conftest import ROOT
from tests.spark.conftest import SHARDS
from tests.spark.press import Press, Scanner
from tests.world.commands import outcome, presswatch

SECRET = np.random.default_rng(11).bytes(32)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def sealed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sealed") / "sealed"
    seal(Corpus.open(str(corpus)), SealKey(SECRET), str(out), StorageOptions())
    return out


def test_a_run_publishes_candidates_for_every_row_of_the_open_scan(
    spark: SparkSession, scan: Scanner, press: Press, sealed: Path, key: Path, tmp_path: Path
) -> None:
    rows = scan(press.shards).rows()
    given = {"corpus": str(sealed), "key_file": str(key), "spark": spark, "out": str(tmp_path / "sealed")}
    run = pw.scan([str(press.shards)], format="wet", **given)
    found = run.tables.read("candidates", run=run.run_id).to_pylist()
    places = {(row["shard_uri"], row["record_offset"]) for row in rows}
    assert len(rows) > 50
    assert places <= {(row["shard_uri"], row["record_offset"]) for row in found}
    row = run.row
    assert row["candidates"] == len(found)
    assert row["table_digest"] == table_digest(each["row_sha256"] for each in found)
    assert (row["shards_complete"], row["shards_planned"]) == (SHARDS, SHARDS)
    assert row["key_fingerprint"] == SealKey(SECRET).fingerprint
    assert run.tables.read("sealed_scan_log").num_rows == SHARDS
    assert run.tables.runs().num_rows == run.tables.read("matches").num_rows == 0
    again = pw.scan([str(press.shards)], format="wet", **{**given, "out": str(tmp_path / "again")})
    assert again.row["table_digest"] == row["table_digest"]


def test_commands_scan_and_list_and_refuse_what_does_not_fit(
    spark: SparkSession, press: Press, corpus: Path, sealed: Path, key: Path, tmp_path: Path
) -> None:
    shard, out = sorted(press.shards.iterdir())[0], tmp_path / "out"
    said = presswatch("scan", "--corpus", sealed, "--key-file", key, "--out", out, shard)
    assert said.startswith("sealed scan 2")
    assert f"presswatch sql {out} 'select * from candidates'" in said
    for language, counted in (("en", "1 sealed scan"), ("fr", "1 analyse scellée")):
        listed = outcome("runs", "--lang", language, out)
        assert counted in listed.err
        assert len(listed.out.splitlines()) == 2
    query = "select count(*) as n from candidates where hits > 0"
    assert int(presswatch("sql", out, query).split()[-1].strip("|")) > 0
    other = tmp_path / "other"
    other.write_bytes(SECRET[::-1])
    other.chmod(0o600)
    for options, why in (
        (("--corpus", sealed), "the corpus is sealed"),
        (("--corpus", corpus, "--key-file", key), "the corpus is not sealed"),
        (("--corpus", sealed, "--key-file", other), "fingerprint"),
        (("--corpus", sealed, "--key-file", tmp_path / "none"), "the key cannot be read"),
        (
            ("--corpus", sealed, "--key-file", key, "--key-secret", "arn:x"),
            "either --key-file or --key-secret",
        ),
        (("--corpus", sealed, "--key-file", key, "--gate-audit", "0.1"), "gate_audit"),
        (("--corpus", sealed, "--key-file", key, "--index-memory", "1"), "index_memory"),
    ):
        failed = outcome("scan", *options, "--out", tmp_path / "none", shard)
        assert failed.code
        assert why in failed.err
    assert not (tmp_path / "none").exists()


def forms(secret: bytes) -> set[bytes]:
    """The key, and the numbers derived from it, as someone might find them."""
    key = SealKey(secret)
    raw = [secret, key._root, key.shingles.tobytes()[:16], key.hosts.tobytes()[:16]]
    written = {str(number).encode() for keys in (key.shingles, key.hosts) for number in keys.tolist()}
    texts = {form for each in raw for form in (each, each.hex().encode(), each.hex().upper().encode())}
    return written | texts | {base64.b64encode(each).rstrip(b"=") for each in raw}


def processes_below(pid: int) -> Iterator[bytes]:
    """Command lines and environments of all processes that a process has started."""
    for task in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parent = int((task / "stat").read_text().rpartition(")")[2].split()[1])
            if int(task.name) == pid or parent == pid:
                yield (task / "cmdline").read_bytes() + (task / "environ").read_bytes()
            if parent == pid:
                yield from processes_below(int(task.name))


def test_the_key_is_in_no_table_log_event_or_process_list(
    press: Press, sealed: Path, key: Path, tmp_path: Path
) -> None:
    conf, events, local = (tmp_path / name for name in ("conf", "events", "local"))
    for folder in (conf, events, local):
        folder.mkdir()
    (conf / "spark-defaults.conf").write_text(
        f"spark.eventLog.enabled true\nspark.eventLog.dir {events}\nspark.eventLog.compress false\n"
    )
    command = [
        str(ROOT / ".venv/bin/presswatch"), "scan", "--corpus", sealed, "--key-file", key, "--cores", "1",
        "--log-format", "json", "--out", tmp_path / "out", *sorted(press.shards.iterdir())[:2],
    ]  # fmt: skip
    environment = {**os.environ, "SPARK_CONF_DIR": str(conf), "SPARK_LOCAL_DIRS": str(local)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wanted, seen = forms(SECRET), set[bytes]()
        while process.poll() is None:
            seen.update(processes_below(process.pid))
            for path in filter(Path.is_file, local.rglob("*")):
                with suppress(OSError):
                    seen.add(path.read_bytes())
            time.sleep(0.2)
    assert process.returncode == 0, (tmp_path / "log").read_text()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parent.name for path in written} >= {"candidates", "sealed_scans"}
    assert any(path.is_relative_to(events) for path in written)
    assert any(b"java" in each for each in seen)
    for data in (*written.values(), *seen):
        assert not [form for form in wanted if form in data]
