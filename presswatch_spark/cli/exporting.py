"""`--export`: the rows of a command as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.queries.engines import ENGINE_NAMES

if TYPE_CHECKING:
    import pyarrow as pa

    from presswatch_spark.cli.language import Language
    from presswatch_spark.storage.objects import StorageOptions


@dataclass(frozen=True, slots=True)
class Export:
    """A file that rows are to be written to; its ending has a format."""

    path: str

    def require_new(self, storage: StorageOptions) -> None:
        """Refuse a file that is there already, before any work is done; raises `OutputError`."""
        from presswatch_spark.queries.exports import require_new

        require_new(self.path, storage)

    def write(
        self,
        schema: pa.Schema,
        rows: Iterable[Sequence[object] | Mapping[str, Any]],
        storage: StorageOptions,
        language: Language,
        engine: str | None = None,
    ) -> None:
        """Write rows, and say how many there are, and which engine made them.

        Raises as `presswatch_spark.queries.exports.export`.
        """
        from presswatch_spark.queries.exports import export

        listed = (
            tuple(row.get(name) for name in schema.names) if isinstance(row, Mapping) else row for row in rows
        )
        count = language.counted(export(self.path, schema, listed, storage, language.code), "row")
        if engine is None:
            click.echo(language("{rows} in {file}", rows=count, file=self.path))
        else:
            by = ENGINE_NAMES[engine]
            click.echo(language("{rows} in {file}, by {engine}", rows=count, file=self.path, engine=by))


def schema_of(**kinds: type) -> pa.Schema:
    """Return the schema of rows whose columns hold values of these kinds; `list` is one of texts."""
    import pyarrow as pa

    from presswatch_spark.tables.schemas.columns import UTC_MICROS

    types = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime: UTC_MICROS,
        list: pa.list_(pa.string()),
    }
    return pa.schema([(name, types[kind]) for name, kind in kinds.items()])


def export_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--export`; it gets an `Export` or None as `export`."""
    return click.option(
        "--export",
        metavar="FILE",
        callback=_export,
        help="Write the rows to a new FILE: .csv, .xlsx, .jsonl or .parquet.",
    )(command)


def _export(context: click.Context, option: click.Parameter, path: str | None) -> Export | None:
    if path is None:
        return None
    from presswatch_spark.queries.exports import writer_of

    writer_of(path)
    return Export(path)
