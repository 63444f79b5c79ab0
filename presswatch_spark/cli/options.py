"""Options for settings, with the type, meaning and default that each setting declares; and shared options."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click import option

from presswatch_spark.judgement.grading import CONFIDENCES
from presswatch_spark.queries.sql import ENGINES
from presswatch_spark.settings.config import ScanConfig, known_settings
from presswatch_spark.settings.load import Setting

if TYPE_CHECKING:
    from presswatch_spark.pointers.pointer import Mirror

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


REPLY_OPTIONS = frozenset({"as_json", "export", "lang", "no_pager"})


class SectionedCommand(click.Command):
    """A command that lists options of its reply and of settings in sections of their own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of options that the command has."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Output": [], "Settings": []}
        for param in self.get_params(ctx):
            name = str(param.name)
            is_setting = "__" in name or name == "config"
            section = "Output" if name in REPLY_OPTIONS else "Settings" if is_setting else "Options"
            if record := param.get_help_record(ctx):
                sections[section].append(record)
        for section, records in sections.items():
            if records:
                with formatter.section(section):
                    formatter.write_dl(records)


class SectionedGroup(click.Group):
    """A group of commands with sections of options."""

    command_class = SectionedCommand


class NumberRange(click.FloatRange):
    """A number between bounds. `nan` lies between any two, and `inf` below none: neither is taken."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; `BadParameter` for anything else."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class CheckedText(click.ParamType[str]):
    """A text in which `check` finds no problem."""

    name = "text"

    def __init__(self, check: Callable[[str], str]) -> None:
        self.check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text; `BadParameter` with the problem that `check` reports."""
        if problem := self.check(value):
            self.fail(problem, param, ctx)
        return value


class Day(click.ParamType[date]):
    """A day, such as 2026-11-27."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day; `BadParameter` for anything else."""
        if isinstance(value, date):
            return value
        moment: datetime = click.DateTime(["%Y-%m-%d"]).convert(value, param, ctx)
        return moment.date()


class FormatChoice(click.ParamType[str]):
    """`auto`, or the name of a format, looked up when it is given: to import the formats takes a second."""

    name = "format"

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the names that it takes."""
        from presswatch_spark.formats import registry

        return (registry.AUTO, *registry.names())

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name of a format; `BadParameter` for any other."""
        return click.Choice(self.choices).convert(value, param, ctx)


def setting_options(*paths: str, **meanings: str) -> Decorator[Any]:
    """Give a command the options of the settings named by `paths`; their parameters are for `given_settings`.

    Lists and mappings are given piece by piece. `meanings` replace those of settings, by their last name.
    """

    def decorate(command: Command) -> Command:
        # The help shows options in the order of their decorators, and the last one decorates first.
        for path in reversed(paths):
            setting = known_settings()[tuple(path.split("."))]
            command = _option(setting, meanings.get(path.rpartition(".")[2], setting.meaning))(command)
        return command

    return decorate


def _option(setting: Setting, meaning: str) -> Decorator[Any]:
    repeated = setting.kind not in (int, float, bool, str)
    default = setting.default
    if isinstance(default, int | float) and not isinstance(default, bool):
        shown = f"{default:,}"
    else:
        # Nothing where the option only adds.
        shown = default if isinstance(default, str) and default else setting.without
    sentences = [f"{meaning}.", f"Default: {shown}." if shown else "", "Repeatable." if repeated else ""]
    return option(
        setting.flag or f"--{setting.name.rpartition('.')[2].replace('_', '-')}",
        setting.name.replace(".", "__"),
        type=_type_of(setting),
        default=None,
        multiple=repeated,
        metavar=setting.value or ("N" if setting.is_number else None),
        help=" ".join(filter(None, sentences)),
    )


storage_options = setting_options(
    *(f"storage.{name}" for name in ("endpoint", "region", "profile", "unsigned")),
    *("storage.hf_token_file", "storage.hf_token_secret"),
    *("storage.max_connections", "storage.requests_per_second"),
)
"""How storage is reached."""


run_option = option(
    "--run", "run_id", metavar="RUN", help="Only this run; `latest` for the newest. Default: all."
)
storage_config_option = option("--config", metavar="FILE", help="Settings in YAML, for storage.")


def mirror_option(
    meaning: str = "Look below TO for what the run read below FROM: folders, buckets or sites.",
    name: str = "--mirror",
    parameter: str = "mirrors",
) -> Decorator[Any]:
    """Give a command `--mirror`, as a tuple of `Mirror`."""

    def parsed(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[Mirror, ...]:
        if not given:
            return ()
        from presswatch_spark.pointers.pointer import parse_mirror

        return tuple(map(parse_mirror, given))

    help = f"{meaning} Repeatable."
    return option(name, parameter, multiple=True, metavar="FROM=TO", callback=parsed, help=help)


def index_option(other: str) -> Decorator[Any]:
    """Give a command `--index`, which goes with the `other` option."""
    meaning = f"With {other}: a CDX server, or files of an index; {{release}} in it stands for the release."
    return option("--index", metavar="ADDRESS", help=meaning)


def draw_option(default: int, meaning: str) -> Decorator[Any]:
    """Give a command `--sample`: how many rows it draws."""
    help = f"{meaning}; all if there are no more."
    kind = click.IntRange(min=1)
    return option("--sample", type=kind, default=default, show_default=True, metavar="N", help=help)


def day_option(*names: str, meaning: str, metavar: str = "DATE") -> Decorator[Any]:
    """Give a command an option that takes a day, such as 2026-11-27."""
    return option(*names, type=Day(), metavar=metavar, help=meaning)


def confidence_option(meaning: str) -> Decorator[Any]:
    """Give a command `--confidence`, as `confidences`."""
    letters = click.Choice(CONFIDENCES)
    return option("--confidence", "confidences", type=letters, multiple=True, help=meaning)


rows_option = option("--rows", metavar="FILE", help="Claims by row_sha256: one a line, CSV or JSONL.")


def claim_options(command: Command) -> Command:
    """Give a command `--claims`, `--rows` and `--confidence`; see `require_one_choice`."""
    command = confidence_option("Claims of these letters. Repeatable. Default: A and B.")(command)
    claims = option("--claims", metavar="DIR", help="Folder of the table `claims`. Default: TABLES.")
    return claims(rows_option(command))


def require_one_choice(rows: str | None, confidences: tuple[str, ...]) -> None:
    """Raise a usage error if claims are chosen in two ways."""
    if rows and confidences:
        raise click.UsageError("give --rows or --confidence")


def engine_option(meaning: str) -> Decorator[Any]:
    """Give a command `--engine`; `meaning` is its work on the rows."""
    both = f"{meaning}; both give the same rows. `auto`: DuckDB up to 50 million rows, then Spark."
    return option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help=both)


def memory_option(default: str, beyond: str) -> Decorator[Any]:
    """Give a command `--memory`, the limit of DuckDB; `beyond` names its behaviour above it."""
    meaning = f"What DuckDB may take before it {beyond}."
    return option("--memory", default=default, show_default=True, metavar="SIZE", help=meaning)


def scan_settings(options: Mapping[str, Any], config: str | None = None) -> ScanConfig:
    """Return the settings of a file, the environment and a command's options; raises `ConfigError`."""
    from presswatch_spark.settings.config import load_scan_config

    return load_scan_config(config, os.environ, given_settings(options))


def given_settings(options: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of the `setting_options` that were given, by the dotted path of their setting.

    Raises `ConfigError` for one that is not of its setting's type.
    """
    from presswatch_spark.settings.config import parse_flag

    given = dict[str, object]()
    for name, value in options.items():
        if "__" in name and value not in (None, ()):
            path = name.replace("__", ".")
            # The pieces of a list or mapping as one text, as an environment variable holds them.
            pieces = known_settings()[tuple(path.split("."))].separator
            given[path] = parse_flag(path, pieces.join(value) if isinstance(value, tuple) else value)
    return given


def _type_of(setting: Setting) -> click.ParamType[Any]:
    if setting.kind is bool:
        return click.BOOL
    if setting.words:
        return click.Choice(setting.words)
    if setting.check:
        return CheckedText(setting.check)
    if setting.kind is float:
        return NumberRange(setting.low, setting.high)
    if setting.kind is int:
        return click.IntRange(int(setting.low), None if setting.high is None else int(setting.high))
    return click.STRING
