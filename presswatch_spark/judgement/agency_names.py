"""Finds the names of agencies in a text, alone or several in a row; `agencies` lists them.

Nearly every word of a page begins no name. `may_begin` sees that by the word's bytes, without a regular
expression.
"""

import re
import unicodedata
from collections.abc import Iterable

from presswatch_spark.judgement.agencies import Spelling, key_of, spellings

AND = r"\s?[,/&+]\s?|\s(?:et|and|und|y|e|en)\s"
"""What may stand between two names."""

_AND = re.compile(AND)
_FIRST_TOKEN, _LAST_TOKEN = re.compile(r"\w+"), re.compile(r"\w+\Z")
_BEYOND_ASCII = b"\x80"
# Regular expressions that ignore case take these for i and s.
_LIKE_ASCII = str.maketrans("ıſ", "is")


class AgencyNames:
    """The names of the agencies that are known, and of those that a corpus was built with."""

    def __init__(self, agencies: Iterable[str] = ()) -> None:
        self.known = spellings(agencies)
        self._by_key = {key_of(spelling.text): spelling for spelling in reversed(self.known)}
        loose = "|".join(spelling.pattern for spelling in self.known if spelling.any_case)
        exact = "|".join(spelling.pattern for spelling in self.known if not spelling.any_case)
        name = rf"(?:(?i:{loose})|{exact})(?!\w)(?!-[A-Z\d])"
        self._run = re.compile(rf"{name}(?:(?:{AND}){name}){{0,5}}")
        self._ends_with_name = re.compile(rf"(?<!\w)(?:(?i:{loose})|{exact})\s*\Z")
        self._first_tokens = _Tokens(self.known, _FIRST_TOKEN)
        self._last_tokens = _Tokens(self.known, _LAST_TOKEN)

    def may_begin(self, text: bytes, start: int, end: int) -> bool:
        """Whether a name may begin with a word of a text in UTF-8; False is sure.

        Args:
            start, end: the word's bytes.
        """
        token, after = text[start:end], text[end : end + 1]
        is_whole = token.isalnum() and after < _BEYOND_ASCII and not after.isalnum() and after != b"_"
        return not is_whole or self._first_tokens.may_have(token.decode())

    def run_at_start(self, text: str) -> re.Match[str] | None:
        """Return the names in a row that a text begins with."""
        return self._run.match(text)

    def in_run(self, run: str) -> list[Spelling]:
        """Return the spellings in what `run_at_start` found."""
        return [spelling for name in _AND.split(run) if (spelling := self.of(name))]

    def of(self, name: str) -> Spelling | None:
        """Return the spelling that is a name, by its key; None if it is no agency's."""
        return self._by_key.get(key_of(name))

    def stand_at_end(self, text: str) -> bool:
        """Whether a text ends with a name, with blanks behind it or not."""
        last = _LAST_TOKEN.search(text.rstrip()[-self._last_tokens.longest - 1 :])
        token = last[0] if last else ""
        if token.isascii() and not self._last_tokens.may_have(token):
            return False
        return self._ends_with_name.search(text) is not None


class _Tokens:
    """The first or the last tokens of all spellings: a token is letters, figures and `_` in a row."""

    def __init__(self, known: Iterable[Spelling], place: re.Pattern[str]) -> None:
        self._exact, self._loose, self._any = set[str](), set[str](), False
        for spelling in known:
            token = place.search(spelling.text)
            if token is None:
                self._any = True
            elif spelling.any_case:
                self._loose.add(_plain(token[0]))
            else:
                self._exact.add(token[0])
        self.longest = max(map(len, self._exact | self._loose), default=0)

    def may_have(self, token: str) -> bool:
        """Whether a token in ASCII may be one of them, with case and accents as names have them."""
        return self._any or token in self._exact or token.lower() in self._loose


def _plain(token: str) -> str:
    """Return the one form in ASCII, in lower case, in which a name in any case may begin or end."""
    letters = (unicodedata.normalize("NFD", letter)[0] for letter in token)
    return "".join(letters).casefold().translate(_LIKE_ASCII)
