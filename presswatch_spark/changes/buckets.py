"""Rows dealt to buckets on disk, so that all rows of a pair meet in memory, however many rows there are."""

import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.storage.disk import disk_errors

Numbers = npt.NDArray[np.int64]


class Buckets:
    """Rows of one schema in files of `folder`, one for each bucket that has rows.

    A bucket has the rows of some keys, chosen by a hash: the same in every stream of so many buckets.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema, count: int) -> None:
        self._folder, self._name, self._schema, self._count = folder, name, schema, count
        self._open = ExitStack()
        self._writers = dict[int, pa.RecordBatchStreamWriter]()

    def deal(self, batch: pa.RecordBatch, keys: pa.Array) -> None:
        """Write each row to the bucket of its key, a string."""
        places = self._places(keys)
        order = np.argsort(places, kind="stable")
        dealt, places = batch.take(pa.array(order)), places[order]
        begins = np.flatnonzero(np.diff(places, prepend=-1))
        with disk_errors(str(self._folder)):
            for first, after in pairwise([*begins, len(order)]):
                self._writer(int(places[first])).write_batch(dealt.slice(first, after - first))

    def deal_all(
        self, batches: Iterable[pa.RecordBatch], keys: Callable[[pa.RecordBatch], pa.Array]
    ) -> "Buckets":
        """Write all batches, and end the files."""
        try:
            for batch in batches:
                self.deal(batch, keys(batch))
        finally:
            self.close()
        return self

    def close(self) -> None:
        """End the files: rows can be read from then on."""
        with disk_errors(str(self._folder)):
            self._open.close()

    def read(self, number: int) -> pa.Table:
        """Return the rows of a bucket, once: they stay mapped, and their file is removed."""
        if number not in self._writers:
            return self._schema.empty_table()
        path = self._path(number)
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as rows:
            path.unlink()
            return rows.read_all()

    def _places(self, keys: pa.Array) -> Numbers:
        named = keys.dictionary_encode()
        hashes = [zlib.crc32(key.encode()) % self._count for key in named.dictionary.to_pylist()]
        places: Numbers = np.array(hashes, np.int64)[named.indices.to_numpy()]
        return places

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number:05}.arrow"

    def _writer(self, number: int) -> pa.RecordBatchStreamWriter:
        if number not in self._writers:
            file = self._open.enter_context(pa.OSFile(str(self._path(number)), "wb"))
            writer = pa.ipc.new_stream(file, self._schema)
            self._writers[number] = self._open.enter_context(writer)
        return self._writers[number]


def key_of(batch: pa.RecordBatch) -> pa.Array:
    """Return what rows of a pair meet by: `article`, or `document` where that is empty."""
    return pc.if_else(pc.equal(batch["article"], ""), batch["document"], batch["article"])
