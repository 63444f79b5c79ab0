"""Typesets data by templates: as PDF/A-3b by typst, as HTML by Jinja, which escapes all texts.

The same data at the same time gives the same bytes of PDF. All texts reach typst as strings of JSON, so none
of them is markup. PDF/A requires each character to be shown; characters that its fonts lack become codes.
"""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from presswatch_spark.claims.marked_text import escaped, visible
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.extras import library
from presswatch_spark.core.translation import N_, Translator
from presswatch_spark.storage.drafts import scratch_folder

if TYPE_CHECKING:
    from jinja2 import Environment

DATA = "data.json"
# Signs of Libertinus Serif, DejaVu Sans Mono and New Computer Modern, except marks around letters. The
# brackets of codes are left out: in texts of third parties they become codes, so that these cannot forge one.
RANGES = (
    (0x9, 0xA), (0x20, 0x7E), (0xA0, 0xAC), (0xAE, 0x2FF), (0x370, 0x482), (0x48A, 0x4FF), (0x531, 0x587),
    (0x5D0, 0x5EA), (0x60C, 0x60C), (0x61B, 0x61B), (0x61F, 0x61F), (0x621, 0x63A), (0x640, 0x64A),
    (0x660, 0x66D), (0x679, 0x67B), (0x67E, 0x680), (0x686, 0x687), (0x691, 0x691), (0x698, 0x698),
    (0x6A9, 0x6A9), (0x6AF, 0x6AF), (0x6BE, 0x6BE), (0x6CC, 0x6CC), (0x6F0, 0x6F9), (0x1E00, 0x1F15),
    (0x1F18, 0x1F1D), (0x1F20, 0x1F45), (0x1F48, 0x1F4D), (0x1F50, 0x1F57), (0x1F59, 0x1F59),
    (0x1F5B, 0x1F5B), (0x1F5D, 0x1F5D), (0x1F5F, 0x1F7D), (0x1F80, 0x1FB4), (0x1FB6, 0x1FC4),
    (0x1FC6, 0x1FD3), (0x1FD6, 0x1FDB), (0x1FDD, 0x1FEF), (0x1FF2, 0x1FF4), (0x1FF6, 0x1FFE),
    (0x2010, 0x2027), (0x202F, 0x2040), (0x2044, 0x205E), (0x2070, 0x2071), (0x2074, 0x208E),
    (0x20A0, 0x20C0), (0x2116, 0x2116), (0x2122, 0x2122), (0x2126, 0x2126), (0x2150, 0x2151),
    (0x2153, 0x215F), (0x2190, 0x22FF), (0x2460, 0x2473), (0x2500, 0x25FF), (0x2605, 0x2606),
    (0x2713, 0x2718), (0xFB00, 0xFB04), (0xFFFD, 0xFFFD),
)  # fmt: skip
MARKED = (
    ("\u05d0-\u05ea", "\u05b0-\u05bc\u05bf\u05c1\u05c2"),
    ("\u0621-\u063a\u0641-\u064a", "\u064b-\u0652"),
)
"""Letters of Hebrew and Arabic, and the marks that fonts place around them, as ranges of an expression."""
MARKS = 3
"""Most marks around a letter."""
_HAS = "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in RANGES)
_OTHER = re.compile(f"[^{_HAS}]")
_SHOWN = "|".join(f"[{letters}][{marks}]{{1,{MARKS}}}" for letters, marks in MARKED)
_LACKS = re.compile(f"(?P<shown>{_SHOWN})|[^{_HAS}](?:[^{_HAS}]|[ \\n](?=[^{_HAS}]))*")
_CODES = re.compile(r"⟨[^⟨⟩]*⟩|\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_KEPT_BY_TYPST = 12
CHARACTERS_NAMED = 12
"""Most characters of a run which the codes name one by one; of a longer run, they name the first."""

CHARACTER_CODES_NOTE = N_(
    "⟨ and ⟩ enclose characters that the fonts of this document lack, as Unicode numbers "
    "or as a count. Invisible characters are shown as codes, such as \\u200e."
)
"""The note in documents that have such codes."""


def pdf_of(
    template: Path,
    data: Mapping[str, Any],
    moment: datetime,
    attached: Mapping[str, Path] | None = None,
    *,
    tagged: bool = True,
    command: str = "evidence",
) -> bytes:
    """Return data as PDF/A-3b, typeset by a template that reads them from `DATA`.

    Templates get the time of creation as `moment`, and `attached` files by their names. `tagged`: mark
    headings, lists and tables for screen readers, which triples the size of a long document. Raises
    `ConfigError`, which names the `command`, if typst is missing; `OutputError` if typst fails.
    """
    typst = library("typst", command)
    with scratch_folder() as folder:
        copyfile(template, folder / template.name)
        for name, path in (attached or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copyfile(path, folder / name)
        names = ("year", "month", "day", "hour", "minute", "second")
        made_at = {name: getattr(moment, name) for name in names}
        (folder / DATA).write_text(json.dumps({"moment": made_at, **data}), encoding="utf-8")
        try:
            return typst.compile(  # type: ignore[no-any-return]
                str(folder / template.name),
                root=str(folder),
                ignore_system_fonts=True,
                pdf_standards=["a-3b"],
                timestamp=int(moment.timestamp()),
                pdf_tags=tagged,
            )
        except typst.TypstError as error:
            raise OutputError(f"the PDF cannot be made: {error}", where=f"{template.stem}.pdf") from error


def rendered(folder: Path, name: str, _: Translator | None = None, *, html: bool = True, **facts: Any) -> str:
    """Return the text of a folder's Jinja template in the language of `_`; facts are of third parties.

    In HTML, facts except `Markup` are escaped, with invisible characters shown; those in plain text lose
    their line breaks.
    """
    words = {"_": _, "n": _.n, "p": _.p} if _ else {}
    return _environment(folder, html).get_template(name).render(words | facts)


@cache
def _environment(folder: Path, html: bool) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return Markup(escaped(value)) if html else value.replace("\n", " ")

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=html,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def csp_hash(text: str) -> str:
    """Return a style or script as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def free_typst_memory() -> None:
    """Make typst release the memory of finished documents; otherwise it keeps that of the last ten."""
    typst = library("typst", "evidence")
    for number in range(_KEPT_BY_TYPST):
        typst.compile(f'#"{number}"'.encode(), ignore_system_fonts=True)


def with_character_codes(value: Any) -> Any:
    """Return a value of JSON for a template: its texts have codes in ⟨…⟩ for characters that fonts lack.

    The code of a long run of such characters is their number.
    """
    if isinstance(value, Mapping):
        return {name: with_character_codes(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [with_character_codes(each) for each in value]
    if not isinstance(value, str):
        return value
    composed = unicodedata.normalize("NFC", visible(value))
    if not _OTHER.search(composed):
        return composed
    return _LACKS.sub(lambda found: found["shown"] or _named(found[0]), composed)


def runs_leftwards(text: str) -> bool:
    """Return whether a text runs from right to left, by its first letter."""
    for sign in text:
        if (direction := unicodedata.bidirectional(sign)) in ("L", "R", "AL"):
            return direction != "L"
    return False


def has_character_codes(data: object) -> bool:
    """Return whether data have a code from `with_character_codes`."""
    return _CODES.search(json.dumps(data, ensure_ascii=False)) is not None


def _named(run: str) -> str:
    lacking = [sign for sign in run if sign not in " \n"]
    if len(lacking) <= CHARACTERS_NAMED:
        return "".join(sign if sign in " \n" else f"⟨U+{ord(sign):04X}⟩" for sign in run)
    script = unicodedata.name(lacking[0], "?").partition(" ")[0]
    return f"⟨{len(lacking)} × {script}, U+{ord(lacking[0]):04X}…⟩"
