"""Says phrases, moments and numbers in French or English, and breaks text where a reader expects it."""

import re
from collections.abc import Mapping
from datetime import date, datetime

from presswatch_spark.claims.phrases import MONTHS, SAYS
from presswatch_spark.show import printable, utc, whole_percent, wrapped_at

_MONTH = "|".join(month for months in MONTHS for month in months)
# Where no line ends: within numbers, hours, commands and articles of a code, and beside French punctuation.
_TIED = re.compile(
    r" (?=[:;?!»%])|(?<=«) |(?<=n°) |(?<=python3) |(?<=\bart\.) (?=L\.)|(?<=\bL\.) (?=\d)"
    r"|(?<=\d) (?=\d{3}\b|h \d|min \d|s\b)|(?<=\d h) (?=\d)|(?<=\d min) (?=\d)"
)
_APOSTROPHE = re.compile(r"(?<=\w)'")
_DATE = re.compile(rf"\b(\d+|1er) ({_MONTH}) (\d{{4}})\b")


class Speaker:
    """Says things in one language; `for_print` with the apostrophes and fixed blanks of printed books."""

    def __init__(self, language: str, *, for_print: bool = False) -> None:
        self.language = language
        self._side = 0 if language == "fr" else 1
        self._for_print = for_print

    def __call__(self, name: str, **facts: object) -> str:
        """Return the phrase of `SAYS` with its facts."""
        return self.set(SAYS[name][self._side]).format(**facts)

    def of(self, phrases: Mapping[str, tuple[str, str]], name: str, **facts: object) -> str:
        """Return the phrase for a value of a table; a value without one stands for itself."""
        return self.set(phrases[name][self._side]).format(**facts) if name in phrases else name

    def set(self, text: str) -> str:
        """Return a text of ours as it is to look; facts of others are put in after this."""
        if not self._for_print:
            return text
        text = _APOSTROPHE.sub("’", text)
        return tied(text) if self.language == "fr" else _DATE.sub("\\1\xa0\\2\xa0\\3", text)

    def moment(self, at: datetime | None) -> str:
        """Return a moment in words."""
        if at is None:
            return self("no date")
        at = utc(at)
        day, (hour, minute, second) = self.day(at.date()), (at.hour, at.minute, at.second)
        if not (hour or minute or second):
            # Of most articles only the day is given.
            return self("no hour", day=day)
        if self.language == "fr":
            clock = f"{hour} h {minute:02}" + (f" min {second:02} s" if second else "")
        else:
            clock = f"{at:%H:%M:%S}" if second else f"{at:%H:%M}"
        return self("moment", day=day, clock=self.set(clock))

    def day(self, day: date) -> str:
        """Return a day in words."""
        number = "1er" if self.language == "fr" and day.day == 1 else str(day.day)
        return self.set(f"{number} {MONTHS[self._side][day.month - 1]} {day.year}")

    def number(self, number: int) -> str:
        """Return a whole number, with its thousands apart."""
        apart = "\u202f" if self._for_print else " "
        return f"{number:,}".replace(",", apart if self.language == "fr" else ",")

    def share(self, share: float) -> str:
        """Return a share in whole percent; only all of it is 100, and only nothing is 0."""
        percent = whole_percent(share)
        return self("share", percent=percent) if percent or not share else self("least share")


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` columns, none of them broken within what belongs together."""
    return [line.replace("\xa0", " ") for line in wrapped_at(tied(printable(text)), width)]


def tied(text: str) -> str:
    """Return a text with a fixed blank wherever no line may end."""
    return _DATE.sub("\\1\xa0\\2\xa0\\3", _TIED.sub("\xa0", text))
