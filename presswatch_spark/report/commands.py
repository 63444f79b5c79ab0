"""The commands that the page shows: each can be run as it stands, where the tables lie."""

import shlex
from collections.abc import Iterable, Sequence
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
        """Return the command that asks a query, quoted for a shell as a person would."""
        words = ["sql", *self._lang, self.tables]
        if _SPECIAL & set(query):
            return _typed([*words, query])
        return f'{_typed(words)} "{query}"'

    def explains(self, row_sha256: str) -> str:
        """Return the command that tells the whole case of a row."""
        corpus = ["--corpus", self.corpus] if self.corpus else []
        return _typed(
            ["explain", *self._lang, *corpus, *self._mirrored(), row_sha256[:ROW_DIGITS], self.tables]
        )

    def judges(self) -> str:
        """Return the command that judges all rows by each other."""
        return _typed(
            ["claims", *self._lang, "--corpus", self.corpus or CORPUS, "--out", self.tables, self.tables]
        )

    def verifies(self) -> str:
        """Return the command that reads rows again and compares their words."""
        corpus = ["--corpus", self.corpus or CORPUS]
        return _typed(["verify-rows", "--sample", str(SAMPLE), *corpus, *self._mirrored(), self.tables])

    def counts_removal(self, case: str) -> str:
        """Return the command that says how a case of removal stands."""
        return _typed(["removal", "status", *self._lang, case])

    @property
    def _lang(self) -> list[str]:
        return ["--lang", self.language]

    def _mirrored(self) -> Iterable[str]:
        return [word for each in self.mirrors for word in ("--mirror", f"{each.place}={each.copy}")]


def code(text: str) -> Markup:
    """Return a command or a digest as HTML."""
    return Markup("<code>{}</code>").format(safe(text))


def _typed(words: Sequence[str]) -> str:
    return shlex.join(["presswatch", *words])
