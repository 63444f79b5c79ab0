"""From article files to parts: rows are taken in, sorted by id in runs, and merged into parts.

An external merge sort: memory holds one run or one part, whatever the size of the corpus and however often
ids are repeated. The order depends on ids alone. The first row of an id (by the URI of its file, then by row)
is the article, later ones are refused.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.corpus.building.account import PieceWriter
from presswatch_spark.corpus.building.intake import read_articles
from presswatch_spark.corpus.building.workspace import BuildWorkspace
from presswatch_spark.corpus.layout import ARTICLES, ARTICLES_PER_BATCH, ARTICLES_PER_PART
from presswatch_spark.errors import OutputError
from presswatch_spark.judgement.sites import TitleSites
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.tables.declarations import RefusedArticle

# A part with more rows than this in hand lets go of repeated ids before it takes more.
_PART_ROWS = 2 * ARTICLES_PER_PART

RUN = ARTICLES.append(pa.field("source", pa.int32(), False)).append(pa.field("row_index", pa.int64(), False))
"""The rows of runs; `source` is the number of an article's file in the order of URIs."""
ORDER = [("article_id", "ascending"), ("source", "ascending"), ("row_index", "ascending")]


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one task; `first` is the place of the first one in the order of URIs."""

    number: int
    first: int
    infos: tuple[ObjectInfo, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The results of a task: the files of its runs, and of its refused rows.

    `placeholders`: by title, the rows whose date of publication stands for none.
    """

    runs: tuple[str, ...]
    refused: tuple[str, ...]
    placeholders: Mapping[str, int]


def grouped(files: Sequence[ObjectInfo], n: int) -> Iterator[Files]:
    """Cut the files, in their order, into at most `n` groups of like size."""
    sizes = [info.size or 1 for info in files]
    share = -(-sum(sizes) // n)
    first, gathered, number = 0, 0, 0
    for i, size in enumerate(sizes):
        gathered += size
        if gathered >= share or i == len(files) - 1:
            yield Files(number, first, tuple(files[first : i + 1]))
            first, gathered, number = i + 1, 0, number + 1


def take_in(
    work: BuildWorkspace, titles: TitleSites, config: CorpusConfig, storage: StorageOptions, files: Files
) -> Taken:
    """Read a group of files to their ends. Memory holds one run.

    Raises: as `intake.read_articles`; OutputError if this host does not see the workspace.
    """
    if not work.scratch.is_dir():
        raise OutputError(
            "an executor does not see the folder that the corpus is built in",
            where=str(work.scratch),
            remedy="build on one machine (--master local[*]), or put --out where all hosts see it",
        )
    runs = PieceWriter(work.scratch, f"run-{files.number:05d}", RUN, ORDER)
    refused = PieceWriter(work.scratch, f"refused-{files.number:05d}")
    placeholders = Counter[str]()
    for source, info in enumerate(files.infos, files.first):
        for row in read_articles(info, titles, config, storage):
            if isinstance(row, RefusedArticle):
                refused.add(row.as_dict())
            else:
                place = {"source": source, "row_index": row.row_index}
                runs.add(row.fields | place, len(row.fields["body"]))
                placeholders[row.fields["title_id"]] += row.placeholder
    runs.flush()
    refused.flush()
    return Taken(tuple(runs.paths), tuple(refused.paths), dict(+placeholders))


@dataclass(frozen=True, slots=True)
class Cuts:
    """The places where runs are cut into parts: part p is rows `bounds[p][r]` to `bounds[p + 1][r]` of run r.

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


def merge_part(cuts: Cuts, part: int, sources: Sequence[str]) -> tuple[pa.Table, list[RefusedArticle]]:
    """Return the articles of a part (schema `ARTICLES`) and the rows that repeat an id, by their ids."""
    held, refusals = RUN.empty_table(), list[RefusedArticle]()
    for path, first, last in zip(cuts.runs, cuts.bounds[part], cuts.bounds[part + 1], strict=True):
        held = pa.concat_tables([held, _rows(path, first, last)])
        if len(held) > _PART_ROWS or path == cuts.runs[-1]:
            held, repeats = _first_of_each(held, sources)
            refusals += repeats
    # Runs are in the order of files and rows, so a stable sort leaves the repeats of an id in that order.
    return held.select(ARTICLES.names), sorted(refusals, key=lambda refusal: refusal.article_id or "")


def _first_of_each(table: pa.Table, sources: Sequence[str]) -> tuple[pa.Table, list[RefusedArticle]]:
    """Return the first row of every id, in the order of ids, and refusals of the other rows."""
    ordered = table.sort_by(ORDER).combine_chunks()
    ids = ordered["article_id"].chunk(0)
    repeated = np.concatenate(([False], pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)))
    return ordered.filter(pa.array(~repeated)), list(_repeats(ordered, repeated, sources))


def _rows(path: str, first: int, last: int) -> pa.Table:
    """Read rows of a run; only their batches are opened, since parts times runs grow with the square."""
    if first == last:
        return RUN.empty_table()
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


def _repeats(table: pa.Table, repeated: Any, sources: Sequence[str]) -> Iterator[RefusedArticle]:
    body, row_index, source = table["body"], table["row_index"], table["source"]
    firsts = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(repeated))))
    for row in np.flatnonzero(repeated).tolist():
        first = int(firsts[row])
        place = f"row {row_index[first].as_py()} of {sources[source[first].as_py()]}"
        same = body[row].as_py() == body[first].as_py()
        yield RefusedArticle(
            source=sources[source[row].as_py()],
            row_index=row_index[row].as_py(),
            article_id=table["article_id"][row].as_py(),
            title_id=table["title_id"][row].as_py(),
            reason="duplicate" if same else "id_reused",
            detail=f"{'same id and body as' if same else 'the id is that of another body,'} {place}",
        )
