"""Translations: the English text in the code is the key, and `locale/fr.po` has its French.

`make texts` copies the keys from the code into the catalogue; a test fails if a translation is missing.
`locale/fr.names.po` has names of columns and of values, which the code looks up with `Translator.word`. Both
files are read when the first French text is needed, so nothing must be compiled after a change.
"""

import io
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

from presswatch_spark.core.terminal import utc

LANGUAGES = ("fr", "en")
LOCALE = Path(__file__).parent / "locale"
CONTEXT = "\x04"
"""Separates a context from its text in a key, as in every catalogue of gettext."""
# Blanks at which no line may end: in numbers, hours, commands and articles of a code, at French punctuation.
_TIED = re.compile(
    r" (?=[:;?!»%])|(?<=«) |(?<=n°) |(?<=python3) |(?<=\bart\.) (?=L\.)|(?<=\bL\.) (?=\d)"
    r"|(?<=\d) (?=\d{3}\b|h \d|min \d|s\b)|(?<=\d h) (?=\d)|(?<=\d min) (?=\d)"
)


def N_(message: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a text of a table for the catalogue; a `Translator` is called with it later."""
    return message


def p(context: str, message: str) -> str:
    """Mark a text of a table that has another meaning in another context."""
    return f"{context}{CONTEXT}{message}"


def n(singular: str, plural: str) -> tuple[str, str]:
    """Mark a text of a table for a number of things; `Translator.n` is called with both forms later."""
    return singular, plural


class Word(NamedTuple):
    """A fact in a sentence that is translated itself, such as a state; see `Translator.word`."""

    context: str
    word: str

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class Sentence:
    """An English sentence and, separately, its facts (texts, words, whole numbers, days): translated later.

    `text`: for a number of things, both forms, as `n` marks them; the number is the fact `n`.
    """

    text: str | tuple[str, str]
    facts: Mapping[str, object]

    def __str__(self) -> str:
        text = self.text if isinstance(self.text, str) else self.text[self.facts["n"] != 1]
        return text.format(**self.facts)


def sentence(text: str | tuple[str, str], /, **facts: object) -> Sentence:
    """Return a sentence with its facts."""
    return Sentence(text, facts)


def sentence_in(
    text: str, patterns: Iterable[str], words: Collection[str] = (), context: str = ""
) -> Sentence:
    """Return the sentence that a text was made from: the first of `patterns`, texts with facts, that matches.

    Facts named in `words` are words of `context`. A text that matches none is a sentence without facts.
    """
    for pattern in patterns:
        form = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(pattern))
        if found := re.fullmatch(form, text, re.DOTALL):
            facts = found.groupdict()
            return Sentence(
                pattern, facts | {name: Word(context, facts[name]) for name in words if name in facts}
            )
    return Sentence("{text}", {"text": text})


class Translator:
    """Translates the texts of the code, and writes numbers and days, in one language.

    `for_print`: with typographic apostrophes, and with fixed blanks where no line may end.
    """

    def __init__(self, language: str = "en", *, for_print: bool = False) -> None:
        self.language, self.for_print = language, for_print

    def __call__(self, message: str, /, **facts: object) -> str:
        """Translate an English text, perhaps one that `N_` or `p` marked, and insert its facts."""
        return self.filled(_catalogue(self.language).gettext(message), facts)

    def n(self, singular: str, plural: str, number: int, /, **facts: object) -> str:
        """Return a text for a number of things, its `{n}`; in French, zero is singular."""
        text = _catalogue(self.language).ngettext(singular, plural, number)
        return self.filled(text, {"n": self.number(number), **facts})

    def p(self, context: str, message: str, /, **facts: object) -> str:
        """Return a text that has another meaning in another context."""
        return self(p(context, message), **facts)

    def sentence(self, sentence: Sentence) -> str:
        """Return a sentence with its facts, in this language."""
        facts: dict[str, Any] = dict(sentence.facts)
        for name, fact in facts.items():
            if isinstance(fact, Word):
                facts[name] = self.word(*fact)
            elif isinstance(fact, date):
                facts[name] = self.day(fact)
            elif isinstance(fact, int) and name != "n":
                facts[name] = self.number(fact)
        if isinstance(sentence.text, tuple):
            return self.n(*sentence.text, facts.pop("n"), **facts)
        return self(sentence.text, **facts)

    def word(self, context: str, word: str) -> str:
        """Return a name, such as that of a column; the same without a translation."""
        return _catalogue(self.language).gettext(p(context, word)).rpartition(CONTEXT)[2]

    def filled(self, text: str, facts: Mapping[str, object]) -> str:
        """Return a translated text with its facts."""
        return self.set(text.rpartition(CONTEXT)[2]).format(**facts)

    def set(self, text: str) -> str:
        """Return a translated text in its typography; facts are inserted later, and so are left unchanged."""
        return tied(re.sub(r"(?<=\w)'", "’", text)) if self.for_print else text

    def number(self, number: float, digits: int = 0) -> str:
        """Return a number with its thousands apart: `1,234.5`, in French `1 234,5`."""
        shown = f"{number:,.{digits}f}"
        if self.language == "en":
            return shown
        from babel.numbers import format_decimal

        return format_decimal(Decimal(shown.replace(",", "")), f"#,##0.{'0' * digits}", self.language)

    def day(self, day: date) -> str:
        """Return a day in words: `1 May 2026`, in French `1er mai 2026`."""
        from babel.dates import format_date

        first = "'er'" if self.language == "fr" and day.day == 1 else ""
        return self.set(format_date(day, f"d{first} MMMM y", self.language))

    def moment(self, at: datetime | None) -> str:
        """Return a moment in words."""
        _ = self
        if at is None:
            return _.p("date", "not known")
        at = utc(at)
        day, (hour, minute, second) = _.day(at.date()), (at.hour, at.minute, at.second)
        if not (hour or minute or second):
            # For most articles, only the day is given.
            return _("{day} (no hour is given, or 00:00 UTC)", day=day)
        if self.language == "fr":
            clock = f"{hour} h {minute:02}" + (f" min {second:02} s" if second else "")
        else:
            clock = f"{at:%H:%M:%S}" if second else f"{at:%H:%M}"
        return _("{day}, {clock} UTC", day=day, clock=self.set(clock))

    def share(self, share: float) -> str:
        """Return a share in whole percent, rounded down; only all of it is 100, and only nothing is 0."""
        # As a float, 0.29 is a little less than 29 hundredths.
        _, percent = self, floor(100 * share + 1e-9)
        return _("{percent}%", percent=percent) if percent or not share else _("less than 1%")


def tied(text: str) -> str:
    """Return a text with a fixed blank wherever no line may end."""
    return _dates().sub("\\1\xa0\\2\xa0\\3", _TIED.sub("\xa0", text))


@cache
def _dates() -> re.Pattern[str]:
    from babel.dates import get_month_names

    months = [name for language in LANGUAGES for name in get_month_names("wide", locale=language).values()]
    return re.compile(rf"\b(\d+|1er) ({'|'.join(months)}) (\d{{4}})\b")


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    # Imported here: English commands need no Babel, whose import takes a tenth of a second.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled, names = io.BytesIO(), LOCALE / f"{language}.names.po"
    with (LOCALE / f"{language}.po").open("rb") as file, names.open("rb") as words:
        catalogue = read_po(file, language)
        for each in filter(lambda word: word.id, read_po(words, language)):
            catalogue[each.id] = each
        write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
