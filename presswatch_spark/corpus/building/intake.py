"""Turns the rows of article files into articles, in parts sorted by id, or into refusals; counts both.

A row is refused for the first of these reasons that applies: `unreadable`, `no_id`, `bad_type`,
`unknown_title`, `no_body`, `too_short`, `bad_date`; later, over the whole corpus, `duplicate` or `id_reused`.
`core.times` reads dates. If one is missing, or a placeholder (the first moment of 1970, the year 1), the
article has no date.

Sorted files of rows (*runs*) are merged into parts: an external merge sort, whose memory is one run or one
part. The first row of an id (by the URI of its file, then by row) is the article, later ones are refused.
Tasks write pieces of tables as Arrow files, which the build joins in an order that only the input decides.
"""

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.core.errors import ConfigError, OutputError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.core.times import NoMomentError, is_placeholder, moment_of
from presswatch_spark.corpus.building.bodies import is_excerpt, plain_text
from presswatch_spark.corpus.building.workspace import BuildWorkspace, Files
from presswatch_spark.corpus.layout import (
    ARTICLES,
    ARTICLES_PER_BATCH,
    ARTICLES_PER_PART,
    part_name,
    read_arrow,
    write_arrow,
)
from presswatch_spark.corpus.manifest import TitleCounts
from presswatch_spark.matching.judgement.sites import TitleSites
from presswatch_spark.matching.judgement.urls import page_url
from presswatch_spark.reading.rows.whole_rows import NamedColumns, Unreadable, whole_rows
from presswatch_spark.reading.text.words import word_count
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.tables.declarations import RefusedArticle

REQUIRED_COLUMNS = frozenset({"article_id", "title_id", "url", "body"})
COLUMNS = (
    "article_id", "title_id", "url", "headline", "body", "published_at",
    "language", "authors", "agency_credit", "modified_at", "alternate_urls",
)  # fmt: skip
_IDS = ("article_id", "title_id")
LIST_MARK = "|"

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReadArticle:
    """A row that may become an article: columns of `layout.ARTICLES`. `placeholder`: its date was one."""

    row_index: int
    fields: dict[str, Any]
    placeholder: bool = False


class _RefusedError(Exception):
    """A row is refused: the reason and a detail."""


def article_columns(mapping: Mapping[str, str]) -> NamedColumns:
    """Return the columns to look for, by a mapping of our names to theirs; `ConfigError` for others."""
    unknown = sorted(mapping.keys() - set(COLUMNS))
    if unknown:
        raise ConfigError(
            f"articles have no column {', '.join(unknown)}",
            where="columns",
            remedy=f"map some of {', '.join(COLUMNS)}",
        )
    names = {ours: mapping.get(ours, ours) for ours in COLUMNS}
    return NamedColumns(names, REQUIRED_COLUMNS | mapping.keys())


def read_articles(
    info: ObjectInfo, source: str, titles: TitleSites, config: CorpusConfig, storage: StorageOptions
) -> Iterator[ReadArticle | RefusedArticle]:
    """Examine every row of one article file, in order; raises as `whole_rows`.

    `source`: the file's name in refusals.
    """
    for index, row in whole_rows(info, article_columns(config.columns), storage, config.encoding):
        try:
            yield _examine(index, row, titles, config)
        except _RefusedError as refused:
            reason, detail = refused.args
            ids = {name: None if isinstance(row, Unreadable) else row[name] for name in _IDS}
            for name, value in ids.items():
                ids[name] = _SURROGATES.sub("\ufffd", str(value)) if isinstance(value, str | int) else None
            yield RefusedArticle(source=source, row_index=index, **ids, reason=reason, detail=detail)


def _examine(
    index: int, row: Mapping[str, Any] | Unreadable, titles: TitleSites, config: CorpusConfig
) -> ReadArticle:
    if isinstance(row, Unreadable):
        raise _RefusedError("unreadable", row.detail)
    for value in row.values():
        if isinstance(value, Unreadable):
            raise _RefusedError("unreadable", value.detail)
    article_id, title_id = _id(row, "article_id"), _id(row, "title_id")
    if article_id is None:
        raise _RefusedError("no_id", "`article_id` is missing or empty")
    if title_id not in titles.title_ids:
        why = "is missing or empty" if title_id is None else "is not in the members file"
        raise _RefusedError("unknown_title", f"`title_id` {why}")
    fields: dict[str, Any] = {"article_id": article_id, "title_id": title_id}
    fields |= {name: _text(row[name], name) for name in ("url", "headline", "language", "agency_credit")}
    fields |= {name: _texts(row, name) for name in ("authors", "alternate_urls")}
    if fields["headline"]:
        fields["headline"] = plain_text(fields["headline"]).text
    given = _text(row["body"], "body")
    if given is None:
        raise _RefusedError("no_body", "`body` is missing or empty")
    body = plain_text(given, config.body_format)
    if not body.text.strip():
        raise _RefusedError("no_body", "`body` is HTML without text")
    words = word_count(body.text.encode())
    if words < config.min_article_words:
        raise _RefusedError("too_short", f"{words} words, fewer than {config.min_article_words}")
    dates = {name: _moment(row, name, config.date_formats) for name in ("published_at", "modified_at")}
    kept = {name: None if when and is_placeholder(when) else when for name, when in dates.items()}
    placeholder = kept["published_at"] != dates["published_at"]
    url = fields["url"]
    fields |= {
        "body": body.text,
        "words": words,
        "is_excerpt": is_excerpt(body.text),
        "body_format": body.format,
        "body_repaired": body.repaired,
        "url_on_title": titles.title_at(url) == title_id if url else None,
    }
    return ReadArticle(index, fields | kept, placeholder)


def _id(row: Mapping[str, Any], name: str) -> str | None:
    value = row[name]
    # Whole numbers are taken as their decimal digits.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value, name)


def _text(value: Any, name: str) -> str | None:
    """Return a text, or None if it is missing or blank. Lone surrogates become U+FFFD."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise _RefusedError("unreadable", f"`{name}` is not UTF-8") from None
    if value is None or value == "" or (isinstance(value, str) and value.isspace()):
        return None
    if not isinstance(value, str):
        raise _RefusedError("bad_type", f"`{name}` is {_kind(value)}, not text")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", value)
    return value


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    value = row[name]
    if value is None:
        return []
    parts = value.split(LIST_MARK) if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise _RefusedError("bad_type", f"`{name}` is {_kind(value)}, not a list of texts")
    texts = (_text(part, name) for part in parts)
    return [text.strip() for text in texts if text is not None]


def _moment(row: Mapping[str, Any], name: str, formats: Sequence[str]) -> datetime | None:
    value = _text(row[name], name) if isinstance(row[name], bytes) else row[name]
    if isinstance(value, bool | list | dict) or (isinstance(value, float) and not math.isfinite(value)):
        raise _RefusedError("bad_type", f"`{name}` is {_kind(value)}, not a date")
    try:
        return moment_of(value, formats)
    except NoMomentError as error:
        raise _RefusedError("bad_date", f"`{name}` {error}") from None


def _kind(value: object) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")


# --- pieces of tables

PIECE_BYTES = 96 << 20
_ROW_BYTES = 1_000
_GROUP_ROWS = 65_536


class PieceWriter:
    """Collects rows and writes them as pieces, `folder/name-00000.arrow` and on, each sorted by `order`."""

    def __init__(
        self,
        folder: Path,
        name: str,
        schema: pa.Schema = RefusedArticle.schema,
        order: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.paths: list[str] = []
        self._folder, self._name, self._schema, self._order = folder, name, schema, list(order)
        self._rows: list[Mapping[str, Any]] = []
        self._bytes = 0

    def add(self, row: Mapping[str, Any], text_bytes: int = 0) -> None:
        """Add a row; `text_bytes`: the size of its long texts."""
        self._rows.append(row)
        self._bytes += text_bytes + _ROW_BYTES
        if self._bytes >= PIECE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the rows added since the last piece."""
        if self._rows:
            table = pa.Table.from_pylist(self._rows, self._schema)
            path = self._folder / f"{self._name}-{len(self.paths):05d}.arrow"
            write_arrow(path, table.sort_by(self._order) if self._order else table)
            self.paths.append(str(path))
            self._rows, self._bytes = [], 0


# --- runs and parts

# While a part is merged, repeated ids are dropped each time that it has more rows than this.
_PART_ROWS = 2 * ARTICLES_PER_PART

RUN = ARTICLES.append(pa.field("source", pa.int32(), False)).append(pa.field("row_index", pa.int64(), False))
"""The columns of runs; `source` is the number of an article's file in the order of URIs."""
ORDER = [("article_id", "ascending"), ("source", "ascending"), ("row_index", "ascending")]


@dataclass(frozen=True, slots=True)
class Taken:
    """The files of a task's runs and of its refused rows; by title, the rows with a placeholder date."""

    runs: tuple[str, ...]
    refused: tuple[str, ...]
    placeholders: Mapping[str, int]


def take_in(
    work: BuildWorkspace,
    sources: Sequence[str],
    titles: TitleSites,
    config: CorpusConfig,
    storage: StorageOptions,
    files: Files,
) -> Taken:
    """Read a group of files to their ends; `OutputError` if this host does not see the workspace.

    `sources`: the names of all files of the corpus in its table of refused rows.
    """
    if not work.scratch.is_dir():
        raise OutputError(
            "an executor does not see the folder that the corpus is built in",
            where=str(work.scratch),
            remedy="build on one machine (--master local[*]), or put --out where all hosts see it",
        )
    first, infos = files
    runs = PieceWriter(work.scratch, f"run-{first:05d}", RUN, ORDER)
    refused = PieceWriter(work.scratch, f"refused-{first:05d}")
    placeholders = Counter[str]()
    for source, info in enumerate(infos, first):
        for row in read_articles(info, sources[source], titles, config, storage):
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
    """The cut of runs into parts: part p is rows `bounds[p][r]` to `bounds[p + 1][r]` of run r.

    `articles` counts distinct ids; a part has `ARTICLES_PER_PART` of them, the last one the rest.
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
    kept, refusals = RUN.empty_table(), list[RefusedArticle]()
    for path, first, last in zip(cuts.runs, cuts.bounds[part], cuts.bounds[part + 1], strict=True):
        if first < last:
            # Open only the batches with these rows: parts × runs grows with the square of the corpus.
            reader = pa.ipc.open_file(pa.memory_map(path))
            number = first // ARTICLES_PER_BATCH
            batches = [reader.get_batch(n) for n in range(number, -(-last // ARTICLES_PER_BATCH))]
            rows = pa.Table.from_batches(batches).slice(first - number * ARTICLES_PER_BATCH, last - first)
            kept = pa.concat_tables([kept, rows])
        if len(kept) > _PART_ROWS or path == cuts.runs[-1]:
            # Keep the first row of every id, in the order of ids.
            ordered = kept.sort_by(ORDER).combine_chunks()
            ids = ordered["article_id"].chunk(0)
            repeated = np.concatenate(([False], pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)))
            refusals += _repeats(ordered, repeated, sources)
            kept = ordered.filter(pa.array(~repeated))
    # Runs are in the order of files and rows, so a stable sort leaves the repeats of an id in that order.
    return kept.select(ARTICLES.names), sorted(refusals, key=lambda refusal: refusal.article_id or "")


def _repeats(
    table: pa.Table, repeated: npt.NDArray[np.bool_], sources: Sequence[str]
) -> Iterator[RefusedArticle]:
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


def _ids(path: str, run: int) -> Iterator[tuple[str, int]]:
    with pa.memory_map(path) as file:
        reader = pa.ipc.open_file(file)
        for batch in range(reader.num_record_batches):
            for article_id in reader.get_batch(batch).column("article_id").to_pylist():
                yield article_id, run


# --- counts of a corpus


def reasons(pieces: Iterable[str]) -> dict[str, int]:
    """Count the refused rows by reason."""
    counts = Counter(reason for piece in pieces for reason in read_arrow(piece)["reason"].to_pylist())
    return dict(sorted(counts.items()))


def write_table(path: Path, schema: pa.Schema, pieces: Sequence[str]) -> int:
    """Join pieces into one Parquet file, and return its number of rows.

    Its row groups do not depend on where pieces begin.
    """
    left, rows = [schema.empty_table()], 0
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in pieces:
            left.append(read_arrow(piece).cast(schema))
            rows += len(left[-1])
            while rows >= _GROUP_ROWS:
                table = pa.concat_tables(left)
                writer.write_table(table.slice(0, _GROUP_ROWS).combine_chunks())
                left, rows = [table.slice(_GROUP_ROWS)], rows - _GROUP_ROWS
        writer.write_table(pa.concat_tables(left).combine_chunks())
    return int(pq.read_metadata(path).num_rows)


_SUMS = ("articles", "undated", "excerpts", "html", "repaired", "urls_elsewhere", "not_urls")


def counts_by_title(
    titles: Collection[str],
    folder: Path,
    parts: int,
    refused: Iterable[str],
    placeholders: Mapping[str, int],
) -> dict[str, TitleCounts]:
    """Count articles and refused rows of every title, in the order of ids.

    Args: the corpus, its number of parts, pieces of the `refused` table in order, `Taken.placeholders`.
    """
    why, examples = defaultdict[str, Counter[str]](Counter), dict[str, str]()
    for row in (row for piece in refused for row in read_arrow(piece).to_pylist()):
        if (title := row["title_id"]) is not None:
            why[title][row["reason"]] += 1
            place = f"row {row['row_index']} of {row['source'].rpartition('/')[2]}"
            examples.setdefault(title, f"{row['detail']} ({place})")
    counted = []
    for part in range(parts):
        articles = read_arrow(folder / part_name(part))
        elsewhere = pc.equal(pc.fill_null(articles["url_on_title"], True), False)
        is_url = pa.array(
            [page_url(url or "") is not None for url in articles["url"].to_pylist()], pa.bool_()
        )
        columns = {
            "title_id": articles["title_id"],
            "first": articles["published_at"],
            "last": articles["published_at"],
            "articles": pc.is_valid(articles["title_id"]),
            "undated": pc.is_null(articles["published_at"]),
            "excerpts": articles["is_excerpt"],
            "html": pc.equal(articles["body_format"], "html"),
            "repaired": articles["body_repaired"],
            "urls_elsewhere": pc.and_(elsewhere, is_url),
            "not_urls": pc.and_(elsewhere, pc.invert(is_url)),
        }
        counted.append(_summed(pa.table(columns)))
    taken = {row.pop("title_id"): row for row in _summed(pa.concat_tables(counted)).to_pylist()}
    for row in taken.values():
        row |= {name: row[name] and row[name].date().isoformat() for name in ("first", "last")}
    nothing = {"first": None, "last": None, **dict.fromkeys(_SUMS, 0)}
    return {
        title: TitleCounts(
            **taken.get(title, nothing),
            placeholders=placeholders.get(title, 0),
            refused=dict(sorted(why[title].items())),
            example=examples.get(title),
        )
        for title in sorted(titles)
    }


def _summed(counts: pa.Table) -> pa.Table:
    """Sum the counts of each title; `first` and `last` become its least and greatest."""
    wanted = [("first", "min"), ("last", "max"), *((name, "sum") for name in _SUMS)]
    summed = counts.group_by("title_id").aggregate(wanted)
    return summed.rename_columns({"title_id": "title_id"} | {f"{name}_{how}": name for name, how in wanted})
