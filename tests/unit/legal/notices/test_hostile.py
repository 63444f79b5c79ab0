"""What others wrote stays text: in letters, spreadsheets and on the terminal."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from presswatch_spark.claims.selection import ClaimPlace, PlaceSelection
from presswatch_spark.core import extras
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.extras import install_command
from presswatch_spark.legal.notices.annex import annex_of, rows_of_jsonl
from presswatch_spark.legal.notices.formats import attachments_in, docx_of, pdf_of, text_of
from presswatch_spark.legal.notices.letter import Letter, NoticeFigures, letter_of
from presswatch_spark.storage.objects import StorageOptions
from tests.world.notices import Bureau, text_in

STORAGE = StorageOptions()
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}{sender}",
    '#panic() $x$ *b* _i_ #read("/etc/passwd") \\ ]',
    "</w:t></w:r><script>alert(1)</script>&amp;",
    "a\x00b\x1b[31mc\u202egpj.exe\u2066",
    "مرحبا 漢字 🎉",
    "mot " * 200_000,
)
"""Spreadsheet, Jinja and Python, Typst, XML, controls and directions, other scripts, a long text."""


def letter_for(office: Bureau, selection: PlaceSelection, folder: Path, name: str) -> Letter:
    sender = replace(office.sender(), name=name[:300])
    order = office.order("dsa16", "en", sender=sender, selection=selection)
    annex = annex_of(selection.places, sender.publishers, order.recipient.columns, own_domains=False)
    annex.write(folder, "en", STORAGE)
    figures = NoticeFigures.of(selection.places, annex, sender)
    letter = letter_of(order, selection.places, annex, figures, [("annex/rows.csv", "0" * 64)])
    assert not letter.missing
    return letter


def hostile(place: ClaimPlace, text: str) -> ClaimPlace:
    """A place whose URL, file, record and title others wrote."""
    return replace(
        place,
        document_url=f"https://xn--bcher-kva.example/{text[:20_000]}",
        record_id=text[:2_000],
        title_id=text[:2_000],
        document_host="xn--bcher-kva.example",
        file=f"https://x.example/{text[:2_000]}",
    )


@pytest.fixture(scope="module")
def selection(shared: Bureau) -> PlaceSelection:
    return shared.select()


@pytest.mark.parametrize(
    "text", HOSTILE, ids=["sheet", "braces", "typst", "xml", "controls", "scripts", "long"]
)
def test_hostile_text_is_text_in_every_format(
    shared: Bureau, selection: PlaceSelection, tmp_path: Path, text: str
) -> None:
    first, *others = selection.places
    letter = letter_for(shared, replace(selection, places=(hostile(first, text), *others)), tmp_path, text)
    word, form = docx_of(letter), text_of(letter)
    assert text_in(word).count("bona fide belief") == 1
    assert "bona fide belief" in " ".join(form.split())
    for harmful in ("\x00", "\x1b", "\u202e", "\u2066"):
        assert harmful not in text_in(word) + form
    assert attachments_in(pdf_of(letter, tmp_path)).keys()
    with zipfile.ZipFile(io.BytesIO(word)) as file:
        ElementTree.fromstring(file.read("word/document.xml"))
        assert "hyperlink" not in file.read("word/document.xml").decode()
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig", newline="") as table:
        cells = [cell for line in csv.reader(table) for cell in line]
    assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in cells)
    assert (tmp_path / "rows.csv").read_bytes().count(b"\x00") == 0
    (row,) = [row for row in rows_of_jsonl((tmp_path / "rows.jsonl").read_bytes()) if row["number"] == 1]
    assert row["document_url"].startswith("https://xn--bcher-kva.example/")


@pytest.mark.parametrize(("name", "notes"), [("Alliance é — ж", 0), ("مرحبا 漢字 🎉", 1)])
def test_the_pdf_says_once_what_the_codes_of_signs_are(
    shared: Bureau, selection: PlaceSelection, tmp_path: Path, name: str, notes: int
) -> None:
    """The form of the codes is that of the PDFs of a bag."""
    pages = PdfReader(io.BytesIO(pdf_of(letter_for(shared, selection, tmp_path, name), tmp_path))).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert text.count("stand signs that the fonts of this document lack") == notes
    assert ("⟨U+6F22⟩" in text) == bool(notes)


def test_facts_are_put_in_once(shared: Bureau, selection: PlaceSelection, tmp_path: Path) -> None:
    letter = letter_for(shared, selection, tmp_path, "{email} {0.__class__}")
    said = [line for block in letter.blocks for line in block.paragraphs if "bona fide" in line]
    assert said[0].startswith("{email} {0.__class__} confirms")


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigError, match=re.escape(install_command("legal"))):
        extras.library("no_such_library_of_notices")
