"""The table of what was forgotten: whose rows were removed when, and the digests before and after."""

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import PUBLISHED_FILE, UTC_MICROS, column, required

# fmt: off

REMOVED = pa.struct(
    dict.fromkeys(("run_id", "table"), pa.string())
    | dict.fromkeys(("rows_before", "rows_after"), pa.int64())
    | dict.fromkeys(("digest_before", "digest_after"), pa.string())
)

TOMBSTONES = pa.schema(
    [
        required("run_id", pa.string(), "The removal: UTC time of its beginning, and `forget`."),
        required("subject", pa.string(), "What was forgotten: `publisher` or `article`."),
        required("subject_sha256", pa.string(), "SHA-256 (hex) of its id: who knows the id can check it, and nobody else learns it."),
        required("removed", pa.list_(REMOVED), "For each run and table that lost rows: rows before and after, and the digest of the table before and after; null digests where the table has none."),
        column("operator", pa.string(), "Who asked for it, as the command was told."),
        required("tool_version", pa.string(), "Version of this project."),
        required("finished_at", UTC_MICROS, "When it was done."),
        required("files", pa.list_(PUBLISHED_FILE), "Always empty: a removal has no files of its own."),
    ]
)
