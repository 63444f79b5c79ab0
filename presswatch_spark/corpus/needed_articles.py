"""The articles of a corpus that lies elsewhere: of each, the blocks with what is asked of it are fetched."""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from presswatch_spark.corpus.article_files import ArticleFiles, Columns, Facts
from presswatch_spark.corpus.layout import ARTICLES, part_name
from presswatch_spark.corpus.needed import NeededFile, NeededFiles

BODY = "body"
# What a process has mapped takes disk even when its name is gone.
_PARTS_OPEN = 32


class NeededArticles(ArticleFiles):
    """Reads articles by ordinal, as `ArticleFiles` does."""

    def __init__(self, files: NeededFiles) -> None:
        @lru_cache(_PARTS_OPEN)
        def part(number: int) -> _Part:
            return _Part(files.file(part_name(number)))

        self._part = part

    def facts(self, ordinal: int) -> Facts:
        """Return what the row of an article says, but for its text."""
        batch, row = self.row(ordinal)
        return Columns(batch)[row]

    def row(self, ordinal: int) -> tuple[Any, int]:
        """Return the record batch that holds an article, without its body, and its row there."""
        part, number, row = self.place(ordinal)
        return self._part(part).facts(number), row

    def body(self, ordinal: int) -> bytes:
        """Return the body of an article, UTF-8."""
        part, number, row = self.place(ordinal)
        return self._part(part).body(number, row)


class _Part:
    """A file of articles (Arrow IPC), of which metadata, columns and texts are fetched by need."""

    def __init__(self, file: NeededFile) -> None:
        self._file = file
        self._metadata = metadata_ranges(file)
        self._whole = pa.py_buffer(file.data)
        self._reader = pa.ipc.open_file(pa.BufferReader(self._whole))
        self._batches: dict[int, pa.RecordBatch] = {}

    def facts(self, number: int) -> pa.RecordBatch:
        """Return a batch, with all columns but the body."""
        batch = self._batch(number).select([name for name in ARTICLES.names if name != BODY])
        self._file.need(*(place for column in batch.columns for place in self._ranges(column.buffers())))
        return batch

    def body(self, number: int, row: int) -> bytes:
        """Return the body in a row of a batch."""
        _, ends, content = self._batch(number)[BODY].buffers()
        ((begin, end),) = self._ranges([ends])
        self._file.need((begin, end))
        first, after = np.frombuffer(ends, np.int64, 2, 8 * row).tolist()
        ((begin, _),) = self._ranges([content])
        self._file.need((begin + first, begin + after))
        return bytes(memoryview(content)[first:after])

    def _batch(self, number: int) -> pa.RecordBatch:
        if number not in self._batches:
            self._file.need(self._metadata[number])
            self._batches[number] = self._reader.get_batch(number)
        return self._batches[number]

    def _ranges(self, buffers: list[pa.Buffer | None]) -> Iterator[tuple[int, int]]:
        """Yield where buffers lie in the file."""
        for buffer in buffers:
            if buffer is not None and buffer.size:
                begin = buffer.address - self._whole.address
                yield begin, begin + buffer.size


_TAIL = 1 << 14
_MAGIC_BYTES = 6


def metadata_ranges(file: NeededFile) -> list[tuple[int, int]]:
    """Return where the metadata of each batch of an Arrow file lies; the file's footer is there then.

    The footer is a flatbuffer, whose fourth field is a vector of blocks of three numbers: the offset of the
    batch, the length of its metadata, the length of its body ("Arrow Columnar Format", IPC file format).
    """
    file.need((max(0, file.size - _TAIL), file.size))
    (length,) = struct.unpack_from("<i", file.data, file.size - _MAGIC_BYTES - 4)
    begin = file.size - _MAGIC_BYTES - 4 - length
    file.need((begin, file.size))
    footer = bytes(file.data[begin : begin + length])
    (root,) = struct.unpack_from("<I", footer)
    (back,) = struct.unpack_from("<i", footer, root)
    (field,) = struct.unpack_from("<H", footer, root - back + 4 + 2 * 3)
    vector = root + field
    vector += struct.unpack_from("<I", footer, vector)[0]
    (count,) = struct.unpack_from("<I", footer, vector)
    blocks = (struct.unpack_from("<qi4xq", footer, vector + 4 + 24 * each) for each in range(count))
    return [(offset, offset + metadata) for offset, metadata, _ in blocks]
