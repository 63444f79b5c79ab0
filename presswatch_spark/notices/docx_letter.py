"""The letter as DOCX, for lawyers who edit Word; each element of the law lies between two bookmarks.

Whatever an editor changes between them, the bookmarks stay: so a check can say which element is gone.
"""

import io
import re
import zipfile
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any
from xml.etree import ElementTree

from presswatch_spark.evidence.libraries import library
from presswatch_spark.notices.letter import Letter

BOOKMARK = "element_"
WIDTHS = 4.2, 11.8
"""Columns of the annex's table, in centimetres: a digest stands on one line."""
FONT, SIZE = "Times New Roman", 11
_DOCUMENT = "word/document.xml"
_WITH_TEXT = re.compile(r"word/(document|comments\w*|footnotes|endnotes|header\d*|footer\d*)\.xml")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_OPEN = frozenset(f"{_W}{name}" for name in ("ins", "del", "moveFrom", "moveTo", "comment"))
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""When every part of the file says that it was written: the same letter gives the same bytes."""


def docx_of(letter: Letter, drafted: date) -> bytes:
    """Return the letter as a Word document.

    Raises:
        ConfigError: python-docx is not installed.
    """
    docx = library("docx")
    document = docx.Document()
    _set_page(document, letter, drafted)
    for line in letter.sender:
        _paragraph(document, line, after=0)
    for number, line in enumerate([*letter.recipient, letter.day]):
        _paragraph(
            document, line, before=12 if number in (0, len(letter.recipient)) else 0, after=0, left=9.5
        )
    _paragraph(document, letter.title, before=18, after=12, bold=True)
    for number, block in enumerate(letter.blocks):
        paragraphs = (
            [_paragraph(document, block.heading, before=8, after=2, bold=True, keep=True)]
            if block.heading
            else []
        )
        paragraphs += [_paragraph(document, text) for text in block.paragraphs]
        style = "List Bullet" if block.element != "signature" else None
        paragraphs += [_paragraph(document, line, after=2, style=style) for line in block.lines]
        _bookmark(paragraphs, number, BOOKMARK + block.element)
    _annex(document, letter)
    return _same_each_time(document)


def elements_in(data: bytes) -> dict[str, str]:
    """Return the text of each element of a Word document, by the element's name; ValueError if it is none."""
    elements, open_marks = dict[str, list[str]](), dict[str, str]()
    for node in _body(data):
        name, number = node.get(f"{_W}name") or "", node.get(f"{_W}id") or ""
        if node.tag == f"{_W}bookmarkStart" and name.startswith(BOOKMARK):
            open_marks[number] = name.removeprefix(BOOKMARK)
            elements[open_marks[number]] = []
        elif node.tag == f"{_W}bookmarkEnd":
            open_marks.pop(number, None)
        elif node.tag == f"{_W}t":
            for element in open_marks.values():
                elements[element].append(node.text or "")
    return {name: "".join(texts).strip() for name, texts in elements.items()}


def published_text_in(data: bytes) -> str:
    """Return all text that goes out with a letter in Word: notes, comments and what was deleted, too.

    Raises:
        ValueError: it is no Word document.
    """
    said = {f"{_W}t", f"{_W}delText"}
    return "\n".join(_text_of(nodes, said) for nodes in _parts(data).values())


def has_open_changes(data: bytes) -> bool:
    """Return whether a letter in Word has tracked changes or comments; ValueError if it is none."""
    return any(node.tag in _OPEN for nodes in _parts(data).values() for node in nodes)


def _text_of(nodes: Iterable[ElementTree.Element], said: Collection[str]) -> str:
    lines = list[str]()
    for node in nodes:
        if node.tag == f"{_W}p":
            lines.append("")
        elif node.tag in said and lines:
            lines[-1] += node.text or ""
    return "\n".join(lines)


def _body(data: bytes) -> list[ElementTree.Element]:
    """Return the elements of the letter's own text."""
    return _parts(data)[_DOCUMENT]


def _parts(data: bytes) -> dict[str, list[ElementTree.Element]]:
    """Return the elements of each part that can hold text, by the part's name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            names = filter(_WITH_TEXT.fullmatch, [_DOCUMENT, *sorted({*file.namelist()} - {_DOCUMENT})])
            return {name: list(ElementTree.fromstring(file.read(name)).iter()) for name in names}
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError) as error:
        raise ValueError("this is no Word document") from error


def _set_page(document: Any, letter: Letter, drafted: date) -> None:
    shared, oxml = library("docx.shared"), library("docx.oxml.ns")
    section = document.sections[0]
    section.page_width, section.page_height = shared.Cm(21), shared.Cm(29.7)
    section.left_margin = section.right_margin = shared.Cm(2.5)
    section.top_margin = section.bottom_margin = shared.Cm(2.3)
    style = document.styles["Normal"]
    style.font.name, style.font.size = FONT, shared.Pt(SIZE)
    style.element.rPr.rFonts.set(oxml.qn("w:eastAsia"), FONT)
    language = style.element.rPr.makeelement(
        oxml.qn("w:lang"), {oxml.qn("w:val"): {"fr": "fr-FR", "en": "en-GB"}[letter.lang]}
    )
    style.element.rPr.append(language)
    _number_pages(section.footer.paragraphs[0])
    about = document.core_properties
    about.title, about.author, about.language = letter.title[:255], letter.sender[0][:255], letter.lang
    about.comments = ""
    about.created = about.modified = datetime(drafted.year, drafted.month, drafted.day)


def _paragraph(
    document: Any,
    text: str,
    *,
    before: float = 0,
    after: float = 6,
    left: float = 0,
    bold: bool = False,
    keep: bool = False,
    style: str | None = None,
) -> Any:
    """Add a paragraph of one run: nothing in its text is a field, a link or markup. Spaces are in points."""
    shared = library("docx.shared")
    paragraph = document.add_paragraph(style=style)
    paragraph.add_run(text).bold = bold or None
    form = paragraph.paragraph_format
    form.space_before, form.space_after = shared.Pt(before), shared.Pt(after)
    if left:
        form.left_indent = shared.Cm(left)
    if keep:
        form.keep_with_next = True
    return paragraph


def _number_pages(paragraph: Any) -> None:
    """Write the number of the page and of all pages into a footer."""
    qn = library("docx.oxml.ns").qn
    paragraph.alignment = library("docx.enum.text").WD_ALIGN_PARAGRAPH.CENTER
    for text in ("PAGE", " / ", "NUMPAGES"):
        run = paragraph.add_run("1" if text.isalpha() else text)._r
        if text.isalpha():
            field = paragraph._p.makeelement(qn("w:fldSimple"), {qn("w:instr"): text})
            field.append(run)
            paragraph._p.append(field)


def _bookmark(paragraphs: list[Any], number: int, name: str) -> None:
    qn = library("docx.oxml.ns").qn
    first, last = paragraphs[0]._p, paragraphs[-1]._p
    start = first.makeelement(qn("w:bookmarkStart"), {qn("w:id"): str(number), qn("w:name"): name})
    end = last.makeelement(qn("w:bookmarkEnd"), {qn("w:id"): str(number)})
    place = 1 if first.pPr is not None else 0
    first.insert(place, start)
    last.append(end)


def _annex(document: Any, letter: Letter) -> None:
    shared = library("docx.shared")
    _paragraph(document, letter.annex_heading, before=14, after=3, bold=True, keep=True)
    table = document.add_table(rows=0, cols=2)
    table.style, table.autofit = "Table Grid", False
    for column, width in zip(table.columns, WIDTHS, strict=True):
        column.width = shared.Cm(width)
    for name, sha256 in letter.annex:
        cells = table.add_row().cells
        for cell, text, width in zip(cells, (name, sha256), WIDTHS, strict=True):
            cell.width = shared.Cm(width)
            run = cell.paragraphs[0].add_run(text)
            run.font.size = shared.Pt(7.5 if text == sha256 else 9)
            cell.paragraphs[0].paragraph_format.space_after = shared.Pt(0)
    for line in letter.digest_lines:
        _paragraph(document, line, before=6)


def _same_each_time(document: Any) -> bytes:
    """Return the document with its parts in order, and no moment in them."""
    saved, ordered = io.BytesIO(), io.BytesIO()
    document.save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(ordered, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = zipfile.ZipInfo(name, _MOMENT)
            part.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(part, source.read(name))
    return ordered.getvalue()
