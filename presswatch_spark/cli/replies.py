"""Replies of commands: each returns one `Reply`, and `send` prints it for people, as JSON or into a file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from inspect import signature
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import options
from presswatch_spark.cli.options import flag, option
from presswatch_spark.core import terminal
from presswatch_spark.core.redaction import redacted, redacted_command
from presswatch_spark.core.settings.config import ScanConfig, StorageOptions
from presswatch_spark.core.translation import Sentence, Translator
from presswatch_spark.query.sql import QueryResult, require_apart

if TYPE_CHECKING:
    import pyarrow as pa

    from presswatch_spark.tables.store import TableStore

FAILED, INCOMPLETE = 1, 3
_MARKS = str.maketrans({",": terminal.NARROW_SPACE, ".": ","})


class Language(Translator):
    """Language of a reply, one of `LANGUAGES`: makes texts, counts, dates and numbers for a terminal."""

    @property
    def is_french(self) -> bool:
        """Return whether it is French."""
        return self.language == "fr"

    def name(self, name: str) -> str:
        """Translate the name of a column, a measure or a value; unchanged without a translation."""
        return self.word("column", name)

    def names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Translate several names."""
        return tuple(map(self.name, names))

    def day(self, day: date) -> str:
        """Return a day, or the day of a time in UTC: `2026-11-27`, in French `27/11/2026`."""
        if isinstance(day, datetime):
            day = terminal.utc(day).date()
        return f"{day:%d/%m/%Y}" if self.is_french else day.isoformat()

    def cell(self, value: object) -> str:
        """Return a value of a table as text for people."""
        if isinstance(value, datetime):
            return f"{self.day(value)} {terminal.utc(value):%H:%M:%S}"
        if not self.is_french:
            return terminal.cell(value)
        if isinstance(value, date):
            return self.day(value)
        if isinstance(value, bool):
            _ = self
            return _("yes") if value else _("no")
        return terminal.cell(value).translate(_MARKS) if isinstance(value, float) else terminal.cell(value)

    def value(self, value: object) -> object:
        """Return a value for a table; integers stay numbers, so that the table aligns them."""
        return self.cell(value) if self.is_french and not isinstance(value, int) else value


ENGLISH = Language()


@dataclass(frozen=True, slots=True)
class Table:
    """Table of a reply. `columns`: untranslated names; `whole`, `wrapped`: see `table_lines`."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    whole: Sequence[str] = ()
    wrapped: Sequence[str] = ()


Line = str | Table


@dataclass(frozen=True, slots=True)
class ReplyRows:
    """Rows of a reply for programs.

    Attributes:
        values: each row by the names of its columns.
        schema: for `--export`, types of the columns (`list` is a list of texts), or a function that makes the
            Arrow schema, so that Arrow is imported only if needed.
    """

    values: Iterable[Mapping[str, object]]
    schema: Mapping[str, type] | Callable[[], pa.Schema] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of a command. Iterables are read when they are printed, in the order of the attributes.

    Attributes:
        heading, totals: lines before and after `lines`; on stderr if stdout is no terminal.
        lines: text and tables for people.
        rows: the content for programs: printed with `--json`, written with `--export`. With either, lines are
            not printed; a command that has only `--export` prints both.
        warnings: lines on stderr, in every form.
        exit_code: the code, or a function that returns it after everything was printed.
    """

    lines: Iterable[Line] = ()
    heading: Iterable[str] = ()
    rows: ReplyRows | QueryResult | None = None
    totals: Iterable[str] = ()
    warnings: Iterable[str] = ()
    exit_code: int | Callable[[], int] = 0


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """Form of a reply by the options of the command, and the command's settings.

    `flags`: values of the options of settings, as given, by names such as `storage__region`.
    """

    language: Language = ENGLISH
    as_json: bool = False
    export: str | None = None
    lines_with_export: bool = False
    paged: bool = False
    settings: ScanConfig = field(default_factory=ScanConfig)
    flags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def storage(self) -> StorageOptions:
        """Return the settings of storage."""
        return self.settings.storage

    @property
    def is_for_people(self) -> bool:
        """Return whether lines for people are printed."""
        return not (self.as_json or self.export) or self.lines_with_export

    def open_tables(self, path: str) -> TableStore:
        """Open the tables in a folder; raises as `TableStore.open`."""
        from presswatch_spark.tables.store import TableStore

        return TableStore.open(path, self.storage)


def command(
    name: str,
    group: click.Group | None = None,
    *,
    json: bool = False,
    export: bool = False,
    lang: str | None = None,
    pager: bool = False,
    settings: Sequence[str] = (),
    storage: bool = True,
    config: bool = False,
    **attributes: Any,
) -> Callable[[Callable[..., Reply]], click.Command]:
    """Make a command of a function, and print the `Reply` that it returns.

    Parameters of the function with a default of `options` are arguments and options. It gets a `ReplyForm` as
    `form`, with the settings of its options, `--config` and the environment.

    Args:
        group: the group of commands that it belongs to.
        json, export, pager, config: whether it has `--json`, `--export`, `--no-pager` and `--config`.
        lang: default of `--lang`; None for a command in English only.
        settings: dotted paths of settings that have options.
        storage: whether settings of storage have options, too.
        attributes: of `click.Command`.
    """

    def decorate(function: Callable[..., Reply]) -> click.Command:
        def replying(
            as_json: bool = False,
            export: str | None = None,
            lang: str = "en",
            no_pager: bool = True,
            **given: Any,
        ) -> None:
            loaded, flags = ScanConfig(), {name: given.pop(name) for name in [*given] if "__" in name}
            if settings or storage:
                loaded = options.scan_settings(flags, given.pop("config", None))
            if export:
                from presswatch_spark.query.exports import require_new, writer_of

                writer_of(export)
                require_new(export, loaded.storage)
            lines_with_export, paged = not json, not no_pager
            form = ReplyForm(Language(lang), as_json, export, lines_with_export, paged, loaded, flags)
            send(function(form=form, **given), form)

        params = list[click.Parameter]()
        for parameter in signature(function).parameters.values():
            declared = parameter.default
            if isinstance(declared, click.Parameter):
                declared.name = parameter.name
                if isinstance(declared, click.Argument):
                    declared.opts = [parameter.name]
                params.append(declared)
        if json:
            meaning = "Print JSON, one object per line."
            params.append(click.Option(["--json", "as_json"], is_flag=True, help=meaning))
        if export:
            params.append(option("--export", "FILE", "Write rows to a new .csv, .xlsx, .jsonl or .parquet."))
        if lang:
            params.append(options.language("Language of tables, texts and CSV files.", default=lang))
        if pager:
            params.append(flag("--no-pager", "Print long output without PAGER."))
        if config:
            params.append(option("--config", "FILE", "Settings in YAML; see conf/scan.yaml."))
        params += [*map(options.setting_option, settings), *(options.storage_options() if storage else ())]
        made = options.SectionedCommand(
            name, callback=replying, params=params, help=function.__doc__, **attributes
        )
        if group:
            group.add_command(made)
        return made

    return decorate


def send(reply: Reply, form: ReplyForm) -> None:
    """Print a reply, or write its rows to `form.export`.

    Raises:
        click.exceptions.Exit: the exit code is not 0; also if the reader of the output has gone.
        BrokenPipeError: the reader has gone, and the exit code is 0.
    """
    broken = None
    try:
        if form.is_for_people:
            is_terminal = terminal.terminal_width() is not None
            heading = map(terminal.printable, reply.heading)
            if not is_terminal:
                print_lines(heading, err=True)
            _show(chain(heading, shown_lines(reply.lines, form.language)), form.paged)
            print_lines(map(terminal.printable, reply.totals), err=not is_terminal)
        elif form.as_json and not form.export and reply.rows:
            rows = reply.rows
            if isinstance(rows, ReplyRows):
                objects = iter(rows.values)
            else:
                require_apart(rows.columns)
                objects = (dict(zip(rows.columns, row, strict=True)) for row in rows.rows)
            _show(map(terminal.json_line, objects), form.paged)
        if form.export and reply.rows:
            from presswatch_spark.query.exports import export

            _, declared = form.language, reply.rows.schema
            assert declared
            schema = schema_of(declared) if isinstance(declared, Mapping) else declared()
            if isinstance(reply.rows, QueryResult):
                values = reply.rows.rows
            else:
                values = (tuple(map(row.get, schema.names)) for row in reply.rows.values)
            count = export(form.export, schema, values, form.storage, _.language)
            written = _.n("{n} row", "{n} rows", count)
            click.echo(_("{rows} in {file}", rows=written, file=form.export))
        print_lines(map(terminal.printable, reply.warnings), err=True)
    except BrokenPipeError as error:
        broken = error
    if code := reply.exit_code if isinstance(reply.exit_code, int) else reply.exit_code():
        raise click.exceptions.Exit(code)
    if broken:
        raise broken


def shown_lines(lines: Iterable[Line], language: Language) -> Iterator[str]:
    """Yield lines and tables as the terminal shows them."""
    for line in lines:
        if isinstance(line, Table):
            columns, whole, wrapped = map(language.names, (line.columns, line.whole, line.wrapped))
            yield from terminal.table_lines(columns, line.rows, terminal.terminal_width(), whole, wrapped)
        else:
            yield terminal.printable(line)


def _show(lines: Iterable[str], paged: bool) -> None:
    """Print lines as they come; on a terminal, show them by `PAGER` if they do not fit."""
    if not (paged and sys.stdin.isatty() and sys.stdout.isatty()):
        print_lines(lines)
        return
    rest = iter(lines)
    # Leave one line of the terminal for the prompt.
    first = list(islice(rest, shutil.get_terminal_size().lines - 1))
    if more := list(islice(rest, 1)):
        # click ends the last line itself.
        later = (f"\n{line}" for line in chain(first[1:], more, rest))
        click.echo_via_pager(chain(first[:1], later))
    else:
        print_lines(first)


def schema_of(kinds: Mapping[str, type]) -> pa.Schema:
    """Return the schema of columns of these kinds; `list` is a list of texts."""
    import pyarrow as pa

    from presswatch_spark.tables.row_types import ARROW_TYPES

    types = {**ARROW_TYPES, date: pa.date32(), list: pa.list_(pa.string())}
    return pa.schema([(name, types[kind]) for name, kind in kinds.items()])


def command_line() -> str | None:
    """Return the command line of this process without secrets; None if a program calls the command."""
    words = click.get_current_context().obj
    return redacted_command(words) if words else None


def print_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines as they come."""
    for line in lines:
        click.echo(line, err=err)


def tell(news: object) -> None:
    """Report progress on stderr; the work continues even if the reader of stderr has gone."""
    with suppress(BrokenPipeError):
        click.echo(terminal.printable(redacted(str(news))), err=True)


def telling(language: Language, after: str = "") -> Callable[[Sentence], None]:
    """Return a function that reports progress in a language, each sentence with `after`."""
    return lambda news: tell(f"{language.sentence(news)}{after}")
