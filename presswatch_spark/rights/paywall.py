"""Paywalls, copyright and licences that the JSON-LD of pages declares, and whether text behind a paywall
was captured.

schema.org's `isAccessibleForFree` states that an object, or the part that its `cssSelector` names, is paid
for. If a captured page has text under that selector, the site gave it to the crawler.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from presswatch_spark.extraction.parsers import PARSER, UnparsablePageError, request_of, text_apart
from presswatch_spark.html.markup import text_of_page
from presswatch_spark.rights.declaration import Signal, bounded, stated
from presswatch_spark.terminal import json_text
from presswatch_spark.text.words import word_count

PARTS = 100
ACCESSIBLE = "isAccessibleForFree"

_COPYRIGHT = ("copyrightHolder", "copyrightNotice")


SELECTOR_CHARACTERS = 200
# Selectors with a colon cost the square of a page's elements: `:has(p)` takes 2 s for 20,000 of them. Those
# with `+` and `~` depend on elements that were taken out.
_SELECTOR = re.compile(r"[^:+~\\]+")
SELECTORS = 20
MISSED = "no text under the selector in what was read of the page"
# Elements that a parser opens again in every block as long as they are open.
_FORMATTING = re.compile(
    rb"<(/?)(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
MOST_NODES = 2_000_000
MOST_SPACES = 10_000


@dataclass(frozen=True, slots=True)
class PaywalledPart:
    """The value of `isAccessibleForFree` of an object, and the selector of its text, if it names one."""

    free: bool
    selector: str | None


def parts_of(item: dict[str, Any]) -> Iterator[PaywalledPart]:
    """Yield what an object says of its own accessibility: once for each selector, or once without any."""
    free = item.get(ACCESSIBLE)
    if not isinstance(free, bool):
        word = free.rpartition("/")[2].strip().lower() if isinstance(free, str) else ""
        free = {"true": True, "false": False}.get(word)
    if free is None:
        return
    selectors = item.get("cssSelector")
    named = selectors[:PARTS] if isinstance(selectors, list) else [selectors]
    texts: list[str | None] = [
        selector.strip() for selector in named if isinstance(selector, str) and selector.strip()
    ]
    for selector in texts or [None]:
        yield PaywalledPart(free, selector)


def object_signals(item: dict[str, Any]) -> Iterator[Signal]:
    """Yield an object's statements on copyright and licence."""
    for name in _COPYRIGHT:
        for text in _names(item.get(name)):
            yield stated("copyright", "json_ld", f"{name}: {text}")
    for text in _names(item.get("license")):
        yield stated("license", "json_ld", text)


def _names(value: object) -> Iterator[str]:
    for each in (value if isinstance(value, list) else [value])[:PARTS]:
        if isinstance(each, dict):
            each = next((each[key] for key in ("name", "url", "@id") if isinstance(each.get(key), str)), None)
        if isinstance(each, str) and each.strip():
            yield each


def paywall_signals(parts: Iterable[PaywalledPart], page: bytes, whole: bool = True) -> Iterator[Signal]:
    """Yield a signal for each part; the text of `SELECTORS` selectors is sought.

    Args:
        parts: of all JSON-LD of the page; equal ones count once.
        page: in UTF-8.
        whole: whether `page` is all that the site sent; if not, nobody knows that there is no text.
    """
    distinct = list(dict.fromkeys(parts))
    words_of = words_under((part.selector for part in distinct if part.selector and not part.free), page)
    for part in distinct:
        words = None if part.free or part.selector is None else words_of.get(part.selector)
        missed = words == 0 and not whole
        words = None if missed else words
        declared = {ACCESSIBLE: part.free, "cssSelector": part.selector, "words": words}
        value, note = bounded(json_text({name: each for name, each in declared.items() if each is not None}))
        if part.selector is not None and not part.free and words is None:
            note = note or (MISSED if missed else "the selector was not tried")
        captured = None if words is None else words > 0
        yield Signal("paywall", "json_ld", value, note=note, paywalled_text_captured=captured, parser=PARSER)


def words_under(selectors: Iterable[str], page: bytes) -> dict[str, int]:
    """Count the words under each selector in a page; selectors that cannot be tried are left out."""
    tried = [each for each in selectors if len(each) <= SELECTOR_CHARACTERS and _SELECTOR.fullmatch(each)]
    if not tried or not can_be_built(page):
        return {}
    try:
        elements = json.loads(text_apart("css", request_of(tried[:SELECTORS], page))[0])
    except UnparsablePageError:
        return {}
    return {
        selector: word_count(text_of_page(found.encode("utf-8", "replace")))
        for selector, found in zip(tried, elements, strict=False)
        if found is not None
    }


def can_be_built(page: bytes) -> bool:
    """Whether a page's tree stays in proportion to the page; another one could kill the parser's process.

    A parser opens every open formatting element again in each block that follows. So the tree can have as
    many nodes as there are tags, times those left open: 250 KB of `<font size=1><p>` took all memory of a
    machine. Attributes are compared with each other: 200,000 in a tag took over a minute.
    """
    opened: Counter[bytes] = Counter()
    most = now = 0
    for tag in _FORMATTING.finditer(page):
        name = tag[2].lower()
        if not tag[1]:
            opened[name] += 1
            now += 1
        elif opened[name]:
            opened[name] -= 1
            now -= 1
        most = max(most, now)
    if most * page.count(b"<") > MOST_NODES:
        return False
    stretches = (stretch for stretch in page.split(b">") if len(stretch) > MOST_SPACES and b"<" in stretch)
    return all(len(stretch.split(None, MOST_SPACES)) < MOST_SPACES for stretch in stretches)
