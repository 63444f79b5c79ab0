"""What stands between a command and a person: the language, and a pager for what a terminal cannot hold."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from itertools import chain, islice
from typing import Any

import click

from presswatch_spark.cli.language import LANGUAGES, Language
from presswatch_spark.cli.options import print_lines
from presswatch_spark.show import terminal_width

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Screen:
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
    """Give a command `--lang`, with its default, and `--no-pager`; it gets a `Screen` as `screen`.

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
            return command(*arguments, screen=Screen(Language(lang), not no_pager), **options)

        return language(pager_option(with_screen) if pager else with_screen)

    return decorate


pager_option = click.option("--no-pager", is_flag=True, help="Print what is long without PAGER.")
"""Gives a command `--no-pager` alone."""
