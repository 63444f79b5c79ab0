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

from presswatch_spark.claims.selection import Choice
from presswatch_spark.errors import ConfigError
from presswatch_spark.evidence import libraries
from presswatch_spark.extras import install_command
from presswatch_spark.notices.annex import annex_of, rows_of_jsonl
from presswatch_spark.notices.docx_letter import docx_of
from presswatch_spark.notices.facts import NoticeFigures, facts_of
from presswatch_spark.notices.grounds import NoticePlace, grounds_of
from presswatch_spark.notices.laws import laws
from presswatch_spark.notices.letter import Letter, blocks_of, letter_of
from presswatch_spark.notices.parties import load_recipient
from presswatch_spark.notices.pdf_letter import attachments_in, pdf_of
from presswatch_spark.notices.text_letter import text_of_letter
from presswatch_spark.storage.objects import StorageOptions
from tests.notices import DRAFTED, Bureau, text_in

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


def letter_for(office: Bureau, places: tuple[NoticePlace, ...], folder: Path, name: str) -> Letter:
    sender = replace(office.sender(), name=name[:300])
    recipient, law = load_recipient("common-crawl"), laws()["dsa16"]
    annex = annex_of(places, sender, recipient.columns, own_domains=False)
    annex.write(folder, "en", STORAGE)
    figures = NoticeFigures.of(places, annex, sender)
    facts = facts_of(figures, places, annex, sender, recipient, None, "en", has_licences=False)
    blocks, missing = blocks_of(law, facts, "en")
    assert not missing
    return letter_of(law, blocks, sender, recipient, DRAFTED, [("annex/rows.csv", "0" * 64)], "0" * 64, "en")


def hostile(place: NoticePlace, text: str) -> NoticePlace:
    """A place whose URL, file, record and title others wrote."""
    url = f"https://xn--bcher-kva.example/{text[:20_000]}"
    changed = {"document_url": url, "record_id": text[:2_000], "title_id": text[:2_000]}
    claim = {**(place.claim or {}), "document_host": "xn--bcher-kva.example"}
    return replace(
        place, target={**place.target, **changed}, claim=claim, file=f"https://x.example/{text[:2_000]}"
    )


@pytest.fixture(scope="module")
def places(shared: Bureau) -> tuple[NoticePlace, ...]:
    return grounds_of(str(shared.case.folder), Choice(), STORAGE, mirrors=[shared.mirror]).places


@pytest.mark.parametrize(
    "text", HOSTILE, ids=["sheet", "braces", "typst", "xml", "controls", "scripts", "long"]
)
def test_hostile_text_is_text_in_every_format(
    shared: Bureau, places: tuple[NoticePlace, ...], tmp_path: Path, text: str
) -> None:
    letter = letter_for(shared, (hostile(places[0], text), *places[1:]), tmp_path, text)
    word, form = docx_of(letter, DRAFTED), text_of_letter(letter)
    assert text_in(word).count("bona fide belief") == 1
    assert "bona fide belief" in " ".join(form.split())
    for harmful in ("\x00", "\x1b", "\u202e", "\u2066"):
        assert harmful not in text_in(word) + form
    assert attachments_in(pdf_of(letter, tmp_path, DRAFTED)).keys()
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
    shared: Bureau, places: tuple[NoticePlace, ...], tmp_path: Path, name: str, notes: int
) -> None:
    """The form of the codes is that of the PDFs of a bag."""
    pages = PdfReader(io.BytesIO(pdf_of(letter_for(shared, places, tmp_path, name), tmp_path, DRAFTED))).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert text.count("stand signs that the fonts of this document lack") == notes
    assert ("⟨U+6F22⟩" in text) == bool(notes)


def test_facts_are_put_in_once(shared: Bureau, places: tuple[NoticePlace, ...], tmp_path: Path) -> None:
    letter = letter_for(shared, places, tmp_path, "{email} {0.__class__}")
    said = [line for block in letter.blocks for line in block.paragraphs if "bona fide" in line]
    assert said[0].startswith("{email} {0.__class__} confirms")


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigError, match=re.escape(install_command("legal"))):
        libraries.library("no_such_library_of_notices")
