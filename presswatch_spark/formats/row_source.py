"""What the row datasets share: one source, told which columns to read and by which it is recognised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from presswatch_spark.formats.heads import keys_of
from presswatch_spark.formats.inflate.inflated import inflated_window
from presswatch_spark.formats.inflate.window import Window
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table import parquet
from presswatch_spark.formats.table.columns import Columns
from presswatch_spark.formats.table.footer import MAGIC
from presswatch_spark.formats.table.jsonl import read_jsonl
from presswatch_spark.model import DocumentBatch, ReadReport
from presswatch_spark.storage.objects import ObjectInfo


@dataclass(frozen=True, slots=True)
class TabularSource:
    """Reads JSONL (plain, gzip, zstd) and Parquet, told apart by content.

    `marks`: sets of (dotted) column names; a file that has all of one set is of this dataset, if `exact` only
    a file that has no other. `text_is_sure`: a row of JSON without the column of text is a damaged one.
    """

    name: str
    columns: Columns
    marks: tuple[frozenset[str], ...]
    exact: bool = False
    text_is_sure: bool = False

    def recognises(self, uri: str, head: bytes) -> bool:
        """Whether `head` begins with a JSON object that has the dataset's keys."""
        return self.fits(keys_of(head))

    def fits(self, names: frozenset[str]) -> bool:
        """Whether a file with columns `names` is of this dataset."""
        return names in self.marks if self.exact else any(marks <= names for marks in self.marks)

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the rows that have text; see `Source.read`."""
        columns = self.columns.with_mapping(options.columns)
        with options.open(shard) as stream:
            magic = stream.read(len(MAGIC))
            stream.push_back(magic)
            if magic != MAGIC:
                window = Window(stream, report)
                if window.refill(0) is None:
                    report.add_defect("the shard is empty", 0)
                    return
                yield from read_jsonl(
                    inflated_window(window, report), columns, options, report, shard.uri, self.text_is_sure
                )
                return
        report.bytes_read = 0
        yield from parquet.read_parquet(shard, columns, options, report)
