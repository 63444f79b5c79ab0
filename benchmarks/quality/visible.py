"""What can be seen of a page, by the parser of the standard library: shares no code with the product.

Blocks part words, inline elements do not, and what browsers do not show does not count. Right for pages whose
tags are where they should be, as the bench's are; not for all of the web.
"""

from __future__ import annotations

from html.parser import HTMLParser

UNSEEN = frozenset({"head", "script", "style", "template", "noscript", "title"})
INLINE = frozenset(
    {"a", "abbr", "b", "em", "font", "i", "mark", "span", "strong", "u", "wbr", "small", "sup", "time"}
)
_NO_END = frozenset({"meta", "link", "base"})


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in UNSEEN
        if tag not in INLINE and not self._hidden and tag not in _NO_END and tag != "img":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in UNSEEN
        if tag not in INLINE and not self._hidden and tag not in UNSEEN:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def visible_text(html: str) -> str:
    """The text of a page that can be seen, with a line end where a block begins or ends."""
    parser = _Seen()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts)
