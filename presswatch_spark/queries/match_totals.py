"""What rows of `matches` add up to: by letter, by site, and the documents, articles and hosts that they name.

An engine counts in SQL. Rows of this machine that no claim judges are counted here in a third of the time:
only the columns that are counted are read, as the numbers that the files hold in the place of texts.

A document is a record of a shard, wherever it is captured again. Where its place is not known, its URL stands
for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.errors import OutputError
from presswatch_spark.judgement.grading import CONFIDENCES
from presswatch_spark.show import printable
from presswatch_spark.storage.arrow_files import file_system
from presswatch_spark.tables.schemas.scan_tables import MATCHES
from presswatch_spark.tables.seals import UNREADABLE
from presswatch_spark.tables.store import TableStore

Keys = npt.NDArray[np.int64]
TEXTS = ("confidence", "article_id", "document_host", "shard_uri")
COUNTED = (*TEXTS, "own_site", "record_offset", "row_index")
URL = "document_url"
READERS = 4
# Pairs of numbers that are near each other are to have numbers of their own.
_ODD = np.int64(0x1E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class MatchTotals:
    """How many rows there are: all, by letter, and by where their documents stand; and what they name.

    `without_host`: rows whose host is not known; `hosts` counts those of the others.
    """

    rows: int
    letters: Mapping[str, int]
    own_site: int
    elsewhere: int
    unknown_site: int
    documents: int
    articles: int
    hosts: int
    without_host: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> MatchTotals:
        """Return the totals of the one row that `totals_query` gives."""
        numbers = [number or 0 for number in row]
        rows, own, elsewhere, unknown, documents, articles, hosts, without_host, *by_letter = numbers
        letters = {letter: count for letter, count in zip(CONFIDENCES, by_letter, strict=True) if count}
        return cls(rows, letters, own, elsewhere, unknown, documents, articles, hosts, without_host)


def totals_query(source: str, letter: str, condition: str) -> str:
    """Return a query for the totals of rows of `source`, whose letter is the column `letter`."""

    def rows_where(what: str) -> str:
        return f"sum(case when {what} then 1 else 0 end)"

    def different(value: str, known: str) -> str:
        return f"count(distinct case when {known} then xxhash64({value}) end)"

    offset, index = (f"coalesce(cast({name} as string), '')" for name in ("record_offset", "row_index"))
    url = "case when record_offset is null and row_index is null then coalesce(document_url, '') else '' end"
    document = f"concat(shard_uri, ' ', {offset}, ' ', {index}, ' ', {url})"
    counts = [
        "count(*)",
        rows_where("own_site"),
        rows_where("not own_site"),
        rows_where("own_site is null"),
        different(document, "true"),
        different("article_id", "article_id is not null"),
        different("document_host", "document_host is not null"),
        rows_where("document_host is null"),
        *(rows_where(f"{letter} = '{each}'") for each in CONFIDENCES),
    ]
    return f"select {', '.join(counts)} from {source} where {condition}"


def counted_here(
    store: TableStore, runs: Sequence[str], chosen: Any = None, asked: Iterable[str] = ()
) -> MatchTotals:
    """Count rows of published runs in this process, by the letters of the rows themselves.

    What is read is held against the checksums of its pages, and the files against their sizes and rows; their
    SHA-256 is not computed.

    Args:
        chosen: an Arrow expression for the rows that count; None: all.
        asked: the columns that it looks at.

    Raises:
        OutputError: files are missing, were added, or are others.
    """
    counts, columns = Counts(), frozenset(asked)
    files = store.files("matches", *runs, read=False) if runs else []
    parts = [(file, part) for file in files for part in range(READERS)]
    with ThreadPoolExecutor(READERS, "count") as pool:
        for found in pool.map(lambda each: _part_counts(store, each[0], each[1], chosen, columns), parts):
            counts.add(found)
    return counts.totals()


def _part_counts(store: TableStore, uri: str, part: int, chosen: Any, asked: frozenset[str]) -> Counts:
    """Count the rows of every `READERS`th row group of a file, from `part` on."""
    system, counts = file_system(store.root.uri, store.root.storage), Counts()
    try:
        footer = pq.read_metadata(uri, filesystem=system)
        texts = [name for name in TEXTS if name in footer.schema.to_arrow_schema().names]
        # A file of its own for each thread: several may not read one.
        with pq.ParquetFile(
            uri, metadata=footer, filesystem=system, read_dictionary=texts, page_checksum_verification=True
        ) as file:
            for group in range(part, file.num_row_groups, READERS):
                counts.add(_group_counts(file, group, chosen, asked))
        counts.tell_apart()
    except UNREADABLE as error:
        raise OutputError(f"a table cannot be read: {error}", where=printable(uri)) from error
    return counts


class Counts:
    """Counts of groups of rows, added up: the numbers, and what is to be told apart between groups."""

    def __init__(self) -> None:
        self.numbers = Counter[str]()
        self.documents: list[Keys] = []
        self.names: dict[str, list[pa.Array]] = {"article_id": [], "document_host": []}

    def add(self, other: Counts) -> None:
        """Add the counts of a group."""
        self.numbers.update(other.numbers)
        self.documents += other.documents
        for name, found in other.names.items():
            self.names[name] += found

    def tell_apart(self) -> None:
        """Keep each document and each name once."""
        # `np.unique` takes five times as long.
        keys = np.sort(np.concatenate([np.empty(0, np.int64), *self.documents]))
        self.documents = [_without_repeats(keys)]
        for name, found in self.names.items():
            self.names[name] = [pa.chunked_array(found, pa.string()).unique()]

    def totals(self) -> MatchTotals:
        """Return what all groups add up to."""
        self.tell_apart()
        numbers = self.numbers
        articles, hosts = (len(found[0].drop_null()) for found in self.names.values())
        return MatchTotals(
            rows=numbers["rows"],
            letters={letter: numbers[letter] for letter in CONFIDENCES if numbers[letter]},
            own_site=numbers["own"],
            elsewhere=numbers["rows"] - numbers["own"] - numbers["unknown"],
            unknown_site=numbers["unknown"],
            documents=len(self.documents[0]),
            articles=articles,
            hosts=hosts,
            without_host=numbers["no host"],
        )


def _group_counts(file: pq.ParquetFile, group: int, chosen: Any, asked: frozenset[str]) -> Counts:
    """Count the rows of one row group."""
    rows = _read(file, group, [*COUNTED, *sorted(asked - set(COUNTED))])
    if _is_nowhere(rows).any():
        rows = rows.append_column(URL, _read(file, group, [URL])[URL])
    if chosen is not None:
        plain = (rows[name].cast(MATCHES.field(name).type) for name in rows.column_names)
        rows = pa.table(list(plain), rows.column_names).filter(chosen)
    counts = Counts()
    counts.numbers["rows"] = len(rows)
    counts.numbers["own"] = pc.sum(rows["own_site"]).as_py() or 0
    counts.numbers["unknown"] = rows["own_site"].null_count
    counts.numbers["no host"] = rows["document_host"].null_count
    for letters, number in _used(rows["confidence"]):
        counts.numbers.update(dict(zip(letters.to_pylist(), number.tolist(), strict=True)))
    for name, found in counts.names.items():
        found += [names for names, _ in _used(rows[name])]
    counts.documents = [_documents(rows)]
    return counts


def _read(file: pq.ParquetFile, group: int, names: Sequence[str]) -> pa.Table:
    """Read columns of a row group; those that an older file lacks are null."""
    there = set(file.schema_arrow.names)
    table = file.read_row_group(group, [name for name in names if name in there], use_threads=False)
    for name in names:
        if name not in there:
            table = table.append_column(name, pa.nulls(len(table), MATCHES.field(name).type))
    return table


def _used(column: pa.ChunkedArray) -> Iterator[tuple[pa.Array, Keys]]:
    """Yield the texts of a column, and in how many rows each stands, chunk by chunk; nulls do not count."""
    for chunk in column.chunks:
        texts = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
        times = np.bincount(_filled(texts.indices.drop_null(), 0), minlength=len(texts.dictionary))
        used = np.flatnonzero(times)
        yield texts.dictionary.take(_arrow(used)), times[used]


def _documents(rows: pa.Table) -> Keys:
    """Return numbers of the documents of rows: the same for the same one, in this process."""
    offset, index = (_numbers(rows[name]) for name in ("record_offset", "row_index"))
    keys = (_hashes(rows["shard_uri"]) * _ODD + offset) * _ODD + index
    if URL in rows.column_names:
        keys = np.where(_is_nowhere(rows), keys * _ODD + _hashes(rows[URL]), keys)
    return _without_repeats(keys)


def _without_repeats(keys: Keys) -> Keys:
    """Return the numbers that differ from the one before: rows of one document follow each other."""
    changes = np.ones(len(keys), np.bool_)
    changes[1:] = keys[1:] != keys[:-1]
    found: Keys = keys[changes]
    return found


def _is_nowhere(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Say of which rows nobody knows where in its shard the document is."""
    offset, index = (_numbers(rows[name]) for name in ("record_offset", "row_index"))
    return (offset < 0) & (index < 0)


def _numbers(column: pa.ChunkedArray) -> Keys:
    """Return whole numbers; -1 for null."""
    parts = [_filled(chunk, -1).astype(np.int64, copy=False) for chunk in column.chunks]
    found: Keys = np.concatenate(parts) if parts else np.empty(0, np.int64)
    return found


def _filled(column: pa.Array, value: int) -> npt.NDArray[Any]:
    """Return whole numbers with one in the place of nulls; `to_numpy` would load pandas, as `pa.array`."""
    kind = np.int64 if column.type == pa.int64() else np.int32
    if column.null_count:
        column = pc.fill_null(column, _arrow(np.array([value], np.int64))[0].cast(column.type))
    return np.frombuffer(column.buffers()[1], kind)[column.offset : column.offset + len(column)]


def _arrow(numbers: Keys) -> pa.Array:
    """Return numbers as Arrow has them; `pa.array` would load pandas first, which takes 0.2 s."""
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def _hashes(column: pa.ChunkedArray) -> Keys:
    """Return a number for each text of a column; 0 for null."""
    parts = []
    for chunk in column.chunks:
        texts = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
        hashes = np.array([*map(hash, texts.dictionary.to_pylist()), 0], np.int64)
        parts.append(hashes[_filled(texts.indices, len(texts.dictionary))])
    found: Keys = np.concatenate(parts) if parts else np.empty(0, np.int64)
    return found
