"""All formats that are read. A new one is a source with its descriptor, and its line here."""

from presswatch_spark.errors import InputError
from presswatch_spark.formats.arc_format import ARC
from presswatch_spark.formats.descriptor import Format
from presswatch_spark.formats.oscar import OSCAR
from presswatch_spark.formats.row_datasets import C4, ROWS
from presswatch_spark.formats.warc_format import WARC
from presswatch_spark.formats.wet import WET

AUTO = "auto"
"""In the place of a format's name: each shard by its content."""

FORMATS: tuple[Format, ...] = (WET, WARC, ARC, OSCAR, C4, ROWS)
"""In the order in which a shard is held against them; `ROWS` takes whatever rows the others leave."""

DEFAULT = ROWS
"""What an empty shard is read as whose name tells nothing."""


def names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(format.name for format in FORMATS)


def find(name: str | None) -> Format | None:
    """Return the format of that name, None if there is none."""
    return next((format for format in FORMATS if format.name == name), None)


def named(name: str) -> Format:
    """Return the format of that name; `InputError` if there is none."""
    if (format := find(name)) is None:
        raise InputError(f"there is no format {name}", remedy=f"there are: {', '.join(names())}")
    return format


def named_like(uri: str) -> Format | None:
    """Return the format that a shard's name speaks of, without a look at it; None if it speaks of none."""
    return next((format for format in FORMATS if format.is_named(uri)), None)
