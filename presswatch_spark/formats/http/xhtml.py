"""XHTML, in which `/>` ends every element, written so that parsers of HTML see what browsers show.

To a parser of HTML, `<script src="a"/>` opens a script that hides the page to its end.
"""

from __future__ import annotations

import re

from presswatch_spark.formats.http.media import is_xml

# Elements whose content is no markup in HTML; names in XML have one case.
_EMPTY = re.compile(rb"<(script|style|title|textarea|iframe)(?=[\s/])([^<>]*)/>")


def as_html(page: bytes | memoryview, media: str | None) -> bytes | memoryview:
    """A page of some media type in UTF-8: of XHTML with an end tag for every empty element that would hide
    what follows it, any other as it is.
    """
    return _EMPTY.sub(rb"<\1\2></\1>", bytes(page)) if is_xml(media) else page
