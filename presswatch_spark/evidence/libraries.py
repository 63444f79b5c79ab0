"""The libraries that evidence, notices and reviews need, loaded when needed: they are the extra `legal`."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from presswatch_spark.errors import ConfigError
from presswatch_spark.extras import install_command


def library(name: str, command: str = "notice") -> Any:
    """Return a module of the extra `legal`; `ConfigError` says what to install if it is not there.

    Args:
        command: the command that needs it, for the error.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"{name.partition('.')[0]} is not installed",
            where=command,
            remedy=install_command("legal"),
        ) from error


def is_installed() -> bool:
    """Return whether the libraries that write letters and pages are there."""
    return all(find_spec(name) for name in ("docx", "jinja2", "typst", "vl_convert"))
