"""The text under CSS selectors in a page."""

import json
from collections.abc import Iterator, Sequence

from resiliparse.parse.html import CSSParserException, ElementNode, HTMLTree, NodeType

ELEMENTS = 200
"""The most elements of a selector whose text is taken."""

_UNSEEN = frozenset(("SCRIPT", "STYLE", "TEMPLATE"))


def request_of(selectors: Sequence[str], page: bytes) -> bytes:
    """Write the request to `answer`: selectors as a line of JSON, then the page in UTF-8."""
    return json.dumps(selectors).encode() + b"\n" + page


def answer(request: bytes) -> tuple[bytes, None]:
    """Answer `apart` with the text under each selector as JSON, null for an invalid selector."""
    selectors, _, page = request.partition(b"\n")
    text = page.decode("utf-8", "replace")
    return json.dumps([text_under(selector, text) for selector in json.loads(selectors)]).encode(), None


def text_under(selector: str, page: str) -> str | None:
    """Return the text under one selector; the texts of elements are parted by blanks.

    None for an invalid selector, and if the first `ELEMENTS` hold no text but there are more.
    """
    texts: list[str] = []
    tree = HTMLTree.parse(page)
    document, body = tree.document, tree.body
    if document is None or body is None:
        return ""
    try:
        root = document.query_selector(selector)
        if root is not None and root.node_name in ("HTML", "BODY"):
            return " ".join(_texts(body))
        # An element is taken out with all that is in it, so that nothing counts twice. (To go through the
        # list of all elements takes 7 ms for each.)
        for _ in range(ELEMENTS):
            element = body.query_selector(selector)
            if element is None:
                return " ".join(texts)
            texts += _texts(element)
            element.remove()
        more = body.query_selector(selector) is not None
    except CSSParserException:
        return None
    text = " ".join(texts)
    return None if more and not text.strip() else text


def _texts(element: ElementNode) -> Iterator[str]:
    """Yield the texts of an element and all below it, but for those that are never shown."""
    for node in element:
        parent, text = node.parent_node, node.node_value
        if node.node_type == NodeType.TEXT and text and (not parent or parent.node_name not in _UNSEEN):
            yield text
