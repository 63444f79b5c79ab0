"""Paywalls as pages declare them, and whether the text behind one was captured.

schema.org's `isAccessibleForFree` says that an object, or the part of it that `cssSelector` names, is paid
for. Text under that selector in a captured page was handed to the crawler.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import version

from resiliparse.parse.html import CSSParserException, ElementNode, HTMLTree, NodeType

from presswatch_spark.rights.jsonld import ACCESSIBLE, Part
from presswatch_spark.rights.model import Signal, bounded
from presswatch_spark.show import json_text
from presswatch_spark.text.words import word_count

PARSER = f"resiliparse {version('resiliparse')}"

SELECTOR_CHARACTERS = 200
# Selectors with a colon cost the square of a page's elements: `:has(p)` takes 2 s for 20,000 of them. Those
# with `+` and `~` depend on elements that were taken out.
_SELECTOR = re.compile(r"[^:+~\\]+")
SELECTORS = 20
ELEMENTS = 200
"""Elements whose words are counted."""

# Elements that a parser opens again in every block while they are left open, each of them.
_FORMATTING = re.compile(
    rb"<(/?)(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
MOST_NODES = 2_000_000
MOST_SPACES = 10_000
_UNSEEN = frozenset(("SCRIPT", "STYLE", "TEMPLATE"))


def paywall_signals(parts: Iterable[Part], page: bytes) -> Iterator[Signal]:
    """A signal for each part; `page` is the page in UTF-8. The text of `SELECTORS` selectors is sought."""
    # Checked and decoded once, and only if there is a paywall.
    text = lru_cache(1)(lambda: page.decode("utf-8", "replace") if can_be_built(page) else None)
    asked = 0
    for part in dict.fromkeys(parts):
        selector, words = part.selector, None
        if selector is not None and not part.free and asked < SELECTORS and (whole := text()) is not None:
            asked += 1
            words = words_under(selector, whole)
        told = {ACCESSIBLE: part.free, "cssSelector": selector, "words": words}
        value, note = bounded(json_text({name: said for name, said in told.items() if said is not None}))
        if selector is not None and not part.free and words is None:
            note = note or "the selector was not tried"
        captured = None if words is None else words > 0
        yield Signal("paywall", "json_ld", value, note=note, paywalled_text_captured=captured, parser=PARSER)


def words_under(selector: str, page: str) -> int | None:
    """Words in the elements of a page that a selector names; None if it cannot be tried."""
    if len(selector) > SELECTOR_CHARACTERS or not _SELECTOR.fullmatch(selector):
        return None
    texts: list[str] = []
    body = HTMLTree.parse(page).body
    try:
        # An element is taken out with all that is in it, so that nothing counts twice. (To go through the
        # list of all elements takes 7 ms for each.)
        for _ in range(ELEMENTS):
            found = body.query_selector(selector) if body else None
            if found is None:
                break
            texts += _texts(found)
            found.remove()
    except CSSParserException:
        return None
    return word_count(" ".join(texts).encode("utf-8", "replace"))


def _texts(element: ElementNode) -> Iterator[str]:
    """The texts of an element and all below it, but for what is never shown."""
    for node in element:
        parent, text = node.parent_node, node.node_value
        if node.node_type == NodeType.TEXT and text and (not parent or parent.node_name not in _UNSEEN):
            yield text


def can_be_built(page: bytes) -> bool:
    """Whether a page's tree stays in proportion to the page.

    Every open formatting element is opened again in every block that follows, so the tree can have as many
    nodes as there are tags, times those left open: 250 KB of `<font size=1><p>` took all memory of a
    machine. Attributes are compared with each other: 200,000 in a tag took over 20 s.
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
