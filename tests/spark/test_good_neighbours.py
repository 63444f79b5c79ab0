"""Scans over the web: a site that blocks is left alone, one that asks to wait is waited for."""

import gzip
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.spark.conftest import SHARDS
from tests.spark.press import Press, Scanner
from tests.world.commands import outcome
from tests.world.servers import Fault, Server, web

SHARDS_OF_EACH = 2


@pytest.fixture
def site(press: Press, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The shards of the press, each under several names, behind a list."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    files = {path.name: path.read_bytes() for path in sorted(press.shards.iterdir())}
    names = [f"crawl-data/{copy}/{name}" for copy in range(SHARDS_OF_EACH) for name in files]
    listed = gzip.compress("\n".join(names).encode())
    objects = {f"/{name}": files[Path(name).name] for name in names}
    with web(objects={"/wet.paths.gz": listed, **objects}) as server:
        yield server


def test_a_site_that_blocks_is_soon_left_alone_and_the_run_is_resumed_later(
    scan: Scanner, site: Server, tmp_path: Path
) -> None:
    site.blocks_after, listed = 40, f"{site.url}/wet.paths.gz"
    (tmp_path / "settings.yaml").write_text(
        "run: {wave_shards: 100}\nstorage: {max_connections: 2, refusal_pause: 0.3, backoff_base: 0.001}\n"
    )
    given = ("--corpus", scan.corpus, "--out", tmp_path / "out", "--config", tmp_path / "settings.yaml")
    done = outcome("scan --format wet", *given, listed)
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert done.code == 1
    # Two refusals in a row for each worker and each of its tries; far fewer than the rest of the list.
    assert len(site.requests) <= 40 + 16
    assert "could not be read" in error
    assert "no more requests are sent to the site: access denied (403) for 2 objects in a row" in error
    assert "it may have blocked this address for too many requests, require credentials" in error
    assert "nothing was published and what was read is kept" in error
    assert TableStore.open(str(tmp_path / "out")).published() == []

    # Undisturbed: one request for the list, and one for each shard that was not read before.
    site.blocks_after, read_before = None, 40 - 1
    site.requests.clear()
    site.faults = deque([Fault(status=429, limit='"resolvers";r=0;t=2')] * 2)
    site.faults.appendleft(Fault())
    storage = StorageOptions(max_connections=2, refusal_pause=0.3, backoff_base=0.001)
    config = ScanConfig(run=RunRules(wave_shards=100), storage=storage)
    resumed = scan(listed, config=config)
    assert (resumed.summary.resumed, resumed.summary.incomplete) == (True, ())
    assert {method for method, _, _ in site.requests} == {"GET"}
    shards = SHARDS * SHARDS_OF_EACH
    assert len(site.requests) <= 1 + shards - read_before + 2 + 3

    # Workers of the first scan may keep their connections for a while.
    site.open_most = 0
    site.requests.clear()
    undisturbed = scan(listed, out="undisturbed", config=config)
    assert undisturbed.row["table_digest"] == resumed.row["table_digest"]
    # One for the list, and for each shard one; the driver may have rehearsed on one of them.
    asked = Counter(path for _, path, _ in site.requests)
    assert len(asked) == 1 + shards
    assert asked.total() <= 2 + shards
    # One for each worker, and that over which the driver read the list.
    assert site.open_most <= 2 + 1
