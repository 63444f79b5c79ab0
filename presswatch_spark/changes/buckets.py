"""Rows dealt to buckets on disk, so that all rows of an article meet in memory, however many there are."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.storage.disk import disk_errors

Numbers = npt.NDArray[np.int64]
_GREATEST = np.iinfo(np.uint16).max
_BUFFERED = 1 << 18
"""Bytes of a file that wait for being written: a batch has many small parts, and each were one call."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where buckets begin. Articles from `articles[k]` on are in one of their own, up to the next.

    Rows without article (an empty one) are dealt to `sites` buckets before these, by their document. If
    `sites` is 0, they are in the first one with articles.
    """

    sites: int
    articles: Sequence[str]

    @classmethod
    def of(cls, sample: pa.Array, rows: int, bucket_rows: int) -> "Cuts":
        """Cut so many rows by a sample of their articles, strings, of which an empty one is none."""
        buckets = -(-rows // bucket_rows)
        if buckets <= 1 or not len(sample):
            return cls(0, ())
        named = sample.filter(pc.not_equal(sample, ""))
        share = len(named) / len(sample)
        sites = max(1, round(buckets * (1 - share)))
        parts = max(1, round(buckets * share)) if len(named) else 1
        places = pa.array([len(named) * part // parts for part in range(1, parts)], pa.int64())
        firsts = named.take(pc.array_sort_indices(named).take(places))
        return cls(sites, sorted(set(firsts.to_pylist())))

    def __len__(self) -> int:
        return self.sites + len(self.articles) + 1

    def of_articles(self, articles: pa.Array) -> Numbers:
        """Return the bucket of each article; of an empty one or null, the first one with articles."""
        named = articles.dictionary_encode()
        cuts = pa.array(self.articles, pa.string())
        after = pc.search_sorted(cuts, named.dictionary, side="right").to_numpy().astype(np.int64)
        places: Numbers = self.sites + np.append(after, 0)[_codes(named)]
        return places

    def of_documents(self, documents: pa.Array) -> Numbers:
        """Return for each document the bucket of its rows without article."""
        if not self.sites:
            return np.zeros(len(documents), np.int64)
        return np.array([zlib.crc32(each.encode()) % self.sites for each in documents.to_pylist()], np.int64)

    def of_pairs(self, articles: pa.Array, documents_of: Callable[[pa.Array], pa.Array]) -> Numbers:
        """Return the bucket of each row with these articles.

        `documents_of` gives the documents of rows by their numbers; only rows without article need one.
        """
        named = articles.dictionary_encode()
        places = self.of_articles(named)
        if self.sites:
            without = np.append(pc.equal(named.dictionary, "").to_numpy(zero_copy_only=False), True)
            alone = np.flatnonzero(without[_codes(named)])
            places[alone] = self.of_documents(documents_of(pa.array(alone)))
        return places


def _codes(named: pa.DictionaryArray) -> Numbers:
    """Return the code of each value; of null, that after the last one."""
    codes: Numbers = pc.fill_null(named.indices, len(named.dictionary)).to_numpy().astype(np.int64)
    return codes


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
            # Numbers of 16 bits are sorted by their digits, in a fraction of the time.
            small = places.astype(np.uint16) if places.max(initial=0) <= _GREATEST else places
            order = np.argsort(small, kind="stable")
            dealt, sorted_places = pc.take(batch, pa.array(order), boundscheck=False), places[order]
            begins = np.flatnonzero(np.diff(sorted_places, prepend=-1))
            for first, after in zip(begins, [*begins[1:], len(order)], strict=True):
                self._writer(int(sorted_places[first])).write_batch(dealt.slice(first, after - first))

    def close(self) -> None:
        """End the files."""
        with disk_errors(str(self.folder)):
            self.kept.close()

    def read(self, number: int) -> pa.Table:
        """Return the rows of a bucket, once: they stay mapped, and their file ends with them."""
        if number not in self.writers:
            return self.schema.empty_table()
        path = self._path(number)
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as rows:
            # The system gives its memory to what is written next, and need not clear more.
            path.unlink()
            return rows.read_all()

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.name}-{number:05}.arrow"

    def _writer(self, number: int) -> pa.RecordBatchStreamWriter:
        if number not in self.writers:
            file = self.kept.enter_context(pa.output_stream(str(self._path(number)), buffer_size=_BUFFERED))
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
