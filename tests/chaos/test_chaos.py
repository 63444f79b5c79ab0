"""Runs of many shards through all that can go wrong at once: the same table, or what it lacks is named.

Every seed is another course of events: what the S3 server does wrong and when, when workers and drivers are
killed, when the disk is full. Whoever runs the job does what its messages say: gives the same command again.
"""

import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.chaos.job import Blow, Job
from tests.chaos.weather import StormyServer, Weather
from tests.spark.press import Press, write_press
from tests.world.commands import presswatch
from tests.world.corpora import build
from tests.world.places import small_disk
from tests.world.servers import running, s3

SHARDS, FEW_SHARDS, PAGES, WAVE = 300, 120, 6, 40
MOST_TRIES, STORMY_TRIES, STRUCK_TRIES = 12, 6, 9
BUCKET = "release"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
}
pytestmark = pytest.mark.full
COURSES = [(FEW_SHARDS, 1), *((SHARDS, seed) for seed in range(1, 21))]
"""How many shards, and the seed."""


@dataclass(frozen=True)
class Truth:
    """What an undisturbed run finds: its digest, and the rows of each shard by their digests."""

    press: Press
    corpus: Path
    digest: str
    shards: int
    rows: dict[str, Counter[str]]
    documents: int


@pytest.fixture(scope="module")
def truth(
    request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Truth:
    folder = tmp_path_factory.mktemp("chaos")
    press = write_press(folder / "press", request.param, PAGES)
    corpus = folder / "corpus"
    build(corpus, [press.articles], members_file=press.members.read_text("utf-8"))
    out = folder / "undisturbed"
    presswatch("scan", *_arguments(str(press.shards), corpus, str(out)))
    store = TableStore.open(str(out))
    (run,) = store.read("runs").to_pylist()
    assert run["shards_complete"] == request.param
    return Truth(press, corpus, run["table_digest"], request.param, _rows_by_shard(store), run["documents"])


@pytest.fixture(scope="module")
def release(truth: Truth) -> Iterator[str]:
    """An S3 server that has the shards; gives its endpoint."""
    with s3() as endpoint:
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1",
            aws_access_key_id="testing", aws_secret_access_key="testing",
        )  # fmt: skip
        client.create_bucket(Bucket=BUCKET)
        for path in sorted(truth.press.shards.iterdir()):
            client.upload_file(str(path), BUCKET, f"shards/{path.name}")
        yield endpoint


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path | None]:
    """A small disk; None where none can be made, and then no disk is ever full."""
    with small_disk(tmp_path, "48m") as disk:
        yield disk


@pytest.mark.parametrize(("truth", "seed"), COURSES, indirect=["truth"])
def test_after_any_trouble_a_run_has_the_same_table_or_says_what_it_lacks(
    truth: Truth,
    release: str,
    disk: Path | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seed: int,
) -> None:
    rng = random.Random(seed)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    weather = Weather(random.Random(rng.random()))
    with running(StormyServer(upstream=release, weather=weather)) as server:
        remote = seed % 2 == 0
        out = f"s3://{BUCKET}/tables-{seed}" if remote else str((disk or tmp_path) / "tables")
        scratch = {"TMPDIR": str(disk)} if remote and disk else {}
        job = Job(
            _arguments(f"s3://{BUCKET}/shards/", truth.corpus, out),
            _environment(server.url) | scratch,
            lambda: len(server.requests),
            rng,
            disk,
        )
        while job.run(_blows(rng, truth.shards) if len(job.codes) < STRUCK_TRIES else ()) not in (0, 3):
            assert len(job.codes) < MOST_TRIES, f"{job.codes}: {job.said[-1]}"
            weather.renew_credentials()
            # Nobody is unlucky for ever.
            weather.stormy = len(job.codes) < STORMY_TRIES
        weather.stormy = False
        store = TableStore.open(out, StorageOptions(endpoint=server.url) if remote else None)
        judged = _judged(store, truth, job)
    # Every seed is reported, those that end well too.
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {seed}, {'S3' if remote else 'disk'}: {judged}; exit codes {job.codes},"
            f" struck {job.fell}, requests by weather {weather.met}\n"
        )


def _judged(store: TableStore, truth: Truth, job: Job) -> str:
    """Check the one run that was published against the truth; returns what it is, in a word or two."""
    (run,) = store.read("runs").to_pylist()
    log = store.read("scan_log").to_pylist()
    rows = _rows_by_shard(store)
    assert sorted(map(_name, log)) == sorted(path.name for path in truth.press.shards.iterdir())
    lacking = {_name(line) for line in log if line["status"] != "complete"}
    assert run["shards_planned"] == len(log) == run["shards_complete"] + len(lacking)
    for shard, found in truth.rows.items():
        assert rows.get(shard, Counter()) <= found, "a row more than once, or one that is not there"
        assert shard in lacking or rows.get(shard, Counter()) == found
    if not lacking:
        assert job.codes[-1] == 0
        assert (run["table_digest"], run["documents"]) == (truth.digest, truth.documents)
        return "the same table"
    assert job.codes[-1] == 3
    assert all(line["error"] for line in log if line["status"] != "complete")
    assert f"{len(lacking)} of {len(log)} shards could not be read to the end" in job.said[-1]
    return f"{len(lacking)} shards lacking, named"


def _rows_by_shard(store: TableStore) -> dict[str, Counter[str]]:
    rows = store.read("matches", columns=["shard_uri", "row_sha256"]).to_pylist()
    found: dict[str, Counter[str]] = {}
    for row in rows:
        found.setdefault(_name(row), Counter())[row["row_sha256"]] += 1
    return found


def _name(row: dict[str, Any]) -> str:
    return str(row["shard_uri"]).rpartition("/")[2]


def _arguments(shards: str, corpus: Path, out: str) -> list[str]:
    return [
        shards, "--format", "wet", "--corpus", str(corpus), "--out", out,
        "--wave-shards", str(WAVE), "--shards-per-task", "1", "--cores", "2",
    ]  # fmt: skip


def _environment(endpoint: str) -> dict[str, str]:
    return {
        "PRESSWATCH_STORAGE__ENDPOINT": endpoint,
        "PRESSWATCH_STORAGE__BACKOFF_BASE": "0.001",
        "PRESSWATCH_STORAGE__CONNECT_TIMEOUT": "5",
        "PRESSWATCH_RUN__LEASE_SECONDS": "3",
        **CREDENTIALS,
    }


def _blows(rng: random.Random, shards: int) -> list[Blow]:
    """One to three, at any time of a try."""
    kinds = rng.choices(["driver", "worker", "worker", "disk"], k=rng.choice([1, 1, 2, 3]))
    return [Blow(rng.randrange(20, shards), kind) for kind in kinds]
