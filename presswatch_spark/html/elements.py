"""The elements of a page that declare something, found by the tokenizer rules of the HTML standard.

No tree is built: that can cost the square of a page's length, or its cube, if tags are left open. Comments,
scripts and other raw text are passed over, and so are templates, which are no part of the document.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PAGE_BYTES = 2 << 20
"""As much is read of a page; nobody looks at the rest of a longer one."""
TAG_BYTES = 64 << 10
ATTRIBUTES = 64
ELEMENTS = 2_000
"""The most elements of a page that are looked at; a signal says if there are more."""

_NAMES = rb"(?:meta|link|script|style|title|textarea|xmp|iframe|noembed|noframes|template)"
# Text, and other tags and declarations with all that stands in their quotes.
_OTHERS = (
    rb"(?:[^<]++|<(?!!--|" + _NAMES + rb"[\s/>])"
    rb"(?:(?:[!?]|/(?![a-z]))[^>]*+(?:>|\Z)"
    rb"|/?[a-z](?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>\"'][^\s>]*+)?+)*+(?:>|\Z))?+)*+"
)
_OPENING = re.compile(_OTHERS + rb"<(?:!--|(" + _NAMES + rb")(?=[\s/>]))", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"'][^\s>]*+)?))?"
)
_TAG_END = re.compile(rb"[\s/]*+>")
_COMMENT_END = re.compile(rb"--!?>")
# A type with a character reference in it may say JSON-LD without the letters.
_OF_TYPE = rb"[a-z/+\x00-\x20\x80-\xff]"
_TYPE_WITH_REFERENCE = re.compile(
    rb"type\s*+=\s*+[\"']?+(?:" + _OF_TYPE + rb"{0,64}+&|" + _OF_TYPE + rb"{65})"
)


@dataclass(frozen=True, slots=True)
class HtmlElement:
    """A `meta`, `link` or `script` with its attributes (names in lower case) and, of a script, its text.

    `whole`: whether all of its attributes were read.
    """

    name: str
    attributes: Mapping[str, str]
    text: str = ""
    whole: bool = True

    def get(self, name: str) -> str:
        """Return an attribute, stripped; empty if there is none."""
        return self.attributes.get(name, "").strip()


def elements_of(page: bytes) -> Iterator[HtmlElement]:
    """Yield the `meta`, `link` and JSON-LD `script` elements of a page in UTF-8."""
    lowered, at = page.lower(), 0
    if _TYPE_WITH_REFERENCE.search(lowered):
        last = len(lowered)
    else:
        # Most pages have these elements in their head, and are ten times as long.
        last = max(map(lowered.rfind, (b"<meta", b"<link", b"ld+json")))
    while at <= last and (opening := _OPENING.match(page, at)):
        at = opening.end()
        if not opening[1]:
            # A comment that is never closed reaches to the end of the page, and `<!-->` is whole.
            end = _COMMENT_END.search(page, at - 2)
            at = end.end() if end else len(page)
            continue
        name = opening[1].lower()
        attributes, end_of_tag, whole = _attributes(page, at)
        if end_of_tag is None:
            return
        at = end_of_tag
        if name in (b"meta", b"link"):
            yield HtmlElement(name.decode(), attributes, whole=whole)
            continue
        end_of_text = lowered.find(b"</" + name, at)
        text = page[at : end_of_text if end_of_text >= 0 else len(page)]
        at += len(text)
        kind = attributes.get("type", "").partition(";")[0].strip().lower()
        if name == b"script" and kind == "application/ld+json":
            yield HtmlElement("script", attributes, text.decode("utf-8", "replace"))


def _attributes(page: bytes, at: int) -> tuple[dict[str, str], int | None, bool]:
    """Return the attributes of a tag from `at` on, the place behind the tag, and whether these are all.

    Of attributes with one name the first counts. The place is None if the page ends within the tag.
    """
    attributes: dict[str, str] = {}
    last = min(len(page), at + TAG_BYTES)
    for _ in range(ATTRIBUTES):
        if end := _TAG_END.match(page, at, last):
            return attributes, end.end(), True
        attribute = _ATTRIBUTE.match(page, at, last)
        if not attribute:
            break
        name = attribute[1].decode("utf-8", "replace").lower()
        value = attribute[2] or attribute[3] or attribute[4] or b""
        attributes.setdefault(name, html.unescape(value.decode("utf-8", "replace")))
        at = attribute.end()
    end_of_tag = page.find(b">", at)
    return attributes, end_of_tag + 1 if end_of_tag >= 0 else None, False
