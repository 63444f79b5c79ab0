"""Campaigns under attack: what is done stays right, nothing is read twice, no failure looks like absence."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import campaigning
from presswatch_spark.scanning.runs import engine
from presswatch_spark.tables import store as store_module
from presswatch_spark.tables.store import TableStore
from tests.world.crawls import History, expected, found, make_history, opened, read_to_the_end, run, states

WRITES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"}
KILLED = 9

pytestmark = pytest.mark.usefixtures("own_cache")


def shards_of(history: History, crawl: str) -> list[Path]:
    return sorted((history.mirror / f"crawl-data/{crawl}/segments/1.1/wet").iterdir())


def list_crawls(history: History, *crawls: str) -> None:
    """Let the list of crawls name these alone."""
    file = history.mirror / "collinfo.json"
    listed = [entry for entry in json.loads(file.read_text()) if entry["id"] in crawls]
    file.write_text(json.dumps(listed))


def test_a_corpus_that_was_replaced_is_refused_and_nothing_is_scanned_with_it(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shard is missing of the first corpus; by the time it is there, that corpus is another."""
    history = make_history(tmp_path / "history", 1, 2)
    tables, kept = tmp_path / "tables", tmp_path / "kept"
    shard = shards_of(history, history.crawls[0])[1]
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    campaign = opened(tmp_path, history, history.older)
    assert run(campaign) == 3
    opened(tmp_path, history, history.newer)
    shard.write_bytes(whole)
    history.older.rename(kept)
    shutil.copytree(history.newer, history.older)
    published = TableStore.open(str(tables)).published()
    capsys.readouterr()
    assert run(campaign) == 1
    assert "put the corpus back: a corpus never changes" in capsys.readouterr().err
    assert TableStore.open(str(tables)).published() == published
    shutil.rmtree(history.older)
    kept.rename(history.older)
    assert run(campaign) == 0
    assert states(campaign) == ["done"]
    assert set(read_to_the_end(tables).values()) == {1}
    assert found(tables) == expected(history, tmp_path)


@pytest.mark.full
def test_a_clock_that_is_put_back_again_and_again_costs_no_run(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = make_history(tmp_path / "history", 3, 2)
    campaign, tables = opened(tmp_path, history, history.older), tmp_path / "tables"
    moments = [datetime.now(UTC)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            moments.append(moments[-1] - timedelta(days=1))
            return moments[-1]

    for module in (engine, campaigning, store_module):
        monkeypatch.setattr(module, "datetime", Clock)
    assert run(campaign) == 0
    opened(tmp_path, history, history.newer)
    assert run(campaign, "--budget", "1000") == 0
    assert states(campaign) == ["done"] * 3
    assert set(read_to_the_end(tables).values()) == {1}
    assert found(tables) == expected(history, tmp_path)


@pytest.mark.full
def test_a_publication_killed_at_any_of_its_writes_is_done_by_the_next_call(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that publish are killed one after the other, each a write later, until one has published."""
    history = make_history(tmp_path / "history", 1, 2)
    campaign, tables = opened(tmp_path, history, history.older), tmp_path / "tables"
    publish, seen = engine.publish, list[int]()

    def publishing(*given: Any, **more: Any) -> Any:
        for writes in range(1000):
            code = _in_a_child(lambda: publish(*given, **more), killed_at=writes)
            store = TableStore.open(str(tables))
            assert list(store.damage()) == []
            seen.append(len(store.published()))
            assert code == KILLED
            if seen[-1]:
                # Killed just after the row that publishes the run: it is there, and not cleared.
                assert len(store.read("matches")) == store.rows()[0]["matches"] > 0
                break
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "publish", publishing)
    assert run(campaign) != 0
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert len(seen) > 20
    monkeypatch.setattr(engine, "publish", publish)
    assert run(campaign) == 0
    assert states(campaign) == ["done"]
    assert len(TableStore.open(str(tables)).published()) == 1
    assert set(read_to_the_end(tables).values()) == {1}


def _in_a_child(work: Any, killed_at: int) -> int:
    """Do work in a child that is killed before its write of this number; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = killed_at

    def watch(event: str, given: tuple[Any, ...]) -> None:
        nonlocal left
        is_write = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        if event in WRITES or is_write:
            if left == 0:
                os._exit(KILLED)
            left -= 1

    code = 1
    try:
        sys.addaudithook(watch)
        work()
        code = 0
    finally:
        os._exit(code)
