"""Paywalls as pages declare them, and whether the text behind one was captured.

schema.org's `isAccessibleForFree` says that an object, or the part of it that `cssSelector` names, is paid
for. Text under that selector in a captured page was handed to the crawler.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from presswatch_spark.extraction.apart import PageError, text_apart
from presswatch_spark.extraction.page_text import EXTRACTION
from presswatch_spark.extraction.selected import request_of
from presswatch_spark.rights.declaration import Signal, bounded
from presswatch_spark.rights.jsonld import ACCESSIBLE, Part
from presswatch_spark.show import json_text
from presswatch_spark.text.words import word_count

SELECTOR_CHARACTERS = 200
# Selectors with a colon cost the square of a page's elements: `:has(p)` takes 2 s for 20,000 of them. Those
# with `+` and `~` depend on elements that were taken out.
_SELECTOR = re.compile(r"[^:+~\\]+")
SELECTORS = 20
MISSED = "no text under the selector in what was read of the page"

# Elements that a parser opens again in every block while they are left open, each of them.
_FORMATTING = re.compile(
    rb"<(/?)(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
MOST_NODES = 2_000_000
MOST_SPACES = 10_000


def paywall_signals(parts: Iterable[Part], page: bytes, whole: bool = True) -> Iterator[Signal]:
    """A signal for each part; `page` is the page in UTF-8. The text of `SELECTORS` selectors is sought.

    `whole`: whether `page` is all that the site sent; that there is no text is not known otherwise.
    """
    distinct = list(dict.fromkeys(parts))
    words = words_under((part.selector for part in distinct if part.selector and not part.free), page)
    for part in distinct:
        found = None if part.free or part.selector is None else words.get(part.selector)
        missed = found == 0 and not whole
        found = None if missed else found
        told = {ACCESSIBLE: part.free, "cssSelector": part.selector, "words": found}
        value, note = bounded(json_text({name: said for name, said in told.items() if said is not None}))
        if part.selector is not None and not part.free and found is None:
            note = note or (MISSED if missed else "the selector was not tried")
        captured = None if found is None else found > 0
        yield Signal(
            "paywall", "json_ld", value, note=note, paywalled_text_captured=captured, parser=EXTRACTION
        )


def words_under(selectors: Iterable[str], page: bytes) -> dict[str, int]:
    """Words in the elements of a page that each selector names; without those that cannot be tried."""
    tried = [each for each in selectors if len(each) <= SELECTOR_CHARACTERS and _SELECTOR.fullmatch(each)]
    if not tried or not can_be_built(page):
        return {}
    try:
        found = json.loads(text_apart("css", request_of(tried[:SELECTORS], page))[0])
    except PageError:
        return {}
    return {
        selector: word_count(text.encode("utf-8", "replace"))
        for selector, text in zip(tried, found, strict=False)
        if text is not None
    }


def can_be_built(page: bytes) -> bool:
    """Whether a page's tree stays in proportion to the page; for those that do not, no process must die.

    Every open formatting element is opened again in every block that follows, so the tree can have as many
    nodes as there are tags, times those left open: 250 KB of `<font size=1><p>` took all memory of a
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
