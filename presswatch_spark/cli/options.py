"""Options that stand for settings: what they take and what holds without them comes from the settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from presswatch_spark.settings.kinds import Setting, known_settings

if TYPE_CHECKING:
    from presswatch_spark.storage.objects import StorageOptions

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

# What holds where a setting's default is no number.
FALLBACKS = {
    "master": "this machine",
    "cores": "all",
    "unsigned": "signed",
    "pdf": "left out",
    "metrics_file": "none",
    "price": "none, and no dollars are reckoned",
    "budget": "no limit",
    "max_connections": "8 to a web site, any number to S3",
    "requests_per_second": "as they come",
}


def setting_option(flag: str, path: str, meaning: str, metavar: str | None = None) -> Decorator[Any]:
    """The option `flag` for the setting named by its dotted path; its parameter is for `given_settings`.

    Lists and mappings are given piece by piece.
    """
    setting = known_settings()[tuple(path.split("."))]
    repeated = setting.kind not in (int, float, bool, str)
    sentences = [f"{meaning}.", _default_of(setting), "Repeatable." if repeated else ""]
    return click.option(
        flag,
        path.replace(".", "__"),
        type=_type_of(setting),
        default=None,
        multiple=repeated,
        metavar=metavar or ("N" if setting.bounds else None),
        help=" ".join(filter(None, sentences)),
    )


def storage_options(command: Command) -> Command:
    """How storage is reached."""
    return _all(
        command,
        setting_option("--endpoint", "storage.endpoint", "S3 endpoint other than AWS's", "URL"),
        setting_option("--region", "storage.region", "S3 region"),
        setting_option("--profile", "storage.profile", "AWS profile to take credentials from"),
        setting_option("--unsigned/--signed", "storage.unsigned", "Read public buckets without credentials"),
        setting_option(
            "--max-connections",
            "storage.max_connections",
            "Connections open to one host at a time, over all processes of this machine",
        ),
        setting_option(
            "--requests-per-second",
            "storage.requests_per_second",
            "Requests to one host, over all of them",
        ),
    )


def storage_of(flags: Mapping[str, Any], config: str | None = None) -> StorageOptions:
    """How storage is reached, by a file of settings, the environment, and `storage_options`.

    Raises:
        ConfigError: a setting is wrong.
    """
    from presswatch_spark.settings.load import load_scan_config

    return load_scan_config(config, os.environ, given_settings(flags)).storage


def spark_options(section: str) -> Decorator[Any]:
    """Where Spark runs, as settings of `section`."""

    def decorate(command: Command) -> Command:
        return _all(
            command,
            setting_option("--master", f"{section}.master", "Spark master", "URL"),
            setting_option("--cores", f"{section}.cores", "Cores of this machine to use"),
        )

    return decorate


def given_settings(flags: Mapping[str, Any]) -> dict[str, object]:
    """Values by the dotted path of their setting, of those `setting_option`s that were given.

    Raises:
        ConfigError: a value is not of its setting's type.
    """
    from presswatch_spark.settings.load import parse_flag

    given = {name.replace("__", "."): value for name, value in flags.items() if value not in (None, ())}
    return {path: parse_flag(path, _joined(path, value)) for path, value in given.items()}


def _joined(path: str, value: object) -> object:
    """The pieces of a list or mapping as one text, as a variable of the environment holds them."""
    if not isinstance(value, tuple):
        return value
    return known_settings()[tuple(path.split("."))].separator.join(value)


def tell(news: str) -> None:
    """Say on stderr what a command is at, if anybody reads it still: its work goes on without a reader."""
    with suppress(BrokenPipeError):
        click.echo(news, err=True)


def tell_total(line: str) -> None:
    """Say below a table what it adds up to; on stderr where stdout is no terminal, and holds rows alone."""
    from presswatch_spark.show import terminal_width

    click.echo(line, err=terminal_width() is None)


def _all(command: Command, *options: Decorator[Any]) -> Command:
    """`command` with `options`, in the order in which its help shows them."""
    for option in reversed(options):
        command = option(command)
    return command


def _type_of(setting: Setting) -> click.ParamType[Any]:
    if setting.kind is bool:
        return click.BOOL
    if setting.words:
        return click.Choice(setting.words)
    if setting.bounds is None:
        return click.STRING
    low, high = setting.bounds
    if setting.kind is float:
        return click.FloatRange(low, high)
    return click.IntRange(int(low), None if high is None else int(high))


def _default_of(setting: Setting) -> str:
    """What holds without the option, as a sentence; nothing where the option only adds."""
    default = setting.default
    if isinstance(default, int) and not isinstance(default, bool):
        return f"Default: {default:,}."
    if setting.words:
        return f"Default: {default}."
    fallback = FALLBACKS.get(setting.name.rpartition(".")[2])
    return f"Default: {fallback}." if fallback else ""
