"""What the columns of tables are made of: fields that say what they mean, and structs that several share."""

import pyarrow as pa

UTC_MICROS = pa.timestamp("us", tz="UTC")

SPAN = pa.struct(
    [
        pa.field(name, pa.int64())
        for name in ("document_start", "document_end", "article_start", "article_end")
    ]
    + [pa.field(name, pa.int32()) for name in ("words", "passage")]
)

SKIPPED = pa.struct([pa.field("why", pa.string()), pa.field("documents", pa.int64())])
UNREAD = pa.struct([pa.field("what", pa.string()), pa.field("pages", pa.int64())])
GRADED = pa.struct([pa.field("grade", pa.string()), pa.field("matches", pa.int64())])
STAGE = pa.struct([pa.field("stage", pa.string()), pa.field("seconds", pa.float64())])

PUBLISHED_FILE = pa.struct(
    [
        pa.field("table", pa.string()),
        pa.field("name", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("sha256", pa.string()),
        pa.field("etag", pa.string()),
    ]
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
