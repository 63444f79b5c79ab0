"""The elements under CSS selectors in a page."""

import json
from collections.abc import Sequence
from importlib.metadata import version

from resiliparse.parse.html import CSSParserException, HTMLTree

PARSER = f"resiliparse {version('resiliparse')}"
"""What finds the elements."""
ELEMENTS = 200
"""The most elements that are taken of a selector."""


def request_of(selectors: Sequence[str], page: bytes) -> bytes:
    """Write the request to `answer`: selectors as a line of JSON, then the page in UTF-8."""
    return json.dumps(selectors).encode() + b"\n" + page


def answer(request: bytes) -> tuple[bytes, None]:
    """Answer `apart` with the elements under each selector, HTML in JSON, null for an invalid selector."""
    selectors, _, page = request.partition(b"\n")
    text = page.decode("utf-8", "replace")
    return json.dumps([elements_under(selector, text) for selector in json.loads(selectors)]).encode(), None


def elements_under(selector: str, page: str) -> str | None:
    """Return the HTML of the elements under one selector, a line end between them.

    None for an invalid selector, and if the first `ELEMENTS` hold no text but there are more.
    """
    found: list[str] = []
    has_text = False
    tree = HTMLTree.parse(page)
    document, body = tree.document, tree.body
    if document is None or body is None:
        return ""
    try:
        root = document.query_selector(selector)
        if root is not None and root.node_name in ("HTML", "BODY"):
            return body.html
        # An element is taken out with all that is in it, so that nothing counts twice. (To go through the
        # list of all elements takes 7 ms for each.)
        for _ in range(ELEMENTS):
            element = body.query_selector(selector)
            if element is None:
                return "\n".join(found)
            found.append(element.html)
            has_text = has_text or bool((element.text or "").strip())
            element.remove()
        more = body.query_selector(selector) is not None
    except CSSParserException:
        return None
    return None if more and not has_text else "\n".join(found)
