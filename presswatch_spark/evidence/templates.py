"""Templates of pages that show texts of others: what an expression gives is escaped, and steers nothing."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from presswatch_spark.claims.marks import escaped


def _shown(value: Any) -> Any:
    """Return a text as HTML that carries nothing out and steers no writing; what is HTML stays as it is."""
    return Markup(escaped(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def environment(folder: Path) -> Environment:
    """Return the templates of a folder."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
