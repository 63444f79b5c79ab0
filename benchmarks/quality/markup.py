"""Text as sites mark it up: blocks with and without anything between them, inline elements, entities.

What can be seen is the text that was given: the same words in the same order, and no line joined to the next.
What cannot be seen, decoys among it, stands between words, and now and then inside one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from html import escape
from html.entities import codepoint2name

from benchmarks.quality.cut import cut

MARKED, MARKED_INSIDE, REFERRED, OTHER_BLANKS, UNSEEN = 0.06, 0.02, 0.15, 0.05, 0.01
"""How often a word begins an inline element, has one inside, a character that may be is a reference, a blank
is another, and something unseen stands in one."""
WORDS_MARKED = 6
INLINE = (
    '<a href="/dossier/{n}?a=1&amp;b=2" title="plus de {n} &gt; moins">', "<em>", "<strong>", "<b>", "<i>",
    "<span class='mot m{n}' data-n={n}>", "<mark>", '<abbr title="a > b">', "<A\n HREF=/{n}>", "<u>",
    "<font color=red>",
)  # fmt: skip
BLANKS = ("&nbsp;", "&#160;", "\n      ", "&#xA0;", "  \t", "&ensp;")
WINDOWS = {
    "’": "&#146;",
    "‘": "&#145;",
    "“": "&#147;",
    "”": "&#148;",
    "œ": "&#156;",
    "…": "&#133;",
    "–": "&#150;",
}
"""References by the numbers of windows-1252, which browsers read as that."""
JOINTS = ("", "", "", "\n", "\n    ")


class Markup:
    """Marks up one page, by a random generator; `decoys` are texts that stand where nobody sees them."""

    def __init__(self, rng: random.Random, decoys: Sequence[str]) -> None:
        self._rng = rng
        self._decoys = decoys
        self._references = rng.random() < 0.5

    def blocks(self, text: str) -> str:
        """All lines of a text, each a block of its own."""
        lines = [line for line in text.split("\n") if line.strip()]
        out, first = [], 0
        while first < len(lines):
            some = lines[first : first + self._rng.choice((1, 1, 1, 2, 3, 5))]
            first += len(some)
            out.append(self._rng.choice(_BLOCKS)([self.line(line) for line in some], self._joint))
        return self._joint().join(out)

    def line(self, text: str) -> str:
        """A line, as what stands inside a block."""
        pieces = cut(text)
        out, closing, left = [], "", 0
        for k, word in enumerate(pieces.words):
            out.append(self._gap(pieces.gaps[k]) if k else self._characters(pieces.gaps[k]))
            if not closing and self._rng.random() < MARKED:
                opening = self._rng.choice(INLINE).format(n=self._rng.randrange(999))
                closing, left = f"</{opening[1:].split()[0].strip('<>')}>", self._rng.randint(1, WORDS_MARKED)
                out.append(opening)
            out.append(self._word(word))
            left -= 1
            if closing and left <= 0:
                out.append(closing)
                closing = ""
        return "".join([*out, self._characters(pieces.gaps[-1]), closing])

    def unseen(self) -> str:
        """Something with a decoy in it that nobody sees."""
        decoy = self._rng.choice(self._decoys) if self._decoys else "rien"
        return self._rng.choice(_UNSEEN)(decoy)

    def _joint(self) -> str:
        return self.unseen() if self._rng.random() < 0.1 else self._rng.choice(JOINTS)

    def _gap(self, gap: str) -> str:
        if " " in gap and self._rng.random() < UNSEEN:
            return self._characters(gap) + self.unseen()
        if gap == " " and self._rng.random() < OTHER_BLANKS:
            return self._rng.choice(BLANKS)
        return self._characters(gap)

    def _word(self, word: str) -> str:
        if len(word) > 3 and self._rng.random() < MARKED_INSIDE:
            at = self._rng.randint(1, len(word) - 1)
            head, tail = self._characters(word[:at]), self._characters(word[at:])
            forms = (f"<b>{head}</b>{tail}", f"{head}<span class=x>{tail}</span>", f"{head}<!-- un -->{tail}")
            soft = (f"{head}&shy;{tail}", f"{head}<wbr>{tail}")
            return self._rng.choice(forms + soft if word.isascii() and word.isalpha() else forms)
        return self._characters(word)

    def _characters(self, text: str) -> str:
        return "".join(map(self._character, text))

    def _character(self, char: str) -> str:
        if char in "&<>":
            return escape(char)
        if char.isascii() and char != "'":
            return char
        if not self._references or self._rng.random() >= REFERRED:
            return char
        forms = [f"&#{ord(char)};", f"&#x{ord(char):x};", f"&#X{ord(char):04X};", WINDOWS.get(char, "")]
        forms.append(f"&{codepoint2name[ord(char)]};" if ord(char) in codepoint2name else "")
        return self._rng.choice([form for form in forms if form])


def _paragraphs(lines: Sequence[str], joint: Callable[[], str]) -> str:
    return "".join(f"<p>{line}</p>{joint()}" for line in lines)


def _open_paragraphs(lines: Sequence[str], joint: Callable[[], str]) -> str:
    return "".join(f"<P class=texte>{line}" for line in lines) + "</P>"


def _broken_lines(lines: Sequence[str], joint: Callable[[], str]) -> str:
    return f"<div class='chapo'>{'<br>'.join(lines)}</div>"


def _divisions(lines: Sequence[str], joint: Callable[[], str]) -> str:
    return "".join(f'<div data-t="{i}"><div>{line}</div></div>{joint()}' for i, line in enumerate(lines))


def _listed(lines: Sequence[str], joint: Callable[[], str]) -> str:
    return f"<ul>{''.join(f'<li>{line}</li>{joint()}' for line in lines)}</ul>"


def _tabled(lines: Sequence[str], joint: Callable[[], str]) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{line}</td>' for line in lines[i : i + 2])}</tr>"
        for i in range(0, len(lines), 2)
    )
    return f"<table border=0><tbody>{rows}</tbody></table>"


def _quoted(lines: Sequence[str], joint: Callable[[], str]) -> str:
    return "".join(f"<blockquote>{line}</blockquote><hr/>" for line in lines)


def _headed(lines: Sequence[str], joint: Callable[[], str]) -> str:
    return "".join(f"<h3>{line}</h3><section>{joint()}</section>" for line in lines)


_BLOCKS = (
    _paragraphs, _paragraphs, _paragraphs, _open_paragraphs, _broken_lines, _divisions, _listed, _tabled,
    _quoted, _headed,
)  # fmt: skip


def _comment(decoy: str) -> str:
    return f"<!-- {decoy.replace('--', '- ')} -->"


def _script(decoy: str) -> str:
    value = in_script(f"<p>{decoy}</p>")
    return f"<script type='text/javascript'>var a = {value}; if (a < 1 && 2 > a) a++;</script>"


def _style(decoy: str) -> str:
    return (
        f"<style media=all>/* {decoy.replace('*/', '').replace('</', '')} */ p > a {{ color: red }}</style>"
    )


def _attribute(decoy: str) -> str:
    return f'<img src=data:, alt="une image" title="elle" data-texte="{escape(decoy)}">'


_UNSEEN = (_comment, _script, _style, _attribute)


def in_script(value: object) -> str:
    """JSON that may stand in a script."""
    return json.dumps(value, ensure_ascii=False).replace("</", "<\\/").replace("<!--", "<\\u0021--")
