"""How to install an optional part of this package, from where the package itself came.

The name `presswatch-spark` belongs to nobody we know on public indexes: a message never tells anybody to
install it by that name. It names this checkout, or the wheel.
"""

import json
import shlex
import tomllib
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from presswatch_spark.errors import ConfigError
from presswatch_spark.version import __version__

PROJECT = "presswatch-spark"
BY_MAKE = frozenset({"legal"})
"""Extras that `make setup` installs."""


LEGAL = ("docx", "jinja2", "typst", "vl_convert")
"""Modules of the extra `legal` that evidence, notices, reports and reviews load when they need them."""


def library(name: str, command: str = "notice") -> Any:
    """Return a module of the extra `legal`; `ConfigError` with the command that installs it if it is missing.

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


def has_legal() -> bool:
    """Return whether the libraries that write letters and pages are installed."""
    return all(find_spec(name) for name in LEGAL)


def install_command(extra: str, root: Path | None = None) -> str:
    """Return the command that installs an extra, such as `legal`.

    Args:
        root: the folder that holds the package; default: that of this module.
    """
    root = root or Path(__file__).resolve().parents[1]
    if _is_checkout(root):
        folder = shlex.quote(str(root))
        if extra in BY_MAKE and (root / ".venv").is_dir() and (root / "Makefile").is_file():
            return f"make -C {folder} setup"
        return f"pip install -e {_quoted(f'{root}[{extra}]')}"
    return f"pip install {_quoted(f'{_wheel()}[{extra}]')}"


def _is_checkout(root: Path) -> bool:
    """Return whether the folder is a source tree of this project, installed as editable or just imported."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return False
    return bool(project.get("name") == PROJECT)


def _wheel() -> str:
    """Return the wheel that the package was installed from: its path if it is still there, else its name."""
    name = f"presswatch_spark-{__version__}-py3-none-any.whl"
    try:
        origin = json.loads(metadata.distribution(PROJECT).read_text("direct_url.json") or "{}")
        path = Path(unquote(urlsplit(origin.get("url", "")).path))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return name
    return str(path) if path.suffix == ".whl" and path.is_file() else name


def _quoted(requirement: str) -> str:
    """Return a requirement in quotes: shells read brackets as a pattern."""
    quoted = shlex.quote(requirement)
    return quoted if quoted.startswith("'") else f"'{requirement}'"
