"""Articles in the order of their ids: sorted runs, cut at fixed ordinals, merged into Arrow files.

Memory holds one run or one part, whatever the size of the corpus and however often ids are repeated. The
order depends on ids alone: the first row of an id (by the URI of its file, then by row) is the article, later
ones are refused. (External merge sort.)
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.corpus.building.intake import Candidate, Refusal
from presswatch_spark.corpus.layout import ARTICLES, ARTICLES_PER_BATCH, ARTICLES_PER_PART, part_name

RUN_BYTES = 96 << 20
_ROW_BYTES = 1_000
# Each holds a file descriptor, of which a process may have some thousand.
_FILES_OPEN = 256
# A part with more rows than this in hand lets go of repeated ids before it takes more.
_PART_ROWS = 2 * ARTICLES_PER_PART

_RUN = ARTICLES.append(pa.field("source", pa.int32(), False)).append(pa.field("row_index", pa.int64(), False))
_ORDER = [("article_id", "ascending"), ("source", "ascending"), ("row_index", "ascending")]


class RunWriter:
    """Gathers articles and writes them as sorted runs, `folder/name-00000.arrow` and so on."""

    def __init__(self, folder: Path, name: str) -> None:
        self.paths: list[str] = []
        self._folder = folder
        self._name = name
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, source: int, article: Candidate) -> None:
        """Take an article; `source` is the number of its file in the order of URIs."""
        self._rows.append(article.fields | {"source": source, "row_index": article.row_index})
        self._bytes += len(article.fields["body"]) + _ROW_BYTES
        if self._bytes >= RUN_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered since the last run."""
        if not self._rows:
            return
        table = pa.Table.from_pylist(self._rows, _RUN).sort_by(_ORDER)
        path = self._folder / f"{self._name}-{len(self.paths):05d}.arrow"
        write_arrow(path, table)
        self.paths.append(str(path))
        self._rows, self._bytes = [], 0


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the runs are cut into parts: part p is rows `bounds[p][r]` to `bounds[p + 1][r]` of every run r.

    `articles` counts distinct ids; a part holds `ARTICLES_PER_PART` of them, the last one the rest.
    """

    runs: tuple[str, ...]
    bounds: tuple[tuple[int, ...], ...]
    articles: int

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.bounds) - 1


def cut(runs: Sequence[str], articles_per_part: int = ARTICLES_PER_PART) -> Cuts:
    """Merge the ids of all runs, a batch of each in memory, and note where every part begins."""
    position = [0] * len(runs)
    bounds = [tuple(position)]
    articles, last = 0, None
    for article_id, run in heapq.merge(*(_ids(path, run) for run, path in enumerate(runs))):
        if article_id != last:
            if articles and articles % articles_per_part == 0:
                bounds.append(tuple(position))
            articles, last = articles + 1, article_id
        position[run] += 1
    bounds.append(tuple(position))
    return Cuts(tuple(runs), tuple(bounds), articles)


def merge_part(cuts: Cuts, part: int, sources: Sequence[str]) -> tuple[pa.Table, list[Refusal]]:
    """The articles of a part (schema `ARTICLES`) and the rows that repeat an id, both in the order of ids."""
    held, refusals = _RUN.empty_table(), list[Refusal]()
    for path, first, last in zip(cuts.runs, cuts.bounds[part], cuts.bounds[part + 1], strict=True):
        held = pa.concat_tables([held, _rows(path, first, last)])
        if len(held) > _PART_ROWS or path == cuts.runs[-1]:
            held, repeats = _first_of_each(held, sources)
            refusals += repeats
    # Runs are in the order of files and rows, so a stable sort leaves the repeats of an id in that order.
    return held.select(ARTICLES.names), sorted(refusals, key=lambda refusal: refusal.article_id or "")


def _first_of_each(table: pa.Table, sources: Sequence[str]) -> tuple[pa.Table, list[Refusal]]:
    """The first row of every id, in the order of ids, and the other rows."""
    ordered = table.sort_by(_ORDER).combine_chunks()
    ids = ordered["article_id"].chunk(0)
    repeated = np.concatenate(([False], pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)))
    return ordered.filter(pa.array(~repeated)), list(_repeats(ordered, repeated, sources))


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write an Arrow IPC file, uncompressed: row i is in batch i // `ARTICLES_PER_BATCH`."""
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        for batch in table.combine_chunks().to_batches(ARTICLES_PER_BATCH):
            writer.write_batch(batch)


def read_arrow(path: str | Path) -> pa.Table:
    """Map an Arrow IPC file: columns are views of it."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _rows(path: str, first: int, last: int) -> pa.Table:
    """Rows of a run; of its batches only theirs are opened, since parts times runs grow with the square."""
    if first == last:
        return _RUN.empty_table()
    reader = pa.ipc.open_file(pa.memory_map(path))
    number = first // ARTICLES_PER_BATCH
    batches = [reader.get_batch(n) for n in range(number, -(-last // ARTICLES_PER_BATCH))]
    return pa.Table.from_batches(batches).slice(first - number * ARTICLES_PER_BATCH, last - first)


def _ids(path: str, run: int) -> Iterator[tuple[str, int]]:
    with pa.memory_map(path) as file:
        reader = pa.ipc.open_file(file)
        for batch in range(reader.num_record_batches):
            for article_id in reader.get_batch(batch).column("article_id").to_pylist():
                yield article_id, run


def _repeats(table: pa.Table, repeated: Any, sources: Sequence[str]) -> Iterator[Refusal]:
    body, row_index, source = table["body"], table["row_index"], table["source"]
    firsts = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(repeated))))
    for row in np.flatnonzero(repeated).tolist():
        first = int(firsts[row])
        place = f"row {row_index[first].as_py()} of {sources[source[first].as_py()]}"
        same = body[row].as_py() == body[first].as_py()
        yield Refusal(
            source=sources[source[row].as_py()],
            row_index=row_index[row].as_py(),
            article_id=table["article_id"][row].as_py(),
            title_id=table["title_id"][row].as_py(),
            reason="duplicate" if same else "id_reused",
            detail=f"{'same id and body as' if same else 'the id is that of another body,'} {place}",
        )


class ArticleFiles:
    """Articles by ordinal, straight from the mapped files of a corpus folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = lru_cache(_FILES_OPEN)(self._open)
        self._batch = lru_cache(_FILES_OPEN)(self._map)

    def row(self, ordinal: int) -> tuple[Any, int]:
        """The record batch that holds an article, and its row there."""
        part, place = divmod(ordinal, ARTICLES_PER_PART)
        batch, row = divmod(place, ARTICLES_PER_BATCH)
        return self._batch(part, batch), row

    def body(self, ordinal: int) -> bytes:
        """Body of an article, UTF-8."""
        batch, row = self.row(ordinal)
        content: bytes = batch.column("body")[row].as_buffer().to_pybytes()
        return content

    def urls(self, ordinal: int) -> tuple[str, ...]:
        """URL of an article and its alternates, as the member gave them."""
        batch, row = self.row(ordinal)
        return _urls(batch.column("url")[row].as_py(), batch.column("alternate_urls")[row].as_py())

    def article_id(self, ordinal: int) -> str:
        """Id of an article."""
        batch, row = self.row(ordinal)
        return str(batch.column("article_id")[row].as_py())

    def _map(self, part: int, batch: int) -> Any:
        return self._reader(part).get_batch(batch)

    def _open(self, part: int) -> Any:
        return pa.ipc.open_file(pa.memory_map(str(self._folder / part_name(part))))


def article_urls(folder: Path, part: int) -> Iterator[tuple[int, str]]:
    """Every URL of every article of a part, with the article's ordinal; a batch in memory."""
    with pa.memory_map(str(folder / part_name(part))) as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            first = part * ARTICLES_PER_PART + number * ARTICLES_PER_BATCH
            rows = zip(
                batch.column("url").to_pylist(), batch.column("alternate_urls").to_pylist(), strict=True
            )
            for ordinal, (url, alternates) in enumerate(rows, first):
                for each in _urls(url, alternates):
                    yield ordinal, each


def _urls(url: str | None, alternates: Sequence[str]) -> tuple[str, ...]:
    return (url, *alternates) if url else tuple(alternates)
