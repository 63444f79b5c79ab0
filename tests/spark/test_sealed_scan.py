"""Scans with a sealed corpus from end to end: what they publish, and that the key stays where it is."""

import base64
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

import presswatch_spark as pw
from presswatch_spark.corpus.sealed import SealKey, seal
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.store import TableStore
from tests.spark.conftest import SHARDS
from tests.spark.press import Press, Scanned
from tests.world.commands import outcome, presswatch
from tests.world.processes import start

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


@pytest.fixture(scope="module")
def run(
    spark: SparkSession, press: Press, sealed: Path, key: Path, tmp_path_factory: pytest.TempPathFactory
) -> pw.Run:
    """A sealed scan of the whole press."""
    given = {"corpus": str(sealed), "key_file": str(key), "out": str(tmp_path_factory.mktemp("run") / "out")}
    return pw.scan([str(press.shards)], format="wet", spark=spark, **given)


def candidates_of(run: pw.Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run.tables.read("candidates", run=run.run_id).to_pylist()
    return rows


def test_a_run_publishes_candidates_for_every_row_of_the_open_scan(found: Scanned, run: pw.Run) -> None:
    rows, candidates, row = found.rows(), candidates_of(run), run.row
    places = {(each["shard_uri"], each["record_offset"]) for each in rows}
    assert len(rows) > 50
    assert places <= {(each["shard_uri"], each["record_offset"]) for each in candidates}
    assert row["candidates"] == len(candidates)
    assert row["table_digest"] == table_digest(each["row_sha256"] for each in candidates)
    assert (row["shards_complete"], row["shards_planned"]) == (SHARDS, SHARDS)
    assert row["key_fingerprint"] == SealKey(SECRET).fingerprint
    assert run.tables.read("sealed_scan_log").num_rows == SHARDS
    assert run.tables.runs().num_rows == run.tables.read("matches").num_rows == 0


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
    """Command lines and environments of a process and of all that it has started, directly or not."""
    children = defaultdict[int, list[int]](list)
    for task in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((task / "stat").read_text().rpartition(")")[2].split()[1])
            children[parent].append(int(task.name))
    waiting = [pid]
    while waiting:
        task = Path("/proc", str(waiting.pop()))
        waiting += children[int(task.name)]
        with suppress(OSError):
            yield (task / "cmdline").read_bytes() + (task / "environ").read_bytes()


def test_the_key_is_nowhere_and_a_driver_that_is_killed_and_given_again_finds_the_same(
    press: Press, run: pw.Run, sealed: Path, key: Path, tmp_path: Path
) -> None:
    conf, events, local, out = (tmp_path / name for name in ("conf", "events", "local", "out"))
    for folder in (conf, events, local):
        folder.mkdir()
    (conf / "spark-defaults.conf").write_text(
        f"spark.eventLog.enabled true\nspark.eventLog.dir {events}\nspark.eventLog.compress false\n"
    )
    shards = [*map(str, sorted(press.shards.iterdir())[:8])]
    words = ["scan", "--corpus", str(sealed), "--key-file", str(key), "--wave-shards", "1"]
    words += ["--log-format", "json", "--out", str(out), *shards]
    command = [str(Path(sys.prefix, "bin/presswatch")), *words, "--cores", "1"]
    job = start(command, SPARK_CONF_DIR=str(conf), SPARK_LOCAL_DIRS=str(local))
    seen, looked_into = set[bytes](), set[tuple[Path, int]]()
    while job.poll() is None and len(list(out.glob("_runs/*/waves/*.json"))) < 2:
        seen.update(processes_below(job.pid))
        for path in local.rglob("*"):
            with suppress(OSError):
                version = (path, path.stat().st_mtime_ns)
                if version not in looked_into and path.is_file():
                    seen.add(path.read_bytes())
                looked_into.add(version)
        time.sleep(0.2)
    # Some waves are done, another is under way; a job that was too quick for this has published.
    killed = job.poll() is None
    job.kill()
    seen.update(text.encode() for text in job.communicate())
    assert job.returncode == (-signal.SIGKILL if killed else 0)

    done = outcome("", *words)
    assert (done.code, ", resumed" in done.out) == (0, killed), done.err
    (row,) = TableStore.open(str(out)).rows("sealed_scans")
    expected = [each["row_sha256"] for each in candidates_of(run) if each["shard_uri"] in shards]
    assert row["table_digest"] == table_digest(expected)
    assert list((out / "_runs").iterdir()) == []

    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parent.name for path in written} >= {"candidates", "sealed_scans"}
    assert any(path.is_relative_to(events) for path in written)
    assert any(b"java" in each for each in seen)
    wanted = forms(SECRET)
    for data in (*written.values(), *seen, done.out.encode(), done.err.encode()):
        assert not [form for form in wanted if form in data]
