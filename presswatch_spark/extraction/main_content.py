"""The main content of a page: the article, without menus, teasers, comments and notices.

It is a measure beside the verified text, never a filter of it: passages are sought in all visible text.

As in Readability (arc90, 2009), paragraphs of prose vote for the elements that they stand in. The main
content is the smallest element with most of the prose, and all between the headline and it. Elements inside
that are furniture by their tags, roles, names or links do not belong to it.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from resiliparse.parse.html import HTMLTree
from resiliparse.parse.html.node import ElementNode, Node

from presswatch_spark.extraction.apart import RefusedPageError

MOST = 0.7
"""The main content holds at least this share of the prose."""
PROSE_CHARACTERS = 60
"""Paragraphs vote from this length on; the characters of links are taken off twice."""
FURNITURE_AT_MOST = 0.3
"""An element with a larger share of the prose is no furniture, whatever its name."""
LISTS_AT_MOST = 0.1
"""The same for lists and tables that are links for the most part."""
LINE_CHARACTERS, LINES_AT_LEAST = 100, 0.2
"""Lines from this length on are prose; the main content has at least this share of their characters."""
STEPS = 20_000
"""The most elements that are looked at; a page of more, or one nested deeper, is not judged."""
READINGS = 16
"""At most so many lengths of the page are read: hostile pages nest elements without end."""

_OUTSIDE = frozenset({"nav", "aside", "footer", "form", "dialog"})
_TAGS = _OUTSIDE | {"header", "button", "figcaption", "select", "fieldset"}
_ROLES = frozenset({"dialog", "navigation", "complementary", "contentinfo", "banner", "search", "alert"})
_NAMES = re.compile(
    "side-?bar|widget|newsletter|popup|modal|related|comment|breadcrumb|share|social|cookie|promo|sponsor"
    "|teaser|recommend|caption|footer|paywall|menu",
    re.IGNORECASE,
)
_NAMED = "[role], div[class], div[id], section[class], section[id], p[class], ul[class], figure[class]"


class _TooMuchError(Exception):
    """The page costs more than it may."""


UNCHOSEN = "no element was chosen"


def answer(page: bytes) -> tuple[bytes, str | None]:
    """Answer `apart` with the main content of a page, HTML in UTF-8, and `UNCHOSEN` if it is the page.

    Raises:
        RefusedError: the page costs more than it may.
        ValueError: the parser refuses the page.
    """
    tree = HTMLTree.parse(page.decode("utf-8", "replace"))
    if tree.body is None:
        return b"", UNCHOSEN
    try:
        chosen = _PageTree(tree.body).cut()
    except _TooMuchError:
        raise RefusedPageError("the main content cannot be told") from None
    return tree.body.html.encode("utf-8", "replace"), None if chosen else UNCHOSEN


def has_prose_of(text: bytes, page_text: bytes) -> bool:
    """Whether the text of a chosen element has enough of the long lines of its page to be its main content.

    If it had hardly any, the article would be in no paragraphs, and others would have voted.
    """
    return _in_long_lines(text) >= LINES_AT_LEAST * _in_long_lines(page_text)


def _in_long_lines(text: bytes) -> int:
    return sum(
        len(line) for line in text.decode("utf-8", "replace").split("\n") if len(line) >= LINE_CHARACTERS
    )


class _PageTree:
    """The elements of a page, and the characters of prose in each."""

    def __init__(self, body: ElementNode) -> None:
        self._body = body
        self._steps = STEPS
        self._characters = READINGS * len(body.text or "")
        self._prose = self._weighed()
        self._total = self._prose.get(body, 0)

    def cut(self) -> bool:
        """Leave nothing in the page but its main content; return whether an element was chosen."""
        top, around = self._from_headline(self._up(self._holder()))
        _remove(around)
        spared = {element for headline in self._all(top, "h1") for element in self._up(headline)}
        suspects = self._all(top, f"{', '.join(sorted(_TAGS))}, {_NAMED}")
        _remove(one for one in suspects if one not in spared and self._is_furniture(one))
        _remove(one for one in self._all(top, "ul, ol, table") if self._is_of_links(one))
        if top == self._body:
            return False
        self._body.replace_children(top)
        return True

    def _weighed(self) -> dict[Node, int]:
        own: dict[ElementNode, int] = {}
        for paragraph in self._all(self._body, "p, blockquote, pre"):
            n = self._length(paragraph)
            if n >= PROSE_CHARACTERS:
                n -= 2 * self._length_of_links(paragraph)
            if n >= PROSE_CHARACTERS and (above := paragraph.parent_element) is not None:
                own[above] = own.get(above, 0) + n
        prose: dict[Node, int] = {}
        for holder, n in own.items():
            path = self._up(holder)
            if not any(element.tag in _OUTSIDE for element in path):
                for element in path:
                    prose[element] = prose.get(element, 0) + n
        return prose

    def _holder(self) -> ElementNode:
        """Return the smallest element that holds most of the prose."""
        holder = self._body
        for element, n in self._prose.items():
            if n >= MOST * self._total and isinstance(element, ElementNode) and holder.contains(element):
                holder = element
        return holder

    def _from_headline(self, path: Sequence[ElementNode]) -> tuple[ElementNode, list[Node]]:
        """Return the element with both headline and holder, and the nodes in it before and behind the two.

        `path` goes from the holder up. Without a headline before it, the element is the holder.
        """
        shared, headline = 1, None
        for one in self._all(self._body, "h1"):
            other = self._up(one)
            pairs = zip(path[::-1], other[::-1], strict=False)
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if common == len(path):
                return path[0], []
            if common > shared and (one.text or "").strip():
                shared, headline = common, other
        if headline is None or path[-shared - 1] not in self._beside(headline[-shared - 1], after=True):
            return path[0], []
        before = [node for element in headline[:-shared] for node in self._beside(element, after=False)]
        behind = [node for element in path[:-shared] for node in self._beside(element, after=True)]
        return path[-shared], before + behind

    def _is_furniture(self, element: ElementNode) -> bool:
        if self._prose.get(element, 0) > FURNITURE_AT_MOST * self._total:
            return False
        if element.tag in _TAGS or element.getattr("role") in _ROLES:
            return True
        return _NAMES.search(f"{element.class_name or ''} {element.id or ''}") is not None

    def _is_of_links(self, element: ElementNode) -> bool:
        if self._prose.get(element, 0) > LISTS_AT_MOST * self._total:
            return False
        return self._length_of_links(element) > self._length(element) / 2

    def _length(self, element: ElementNode) -> int:
        n = len(element.text or "")
        self._characters -= n
        if self._characters < 0:
            raise _TooMuchError
        return n

    def _length_of_links(self, element: ElementNode) -> int:
        return sum(map(self._length, self._all(element, "a")))

    def _all(self, element: ElementNode, selector: str) -> Sequence[ElementNode]:
        # A slice, since the library selects anew for every index, and so for every step of a loop.
        elements = element.query_selector_all(selector)[:]
        self._spend(len(elements))
        return elements

    def _up(self, element: ElementNode) -> list[ElementNode]:
        """Return the element, and those around it up to the body."""
        path = [element]
        while path[-1] != self._body and (above := path[-1].parent_element) is not None:
            path.append(above)
            self._spend(1)
        return path

    def _beside(self, element: Node, after: bool) -> list[Node]:
        siblings = []
        node = element.next_sibling if after else element.previous_sibling
        while node is not None:
            siblings.append(node)
            self._spend(1)
            node = node.next_sibling if after else node.previous_sibling
        return siblings

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise _TooMuchError


def _remove(nodes: Iterable[Node]) -> None:
    for node in nodes:
        if (above := node.parent_node) is not None:
            above.remove_child(node)
