"""Gives the command that installs an optional part (*extra*) of this package, from the package's own source.

A stranger could register the name `presswatch-spark` on a public index. So a message never names it as a
package to install, but this checkout, or the file of the wheel.
"""

import shlex
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.version import __version__

PROJECT = "presswatch-spark"
LEGAL = ("docx", "jinja2", "typst", "vl_convert")
"""Modules of the extra `legal`, which `make setup` installs; loaded when they are needed."""


def library(name: str, command: str = "notice") -> Any:
    """Return a module of the extra `legal`; `ConfigError` with the command that installs it if it is missing.

    `command`: the command that needs it, for the error.
    """
    try:
        return import_module(name)
    except ImportError as error:
        what = f"{name.partition('.')[0]} is not installed"
        raise ConfigError(what, where=command, remedy=install_command("legal")) from error


def has_legal() -> bool:
    """Return whether the libraries that write letters and pages are installed."""
    return all(find_spec(name) for name in LEGAL)


def install_command(extra: str, root: Path | None = None) -> str:
    """Return the command that installs an extra, such as `legal`; `root`: the folder of another package."""
    root = root or Path(__file__).resolve().parents[2]
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        is_checkout = bool(project.get("name") == PROJECT)
    except (OSError, ValueError):
        is_checkout = False
    if is_checkout and extra == "legal" and (root / ".venv").is_dir() and (root / "Makefile").is_file():
        return f"make -C {shlex.quote(str(root))} setup"
    # Quote the requirement, since shells read its brackets as a pattern.
    if is_checkout:
        return f"pip install -e {shlex.quote(f'{root}[{extra}]')}"
    return f"pip install {shlex.quote(f'presswatch_spark-{__version__}-py3-none-any.whl[{extra}]')}"
