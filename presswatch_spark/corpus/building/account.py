"""The account of a corpus: refused rows, suppressed shingles, and the counts of each title.

Tasks write pieces of these tables as Arrow files. The build joins them in an order that only the input
decides.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from presswatch_spark.corpus.arrays import read_arrow, write_arrow
from presswatch_spark.corpus.layout import part_name
from presswatch_spark.corpus.manifest import TitleCounts
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.tables.declarations import RefusedArticle

PIECE_BYTES = 96 << 20
_ROW_BYTES = 1_000
_GROUP_ROWS = 65_536


class PieceWriter:
    """Gathers rows and writes them as pieces, `folder/name-00000.arrow` and so on.

    `order`: how the rows of a piece are sorted, for `pyarrow.Table.sort_by`; empty: as they came.
    """

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
        """Take a row, in which long texts have so many bytes."""
        self._rows.append(row)
        self._bytes += text_bytes + _ROW_BYTES
        if self._bytes >= PIECE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the rows gathered since the last piece."""
        if self._rows:
            table = pa.Table.from_pylist(self._rows, self._schema)
            path = self._folder / f"{self._name}-{len(self.paths):05d}.arrow"
            write_arrow(path, table.sort_by(self._order) if self._order else table)
            self.paths.append(str(path))
            self._rows, self._bytes = [], 0


def reasons(pieces: Iterable[str]) -> dict[str, int]:
    """Count the refused rows by reason."""
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(read_arrow(piece)["reason"].to_pylist())
    return dict(sorted(counts.items()))


def first_refusal(pieces: Sequence[str]) -> str:
    """Return why the first refused row was refused, and where it is."""
    row = read_arrow(pieces[0]).slice(0, 1).to_pylist()[0]
    return f"{row['detail']} (row {row['row_index']} of {row['source']})"


def write_table(path: Path, schema: pa.Schema, pieces: Sequence[str]) -> None:
    """Join pieces into one Parquet file, whose row groups do not depend on the cut of the pieces."""
    held, rows = [schema.empty_table()], 0
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in pieces:
            held.append(read_arrow(piece).cast(schema))
            rows += len(held[-1])
            while rows >= _GROUP_ROWS:
                table = pa.concat_tables(held)
                writer.write_table(table.slice(0, _GROUP_ROWS).combine_chunks())
                held, rows = [table.slice(_GROUP_ROWS)], rows - _GROUP_ROWS
        writer.write_table(pa.concat_tables(held).combine_chunks())


_DATES = (("published_at", "count"), ("published_at", "min"), ("published_at", "max"), ("words", "count"))
_SUMS = ("excerpts", "html", "repaired", "urls_elsewhere", "not_urls")
_NOTHING: Mapping[str, Any] = {
    "articles": 0,
    "undated": 0,
    "first": None,
    "last": None,
    **dict.fromkeys(_SUMS, 0),
}


def counts_by_title(
    titles: Collection[str],
    folder: Path,
    parts: int,
    refused: Iterable[str],
    placeholders: Mapping[str, int],
) -> dict[str, TitleCounts]:
    """Count articles and refused rows of every title, in the order of ids.

    Args:
        folder: the corpus, with the files of `parts` parts of articles.
        refused: pieces of the `refused` table, in their order.
        placeholders: by title, the articles whose date stands for none and was left out.
    """
    taken, why, examples = _taken(folder, parts), defaultdict[str, Counter[str]](Counter), dict[str, str]()
    for row in (row for piece in refused for row in read_arrow(piece).to_pylist()):
        if (title := row["title_id"]) is not None:
            why[title][row["reason"]] += 1
            place = f"row {row['row_index']} of {row['source'].rpartition('/')[2]}"
            examples.setdefault(title, f"{row['detail']} ({place})")
    return {
        title: TitleCounts(
            **taken.get(title, _NOTHING),
            placeholders=placeholders.get(title, 0),
            refused=dict(sorted(why[title].items())),
            example=examples.get(title),
        )
        for title in sorted(titles)
    }


def _taken(folder: Path, parts: int) -> dict[str, dict[str, Any]]:
    groups: list[pa.Table] = []
    for part in range(parts):
        table = read_arrow(folder / part_name(part))
        elsewhere = pc.equal(pc.fill_null(table["url_on_title"], True), False)
        is_url = pa.array([page_url(url or "") is not None for url in table["url"].to_pylist()], pa.bool_())
        marks = {
            "excerpts": table["is_excerpt"],
            "html": pc.equal(table["body_format"], "html"),
            "repaired": table["body_repaired"],
            "urls_elsewhere": pc.and_(elsewhere, is_url),
            "not_urls": pc.and_(elsewhere, pc.invert(is_url)),
        }
        marked = table.select(["title_id", "published_at", "words"])
        for name, each in marks.items():
            marked = marked.append_column(name, pc.cast(each, pa.int64()))
        sums = [(name, "sum") for name in _SUMS]
        groups.append(marked.group_by("title_id").aggregate([*_DATES, *sums]))
    titles: dict[str, dict[str, Any]] = {}
    for row in pa.concat_tables(groups).to_pylist():
        counts = titles.setdefault(row["title_id"], dict(_NOTHING))
        counts["articles"] += row["words_count"]
        counts["undated"] += row["words_count"] - row["published_at_count"]
        for name in _SUMS:
            counts[name] += row[f"{name}_sum"]
        for name, choose in (("first", min), ("last", max)):
            if moment := row[f"published_at_{choose.__name__}"]:
                day = moment.date().isoformat()
                counts[name] = choose(day, counts[name] or day)
    return titles
