"""Streams the rows of a dataset with little read-ahead.

Arrow's own streams read about 250 of our row groups at once, which takes several gigabytes for wide rows.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from operator import methodcaller
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

GROUPS_AHEAD, FOOTERS_AHEAD = 3, 8
"""Row groups, and footers of files, that are read ahead."""


def bounded_batches(
    dataset: Any, columns: Sequence[str] | None = None, filter: Any = None, rows: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet dataset, in their order; only a few row groups are in memory.

    `filter`: an Arrow expression; row groups that it rules out are not read. `rows`: the most of a batch.
    """
    wanted = None if columns is None else list(columns)
    split = methodcaller("split_by_row_group", filter, schema=dataset.schema)
    read = methodcaller("to_table", schema=dataset.schema, columns=wanted, filter=filter, use_threads=False)
    groups = chain.from_iterable(_ahead(split, dataset.get_fragments(filter), FOOTERS_AHEAD))
    for table in _ahead(read, groups, GROUPS_AHEAD):
        yield from table.to_batches(rows)


def _ahead(function: Callable[[Any], Any], items: Iterable[Any], count: int) -> Iterator[Any]:
    waiting = deque[Future[Any]]()
    with ThreadPoolExecutor(count, "tables") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def bounded_dataset(dataset: Any) -> Any:
    """Return the same files as a dataset for DuckDB, which gives columns and a filter, and gets few rows."""
    # Imported here: it loads pandas, which opened datasets do anyway.
    import pyarrow.dataset as ds

    class BoundedDataset(ds.FileSystemDataset):  # type: ignore[misc]
        def scanner(self, **options: Any) -> SimpleNamespace:
            columns, filter, schema = options.get("columns"), options.get("filter"), self.schema
            if columns is not None:
                schema = pa.schema([schema.field(name) for name in columns])

            def to_reader() -> pa.RecordBatchReader:
                return pa.RecordBatchReader.from_batches(schema, bounded_batches(self, columns, filter))

            return SimpleNamespace(to_reader=to_reader)

    fragments = list(dataset.get_fragments())
    return BoundedDataset(fragments, dataset.schema, dataset.format, filesystem=dataset.filesystem)
