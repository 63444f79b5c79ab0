"""The articles of a corpus by their ordinals, read from mapped Arrow files."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from presswatch_spark.corpus.layout import ARTICLES_PER_BATCH, ARTICLES_PER_PART, part_name
from presswatch_spark.moments import EPOCH

# Each holds a file descriptor; a process may have some thousand.
_FILES_OPEN = 256


class ArticleFacts(NamedTuple):
    """What an article's row says, but for its text."""

    article_id: str
    title_id: str
    url: str | None
    headline: str | None
    published_at: datetime | None
    words: int
    is_excerpt: bool


class ArticleColumns:
    """The facts of a record batch, read from its buffers: Arrow's scalars take several times as long."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._texts = tuple(
            map(_TextColumn, map(batch.column, ("article_id", "title_id", "url", "headline")))
        )
        self._published_at, self._words = (
            _Numbers(batch.column("published_at")),
            _Numbers(batch.column("words")),
        )
        self._is_excerpt = _Flags(batch.column("is_excerpt"))

    def __getitem__(self, row: int) -> ArticleFacts:
        published_at, words = self._published_at[row], self._words[row]
        moment = None if published_at is None else EPOCH + timedelta(microseconds=published_at)
        article_id, title_id, url, headline = (text[row] for text in self._texts)
        return ArticleFacts(article_id, title_id, url, headline, moment, words, self._is_excerpt[row])


class _Column:
    """A column of a record batch that was read from a file, where each begins at its first value."""

    def __init__(self, column: pa.Array) -> None:
        valid = column.buffers()[0] if column.null_count else None
        self._valid = None if valid is None else memoryview(valid)

    def is_null(self, row: int) -> bool:
        return self._valid is not None and not self._valid[row >> 3] >> (row & 7) & 1


class _TextColumn(_Column):
    def __init__(self, column: pa.Array) -> None:
        super().__init__(column)
        _, bounds, data = column.buffers()
        self._bounds = memoryview(bounds).cast("q" if column.type == pa.large_string() else "i")
        self._data = memoryview(data or b"")

    def __getitem__(self, row: int) -> Any:
        return (
            None if self.is_null(row) else str(self._data[self._bounds[row] : self._bounds[row + 1]], "utf-8")
        )

    def utf8(self, row: int) -> bytes:
        return bytes(self._data[self._bounds[row] : self._bounds[row + 1]])


class _Numbers(_Column):
    def __init__(self, column: pa.Array) -> None:
        super().__init__(column)
        self._values = memoryview(column.buffers()[1]).cast("i" if column.type.bit_width == 32 else "q")

    def __getitem__(self, row: int) -> Any:
        return None if self.is_null(row) else self._values[row]


class _Flags(_Column):
    def __init__(self, column: pa.Array) -> None:
        super().__init__(column)
        self._bits = memoryview(column.buffers()[1])

    def __getitem__(self, row: int) -> bool:
        return bool(self._bits[row >> 3] >> (row & 7) & 1)


class ArticleFiles:
    """Reads articles by ordinal from the mapped files of a corpus folder."""

    def __init__(self, folder: Path) -> None:
        @lru_cache(_FILES_OPEN)
        def reader(part: int) -> Any:
            return pa.ipc.open_file(pa.memory_map(str(folder / part_name(part))))

        self._batch = lru_cache(_FILES_OPEN)(lambda part, batch: reader(part).get_batch(batch))
        self._columns = lru_cache(_FILES_OPEN)(lambda part, batch: ArticleColumns(self._batch(part, batch)))
        self._bodies = lru_cache(_FILES_OPEN)(
            lambda part, batch: _TextColumn(self._batch(part, batch).column("body"))
        )

    def row(self, ordinal: int) -> tuple[Any, int]:
        """Return the record batch that holds an article, and its row there."""
        part, batch, row = self.place(ordinal)
        return self._batch(part, batch), row

    @staticmethod
    def place(ordinal: int) -> tuple[int, int, int]:
        """Return the part of an article, its batch there, and its row there."""
        part, place = divmod(ordinal, ARTICLES_PER_PART)
        return part, *divmod(place, ARTICLES_PER_BATCH)

    def facts(self, ordinal: int) -> ArticleFacts:
        """Return what the row of an article says, but for its text."""
        part, batch, row = self.place(ordinal)
        return self._columns(part, batch)[row]

    def body(self, ordinal: int) -> bytes:
        """Return the body of an article, UTF-8."""
        part, batch, row = self.place(ordinal)
        return self._bodies(part, batch).utf8(row)

    def urls(self, ordinal: int) -> tuple[str, ...]:
        """Return the URL of an article and its alternates, as the member gave them; empty if it has none."""
        batch, row = self.row(ordinal)
        return _urls(batch.column("url")[row].as_py(), batch.column("alternate_urls")[row].as_py())

    def article_id(self, ordinal: int) -> str:
        """Return the id of an article."""
        batch, row = self.row(ordinal)
        return str(batch.column("article_id")[row].as_py())


def article_urls(path: Path, part: int) -> Iterator[tuple[int, str]]:
    """Yield every URL of every article of a part, by its file, with ordinals; a batch is in memory."""
    with pa.memory_map(str(path)) as file:
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
