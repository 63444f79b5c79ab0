"""Arguments and options of commands, declared as the defaults of parameters; see `replies.command`.

Options of settings get their type, meaning and default from the setting.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import isfinite
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.core.settings import config as settings
from presswatch_spark.core.settings.load import GREATEST
from presswatch_spark.core.translation import LANGUAGES
from presswatch_spark.query.sql import ENGINES
from presswatch_spark.tables.column_values import CONFIDENCES

if TYPE_CHECKING:
    from presswatch_spark.claims.selection import Choice
    from presswatch_spark.query.pointers.pointer import Mirror

    Mirrors = tuple[Mirror, ...]

REPLY_OPTIONS = frozenset({"as_json", "export", "lang", "no_pager"})


class SectionedCommand(click.Command):
    """A command whose help has sections for options of the reply, of settings and of storage.

    The help only names storage options; `--help-storage` explains them.
    """

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the names, also where `submit` parses a job's command outside of the program's context."""
        return ["-h", "--help"]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of options that the command has; the usage names its arguments."""
        for section in ("Options", "Output", "Settings"):
            _write_section(section, ctx, formatter)
        if names := [param.opts[0] for param in self.params if _section(param) == "Storage"]:
            with formatter.section("Storage (explained by --help-storage)"):
                lines = wrap(", ".join(names), formatter.width - 2, break_on_hyphens=False)
                formatter.write("".join(f"  {line}\n" for line in lines))


def _write_section(section: str, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    params = [param for param in ctx.command.get_params(ctx) if _section(param) == section]
    if records := [record for param in params if (record := param.get_help_record(ctx))]:
        short = [(re.sub(r"--(\S+) / --no-\1", r"--[no-]\1", name), text) for name, text in records]
        with formatter.section(section):
            formatter.write_dl(short)


def _section(param: click.Parameter) -> str | None:
    """Return the section of the help that lists an option; None for an argument."""
    name = str(param.name)
    if not isinstance(param, click.Option):
        return None
    if name in REPLY_OPTIONS:
        return "Output"
    if name.startswith("storage__"):
        return "Storage"
    return "Settings" if "__" in name or name == "config" else "Options"


class NumberRange(click.FloatRange):
    """A finite number between bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; `BadParameter` for anything else."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class WholeRange(click.IntRange):
    """A whole number between bounds, at most `GREATEST`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; `BadParameter` for anything else."""
        number = int(super().convert(value, param, ctx))
        if number > GREATEST:
            self.fail(f"{number} is more than {GREATEST:,}.", param, ctx)
        return number


POSITIVE = NumberRange(min=0, min_open=True)
Value = str | Sequence[str] | click.IntRange | None
"""The value of an option: its placeholder in the help, the words to choose from, or a range of numbers."""


def argument(value: str | None = None, **attributes: Any) -> Any:
    """Declare an argument as the default of a parameter; `value` is its name in the help."""
    return click.Argument(["argument"], metavar=value, **attributes)


def option(name: str, value: Value, meaning: str, **attributes: Any) -> Any:
    """Declare an option as the default of a parameter; its default is shown in the help."""
    attributes.setdefault("show_default", attributes.get("default") is not None)
    if isinstance(value, click.IntRange):
        attributes["type"], value = value, "N"
    elif value is not None and not isinstance(value, str):
        attributes["type"], value = click.Choice(value), None
    return click.Option([name], metavar=value, help=meaning, **attributes)


def repeated(name: str, value: Value, meaning: str, **attributes: Any) -> Any:
    """Declare an option that may be given several times; the parameter is a tuple."""
    return option(name, value, f"{meaning} Repeatable.", multiple=True, **attributes)


def flag(name: str, meaning: str) -> Any:
    """Declare an option without a value."""
    return click.Option([name], is_flag=True, help=meaning)


def setting_option(path: str) -> click.Option:
    """Return the option of a setting, for `given_settings`; options of lists and mappings are repeatable."""
    setting = settings.JOB_SETTINGS.known[path]
    repeated = setting.kind not in (int, float, bool, str)
    default, low, high = setting.default, setting.low, setting.high
    # Show no default for an option that only adds values.
    shown = setting.without or (default if isinstance(default, str) else "")
    if not shown and isinstance(default, int | float) and not isinstance(default, bool):
        shown = f"{default:,}"
    types: dict[object, click.ParamType[Any]] = {
        bool: click.BOOL,
        float: NumberRange(low, high),
        int: WholeRange(int(low), None if high is None else int(high)),
    }

    def checked(context: click.Context, option: click.Parameter, value: Any) -> Any:
        texts = value if repeated else [value]
        if setting.check and (problem := next(filter(None, map(setting.check, filter(None, texts))), "")):
            raise click.BadParameter(problem, context, option)
        return value

    name = setting.flag or f"--{setting.name.rpartition('.')[2].replace('_', '-')}"
    return click.Option(
        [name, setting.name.replace(".", "__")],
        type=click.Choice(setting.words) if setting.words else types.get(setting.kind, click.STRING),
        callback=checked,
        default=None,
        multiple=repeated,
        metavar=setting.value or ("N" if setting.is_number else None),
        help=f"{setting.meaning}.{f' Default: {shown}.' if shown else ''}{' Repeatable.' * repeated}",
    )


STORAGE = (
    "storage.endpoint", "storage.region", "storage.profile", "storage.unsigned", "storage.hf_token_file",
    "storage.hf_token_secret", "storage.max_connections", "storage.requests_per_second",
)  # fmt: skip


def storage_options() -> list[click.Option]:
    """Return the options of storage, and `--help-storage`, which explains them."""

    def explain(ctx: click.Context, option: click.Parameter, given: bool) -> None:
        if given:
            formatter = ctx.make_formatter()
            _write_section("Storage", ctx, formatter)
            click.echo(formatter.getvalue(), nl=False)
            ctx.exit()

    explained = click.Option(
        ["--help-storage"], is_flag=True, is_eager=True, expose_value=False, hidden=True, callback=explain
    )
    return [*map(setting_option, STORAGE), explained]


def storage_words(storage: settings.StorageOptions) -> list[str]:
    """Return the options of storage that differ from those of the environment, for another command."""
    words, usual = list[str](), scan_settings({}).storage
    for option in map(setting_option, STORAGE):
        name = str(option.name).removeprefix("storage__")
        if (value := getattr(storage, name)) != getattr(usual, name):
            words.append((option.opts if value else option.secondary_opts)[0])
            words += [] if isinstance(value, bool) else [str(value)]
    return words


RUN = option("--run", "RUN", "Only this run; `latest` for the newest. Default: all.")
CLAIMS = option("--claims", "DIR", "Folder of the table `claims`. Default: TABLES.")
ROWS = option("--rows", "FILE", "Only claims with these row_sha256: one per line, CSV or JSONL.")
KEY_FILE = option("--key-file", "FILE", "Key of sealed corpora, at the same path on each host.")
KEY_SECRET = option("--key-secret", "ARN", "In place of --key-file: a secret of AWS Secrets Manager.")
"""Options that several commands have, each for a parameter of the same name in all."""


def pairs(name: str, value: str, meaning: str) -> Any:
    """Declare a repeatable option that takes `KEY=VALUE`; the parameter is a dictionary."""

    def parsed(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
        pairs = [each.partition("=") for each in given]
        for key, _, text in pairs:
            if not (key and text):
                raise click.BadParameter(f"write it as {value}, not {key!r}", context, option)
        return {key: text for key, _, text in pairs}

    return repeated(name, value, meaning, callback=parsed)


def mirrors(
    meaning: str = "Read below TO what the run read below FROM: folders, buckets or sites.",
    name: str = "--mirror",
) -> Any:
    """Declare `--mirror`, a tuple of `Mirror`."""

    def parsed(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> Mirrors:
        if not given:
            return ()
        from presswatch_spark.query.pointers.pointer import parse_mirror

        return tuple(map(parse_mirror, given))

    return repeated(name, "FROM=TO", meaning, callback=parsed)


def language(meaning: str, **attributes: Any) -> Any:
    """Declare `--lang`, the language of a reply or document."""
    return option("--lang", LANGUAGES, meaning, **attributes)


def index(other: str) -> Any:
    """Declare `--index`, which is used with the `other` option."""
    meaning = f"With {other}: a CDX server, or files of an index; {{release}} stands for the release."
    return option("--index", "ADDRESS", meaning)


def count(name: str, meaning: str, most: int | None = None, **attributes: Any) -> Any:
    """Declare an option that takes a whole number from 1 to `most`."""
    return option(name, WholeRange(1, most), meaning, **attributes)


def day(name: str, meaning: str, value: str = "DATE") -> Any:
    """Declare an option that takes a day, such as 2026-11-27."""

    def parsed(context: click.Context, option: click.Parameter, moment: datetime | None) -> date | None:
        return moment and moment.date()

    return option(name, value, meaning, type=click.DateTime(["%Y-%m-%d"]), callback=parsed)


def confidences(meaning: str = "Claims of these letters. Repeatable. Default: A and B.") -> Any:
    """Declare `--confidence`, a tuple of letters."""
    return option("--confidence", CONFIDENCES, meaning, multiple=True)


def engine(meaning: str) -> Any:
    """Declare `--engine`; `meaning`: what the engine does, such as "Engine that sorts the rows"."""
    both = f"{meaning}; the result is the same. `auto`: DuckDB up to 50 million rows, then Spark."
    return option("--engine", ENGINES, both, default="auto")


def memory(default: str, beyond: str) -> Any:
    """Declare `--memory`, the limit of DuckDB; `beyond`: what it does above that."""
    return option("--memory", "SIZE", f"Memory that DuckDB may use before it {beyond}.", default=default)


def refuse(is_wrong: object, message: str) -> None:
    """Raise a usage error with a message if the values of options do not fit each other."""
    if is_wrong:
        raise click.UsageError(message)


def choice_of(rows: str | None, confidences: tuple[str, ...], storage: settings.StorageOptions) -> Choice:
    """Return the choice of claims by `--rows` or `--confidence`; a usage error if both are given."""
    from presswatch_spark.claims.selection import Choice

    refuse(rows and confidences, "pass either --rows or --confidence")
    return Choice.of(rows, confidences, storage)


def scan_settings(options: Mapping[str, Any], config: str | None = None) -> settings.ScanConfig:
    """Return the settings of a file, the environment and a command's options; raises `ConfigError`."""
    return settings.load_scan_config(config, os.environ, given_settings(options))


def given_settings(options: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of the given options of settings, by the dotted path of the setting."""
    given = {name.replace("__", "."): value for name, value in options.items() if "__" in name}
    # Join the values of a repeated option to one text, as in an environment variable.
    return {
        path: settings.JOB_SETTINGS.known[path].separator.join(value) if isinstance(value, tuple) else value
        for path, value in given.items()
        if value not in (None, ())
    }
