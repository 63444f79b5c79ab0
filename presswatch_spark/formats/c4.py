"""C4 and mC4: `text`, `url`, `timestamp`, as the published json.gz or as Parquet."""

from __future__ import annotations

from types import MappingProxyType

from presswatch_spark.formats.row_source import TabularSource
from presswatch_spark.formats.table.columns import Columns

C4 = TabularSource(
    name="c4",
    columns=Columns(
        MappingProxyType(
            {
                "text": ("text",),
                "url": ("url",),
                "captured_at": ("timestamp", "date"),
                "languages": ("language",),
            }
        )
    ),
    marks=(frozenset({"text", "url", "timestamp"}),),
    exact=True,
    text_is_sure=True,
)
