"""The language of what people read: texts, counts, dates and numbers in English or French.

Commands write English; `french.py` has the French of each text. What programs read is in no language.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from presswatch_spark.cli.french import NAMES, NOUNS, TEXTS
from presswatch_spark.show import NARROW_SPACE, cell, counted, share_of, utc

if TYPE_CHECKING:
    from collections.abc import Iterable

LANGUAGES = ("en", "fr")


@dataclass(frozen=True, slots=True)
class Language:
    """One of `LANGUAGES`."""

    code: str = "en"

    @property
    def is_french(self) -> bool:
        """Say whether it is French."""
        return self.code == "fr"

    def __call__(self, text: str, **facts: object) -> str:
        """Return a text, written in English, with its facts."""
        return (TEXTS[text] if self.is_french else text).format(**facts)

    def name(self, name: str) -> str:
        """Return the name of a column, a measure or a value; one without a French name stands for itself."""
        return NAMES.get(name, name) if self.is_french else name

    def names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return several names."""
        return tuple(map(self.name, names))

    def number(self, number: float, digits: int = 0) -> str:
        """Return a number with its thousands apart: `1,234.5`, in French `1 234,5`."""
        shown = f"{number:,.{digits}f}"
        return shown.translate(_MARKS) if self.is_french else shown

    def counted(self, number: int, what: str) -> str:
        """Return `1 row`, `2 rows`; in French, nothing is singular too."""
        if not self.is_french:
            return counted(number, what)
        one, many = NOUNS[what]
        return f"{self.number(number)} {one if number < 2 else many}"

    def share(self, share: float) -> str:
        """Return a share in whole percent, rounded down: only the whole is 100."""
        shown = share_of(share)
        return shown.replace("%", f"{NARROW_SPACE}%") if self.is_french else shown

    def day(self, day: date) -> str:
        """Return a day, or that of a moment in UTC: `2026-11-27`, in French `27/11/2026`."""
        if isinstance(day, datetime):
            day = utc(day).date()
        return f"{day:%d/%m/%Y}" if self.is_french else day.isoformat()

    def cell(self, value: object) -> str:
        """Return a value of a table as people read it."""
        if isinstance(value, datetime):
            return f"{self.day(value)} {utc(value):%H:%M:%S}"
        if self.is_french and isinstance(value, date):
            return self.day(value)
        if self.is_french and isinstance(value, bool):
            return "oui" if value else "non"
        if self.is_french and isinstance(value, float):
            return cell(value).translate(_MARKS)
        return cell(value)


_MARKS = str.maketrans({",": NARROW_SPACE, ".": ","})
ENGLISH = Language()
