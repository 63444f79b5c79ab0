"""The option that names a format: its choices are the formats that are read, looked up when it is given.

To import the formats takes a second, which neither other commands nor `--help` should take.
"""

from typing import Any

import click


class FormatChoice(click.ParamType[str]):
    """`auto`, or the name of a format."""

    name = "format"

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the names that it takes."""
        from presswatch_spark.formats import registry

        return (registry.AUTO, *registry.names())

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name of a format; `BadParameter` for any other."""
        return click.Choice(self.choices).convert(value, param, ctx)
