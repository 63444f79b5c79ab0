"""Rows dealt to buckets on disk, so that all rows of an article meet in memory, however many there are."""

import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.storage.disk import disk_errors

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where buckets begin. Articles from `articles[k]` on are in one of their own, up to the next.

    Rows without article (an empty one) are dealt to `sites` buckets before these, by their document. If
    `sites` is 0, they are in the first one with articles.
    """

    sites: int
    articles: Sequence[str]

    @classmethod
    def of(cls, sample: Sequence[str], rows: int, bucket_rows: int) -> "Cuts":
        """Cut so many rows by a sample of their articles, of which an empty one is none."""
        buckets = -(-rows // bucket_rows)
        named = sorted(article for article in sample if article)
        if buckets <= 1 or not sample:
            return cls(0, ())
        share = len(named) / len(sample)
        sites = max(1, round(buckets * (1 - share)))
        parts = max(1, round(buckets * share))
        firsts = {named[len(named) * part // parts] for part in range(1, parts)} if named else set()
        return cls(sites, sorted(firsts))

    def __len__(self) -> int:
        return self.sites + len(self.articles) + 1

    def of_articles(self, articles: pa.Array) -> Numbers:
        """Return the bucket of each article; of an empty one, the first one with articles."""
        named = articles.dictionary_encode()
        places = [self.sites + bisect_right(self.articles, name) for name in named.dictionary.to_pylist()]
        return np.array(places, np.int64)[named.indices.to_numpy()] if places else np.empty(0, np.int64)

    def of_documents(self, documents: pa.Array) -> Numbers:
        """Return for each document the bucket of its rows without article."""
        if not self.sites:
            return np.zeros(len(documents), np.int64)
        return np.array([zlib.crc32(each.encode()) % self.sites for each in documents.to_pylist()], np.int64)

    def of_pairs(self, batch: pa.RecordBatch) -> Numbers:
        """Return the bucket of each row with an `article` and a `document`."""
        places = self.of_articles(batch["article"])
        if self.sites:
            alone = np.flatnonzero(pa.compute.equal(batch["article"], "").to_numpy(zero_copy_only=False))
            places[alone] = self.of_documents(batch["document"].take(pa.array(alone)))
        return places


@dataclass(slots=True)
class Stream:
    """Rows of one schema, by bucket, in files of `folder` that begin with `name`; close it before reading."""

    folder: Path
    name: str
    schema: pa.Schema
    kept: ExitStack = field(default_factory=ExitStack)
    writers: dict[int, pa.RecordBatchStreamWriter] = field(default_factory=dict)

    def deal(self, batch: pa.RecordBatch, places: Numbers) -> None:
        """Write each row to the bucket that `places` says."""
        with disk_errors(str(self.folder)):
            if len(places) and (places == places[0]).all():
                self._writer(int(places[0])).write_batch(batch)
                return
            order = np.argsort(places, kind="stable")
            dealt, sorted_places = batch.take(pa.array(order)), places[order]
            begins = np.flatnonzero(np.diff(sorted_places, prepend=-1))
            for first, after in zip(begins, [*begins[1:], len(order)], strict=True):
                self._writer(int(sorted_places[first])).write_batch(dealt.slice(first, after - first))

    def close(self) -> None:
        """End the files."""
        with disk_errors(str(self.folder)):
            self.kept.close()

    def read(self, number: int) -> pa.Table:
        """Return the rows of a bucket."""
        if number not in self.writers:
            return self.schema.empty_table()
        with pa.OSFile(str(self._path(number))) as file, pa.ipc.open_stream(file) as rows:
            return rows.read_all()

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.name}-{number:05}.arrow"

    def _writer(self, number: int) -> pa.RecordBatchStreamWriter:
        if number not in self.writers:
            file = self.kept.enter_context(pa.OSFile(str(self._path(number)), "wb"))
            writer = pa.ipc.new_stream(file, self.schema)
            self.writers[number] = self.kept.enter_context(writer)
        return self.writers[number]


def dealt(
    stream: Stream, batches: Iterable[pa.RecordBatch], places_of: Callable[[pa.RecordBatch], Numbers]
) -> Stream:
    """Deal all batches and close the stream."""
    try:
        for batch in batches:
            stream.deal(batch, places_of(batch))
    finally:
        stream.close()
    return stream
