"""Pages of distinct words in random elements, and what a browser shows of pages.

Each word of a page is another one, and an article has them in order. The tags are nested as they should be,
with optional end tags left out, within words and between them, and with hidden elements.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence

from tests.world.chromium import Chromium

_BLOCKS = """
    div p section article aside main header footer nav ul ol dl h1 h2 h3 blockquote pre form
    fieldset figure table details dialog menu search address center listing dir hgroup xmp select
    optgroup legend summary
"""
BLOCKS = _BLOCKS.split()
_INLINE = """
    a abbr b bdi bdo big cite code data del dfn em font i ins kbd label mark map nobr output picture
    q s samp small span strike strong sub sup time tt u var slot acronym object button mot-clef ruby
"""
INLINE = _INLINE.split()
REPLACED = [
    "<img>", "<img alt='cache'>", "<input>", "<input type=hidden value=cache>", "<iframe>cache</iframe>",
    "<wbr>",
    "<video>cache</video>", "<audio>cache</audio>", "<canvas>cache</canvas>", "<svg><path d=a /></svg>",
    "<embed>",
    "<svg><title>cache</title><desc>secret</desc></svg>", "<svg><style>.a{}</style><g/></svg>",
    "<textarea>cache</textarea>",
    "<meter>cache</meter>", "<progress>cache</progress>", "<datalist><option>cache</datalist>",
    "<!-- cache -->",
    "<template>cache <p>secret</template>", "<script>cache()</script>", "<style>.cache{}</style>",
    "<noembed>cache</noembed>",
    "<noframes>cache</noframes>", "<title>cache</title>", "<math><mi>z</mi></math>", "<br>", "<?cache?>",
    "<details><summary></summary>cache</details>", "<dialog>cache</dialog>",
    "<select hidden><option>cache</select>",
    "<svg><script>cache</script></svg>",
    "<svg><foreignObject><div hidden>cache</div></foreignObject></svg>",
]  # fmt: skip
HIDDEN = [
    "hidden", "style='display:none'", 'style="color:red; DISPLAY : none !important"',
    "style=visibility:hidden", "class=ferme", "id=ferme", "class='a invisible b'", "hidden=until-found",
]  # fmt: skip
SHOWN = [
    "class=b", "class=B", "style=color:red", "id=x", "style='display:inline'", "title='a > b'",
    "aria-hidden=true",
]  # fmt: skip
BLOCK_STYLES = ["display:block", "display:flex", "display:grid", "display:table", "display:list-item"]
SOFT_STYLES = [
    "display:inline-block", "display:inline-flex", "display:table-cell", "float:left", "position:absolute",
]  # fmt: skip
SHEET = """<style>/* x */ p.b { color: red } .ferme, #ferme { color: red; display: none }
    .invisible{visibility:hidden}</style>"""


class _Maker:
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._number = seed * 1_000

    def words(self, most: int = 12) -> str:
        count = self._rng.randint(1, most)
        self._number += count
        return " ".join(self.word(number) for number in range(self._number - count, self._number))

    def word(self, number: int) -> str:
        """A word, sometimes with markup in it that does not part its letters."""
        if self._rng.random() > 0.04:
            return f"m{number:x}"
        within = ["<b>{}</b>", "<span class=b>{}", "<!-- cache -->{}", "<wbr>{}"]
        within += ["&shy;{}", "<img>{}", "&#8203;{}"]
        within += [f"<span {attribute}>cache</span>{{}}" for attribute in HIDDEN[:-1]]
        return f"m{self._rng.choice(within).format(f'{number:x}')}"

    def page(self) -> str:
        body = "".join(self.flow(0) for _ in range(self._rng.randint(2, 6)))
        sheet = SHEET if self._rng.random() < 0.8 else ""
        doctype = "<!doctype html>" if self._rng.random() < 0.8 else ""
        if self._rng.random() < 0.2:
            return f"{doctype}{sheet}{body}"
        return f"{doctype}<html><head><title>cache</title>{sheet}</head><body class=a>{body}</body></html>"

    def glue(self) -> str:
        return self._rng.choice(["", " ", " ", "\n"])

    def phrase(self, depth: int) -> str:
        rng, parts = self._rng, []
        for _ in range(rng.randint(1, 6)):
            kind = rng.random()
            if kind < 0.5:
                parts.append(self.words())
            elif kind < 0.65:
                parts.append(rng.choice(REPLACED))
            elif kind < 0.8:
                name = rng.choice(INLINE)
                attribute = rng.choice(["", "", *SHOWN, f"style='{rng.choice(BLOCK_STYLES + SOFT_STYLES)}'"])
                inner = self.phrase(depth + 1) if depth < 3 else self.words()
                parts.append(f"<{name} {attribute}>{inner}</{name}>")
            elif kind < 0.97:
                name = rng.choice(INLINE)
                secret = rng.choice(
                    ["cache", "cache secret", "<b>cache</b>", "cache <i>secret", " cache ", "<img>"]
                )
                parts.append(f"<{name} {rng.choice(HIDDEN)}>{secret}</{name}>")
            else:
                parts.append(rng.choice(["&amp;", "&nbsp;", "&shy;", "&eacute;", "&#160;", " < ", "-", "l'"]))
        return "".join(f"{part}{self.glue()}" for part in parts)

    def flow(self, depth: int) -> str:
        rng = self._rng
        if depth > 3 or rng.random() < 0.4:
            return self.phrase(0)
        name = rng.choice(BLOCKS)
        attribute = rng.choice(["", "", "", *SHOWN, *HIDDEN[:5]] if rng.random() < 0.5 else [""])
        if name == "table":
            return self.table(attribute)
        if name in ("ul", "ol", "menu", "dir", "dl", "select", "optgroup"):
            items = {"dl": ["dt", "dd"], "select": ["option"], "optgroup": ["option"]}.get(name, ["li"])
            inner = "".join(self.item(rng.choice(items), depth) for _ in range(rng.randint(1, 4)))
            return f"<{name} {attribute}>{inner}</{name}>"
        if name == "p":
            end = rng.choice(["</p>", "</p>", ""])
            return f"<p {attribute}>{self.phrase(0)}{end or '<p>' * (rng.random() < 0.5) or '<div></div>'}"
        if name in ("h1", "h2", "h3", "pre", "listing", "legend", "summary"):
            return f"<{name} {attribute}>{self.phrase(0)}</{name}>"
        if name == "xmp":
            return f"<xmp>{self.words()}</xmp>"
        is_open = rng.choice(["open", ""]) if name in ("details", "dialog") else ""
        summary = f"<summary>{self.phrase(1)}</summary>" if name == "details" else ""
        inner = "".join(f"{self.flow(depth + 1)}{self.glue()}" for _ in range(rng.randint(1, 4)))
        return f"<{name} {is_open} {attribute}>{summary}{inner}</{name}>"

    def item(self, name: str, depth: int) -> str:
        attribute = self._rng.choice(["", "", "", self._rng.choice(HIDDEN)])
        inner = (
            self.words()
            if name == "option"
            else self.phrase(0)
            if self._rng.random() < 0.7
            else self.flow(depth + 1)
        )
        return f"<{name} {attribute}>{inner}{self._rng.choice(['', f'</{name}>'])}"

    def table(self, attribute: str) -> str:
        rng, rows = self._rng, []
        for _ in range(rng.randint(1, 3)):
            cells = ""
            for name in rng.choices(["td", "th"], k=rng.randint(1, 3)):
                hidden = rng.choice(["", "", rng.choice(HIDDEN)])
                cells += f"<{name} {hidden}>{self.phrase(0)}{rng.choice(['', f'</{name}>'])}"
            hidden = rng.choice(["", "", "", rng.choice(HIDDEN)])
            rows.append(f"<tr {hidden}>{cells}{rng.choice(['', '</tr>'])}")
        caption = f"<caption>{self.phrase(1)}</caption>" if rng.random() < 0.3 else ""
        return f"<table {attribute}>{caption}{rng.choice(['', '<tbody>'])}{''.join(rows)}</table>"


def generated(seed: int) -> str:
    return _Maker(seed).page()


RUN_WORDS = 11


def article_runs(words: Sequence[str]) -> set[int]:
    """The runs of an article's words among some: each by the number of its first word."""
    numbers = [int(word[1:], 16) if _WORD.fullmatch(word) else -2 for word in words]
    found, length = set(), 1
    for before, number in zip([-9, *numbers], numbers, strict=False):
        length = length + 1 if number == before + 1 and before >= 0 else 1
        if length >= RUN_WORDS:
            found.add(number - RUN_WORDS + 1)
    return found


_WORD = re.compile("m[0-9a-f]+")
_SHOW = """(pages => pages.map(page => {
    const frame = document.createElement('iframe');
    document.body.append(frame);
    const made = frame.contentDocument;
    made.open(); made.write(page); made.close();
    const text = made.body ? made.body.innerText : '';
    frame.remove();
    return text || '';
}))"""


def shown(browser: Chromium, pages: Sequence[str], batch: int = 50) -> Iterator[str]:
    """Yield the text that the browser shows of each page: the `innerText` of its body."""
    for first in range(0, len(pages), batch):
        yield from browser.run(f"{_SHOW}({json.dumps(list(pages[first : first + batch]))})")


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
