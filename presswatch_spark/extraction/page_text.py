"""The verified text of a page: all that can be seen in it, as resiliparse extracts it.

Anybody can make it again with the same release of a public library: `EXTRACTION` names it in every row. Text
in navigation, banners and comments stays, since a copy of an article may stand there. Attributes are no text:
an image's description in a sentence would tear it apart.
"""

from functools import lru_cache
from importlib.metadata import version

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

EXTRACTION = f"resiliparse {version('resiliparse')}"


def extracted_text(page: bytes | memoryview) -> bytes:
    """Extract the text of a page, both in UTF-8; invalid bytes are U+FFFD in it.

    Raises:
        ValueError: the parser refuses the page.
    """
    # The last page's tree must not take room from this one's.
    parsed.cache_clear()
    return parsed(bytes(page))[1].encode("utf-8", "replace")


def text_of(tree: HTMLTree) -> str:
    """Extract the text of a parsed page, a line for each block."""
    return extract_plain_text(
        tree,
        preserve_formatting=True,
        list_bullets=False,
        alt_texts=True,
        form_fields=True,
        noscript=True,
        skip_elements=["img", "input", "area"],
    )


@lru_cache(maxsize=1)
def parsed(page: bytes) -> tuple[HTMLTree, str]:
    """Return the tree of a page in UTF-8, and its text; cached, since `main` often follows `html`."""
    tree = HTMLTree.parse(str(page, "utf-8", "replace"))
    return tree, text_of(tree)


def answer(page: bytes) -> tuple[bytes, None]:
    """Answer `apart` with the text of a page."""
    return extracted_text(page), None
