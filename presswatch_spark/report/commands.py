"""The commands that the page shows: each can be run as it is, where the tables are stored."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.report.wording import safe

CORPUS = "CORPUS"
"""Stands for the folder of the corpus where none was given; the page says so."""
SAMPLE = 100
ROW_DIGITS = 12
_SPECIAL = frozenset('"$`\\!')
"""Characters that a shell reads within double quotes."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes commands about `tables` in the page's language, `fr` or `en`.

    `tables` and `corpus` are absolute paths or URIs; `corpus` is None if none was given.
    """

    language: str
    tables: str
    corpus: str | None = None
    mirrors: Sequence[Mirror] = ()

    def asks(self, query: str) -> str:
        """Return the command that runs a query, quoted for a shell as a person would."""
        words = ["sql", "--lang", self.language, self.tables]
        return _typed(*words, query) if _SPECIAL & set(query) else f'{_typed(*words)} "{query}"'

    def explains(self, row_sha256: str) -> str:
        """Return the command that prints the whole case of a row."""
        corpus = ["--corpus", self.corpus] if self.corpus else []
        row = row_sha256[:ROW_DIGITS]
        return _typed("explain", "--lang", self.language, *corpus, *self._mirrors(), row, self.tables)

    def judges(self) -> str:
        """Return the command that judges all rows by each other."""
        corpus = ["--corpus", self.corpus or CORPUS]
        return _typed("claims", "--lang", self.language, *corpus, "--out", self.tables, self.tables)

    def verifies(self) -> str:
        """Return the command that reads rows again and compares their words."""
        corpus = ["--corpus", self.corpus or CORPUS]
        return _typed("verify-rows", "--sample", str(SAMPLE), *corpus, *self._mirrors(), self.tables)

    def counts_removal(self, case: str) -> str:
        """Return the command that prints the status of a case of removal."""
        return _typed("removal", "status", "--lang", self.language, case)

    def _mirrors(self) -> list[str]:
        return [word for each in self.mirrors for word in ("--mirror", f"{each.place}={each.copy}")]


def code(text: str) -> Markup:
    """Return a command or a digest as HTML."""
    return Markup("<code>{}</code>").format(safe(text))


def _typed(*words: str) -> str:
    return shlex.join(["presswatch", *words])
