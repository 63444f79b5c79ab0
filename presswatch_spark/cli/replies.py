"""How a command replies: in a language, on a terminal or through a pager, or with its rows in a file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.language import LANGUAGES, Language
from presswatch_spark.cli.options import print_lines
from presswatch_spark.queries.engines import ENGINE_NAMES
from presswatch_spark.terminal import terminal_width

if TYPE_CHECKING:
    import pyarrow as pa

    from presswatch_spark.storage.objects import StorageOptions

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ReplyScreen:
    """Shows lines in a language, page by page if `paged`."""

    language: Language
    paged: bool = True

    def show(self, lines: Iterable[str]) -> None:
        """Print lines as they come; those that do not fit on a terminal go through `PAGER`."""
        if not (self.paged and sys.stdin.isatty() and sys.stdout.isatty()):
            print_lines(lines)
            return
        rest = iter(lines)
        # A prompt follows.
        first = list(islice(rest, shutil.get_terminal_size().lines - 1))
        more = list(islice(rest, 1))
        if more:
            # click adds the last line's end.
            click.echo_via_pager(_with_ends(chain(first, more, rest)))
        else:
            print_lines(first)

    def show_table(self, totals: Iterable[str], rows: Iterable[str]) -> None:
        """Print totals, then the rows; totals on stderr if stdout is no terminal, and holds rows alone."""
        if terminal_width() is None:
            print_lines(totals, err=True)
            self.show(rows)
        else:
            self.show(chain(totals, rows))


def _with_ends(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"\n{line}" if number else line


def screen_options(lang: str = "en", *, pager: bool = True) -> Callable[[Command], Command]:
    """Give a command `--lang`, with its default, and `--no-pager`; it gets a `ReplyScreen` as `screen`.

    Args:
        pager: whether it says more than a screen holds; else it has no `--no-pager`.
    """
    language = click.option(
        "--lang",
        type=click.Choice(LANGUAGES),
        default=lang,
        show_default=True,
        help="Language of what people read: tables, texts, and CSV files.",
    )

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_screen(*arguments: Any, lang: str, no_pager: bool = True, **options: Any) -> Any:
            return command(*arguments, screen=ReplyScreen(Language(lang), not no_pager), **options)

        return language(pager_option(with_screen) if pager else with_screen)

    return decorate


pager_option = click.option("--no-pager", is_flag=True, help="Print what is long without PAGER.")
"""Gives a command `--no-pager` alone."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file that rows are to be written to; its ending has a format."""

    path: str

    def write(
        self,
        schema: pa.Schema,
        rows: Iterable[Sequence[object] | Mapping[str, Any]],
        storage: StorageOptions,
        _: Language,
        engine: str | None = None,
    ) -> None:
        """Write rows, and say how many there are, and which engine made them.

        Raises as `presswatch_spark.queries.exports.export`.
        """
        from presswatch_spark.queries.exports import export

        listed = (
            tuple(row.get(name) for name in schema.names) if isinstance(row, Mapping) else row for row in rows
        )
        count = _.n("{n} row", "{n} rows", export(self.path, schema, listed, storage, _.language))
        if engine is None:
            click.echo(_("{rows} in {file}", rows=count, file=self.path))
        else:
            by = ENGINE_NAMES[engine]
            click.echo(_("{rows} in {file}, by {engine}", rows=count, file=self.path, engine=by))


def require_new(export: Export | None, storage: StorageOptions) -> None:
    """Refuse a file that is there already, before any work is done; raises `OutputError`."""
    from presswatch_spark.queries import exports

    if export:
        exports.require_new(export.path, storage)


def schema_of(**kinds: type) -> pa.Schema:
    """Return the schema of rows whose columns hold values of these kinds; `list` is one of texts."""
    import pyarrow as pa

    from presswatch_spark.tables.row_types import UTC_MICROS

    types = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime: UTC_MICROS,
        list: pa.list_(pa.string()),
    }
    return pa.schema([(name, types[kind]) for name, kind in kinds.items()])


def export_option(command: Command) -> Command:
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
