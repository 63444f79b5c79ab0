"""Scans of a dataset on a hub: the same digest as from disk, few questions, and no trace of the token."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.tables.store import TableStore
from tests.spark.press import Press
from tests.world.commands import presswatch
from tests.world.hub import NAME, TOKEN, Hub, empty, refused
from tests.world.servers import Fault

SOME = 3
PATIENT = {"PRESSWATCH_STORAGE__BACKOFF_BASE": "0"}


@pytest.fixture
def site(press: Press, one_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The first shards of the press as a gated dataset; its token is in the environment of this process."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    files = {f"wet/{path.name}": path.read_bytes() for path in sorted(press.shards.iterdir())[:SOME]}
    found = empty(one_hub, {**files, "README.md": b"# Pages"})
    found.datasets[NAME].gated = True
    monkeypatch.setenv("HF_ENDPOINT", found.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return found


@pytest.fixture(scope="module")
def digest(spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a scan of the same files on disk."""
    out = tmp_path_factory.mktemp("disk") / "tables"
    row = scanned(*map(str, sorted(press.shards.iterdir())[:SOME]), corpus=corpus, out=out)
    assert row["matches"] > SOME
    return str(row["table_digest"])


def scanned(*paths: str, corpus: Path, out: Path, **environment: str) -> dict[str, Any]:
    """Run the command; its row of `runs`."""
    words = ("--corpus", str(corpus), "--out", str(out))
    presswatch("scan", *paths, *words, **(PATIENT | environment))
    row: dict[str, Any] = TableStore.open(str(out)).read("runs").to_pylist()[0]
    return row


def test_a_scan_gives_the_digest_from_disk_and_leaves_no_trace_of_the_token(
    spark: SparkSession,
    site: Hub,
    corpus: Path,
    digest: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    words = ["scan", f"hf://datasets/{NAME}/wet/*.gz", "--corpus", str(corpus), "--out", str(tmp_path / "t")]
    assert cli.run([*words]) == 0
    row = TableStore.open(str(tmp_path / "t")).read("runs").to_pylist()[0]
    assert (row["table_digest"], row["shards_complete"]) == (digest, SOME)
    log = TableStore.open(str(tmp_path / "t")).read("scan_log").to_pylist()
    commit = site.datasets[NAME].main
    assert all(row["shard_uri"].startswith(f"hf://datasets/{NAME}@{commit}/wet/") for row in log)
    assert all(len(row["sha256_declared"]) == 64 for row in log)
    assert len(site.resolved) == SOME
    assert max(site.resolved.values()) <= 2

    said, complaints = capfd.readouterr()
    conf = dict(spark.sparkContext.getConf().getAll())
    seen = [said, complaints, caplog.text, json.dumps(conf), *site.store.heard]
    seen += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(TOKEN in text for text in seen)
    assert {token for _, token in site.asked} == {TOKEN}
    assert all("/datasets/" in path for path, _ in site.asked), "statistics of a library are none of ours"


@pytest.mark.full
def test_whatever_hub_and_store_do_wrong_changes_nothing_but_the_log(
    spark: SparkSession, site: Hub, corpus: Path, digest: str, tmp_path: Path
) -> None:
    site.store.uses = 2
    site.store.faults.extend([Fault(status=503), Fault(cut_after=100), Fault(cut_after=900, reset=True)] * 2)
    (tmp_path / "token").write_text(TOKEN)
    site.refusals.extend([refused(429, RateLimit='"resolvers";r=0;t=0.1')] * 3)
    row = scanned(
        f"hf://datasets/{NAME}@main/wet",
        *("--hf-token-file", str(tmp_path / "token")),
        corpus=corpus,
        out=tmp_path / "tables",
        HF_TOKEN="",
    )
    assert row["table_digest"] == digest
    assert not site.store.faults


def test_main_may_move_in_the_middle_of_a_scan(
    spark: SparkSession, site: Hub, corpus: Path, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, answer = site.datasets[NAME].main, site.answer

    def moves(path: str, token: str) -> Any:
        if "/resolve/" in path and site.datasets[NAME].main == first:
            files = site.datasets[NAME].commits[first]
            site.push(dict.fromkeys(files, b"another text" * 100))
        return answer(path, token)

    monkeypatch.setattr(site, "answer", moves)
    row = scanned(f"hf://datasets/{NAME}/wet/", corpus=corpus, out=tmp_path / "tables")
    assert site.datasets[NAME].main != first
    assert row["table_digest"] == digest


def test_a_gated_dataset_without_a_token_is_refused_with_what_to_do(
    spark: SparkSession,
    site: Hub,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    words = ["--corpus", str(corpus), "--out", str(tmp_path / "t")]
    assert cli.run(["scan", f"hf://datasets/{NAME}/wet/", *words]) == 1
    error = capsys.readouterr().err
    assert "the dataset is gated, and there is no token" in error
    assert "set HF_TOKEN, or give --hf-token-file" in error


def test_rows_of_a_hub_are_verified_and_fetched_again_at_their_commit(
    spark: SparkSession, site: Hub, corpus: Path, tmp_path: Path
) -> None:
    found = scanned(f"hf://datasets/{NAME}/wet/", corpus=corpus, out=tmp_path / "tables")["matches"]
    site.push({"wet/none.warc.wet.gz": b"nothing"})
    site.asked.clear()
    said = presswatch("verify-rows", str(tmp_path / "tables"))
    assert found > SOME
    assert f"{found} of {found} rows verify" in said
    row = TableStore.open(str(tmp_path / "tables")).read("matches").to_pylist()[0]
    place = f"offset={row['record_offset']},length={row['record_length']},encoding={row['record_encoding']}"
    record = presswatch("fetch", f"{row['shard_uri']}#{place},format=wet,sha256={row['text_sha256']}")
    assert row["document_url"] in record
    assert max(site.resolved.values()) <= 2
