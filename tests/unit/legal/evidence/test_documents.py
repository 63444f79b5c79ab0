"""Documents of a bag: pages of claims side by side, LISEZ-MOI and README, and the PDF of all claims.

Hostile text stays text, each PDF is PDF/A-3 with the same bytes each time, and no sign vanishes.
"""

import json
import re
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unicodedata import normalize

import pytest
from lxml import html
from pypdf import PdfReader

from presswatch_spark.claims.exposures import load_exposures
from presswatch_spark.claims.row_facts import ExplainedRow
from presswatch_spark.core import extras
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.translation import Translator
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
from presswatch_spark.legal.typesetting import (
    CHARACTER_CODES_NOTE,
    MARKED,
    RANGES,
    pdf_of,
    with_character_codes,
)
from presswatch_spark.query.pointers.fetched_records import Failure
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.tables.declarations import Claim, Match
from tests.world.bags import bag_of, bag_order, build, lines, readme
from tests.world.chromium import chromium
from tests.world.processes import raising
from tests.world.proofs import cases
from tests.world.release import Release
from tests.world.scanned import some_pages

MOMENT = datetime(2026, 11, 27, 19, 56, 38, tzinfo=UTC)
DOCUMENTS = {
    "README.pdf": "en",
    "LISEZ-MOI.pdf": "fr",
    "data/pages/side-by-side.pdf": "en",
    "data/pages/cote-a-cote.pdf": "fr",
}
ROW: dict[str, Any] = {
    "row_sha256": "ab", "run_id": "r", "dataset": "wet", "release": "CC-MAIN-2024-51",
    "document_url": "https://x.example/", "shard_uri": "https://d.example/a'b.warc.gz", "record_offset": 5,
    "record_length": 10, "record_encoding": "gzip", "row_index": None, "spans": [], "article_id": "a",
    "article_url": "https://a.example/", "article_sha256": "cd", "article_published_at": None,
    "captured_at": None, "own_site": False, "site_title_id": None, "publisher_id": "p", "title_id": "t",
    "confidence": "C", "languages": ["fr"], "copied_words": 0, "article_words": 9, "article_coverage": 0.0,
    "longest_run_words": 0,
}  # fmt: skip
CLAIM: dict[str, Any] = {
    "confidence": "C", "kind": "copy", "reasons": ["not_large"], "licence_id": None, "review": None,
    "row_sha256": "ab",
}  # fmt: skip


def shown(document: str | None, article: str | None, claim: dict[str, Any] = CLAIM, **row: Any) -> ShownClaim:
    """A claim with these texts, and with changes to its row."""
    fields = ROW | row
    case = ExplainedRow(
        row=Match.from_dict(fields), claim=Claim.from_dict(claim), publisher=None, title=None,
        article=article, page=document, page_missing=Failure("no shard") if document is None else None,
        shard=fields["shard_uri"], config={},
        as_of=date(2026, 11, 27), mandate="none", rights=(), reservation="unknown",
    )  # fmt: skip
    return ShownClaim(case, load_exposures())


# --- pages of claims


TEXTS = "//div[@class='text']"


def texts_of(page: str, path: str) -> list[str]:
    """Texts of the elements at a path of XPath, as a browser reads the page."""
    return [each.text_content() for each in html.document_fromstring(page).xpath(path)]


def test_each_claim_has_a_page_with_its_copied_words_marked_on_both_sides(tmp_path: Path) -> None:
    bag = bag_of(tmp_path, ("a.warc.wet.gz", "fineweb.parquet"), some_pages(12))
    assert not alone.check(str(bag)).faults
    rows = [line["row"] for line in lines(bag) if line["row"]["spans"]]
    assert rows
    for row in rows:
        marks = texts_of((bag / f"data/pages/{row['row_sha256']}.html").read_text("utf-8"), "//mark")
        half = len(marks) // 2
        article, document = (words_of(" ".join(side).encode()) for side in (marks[:half], marks[half:]))
        assert article.packed == document.packed
        assert len(article) == row["copied_words"]


HOSTILE = (
    "</td></bdi><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\x1b]0;x\x07\x00\u202eabc\u2066",
    "&lt;b&gt;{{ 7*7 }}",
    "<!--",
    "]]>",
    "\u2028 \ud7ff 💥",
    '" onmouseover="x',
    "<base href=//evil>",
)


@cases("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    fields = dict.fromkeys(("document_url", "headline", "article_url", "release", "page_author"), text)
    claim = CLAIM | {"licence_id": text}
    page = page_of(shown(text, text, claim, publisher_id=text, title_id=text, **fields))
    elements = list(html.document_fromstring(page).iter())
    assert {str(each.tag) for each in elements} - {"ul", "li", "pre"} == {
        *("html", "head", "meta", "title", "style", "body", "main", "input", "label", "div", "section"),
        *("p", "h2", "h3", "dl", "dt", "dd", "bdi", "code"),
    }
    assert {name for each in elements for name in each.attrib} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "dir"),
        *("type", "id", "checked", "for"),
    }
    assert page.replace("\n", "").replace("\xa0", "").replace("\u202f", "").isprintable()
    if text.isprintable():
        assert texts_of(page, TEXTS) == [text, text]
    assert "default-src &#x27;none&#x27;" in page
    assert "unsafe" not in page


def test_marks_may_overlap_or_lie_outside() -> None:
    spans = [
        {"document_start": start, "document_end": end, "article_start": start, "article_end": end}
        for start, end in [(0, 3), (2, 5), (8, 99), (99, 120), (5, 4), (None, 2)]
    ]
    page = page_of(shown("0123456789", "0123456789", spans=spans))
    assert texts_of(page, "//mark") == ["012", "34", "89"] * 2
    assert texts_of(page, TEXTS) == ["0123456789"] * 2


def test_the_commands_that_fetch_a_record_cannot_be_broken_out_of() -> None:
    commands = "u='https://d.example/a'\"'\"'b.warc.gz'\ncurl -fsSL -r 5-14 \"$u\" | zcat > record"
    assert texts_of(page_of(shown("", "")), "//pre") == [commands] * 2
    assert texts_of(page_of(shown("", "", shard_uri="/a")), "//pre") == []


def test_a_text_that_is_not_there_is_said_to_be_missing_with_the_reason() -> None:
    page = page_of(shown(None, None))
    assert texts_of(page, TEXTS) == []
    assert "Motif\xa0: le fichier n’existe plus à cet endroit" in page
    assert "Reason: the file is no longer there" in page
    assert "The article’s text is not shown here." in page


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
def test_a_page_fits_any_width_in_both_languages_and_loads_nothing(tmp_path: Path) -> None:
    seen = "[...document.querySelectorAll('.head')].filter(e => e.offsetParent).map(e => e.parentNode.lang)"
    text = "\n".join(HOSTILE) + "mot" * 400
    page = tmp_path / "page.html"
    long = f"https://x.example/{'a' * 300}"
    page.write_text(page_of(shown(text, text, release="CC-MAIN-2019-04", document_url=long)), "utf-8")
    with chromium(tmp_path / "profile") as browser:
        browser.resize(390, 844)
        browser.open(page.as_uri())
        browser.wait("document.querySelector('main')")
        for width in (390, 820, 1400):
            for dark in (False, True):
                browser.resize(width, 900, dark=dark)
                assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run(seen) == ["fr"]
        browser.press("Tab")
        assert browser.run("document.activeElement.id") == "fr"
        browser.run("document.querySelector('label[for=en]').click()")
        assert browser.run(seen) == ["en"]
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(23, 24, 27)"
        assert browser.requests == [page.as_uri()]
        assert browser.complaints == []


# --- PDFs of a bag


def words_in(data: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages).split())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_pdf_a_3_in_its_language_states_the_root_is_sealed_and_keeps_its_margin(
    six: Path, name: str
) -> None:
    reader = PdfReader(six / name)
    assert reader.xmp_metadata is not None
    text = reader.xmp_metadata.stream.get_data().decode()
    assert re.search(r"pdfaid:part>3<", text)
    assert re.search(r"pdfaid:conformance>B<", text)
    catalog: Any = reader.trailer["/Root"]
    assert catalog["/Lang"] == DOCUMENTS[name]
    assert "/OutputIntents" in catalog
    ends, said = list[float](), ""

    def see(text: str, place: Any, matrix: Any, font: Any, size: float) -> None:
        if font and "Mono" in str(font["/BaseFont"]):
            # Each sign of the monospaced font is 0.602 of its size wide.
            ends.append(place[4] + len(text.strip()) * size * 0.602)

    for page in reader.pages:
        fonts: Any = page["/Resources"]["/Font"]  # type: ignore[index]
        for font in fonts.values():
            (descendant,) = font.get_object()["/DescendantFonts"]
            descriptor = descendant.get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3"} & descriptor.keys()
        said += f"{page.extract_text(visitor_text=see)} "
    # No address and no digest runs beyond the right margin.
    assert 0 < max(ends) < float(reader.pages[0].mediabox.width) - 1.5 * 72 / 2.54
    assert json.loads((six / alone.SEAL).read_bytes())["claims_root"] in " ".join(said.split())
    assert name in alone.files_of_bag(alone.measure(str(six), alone.Findings()))


def test_the_pdf_of_all_claims_has_each_with_its_row_attached(six: Path) -> None:
    counts = {"side-by-side": "Claims:6;rows:6", "cote-a-cote": "Revendications:6;lignes:6"}
    for name, count in counts.items():
        data = (six / f"data/pages/{name}.pdf").read_bytes()
        (attached,) = PdfReader(BytesIO(data)).attachments["rows.jsonl"]
        assert attached == (six / alone.ROWS).read_bytes()
        text = words_in(data).replace(" ", "")
        assert count in text
        assert all(line["row"]["row_sha256"] in text for line in lines(six))


@pytest.mark.full
def test_many_claims_come_in_parts(crawl: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "PART", 4)
    bag, _ = build(crawl, "parts", some=6, printed=True)
    files = sorted((bag / "data/pages").glob("*.pdf"))
    assert [file.stem for file in files] == [
        *("cote-a-cote-01", "cote-a-cote-02"),
        *("side-by-side-01", "side-by-side-02"),
    ]
    attached = [PdfReader(file).attachments["rows.jsonl"][0] for file in files[:2]]
    assert [data.count(b"\n") for data in attached] == [4, 2]
    assert "Partie 2 sur 2" in words_in(files[1].read_bytes())


def test_texts_of_articles_are_in_a_bag_only_if_asked_for(six: Path, crawl: Release) -> None:
    bare, _ = build(crawl, "bare", some=6, printed=True)
    for bag, has_texts in ((six, True), (bare, False)):
        bodies = {article["sha256"] for article in lines(bag, "data/corpus/articles.jsonl")}
        assert bodies == {line["row"]["article_sha256"] for line in lines(bag)} - {None}
        assert all((bag / f"data/corpus/texts/{body}.txt").exists() == has_texts for body in bodies)
    for line in lines(bare):
        row = line["row"]
        page = (bare / f"data/pages/{row['row_sha256']}.html").read_text("utf-8")
        if row["article_id"] is not None:
            assert "The article’s text is not shown here." in page
            assert row["article_sha256"] in page
        assert page.count('class="text"') == 1
    text = words_in((bare / "data/pages/side-by-side.pdf").read_bytes())
    assert "The texts of articles are not enclosed" in text


def test_no_bag_is_begun_without_typst(
    crawl: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "import_module", raising(ImportError))
    with pytest.raises(ConfigError, match="typst is not installed"):
        make_bag(bag_order(crawl.tables, crawl.corpus), str(tmp_path / "bag"), ScanConfig())
    assert not (tmp_path / "bag").exists()


# --- README


def test_readers_are_told_the_same_in_both_languages(told: Path) -> None:
    texts = {language: readme(told, language) for language in ("en", "fr")}
    english, french = (" ".join(text.split()) for text in texts.values())
    assert "This bag is about 6 claims." in english
    assert "Ce dossier porte sur 6 revendications." in french
    assert "6 of 6 rows describe it as it is" in english
    assert "in a copy of this file, at another address: 6" in english
    assert "dans une copie de ce fichier, à une autre adresse : 6" in french
    assert "at its place" not in english
    assert "Anyone with this bag can change it and seal it again." in english
    assert "Quiconque détient ce dossier peut le modifier et le sceller de nouveau." in french
    numbers = [sorted(map(int, re.findall(r"\b\d+", text))) for text in (english, french)]
    assert numbers[0] == numbers[1]
    # One word for addresses, proxies and the like, whatever their gender.
    assert re.search(r"Relais \(proxies\)\W+néant", texts["fr"])
    assert not re.search(r"(Adresses de la machine|Relais \(proxies\))\W+aucun", texts["fr"])
    unnamed = {line["row"]["dataset"] for line in lines(told) if line["row"]["release"] is None}
    assert unnamed
    for form in unnamed:
        assert f"not known (format {form})" in texts["en"]
        assert f"inconnue (format {form})" in texts["fr"]


def test_a_value_of_others_forges_no_block_of_the_readme(crawl: Release, without_pages: None) -> None:
    command = ["presswatch", "a\n# Forged\n= b\tc\n"]
    bag, _ = build(crawl, "forged-blocks", some=2, command=command)
    (named,) = [line for line in readme(bag, "en").splitlines() if "Forged" in line]
    assert named.startswith("Command  ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bag_explains_codes_of_signs_if_it_has_some(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Translator(language, for_print=True)(CHARACTER_CODES_NOTE)
    texts = []
    for host in ("plain.example", "漢字.example"):
        blocks = [("text", host)]
        monkeypatch.setattr(documents, "readme_blocks", lambda facts, say, blocks=blocks: blocks)
        kept: dict[str, bytes] = {}
        made: Any = SimpleNamespace(moment=MOMENT, claims_root="0")
        write_readme(cast("Any", SimpleNamespace(write=kept.__setitem__)), made)
        texts.append(words_in(kept[f"{README_NAMES[language]}.pdf"]))
    assert [said.replace("\xa0", " ")[:20] in text.replace("\xa0", " ") for text in texts] == [False, True]


# --- setting of texts


def document(texts: list[str], kind: str = "text") -> bytes:
    blocks: list[Any] = [[kind, [text] if kind == "code" else text] for text in texts]
    data = {
        "lang": "fr", "title": "t", "subtitle": "", "author": "a", "footer": "",
        "blocks": with_character_codes(blocks),
    }  # fmt: skip
    return pdf_of(TEMPLATES / "readme_layout.typ", data, MOMENT)


def test_the_same_document_has_the_same_bytes_each_time() -> None:
    assert document(["un", "deux"]) == document(["un", "deux"])
    assert document(["un"]) != document(["deux"])


def test_markup_of_typst_in_a_text_is_text() -> None:
    texts = [
        '#import "x": * #let a = 1 $x^2$ *gras* _it_ <label> @ref `code` \\u{41} // no',
        "/* no */ = T - a + b / c: d",
        '#{panic("x")} #sys.inputs [a](b) "quoted" -- ... ~ \\',
        "<script>alert(1)</script> {{ 7*7 }} {% raw %} =HYPERLINK(1)",
    ]
    read = "".join(words_in(document(texts)).split())
    assert [text for text in texts if "".join(text.split()) not in read] == []


def test_a_sign_that_the_fonts_lack_is_named_and_none_vanishes() -> None:
    for text, named in {
        "a 中 b 💥": "a ⟨U+4E2D⟩ b ⟨U+1F4A5⟩",
        "e\u0301 x\u0304": "é x⟨U+0304⟩",
        "a\u00adb\u200ec\x07": "a\\xadb\\u200ec\\x07",
        "⟨U+4E2D⟩": "⟨U+27E8⟩U+4E2D⟨U+27E9⟩",
        "字" * 40: "⟨40 × CJK, U+5B57…⟩",
        "السلام עברית Ελλάδα Україна": "السلام עברית Ελλάδα Україна",
        "شكراً أيضاً": "شكراً أيضاً",
        "x\u0651": "x⟨U+0651⟩",
    }.items():
        assert with_character_codes(text) == named
    text = words_in(document([f"a 中 b {'字' * 40} c 💥"]))
    for said in ("⟨U+4E2D⟩", "⟨40 × CJK, U+5B57…⟩", "⟨U+1F4A5⟩"):
        assert said in text


def test_every_sign_that_counts_as_one_of_the_fonts_is_one() -> None:
    """PDF/A wants each sign shown: typst refuses the document otherwise."""
    every = ["".join(filter(str.isprintable, map(chr, range(first, last + 1)))) for first, last in RANGES]
    for kind in ("text", "heading", "code"):
        assert document(every, kind)
    assert all(with_character_codes(some) == normalize("NFC", some) for some in every)


def test_marks_stand_around_letters_of_hebrew_and_arabic() -> None:
    """Three marks are the most: a letter, its doubling and its vowel."""
    all_signs = "".join(map(chr, range(0x590, 0x700)))
    for letters, marks in MARKED:
        both = [re.findall(f"[{signs}]", all_signs) for signs in (letters, marks)]
        clusters = [f"{letter}{mark}{other}" for letter in both[0] for mark in both[1] for other in both[1]]
        text = normalize("NFC", " ".join(clusters))
        assert with_character_codes(text) == text
        assert document([text], "text")
        assert document([text], "code")
    assert with_character_codes("x\u0651 ب\u0651\u064e\u064f\u0650") != "x\u0651 ب\u0651\u064e\u064f\u0650"


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

    for page in PdfReader(BytesIO(pdf_of(TEMPLATES / "claims_layout.typ", data, MOMENT, tagged=False))).pages:
        page.extract_text(visitor_text=see)
    assert places["א"] > places["ב"]


@pytest.mark.parametrize(("text", "leftwards"), [("1. نص abc", True), ("abc نص", False), ("123", False)])
def test_a_text_runs_as_its_first_letter_does(text: str, leftwards: bool) -> None:
    texts = printed_claim(shown(text, text), "fr")["texts"]
    assert [texts[side]["leftwards"] for side in ("article", "page")] == [leftwards, leftwards]


def test_a_text_of_200_000_words_is_cut_and_says_so() -> None:
    text = "mot " * 200_000
    spans = [{"article_start": 0, "article_end": 9, "document_start": 9, "document_end": len(text)}]
    claim = printed_claim(shown(text, text, spans=spans), "fr")
    for side in ("article", "page"):
        pieces = claim["texts"][side]["pieces"]
        assert sum(len(said) for kind, said in pieces if kind != "gap") <= SHOWN_MOST + 40
        assert pieces[-1][0] == "gap"
        assert "ne sont pas reproduits ici" in pieces[-1][1]
