"""The tables beside a corpus: articles that were refused, and shingles that were suppressed."""

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import column, required

# fmt: off

REFUSED = pa.schema(
    [
        required("source", pa.string(), "File the article came from."),
        required("row_index", pa.int64(), "Line or row in that file, from 0."),
        column("article_id", pa.string(), "Its id, if it has one."),
        column("title_id", pa.string(), "Its title, as given."),
        required("reason", pa.string(), "`no_id`, `no_body`, `too_short`, `unknown_title`, `id_reused`, `duplicate`, `bad_date`, `bad_type`, `unreadable`."),
        required("detail", pa.string(), "What was found, without the article's text."),
    ]
)

SUPPRESSED = pa.schema(
    [
        required("shingle", pa.string(), "Its eight words, folded."),
        required("hash", pa.uint64(), "Its hash."),
        required("articles", pa.int64(), "Articles it occurs in, counted over indexed positions."),
    ]
)
