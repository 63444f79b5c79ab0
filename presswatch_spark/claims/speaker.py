"""Says the texts of a case, its moments and numbers, and breaks text where a reader expects it."""

import re
from functools import cache

from presswatch_spark.terminal import NARROW_SPACE, printable, wrapped_at
from presswatch_spark.translation import Translator

# Where no line ends: within numbers, hours, commands and articles of a code, and beside French punctuation.
_TIED = re.compile(
    r" (?=[:;?!»%])|(?<=«) |(?<=n°) |(?<=python3) |(?<=\bart\.) (?=L\.)|(?<=\bL\.) (?=\d)"
    r"|(?<=\d) (?=\d{3}\b|h \d|min \d|s\b)|(?<=\d h) (?=\d)|(?<=\d min) (?=\d)"
)
_APOSTROPHE = re.compile(r"(?<=\w)'")


class Speaker(Translator):
    """Says things in one language; `for_print` with the apostrophes and fixed blanks of printed books."""

    def __init__(self, language: str, *, for_print: bool = False) -> None:
        super().__init__(language)
        self._for_print = for_print

    def set(self, text: str) -> str:
        """Return a text of ours as it is to look; facts of others are put in after this."""
        if not self._for_print:
            return text
        text = _APOSTROPHE.sub("’", text)
        return tied(text) if self.language == "fr" else _dates().sub("\\1\xa0\\2\xa0\\3", text)

    def number(self, number: float, digits: int = 0) -> str:
        """Return a number, with its thousands apart."""
        shown = super().number(number, digits)
        return shown if self._for_print else shown.replace(NARROW_SPACE, " ")


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` columns, none of them broken within what belongs together."""
    return [line.replace("\xa0", " ") for line in wrapped_at(tied(printable(text)), width)]


def tied(text: str) -> str:
    """Return a text with a fixed blank wherever no line may end."""
    return _dates().sub("\\1\xa0\\2\xa0\\3", _TIED.sub("\xa0", text))


@cache
def _dates() -> re.Pattern[str]:
    """Return what finds days in words, in both languages."""
    from babel.dates import get_month_names

    months = [name for language in ("fr", "en") for name in get_month_names("wide", locale=language).values()]
    return re.compile(rf"\b(\d+|1er) ({'|'.join(months)}) (\d{{4}})\b")
