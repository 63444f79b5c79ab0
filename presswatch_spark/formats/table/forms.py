"""Where the rows of one form have their values. Rows with the same names, in the same order, are of one form.

A dataset has dozens of names to try for each role, and a row few fields. So what a row can have is found out
once for each form, not for each row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from presswatch_spark.formats.table.columns import ROLES, Columns, Path, Tree, first, tree_of
from presswatch_spark.formats.table.json_strings import leading_on
from presswatch_spark.formats.table.locators import LOCATOR_ROLES

# A shard whose rows are all of forms of their own must not fill the memory with them.
FORMS_KEPT, FIELDS_KEPT, CHARACTERS_KEPT = 1_000, 100, 4_000


@dataclass(slots=True)
class Form:
    """What rows with the same names at their top can have.

    `text` and `url`: the ways to try for them; `text_key` and `url_key`: the only field that can hold them,
    where there is one; `strings`: what names lead through that may be JSON in a string; `needed`: what a
    locator takes; `quotes`: quotation marks of the last row that was looked at, but for those in its text.
    """

    text: tuple[Path, ...]
    url: tuple[Path, ...]
    text_key: str | None
    url_key: str | None
    strings: Tree
    needed: Tree
    quotes: int = -1

    def text_of(self, row: dict[str, Any]) -> Any:
        """The first text of a row; see `first`."""
        return first(row, self.text) if self.text_key is None else row[self.text_key]

    def url_of(self, row: dict[str, Any]) -> Any:
        """The first URL of a row; see `first`."""
        return first(row, self.url) if self.url_key is None else row[self.url_key]


class Forms:
    """The forms of a shard's rows, each made when it is first met.

    `paths`: the ways to try, by role; `known`: forms by their rows' names.
    """

    def __init__(self, columns: Columns) -> None:
        self.paths: Mapping[str, tuple[Path, ...]] = {role: columns.paths(role) for role in ROLES}
        self._strings = leading_on(path for paths in self.paths.values() for path in paths)
        self._needed = tree_of(path for role in LOCATOR_ROLES for path in self.paths[role])
        self.known: dict[tuple[str, ...], Form] = {}

    def of(self, row: dict[str, Any]) -> Form:
        """The form of a row."""
        names = tuple(row)
        return self.known.get(names) or self._made(names)

    def _made(self, names: tuple[str, ...]) -> Form:
        own = frozenset(names)
        text, url = ([path for path in self.paths[role] if path[0] in own] for role in ("text", "url"))
        form = Form(
            tuple(text),
            tuple(url),
            _only_key(text),
            _only_key(url),
            {name: below for name, below in self._strings.items() if name in own},
            {name: below for name, below in self._needed.items() if name in own},
        )
        few = len(names) <= FIELDS_KEPT and sum(map(len, names)) <= CHARACTERS_KEPT
        if few and len(self.known) < FORMS_KEPT:
            self.known[names] = form
        return form


def _only_key(paths: list[Path]) -> str | None:
    return paths[0][0] if len(paths) == 1 and len(paths[0]) == 1 else None
