"""Tables of many small runs, and compactions that are watched and killed at each of their steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pyarrow as pa

from presswatch_spark.storage import disk
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import SCHEMAS, PublishedRun, ShardLog, columns_without_run
from presswatch_spark.tables.digests import row_digest, table_digest
from presswatch_spark.tables.rewriting import compact
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore
from tests.world.tables import match, row_of

CRAWLS = (("wet", "CC-MAIN-2025-05"), ("c4", None), ("wet", "CC-MAIN-2025-08"))
ALIKE = CRAWLS[:1]
"""One crawl: two runs of it are the fewest whose files are all merged."""
ROWS = 5


class Killed(BaseException):
    """The end of a process."""


Crawls = tuple[tuple[str, str | None], ...]


def publish_small(store: TableStore, number: int, crawls: Crawls = CRAWLS) -> str:
    """Publish a run of a few rows, as scans do; `number`: a distinct one, by which runs are sorted."""
    run_id = f"20260101T{number:06}Z-aaaaaa"
    dataset, release = crawls[number % len(crawls)]
    rows = [
        match(
            f"a{place}", f"https://x.example/{number}/{place}", shard_uri=f"s3://crawl/{number}",
            record_offset=place, dataset=dataset, release=release, text_sha256="t",
            publisher_id=("rives", "plateau")[place % 2],
        )
        for place in range(ROWS)
    ]  # fmt: skip
    for row in rows:
        row["row_sha256"] = row_digest(row)
    log = [row_of(ShardLog, shard_uri=f"s3://crawl/{number}", status="complete", format=dataset)]
    written, staged = {}, store.root / "_staged"
    for table, of_table in (("matches", rows), ("scan_log", log), ("metrics", [])):
        schema = columns_without_run(table)
        batch = pa.Table.from_pylist(of_table, schema).to_batches()
        written[table] = [SortedFiles(table, run_id, staged).write_all(batch)]
    row = row_of(
        PublishedRun, run_id=run_id, dataset=dataset, release=release, matches=ROWS, shards_planned=1,
        table_digest=table_digest(row["row_sha256"] for row in rows),
    )  # fmt: skip
    store.publish_tables("runs", row, staged, written, lambda: None)
    staged.remove()
    return run_id


def small_runs(
    path: str, storage: StorageOptions | None = None, runs: int = 6, crawls: Crawls = CRAWLS
) -> TableStore:
    store = TableStore.create(path, storage)
    for number in range(runs):
        publish_small(store, number, crawls)
    return store


def content(store: TableStore) -> dict[str, Any]:
    """All rows that readers see: of each table, and of each run in it, in their order."""
    tables = ("matches", "scan_log", "metrics")
    found: dict[str, Any] = {table: sorted(map(repr, store.read(table).to_pylist())) for table in tables}
    found["runs"] = [{**row, "files": None} for row in store.rows()]
    for run_id in store.published():
        store.check(run_id)
        found[run_id] = store.read("matches", run_id, columns=["row_sha256"]).to_pylist()
    return found


@contextmanager
def at_each_step(look: Callable[[int], None]) -> Iterator[None]:
    """Call a function before each change to stored files, with the number of the change."""
    steps = 0

    def seen(change: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*arguments: Any, **options: Any) -> Any:
            nonlocal steps
            look(steps)
            steps += 1
            return change(*arguments, **options)

        return changing

    with (
        patch.object(Folder, "take", seen(Folder.take)),
        patch.object(Folder, "write", seen(Folder.write)),
        patch.object(Folder, "remove", seen(Folder.remove)),
        patch.object(disk, "delete_object", seen(disk.delete_object)),
    ):
        yield


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do work, and kill it before a change to stored files; return whether there is such a change."""

    def kill(number: int) -> None:
        if number == step:
            raise Killed

    with at_each_step(kill):
        try:
            work()
        except Killed:
            return True
    return False


def require_survival(make: Callable[[], TableStore], every: int = 1) -> None:
    """Kill compactions of new tables at some steps: readers see the same rows, and the next one finishes."""
    step, there = 0, True
    while there:
        store = make()
        expected, before = content(store), files_of(store)
        there = killed_at(step, lambda store=store: compact(store))  # type: ignore[misc]
        assert content(store) == expected, step
        compact(store)
        assert content(store) == expected, step
        after = files_of(store)
        assert len(after["matches"]) < len(before["matches"])
        assert len(after["scan_log"]) == len(after["metrics"]) == 1
        assert after["runs"] == before["runs"]
        assert store.unpublished() == {}
        assert (store.root / "_runs").names() in ([], ["rewriting.lock"])
        assert compact(store) == (0, 0)
        step += every
    assert step > 12


def files_of(store: TableStore) -> dict[str, list[str]]:
    return {table: (store.root / table).names() for table in SCHEMAS}
