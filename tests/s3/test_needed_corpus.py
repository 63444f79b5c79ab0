"""A corpus on S3 that a host has no room for: of its large files, what is needed is fetched, and checked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from presswatch_spark.corpus import needed
from presswatch_spark.corpus.article_rows import article_rows
from presswatch_spark.corpus.manifest import BLOCK_BYTES, Manifest
from presswatch_spark.corpus.store import CACHE_VARIABLE, ROOM_VARIABLE, Corpus, manifest_of, upload
from presswatch_spark.errors import ConfigError, CorpusError
from presswatch_spark.pipeline import ShardScan, matcher_for
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.shard.passes import KEPT, KEPT_COLUMNS, UNKEPT, Pass, name_of_kept
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import StorageOptions, stat
from presswatch_spark.tables.seals import sealed_parquet
from tests.conftest import ROOT, TEST_AWS
from tests.corpora import article, build, write_jsonl
from tests.proofs import each_time
from tests.s3.conftest import client_of
from tests.scanned import FORMS, press, some_pages
from tests.servers import Fault, Server

ARTICLES = 4_000
URI = "s3://shards/corpora/press"
ORIGINAL = "needed-corpus"
SECONDS = 240


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A corpus on disk of some hundred blocks, some of whose articles have the same text."""
    folder = tmp_path_factory.mktemp("press")
    sources = [source.body for source in (*press(), *press()[:5])]
    titles = ("courrier", "rivage", "hebdo")
    rows = [
        article(number, title_id=titles[number % 3], **({"body": body} if body else {}))
        for number, body in zip_longest(range(ARTICLES), sources)
    ]
    return folder / "corpus", build(folder / "corpus", [write_jsonl(folder / "articles.jsonl", rows)])


@pytest.fixture(scope="module")
def uploaded(local: tuple[Path, Manifest], endpoint: str) -> Iterator[str]:
    """A bucket with the same corpus, which nobody changes."""
    client = client_of("s3", endpoint)
    client.create_bucket(Bucket=ORIGINAL)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TEST_AWS.items():
            patch.setenv(name, value)
        upload(local[0], f"s3://{ORIGINAL}", local[1], StorageOptions(endpoint=endpoint))
    yield ORIGINAL
    for each in client.list_objects_v2(Bucket=ORIGINAL)["Contents"]:
        client.delete_object(Bucket=ORIGINAL, Key=each["Key"])
    client.delete_bucket(Bucket=ORIGINAL)


@pytest.fixture
def there(
    uploaded: str,
    bucket: str,
    client: Any,
    faulty: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> StorageOptions:
    """How the same corpus on S3 is reached, by a host that has no room for it; it may be changed there."""
    options = StorageOptions(endpoint=faulty.url, max_attempts=3, backoff_base=0.01)
    for each in client.list_objects_v2(Bucket=uploaded)["Contents"]:
        source = {"Bucket": uploaded, "Key": each["Key"]}
        client.copy_object(Bucket=bucket, Key=f"corpora/press/{each['Key']}", CopySource=source)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(ROOM_VARIABLE, "0.001")
    return options


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "a.warc.wet.gz"
    FORMS[path.name](path, some_pages())
    return path


def scan_of(corpus: str, digest: str, options: StorageOptions) -> ShardScan:
    return ShardScan("wet", corpus, digest, ScanConfig(storage=options))


def found(scan: ShardScan, shard: Path, part: Pass | None = None) -> tuple[list[Any], dict[str, Any]]:
    """The rows of a shard, and what its log says of them."""
    outcome = replace(scan, part=part)(stat(str(shard), StorageOptions()))
    rows = [row for batch in outcome.tables["matches"] for row in batch.to_pylist()]
    return rows, {name: outcome.log[name] for name in ("status", "error", "note", "candidates", "matches")}


def passes(folder: Path, count: int) -> list[Pass]:
    return [Pass(number, count, Folder.of(str(folder), StorageOptions())) for number in range(count)]


def keep(scan: ShardScan, shard: Path, part: Pass) -> None:
    outcome = replace(scan, part=part)(stat(str(shard), StorageOptions()))
    part.kept.write(name_of_kept(str(shard)), sealed_parquet(outcome.tables[KEPT], KEPT_COLUMNS))


def asked(server: Server) -> Counter[str]:
    """How often objects of the corpus were asked for, by the file's name."""
    paths = (path for method, path, _ in server.requests if method == "GET")
    return Counter(path.partition("/press/")[2] for path in paths)


def kept_files(tmp_path: Path) -> dict[str, int]:
    """The parts of large files on this host: their names, and the blocks that are there."""
    (folder,) = (tmp_path / "cache").glob("*.by-need-*")
    files = [path for path in (folder / "need").rglob("*") if path.is_file() and path.stat().st_size]
    return {path.relative_to(folder / "need").as_posix(): path.stat().st_blocks // 128 for path in files}


def test_every_accessor_gives_what_a_copied_corpus_gives(
    local: tuple[Path, Manifest], there: StorageOptions
) -> None:
    whole, by_need = Corpus.open(str(local[0])), Corpus.open(URI, storage=there)
    assert (whole.is_whole, by_need.is_whole) == (True, False)
    for ordinal in (0, 7, 1023, 1024, 2500, ARTICLES - 1):
        assert by_need.article(ordinal) == whole.article(ordinal)
        assert by_need.body(ordinal) == whole.body(ordinal)
        assert by_need.urls(ordinal) == whole.urls(ordinal)
        assert by_need.signature(ordinal).tolist() == whole.signature(ordinal).tolist()
        assert by_need.ordinal_of(whole.article(ordinal).article_id) == ordinal
    assert by_need.ordinal_of("nobody") is None
    assert list(by_need.all_urls()) == list(whole.all_urls())
    assert pa.Table.from_batches(article_rows(by_need)) == pa.Table.from_batches(article_rows(whole))
    assert by_need.index.hashes.tolist() == whole.index.hashes.tolist()
    assert by_need.index.articles.tolist() == whole.index.articles.tolist()


def test_a_body_takes_some_blocks_of_its_file_and_no_other_file(
    there: StorageOptions, faulty: Server, local: tuple[Path, Manifest]
) -> None:
    corpus = Corpus.open(URI, storage=there)
    faulty.requests.clear()
    assert corpus.body(2_000)
    assert set(asked(faulty)) == {"articles/part-00000.arrow"}
    assert 0 < corpus.bytes_fetched <= 5 * BLOCK_BYTES
    before = corpus.bytes_fetched
    assert corpus.body(2_000)
    assert Corpus.open(URI, storage=there).body(2_000), "another process finds them here"
    assert corpus.bytes_fetched == before
    assert local[1].files["articles/part-00000.arrow"].size > 20 * BLOCK_BYTES


@pytest.mark.parametrize("count", each_time([2], [1, 2, 5]))
def test_a_scan_gives_the_rows_of_a_copied_corpus_in_any_number_of_passes(
    local: tuple[Path, Manifest], there: StorageOptions, shard: Path, tmp_path: Path, count: int
) -> None:
    digest = local[1].digest
    expected = found(scan_of(str(local[0]), digest, StorageOptions()), shard)
    assert len({row["article_id"] for row in expected[0]}) > 10
    scan = scan_of(URI, digest, there)
    *earlier, last = passes(tmp_path / "run", count)
    for part in earlier:
        keep(scan, shard, part)
    assert found(scan, shard, last) == expected


def test_an_earlier_pass_fetches_its_range_of_the_index_and_no_article(
    local: tuple[Path, Manifest], there: StorageOptions, shard: Path, tmp_path: Path
) -> None:
    keep(scan_of(URI, local[1].digest, there), shard, passes(tmp_path / "run", 4)[1])
    kept = kept_files(tmp_path)
    assert {name.partition("/")[2] for name in kept} == {f"{each}.npy" for each in (
        "hashes", "articles", "filter", "directory",
    )}  # fmt: skip
    size = sum(entry.size for name, entry in local[1].files.items() if name.startswith("index/"))
    # A quarter of each array, the block of its header, and what of the blocks at both ends is of others.
    assert sum(kept.values()) * BLOCK_BYTES < size / 4 + 4 * 4 * BLOCK_BYTES


def test_what_an_earlier_pass_lost_is_looked_up_range_by_range(
    local: tuple[Path, Manifest], there: StorageOptions, shard: Path, tmp_path: Path
) -> None:
    rows, log = found(scan_of(str(local[0]), local[1].digest, StorageOptions()), shard)
    last = passes(tmp_path / "run", 3)[-1]
    assert found(scan_of(URI, local[1].digest, there), shard, last) == (rows, log | {"note": UNKEPT})


def test_room_is_made_of_what_was_used_longest_ago(
    local: tuple[Path, Manifest], there: StorageOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(needed, "BYTES_BETWEEN_LOOKS", BLOCK_BYTES)
    monkeypatch.setenv(ROOM_VARIABLE, str(6 * BLOCK_BYTES / 1e9))
    corpus, whole = Corpus.open(URI, storage=there), Corpus.open(str(local[0]))
    for ordinal in range(0, ARTICLES, 197):
        assert corpus.body(ordinal) == whole.body(ordinal), "whoever has a file mapped keeps it"
        assert corpus.signature(ordinal).tolist() == whole.signature(ordinal).tolist()
        # Each opening has the names that are there now.
        corpus = Corpus.open(URI, storage=there)
    assert sum(kept_files(tmp_path).values()) <= 8


def test_a_range_that_is_searched_is_not_let_go_of(
    there: StorageOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(needed, "BYTES_BETWEEN_LOOKS", BLOCK_BYTES)
    corpus = Corpus.open(URI, storage=there)
    part = passes(tmp_path, 3)[1].hashes
    index = corpus.index_of(part)
    monkeypatch.setenv(ROOM_VARIABLE, "0")
    other = Corpus.open(URI, storage=there)
    assert other.body(9)
    assert other.body(3_000)
    ranges = {name for name in kept_files(tmp_path) if name.startswith("index-")}
    assert len(ranges) == 4
    # A view of an array is enough.
    hashes = index.hashes[3:9]
    del index
    assert other.body(1_500)
    assert {name for name in kept_files(tmp_path) if name.startswith("index-")} == ranges
    del hashes
    assert other.body(2_200)
    assert not any(name.startswith("index-") for name in kept_files(tmp_path))


def zeros(data: bytes) -> bytes:
    return bytes(len(data))


def cut(data: bytes) -> bytes:
    return data[:1000]


def replace_there(client: Any, name: str, change: Callable[[bytes], bytes]) -> None:
    key = f"corpora/press/{name}"
    data = client.get_object(Bucket="shards", Key=key)["Body"].read()
    client.put_object(Bucket="shards", Key=key, Body=change(data))


@pytest.mark.parametrize("change", each_time([zeros], [zeros, cut]))
@pytest.mark.parametrize(
    "name",
    each_time(
        ["articles/part-00000.arrow", "index/filter.npy"],
        ["articles/part-00000.arrow", "index/filter.npy", "signatures.npy"],
    ),
)
def test_a_corpus_that_was_replaced_ends_the_run_and_is_never_mixed(
    local: tuple[Path, Manifest],
    there: StorageOptions,
    client: Any,
    shard: Path,
    name: str,
    change: Callable[[bytes], bytes],
) -> None:
    replace_there(client, name, change)
    with pytest.raises(CorpusError, match="was replaced or damaged") as caught:
        found(scan_of(URI, local[1].digest, there), shard)
    assert caught.value.where == URI


def test_a_small_file_that_was_replaced_is_refused_and_fetched_again_once_it_is_right(
    local: tuple[Path, Manifest], there: StorageOptions, client: Any
) -> None:
    replace_there(client, "clusters.npy", lambda data: bytes(len(data)))
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"clusters\.npy: .* replaced or damaged"):
            Corpus.open(URI, storage=there)
    client.upload_file(str(local[0] / "clusters.npy"), "shards", "corpora/press/clusters.npy")
    assert Corpus.open(URI, storage=there).body(1)


def test_a_corpus_that_is_gone_is_the_corpus_s_fault_and_storage_that_fails_is_the_shard_s(
    local: tuple[Path, Manifest], there: StorageOptions, client: Any, faulty: Server, shard: Path
) -> None:
    scan = scan_of(URI, local[1].digest, there)
    matcher_for(URI, local[1].digest, scan.config)
    faulty.always = Fault(status=503, code="SlowDown")
    outcome = scan(stat(str(shard), StorageOptions()))
    assert outcome.log["failure"] == "storage"
    faulty.always = Fault()
    assert found(scan, shard)[1]["status"] == "complete", "the matcher goes on"
    client.delete_object(Bucket="shards", Key="corpora/press/articles/part-00000.arrow")
    with pytest.raises(CorpusError, match="replaced or damaged"):
        Corpus.open(URI, storage=there).article(3_333)


HALF = """
import sys
from presswatch_spark.corpus import needed
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.storage.objects import StorageOptions
needed.BLOCKS_AT_ONCE = needed.REQUESTS_AT_ONCE = 1
Corpus.open(sys.argv[1], storage=StorageOptions(endpoint=sys.argv[2])).index
"""


def test_who_is_killed_while_it_fetches_leaves_what_it_has_to_the_next(
    local: tuple[Path, Manifest], there: StorageOptions, faulty: Server, tmp_path: Path
) -> None:
    faulty.always = Fault(pieces=3)
    child = subprocess.Popen([sys.executable, "-c", HALF, URI, str(there.endpoint)], cwd=ROOT)
    until = time.monotonic() + SECONDS
    while not list((tmp_path / "cache").glob("*/need")) or sum(kept_files(tmp_path).values()) < 6:
        assert child.poll() is None, "it was too quick"
        assert time.monotonic() < until
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    faulty.always = Fault()
    corpus, whole = Corpus.open(URI, storage=there), Corpus.open(str(local[0]))
    assert corpus.index.hashes.tolist() == whole.index.hashes.tolist()
    assert corpus.index.directory.tolist() == whole.index.directory.tolist()
    size = sum(entry.size for name, entry in local[1].files.items() if name.startswith("index/"))
    assert 0 < corpus.bytes_fetched <= size - 5 * BLOCK_BYTES


@pytest.mark.full
def test_a_job_whose_hosts_fetch_by_need_is_killed_and_publishes_the_digest_of_a_copied_corpus(
    local: tuple[Path, Manifest], there: StorageOptions, shard: Path, tmp_path: Path
) -> None:
    (tmp_path / "shards").mkdir()
    for number in range(12):
        FORMS[shard.name](tmp_path / "shards" / f"{number}.warc.wet.gz", some_pages(200, number))
    memory = manifest_of(str(local[0]), StorageOptions()).searched_bytes / 2.999 / 1e9
    job = [sys.executable, str(ROOT / "jobs" / "scan.py"), str(tmp_path / "shards"), "--format", "wet"]
    job += ["--wave-shards", "2", "--index-memory", f"{memory:.9f}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def run(*more: str) -> str:
        done = subprocess.run([*job, *more], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return next(word for word in done.stdout.split() if re.fullmatch("[0-9a-f]{64}", word))

    expected = run("--corpus", str(local[0]), "--out", str(tmp_path / "expected"))
    remote = ["--corpus", URI, "--endpoint", str(there.endpoint), "--out", str(tmp_path / "out")]
    for name in ("1-of-3", "2-of-3"):
        killed = subprocess.Popen(
            [*job, *remote], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + SECONDS
        while not list(tmp_path.glob(f"out/_runs/*/candidates/{name}/*.parquet")):
            assert killed.poll() is None, "the job was too quick"
            assert time.monotonic() < until
            time.sleep(0.01)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    assert run(*remote) == expected
    assert not (tmp_path / "cache" / local[1].digest).exists(), "no host copied the corpus"


def test_throttling_and_lost_connections_change_nothing(
    local: tuple[Path, Manifest], there: StorageOptions, faulty: Server
) -> None:
    corpus = Corpus.open(URI, storage=there)
    slow = [Fault(status=503, code="SlowDown"), Fault(cut_after=1000), Fault(cut_after=70_000, reset=True)]
    faulty.faults.extend(slow)
    assert corpus.index.hashes.tolist() == Corpus.open(str(local[0])).index.hashes.tolist()
    assert not faulty.faults


def test_a_corpus_that_fits_is_copied_and_so_is_one_that_has_no_digests_of_blocks(
    local: tuple[Path, Manifest], there: StorageOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ROOM_VARIABLE, "1")
    assert Corpus.open(URI, storage=there).is_whole
    monkeypatch.setenv(ROOM_VARIABLE, "0")
    assert Corpus.open(URI, storage=there).is_whole, "it is there already"
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(needed, "_BOOT", tmp_path / "none")
    assert Corpus.open(URI, storage=there).is_whole, "nobody knows when this machine crashed"
    monkeypatch.setenv(ROOM_VARIABLE, "much")
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(ConfigError, match="`much` is no number of gigabytes"):
        Corpus.open(URI, storage=there)


def test_what_a_start_of_the_machine_before_this_one_left_is_not_used(
    there: StorageOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Corpus.open(URI, storage=there)
    (before,) = (tmp_path / "cache").glob("*.by-need-*")
    (tmp_path / "boot").write_text("0badcafe-1111")
    monkeypatch.setattr(needed, "_BOOT", tmp_path / "boot")
    assert Corpus.open(URI, storage=there).body(5)
    (after,) = (tmp_path / "cache").glob("*.by-need-*")
    assert (before != after, after.name.endswith("0badcafe")) == (True, True)


def test_what_another_host_keeps_in_the_same_folder_stays(there: StorageOptions, tmp_path: Path) -> None:
    Corpus.open(URI, storage=there)
    (ours,) = (tmp_path / "cache").glob("*.by-need-*")
    host, _, start = ours.name.rpartition("-")
    other = ours.with_name(f"{host}-2-{start}")
    other.mkdir()
    Corpus.open(URI, storage=there)
    assert other.is_dir()
