"""Says phrases, moments and numbers in French or English, and breaks text where a reader expects it."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from math import floor

from presswatch_spark.claims.phrases import MONTHS, SAYS
from presswatch_spark.show import printable, utc, wrapped_at

# Where a line must not end: within numbers, hours and articles of a code, and beside French punctuation.
_TIED = re.compile(
    r" (?=[:;?!»%])|(?<=«) |(?<=\bart\.) (?=L\.)|(?<=\bL\.) (?=\d)|(?<=\d) (?=\d{3}\b|h \d)|(?<=\d h) (?=\d)"
)


class Speaker:
    """Says things in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._side = 0 if language == "fr" else 1

    def __call__(self, name: str, **facts: object) -> str:
        """Return the phrase of `SAYS` with its facts."""
        return SAYS[name][self._side].format(**facts)

    def of(self, phrases: Mapping[str, tuple[str, str]], name: str, **facts: object) -> str:
        """Return the phrase for a value of a table; a value without one stands for itself."""
        return phrases[name][self._side].format(**facts) if name in phrases else name

    def moment(self, at: datetime | None) -> str:
        """Return a moment in words."""
        if at is None:
            return self("no date")
        at = utc(at)
        clock = f"{at.hour} h {at.minute:02}" if self.language == "fr" else f"{at:%H:%M}"
        return self("moment", day=self.day(at.date()), clock=clock)

    def day(self, day: date) -> str:
        """Return a day in words."""
        number = "1er" if self.language == "fr" and day.day == 1 else str(day.day)
        return f"{number} {MONTHS[self._side][day.month - 1]} {day.year}"

    def number(self, number: int) -> str:
        """Return a whole number, with its thousands apart."""
        return f"{number:,}".replace(",", " " if self.language == "fr" else ",")

    def share(self, share: float) -> str:
        """Return a share in whole percent; only all of it is 100, and only nothing is 0."""
        if 0 < share < 0.01:
            return self("least share")
        return self("share", percent=floor(100 * share + 1e-9))


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` columns, none of them broken where `_TIED` says."""
    tied = _TIED.sub("\xa0", printable(text))
    return [line.replace("\xa0", " ") for line in wrapped_at(tied, width)]
