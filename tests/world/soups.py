"""Pages of random tags, text, attributes and styles; the same page for the same seed."""

import random

_ELEMENTS = """
    a abbr address annotation annotation-xml applet area article aside audio b base bdo big
    blockquote body br button canvas caption center cite code col colgroup data datalist dd defs del
    desc details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer
    foreignObject form frame frameset g h1 h2 h3 head header hgroup hr html i iframe image img input
    ins kbd keygen label legend li link listing main map mark marquee math menu meta metadata meter
    mi mn mo mot-clef ms mtext nav nobr noembed noframes noscript object ol optgroup option output p
    param path picture plaintext pre progress q rp rt ruby s samp script search section section_
    select slot small source span strike strong style sub summary sup svg symbol table tbody td
    template text textarea tfoot th thead time title tr track tres-long-nom-element
    tres-long-nom-elemenX tt u ul var video wbr xmp
"""
ELEMENTS = _ELEMENTS.split()
ATTRIBUTES = [
    "hidden", "class=x", 'class="a sr-only b"', 'style="display:none"', "style=display:block", "open",
    'style="display : inline-block;"', 'style="visibility:hidden"', 'style="visibility: visible"',
    "id=cache",
    'style="float:left"', 'style="position:absolute"', 'class="y  X"', 'style="display:none;display:foo"',
    'STYLE="DISPLAY:NONE!important"', "hidden=until-found", 'title="a>b"', "alt='x>y'", "a=b/", "/", "data-x",
    'style="content-visibility:hidden"', 'aria-hidden="true"', "type=hidden",
    'style="color:red;;display:inline"',
    "style=display:contents", 'style="', "size=1", "class='visually-hidden'", "class=screen-reader-text",
    'style="display:none', "class=y hidden", "style=display:flex", "style='display: inline-grid'",
    "style=display:table", "style=display:inline-flex",
]  # fmt: skip
TEXTS = [
    "un ", "deux ", " trois", "quatre", "\n", "  ", " " * 70, "&eacute;", "&amp", "&#233;",
    "&#x80;", "&notit;",
    "&nbsp;", "<", "< 3", "\0", "é", "— ", "« mot » ", "mots " * 20, "x" * 70, "<!-- c -->", "<!--", "-->",
    "<!doctype html>", "<?php a ?>", "</ x>", "<![CDATA[ cd <b> ]]>", "&", ">", '"', "'", "日本語 ",
    "mot" * 400, " . " * 30,
]  # fmt: skip
STYLES = [
    "<style>.x{display:none}#cache , p.y {visibility : hidden}</style>",
    "<style>@media print{.x{display:none} div{display:none}}b{display:none}</style>",
    "<STYLE type=a>/* c */.y{a:b;display:none /* d */;c:d}@media (max-width:1px){.X , em,a b{display:none}}"
    "</style>",
    "<style>i{display:none;display:block}</style>",
    "<style>.x{",
    '<style>@import "a";.y{display:none}@media print , screen {u{display:none}}',
]
SCRIPTS = ["<script><!--<script>a</script>b--></script>", '<script>var a="</p>"</script>']


def soup(seed: int) -> bytes:
    """A page in UTF-8, or in bytes that are no UTF-8."""
    rng = random.Random(seed)
    parts = [rng.choice(STYLES)] if rng.random() < 0.3 else []
    elements = rng.sample(ELEMENTS, rng.choice([3, 8, 30])) if rng.random() < 0.8 else ELEMENTS
    for _ in range(rng.choice([5, 20, 60, 150])):
        kind = rng.random()
        if kind < 0.4:
            parts.append(rng.choice(TEXTS))
        elif kind < 0.75:
            name = rng.choice(elements)
            attributes = "".join(f" {rng.choice(ATTRIBUTES)}" for _ in range(rng.choice([0, 0, 1, 1, 2, 3])))
            name = name.upper() if rng.random() < 0.1 else name
            parts.append(f"<{name}{attributes}{rng.choice(['', '', '', '/', ' /'])}>")
        elif kind < 0.99:
            parts.append(f"</{rng.choice(elements)}>")
        else:
            parts.append(rng.choice(STYLES + SCRIPTS))
    page = "".join(parts)
    return page.encode("latin-1", "ignore") if rng.random() < 0.05 else page.encode()
