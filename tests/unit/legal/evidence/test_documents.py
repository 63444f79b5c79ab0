"""LISEZ-MOI, README and the PDF of all claims: PDF/A-3, the same bytes each time, and no sign vanishes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unicodedata import normalize

import pytest
from pypdf import PdfReader

from presswatch_spark.claims.narrative import Speaker
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.legal.evidence import documents
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.build import make_bag
from presswatch_spark.legal.evidence.documents import (
    LANGUAGES,
    README_NAMES,
    SHOWN_MOST,
    TEMPLATES,
    ShownClaim,
    page_of,
    printed_claim,
    write_readme,
)
from presswatch_spark.legal.evidence.typesetting import MARKED, RANGES, SIGNS, in_print, pdf_of, signs
from tests.unit.legal.evidence.test_side_by_side import CLAIM, shown
from tests.world.bags import bag_order, build, lines, readme, some_rows
from tests.world.release import Release

ALL_SIGNS = "".join(map(chr, range(0x590, 0x700)))
MOMENT = datetime(2026, 11, 27, 19, 56, 38, tzinfo=UTC)
DOCUMENTS = ("README.pdf", "LISEZ-MOI.pdf", "data/pages/side-by-side.pdf", "data/pages/cote-a-cote.pdf")


@pytest.fixture
def bag(six: Path) -> Path:
    """A bag of six claims with texts; tests do not change it."""
    return six


def words_in(data: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages).split())


def document(texts: list[str], kind: str = "text") -> bytes:
    blocks: list[Any] = [[kind, [text] if kind == "code" else text] for text in texts]
    data = {
        "lang": "fr", "title": "t", "subtitle": "", "author": "a", "footer": "",
        "blocks": in_print(blocks),
    }  # fmt: skip
    return pdf_of(TEMPLATES / "readme.typ", data, MOMENT)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_of_a_bag_is_pdf_a_3_in_its_language(bag: Path, name: str) -> None:
    reader = PdfReader(BytesIO((bag / name).read_bytes()))
    said = reader.xmp_metadata
    assert said is not None
    text = said.stream.get_data().decode()
    assert re.search(r"pdfaid:part>3<", text)
    assert re.search(r"pdfaid:conformance>B<", text)
    catalog: Any = reader.trailer["/Root"]
    assert catalog["/Lang"] == ("fr" if name in ("LISEZ-MOI.pdf", "data/pages/cote-a-cote.pdf") else "en")
    assert "/OutputIntents" in catalog
    for page in reader.pages:
        fonts: Any = page["/Resources"]["/Font"]  # type: ignore[index]
        for font in fonts.values():
            (descendant,) = font.get_object()["/DescendantFonts"]
            descriptor = descendant.get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3"} & descriptor.keys()


def test_the_pdf_of_all_claims_has_each_with_its_row_attached(bag: Path) -> None:
    rows = [line["row"] for line in lines(bag)]
    for name in ("side-by-side", "cote-a-cote"):
        data = (bag / f"data/pages/{name}.pdf").read_bytes()
        (attached,) = PdfReader(BytesIO(data)).attachments["rows.jsonl"]
        assert attached == (bag / alone.ROWS).read_bytes()
        text = words_in(data).replace(" ", "")
        for row in rows:
            assert row["row_sha256"] in text


def test_documents_state_the_root_of_the_claims_and_the_seal_covers_them(bag: Path) -> None:
    root = build_root(bag)
    for name in DOCUMENTS:
        assert root in words_in((bag / name).read_bytes())
        assert name in alone.files_of_bag(alone.measure(str(bag), alone.Findings()))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_address_and_no_digest_runs_beyond_the_right_margin(bag: Path, name: str) -> None:
    """Each sign of the monospaced font is 0.602 of its size wide."""
    ends: list[float] = []

    def see(text: str, place: Any, matrix: Any, font: Any, size: float) -> None:
        if font and "Mono" in str(font["/BaseFont"]):
            ends.append(place[4] + len(text.strip()) * size * 0.602)

    pages = PdfReader(bag / name).pages
    for page in pages:
        page.extract_text(visitor_text=see)
    right_margin = 1.5 * 72 / 2.54
    assert ends
    assert max(ends) < float(pages[0].mediabox.width) - right_margin


def test_a_french_document_says_neant_of_what_the_machine_does_not_have(told: Path) -> None:
    """One word for addresses, proxies and the like, whatever their gender."""
    text = readme(told, "fr")
    assert re.search(r"Relais \(proxies\)\W+néant", text)
    assert not re.search(r"(Adresses de la machine|Relais \(proxies\))\W+aucun", text)


def build_root(bag: Path) -> str:
    return str(json.loads((bag / alone.SEAL).read_bytes())["claims_root"])


def test_a_release_that_no_row_names_is_said_not_to_be_known(told: Path) -> None:
    unnamed = {line["row"]["dataset"] for line in lines(told) if line["row"]["release"] is None}
    assert unnamed
    for form in unnamed:
        assert f"not known (format {form})" in readme(told, "en")
        assert f"inconnue (format {form})" in readme(told, "fr")


def test_the_same_document_has_the_same_bytes_each_time() -> None:
    assert document(["un", "deux"]) == document(["un", "deux"])
    assert document(["un"]) != document(["deux"])


INERT = (
    '#import "x": * #let a = 1 $x^2$ *gras* _it_ <label> @ref `code` \\u{41} // no',
    "/* no */ = T - a + b / c: d",
    '#{panic("x")} #sys.inputs [a](b) "quoted" -- ... ~ \\',
    "<script>alert(1)</script> {{ 7*7 }} {% raw %} =HYPERLINK(1)",
)


@pytest.mark.parametrize("text", INERT)
def test_markup_of_typst_in_a_text_is_text(text: str) -> None:
    assert "".join(text.split()) in "".join(words_in(document([text])).split())


def test_a_sign_that_the_fonts_lack_is_named_and_none_vanishes() -> None:
    assert signs("a 中 b 💥") == "a ⟨U+4E2D⟩ b ⟨U+1F4A5⟩"
    assert signs("e\u0301 x\u0304") == "é x⟨U+0304⟩"
    assert signs("a\u00adb\u200ec\x07") == "a\\xadb\\u200ec\\x07"
    assert signs("⟨U+4E2D⟩") == "⟨U+27E8⟩U+4E2D⟨U+27E9⟩"
    assert signs("字" * 40) == "⟨40 × CJK, U+5B57…⟩"
    assert signs("السلام עברית Ελλάδα Україна") == "السلام עברית Ελλάδα Україна"
    text = words_in(document([f"a 中 b {'字' * 40} c 💥"]))
    for said in ("⟨U+4E2D⟩", "⟨40 × CJK, U+5B57…⟩", "⟨U+1F4A5⟩"):
        assert said in text


def test_every_sign_that_counts_as_one_of_the_fonts_is_one() -> None:
    """PDF/A wants each sign shown: typst refuses the document otherwise."""
    every = ["".join(filter(str.isprintable, map(chr, range(first, last + 1)))) for first, last in RANGES]
    for kind in ("text", "heading", "code"):
        assert document(every, kind)
    assert all(signs(some) == normalize("NFC", some) for some in every)


def test_marks_stand_around_letters_of_hebrew_and_arabic() -> None:
    """Three marks are the most: a letter, its doubling and its vowel."""
    for letters, marks in MARKED:
        both = [re.findall(f"[{signs}]", ALL_SIGNS) for signs in (letters, marks)]
        clusters = [f"{letter}{mark}{other}" for letter in both[0] for mark in both[1] for other in both[1]]
        text = normalize("NFC", " ".join(clusters))
        assert signs(text) == text
        assert document([text], "text")
        assert document([text], "code")
    assert signs("شكراً أيضاً") == "شكراً أيضاً"
    assert signs("x\u0651 ب\u0651\u064e\u064f\u0650") != "x\u0651 ب\u0651\u064e\u064f\u0650"
    assert "U+0651" in signs("x\u0651")


def test_words_around_a_code_keep_the_order_in_which_they_are_read() -> None:
    """From right to left, the first word stands to the right of the second."""
    claim = printed_claim(shown("א 漢 ב", "א 漢 ב"), "en") | {"number": "1", "exposure": []}
    data = {
        "lang": "en", "title": "t", "author": "a", "subtitle": "", "opening": [], "letters": [], "footer": "",
        "letters_heading": "", "sources_heading": "", "proves_nothing": "", "claims": [claim],
        "sources": [], "attached": [],
    }  # fmt: skip
    places: dict[str, float] = {}

    def see(text: str, matrix: Any, place: Any, font: Any, size: float) -> None:
        for letter in set(text) & {"א", "ב"}:
            places.setdefault(letter, matrix[4])

    for page in PdfReader(BytesIO(pdf_of(TEMPLATES / "claims.typ", data, MOMENT, tagged=False))).pages:
        page.extract_text(visitor_text=see)
    assert places["א"] > places["ב"]


@pytest.mark.parametrize(("text", "leftwards"), [("1. نص abc", True), ("abc نص", False), ("123", False)])
def test_a_text_runs_as_its_first_letter_does(text: str, leftwards: bool) -> None:
    texts = printed_claim(shown(text, text), "fr")["texts"]
    assert [texts[side]["leftwards"] for side in ("article", "page")] == [leftwards, leftwards]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bag_says_what_codes_of_signs_are_where_it_has_some(
    bag: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Speaker(language, for_print=True)(SIGNS)
    texts = []
    for host in ("plain.example", "漢字.example"):
        blocks = [("text", host)]
        monkeypatch.setattr(documents, "readme_blocks", lambda facts, say, blocks=blocks: blocks)
        kept: dict[str, bytes] = {}
        made: Any = SimpleNamespace(moment=MOMENT, claims_root="0")
        write_readme(cast("Any", SimpleNamespace(write=kept.__setitem__)), made)
        texts.append(words_in(kept[f"{README_NAMES[language]}.pdf"]))
    assert [said.replace("\xa0", " ")[:20] in text.replace("\xa0", " ") for text in texts] == [False, True]


def test_a_text_of_200_000_words_is_cut_and_says_so() -> None:
    text = "mot " * 200_000
    spans = [{"article_start": 0, "article_end": 9, "document_start": 9, "document_end": len(text)}]
    claim = printed_claim(shown(text, text, spans=spans), "fr")
    for side in ("article", "page"):
        pieces = claim["texts"][side]["pieces"]
        assert sum(len(said) for kind, said in pieces if kind != "gap") <= SHOWN_MOST + 40
        assert pieces[-1][0] == "gap"
        assert "ne sont pas reproduits ici" in pieces[-1][1]


def test_both_languages_have_the_same_facts() -> None:
    french, english = shown("a b c", "a b c").views.values()
    assert french["row"] == english["row"]
    for name in ("article", "page"):
        codes = [
            [fact.value for fact in getattr(view["account"], name) if fact.is_code]
            for view in (french, english)
        ]
        assert codes[0] == codes[1] != []
    assert len(french["account"].reasons) == len(english["account"].reasons) == 1


def test_exposure_is_told_with_its_source_and_that_it_proves_nothing() -> None:
    exposed: ShownClaim = shown("a", "a", release="CC-MAIN-2019-04")
    for language, proves in (("fr", "ne prouvent ni"), ("en", "prove neither")):
        exposure = exposed.views[language]["exposure"]
        assert exposure
        assert {each["id"] for each in exposure} <= {each.id for each in exposed.exposures}
        assert all(each["sources"] for each in exposure)
        assert proves in page_of(exposed)
    low = shown("a", "a", {**CLAIM, "confidence": "D"})
    assert not low.views["fr"]["exposure"]
    assert low.views["fr"]["no_exposure"] in page_of(low)


@pytest.mark.full
def test_many_claims_come_in_parts(crawl: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presswatch_spark.legal.evidence.documents.PART", 4)
    parts, _ = build(crawl, "parts", rows=str(some_rows(crawl, 6)), confidences=(), printed=True)
    names = sorted(path.name for path in (parts / "data/pages").glob("*.pdf"))
    assert names == ["cote-a-cote-01.pdf", "cote-a-cote-02.pdf", "side-by-side-01.pdf", "side-by-side-02.pdf"]
    attached = [
        PdfReader(BytesIO((parts / "data/pages" / name).read_bytes())).attachments["rows.jsonl"][0]
        for name in names[:2]
    ]
    assert [data.count(b"\n") for data in attached] == [4, 2]
    assert "Partie 2 sur 2" in words_in((parts / "data/pages/cote-a-cote-02.pdf").read_bytes())


def test_without_texts_the_article_is_known_by_its_digest_alone(crawl: Release, bag: Path) -> None:
    bare, _ = build(crawl, "bare-documents", rows=str(some_rows(crawl, 6)), confidences=(), printed=True)
    for line in lines(bare):
        row = line["row"]
        page = (bare / f"data/pages/{row['row_sha256']}.html").read_text("utf-8")
        if row["article_id"] is not None:
            assert "The article’s text is not shown here." in page
            assert row["article_sha256"] in page
        assert page.count('class="text"') == 1
    text = words_in((bare / "data/pages/side-by-side.pdf").read_bytes())
    assert "The texts of articles are not enclosed" in text


def test_a_bag_is_not_begun_without_what_sets_its_documents(
    crawl: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from presswatch_spark.core import extras
    from presswatch_spark.core.errors import ConfigError

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", missing)
    with pytest.raises(ConfigError, match="typst is not installed"):
        make_bag(bag_order(crawl.tables, crawl.corpus), str(tmp_path / "bag"), ScanConfig())
    assert not (tmp_path / "bag").exists()


def test_a_value_of_others_forges_no_block_of_the_readme(crawl: Release, without_pages: None) -> None:
    command = ["presswatch", "a\n# Forged\n= b\tc\n"]
    bag, _ = build(crawl, "forged-blocks", rows=str(some_rows(crawl, 2)), confidences=(), command=command)
    named = [line for line in readme(bag, "en").splitlines() if "Forged" in line]
    assert len(named) == 1
    assert named[0].startswith("Command  ")
