"""What the columns of tables are made of: fields that say what they mean, and structs that several share."""

import pyarrow as pa

UTC_MICROS = pa.timestamp("us", tz="UTC")

SPAN = pa.struct(
    dict.fromkeys(("document_start", "document_end", "article_start", "article_end"), pa.int64())
    | dict.fromkeys(("words", "passage"), pa.int32())
)

SKIPPED = pa.struct({"why": pa.string(), "documents": pa.int64()})
UNREAD = pa.struct({"what": pa.string(), "pages": pa.int64()})
GRADED = pa.struct({"grade": pa.string(), "matches": pa.int64()})
STAGE = pa.struct({"stage": pa.string(), "seconds": pa.float64()})
PUBLISHED_FILE = pa.struct(
    dict.fromkeys(("table", "name"), pa.string())
    | dict.fromkeys(("rows", "bytes"), pa.int64())
    | dict.fromkeys(("sha256", "etag"), pa.string())
)


def column(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = True) -> pa.Field:
    """A column that may be null."""
    return pa.field(name, kind, nullable, {"meaning": meaning})


def required(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    """A column that every row has a value for."""
    return column(name, kind, meaning, nullable=False)


def part_of(table: pa.Schema, *names: str) -> pa.StructType:
    """Columns of a table as a struct."""
    return pa.struct([table.field(name).remove_metadata().with_nullable(True) for name in names])
