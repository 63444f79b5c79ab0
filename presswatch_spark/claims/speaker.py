"""Says the texts of a case, its moments and numbers, and breaks text where a reader expects it."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache

from presswatch_spark.show import NARROW_SPACE, printable, utc, whole_percent, wrapped_at
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

    def of(self, phrases: Mapping[str, tuple[str, str]], name: str, **facts: object) -> str:
        """Return a phrase that has its French beside it, by its name; a value without one is its own."""
        if name not in phrases:
            return name
        return self.filled(phrases[name][0 if self.language == "fr" else 1], facts)

    def filled(self, text: str, facts: Mapping[str, object]) -> str:
        """Return a text of ours as it is to look, and then put the facts of others in."""
        return super().filled(self.set(text), facts)

    def set(self, text: str) -> str:
        """Return a text of ours as it is to look; facts of others are put in after this."""
        if not self._for_print:
            return text
        text = _APOSTROPHE.sub("’", text)
        return tied(text) if self.language == "fr" else _dates().sub("\\1\xa0\\2\xa0\\3", text)

    def moment(self, at: datetime | None) -> str:
        """Return a moment in words."""
        _ = self
        if at is None:
            return _.p("date", "not known")
        at = utc(at)
        day, (hour, minute, second) = self.day(at.date()), (at.hour, at.minute, at.second)
        if not (hour or minute or second):
            # Of most articles only the day is given.
            return _("{day} (no hour is given, or 00:00 UTC)", day=day)
        if self.language == "fr":
            clock = f"{hour} h {minute:02}" + (f" min {second:02} s" if second else "")
        else:
            clock = f"{at:%H:%M:%S}" if second else f"{at:%H:%M}"
        return _("{day}, {clock} UTC", day=day, clock=self.set(clock))

    def day(self, day: date) -> str:
        """Return a day in words."""
        return self.set(super().day(day))

    def number(self, number: float, digits: int = 0) -> str:
        """Return a number, with its thousands apart."""
        shown = super().number(number, digits)
        return shown if self._for_print else shown.replace(NARROW_SPACE, " ")

    def share(self, share: float) -> str:
        """Return a share in whole percent; only all of it is 100, and only nothing is 0."""
        _, percent = self, whole_percent(share)
        return _("{percent}%", percent=percent) if percent or not share else _("less than 1%")


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
