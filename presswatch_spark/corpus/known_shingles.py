"""Reads the shingles of known texts, which are not the members' own: laws, speeches, old books, wires.

A file named `*.txt`, `*.txt.gz` or `*.txt.zst` is one text in UTF-8. Any other is read like a shard.
"""

from collections.abc import Iterable

import numpy as np

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading import registry
from presswatch_spark.reading.inflate import inflated
from presswatch_spark.reading.registry import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.text.kernels import Hashes
from presswatch_spark.reading.text.words import shingle_hashes, word_hashes
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream, printable

TEXT_SUFFIXES = (".txt", ".txt.gz", ".txt.zst")


def shingles_of(files: Iterable[ObjectInfo], storage: StorageOptions) -> tuple[Hashes, int]:
    """Return the hashes of all 8-word shingles of the files' texts, sorted, each once, and count the texts.

    Raises `CorruptError` if a file cannot be read to its end, or a text file is not UTF-8.
    """
    parts, texts = [np.empty(0, np.uint64)], 0
    for file in files:
        report = ReadReport()
        if printable(file.uri).lower().endswith(TEXT_SUFFIXES):
            with open_stream(file, storage) as stream:
                text = b"".join(inflated(stream, report))
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                raise CorruptError(
                    f"byte 0x{text[error.start]:02x} at {error.start:,} is not UTF-8",
                    where=printable(file.uri),
                    remedy="save the text as UTF-8: words with accents would be cut otherwise",
                ) from error
            parts.append(shingle_hashes(word_hashes(text)))
            texts += 1
        else:
            options = ReadOptions(storage=storage)
            for batch in format_for(registry.AUTO, file, options).read(file, options, report):
                parts += [shingle_hashes(word_hashes(batch.text_of(i))) for i in range(len(batch))]
                texts += len(batch)
        if report.defects_total:
            raise CorruptError(
                f"the known text cannot be read to its end: {report.defects[0]}",
                where=printable(file.uri),
                remedy="download it again",
            )
    return np.unique(np.concatenate(parts)), texts
