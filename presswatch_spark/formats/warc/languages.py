"""Languages of a page in ISO 639-3, as WET has them: identified by the crawler, or declared by the page."""

import re
from collections.abc import Iterable, Mapping

import numpy as np
import orjson

from presswatch_spark.formats.http.charsets import start_tags
from presswatch_spark.formats.warc.headers import Which
from presswatch_spark.languages import ISO_639_3

_IDENTIFIED = re.compile(rb"(?im)^languages-cld2:[ \t]*([^\r\n]+)")
_FIELD = b"\nlanguages-cld2:"
_PRIMARY = re.compile(rb"\s*([A-Za-z]{2,3})(?![A-Za-z0-9])")
DECLARED_WITHIN_BYTES = 16 << 10

# What CLD2 identifies and ISO 639-1 has no code for.
_BEYOND_ISO_639_1 = "bih ceb chr crs haw hmn kha lif mfe nso sco syr war"


def identified(metadata: bytes) -> tuple[str, ...] | None:
    """Return the ISO 639-3 codes in `languages-cld2` of a metadata record, those of most text first.

    Empty if it identified none; None if it says nothing that can be read.
    """
    # A regular expression takes ten times as long to find the line.
    at = (b"\n" + metadata.lower()).find(_FIELD)
    found = _IDENTIFIED.search(metadata, at) if at >= 0 else None
    try:
        languages = orjson.loads(found[1] if found else b"")["languages"]
        return tuple(str(each["code-iso-639-3"]) for each in languages)
    except (ValueError, LookupError, TypeError):
        return None


def declared(page: bytes | memoryview) -> tuple[str, ...]:
    """Return the language that the `html` element of a page names, in ISO 639-3; empty if it names none."""
    head = bytes(page[:DECLARED_WITHIN_BYTES])
    attributes: Mapping[bytes, bytes] = next(
        (found for name, found in start_tags(head) if name == b"html"), {}
    )
    primary = _PRIMARY.match(attributes.get(b"lang") or attributes.get(b"xml:lang") or b"")
    code = primary[1].decode().lower() if primary else ""
    code = ISO_639_3.get(code, code if len(code) == 3 else "")
    return (code,) if code else ()


def far_codes(languages: Iterable[str]) -> Which:
    """Return the codes that one damaged letter makes of none of `languages`: bool (26 · 26 · 26,).

    They are known codes that differ from each language in two letters at least. A code is a number of three
    digits to the base 26, `aaa` being 0.
    """
    far = np.zeros(26**3, np.bool_)
    wanted = [code.lower() for code in languages]
    for code in {*ISO_639_3.values(), *_BEYOND_ISO_639_1.split()}:
        if all(_letters_apart(code, other) > 1 for other in wanted):
            first, second, third = (ord(letter) - ord("a") for letter in code)
            far[(first * 26 + second) * 26 + third] = True
    return far


def _letters_apart(one: str, other: str) -> int:
    return max(len(one), len(other)) - sum(a == b for a, b in zip(one, other, strict=False))
