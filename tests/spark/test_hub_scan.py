"""Scans of a hub and of web sites: the same digest as from disk, few requests, no trace of a token."""

import gzip
import json
import logging
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.spark.conftest import SHARDS
from tests.spark.press import Press, Scanner
from tests.world.commands import outcome, presswatch
from tests.world.hub import NAME, TOKEN, Hub, empty, refused
from tests.world.servers import Fault, Server, web

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
    scan = Scanner(spark, corpus, tmp_path_factory.mktemp("disk"))
    row = scan(*sorted(press.shards.iterdir())[:SOME]).row
    assert row["matches"] > SOME
    return str(row["table_digest"])


def scanned(scan: Scanner, path: str, *options: str, **environment: str) -> dict[str, Any]:
    where = ("--corpus", str(scan.corpus), "--out", str(scan.folder / "tables"))
    presswatch("scan", f"hf://datasets/{NAME}{path}", *options, *where, **(PATIENT | environment))
    return rows(scan, "runs")[0]


def rows(scan: Scanner, table: str) -> list[dict[str, Any]]:
    return TableStore.open(str(scan.folder / "tables")).read(table).to_pylist()


def test_a_scan_gives_the_digest_from_disk_and_leaves_no_trace_of_the_token(
    scan: Scanner, site: Hub, digest: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    where = ["--corpus", str(scan.corpus), "--out", str(scan.folder / "tables")]
    assert cli.run(["scan", f"hf://datasets/{NAME}/wet/*.gz", *where]) == 0
    row = rows(scan, "runs")[0]
    assert (row["table_digest"], row["shards_complete"]) == (digest, SOME)
    commit = site.datasets[NAME].main
    for line in rows(scan, "scan_log"):
        assert line["shard_uri"].startswith(f"hf://datasets/{NAME}@{commit}/wet/")
        assert len(line["sha256_declared"]) == 64
    assert len(site.resolved) == SOME
    assert max(site.resolved.values()) <= 2

    conf = dict(scan.spark.sparkContext.getConf().getAll())
    seen = [*capfd.readouterr(), caplog.text, json.dumps(conf), *site.store.heard]
    seen += [path.read_bytes().decode("latin-1") for path in scan.folder.rglob("*") if path.is_file()]
    assert not any(TOKEN in text for text in seen)
    assert {token for _, token in site.asked} == {TOKEN}
    assert all("/datasets/" in path for path, _ in site.asked), "statistics of a library are none of ours"


@pytest.mark.full
def test_whatever_hub_and_store_do_wrong_changes_nothing_but_the_log(
    scan: Scanner, site: Hub, digest: str
) -> None:
    site.store.uses = 2
    site.store.faults.extend([Fault(status=503), Fault(cut_after=100), Fault(cut_after=900, reset=True)] * 2)
    token = scan.folder / "token"
    token.write_text(TOKEN)
    site.refusals.extend([refused(429, RateLimit='"resolvers";r=0;t=0.1')] * 3)
    row = scanned(scan, "@main/wet", "--hf-token-file", str(token), HF_TOKEN="")
    assert row["table_digest"] == digest
    assert not site.store.faults


def test_main_may_move_in_the_middle_of_a_scan_and_its_rows_are_fetched_again_at_their_commit(
    scan: Scanner, site: Hub, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, answer = site.datasets[NAME].main, site.answer

    def moves(path: str, token: str) -> Any:
        if "/resolve/" in path and site.datasets[NAME].main == first:
            files = site.datasets[NAME].commits[first]
            site.push(dict.fromkeys(files, b"another text" * 100))
        return answer(path, token)

    monkeypatch.setattr(site, "answer", moves)
    run = scanned(scan, "/wet/")
    assert site.datasets[NAME].main != first
    assert run["table_digest"] == digest

    site.asked.clear()
    verified = presswatch("verify-rows", str(scan.folder / "tables"))
    assert f"{run['matches']} of {run['matches']} rows verify" in verified
    row = rows(scan, "matches")[0]
    place = f"offset={row['record_offset']},length={row['record_length']},encoding={row['record_encoding']}"
    record = presswatch("fetch", f"{row['shard_uri']}#{place},format=wet,sha256={row['text_sha256']}")
    assert row["document_url"] in record
    assert max(site.resolved.values()) <= 2


def test_a_gated_dataset_without_a_token_is_refused_with_what_to_do(
    scan: Scanner, site: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    where = ("--corpus", scan.corpus, "--out", scan.folder / "t")
    done = outcome("scan", f"hf://datasets/{NAME}/wet/", *where)
    assert done.code == 1
    assert "the dataset is gated, and there is no token" in done.err
    assert "set HF_TOKEN, or pass --hf-token-file" in done.err


# Scans over the web: a site that blocks is left alone, one that asks to wait is waited for.


SHARDS_OF_EACH = 2


@pytest.fixture
def web_site(press: Press, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The shards of the press, each under several names, behind a list."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    files = {path.name: path.read_bytes() for path in sorted(press.shards.iterdir())}
    names = [f"crawl-data/{copy}/{name}" for copy in range(SHARDS_OF_EACH) for name in files]
    listed = gzip.compress("\n".join(names).encode())
    objects = {f"/{name}": files[Path(name).name] for name in names}
    with web(objects={"/wet.paths.gz": listed, **objects}) as server:
        yield server


def test_a_site_that_blocks_is_soon_left_alone_and_the_run_is_resumed_later(
    scan: Scanner, web_site: Server, tmp_path: Path
) -> None:
    web_site.blocks_after, listed = 40, f"{web_site.url}/wet.paths.gz"
    (tmp_path / "settings.yaml").write_text(
        "run: {wave_shards: 100}\nstorage: {max_connections: 2, refusal_pause: 0.3, backoff_base: 0.001}\n"
    )
    given = ("--corpus", scan.corpus, "--out", tmp_path / "out", "--config", tmp_path / "settings.yaml")
    done = outcome("scan --format wet", *given, listed)
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert done.code == 1
    # Two refusals in a row for each worker and each of its tries; far fewer than the rest of the list.
    assert len(web_site.requests) <= 40 + 16
    assert "could not be read" in error
    assert "no more requests are sent to the site: access denied (403) for 2 objects in a row" in error
    assert "it may have blocked this address for too many requests, require credentials" in error
    assert "nothing was published and what was read is kept" in error
    assert TableStore.open(str(tmp_path / "out")).published() == []

    # Undisturbed: one request for the list, and one for each shard that was not read before.
    web_site.blocks_after, read_before = None, 40 - 1
    web_site.requests.clear()
    web_site.faults = deque([Fault(status=429, limit='"resolvers";r=0;t=1')] * 2)
    web_site.faults.appendleft(Fault())
    storage = StorageOptions(max_connections=2, refusal_pause=0.3, backoff_base=0.001)
    config = ScanConfig(run=RunRules(wave_shards=100), storage=storage)
    resumed = scan(listed, config=config)
    assert (resumed.summary.resumed, resumed.summary.incomplete) == (True, ())
    assert {method for method, _, _ in web_site.requests} == {"GET"}
    shards = SHARDS * SHARDS_OF_EACH
    assert len(web_site.requests) <= 1 + shards - read_before + 2 + 3

    # Workers of the first scan may keep their connections for a while.
    web_site.open_most = 0
    web_site.requests.clear()
    undisturbed = scan(listed, out="undisturbed", config=config)
    assert undisturbed.row["table_digest"] == resumed.row["table_digest"]
    # One for the list, and for each shard one; the driver may have rehearsed on one of them.
    asked = Counter(path for _, path, _ in web_site.requests)
    assert len(asked) == 1 + shards
    assert asked.total() <= 2 + shards
    # One for each worker, and that over which the driver read the list.
    assert web_site.open_most <= 2 + 1
