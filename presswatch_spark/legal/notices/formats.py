"""The letter as Word document, PDF/A-3b with the annex, and plain text; and the content of a Word file.

In Word, each element of the law is between two bookmarks, which editors keep, so that a check can name a
missing element. The same letter always gives the same bytes in each format.
"""

import io
import re
import textwrap
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from presswatch_spark.core.extras import library
from presswatch_spark.core.terminal import ascii_url
from presswatch_spark.core.translation import Translator
from presswatch_spark.legal import typesetting
from presswatch_spark.legal.notices.annex import AnnexRow
from presswatch_spark.legal.notices.letter import Letter, LetterElement, LetterWords
from presswatch_spark.legal.typesetting import CHARACTER_CODES_NOTE, has_character_codes, with_character_codes

BOOKMARK = "element_"
WIDTHS = 4.2, 11.8
"""Widths of the columns of the annex's table in centimetres; a digest fits on one line."""
FONT, SIZE = "Times New Roman", 11
BULLETED = "ListBullet"
"""The id of the style of lists in the template of python-docx."""
TEMPLATE = Path(__file__).with_name("letter_layout.typ")
KINDS = {"csv": "text/csv", "jsonl": "application/jsonl"}
OTHER_KIND = "application/octet-stream"
COLUMNS, BULLET = 78, "- "
MEASURES = ("article_coverage", "longest_run_words", "copied_words")
"""Columns of the annex with the extent of the copy."""
ROWS = 2_000
"""Most rows that the text lists; the annex has all of them."""
_DOCUMENT = "word/document.xml"
_WITH_TEXT = re.compile(r"word/(document|comments\w*|footnotes|endnotes|header\d*|footer\d*)\.xml")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_OPEN = frozenset(f"{_W}{name}" for name in ("ins", "del", "moveFrom", "moveTo", "comment"))
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""Time stamp of each part of a Word file."""


def text_of(letter: Letter, rows: Sequence[AnnexRow] = ()) -> str:
    """Return the letter in lines of at most `COLUMNS` characters, then `rows` of the annex."""
    parts = ["\n".join(letter.sender), "\n".join(letter.recipient)]
    for column in letter.columns:
        parts += [column.title, column.day]
        for block in column.blocks:
            heading = [block.heading] if block.heading else []
            lines = [*map(_wrapped, block.paragraphs), *(_wrapped(line, BULLET) for line in block.lines)]
            parts.append("\n".join([*heading, *lines]))
    files = [f"{BULLET}{name}\n  {sha256}" for name, sha256 in letter.annex]
    parts.append("\n".join([letter.annex_heading, *files, *letter.closing]))
    for row in rows[:ROWS]:
        names = ("record_offset", "record_length", "row_index", *MEASURES)
        facts = ((name, getattr(row, name)) for name in names)
        named = ", ".join(f"{name} {_short(value)}" for name, value in facts if value is not None)
        urls = [ascii_url(url) for url in (row.document_url, row.article_url, row.file) if url]
        parts.append(f"{row.number}. " + "\n   ".join([*urls, named]))
    if len(rows) > ROWS:
        for column in letter.columns:
            _ = LetterWords(column.lang)
            parts.append(_("And {count} more, in annex/rows.csv.", count=_.number(len(rows) - ROWS)))
    return "\n\n".join(parts) + "\n"


def _short(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _wrapped(text: str, bullet: str = "") -> str:
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def pdf_of(letter: Letter, annex: Path) -> bytes:
    """Return the letter as PDF/A-3b with files of the folder `annex`; raises as `typesetting.pdf_of`."""
    drafted, first = letter.drafted, letter.columns[0]
    names = [name for name, _ in letter.annex if is_attached(name)]
    texts = {name: value for name, value in asdict(letter).items() if name not in ("drafted", "missing")}
    data: dict[str, Any] = with_character_codes(texts)
    kinds = {name: KINDS.get(name.rpartition(".")[2]) or guess_type(name)[0] for name in names}
    data["attached"] = [{"name": name, "kind": kind or OTHER_KIND} for name, kind in kinds.items()]
    # A note explains the codes for characters that the fonts lack.
    note = Translator(first.lang, for_print=True)(CHARACTER_CODES_NOTE)
    data["notes"] = [note] if has_character_codes(data) else []
    moment = datetime(drafted.year, drafted.month, drafted.day, tzinfo=UTC)
    attached = {name: annex.parent / name for name in names}
    return typesetting.pdf_of(TEMPLATE, data, moment, attached, command="notice")


def is_attached(name: str) -> bool:
    """Return whether a file of the annex is attached to the PDF: all but workbooks are."""
    return not name.endswith(".xlsx")


def attachments_in(pdf: bytes) -> dict[str, bytes]:
    """Return the files in a PDF by name; ValueError if it cannot be read."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        found = PdfReader(io.BytesIO(pdf)).attachments
        return {name: contents[0] for name, contents in found.items()}
    except (PyPdfError, KeyError, IndexError, TypeError) as error:
        raise ValueError("the attachments of the PDF cannot be read") from error


def docx_of(letter: Letter) -> bytes:
    """Return the letter as a Word document; `ConfigError` without python-docx."""
    document, shared = library("docx").Document(), library("docx.shared")
    _set_page(document, letter)
    for line in letter.sender:
        _paragraph(document, line, after=0)
    for number, line in enumerate([*letter.recipient, " / ".join(each.day for each in letter.columns)]):
        before = 12 if number in (0, len(letter.recipient)) else 0
        _paragraph(document, line, before=before, after=0, left=9.5)
    if len(letter.columns) == 1:
        _paragraph(document, letter.columns[0].title, before=18, after=12, bold=True)
        for number, block in enumerate(letter.columns[0].blocks):
            _add_element(document, block, number)
    else:
        _add_columns(document, letter)

    _paragraph(document, letter.annex_heading, before=14, after=3, bold=True, keep=True)
    table = document.add_table(rows=0, cols=2)
    table.style, table.autofit = "Table Grid", False
    for column, width in zip(table.columns, WIDTHS, strict=True):
        column.width = shared.Cm(width)
    for name, sha256 in letter.annex:
        cells = table.add_row().cells
        for cell, text, size, width in zip(cells, (name, sha256), (9, 7.5), WIDTHS, strict=True):
            cell.width = shared.Cm(width)
            cell.paragraphs[0].add_run(text).font.size = shared.Pt(size)
            cell.paragraphs[0].paragraph_format.space_after = shared.Pt(0)
    for line in letter.closing:
        _paragraph(document, line, before=6)

    # Write the parts again with a fixed time stamp, so that the same letter gives the same bytes.
    saved, ordered = io.BytesIO(), io.BytesIO()
    document.save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(ordered, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = zipfile.ZipInfo(name, _MOMENT)
            part.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(part, source.read(name))
    return ordered.getvalue()


def _add_columns(document: Any, letter: Letter) -> None:
    """Add a table with a language per column and an element per row, so that equal elements are level."""
    table = document.add_table(rows=0, cols=len(letter.columns))
    rows = [None, *zip(*(column.blocks for column in letter.columns), strict=True)]
    for number, blocks in enumerate(rows):
        row = table.add_row()
        if blocks and (not blocks[0].lines or blocks[0].element == "signature"):
            # A page does not end with a heading, or inside the signature.
            row._tr.get_or_add_trPr().append(library("docx.oxml").OxmlElement("w:cantSplit"))
        for side, (cell, column) in enumerate(zip(row.cells, letter.columns, strict=True)):
            # A new cell begins with an empty paragraph.
            cell._element.remove(cell.paragraphs[0]._p)
            if blocks is None:
                _paragraph(cell, column.title, before=18, after=12, bold=True)
            else:
                mark = number * len(letter.columns) + side
                name = bookmark_of(blocks[side].element, column.lang if side else "")
                _add_element(cell, blocks[side], mark, name)


def bookmark_of(element: str, lang: str = "") -> str:
    """Return the bookmark of an element in Word; `lang`: that of another than the first column."""
    return f"{BOOKMARK}{lang}_{element}" if lang else f"{BOOKMARK}{element}"


def _add_element(place: Any, block: LetterElement, number: int, bookmark: str | None = None) -> None:
    """Add an element to a document or a cell, between the marks of a bookmark with this number."""
    qn, paragraphs = library("docx.oxml.ns").qn, list[Any]()
    if block.heading:
        # In a table, headings that keep with the next paragraph would keep all rows on one page.
        keep = bookmark is None
        paragraphs.append(_paragraph(place, block.heading, before=8, after=2, bold=True, keep=keep))
    is_signature = block.element == "signature"
    paragraphs += [_paragraph(place, text, keep=is_signature) for text in block.paragraphs]
    style = None if is_signature else BULLETED
    paragraphs += [_paragraph(place, line, after=2, style=style, keep=is_signature) for line in block.lines]
    first, last = paragraphs[0]._p, paragraphs[-1]._p
    mark = {qn("w:id"): str(number)}
    name = {qn("w:name"): bookmark or bookmark_of(block.element)}
    start = first.makeelement(qn("w:bookmarkStart"), mark | name)
    first.insert(1 if first.pPr is not None else 0, start)
    last.append(last.makeelement(qn("w:bookmarkEnd"), mark))


def _set_page(document: Any, letter: Letter) -> None:
    shared, qn = library("docx.shared"), library("docx.oxml.ns").qn
    section = document.sections[0]
    section.page_width, section.page_height = shared.Cm(21), shared.Cm(29.7)
    section.left_margin = section.right_margin = shared.Cm(2.5)
    section.top_margin = section.bottom_margin = shared.Cm(2.3)
    style = document.styles["Normal"]
    style.font.name, style.font.size = FONT, shared.Pt(SIZE)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
    language = {qn("w:val"): {"fr": "fr-FR", "en": "en-GB"}[letter.columns[0].lang]}
    style.element.rPr.append(style.element.rPr.makeelement(qn("w:lang"), language))

    footer = section.footer.paragraphs[0]
    footer.alignment = library("docx.enum.text").WD_ALIGN_PARAGRAPH.CENTER
    for text in ("PAGE", " / ", "NUMPAGES"):
        run = footer.add_run("1" if text.isalpha() else text)._r
        if text.isalpha():
            counter = footer._p.makeelement(qn("w:fldSimple"), {qn("w:instr"): text})
            counter.append(run)
            footer._p.append(counter)

    about = document.core_properties
    first = letter.columns[0]
    about.title, about.author, about.language = first.title[:255], letter.sender[0][:255], first.lang
    about.comments = ""
    about.created = about.modified = datetime(letter.drafted.year, letter.drafted.month, letter.drafted.day)


def _paragraph(
    place: Any,
    text: str,
    *,
    before: float = 0,
    after: float = 6,
    left: float = 0,
    bold: bool = False,
    keep: bool = False,
    style: str | None = None,
) -> Any:
    """Add a paragraph of one text run: its text cannot be a field, link or markup. Spaces in points.

    `style`: the id of a style, which is not looked up: that takes a third of the work of a letter.
    """
    shared = library("docx.shared")
    paragraph = place.add_paragraph()
    if style:
        paragraph._p.style = style
    paragraph.add_run(text).bold = bold or None
    form = paragraph.paragraph_format
    form.space_before, form.space_after = shared.Pt(before), shared.Pt(after)
    if left:
        form.left_indent = shared.Cm(left)
    if keep:
        form.keep_with_next = True
    return paragraph


@dataclass(frozen=True, slots=True)
class WordLetter:
    """The content of a letter in Word.

    `elements`: the text between the bookmarks of each element, by name. `visible`: all text that a reader
    can see, also notes, comments and deleted text. `has_open_changes`: tracked changes or comments.
    """

    elements: Mapping[str, str]
    visible: str
    has_open_changes: bool

    @classmethod
    def read(cls, docx: bytes) -> "WordLetter":
        """Read a letter; `ValueError` if it is no Word document."""
        try:
            with zipfile.ZipFile(io.BytesIO(docx)) as file:
                names = filter(_WITH_TEXT.fullmatch, [_DOCUMENT, *sorted({*file.namelist()} - {_DOCUMENT})])
                parts = [list(ElementTree.fromstring(file.read(name)).iter()) for name in names]
        except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError) as error:
            raise ValueError("this is not a Word document") from error
        elements, open_marks = dict[str, str](), dict[str, str]()
        for node in parts[0]:
            name, number = node.get(f"{_W}name") or "", node.get(f"{_W}id") or ""
            if node.tag == f"{_W}bookmarkStart" and name.startswith(BOOKMARK):
                open_marks[number] = name.removeprefix(BOOKMARK)
                elements[open_marks[number]] = ""
            elif node.tag == f"{_W}bookmarkEnd":
                open_marks.pop(number, None)
            elif node.tag == f"{_W}t":
                for element in open_marks.values():
                    elements[element] += node.text or ""
        lines = list[str]()
        for part in parts:
            lines.append("")
            for node in part:
                if node.tag == f"{_W}p":
                    lines.append("")
                elif node.tag in (f"{_W}t", f"{_W}delText"):
                    lines[-1] += node.text or ""
        return cls(
            elements={name: text.strip() for name, text in elements.items()},
            visible="\n".join(lines),
            has_open_changes=any(node.tag in _OPEN for part in parts for node in part),
        )
