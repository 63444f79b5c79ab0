"""Normalises codes of languages, which datasets write as `fr`, `fra`, `fre`, `fr-CA`, `fra_Latn` or `French`.

`languages.txt` lists the codes of ISO 639-3 and ISO 639-2 with the English names of both standards, and the
French names of languages that have a code of two letters. `language_codes.txt` maps other codes to those.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources

from presswatch_spark.core.terminal import nearest

_FOLDER = resources.files("presswatch_spark.core")
_SECTIONS = [
    " ".join(line for line in section.splitlines() if not line.startswith("#")).split()
    for section in (_FOLDER / "language_codes.txt").read_text("utf-8").split("\n\n")
]
ISO_639_3, _OTHERS = (dict(zip(words[::2], words[1::2], strict=True)) for words in _SECTIONS)
"""ISO 639-3 codes of the languages that CLD2 identifies, by their codes of two letters."""
_LANGUAGES = ISO_639_3 | _OTHERS
UNIDENTIFIED = frozenset({"mul", "un", "und", "unknown"})
"""Codes in datasets for documents in an unknown language, or in several: they may be in any language."""
# A language, then its script or country.
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9_-]+)?")


@lru_cache(maxsize=4096)
def language_of(code: str) -> str:
    """Return the ISO 639-3 code of a language, however it is written; else the text in lower case."""
    written = code.strip().lower()
    found = _CODE.fullmatch(written)
    if found:
        return _LANGUAGES.get(found[1], found[1])
    return _codes_by_name().get(written, written)


def language_problem(code: str) -> str:
    """Return the mistake in a language's code, with the code that was probably meant; empty if none."""
    written = code.strip().lower()
    found = _CODE.fullmatch(written)
    if found and (found[1] in _LANGUAGES or found[1] in UNIDENTIFIED or found[1] in _codes()):
        return ""
    names = _codes_by_name()
    alike = (known for known in _LANGUAGES.values() if known[:2] == written[:2])
    meant = [names[name] for name in nearest(written, names)] or nearest(written, alike)
    several = re.search(r"[,;\s]", written)
    advice = f"did you mean {meant[0]}?" if meant and not several else "pass one code at a time, such as fra"
    return f"{code!r} is not a code of ISO 639; {advice}"


@cache
def _codes() -> Mapping[str, tuple[str, ...]]:
    """Return the codes of three letters, each with its names in lower case."""
    lines = (_FOLDER / "languages.txt").read_text("utf-8").splitlines()
    pairs = (line.partition(" ") for line in lines)
    return {code: tuple(filter(None, names.lower().split("|"))) for code, _, names in pairs}


@cache
def _codes_by_name() -> Mapping[str, str]:
    return {name: _LANGUAGES.get(code, code) for code, names in _codes().items() for name in names}


@lru_cache(maxsize=64)
def languages_read(codes: frozenset[str]) -> frozenset[str]:
    """Return the ISO 639-3 codes of these languages, and `UNIDENTIFIED`: their documents are read, too."""
    return frozenset(map(language_of, codes)) | UNIDENTIFIED


def spellings_of(codes: Iterable[str]) -> frozenset[str]:
    """Return `codes`, and all codes with which datasets may write them or `UNIDENTIFIED`; none for none."""
    asked = frozenset(code.lower() for code in codes)
    if not asked:
        return asked
    return asked | codes_of(languages_read(asked))


def codes_of(languages: Iterable[str]) -> frozenset[str]:
    """Return all codes of two or three letters of languages (see `language_of`)."""
    read = frozenset(languages)
    return read | {code for code, language in _LANGUAGES.items() if language in read}
